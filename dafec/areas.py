"""Areas: places in a frame that may hold a document, found without reading anything.

Three sources: what differs from the background seen along the frame's border (a scanner's lid, a table), the
probability map of a neural document detector, and, where the background is as busy as the document, long straight lines
that together make a card's or a page's rectangle. All give rough quads that ``dafec.outline`` then refines.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.geometry import FloatArray

__all__ = ["Area", "find_areas", "line_areas", "mask_areas"]

_RING_SHARE = 0.015  # width of the border ring the background is estimated on, of the longer side
_MIN_AREA_SHARE = 0.012  # an ID-1 card covers 7 % of A4; smaller things are stamps and dust
_CLOSE_SHARE = 0.02  # gaps in a pale page's print and outline that are bridged, of the longer side
_MASK_SHRINK = 0.97  # the detector was taught documents of this share of their size
_LINE_SHARE = 0.22  # least length of a line, of the frame's shorter side
_LINES_KEPT = 7  # of either direction, the longest first
_UPRIGHT_DEG = 30.0  # how far the two directions may be from upright, and from a right angle to each other: 15
_SEEN_ON = 2  # pixels from a side within which an edge counts for it
_SIDE_SEEN = 0.62  # of a quad's sides, on the mean, that edges must be seen along, and half of that on each
_BESIDE_PX, _SEEN_MORE = 7.0, 0.3  # a texture has as many edges beside a line as on it
_LINE_AREA_SHARE = 0.12
_SHAPE_MISS = 0.07  # of the proportions; a page held obliquely misses them more and is left alone
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


def _long_lines(edges: NDArray[np.uint8]) -> tuple[list[FloatArray], list[FloatArray]]:
    """Long straight lines, across and down: (2, 2) end points, the longest first, near duplicates left out."""
    least = _LINE_SHARE * min(edges.shape)
    found = cv2.HoughLinesP(edges, 1, np.pi / 360, 60, minLineLength=least, maxLineGap=0.03 * max(edges.shape))
    across: list[FloatArray] = []
    down: list[FloatArray] = []
    segments = [] if found is None else sorted(found.reshape(-1, 2, 2).astype(np.float64), key=_minus_length)
    for segment in segments:
        run = segment[1] - segment[0]
        angle = float(np.degrees(np.arctan2(abs(run[1]), abs(run[0]))))
        family = across if angle < _UPRIGHT_DEG else down if angle > 90 - _UPRIGHT_DEG else None
        if family is not None and len(family) < _LINES_KEPT and not any(_same_line(segment, other) for other in family):
            family.append(segment)
    return across, down


def _minus_length(segment: FloatArray) -> float:
    return -float(np.linalg.norm(segment[1] - segment[0]))


def _same_line(one: FloatArray, other: FloatArray) -> bool:
    """Whether both ends of a segment lie within four pixels of another's line."""
    run = other[1] - other[0]
    normal = np.array([-run[1], run[0]]) / np.linalg.norm(run)
    return bool(np.abs((one - other[0]) @ normal).max() < 4.0)


def _crossing(one: FloatArray, other: FloatArray) -> FloatArray | None:
    a, b = (np.cross(np.append(line[0], 1.0), np.append(line[1], 1.0)) for line in (one, other))
    point = np.cross(a, b)
    return None if abs(point[2]) < 1e-9 else np.asarray(point[:2] / point[2], dtype=np.float64)


def _seen_along(near: NDArray[np.uint8], corners: FloatArray) -> list[float]:
    """Share of each side that has an edge beside it; what lies outside the image is not seen."""
    shares = []
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        points = np.rint(start + np.linspace(0.06, 0.94, 64)[:, None] * (end - start)).astype(np.intp)
        inside = (points >= 0).all(axis=1) & (points < np.array([near.shape[1], near.shape[0]])).all(axis=1)
        kept = points[inside]
        shares.append(float((near[kept[:, 1], kept[:, 0]] > 0).sum()) / len(points))
    return shares


def _scaled_about(corners: FloatArray, by_px: float) -> FloatArray:
    """The quad with every corner moved outward by about so many pixels along either side."""
    centred = corners - corners.mean(axis=0)
    return np.asarray(corners + np.sign(centred) * by_px, dtype=np.float64)


def line_areas(small: NDArray[np.uint8], proportions: Sequence[float]) -> list[Area]:
    """Rectangles of known proportions that long straight lines make.

    Args:
        small: (h, w) or (h, w, 3), uint8, longer side about 800 pixels.
        proportions: widths by heights of documents, each above 1.

    Returns:
        At most one area, the one whose sides are seen best; none where they are not.
    """
    grey = small if small.ndim == 2 else np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    smooth = cv2.GaussianBlur(grey, (0, 0), 2.0)
    strength = float(np.median(np.abs(cv2.Laplacian(smooth, cv2.CV_32F))))
    edges = np.asarray(cv2.Canny(smooth, 15 + 6 * strength, 40 + 12 * strength), dtype=np.uint8)
    near = np.asarray(cv2.dilate(edges, np.ones((2 * _SEEN_ON + 1,) * 2, np.uint8)), dtype=np.uint8)
    across, down = _long_lines(edges)
    total = float(small.shape[0] * small.shape[1])
    best: tuple[float, Area] | None = None
    for (top, bottom), (left, right) in itertools.product(
        itertools.combinations(across, 2), itertools.combinations(down, 2)
    ):
        points = [_crossing(one, other) for one, other in ((left, top), (right, top), (right, bottom), (left, bottom))]
        if any(point is None for point in points):
            continue
        corners = _clockwise(np.array(points))
        area = float(cv2.contourArea(corners.astype(np.float32)))
        if area < _LINE_AREA_SHARE * total or not _is_shaped(corners, proportions):
            continue
        shares = _seen_along(near, corners)
        seen = float(np.mean(shares))
        beside = max(float(np.mean(_seen_along(near, _scaled_about(corners, px)))) for px in (-_BESIDE_PX, _BESIDE_PX))
        if (
            seen >= max(_SIDE_SEEN, beside + _SEEN_MORE)
            and min(shares) >= _SIDE_SEEN / 2
            and (best is None or seen > best[0])
        ):
            best = seen, Area(corners, 1.0, area / total)
    return [best[1]] if best is not None else []


def _is_shaped(corners: FloatArray, proportions: Sequence[float]) -> bool:
    """Whether a quad has a document's proportions and about parallel sides."""
    sides = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
    if max(sides[0] / sides[2], sides[2] / sides[0], sides[1] / sides[3], sides[3] / sides[1]) > 1.15:
        return False
    wide, high = sides[0] + sides[2], sides[1] + sides[3]
    shape = max(wide, high) / max(min(wide, high), 1e-6)
    return any(abs(shape / wanted - 1) < _SHAPE_MISS for wanted in proportions)
