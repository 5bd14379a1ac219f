"""Outline: where a document lies in a frame, as four corners in reading orientation.

Two sources are combined and checked against each other. The machine-readable zone, where one was read, tells
orientation, scale and by the geometry of Doc 9303 where every side must be; straight, one-signed edges tell where a
side really is. Per side the decision is: an edge near the expected place, else the frame's border where the document
fills the frame, else the expected place itself. Without a zone the expectation comes from areas that differ from the
background, or from a neural document mask.

Lines are searched in narrow strips along each expected side, resampled to ``_STRIP_PX_PER_MM``. The *signed* gradient
across the strip is averaged along the line: print and guilloche have both signs and cancel, the step between a
document and its background has one and stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.geometry import FORMAT_SIZE_MM, DocumentFormat, FloatArray

__all__ = [
    "MRZ_LAYOUT",
    "MrzLayout",
    "Outline",
    "OutlineSource",
    "expected_zone_mm",
    "map_points",
    "outline_from_quad",
    "outline_from_zone",
    "quad_to_quad",
]

OutlineSource = Literal["edges", "mrz", "frame"]


class MrzLayout(NamedTuple):
    """Where the printed characters of a format stand on its page, in millimetres."""

    lines: int
    chars: int
    left: float  # left edge of the first character (Doc 9303-4 to 7; 5.0 on TD1, 4.0 on TD2 and visas, 6.0 on TD3)
    bottom: float  # from the page's lower edge to the foot of the lowest line
    height: float  # from the head of the first line to the foot of the last


#: Character pitch 2.54 mm (Doc 9303-3 4.2). ``bottom`` and ``height`` are the nominal places of OCR-B size 1 with lines
#: 6.35 mm apart (4.23 mm on TD1), confirmed to half a millimetre on specimen pages.
MRZ_LAYOUT: dict[DocumentFormat, MrzLayout] = {
    "TD1": MrzLayout(3, 30, 5.0, 5.0, 11.1),
    "TD2": MrzLayout(2, 36, 4.0, 7.8, 9.0),
    "TD3": MrzLayout(2, 44, 6.0, 7.8, 9.0),
    "MRV-A": MrzLayout(2, 44, 4.0, 7.8, 9.0),
    "MRV-B": MrzLayout(2, 36, 4.0, 7.8, 9.0),
    "FRA-ID": MrzLayout(2, 36, 4.0, 7.8, 9.0),
}

_PITCH_MM = 2.54
_SIDE_BEARING_MM = 0.9  # of one pitch is not ink: the last character ends that much before its cell
_STRIP_PX_PER_MM = 2.5
_ALONG = 96  # samples along a side
_SEGMENTS = 8  # parts of a side that must all show the step
_SLOPES = np.linspace(-0.22, 0.22, 29)
_STEP_LEVELS = 10.0  # grey levels a strip pixel that count as a full step; sensor noise stays below 3
_MIN_SUPPORT = 0.28  # mean signed step along a side, 0..1, below which nothing is called an edge
_FRAME_TOLERANCE_MM = 2.5  # the frame's border counts as the side where the side is expected this near
#: How a page in a hand leans away from the camera: height left, width of the far edge. Tried where the flat page fails.
_TILTS = ((0.72, 0.88), (0.87, 0.94))

Side = Literal["left", "right", "top", "bottom"]
_SIDES: tuple[Side, ...] = ("left", "right", "top", "bottom")


class Expectation(NamedTuple):
    """How far from its expected place a side may lie, in millimetres."""

    sigma: dict[Side, float]
    reach: dict[Side, float]
    anchor: float  # where along left and right the place is known best, from mid-height down, in page heights


#: From a zone: the margin beside the text is toleranced (+-1 mm, and issuers stray); perspective moves the far side.
_FROM_ZONE = Expectation(
    {"left": 2.0, "right": 2.5, "top": 4.5, "bottom": 2.0},
    {"left": 9.0, "right": 9.0, "top": 15.0, "bottom": 8.0},
    0.36,
)
_FROM_QUAD = Expectation(dict.fromkeys(_SIDES, 2.0), dict.fromkeys(_SIDES, 5.0), 0.0)
#: Second look at the far side of a tilted page, which lies nearer than the scale at the zone says.
_TILTED_REACH_MM = 36.0
_TILTED_CONVERGENCE = 0.06  # sum of the outward slopes of left and right; flat scans stay below 0.02


@dataclass(frozen=True, slots=True)
class Outline:
    """One document in a frame."""

    corners: FloatArray  # (4, 2) frame pixels: the document's top left, top right, bottom right, bottom left
    source: OutlineSource
    size_mm: tuple[float, float]  # width, height the corners stand for
    support: float  # mean edge support of the four sides, 0..1


class _Line(NamedTuple):
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


def _page_corners(size_mm: tuple[float, float]) -> FloatArray:
    w, h = size_mm
    return np.array([[0, 0], [w, 0], [w, h], [0, h]], dtype=np.float64)


def expected_zone_mm(fmt: DocumentFormat) -> FloatArray:
    """Corners of the printed characters on a page of ``fmt``, shape (4, 2), millimetres."""
    layout = MRZ_LAYOUT[fmt]
    _, page_height = FORMAT_SIZE_MM[fmt]
    x1 = layout.left + layout.chars * _PITCH_MM - _SIDE_BEARING_MM
    y1 = page_height - layout.bottom
    y0 = y1 - layout.height
    return np.array([[layout.left, y0], [x1, y0], [x1, y1], [layout.left, y1]], dtype=np.float64)


def _similarity_from_zone(zone_px: FloatArray, fmt: DocumentFormat) -> FloatArray:
    """Millimetres to frame pixels by the zone's baseline alone.

    Its height is twelve times smaller than its width: a homography through its corners would magnify half a pixel of
    jitter to millimetres at the far side, so only direction, scale and place are taken.
    """
    zone_mm = expected_zone_mm(fmt)
    along_px = (zone_px[1] + zone_px[2] - zone_px[0] - zone_px[3]) / 2
    scale = float(np.linalg.norm(along_px)) / float(zone_mm[1, 0] - zone_mm[0, 0])
    c, s = along_px / np.linalg.norm(along_px) * scale
    linear = np.array([[c, -s], [s, c]])
    shift = zone_px.mean(axis=0) - linear @ zone_mm.mean(axis=0)
    return np.array([[c, -s, shift[0]], [s, c, shift[1]], [0, 0, 1]], dtype=np.float64)


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
    """Mean signed step for every slope and offset: shape (slopes, rows), 0..1."""
    rows, along, _ = steps.shape
    positions = np.linspace(0.05, 0.95, along) - 0.5
    shift = np.rint(np.outer(_SLOPES, positions) * length * px_per_mm).astype(np.intp)
    index = np.clip(np.arange(rows)[None, :, None] + shift[:, None, :], 0, rows - 1)
    gathered = steps[index, np.arange(along)[None, None, :]]
    parts = gathered.reshape(*gathered.shape[:2], _SEGMENTS, along // _SEGMENTS, -1).mean(axis=3)
    whole = parts.mean(axis=2)
    # The head of a text line is a one-signed edge as well, but not on the whole length; a finger may hide a quarter.
    least = np.sort(parts * np.sign(whole)[:, :, None, :], axis=2)[:, :, _SEGMENTS // 4]
    return np.asarray((0.5 * np.abs(whole) + 0.5 * least).max(axis=2), dtype=np.float32)


def _penalty(offset: float, sigma: float) -> float:
    """What a line pays for its distance from the expected place, in units of support; capped, since specimens stray."""
    return min(0.08 * (offset / sigma) ** 2, 0.45)


def _edge_candidates(
    image: NDArray[np.uint8], frame_from_mm: FloatArray, side: Side, size_mm: tuple[float, float], expect: Expectation
) -> list[_Line]:
    """The best few straight edges near one expected side."""
    reach, sigma = expect.reach[side], expect.sigma[side]
    strip = _strip(image, frame_from_mm, side, size_mm, (0.0, 0.0), reach, _STRIP_PX_PER_MM, _ALONG)
    start, end, _ = _side_ends(side, size_mm)
    length = float(np.linalg.norm(end - start))
    support = _sheared_support(_signed_steps(strip), length, _STRIP_PX_PER_MM)
    support -= 0.5 * np.abs(_SLOPES[:, None]).astype(np.float32)  # straight unless the image insists
    best_slope = support.argmax(axis=0)
    profile = support.max(axis=0)
    found: list[_Line] = []
    for row in range(1, len(profile) - 1):
        if profile[row] >= _MIN_SUPPORT and profile[row] >= profile[row - 1 : row + 2].max():
            offset = row / _STRIP_PX_PER_MM - reach
            slope = float(_SLOPES[best_slope[row]])
            known = offset + slope * (expect.anchor * length if side in ("left", "right") else 0.0)
            score = float(profile[row]) - _penalty(known, sigma)
            found.append(_Line(offset, slope, float(profile[row]), "edge", score))
    return sorted(found, key=lambda line: -line.score)[:5]


def _frame_candidate(
    shape: tuple[int, ...], frame_from_mm: FloatArray, side: Side, size_mm: tuple[float, float]
) -> _Line | None:
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
    return _Line(offset, slope, 0.0, "frame", 0.45 - _penalty(offset, _FRAME_TOLERANCE_MM / 2))


def _choose_pair(first: list[_Line], second: list[_Line], size: float, anchor_mm: float) -> tuple[_Line, _Line]:
    """The best two opposite sides: each by its score, together by the distance a page of this size must have."""
    best: tuple[float, _Line, _Line] | None = None
    for a in first:
        for b in second:
            apart = a.offset + b.offset + (a.slope + b.slope) * anchor_mm
            stretch = apart / (0.022 * size)  # nominal sizes are kept to 1 %; perspective needs more
            joint = a.score + b.score - min(0.06 * stretch**2, 0.4) - 0.5 * abs(a.slope + b.slope)
            if best is None or joint > best[0]:
                best = (joint, a, b)
    assert best is not None  # both lists hold at least the expected line
    return _settle(best[1], best[2]), _settle(best[2], best[1])


def _settle(line: _Line, opposite: _Line) -> _Line:
    """An expected side follows its opposite where that was seen: same width, parallel."""
    if line.kind != "expected" or opposite.kind != "edge":
        return line
    return line._replace(offset=-opposite.offset, slope=-opposite.slope)


def _refine(
    image: NDArray[np.uint8], frame_from_mm: FloatArray, side: Side, size_mm: tuple[float, float], line: _Line
) -> _Line:
    """The same edge to a fraction of a pixel, by a robust line through its steepest points in the full image."""
    scale = float(np.sqrt(abs(np.linalg.det(frame_from_mm[:2, :2]))))
    px_per_mm = float(np.clip(scale, 2.0, 10.0))
    reach, along = 1.4, 64
    strip = _strip(image, frame_from_mm, side, size_mm, (line.offset, line.slope), reach, px_per_mm, along)
    steps = _signed_steps(strip).sum(axis=2)
    sign = np.sign(steps[len(steps) // 2 - 1 : len(steps) // 2 + 2].sum()) or 1.0
    steps = np.asarray(cv2.GaussianBlur(steps * np.float32(sign), (1, 3), 0))
    row = np.clip(steps.argmax(axis=0), 1, len(steps) - 2)
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


def _corners_mm(lines: dict[Side, _Line], size_mm: tuple[float, float]) -> FloatArray:
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


def _prefer_full_frame(chosen: dict[Side, _Line], options: dict[Side, list[_Line]]) -> None:
    """Where two sides are the frame's border, an edge well inside a third is a header's rule or a photo's rim."""
    if sum(line.kind == "frame" for line in chosen.values()) < 2:
        return
    for side, line in chosen.items():
        border = next((one for one in options[side] if one.kind == "frame"), None)
        if line.kind == "edge" and line.offset < -1.5 and border is not None and abs(border.offset) < 1.2:
            chosen[side] = border


def _search(
    image: NDArray[np.uint8],
    small: NDArray[np.uint8],
    small_scale: float,
    frame_from_mm: FloatArray,
    size_mm: tuple[float, float],
    expect: Expectation,
) -> tuple[dict[Side, _Line], Outline]:
    shrink = np.diag([small_scale, small_scale, 1.0])
    small_from_mm = shrink @ frame_from_mm
    options: dict[Side, list[_Line]] = {}
    for side in _SIDES:
        lines = _edge_candidates(small, small_from_mm, side, size_mm, expect)
        border = _frame_candidate(image.shape, frame_from_mm, side, size_mm)
        options[side] = [*lines, *([border] if border else []), _Line(0.0, 0.0, 0.0, "expected", 0.12)]
    chosen: dict[Side, _Line] = {}
    chosen["left"], chosen["right"] = _choose_pair(
        options["left"], options["right"], size_mm[0], expect.anchor * size_mm[1]
    )
    chosen["top"], chosen["bottom"] = _choose_pair(options["top"], options["bottom"], size_mm[1], 0.0)
    _prefer_full_frame(chosen, options)
    if expect is _FROM_ZONE:
        chosen["top"] = _tilted_top(small, small_from_mm, size_mm, chosen)
    for side, line in chosen.items():
        if line.kind == "edge":
            chosen[side] = _refine(image, frame_from_mm, side, size_mm, line)
    corners = map_points(frame_from_mm, _corners_mm(chosen, size_mm))
    kinds = [line.kind for line in chosen.values()]
    source: OutlineSource = "mrz"
    if kinds.count("edge") >= 2 and kinds.count("expected") <= 1:
        source = "edges"
    elif kinds.count("frame") >= 2 and kinds.count("expected") <= 1:
        source = "frame"
    support = float(np.mean([line.support for line in chosen.values()]))
    return chosen, Outline(corners, source, size_mm, support)


def _tilted_top(
    small: NDArray[np.uint8], small_from_mm: FloatArray, size_mm: tuple[float, float], chosen: dict[Side, _Line]
) -> _Line:
    """The far side of a page tilted away from the camera.

    Where left and right converge, the page is foreshortened by an amount that depends on the camera's distance, so
    the far side is looked for all the way down to half the height, in the frame the other three sides span, and
    accepted only with strong support.
    """
    left, right, top = chosen["left"], chosen["right"], chosen["top"]
    seen = left.kind == right.kind == chosen["bottom"].kind == "edge"
    if not seen or left.slope + right.slope < _TILTED_CONVERGENCE:
        return top
    reach = dict.fromkeys(_SIDES, _TILTED_REACH_MM)
    wide = Expectation(dict.fromkeys(_SIDES, _TILTED_REACH_MM / 2), reach, 0.0)
    lines = _edge_candidates(small, small_from_mm, "top", size_mm, wide)
    strong = [line for line in lines if line.support > 0.45 and line.offset < 2.0]
    return max(strong, key=lambda line: line.score) if strong else top


def _zone_error(outline: Outline, zone_px: FloatArray, fmt: DocumentFormat) -> tuple[float, float]:
    """How far an outline puts the zone's corners from their nominal places, in millimetres, and its stretch."""
    seen = map_points(quad_to_quad(outline.corners, _page_corners(outline.size_mm)), zone_px)
    nominal = expected_zone_mm(fmt)
    error = float(np.abs(seen - nominal).max())
    return error, float(abs((seen[1, 0] - seen[0, 0]) / (nominal[1, 0] - nominal[0, 0]) - 1))


def _merit(outline: Outline, zone_px: FloatArray, fmt: DocumentFormat) -> float:
    """Edge support, less what the zone's misplacement costs: a header's rule is as straight as the page's edge."""
    return outline.support - 0.03 * _zone_error(outline, zone_px, fmt)[0]


def _contradicts_zone(outline: Outline, zone_px: FloatArray, fmt: DocumentFormat) -> bool:
    """Whether a found outline puts the zone where no page of this format has it.

    Strong edges all round may move it further: specimens and non-standard cards print the zone smaller or higher.
    """
    error, stretch = _zone_error(outline, zone_px, fmt)
    strong = outline.support > 0.7
    return bool(error > (12.0 if strong else 5.0) or stretch > (0.25 if strong else 0.08))


def _rescaled(lines: dict[Side, _Line], size_mm: tuple[float, float]) -> FloatArray | None:
    """Old page millimetres from new ones where left and right were clearly seen, but not this format's width apart.

    Specimens and older cards print the zone at another pitch: the expected page then has the wrong scale, and its far
    side is looked for in the wrong place.
    """
    left, right, bottom = lines["left"], lines["right"], lines["bottom"]
    if min(left.support, right.support) < 0.5:
        return None
    scale = 1 + (left.offset + right.offset) / size_mm[0]
    if abs(scale - 1) < 0.04 or abs(left.slope + right.slope) > _TILTED_CONVERGENCE:
        return None
    down = size_mm[1] + bottom.offset - scale * size_mm[1]
    return np.array([[scale, 0, -left.offset], [0, scale, down], [0, 0, 1]], dtype=np.float64)


def _tilted(size_mm: tuple[float, float], fmt: DocumentFormat, height: float, narrowing: float) -> FloatArray:
    """Untilted page millimetres from those of a page leaning away, its zone kept in place.

    Args:
        size_mm: of the page.
        fmt: of the zone.
        height: what is left of the page's height, 0..1.
        narrowing: width of the top edge by that at the zone.
    """
    w = size_mm[0]
    zone_y = float(expected_zone_mm(fmt)[:, 1].mean())
    corners = _page_corners(size_mm)
    widths = 1 + (narrowing - 1) * (zone_y - corners[:, 1]) / zone_y
    leaning = np.column_stack([w / 2 + (corners[:, 0] - w / 2) * widths, zone_y + (corners[:, 1] - zone_y) * height])
    return quad_to_quad(corners, leaning)


def outline_from_zone(
    image: NDArray[np.uint8],
    small: NDArray[np.uint8],
    small_scale: float,
    zone_px: FloatArray,
    fmt: DocumentFormat,
    hints: Sequence[FloatArray] = (),
) -> Outline:
    """The document round a machine-readable zone.

    Args:
        image: the frame, (h, w) or (h, w, 3), uint8.
        small: the frame reduced by ``small_scale``.
        small_scale: pixels of ``small`` a pixel of ``image``, 0..1.
        zone_px: corners of the printed characters in reading orientation, (4, 2), frame pixels.
        fmt: format of the zone.
        hints: quads of areas that may be this document, (4, 2) each, any corner order, frame pixels; they carry the
            perspective that the zone alone cannot give.

    Returns:
        The outline; ``source`` tells what it rests on.
    """
    size_mm = FORMAT_SIZE_MM[fmt]
    similarity = _similarity_from_zone(zone_px, fmt)
    for hint in hints:
        ordered = _order_by_zone(hint, zone_px)
        guess = Outline(ordered, "edges", size_mm, 0.5)
        if not _contradicts_zone(guess, zone_px, fmt):
            frame_from_mm = quad_to_quad(_page_corners(size_mm), ordered)
            _, found = _search(image, small, small_scale, frame_from_mm, size_mm, _FROM_QUAD)
            if found.source == "edges" and not _contradicts_zone(found, zone_px, fmt):
                return found
    lines, found = _search(image, small, small_scale, similarity, size_mm, _FROM_ZONE)
    guesses = [(_rescaled(lines, size_mm), _FROM_QUAD)]
    if sum(line.support > 0.5 for line in lines.values()) < 3 and all(line.kind != "frame" for line in lines.values()):
        guesses += [(_tilted(size_mm, fmt, *tilt), _FROM_ZONE) for tilt in _TILTS]
    for guess_mm, expect in guesses:
        if guess_mm is not None:
            _, again = _search(image, small, small_scale, similarity @ guess_mm, size_mm, expect)
            better = _merit(again, zone_px, fmt) > _merit(found, zone_px, fmt) + 0.02
            if better and not _contradicts_zone(again, zone_px, fmt):
                found = again
    if found.source == "mrz" or _contradicts_zone(found, zone_px, fmt):
        return Outline(map_points(similarity, _page_corners(size_mm)), "mrz", size_mm, 0.0)
    return found


def _order_by_zone(quad: FloatArray, zone_px: FloatArray) -> FloatArray:
    """The quad's corners turned so that its top left is the document's, by the zone's reading direction."""
    along = zone_px[1] - zone_px[0]
    down = zone_px[3] - zone_px[0]
    centred = quad - quad.mean(axis=0)
    angle = np.arctan2(centred @ down / np.linalg.norm(down), centred @ along / np.linalg.norm(along))
    return np.asarray(quad[np.argsort(angle)], dtype=np.float64)  # from top left (-135 deg) round to bottom left


def outline_from_quad(
    image: NDArray[np.uint8],
    small: NDArray[np.uint8],
    small_scale: float,
    quad: FloatArray,
    size_mm: tuple[float, float],
) -> Outline:
    """The document near a rough quad, without a zone.

    Args:
        image: the frame, (h, w) or (h, w, 3), uint8.
        small: the frame reduced by ``small_scale``.
        small_scale: pixels of ``small`` a pixel of ``image``, 0..1.
        quad: corners from top left, (4, 2), frame pixels.
        size_mm: width and height the quad is taken for.

    Returns:
        The outline, with source ``edges``, or ``frame`` where it rests on the frame's borders or on nothing.
    """
    frame_from_mm = quad_to_quad(_page_corners(size_mm), quad)
    chosen, found = _search(image, small, small_scale, frame_from_mm, size_mm, _FROM_QUAD)
    if found.source == "mrz":
        seen = sum(line.kind == "edge" for line in chosen.values())
        return Outline(found.corners if seen else quad, "edges" if seen else "frame", size_mm, found.support)
    return found
