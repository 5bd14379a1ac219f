"""Real devices beside the scanners fitted to them: one table of figures a device.

    python -m benchmarks.specimens              real | stored | rendered, bounds, and what lies outside them
    python -m benchmarks.specimens --series S   the same of a series' documents instead of the test chart
    python -m benchmarks.specimens --times      what a scan, wear and a file cost on this machine, one core

The real pictures lie beside the checkout and are never copied into it; ``DAFEC_SHARED_DATA`` names another place. Where
they are absent only the stored figures are printed. Every rendered figure is of a synthetic document.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.mrz import shared_data
from dafec.lights import Light
from dafec.specimens.charts import CARD_TEXT_MM, PAGE_MRZ_MM, PAGE_TEXT_MM, card, page
from dafec.specimens.encoder import encode
from dafec.specimens.measure import Window, window_mm
from dafec.specimens.model import Appearance, Frames
from dafec.specimens.real_figures import device_figures, real_figures, triplet_figures
from dafec.specimens.scanners import load_scanner, scan, scanner_names
from dafec.specimens.wear import wear

#: Windows of the real pictures: rows and columns of the zone, of text without luminescent print; of bold text.
_REAL_MRZ: Window = (slice(508, 594), slice(40, 875))
_REAL_TEXT: Window = (slice(120, 180), slice(300, 450))
_REAL_DPI = 186.0
_DEVICES = {"scan": 592.0, "huawei": 957.0, "iphone15pro": 851.0}


def real_triplet() -> dict[str, float] | None:
    """Figures of the real page reader's capture; None where it is absent."""
    folder = shared_data() / "real" / "reader_triplet"
    names: dict[Light, str] = {"visible": "visible.bmp", "ir": "ir.bmp", "uv": "uv.bmp"}
    if not all((folder / name).is_file() for name in names.values()):
        return None
    pictures = {light: read(folder / name, grey=light == "ir") for light, name in names.items()}
    return triplet_figures(pictures, pictures["visible"].shape[1] / 125.0, _REAL_MRZ, _REAL_TEXT)


def real_device(device: str) -> dict[str, float] | None:
    """Figures of the real card as one device saw it; None where it is absent."""
    path = shared_data() / "real" / "fantasyid" / f"genuine-{device}-0.jpg"
    if not path.is_file():
        return None
    picture = read(path)
    h, w = picture.shape[:2]
    text = (slice(int(0.265 * h), int(0.365 * h)), slice(int(0.33 * w), int(0.57 * w)))
    return device_figures(picture, _DEVICES[device] / 25.4, text)


def read(path: Path, *, grey: bool = False) -> NDArray[np.uint8]:
    """Pixels of a file, RGB or grey."""
    pixels = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE if grey else cv2.IMREAD_COLOR)
    if pixels is None:
        raise SystemExit(f"{path} cannot be read")
    return np.ascontiguousarray(pixels if grey else pixels[..., ::-1], dtype=np.uint8)


def rendered_triplet(chart: Appearance, seed: int, *, is_chart: bool = True) -> dict[str, float]:
    """Figures of a page as the fitted reader sees it."""
    frames = scan(chart, load_scanner("reader-a"), _REAL_DPI, seed)
    place = frames.frame_from_page_mm["visible"]
    text = window_mm(PAGE_TEXT_MM, place) if is_chart else None
    return triplet_figures(frames.pictures, _REAL_DPI / 25.4, window_mm(PAGE_MRZ_MM, place), text)


def rendered_device(chart: Appearance, scanner: str, dpi: float, seed: int) -> dict[str, float]:
    """Figures of the card chart as a fitted flatbed or phone sees it, straightened like the real ones."""
    model = load_scanner(scanner)
    model = replace(model, place=replace(model.place, glass_mm=(100.0, 70.0)))  # the rest of the glass shows nothing
    straight = straightened(scan(chart, model, dpi, seed), chart)
    place = np.array([[dpi / 25.4, 0, -0.5], [0, dpi / 25.4, -0.5], [0, 0, 1]])
    return device_figures(straight, dpi / 25.4, window_mm(CARD_TEXT_MM, place))


def straightened(frames: Frames, chart: Appearance) -> NDArray[np.uint8]:
    """The visible picture cut to the document."""
    scale = frames.dpi / 25.4
    frame_from_cut = frames.frame_from_page_mm["visible"] @ np.linalg.inv(
        np.array([[scale, 0, -0.5], [0, scale, -0.5], [0, 0, 1]])
    )
    size = (int(chart.grid.width_mm * scale), int(chart.grid.height_mm * scale))
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpPerspective(frames.pictures["visible"], frame_from_cut, size, flags=flags), np.uint8)


def show(device: str, real: Mapping[str, float] | None, rendered: list[dict[str, float]]) -> int:
    """Prints one table; returns how many figures lie outside their bounds."""
    outside = 0
    print(f"\n{device}\n{'figure':30}{'real':>9}{'stored':>9}{'rendered':>10}{'from':>9}{'to':>9}")
    for name, figure in real_figures(device).items():
        values = [one[name] for one in rendered if name in one]
        if not values:
            continue
        value = float(np.median(values))
        measured = f"{real[name]:9.3f}" if real is not None else f"{'-':>9}"
        mark = "" if figure.holds(value) else "  <-- outside"
        outside += not figure.holds(value)
        print(f"{name:30}{measured}{figure.real:9.3f}{value:10.3f}{figure.low:9.3f}{figure.high:9.3f}{mark}")
    return outside


def times() -> None:
    """Prints seconds of a passport page, object grid 800 dpi, 400 dpi pictures."""
    cv2.setNumThreads(1)
    chart = page()
    print(f"\n{'seconds, median of 5':30}{'scan':>9}{'encode':>9}")
    for name in scanner_names():
        scanner = load_scanner(name)
        dpi = max(dpi for dpi in scanner.dpis if dpi <= 400)
        scans, encodings = [], []
        for seed in range(5):
            start = time.process_time()
            frames = scan(chart, scanner, dpi, seed)
            middle = time.process_time()
            for picture in frames.pictures.values():
                encode(picture, dpi)
            scans.append(middle - start)
            encodings.append(time.process_time() - middle)
        print(f"{name + f', {dpi} dpi':30}{np.median(scans):9.2f}{np.median(encodings):9.2f}")
    worn = []
    for seed in range(9):
        start = time.process_time()
        wear(chart, "heavy", seed)
        worn.append(time.process_time() - start)
    print(f"{'wear, heavy':30}{np.median(worn):9.2f}")


def series_page(code: str, seed: int) -> Appearance:
    """A genuine document of a series."""
    from dafec.specimens.artwork import draw_artwork
    from dafec.specimens.compose import compose
    from dafec.specimens.issue import issue_document
    from dafec.specimens.model import Grid
    from dafec.specimens.press import press
    from dafec.specimens.series import load_series

    series = load_series(code)
    artwork = draw_artwork(series, issue_document(series, seed), 0, Grid(*series.size_mm, 800))
    return compose(press(artwork, seed), seed)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", help="code of a TD3 series")
    parser.add_argument("--times", action="store_true")
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if args.times:
        times()
        return
    chart = page() if args.series is None else series_page(args.series, 3)
    seeds = range(1, args.seeds + 1)
    rendered = [rendered_triplet(chart, seed, is_chart=args.series is None) for seed in seeds]
    outside = show("reader_triplet", real_triplet(), rendered)
    plastic = card()
    for name in ("flatbed-a", "phone-a", "phone-b"):
        device = load_scanner(name).fitted_to.removeprefix("fantasyid ")
        cards = [rendered_device(plastic, name, _DEVICES[device], seed) for seed in seeds]
        outside += show(f"fantasyid {device}", real_device(device), cards)
    print(f"\n{outside} figures outside their bounds")


if __name__ == "__main__":
    main()
