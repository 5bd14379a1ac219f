"""The last tenth of a millimetre: a page brought closer to its reference, and put straight where its outline was askew.

Patches all over the page are matched to the reference's picture to a fraction of a pixel. An affine map through them
takes out what is left of the registration's error. An outline that takes the cover's edge for the page's on one side
leaves a page that is stretched unevenly: no affine map fits. Where a projective one does, clearly better, every light
of the page is brought by it to where it belongs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from dafec.features.routines_material import REFERENCE_PX_PER_MM, Reference, stretched_bytes
from dafec.geometry import FloatArray
from dafec.lights import Light
from dafec.page import Page

__all__ = ["Straightened", "closer_map", "straighten"]

_GRID = (10, 7)
_PATCH_MM = 9.0
_NEAR_MM, _REACH_MM = 0.9, 2.3  # where patches are looked for: on a page that lies nearly right, on one that is askew
_PEAK = 0.35  # normalised cross-correlation a patch must reach
_LEAST_PATCHES, _LEAST_SHARE = 10, 0.5
_STEADY = 0.3  # how constant a pixel has to be
_CONSTANT_SHARE = 0.45  # of a patch that has to be constant
_CLOSE_PX, _TOLERANCE_PX = 0.7, 1.2
_WORTH_PX = 1.0  # of the reference: a corner that the affine map found leaves farther off


@dataclass(frozen=True, slots=True, eq=False)
class Straightened:
    """The page as it lies on the reference."""

    page: Page
    page_from_straight: FloatArray  # (3, 3), its pixels to those of the page as found


def _edges(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    smooth = cv2.GaussianBlur(picture, (0, 0), 1.0)
    magnitude = cv2.magnitude(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1))
    return np.asarray(magnitude / (cv2.blur(magnitude, (31, 31)) + np.float32(4)), np.float32)


def _subpixel(response: NDArray[np.float32], y: int, x: int) -> tuple[float, float]:
    """The peak of a response to a fraction of a pixel, by parabolas through its neighbours; y, x."""
    moved = []
    for low, mid, high in (
        (response[y - 1, x], response[y, x], response[y + 1, x]),
        (response[y, x - 1], response[y, x], response[y, x + 1]),
    ):
        curve = float(low - 2 * mid + high)
        moved.append(0.5 * float(low - high) / curve if curve < -1e-6 else 0.0)
    return y + moved[0], x + moved[1]


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """Patches found on a moving picture."""

    source: FloatArray  # their centres on the reference, (n, 2)
    target: FloatArray  # where they are on the moving picture
    asked: int  # how many patches hold enough print that every document has

    def enough(self, inside: ArrayLike | None) -> bool:
        """Whether those that agree on a map are most of what was asked for."""
        count = 0 if inside is None else int(np.sum(np.asarray(inside)))
        return count >= max(_LEAST_PATCHES, round(_LEAST_SHARE * self.asked))


def _pairs(reference: Reference, light: Light, moving: NDArray[np.uint8], reach_mm: float) -> _Pairs:
    """Match patches of what is constant: personal print lies where its printer put it, not where the page is."""
    steady = (reference.weight[light] > _STEADY).astype(np.float32)
    fixed, other = _edges(reference.pictures[light]) * steady, _edges(moving)
    height, width = fixed.shape
    half, reach = round(_PATCH_MM * REFERENCE_PX_PER_MM / 2), round(reach_mm * REFERENCE_PX_PER_MM)
    source, target, asked = [], [], 0
    for y in np.linspace(half + reach, height - half - reach - 1, _GRID[1]).astype(int):
        for x in np.linspace(half + reach, width - half - reach - 1, _GRID[0]).astype(int):
            place = (slice(y - half, y + half), slice(x - half, x + half))
            if float(steady[place].mean()) < _CONSTANT_SHARE:
                continue
            asked += 1
            window = other[y - half - reach : y + half + reach, x - half - reach : x + half + reach]
            response = np.asarray(cv2.matchTemplate(window, fixed[place], cv2.TM_CCOEFF_NORMED), np.float32)
            dy, dx = (int(v) for v in np.unravel_index(int(response.argmax()), response.shape))
            if response[dy, dx] >= _PEAK and 0 < dy < 2 * reach and 0 < dx < 2 * reach:
                fine_y, fine_x = _subpixel(response, dy, dx)
                source.append((x, y))
                target.append((x + fine_x - reach, y + fine_y - reach))
    return _Pairs(np.array(source, float).reshape(-1, 2), np.array(target, float).reshape(-1, 2), asked)


def closer_map(reference: Reference, light: Light, moving: NDArray[np.uint8]) -> FloatArray | None:
    """The affine map that brings a page that lies nearly right closer to its reference.

    Args:
        reference: the reference.
        light: its light.
        moving: the page's picture on the same raster.

    Returns:
        Reference pixels to moving pixels; None where too few patches agree, near by or within two millimetres.
    """
    for reach_mm in (_NEAR_MM, _REACH_MM):
        pairs = _pairs(reference, light, moving, reach_mm)
        if len(pairs.source) < _LEAST_PATCHES:
            continue
        found, inside = cv2.estimateAffine2D(
            pairs.source, pairs.target, method=cv2.RANSAC, ransacReprojThreshold=_CLOSE_PX
        )
        if found is not None and pairs.enough(inside):
            return np.vstack([found, [0.0, 0.0, 1.0]])
    return None


def _fit(reference: Reference, light: Light, moving: NDArray[np.uint8]) -> FloatArray | None:
    """Reference pixels to moving pixels; None where patches do not agree on a projective map."""
    pairs = _pairs(reference, light, moving, _REACH_MM)
    if len(pairs.source) < _LEAST_PATCHES:
        return None
    found, inside = cv2.findHomography(pairs.source, pairs.target, cv2.RANSAC, _TOLERANCE_PX)
    return np.asarray(found, np.float64) if found is not None and pairs.enough(inside) else None


def _apart_px(one: FloatArray, other: FloatArray, shape: tuple[int, int]) -> float:
    """How far apart two maps lay the corner they differ most in."""
    height, width = shape
    corners = np.array([[[0, 0], [width, 0], [0, height], [width, height]]], np.float64)
    return float(np.abs(cv2.perspectiveTransform(corners, one) - cv2.perspectiveTransform(corners, other)).max())


def straighten(
    page: Page, reference: Reference, light: Light, matrix: FloatArray, direct: FloatArray
) -> Straightened | None:
    """Put a page straight.

    Args:
        page: as found.
        reference: it is taken for.
        light: that shows the reference's print.
        matrix: the affine map found so far, reference pixels to page pixels.
        direct: the map a straight page would have.

    Returns:
        The straight page; None where an affine map serves, or nothing better is found.
    """
    size = (reference.shape[1], reference.shape[0])
    shown = page.images[light]
    grey = np.asarray(shown if shown.ndim == 2 else cv2.cvtColor(np.ascontiguousarray(shown), cv2.COLOR_RGB2GRAY))
    flags = cv2.INTER_AREA | cv2.WARP_INVERSE_MAP
    total = matrix
    for _ in range(2):
        moving = stretched_bytes(np.asarray(cv2.warpPerspective(grey, total, size, flags=flags), np.float32))
        found = _fit(reference, light, moving)
        if found is None:
            return None
        total = total @ found
    total = total / total[2, 2]
    if _apart_px(total, matrix, reference.shape) < _WORTH_PX * page.px_per_mm / REFERENCE_PX_PER_MM:
        return None
    back = total @ np.linalg.inv(direct)
    images = {}
    for name, image in page.images.items():
        scale = np.diag([image.shape[1] / grey.shape[1], image.shape[0] / grey.shape[0], 1.0])
        own = scale @ back @ np.linalg.inv(scale)
        images[name] = np.asarray(
            cv2.warpPerspective(
                image,
                own,
                (image.shape[1], image.shape[0]),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REPLICATE,
            ),
            np.float32,
        )
    boxes = tuple(_moved_box(box, np.linalg.inv(back), page.px_per_mm) for box in page.mrz_boxes_mm)
    return Straightened(replace(page, images=images, mrz_boxes_mm=boxes), back)


def _moved_box(
    box: tuple[float, float, float, float], matrix: FloatArray, px_per_mm: float
) -> tuple[float, float, float, float]:
    x, y, width, height = box
    corners = np.array([[[x, y], [x + width, y + height]]], np.float64) * px_per_mm
    (x0, y0), (x1, y1) = cv2.perspectiveTransform(corners, matrix)[0] / px_per_mm
    return float(x0), float(y0), float(x1 - x0), float(y1 - y0)
