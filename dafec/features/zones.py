"""Regions of a page in millimetres and their pixels, shared by the spectral checks."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.geometry import BoxMm
from dafec.page import Page

__all__ = ["clip_box", "crop", "decode_srgb", "local_paper", "mrz_region", "photo_region", "text_region"]

_TABLE_SIZE = 4096  # finer than any tone curve needs


def clip_box(box: BoxMm, page: Page) -> BoxMm:
    """The part of a box that lies on the page."""
    x0, y0 = max(box.x, 0.0), max(box.y, 0.0)
    x1, y1 = min(box.x + box.width, page.width_mm), min(box.y + box.height, page.height_mm)
    return BoxMm(x0, y0, max(x1 - x0, 0.0), max(y1 - y0, 0.0))


def crop(image: NDArray[np.float32], box: BoxMm, px_per_mm: float) -> NDArray[np.float32]:
    """Pixels inside a box in millimetres; a view, may be empty."""
    y0, x0 = max(round(box.y * px_per_mm), 0), max(round(box.x * px_per_mm), 0)
    y1, x1 = round((box.y + box.height) * px_per_mm), round((box.x + box.width) * px_per_mm)
    return image[y0:y1, x0:x1]


def decode_srgb(encoded: NDArray[np.float32]) -> NDArray[np.float32]:
    """Linear light of sRGB-encoded values 0..1 (IEC 61966-2-1)."""
    scaled = np.clip(encoded, 0.0, 1.0) * np.float32(_TABLE_SIZE - 1) + np.float32(0.5)
    return np.asarray(np.take(_srgb_table(), scaled.astype(np.uint16)), dtype=np.float32)


@cache
def _srgb_table() -> NDArray[np.float32]:
    x = np.arange(_TABLE_SIZE, dtype=np.float64) / (_TABLE_SIZE - 1)
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4).astype(np.float32)


def mrz_region(page: Page, margin_mm: float = 2.0) -> BoxMm | None:
    """Box round all lines of the machine-readable zone; None where none was read."""
    if not page.mrz_boxes_mm:
        return None
    boxes = np.array(page.mrz_boxes_mm)
    x0, y0 = boxes[:, 0].min() - margin_mm, boxes[:, 1].min() - margin_mm
    x1 = (boxes[:, 0] + boxes[:, 2]).max() + margin_mm
    y1 = (boxes[:, 1] + boxes[:, 3]).max() + margin_mm
    return clip_box(BoxMm(float(x0), float(y0), float(x1 - x0), float(y1 - y0)), page)


def photo_region(page: Page) -> BoxMm | None:
    """Where Doc 9303-4 and 9303-7 put the portrait (zone V, left, above the zone); None for other formats.

    A card's portrait lies on the side without the zone, or anywhere on a page of unknown layout.
    """
    if page.format in ("TD3", "MRV-A"):
        return BoxMm(8.0, 25.0, 28.0, 32.0)
    return None


def text_region(page: Page) -> BoxMm | None:
    """Where the personal data of a passport or visa stand, right of the portrait; None for other formats."""
    if page.format in ("TD3", "MRV-A"):
        return BoxMm(44.0, 12.0, page.width_mm - 50.0, page.height_mm - 12.0 - 25.0)
    return None


def local_paper(image: NDArray[np.float32], px_per_mm: float) -> NDArray[np.float32]:
    """Brightness of the paper under and between characters: strokes closed away, then smoothed; (h, w)."""
    # Paper changes slowly: six pixels a millimetre show it as well as sixteen, at a tenth of the cost.
    factor = max(1, int(px_per_mm // 6))
    height, width = image.shape
    small = np.ascontiguousarray(image)
    if factor > 1:
        size_px = (max(1, width // factor), max(1, height // factor))
        small = np.asarray(cv2.resize(small, size_px, interpolation=cv2.INTER_AREA), dtype=np.float32)
    size = max(3, round(1.8 * px_per_mm / factor)) | 1
    closed = cv2.morphologyEx(
        cv2.medianBlur(small, 3), cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    )
    smooth = cv2.GaussianBlur(closed, (0, 0), px_per_mm / factor)
    return np.asarray(cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.float32)
