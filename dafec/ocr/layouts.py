"""Formats and their layouts: which format some lines have, and where its fields stand.

The layouts are data (``data/layouts.toml``). MRV-A and TD3, and MRV-B and TD2, are told apart by the ``V`` alone; the
French card before 2021 has TD2's outline and begins ``IDFRA``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import get_args

from dafec.geometry import DocumentFormat
from dafec.ocr.data_files import load_table
from dafec.ocr.parsed import Place, Remark, RemarkLevel, Span

__all__ = ["Layout", "Printed", "identify_format", "layout_of"]

#: A line this many characters off is still taken for a damaged line of the format.
_LENGTH_TOLERANCE = 4

_UPPER_LINE = re.compile(r"[A-Z][A-Z0-9<][A-Z<]{3}")


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the fields of one format stand."""

    format: DocumentFormat
    lines: int
    length: int
    source: str  # section of the standard
    fields: Mapping[str, Span]
    check: Mapping[str, Place]  # a field's check digit
    composite: tuple[Place, ...]  # the characters the last digit covers; empty for visas
    overflow: Span | None  # where a long document number continues
    unterminated: RemarkLevel  # what a continuation without a filler after it is


@dataclass(frozen=True, slots=True)
class Printed:
    """The lines of one zone with their layout. A line that is missing or has a wrong length is None."""

    layout: Layout
    lines: tuple[str | None, ...]
    today: date
    missing_above: int = 0  # lines of the layout that were not found above the first line given

    def raw(self, field: str) -> str | None:
        """The characters of ``field`` as printed; None where its line cannot be used."""
        span = self.layout.fields.get(field)
        return None if span is None else self.text(span)

    def text(self, span: Span) -> str | None:
        """The characters of a span; None where its line cannot be used."""
        line = self.lines[span[0]]
        return None if line is None else line[span[1] : span[2]]

    def char(self, place: Place) -> str | None:
        """One character; None where its line cannot be used."""
        line = self.lines[place[0]]
        return None if line is None else line[place[1]]

    def chars(self, places: Sequence[Place]) -> list[str] | None:
        """The characters at some places; None where one of the lines cannot be used."""
        found = [self.char(place) for place in places]
        return None if None in found else [char for char in found if char is not None]

    def remark(
        self,
        code: str,
        field: str,
        level: RemarkLevel,
        *,
        span: Span | None = None,
        detail: str | None = None,
        source: str | None = None,
    ) -> Remark:
        """A remark on ``field``, placed on the field's characters unless ``span`` says otherwise."""
        line, start, end = span or self.layout.fields.get(field) or (None, None, None)
        return Remark(code, field, line, start, end, source or self.layout.source, level, detail)


@cache
def layout_of(document_format: DocumentFormat) -> Layout:
    """The layout of a format."""
    entry = load_table("layouts")[document_format]
    ranges = entry.get("composite", {}).get("ranges", [])
    overflow = entry.get("overflow")
    return Layout(
        format=document_format,
        lines=entry["lines"],
        length=entry["length"],
        source=entry["source"],
        fields={name: (span[0], span[1], span[2]) for name, span in entry["fields"].items()},
        check={name: (place[0], place[1]) for name, place in entry["check"].items()},
        composite=tuple((line, at) for line, start, end in ranges for at in range(start, end)),
        overflow=(overflow["range"][0], overflow["range"][1], overflow["range"][2]) if overflow else None,
        unterminated=overflow["unterminated"] if overflow else "fault",
    )


def _by_outline(count: int, length: int, first: str) -> DocumentFormat | None:
    if (count, length) == (3, 30):
        return "TD1"
    if (count, length) == (2, 36):
        if first.startswith("V"):
            return "MRV-B"
        return "FRA-ID" if first.startswith("IDFRA") else "TD2"
    if (count, length) == (2, 44):
        return "MRV-A" if first.startswith("V") else "TD3"
    return None


def _nearest_outline(lines: Sequence[str]) -> tuple[int, int] | None:
    """The outline most lines fit best, for zones with a line missing or a character lost."""
    outlines = {(layout_of(name).lines, layout_of(name).length) for name in get_args(DocumentFormat)}
    scored = []
    for count, length in sorted(outlines):
        misses = [abs(len(line) - length) for line in lines]
        if len(lines) <= count and min(misses) <= _LENGTH_TOLERANCE:
            scored.append((-misses.count(0), sum(misses), count - len(lines), (count, length)))
    return min(scored)[3] if scored else None


def _aligned(lines: Sequence[str], count: int) -> list[str | None]:
    """Lines at their places, where fewer were found than the format has."""
    missing = count - len(lines)
    if missing <= 0:
        return list(lines)
    if _UPPER_LINE.match(lines[0]):
        return [*lines, *([None] * missing)]
    return [*([None] * missing), *lines] if count == 2 else [None, *lines, *([None] * (missing - 1))]


def identify_format(lines: Sequence[str], today: date) -> tuple[Printed | None, list[Remark]]:
    """Which format some lines have.

    Args:
        lines: the printed lines.
        today: the day of the screening.

    Returns:
        The lines with their layout, or None where no format comes near, and the faults of their number and lengths. A
        line of a wrong length is left out: its fields cannot be placed without guessing.
    """
    if not lines:
        return None, [Remark("line_count", "zone", level="fault", detail="0")]
    lengths = {len(line) for line in lines}
    exact = _by_outline(len(lines), lengths.pop(), lines[0]) if len(lengths) == 1 else None
    if exact is not None:
        return Printed(layout_of(exact), tuple(lines), today), []
    outline = _nearest_outline(lines)
    if outline is None:
        return None, [Remark("format_unknown", "zone", level="fault", detail=" + ".join(str(len(x)) for x in lines))]
    count, length = outline
    placed = _aligned(lines, count)
    named = _by_outline(count, length, placed[0] or "")
    if named is None:
        return None, [Remark("format_unknown", "zone", level="fault")]
    faults = []
    if len(lines) != count:
        faults.append(Remark("line_count", "zone", level="fault", detail=str(len(lines))))
    for number, line in enumerate(placed):
        if line is not None and len(line) != length:
            faults.append(Remark("line_length", "zone", number, 0, len(line), level="fault", detail=str(len(line))))
    usable = tuple(line if line is not None and len(line) == length else None for line in placed)
    above = next(number for number, line in enumerate(placed) if line is not None)
    return Printed(layout_of(named), usable, today, above), faults
