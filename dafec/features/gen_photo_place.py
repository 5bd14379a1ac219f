"""Where the portrait stands on a page of no known layout.

A portrait is the largest upright block of continuous tone: dark after every stroke thinner than a millimetre and a half
is closed away, of a width of 12 to 42 mm and a height of 15 to 50 mm (Doc 9303-4, -5 and -7 leave 24 to 36 mm by 29 to
46 mm), of varied tone inside. Nothing rests on a face or on the colour of skin: hair, dress and ground count alike.

Its four sides are then moved to the clearest straight edges nearby, in visible and in ultraviolet light, where dyes
absorb and a photo put in later differs from the sheet, that together have a portrait's shape. Where a side has none, a
portrait without a printed ground for one, it stays at the block's own border and is not called found.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.features.zones import mrz_region
from dafec.geometry import BoxMm
from dafec.page import Page
from dafec.quality import luminance

__all__ = ["PhotoPlace", "find_photo"]

_SCALE = 3.0  # pixels a millimetre
_STROKE_MM = 1.7
_TONE = 0.10  # of full scale below the paper
_WIDTH_MM = (11.0, 42.0)
_HEIGHT_MM = (14.0, 52.0)
_REACH_MM = 7.0  # a side lies at most this far outside the block
_EDGE = 0.012  # of full scale a pixel: along a side
_MIN_AREA_MM2 = 150.0
_SHAPE = 1.286  # height to width: 45 to 35 mm, as ISO/IEC 39794-5 prints them
_SHAPE_WEIGHT = 8.0
_AWAY_WEIGHT = 0.08  # a millimetre
_WEAKEST = 0.3  # quantile along a side
_UV_WEIGHT = 0.2  # a step of a quarter of the paper's ultraviolet brightness counts in full
_DARK_UV = 0.03  # of full scale
_ALONG_STEP = 2  # every other line across a side tells as much
_CLEAR = 0.05  # of full scale: a step that counts in full


@dataclass(frozen=True, slots=True)
class PhotoPlace:
    """The portrait's box, and which of its sides stand on an edge."""

    box: BoxMm
    sides: tuple[bool, bool, bool, bool]  # left, top, right, bottom


def _tone(page: Page) -> tuple[NDArray[np.float32], float]:
    """The visible picture at about three pixels a millimetre, and its true scale."""
    return _reduced(page.images["visible"], page)


def _reduced(image: NDArray[np.float32], page: Page) -> tuple[NDArray[np.float32], float]:
    step = max(1, round(page.px_per_mm / _SCALE))
    height, width = image.shape[0] // step * step, image.shape[1] // step * step
    size = (width // step, height // step)
    # A whole-numbered step is three times as quick as any other.
    small = cv2.resize(image[:height, :width], size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32), page.px_per_mm / step


def _blocks(small: NDArray[np.float32], scale: float, page: Page) -> list[tuple[int, int, int, int]]:
    grey = luminance(small)
    stroke = max(3, round(_STROKE_MM * scale)) | 1
    closed = cv2.morphologyEx(grey, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_RECT, (stroke, stroke)))
    paper = float(np.quantile(closed, 0.8))
    dark = (closed < paper - _TONE).astype(np.uint8)
    rim = round(1.5 * scale)
    dark[:rim], dark[-rim:], dark[:, :rim], dark[:, -rim:] = 0, 0, 0, 0
    zone = mrz_region(page)
    if zone is not None:
        dark[max(round(zone.y * scale), 0) : round((zone.y + zone.height) * scale)] = 0
    whole = max(3, round(2.0 * scale)) | 1
    opened = cv2.morphologyEx(dark, cv2.MORPH_OPEN, np.ones((whole, whole), np.uint8))
    joined = cv2.morphologyEx(opened, cv2.MORPH_CLOSE, np.ones((round(3 * scale) | 1, round(3 * scale) | 1), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    found = []
    for n in range(1, count):
        x, y, w, h, area = (int(v) for v in stats[n])
        if not (
            _WIDTH_MM[0] * scale <= w <= _WIDTH_MM[1] * scale and _HEIGHT_MM[0] * scale <= h <= _HEIGHT_MM[1] * scale
        ):
            continue
        if area < _MIN_AREA_MM2 * scale * scale or not 0.8 <= h / w <= 2.2:
            continue
        inside = labels[y : y + h, x : x + w] == n
        spread = float(np.std(closed[y : y + h, x : x + w][inside]))
        found.append((area * min(spread, 0.2), (x, y, x + w, y + h)))
    return [box for _, box in sorted(found, reverse=True)]


def _candidates(profile: NDArray[np.float32], low: int, high: int, own: int) -> list[tuple[int, float]]:
    """Positions and steps of the clearest edges of a profile in a range, and the block's own border without one."""
    low, high = max(low, 2), min(high, len(profile) - 2)
    part = profile[low:high]
    found = [(own, 0.0)]
    if len(part) < 3:
        return found
    peak = (part > _EDGE) & (part >= np.roll(part, 1)) & (part >= np.roll(part, -1))
    places = np.flatnonzero(peak)
    best = places[np.argsort(-part[places])][:5]
    return found + [(low + int(n), float(part[n])) for n in best]


def _frame(
    sides: tuple[list[tuple[int, float]], ...], block: tuple[int, int, int, int], scale: float
) -> tuple[tuple[int, float], ...]:
    """One edge for each of left, top, right, bottom: clear, near the block, and together of a portrait's shape."""
    best_score, best = -1e9, tuple(side[0] for side in sides)
    for chosen in itertools.product(*sides):
        width, height = chosen[2][0] - chosen[0][0], chosen[3][0] - chosen[1][0]
        if width <= 0 or height <= 0:
            continue
        clear = sum(min(step, _CLEAR) / _CLEAR for _, step in chosen)
        away = sum(abs(at - own) for (at, _), own in zip(chosen, block, strict=True)) / scale
        score = clear - _SHAPE_WEIGHT * abs(np.log(height / width / _SHAPE)) - _AWAY_WEIGHT * away
        if score > best_score:
            best_score, best = score, chosen
    return best


def find_photo(page: Page) -> PhotoPlace | None:
    """The portrait of a page with a visible picture; None where there is nothing like one. Found once for a page."""
    return page.measured.get("photo", lambda: _find_photo(page))


def _find_photo(page: Page) -> PhotoPlace | None:
    small, scale = _tone(page)
    boxes = _blocks(small, scale, page)
    if not boxes:
        return None
    x0, y0, x1, y1 = boxes[0]
    reach, inner = round(_REACH_MM * scale), round(1.5 * scale)
    rows = slice(y0 + (y1 - y0) // 8, y1 - (y1 - y0) // 8)
    columns = slice(x0 + (x1 - x0) // 8, x1 - (x1 - x0) // 8)
    across, down = _profiles(small, rows, columns)
    if "uv" in page.images and page.images["uv"].shape[:2] == page.images["visible"].shape[:2]:
        shine, _ = _reduced(page.images["uv"], page)
        level = max(float(np.median(shine[::2, ::2].max(axis=-1) if shine.ndim == 3 else shine)), _DARK_UV)
        also = _profiles(shine * np.float32(_UV_WEIGHT / level), rows, columns)
        across, down = np.maximum(across, also[0]), np.maximum(down, also[1])
    sides = (
        _candidates(across, x0 - reach, x0 + inner, x0),
        _candidates(down, y0 - reach, y0 + inner, y0),
        _candidates(across, x1 - inner, x1 + reach, x1),
        _candidates(down, y1 - inner, y1 + reach, y1),
    )
    left, top, right, bottom = _frame(sides, boxes[0], scale)
    # Pixel n of a profile is the step across its middle.
    at = [(side[0] + 0.5) / scale for side in (left, top, right, bottom)]
    box = BoxMm(at[0], at[1], at[2] - at[0], at[3] - at[1])
    return PhotoPlace(box, (left[1] > 0, top[1] > 0, right[1] > 0, bottom[1] > 0))


def _profiles(
    picture: NDArray[np.float32], rows: slice, columns: slice
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Steps across (over the columns of the page) and down, as medians over the block's rows and columns."""
    smooth = np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.8), np.float32)
    return _profile(smooth[rows], 1), _profile(smooth[:, columns], 0)


def _profile(strip: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Step that most of an edge's length reaches, at every position, over two pixels; the largest of the channels."""
    if strip.ndim == 2:
        strip = strip[:, :, None]
    strip = strip[::_ALONG_STEP] if axis == 1 else strip[:, ::_ALONG_STEP]
    ahead = np.roll(strip, -1, axis=axis) - np.roll(strip, 1, axis=axis)
    # A frame's side holds all along; a row of text, a shoulder or a motif holds for half of it.
    low, high = np.quantile(ahead, (_WEAKEST, 1 - _WEAKEST), axis=1 - axis)
    steps = np.maximum(np.maximum(low, -high), 0).max(axis=-1)
    steps[:2], steps[-2:] = 0, 0
    return np.asarray(steps, np.float32)
