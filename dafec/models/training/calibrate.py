"""Calibrates the recogniser: ``python -m dafec.models.training.calibrate --zones 1500``.

On rendered zones of the development split (seed and textures that no training saw) it finds the temperature that makes the
probabilities true, and prints for a ladder of thresholds how many zones would have status ``read`` and how many characters in them
would be wrong. The chosen values stand in ``dafec/ocr/data/calibration.toml``.
"""

from __future__ import annotations

import argparse
import random
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dafec.geometry import FloatArray
from dafec.models.runtime import Session, load_session
from dafec.models.training.reader import line_geometry
from dafec.models.training.zones import make_zone
from dafec.ocr.decode import DecodedLine, LineColumns, decode_lines
from dafec.ocr.strip import CAP_PX, cut_strip
from dafec.ocr.types import ALPHABET

__all__ = ["main"]

DEVELOPMENT_BANK = 11


@dataclass(frozen=True, slots=True, eq=False)
class _Zone:
    logits: list[NDArray[np.float32]]
    lengths: list[float]
    truth: tuple[str, ...]


def _zones(count: int, seed: int, session: Session) -> list[_Zone]:
    rng = random.Random(f"calibrate {seed}")
    out = []
    for _ in range(count):
        sample = make_zone(rng, bank_seed=DEVELOPMENT_BANK)
        logits, lengths = [], []
        for row in range(len(sample.centres)):
            geometry = line_geometry(sample, row, rng)
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
    given = []
    for zone in zones:
        for line, truth in zip(_decode(zone, temperature), zone.truth, strict=False):
            if len(line.columns) == len(truth):
                given.extend(line.probabilities[np.arange(len(truth)), [ALPHABET.index(c) for c in truth]])
    return np.asarray(given)


def _table(zones: list[_Zone], temperature: float) -> list[tuple[float, float, bool, int, int]]:
    """Per zone: least certain character, probability of all, everything right, wrong characters, characters."""
    rows = []
    for zone in zones:
        lines = _decode(zone, temperature)
        regular = all(line.regular and line.presence.min() >= 0.5 for line in lines)
        best = [line.probabilities.max(axis=1) for line in lines]
        texts = ["".join(ALPHABET[i] for i in line.probabilities.argmax(axis=1)) for line in lines]
        if not regular or len({len(t) for t in texts}) != 1 or len(texts) != len(zone.truth):
            rows.append((0.0, 0.0, tuple(texts) == zone.truth, 0, 0))
            continue
        wrong = sum(a != b for t, u in zip(texts, zone.truth, strict=True) for a, b in zip(t, u, strict=False))
        wrong += sum(abs(len(t) - len(u)) for t, u in zip(texts, zone.truth, strict=True))
        chars = sum(len(t) for t in zone.truth)
        least = float(min(p.min() for p in best))
        every = float(np.exp(sum(np.log(p).sum() for p in best)))
        rows.append((least, every, wrong == 0, wrong, chars))
    return rows


def main() -> None:
    """Command line of the recipe."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--zones", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=3)
    args = parser.parse_args()
    zones = _zones(args.zones, args.seed, load_session("mrz_reader", 2))
    losses = {}
    for temperature in (0.7, 0.85, 1.0, 1.15, 1.3, 1.5, 1.75, 2.0):
        given = _characters(zones, temperature)
        losses[temperature] = float(-np.log(np.maximum(given, 1e-9)).mean())
        print(f"temperature {temperature:.2f}  characters {len(given)}  log loss {losses[temperature]:.5f}")
    best = min(losses, key=lambda t: losses[t])
    rows = _table(zones, best)
    print(f"temperature {best}: zones all right {np.mean([r[2] for r in rows]):.4f}")
    print(f"{'certain':>8} {'zone':>6} {'read':>7} {'wrong zones':>12} {'wrong chars per 10,000':>23}")
    for certain in (0.9, 0.95, 0.97, 0.98, 0.99, 0.995):
        for every in (0.5, 0.8, 0.9, 0.95):
            chosen = [r for r in rows if r[0] >= certain and r[1] >= every]
            characters = sum(r[4] for r in chosen)
            rate = 1e4 * sum(r[3] for r in chosen) / max(1, characters)
            wrong = sum(r[3] > 0 for r in chosen)
            print(f"{certain:>8} {every:>6} {len(chosen) / len(rows):>7.3f} {wrong:>12} {rate:>23.2f}")


if __name__ == "__main__":
    main()
