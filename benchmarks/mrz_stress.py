"""The development images made harder: turned, shrunk, tilted, laid on a scanner's glass, compressed, cut down to the zone.

    python -m benchmarks.mrz_stress [--verbose]

Prints, for each treatment, how many of the images are still read exactly, how many are read yet wrong, and how many are not found.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.mrz import shared_data
from dafec.capture import load_capture
from dafec.ocr.reader import OcrContext, read_image, to_grey

Grey = NDArray[np.uint8]


def _turn(degrees: float, fill: int) -> Callable[[Grey], Grey]:
    def apply(image: Grey) -> Grey:
        h, w = image.shape
        matrix = cv2.getRotationMatrix2D((w / 2, h / 2), degrees, 1)
        cos, sin = abs(matrix[0, 0]), abs(matrix[0, 1])
        nw, nh = int(w * cos + h * sin), int(w * sin + h * cos)
        matrix[:, 2] += (nw - w) / 2, (nh - h) / 2
        return np.asarray(cv2.warpAffine(image, matrix, (nw, nh), flags=cv2.INTER_CUBIC, borderValue=fill), np.uint8)

    return apply


def _width(pixels: int) -> Callable[[Grey], Grey]:
    def apply(image: Grey) -> Grey:
        scale = pixels / image.shape[1]
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=how), np.uint8)

    return apply


def _tilt(image: Grey) -> Grey:
    h, w = image.shape
    source = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
    goal = np.array([[0.1 * w, 0.06 * h], [0.97 * w, 0], [w, h], [0.0, 0.9 * h]], np.float32)
    return np.asarray(cv2.warpPerspective(image, cv2.getPerspectiveTransform(source, goal), (w, h), borderValue=60), np.uint8)


def _glass(image: Grey) -> Grey:
    """At 600 dpi on A4, a few degrees off; the document is taken to be 125 mm wide."""
    page = _width(2950)(image)
    glass = np.full((7016, 4960), 246, np.uint8)
    page = page[:5000]
    glass[900 : 900 + page.shape[0], 700 : 700 + page.shape[1]] = page
    matrix = cv2.getRotationMatrix2D((2480, 3508), 3.5, 1)
    return np.asarray(cv2.warpAffine(glass, matrix, (4960, 7016), borderValue=246), np.uint8)


def _jpeg(image: Grey) -> Grey:
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 35])[1], 0), np.uint8)


def _dark(image: Grey) -> Grey:
    ramp = np.linspace(0.25, 0.7, image.shape[1], dtype=np.float32)[None, :]
    return np.clip(image * ramp, 0, 255).astype(np.uint8)


def _cut(image: Grey, context: OcrContext, margin: float) -> Grey:
    reads = read_image(image, context=context)
    if not reads:
        return image
    quad = reads[0].corners_px
    pad = margin * quad.height_px
    w, h = int(quad.width_px + 2 * pad), int(quad.height_px + 2 * pad)
    goal = np.array([[pad, pad], [w - pad, pad], [w - pad, h - pad], [pad, h - pad]], np.float32)
    matrix = cv2.getPerspectiveTransform(quad.array().astype(np.float32), goal)
    return np.asarray(cv2.warpPerspective(image, matrix, (w, h), flags=cv2.INTER_CUBIC), np.uint8)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    context = OcrContext.load(2)
    folder = shared_data() / "mrz_images"
    entries = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    treatments: dict[str, Callable[[Grey], Grey]] = {
        "as it is": lambda image: image,
        "quarter turn": _turn(90, 0),
        "half turn": _turn(180, 0),
        "13 degrees": _turn(13, 255),
        "-41 degrees": _turn(-41, 30),
        "156 degrees": _turn(156, 128),
        "600 px wide": _width(600),
        "350 px wide": _width(350),
        "perspective": _tilt,
        "A4 at 600 dpi": _glass,
        "JPEG quality 35": _jpeg,
        "dark, uneven": _dark,
        "inverted": lambda image: np.asarray(255 - image, np.uint8),
        "cut to the zone": lambda image: _cut(image, context, 0.5),
        "cut tightly": lambda image: _cut(image, context, 0.15),
    }
    print(f"{'treatment':18} {'exact':>8} {'read, yet wrong':>16} {'not found':>10}   of {len(entries)} images")
    for name, treat in treatments.items():
        exact, silent, missing, failed = 0, 0, 0, []
        for entry in entries:
            image = treat(to_grey(load_capture(folder / entry["file"]).pages[0].primary.pixels))
            reads = read_image(image, context=context)
            right = any(list(r.texts) == entry["mrz"] for r in reads[:1])
            exact += right
            missing += not reads
            silent += bool(reads) and reads[0].status == "read" and not right
            if not right:
                wrong = math.inf if not reads else sum(a != b for t, u in zip(reads[0].texts, entry["mrz"], strict=False) for a, b in zip(t, u, strict=False))
                failed.append(f"{entry['id']}:{wrong:.0f}")
        print(f"{name:18} {exact:>8} {silent:>16} {missing:>10}" + (f"   {' '.join(failed)}" if args.verbose else ""), flush=True)


if __name__ == "__main__":
    main()
