"""Page finding, registration, quality and spectral checks: how fast and how exact, on drawn documents.

Run ``python -m benchmarks.page`` in the repository root. It prints two tables in Markdown: times for three lights of an
ID-3 page at 400 dpi (p50 and p95, milliseconds, warm), and errors against the truth of scenes drawn by
``tests.synthetic_pages``. With the development data beside the checkout, the real reader capture is measured too.

    python -m benchmarks.page --captures runs/pages/*      outlines of `dafec specimens` captures against their truth
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from dafec.capture import CapturedPage, load_capture
from dafec.features.ir_ab_mr import MrzInfraredContrast
from dafec.features.uv_br import UV_BRIGHTNESS_CHECKS
from dafec.geometry import FORMAT_SIZE_MM
from dafec.ocr.reader import OcrContext, read_frame
from dafec.page import Page, find_pages
from dafec.quality import assess_quality
from dafec.registration import register
from dafec.sides import map_points, page_corners
from tests.synthetic_pages import (
    Look,
    context_of,
    frame,
    page_homography,
    place,
    read_of,
    reader_capture,
    reader_read,
    render,
    turned_corners,
    zone_quad,
)

DATA = Path(os.environ.get("DAFEC_SHARED_DATA", Path(__file__).parents[1].parent / "shared" / "data"))


def timed(action: Callable[[], object], repeats: int) -> tuple[float, float]:
    """p50 and p95 of one action in milliseconds, after one unmeasured run."""
    action()
    spans = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        spans.append((time.perf_counter() - start) * 1000)
    return float(np.quantile(spans, 0.5)), float(np.quantile(spans, 0.95))


def speed(repeats: int) -> None:
    """Times of every step on three lights of an ID-3 page at 400 dpi."""
    look = Look(px_per_mm=400 / 25.4)
    captured, read = reader_capture(look), reader_read(look)
    visible_only = CapturedPage({"visible": captured.frames["visible"]})
    page = find_pages(captured, [read])[0]
    context = context_of(page)
    size = captured.primary
    print(f"| {size.width_px} x {size.height_px} px, three lights, {cv2.getNumThreads()} threads | p50 ms | p95 ms |")
    print("|---|---|---|")
    steps: list[tuple[str, Callable[[], object]]] = [
        ("find, crop, register: all lights", lambda: find_pages(captured, [read])),
        ("find, crop: visible alone", lambda: find_pages(visible_only, [read])),
        ("quality", lambda: assess_quality(page)),
    ]
    for check in (MrzInfraredContrast(), *UV_BRIGHTNESS_CHECKS):
        steps.append((check.id, lambda check=check: check.run(context)))  # type: ignore[misc]
    for name, action in steps:
        p50, p95 = timed(action, repeats)
        print(f"| {name} | {p50:.1f} | {p95:.1f} |")


def corner_error_mm(page: Page, truth: np.ndarray) -> float:
    """Largest distance of an outline's corner from its true place, millimetres on the document."""
    scale = float(np.linalg.norm(truth[1] - truth[0])) / page.width_mm
    return float(np.linalg.norm(page.outline_px.array() - truth, axis=1).max()) / scale


def outline_errors(count: int) -> None:
    """Corner errors on flatbed scans and photos, by scene."""
    rng = np.random.default_rng(11)
    rows: dict[str, list[float]] = {"white lid": [], "black lid": [], "photo with perspective": []}
    for n in range(count):
        look = Look(fmt=("TD3", "TD1", "TD2")[n % 3], lights=("visible",), seed=n)
        zone_noise = rng.normal(0, 1.0, (4, 2))
        for name, level in (("white lid", 245), ("black lid", 20)):
            lid = np.clip(level + rng.normal(0, 1.5, (2376, 1680, 3)), 0, 255).astype(np.uint8)
            truth = turned_corners(look.fmt, 8.0, tuple(rng.uniform((640, 640), (1040, 1700))), rng.uniform(-180, 180))
            image = place(render(look)["visible"], lid, truth)
            zone = zone_quad(look.fmt, page_homography(truth, look.fmt)) + zone_noise
            page = find_pages(CapturedPage({"visible": frame(image)}), [read_of(look.fmt, zone)])[0]
            rows[name].append(corner_error_mm(page, truth))
        truth = turned_corners(look.fmt, 8.0, (800, 600), rng.uniform(-25, 25)) + rng.uniform(-45, 45, (4, 2))
        grain = cv2.GaussianBlur(rng.normal(0, 1, (1200, 1600)).astype(np.float32), (0, 0), sigmaX=40, sigmaY=2)
        table = np.clip(np.array([90, 60, 40]) + 160 * grain[..., None], 0, 255).astype(np.uint8)
        image = place(render(look)["visible"], table, truth)
        zone = zone_quad(look.fmt, page_homography(truth, look.fmt)) + zone_noise
        page = find_pages(CapturedPage({"visible": frame(image)}), [read_of(look.fmt, zone)])[0]
        rows["photo with perspective"].append(corner_error_mm(page, truth))
    print(
        f"\n| outline, {count} scenes each, zone read 1 px off | median mm | 0.9 quantile mm | worst mm | over 2 mm |"
    )
    print("|---|---|---|---|---|")
    for name, errors in rows.items():
        median, upper = np.quantile(errors, [0.5, 0.9])
        print(f"| {name} | {median:.2f} | {upper:.2f} | {max(errors):.2f} | {sum(e > 2 for e in errors)} |")


def registration_errors(count: int) -> None:
    """Worst error on the page of the registration of displaced, stretched and turned lights."""
    rng = np.random.default_rng(12)
    print(f"\n| registration, {count} displacements each at 5 px/mm | median px | worst px | not reliable |")
    print("|---|---|---|---|")
    look = Look(px_per_mm=5.0)
    images = render(look)
    reference = cv2.cvtColor(images["visible"], cv2.COLOR_RGB2GRAY)
    height, width = reference.shape
    points = np.array([[x, y, 1.0] for x in (0, width) for y in (0, height)]).T
    for light in ("ir", "uv"):
        grey = images[light] if images[light].ndim == 2 else cv2.cvtColor(images[light], cv2.COLOR_RGB2GRAY)
        errors, lost = [], 0
        for _ in range(count):
            matrix = np.eye(3)
            turn, scale = rng.normal(0, 0.0015), rng.normal(1, 0.002)
            matrix[:2, :2] = scale * np.array([[1, -turn], [turn, 1]])
            matrix[:2, 2] = rng.uniform(-5, 5, 2)
            moved = cv2.warpAffine(
                grey, matrix[:2], (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
            )
            result, found = register(reference, moved, look.px_per_mm)
            lost += not result.reliable
            errors.append(float(np.linalg.norm(((found - matrix) @ points)[:2], axis=0).max()))
        print(f"| {light} | {np.median(errors):.2f} | {max(errors):.2f} | {lost} |")


def captured_outlines(folders: list[Path]) -> None:
    """Corner errors on rendered captures, read by the real reader, with and without a zone on the page."""
    context = OcrContext.load()
    rows: dict[str, list[float]] = {"page with a zone": [], "side without a zone": []}
    lost = dict.fromkeys(rows, 0)
    for folder in folders:
        truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
        for page, true in zip(load_capture(folder).pages, truth["pages"], strict=True):
            light = page.primary.light
            matrix = true["frame_px_from_page_mm"]
            matrix = np.array(matrix[light] if isinstance(matrix, dict) else matrix)
            found = read_frame(page.primary.pixels, context=context, bit_depth=page.primary.bit_depth)
            (page_found,) = find_pages(
                CapturedPage({light: page.primary}), list(found.reads[:1]), found.document_mask, most=1
            )
            corners = map_points(matrix, page_corners(FORMAT_SIZE_MM[truth["format"]]))
            kind = "page with a zone" if found.reads else "side without a zone"
            if page_found.outline_source == "frame":
                lost[kind] += 1
                continue
            # Without a zone nothing tells up from down.
            turns = (0,) if found.reads else (0, 1, 2, 3)
            rows[kind].append(min(corner_error_mm(page_found, np.roll(corners, k, axis=0)) for k in turns))
    print(
        "\n| outline against truth | pages | not found | median mm | 0.9 quantile mm | worst mm | over 1 | over 2 mm |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name, errors in rows.items():
        if errors:
            median, upper = np.quantile(errors, [0.5, 0.9])
            over = [sum(error > limit for error in errors) for limit in (1, 2)]
            shown = f"{median:.2f} | {upper:.2f} | {max(errors):.2f} | {over[0]} | {over[1]}"
            print(f"| {name} | {len(errors) + lost[name]} | {lost[name]} | {shown} |")


def real_capture() -> None:
    """The one real three-band capture: registration and checks."""
    folder = DATA / "real" / "reader_triplet"
    if not folder.is_dir():
        print("\nThe real reader capture is not beside the checkout.")
        return
    frames = {}
    for light in ("visible", "ir", "uv"):
        bgr = cv2.imread(str(folder / f"{light}.bmp"))
        frames[light] = frame(np.ascontiguousarray(bgr[:, :, ::-1]), light)
    zone = np.array([[47, 525], [864, 525], [864, 582], [47, 582]], dtype=float)  # measured by hand
    page = find_pages(CapturedPage(frames), [read_of("TD3", zone)])[0]
    print(f"\n| real reader capture, {page.dpi or 0:.0f} dpi | figure |\n|---|---|")
    for light, found in page.registration.items():
        moved = ", ".join(f"{v:.2f}" for v in found.shift_px)
        print(f"| {light}: shift px, correlation, reliable | {moved}, {found.correlation:.2f}, {found.reliable} |")
    context = context_of(page)
    for light, quality in context.quality.lights.items():
        print(f"| {light}: edge spread um | {quality.focus:.0f} |")
    for check in (MrzInfraredContrast(), *UV_BRIGHTNESS_CHECKS):
        result = check.run(context)
        print(f"| {result.id} | {result.result}, {result.value} {result.unit} |")


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15, help="timed runs of each step")
    parser.add_argument("--scenes", type=int, default=30, help="scenes and displacements of each kind")
    parser.add_argument("--captures", nargs="*", type=Path, default=[], help="capture folders with truth.json")
    options = parser.parse_args()
    if options.captures:
        captured_outlines(options.captures)
        return
    speed(options.repeats)
    outline_errors(options.scenes)
    registration_errors(options.scenes)
    real_capture()


if __name__ == "__main__":
    main()
