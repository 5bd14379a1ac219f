"""Log-likelihood ratios of the generic checks of print and of copies, from fitted score distributions.

Each score has two normal distributions, of genuine and of forged documents, fitted to some hundred synthetic captures
at 400 dpi by ten scanners (mean and deviation of the score, worn ones among the genuine). Normal tails promise more
than some hundred captures can show: each density has a fiftieth of its mass spread evenly over the span of the score,
and the ratio is capped.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["CALIBRATION", "LLR_CAP", "Score"]

CALIBRATION = "synthetic-2026"
LLR_CAP = 4.0
_STRAY = 0.02


@dataclass(frozen=True, slots=True)
class Score:
    """How one figure is distributed."""

    genuine: tuple[float, float]  # mean, deviation
    forged: tuple[float, float]
    span: float  # width of what the figure can be

    def llr(self, value: float) -> float:
        """Natural-log likelihood ratio of a value, forged against genuine, within the cap."""
        ratio = math.log(self._density(value, self.forged) / self._density(value, self.genuine))
        return round(min(max(ratio, -LLR_CAP), LLR_CAP), 2)

    def _density(self, value: float, of: tuple[float, float]) -> float:
        mean, deviation = of
        normal = math.exp(-0.5 * ((value - mean) / deviation) ** 2) / (deviation * math.sqrt(2 * math.pi))
        return (1 - _STRAY) * normal + _STRAY / self.span
