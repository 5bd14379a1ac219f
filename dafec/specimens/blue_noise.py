"""The threshold tile that strews drops: void and cluster, made once and kept as ``data/blue_noise.png``.

R. A. Ulichney, The void-and-cluster method for dither array generation, Proc. SPIE 1913 (1993). Thresholding the tile
at any level leaves dots as even as can be without a lattice: no coarse clouds, no pitch. ``python -m
dafec.specimens.blue_noise FILE`` makes it again.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from importlib import resources
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.specimens.model import Unit

__all__ = ["blue_noise", "void_and_cluster"]

_SIGMA = 1.5  # of the energy round a dot, in cells; the paper's
_REACH = 7


@lru_cache(maxsize=1)
def blue_noise() -> Unit:
    """Thresholds above 0 and below 1 (n, n) that repeat without a seam."""
    coded = resources.files("dafec.specimens").joinpath("data", "blue_noise.png").read_bytes()
    ranks = np.asarray(cv2.imdecode(np.frombuffer(coded, np.uint8), cv2.IMREAD_UNCHANGED), np.float32)
    return np.asarray((ranks + np.float32(0.5)) / np.float32(ranks.size), np.float32)


def void_and_cluster(size: int, seed: int) -> NDArray[np.int64]:
    """Ranks 0 to size * size - 1 (size, size): the order in which cells are filled."""
    rng = np.random.default_rng(seed)
    offsets = np.arange(-_REACH, _REACH + 1)
    kernel = np.exp(-(offsets[:, None] ** 2 + offsets[None] ** 2) / (2 * _SIGMA**2))
    dots = np.zeros((size, size), bool)
    energy = rng.uniform(0, 1e-9, (size, size))

    def put(cell: int, sign: int) -> None:
        row, column = divmod(cell, size)
        dots[row, column] = sign > 0
        energy[np.ix_((row + offsets) % size, (column + offsets) % size)] += sign * kernel

    def cluster() -> int:
        return int(np.argmax(np.where(dots, energy, -np.inf)))

    def void() -> int:
        return int(np.argmin(np.where(dots, np.inf, energy)))

    for cell in rng.choice(size * size, size * size // 10, replace=False):
        put(int(cell), 1)
    while True:
        tight = cluster()
        put(tight, -1)
        empty = void()
        put(empty, 1)
        if empty == tight:
            break
    ranks = np.zeros(size * size, np.int64)
    first, first_energy = dots.copy(), energy.copy()
    for rank in range(int(dots.sum()) - 1, -1, -1):
        cell = cluster()
        put(cell, -1)
        ranks[cell] = rank
    dots[:], energy[:] = first, first_energy
    for rank in range(int(dots.sum()), size * size):
        cell = void()
        put(cell, 1)
        ranks[cell] = rank
    return ranks.reshape(size, size)


if __name__ == "__main__":
    done, png = cv2.imencode(".png", void_and_cluster(256, 1993).astype(np.uint16))
    Path(sys.argv[1]).write_bytes(png.tobytes())
