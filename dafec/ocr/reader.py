"""The MRZ reader: a frame goes in, every machine-readable zone in it comes out, character by character.

    frame -> zones (detector) -> lines (line finder) -> strips -> columns (recogniser) -> characters

The reader shows what is printed. It knows no check digits and no grammar; the only use of Doc 9303 here is that a zone
has two or three lines of 30, 36 or 44 characters. Each probability is calibrated on rendered zones of the development
split (``dafec/ocr/data/calibration.toml`` and the command named there).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.geometry import DocumentFormat, FloatArray, Quad
from dafec.models.runtime import Session, load_session
from dafec.ocr.decode import DecodedLine
from dafec.ocr.find import RoughZone, further_views, locate_zones
from dafec.ocr.lines import find_lines
from dafec.ocr.recognise import (
    Calibration,
    Recognition,
    cut_ends,
    longer,
    look_again,
    past_the_ends,
    recognise_lines,
    turned,
)
from dafec.ocr.strip import CAP_PX, STRIP_HEIGHT, Strip
from dafec.ocr.types import ALPHABET, CharRead, LineRead, MrzRead, ReadStatus

__all__ = ["Calibration", "FrameRead", "OcrContext", "read_frame", "read_image", "to_grey"]

_LONGER_LOOKS = 4  # at a line that is cut, each with room for two characters more
_MIN_MEAN = 0.45  # mean probability of the best character below which a "zone" is some other print
# Other capitals (headings, cards without a zone) were read with means up to 0.63 in a format's shape and 0.95 in none;
# zones a person can read, however small or worn, with 0.85 and more.
_ZONE_MEAN = 0.80  # least mean probability of a zone whose lines have a format's shape
_UNEVEN = 6  # characters by which the lines of a part may differ in number
_SHAPELESS_MEAN = 0.96  # of one whose lines do not: a part of a zone, cut or covered
_CLEAR_MEAN = 0.9  # of a zone that was found where it is; print taken for a zone stays far below
_MIN_LINE = 20  # characters; fewer are not a line of any zone
_ALTERNATIVE = 0.001  # DESIGN.md: alternatives of at least this probability are reported


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


def to_grey(pixels: NDArray[np.uint8] | NDArray[np.uint16], bit_depth: int | None = None) -> NDArray[np.uint8]:
    """(h, w) or (h, w, 3) RGB to (h, w) uint8.

    Args:
        pixels: 8 or 16 bits a sample.
        bit_depth: significant bits of 16-bit samples; where None, frames that stay under 4,096 are taken for 12-bit.
    """
    if pixels.dtype == np.uint16:
        full = 2**bit_depth - 1 if bit_depth else (4095 if int(pixels.max(initial=0)) < 4096 else 65535)
        pixels = np.asarray(cv2.convertScaleAbs(pixels, alpha=255 / full), dtype=np.uint8)
    if pixels.ndim == 3:
        pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    return np.ascontiguousarray(pixels, dtype=np.uint8)


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


def _corners(read: Recognition) -> Quad:
    first, last = read.strips[0], read.strips[-1]
    half = 0.55 * CAP_PX
    left = min(float(d.columns[0]) for d in read.lines) - CAP_PX / 2
    right = max(float(d.columns[-1]) for d in read.lines) + CAP_PX / 2
    ends = np.array([left, right])
    top = first.to_frame(ends, STRIP_HEIGHT / 2 - half)
    bottom = last.to_frame(ends, STRIP_HEIGHT / 2 + half)
    return Quad.from_array(np.array([top[0], top[1], bottom[1], bottom[0]]))


def _recognise(grey: NDArray[np.uint8], zone: RoughZone, context: OcrContext) -> Recognition | None:
    lines = find_lines(grey, zone, context.line_finder)
    if not lines:
        return None
    read = recognise_lines(grey, lines, context.recogniser, context.calibration)
    if not read.is_certain(context.calibration):  # the detector may have taken the zone for upside down
        other = recognise_lines(grey, turned(lines), context.recogniser, context.calibration)
        read = max(read, other, key=lambda r: r.mean)
    if read.mean < _MIN_MEAN or len(read.strips) != len(read.lines):
        return None
    return read if max(len(line.columns) for line in read.lines) >= _MIN_LINE else None


def _wider(read: Recognition, zone: RoughZone, ends: tuple[int, int]) -> RoughZone:
    """The zone with room for what lies past its ends."""
    quad = _corners(read).array()
    along = (quad[1] - quad[0] + quad[2] - quad[3]) / 2
    width = float(np.hypot(*along))
    before, after = (0.45 if end else 0.0 for end in ends)
    centre = quad.mean(axis=0) + along * (after - before) / 2
    angle = float(np.arctan2(along[1], along[0]))
    return RoughZone(
        (float(centre[0]), float(centre[1])), angle, width * (1 + before + after), zone.height_px, zone.score
    )


def _read_zone(grey: NDArray[np.uint8], zone: RoughZone, context: OcrContext) -> MrzRead | None:
    read = _recognise(grey, zone, context)
    if read is None:
        return None
    for _ in range(_LONGER_LOOKS):
        cut = cut_ends(read)
        if not any(cut):
            break
        whole = recognise_lines(grey, longer(read, cut), context.recogniser, context.calibration)
        if len(whole.lines) != len(read.lines) or whole.mean <= 0.98 * read.mean:
            break
        read = whole
    ends = past_the_ends(grey, read, context.recogniser, context.calibration)
    if any(ends):
        other = _recognise(grey, _wider(read, zone, ends), context)
        if other is not None and other.mean > 0.95 * read.mean:
            read = other
            ends = past_the_ends(grey, read, context.recogniser, context.calibration)
    if not read.is_certain(context.calibration):
        read = look_again(grey, read, context.recogniser, context.calibration)
    lines = tuple(_line_read(strip, line) for strip, line in zip(read.strips, read.lines, strict=True))
    form = _format([line.text for line in lines])
    certain = form is not None and not any(ends) and read.is_certain(context.calibration)
    status: ReadStatus = "read" if certain else "uncertain"
    return MrzRead(status, form, lines, _corners(read), read.confidence)


def _overlap(a: MrzRead, b: MrzRead) -> bool:
    """Whether two reads are of one zone: the middle of either lies within the other."""
    for one, other in ((a, b), (b, a)):
        x, y = one.corners_px.array().mean(axis=0)
        quad = other.corners_px.array().astype(np.float32)
        if cv2.pointPolygonTest(quad, (float(x), float(y)), measureDist=True) > -0.3 * other.corners_px.height_px:
            return True
    return False


def _mean_of(read: MrzRead) -> float:
    return float(np.mean([c.probability for line in read.lines for c in line.chars]))


def _surest_first(read: MrzRead) -> tuple[bool, bool, float]:
    return read.status != "read", read.format is None, -read.confidence


def _is_zone(read: MrzRead) -> bool:
    """Whether this is a machine-readable zone at all, and not a heading set in capitals."""
    if read.format is not None:
        return _mean_of(read) >= _ZONE_MEAN
    lengths = [len(text) for text in read.texts]
    alike = len(lengths) > 1 and max(lengths) - min(lengths) <= _UNEVEN
    return alike and any("<<" in text for text in read.texts) and _mean_of(read) >= _SHAPELESS_MEAN


def _is_plausible(read: MrzRead) -> bool:
    """A format's shape, and mostly clear characters: no reason to look for the zone elsewhere."""
    return read.format is not None and _mean_of(read) > _CLEAR_MEAN


def _read_zones(grey: NDArray[np.uint8], zones: Sequence[RoughZone], context: OcrContext) -> list[MrzRead]:
    reads: list[MrzRead] = []
    for zone in zones:
        read = _read_zone(grey, zone, context)
        if read is not None and not any(_overlap(read, other) for other in reads):
            reads.append(read)
    return sorted(reads, key=_surest_first)


def read_frame(
    pixels: NDArray[np.uint8] | NDArray[np.uint16], *, context: OcrContext, bit_depth: int | None = None
) -> FrameRead:
    """Finds and reads every machine-readable zone in a frame, and says where documents lie.

    Args:
        pixels: (h, w) grey or (h, w, 3) RGB, 8 or 16 bits.
        context: the loaded models.
        bit_depth: significant bits of 16-bit samples; guessed where None.

    Returns:
        Reads, surest first, and the document mask.

    Raises:
        InstallationError: a model failed.
    """
    grey = to_grey(pixels, bit_depth)
    located = locate_zones(grey, context.detector)
    reads = _read_zones(grey, located.zones, context)
    for view in further_views(grey):
        if any(_is_plausible(read) for read in reads):
            break
        more = _read_zones(grey, locate_zones(grey, context.detector, view=view).zones, context)
        reads = sorted([*reads, *more], key=_mean_of, reverse=True)
        reads = [r for i, r in enumerate(reads) if not any(_overlap(r, better) for better in reads[:i])]
    reads = sorted((read for read in reads if _is_zone(read)), key=_surest_first)
    return FrameRead(tuple(reads), located.document_mask, located.mask_scale)


def read_image(
    pixels: NDArray[np.uint8] | NDArray[np.uint16], *, context: OcrContext, bit_depth: int | None = None
) -> list[MrzRead]:
    """Finds and reads every machine-readable zone in a frame, surest first; an empty list where there is none."""
    return list(read_frame(pixels, context=context, bit_depth=bit_depth).reads)
