"""Marks on the picture of the document: a frame round every place of a reason, and its number on a disc beside it.

The disc never covers what the frame shows: it stands beside the frame, clear of every other frame and disc and of the
machine-readable zone where there is room for that; else in the lane below the document, with a line that leads to it.
All in millimetres on the document.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["BoxMm", "Mark", "place_marks"]

BoxMm = tuple[float, float, float, float]  # x, y, width, height
DiscMm = tuple[float, float, float]  # x, y of the centre, radius

#: Sizes are those of a passport's page and shrink with the document, so that marks look alike on every screen.
_PAGE_WIDTH_MM = 125.0
_FRAME_MM = 1.0  # from the region to its frame
_RADIUS_MM = 3.4
_GAP_MM = 0.6  # from the frame to its disc
_FAR_MM = 0.3  # square millimetres a disc may cover rather than stand a millimetre farther away


@dataclass(frozen=True, slots=True)
class Mark:
    """A frame round a region and a disc with its number."""

    box: BoxMm
    disc: DiscMm
    lead: tuple[float, float, float, float] | None  # from frame to disc, x and y of both ends, where the disc is far


def place_marks(
    regions: Sequence[Sequence[BoxMm]], size_mm: tuple[float, float], keep_clear: Sequence[BoxMm] = ()
) -> list[tuple[Mark, ...]]:
    """The marks of every reason.

    Args:
        regions: the places of each reason.
        size_mm: width and height of the document.
        keep_clear: what no disc should cover besides.

    Returns:
        For each reason a mark for each of its places; frames lie within the document, discs in it or below it.
    """
    unit = size_mm[0] / _PAGE_WIDTH_MM
    frames = [[_frame(region, unit * _FRAME_MM, size_mm) for region in places] for places in regions]
    taken = [frame for places in frames for frame in places] + list(keep_clear)
    marks: list[tuple[Mark, ...]] = []
    for places in frames:
        placed = []
        for frame in places:
            disc = _disc(frame, unit, size_mm, taken)
            taken.append(_square(disc))
            placed.append(Mark(frame, disc, _lead(frame, disc)))
        marks.append(tuple(placed))
    return marks


def _frame(region: BoxMm, margin: float, size_mm: tuple[float, float]) -> BoxMm:
    x, y, width, height = region
    left, top = max(0.0, x - margin), max(0.0, y - margin)
    return (left, top, min(size_mm[0], x + width + margin) - left, min(size_mm[1], y + height + margin) - top)


def _disc(frame: BoxMm, unit: float, size_mm: tuple[float, float], taken: Sequence[BoxMm]) -> DiscMm:
    """The place that covers least of what is taken, near before far."""
    radius, gap = unit * _RADIUS_MM, unit * _GAP_MM
    width, height = size_mm
    lane = height + gap + radius
    below = (min(max(frame[0] + frame[2] / 2, radius), width - radius), lane)
    inside = [
        (x, y, radius)
        for x, y in (*_places(frame, radius, radius + gap), below)
        if radius <= x <= width - radius and radius <= y <= lane
    ]

    def cost(disc: DiscMm) -> float:
        return _covered(_square(disc), taken) + _FAR_MM * abs(disc[1] - frame[1] - frame[3] / 2)

    return min(inside, key=cost)


def _lead(frame: BoxMm, disc: DiscMm) -> tuple[float, float, float, float] | None:
    x, y, radius = disc
    bottom = frame[1] + frame[3]
    if y - radius - bottom <= radius:
        return None
    return (x, bottom, x, y - radius)


def _places(frame: BoxMm, radius: float, away: float) -> Iterator[tuple[float, float]]:
    """Centres beside the frame, below and above it, left and right: at its ends and its middle."""
    x, y, width, height = frame
    for across in (x + radius, x + width / 2, x + width - radius):
        yield across, y + height + away
        yield across, y - away
    for level in (y + min(radius, height / 2), y + height / 2, y + height - min(radius, height / 2)):
        yield x - away, level
        yield x + width + away, level


def _square(disc: DiscMm) -> BoxMm:
    x, y, radius = disc
    return (x - radius, y - radius, 2 * radius, 2 * radius)


def _covered(box: BoxMm, others: Sequence[BoxMm]) -> float:
    """Area of the box that others lie under, in square millimetres; what several share counts for each."""
    x, y, width, height = box
    total = 0.0
    for left, top, across, down in others:
        shared_x = min(x + width, left + across) - max(x, left)
        shared_y = min(y + height, top + down) - max(y, top)
        total += max(0.0, shared_x) * max(0.0, shared_y)
    return round(total, 6)
