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

from benchmarks.detection.metrics import Rates, Scores, rates

__all__ = ["check_rates", "main", "table"]


def _score(line: dict[str, Any]) -> float:
    if line["level"] == "not_checked":
        return -1e9 if line["class"] else 1e9
    return float(line["llr"])


def _scores(lines: Sequence[dict[str, Any]]) -> Scores:
    return Scores(np.array([_score(line) for line in lines]), [line["series"] for line in lines])


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
    for name, row in table(lines):
        columns = "  ".join(f"{_percent(triple):20}" for triple in (row.apcer_at_1, row.apcer_at_5, row.eer))
        print(f"{name:6} {row.count:>5}  {columns}")
    shares = check_rates(lines)
    classes = sorted({name for row in shares.values() for name in row}, key=lambda name: (name != "genuine", name))
    print("\nfailed, % of captures\n" + " " * 18 + "".join(f"{name:>9}" for name in classes))
    for check, row in shares.items():
        if any(row.values()):
            print(f"{check:18}" + "".join(f"{100 * row[name]:9.1f}" for name in classes))


if __name__ == "__main__":
    main()
