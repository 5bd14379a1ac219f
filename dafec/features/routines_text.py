"""Personal texts of a page on its series' reference: where they stand, and what each of them is printed with.

A *field* is a place where most enrolled captures have a word of dark, neutral print: the lines of the zone, names,
dates, numbers; headings that never change are fields too and serve as the page's own standard. On a page the words
of each field are looked for, cut out of every light at full resolution, and measured letter by letter against the paper
close by, so that exposure, fall-off and lens drop out as far as they are the same for all texts of a page:

==========  ==============================================================================================
quantity    what it says
==========  ==============================================================================================
ir          absorbance in infrared as a share of that in visible light, strokes summed with their blur
depth       absorbance in the cores of strokes, visible light
width       width of strokes, twice their area over their outline, millimetres
edge        steepest change at the edge of strokes as a share of depth, per millimetre
ground      visible brightness between the letters against that round the field, both against the series' own
tinge       the same of red less blue
glow        the same of brightness under the lamp
lines       how strong the series' background print is between the letters, less how strong it is round the field
==========  ==============================================================================================

Ratios are natural logarithms. ``departures`` compares the fields of one page with what the series' fields are like: the
page's own offset, the median over its fields, is taken away first, because readers differ by more than inks do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.features.routines_material import REFERENCE_PX_PER_MM, FloatImage, Material, box_slice
from dafec.features.zones import decode_srgb
from dafec.geometry import BoxMm, FloatArray
from dafec.lights import Light

__all__ = [
    "LETTER_QUANTITIES",
    "QUANTITIES",
    "Letter",
    "PrintedField",
    "Quantity",
    "dark_print",
    "find_words",
    "printed_fields",
    "stroke_map",
    "words_of",
]

Quantity = Literal["ir", "depth", "width", "edge", "ground", "tinge", "glow", "lines"]
QUANTITIES: tuple[Quantity, ...] = ("ir", "depth", "width", "edge", "ground", "tinge", "glow", "lines")
#: Those that are measured letter by letter too.
LETTER_QUANTITIES: tuple[Quantity, ...] = ("ir", "depth", "edge")

_PAPER_MM = 2.2  # wider than any stroke
_INK = 0.45  # absorbance of a stroke at the reference's raster, linear light
_GAP_MM = 0.9
_SHARED = 0.4  # of the shorter of a word and its field: how far they have to overlap
_HEIGHT_MM = (1.45, 4.5)  # labels are smaller
_RIM_MM = 2.0
_FINE = 12.0  # pixels a millimetre letters are measured at, where the page has them
_MARGIN_MM = 1.2
_FLOOR = np.float32(0.01)
_LETTER_MM2 = (0.12, 9.0)
_CORE = 0.55  # of a letter's darkest: its strokes' cores
_LEAST_LETTERS = 2
_LEAST_SHARE = 0.02  # below, an ink is gone
_LEAST_PX = 40
_LEAST_LINES = 0.008  # rms contrast of background print that can be told from noise
_STEADY = 0.04  # one sigma of contrast among captures up to which print is background
_RING_MM = (1.1, 2.6)  # round a field: beyond what a patch or an eraser reaches
_SOLID = -0.4  # contrast of solid print in the channel it is darkest in; lines of a guilloche stay above
_UNLIT = 0.15  # of the paper's level under the lamp: keeps noise in the dark small


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter, or letters that touch; natural logarithms but for its box."""

    box_mm: BoxMm  # on the reference
    ir: float
    depth: float
    width: float
    edge: float


@dataclass(frozen=True, slots=True)
class PrintedField:
    """The print of one field on one page."""

    box_mm: BoxMm  # of its words, on the reference
    letters: tuple[Letter, ...]
    values: Mapping[str, float]  # by quantity; what cannot be told is absent


def _absorbance(linear: FloatImage, px_per_mm: float) -> FloatImage:
    """Natural logarithm of paper over print by channel; (h, w, k)."""
    size = max(3, round(_PAPER_MM * px_per_mm)) | 1
    step = 2
    small = cv2.resize(
        linear, (max(4, linear.shape[1] // step), max(4, linear.shape[0] // step)), interpolation=cv2.INTER_AREA
    )
    half = max(3, size // step) | 1
    paper = cv2.morphologyEx(cv2.blur(small, (3, 3)), cv2.MORPH_CLOSE, np.ones((half, half), np.uint8))
    paper = cv2.resize(cv2.blur(paper, (half, half)), (linear.shape[1], linear.shape[0]))
    paper = paper if paper.ndim == 3 else paper[:, :, None]
    made = np.log((paper + _FLOOR) / (np.maximum(linear, 0) + _FLOOR))
    return np.asarray(made, np.float32)


def dark_print(linear: FloatImage) -> FloatImage:
    """Absorbance of dark, neutral print on the reference's raster: what absorbs in every channel; (h, w)."""
    found = np.ascontiguousarray(_absorbance(linear, REFERENCE_PX_PER_MM).min(axis=2))
    edge = round(_RIM_MM * REFERENCE_PX_PER_MM)
    found[:edge] = found[-edge:] = 0
    found[:, :edge] = found[:, -edge:] = 0
    return found


def stroke_map(material: Material) -> FloatImage:
    """``dark_print`` of a page, measured once; (h, w)."""
    kept: FloatImage | None = material.notes.get("dark_print")
    if kept is None:
        kept = dark_print(material.linear["visible"])
        material.notes["dark_print"] = kept
    return kept


def find_words(material: Material) -> list[tuple[int, int, int, int]]:
    """Boxes of words, pixels of the reference: x0, y0, x1, y1."""
    s = REFERENCE_PX_PER_MM
    dark = (stroke_map(material) > _INK).astype(np.uint8)
    joined = cv2.morphologyEx(dark, cv2.MORPH_CLOSE, np.ones((1, max(3, round(_GAP_MM * s)) | 1), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    words = []
    for x, y, w, h, _ in stats[1:count].tolist():
        if _HEIGHT_MM[0] * s <= h <= _HEIGHT_MM[1] * s and w >= s:
            fill = float(dark[y : y + h, x : x + w].mean())
            if 0.1 <= fill <= 0.65:
                words.append((x, y, x + w, y + h))
    return words


def _cut(material: Material, light: Light, box: BoxMm, px_per_mm: float) -> FloatImage | None:
    """A place of a light at its own resolution, linear, (h, w, k); None where it lies outside the page."""
    height, width = round(box.height * px_per_mm), round(box.width * px_per_mm)
    ratio = REFERENCE_PX_PER_MM / px_per_mm
    half = (ratio - 1) / 2
    place: FloatArray = np.array(
        [[ratio, 0, box.x * REFERENCE_PX_PER_MM + half], [0, ratio, box.y * REFERENCE_PX_PER_MM + half], [0, 0, 1.0]]
    )
    matrix = material.page_from_reference[light] @ place
    page = material.page[light]
    corners = matrix[:2] @ np.array([[0, width, 0, width], [0, 0, height, height], [1, 1, 1, 1]])
    low = np.maximum(np.floor(corners.min(axis=1)).astype(int) - 3, 0)
    high = np.ceil(corners.max(axis=1)).astype(int) + 4
    cut = page[low[1] : high[1], low[0] : high[0]]
    if min(cut.shape[:2], default=0) < 8:
        return None
    matrix = matrix.copy()
    matrix[:2, 2] -= low
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    found = cv2.warpAffine(
        np.ascontiguousarray(cut), matrix[:2], (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    found = found if found.ndim == 3 else found[:, :, None]
    return decode_srgb(np.asarray(found, np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class _Cuts:
    """A field's place in every light: absorbance."""

    box_mm: BoxMm
    scale: float
    ink: Mapping[Light, FloatImage]


def _cuts(material: Material, box: BoxMm) -> _Cuts | None:
    scale = min(_FINE, material.page_px_per_mm)
    wide = BoxMm(
        max(box.x - _MARGIN_MM, 0.0),
        max(box.y - _MARGIN_MM, 0.0),
        box.width + 2 * _MARGIN_MM,
        box.height + 2 * _MARGIN_MM,
    )
    ink: dict[Light, FloatImage] = {}
    lights: tuple[Light, ...] = ("visible", "ir")
    for light in lights:
        if not material.aligned.get(light, False):
            continue
        found = _cut(material, light, wide, scale)
        if found is not None:
            ink[light] = _absorbance(found, scale)
    return _Cuts(wide, scale, ink) if "visible" in ink else None


def _letters(cuts: _Cuts, box: BoxMm) -> list[Letter]:
    """Letters inside the field's own box."""
    s = cuts.scale
    channels = cuts.ink["visible"]
    dark = np.ascontiguousarray(channels.min(axis=2))
    y0, y1 = round((box.y - cuts.box_mm.y) * s), round((box.y + box.height - cuts.box_mm.y) * s)
    x0, x1 = round((box.x - cuts.box_mm.x) * s), round((box.x + box.width - cuts.box_mm.x) * s)
    inside = np.zeros(dark.shape, np.uint8)
    inside[max(y0 - 2, 0) : y1 + 2, max(x0 - 2, 0) : x1 + 2] = 1
    top = float(np.quantile(dark[inside > 0], 0.97)) if inside.any() else 0.0
    if top < 0.4:
        return []
    mask = ((dark > 0.4 * top) & (inside > 0)).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    steep = cv2.magnitude(cv2.Sobel(dark, cv2.CV_32F, 1, 0), cv2.Sobel(dark, cv2.CV_32F, 0, 1))
    gradient = np.asarray(steep * np.float32(s / 8), np.float32)
    made = []
    for n in range(1, count):
        x, y, w, h, area = (int(v) for v in stats[n])
        if not _LETTER_MM2[0] * s * s <= area <= _LETTER_MM2[1] * s * s or h < 0.5 * s:
            continue
        made.append(_letter(cuts, dark, gradient, labels == n, (x, y, w, h)))
    return made


def _letter(
    cuts: _Cuts, dark: FloatImage, gradient: FloatImage, own: NDArray[np.bool_], at: tuple[int, int, int, int]
) -> Letter:
    s, pad = cuts.scale, round(0.35 * cuts.scale)
    x, y, w, h = at
    window = (slice(max(y - pad, 0), y + h + pad), slice(max(x - pad, 0), x + w + pad))
    mask, ink = own[window].astype(np.uint8), dark[window]
    core = (mask > 0) & (ink > _CORE * float(np.quantile(ink[mask > 0], 0.9)))
    outlines, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    outline = sum(cv2.arcLength(one, closed=True) for one in outlines)
    depth = float(np.median(ink[core]))
    # Blur spreads a stroke and keeps its sum: the neighbourhood is summed, other letters' strokes left out.
    near = cv2.dilate(mask, np.ones((2 * pad + 1, 2 * pad + 1), np.uint8)) > 0
    near &= ~((ink > 0.2) & (cv2.dilate(mask, np.ones((5, 5), np.uint8)) == 0))
    infrared = cuts.ink.get("ir")
    kept = float(infrared[window].mean(axis=2)[near].sum()) if infrared is not None else float("nan")
    ring = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    edge = float(np.quantile(gradient[window][ring], 0.75)) if ring.any() else float("nan")
    return Letter(
        box_mm=BoxMm(cuts.box_mm.x + x / s, cuts.box_mm.y + y / s, w / s, h / s),
        ir=_log(kept / max(float(ink[near].sum()), 1e-3)),
        depth=_log(depth),
        width=_log(2 * float(mask.sum()) / max(outline, 1.0) / s),
        edge=_log(edge / max(depth, 1e-3)),
    )


def _log(value: float) -> float:
    return float(np.log(np.maximum(value, _LEAST_SHARE)))


def _residuals(material: Material) -> Mapping[str, FloatImage]:
    """The page against the series' reference on its raster, natural logarithms; (h, w) each."""
    kept: dict[str, FloatImage] = {}
    own, known = material.linear["visible"], material.reference.linear["visible"]
    if own.shape == known.shape:
        ratio = np.log((own + np.float32(0.02)) / (known + np.float32(0.02)))
        kept["ground"] = np.ascontiguousarray(ratio.mean(axis=2))
        if own.shape[2] == 3:
            kept["tinge"] = np.ascontiguousarray(ratio[:, :, 0] - ratio[:, :, 2])
    if "uv" in material.linear and "uv" in material.reference.linear and material.aligned.get("uv", False):
        lit, paper = material.paper, material.reference.paper
        step = (slice(None, None, 4), slice(None, None, 4))
        gain = float(np.median(lit[step])) / max(float(np.median(paper[step])), 1e-4)
        least = np.float32(_UNLIT * float(np.median(lit[step])) + 1e-4)
        kept["glow"] = np.asarray(np.log((lit + least) / (paper * np.float32(gain) + least)), np.float32)
    return kept


def _lines(material: Material) -> tuple[FloatImage, FloatImage]:
    """Background print of the page and of its series times how constant it is, and the latter's power; (h, w)."""
    own, known = material.grey["visible"], material.reference.grey["visible"]
    wide = 0.5 * REFERENCE_PX_PER_MM
    page, series = (image - cv2.GaussianBlur(image, (0, 0), wide) for image in (own, known))
    spread = material.reference.spread["visible"]
    steady = np.float32(_STEADY**2) / (np.float32(_STEADY**2) + spread * spread)
    return np.asarray(page * series * steady, np.float32), np.asarray(series * series * steady, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class _Grounds:
    """What the grounds of all fields of a page are measured on."""

    free: NDArray[np.bool_]  # no stroke there, neither on the page nor on the reference
    glows: NDArray[np.bool_]  # the series' luminescent print
    residuals: Mapping[str, FloatImage]
    lines: tuple[FloatImage, FloatImage]

    @classmethod
    def of(cls, material: Material) -> _Grounds:
        """Of a page."""
        strokes = (stroke_map(material) > 0.25).astype(np.uint8)
        shape = material.reference.shape
        # Readers differ in strong colours: headings and other solid print of the series are no ground either.
        known = material.reference.view["visible"]
        for channel in range(known.shape[2]):
            strokes |= (known[:, :, channel] < _SOLID).astype(np.uint8)
        free = cv2.dilate(strokes, np.ones((3, 3), np.uint8)) == 0
        glows = np.zeros(shape, bool)
        if "uv" in material.reference.linear:
            glow = material.reference.glow
            bright = (glow > max(0.02, 0.2 * float(np.quantile(glow, 0.995)))).astype(np.uint8)
            glows = cv2.dilate(bright, np.ones((3, 3), np.uint8)) > 0
        return cls(np.asarray(free), np.asarray(glows), _residuals(material), _lines(material))


def _ground(grounds: _Grounds, box: BoxMm, shape: tuple[int, int]) -> dict[str, float]:
    """What lies between a field's letters against what lies round it."""
    wide = BoxMm(box.x - _RING_MM[1], box.y - _RING_MM[1], box.width + 2 * _RING_MM[1], box.height + 2 * _RING_MM[1])
    at = box_slice(wide, shape)
    inside, ring = np.zeros(shape, bool), np.zeros(shape, bool)
    ring[at] = True
    gap = BoxMm(box.x - _RING_MM[0], box.y - _RING_MM[0], box.width + 2 * _RING_MM[0], box.height + 2 * _RING_MM[0])
    ring[box_slice(gap, shape)] = False
    inside[box_slice(box, shape)] = True
    free = grounds.free[at]
    here, there = inside[at] & free, ring[at] & free
    made: dict[str, float] = {}
    for name, residual in grounds.residuals.items():
        plain = ~grounds.glows[at] if name == "glow" else np.ones(free.shape, bool)
        parts = []
        for kind in (plain, ~plain):
            a, b = residual[at][here & kind], residual[at][there & kind]
            if min(len(a), len(b)) >= _LEAST_PX:
                parts.append((min(len(a), len(b)), float(np.median(a) - np.median(b))))
        if parts:
            made[name] = max(parts)[1]
    shared, known = (image[at] for image in grounds.lines)
    slopes = []
    for where in (here, there):
        power = float(known[where].sum())
        if int(where.sum()) < _LEAST_PX or power < int(where.sum()) * _LEAST_LINES**2:
            return made
        slopes.append(float(shared[where].sum()) / power)
    made["lines"] = slopes[0] - slopes[1]
    return made


def words_of(field: BoxMm, words: Sequence[tuple[int, int, int, int]]) -> BoxMm | None:
    """The box of the words that stand in a field's line and in its place.

    A spot of background beside an empty field is no print of it; a longer word begins before it or ends behind it.
    """
    s = REFERENCE_PX_PER_MM
    x0, y0, x1, y1 = field.x * s, field.y * s, (field.x + field.width) * s, (field.y + field.height) * s
    mine = [
        word
        for word in words
        if min(y1, word[3]) - max(y0, word[1]) > 0.5 * max(word[3] - word[1], y1 - y0)
        and min(x1, word[2]) - max(x0, word[0]) > _SHARED * min(x1 - x0, word[2] - word[0])
    ]
    if not mine:
        return None
    left, top = min(word[0] for word in mine), min(word[1] for word in mine)
    right, bottom = max(word[2] for word in mine), max(word[3] for word in mine)
    return BoxMm(left / s, top / s, (right - left) / s, (bottom - top) / s)


def printed_fields(material: Material, fields: Sequence[BoxMm]) -> list[PrintedField | None]:
    """What is printed in each field of a page.

    Args:
        material: the page, with visible light.
        fields: where words stand in most captures of the series.

    Returns:
        One a field; None where no word stands there.
    """
    words = find_words(material)
    grounds = _Grounds.of(material)
    found: list[PrintedField | None] = []
    for field in fields:
        box = words_of(field, words)
        cuts = _cuts(material, box) if box is not None else None
        if box is None or cuts is None:
            found.append(None)
            continue
        letters = _letters(cuts, box)
        values = _ground(grounds, box, material.reference.shape)
        for name in ("ir", "depth", "width", "edge"):
            of_letters = np.array([getattr(letter, name) for letter in letters])
            if np.isfinite(of_letters).sum() >= _LEAST_LETTERS:
                values[name] = float(np.nanmedian(of_letters))
        found.append(PrintedField(box, tuple(letters), values))
    return found
