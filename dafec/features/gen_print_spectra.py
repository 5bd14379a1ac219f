"""Windowed power spectra of a page, shared by the checks of print process and of recapture.

A page is sampled by square windows on a regular grid. What prints a page as a whole, a halftone screen or a spray of
drops, or what shows it, a monitor's pixels, is in most windows alike; what the page shows, lines and letters, differs
from one to the next. So statistics over windows part the process from the picture.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.page import Page

__all__ = ["GRID", "WINDOW_PX", "Frequencies", "frequencies", "page_spectra", "peaks_above", "spectra_of"]

WINDOW_PX = 64  # 4 mm at 400 dpi: four periods of the coarsest guilloche, sixteen of a fine screen
GRID = (9, 12)  # windows down and across a page
_INSET_MM = 3.0  # the rim shows the cover and the glass
_BACKGROUND_BINS = 13  # side of the neighbourhood a spectral peak is compared with


class Frequencies(NamedTuple):
    """Coordinates of the bins of a window's half spectrum, (64, 33), cycles a pixel."""

    across: NDArray[np.float32]
    down: NDArray[np.float32]
    radius: NDArray[np.float32]


@cache
def frequencies() -> Frequencies:
    """Where each bin of a spectrum lies."""
    down, across = np.meshgrid(np.fft.fftfreq(WINDOW_PX), np.fft.rfftfreq(WINDOW_PX), indexing="ij")
    radius = np.hypot(across, down)
    return Frequencies(across.astype(np.float32), np.abs(down).astype(np.float32), radius.astype(np.float32))


@cache
def _taper() -> NDArray[np.float32]:
    side = np.hanning(WINDOW_PX)
    return np.outer(side, side).astype(np.float32)


def spectra_of(page: Page) -> NDArray[np.complex64] | None:
    """Spectra of a page in visible light on the usual grid, as ``page_spectra`` gives them; made once for a page."""
    return page.measured.get("spectra", lambda: page_spectra(page.images["visible"], page.px_per_mm, GRID))


def page_spectra(image: NDArray[np.float32], px_per_mm: float, grid: tuple[int, int]) -> NDArray[np.complex64] | None:
    """Spectra of windows spread over a page.

    Args:
        image: encoded, 0..1; (h, w, 3), or grey (h, w).
        px_per_mm: its scale.
        grid: windows down and across.

    Returns:
        (windows, channels, 64, 33), one or three channels; None where the page is too small for the grid.
    """
    inset = round(_INSET_MM * px_per_mm)
    height, width = image.shape[:2]
    if min(height, width) - 2 * inset < 2 * WINDOW_PX:
        return None
    rows = np.linspace(inset, height - inset - WINDOW_PX, grid[0]).astype(int)
    columns = np.linspace(inset, width - inset - WINDOW_PX, grid[1]).astype(int)
    planes = image if image.ndim == 3 else image[:, :, None]
    found = np.empty((len(rows) * len(columns), planes.shape[2], WINDOW_PX, WINDOW_PX // 2 + 1), np.complex64)
    taper = _taper()
    for number, (y, x) in enumerate((y, x) for y in rows for x in columns):
        for channel in range(planes.shape[2]):
            cut = planes[y : y + WINDOW_PX, x : x + WINDOW_PX, channel]
            # OpenCV transforms one small window at a time several times quicker than NumPy all of them.
            whole = cv2.dft((cut - cut.mean()) * taper, flags=cv2.DFT_COMPLEX_OUTPUT)
            found[number, channel].real = whole[:, : WINDOW_PX // 2 + 1, 0]
            found[number, channel].imag = whole[:, : WINDOW_PX // 2 + 1, 1]
    return found


def peaks_above(spectrum: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far each bin of one logarithmic half spectrum stands above the median of its neighbourhood; (64, 33)."""
    centred = np.fft.fftshift(spectrum, axes=0).astype(np.float32)
    reach = _BACKGROUND_BINS // 2
    framed = cv2.copyMakeBorder(centred, reach, reach, reach, reach, cv2.BORDER_REFLECT)
    low, high = float(framed.min()), float(framed.max())
    # The median filter takes bytes; a step is then a 255th of some twelve, which is less than any peak.
    step = max(high - low, 1e-6) / 255.0
    smooth = cv2.medianBlur(((framed - low) / step + 0.5).astype(np.uint8), _BACKGROUND_BINS)
    background = smooth[reach:-reach, reach:-reach].astype(np.float32) * np.float32(step) + np.float32(low)
    return np.asarray(np.fft.ifftshift(centred - background, axes=0), dtype=np.float32)
