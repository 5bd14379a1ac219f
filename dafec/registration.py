"""Registration: one light brought onto the geometry light, coarse to fine, with a verdict on whether to believe it.

Infrared and ultraviolet show other inks than visible light, so grey values cannot be compared; edges can. Both images
become locally normalised gradient magnitudes (a luminescent motif or a vignette then weighs no more than a faint
ghost). One translation is found on maps four times smaller, then patches all over the page are matched by normalised
cross-correlation to a fraction of a pixel, and a robust translation, similarity or affine map is fitted, by how many
patches agree. The result is believed only if the correlation of the edge maps stands clear of what deliberately
shifted copies give; text repeats itself, so shifted copies are the honest yardstick, not zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.geometry import FloatArray

__all__ = ["Registration", "register"]

_COARSE = 4  # the first search runs on maps this much smaller
_COARSE_REACH_MM = 3.0
_FINE_REACH_MM = 0.9
_PATCH_MM = 13.0
_GRID = (7, 5)  # patches across and down
_MIN_PEAK = 0.2  # normalised cross-correlation a patch must reach
_MIN_PROMINENCE = 0.05  # above the best match elsewhere in the search window
_MAX_STRETCH = 0.03  # readers share one lens or two alike; more is a mismatch
_SHIFTS_MM = ((4.1, 1.3), (-3.7, 2.9), (1.7, -4.6), (-4.9, -2.3), (6.1, 4.7), (-6.7, 3.7), (2.9, 6.4), (-1.3, -6.9))


@dataclass(frozen=True, slots=True)
class Registration:
    """How one light was brought onto the page's geometry light."""

    shift_px: tuple[float, float]  # mean displacement found, page pixels
    correlation: float  # of edge maps after registration, -1..1
    reliable: bool  # False: the page keeps the unregistered image and checks across bands say ``undetermined``


def _edge_map(grey: NDArray[np.uint8], px_per_mm: float) -> NDArray[np.float32]:
    """Gradient magnitude over its local mean, (h, w), about 0..4."""
    smooth = cv2.GaussianBlur(grey, (0, 0), max(0.6, 0.14 * px_per_mm))
    dx = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3)
    dy = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3)
    magnitude = cv2.magnitude(dx, dy)
    window = max(3, round(5.0 * px_per_mm)) | 1
    local = cv2.blur(magnitude, (window, window))
    floor = 0.35 * float(magnitude.mean()) + 1e-3
    return np.asarray(np.minimum(magnitude / (local + floor), 4.0), dtype=np.float32)


def _subpixel(response: NDArray[np.float32]) -> tuple[float, float, float, float]:
    """Peak of a match response: x and y from its centre, its height, and its prominence over the rest."""
    y, x = np.unravel_index(int(response.argmax()), response.shape)
    peak = float(response[y, x])
    others = response.copy()
    others[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3] = -1
    offsets = []
    for row, position, size in ((response[y], int(x), response.shape[1]), (response[:, x], int(y), response.shape[0])):
        delta = 0.0
        if 0 < position < size - 1:
            before, after = float(row[position - 1]), float(row[position + 1])
            bend = 2 * peak - before - after
            delta = float(np.clip((after - before) / (2 * bend), -0.5, 0.5)) if bend > 1e-6 else 0.0
        offsets.append(position + delta - (size - 1) / 2)
    return offsets[0], offsets[1], peak, peak - float(others.max())


def _coarse_shift(reference: NDArray[np.float32], moving: NDArray[np.float32], px_per_mm: float) -> tuple[float, float]:
    """Displacement of ``moving`` against ``reference`` in full pixels, within ``_COARSE_REACH_MM``."""
    size = (max(16, reference.shape[1] // _COARSE), max(16, reference.shape[0] // _COARSE))
    small_reference = cv2.resize(reference, size, interpolation=cv2.INTER_AREA)
    small_moving = cv2.resize(moving, size, interpolation=cv2.INTER_AREA)
    ratio = reference.shape[1] / size[0]
    reach = int(np.clip(round(_COARSE_REACH_MM * px_per_mm / ratio), 1, min(size) // 4))
    template = small_reference[reach:-reach, reach:-reach]
    response = np.asarray(cv2.matchTemplate(small_moving, template, cv2.TM_CCOEFF_NORMED), dtype=np.float32)
    dx, dy, _, _ = _subpixel(response)
    return dx * ratio, dy * ratio


def _match_patches(
    reference: NDArray[np.float32], moving: NDArray[np.float32], start: FloatArray, px_per_mm: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Patch centres in the reference, the same places in ``moving``, and weights; shapes (n, 2), (n, 2), (n,)."""
    height, width = reference.shape
    half = max(8, round(_PATCH_MM * px_per_mm / 2))
    reach = max(2, round(_FINE_REACH_MM * px_per_mm))
    sources, targets, weights = [], [], []
    for cy in np.linspace(half, height - 1 - half, _GRID[1]).round().astype(int):
        for cx in np.linspace(half, width - 1 - half, _GRID[0]).round().astype(int):
            template = reference[cy - half : cy + half + 1, cx - half : cx + half + 1]
            if float(template.std()) < 0.1:
                continue
            guess = np.rint((start @ np.array([cx, cy, 1.0]))[:2]).astype(int)
            x0, y0 = guess[0] - half - reach, guess[1] - half - reach
            x1, y1 = guess[0] + half + reach + 1, guess[1] + half + reach + 1
            if x0 < 0 or y0 < 0 or x1 > width or y1 > height:
                continue
            response = cv2.matchTemplate(moving[y0:y1, x0:x1], template, cv2.TM_CCOEFF_NORMED)
            dx, dy, peak, prominence = _subpixel(np.asarray(response, dtype=np.float32))
            if peak < _MIN_PEAK or prominence < _MIN_PROMINENCE or max(abs(dx), abs(dy)) > reach - 0.5:
                continue
            sources.append((float(cx), float(cy)))
            targets.append((guess[0] + dx, guess[1] + dy))
            weights.append(peak * prominence)
    return np.array(sources).reshape(-1, 2), np.array(targets).reshape(-1, 2), np.array(weights)


def _solve(source: FloatArray, target: FloatArray, weight: FloatArray, kind: str) -> FloatArray:
    """Weighted least-squares translation, similarity or affine map as a (3, 3) matrix."""
    result = np.eye(3)
    total = weight.sum()
    source_mean = (source * weight[:, None]).sum(axis=0) / total
    target_mean = (target * weight[:, None]).sum(axis=0) / total
    s, t = source - source_mean, target - target_mean
    linear = np.eye(2)
    if kind == "similarity":
        power = float((weight * (s**2).sum(axis=1)).sum())
        a = float((weight * (s * t).sum(axis=1)).sum()) / power
        b = float((weight * (s[:, 0] * t[:, 1] - s[:, 1] * t[:, 0])).sum()) / power
        linear = np.array([[a, -b], [b, a]])
    elif kind == "affine":
        moment = (s * weight[:, None]).T @ s
        linear = np.linalg.solve(moment, (s * weight[:, None]).T @ t).T
    result[:2, :2] = linear
    result[:2, 2] = target_mean - linear @ source_mean
    return result


def _fit(source: FloatArray, target: FloatArray, weight: FloatArray, start: FloatArray) -> tuple[FloatArray, float]:
    """A robust map through the patches and the share of patches that agree with it; ``start`` where too few match."""
    if len(source) < 3:
        return start, 0.0
    middle = np.median(target - source, axis=0)
    spread = np.abs(target - source - middle).max(axis=1)
    agree = spread <= max(3.0, 2.5 * float(np.median(spread)))
    fitted = start
    for _ in range(5):
        count = int(agree.sum())
        if count < 3:
            return start, 0.0
        spans = np.ptp(source[agree], axis=0)
        wide = bool((spans > 0.4 * np.ptp(source, axis=0)).all()) and bool((spans > 0).all())
        kind = "affine" if count >= 12 and wide else "similarity" if count >= 6 and wide else "translation"
        fitted = _solve(source[agree], target[agree], weight[agree], kind)
        mapped = source @ fitted[:2, :2].T + fitted[:2, 2]
        residual = np.linalg.norm(target - mapped, axis=1)
        agree = residual <= max(0.5, 2.5 * float(np.median(residual[agree])))
    return fitted, float(agree.mean())


def _correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    a, b = one - one.mean(), other - other.mean()
    power = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum() / power) if power > 0 else 0.0


def _warp(image: NDArray[np.float32], matrix: FloatArray) -> NDArray[np.float32]:
    height, width = image.shape
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(image, matrix[:2], (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, dtype=np.float32)


def _is_convincing(
    reference: NDArray[np.float32], registered: NDArray[np.float32], px_per_mm: float
) -> tuple[bool, float]:
    """Whether the edge maps agree in place and not merely in kind, and their correlation."""
    # Two pixels of blur: a residual error of half a pixel must not look like disagreement.
    one = np.asarray(cv2.GaussianBlur(reference, (0, 0), 1.0)[::2, ::2], dtype=np.float32)
    other = np.asarray(cv2.GaussianBlur(registered, (0, 0), 1.0)[::2, ::2], dtype=np.float32)
    px_per_mm = px_per_mm / 2
    margin = int(np.ceil(7.0 * px_per_mm))
    if min(one.shape) < 4 * margin:
        margin = min(one.shape) // 4
    inner = (slice(margin, one.shape[0] - margin), slice(margin, one.shape[1] - margin))
    correlation = _correlation(one[inner], other[inner])
    shifted = []
    for dx_mm, dy_mm in _SHIFTS_MM:
        dx = int(np.clip(round(dx_mm * px_per_mm), -margin, margin))
        dy = int(np.clip(round(dy_mm * px_per_mm), -margin, margin))
        moved = other[
            margin + dy : other.shape[0] - margin + dy,
            margin + dx : other.shape[1] - margin + dx,
        ]
        shifted.append(_correlation(one[inner], moved))
    clear = correlation > max(shifted) + 0.04 and correlation > np.mean(shifted) + 3 * np.std(shifted)
    return bool(clear and correlation > 0.08), correlation


def register(
    reference: NDArray[np.uint8], moving: NDArray[np.uint8], px_per_mm: float
) -> tuple[Registration, FloatArray]:
    """Find where every pixel of the geometry light lies in another light.

    Args:
        reference: the geometry light's page, (h, w), uint8.
        moving: the other light brought to the same size by the frames' sizes alone, (h, w), uint8.
        px_per_mm: of both; 5 to 8 is enough for a tenth of a page pixel and quick.

    Returns:
        The registration, its shift in pixels of these images, and the (3, 3) affine map from reference pixels to
        pixels of ``moving``; the identity where the registration is not reliable.
    """
    reference_edges, moving_edges = _edge_map(reference, px_per_mm), _edge_map(moving, px_per_mm)
    start = np.eye(3)
    start[:2, 2] = _coarse_shift(reference_edges, moving_edges, px_per_mm)
    source, target, weight = _match_patches(reference_edges, moving_edges, start, px_per_mm)
    fitted, agreeing = _fit(source, target, weight, start)
    singular = np.linalg.svd(fitted[:2, :2], compute_uv=False)
    if np.abs(singular - 1).max() > _MAX_STRETCH or abs(fitted[0, 1] - fitted[1, 0]) / 2 > _MAX_STRETCH:
        fitted, agreeing = start, 0.0
    convincing, correlation = _is_convincing(reference_edges, _warp(moving_edges, fitted), px_per_mm)
    reliable = convincing and agreeing > 0.3
    height, width = reference.shape
    centre = np.array([width / 2, height / 2, 1.0])
    shift = (fitted @ centre - centre)[:2]
    result = Registration((float(shift[0]), float(shift[1])), round(correlation, 4), reliable)
    return result, fitted if reliable else np.eye(3)
