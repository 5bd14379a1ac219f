"""The second reader: an independent opinion on a zone the first reader is unsure of.

It looks at the lines the first reader found and reads them anew with a recogniser of other makers and other training
data; it takes nothing of what the first reader read but where the lines are and which format they have. Two engines,
the better measured one first (``benchmarks/second_reader.py`` prints the figures):

* PP-OCR's line recogniser, whose ONNX file lies inside the package ``rapidocr`` (Apache-2.0, nothing is downloaded).
  Its columns are decoded with exactly the number of characters of the format, each of the kind its position holds
  (letters in names, digits in dates): ``constrained_decode``.
* tesseract on the same lines through ``pytesseract``, which comes with PassportEye, where the program and trained data
  for such zones (``mrz`` or ``ocrb``) are installed. With its default data it reads almost none of them exactly, and
  an opinion that differs every time tells nothing.

Without either the answer is None, which a check reports as ``not_supported``. Check digits play no part. Because
positions are constrained, a letter printed in a date is read as the digit it resembles: this reader can confirm or
doubt the first one; it never replaces it.

Both engines are imported on first use: neither takes part in a plain screening.
"""

from __future__ import annotations

import importlib.util
import logging
import re
import shutil
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.errors import DafecError
from dafec.geometry import DocumentFormat
from dafec.models.manifest import digest
from dafec.models.runtime import Session, SessionOptions, open_session
from dafec.ocr.layouts import layout_of
from dafec.ocr.types import ALPHABET, LineRead, MrzRead

__all__ = ["ENGINES", "Engine", "available_engine", "constrained_decode", "engine_digest", "second_read"]

Engine = Literal["pp-ocr", "tesseract"]
#: In the order of the figures ``benchmarks/second_reader.py`` prints.
ENGINES: tuple[Engine, ...] = get_args(Engine)

_LOG = logging.getLogger(__name__)
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ<"
_DIGITS = "0123456789<"  # unknown parts of a date and an unused check digit are fillers
_FIELD_KINDS = {
    "document_code": _LETTERS,
    "issuer": _LETTERS,
    "nationality": _LETTERS,
    "names": _LETTERS,
    "birth_date": _DIGITS,
    "expiry_date": _DIGITS,
    "sex": "MFX<",
}
_RECOGNISER = "models/PP-OCRv6_rec_small.onnx"
_HEIGHT_PX = 48  # what the recogniser was made for
_MAX_WIDTH_PX = 2400  # of a line crop; bounds the time of one run
_CAP_SHARE = 0.55  # of the crop's height that capitals fill, as the recogniser's own text boxes have it
_NEVER = -1e30


@dataclass(frozen=True, slots=True, eq=False)
class _Recogniser:
    session: Session
    columns: NDArray[np.int64]  # classes of blank and of ALPHABET, in that order


def _format_of(read: MrzRead) -> DocumentFormat | None:
    """The read's format, or the one whose outline its lines come nearest to; within four characters a line."""
    if read.format is not None:
        return read.format
    lengths = [len(line.chars) for line in read.lines]
    near: list[tuple[int, DocumentFormat]] = []
    formats: tuple[DocumentFormat, ...] = ("TD1", "TD2", "TD3")
    for name in formats:
        layout = layout_of(name)
        if layout.lines == len(lengths):
            near.append((max(abs(length - layout.length) for length in lengths), name))
    best = min(near, default=(99, None))
    return best[1] if best[0] <= 4 else None


def _allowed(document_format: DocumentFormat, line: int) -> NDArray[np.bool_]:
    """Which characters each position of a line may hold: (length, 37)."""
    layout = layout_of(document_format)
    allowed = np.ones((layout.length, len(ALPHABET)), np.bool_)
    if document_format == "FRA-ID":  # its own layout, with digits and letters mixed in most fields
        return allowed
    kinds = [(span, _FIELD_KINDS[field]) for field, span in layout.fields.items() if field in _FIELD_KINDS]
    kinds += [((row, position, position + 1), _DIGITS) for row, position in layout.check.values()]
    for (row, first, last), kind in kinds:
        if row == line:
            allowed[first:last] = [char in kind for char in ALPHABET]
    return allowed


def constrained_decode(probabilities: NDArray[np.float32], allowed: NDArray[np.bool_]) -> str | None:
    """The most probable text of exactly so many characters, each of its position's kind.

    A Viterbi search over the paths of connectionist temporal classification: at every column either a character goes
    on, a blank stands, or the next character begins.

    Args:
        probabilities: (columns, 38), blank first, then ``ALPHABET``; rows need not sum to one.
        allowed: (n, 37), which characters each of the n positions may hold.

    Returns:
        n characters, or None where there are fewer columns than characters.
    """
    count, kinds = allowed.shape
    columns = np.log(np.maximum(probabilities.astype(np.float64), 1e-12))
    barred = np.where(allowed, 0.0, _NEVER)
    blank = np.full(count + 1, _NEVER)  # best path with n characters that ends in a blank
    inside = np.full((count, kinds), _NEVER)  # best path that ends in character n + 1 being the given one
    blank[0], inside[0] = columns[0, 0], columns[0, 1:] + barred[0]
    rows = np.arange(count)
    steps: list[tuple[NDArray[Any], ...]] = []
    for column in columns[1:]:
        order = np.argsort(-inside, axis=1)[:, :2]
        other = np.repeat(inside[rows, order[:, 0]][:, None], kinds, 1)
        who = np.repeat(order[:, :1], kinds, 1)
        other[rows, order[:, 0]], who[rows, order[:, 0]] = inside[rows, order[:, 1]], order[:, 1]
        # the best way into character n + 1: stay in it, come from a blank, or from another character
        ways = np.stack(
            [
                inside,
                np.repeat(blank[:count, None], kinds, 1),
                np.vstack([np.full((1, kinds), _NEVER), other[:-1]]),
            ]
        )
        way = ways.argmax(axis=0)
        left = np.concatenate([[_NEVER], inside.max(axis=1)])
        opened = left > blank
        steps.append((way, np.vstack([np.zeros((1, kinds), np.int64), who[:-1]]), opened, inside.argmax(axis=1)))
        blank = np.where(opened, left, blank) + column[0]
        inside = np.take_along_axis(ways, way[None], axis=0)[0] + column[1:] + barred
    ends_inside = inside[-1].max() > blank[-1]
    if max(inside[-1].max(), blank[-1]) < _NEVER / 2:
        return None
    return _trace(steps, count, int(inside[-1].argmax()) if ends_inside else -1)


def _trace(steps: Sequence[tuple[NDArray[Any], ...]], count: int, state: int) -> str:
    """Walks back from the last column; ``state`` is a character of ALPHABET, or -1 for a blank."""
    found: list[int] = []
    for way, who, opened, last in reversed(steps):
        if state < 0:
            if opened[count]:
                state = int(last[count - 1])
            continue
        step = way[count - 1, state]
        if step == 0:
            continue
        found.append(state)
        state = -1 if step == 1 else int(who[count - 1, state])
        count -= 1
    if state >= 0:
        found.append(state)
    return "".join(ALPHABET[index] for index in reversed(found))


def cut_line(pixels: NDArray[np.uint8], line: LineRead) -> NDArray[np.uint8] | None:
    """A line straightened along its characters: (48, width, 3) uint8; None where it has no extent."""
    centres = np.array([char.centre_px for char in line.chars], np.float64)
    if len(centres) < 4 or line.height_px <= 0:
        return None
    along = centres[-1] - centres[0]
    length = float(np.hypot(*along))
    if length < len(centres):
        return None
    along /= length
    down = np.array([-along[1], along[0]])
    run, offset = (centres - centres[0]) @ along, (centres - centres[0]) @ down
    bow = np.polyfit(run, offset, 2)
    scale = _HEIGHT_PX * _CAP_SHARE / line.height_px
    pitch = length / (len(centres) - 1)
    width = min(_MAX_WIDTH_PX, max(_HEIGHT_PX, round((length + 1.8 * pitch) * scale)))
    u = np.linspace(-0.9 * pitch, length + 0.9 * pitch, width)
    v = (np.arange(_HEIGHT_PX) - (_HEIGHT_PX - 1) / 2) / scale
    x = centres[0, 0] + u[None, :] * along[0] + (np.polyval(bow, u)[None, :] + v[:, None]) * down[0]
    y = centres[0, 1] + u[None, :] * along[1] + (np.polyval(bow, u)[None, :] + v[:, None]) * down[1]
    colour = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, 2)
    if scale < 0.6:  # remap does not average: shrink first
        factor = scale / 0.9
        colour = np.asarray(cv2.resize(colour, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)
        x, y = (x + 0.5) * factor - 0.5, (y + 0.5) * factor - 0.5
    flags = cv2.INTER_CUBIC if scale > 1.2 else cv2.INTER_LINEAR
    cut = cv2.remap(colour, x.astype(np.float32), y.astype(np.float32), flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cut, dtype=np.uint8)


_LOCK = threading.Lock()


@cache
def _recogniser() -> _Recogniser:
    data = files("rapidocr").joinpath(_RECOGNISER).read_bytes()
    session = open_session("pp-ocr", data, SessionOptions(memory_arena=False))
    raw: Any = session.raw
    characters = raw.get_modelmeta().custom_metadata_map["character"].splitlines()
    places = {char: index + 1 for index, char in enumerate(characters)}
    return _Recogniser(session, np.array([0, *(places[char] for char in ALPHABET)]))


def _with_pp_ocr(crops: Sequence[NDArray[np.uint8]], document_format: DocumentFormat) -> tuple[str, ...] | None:
    with _LOCK:
        recogniser = _recogniser()
    lines = []
    for number, crop in enumerate(crops):
        # the recogniser was trained on pictures as OpenCV gives them: blue first
        image = crop[..., ::-1].transpose(2, 0, 1)[None].astype(np.float32) / 127.5 - 1
        columns = recogniser.session.run(image)[0][0]
        line = constrained_decode(columns[:, recogniser.columns], _allowed(document_format, number))
        if line is None:
            return None
        lines.append(line)
    return tuple(lines)


def _fitted(text: str, length: int) -> str | None:
    """A line of the right length: the longest run of fillers takes the difference, if there is one."""
    missing = length - len(text)
    if missing == 0:
        return text
    runs = [match.span() for match in re.finditer("<+", text)]
    if not runs:
        return None
    start, end = max(runs, key=lambda span: span[1] - span[0])
    fillers = end - start + missing
    return text[:start] + "<" * fillers + text[end:] if fillers > 0 else None


def _with_tesseract(
    crops: Sequence[NDArray[np.uint8]], document_format: DocumentFormat, time_limit_s: float
) -> tuple[str, ...] | None:
    import pytesseract

    length = layout_of(document_format).length
    data = _trained_data() or "eng"
    options = f"--psm 7 -l {data} -c tessedit_char_whitelist={ALPHABET}"
    options += " -c load_system_dawg=F -c load_freq_dawg=F"
    lines = []
    for crop in crops:
        padded = cv2.copyMakeBorder(crop, 12, 12, 12, 12, cv2.BORDER_REPLICATE)
        raw = pytesseract.image_to_string(padded, config=options, timeout=time_limit_s / len(crops))
        line = _fitted("".join(char for char in raw.upper() if char in ALPHABET), length)
        if line is None:
            return None
        lines.append(line)
    return tuple(lines)


@cache
def _trained_data() -> str | None:
    """The name of tesseract's trained data for machine-readable zones; None where it is not installed."""
    program = shutil.which("tesseract")
    if program is None or not importlib.util.find_spec("pytesseract"):
        return None
    try:
        listed = subprocess.run([program, "--list-langs"], capture_output=True, text=True, timeout=5.0, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return next((name for name in ("mrz", "ocrb") if name in listed.stdout.split()), None)


@cache
def available_engine() -> Engine | None:
    """The best engine this installation has; None where it has neither."""
    if importlib.util.find_spec("rapidocr") and files("rapidocr").joinpath(_RECOGNISER).is_file():
        return "pp-ocr"
    return "tesseract" if _trained_data() else None


@cache
def engine_digest() -> str | None:
    """SHA-256 of the recogniser file the second reader uses; None where it has none of its own."""
    if available_engine() != "pp-ocr":
        return None
    return digest(files("rapidocr").joinpath(_RECOGNISER).read_bytes())


def second_read(
    pixels: NDArray[np.uint8], read: MrzRead, *, engine: Engine | None = None, time_limit_s: float = 4.0
) -> tuple[str, ...] | None:
    """Reads a zone a second time, with another reader.

    Args:
        pixels: the frame the first read was made from: (h, w) grey or (h, w, 3) RGB, uint8.
        read: the first read; only its lines' places and its format are used.
        engine: which engine; the best one available where None.
        time_limit_s: an external program is stopped after this long.

    Returns:
        The lines, each of the format's length, or None: no engine, no format, or the engine gave nothing usable. A
        failing engine is logged and gives None as well.
    """
    chosen = engine or available_engine()
    document_format = _format_of(read)
    if chosen is None or document_format is None or len(read.lines) != layout_of(document_format).lines:
        return None
    crops = [cut_line(pixels, line) for line in read.lines]
    if any(crop is None for crop in crops):
        return None
    found = [crop for crop in crops if crop is not None]
    try:
        if chosen == "pp-ocr":
            return _with_pp_ocr(found, document_format)
        return _with_tesseract(found, document_format, time_limit_s)
    except (DafecError, ImportError, OSError, RuntimeError, ValueError, KeyError, cv2.error) as error:
        # foreign packages: whatever they raise, a second opinion that fails is no opinion
        _LOG.warning("second reader %s failed: %s", chosen, type(error).__name__)
        return None
