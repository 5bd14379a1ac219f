"""The development images made harder: turned, shrunk, tilted, laid on a scanner's glass, compressed, cut to the zone.

    python -m benchmarks.mrz_stress [--verbose]

Prints, for each treatment, how many of the images are still read exactly, how many are read yet wrong, and how many are
not found.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.mrz import shared_data
from dafec.capture import load_capture
from dafec.ocr.reader import OcrContext, read_image, to_grey
from dafec.ocr.types import MrzRead

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
    matrix = cv2.getPerspectiveTransform(source, goal)
    return np.asarray(cv2.warpPerspective(image, matrix, (w, h), borderValue=60), np.uint8)


def _curl(image: Grey) -> Grey:
    """A page that is held open: along it the print sinks, rises and sinks, by a good half of a capital's height."""
    h, w = image.shape
    y, x = np.mgrid[:h, :w].astype(np.float32)
    bend = np.float32(0.012 * w) * np.sin(x / w * np.float32(2 * np.pi))
    return np.asarray(cv2.remap(image, x, y + bend, cv2.INTER_CUBIC, borderValue=60), np.uint8)


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


@dataclass
class Tally:
    """What came of all images under one treatment."""

    exact: int = 0
    read_yet_wrong: int = 0
    not_found: int = 0
    misses: list[str] = field(default_factory=list)  # image and its wrong characters, ``inf`` where nothing was read

    def count(self, name: str, truth: list[str], reads: list[MrzRead]) -> None:
        """Adds one image."""
        if not reads:
            self.not_found += 1
            self.misses.append(f"{name}:inf")
            return
        texts = reads[0].texts
        if list(texts) == truth:
            self.exact += 1
            return
        self.read_yet_wrong += reads[0].status == "read"
        wrong = sum(a != b for t, u in zip(texts, truth, strict=False) for a, b in zip(t, u, strict=False))
        self.misses.append(f"{name}:{wrong}")


def treatments(context: OcrContext) -> dict[str, Callable[[Grey], Grey]]:
    """What is done to an image, by name."""
    return {
        "as it is": lambda image: image,
        "quarter turn": _turn(90, 0),
        "half turn": _turn(180, 0),
        "13 degrees": _turn(13, 255),
        "-41 degrees": _turn(-41, 30),
        "156 degrees": _turn(156, 128),
        "600 px wide": _width(600),
        "350 px wide": _width(350),
        "perspective": _tilt,
        "curled page": _curl,
        "A4 at 600 dpi": _glass,
        "JPEG quality 35": _jpeg,
        "dark, uneven": _dark,
        "inverted": lambda image: np.asarray(255 - image, np.uint8),
        "cut to the zone": lambda image: _cut(image, context, 0.5),
        "cut tightly": lambda image: _cut(image, context, 0.15),
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--verbose", action="store_true", help="name the images that are missed")
    args = parser.parse_args()
    context = OcrContext.load(2)
    folder = shared_data() / "mrz_images"
    entries = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    print(f"{'treatment':18} {'exact':>8} {'read, yet wrong':>16} {'not found':>10}   of {len(entries)} images")
    for name, treat in treatments(context).items():
        tally = Tally()
        for entry in entries:
            image = treat(to_grey(load_capture(folder / entry["file"]).pages[0].primary.pixels))
            tally.count(entry["id"], entry["mrz"], read_image(image, context=context))
        misses = f"   {' '.join(tally.misses)}" if args.verbose else ""
        print(f"{name:18} {tally.exact:>8} {tally.read_yet_wrong:>16} {tally.not_found:>10}{misses}", flush=True)


if __name__ == "__main__":
    main()
