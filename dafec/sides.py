"""Sides: straight edges near the expected sides of a page.

Lines are searched in narrow strips along each expected side, resampled to ``_STRIP_PX_PER_MM``. The *signed* gradient
across the strip is averaged along the line: print and guilloche have both signs and cancel, the step between a
document and its background has one and stays. A line found is refined to a fraction of a pixel in the full image.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.geometry import FloatArray

__all__ = [
    "SIDES",
    "Expectation",
    "Side",
    "SideLine",
    "corners_of_sides",
    "edge_candidates",
    "frame_candidate",
    "map_points",
    "page_corners",
    "quad_to_quad",
    "refine_line",
]

_STRIP_PX_PER_MM = 2.5
_ALONG = 64  # samples along a side, a multiple of _SEGMENTS
_SEGMENTS = 8  # parts of a side that must all show the step
_SLOPES = np.linspace(-0.22, 0.22, 29)
_STEP_LEVELS = 10.0  # grey levels a strip pixel that count as a full step; sensor noise stays below 3
_SAME_COLOUR = 10.0  # grey levels between two strips of one background
_BACKGROUND_BONUS = 0.2  # of support, for a line beyond which the background begins
_MIN_SUPPORT = 0.28  # mean signed step along a side, 0..1, below which nothing is called an edge
_FRAME_TOLERANCE_MM = 2.5  # the frame's border counts as the side where the side is expected this near
_APART_MM, _OUTSIDE_MM = 0.6, 1.5
_CLEAR_SUPPORT, _CLEAR_SHARE = 0.52, 0.6
_INNER_COST = 0.3
_OUTER_SHARE = 0.35  # of the steepest, for an edge farther out to be the page's
_REFINE_REACH_MM = 0.6
Side = Literal["left", "right", "top", "bottom"]
SIDES: tuple[Side, ...] = ("left", "right", "top", "bottom")


class Expectation(NamedTuple):
    """How far from its expected place a side may lie, in millimetres."""

    sigma: dict[Side, float]
    reach: dict[Side, float]
    anchor: float  # where along left and right the place is known best, from mid-height down, in page heights


class SideLine(NamedTuple):
    """A side in the expected page's millimetres: offset outward from its expected place, and slope along the side."""

    offset: float
    slope: float
    support: float
    kind: Literal["edge", "frame", "expected"]
    score: float


def map_points(homography: FloatArray, points: FloatArray) -> FloatArray:
    """Points of shape (n, 2) through a (3, 3) homography."""
    p = np.column_stack([points, np.ones(len(points))]) @ homography.T
    return np.asarray(p[:, :2] / p[:, 2:3], dtype=np.float64)


def quad_to_quad(source: FloatArray, target: FloatArray) -> FloatArray:
    """The (3, 3) homography that maps four points onto four."""
    matrix = cv2.getPerspectiveTransform(source.astype(np.float32), target.astype(np.float32))
    return np.asarray(matrix, dtype=np.float64)


def page_corners(size_mm: tuple[float, float]) -> FloatArray:
    """Corners of a page from its top left, clockwise, (4, 2), millimetres."""
    w, h = size_mm
    return np.array([[0, 0], [w, 0], [w, h], [0, h]], dtype=np.float64)


def _side_ends(side: Side, size_mm: tuple[float, float]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Start and end of a side in page millimetres, clockwise-free: along +x or +y, and its outward normal."""
    w, h = size_mm
    if side == "left":
        return np.array([0.0, 0.0]), np.array([0.0, h]), np.array([-1.0, 0.0])
    if side == "right":
        return np.array([w, 0.0]), np.array([w, h]), np.array([1.0, 0.0])
    if side == "top":
        return np.array([0.0, 0.0]), np.array([w, 0.0]), np.array([0.0, -1.0])
    return np.array([0.0, h]), np.array([w, h]), np.array([0.0, 1.0])


def _strip(
    image: NDArray[np.uint8],
    frame_from_mm: FloatArray,
    side: Side,
    size_mm: tuple[float, float],
    line: tuple[float, float],
    reach: float,
    px_per_mm: float,
    along: int,
) -> NDArray[np.float32]:
    """Pixels along a side: axis 0 goes outward from ``-reach`` to ``+reach``, axis 1 along the side."""
    start, end, normal = _side_ends(side, size_mm)
    length = float(np.linalg.norm(end - start))
    offset, slope = line
    rows = round(2 * reach * px_per_mm) + 1
    # The rounded corners (3.18 mm on ID-1) and whatever meets there say nothing about the side: 5 % off each end.
    positions = np.array([0.05, 0.95])
    outward = offset + slope * length * (positions - 0.5)
    ends = start + np.outer(positions, end - start) + np.outer(outward, normal)
    inner, outer = ends - reach * normal, ends + reach * normal
    target = map_points(frame_from_mm, np.array([inner[0], inner[1], outer[1], outer[0]]))
    grid = np.array([[0, 0], [along - 1, 0], [along - 1, rows - 1], [0, rows - 1]], dtype=np.float64)
    warped = cv2.warpPerspective(
        image,
        quad_to_quad(grid, target),
        (along, rows),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(warped, dtype=np.float32).reshape(rows, along, -1)


def _signed_steps(strip: NDArray[np.float32]) -> NDArray[np.float32]:
    """Step outward at every pixel, clipped to -1..1 of a full step; shape as ``strip``."""
    smooth = cv2.GaussianBlur(strip, (5, 3), 0).reshape(strip.shape)
    steps = np.zeros_like(strip)
    steps[1:-1] = (smooth[2:] - smooth[:-2]) / 2
    return np.asarray(np.clip(steps / _STEP_LEVELS, -1, 1), dtype=np.float32)


def _sheared_support(steps: NDArray[np.float32], length: float, px_per_mm: float) -> NDArray[np.float32]:
    """Mean step of one sign for every slope and offset: shape (2, slopes, rows), 0..1, rising outward first."""
    rows, along, channels = steps.shape
    positions = np.linspace(0.05, 0.95, along) - 0.5
    shift = np.rint(np.outer(_SLOPES, positions) * length * px_per_mm).astype(np.intp)
    index = np.clip(np.arange(rows)[None, :, None] + shift[:, None, :], 0, rows - 1) * along + np.arange(along)
    best = np.zeros((2, len(_SLOPES), rows), dtype=np.float32)
    for channel in range(channels):
        gathered = np.ascontiguousarray(steps[:, :, channel]).ravel().take(index)
        parts = gathered.reshape(len(_SLOPES), rows, _SEGMENTS, -1).mean(axis=3)
        whole = parts.mean(axis=2)
        # The head of a text line is a one-signed edge too, but not all along; a finger may hide a quarter.
        least = np.partition(parts * np.sign(whole)[:, :, None], _SEGMENTS // 4, axis=2)[:, :, _SEGMENTS // 4]
        support = 0.5 * np.abs(whole) + 0.5 * least
        for number, sign in enumerate((1, -1)):
            best[number] = np.maximum(best[number], np.where(whole * sign > 0, support, 0.0))
    return best


def _peaks(profile: NDArray[np.float32]) -> list[int]:
    """Rows of the edges in a profile: the middle of each plateau that stands above both its sides.

    A strong step is clipped, so it is a plateau as wide as the smoothing and not a single row.
    """
    level = np.round(profile, 2)
    starts = np.flatnonzero(np.diff(level, prepend=level[0] - 1) != 0)
    ends = np.append(starts[1:], len(level))
    found = []
    for start, end in zip(starts, ends, strict=True):
        before = level[start - 1] if start > 0 else -1.0
        after = level[end] if end < len(level) else -1.0
        if level[start] >= _MIN_SUPPORT and level[start] > before and level[start] > after:
            found.append(int((start + end - 1) // 2))
    return [row for row in found if 0 < row < len(profile) - 1]


def _penalty(offset: float, sigma: float) -> float:
    """What a line pays for its distance from the expected place, in units of support; capped, since specimens stray."""
    return min(0.08 * (offset / sigma) ** 2, 0.45)


def _rows_inside(
    shape: tuple[int, ...], frame_from_mm: FloatArray, side: Side, size_mm: tuple[float, float], reach: float
) -> int:
    """How many rows of a strip, from the inner end, lie in the frame at the middle of the side."""
    start, end, normal = _side_ends(side, size_mm)
    offsets = np.arange(-reach, reach + 0.5 / _STRIP_PX_PER_MM, 1 / _STRIP_PX_PER_MM)
    points = map_points(frame_from_mm, (start + end) / 2 + offsets[:, None] * normal)
    inside = np.asarray(((points >= 0) & (points < np.array([shape[1], shape[0]]))).all(axis=1), dtype=np.bool_)
    return len(offsets) if inside.all() else int(np.argmin(inside)) if inside[0] else 0


def _background_begins(strip: NDArray[np.float32], row: int, rise_mm: float, inside: int) -> bool:
    """Whether what lies just outside a line is what lies further out: a background, and not more of the page."""
    rows, along, _ = strip.shape
    near = row + np.arange(round(0.8 * _STRIP_PX_PER_MM), round(2.2 * _STRIP_PX_PER_MM))
    far = row + np.arange(round(3.5 * _STRIP_PX_PER_MM), round(6.0 * _STRIP_PX_PER_MM))
    if far[-1] >= min(inside, rows):
        return False
    lean = np.rint(np.linspace(-0.45, 0.45, along) * rise_mm * _STRIP_PX_PER_MM).astype(np.intp)
    column = np.arange(along)
    colours = [
        np.median(strip[np.clip(offsets[:, None] + lean, 0, rows - 1), column].reshape(-1, strip.shape[2]), axis=0)
        for offsets in (near, far)
    ]
    return bool(np.abs(colours[0] - colours[1]).max() < _SAME_COLOUR)


def edge_candidates(
    image: NDArray[np.uint8], frame_from_mm: FloatArray, side: Side, size_mm: tuple[float, float], expect: Expectation
) -> list[SideLine]:
    """The best few straight edges near one expected side."""
    reach, sigma = expect.reach[side], expect.sigma[side]
    strip = _strip(image, frame_from_mm, side, size_mm, (0.0, 0.0), reach, _STRIP_PX_PER_MM, _ALONG)
    start, end, _ = _side_ends(side, size_mm)
    length = float(np.linalg.norm(end - start))
    support = _sheared_support(_signed_steps(strip), length, _STRIP_PX_PER_MM)
    inside = _rows_inside(image.shape, frame_from_mm, side, size_mm, reach)
    support -= 0.5 * np.abs(_SLOPES[:, None]).astype(np.float32)  # straight unless the image insists
    found: list[SideLine] = []
    for signed in support:
        best_slope, profile = signed.argmax(axis=0), signed.max(axis=0)
        for row in _peaks(profile):
            offset = row / _STRIP_PX_PER_MM - reach
            slope = float(_SLOPES[best_slope[row]])
            quality = float(profile[row])
            known = offset + slope * (expect.anchor * length if side in ("left", "right") else 0.0)
            score = quality - _penalty(known, sigma)
            # Inside the expected page a line with plain paper beyond it is print on plain paper.
            if offset > 0 and _background_begins(strip, row, slope * length, inside):
                score += _BACKGROUND_BONUS
            found.append(SideLine(offset, slope, quality, "edge", score))
    return sorted((line for line in _outermost(found) if line.score > 0), key=lambda line: -line.score)[:6]


def _outermost(lines: list[SideLine]) -> list[SideLine]:
    """Lines with what those pay that have another clear one farther out: a header's rule, a band, a photo's rim.

    Only what lies about where the side is expected counts as farther out; beyond it is whatever lies on the table.
    """
    judged = []
    for line in lines:
        beyond = any(
            line.offset + _APART_MM < other.offset <= _OUTSIDE_MM
            and other.support >= max(_CLEAR_SUPPORT, _CLEAR_SHARE * min(line.support, 1.0))
            for other in lines
        )
        judged.append(line._replace(score=line.score - _INNER_COST) if beyond else line)
    return judged


def frame_candidate(
    shape: tuple[int, ...], frame_from_mm: FloatArray, side: Side, size_mm: tuple[float, float]
) -> SideLine | None:
    """The frame's own border, where the side is expected on it or just outside it."""
    start, end, normal = _side_ends(side, size_mm)
    mm_from_frame = np.asarray(np.linalg.inv(frame_from_mm), dtype=np.float64)
    middle = map_points(frame_from_mm, ((start + end) / 2)[None])[0]
    height, width = shape[:2]
    borders = [
        np.array([[-0.5, 0.0], [-0.5, height]]),
        np.array([[width - 0.5, 0.0], [width - 0.5, height]]),
        np.array([[0.0, -0.5], [width, -0.5]]),
        np.array([[0.0, height - 0.5], [width, height - 0.5]]),
    ]
    distances = [abs(middle[0]), abs(width - middle[0]), abs(middle[1]), abs(height - middle[1])]
    ends = map_points(mm_from_frame, borders[int(np.argmin(distances))])
    axis = 0 if side in ("top", "bottom") else 1
    if ends[0, axis] > ends[1, axis]:
        ends = ends[::-1]
    run = ends[1] - ends[0]
    if abs(run[axis]) < 1e-6:
        return None
    slope = float(run @ normal / run[axis])
    if abs(slope) > 0.1:
        return None
    half = float(np.linalg.norm(end - start)) / 2
    offset = float((ends[0] - start) @ normal) + slope * (half - float(ends[0, axis]))
    if abs(offset) > _FRAME_TOLERANCE_MM:
        return None
    return SideLine(offset, slope, 0.0, "frame", 0.45 - _penalty(offset, _FRAME_TOLERANCE_MM / 2))


def refine_line(
    image: NDArray[np.uint8], frame_from_mm: FloatArray, side: Side, size_mm: tuple[float, float], line: SideLine
) -> SideLine:
    """The same edge to a fraction of a pixel, by a robust line through its steepest points in the full image."""
    scale = float(np.sqrt(abs(np.linalg.det(frame_from_mm[:2, :2]))))
    px_per_mm = float(np.clip(scale, 2.0, 10.0))
    reach, along = 1.4, 64
    strip = _strip(image, frame_from_mm, side, size_mm, (line.offset, line.slope), reach, px_per_mm, along)
    steps = _signed_steps(strip).sum(axis=2)
    sign = np.sign(steps[len(steps) // 2 - 1 : len(steps) // 2 + 2].sum()) or 1.0
    steps = np.asarray(cv2.GaussianBlur(steps * np.float32(sign), (1, 3), 0))
    row = np.clip(_outermost_rows(steps, px_per_mm), 1, len(steps) - 2)
    column = np.arange(along)
    left, peak, right = steps[row - 1, column], steps[row, column], steps[row + 1, column]
    bend = np.maximum(2 * peak - left - right, 1e-6)
    where = (row + np.clip((right - left) / (2 * bend), -0.5, 0.5)) / px_per_mm - reach
    start, end, _ = _side_ends(side, size_mm)
    along_mm = (np.linspace(0.05, 0.95, along) - 0.5) * float(np.linalg.norm(end - start))
    keep = peak > 0.25
    for _ in range(4):
        if keep.sum() < 0.4 * along:
            return line
        slope, offset = np.polyfit(along_mm[keep], where[keep], 1)
        residual = np.abs(where - (offset + slope * along_mm))
        keep = (peak > 0.25) & (residual < max(0.12, 2.5 * float(np.median(residual[keep]))))
    return line._replace(offset=line.offset + float(offset), slope=line.slope + float(slope))


def _outermost_rows(steps: NDArray[np.float32], px_per_mm: float) -> NDArray[np.intp]:
    """The row of the steepest point in every column, near the outermost edge that most columns show.

    A band along a page's rim has two edges a millimetre or two apart; the inner one is often the stronger.
    """
    profile = np.quantile(np.maximum(steps, 0), 0.4, axis=1)
    high = profile >= _OUTER_SHARE * float(profile.max())
    peak = high & (profile >= np.roll(profile, 1)) & (profile >= np.roll(profile, -1))
    peak[[0, -1]] = False
    if not peak.any():
        return np.asarray(steps.argmax(axis=0), dtype=np.intp)
    outer = int(np.flatnonzero(peak)[-1])
    reach = max(2, round(_REFINE_REACH_MM * px_per_mm))
    low = max(outer - reach, 0)
    return np.asarray(low + steps[low : outer + reach + 1].argmax(axis=0), dtype=np.intp)


def corners_of_sides(lines: dict[Side, SideLine], size_mm: tuple[float, float]) -> FloatArray:
    """Intersections of the four sides in the expected page's millimetres."""
    equations: dict[Side, FloatArray] = {}
    for side, line in lines.items():
        start, end, normal = _side_ends(side, size_mm)
        half = float(np.linalg.norm(end - start)) / 2
        a = start + normal * (line.offset - line.slope * half)
        b = end + normal * (line.offset + line.slope * half)
        equations[side] = np.cross(np.append(a, 1.0), np.append(b, 1.0))
    corners = []
    for one, two in (("left", "top"), ("right", "top"), ("right", "bottom"), ("left", "bottom")):
        point = np.cross(equations[one], equations[two])  # type: ignore[index]
        corners.append(point[:2] / point[2])
    return np.array(corners)
