"""Draws lines of Arabic print: shaped by HarfBuzz, filled, laid on a patterned ground, and worn as scans wear print.

The faces are free to be trained on (SIL Open Font Licence, Bitstream Vera's, GPL with the font exception), from
Debian's ``fonts-noto-core fonts-hosny-amiri fonts-sil-scheherazade fonts-sil-lateef fonts-sil-harmattan
fonts-dejavu-core fonts-dejavu-extra fonts-freefont-ttf``. The test's faces (``fonts-kacst``, ``fonts-arabeyes``) come
from other hands and are never trained on.
"""

from __future__ import annotations

import random
import string
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import uharfbuzz as hb
from numpy.typing import NDArray

from dafec.models.training.arabic_words import draw_text
from dafec.models.training.optics import degrade
from dafec.ocr.visual_zone_arabic import ARABIC_ALPHABET, LATIN_WORD, prepare_line, visual

__all__ = ["HELD_OUT", "TRAINED", "classes_of", "draw_line", "sample_line"]

_ROOT = Path("/usr/share/fonts")
TRAINED = (
    "truetype/noto/NotoNaskhArabic-Regular.ttf", "truetype/noto/NotoNaskhArabic-Bold.ttf",
    "truetype/noto/NotoKufiArabic-Regular.ttf", "truetype/noto/NotoKufiArabic-Bold.ttf",
    "truetype/noto/NotoSansArabic-Regular.ttf", "truetype/noto/NotoSansArabic-Bold.ttf",
    "opentype/fonts-hosny-amiri/Amiri-Regular.ttf", "opentype/fonts-hosny-amiri/Amiri-Bold.ttf",
    "truetype/scheherazade/Scheherazade-Regular.ttf", "truetype/scheherazade/Scheherazade-Bold.ttf",
    "truetype/harmattan/Harmattan-Regular.ttf", "truetype/harmattan/Harmattan-Bold.ttf",
    "opentype/lateef/Lateef-Regular.ttf", "opentype/lateef/Lateef-Bold.ttf",
    "truetype/dejavu/DejaVuSans.ttf", "truetype/dejavu/DejaVuSans-Bold.ttf",
    "truetype/dejavu/DejaVuSansCondensed.ttf", "truetype/freefont/FreeSerif.ttf",
)  # fmt: skip
HELD_OUT = (
    "truetype/kacst/KacstBook.ttf", "truetype/kacst/KacstOffice.ttf", "truetype/kacst/KacstTitle.ttf",
    "truetype/fonts-arabeyes/ae_AlArabiya.ttf", "truetype/fonts-arabeyes/ae_Salem.ttf",
)  # fmt: skip
_LATIN = "truetype/dejavu/DejaVuSans.ttf"
_EM_PX = 64.0  # of the drawing, before it is brought to the recogniser's height
_SHIFT = 4  # fixed-point digits of OpenCV's polygons


@cache
def _font(path: str) -> tuple[hb.Font, float]:
    face = hb.Face(hb.Blob.from_file_path(str(_ROOT / path)))
    return hb.Font(face), float(face.upem)


@cache
def _installed(*, held_out: bool) -> tuple[str, ...]:
    return tuple(path for path in (HELD_OUT if held_out else TRAINED) if (_ROOT / path).exists())


class _Pen:
    """Collects contours, curves cut into chords."""

    def __init__(self) -> None:
        self.contours: list[list[tuple[float, float]]] = []

    def move(self, x: float, y: float) -> None:
        self.contours.append([(x, y)])

    def line(self, x: float, y: float) -> None:
        self.contours[-1].append((x, y))

    def curve(self, *points: tuple[float, float]) -> None:
        control = np.array([self.contours[-1][-1], *points])
        t = np.linspace(0, 1, 7)[1:, None]
        layers = [np.broadcast_to(p, (6, 2)) for p in control]
        while len(layers) > 1:
            layers = [a * (1 - t) + b * t for a, b in pairwise(layers)]
        self.contours[-1].extend((float(x), float(y)) for x, y in layers[0])


@cache
def _draw_functions() -> hb.DrawFuncs:
    functions = hb.DrawFuncs()
    functions.set_move_to_func(lambda x, y, pen: pen.move(x, y))
    functions.set_line_to_func(lambda x, y, pen: pen.line(x, y))
    functions.set_quadratic_to_func(lambda a, b, x, y, pen: pen.curve((a, b), (x, y)))
    functions.set_cubic_to_func(lambda a, b, c, d, x, y, pen: pen.curve((a, b), (c, d), (x, y)))
    functions.set_close_path_func(lambda _: None)
    return functions


@lru_cache(maxsize=20_000)
def _contours(path: str, glyph: int) -> tuple[NDArray[np.float64], ...]:
    """A glyph's contours in ems, y down."""
    font, upem = _font(path)
    pen = _Pen()
    font.draw_glyph(glyph, _draw_functions(), pen)
    return tuple(np.array(c) * [1, -1] / upem for c in pen.contours if len(c) > 2)


def _shape(path: str, text: str, *, rtl: bool) -> tuple[list[tuple[int, float, float]], float, bool]:
    """Glyphs with places in ems, from the left; the advance; whether every letter has a glyph."""
    font, upem = _font(path)
    buffer = hb.Buffer()
    buffer.add_str(text)
    buffer.direction = "rtl" if rtl else "ltr"
    buffer.script = "Arab" if rtl else "Latn"
    hb.shape(font, buffer, {"liga": True, "kern": True})
    placed, pen = [], 0.0
    for info, position in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
        placed.append((info.codepoint, (pen + position.x_offset) / upem, -position.y_offset / upem))
        pen += position.x_advance
    return placed, pen / upem, all(info.codepoint != 0 for info in buffer.glyph_infos)


def _latin(rng: random.Random) -> str:
    letters = string.ascii_uppercase if rng.random() < 0.5 else string.ascii_lowercase
    pool = letters if rng.random() < 0.7 else string.digits
    return "".join(rng.choice(pool) for _ in range(rng.randint(3, 9)))


def _runs(rng: random.Random, text: str) -> list[tuple[str, bool]]:
    """Stretches from the left, (text, right to left)."""
    runs: list[tuple[str, bool]] = []
    for part in reversed(text.split(LATIN_WORD)) if LATIN_WORD in text else [text]:
        if runs:
            runs.append((_latin(rng), False))
        runs.append((part, True))
    return [run for run in runs if run[0]]


def draw_line(rng: random.Random, text: str, *, held_out: bool = False) -> NDArray[np.uint8] | None:
    """Coverage of one line, (h, w) uint8, tight round the ink; None where the face lacks a letter."""
    path = rng.choice(_installed(held_out=held_out))
    stretch, slant = rng.uniform(0.78, 1.25), rng.gauss(0, 0.05)
    pen, pieces = 0.0, []
    if rng.random() < 0.1:  # the Persian kaf reads the same
        text = text.replace("ك", "ک")
    for part, rtl in _runs(rng, text):
        face = path if rtl else _LATIN
        # digits run from the left inside a line that runs from the right; HarfBuzz is given them turned
        placed, advance, whole = _shape(face, visual_digits(part) if rtl else part, rtl=rtl)
        if not whole:
            return None
        for glyph, x, y in placed:
            contour = _joined(face, glyph)
            if len(contour):
                pieces.append(contour + np.array([pen + x, y]))
        pen += advance
    if not pieces:
        return None
    points = [_place(piece, stretch, slant) for piece in pieces]
    everything = np.concatenate(points)
    everything = everything[np.isfinite(everything).all(axis=1)]
    low = everything.min(axis=0) - 2
    size = np.ceil(everything.max(axis=0) - low).astype(int) + 3
    if size[0] > 3000 or size[1] > 400:
        return None
    layer = np.zeros((size[1], size[0]), np.uint8)
    for piece in points:
        _fill(layer, piece - low)
    return layer


def visual_digits(text: str) -> str:
    """Arabic text with each number turned round, so that shaping from the right leaves it readable."""
    parts: list[str] = []
    for char in text:
        if parts and char.isdigit() and parts[-1][-1].isdigit():
            parts[-1] = char + parts[-1]
        else:
            parts.append(char)
    return "".join(parts)


_BREAK = np.array([[np.nan, np.nan]])


@lru_cache(maxsize=20_000)
def _joined(path: str, glyph: int) -> NDArray[np.float64]:
    """A glyph's contours in one array, separated by rows of NaN."""
    contours = _contours(path, glyph)
    return np.concatenate([np.concatenate([c, _BREAK]) for c in contours]) if contours else np.zeros((0, 2))


def _place(piece: NDArray[np.float64], stretch: float, slant: float) -> NDArray[np.float64]:
    x, y = piece[:, 0], piece[:, 1]
    return np.stack([(x - slant * y) * stretch, y], axis=1) * _EM_PX


def _fill(layer: NDArray[np.uint8], piece: NDArray[np.float64]) -> None:
    """Fills one glyph by the even-odd rule into a layer, where the darker of both stays."""
    gaps = np.flatnonzero(np.isnan(piece[:, 0]))
    contours = [
        np.rint(piece[a:b] * (1 << _SHIFT)).astype(np.int32)
        for a, b in zip(np.concatenate([[0], gaps[:-1] + 1]), gaps, strict=True)
    ]
    box = piece[~np.isnan(piece[:, 0])]
    x0, y0 = np.maximum(np.floor(box.min(axis=0)).astype(int) - 1, 0)
    x1, y1 = np.ceil(box.max(axis=0)).astype(int) + 2
    view = layer[y0:y1, x0:x1]
    if view.size == 0:
        return
    ink = np.zeros(view.shape, np.uint8)
    offset = np.array([x0, y0], np.int32) * (1 << _SHIFT)
    cv2.fillPoly(ink, [c - offset for c in contours], 255, lineType=cv2.LINE_AA, shift=_SHIFT)
    np.maximum(view, ink, out=view)


def _ground(rng: random.Random, height: int, width: int) -> NDArray[np.float32]:
    """Paper with a drift of brightness and lines of security print, 0..1."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    paper = np.full((height, width), rng.uniform(0.55, 0.98), np.float32)
    paper += np.float32(rng.gauss(0, 0.05)) * (x / width - 0.5)
    for _ in range(rng.choice((0, 1, 1, 2, 3))):
        angle, period = rng.uniform(0, 3.14), rng.uniform(4, 24)
        wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * 6.28 / period + 2 * np.sin(x * rng.uniform(0.01, 0.1)))
        depth = rng.uniform(0.02, 0.25)
        paper *= 1 - np.float32(depth) * (wave > rng.uniform(-0.2, 0.9)).astype(np.float32)
    return paper


def _weighted(rng: random.Random, ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A bolder or thinner print."""
    chance = rng.random()
    if chance < 0.15:
        return np.asarray(cv2.dilate(ink, np.ones((2, 2), np.uint8)), np.uint8)
    if chance < 0.25:
        return np.asarray(cv2.erode(ink, np.ones((2, 2), np.uint8)), np.uint8)
    return ink


def sample_line(rng: random.Random, *, held_out: bool = False) -> tuple[NDArray[np.float32], str]:
    """One line as the recogniser gets it, with its text in reading order.

    Args:
        rng: every choice is drawn from it.
        held_out: with faces no training sees.

    Returns:
        (48, w) float32 and the text.
    """
    while True:
        text = draw_text(rng)
        ink = draw_line(rng, text, held_out=held_out)
        if ink is not None and ink.shape[1] < 20 * ink.shape[0]:
            break
    target = rng.uniform(16, 60) if rng.random() < 0.8 else rng.uniform(12, 20)  # height of the ink in pixels
    scale = target / ink.shape[0]
    size = (max(4, round(ink.shape[1] * scale)), max(8, round(target)))
    ink = np.asarray(cv2.resize(_weighted(rng, ink), size, interpolation=cv2.INTER_AREA), np.uint8)
    above, below = (max(0, round(target * rng.gauss(0.12, 0.1))) for _ in range(2))
    left, right = (max(1, round(target * abs(rng.gauss(0.2, 0.25)))) for _ in range(2))
    cover = np.pad(ink, ((above, below), (left, right))).astype(np.float32) / 255
    if rng.random() < 0.25:  # a detector's box is never quite level
        centre = (cover.shape[1] / 2, cover.shape[0] / 2)
        turn = cv2.getRotationMatrix2D(centre, rng.gauss(0, 0.6), 1.0)
        cover = np.asarray(cv2.warpAffine(cover, turn, cover.shape[::-1]), np.float32)
    paper = _ground(rng, *cover.shape)
    depth = rng.uniform(0.45, 0.95)
    grey = np.asarray(np.clip(paper * (1 - depth * cover), 0, 1) * 255, np.uint8)
    return prepare_line(degrade(rng, grey, pitch=max(6.0, target * 0.5)).astype(np.float32)), text


def classes_of(text: str) -> list[int]:
    """Classes of a text as it stands on paper from the left; 0 is the blank and never among them."""
    return [ARABIC_ALPHABET.index(char) + 1 for char in visual(text)]
