"""What a page's background is made of: line art, the dots of a screen, or drops without an order.

Security print is drawn in lines of spot ink. In a window of it a few frequencies hold the energy, others in the next
window. A page that was scanned and printed again is made of dots all over:

* an AM screen (laser, toner, offset from a scan) stands at the same frequency in every window of the page, between 100
  and 220 lines an inch, as a peak of the spectrum that survives the sixtieth percentile over windows. A portrait that
  is screened on a document drawn in lines covers too few windows for that.
* drops of an inkjet printer have no frequency: the spectrum between four and three pixels a period is flat like that of
  noise, and no frequency is common to the page. The figure for order is the logarithm of mean over median power there
  (0.37 for noise) and half the common peak; line art lies above 1.8.

Sensor noise is flat as well, but faint: below a least power the figure says nothing. Source of the ideas: the windowed
spectra of print-process forensics; every limit is fitted on this project's synthetic documents.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from dafec.features.gen_print_spectra import frequencies, peaks_above, spectra_of
from dafec.page import Page

__all__ = ["PrintFigures", "measure_print"]

_SCREEN_SHARE = 0.6  # a screen is in at least two fifths of the windows
_COARSE_LPI = (98.0, 129.0)  # office toner; guilloches of straight lines reach up here too
_FINE_LPI = (129.0, 330.0)
_OFF_AXIS = 0.045  # cycles a pixel: block and line structure of sensors and encoders lies on the axes
_MAX_RADIUS = 0.62
_FLAT_BAND = (0.25, 0.35)  # cycles a pixel
_FLAT_SHARE = 0.7
_PEAK_WEIGHT = 0.5
_FLOOR = 1e-6


@dataclass(frozen=True, slots=True)
class PrintFigures:
    """Measurements of a page's print."""

    fine_peak: float  # natural log of the strongest common peak of a fine screen over its surroundings
    fine_lpi: float  # where it stands, lines an inch
    coarse_peak: float  # the same for coarse screens
    coarse_lpi: float
    order: float  # natural log of mean over median power between three and four pixels a period, and half the fine peak
    power: float  # natural log of the median power there; sensors' noise is below that of print


@cache
def _flat_bins() -> NDArray[np.bool_]:
    radius = frequencies().radius
    return np.asarray((radius >= _FLAT_BAND[0]) & (radius < _FLAT_BAND[1]))


def _common_peak(
    above: list[NDArray[np.float32]], lpi: NDArray[np.float32], span: tuple[float, float]
) -> tuple[float, float]:
    """The peak that the middle one of the channels has in a span of frequencies, and the place of the strongest."""
    bins = frequencies()
    allowed = (lpi >= span[0]) & (lpi < span[1]) & (bins.radius <= _MAX_RADIUS)
    allowed &= (bins.down >= _OFF_AXIS) & (bins.across >= _OFF_AXIS)
    if not allowed.any():
        return 0.0, 0.0
    tops = [float(plane[allowed].max()) for plane in above]
    strongest = above[int(np.argmax(tops))]
    place = float(lpi[allowed][int(np.argmax(strongest[allowed]))])
    return float(np.median(tops)), place


def measure_print(page: Page) -> PrintFigures | None:
    """Measures what a page is made of.

    Args:
        page: with a visible image.

    Returns:
        The figures; None where the page is too small.
    """
    spectra, px_per_mm = spectra_of(page), page.px_per_mm
    if spectra is None:
        return None
    power = np.square(spectra.real) + np.square(spectra.imag) + np.float32(_FLOOR)
    count = len(power)
    common = np.log(np.partition(power, round(_SCREEN_SHARE * (count - 1)), axis=0)[round(_SCREEN_SHARE * (count - 1))])
    above = [peaks_above(plane) for plane in common]
    lpi = np.asarray(frequencies().radius * np.float32(px_per_mm * 25.4), dtype=np.float32)
    fine, fine_lpi = _common_peak(above, lpi, _FINE_LPI)
    coarse, coarse_lpi = _common_peak(above, lpi, _COARSE_LPI)
    band = power[:, :, _flat_bins()]
    mean = np.log(band.mean(axis=2)).mean(axis=1)
    middle = np.log(np.median(band, axis=2)).mean(axis=1)
    flatness = float(np.quantile(mean, _FLAT_SHARE) - np.quantile(middle, _FLAT_SHARE))
    order = flatness + _PEAK_WEIGHT * fine
    return PrintFigures(fine, fine_lpi, coarse, coarse_lpi, order, float(np.median(middle)))
