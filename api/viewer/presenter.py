"""From a report to what the desk's page says: plain values in one language, ready for the template.

The template decides nothing: what is a reason, which character is marked and how a date is said in words stands here.
No likelihood ratio, no score and no model name reaches the first screen; the details list has the measurements.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from urllib.parse import quote

from api.pictures import light_of_check
from api.viewer.marks import Mark, place_marks
from api.viewer.words import age, plural_form, plural_text, remaining_validity, state_in_words
from dafec.capture import LIGHTS, Light
from dafec.messages import LANGUAGES, Language, catalogue, text
from dafec.report import CheckInfo, MrzInfo, Report, TextInfo
from dafec.verdict import Level

__all__ = [
    "LEVEL_PLACES",
    "CheckRow",
    "DeskView",
    "DigitFault",
    "Fact",
    "MrzPiece",
    "PictureView",
    "Reason",
    "measured_in_words",
    "present",
]

#: The places of the four verdicts on the screen, in reading order. They never move.
LEVEL_PLACES: tuple[Level, ...] = ("no_anomaly", "look", "refer", "not_checked")
_MOST_REASONS = 3
_FIRST_SENTENCE = re.compile(r"(.+?[.!?\u061f])(?:\s|$)", re.DOTALL)
_WHOLE_PAGE = 0.6  # share of the page from which on a region says "the page" and not "this place"
#: Notes that say why too little could be checked, the most telling first.
_CAUSES = ("readings_differ", "no_page", "no_mrz", "mrz_uncertain", "no_ir", "no_uv", "unknown_series")
_SHARES = ("probability", "PCS", "of full scale")  # units of values that lie between 0 and 1
_FIGURES = re.compile(r"\s*\([^()]*\d[^()]*\)")


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason for the verdict in plain words."""

    number: int  # 1-based; stands beside the text and in the picture
    text: str
    light: Light  # in which it is to be seen
    crop_url: str | None  # picture of the place, where there is one
    marks: tuple[Mark, ...]  # its places in the picture of the document
    reference_url: str | None = None  # the same place of the series' reference, where the series is known


@dataclass(frozen=True, slots=True)
class MrzPiece:
    """Neighbouring characters of an MRZ line that are shown alike."""

    text: str
    kind: str  # "plain", "fault" (a check digit that does not match) or "unsure" (another reading is possible)


@dataclass(frozen=True, slots=True)
class DigitFault:
    """A check digit that does not match, in words."""

    text: str
    printed: str
    expected: str


@dataclass(frozen=True, slots=True)
class Fact:
    """A label and what stands beside it."""

    label: str
    value: str
    alert: bool = False  # set apart by a symbol and a border, not by colour alone


@dataclass(frozen=True, slots=True)
class PictureView:
    """One light of the capture; ``url`` is None where it was not captured."""

    light: Light
    label: str
    url: str | None
    first: bool  # shown at first


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One check in the details."""

    id: str
    result: str  # the outcome's code, for its symbol
    result_word: str
    text: str
    measured: str  # value; empty where nothing was measured
    unit: str  # in words of the page's language; may be empty
    expected: str


@dataclass(frozen=True, slots=True)
class DeskView:
    """Everything the page says about one screening."""

    id: str
    level: Level
    cause: str  # why there is no better verdict, where no reason says it; else empty
    advice: str  # what to do now
    hands: str  # what to do with hands and eyes about the heaviest reason; empty where there is none
    coverage: str
    notes: tuple[str, ...]
    reasons: tuple[Reason, ...]
    mrz_unsure: bool  # some characters are marked as not certain
    mrz_lines: tuple[tuple[MrzPiece, ...], ...]
    digit_faults: tuple[DigitFault, ...]
    facts: tuple[Fact, ...]
    pictures: tuple[PictureView, ...]
    quality: tuple[str, ...]
    checks: tuple[CheckRow, ...]
    picture_height_mm: float  # of the picture with the discs that stand below the document
    size_mm: tuple[float, float] | None  # of the picture where it shows the document cut out, for the marks on it


def present(report: Report, language: Language) -> DeskView:
    """The page's values for a report.

    Args:
        report: a stored report.
        language: of the page.

    Returns:
        Texts in that language; addresses of pictures on this service.
    """
    base = f"/api/v1/screenings/{quote(report.id)}"
    reasons = tuple(_reasons(report, base, language))
    causes = _causes(report)
    verdict = report.verdict
    return DeskView(
        id=report.id,
        level=verdict.level,
        cause=_cause(causes, language) if causes is not None else "",
        advice=text(f"verdict.advice.{_advice(verdict.level, reasons)}", language),
        hands=_hands(report, language),
        coverage=_coverage(verdict.made, verdict.not_possible, language),
        notes=tuple(text(f"verdict.notes.{note}", language) for note in verdict.notes if note not in (causes or ())),
        reasons=reasons,
        mrz_unsure=bool(report.mrz.alternatives),
        mrz_lines=tuple(tuple(_pieces(report.mrz, number)) for number in range(len(report.mrz.lines))),
        digit_faults=tuple(_digit_faults(report.mrz, language)),
        facts=tuple(_facts(report, language)),
        pictures=tuple(_pictures(report, base, language, reasons[0].light if reasons else None)),
        quality=tuple(
            _in(issue.text, language)
            for issue in report.capture.quality
            if issue.kind != "missing_band" or f"no_{issue.light}" not in verdict.notes  # said there or above already
        ),
        checks=tuple(_check_row(check, language) for check in report.checks),
        picture_height_mm=_picture_height(_size(report), reasons),
        size_mm=_size(report),
    )


def _in(texts: TextInfo, language: Language) -> str:
    return texts.ar if language == "ar" else texts.en


def _coverage(made: int, not_possible: int, language: Language) -> str:
    return plural_text("api.page.coverage", made, language, made=made, not_possible=not_possible)


def _size(report: Report) -> tuple[float, float] | None:
    """Width and height of the document in millimetres, where its place in the frames is known too."""
    document = report.document
    if not (document.outline_px and document.width_mm and document.height_mm):
        return None
    return document.width_mm, document.height_mm


def _picture_height(size: tuple[float, float] | None, reasons: Sequence[Reason]) -> float:
    discs = (mark.disc for reason in reasons for mark in reason.marks)
    return max([size[1] if size else 0.0, *(y + 1.1 * radius for _, y, radius in discs)])


def _causes(report: Report) -> tuple[str, ...] | None:
    """The notes that say why too little could be checked; None where the verdict has reasons or needs none."""
    verdict = report.verdict
    if verdict.level != "look" or verdict.reasons:
        return None
    return (*(note for note in _CAUSES if note in verdict.notes), "low_coverage")


def _cause(causes: tuple[str, ...], language: Language) -> str:
    named = [text(f"api.cause.{cause}", language) for cause in causes if cause != "low_coverage"]
    if not named:
        return text("verdict.notes.low_coverage", language)
    listed = f"{text('api.page.comma', language)} ".join(named[:_MOST_REASONS])
    return text("api.page.too_little", language, {"causes": listed})


def _advice(level: Level, reasons: Sequence[Reason]) -> str:
    """Which advice goes with the verdict: nobody is told to compare marked places where none is marked."""
    if level != "look" or any(reason.marks for reason in reasons):
        return level
    return "look_unmarked" if reasons else "look_unchecked"


#: What hands and eyes can do about a finding, by the beginning of its check's id; the first that fits.
_HANDS = (
    ("GEN-photo", "photo"),
    ("GEN-ghost", "photo"),
    ("UV-BR-PH", "photo"),
    ("IR-AB-MR", "characters"),
    ("MRZ-lights", "characters"),
    ("GEN-type", "characters"),
    ("GEN-retouch", "characters"),
    ("GEN-bands", "characters"),
    ("GEN-trace-edit", "characters"),
    ("MRZ-", "compare"),
    ("VIZ-", "compare"),
    ("SER-number", "compare"),
    ("UV-", "ultraviolet"),
    ("GEN-", "print"),
    ("IR-", "print"),
    ("VI-", "tilt"),
    ("SER-", "tilt"),
)


def _hands(report: Report, language: Language) -> str:
    verdict = report.verdict
    if verdict.level not in ("look", "refer") or not verdict.reasons:
        return ""
    act = next((act for beginning, act in _HANDS if verdict.reasons[0].startswith(beginning)), None)
    return text(f"api.hands.{act}", language) if act is not None else ""


def _reasons(report: Report, base: str, language: Language) -> Iterator[Reason]:
    by_id: dict[str, CheckInfo] = {}
    for check in sorted(report.checks, key=lambda check: (check.result != "failed", check.side)):
        by_id.setdefault(check.id, check)  # of a check made on several sides the finding, else the document's own
    named = [_on_own_side(by_id[check_id]) for check_id in report.verdict.reasons if check_id in by_id]
    findings = _findings(named)[:_MOST_REASONS]
    available = tuple(frame.light for frame in report.capture.pages[report.document.page].frames)
    size = _size(report)
    placed = [_placed(finding, size) for finding in findings]
    boxes = [[check.region_mm for check in checks if check.region_mm] for checks in placed]
    zone = [check.region_mm for check in report.checks if check.region_mm and check.id.endswith("-MR")]
    marks = place_marks(boxes, size, zone) if size else [()] * len(boxes)
    for number, (checks, shown, mark) in enumerate(zip(findings, placed, marks, strict=True), start=1):
        crop_url = f"{base}/checks/{quote(min(shown, key=_area).id)}/image" if mark else None
        known = crop_url is not None and report.document.series is not None
        yield Reason(
            number=number,
            text=_said(checks, language),
            light=light_of_check(checks[0].id, available),
            crop_url=crop_url,
            marks=mark,
            reference_url=f"{crop_url.removesuffix('image')}reference" if known and crop_url else None,
        )


def _on_own_side(check: CheckInfo) -> CheckInfo:
    """The check, without a place where it is about another side than the one that is shown, and saying which."""
    if check.side == 0:
        return check
    said = {
        language: text("page.on_side", language, {"number": check.side + 1, "finding": _in(check.text, language)})
        for language in LANGUAGES
    }
    return check.model_copy(update={"region_mm": None, "text": TextInfo(**said)})


def _family(check: CheckInfo) -> str:
    """Name of what a check found, equal for checks that find one thing at several places; empty where there is none."""
    name = f"{check.id.rpartition('-')[0]}-{check.message.rpartition('.')[2]}"
    return name if f"api.finding.{name}" in catalogue("en") else ""


def _findings(checks: Iterable[CheckInfo]) -> list[list[CheckInfo]]:
    """Checks by finding, in the order of the heaviest of each: one sheet of bright paper is one reason, not three."""
    findings: list[list[CheckInfo]] = []
    for check in checks:
        family = _family(check)
        same = next((known for known in findings if family and _family(known[0]) == family), None)
        if same is None:
            findings.append([check])
        else:
            same.append(check)
    return findings


def _said(checks: Sequence[CheckInfo], language: Language) -> str:
    if len(checks) == 1:
        return _plain(_in(checks[0].text, language))
    places = [text(f"api.place.{check.id.rpartition('-')[2]}", language) for check in checks]
    listed = f"{text('api.page.comma', language)} ".join(places)
    return text(f"api.finding.{_family(checks[0])}", language, {"places": listed})


def _area(check: CheckInfo) -> float:
    return check.region_mm[2] * check.region_mm[3] if check.region_mm else 0.0


def _placed(checks: Sequence[CheckInfo], size: tuple[float, float] | None) -> list[CheckInfo]:
    """The checks whose places are marked: not the whole page where the finding has a place within it as well."""
    if size is None:
        return []
    placed = [check for check in checks if check.region_mm]
    return [check for check in placed if _area(check) < _WHOLE_PAGE * size[0] * size[1]] or placed


def _plain(said: str) -> str:
    """What a check found, without its figures and further explanations: those stand in the details.

    The first sentence of a check's text says what was found; figures that belong to it stand in brackets.
    """
    first = _FIRST_SENTENCE.match(said)
    return _FIGURES.sub("", first.group(1) if first else said)


def _pieces(mrz: MrzInfo, number: int) -> Iterator[MrzPiece]:
    line = mrz.lines[number]
    kinds = dict.fromkeys((a.position for a in mrz.alternatives if a.line == number), "unsure")
    kinds |= dict.fromkeys((d.position for d in mrz.check_digits if d.line == number and not d.ok), "fault")
    start = 0
    for position in range(1, len(line) + 1):
        if position == len(line) or kinds.get(position) != kinds.get(start) or kinds.get(start) == "fault":
            yield MrzPiece(line[start:position], kinds.get(start, "plain"))
            start = position


def _digit_faults(mrz: MrzInfo, language: Language) -> Iterator[DigitFault]:
    for digit in mrz.check_digits:
        if not digit.ok:
            values = {"line": digit.line + 1, "field": _field_name(digit.field, language)}
            yield DigitFault(text("api.page.digit_fault", language, values), digit.printed, digit.expected)


def _field_name(field: str, language: Language) -> str:
    return text(f"api.field.{field}", language)


def _facts(report: Report, language: Language) -> Iterator[Fact]:
    fields = report.mrz.fields
    today = date.fromisoformat(report.date)
    unknown = text("api.page.unknown", language)
    birth, expiry = fields.get("birth_date"), fields.get("expiry_date")
    years = age(birth, today)
    yield Fact(
        text("api.page.age", language),
        unknown if years is None else plural_text("api.unit.year", years, language, n=years),
    )
    validity = remaining_validity(expiry, today, language)
    yield Fact(
        text("api.page.validity", language),
        unknown if validity is None else validity.text,
        alert=validity is not None and validity.over,
    )
    issuer = report.document.issuer
    nationality = fields.get("nationality")
    yield Fact(text("api.page.issuer", language), state_in_words(issuer, language) if issuer else unknown)
    yield Fact(
        text("api.page.nationality", language),
        state_in_words(nationality, language) if nationality else unknown,
        alert=bool(issuer and nationality and issuer.strip("<") != nationality.strip("<")),
    )


def _pictures(report: Report, base: str, language: Language, wanted: Light | None) -> Iterator[PictureView]:
    page = report.document.page
    captured = [frame.light for frame in report.capture.pages[page].frames]
    first = wanted or next(light for light in LIGHTS if light in captured)
    for light in LIGHTS:
        url = f"{base}/images/{page}/{light}" if light in captured else None
        yield PictureView(light, text(f"api.light.{light}", language), url, first=light == first)


def measured_in_words(check: CheckInfo, language: Language) -> tuple[str, str, str]:
    """What a check measured, its unit and the expected range; each empty where there is none.

    Args:
        check: of a report.
        language: of the unit.
    """
    if check.value is None:
        return "", "", _range(*check.expected, check.unit) if check.expected is not None else ""
    unit = _unit(check.unit, check.value, language)
    return f"{check.value:g}", unit, _range(*check.expected, check.unit) if check.expected is not None else ""


def _check_row(check: CheckInfo, language: Language) -> CheckRow:
    measured, unit, expected = measured_in_words(check, language)
    return CheckRow(
        id=check.id,
        result=check.result,
        result_word=text(f"api.result.{check.result}", language),
        text=_in(check.text, language),
        measured=measured,
        unit=unit,
        expected=expected,
    )


def _unit(unit: str | None, value: float, language: Language) -> str:
    """A unit in words, in the form that goes with the value; as it stands where the catalogue has none for it."""
    key = f"api.unit_name.{(unit or '').replace(' ', '_')}"
    counted = f"{key}.{plural_form(abs(round(value)), language)}"
    return next((text(name, language) for name in (key, counted) if name in catalogue(language)), unit or "")


def _range(low: float | None, high: float | None, unit: str | None) -> str:
    """A range as it is read: one number where both ends meet, and no end that every value of the unit keeps."""
    if unit in _SHARES and high == 1.0:
        high = None
        low = low or None
    if low is not None and low == high:
        return f"{low:g}"
    lower = f"\u2265 {low:g}" if low is not None and not (low == 0 and high is not None) else ""
    upper = f"\u2264 {high:g}" if high is not None else ""
    return f"{lower}  {upper}".strip()
