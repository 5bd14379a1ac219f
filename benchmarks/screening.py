"""Time of one whole screening in process, beside decoding the same frames, and resident memory.

    python -m benchmarks.screening                        the sample documents with three bands
    python -m benchmarks.screening CAPTURE... --repeat 20

Each capture is screened warm. ``ratio`` is the whole way over decoding alone, medians of both; decoding is part of the
way, as it is at a desk. Run on an idle machine; the threads of the models are those of the settings.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from pathlib import Path

from dafec.capture import load_capture
from dafec.report import Report
from dafec.screening import ScreeningContext, screen_capture

SAMPLES = Path(__file__).resolve().parents[1] / "sample_docs"


def three_bands() -> list[Path]:
    """The sample captures that have every light."""
    return sorted(folder.parent for folder in SAMPLES.glob("*/uv.*") if (folder.parent / "ir.jpg").exists())


def measure(path: Path, repeat: int, context: ScreeningContext) -> tuple[str, Report]:
    """One row of the table and the last report."""
    decoding, whole, stages = [], [], []
    report = screen_capture(load_capture(path), context)
    for _ in range(repeat):
        begin = time.perf_counter()
        capture = load_capture(path)
        decoded = time.perf_counter()
        report = screen_capture(capture, context)
        decoding.append((decoded - begin) * 1e3)
        whole.append((time.perf_counter() - begin) * 1e3)
        stages.append(report.timings_ms)
    median = {name: statistics.median(row[name] for row in stages) for name in stages[0]}
    parts = "  ".join(f"{name} {value:.0f}" for name, value in median.items() if name != "total")
    decode_ms, whole_ms = statistics.median(decoding), statistics.median(whole)
    slow = sorted(whole)[min(len(whole) - 1, int(0.95 * len(whole)))]
    row = f"{path.name:<20} decode {decode_ms:5.0f}  whole {whole_ms:5.0f}  p95 {slow:5.0f}"
    return f"{row}  ratio {whole_ms / decode_ms:4.1f}   {parts}", report


def main() -> None:
    """Prints one line for each capture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captures", nargs="*", type=Path, help="captures; the three-band samples by default")
    parser.add_argument("--repeat", type=int, default=9, help="screenings of each capture")
    options = parser.parse_args()
    begin = time.perf_counter()
    context = ScreeningContext.load()
    loaded_ms = (time.perf_counter() - begin) * 1e3
    print(f"models loaded and warmed in {loaded_ms:.0f} ms, {context.threads} threads; times in milliseconds")
    for path in options.captures or three_bands():
        print(measure(path, options.repeat, context)[0])
    print(f"peak resident memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
