"""Names in the zone: Doc 9303-3 section 4.6 and the name fields of parts 4 to 7.

Letters and fillers only. ``<<`` separates the primary from the secondary identifier, ``<`` the components; a field that
ends in a letter may be truncated, even where it is not. The French card before 2021 has two fields instead, and
separates given names by ``<<``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from dafec.ocr.layouts import Printed
from dafec.ocr.parsed import Remark, Span

__all__ = ["Names", "check_names", "split_names"]

_GROUP = re.compile(r"<{2,}")
_SOURCE = "Doc 9303-3 4.6"


@dataclass(frozen=True, slots=True)
class Names:
    """The holder's name as the zone gives it."""

    primary: str | None  # components with spaces between them
    secondary: str | None
    printed: str | None  # the field without its trailing fillers


def _words(text: str) -> str | None:
    return " ".join(part for part in text.split("<") if part) or None


def split_names(printed: Printed) -> Names:
    """Takes the name field apart."""
    if printed.layout.format == "FRA-ID":
        primary, secondary = printed.raw("primary_identifier"), printed.raw("secondary_identifier")
        joined = None if primary is None else primary.rstrip("<") + "<<" + (secondary or "").rstrip("<")
        return Names(_words(primary or ""), _words(secondary or ""), joined)
    raw = printed.raw("names")
    if raw is None:
        return Names(None, None, None)
    text = raw.rstrip("<")
    primary, _, secondary = text.partition("<<")
    return Names(_words(primary), _words(secondary), text)


def _part(span: Span, start: int, end: int) -> Span:
    return span[0], span[1] + start, span[1] + end


def _check_field(printed: Printed, field: str, *, groups: bool) -> list[Remark]:
    raw = printed.raw(field)
    span = printed.layout.fields.get(field)
    if raw is None or span is None:
        return []
    text = raw.rstrip("<")
    if not text:
        return [printed.remark("names_empty", field, "fault", source=_SOURCE)]
    remarks = []
    if text.startswith("<"):
        remarks.append(printed.remark("names_leading_filler", field, "fault", span=_part(span, 0, 1), source=_SOURCE))
    if groups:
        found = [match for match in _GROUP.finditer(text) if match.start() > 0]
        for match in found:
            if match.end() - match.start() > 2:
                place = _part(span, match.start(), match.end())
                remarks.append(printed.remark("names_separator_long", field, "fault", span=place, source=_SOURCE))
        for match in found[1:]:
            place = _part(span, match.start(), match.end())
            remarks.append(printed.remark("names_separator_repeated", field, "fault", span=place, source=_SOURCE))
    if len(text) == len(raw):
        last = _part(span, len(raw) - 1, len(raw))
        remarks.append(printed.remark("possibly_truncated", field, "note", span=last, source=_SOURCE))
    return remarks


def check_names(printed: Printed) -> list[Remark]:
    """What there is to say about the names, apart from characters that are no letters."""
    if printed.layout.format == "FRA-ID":
        return [
            *_check_field(printed, "primary_identifier", groups=False),
            *_check_field(printed, "secondary_identifier", groups=False),
        ]
    return _check_field(printed, "names", groups=True)
