"""The second reader's engines on the development images: how many zones each reads exactly, and how long it takes.

    python -m benchmarks.second_reader
    python -m benchmarks.second_reader --engine tesseract

Every engine gets the lines as the first reader found them and nothing of what it read. PassportEye as a whole, with its
own search for the zone, stands in ``benchmarks.mrz --peers``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

from benchmarks.mrz import shared_data
from dafec.capture import load_capture
from dafec.ocr.reader import OcrContext, read_image, to_grey
from dafec.ocr.second_reader import ENGINES, Engine, available_engine, second_read


def measure(engine: Engine, folder: Path, context: OcrContext) -> str:
    """One row of the table."""
    exact = answered = both_wrong = 0
    spent: list[float] = []
    truths = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    for truth in truths:
        pixels = load_capture(folder / truth["file"]).pages[0].primary.pixels
        reads = read_image(pixels, context=context)
        if not reads:
            continue
        colour = pixels if pixels.dtype == "uint8" else to_grey(pixels)
        begin = time.perf_counter()
        lines = second_read(colour, reads[0], engine=engine)
        spent.append((time.perf_counter() - begin) * 1e3)
        answered += lines is not None
        exact += lines is not None and list(lines) == truth["mrz"]
        both_wrong += lines is not None and lines == reads[0].texts and list(lines) != truth["mrz"]
    median = statistics.median(spent) if spent else float("nan")
    row = f"{engine:<10} {exact:>3} of {len(truths)} exact, {answered} answered"
    return f"{row}, {both_wrong} times wrong together, p50 {median:.0f} ms"


def main() -> None:
    """Prints one line for each engine."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=ENGINES, action="append", help="which engine; all by default")
    options = parser.parse_args()
    context = OcrContext.load(1)
    print(f"chosen on this machine: {available_engine()}")
    for engine in options.engine or ENGINES:
        print(measure(engine, shared_data() / "mrz_images", context))


if __name__ == "__main__":
    main()
