"""From a report to what the desk's page says: plain values in one language, ready for the template.

The template decides nothing: what is a reason, which character is marked and how a date is said in words stands here.
No likelihood ratio, no score and no model name reaches the first screen; the details list has the measurements.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from urllib.parse import quote

from api.viewer.words import age, plural_text, remaining_validity, state_in_words
from dafec.capture import LIGHTS, Light
from dafec.messages import Language, text
from dafec.report import CheckInfo, MrzInfo, Report, TextInfo
from dafec.verdict import Level

__all__ = [
    "LEVEL_PLACES",
    "CheckRow",
    "DeskView",
    "DigitFault",
    "Fact",
    "Mark",
    "MrzPiece",
    "PictureView",
    "Reason",
    "present",
]

#: The places of the four verdicts on the screen, in reading order. They never move.
LEVEL_PLACES: tuple[Level, ...] = ("no_anomaly", "look", "refer", "not_checked")
_MOST_REASONS = 3
_FIRST_SENTENCE = re.compile(r"(.+?[.!?\u061f])(?:\s|$)", re.DOTALL)
_FIGURES = re.compile(r"\s*\([^()]*\d[^()]*\)")


@dataclass(frozen=True, slots=True)
class Mark:
    """A frame round a region and a disc with its number, in millimetres on the document."""

    box: tuple[float, float, float, float]  # x, y, width, height
    disc: tuple[float, float, float]  # x, y of the centre, radius


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason for the verdict in plain words."""

    number: int  # 1-based; stands beside the text and in the picture
    text: str
    crop_url: str | None  # picture of the place, where there is one
    mark: Mark | None  # its place in the picture of the document


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


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One check in the details."""

    id: str
    result: str  # the outcome's code, for its symbol
    result_word: str
    text: str
    measured: str  # value and unit; empty where nothing was measured
    expected: str


@dataclass(frozen=True, slots=True)
class DeskView:
    """Everything the page says about one screening."""

    id: str
    level: Level
    sentence: str
    advice: str
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
    document, verdict = report.document, report.verdict
    has_place = bool(document.outline_px and document.width_mm and document.height_mm)
    return DeskView(
        id=report.id,
        level=verdict.level,
        sentence=_in(verdict.text, language),
        advice=text(f"verdict.advice.{verdict.level}", language),
        coverage=_coverage(verdict.made, verdict.not_possible, language),
        notes=tuple(text(f"verdict.notes.{note}", language) for note in verdict.notes),
        reasons=tuple(_reasons(report, base, language, has_place=has_place)),
        mrz_unsure=bool(report.mrz.alternatives),
        mrz_lines=tuple(tuple(_pieces(report.mrz, number)) for number in range(len(report.mrz.lines))),
        digit_faults=tuple(_digit_faults(report.mrz, language)),
        facts=tuple(_facts(report, language)),
        pictures=tuple(_pictures(report, base, language)),
        quality=tuple(
            _in(issue.text, language)
            for issue in report.capture.quality
            if issue.kind != "missing_band" or f"no_{issue.light}" not in verdict.notes  # said there already
        ),
        checks=tuple(_check_row(check, language) for check in report.checks),
        size_mm=(document.width_mm, document.height_mm)
        if has_place and document.width_mm and document.height_mm
        else None,
    )


def _in(texts: TextInfo, language: Language) -> str:
    return texts.ar if language == "ar" else texts.en


def _coverage(made: int, not_possible: int, language: Language) -> str:
    return plural_text("api.page.coverage", made, language, made=made, not_possible=not_possible)


def _reasons(report: Report, base: str, language: Language, *, has_place: bool) -> Iterator[Reason]:
    by_id = {check.id: check for check in report.checks}
    named = [by_id[check_id] for check_id in report.verdict.reasons if check_id in by_id]
    for number, check in enumerate(named[:_MOST_REASONS], start=1):
        width_mm = report.document.width_mm
        mark = _mark(check.region_mm, width_mm) if has_place and check.region_mm and width_mm else None
        yield Reason(
            number=number,
            text=_plain(_in(check.text, language)),
            crop_url=f"{base}/checks/{quote(check.id)}/image" if mark else None,
            mark=mark,
        )


def _mark(region_mm: tuple[float, float, float, float], width_mm: float) -> Mark:
    """Sized for the document's width, so that a card's marks look as large on the screen as a passport's."""
    x, y, width, height = region_mm
    unit = width_mm / 125.0
    radius = 3.4 * unit
    box = (x - unit, y - unit, width + 2 * unit, height + 2 * unit)
    return Mark(box, (max(box[0], radius + unit), max(box[1], radius + unit), radius))


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


def _pictures(report: Report, base: str, language: Language) -> Iterator[PictureView]:
    page = report.document.page
    captured = {frame.light for frame in report.capture.pages[page].frames}
    for light in LIGHTS:
        url = f"{base}/images/{page}/{light}" if light in captured else None
        yield PictureView(light, text(f"api.light.{light}", language), url)


def _check_row(check: CheckInfo, language: Language) -> CheckRow:
    unit = f" {check.unit}" if check.unit else ""
    measured = f"{check.value:g}{unit}" if check.value is not None else ""
    expected = ""
    if check.expected is not None:
        low, high = check.expected
        parts = [f"\u2265 {low:g}" if low is not None else "", f"\u2264 {high:g}" if high is not None else ""]
        expected = "  ".join(part for part in parts if part)
    return CheckRow(
        id=check.id,
        result=check.result,
        result_word=text(f"api.result.{check.result}", language),
        text=_in(check.text, language),
        measured=measured,
        expected=expected,
    )
