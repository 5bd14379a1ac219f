"""How tones become dots: separations, halftone screens, blue noise, drops, toner and burnt spots.

All on a raster of given pixels per millimetre, coverage as float32 of 0 to 1. Screens are AM (clustered dots or lines
of fixed pitch and growing size) or FM (dots of one size, strewn without a pitch of their own).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.specimens.blue_noise import blue_noise
from dafec.specimens.model import Ink, Unit

__all__ = ["Clouds", "Spot", "am_dots", "cloudy", "drops", "separate", "specks"]

Spot = Literal["round", "ellipse", "line"]

_LEVELS = 33
_MOST = 0.58  # of a cell; more than half, since drops are wider than their cells


class Clouds:
    """Smooth noise of mean 0 and deviation 1 with the given correlation length in pixels, kept coarse."""

    def __init__(self, shape: tuple[int, int], grain_px: float, rng: np.random.Generator) -> None:
        self._step = max(1.0, grain_px / 2)
        self._width = shape[1]
        rows, columns = int(shape[0] / self._step) + 4, int(shape[1] / self._step) + 4
        coarse = rng.standard_normal((rows, columns), np.float32)
        soft = np.asarray(cv2.GaussianBlur(coarse, (0, 0), max(grain_px / self._step / 2, 0.3)), np.float32)
        self._coarse = soft / np.float32(soft.std() + 1e-9)

    def strip(self, top: int, rows: int) -> Unit:
        """Rows from the top one on (rows, w)."""
        first = int(top / self._step)
        part = self._coarse[first : int((top + rows) / self._step) + 4]
        matrix = np.array([[1 / self._step, 0, 1.5], [0, 1 / self._step, top / self._step - first + 1.5]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        size = (self._width, rows)
        return np.asarray(cv2.warpAffine(part, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.float32)


def cloudy(shape: tuple[int, int], grain_px: float, rng: np.random.Generator) -> Unit:
    """``Clouds`` of a whole field (h, w)."""
    return Clouds(shape, grain_px, rng).strip(0, shape[0])


def separate(image: Unit, inks: Sequence[Ink], *, black_start: float = 0.35, black: float = 0.9) -> tuple[Unit, ...]:
    """Coverages of cyan, magenta, yellow and perhaps black that multiply to a picture.

    Args:
        image: linear RGB relative to the paper (h, w, 3), 1 = paper.
        inks: cyan, magenta, yellow and, if there is one, black.
        black_start: lightness from which black begins to carry the grey component.
        black: how much of it black carries in the end.

    Returns:
        One coverage (h, w) for each ink.
    """
    target = np.clip(image, 0.004, 1.0)
    kept = [[10.0**-d for d in i.density[:3]] for i in inks]
    out: list[Unit] = []
    if len(inks) > 3:
        dark = 1 - np.max(target, axis=2) ** np.float32(1 / 2.4)
        k = (black * np.clip((dark - black_start) / (1 - black_start), 0, 1) ** 1.4).astype(np.float32)
        left = np.stack([1 - k * np.float32(1 - kept[3][b]) for b in range(3)], axis=2)
        target = np.minimum(target / left, 1.0)
        out.append(k)
    cmy = [np.zeros(target.shape[:2], np.float32) for _ in range(3)]
    for _ in range(3):
        for own in range(3):
            rest = np.ones(target.shape[:2], np.float32)
            for other in range(3):
                if other != own:
                    rest *= 1 - cmy[other] * np.float32(1 - kept[other][own])
            cmy[own] = np.clip((1 - target[..., own] / rest) / np.float32(1 - kept[own][own]), 0, 1)
    return (*cmy, *out)


@dataclass(frozen=True, slots=True, eq=False)
class _Screen:
    """A tile that repeats without a seam: where ink begins at which tone, and how fast."""

    threshold: Unit  # (n, n), 0..1
    slope: Unit  # (n, n): change of the threshold over one pixel
    tone: NDArray[np.float64]  # (levels,): tone to ask for to cover 0, 1/32, ... of the area


def _supercell(px_per_cell: float, angle_deg: float) -> tuple[int, int, int]:
    """Side of a tile in pixels, cells along and across it: the smallest that is true to 0.1 %, or else the truest."""
    a = np.deg2rad(angle_deg)
    best = (np.inf, 64, 1, 0)
    for size in range(48, 385):
        along, across = size * np.cos(a) / px_per_cell, size * np.sin(a) / px_per_cell
        m, n = round(float(along)), round(float(across))
        error = float(np.hypot(m - along, n - across) / np.hypot(along, across))
        if (m or n) and error < best[0]:
            best = (error, size, m, n)
        if best[0] < 1e-3:
            break
    return best[1:]


@lru_cache(maxsize=24)
def _screen(px_per_cell: float, angle_deg: float, spot: Spot) -> _Screen:
    size, m, n = _supercell(px_per_cell, angle_deg)
    sub = 4 if size <= 256 else 2
    y, x = np.mgrid[0 : size * sub, 0 : size * sub].astype(np.float32) / np.float32(sub)
    u, v = 2 * np.pi * (m * x + n * y) / size, 2 * np.pi * (m * y - n * x) / size
    weights = {"round": (1.0, 1.0), "ellipse": (1.0, 0.72), "line": (1.0, 0.12)}[spot]
    height = weights[0] * np.cos(u) + weights[1] * np.cos(v)
    counts, limits = np.histogram(height, bins=4096)
    fine = 1 - np.interp(height, limits[1:], np.cumsum(counts) / height.size)
    threshold = cv2.resize(fine.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)
    wrapped = np.pad(threshold, 1, mode="wrap")
    slope = np.hypot(wrapped[1:-1, 2:] - wrapped[1:-1, :-2], wrapped[2:, 1:-1] - wrapped[:-2, 1:-1]) / 2
    slope = np.maximum(slope, 0.5 / px_per_cell**2 * 2).astype(np.float32)
    asked = np.linspace(0, 1, _LEVELS)
    covered = [float(np.clip(0.5 + (t - threshold) / slope, 0, 1).mean()) for t in asked]
    covered[0], covered[-1] = 0.0, 1.0
    return _Screen(threshold, slope, np.interp(asked, covered, asked))


def am_dots(
    coverage: Unit, px_per_mm: float, lpi: float, angle_deg: float, *, spot: Spot = "round", noise: Unit | None = None
) -> Unit:
    """A clustered-dot screen.

    Args:
        coverage: wanted (h, w).
        px_per_mm: of its raster.
        lpi: lines an inch.
        angle_deg: of the screen.
        spot: shape of the dots.
        noise: (h, w) added to the tone before the dots are made: ragged dots.

    Returns:
        Coverage with dots (h, w).
    """
    screen = _screen(round(px_per_mm * 25.4 / lpi, 4), angle_deg % 90 if spot == "round" else angle_deg, spot)
    h, w = coverage.shape
    size = len(screen.threshold)
    out = np.empty((h, w), np.float32)
    across = -(-w // size)
    threshold, pace = np.tile(screen.threshold, (1, across))[:, :w], np.tile(1 / screen.slope, (1, across))[:, :w]
    table = np.interp(np.linspace(0, 1, 1024), np.linspace(0, 1, _LEVELS), screen.tone).astype(np.float32)
    for top in range(0, h, size):
        rows = min(size, h - top)
        tone = table[np.clip(coverage[top : top + rows] * 1023, 0, 1023).astype(np.int32)]
        part = tone - threshold[:rows]
        if noise is not None:
            part += noise[top : top + rows] * np.sqrt(np.maximum(tone * (1 - tone), 0))
        np.clip(part * pace[:rows] + np.float32(0.5), 0, 1, out=out[top : top + rows])
        out[top : top + rows][coverage[top : top + rows] < 0.004] = 0
    return out


@lru_cache(maxsize=8)
def _thresholds(random: float) -> Unit:
    """Blue noise with white noise in it, within 0 to 1 and none of them 0."""
    blue = blue_noise()
    field = np.abs(blue + np.random.default_rng(19).standard_normal(blue.shape).astype(np.float32) * np.float32(random))
    return np.asarray(np.clip(np.where(field > 1, 2 - field, field), 0.004, 0.99), np.float32)


def drops(
    coverage: Unit,
    px_per_mm: float,
    dpi: float,
    rng: np.random.Generator,
    *,
    drop: float = 1.5,
    jitter: float = 0.28,
    random: float = 0.015,
    line: bool = False,
) -> Unit:
    """Drops of one size, strewn by blue noise (inkjet), or spots burnt one by one (engraving, with little jitter).

    Args:
        coverage: wanted (h, w).
        px_per_mm: of its raster.
        dpi: of the printer's addressable grid.
        rng: of strewing and jitter.
        drop: diameter of a drop over the pitch.
        jitter: of its place, over the pitch, 1 sigma.
        random: white noise in the thresholds, 1 sigma.
        line: line art: a cell is filled where the drawing covers most of it; nothing is strewn.

    Returns:
        Coverage with drops (h, w).
    """
    pitch = px_per_mm * 25.4 / dpi
    if line:
        size = (max(1, round(coverage.shape[1] / pitch)), max(1, round(coverage.shape[0] / pitch)))
        cells = cv2.resize(coverage, size, interpolation=cv2.INTER_AREA if pitch >= 1 else cv2.INTER_LINEAR)
        limit = _MOST + rng.standard_normal(cells.shape, np.float32) * np.float32(random)
        return _put(cells > np.maximum(limit, 0.1), (coverage.shape[0], coverage.shape[1]), pitch, rng, drop, jitter)
    wanted, got = _drop_tones(round(pitch, 3), drop, jitter, random)
    table = np.interp(np.linspace(0, 1, 256), got, wanted).astype(np.float32)
    h, w = coverage.shape
    rows, columns = max(1, round(h / pitch)), max(1, round(w / pitch))
    down = cv2.INTER_AREA if pitch >= 1 else cv2.INTER_LINEAR
    asked = cv2.convertScaleAbs(cv2.resize(coverage, (columns, rows), interpolation=down), alpha=255)
    return _strew(np.asarray(cv2.LUT(asked, table), np.float32), (h, w), pitch, rng, drop, jitter, random)


@lru_cache(maxsize=16)
def _drop_tones(
    pitch: float, drop: float, jitter: float, random: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Share of cells filled, and the coverage that drops of this kind then make."""
    shares = np.array([0.0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.96, 1.0])
    cells = 128
    side = max(32, round(cells * pitch))
    rng = np.random.default_rng(17)
    got = [0.0]
    for share in shares[1:]:
        field = np.full((cells, cells), share, np.float32)
        got.append(float(_strew(field, (side, side), pitch, rng, drop, jitter, random)[4:-4, 4:-4].mean()))
    rising = np.maximum.accumulate(np.array(got) + np.arange(len(got)) * 1e-6)
    return shares, rising


def _strew(
    shares: Unit,
    shape: tuple[int, int],
    pitch: float,
    rng: np.random.Generator,
    drop: float,
    jitter: float,
    random: float,
) -> Unit:
    """Drops for a raster of cells of which each wants its share (rows, columns), on a grid of this shape."""
    rows, columns = shares.shape
    tile = _thresholds(random)
    size = len(tile)
    tile = np.roll(tile, tuple(int(v) for v in rng.integers(0, size, 2)), axis=(0, 1))
    threshold = np.tile(tile, (-(-rows // size), -(-columns // size)))[:rows, :columns]
    return _put(shares > threshold, shape, pitch, rng, drop, jitter)


def _put(
    filled: NDArray[np.bool_],
    shape: tuple[int, int],
    pitch: float,
    rng: np.random.Generator,
    drop: float,
    jitter: float,
) -> Unit:
    """Drops in these cells (rows, columns), on a grid of this shape."""
    rows, columns = filled.shape
    y, x = np.nonzero(filled)
    swath = rng.normal(0, 0.10, rows // 48 + 1)[y // 48] + np.where(y % 2 == 0, 0.06, -0.06)
    px = (x + 0.5 + rng.standard_normal(len(x), np.float32) * jitter + swath) * (shape[1] / columns) - 0.5
    py = (y + 0.5 + rng.standard_normal(len(y), np.float32) * jitter) * (shape[0] / rows) - 0.5
    return _splat(shape, px, py, np.pi / 4 * (drop * pitch) ** 2, drop * pitch / 4)


def _splat(
    shape: tuple[int, int], x: NDArray[np.float64], y: NDArray[np.float64], area_px: float, sigma_px: float
) -> Unit:
    """Round dots of an area and a softness at subpixel places (h, w)."""
    h, w = shape
    sums = np.zeros((h + 3, w + 3), np.float32)
    x, y = np.clip(x + 1, 0, w + 1), np.clip(y + 1, 0, h + 1)
    column, row = x.astype(np.int64), y.astype(np.int64)
    fx, fy = (x - column).astype(np.float32), (y - row).astype(np.float32)
    flat, place = sums.reshape(-1), row * (w + 3) + column
    for dy, dx, weight in ((0, 0, (1 - fx) * (1 - fy)), (0, 1, fx * (1 - fy)), (1, 0, (1 - fx) * fy), (1, 1, fx * fy)):
        np.add.at(flat, place + dy * (w + 3) + dx, weight * np.float32(area_px))
    left = float(np.sqrt(max(sigma_px**2 - 0.16, 0.04)))
    soft = np.asarray(cv2.GaussianBlur(sums, (0, 0), left), np.float32)[1:-2, 1:-2]
    power = np.square(np.square(np.square(soft)))
    return np.asarray(soft / np.power(1 + power, np.float32(0.125)), np.float32)


def specks(near: Unit, px_per_mm: float, rng: np.random.Generator, *, each_mm2: float, size_um: float = 14.0) -> Unit:
    """Stray toner: grains strewn thinly everywhere and more thickly where print is near.

    Args:
        near: coverage of the print (h, w).
        px_per_mm: of the raster.
        rng: of the strewing.
        each_mm2: grains to a square millimetre beside full print.
        size_um: of a grain.

    Returns:
        Coverage of the grains alone (h, w).
    """
    h, w = near.shape
    count = int(rng.poisson(each_mm2 * h * w / px_per_mm**2))
    x, y = rng.uniform(0, w, count), rng.uniform(0, h, count)
    wide = cv2.blur(cv2.resize(near, (max(1, w // 4), max(1, h // 4)), interpolation=cv2.INTER_AREA), (5, 5))
    chance = (
        0.05
        + wide[np.minimum((y / 4).astype(int), wide.shape[0] - 1), np.minimum((x / 4).astype(int), wide.shape[1] - 1)]
    )
    keep = rng.uniform(0, 1, count) < chance
    grain = size_um / 1000 * px_per_mm
    return _splat((h, w), x[keep], y[keep], np.pi / 4 * grain**2 * 1.6, max(grain / 4, 0.45))
