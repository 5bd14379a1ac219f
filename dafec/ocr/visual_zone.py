"""The visual zone as text: every line of print on a page, with its place and how sure each character is.

    page -> boxes of lines (PP-OCR's detector) -> text (PP-OCR's recogniser; our own for Arabic) -> lines

Both PP-OCR networks lie as ONNX files inside the package ``rapidocr`` (Apache-2.0; nothing is downloaded) and run on
this project's own runtime, one thread count and digest for all. They read Latin letters with their diacritics, and
take a second or more for a page: too slow for the first answer, so ``dafec.screening`` reads the visual zone only where
it is asked for a complete one. Arabic lines go to ``dafec.ocr.visual_zone_arabic``.

What is read is never corrected: no dictionary, and nothing of the machine-readable zone, has a say in it.
"""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.errors import InstallationError
from dafec.geometry import BoxMm, FloatArray
from dafec.models.manifest import list_models
from dafec.models.runtime import Session, SessionOptions, load_session, open_session
from dafec.ocr.visual_zone_arabic import read_lines

__all__ = ["OTHER_SIDE_MM", "VisualContext", "VisualLine", "VisualZone", "read_visual_zone"]

#: Below this, places of lines are on the page of the machine-readable zone; every further side's begin at its number
#: times this.
OTHER_SIDE_MM = 1000.0

_DETECTOR = "models/PP-OCRv6_det_small.onnx"
_RECOGNISER = "models/PP-OCRv6_rec_small.onnx"
_ARABIC_MODEL = "arabic_lines"
_PX_PER_MM = 8.0  # letters of 1.2 mm are ten pixels high: what the detector needs
_LONGEST_PX = 1600  # of the picture it is given; a page of unknown size stays within memory
_STEP = 32
_THRESHOLD = 0.3  # of the text map, and of a box's mean: the detector's own settings
_BOX_MEAN = 0.5
_GROWTH = 1.6  # its map shows lines shrunk; boxes grow by area * growth / perimeter
_MIN_SIDE_PX = 3.0
_NARROWEST = 0.45  # width over height of a line that is one letter; narrower boxes are print that runs upwards
_MOST_LINES = 160  # a page of a passport has twenty to sixty
_HEIGHT = 48
_MAX_WIDTH = 1600
_WIDTH_STEP = 64
_ARABIC_SURE = 0.75  # geometric mean probability from which a line is taken for Arabic
_LATIN_SURE = 0.9


@dataclass(frozen=True, slots=True)
class VisualLine:
    """One printed line."""

    text: str  # as read, spaces as printed; Arabic in reading order
    confidence: float  # mean probability of its characters, 0..1
    box_mm: BoxMm  # on the page
    chars: tuple[float, ...] = ()  # probability of each character that is no space, in the order of ``text``
    arabic: str = ""  # the same line as the Arabic recogniser reads it; empty where it is no Arabic line
    arabic_confidence: float = 0.0  # geometric mean probability of its letters
    arabic_weakest: float = 0.0  # least probability of one of them


@dataclass(frozen=True, slots=True)
class VisualZone:
    """Every line of a page, from the top, each row from the left."""

    lines: tuple[VisualLine, ...]
    arabic_read: bool  # whether there was a recogniser for Arabic script
    models: Mapping[str, str] = field(default_factory=dict)  # SHA-256 by name

    def beside(self, other: VisualZone, side: int = 1) -> VisualZone:
        """This page's lines and those of another side, which stand ``side`` times ``OTHER_SIDE_MM`` further down."""
        down = side * OTHER_SIDE_MM
        moved = tuple(replace(line, box_mm=replace(line.box_mm, y=line.box_mm.y + down)) for line in other.lines)
        return replace(self, lines=(*self.lines, *moved))


@dataclass(frozen=True, slots=True, eq=False)
class VisualContext:
    """The networks, loaded once."""

    detector: Session
    recogniser: Session
    characters: tuple[str, ...]  # classes after the blank
    arabic: Session | None

    @classmethod
    def load(cls, threads: int = 1) -> VisualContext:
        """The networks with ``threads`` threads within an operator; loaded once for each count.

        Raises:
            InstallationError: ``models.not_listed`` where the package or one of its files is not there.
        """
        with _LOCK:
            return _load(max(1, threads))


_LOCK = threading.Lock()


@cache
def _load(threads: int) -> VisualContext:
    if importlib.util.find_spec("rapidocr") is None:
        raise InstallationError("models.not_listed", name="rapidocr")
    options = SessionOptions(threads=threads, memory_arena=False)
    sessions = []
    for name in (_DETECTOR, _RECOGNISER):
        try:
            data = files("rapidocr").joinpath(name).read_bytes()
        except OSError as error:
            raise InstallationError("models.not_listed", name=name) from error
        sessions.append(open_session(name.removeprefix("models/").removesuffix(".onnx"), data, options))
    raw: Any = sessions[1].raw
    characters = tuple(raw.get_modelmeta().custom_metadata_map["character"].splitlines())
    arabic = load_session(_ARABIC_MODEL, threads) if any(e.name == _ARABIC_MODEL for e in list_models()) else None
    return VisualContext(sessions[0], sessions[1], (*characters, " "), arabic)


def _quads(probability: NDArray[np.float32]) -> list[FloatArray]:
    """Corners (4, 2) of each line in pixels of the detector's map, top left first."""
    mask = cv2.dilate((probability > _THRESHOLD).astype(np.uint8), np.ones((2, 2), np.uint8))
    contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    found = []
    for contour in contours:
        (x, y), (w, h), angle = cv2.minAreaRect(contour)
        if min(w, h) < _MIN_SIDE_PX:
            continue
        if _mean_inside(probability, cv2.boxPoints(((x, y), (w, h), angle))) < _BOX_MEAN:
            continue
        grow = 2 * w * h * _GROWTH / (2 * (w + h))
        found.append(_ordered(cv2.boxPoints(((x, y), (w + grow, h + grow), angle)).astype(np.float64)))
    return found


def _mean_inside(probability: NDArray[np.float32], box: NDArray[Any]) -> float:
    low = np.maximum(np.floor(box.min(axis=0)).astype(int), 0)
    high = np.minimum(np.ceil(box.max(axis=0)).astype(int) + 1, probability.shape[::-1])
    view = np.ascontiguousarray(probability[low[1] : high[1], low[0] : high[0]])
    if view.size == 0:
        return 0.0
    mask = np.zeros(view.shape, np.uint8)
    cv2.fillPoly(mask, [(box - low).astype(np.int32)], (1,))
    return float(cv2.mean(view, mask)[0])


def _ordered(corners: FloatArray) -> FloatArray:
    """Corners so that the first side runs along the line from the left: top left, top right, and so on."""
    start = int(np.argmin(corners.sum(axis=1)))
    turned = np.roll(corners, -start, axis=0)
    (ax, ay), (bx, by) = turned[1] - turned[0], turned[2] - turned[0]
    return turned if ax * by - ay * bx > 0 else np.asarray(turned[[0, 3, 2, 1]])


def _find_lines(image: NDArray[np.uint8], px_per_mm: float, session: Session) -> list[FloatArray]:
    """Corners of the lines in pixels of ``image``, from the top, each row from the left."""
    height, width = image.shape[:2]
    scale = min(_PX_PER_MM / px_per_mm, _LONGEST_PX / max(height, width), 2.0)
    size = tuple(max(_STEP, round(side * scale / _STEP) * _STEP) for side in (width, height))
    small = cv2.resize(image, (size[0], size[1]), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    # the networks were trained on pictures as OpenCV gives them: blue first
    tensor = small[..., ::-1].transpose(2, 0, 1)[None].astype(np.float32) / 127.5 - 1
    probability = np.ascontiguousarray(session.run(tensor)[0][0, 0])
    factor = np.array([width / size[0], height / size[1]])
    quads = [quad * factor for quad in _quads(probability)]
    quads = sorted(quads, key=lambda q: float(np.prod(q.max(axis=0) - q.min(axis=0))), reverse=True)[:_MOST_LINES]
    return sorted(quads, key=lambda q: (round(float(q[:, 1].mean()) / (1.5 * px_per_mm)), float(q[:, 0].min())))


def _cut(image: NDArray[np.uint8], quad: FloatArray) -> NDArray[np.uint8] | None:
    """The line upright, (48, w, 3); None where it stands upright on the page or has no extent."""
    along, down = np.hypot(*(quad[1] - quad[0])), np.hypot(*(quad[3] - quad[0]))
    if down < 4 or along < _NARROWEST * down:
        return None
    width = int(np.clip(round(along * _HEIGHT / down), 16, _MAX_WIDTH))
    target = np.array([[0, 0], [width, 0], [width, _HEIGHT], [0, _HEIGHT]], np.float32)
    shrink = down / _HEIGHT
    low = np.maximum(np.floor(quad.min(axis=0)).astype(int) - 2, 0)
    high = np.minimum(np.ceil(quad.max(axis=0)).astype(int) + 3, image.shape[1::-1])
    part, corners = image[low[1] : high[1], low[0] : high[0]], (quad - low).astype(np.float32)
    if part.size == 0:
        return None
    if shrink > 1.5:  # remap does not average: shrink first
        small = (max(2, round(part.shape[1] / shrink)), max(2, round(part.shape[0] / shrink)))
        corners *= np.array([small[0] / part.shape[1], small[1] / part.shape[0]], np.float32)
        part = np.asarray(cv2.resize(part, small, interpolation=cv2.INTER_AREA), np.uint8)
    matrix = cv2.getPerspectiveTransform(corners, target)
    cut = cv2.warpPerspective(part, matrix, (width, _HEIGHT), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cut, np.uint8)


def _read_text(crop: NDArray[np.uint8], context: VisualContext) -> tuple[str, tuple[float, ...]]:
    """Text of one line and the probability of each character that is no space."""
    width = -(-crop.shape[1] // _WIDTH_STEP) * _WIDTH_STEP
    tensor = np.zeros((1, 3, _HEIGHT, width), np.float32)
    tensor[0, :, :, : crop.shape[1]] = crop[..., ::-1].transpose(2, 0, 1).astype(np.float32) / 127.5 - 1
    columns = context.recogniser.run(tensor)[0][0]
    best, sure = columns.argmax(axis=1), columns.max(axis=1)
    text, values, before = "", [], 0
    for kind, probability in zip(best.tolist(), sure.tolist(), strict=True):
        if kind and kind != before:
            char = context.characters[kind - 1]
            text += char
            if char != " ":
                values.append(float(probability))
        before = kind
    return text, tuple(values)


def _box(quad: FloatArray, px_per_mm: float) -> BoxMm:
    low, high = quad.min(axis=0) / px_per_mm, quad.max(axis=0) / px_per_mm
    return BoxMm(float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1]))


def _has_arabic(text: str) -> bool:
    return sum("\u0620" <= char <= "\u06d3" and not char.isdigit() for char in text) >= 2


def _with_arabic(line: VisualLine, crop: NDArray[np.uint8], session: Session) -> VisualLine:
    """The line with its Arabic reading, where it is Arabic."""
    grey = np.asarray(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), np.float32)
    read = read_lines([grey], session)[0]
    if not _has_arabic(read.text) or read.confidence < _ARABIC_SURE:
        return line
    return VisualLine(line.text, line.confidence, line.box_mm, line.chars, read.text, read.confidence, read.weakest)


def read_visual_zone(image: NDArray[np.float32], px_per_mm: float, context: VisualContext) -> VisualZone:
    """Reads every line of a page.

    Args:
        image: the page in visible light (or infrared), (h, w) or (h, w, 3) RGB, 0..1 of full scale.
        px_per_mm: of the image.
        context: the loaded networks.

    Returns:
        The lines, the machine-readable zone's among them.

    Raises:
        InstallationError: a network failed.
    """
    pixels = np.asarray(np.clip(image, 0, 1) * 255, np.uint8)
    pixels = np.ascontiguousarray(pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, 2))
    lines = []
    for quad in _find_lines(pixels, px_per_mm, context.detector):
        crop = _cut(pixels, quad)
        if crop is None:
            continue
        text, chars = _read_text(crop, context)
        confidence = float(np.mean(chars)) if chars else 0.0
        line = VisualLine(text.strip(), confidence, _box(quad, px_per_mm), chars)
        if context.arabic is not None and not (confidence >= _LATIN_SURE and _is_latin(text)):
            line = _with_arabic(line, crop, context.arabic)
        if line.text or line.arabic:
            lines.append(line)
    return VisualZone(tuple(lines), context.arabic is not None, _digests(context))


def _is_latin(text: str) -> bool:
    return bool(text.strip()) and all(char < "\u0250" or not char.isalpha() for char in text)


def _digests(context: VisualContext) -> dict[str, str]:
    sessions: Sequence[Session | None] = (context.detector, context.recogniser, context.arabic)
    return {session.name: session.sha256 for session in sessions if session is not None}
