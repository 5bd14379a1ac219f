"""Outline: where a document lies in a frame, as four corners in reading orientation.

Two sources are combined and checked against each other. The machine-readable zone, where one was read, tells
orientation, scale and by the geometry of Doc 9303 where every side must be; straight, one-signed edges tell where a
side really is. Per side the decision is: an edge near the expected place, else the frame's border where the document
fills the frame, else the expected place itself. Without a zone the expectation comes from areas that differ from the
background, or from a neural document mask.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.geometry import FORMAT_SIZE_MM, DocumentFormat, FloatArray
from dafec.sides import (
    SIDES,
    Expectation,
    Side,
    SideLine,
    corners_of_sides,
    edge_candidates,
    frame_candidate,
    map_points,
    page_corners,
    quad_to_quad,
    refine_line,
)

__all__ = [
    "MRZ_LAYOUT",
    "MrzLayout",
    "Outline",
    "OutlineSource",
    "expected_zone_mm",
    "outline_from_quad",
    "outline_from_zone",
]

#: What an outline rests on. ``filled``: the document fills the frame, so the frame's borders are its sides; ``frame``:
#: nothing was found, and the whole frame stands for it.
OutlineSource = Literal["edges", "mrz", "filled", "frame"]


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
_FRAME_SUPPORT = 0.45  # what the frame's border counts for as a side: it is one where the document fills the frame

#: How a page in a hand leans away from the camera: height left, width of the far edge. Tried where the flat page fails.
_TILTS = ((0.72, 0.88), (0.87, 0.94))


#: From a zone: the margin beside the text is toleranced (+-1 mm, and issuers stray); perspective moves the far side.
_FROM_ZONE = Expectation(
    {"left": 2.0, "right": 2.5, "top": 4.5, "bottom": 2.0},
    {"left": 9.0, "right": 9.0, "top": 15.0, "bottom": 8.0},
    0.36,
)
_FROM_QUAD = Expectation(dict.fromkeys(SIDES, 2.0), dict.fromkeys(SIDES, 5.0), 0.0)
#: Second look at the far side of a tilted page, which lies nearer than the scale at the zone says.
_TILTED_REACH_MM = 36.0
_FLAT_CONVERGENCE = 0.02  # slopes are looked for in steps of 0.016
_TILTED_CONVERGENCE = 0.06  # sum of the outward slopes of left and right; flat scans stay below 0.02


@dataclass(frozen=True, slots=True)
class Outline:
    """One document in a frame."""

    corners: FloatArray  # (4, 2) frame pixels: the document's top left, top right, bottom right, bottom left
    source: OutlineSource
    size_mm: tuple[float, float]  # width, height the corners stand for
    support: float  # mean edge support of the four sides, 0..1


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


def _choose_pair(
    first: list[SideLine], second: list[SideLine], size: float, anchor_mm: float, scale: float | None = None
) -> tuple[SideLine, SideLine]:
    """The best two opposite sides: each by its score, together by the distance a page of this size must have.

    Args:
        first: candidates of one side.
        second: candidates of the opposite one.
        size: distance of the two in the expected page, millimetres.
        anchor_mm: where along the sides their places are known best.
        scale: of the page against the expected one, where the other two sides were seen flat and parallel; None
            where they were not.
    """
    best: tuple[float, SideLine, SideLine] | None = None
    usual, wrong, most = (1.0, 0.022, 0.4) if scale is None else (scale, 0.0085, 0.9)
    for a in first:
        for b in second:
            apart = a.offset + b.offset + (a.slope + b.slope) * anchor_mm
            stretch = (apart - (usual - 1) * size) / (wrong * size)  # nominal sizes are kept to 1 %
            joint = a.score + b.score - min(0.06 * stretch**2, most) - 0.5 * abs(a.slope + b.slope)
            if best is None or joint > best[0]:
                best = (joint, a, b)
    assert best is not None  # both lists hold at least the expected line
    return _settle(best[1], best[2]), _settle(best[2], best[1])


def _settle(line: SideLine, opposite: SideLine) -> SideLine:
    """An expected side follows its opposite where that was seen: same width, parallel."""
    if line.kind != "expected" or opposite.kind != "edge":
        return line
    return line._replace(offset=-opposite.offset, slope=-opposite.slope)


def _prefer_full_frame(chosen: dict[Side, SideLine], options: dict[Side, list[SideLine]]) -> None:
    """Where two sides are the frame's border, an edge well inside a third is a header's rule or a photo's rim."""
    if sum(line.kind == "frame" for line in chosen.values()) < 2:
        return
    for side, line in chosen.items():
        border = next((one for one in options[side] if one.kind == "frame"), None)
        if line.kind == "edge" and line.offset < -1.5 and border is not None and abs(border.offset) < 1.2:
            chosen[side] = border


def _at_search_scale(
    small: NDArray[np.uint8], small_scale: float, frame_from_mm: FloatArray
) -> tuple[NDArray[np.uint8], float]:
    """The reduced frame at three to six pixels a millimetre: finer, a drawn outline falls between two strip rows."""
    factor = int(np.sqrt(abs(np.linalg.det(frame_from_mm[:2, :2]))) * small_scale / 3.0)
    if factor < 2 or min(small.shape[:2]) < 8 * factor:
        return small, small_scale
    height, width = small.shape[0] // factor, small.shape[1] // factor
    whole = small[: height * factor, : width * factor]
    reduced = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(reduced, dtype=np.uint8), small_scale / factor


def _search(
    image: NDArray[np.uint8],
    small: NDArray[np.uint8],
    small_scale: float,
    frame_from_mm: FloatArray,
    size_mm: tuple[float, float],
    expect: Expectation,
) -> tuple[dict[Side, SideLine], Outline]:
    small, small_scale = _at_search_scale(small, small_scale, frame_from_mm)
    # Pixel centres: block n of k pixels is centred at k n + (k - 1) / 2.
    shrink = np.diag([small_scale, small_scale, 1.0])
    shrink[:2, 2] = (small_scale - 1) / 2
    small_from_mm = shrink @ frame_from_mm
    options: dict[Side, list[SideLine]] = {}
    for side in SIDES:
        lines = edge_candidates(small, small_from_mm, side, size_mm, expect)
        border = frame_candidate(image.shape, frame_from_mm, side, size_mm)
        options[side] = [*lines, *([border] if border else []), SideLine(0.0, 0.0, 0.0, "expected", 0.12)]
    chosen: dict[Side, SideLine] = {}
    chosen["left"], chosen["right"] = _choose_pair(
        options["left"], options["right"], size_mm[0], expect.anchor * size_mm[1]
    )
    scale = _flat_scale(chosen["left"], chosen["right"], size_mm[0])
    chosen["top"], chosen["bottom"] = _choose_pair(options["top"], options["bottom"], size_mm[1], 0.0, scale)
    _prefer_full_frame(chosen, options)
    if expect is _FROM_ZONE:
        chosen["top"] = _tilted_top(small, small_from_mm, size_mm, chosen)
    for side, line in chosen.items():
        if line.kind == "edge":
            chosen[side] = refine_line(image, frame_from_mm, side, size_mm, line)
    corners = map_points(frame_from_mm, corners_of_sides(chosen, size_mm))
    kinds = [line.kind for line in chosen.values()]
    source: OutlineSource = "mrz"
    if kinds.count("edge") >= 2 and kinds.count("expected") <= 1:
        source = "edges"
    elif kinds.count("frame") >= 2 and kinds.count("expected") <= 1:
        source = "filled"
    support = float(np.mean([_FRAME_SUPPORT if line.kind == "frame" else line.support for line in chosen.values()]))
    return chosen, Outline(corners, source, size_mm, support)


def _flat_scale(left: SideLine, right: SideLine, width_mm: float) -> float | None:
    """Scale of the page against the expected one, where left and right were seen and run parallel."""
    seen = left.kind != "expected" and right.kind != "expected" and "edge" in (left.kind, right.kind)
    if not seen or abs(left.slope + right.slope) > _FLAT_CONVERGENCE:
        return None
    return 1 + (left.offset + right.offset) / width_mm


def _tilted_top(
    small: NDArray[np.uint8], small_from_mm: FloatArray, size_mm: tuple[float, float], chosen: dict[Side, SideLine]
) -> SideLine:
    """The far side of a page tilted away from the camera.

    Where left and right converge, the page is foreshortened by an amount that depends on the camera's distance, so
    the far side is looked for all the way down to half the height, in the frame the other three sides span, and
    accepted only with strong support.
    """
    left, right, top = chosen["left"], chosen["right"], chosen["top"]
    seen = left.kind == right.kind == chosen["bottom"].kind == "edge"
    if not seen or left.slope + right.slope < _TILTED_CONVERGENCE:
        return top
    reach = dict.fromkeys(SIDES, _TILTED_REACH_MM)
    wide = Expectation(dict.fromkeys(SIDES, _TILTED_REACH_MM / 2), reach, 0.0)
    lines = edge_candidates(small, small_from_mm, "top", size_mm, wide)
    strong = [line for line in lines if line.support > 0.45 and line.offset < 2.0]
    if not strong:
        return top
    clearest = max(line.support for line in strong)
    # A header's rule is as straight and often darker; the page's edge is the outermost of them.
    return max((line for line in strong if line.support > 0.55 * clearest), key=lambda line: line.offset)


def _zone_error(outline: Outline, zone_px: FloatArray, fmt: DocumentFormat) -> tuple[float, float]:
    """How far an outline puts the zone's corners from their nominal places, in millimetres, and its stretch."""
    seen = map_points(quad_to_quad(outline.corners, page_corners(outline.size_mm)), zone_px)
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


def _rescaled(lines: dict[Side, SideLine], size_mm: tuple[float, float]) -> FloatArray | None:
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


def _zone_stretch(zone_px: FloatArray, fmt: DocumentFormat) -> float:
    """How much taller the zone is for its width than printed: more on a page turned sideways, less on a tilted one."""
    nominal = expected_zone_mm(fmt)
    along = np.linalg.norm(zone_px[1] + zone_px[2] - zone_px[0] - zone_px[3])
    across = np.linalg.norm(zone_px[2] + zone_px[3] - zone_px[0] - zone_px[1])
    wide, high = nominal[1, 0] - nominal[0, 0], nominal[2, 1] - nominal[1, 1]
    return float(across / high / (along / wide))


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
    corners = page_corners(size_mm)
    widths = 1 + (narrowing - 1) * (zone_y - corners[:, 1]) / zone_y
    leaning = np.column_stack([w / 2 + (corners[:, 0] - w / 2) * widths, zone_y + (corners[:, 1] - zone_y) * height])
    return quad_to_quad(corners, leaning)


def _is_flat_page(outline: Outline) -> bool:
    """Whether four edges make a rectangle of the page's proportions: seen flat, and nothing is left to guess."""
    if outline.source != "edges" or outline.support < 0.4:
        return False
    c = outline.corners
    top, right, bottom, left = (float(np.linalg.norm(c[a] - c[b])) for a, b in ((0, 1), (1, 2), (2, 3), (3, 0)))
    diagonals = float(np.linalg.norm(c[0] - c[2]) / np.linalg.norm(c[1] - c[3]))
    aspect = (top + bottom) / (left + right) / (outline.size_mm[0] / outline.size_mm[1])
    return (
        abs(top / bottom - 1) < 0.015
        and abs(left / right - 1) < 0.015
        and abs(diagonals - 1) < 0.015
        and abs(aspect - 1) < 0.03
    )


def _guesses(
    lines: dict[Side, SideLine],
    similarity: FloatArray,
    zone_px: FloatArray,
    fmt: DocumentFormat,
    hints: Sequence[FloatArray],
) -> Iterator[tuple[FloatArray, Expectation, bool]]:
    """Other ways the page may lie: frame pixels from millimetres, how sure, and whether edges alone judge them."""
    size_mm = FORMAT_SIZE_MM[fmt]
    rescaled = _rescaled(lines, size_mm)
    if rescaled is not None:
        yield similarity @ rescaled, _FROM_QUAD, True
    for hint in hints:
        ordered = _order_by_zone(hint, zone_px)
        if not _contradicts_zone(Outline(ordered, "edges", size_mm, 0.5), zone_px, fmt):
            yield quad_to_quad(page_corners(size_mm), ordered), _FROM_QUAD, False
    stretch = _zone_stretch(zone_px, fmt)
    if 0.03 < abs(stretch - 1) < 0.35:
        yield similarity @ _tilted(size_mm, fmt, stretch, 1.0), _FROM_ZONE, False
    kinds = [line.kind for line in lines.values()]
    clear = sum(line.support > 0.5 for line in lines.values()) >= 3 and "expected" not in kinds
    if not clear and "frame" not in kinds:
        for tilt in _TILTS:
            yield similarity @ _tilted(size_mm, fmt, *tilt), _FROM_ZONE, False


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
    lines, found = _search(image, small, small_scale, similarity, size_mm, _FROM_ZONE)
    for frame_from_mm, expect, by_edges in _guesses(lines, similarity, zone_px, fmt, hints):
        if _is_flat_page(found):
            break
        _, again = _search(image, small, small_scale, frame_from_mm, size_mm, expect)
        # A zone of another pitch is never where the standard has it: there the edges alone decide.
        better = _merit(again, zone_px, fmt) > _merit(found, zone_px, fmt) + 0.01
        if by_edges:
            better = again.support > found.support - 0.08
        if better and not _contradicts_zone(again, zone_px, fmt):
            found = again
    if found.source == "mrz" or _contradicts_zone(found, zone_px, fmt):
        return Outline(map_points(similarity, page_corners(size_mm)), "mrz", size_mm, 0.0)
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
    frame_from_mm = quad_to_quad(page_corners(size_mm), quad)
    chosen, found = _search(image, small, small_scale, frame_from_mm, size_mm, _FROM_QUAD)
    if found.source == "mrz":
        seen = sum(line.kind == "edge" for line in chosen.values())
        return Outline(found.corners if seen else quad, "edges" if seen else "frame", size_mm, found.support)
    return found
