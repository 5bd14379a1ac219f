"""Signs that a page is a picture of a page: a screen's pixels, no colour at all, no response in infrared.

* **Screen.** A monitor shows red, green and blue as stripes a third of a pixel apart. So the three channels of a
  capture carry the same frequency, a third of a period out of phase: the cross spectrum of two channels, summed over
  the page and divided by their power, has an imaginary part of sin 120 degrees = 0.87. Screens of print put their inks
  at different angles, and whatever lies in all channels of print is in phase. A telephone's finer pixels beat against
  the reader's and keep the phases. The figure is the least of the three pairs.
* **Grey.** Of a grey copy every pixel's colour follows from its lightness and the lamp's place. The figure is the 0.9
  quantile of the chroma (CIELAB) that is left after a polynomial in lightness and place.
* **Infrared.** A screen reflects next to nothing in infrared and shows nothing there. A grey copy in toner is in
  infrared what it is in visible light.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.capture import Light
from dafec.features.gen_print_spectra import frequencies, spectra_of
from dafec.page import Page

__all__ = ["ColourFigures", "InfraredFigures", "measure_colour", "measure_grid", "measure_infrared"]

_EVERY = 2  # every other window of the page's spectra serves
_LOWEST = 0.03  # cycles a pixel: below are tints
_STRONGEST = 3  # bins averaged
_SCALE_PX_PER_MM = 4.0
_INSET_MM = 3.0
_EQUAL = 0.15  # chroma of channels that are copies of each other, rounding included
_THIN = 3  # every third pixel serves the fit


@dataclass(frozen=True, slots=True)
class ColourFigures:
    """What colour a page has, CIELAB units."""

    chroma: float  # 0.9 quantile of what lightness and place do not explain
    extreme: float  # 0.98 quantile of it
    monochrome: bool  # the channels are copies of each other: no colour was recorded


@dataclass(frozen=True, slots=True)
class InfraredFigures:
    """What a page shows in infrared."""

    brightness: float  # 0.9 quantile, of full scale
    detail: float  # deviation of its detail, of full scale
    likeness: float  # correlation of that with visible light's


def measure_grid(page: Page) -> float | None:
    """The least imaginary coherence among three pairs of channels, 0..1; None for grey or tiny images."""
    every = spectra_of(page) if page.images["visible"].ndim == 3 else None
    if every is None:
        return None
    spectra = every[::_EVERY]
    power = (np.square(spectra.real) + np.square(spectra.imag)).sum(axis=0) + 1e-9
    counted = frequencies().radius > _LOWEST
    found = []
    for one, other in ((0, 1), (1, 2), (0, 2)):
        cross = (spectra[:, one] * np.conj(spectra[:, other])).sum(axis=0)
        out_of_phase = np.abs(cross.imag)[counted] / np.sqrt(power[one] * power[other])[counted]
        found.append(float(np.partition(out_of_phase, -_STRONGEST)[-_STRONGEST:].mean()))
    return min(found)


def _small(page: Page, light: Light) -> NDArray[np.float32]:
    """A light without its rim at four pixels a millimetre; made once for a page."""
    return page.measured.get(("small", light), lambda: _reduced(page.images[light], page.px_per_mm))


def _reduced(image: NDArray[np.float32], px_per_mm: float) -> NDArray[np.float32]:
    step = max(1, round(px_per_mm / (2 * _SCALE_PX_PER_MM)))
    inset = round(_INSET_MM * px_per_mm)
    inner = np.ascontiguousarray(image[inset:-inset:step, inset:-inset:step])
    factor = min(1.0, _SCALE_PX_PER_MM * step / px_per_mm)
    return np.asarray(cv2.resize(inner, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), dtype=np.float32)


def measure_colour(page: Page) -> ColourFigures | None:
    """Chroma of a page in visible light; None for a grey image."""
    if page.images["visible"].ndim != 3:
        return None
    lab = cv2.cvtColor(_small(page, "visible"), cv2.COLOR_RGB2LAB)[::_THIN, ::_THIN]
    raw = float(np.quantile(np.hypot(lab[..., 1], lab[..., 2]), 0.99))
    height, width = lab.shape[:2]
    down, across = np.mgrid[0:height, 0:width].astype(np.float32)
    light = lab[..., 0].ravel() / 100.0
    y, x = down.ravel() / height - 0.5, across.ravel() / width - 0.5
    one = np.ones_like(light)
    terms = np.stack([one, light, light**2, light**3, x, y, x * x, y * y, x * y, x * light, y * light], axis=1)
    colours = lab[..., 1:].reshape(-1, 2)
    weights = np.linalg.solve(terms.T @ terms + 1e-3 * np.eye(terms.shape[1], dtype=np.float32), terms.T @ colours)
    rest = np.hypot(*(colours - terms @ weights).T)
    return ColourFigures(float(np.quantile(rest, 0.9)), float(np.quantile(rest, 0.98)), raw < _EQUAL)


def _grey_detail(image: NDArray[np.float32]) -> NDArray[np.float32]:
    grey = image.mean(axis=2) if image.ndim == 3 else image
    return np.asarray(grey - cv2.GaussianBlur(grey, (0, 0), 2 * _SCALE_PX_PER_MM), dtype=np.float32)


def measure_infrared(page: Page) -> InfraredFigures:
    """What is left of a page in infrared, its visible light registered to it."""
    small = _small(page, "ir")
    detail, other = _grey_detail(small), _grey_detail(_small(page, "visible"))
    both = float(detail.std() * other.std())
    likeness = float(((detail - detail.mean()) * (other - other.mean())).mean()) / both if both > 1e-9 else 0.0
    return InfraredFigures(float(np.quantile(small, 0.9)), float(detail.std()), likeness)
