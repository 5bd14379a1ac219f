"""Time of every check on one page, beside decoding the same frames.

    python -m benchmarks.checks                     the drawn passport page of the samples, three lights
    python -m benchmarks.checks CAPTURE... --repeat 15

Every run starts with a fresh page, as a screening does: what several checks share is measured by the first of them that
asks (``Page.measured``), so the order is that of a screening and the first row of a family carries the family's cost.
Given are p50 and p95 of the wall clock in milliseconds, and p50 of processor time, which other work on the machine does
not lengthen. ``all`` is the time of the runner over all checks. Text of the visual zone is not read.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import cv2

from dafec.capture import load_capture
from dafec.features.contract import CheckContext
from dafec.features.registry import all_checks, run_checks
from dafec.ocr.parse import parse_mrz
from dafec.ocr.reader import OcrContext, read_frame
from dafec.page_sides import PageRead, choose_document
from dafec.quality import assess_quality

SAMPLE = Path(__file__).resolve().parents[1] / "sample_docs" / "td3-arabic"
TODAY = date(2026, 6, 1)


def context_of(path: Path, ocr: OcrContext) -> CheckContext:
    """What the checks of a capture's document look at."""
    capture = load_capture(path)
    reads = []
    for page in capture.pages:
        primary = page.primary
        found = read_frame(primary.pixels, context=ocr, bit_depth=primary.bit_depth)
        infrared = page.frame("ir")
        below = (
            read_frame(infrared.pixels, context=ocr, bit_depth=infrared.bit_depth).reads
            if infrared is not None and infrared is not primary
            else ()
        )
        reads.append(PageRead(page, found.reads, below, found.document_mask))
    main = choose_document(reads).main
    parse = parse_mrz(main.read.texts, today=TODAY) if main.read is not None else None
    return CheckContext(main.page, main.reads, parse, assess_quality(main.page), TODAY)


def fresh(context: CheckContext) -> CheckContext:
    """The same with nothing measured yet."""
    assert context.page is not None
    return replace(context, page=replace(context.page))


def timed(action: Callable[[], object]) -> tuple[float, float]:
    """Wall clock and processor time of one action, milliseconds."""
    wall, processor = time.perf_counter(), time.process_time()
    action()
    return (time.perf_counter() - wall) * 1e3, (time.process_time() - processor) * 1e3


def table(path: Path, repeat: int, ocr: OcrContext) -> None:
    """Prints one capture's rows."""
    context = context_of(path, ocr)
    page = context.page
    assert page is not None
    rows: dict[str, list[tuple[float, float]]] = {"decoding": [], "all": []}
    run_checks(fresh(context))
    for _ in range(repeat):
        rows["decoding"].append(timed(lambda: load_capture(path)))
        untouched = fresh(context)
        rows["all"].append(timed(lambda untouched=untouched: run_checks(untouched)))  # type: ignore[misc]
        one_by_one = fresh(context)
        for check in all_checks():
            spent = timed(lambda check=check, page=one_by_one: run_checks(page, (check,)))  # type: ignore[misc]
            rows.setdefault(check.id, []).append(spent)
    lights = ", ".join(page.images)
    size = f"{page.width_mm:.0f} x {page.height_mm:.0f} mm, {page.dpi or 0:.0f} dpi, {lights}"
    print(f"\n| {path.name}: {size}, {cv2.getNumThreads()} threads | p50 ms | p95 ms | processor p50 ms |")
    print("|---|---|---|---|")
    for name, spans in rows.items():
        wall, processor = sorted(s[0] for s in spans), [s[1] for s in spans]
        slow = wall[min(len(wall) - 1, int(0.95 * len(wall)))]
        print(f"| {name} | {statistics.median(wall):.1f} | {slow:.1f} | {statistics.median(processor):.1f} |")


def main() -> None:
    """Prints one table for each capture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captures", nargs="*", type=Path, help="captures; a three-band sample by default")
    parser.add_argument("--repeat", type=int, default=9, help="runs of each check")
    options = parser.parse_args()
    ocr = OcrContext.load()
    for path in options.captures or [SAMPLE]:
        table(path, options.repeat, ocr)


if __name__ == "__main__":
    main()
