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

__all__ = ["Rates", "Scores", "apcer_at_bpcer", "equal_error_rate", "rates", "threshold_at_bpcer"]

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
