"""In which lights a place on a forged object differs from what the state issued: measured, not declared.

Both artworks are composed as flat sheets of even stock, in the place alone, and compared at 300 dpi, the coarsest a
specimen is scanned at. Print noise, wear and the scanner have no part in it, so it says whether there is something to
be seen in a light, not whether one capture shows it.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.geometry import BoxMm
from dafec.lights import Light
from dafec.specimens.compose import compose
from dafec.specimens.model import Artwork, Grid

__all__ = ["GLOWS", "LEAST_MM2", "SEEN", "lights_that_show"]

#: Difference of linear reflectance that counts: about 15 of 255 grey levels on light stock in a tone curve of 1/2.2.
SEEN = 0.06
#: Difference of luminescence that counts, 1 = office paper: about 20 levels on dull stock in the same curve.
GLOWS = 0.008
#: Area that has to differ, square millimetres: the dot of an i.
LEAST_MM2 = 0.05

_DPI = 300.0
_ROUND_MM = 0.5


def lights_that_show(before: Artwork, after: Artwork, polygon_mm: NDArray[np.float64]) -> frozenset[Light]:
    """Lights in which two sheets differ in a place.

    Args:
        before: as issued.
        after: as forged; of the same grid.
        polygon_mm: (n, 2) the place.

    Returns:
        Those of ``visible``, ``ir`` and ``uv`` that show more than ``LEAST_MM2`` of difference.
    """
    box = _bounds(polygon_mm, before.grid)
    if box is None:
        return frozenset()
    one, other = compose(_cut_out(before, box), 0), compose(_cut_out(after, box), 0)
    size = (max(1, round(box.width / 25.4 * _DPI)), max(1, round(box.height / 25.4 * _DPI)))
    reflected = np.abs(_reduced(one.reflectance, size) - _reduced(other.reflectance, size))
    glow = np.abs(_reduced(one.fluorescence, size) - _reduced(other.fluorescence, size))
    if other.shade is not None:  # edges of pieces: relief, in reflected light
        reflected += np.abs(1 - _reduced(other.shade, size))[..., None]
    least = LEAST_MM2 * (_DPI / 25.4) ** 2
    moved: dict[Light, NDArray[np.bool_]] = {
        "visible": (reflected[..., :3] > SEEN).any(axis=2),
        "ir": reflected[..., 3] > SEEN,
        "uv": (glow > GLOWS).any(axis=2),
    }
    return frozenset(light for light, where in moved.items() if where.sum() > least)


def _reduced(plane: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32)


def _bounds(polygon_mm: NDArray[np.float64], grid: Grid) -> BoxMm | None:
    low = np.maximum(polygon_mm.min(axis=0) - _ROUND_MM, 0.0)
    high = np.minimum(polygon_mm.max(axis=0) + _ROUND_MM, [grid.width_mm, grid.height_mm])
    width, height = (high - low).tolist()
    if min(width, height) * grid.px_per_mm < 2:
        return None
    return BoxMm(float(low[0]), float(low[1]), width, height)


def _cut_out(artwork: Artwork, box: BoxMm) -> Artwork:
    """A part of a sheet, on even stock, without its film."""
    s = artwork.grid.px_per_mm
    x, y = round(box.x * s), round(box.y * s)
    plates = tuple(
        replace(plate, origin_px=(plate.origin_px[0] - x, plate.origin_px[1] - y)) for plate in artwork.plates
    )
    pieces = tuple(replace(one, at_mm=(one.at_mm[0] - x / s, one.at_mm[1] - y / s)) for one in artwork.pieces)
    stock = replace(artwork.substrate, mottle=0.0, uv_mottle=0.0)
    return Artwork(Grid(box.width, box.height, artwork.grid.dpi), stock, plates, pieces)
