"""What a pen can do to a printed digit: the strokes that turn it into another one, and the values that can be had so.

Strokes lie in a unit square over the digit's ink, x to the right and y down, as control points of a smooth curve.
"""

from __future__ import annotations

from datetime import date

import numpy as np
from numpy.typing import NDArray

from dafec.geometry import BoxMm
from dafec.specimens.forgeries.hands import CHARACTER_LOOKALIKES

__all__ = ["pen_strokes", "pen_values"]

_Strokes = tuple[tuple[tuple[float, float], ...], ...]
Points = NDArray[np.float64]

_CLOSE_LOWER_LEFT: _Strokes = (((0.30, 0.44), (0.08, 0.56), (0.04, 0.72), (0.16, 0.92)),)
_CLOSE_UPPER_RIGHT: _Strokes = (((0.72, 0.06), (0.94, 0.18), (0.93, 0.36), (0.66, 0.48)),)
_CLOSE_UPPER_LEFT: _Strokes = (((0.34, 0.06), (0.08, 0.16), (0.10, 0.38), (0.42, 0.48)),)

#: Old digit and new one: what is drawn.
_STROKES: dict[tuple[str, str], _Strokes] = {
    ("0", "8"): (((0.12, 0.44), (0.38, 0.52), (0.62, 0.47), (0.88, 0.53)),),
    ("0", "6"): (((0.10, 0.56), (0.40, 0.42), (0.75, 0.45), (0.92, 0.62)),),
    ("0", "9"): (((0.08, 0.38), (0.28, 0.56), (0.62, 0.57), (0.92, 0.42)),),
    ("1", "4"): (((0.55, 0.02), (0.20, 0.34), (-0.35, 0.68)), ((-0.40, 0.69), (0.40, 0.68), (1.25, 0.69))),
    ("1", "7"): (((-0.55, 0.04), (-0.05, 0.02), (0.50, 0.03)), ((0.02, 0.52), (0.50, 0.50), (1.05, 0.51))),
    ("3", "8"): (*_CLOSE_UPPER_LEFT, *_CLOSE_LOWER_LEFT),
    ("4", "9"): (((0.62, 0.03), (0.30, 0.04), (0.06, 0.24), (0.08, 0.50), (0.30, 0.66)),),
    ("5", "6"): _CLOSE_LOWER_LEFT,
    ("5", "8"): (*_CLOSE_UPPER_RIGHT, *_CLOSE_LOWER_LEFT),
    ("5", "9"): (((0.80, 0.05), (0.97, 0.16), (0.97, 0.40), (0.95, 0.62)),),
    ("6", "8"): (((0.55, 0.04), (0.88, 0.12), (0.90, 0.34), (0.56, 0.46)),),
    ("7", "2"): (((0.44, 0.96), (0.66, 0.93), (1.00, 0.96)), ((0.10, 0.97), (0.30, 0.96), (0.50, 0.96))),
    ("9", "8"): (((0.44, 0.52), (0.10, 0.64), (0.12, 0.90), (0.46, 0.97)),),
}


def _smooth(points: Points) -> Points:
    """A Catmull-Rom curve through points."""
    k = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = np.linspace(0, 1, 12, endpoint=False)[:, None]
    parts = []
    for a, b, c, d in zip(k[:-3], k[1:-2], k[2:-1], k[3:], strict=True):
        parts.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
    return np.concatenate([*parts, points[-1:]])


def pen_strokes(old: str, new: str, glyph: BoxMm, rng: np.random.Generator, *, waver: float) -> list[Points]:
    """The strokes that turn one printed digit into another.

    Args:
        old: the printed digit.
        new: what it is to look like; where no stroke does it, the digit is gone over.
        glyph: box of the old digit's ink, millimetres.
        rng: of the hand.
        waver: how far it strays, shares of the digit's height.

    Returns:
        Curves in millimetres, each (n, 2).
    """
    strokes = _STROKES.get((old, new), (((0.2, 0.1), (0.8, 0.4), (0.2, 0.6), (0.8, 0.9)),))
    wide = max(glyph.width, glyph.height * 0.32)  # a 1 is thin; what is added to it is not
    drawn = []
    for stroke in strokes:
        points = np.array(stroke) + rng.normal(0.0, waver, (len(stroke), 2)) * (0.6, 1.0)
        points = points + rng.normal(0.0, waver * 0.6, 2)
        curve = _smooth(points)
        middle = glyph.x + glyph.width / 2
        x = middle + (curve[:, 0] - 0.5) * wide
        drawn.append(np.stack([x, glyph.y + curve[:, 1] * glyph.height], 1))
    return drawn


def pen_values(key: str, value: str, date_format: str) -> tuple[str, ...]:
    """What a text can be made to say by drawing on one or two digits.

    Args:
        key: of the field.
        value: as printed.
        date_format: of the series.

    Returns:
        Other values: a date stays a date, an expiry date moves on, a number changes one digit.
    """
    if key not in ("birth_date", "expiry_date", "number"):
        return ()
    values = [
        value[:at] + other + value[at + 1 :]
        for at, char in enumerate(value)
        for other in CHARACTER_LOOKALIKES.get(char, "")
    ]
    if key == "number":
        return tuple(values)
    before = _day(value, date_format)
    fitting = []
    for one in values:
        after = _day(one, date_format)
        if after is None or before is None or after.year > 2060:
            continue
        if (key == "expiry_date" and after > before) or (key == "birth_date" and after.year < 2011):
            fitting.append(one)
    return tuple(fitting)


_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


def _day(text: str, style: str) -> date | None:
    """The day a text names in the style of its series (``dd.mm.yyyy``, ``dd MMM yyyy``); None where it names none."""
    named = {}
    for mark in ("dd", "MMM", "mm", "yyyy"):
        at = style.find(mark)
        if at >= 0:
            named[mark] = text[at : at + len(mark)]
    try:
        month = _MONTHS.index(named["MMM"]) + 1 if "MMM" in named else int(named["mm"])
        return date(int(named["yyyy"]), month, int(named["dd"]))
    except (KeyError, ValueError):
        return None
