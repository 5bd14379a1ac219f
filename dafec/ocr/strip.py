"""Strips: one printed line cut out of a frame, straightened and scaled to what the recogniser reads.

A strip is 32 pixels high with capitals of 16 pixels; a character of OCR-B size 1 is then about 16.5 pixels wide. The
same function serves training and reading, so that the model sees at the desk what it was taught on.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.geometry import FloatArray

__all__ = ["CAP_PX", "MARGIN_PX", "STRIP_HEIGHT", "LineGeometry", "Strip", "cut_strip"]

STRIP_HEIGHT = 32
CAP_PX = 16.0
MARGIN_PX = 16  # strip pixels before the first and after the last character
_SWAY = 64 / 3  # makes the cubic term of a line's bend equal its sway at the quarters
_STEP = 32  # widths are multiples of this, so that few shapes reach the runtime


@dataclass(frozen=True, slots=True, eq=False)
class LineGeometry:
    """Where a printed line lies in a frame."""

    left: tuple[float, float]  # frame pixels, left edge of the first character at half cap height
    right: tuple[float, float]  # right edge of the last character at half cap height
    sag: float  # frame pixels the middle of the line lies below the chord (positive: towards the line's bottom)
    cap_px: float  # cap height in frame pixels
    sway: float = 0.0  # frame pixels the first quarter lies lower, and the last quarter higher, than the sag says: S


@dataclass(frozen=True, slots=True, eq=False)
class Strip:
    """A straightened line and the way back to the frame."""

    pixels: NDArray[np.float32]  # (32, width), zero mean, unit deviation
    geometry: LineGeometry

    def to_frame(self, x: NDArray[np.float64], y: float = STRIP_HEIGHT / 2) -> FloatArray:
        """Frame pixels (n, 2) of strip columns ``x`` at strip row ``y``."""
        g = self.geometry
        map_x, map_y = _map(g, np.asarray(x, dtype=np.float64), np.array([y]))
        return np.stack([map_x[0], map_y[0]], axis=1)


def _map(
    g: LineGeometry, columns: NDArray[np.float64], rows: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    left, right = np.asarray(g.left), np.asarray(g.right)
    length = max(1e-6, float(np.hypot(*(right - left))))
    along = (right - left) / length
    down = np.array([-along[1], along[0]])
    scale = g.cap_px / CAP_PX
    s = (columns + 0.5 - MARGIN_PX) * scale
    t = np.clip(s / length, -0.1, 1.1)
    bend = t * (1 - t) * (4 * g.sag + _SWAY * g.sway * (0.5 - t))
    offset = (rows[:, None] + 0.5 - STRIP_HEIGHT / 2) * scale + bend[None, :]
    map_x = left[0] + along[0] * s[None, :] + down[0] * offset
    map_y = left[1] + along[1] * s[None, :] + down[1] * offset
    return map_x, map_y


def cut_strip(grey: NDArray[np.uint8], geometry: LineGeometry) -> Strip:
    """Cuts one line out of a grey frame.

    Args:
        grey: (h, w) uint8.
        geometry: where the line lies.

    Returns:
        The strip; its width follows from the line's length and is a multiple of 32.
    """
    length = float(np.hypot(geometry.right[0] - geometry.left[0], geometry.right[1] - geometry.left[1]))
    width = int(np.ceil((length * CAP_PX / geometry.cap_px + 2 * MARGIN_PX) / _STEP) * _STEP)
    width = int(np.clip(width, 4 * _STEP, 64 * _STEP))
    map_x, map_y = _map(geometry, np.arange(width, dtype=np.float64), np.arange(STRIP_HEIGHT, dtype=np.float64))
    source = grey
    factor = geometry.cap_px / CAP_PX
    if factor > 1.4:  # reduce by areas first, else thin strokes alias
        x0, x1 = int(max(0, map_x.min() - 2)), int(min(grey.shape[1], map_x.max() + 3))
        y0, y1 = int(max(0, map_y.min() - 2)), int(min(grey.shape[0], map_y.max() + 3))
        if x1 - x0 > 4 and y1 - y0 > 4:
            part = grey[y0:y1, x0:x1]
            small_w, small_h = max(2, round((x1 - x0) / factor)), max(2, round((y1 - y0) / factor))
            source = np.asarray(cv2.resize(part, (small_w, small_h), interpolation=cv2.INTER_AREA), dtype=np.uint8)
            map_x = (map_x - x0 + 0.5) * (small_w / (x1 - x0)) - 0.5
            map_y = (map_y - y0 + 0.5) * (small_h / (y1 - y0)) - 0.5
    interpolation = cv2.INTER_CUBIC if factor < 0.9 else cv2.INTER_LINEAR
    cut = cv2.remap(
        source, map_x.astype(np.float32), map_y.astype(np.float32), interpolation, borderMode=cv2.BORDER_REPLICATE
    )
    pixels = cut.astype(np.float32)
    mean, deviation = cv2.meanStdDev(pixels)
    return Strip((pixels - float(mean[0, 0])) / (float(deviation[0, 0]) + 4.0), geometry)
