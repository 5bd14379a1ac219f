"""The object while wear acts on it: planes of its own, changed in place, and what every kind of wear needs."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.specimens.model import Appearance, Ink

__all__ = ["Slices", "Worn", "in_strips", "noise", "spread_over"]

Slices = tuple[slice, slice]  # rows, columns
_STRIP = 32


def noise(shape: tuple[int, int], cell_px: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Smooth noise with cells of this size, sigma about 0.7."""
    rows, columns = (max(2, int(length / cell_px) + 2) for length in shape)
    small = rng.standard_normal((rows, columns), dtype=np.float32)
    return np.asarray(cv2.resize(small, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def in_strips(rows: slice) -> Iterator[slice]:
    """Rows in strips that stay in the processor's cache."""
    for top in range(rows.start, rows.stop, _STRIP):
        yield slice(top, min(rows.stop, top + _STRIP))


def spread_over(plane: NDArray[np.float32], factors: NDArray[np.float32], offset: float) -> NDArray[np.float32]:
    """``offset + factor x plane`` for each factor, as channels; several times quicker than broadcasting."""
    matrix = np.stack([factors, np.full_like(factors, offset)], axis=1)
    return np.asarray(cv2.transform(np.ascontiguousarray(plane), matrix), dtype=np.float32)


class Worn:
    """An object while life happens to it. Planes it lacks are made when something needs them.

    Args:
        appearance: as issued.
        in_place: change its planes themselves; a copy takes as much memory again, 0.7 GiB at 1,200 dpi.
    """

    def __init__(self, appearance: Appearance, *, in_place: bool = False) -> None:
        self.original = appearance
        self.grid = appearance.grid
        self.px_per_mm = appearance.grid.px_per_mm
        self.reflectance = appearance.reflectance if in_place else appearance.reflectance.copy()
        self.fluorescence = appearance.fluorescence if in_place else appearance.fluorescence.copy()
        self._shade = None if appearance.shade is None else appearance.shade.copy()
        self._gloss = None if appearance.gloss is None else appearance.gloss.copy()
        sample = appearance.reflectance[:: self._step, :: self._step].reshape(-1, 4)
        #: the bare sheet, estimated: (4,) reflectance, (3,) fluorescence
        self.paper = np.percentile(sample, 85, axis=0).astype(np.float32)
        dull = appearance.fluorescence[:: self._step, :: self._step].reshape(-1, 3)
        self.ground = np.median(dull, axis=0).astype(np.float32)

    @property
    def _step(self) -> int:
        return max(1, round(self.px_per_mm / 3))

    @property
    def shade(self) -> NDArray[np.float32]:
        """Relief."""
        if self._shade is None:
            self._shade = np.ones(self.grid.shape, dtype=np.float32)
        return self._shade

    @property
    def gloss(self) -> NDArray[np.float32]:
        """How readily it mirrors a lamp."""
        if self._gloss is None:
            self._gloss = np.zeros(self.grid.shape, dtype=np.float32)
        return self._gloss

    def window(self, x: float, y: float, width: float, height: float) -> Slices:
        """Rows and columns of a box in millimetres, cut to the sheet; never empty."""
        s, (rows, columns) = self.px_per_mm, self.grid.shape
        top, left = min(max(0, int(y * s)), rows - 2), min(max(0, int(x * s)), columns - 2)
        bottom, right = (
            max(top + 2, min(rows, round((y + height) * s))),
            max(left + 2, min(columns, round((x + width) * s))),
        )
        return slice(top, bottom), slice(left, right)

    def box_mm(self, window: Slices) -> list[float]:
        """x, y, width, height of a window."""
        rows, columns = window
        edges = (columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)
        return [round(edge / self.px_per_mm, 2) for edge in edges]

    def axes_mm(self, window: Slices) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Millimetres of the pixels of a window: (1, w) and (h, 1)."""
        rows, columns = window
        x = (np.arange(columns.start, columns.stop, dtype=np.float32) + 0.5) / np.float32(self.px_per_mm)
        y = (np.arange(rows.start, rows.stop, dtype=np.float32) + 0.5) / np.float32(self.px_per_mm)
        return x[None, :], y[:, None]

    def film(self, window: Slices, coverage: NDArray[np.float32], ink: Ink) -> None:
        """Lays a film: dims what lies below in each light, and shines where it does."""
        lost = np.array([1.0 - 10.0**-density for density in ink.density], dtype=np.float32)
        dimmed = np.array([1.0 - 10.0 ** -(ink.uv_density + density) for density in ink.density[:3]], dtype=np.float32)
        emission = np.array(ink.emission, dtype=np.float32)
        for rows in in_strips(window[0]):
            strip = coverage[rows.start - window[0].start : rows.stop - window[0].start]
            self.reflectance[rows, window[1]] *= spread_over(strip, -lost, 1.0)
            self.fluorescence[rows, window[1]] *= spread_over(strip, -dimmed, 1.0)
            if emission.any():
                self.fluorescence[rows, window[1]] += spread_over(strip, emission, 0.0)

    def bare(self, window: Slices, share: NDArray[np.float32], scatter: float = 1.0) -> None:
        """Rubs the print off: fibres come through, ``scatter`` times as bright as the sheet in every light."""
        for plane, under in ((self.reflectance, self.paper * np.float32(scatter)), (self.fluorescence, self.ground)):
            for rows in in_strips(window[0]):
                strip = share[rows.start - window[0].start : rows.stop - window[0].start]
                plane[rows, window[1]] *= spread_over(strip, -np.ones_like(under), 1.0)
                plane[rows, window[1]] += spread_over(strip, under, 0.0)

    def finished(self) -> Appearance:
        """The object again."""
        look = self.original
        return Appearance(look.grid, self.reflectance, self.fluorescence, self._shade, self._gloss, look.outside)
