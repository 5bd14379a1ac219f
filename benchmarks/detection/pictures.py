"""Pictures of detection on synthetic documents: DET curves by class, and how far a stated ratio can be believed.

    python -m benchmarks.detection.pictures runs/screened.jsonl --out runs/pictures

``det.png`` has one curve a class on normal-deviate axes (ISO/IEC 19795-1), ``reliability.png`` what was said against
what was true, both kinds weighing half, with the expected calibration error and Cllr in its title. A capture that was
not checked counts as an error, as in ``table``; it has no place in the reliability diagram, whose title says how many.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from statistics import NormalDist
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from numpy.typing import NDArray

from benchmarks.detection.metrics import log_likelihood_cost, reliability
from benchmarks.detection.table import score_of

__all__ = ["draw_det", "draw_reliability", "main"]

_TICKS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
_SPAN = (0.004, 0.85)


def _deviates(shares: NDArray[np.float64]) -> list[float]:
    normal = NormalDist()
    return [normal.inv_cdf(float(share)) for share in np.clip(shares, *_SPAN)]


def draw_det(lines: Sequence[dict[str, Any]], path: Path) -> None:
    """One DET curve a class.

    Args:
        lines: of ``benchmarks.detection.screen``.
        path: of the PNG.
    """
    genuine = np.array([score_of(line) for line in lines if not line["class"] and not line["null"]])
    figure, axes = plt.subplots(figsize=(7, 7), dpi=110)
    colours = mpl.colormaps["tab20"]
    for number, name in enumerate(sorted({line["class"] for line in lines if line["class"]})):
        forged = np.array([score_of(line) for line in lines if line["class"] == name])
        steps = np.unique(np.concatenate([genuine, forged]))
        rejected = np.array([(genuine > step).mean() for step in steps])
        accepted = np.array([(forged <= step).mean() for step in steps])
        style = "-" if number < 10 else "--"
        axes.plot(
            _deviates(rejected), _deviates(accepted), style, color=colours(number), label=f"{name} ({len(forged)})"
        )
    ticks = _deviates(np.array(_TICKS))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(ticks, [f"{100 * share:g}" for share in _TICKS])
    axes.set_xlabel(f"BPCER, % of {len(genuine)} genuine rejected")
    axes.set_ylabel("APCER, % of forged accepted")
    axes.set_title("Synthetic documents")
    axes.grid(visible=True, linewidth=0.3)
    axes.legend(fontsize=8)
    figure.savefig(path, bbox_inches="tight")
    plt.close(figure)


def draw_reliability(lines: Sequence[dict[str, Any]], path: Path) -> None:
    """What was said against what was true.

    Args:
        lines: of ``benchmarks.detection.screen``.
        path: of the PNG.
    """
    judged = [line for line in lines if line["level"] != "not_checked" and not line["null"]]
    genuine = np.array([float(line["llr"]) for line in judged if not line["class"]])
    forged = np.array([float(line["llr"]) for line in judged if line["class"]])
    found = reliability(genuine, forged)
    figure, axes = plt.subplots(figsize=(6, 6), dpi=110)
    axes.plot([0, 1], [0, 1], linewidth=0.6, color="grey")
    axes.scatter(found.said, found.true, s=20 + 1500 * found.weight, alpha=0.6)
    axes.plot(found.said, found.true, linewidth=1)
    axes.set_xlabel("probability of a forged document, as said, at even odds")
    axes.set_ylabel("share of forged documents")
    cost = log_likelihood_cost(genuine, forged)
    axes.set_title(
        f"Synthetic documents: ECE {found.error:.3f}, Cllr {cost:.3f} bits\n"
        f"{len(genuine)} genuine, {len(forged)} forged, {len(lines) - len(judged)} not judged"
    )
    axes.grid(visible=True, linewidth=0.3)
    figure.savefig(path, bbox_inches="tight")
    plt.close(figure)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lines", type=Path)
    parser.add_argument("--sets", default="", help="comma-separated; all by default")
    parser.add_argument("--out", type=Path, default=Path("runs/pictures"))
    options = parser.parse_args()
    mpl.use("Agg")
    wanted = {name for name in options.sets.split(",") if name}
    lines = [json.loads(text) for text in options.lines.read_text(encoding="utf-8").splitlines()]
    lines = [line for line in lines if not wanted or line["set"] in wanted]
    options.out.mkdir(parents=True, exist_ok=True)
    draw_det(lines, options.out / "det.png")
    draw_reliability(lines, options.out / "reliability.png")
    print(options.out / "det.png", options.out / "reliability.png", sep="\n")


if __name__ == "__main__":
    main()
