"""Error rates of detection, in the terms of ISO/IEC 30107-3: per class, worst first, with bootstrap over series.

A score is larger the more it speaks for a forgery. An abstention is no pass: the caller scores it as the worst answer
for what the capture is (a forged one as accepted, a genuine one as rejected).

* BPCER: share of genuine captures rejected. APCER: share of forged captures of one class accepted.
* APCER at BPCER 1 %: the threshold is set on the genuine captures, so that at most 1 % of them are rejected.
* EER: where both are equal, on the interpolated curve.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Rates",
    "Reliability",
    "Scores",
    "apcer_at_bpcer",
    "equal_error_rate",
    "log_likelihood_cost",
    "rates",
    "reliability",
    "threshold_at_bpcer",
]

_DRAWS = 500


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Scores of one kind of capture and the series they belong to."""

    values: NDArray[np.float64]
    series: Sequence[str]


@dataclass(frozen=True, slots=True)
class Rates:
    """One class against all genuine captures; each with its 95 % interval, shares 0..1."""

    apcer_at_1: tuple[float, float, float]
    apcer_at_5: tuple[float, float, float]
    eer: tuple[float, float, float]
    count: int


def threshold_at_bpcer(genuine: NDArray[np.float64], bpcer: float) -> float:
    """The lowest threshold at which at most a share ``bpcer`` of genuine scores lies above it."""
    ordered = np.sort(genuine)[::-1]
    return float(ordered[min(int(np.floor(bpcer * len(ordered))), len(ordered) - 1)])


def apcer_at_bpcer(genuine: NDArray[np.float64], forged: NDArray[np.float64], bpcer: float) -> float:
    """Share of forged captures that are not above the threshold: accepted."""
    return float(np.mean(forged <= threshold_at_bpcer(genuine, bpcer)))


def equal_error_rate(genuine: NDArray[np.float64], forged: NDArray[np.float64]) -> float:
    """Where as many genuine are rejected as forged accepted; between two steps by straight line."""
    steps = np.unique(np.concatenate([genuine, forged]))
    edges = np.concatenate([[steps[0] - 1.0], steps])
    rejected = 1.0 - np.searchsorted(np.sort(genuine), edges, "right") / len(genuine)
    accepted = np.searchsorted(np.sort(forged), edges, "right") / len(forged)
    gap = rejected - accepted
    after = int(np.argmax(gap <= 0))
    if after == 0:
        return float((rejected[0] + accepted[0]) / 2)
    share = gap[after - 1] / (gap[after - 1] - gap[after])
    return float(rejected[after - 1] + share * (rejected[after] - rejected[after - 1]))


def _resampled(scores: Scores, chosen: Sequence[str], rng: np.random.Generator) -> NDArray[np.float64]:
    """Scores of the chosen series, each resampled within itself."""
    names = np.array(scores.series)
    parts = [scores.values[names == name] for name in chosen]
    return np.concatenate([rng.choice(part, size=len(part)) for part in parts if len(part)] or [np.empty(0)])


def rates(genuine: Scores, forged: Scores, seed: int = 0) -> Rates:
    """All rates of one class, with intervals by bootstrap over series and, within them, over captures."""
    rng = np.random.default_rng([seed, 29])
    names = sorted({*genuine.series, *forged.series})
    measures: tuple[Callable[[NDArray[np.float64], NDArray[np.float64]], float], ...] = (
        lambda g, f: apcer_at_bpcer(g, f, 0.01),
        lambda g, f: apcer_at_bpcer(g, f, 0.05),
        equal_error_rate,
    )
    drawn: list[list[float]] = [[], [], []]
    for _ in range(_DRAWS):
        chosen = [names[at] for at in rng.integers(len(names), size=len(names))]
        g, f = _resampled(genuine, chosen, rng), _resampled(forged, chosen, rng)
        if len(g) and len(f):
            for kept, measure in zip(drawn, measures, strict=True):
                kept.append(measure(g, f))
    found = []
    for kept, measure in zip(drawn, measures, strict=True):
        low, high = np.quantile(kept, [0.025, 0.975])
        found.append((measure(genuine.values, forged.values), float(low), float(high)))
    return Rates(found[0], found[1], found[2], len(forged.values))


def log_likelihood_cost(genuine: NDArray[np.float64], forged: NDArray[np.float64]) -> float:
    """Cllr of natural-log likelihood ratios, bits: 0 is perfect, 1 is what "I do not know" costs.

    Brümmer and du Preez, Application-independent evaluation of speaker detection, 2006.
    """
    missed = np.mean(np.logaddexp(0.0, -forged)) / np.log(2)
    alarmed = np.mean(np.logaddexp(0.0, genuine)) / np.log(2)
    return float((missed + alarmed) / 2)


@dataclass(frozen=True, slots=True)
class Reliability:
    """How often what was said came true, both kinds weighing half. Bins nobody fell into are left out."""

    said: NDArray[np.float64]  # mean probability of a forged document in each bin
    true: NDArray[np.float64]  # share of forged documents in it
    weight: NDArray[np.float64]  # of the bin; all together 1
    error: float  # expected calibration error, 0..1


def reliability(genuine: NDArray[np.float64], forged: NDArray[np.float64], bins: int = 10) -> Reliability:
    """Reliability of natural-log likelihood ratios at even odds.

    Args:
        genuine: ratios of genuine captures.
        forged: ratios of forged captures.
        bins: of equal width over the probability.

    Returns:
        The bins and the expected calibration error.
    """
    values = np.concatenate([genuine, forged])
    said = 1.0 / (1.0 + np.exp(-np.clip(values, -50.0, 50.0)))
    true = np.concatenate([np.zeros(len(genuine)), np.ones(len(forged))])
    weight = np.concatenate([np.full(len(genuine), 0.5 / len(genuine)), np.full(len(forged), 0.5 / len(forged))])
    at = np.minimum((said * bins).astype(int), bins - 1)
    mass = np.asarray(np.bincount(at, weight, bins), np.float64)
    used = mass > 0
    mean_said = np.bincount(at, weight * said, bins)[used] / mass[used]
    mean_true = np.bincount(at, weight * true, bins)[used] / mass[used]
    error = float(np.sum(mass[used] * np.abs(mean_said - mean_true)))
    return Reliability(mean_said, mean_true, mass[used], error)
