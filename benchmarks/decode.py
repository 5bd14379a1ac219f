"""How long decoding takes, beside Pillow on the same bytes: ``python -m benchmarks.decode``.

Drawn at the size of an ID-3 page at 400 dpi (1969 x 1386 pixels), with noise as a scanner has it. The whole way is
measured, from bytes to a frame with its SHA-256; Pillow's figure is decoding to an array alone.
"""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dafec.capture import decode_frame

WIDTH, HEIGHT, REPEATS = 1969, 1386, 15


def page() -> NDArray[np.uint8]:
    """A page with print and scanner noise; the same on every run."""
    random = np.random.default_rng(9303)
    picture = np.full((HEIGHT, WIDTH, 3), 225, np.uint8)
    for line in range(60, HEIGHT - 60, 40):
        cv2.putText(picture, "DAFEC " * 14, (60, line), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (60, 50, 40), 2)
    return np.clip(picture + random.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)


def median_ms(work: Callable[[], object]) -> float:
    """Median of several runs after one to warm up, in milliseconds."""
    work()
    times = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        work()
        times.append((time.perf_counter() - begun) * 1000)
    return statistics.median(times)


def main() -> None:
    """Print the table."""
    cv2.setNumThreads(1)
    image = Image.fromarray(page())
    cases: dict[str, tuple[str, dict[str, Any]]] = {
        "JPEG quality 90": ("JPEG", {"quality": 90}),
        "PNG": ("PNG", {}),
        "BMP": ("BMP", {}),
        "TIFF LZW": ("TIFF", {"compression": "tiff_lzw"}),
        "WebP quality 90": ("WEBP", {"quality": 90}),
        "PDF with JPEG": ("PDF", {"quality": 90, "resolution": 400}),
    }
    print(f"| {WIDTH} x {HEIGHT} colour | KiB | DAFEC ms | Pillow ms |")
    print("|---|---|---|---|")
    for name, (kind, options) in cases.items():
        out = io.BytesIO()
        image.save(out, kind, **options)
        data = out.getvalue()
        ours = median_ms(lambda data=data: decode_frame(data, "visible", name="page"))  # type: ignore[misc]
        theirs = "-"
        if kind != "PDF":
            theirs = f"{median_ms(lambda data=data: np.asarray(Image.open(io.BytesIO(data)).convert('RGB'))):.1f}"  # type: ignore[misc]
        print(f"| {name} | {len(data) // 1024} | {ours:.1f} | {theirs} |")


if __name__ == "__main__":
    main()
