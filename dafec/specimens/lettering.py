"""Letters: text in bundled faces as filled outlines, shaped so that Arabic is joined.

HarfBuzz (Apache-2.0 binding ``uharfbuzz``) turns characters into glyphs and places; nothing is taken from the system.
Heights are the height of the capital H (of the alef where a face has no Latin letters), in millimetres.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Literal

import numpy as np
import uharfbuzz as hb
from numpy.typing import NDArray

from dafec.errors import InstallationError
from dafec.specimens.drawing import Drawn, Points, fill_edges
from dafec.specimens.model import Grid

__all__ = [
    "FACES",
    "Anchor",
    "Jitter",
    "draw_mrz",
    "draw_text",
    "draw_text_along",
    "edges_along",
    "text_edges",
    "text_width_mm",
]

Anchor = Literal["left", "centre", "right"]

#: Faces by name. Licences stand beside the files.
FACES: dict[str, str] = {
    "ocrb": "OCRB.otf",
    "sans": "NotoSans-Regular.ttf",
    "sans_bold": "NotoSans-Bold.ttf",
    "serif": "NotoSerif-Regular.ttf",
    "serif_bold": "NotoSerif-Bold.ttf",
    "lato": "Lato-Regular.ttf",
    "lato_bold": "Lato-Bold.ttf",
    "condensed": "DejaVuSansCondensed.ttf",
    "condensed_bold": "DejaVuSansCondensed-Bold.ttf",
    "naskh": "NotoNaskhArabic-Regular.ttf",
    "naskh_bold": "NotoNaskhArabic-Bold.ttf",
    "kufi_bold": "NotoKufiArabic-Bold.ttf",
}
_ARABIC_OF = {"bold": "naskh_bold", "": "naskh"}  # what writes Arabic where a Latin face is asked for
_LATIN_OF = {"naskh": "sans", "naskh_bold": "sans_bold", "kufi_bold": "sans_bold"}
_FLATNESS_UNITS = 1.5  # how far a chord may leave its curve, in a face's units, 1000 to 2048 to the em


@dataclass(frozen=True, slots=True)
class Jitter:
    """How unevenly a bad printer sets its characters, 1 sigma each."""

    seed: int
    x_mm: float = 0.0
    y_mm: float = 0.0
    angle_deg: float = 0.0
    size: float = 0.0  # relative


@dataclass(frozen=True, slots=True, eq=False)
class _Placed:
    """A glyph on its line, in ems, x to the right and y up from the baseline's beginning."""

    edges: NDArray[np.float64]  # (n, 4)
    x: float
    y: float
    advance: float


@cache
def _font(face: str) -> tuple[hb.Font, float]:
    try:
        name = FACES[face]
    except KeyError:
        raise InstallationError("specimens.unknown_face", name=face) from None
    blob = hb.Blob(resources.files("dafec.specimens").joinpath("fonts", name).read_bytes())
    font = hb.Font(hb.Face(blob))
    return font, float(font.face.upem)


@cache
def _cap_height_em(face: str) -> float:
    font, upem = _font(face)
    for letter in "Hا":
        glyph = font.get_nominal_glyph(ord(letter))
        if glyph:
            extents = font.get_glyph_extents(glyph)
            return float(extents.y_bearing) / upem
    raise InstallationError("specimens.unknown_face", name=face)


@cache
def _glyph_edges(face: str, glyph: int) -> NDArray[np.float64]:
    """Outline of a glyph as directed edges (n, 4), in ems, y up."""
    font, upem = _font(face)
    outline = _Outline()
    font.draw_glyph(glyph, _draw_functions(), outline)
    outline.close()
    return np.asarray(outline.edges, np.float64).reshape(-1, 4) / upem


class _Outline:
    """Collects a glyph's outline, curves cut into chords."""

    def __init__(self) -> None:
        self.edges: list[tuple[float, float, float, float]] = []
        self.start = self.at = (0.0, 0.0)

    def move(self, x: float, y: float) -> None:
        self.close()
        self.start = self.at = (x, y)

    def line(self, x: float, y: float) -> None:
        self.edges.append((*self.at, x, y))
        self.at = (x, y)

    def curve(self, *points: tuple[float, float]) -> None:
        """A quadratic (one control point) or cubic (two) Bézier curve, as chords."""
        control = (self.at, *points)
        bend = max(
            abs(a[k] - 2 * b[k] + c[k])
            for a, b, c in zip(control, control[1:], control[2:], strict=False)
            for k in (0, 1)
        )
        steps = min(24, max(2, math.ceil(math.sqrt(bend / _FLATNESS_UNITS * 0.75))))
        for index in range(1, steps + 1):
            t = index / steps
            layer = control
            while len(layer) > 1:
                layer = tuple((a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t) for a, b in pairwise(layer))
            self.line(*layer[0])

    def close(self) -> None:
        if self.at != self.start:
            self.line(*self.start)


@cache
def _draw_functions() -> hb.DrawFuncs:
    functions = hb.DrawFuncs()
    functions.set_move_to_func(lambda x, y, o: o.move(x, y))
    functions.set_line_to_func(lambda x, y, o: o.line(x, y))
    functions.set_quadratic_to_func(lambda a, b, x, y, o: o.curve((a, b), (x, y)))
    functions.set_cubic_to_func(lambda a, b, c, d, x, y, o: o.curve((a, b), (c, d), (x, y)))
    functions.set_close_path_func(lambda o: o.close())
    return functions


def _is_arabic(char: str) -> bool:
    return "\u0600" <= char <= "\u06ff" or "\u0750" <= char <= "\u077f" or "\ufb50" <= char <= "\ufefc"


def _is_digit(char: str) -> bool:
    return char.isdigit()


def _runs(text: str) -> list[tuple[bool, str]]:
    """Stretches of one script, (arabic, text), in the order they are seen from the left.

    A small part of the bidirectional algorithm that forms need: Arabic runs from the right, Latin letters and every
    kind of digits from the left, spaces and signs go with what stands on both sides of them or else with the line.
    """
    rtl = any(_is_arabic(c) and not _is_digit(c) for c in text)
    if not rtl:
        return [(any(map(_is_arabic, text)), text)]
    kinds = [None if not (c.isalnum() or _is_arabic(c)) else _is_arabic(c) and not _is_digit(c) for c in text]
    for i, kind in enumerate(kinds):
        if kind is None:
            before = next((k for k in reversed(kinds[:i]) if k is not None), True)
            after = next((k for k in kinds[i + 1 :] if k is not None), True)
            kinds[i] = before if before == after else True
    runs: list[tuple[bool, str]] = []
    for kind, char in zip(kinds, text, strict=True):
        if runs and runs[-1][0] == bool(kind):
            runs[-1] = (runs[-1][0], runs[-1][1] + char)
        else:
            runs.append((bool(kind), char))
    return runs[::-1]


@cache
def _has(face: str, char: str) -> bool:
    return bool(_font(face)[0].get_nominal_glyph(ord(char)))


def _faced(face: str, text: str) -> list[tuple[str, str]]:
    """The text in stretches of one face: the one asked for, or the one that goes with it where that has no glyph."""
    other = _LATIN_OF.get(face) or _ARABIC_OF["bold" if face.endswith("bold") else ""]
    parts: list[tuple[str, str]] = []
    for char in text:
        own = face if _has(face, char) or not _has(other, char) else other
        if parts and (parts[-1][0] == own or char == " "):
            parts[-1] = (parts[-1][0], parts[-1][1] + char)
        else:
            parts.append((own, char))
    return parts


@cache
def _place(text: str, face: str) -> tuple[tuple[_Placed, ...], float]:
    """Glyphs of a line in ems of ``face`` and the line's length."""
    glyphs: list[_Placed] = []
    pen = 0.0
    for arabic, run in _runs(text):
        faced = _faced(face, run)
        for own, part in faced[::-1] if arabic else faced:
            font, upem = _font(own)
            scale = 1.0 if own == face else _cap_height_em(face) / _cap_height_em(own)
            buffer = hb.Buffer()
            buffer.add_str(part)
            buffer.guess_segment_properties()
            buffer.direction = "rtl" if arabic and any(not _is_digit(c) for c in part) else "ltr"
            hb.shape(font, buffer, {"kern": face != "ocrb", "liga": face != "ocrb"})
            for info, position in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
                advance = position.x_advance / upem * scale
                x, y = pen + position.x_offset / upem * scale, position.y_offset / upem * scale
                glyphs.append(_Placed(_glyph_edges(own, info.codepoint) * scale, x, y, advance))
                pen += advance
    return tuple(glyphs), pen


def text_width_mm(text: str, height_mm: float, face: str = "sans", *, spacing_mm: float | None = None) -> float:
    """Length of a line from the first glyph's origin to the end of the last one's advance, in millimetres."""
    if spacing_mm is not None:
        return spacing_mm * len(text)
    return _place(text, face)[1] * height_mm / _cap_height_em(face)


def text_edges(
    text: str,
    at_mm: tuple[float, float],
    height_mm: float,
    face: str = "sans",
    *,
    anchor: Anchor = "left",
    spacing_mm: float | None = None,
    tracking_mm: float = 0.0,
    angle: float = 0.0,
    jitter: Jitter | None = None,
) -> list[NDArray[np.float64]]:
    """Outlines of a line as directed edges in millimetres, for ``drawing.fill_edges``; arguments as ``draw_text``."""
    em = height_mm / _cap_height_em(face)
    glyphs, length_em = _place(text, face)
    length = spacing_mm * len(glyphs) if spacing_mm is not None else length_em * em + tracking_mm * len(glyphs)
    shift = {"left": 0.0, "centre": -length / 2, "right": -length}[anchor]
    cos, sin = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    turn = np.array([[cos, sin], [-sin, cos]])
    rng = np.random.default_rng([jitter.seed, 771]) if jitter else None
    edges = []
    for index, glyph in enumerate(glyphs):
        x = glyph.x * em + tracking_mm * index
        if spacing_mm is not None:
            x = spacing_mm * (index + 0.5) - glyph.advance * em / 2 + (glyph.x - _pen(glyphs, index)) * em
        points = (glyph.edges.reshape(-1, 2) * (em, -em)) if len(glyph.edges) else glyph.edges.reshape(-1, 2)
        offset = np.array([shift + x, -glyph.y * em])
        if jitter and rng is not None:
            points, moved = _shaken(points, glyph.advance * em, jitter, rng)
            offset = offset + moved
        edges.append(((points + offset) @ turn + at_mm).reshape(-1, 4))
    return edges


def _pen(glyphs: Sequence[_Placed], index: int) -> float:
    return float(sum(g.advance for g in glyphs[:index]))


def _shaken(
    points: Points, advance_mm: float, jitter: Jitter, rng: np.random.Generator
) -> tuple[Points, NDArray[np.float64]]:
    draw = rng.standard_normal(4)
    a = np.deg2rad(draw[2] * jitter.angle_deg)
    middle = np.array([advance_mm / 2, 0.0])
    turn = np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) * (1 + draw[3] * jitter.size)
    return (points - middle) @ turn + middle, draw[:2] * (jitter.x_mm, jitter.y_mm)


def draw_text(
    grid: Grid,
    text: str,
    at_mm: tuple[float, float],
    height_mm: float,
    face: str = "sans",
    *,
    anchor: Anchor = "left",
    spacing_mm: float | None = None,
    tracking_mm: float = 0.0,
    angle: float = 0.0,
    jitter: Jitter | None = None,
) -> Drawn:
    """A line of text.

    Args:
        grid: the raster.
        text: in logical order; a line with Arabic letters runs from the right.
        at_mm: x, y of the anchor on the baseline.
        height_mm: of a capital.
        face: a key of ``FACES``; letters it does not hold come from the face that goes with it.
        anchor: which end of the line ``at_mm`` is, or its middle; "right" for right-aligned Arabic.
        spacing_mm: fixed pitch, every glyph centred in its cell; None: the face's own.
        tracking_mm: added after every glyph.
        angle: of the line, degrees, clockwise.
        jitter: uneven setting, None for none.

    Returns:
        The mask and its place.
    """
    return fill_edges(
        grid,
        text_edges(
            text,
            at_mm,
            height_mm,
            face,
            anchor=anchor,
            spacing_mm=spacing_mm,
            tracking_mm=tracking_mm,
            angle=angle,
            jitter=jitter,
        ),
    )


def draw_text_along(
    grid: Grid, text: str, curve_mm: Points, height_mm: float, face: str = "sans_bold", *, tracking_mm: float = 0.0
) -> Drawn:
    """A text repeated along a curve for as long as the curve is, each glyph turned with it."""
    return fill_edges(grid, edges_along(text, curve_mm, height_mm, face, tracking_mm=tracking_mm))


def edges_along(
    text: str, curve_mm: Points, height_mm: float, face: str = "sans_bold", *, tracking_mm: float = 0.0
) -> list[NDArray[np.float64]]:
    """Outlines of a text repeated along a curve (n, 2), as directed edges in millimetres."""
    em = height_mm / _cap_height_em(face)
    glyphs, length_em = _place(text, face)
    arc = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(curve_mm, axis=0).T))])
    widths = np.array([glyph.advance * em + tracking_mm for glyph in glyphs])
    period = float(widths.sum())
    if period <= 0 or length_em <= 0:
        return []
    middles = (np.cumsum(widths) - widths / 2)[None, :] + period * np.arange(int(arc[-1] / period) + 1)[:, None]
    edges: list[NDArray[np.float64]] = []
    for index, glyph in enumerate(glyphs):
        middle = middles[:, index]
        middle = middle[middle <= arc[-1] - widths[index] / 2]
        if not len(glyph.edges) or not len(middle):
            continue
        here, ahead, back = (
            np.stack([np.interp(middle + d, arc, curve_mm[:, k]) for k in (0, 1)], 1) for d in (0.0, 0.05, -0.05)
        )
        along = (ahead - back) / np.maximum(np.linalg.norm(ahead - back, axis=1, keepdims=True), 1e-9)
        across = np.stack([-along[:, 1], along[:, 0]], 1)
        points = glyph.edges.reshape(-1, 2) * (em, -em) - (glyph.advance * em / 2, glyph.y * em)
        placed = here[:, None] + points[None, :, :1] * along[:, None] + points[None, :, 1:] * across[:, None]
        edges.append(placed.reshape(-1, 4))
    return edges


def draw_mrz(
    grid: Grid,
    lines: Sequence[str],
    left_mm: float,
    first_baseline_mm: float,
    *,
    pitch_mm: float = 2.54,
    line_distance_mm: float = 6.35,
    face: str = "ocrb",
    height_mm: float = 2.5,
    jitter: Jitter | None = None,
) -> tuple[Drawn, ...]:
    """The lines of a machine readable zone, each its own drawing.

    Args:
        grid: the raster.
        lines: of characters A-Z, 0-9 and <.
        left_mm: left edge of the first character's cell.
        first_baseline_mm: baseline of the first line.
        pitch_mm: width of a cell; 2.54 mm in Doc 9303-3, section 4.4.
        line_distance_mm: between baselines; 6.35 mm in Doc 9303-4 and -6, 6.2 mm on some TD1 cards.
        face: the face; OCR-B in every genuine document.
        height_mm: of a capital; 2.5 mm where the face has its own pitch of 2.54 mm.
        jitter: uneven setting, None for none.

    Returns:
        For each line the mask and its place.
    """
    drawings = []
    for index, line in enumerate(lines):
        own = (
            None
            if jitter is None
            else Jitter(jitter.seed + index, jitter.x_mm, jitter.y_mm, jitter.angle_deg, jitter.size)
        )
        at = (left_mm, first_baseline_mm + index * line_distance_mm)
        drawings.append(draw_text(grid, line, at, height_mm, face, spacing_mm=pitch_mm, jitter=own))
    return tuple(drawings)
