"""MRZ text: outcomes of DAFEC and of PyPI ``mrz`` on the shared vectors and on the project's own.

    python -m benchmarks.mrz_text [--today 2026-06-01] [--misses]

Prints one table: for each set and each outcome expected, how many vectors each parser judges as expected, and the time
per zone. ``mrz`` knows two answers only, so ``valid`` and ``valid_note`` both count as right when it accepts. It is
installed with the extra ``bench``; where it is absent its column is empty. It has no French card before 2021: such a
zone goes to its TD2 checker, as a program that uses it would do.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from dafec.ocr.parse import parse_mrz

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("DAFEC_SHARED_DATA", ROOT.parent / "shared" / "data")) / "mrz_vectors.json"
OWN = ROOT / "tests" / "data" / "mrz_vectors.json"

Vector = dict[str, Any]
Judge = Callable[[Sequence[str]], bool]


def peer() -> Judge | None:
    """Whether ``mrz`` accepts some lines; None where it is not installed."""
    try:
        td1, td2, td3, mrva, mrvb = (
            getattr(import_module(f"mrz.checker.{name.lower()}"), f"{name}CodeChecker")
            for name in ("TD1", "TD2", "TD3", "MRVA", "MRVB")
        )
    except ImportError:
        return None

    def accepts(lines: Sequence[str]) -> bool:
        outline = (len(lines), len(lines[0]) if lines else 0)
        visa = bool(lines) and lines[0].startswith("V")
        checker = {
            (3, 30): td1,
            (2, 36): mrvb if visa else td2,
            (2, 44): mrva if visa else td3,
        }.get(outline)
        if checker is None:
            return False
        try:
            return bool(checker("\n".join(lines)))
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            return False  # a peer that raises has not accepted

    return accepts


def measure(vectors: Sequence[Vector], judge: Callable[[Vector], bool]) -> tuple[dict[str, bool], float]:
    """Which vectors are judged as expected, and the mean time in milliseconds."""
    right = {vector["id"]: judge(vector) for vector in vectors}
    start = time.perf_counter()
    for vector in vectors:
        judge(vector)
    return right, (time.perf_counter() - start) * 1000 / len(vectors)


def main() -> None:
    """Measures and prints the table."""
    options = argparse.ArgumentParser(description="Outcomes on MRZ text, ours and a peer's.")
    options.add_argument("--today", type=date.fromisoformat, default=date(2026, 6, 1), help="day of the screening")
    options.add_argument("--misses", action="store_true", help="also list what each parser misses")
    chosen = options.parse_args()
    accepts = peer()

    def ours(vector: Vector) -> bool:
        parse = parse_mrz(vector["lines"], today=chosen.today)
        return (parse.outcome, parse.format) == (vector["expect"], vector["format"])

    def theirs(vector: Vector) -> bool:
        return accepts is not None and accepts(vector["lines"]) == (vector["expect"] != "invalid")

    table = Table(title="MRZ text, vectors judged as expected")
    for heading in ("set", "expected", "vectors", "DAFEC", "mrz 0.6.2", "DAFEC ms", "mrz ms"):
        table.add_column(heading, justify="left" if heading in ("set", "expected") else "right")
    misses: list[str] = []
    for name, path in (("shared", SHARED), ("own", OWN)):
        if not path.is_file():
            table.add_row(name, "not at hand", "", "", "", "", "")
            continue
        loaded = json.loads(path.read_text(encoding="utf-8"))
        vectors: list[Vector] = loaded["vectors"] if isinstance(loaded, dict) else loaded
        our_right, our_ms = measure(vectors, ours)
        their_right, their_ms = measure(vectors, theirs)
        for outcome in ("valid", "valid_note", "invalid", "all"):
            ids = [vector["id"] for vector in vectors if outcome in (vector["expect"], "all")]
            cells = [str(sum(our_right[one] for one in ids)), str(sum(their_right[one] for one in ids))]
            times = [f"{our_ms:.3f}", f"{their_ms:.3f}"] if outcome == "all" else ["", ""]
            if accepts is None:
                cells[1], times[1] = "absent", ""
            table.add_row(name, outcome, str(len(ids)), *cells, *times, end_section=outcome == "all")
        misses += [f"{name}: DAFEC misses {one}" for one, right in our_right.items() if not right]
        misses += [f"{name}: mrz misses {one}" for one, right in their_right.items() if not right]
    console = Console()
    console.print(table)
    if chosen.misses:
        console.print("\n".join(misses), highlight=False)


if __name__ == "__main__":
    main()
