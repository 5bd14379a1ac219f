"""The table of detection on synthetic documents, worst class first.

    python -m benchmarks.detection.table runs/screened.jsonl

Scores are the verdicts' log-likelihood ratios. A capture whose verdict is ``not_checked`` counts as an error, whichever
it is. Below the table: how often each check failed, by class, which shows what the figures rest on.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.detection.metrics import Rates, Scores, log_likelihood_cost, rates, reliability

__all__ = ["check_rates", "main", "score_of", "table"]


def score_of(line: dict[str, Any]) -> float:
    """The verdict's ratio; for a capture that was not checked the worst answer for what it is."""
    if line["level"] == "not_checked":
        return -1e9 if line["class"] else 1e9
    return float(line["llr"])


def _scores(lines: Sequence[dict[str, Any]]) -> Scores:
    return Scores(np.array([score_of(line) for line in lines]), [line["series"] for line in lines])


def table(lines: Sequence[dict[str, Any]]) -> list[tuple[str, Rates]]:
    """Rates by class, the worst APCER at BPCER 1 % first; null edits are left out."""
    genuine = [line for line in lines if not line["class"] and not line["null"]]
    forged: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        if line["class"]:
            forged[line["class"]].append(line)
    found = [(name, rates(_scores(genuine), _scores(members))) for name, members in sorted(forged.items())]
    return sorted(found, key=lambda row: -row[1].apcer_at_1[0])


def check_rates(lines: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Share of captures each check failed on, by class; ``genuine`` among the classes."""
    totals: Counter[str] = Counter(line["class"] or "genuine" for line in lines if not line["null"])
    failed: dict[str, Counter[str]] = defaultdict(Counter)
    for line in lines:
        if line["null"]:
            continue
        for check, (result, _, _) in line["checks"].items():
            failed[check][line["class"] or "genuine"] += result == "failed"
    return {check: {name: count[name] / totals[name] for name in totals} for check, count in sorted(failed.items())}


def _print_calibration(lines: Sequence[dict[str, Any]]) -> None:
    """ECE and Cllr of what was judged; one line."""
    judged = [line for line in lines if line["level"] != "not_checked" and not line["null"]]
    genuine = np.array([float(line["llr"]) for line in judged if not line["class"]])
    forged = np.array([float(line["llr"]) for line in judged if line["class"]])
    if len(genuine) and len(forged):
        cost, error = log_likelihood_cost(genuine, forged), reliability(genuine, forged).error
        print(f"calibration: ECE {error:.3f}, Cllr {cost:.3f} bits, {len(lines) - len(judged)} captures not judged")


def _percent(triple: tuple[float, float, float]) -> str:
    value, low, high = (100 * share for share in triple)
    return f"{value:5.1f} [{low:4.1f}, {high:5.1f}]"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lines", type=Path)
    parser.add_argument("--sets", default="", help="comma-separated; all by default")
    options = parser.parse_args()
    wanted = {name for name in options.sets.split(",") if name}
    lines = [json.loads(text) for text in options.lines.read_text(encoding="utf-8").splitlines()]
    lines = [line for line in lines if not wanted or line["set"] in wanted]
    genuine = [line for line in lines if not line["class"] and not line["null"]]
    print(f"synthetic documents: {len(genuine)} genuine, {sum(bool(line['class']) for line in lines)} forged")
    levels = Counter(line["level"] for line in genuine)
    print("genuine:", ", ".join(f"{name} {100 * count / len(genuine):.1f} %" for name, count in levels.most_common()))
    hard = [line for line in genuine if line["wear"] != "none"]
    referred = sum(line["level"] == "refer" for line in hard)
    print(f"hard genuines referred: {100 * referred / max(1, len(hard)):.1f} % of {len(hard)}")
    print(f"{'class':6} {'n':>5}  {'APCER at BPCER 1 %':22} {'APCER at BPCER 5 %':22} {'EER, %':22}")
    for name, found in table(lines):
        columns = "  ".join(f"{_percent(triple):20}" for triple in (found.apcer_at_1, found.apcer_at_5, found.eer))
        print(f"{name:6} {found.count:>5}  {columns}")
    _print_calibration(lines)
    shares = check_rates(lines)
    classes = sorted({name for row in shares.values() for name in row}, key=lambda name: (name != "genuine", name))
    print("\nfailed, % of captures\n" + " " * 18 + "".join(f"{name:>9}" for name in classes))
    for check, row in shares.items():
        if any(row.values()):
            print(f"{check:18}" + "".join(f"{100 * row[name]:9.1f}" for name in classes))


if __name__ == "__main__":
    main()
