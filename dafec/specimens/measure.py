"""What a picture of a document measures, whoever took it: the figures scanners are fitted to and tested by.

Every function takes 8-bit pictures as they are encoded, and says its unit. The same functions run on real captures and
on rendered ones; nothing here knows which it has before it. Regions are windows of rows and columns in pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.geometry import FloatArray

__all__ = [
    "Residue",
    "Window",
    "band_transfer",
    "channel_levels",
    "corner_falloff",
    "edge_width_px",
    "grey_of",
    "halo",
    "line_contrast",
    "noise_by_level",
    "noise_colour",
    "registration_px",
    "residue",
    "slanted_edge_mtf",
    "spectrum",
    "tile_levels",
    "window_mm",
]

Picture = NDArray[np.uint8]
Grey = NDArray[np.float32]
Window = tuple[slice, slice]

_IMMERKAER = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.float32)  # J. Immerkaer, CVIU 64(2), 1996
_BLOCK_PX = 8


def window_mm(box_mm: tuple[float, float, float, float], frame_from_page_mm: FloatArray) -> Window:
    """The window of a frame that a box on the page covers; for frames hardly rotated."""
    x, y, width, height = box_mm
    corners = np.array([[x, y, 1.0], [x + width, y, 1.0], [x, y + height, 1.0], [x + width, y + height, 1.0]])
    seen = corners @ frame_from_page_mm.T
    seen = seen[:, :2] / seen[:, 2:]
    low, high = np.maximum(np.round(seen.min(axis=0)), 0).astype(int), np.round(seen.max(axis=0)).astype(int)
    return slice(int(low[1]), int(high[1]) + 1), slice(int(low[0]), int(high[0]) + 1)


def grey_of(picture: Picture) -> Grey:
    """Green of a colour picture, a grey one as it is, float32, 0..255."""
    return np.asarray(picture[..., 1] if picture.ndim == 3 else picture, dtype=np.float32)


def slanted_edge_mtf(picture: Picture, window: Window, *, linear_gamma: float = 1.0) -> tuple[FloatArray, FloatArray]:
    """Modulation transfer across one straight, nearly upright edge (after ISO 12233).

    Args:
        picture: grey or colour (green is taken).
        window: holds the edge and nothing else; the edge is within about 10 degrees of upright.
        linear_gamma: exponent that undoes the picture's tone curve; 0: the curve of sRGB.

    Returns:
        Frequencies in cycles a pixel across the edge, and the transfer at them, 1 at 0.
    """
    values = _linear(grey_of(picture)[window] / np.float32(255.0), linear_gamma)
    rows, columns = values.shape
    slopes = np.diff(values, axis=1)
    slopes = slopes if abs(slopes.max()) >= abs(slopes.min()) else -slopes
    slopes = np.clip(slopes - 0.15 * slopes.max(), 0.0, None)
    place = (slopes * (np.arange(columns - 1) + 0.5)).sum(axis=1) / np.maximum(slopes.sum(axis=1), 1e-9)
    tilt, start = np.polyfit(np.arange(rows), place, 1)
    across = (np.arange(columns)[None, :] - (start + tilt * np.arange(rows)[:, None])) * math.cos(math.atan(tilt))
    steps, reach = 4, min(columns / 2 - 2, 24.0)
    bins = np.round(across * steps).astype(int)
    inside = np.abs(bins) <= reach * steps
    count = np.bincount(bins[inside] + int(reach * steps), minlength=int(2 * reach * steps) + 1)
    total = np.bincount(bins[inside] + int(reach * steps), weights=values[inside], minlength=count.size)
    filled = np.flatnonzero(count)
    profile = np.interp(np.arange(count.size), filled, total[filled] / count[filled])
    spread = np.diff(profile) * np.hanning(profile.size - 1)
    transfer = np.abs(np.fft.rfft(spread, 4 * spread.size))
    frequency = np.fft.rfftfreq(4 * spread.size, 1.0 / steps)
    # Taking differences and the mean over a bin both dim high frequencies.
    loss = np.sinc(frequency / steps) ** 2
    keep = frequency <= 0.5
    shown = transfer[keep] / transfer[0] / loss[keep]
    return np.asarray(frequency[keep], dtype=np.float64), np.asarray(shown, dtype=np.float64)


def _linear(values: Grey, gamma: float) -> Grey:
    if gamma == 0.0:
        return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4).astype(np.float32)
    return np.asarray(values**gamma, dtype=np.float32)


def _pieces(window: Window, count: int) -> list[Window]:
    rows, columns = window
    edges = np.linspace(columns.start, columns.stop, count + 1).astype(int)
    return [(rows, slice(int(left), int(right))) for left, right in pairwise(edges)]


def line_contrast(picture: Picture, window: Window, pieces: int = 1) -> float:
    """(paper - ink) / paper of text lines: paper is the 80th, ink the 2nd percentile, encoded levels.

    Over the whole line vignetting counts as contrast; the median over ``pieces`` of it is nearer to the ink.
    """
    found = []
    for piece in _pieces(window, pieces):
        ink, paper = np.percentile(grey_of(picture)[piece], (2.0, 80.0))
        found.append(1.0 - ink / max(float(paper), 1.0))
    return float(np.median(found))


def edge_width_px(picture: Picture, window: Window, pieces: int = 8) -> float:
    """Width of the steepest edges in a text: contrast divided by the gradient that 2 % of pixels exceed, pixels.

    The median over pieces of the line, so that vignetting does not count as contrast.
    """
    found = []
    for piece in _pieces(window, pieces):
        values = grey_of(picture)[piece]
        ink, paper = np.percentile(values, (2.0, 80.0))
        gx, gy = (cv2.Sobel(values, cv2.CV_32F, dx, 1 - dx, ksize=3, scale=1 / 8) for dx in (1, 0))
        steep = float(np.percentile(cv2.magnitude(gx, gy), 98.0))
        found.append((paper - ink) / max(steep, 1e-3))
    return float(np.median(found))


def halo(picture: Picture, window: Window, reach_px: int = 3) -> float:
    """How much brighter than the paper it is beside the strokes of a text, as a share of the contrast.

    Sharpening makes it positive, a soft lens and a veil negative.
    """
    values = grey_of(picture)[window]
    ink, paper = np.percentile(values, (2.0, 80.0))
    strokes = (values < (ink + paper) / 2).astype(np.uint8)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach_px + 1, 2 * reach_px + 1))
    near = cv2.dilate(strokes, disc) > 0
    core = cv2.dilate(strokes, np.ones((3, 3), np.uint8)) > 0
    far = cv2.dilate(strokes, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (4 * reach_px + 3,) * 2)) == 0
    if not (near & ~core).any() or not far.any():
        return math.nan
    return float((np.percentile(values[near & ~core], 75) - np.percentile(values[far], 75)) / max(paper - ink, 1.0))


def noise_by_level(picture: Picture, step: int = 32) -> dict[int, float]:
    """Noise of the calmest tenth of blocks of 8 pixels, by their level; sigma in 8-bit levels."""
    found: dict[int, float] = {}
    values = grey_of(picture)
    fine = np.abs(cv2.filter2D(values, -1, _IMMERKAER))
    rows, columns = values.shape[0] // _BLOCK_PX, values.shape[1] // _BLOCK_PX
    blocks = (rows, _BLOCK_PX, columns, _BLOCK_PX)
    cut = (slice(0, rows * _BLOCK_PX), slice(0, columns * _BLOCK_PX))
    sigma = fine[cut].reshape(blocks).mean(axis=(1, 3)) * math.sqrt(math.pi / 2) / 6.0
    level = values[cut].reshape(blocks).mean(axis=(1, 3))
    for low in range(0, 256, step):
        chosen = sigma[(level >= low) & (level < low + step)]
        if chosen.size >= 12:
            found[low + step // 2] = float(np.percentile(chosen, 10))
    return found


def noise_colour(picture: Picture, window: Window) -> float:
    """Amplitude of a flat place's spectrum at 0.46 cycles a pixel by that at 0.15: 1 is white, less is blurred."""
    level = spectrum(picture, window, 1.0, (0.15, 0.46), width=0.08)
    return level[1] / max(level[0], 1e-6)


def spectrum(
    picture: Picture, window: Window, px_per_mm: float, cycles_per_mm: Sequence[float], *, width: float = 0.25
) -> list[float]:
    """Root of the radial power density of a window, 8-bit levels by pixel, at these frequencies.

    With ``px_per_mm`` 1 frequencies are cycles a pixel.
    """
    values = grey_of(picture)[window]
    values = values - cv2.GaussianBlur(values, (0, 0), 4.0)
    taper = np.outer(np.hanning(values.shape[0]), np.hanning(values.shape[1]))
    power = np.abs(np.fft.rfft2(values * taper)) ** 2 / (taper**2).sum()
    radius = np.hypot(np.fft.fftfreq(values.shape[0])[:, None], np.fft.rfftfreq(values.shape[1])[None, :]) * px_per_mm
    return [float(np.sqrt(power[np.abs(radius - f) < width / 2].mean())) for f in cycles_per_mm]


def band_transfer(
    reference: Picture, other: Picture, window: Window, px_per_mm: float, cycles_per_mm: Sequence[float]
) -> list[float]:
    """How much of the reference's print another band keeps, by frequency; each against its own paper.

    The cross spectrum's magnitude, so noise does not count and a shift within the window costs nothing.
    """
    one, two = (_by_paper(grey_of(picture)[window], px_per_mm) for picture in (reference, other))
    taper = np.outer(np.hanning(one.shape[0]), np.hanning(one.shape[1]))
    a, b = (np.fft.rfft2((values - values.mean()) * taper) for values in (one, two))
    radius = np.hypot(np.fft.fftfreq(one.shape[0])[:, None], np.fft.rfftfreq(one.shape[1])[None, :]) * px_per_mm
    result = []
    for frequency in cycles_per_mm:
        ring = np.abs(radius - frequency) < 0.12
        # A shift turns the phase evenly over a ring's neighbourhood only: take magnitudes in small sectors.
        cross, own = (b * a.conj())[ring], (np.abs(a) ** 2)[ring]
        weight = own > np.percentile(own, 60)
        result.append(float(np.abs(cross[weight]).sum() / own[weight].sum()))
    return result


def _by_paper(values: Grey, px_per_mm: float) -> Grey:
    """Levels by their paper: the brightest within 2.5 mm, smoothed."""
    size = int(5.0 * px_per_mm) | 1
    top = cv2.dilate(cv2.GaussianBlur(values, (0, 0), 0.15 * px_per_mm), np.ones((size, size), np.uint8))
    return np.asarray(values / np.maximum(cv2.GaussianBlur(top, (0, 0), 2.5 * px_per_mm), 1.0), dtype=np.float32)


def tile_levels(picture: Picture, rows: int = 6, columns: int = 8, percentile: float = 80.0) -> FloatArray:
    """A percentile of each tile, (rows, columns)."""
    values = grey_of(picture)
    height, width = values.shape[0] // rows, values.shape[1] // columns
    tiles = values[: height * rows, : width * columns].reshape(rows, height, columns, width)
    return np.asarray(np.percentile(tiles.transpose(0, 2, 1, 3).reshape(rows, columns, -1), percentile, axis=2))


def corner_falloff(picture: Picture, inset: float = 0.02) -> tuple[float, float]:
    """Paper at the corners, and at the middles of the short sides, by paper in the centre, encoded."""
    height, width = picture.shape[:2]
    y, x = int(inset * height), int(inset * width)
    tiles = tile_levels(picture[y : height - y, x : width - x])
    centre = float(np.median(np.sort(tiles[1:5, 2:6].ravel())[-8:]))
    corners = float(np.mean([tiles[0, 0], tiles[0, -1], tiles[-1, 0], tiles[-1, -1]]))
    sides = float(max(tiles[2:4, 0].max(), tiles[4, 0]) + max(tiles[2:4, -1].max(), tiles[4, -1])) / 2
    return corners / centre, sides / centre


def channel_levels(picture: Picture, percentiles: Sequence[float]) -> list[list[float]]:
    """Percentiles of each channel, one list a percentile."""
    channels = picture if picture.ndim == 3 else picture[..., None]
    return [[float(np.percentile(channels[..., c], p)) for c in range(channels.shape[2])] for p in percentiles]


def registration_px(reference: Picture, other: Picture, tile: int = 128) -> FloatArray:
    """Shifts of one band against another by tile, (n, 2) pixels x and y; only where both show the same print."""
    one, two = (_fine(grey_of(picture)) for picture in (reference, other))
    taper = cv2.createHanningWindow((tile, tile), cv2.CV_32F)
    shifts = []
    for y in range(tile // 8, one.shape[0] - tile, tile * 3 // 4):
        for x in range(tile // 8, one.shape[1] - tile, tile * 3 // 4):
            a = np.ascontiguousarray(one[y : y + tile, x : x + tile])
            b = np.ascontiguousarray(two[y : y + tile, x : x + tile])
            shift, response = cv2.phaseCorrelate(a, b, taper)
            if response > 0.3 and max(abs(shift[0]), abs(shift[1])) < 8:
                shifts.append(shift)
    return np.array(shifts, dtype=np.float64).reshape(-1, 2)


def _fine(values: Grey) -> Grey:
    return np.asarray(values - cv2.GaussianBlur(values, (0, 0), 6.0), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Residue:
    """How far a picture under the lamp is a filtered visible one (least squares over 7 x 7 neighbours)."""

    explained: float  # share of the variance, R2
    centre: float  # weight of the visible pixel itself
    total: float  # sum of all weights: what is left of even areas


def residue(visible: Picture, uv: Picture, window: Window, channel: int = 1) -> Residue:
    """The visible picture's ghost in the one under the lamp."""
    plane = grey_of(visible)
    target = np.asarray(uv[..., channel] if uv.ndim == 3 else uv, dtype=np.float32)[window].ravel()
    columns = [np.roll(plane, (dy, dx), axis=(0, 1))[window].ravel() for dy in range(-3, 4) for dx in range(-3, 4)]
    matrix = np.stack([*columns, np.ones_like(target)], axis=1)
    weights, _, _, _ = np.linalg.lstsq(matrix, target, rcond=None)
    rest = target - matrix @ weights
    explained = 1.0 - float((rest**2).sum() / max(((target - target.mean()) ** 2).sum(), 1e-6))
    return Residue(explained, float(weights[24]), float(weights[:49].sum()))
