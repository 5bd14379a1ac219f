"""MRZ reading on the development images, beside other readers, in one run.

    python -m benchmarks.mrz                 ours alone
    python -m benchmarks.mrz --peers         with PassportEye (tesseract as installed) and RapidOCR

Each image is read warm, in this process, file decoding included for every reader. A page at 400 dpi and the cold start
of ``dafec mrz`` follow. Exact means that all lines of the
surest zone equal the printed ones, wrong check digits included. The images lie beside the checkout and are never copied
into it; ``DAFEC_SHARED_DATA`` names another place.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.peers import passporteye_reader, rapidocr_reader
from dafec.capture import load_capture
from dafec.ocr.reader import OcrContext, read_image

Reader = Callable[[Path], tuple[list[str], str]]


def shared_data() -> Path:
    """Folder of the development data."""
    return Path(os.environ.get("DAFEC_SHARED_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


@dataclass
class Row:
    """What one reader made of all images."""

    name: str
    exact: int = 0
    read_yet_wrong: int = 0
    times_ms: list[float] = field(default_factory=list)
    misses: list[str] = field(default_factory=list)

    @property
    def median_ms(self) -> float:
        """Median time an image, milliseconds."""
        return statistics.median(self.times_ms)


def our_reader(threads: int) -> Reader:
    """DAFEC, models loaded once."""
    context = OcrContext.load(threads)

    def read(path: Path) -> tuple[list[str], str]:
        reads = read_image(load_capture(path).pages[0].primary.pixels, context=context)
        return (list(reads[0].texts), reads[0].status) if reads else ([], "not_found")

    return read


def run(name: str, reader: Reader, entries: list[dict[str, Any]], folder: Path) -> Row:
    """Reads every image once after one unmeasured reading of the first three."""
    row = Row(name)
    for entry in entries[:3]:
        reader(folder / entry["file"])
    for entry in entries:
        start = time.perf_counter()
        lines, status = reader(folder / entry["file"])
        row.times_ms.append((time.perf_counter() - start) * 1000)
        if lines == entry["mrz"]:
            row.exact += 1
        else:
            row.misses.append(f"{entry['id']} ({status})")
            row.read_yet_wrong += status == "read"
    return row


def page_of_400_dpi(entries: list[dict[str, Any]], folder: Path, threads: int) -> dict[str, float]:
    """Median milliseconds of each part for an ID-3 page at 400 dpi (1,969 x 1,386): the first TD3 scan, enlarged."""
    entry = next(e for e in entries if e["kind"] == "TD3" and e["id"].endswith("bdr"))
    pixels = load_capture(folder / entry["file"]).pages[0].primary.pixels
    image = np.asarray(cv2.resize(pixels, (1969, 1386), interpolation=cv2.INTER_CUBIC), np.uint8)
    context = OcrContext.load(threads)
    medians = {}
    with tempfile.TemporaryDirectory() as where:
        for name in ("PNG", "JPEG", "BMP"):
            path = Path(where) / f"page-400-dpi.{name.lower()}"
            cv2.imwrite(str(path), np.ascontiguousarray(image[..., ::-1]) if image.ndim == 3 else image)
            medians[f"decoding it as {name}"] = _median_ms(partial(load_capture, path))
    return {"finding and reading": _median_ms(partial(read_image, image, context=context)), **medians}


def _median_ms(task: Callable[[], object]) -> float:
    task()
    times = []
    for _ in range(15):
        start = time.perf_counter()
        task()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def cold_start(path: Path) -> tuple[float, float]:
    """Median seconds of ``dafec mrz`` on one image, from start to end: wall clock, and processor time."""
    command = [str(Path(sys.executable).with_name("dafec")), "mrz", str(path), "--json"]
    wall, processor = [], []
    for _ in range(6):
        begun, before = time.perf_counter(), os.times()
        subprocess.run(command, check=True, capture_output=True)
        after = os.times()
        wall.append(time.perf_counter() - begun)
        processor.append(after.children_user + after.children_system - before.children_user - before.children_system)
    return statistics.median(wall[1:]), statistics.median(processor[1:])  # the first brings the files into memory


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    folder = shared_data() / "mrz_images"
    if not folder.is_dir():
        raise SystemExit(f"the development images are not at {folder}; set DAFEC_SHARED_DATA")
    entries = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    rows = [run("DAFEC", our_reader(args.threads), entries, folder)]
    if args.peers:
        rows.append(run("PassportEye, tesseract as installed", passporteye_reader(), entries, folder))
        rows.append(run("RapidOCR, positional fixes", rapidocr_reader(), entries, folder))
    fastest = min((row.median_ms for row in rows[1:]), default=None)
    print(f"{'reader':38} {'exact':>8} {'read, yet wrong':>16} {'p50 ms':>9} {'p95 ms':>9}")
    for row in rows:
        p95 = float(np.quantile(row.times_ms, 0.95))
        print(f"{row.name:38} {row.exact:>5}/{len(entries)} {row.read_yet_wrong:>16} {row.median_ms:>9.1f} {p95:>9.1f}")
    if fastest is not None:
        print(f"time against the fastest peer: 1/{fastest / rows[0].median_ms:.0f}")
    parts = page_of_400_dpi(entries, folder, args.threads)
    print("ID-3 page at 400 dpi, p50:", ", ".join(f"{part} {ms:.1f} ms" for part, ms in parts.items()))
    wall_s, processor_s = cold_start(folder / entries[0]["file"])
    print(f"dafec mrz, a process for one image: {wall_s:.2f} s p50, {processor_s:.2f} s of processor time")
    if args.verbose:
        for row in rows:
            print(row.name, "missed:", ", ".join(row.misses) or "none")


if __name__ == "__main__":
    main()
