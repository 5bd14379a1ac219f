"""Where the fields of the visual zone are: labels, and the value that belongs to each.

Documents print a label in small letters above its value, before it in the same row, or (in Arabic) behind it. A line is
a label where nearly all of it is one of the known phrases; the value is what is left of that line, or the nearest line
below that begins (or, from the right, ends) where the label does, or the next one in the row. Whatever belongs to
another label is not taken.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache

from dafec.features.contract import CheckContext
from dafec.features.viz_text import fold, words_table
from dafec.geometry import BoxMm
from dafec.ocr.visual_zone import VisualLine

__all__ = ["Labelled", "labelled_values", "printed_lines"]

_ALIKE = 0.82  # share of a phrase that has to agree: small print is read with an error or two
_BELOW_MM = 6.5  # from the top of a label to the top of its value, at most
_ASIDE_MM = 4.0  # how far their edges may be apart
_BESIDE_MM = 14.0  # from the end of a label to its value in the same row
_ZONE_SHARE = 0.3
_LOCAL = threading.local()


@dataclass(frozen=True, slots=True)
class Labelled:
    """The value of one field as printed."""

    text: str
    confidence: float  # least probability of its characters, 0..1
    box_mm: BoxMm
    line: VisualLine


@dataclass(frozen=True, slots=True)
class _Label:
    field: str
    rest: str  # of the same line behind the label
    line: VisualLine


def _overlap(a: BoxMm, b: tuple[float, float, float, float]) -> float:
    """Share of box ``a`` inside ``b``."""
    x, y, w, h = b
    width = min(a.x + a.width, x + w) - max(a.x, x)
    height = min(a.y + a.height, y + h) - max(a.y, y)
    return max(width, 0.0) * max(height, 0.0) / max(a.width * a.height, 1e-6)


def printed_lines(context: CheckContext) -> tuple[VisualLine, ...]:
    """The lines of the visual zone without those of the machine-readable one."""
    if context.visual is None:
        return ()
    boxes = context.page.mrz_boxes_mm if context.page is not None else ()
    return tuple(
        line
        for line in context.visual.lines
        if not any(_overlap(line.box_mm, box) > _ZONE_SHARE for box in boxes) and "<<" not in line.text
    )


@cache
def _phrases() -> tuple[tuple[str, str], ...]:
    """Folded phrase and field, the longest first."""
    pairs = [(fold(phrase), field) for field, phrases in words_table()["labels"].items() for phrase in phrases]
    return tuple(sorted(pairs, key=lambda pair: -len(pair[0])))


def _matcher(phrase: str) -> SequenceMatcher[str]:
    """A matcher of this thread for a phrase: what it learns of the phrase is kept, of the text nothing."""
    known: dict[str, SequenceMatcher[str]] = _LOCAL.__dict__.setdefault("matchers", {})
    if phrase not in known:
        known[phrase] = SequenceMatcher(None, "", phrase, autojunk=False)
    return known[phrase]


def _agrees(text: str, phrase: str) -> bool:
    if abs(len(text) - len(phrase)) > 0.35 * len(phrase):
        return False
    if len(phrase) < 6:
        return text == phrase
    matcher = _matcher(phrase)
    matcher.set_seq1(text)
    quick = matcher.real_quick_ratio() >= _ALIKE and matcher.quick_ratio() >= _ALIKE
    return quick and matcher.ratio() >= _ALIKE


def _label_of(text: str) -> tuple[str, str] | None:
    """Field and remainder of a line that is a label or begins with one."""
    whole = fold(text)
    if not whole:
        return None
    for phrase, field in _phrases():
        if _agrees(whole, phrase):
            return field, ""
    for part in text.replace("|", "/").split("/"):  # "Surname / Nom": one of several languages is known
        folded = fold(part)
        for phrase, field in _phrases():
            if len(phrase) > 3 and _agrees(folded, phrase):
                return field, ""
    head, colon, rest = text.partition(":")
    if colon:
        folded = fold(head)
        for phrase, field in _phrases():
            if _agrees(folded, phrase):
                return field, rest.strip()
    return None


def _labels(lines: Sequence[VisualLine]) -> list[_Label]:
    found = []
    for line in lines:
        known = _label_of(line.text) or (_label_of(line.arabic) if line.arabic else None)
        if known is not None:
            found.append(_Label(known[0], known[1], line))
    return found


def _distance(label: BoxMm, value: BoxMm) -> float | None:
    """How far a value is from a label it can belong to, millimetres; None where it cannot."""
    down = value.y + value.height / 2 - (label.y + label.height / 2)
    left, right = abs(value.x - label.x), abs(value.x + value.width - label.x - label.width)
    if 1.2 < down <= _BELOW_MM and min(left, right) <= _ASIDE_MM:
        return down + 0.5 * min(left, right)
    gap = value.x - label.x - label.width
    gap_left = label.x - value.x - value.width
    if abs(down) < 1.2 and (0 <= gap < _BESIDE_MM or 0 <= gap_left < _BESIDE_MM):
        return 3.0 + (gap if gap >= 0 else gap_left)
    return None


def labelled_values(lines: Sequence[VisualLine]) -> dict[str, list[Labelled]]:
    """Values by field, as far as labels were read.

    Args:
        lines: of the visual zone.

    Returns:
        For every field that has a label with something beside or below it, the values in the order of the page. A line
        belongs to its nearest label only.
    """
    labels = _labels(lines)
    labelling = {id(label.line) for label in labels}
    found: dict[str, list[Labelled]] = {}
    for label in labels:
        if label.rest:
            least = min(label.line.chars[-len(label.rest.replace(" ", "")) :], default=0.0)
            value = Labelled(label.rest, least, label.line.box_mm, label.line)
            found.setdefault(label.field, []).append(value)
    for line in lines:
        if id(line) in labelling:
            continue
        near = [(d, label) for label in labels if (d := _distance(label.line.box_mm, line.box_mm)) is not None]
        if near:
            label = min(near, key=lambda pair: pair[0])[1]
            least = min(line.chars, default=0.0)
            found.setdefault(label.field, []).append(Labelled(line.text, least, line.box_mm, line))
    return found
