"""Parsing of MRZ text by Doc 9303 parts 3 to 7.

Takes lines of text and the day of the screening; gives an ``MrzParse``: format, fields, check digits printed beside
expected, notes and faults. It never raises on any text, never changes a character, and never repairs by check digits.
A day of expiry in the past is no fault of the text; the check ``MRZ-expiry`` speaks about it.

Outcome: ``invalid`` with any fault, ``valid_note`` with any note, else ``valid``. Information (a specimen, a crew
certificate, a nationality that differs from the issuer's) is said among the notes and leaves the outcome alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from dafec.messages import Language, text
from dafec.ocr.arabic import classify, mrz_to_arabic
from dafec.ocr.characters import check_characters
from dafec.ocr.dates import DateReading, read_birth_date, read_expiry_date
from dafec.ocr.document_codes import check_document_code
from dafec.ocr.errata import find_erratum, soften
from dafec.ocr.known_specimens import check_specimen
from dafec.ocr.layouts import Printed, identify_format
from dafec.ocr.names import Names, check_names, split_names
from dafec.ocr.numbers import check_digits_of, digit_fault, read_number
from dafec.ocr.parsed import CheckDigit, MrzParse, ParseOutcome, Place, Remark, RemarkLevel, Span
from dafec.ocr.states import check_state, find_state, state_name, uses_arabic_script

__all__ = [
    "CheckDigit",
    "MrzParse",
    "ParseOutcome",
    "Place",
    "Remark",
    "RemarkLevel",
    "Span",
    "normalise_text",
    "parse_mrz",
    "parse_text",
    "parse_to_dict",
    "remark_message",
]

#: What typing, copying and word processors leave in a zone that is handed in as text.
_GUILLEMETS = {"«": "<<", "‹": "<", "≪": "<<", "《": "<<", "〈": "<", "＜": "<"}
_INVISIBLE = dict.fromkeys(
    map(ord, "\ufeff\u200b\u200c\u200d\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
)

#: Second letters of passports for people who are not the issuer's citizens: refugee, alien, stateless, laissez-passer.
_FOR_FOREIGNERS = frozenset("RTSL")


def _normalise(given: str) -> tuple[tuple[str, ...], list[Remark]]:
    notes = []
    visible = given.translate(_INVISIBLE)
    if visible != given:
        notes.append(Remark("invisible_removed", "zone"))
    plain = visible
    for mark, fillers in _GUILLEMETS.items():
        plain = plain.replace(mark, fillers)
    if plain != visible:
        notes.append(Remark("guillemets_replaced", "zone"))
    return tuple(line for line in (raw.strip() for raw in plain.splitlines()) if line), notes


def normalise_text(given: str) -> tuple[str, ...]:
    """The lines of a zone handed in as text.

    White space round the lines, blank lines and invisible marks go; guillemets become fillers. Letters keep their case,
    and white space inside a line stays: both are faults of the text.
    """
    return _normalise(given)[0]


def _sex(printed: Printed) -> tuple[str | None, list[Remark]]:
    raw = printed.raw("sex")
    if raw is None:
        return None, []
    if raw in ("M", "F"):
        return raw, []
    if raw == "<":
        return "X", []
    if raw == "X":
        return "X", [printed.remark("sex_x", "sex", "note")]
    return None, [printed.remark("sex_invalid", "sex", "fault", detail=raw)]


def _dates(printed: Printed) -> tuple[DateReading, DateReading, list[Remark]]:
    nothing = DateReading(None, None)
    birth_raw, expiry_raw = printed.raw("birth_date"), printed.raw("expiry_date")
    remarks: list[Remark] = []
    expiry = nothing
    if expiry_raw is not None:
        permanent = find_erratum(printed, "expiry_permanent", "expiry_date")
        if permanent is None:
            expiry = read_expiry_date(expiry_raw, printed.today)
        else:
            remarks.append(
                printed.remark("expiry_permanent", "expiry_date", "note", detail=permanent.id, source=permanent.source)
            )
    birth = nothing if birth_raw is None else read_birth_date(birth_raw, printed.today, expiry.day)
    for field, reading in (("birth_date", birth), ("expiry_date", expiry)):
        if reading.fault is not None:
            remarks.append(printed.remark(reading.fault, field, "fault", source="Doc 9303-3 4.8"))
        if reading.note is not None:
            remarks.append(printed.remark(reading.note, field, "note", source="Doc 9303-3 4.8"))
    return birth, expiry, remarks


def _states(printed: Printed, expiry: date | None) -> list[Remark]:
    remarks = check_state(printed, "issuer", expiry)
    if "nationality" not in printed.layout.fields:
        return remarks
    remarks += check_state(printed, "nationality", expiry)
    issuer, nationality = find_state(printed.raw("issuer") or ""), find_state(printed.raw("nationality") or "")
    # Only an ordinary passport says that its issuer counts the holder as its own: visas and residence cards do not.
    ordinary = printed.layout.format == "TD3" and (printed.raw("document_code") or "")[1:] not in _FOR_FOREIGNERS
    states = issuer is not None and nationality is not None and {issuer.kind, nationality.kind} == {"state"}
    if ordinary and states and issuer != nationality:
        remarks.append(printed.remark("nationality_differs", "nationality", "information", source="Doc 9303-3 5"))
    return remarks


def _stripped(raw: str | None) -> str | None:
    return None if raw is None else raw.rstrip("<")


def _arabic_fields(printed: Printed, names: Names) -> dict[str, str | None]:
    states = {_stripped(printed.raw("issuer")), _stripped(printed.raw("nationality"))}
    spoken = " ".join(part for part in (names.secondary, names.primary) if part)
    script = classify(spoken, arabic_issuer=any(uses_arabic_script(code) for code in states))
    arabic = mrz_to_arabic(spoken) if script == "icao_transliterated" else None
    return {"name_script": script, "name_arabic": arabic}


def _french_fields(printed: Printed, number: str | None) -> dict[str, str | None]:
    """Month of issue and nationality, which the French card holds only by its layout."""
    digits = number is not None and number[:4].isascii() and number[:4].isdigit()
    issued = None
    if number is not None and digits and 1 <= int(number[2:4]) <= 12:
        short = int(number[:2])
        issued = f"{2000 + short if short <= printed.today.year % 100 else 1900 + short}-{number[2:4]}"
    return {"issue_month": issued, "nationality": "FRA", "nationality_name": state_name("FRA")}


def _verdict(remarks: Sequence[Remark]) -> ParseOutcome:
    levels = {remark.level for remark in remarks}
    if "fault" in levels:
        return "invalid"
    return "valid_note" if "note" in levels else "valid"


def _finish(lines: tuple[str, ...], printed: Printed | None, remarks: Sequence[Remark], **parts: Any) -> MrzParse:
    return MrzParse(
        outcome=_verdict(remarks),
        format=None if printed is None else printed.layout.format,
        lines=lines,
        fields=parts.get("fields", {}),
        check_digits=parts.get("check_digits", ()),
        notes=tuple(remark for remark in remarks if remark.level != "fault"),
        faults=tuple(remark for remark in remarks if remark.level == "fault"),
        spans=parts.get("spans", {}),
    )


def _shifted(parse: MrzParse, above: int) -> MrzParse:
    """The parse with its places counted on the lines given, where lines above them are missing."""

    def remark(one: Remark) -> Remark:
        return one if one.line is None else replace(one, line=one.line - above)

    return replace(
        parse,
        notes=tuple(map(remark, parse.notes)),
        faults=tuple(map(remark, parse.faults)),
        check_digits=tuple(
            replace(digit, line=digit.line - above, covers=tuple((line - above, at) for line, at in digit.covers))
            for digit in parse.check_digits
        ),
        spans={
            field: tuple((line - above, start, end) for line, start, end in spans)
            for field, spans in parse.spans.items()
        },
    )


def _digits(printed: Printed, number: CheckDigit | None) -> tuple[tuple[CheckDigit, ...], list[Remark]]:
    digits, remarks = [], []
    for digit in check_digits_of(printed, number):
        if digit.ok:
            digits.append(digit)
            continue
        remark = soften(printed, digit_fault(printed, digit))
        remarks.append(remark)
        digits.append(replace(digit, ok=remark.level != "fault"))
    return tuple(digits), remarks


def parse_mrz(lines: Sequence[str], *, today: date) -> MrzParse:
    """Takes the lines of one machine-readable zone apart.

    Args:
        lines: the printed lines, top to bottom, exactly as read; any text at all.
        today: the day of the screening: two-digit years and the rules' dates depend on it.

    Returns:
        The parse. Its fields are text without trailing fillers; dates are ISO 8601 with ``XX`` for unknown parts, sex
        is M, F or X, and a field of a line that cannot be used is None.
    """
    given = tuple(lines)
    printed, outline_faults = identify_format(given, today)
    if printed is None:
        return _finish(given, None, outline_faults)
    names = split_names(printed)
    number = read_number(printed)
    birth, expiry, date_remarks = _dates(printed)
    sex, sex_remarks = _sex(printed)
    digits, digit_remarks = _digits(printed, number.digit)
    found = [
        *check_characters(printed),
        *check_document_code(printed, expiry.day),
        *_states(printed, expiry.day),
        *number.remarks,
        *date_remarks,
        *sex_remarks,
        *check_names(printed),
        *check_specimen(printed, names.printed),
    ]
    remarks = [*outline_faults, *(soften(printed, remark) for remark in found), *digit_remarks]
    fields: dict[str, str | None] = {
        "document_code": _stripped(printed.raw("document_code")),
        "issuer": _stripped(printed.raw("issuer")),
        "issuer_name": state_name(printed.raw("issuer") or ""),
        "document_number": number.number,
        "primary_identifier": names.primary,
        "secondary_identifier": names.secondary,
        "names": names.printed,
        "nationality": _stripped(printed.raw("nationality")),
        "nationality_name": state_name(printed.raw("nationality") or ""),
        "birth_date": birth.iso,
        "sex": sex,
        "expiry_date": expiry.iso,
        "optional_data": number.optional_data,
        "optional_data_2": _stripped(printed.raw("optional_data_2")),
        **_arabic_fields(printed, names),
    }
    if printed.layout.format == "FRA-ID":
        fields |= _french_fields(printed, number.number)
    spans: dict[str, tuple[Span, ...]] = {
        field: (span,) for field, span in printed.layout.fields.items() if printed.text(span) is not None
    }
    spans["document_number"] = number.spans
    parse = _finish(given, printed, remarks, fields=fields, check_digits=digits, spans=spans)
    return _shifted(parse, printed.missing_above) if printed.missing_above else parse


def parse_text(given: str, *, today: date) -> MrzParse:
    """Parses a zone handed in as text, with notes on what had to be tidied first.

    Args:
        given: two or three lines, with or without white space round them.
        today: the day of the screening.
    """
    lines, notes = _normalise(given)
    parse = parse_mrz(lines, today=today)
    if not notes:
        return parse
    outcome: ParseOutcome = "valid_note" if parse.outcome == "valid" else parse.outcome
    return replace(parse, outcome=outcome, notes=(*notes, *parse.notes))


def remark_message(remark: Remark, language: Language = "en") -> str:
    """What a remark says, in one sentence of the caller's language."""
    field = text(f"mrz.fields.{remark.field}", language)
    return text(f"mrz.remarks.{remark.code}", language, {"field": field, "detail": remark.detail or ""})


def _remark_dict(remark: Remark, language: Language) -> dict[str, Any]:
    return {
        "code": remark.code,
        "field": remark.field,
        "level": remark.level,
        "message": remark_message(remark, language),
        "line": remark.line,
        "start": remark.start,
        "end": remark.end,
        "source": remark.source,
        "detail": remark.detail,
    }


def parse_to_dict(parse: MrzParse, language: Language = "en") -> dict[str, Any]:
    """The parse as plain JSON values, as ``dafec mrz --text`` prints it.

    Args:
        parse: a zone taken apart.
        language: of the messages.

    Returns:
        ``outcome``, ``format``, ``fields``, ``check_digits`` (field, printed, expected, ok, line, position), ``notes``
        and ``faults`` (code, field, level, message, line, start, end, source, detail).
    """
    return {
        "outcome": parse.outcome,
        "format": parse.format,
        "fields": dict(parse.fields),
        "check_digits": [
            {
                "field": digit.field,
                "printed": digit.printed,
                "expected": digit.expected,
                "ok": digit.ok,
                "line": digit.line,
                "position": digit.position,
            }
            for digit in parse.check_digits
        ],
        "notes": [_remark_dict(remark, language) for remark in parse.notes],
        "faults": [_remark_dict(remark, language) for remark in parse.faults],
    }
