"""What the header readers give and what they are allowed to accept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "DEFAULT_LIMITS",
    "MAX_SIDE_PX",
    "MIN_SIDE_PX",
    "Alpha",
    "EncodedImage",
    "Header",
    "Limits",
    "Pixels",
    "plausible_dpi",
]

#: (height, width) grey or (height, width, 3) RGB; uint8, or uint16 where the file had more than 8 bits.
Pixels = NDArray[np.uint8] | NDArray[np.uint16]

Alpha = Literal["none", "straight", "premultiplied", "ignored"]

#: OpenCV addresses pixels with 16-bit integers when it warps an image; a longer side cannot be rectified.
MAX_SIDE_PX = 32_000
#: No document, however small, is recognisable below this.
MIN_SIDE_PX = 32

#: 72 and 96 are what software writes when it does not know, and a document scanned so coarsely cannot be checked.
_MIN_DPI, _MAX_DPI = 100.0, 2400.0
#: Resolutions of the two axes may differ by rounding of units only.
_ANISOTROPY = 0.02


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one capture may ask for. The defaults hold an A4 sheet at 600 dpi in three lights, both sides.

    Loading a capture takes at most ``max_capture_mb`` for its pixels, one frame more while that one is decoded, and the
    file itself.
    """

    max_megapixels: float = 60.0  # of one frame
    max_file_mb: float = 256.0  # of one file, 10**6 bytes
    max_pages: int = 8  # pages of one capture
    max_capture_mb: float = 512.0  # of the decoded pixels of all frames together, 10**6 bytes


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says about one of its images before any pixel is decoded."""

    media_type: str
    width_px: int  # as stored, before ``orientation``
    height_px: int
    channels: int  # 1 grey, 2 grey with alpha, 3 colour, 4 colour with alpha or CMYK; palettes count as colour
    bit_depth: int  # significant bits a sample
    dpi: float | None = None  # plausible values only
    orientation: int = 1  # EXIF: 1 upright, 2-8 flips and quarter turns
    alpha: Alpha = "none"
    page: int = 0  # index of the image in the file
    by_pillow: bool = False  # a layout OpenCV misreads
    patch: tuple[int, bytes] | None = None  # offset and bytes that keep decoders from turning the image themselves
    scan_ends: tuple[int, ...] = ()  # JPEG: offsets of the markers that end its scans; empty where coded otherwise
    progressive: bool = False  # JPEG: early scans cover the whole picture

    @property
    def decoded_bytes(self) -> int:
        """What the pixels take in memory, upright and without alpha."""
        return self.width_px * self.height_px * (3 if self.channels >= 3 else 1) * (2 if self.bit_depth > 8 else 1)


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """An image whose header has been accepted; ``decode`` gives its pixels, upright."""

    header: Header
    decode: Callable[[], Pixels]


def plausible_dpi(x: float, y: float) -> float | None:
    """The resolution two axes state, or None where it cannot be one.

    Args:
        x: pixels per inch across.
        y: pixels per inch down.

    Returns:
        Their mean, or None outside 100 to 2400 or where the axes differ by more than 2 %.
    """
    if not (_MIN_DPI <= x <= _MAX_DPI and _MIN_DPI <= y <= _MAX_DPI):
        return None
    if abs(x - y) > _ANISOTROPY * max(x, y):
        return None
    return round((x + y) / 2, 2)
