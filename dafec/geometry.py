"""Boxes and quads: millimetres on the document, pixels in a frame.

A unit stands in every name. Document coordinates have their origin at the top left corner of the page as a reader
holds it, x to the right, y down, in millimetres. Frame coordinates are pixels of the decoded image, origin at the
centre of the top left pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["FORMAT_SIZE_MM", "BoxMm", "DocumentFormat", "FloatArray", "Quad"]

FloatArray = NDArray[np.float64]
DocumentFormat = Literal["TD1", "TD2", "TD3", "MRV-A", "MRV-B", "FRA-ID"]

#: Nominal width and height in millimetres (ISO/IEC 7810 ID-1, ID-2, ID-3; Doc 9303-7 for the visas, whose MRV-A
#: is 120 x 80 at most; the French card before 2021 is ID-2 with its own zone).
FORMAT_SIZE_MM: dict[DocumentFormat, tuple[float, float]] = {
    "TD1": (85.6, 53.98),
    "TD2": (105.0, 74.0),
    "TD3": (125.0, 88.0),
    "MRV-A": (120.0, 80.0),
    "MRV-B": (105.0, 74.0),
    "FRA-ID": (105.0, 74.0),
}


@dataclass(frozen=True, slots=True)
class BoxMm:
    """An upright rectangle on the document, in millimetres."""

    x: float
    y: float
    width: float
    height: float

    def as_list(self) -> list[float]:
        """``[x, y, width, height]``, rounded to a hundredth of a millimetre."""
        return [round(float(v), 2) for v in (self.x, self.y, self.width, self.height)]


@dataclass(frozen=True, slots=True)
class Quad:
    """Four corners in frame pixels: top left, top right, bottom right, bottom left *in reading orientation*."""

    points: tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]

    @classmethod
    def from_array(cls, corners: FloatArray | NDArray[np.float32]) -> Quad:
        """A quad from an array of shape (4, 2)."""
        a = np.asarray(corners, dtype=np.float64).reshape(4, 2)
        return cls(tuple((float(x), float(y)) for x, y in a))  # type: ignore[arg-type]

    def array(self) -> FloatArray:
        """Shape (4, 2), float64, pixels."""
        return np.asarray(self.points, dtype=np.float64)

    @property
    def width_px(self) -> float:
        """Mean length of the top and bottom edge in pixels."""
        p = self.array()
        return float((np.linalg.norm(p[1] - p[0]) + np.linalg.norm(p[2] - p[3])) / 2)

    @property
    def height_px(self) -> float:
        """Mean length of the left and right edge in pixels."""
        p = self.array()
        return float((np.linalg.norm(p[3] - p[0]) + np.linalg.norm(p[2] - p[1])) / 2)

    def as_list(self) -> list[list[float]]:
        """``[[x, y], ...]``, rounded to a tenth of a pixel."""
        return [[round(x, 1), round(y, 1)] for x, y in self.points]
