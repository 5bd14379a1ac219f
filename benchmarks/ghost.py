"""GEN-ghost on captures with their truth: how far genuine portraits and exchanged ones are apart.

    dafec specimens --series all --count 36 --forgery none --seed 501 --out runs/ghost/genuine
    dafec specimens --series all --count 36 --forgery F1 --seed 503 --out runs/ghost/F1
    python -m benchmarks.ghost runs/ghost/*/*

A capture counts where its document has a ghost. Forged: the portrait, and not the ghost with it, was exchanged: F1,
the methods of F2 that keep the ghost, and swapped faces of P3. Everything else has the portrait the state printed, or a
ghost that was exchanged with it and contradicts nothing.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import date
from pathlib import Path

from dafec.capture import load_capture
from dafec.screening import ScreeningContext, screen_capture

KEPT = {"swap_ghost_kept", "swap_without_overlay", "face_blended_in", "face_swapped"}


def kind_of(truth: dict[str, object]) -> str:
    """What a capture is for this check."""
    forgery = truth.get("forgery")
    if not isinstance(forgery, dict):
        return "in order"
    if forgery["class"] == "F1" or (forgery["class"] in ("F2", "P3") and forgery["method"] in KEPT):
        return f"{forgery['class']}, ghost kept"
    return "in order" if forgery["class"] not in ("F2",) else "F2, ghost exchanged or morph"


def main() -> None:
    """Prints one row for each kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captures", nargs="+", type=Path, help="capture folders with truth.json")
    options = parser.parse_args()
    context = replace(ScreeningContext.load(), today=date(2026, 6, 1))
    found: dict[str, Counter[str]] = defaultdict(Counter)
    values: dict[str, list[float]] = defaultdict(list)
    for folder in options.captures:
        truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
        has_ghost = any("ghost" in page.get("boxes_mm", {}) for page in truth["pages"])
        kind = kind_of(truth) if has_ghost else "no ghost"
        report = screen_capture(load_capture(folder), context)
        results = [check for check in report.checks if check.id == "GEN-ghost"]
        order = ("failed", "passed", "undetermined", "not_supported", "aborted")
        best = min(results, key=lambda check: order.index(check.result))
        found[kind][best.result] += 1
        if best.value is not None:
            values[kind].append(best.value)
    print("| portrait | captures | passed | failed | undetermined | not supported | least | median | most |")
    print("|---|---|---|---|---|---|---|---|---|")
    for kind, counts in sorted(found.items()):
        spread = sorted(values[kind]) or [float("nan")]
        shown = " | ".join(str(counts[name]) for name in ("passed", "failed", "undetermined", "not_supported"))
        figures = f"{spread[0]:.2f} | {spread[len(spread) // 2]:.2f} | {spread[-1]:.2f}"
        print(f"| {kind} | {sum(counts.values())} | {shown} | {figures} |")


if __name__ == "__main__":
    main()
