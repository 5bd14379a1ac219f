"""Vectors in millimetres to coverage on a grid: curves of a given width, polygons, discs.

Coverage is the exact area of each pixel that the shape covers, found by summing signed areas along scan lines; it is
the limit of drawing at ever higher resolution and reducing by area, without the canvas. Lines far thinner than a pixel
keep their ink. Where shapes of one call lie over each other they are joined (coverage stops at full).

Every function gives the mask of the box that the shapes need and the x, y of its top left pixel on the grid, ready for
``Plate(role, ink, *drawn)``.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.specimens.model import Grid, Mask

__all__ = ["Drawn", "Points", "draw_curves", "draw_discs", "draw_polygons", "fill_edges", "joined", "ramped"]

Points = NDArray[np.float64]  # (n, 2): x, y in millimetres
Drawn = tuple[Mask, tuple[int, int]]

_CHUNK = 40_000  # edges at once: their pieces stay in the cache
_MITRE = 2.0  # longest mitre of a corner, in half widths


def draw_curves(
    grid: Grid,
    curves_mm: Sequence[Points],
    width_mm: float | Sequence[float] | Sequence[NDArray[np.float64]],
    *,
    closed: bool = False,
) -> Drawn:
    """Strokes of curves with flat ends.

    Args:
        grid: the raster.
        curves_mm: each (n, 2), n >= 2, in millimetres; dense enough to look smooth (0.1 to 0.3 mm).
        width_mm: of the line: one for all, one for each curve, or for each curve an array (n,) of widths along it.
        closed: whether each curve ends where it begins.

    Returns:
        The mask and its place.
    """
    edges = []
    for index, curve in enumerate(curves_mm):
        width = width_mm if isinstance(width_mm, int | float) else width_mm[index]
        edges.append(_stroke(np.asarray(curve, np.float64), np.asarray(width, np.float64), closed=closed))
    return fill_edges(grid, edges)


def draw_polygons(grid: Grid, polygons_mm: Sequence[Points], holes_mm: Sequence[Points] = ()) -> Drawn:
    """Filled polygons, less the holes; each (n, 2) in millimetres, closed by itself, in either sense of rotation."""
    edges = [_ring(_turned(np.asarray(p, np.float64), sense=1)) for p in polygons_mm]
    edges += [_ring(_turned(np.asarray(p, np.float64), sense=-1)) for p in holes_mm]
    return fill_edges(grid, edges)


def draw_discs(grid: Grid, centres_mm: Points, diameters_mm: float | NDArray[np.float64]) -> Drawn:
    """Filled circles: ``centres_mm`` (n, 2), ``diameters_mm`` one for all or (n,)."""
    centres = np.asarray(centres_mm, np.float64).reshape(-1, 2)
    if not len(centres):
        return _nothing()
    reach = np.broadcast_to(np.asarray(diameters_mm, np.float64) / 2, len(centres))
    corners = int(np.clip(reach.max() * 2 * np.pi / 0.02, 12, 96))
    angle = np.arange(corners) * (2 * np.pi / corners)
    reach = reach / np.sqrt(np.sinc(2 / corners))  # the polygon has the circle's area
    rim = centres[:, None] + reach[:, None, None] * np.stack([np.cos(angle), np.sin(angle)], -1)
    ends = np.roll(rim, -1, axis=1)
    return fill_edges(grid, [np.concatenate([rim, ends], -1).reshape(-1, 4)])


def ramped(grid: Grid, drawn: Drawn, stops_mm: tuple[float, float], *, angle_deg: float = 0.0) -> tuple[Drawn, Drawn]:
    """Rainbow print: one drawing as two, the first fading while the second comes up.

    Args:
        grid: the raster.
        drawn: the drawing.
        stops_mm: where along the direction the mixture begins and ends.
        angle_deg: direction of the change: 0 from left to right, 90 from top to bottom.

    Returns:
        The same curves for the first and for the second ink; their coverages add up to the drawing's.
    """
    mask, (x0, y0) = drawn
    h, w = mask.shape
    a = np.deg2rad(angle_deg)
    x = ((np.arange(w) + x0 + 0.5) * (np.cos(a) / grid.px_per_mm)).astype(np.float32)
    y = ((np.arange(h) + y0 + 0.5) * (np.sin(a) / grid.px_per_mm)).astype(np.float32)
    first, second = np.empty_like(mask), np.empty_like(mask)
    for top in range(0, h, 64):
        part = slice(top, min(top + 64, h))
        t = np.clip((x[None, :] + y[part, None] - stops_mm[0]) / (stops_mm[1] - stops_mm[0]), 0, 1)
        share = cv2.convertScaleAbs(t * t * (3 - 2 * t), alpha=255)
        cv2.multiply(mask[part], share, dst=second[part], scale=1 / 255)
        cv2.subtract(mask[part], second[part], dst=first[part])
    return (first, drawn[1]), (second, drawn[1])


def joined(*drawings: Drawn) -> Drawn:
    """Drawings of one ink as one, the fuller coverage where they meet."""
    some = [d for d in drawings if d[0].any()]
    if not some:
        return _nothing()
    x0, y0 = min(d[1][0] for d in some), min(d[1][1] for d in some)
    x1 = max(d[1][0] + d[0].shape[1] for d in some)
    y1 = max(d[1][1] + d[0].shape[0] for d in some)
    mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
    for part, (x, y) in some:
        place = mask[y - y0 : y - y0 + part.shape[0], x - x0 : x - x0 + part.shape[1]]
        np.maximum(place, part, out=place)
    return mask, (x0, y0)


def fill_edges(grid: Grid, edges_mm: Sequence[NDArray[np.float64]]) -> Drawn:
    """The area inside directed edges.

    Args:
        grid: the raster.
        edges_mm: arrays (n, 4): x0, y0, x1, y1 in millimetres, together closed outlines; holes run the other way.

    Returns:
        The mask of the box they need, cut to the grid, and its place.
    """
    edges = np.concatenate([e.reshape(-1, 4) for e in edges_mm]) if edges_mm else np.zeros((0, 4))
    if not len(edges):
        return _nothing()
    edges = edges * grid.px_per_mm
    rows, columns = grid.shape
    x0, x1 = int(np.floor(edges[:, ::2].min())), int(np.ceil(edges[:, ::2].max()))
    y0, y1 = int(np.floor(edges[:, 1::2].min())), int(np.ceil(edges[:, 1::2].max()))
    x0, x1, y0, y1 = max(x0, 0), min(x1, columns), max(y0, 0), min(y1, rows)
    if x1 <= x0 or y1 <= y0:
        return _nothing()
    sums = np.zeros((y1 - y0, x1 - x0 + 2), np.float32)
    for start in range(0, len(edges), _CHUNK):
        _accumulate(sums, edges[start : start + _CHUNK] - (x0, y0, x0, y0))
    mask = np.empty((y1 - y0, x1 - x0), np.uint8)
    for top in range(0, len(mask), 32):
        area = np.cumsum(sums[top : top + 32, :-2], axis=1, dtype=np.float32)
        cv2.convertScaleAbs(area, dst=mask[top : top + 32], alpha=255)
    return mask, (x0, y0)


def _nothing() -> Drawn:
    return np.zeros((1, 1), np.uint8), (0, 0)


def _accumulate(sums: NDArray[np.float32], edges: NDArray[np.float64]) -> None:
    """Adds each edge's step of coverage to the pixels it runs through; a running sum along the rows gives the area."""
    h, w = sums.shape[0], sums.shape[1] - 2
    x0, y0, x1, y1 = edges.T
    steep = y0 != y1
    x0, y0, x1, y1 = x0[steep], y0[steep], x1[steep], y1[steep]
    sign = np.where(y1 > y0, np.float32(1), np.float32(-1))
    down = y1 > y0
    top, bottom = np.where(down, y0, y1), np.where(down, y1, y0)
    at_top, at_bottom = np.where(down, x0, x1), np.where(down, x1, x0)
    slope = (at_bottom - at_top) / (bottom - top)
    at_top = at_top + slope * (np.maximum(top, 0) - top)
    top, bottom = np.clip(top, 0, h), np.clip(bottom, 0, h)
    inside = bottom > top
    top, bottom, at_top, slope, sign = top[inside], bottom[inside], at_top[inside], slope[inside], sign[inside]
    if not len(top):
        return
    first = np.floor(top).astype(np.int64)
    owner, step = _split(np.ceil(bottom).astype(np.int64) - first)
    row = first[owner] + step
    ya, yb = np.maximum(top[owner], row), np.minimum(bottom[owner], row + 1)
    xa = at_top[owner] + slope[owner] * (ya - top[owner])
    xb = xa + slope[owner] * (yb - ya)
    rise = (yb - ya) * sign[owner]
    left, right = np.clip(np.minimum(xa, xb), 0, w), np.clip(np.maximum(xa, xb), 0, w)
    column = np.floor(left).astype(np.int64)
    owner, step = _split(np.maximum(np.ceil(right).astype(np.int64) - column, 1))
    column = column[owner] + step
    left, right, rise, row = left[owner], right[owner], rise[owner], row[owner]
    span = right - left
    lo, hi = np.maximum(left, column), np.minimum(right, column + 1)
    share = np.where(span > 1e-9, (hi - lo) / np.maximum(span, 1e-9), 1.0)
    step_height = rise * share
    beyond = step_height * ((lo + hi) / 2 - column)  # the part of the step that the next pixel sees
    flat, place = sums.reshape(-1), row * sums.shape[1] + column
    np.add.at(flat, place, (step_height - beyond).astype(np.float32))
    np.add.at(flat, place + 1, beyond.astype(np.float32))


def _split(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For counts of pieces: the owner of every piece and its index among its owner's."""
    owner = np.repeat(np.arange(len(counts)), counts)
    ends = np.cumsum(counts)
    return owner, np.arange(len(owner)) - (ends - counts)[owner]


def _ring(corners: Points) -> NDArray[np.float64]:
    return np.concatenate([corners, np.roll(corners, -1, axis=0)], axis=1)


def _turned(corners: Points, *, sense: int) -> Points:
    x, y = corners.T
    area = float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))
    return corners if area * sense > 0 else corners[::-1]


def _stroke(curve: Points, width: NDArray[np.float64], *, closed: bool) -> NDArray[np.float64]:
    """The outline of a stroke, one sense of rotation all along, as edges."""
    keep = np.concatenate([[True], np.abs(np.diff(curve, axis=0)).sum(axis=1) > 1e-9])
    if closed and len(curve) > 1 and np.allclose(curve[0], curve[-1]):
        keep[-1] = False
    curve = curve[keep]
    if width.ndim:
        width = width[keep]
    if len(curve) < 2:
        return np.zeros((0, 4))
    along = np.diff(curve, axis=0, append=curve[:1] if closed else curve[-1:] * 2 - curve[-2:-1])
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    before = np.roll(along, 1, axis=0)
    if not closed:
        before[0], along[-1] = along[0], before[-1]
    normal = np.stack([-(along + before)[:, 1], (along + before)[:, 0]], axis=1)
    squared = np.maximum((normal**2).sum(axis=1, keepdims=True), 4 / _MITRE**2)
    normal *= 2 / squared  # a mitre: the width stays what it is across either segment
    half = (width / 2)[..., None] * normal
    left, right = curve + half, curve - half
    if closed:
        return np.concatenate([_ring(left[::-1]), _ring(right)])
    return _ring(np.concatenate([right, left[::-1]]))
