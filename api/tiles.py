"""Pictures cut into tiles, so that a browser shows any part of a large frame at its true pixels.

A frame is decoded once and kept, reduced by whole factors of two, as long as there is room; nothing is written. Tiles
are PNG: what is on the screen is what was handed in, 8 bits of it. Half-sized levels average blocks of four.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from api.errors import ServiceError

__all__ = ["TILE_PX", "Pixels8", "Pyramid", "PyramidCache", "least_level", "levels_of"]

#: Edge of a tile: large enough that a page is some twenty of them, small enough to be there at once.
TILE_PX = 1024
_MOST_BYTES = 160 * 1024 * 1024  # decoded frames that are kept: three lights of a passport's page at 600 dpi, twice

Pixels8 = NDArray[np.uint8]


def levels_of(width_px: int, height_px: int) -> int:
    """Number of the largest level: 0 is one pixel, each next one twice the size, as OpenSeadragon counts."""
    return int(np.ceil(np.log2(max(width_px, height_px, 1))))


def least_level(width_px: int, height_px: int) -> int:
    """Number of the smallest level of a frame's pyramid: it is there in one small tile."""
    level, longest = levels_of(width_px, height_px), max(width_px, height_px)
    while longest > TILE_PX // 4:
        level, longest = level - 1, (longest + 1) // 2
    return level


@dataclass(frozen=True, slots=True, eq=False)
class Pyramid:
    """A frame and its reductions.

    Args:
        levels: (h, w) grey or (h, w, 3) RGB, largest first; each next one half as large.
    """

    levels: tuple[Pixels8, ...]

    @classmethod
    def of(cls, pixels: Pixels8) -> Pyramid:
        """The pyramid of a frame, down to where one tile holds it."""
        levels = [np.ascontiguousarray(pixels)]
        while max(levels[-1].shape[:2]) > TILE_PX // 4:
            height, width = levels[-1].shape[:2]
            size = ((width + 1) // 2, (height + 1) // 2)
            levels.append(np.asarray(cv2.resize(levels[-1], size, interpolation=cv2.INTER_AREA), np.uint8))
        return cls(tuple(levels))

    @property
    def size_bytes(self) -> int:
        """Memory of all levels."""
        return sum(level.nbytes for level in self.levels)

    def tile(self, level: int, column: int, row: int) -> bytes:
        """A tile as PNG.

        Args:
            level: as ``levels_of`` numbers them.
            column: 0-based.
            row: 0-based.

        Raises:
            ServiceError: ``picture.no_tile``.
        """
        height, width = self.levels[0].shape[:2]
        reduced = levels_of(width, height) - level
        if not 0 <= reduced < len(self.levels):
            raise ServiceError("picture.no_tile", status=404)
        pixels = self.levels[reduced]
        cut = pixels[row * TILE_PX : (row + 1) * TILE_PX, column * TILE_PX : (column + 1) * TILE_PX]
        if cut.size == 0:
            raise ServiceError("picture.no_tile", status=404)
        order = cv2.cvtColor(cut, cv2.COLOR_RGB2BGR) if cut.ndim == 3 else cut
        done, encoded = cv2.imencode(".png", order, [cv2.IMWRITE_PNG_COMPRESSION, 1])
        if not done:
            raise ServiceError("picture.failed", status=500)
        return encoded.tobytes()


class PyramidCache:
    """The pyramids asked for last, within a limit of memory. Made under a lock: two tiles decode a frame once."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._kept: OrderedDict[Hashable, Pyramid] = OrderedDict()
        self._lock = threading.Lock()
        self._making: dict[Hashable, threading.Lock] = {}

    def get(self, key: Hashable, make: Callable[[], Pixels8]) -> Pyramid:
        """The pyramid of that key; ``make`` gives its frame where it is not kept."""
        with self._lock:
            if (known := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
                return known
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                if (known := self._kept.get(key)) is not None:
                    return known
            made = Pyramid.of(make())
            with self._lock:
                self._kept[key] = made
                self._making.pop(key, None)
                while len(self._kept) > 1 and sum(p.size_bytes for p in self._kept.values()) > self._most_bytes:
                    self._kept.popitem(last=False)
        return made

    def forget(self) -> None:
        """Drops everything."""
        with self._lock:
            self._kept.clear()
