"""From the recogniser's columns to characters with probabilities.

The recogniser says for every four pixels of a strip whether a character's centre lies there, and which. Characters are
the peaks; where their number is not that of a format, the regular comb of 30, 36 or 44 equal steps that explains the
columns best decides how many there are. Nothing here knows what a check digit is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dafec.geometry import FloatArray
from dafec.ocr.types import ALPHABET

__all__ = ["LENGTHS", "STRIDE_PX", "DecodedLine", "LineColumns", "decode_lines"]

STRIDE_PX = 4.0
LENGTHS = (30, 36, 44)
_NONE = len(ALPHABET)
_BENT_WITHIN = 5  # characters too many or too few where a changing pitch is worth a try
_USUAL_PITCH = 4.0  # columns between characters of OCR-B size 1: 16.5 strip pixels
_CLIP = 7.0  # log-odds beyond which a column says no more than "certain"


@dataclass(frozen=True, slots=True, eq=False)
class DecodedLine:
    """One line: where its characters lie and what each may be."""

    columns: FloatArray  # (n,) strip pixels of the centres
    probabilities: FloatArray  # (n, 37), each row sums to one
    presence: FloatArray  # (n,) probability that a character's centre lies there
    regular: bool  # evenly spaced as print is


@dataclass(frozen=True, slots=True, eq=False)
class LineColumns:
    """The recogniser's output for one line."""

    classes: FloatArray  # (t, 37) probabilities given that a character is there
    odds: FloatArray  # (t,) log-odds that a character's centre is there, clipped

    @classmethod
    def from_logits(cls, logits: NDArray[np.float32], temperature: float) -> LineColumns:
        """From (t, 38) logits, softened by the calibrated temperature."""
        values = logits.astype(np.float64) / temperature
        top = values[:, :_NONE].max(axis=1, keepdims=True)
        exp = np.exp(values[:, :_NONE] - top)
        total = exp.sum(axis=1, keepdims=True)
        odds = (np.log(total) + top)[:, 0] - values[:, _NONE]
        return cls(exp / total, np.clip(odds, -_CLIP, _CLIP))


def _peaks(odds: FloatArray, pitch: float) -> NDArray[np.intp]:
    """Columns that are the best of their neighbourhood, best first suppressed: at least 0.55 of the pitch apart."""
    order = np.argsort(-odds, kind="stable")
    reach = 0.55 * pitch
    taken: list[int] = []
    blocked = np.zeros(len(odds), dtype=bool)
    for column in order:
        if odds[column] <= 0:
            break
        if not blocked[column]:
            taken.append(int(column))
            low, high = int(np.ceil(column - reach)), int(np.floor(column + reach))
            blocked[max(0, low) : high + 1] = True
    return np.sort(np.asarray(taken, dtype=np.intp))


def _refine(columns: FloatArray, odds: FloatArray) -> FloatArray:
    """Centres of mass of the presence round each column, so that positions are finer than the stride."""
    steps = np.arange(-1, 2)
    index = np.clip(columns.round().astype(int)[:, None] + steps[None, :], 0, len(odds) - 1)
    weight = 1 / (1 + np.exp(-odds[index]))
    return np.asarray((index * weight).sum(axis=1) / np.maximum(weight.sum(axis=1), 1e-9))


def _sample(odds: FloatArray, places: FloatArray) -> FloatArray:
    """Log-odds at fractional columns, linear between; any shape."""
    low = np.clip(places.astype(int), 0, len(odds) - 1)
    part = places - low
    return np.asarray(odds[low] * (1 - part) + odds[np.minimum(low + 1, len(odds) - 1)] * part)


def _comb(odds: FloatArray, count: int, pitch: float) -> tuple[float, FloatArray]:
    """The comb of ``count`` equal steps with the largest sum of log-odds: its score and its columns."""
    best, where = -np.inf, np.zeros(count)
    index = np.arange(count, dtype=np.float64)
    for step in np.linspace(0.88, 1.14, 53) * pitch:
        offsets = np.arange(0.0, len(odds) - 1 - step * (count - 1), 0.25)
        if len(offsets) == 0:
            continue
        places = offsets[:, None] + step * index[None, :]
        sums = _sample(odds, places).sum(axis=1)
        top = int(sums.argmax())
        if sums[top] > best:
            best, where = float(sums[top]), places[top]
    return best, where


def _changing_pitch(peaks: FloatArray) -> tuple[float, float] | None:
    """Pitch at column 0 and its change a column, as perspective makes it; from the gaps that are no faults."""
    gaps, middles = np.diff(peaks), (peaks[1:] + peaks[:-1]) / 2
    for tolerance in (0.4, 0.15):
        if len(gaps) < 12:
            return None
        slope, start = np.polyfit(middles, gaps, 1) if tolerance < 0.4 else (0.0, float(np.median(gaps)))
        good = np.abs(gaps - (start + slope * middles)) < tolerance * np.median(gaps)
        gaps, middles = gaps[good], middles[good]
    if len(gaps) < 12:
        return None
    slope, start = np.polyfit(middles, gaps, 1)
    return float(start), float(slope)


def _bent_comb(odds: FloatArray, count: int, peaks: FloatArray) -> tuple[float, FloatArray]:
    """As ``_comb``, with steps that grow or shrink along the line as the peaks' own gaps do."""
    fitted = _changing_pitch(peaks)
    best, where = -np.inf, np.zeros(count)
    if fitted is None:
        return best, where
    start, slope = fitted
    first = np.arange(max(0.0, peaks[0] - 8), peaks[0] + 12, 0.25)
    for factor in np.linspace(0.97, 1.03, 25):
        places = np.empty((len(first), count))
        places[:, 0] = first
        for i in range(1, count):
            half = places[:, i - 1] + factor * (start + slope * places[:, i - 1]) / 2
            places[:, i] = places[:, i - 1] + factor * (start + slope * half)
        sums = np.where(places[:, -1] <= len(odds) - 1, _sample(odds, places).sum(axis=1), -np.inf)
        top = int(sums.argmax())
        if sums[top] > best:
            best, where = float(sums[top]), places[top]
    return best, where


def _like(template: FloatArray, odds: FloatArray) -> tuple[float, FloatArray]:
    """The comb a neighbouring line shows, moved to where it fits best: lines of a zone stand in register."""
    shifts = np.arange(-3.0, 3.01, 0.25)
    places = np.clip(template[None, :] + shifts[:, None], 0, len(odds) - 1)
    sums = _sample(odds, places).sum(axis=1)
    top = int(sums.argmax())
    return float(sums[top]), places[top]


def _combs(
    lines: list[LineColumns], peaks: list[FloatArray], count: int, pitch: float
) -> list[tuple[float, FloatArray]]:
    """For each line the best comb of ``count`` characters: even, bent, or as in a line that was counted cleanly."""
    clean = [p for p in peaks if len(p) == count and _is_regular(p)]
    found = []
    for line, own in zip(lines, peaks, strict=True):
        choices = [_comb(line.odds, count, pitch), *(_like(p, line.odds) for p in clean)]
        if abs(len(own) - count) <= _BENT_WITHIN:
            choices.append(_bent_comb(line.odds, count, own))
        found.append(max(choices, key=lambda choice: choice[0]))
    return found


def _snap(columns: FloatArray, odds: FloatArray, peaks: FloatArray, pitch: float) -> FloatArray:
    """Comb teeth move to the nearest true peak within a third of the pitch."""
    if len(peaks) == 0:
        return columns
    nearest = peaks[np.abs(columns[:, None] - peaks[None, :]).argmin(axis=1)]
    return np.where(np.abs(nearest - columns) < 0.34 * pitch, nearest, columns)


def _is_regular(columns: FloatArray) -> bool:
    gaps = np.diff(columns)
    return bool(len(gaps) > 1 and gaps.min() > 0.6 * np.median(gaps) and gaps.max() < 1.5 * np.median(gaps))


def _finish(line: LineColumns, columns: FloatArray) -> DecodedLine:
    last = len(line.odds) - 1
    steps = np.arange(-1, 2)
    index = np.clip(columns.round().astype(int)[:, None] + steps[None, :], 0, last)
    presence = 1 / (1 + np.exp(-line.odds[index]))
    closeness = np.clip(1 - np.abs(index - columns[:, None]) / 1.6, 0, 1)
    weight = presence * closeness + 1e-9
    probabilities = (line.classes[index] * weight[:, :, None]).sum(axis=1) / weight.sum(axis=1)[:, None]
    return DecodedLine((columns + 0.5) * STRIDE_PX, probabilities, presence.max(axis=1), _is_regular(columns))


def _typical_gap(line: LineColumns, length_px: float) -> float:
    """Distance of characters in columns, from the peaks themselves where there are enough of them."""
    rough = _peaks(line.odds, _USUAL_PITCH)
    gaps = np.diff(rough)
    return float(gaps[gaps < 2 * np.median(gaps)].mean()) if len(rough) > 8 else length_px / STRIDE_PX / 40


def decode_lines(lines: list[LineColumns], lengths_px: list[float]) -> list[DecodedLine]:
    """Characters of the lines of one zone, which all have the same number.

    Args:
        lines: the recogniser's columns.
        lengths_px: length of each printed line in strip pixels, margins not counted.

    Returns:
        One decoded line for each, with equally many characters where a format explains them.
    """
    pitches = [_typical_gap(line, length) for line, length in zip(lines, lengths_px, strict=True)]
    pitch = float(np.median(pitches))
    peaks = [_refine(_peaks(line.odds, pitch).astype(np.float64), line.odds) for line in lines]
    counts = [len(p) for p in peaks]
    if len(set(counts)) == 1 and counts[0] in LENGTHS and all(_is_regular(p) for p in peaks):
        return [_finish(line, p) for line, p in zip(lines, peaks, strict=True)]
    own = sum(float(_sample(line.odds, p).sum()) for line, p in zip(lines, peaks, strict=True))
    likely = [n for n in LENGTHS if any(0.6 * c < n < 1.6 * c for c in counts)]
    found = {n: _combs(lines, peaks, n, pitch) for n in likely}
    best = max(found, key=lambda n: sum(score for score, _ in found[n]), default=None)
    if best is None or sum(score for score, _ in found[best]) < 0.5 * own:
        return [_finish(line, p) for line, p in zip(lines, peaks, strict=True) if len(p)]
    out = []
    for line, p, (_, comb) in zip(lines, peaks, found[best], strict=True):
        out.append(_finish(line, p if len(p) == best and _is_regular(p) else _snap(comb, line.odds, p, pitch)))
    return out
