"""Fits the calibration of the decision function on synthetic captures.

    python -m benchmarks.detection.fit runs/screened.jsonl --sets development

prints ``slope`` and ``offset`` for ``dafec/features/data/decision.toml``: the logistic line over the capped sum of the
evidence and the share of the mandatory minimum that passed, without a constant (a document on which nothing could be
looked at says nothing), genuine and forged weighing half each. Ridge, by cross-validation over series, keeps few
captures from saying too much. Below it what the line gives on the captures it was fitted on and, left out series by
series, on others.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from benchmarks.detection.metrics import log_likelihood_cost, reliability

__all__ = ["fit_line", "main"]

_STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)


def _inputs(lines: Sequence[dict[str, Any]]) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.str_]]:
    judged = [line for line in lines if line["level"] != "not_checked" and not line["null"]]
    x = np.array([[line["evidence"], line["credit"]] for line in judged], np.float64)
    y = np.array([int(bool(line["class"])) for line in judged])
    return x, y, np.array([line["series"] for line in judged])


def _line(x: NDArray[np.float64], y: NDArray[np.int64], strength: float) -> tuple[float, float]:
    model = LogisticRegression(C=strength, class_weight="balanced", fit_intercept=False).fit(x, y)
    slope, offset = (float(value) for value in model.coef_[0])
    return float(np.clip(slope, 0.05, 5.0)), float(np.clip(offset, -6.0, 0.0))


def _costs(x: NDArray[np.float64], y: NDArray[np.int64], line: tuple[float, float]) -> tuple[float, float]:
    ratios = x @ np.array(line)
    return log_likelihood_cost(ratios[y == 0], ratios[y == 1]), reliability(ratios[y == 0], ratios[y == 1]).error


def _left_out(
    x: NDArray[np.float64], y: NDArray[np.int64], series: NDArray[np.str_], strength: float
) -> NDArray[np.float64]:
    """Ratios of every capture by the line of all other series."""
    ratios = np.zeros(len(y))
    for name in np.unique(series):
        mine = series == name
        ratios[mine] = x[mine] @ np.array(_line(x[~mine], y[~mine], strength))
    return ratios


def fit_line(lines: Sequence[dict[str, Any]]) -> tuple[float, float]:
    """Slope and offset.

    Args:
        lines: of ``benchmarks.detection.screen``, of at least two series, genuine and forged.
    """
    x, y, series = _inputs(lines)
    costs = []
    for strength in _STRENGTHS:
        ratios = _left_out(x, y, series, strength)
        costs.append(log_likelihood_cost(ratios[y == 0], ratios[y == 1]))
    return _line(x, y, _STRENGTHS[int(np.argmin(costs))])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lines", type=Path)
    parser.add_argument("--sets", default="", help="comma-separated; all by default")
    options = parser.parse_args()
    wanted = {name for name in options.sets.split(",") if name}
    lines = [json.loads(text) for text in options.lines.read_text(encoding="utf-8").splitlines()]
    lines = [line for line in lines if not wanted or line["set"] in wanted]
    line = fit_line(lines)
    x, y, series = _inputs(lines)
    print(f"synthetic documents: {int((y == 0).sum())} genuine, {int(y.sum())} forged, {len(np.unique(series))} series")
    print(f"slope = {line[0]:.3f}\noffset = {line[1]:.3f}")
    for name, found in (("as it was", (1.0, 0.0)), ("fitted", line)):
        cost, error = _costs(x, y, found)
        print(f"{name:10} Cllr {cost:.3f} bits, ECE {error:.3f}")
    ratios = _left_out(x, y, series, 0.3)
    cost = log_likelihood_cost(ratios[y == 0], ratios[y == 1])
    print(f"left out   Cllr {cost:.3f} bits, ECE {reliability(ratios[y == 0], ratios[y == 1]).error:.3f}")


if __name__ == "__main__":
    main()
