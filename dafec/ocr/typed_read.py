"""A zone as somebody read it on the document and typed it, in the shape of a read.

What a person read is certain: every character has the probability 1 and no alternative. Where the machine read a line
of the same length each character lies where the machine saw it; else the characters stand evenly along the zone. The
machine's own read is another object and stays what checks of the image look at.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dafec.geometry import Quad
from dafec.ocr.types import CharRead, LineRead, MrzRead

__all__ = ["typed_read"]


def typed_read(lines: Sequence[str], machine: MrzRead | None, page: Quad) -> MrzRead:
    """The read that stands for what was typed.

    Args:
        lines: of the zone, as typed; letters, digits and fillers.
        machine: what the machine read of the same zone; None where it found none.
        page: outline of the document, frame pixels: where the zone lies if the machine found none.

    Returns:
        A read with the status ``read``, confidence 1 and no format of its own: the parser finds that.
    """
    seen = machine if machine is not None and machine.lines else None
    corners = seen.corners_px if seen is not None else page
    typed = tuple(_line(number, text, len(lines), seen, corners) for number, text in enumerate(lines))
    return MrzRead("read", None, typed, corners, 1.0)


def _line(number: int, text: str, count: int, seen: MrzRead | None, corners: Quad) -> LineRead:
    own = seen.lines[number] if seen is not None and number < len(seen.lines) else None
    if own is not None and len(own.chars) == len(text):
        centres = [read.centre_px for read in own.chars]
    else:
        centres = _along(corners, (number + 0.5) / count, len(text))
    height = own.height_px if own is not None else corners.height_px / (2 * count)
    chars = (CharRead(char, 1.0, (), centre) for char, centre in zip(text, centres, strict=True))
    return LineRead(tuple(chars), height)


def _along(corners: Quad, down: float, count: int) -> list[tuple[float, float]]:
    """Evenly spaced places along a quad at a share of its height."""
    top_left, top_right, bottom_right, bottom_left = np.asarray(corners.array(), np.float64)
    start, end = top_left + (bottom_left - top_left) * down, top_right + (bottom_right - top_right) * down
    places = (start + (end - start) * (at + 0.5) / count for at in range(count))
    return [(float(x), float(y)) for x, y in places]
