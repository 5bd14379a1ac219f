"""From the trace network's maps to scores and likelihood ratios.

A **spread** score asks whether the page as a whole is of another make: the median over its cells. A **local** score
asks whether some place is: the mean of the cells that stand out most, after the mean with their neighbours, so that one
cell alone says little. Both are logits of the network, which is no probability: ``data/traces.toml`` holds, for each
check and each set of lights, the logistic line that turns a score into a natural-log likelihood ratio, fitted on
synthetic captures that the network was not trained on (``benchmarks.detection.traces_fit``), and the scores from which
a check fails and up to which it passes.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.errors import InstallationError
from dafec.features.traces import CLASSES, Traces

__all__ = ["GROUPS", "Group", "Line", "load_lines", "local_score", "score_map", "spread_score"]

Kind = Literal["spread", "local"]


@dataclass(frozen=True, slots=True)
class Group:
    """Classes that one check looks for."""

    classes: tuple[str, ...]
    kind: Kind


#: By the last part of the check's id.
GROUPS: Mapping[str, Group] = {
    "print": Group(("C1", "C2", "C3", "C4"), "spread"),
    "copy": Group(("P1", "P2"), "spread"),
    "edit": Group(("F1", "F2", "F3", "F4", "F6", "F7", "P3"), "local"),
}
_MARGIN = 2  # cells at the page's edge, where its outline may be off and corners are round
_STANDING_OUT = 9  # cells: half of the smallest field that is forged, a date


@dataclass(frozen=True, slots=True)
class Line:
    """How a score is read."""

    slope: float  # natural-log likelihood ratio a logit
    offset: float
    fails_from: float  # score
    passes_to: float  # score
    cap: float  # largest ratio

    def llr(self, score: float) -> float:
        """The ratio of a score; what passes lowers by half a unit at most."""
        return round(min(max(self.slope * score + self.offset, -0.5), self.cap), 2)


def score_map(traces: Traces, group: Group) -> NDArray[np.float32]:
    """(h, w) logits of the group: the strongest of its classes in each cell, mean over a cell and its neighbours."""
    strongest = traces.classes[[CLASSES.index(name) for name in group.classes]].max(axis=0)
    inside = strongest[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
    smooth = cv2.blur(inside, (3, 3), borderType=cv2.BORDER_REFLECT_101)
    return np.pad(np.asarray(smooth, np.float32), _MARGIN, mode="edge")


def spread_score(scores: NDArray[np.float32]) -> float:
    """The page as a whole, a logit."""
    return float(np.median(scores[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]))


def local_score(scores: NDArray[np.float32]) -> float:
    """The places that stand out most, a logit."""
    return float(np.partition(scores.ravel(), -_STANDING_OUT)[-_STANDING_OUT:].mean())


@cache
def load_lines() -> Mapping[tuple[str, str], Line]:
    """Lines by group and set of lights (``visible``, ``visible+ir``, ``visible+uv``, ``visible+ir+uv``).

    Raises:
        InstallationError: ``features.data_invalid``.
    """
    try:
        raw = tomllib.loads(files("dafec").joinpath("features/data/traces.toml").read_text(encoding="utf-8"))
        return {
            (group, lights): Line(*(float(entry[key]) for key in ("slope", "offset", "fails_from", "passes_to", "cap")))
            for group, sets in raw["lines"].items()
            for lights, entry in sets.items()
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InstallationError("features.data_invalid", file="traces.toml", reason=type(error).__name__) from error
