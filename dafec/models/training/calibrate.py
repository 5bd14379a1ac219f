"""Calibrates the recogniser: ``python -m dafec.models.training.calibrate --zones 1500``.

On rendered zones of the development split (seed and textures that no training saw) it finds the temperature that makes
the probabilities true, and prints for a ladder of thresholds how many zones would have status ``read`` and how many
characters in them would be wrong. The chosen values stand in ``dafec/ocr/data/calibration.toml``.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dafec.geometry import FloatArray
from dafec.models.runtime import Session, load_session
from dafec.models.training.targets import line_geometry
from dafec.models.training.zones import make_zone
from dafec.ocr.decode import DecodedLine, LineColumns, decode_lines
from dafec.ocr.strip import CAP_PX, cut_strip
from dafec.ocr.types import ALPHABET

__all__ = ["main"]

_DEVELOPMENT_BANK = 11
_TEMPERATURES = (0.7, 0.85, 1.0, 1.15, 1.3, 1.5, 1.75, 2.0)


@dataclass(frozen=True, slots=True, eq=False)
class _Zone:
    logits: list[NDArray[np.float32]]
    lengths: list[float]
    truth: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Row:
    least: float  # probability of the least certain character
    every: float  # probability that all characters are right
    right: bool
    wrong: int  # characters
    characters: int


def _zones(count: int, seed: int, session: Session) -> list[_Zone]:
    rng = random.Random(f"calibrate {seed}")
    out = []
    for _ in range(count):
        sample = make_zone(rng, bank_seed=_DEVELOPMENT_BANK)
        logits, lengths = [], []
        for row in range(len(sample.centres)):
            geometry = line_geometry(sample, row, rng, whole=True)
            pixels = cut_strip(sample.image, geometry).pixels
            logits.append(session.run(pixels[None, None], np.array([pixels.shape[1]], dtype=np.int64))[0][0])
            length = np.hypot(geometry.right[0] - geometry.left[0], geometry.right[1] - geometry.left[1])
            lengths.append(float(length) * CAP_PX / geometry.cap_px)
        out.append(_Zone(logits, lengths, sample.text.lines))
    return out


def _decode(zone: _Zone, temperature: float) -> list[DecodedLine]:
    return decode_lines([LineColumns.from_logits(logits, temperature) for logits in zone.logits], zone.lengths)


def _characters(zones: list[_Zone], temperature: float) -> FloatArray:
    """Probability given to the printed character, for every character of lines with the right length."""
    given: list[float] = []
    for zone in zones:
        for line, truth in zip(_decode(zone, temperature), zone.truth, strict=False):
            if len(line.columns) == len(truth):
                given.extend(line.probabilities[np.arange(len(truth)), [ALPHABET.index(c) for c in truth]])
    return np.asarray(given)


def _table(zones: list[_Zone], temperature: float) -> list[_Row]:
    """One row a zone; a zone that could never have status ``read`` is given certainty 0."""
    rows = []
    for zone in zones:
        lines = _decode(zone, temperature)
        regular = all(line.regular and line.presence.min() >= 0.5 for line in lines)
        best = [line.probabilities.max(axis=1) for line in lines]
        texts = ["".join(ALPHABET[i] for i in line.probabilities.argmax(axis=1)) for line in lines]
        if not regular or len({len(t) for t in texts}) != 1 or len(texts) != len(zone.truth):
            rows.append(_Row(0.0, 0.0, tuple(texts) == zone.truth, 0, 0))
            continue
        wrong = sum(a != b for t, u in zip(texts, zone.truth, strict=True) for a, b in zip(t, u, strict=False))
        wrong += sum(abs(len(t) - len(u)) for t, u in zip(texts, zone.truth, strict=True))
        chars = sum(len(t) for t in zone.truth)
        least = float(min(p.min() for p in best))
        every = float(np.exp(sum(np.log(p).sum() for p in best)))
        rows.append(_Row(least, every, wrong == 0, wrong, chars))
    return rows


def _best_temperature(zones: list[_Zone]) -> float:
    """The temperature of the least log loss; prints the loss of each."""
    losses = {}
    for temperature in _TEMPERATURES:
        given = _characters(zones, temperature)
        losses[temperature] = float(-np.log(np.maximum(given, 1e-9)).mean())
        _say(f"temperature {temperature:.2f}  characters {len(given)}  log loss {losses[temperature]:.5f}")
    return min(losses, key=lambda t: losses[t])


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def main() -> None:
    """Command line of the recipe."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--zones", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=3)
    args = parser.parse_args()
    zones = _zones(args.zones, args.seed, load_session("mrz_reader", 2))
    best = _best_temperature(zones)
    rows = _table(zones, best)
    _say(f"temperature {best}: zones all right {np.mean([r.right for r in rows]):.4f}")
    _say(f"{'certain':>8} {'zone':>6} {'read':>7} {'wrong zones':>12} {'wrong chars per 10,000':>23}")
    for certain, every in itertools.product((0.9, 0.95, 0.97, 0.98, 0.99, 0.995), (0.5, 0.8, 0.9, 0.95)):
        chosen = [r for r in rows if r.least >= certain and r.every >= every]
        characters = sum(r.characters for r in chosen)
        rate = 1e4 * sum(r.wrong for r in chosen) / max(1, characters)
        wrong = sum(r.wrong > 0 for r in chosen)
        _say(f"{certain:>8} {every:>6} {len(chosen) / len(rows):>7.3f} {wrong:>12} {rate:>23.2f}")


if __name__ == "__main__":
    main()
