"""Screens every capture of the data set and keeps what each check said, one JSON line a capture.

    python -m benchmarks.detection.screen --data runs/detection --lights visible,ir,uv --out runs/screened.jsonl

The lines hold the truth's class beside the checks' results, so that scores and thresholds can be tried without
screening again. ``benchmarks.detection.table`` makes the table of them.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from dafec.capture import Capture, load_capture
from dafec.screening import ScreeningContext, screen_capture
from dafec.settings import load_settings

__all__ = ["main", "screen_folder"]

_context: ScreeningContext | None = None


def _begin(library: Path | None) -> None:
    global _context  # one context a process: models are loaded once
    _context = ScreeningContext.load(load_settings(threads=1), library)


def _with_lights(capture: Capture, lights: Sequence[str]) -> Capture:
    pages = tuple(
        replace(page, frames={light: frame for light, frame in page.frames.items() if light in lights})
        for page in capture.pages
    )
    return replace(capture, pages=pages)


def screen_folder(job: tuple[Path, tuple[str, ...]]) -> dict[str, Any]:
    """One capture to one line."""
    folder, lights = job
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    assert _context is not None
    report = screen_capture(_with_lights(load_capture(folder), lights), _context)
    forgery = truth["forgery"] or {}
    return {
        "set": folder.parent.name,
        "name": folder.name,
        "series": truth["series"],
        "scanner": truth["scanner"],
        "wear": truth["wear"]["level"],
        "null": truth["null_edit"],
        "class": forgery.get("class"),
        "method": forgery.get("method"),
        "difficulty": forgery.get("difficulty"),
        "mrz_right": list(report.mrz.lines) == truth["mrz"],
        "level": report.verdict.level,
        "llr": report.verdict.llr,
        "evidence": report.verdict.evidence,
        "credit": report.verdict.credit,
        # Of a check made on several sides the heaviest result.
        "checks": {c.id: [c.result, c.value, c.llr] for c in sorted(report.checks, key=lambda c: c.llr)},
        "ms": report.timings_ms,
    }


def _lines(
    jobs: Sequence[tuple[Path, tuple[str, ...]]], library: Path | None, workers: int
) -> Iterator[dict[str, Any]]:
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers, initializer=_begin, initargs=(library,)) as pool:
        yield from pool.imap(screen_folder, jobs, chunksize=4)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("runs/detection"))
    parser.add_argument("--sets", default="", help="comma-separated; all by default")
    parser.add_argument("--lights", default="visible,ir,uv")
    parser.add_argument("--library", type=Path, default=None)
    parser.add_argument("--out", type=Path, default=Path("runs/screened.jsonl"))
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    wanted = {name for name in options.sets.split(",") if name}
    lights = tuple(options.lights.split(","))
    folders = [path.parent for path in sorted(options.data.glob("*/*/truth.json"))]
    jobs = [(folder, lights) for folder in folders if not wanted or folder.parent.name in wanted]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with options.out.open("w", encoding="utf-8") as out:
        for number, line in enumerate(_lines(jobs, options.library, options.workers), start=1):
            out.write(json.dumps(line) + "\n")
            print(f"\r{number} of {len(jobs)} ", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


if __name__ == "__main__":
    main()
