"""The MRZ reader: a frame goes in, every machine-readable zone in it comes out, character by character.

    frame -> zones (detector) -> lines (line finder) -> strips -> columns (recogniser) -> characters

The reader shows what is printed. It knows no check digits and no grammar; the only use of Doc 9303 here is that a zone has
two or three lines of 30, 36 or 44 characters. Each probability is calibrated on rendered zones of the development split
(``dafec/ocr/data/calibration.toml`` and the command named there).
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.geometry import DocumentFormat, FloatArray, Quad
from dafec.models.runtime import Session, load_session
from dafec.ocr.decode import DecodedLine, LineColumns, decode_lines
from dafec.ocr.find import Located, RoughZone, locate_zones
from dafec.ocr.lines import find_lines
from dafec.ocr.strip import CAP_PX, STRIP_HEIGHT, LineGeometry, Strip, cut_strip
from dafec.ocr.types import ALPHABET, CharRead, LineRead, MrzRead, ReadStatus

__all__ = ["Calibration", "FrameRead", "OcrContext", "read_frame", "read_image"]

_MIN_MEAN = 0.45  # mean probability of the best character below which a "zone" is some other print
_MIN_LINE = 20  # characters; fewer are not a line of any zone
_OTHER_SIZES = (0.93, 1.07)  # of the cap height, for a second and third look
_ALTERNATIVE = 0.001  # DESIGN.md: alternatives of at least this probability are reported


@dataclass(frozen=True, slots=True)
class Calibration:
    """How logits become probabilities, and from which on a character is certain."""

    temperature: float  # logits are divided by it
    certain: float  # probability each character needs for status ``read``
    certain_zone: float  # probability that all characters are right, likewise
    present: float  # probability that a character stands at its place, likewise

    @classmethod
    def load(cls) -> Calibration:
        """From the data file beside this module."""
        data = tomllib.loads(files("dafec.ocr").joinpath("data/calibration.toml").read_text(encoding="utf-8"))
        return cls(**{key: float(data[key]) for key in ("temperature", "certain", "certain_zone", "present")})


@dataclass(frozen=True, slots=True, eq=False)
class OcrContext:
    """The three models and the calibration, loaded once."""

    detector: Session
    line_finder: Session
    recogniser: Session
    calibration: Calibration

    @classmethod
    def load(cls, threads: int | None = None) -> OcrContext:
        """Loads the models.

        Args:
            threads: threads within an operator; two where None.

        Raises:
            InstallationError: a model is missing, altered or unreadable.
        """
        count = threads or 2
        return cls(
            load_session("mrz_detector", count),
            load_session("mrz_lines", count),
            load_session("mrz_reader", count),
            Calibration.load(),
        )


@dataclass(frozen=True, slots=True, eq=False)
class FrameRead:
    """All that one look at a frame gives."""

    reads: tuple[MrzRead, ...]  # surest first
    document_mask: NDArray[np.float32]  # see ``dafec.ocr.find.Located``
    mask_scale: float


def to_grey(pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> NDArray[np.uint8]:
    """(h, w) or (h, w, 3) RGB of 8 or 16 bits to (h, w) uint8; 16 bits are taken as full scale 65,535 or their own maximum if it is under 4,096."""
    if pixels.dtype == np.uint16:
        full = 4095 if int(pixels.max(initial=0)) < 4096 else 65535
        pixels = np.asarray(cv2.convertScaleAbs(pixels, alpha=255 / full), dtype=np.uint8)
    if pixels.ndim == 3:
        pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    return np.ascontiguousarray(pixels, dtype=np.uint8)


def _recognise(
    grey: NDArray[np.uint8], lines: Sequence[LineGeometry], context: OcrContext
) -> tuple[list[Strip], list[DecodedLine]]:
    strips = [cut_strip(grey, line) for line in lines]
    width = max(strip.pixels.shape[1] for strip in strips)
    batch = np.zeros((len(strips), 1, STRIP_HEIGHT, width), np.float32)
    widths = np.array([strip.pixels.shape[1] for strip in strips], dtype=np.int64)
    for row, strip in enumerate(strips):
        batch[row, 0, :, : strip.pixels.shape[1]] = strip.pixels
    logits = context.recogniser.run(batch, widths)[0]
    columns = [
        LineColumns.from_logits(logits[i, : widths[i] // 4], context.calibration.temperature)
        for i in range(len(strips))
    ]
    lengths = [float(np.hypot(g.right[0] - g.left[0], g.right[1] - g.left[1])) * CAP_PX / g.cap_px for g in lines]
    return strips, decode_lines(columns, lengths)


def _scaled(lines: Sequence[LineGeometry], factor: float) -> list[LineGeometry]:
    return [LineGeometry(line.left, line.right, line.sag, line.cap_px * factor) for line in lines]


def _look_again(
    grey: NDArray[np.uint8], lines: Sequence[LineGeometry], decoded: list[DecodedLine], context: OcrContext
) -> list[DecodedLine]:
    """Looks at doubtful lines in two more sizes, and takes the geometric mean of what the looks say."""
    looks = [decoded]
    for factor in _OTHER_SIZES:
        other = _recognise(grey, _scaled(lines, factor), context)[1]
        if [len(line.columns) for line in other] == [len(line.columns) for line in decoded]:
            looks.append(other)
    merged = []
    for row, line in enumerate(decoded):
        logs = np.mean([np.log(look[row].probabilities + 1e-9) for look in looks], axis=0)
        mixed = np.exp(logs - logs.max(axis=1, keepdims=True))
        merged.append(DecodedLine(line.columns, mixed / mixed.sum(axis=1, keepdims=True), line.presence, line.regular))
    return merged


def _mean_probability(lines: Sequence[DecodedLine]) -> float:
    values = [line.probabilities.max(axis=1) * line.presence for line in lines]
    return float(np.concatenate(values).mean()) if values else 0.0


def _confidence(lines: Sequence[DecodedLine]) -> float:
    """Probability that every character is right, characters taken as independent."""
    logs = [np.log(np.maximum(line.probabilities.max(axis=1), 1e-9)).sum() for line in lines]
    return float(np.exp(sum(logs)))


def _is_certain(lines: Sequence[DecodedLine], sure: Calibration) -> bool:
    return _confidence(lines) >= sure.certain_zone and all(
        line.regular and line.presence.min() >= sure.present and line.probabilities.max(axis=1).min() >= sure.certain
        for line in lines
    )


def _turned(lines: Sequence[LineGeometry]) -> list[LineGeometry]:
    return [LineGeometry(line.right, line.left, -line.sag, line.cap_px) for line in reversed(lines)]


def _format(texts: Sequence[str]) -> DocumentFormat | None:
    shape = (len(texts), {len(t) for t in texts})
    if shape == (3, {30}):
        return "TD1"
    if shape == (2, {44}):
        return "MRV-A" if texts[0][0] == "V" else "TD3"
    if shape == (2, {36}):
        if texts[0].startswith("IDFRA"):
            return "FRA-ID"
        return "MRV-B" if texts[0][0] == "V" else "TD2"
    return None


def _line_read(strip: Strip, decoded: DecodedLine) -> LineRead:
    centres: FloatArray = strip.to_frame(decoded.columns - 0.5)
    chars = []
    for row, (x, y) in zip(decoded.probabilities, centres, strict=True):
        order = np.argsort(-row)
        others = tuple((ALPHABET[i], float(row[i])) for i in order[1:6] if row[i] >= _ALTERNATIVE)
        chars.append(CharRead(ALPHABET[order[0]], float(row[order[0]]), others, (float(x), float(y))))
    return LineRead(tuple(chars), strip.geometry.cap_px)


def _corners(strips: Sequence[Strip], decoded: Sequence[DecodedLine]) -> Quad:
    first, last = strips[0], strips[-1]
    half = 0.55 * CAP_PX
    left = min(float(d.columns[0]) for d in decoded) - CAP_PX / 2
    right = max(float(d.columns[-1]) for d in decoded) + CAP_PX / 2
    ends = np.array([left, right])
    top = first.to_frame(ends, STRIP_HEIGHT / 2 - half)
    bottom = last.to_frame(ends, STRIP_HEIGHT / 2 + half)
    return Quad.from_array(np.array([top[0], top[1], bottom[1], bottom[0]]))


def _read_zone(grey: NDArray[np.uint8], zone: RoughZone, context: OcrContext) -> MrzRead | None:
    lines = find_lines(grey, zone, context.line_finder)
    if not lines:
        return None
    strips, decoded = _recognise(grey, lines, context)
    mean = _mean_probability(decoded)
    if mean < 0.7:  # the detector may have taken the zone for upside down
        other_strips, other = _recognise(grey, _turned(lines), context)
        if _mean_probability(other) > mean:
            strips, decoded, mean = other_strips, other, _mean_probability(other)
    if mean < _MIN_MEAN or len(strips) != len(decoded) or max(len(d.columns) for d in decoded) < _MIN_LINE:
        return None
    if not _is_certain(decoded, context.calibration):
        decoded = _look_again(grey, [strip.geometry for strip in strips], decoded, context)
    reads = tuple(_line_read(strip, line) for strip, line in zip(strips, decoded, strict=True))
    form = _format([r.text for r in reads])
    status: ReadStatus = "read" if form is not None and _is_certain(decoded, context.calibration) else "uncertain"
    return MrzRead(status, form, reads, _corners(strips, decoded), _confidence(decoded))


def _overlap(a: MrzRead, b: MrzRead) -> bool:
    (ax, ay), (bx, by) = a.corners_px.array().mean(0), b.corners_px.array().mean(0)
    return bool(np.hypot(ax - bx, ay - by) < 0.25 * max(a.corners_px.width_px, b.corners_px.width_px))


def read_frame(pixels: NDArray[np.uint8] | NDArray[np.uint16], *, context: OcrContext) -> FrameRead:
    """Finds and reads every machine-readable zone in a frame, and says where documents lie.

    Args:
        pixels: (h, w) grey or (h, w, 3) RGB, 8 or 16 bits.
        context: the loaded models.

    Returns:
        Reads, surest first, and the document mask.

    Raises:
        InstallationError: a model failed.
    """
    grey = to_grey(pixels)
    located: Located = locate_zones(grey, context.detector)
    reads: list[MrzRead] = []
    for zone in located.zones:
        read = _read_zone(grey, zone, context)
        if read is not None and not any(_overlap(read, other) for other in reads):
            reads.append(read)
    reads.sort(key=lambda r: (r.status != "read", r.format is None, -r.confidence))
    return FrameRead(tuple(reads), located.document_mask, located.mask_scale)


def read_image(pixels: NDArray[np.uint8] | NDArray[np.uint16], *, context: OcrContext) -> list[MrzRead]:
    """Finds and reads every machine-readable zone in a frame, surest first; an empty list where there is none."""
    return list(read_frame(pixels, context=context).reads)
