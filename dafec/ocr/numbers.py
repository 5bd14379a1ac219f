"""Document numbers and check digits of a zone.

A number of more than nine characters (TD1, TD2) leaves ``<`` in the place of its digit and continues in the optional
field, followed by the digit and a filler (Doc 9303-5 note j). That ``<`` is not part of the number, so it is left out
of the number's digit, and it is part of the line, so it counts in the composite. Some issuers count it in both; this is
accepted with a note. Visas truncate instead, and have no composite.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from dafec.ocr.check_digits import expected_digit, lookalike_alias
from dafec.ocr.layouts import Printed
from dafec.ocr.parsed import CheckDigit, Place, Remark, Span

__all__ = ["NumberReading", "check_digits_of", "digit_fault", "read_number"]

_SOURCE = "Doc 9303-3 4.9"


@dataclass(frozen=True, slots=True)
class NumberReading:
    """The document number, what is left of the optional field, and the number's digit."""

    number: str | None
    optional_data: str | None  # without the number's continuation and without trailing fillers
    digit: CheckDigit | None
    spans: tuple[Span, ...]  # where the number stands
    remarks: tuple[Remark, ...]


def _places(span: Span) -> tuple[Place, ...]:
    return tuple((span[0], at) for at in range(span[1], span[2]))


def _digit(printed: Printed, field: str, place: Place, covers: tuple[Place, ...]) -> CheckDigit | None:
    mark = printed.char(place)
    chars = printed.chars(covers)
    if mark is None or chars is None:
        return None
    expected = expected_digit(chars) or ""
    return CheckDigit(field, mark, expected, mark == expected, place[0], place[1], covers)


def digit_fault(printed: Printed, digit: CheckDigit) -> Remark:
    """The fault of a digit that does not match."""
    span = (digit.line, digit.position, digit.position + 1)
    detail = f"{digit.printed}/{digit.expected}"
    return printed.remark("check_digit", digit.field, "fault", span=span, detail=detail, source=_SOURCE)


def _number_remarks(printed: Printed, number: str) -> list[Remark]:
    if not number:
        return [printed.remark("document_number_empty", "document_number", "fault")]
    if number.startswith("<"):
        return [printed.remark("document_number_leading_filler", "document_number", "fault")]
    alias = lookalike_alias(number)
    if alias is not None:
        detail = "/".join(alias)
        return [printed.remark("alias_lookalike", "document_number", "note", detail=detail, source=_SOURCE)]
    return []


def _read_long(printed: Printed, principal: Span, overflow: Span, tail: str) -> NumberReading:
    """A number that continues in the optional field; ``tail`` is that field as printed."""
    line, start, end = overflow
    length = len(tail.partition("<")[0])
    rest: Span = (line, start, start + length - 1)
    place = (line, start + length - 1)
    covers = (*_places(principal), *_places(rest))
    digit = _digit(printed, "document_number", place, covers)
    number = "".join(printed.chars(covers) or [])
    remarks: list[Remark] = []
    if length == end - start:
        level = printed.layout.unterminated
        remarks.append(printed.remark("document_number_unterminated", "document_number", level, span=overflow))
    if digit is not None and not digit.ok:
        gap = (principal[0], principal[2])
        counted = _digit(printed, "document_number", place, (*_places(principal), gap, *_places(rest)))
        if counted is not None and counted.ok:
            digit = replace(digit, ok=True, covers=counted.covers)
            span = (place[0], place[1], place[1] + 1)
            remarks.append(printed.remark("number_digit_counts_filler", "document_number", "note", span=span))
    remarks += _number_remarks(printed, number)
    left = tail[length:].strip("<")
    return NumberReading(number, left, digit, (principal, rest), tuple(remarks))


def read_number(printed: Printed) -> NumberReading:
    """Reads the document number, long or not, and its digit."""
    layout = printed.layout
    span = layout.fields["document_number"]
    raw = printed.text(span)
    optional = printed.raw("optional_data")
    plain = None if optional is None else optional.rstrip("<")
    if raw is None:
        return NumberReading(None, plain, None, (), ())
    place = layout.check["document_number"]
    if layout.overflow is not None and printed.char(place) == "<" and raw[-1] != "<":
        tail = printed.text(layout.overflow) or ""
        if len(tail.partition("<")[0]) >= 2:
            return _read_long(printed, span, layout.overflow, tail)
    digit = _digit(printed, "document_number", place, _places(span))
    number = raw.rstrip("<")
    return NumberReading(number, plain, digit, (span,), tuple(_number_remarks(printed, number)))


def check_digits_of(printed: Printed, number: CheckDigit | None) -> list[CheckDigit]:
    """Every check digit of the zone, the number's first.

    An unused optional field of a passport may have ``0`` or ``<`` for its digit (Doc 9303-4 section 4.2.2); a used one
    must have the digit.
    """
    found = [number] if number is not None else []
    for field, place in printed.layout.check.items():
        if field == "document_number":
            continue
        covers = printed.layout.composite if field == "composite" else _places(printed.layout.fields[field])
        digit = _digit(printed, field, place, covers)
        if digit is None:
            continue
        if field == "optional_data" and digit.printed == "<" and not (printed.raw(field) or "").strip("<"):
            digit = replace(digit, ok=True)
        found.append(digit)
    return found
