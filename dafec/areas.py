"""Areas: places in a frame that may hold a document, found without reading anything.

Two sources: what differs from the background seen along the frame's border (a scanner's lid, a table), and the
probability map of a neural document detector. Both give rough quads that ``dafec.outline`` then refines.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.geometry import FloatArray

__all__ = ["Area", "find_areas", "mask_areas"]

_RING_SHARE = 0.015  # width of the border ring the background is estimated on, of the longer side
_MIN_AREA_SHARE = 0.012  # an ID-1 card covers 7 % of A4; smaller things are stamps and dust
_CLOSE_SHARE = 0.02  # gaps in a pale page's print and outline that are bridged, of the longer side
_MASK_SHRINK = 0.97  # the detector was taught documents of this share of their size
_MIN_FILL = 0.80  # of its quad that a four-sided area fills


@dataclass(frozen=True, slots=True)
class Area:
    """A rough quad."""

    corners: FloatArray  # (4, 2) pixels of the image searched, clockwise from the one nearest the top left
    fill: float  # area over the quad's area, 0..1
    share: float  # of the image, 0..1
    clutter: float = 0.0  # share of the image outside every area that is not plain background, 0..1


def _foreground(small: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pixels that differ from the border's background, or lie on an edge; 0 or 255."""
    image = small if small.ndim == 3 else small[:, :, None]
    ring = max(2, round(_RING_SHARE * max(image.shape[:2])))
    border = np.concatenate(
        [
            image[:ring].reshape(-1, image.shape[2]),
            image[-ring:].reshape(-1, image.shape[2]),
            image[:, :ring].reshape(-1, image.shape[2]),
            image[:, -ring:].reshape(-1, image.shape[2]),
        ]
    )
    background = np.median(border, axis=0)
    spread = float(np.median(np.abs(border - background)))
    distance = np.abs(image.astype(np.int16) - background.astype(np.int16)).max(axis=2)
    different = (distance > max(14.0, 5.0 * spread)).astype(np.uint8) * 255
    # A white card on a white lid shows by its shadow line only, a few levels deep.
    grey = np.asarray(cv2.GaussianBlur(image.max(axis=2), (3, 3), 0))
    edges = cv2.Canny(grey, 12 + 3 * spread, 30 + 6 * spread)
    return np.asarray(cv2.bitwise_or(different, edges), dtype=np.uint8)


def _quad_of(contour: NDArray[np.int32]) -> FloatArray:
    """Four corners that describe a contour's hull: a polygon where one fits, else the smallest turned rectangle."""
    hull = cv2.convexHull(contour)
    length = cv2.arcLength(hull, closed=True)
    for tolerance in (0.01, 0.02, 0.03, 0.05, 0.08):
        polygon = cv2.approxPolyDP(hull, tolerance * length, closed=True)
        if len(polygon) == 4:
            # Rounded corners pull the polygon inwards; it may not lose more than that.
            if cv2.contourArea(polygon) > 0.93 * cv2.contourArea(hull):
                return np.asarray(polygon, dtype=np.float64).reshape(4, 2)
            break
    return np.asarray(cv2.boxPoints(cv2.minAreaRect(hull)), dtype=np.float64)


def _clockwise(corners: FloatArray) -> FloatArray:
    centred = corners - corners.mean(axis=0)
    ordered = corners[np.argsort(np.arctan2(centred[:, 1], centred[:, 0]))]
    return np.asarray(np.roll(ordered, -int(np.argmin(ordered.sum(axis=1))), axis=0), dtype=np.float64)


def _areas_of(binary: NDArray[np.uint8]) -> list[Area]:
    contours, _ = cv2.findContours(binary, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    total = float(binary.shape[0] * binary.shape[1])
    found: list[Area] = []
    for contour in contours:
        area = float(cv2.contourArea(contour))
        if area < _MIN_AREA_SHARE * total:
            continue
        corners = _clockwise(_quad_of(np.asarray(contour, dtype=np.int32)))
        fill = area / max(float(cv2.contourArea(corners.astype(np.float32))), 1.0)
        if fill >= _MIN_FILL:
            found.append(Area(corners, min(fill, 1.0), area / total))
    return sorted(found, key=lambda one: -one.share)


def find_areas(small: NDArray[np.uint8]) -> list[Area]:
    """Areas that stand out from the background along the border.

    Args:
        small: (h, w) or (h, w, 3), uint8, longer side about 800 pixels.

    Returns:
        Four-sided areas, the largest first; may be empty.
    """
    binary = _foreground(small)
    size = max(3, round(_CLOSE_SHARE * max(small.shape[:2]))) | 1
    kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (size, size))
    pad = size
    padded = cv2.copyMakeBorder(binary, pad, pad, pad, pad, cv2.BORDER_CONSTANT, value=0)
    closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, kernel)
    contours, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    filled = cv2.drawContours(np.zeros_like(closed), contours, -1, 255, cv2.FILLED)
    opened = cv2.morphologyEx(filled, cv2.MORPH_OPEN, kernel)
    areas = _areas_of(np.asarray(opened[pad:-pad, pad:-pad], dtype=np.uint8))
    outside = np.ones(binary.shape, dtype=np.uint8)
    for area in areas:
        cv2.fillConvexPoly(outside, np.rint(area.corners).astype(np.int32), 0)
    outside = np.asarray(cv2.erode(outside, kernel), dtype=np.uint8)
    clutter = float((binary[outside > 0] > 0).mean()) if outside.any() else 0.0
    return [replace(area, clutter=clutter) for area in areas]


def mask_areas(mask: NDArray[np.float32], width: int, height: int) -> list[Area]:
    """Areas of a document detector's probability map.

    Args:
        mask: probability of document, (h, w), 0..1, every document shrunk to ``_MASK_SHRINK`` of its size.
        width: of the image the corners are wanted in, pixels.
        height: of the image the corners are wanted in, pixels.

    Returns:
        Four-sided areas, the largest first; may be empty.
    """
    sized = cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR)
    found = _areas_of((sized > 0.5).astype(np.uint8) * np.uint8(255))
    return [replace(area, corners=_grown(area.corners)) for area in found]


def _grown(corners: FloatArray) -> FloatArray:
    """The quad before the detector's shrinking about its centre, which keeps neighbouring documents apart."""
    centre = corners.mean(axis=0)
    return np.asarray(centre + (corners - centre) / _MASK_SHRINK, dtype=np.float64)
