"""Recognising the lines of one zone: strips through the recogniser, a second look at doubts, a look past the ends."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from dafec.geometry import FloatArray
from dafec.models.runtime import Session
from dafec.ocr.decode import STRIDE_PX, DecodedLine, LineColumns, decode_lines
from dafec.ocr.strip import CAP_PX, MARGIN_PX, STRIP_HEIGHT, LineGeometry, Strip, cut_strip

__all__ = [
    "Calibration",
    "Recognition",
    "cut_ends",
    "longer",
    "look_again",
    "past_the_ends",
    "recognise_lines",
    "turned",
]

_OTHER_SIZES = (0.93, 1.07)  # of the cap height, for a second and third look
_ROOM_CHARS = 2.0  # how much further a line is looked at where a character may have been cut off
_EMPTY = 0.3  # presence below which a place of the comb has no character
_PATCH_CHARS = 4.5  # how far a look past an end reaches to either side of the last character found


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
class Recognition:
    """The lines of one zone as recognised."""

    strips: tuple[Strip, ...]
    lines: tuple[DecodedLine, ...]

    @property
    def mean(self) -> float:
        """Mean probability of the best characters, weighted by how surely they are there at all."""
        values = [line.probabilities.max(axis=1) * line.presence for line in self.lines]
        return float(np.concatenate(values).mean()) if values else 0.0

    @property
    def confidence(self) -> float:
        """Probability that every character is right, characters taken as independent."""
        logs = [np.log(np.maximum(line.probabilities.max(axis=1), 1e-9)).sum() for line in self.lines]
        return float(np.exp(sum(logs)))

    @property
    def geometries(self) -> list[LineGeometry]:
        """Where the lines lie."""
        return [strip.geometry for strip in self.strips]

    def is_certain(self, sure: Calibration) -> bool:
        """Whether every character and every place is beyond the calibrated thresholds."""
        return self.confidence >= sure.certain_zone and all(
            line.regular
            and line.presence.min() >= sure.present
            and line.probabilities.max(axis=1).min() >= sure.certain
            for line in self.lines
        )


def _run(
    grey: NDArray[np.uint8], lines: Sequence[LineGeometry], session: Session, temperature: float
) -> tuple[tuple[Strip, ...], list[LineColumns]]:
    strips = tuple(cut_strip(grey, line) for line in lines)
    width = max(strip.pixels.shape[1] for strip in strips)
    batch = np.zeros((len(strips), 1, STRIP_HEIGHT, width), np.float32)
    widths = np.array([strip.pixels.shape[1] for strip in strips], dtype=np.int64)
    for row, strip in enumerate(strips):
        batch[row, 0, :, : strip.pixels.shape[1]] = strip.pixels
    logits = session.run(batch, widths)[0]
    columns = [LineColumns.from_logits(logits[i, : widths[i] // 4], temperature) for i in range(len(strips))]
    return strips, columns


def recognise_lines(
    grey: NDArray[np.uint8], lines: Sequence[LineGeometry], session: Session, calibration: Calibration
) -> Recognition:
    """Reads the lines of one zone.

    Args:
        grey: (h, w) uint8 frame.
        lines: where they lie.
        session: the model ``mrz_reader``.
        calibration: of its logits.

    Raises:
        InstallationError: the model failed.
    """
    strips, columns = _run(grey, lines, session, calibration.temperature)
    lengths = [float(np.hypot(g.right[0] - g.left[0], g.right[1] - g.left[1])) * CAP_PX / g.cap_px for g in lines]
    return Recognition(strips, tuple(decode_lines(columns, lengths)))


def look_again(grey: NDArray[np.uint8], first: Recognition, session: Session, calibration: Calibration) -> Recognition:
    """Looks at doubtful lines in two more sizes, and takes the geometric mean of what the looks say."""
    looks = [first.lines]
    counts = [len(line.columns) for line in first.lines]
    for factor in _OTHER_SIZES:
        scaled = [replace(g, cap_px=g.cap_px * factor) for g in first.geometries]
        other = recognise_lines(grey, scaled, session, calibration).lines
        if [len(line.columns) for line in other] == counts:
            looks.append(other)
    merged = []
    for row, line in enumerate(first.lines):
        logs = np.mean([np.log(look[row].probabilities + 1e-9) for look in looks], axis=0)
        mixed = np.exp(logs - logs.max(axis=1, keepdims=True))
        merged.append(DecodedLine(line.columns, mixed / mixed.sum(axis=1, keepdims=True), line.presence, line.regular))
    return Recognition(first.strips, tuple(merged))


def turned(lines: Sequence[LineGeometry]) -> list[LineGeometry]:
    """The same lines read from the other side."""
    return [replace(line, left=line.right, right=line.left, sag=-line.sag) for line in reversed(lines)]


def _patch(strip: Strip, line: DecodedLine, *, at_end: bool) -> tuple[LineGeometry, float]:
    """A short line round the first or the last character, and the pitch in frame pixels."""
    places: FloatArray = strip.to_frame(line.columns - 0.5)
    pitch = float(np.hypot(*(places[-1] - places[0]))) / (len(places) - 1)
    near = places[-8:] if at_end else places[:8]
    along = (near[-1] - near[0]) / max(1e-6, float(np.hypot(*(near[-1] - near[0]))))
    middle = places[-1] if at_end else places[0]
    left, right = middle - along * pitch * _PATCH_CHARS, middle + along * pitch * _PATCH_CHARS
    cap = strip.geometry.cap_px
    return LineGeometry((float(left[0]), float(left[1])), (float(right[0]), float(right[1])), 0.0, cap), pitch


def cut_ends(read: Recognition) -> tuple[bool, bool]:
    """Whether the strips begin too late and end too early: a character at that end is cut or missing.

    The first or last character then lies in the strip's margin, or its place at the other end is empty in every line,
    because the line was completed to a format's number of characters there.
    """
    lengths = [
        float(np.hypot(g.right[0] - g.left[0], g.right[1] - g.left[1])) * CAP_PX / g.cap_px for g in read.geometries
    ]
    late = any(line.columns[0] < MARGIN_PX for line in read.lines)
    early = any(line.columns[-1] > MARGIN_PX + length for line, length in zip(read.lines, lengths, strict=True))
    empty = [(line.presence[0] < _EMPTY, line.presence[-1] < _EMPTY) for line in read.lines]
    return late or all(last for _, last in empty), early or all(first for first, _ in empty)


def longer(read: Recognition, ends: tuple[bool, bool]) -> list[LineGeometry]:
    """The lines with room for ``_ROOM_CHARS`` more characters at the ends that are named."""
    found = []
    for strip, line in zip(read.strips, read.lines, strict=True):
        geometry = strip.geometry
        places: FloatArray = strip.to_frame(line.columns - 0.5)
        pitch = float(np.hypot(*(places[-1] - places[0]))) / max(1, len(places) - 1)
        first, last = (places[0], places[1]), (places[-2], places[-1])
        back, on = ((b - a) / max(1e-6, float(np.hypot(*(b - a)))) for a, b in (first, last))
        left, right = np.asarray(geometry.left), np.asarray(geometry.right)
        if ends[0]:
            left = places[0] - back * pitch * (_ROOM_CHARS + 0.5)
        if ends[1]:
            right = places[-1] + on * pitch * (_ROOM_CHARS + 0.5)
        ends_at = (float(left[0]), float(left[1])), (float(right[0]), float(right[1]))
        found.append(replace(geometry, left=ends_at[0], right=ends_at[1]))
    return found


def past_the_ends(
    grey: NDArray[np.uint8], read: Recognition, session: Session, calibration: Calibration
) -> tuple[int, int]:
    """How many lines go on before their first and after their last character: the zone was found only in part.

    A line goes on where two more characters follow at the line's own pitch.
    """
    patches = [_patch(s, d, at_end=end) for end in (False, True) for s, d in zip(read.strips, read.lines, strict=True)]
    _, columns = _run(grey, [geometry for geometry, _ in patches], session, calibration.temperature)
    counts = [0, 0]
    for i, ((geometry, pitch), line) in enumerate(zip(patches, columns, strict=True)):
        at_end = i >= len(read.strips)
        step = pitch * CAP_PX / geometry.cap_px / STRIDE_PX
        middle = (16 + _PATCH_CHARS * step * STRIDE_PX) / STRIDE_PX - 0.5
        beyond = [middle + (1 if at_end else -1) * step * k for k in (1, 2)]
        windows = [line.odds[max(0, round(b - 0.3 * step)) : round(b + 0.3 * step) + 1] for b in beyond]
        counts[at_end] += all(len(w) > 0 and float(w.max()) > 0 for w in windows)
    return counts[0], counts[1]
