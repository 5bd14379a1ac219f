"""GEN-copy: the capture shows a document, not a picture of one on a screen or a grey copy of one.

``gen_copy_measure`` says how a screen's pixels, a grey copy and a page without response in infrared are seen. A
screen is a clear finding. That a page has no colour is a weak one by itself, since some cards are engraved in grey all
over; a page that is in infrared what it is in visible light as well was printed in toner alone. Infrared that shows
nothing is a screen's as well as that of a lamp that is off: it asks for a look and is no failure. Colour copies are
GEN-print's.

Light: visible, infrared where it is there. Any resolution can fail; below 250 dpi, or where the resolution is unknown,
a screen's pixels may be too fine to see, and nothing passes. Where no outline was found the frame's surroundings have
colours of their own, so only a screen is looked for.
Limits lie between the genuine and the forged of synthetic documents; real specimens of many makers, and photographs of
real grey copies, were looked at as a check on them.
"""

from __future__ import annotations

import math

from dafec.capture import Light
from dafec.features.contract import CheckContext, CheckResult
from dafec.features.gen_copy_measure import InfraredFigures, measure_colour, measure_grid, measure_infrared
from dafec.features.gen_print_score import CALIBRATION, Score
from dafec.features.gen_result import Measured, Reporter
from dafec.geometry import BoxMm
from dafec.page import Page

__all__ = ["Recapture"]

_SOURCE = "pixels of three colours side by side; limits from synthetic documents"
_GRID = (0.62, 0.72)  # passes up to the first, fails from the second; three colours a third of a period apart: 0.87
_COLOUR = (2.3, 2.0)  # CIELAB: passes from the first, fails up to the second; grey copies reach 1.3, pale cards 2.35
_DARK = 0.45  # of full scale, with
_BLANK = 0.012  # of full scale: not even the machine-readable zone shows
_ALIKE = 0.97  # correlation of infrared and visible detail: one ink, seen alike by both
_SEES_PIXELS_DPI = 250.0
_INSET_MM = 3.0
_GRID_SCORE = Score((0.35, 0.09), (0.87, 0.05), 1.0)
_LLR_GREY = 2.0  # by itself: genuine cards in grey exist and are not among what the limit is fitted on
_LLR_GREY_ALIKE = 3.5
_LLR_DARK = 1.0
_LLR_PASSED = -0.1


class Recapture:
    """Screens and grey copies."""

    id: str = "GEN-copy"
    version: int = 1
    lights: tuple[Light, ...] = ("visible",)
    min_dpi: float = 0.0
    needs_series: bool = False
    _report = Reporter("GEN-copy", 1, _SOURCE, CALIBRATION)

    def run(self, context: CheckContext) -> CheckResult:
        """Look for a screen's pixels, for colour, and for a response in infrared."""
        page = context.page
        if page is None or "visible" not in page.images:
            return self._report.result("not_supported", "no_page")
        region = BoxMm(_INSET_MM, _INSET_MM, page.width_mm - 2 * _INSET_MM, page.height_mm - 2 * _INSET_MM)
        visible = page.images["visible"]
        if min(visible.shape[:2]) < 16 * _INSET_MM * page.px_per_mm / 4 or min(visible.shape[:2]) < 150:
            return self._report.result("undetermined", "too_small", region=region)
        grid = measure_grid(page)
        values: dict[str, str | int | float] = {}
        measured: Measured | None = None
        if grid is not None:
            values["value"] = round(grid, 2)
            measured = Measured(grid, "coherence out of phase", (0.0, _GRID[0]))
            if grid >= _GRID[1]:
                return self._report.result(
                    "failed", "screen", measured=measured, region=region, values=values, llr=_GRID_SCORE.llr(grid)
                )
        infrared = _infrared(context, page)
        if infrared is not None and infrared.brightness < _DARK and infrared.detail < _BLANK:
            values["infrared"] = round(infrared.brightness, 2)
            return self._report.result(
                "undetermined", "dark", measured=measured, region=region, values=values, llr=_LLR_DARK
            )
        return self._judge_colour(page, infrared, measured, region, values)

    def _judge_colour(
        self,
        page: Page,
        infrared: InfraredFigures | None,
        measured: Measured | None,
        region: BoxMm,
        values: dict[str, str | int | float],
    ) -> CheckResult:
        colour = measure_colour(page)
        if colour is None or colour.monochrome or measured is None:
            return self._report.result("undetermined", "no_colour", measured=measured, region=region, values=values)
        if page.outline_source == "frame":
            return self._report.result("undetermined", "no_outline", measured=measured, region=region, values=values)
        chroma = math.sqrt(colour.chroma * colour.extreme)
        values["chroma"] = round(chroma, 2)
        of_colour = Measured(chroma, "CIELAB", (_COLOUR[0], None))
        if chroma <= _COLOUR[1]:
            alike = infrared is not None and infrared.likeness >= _ALIKE
            reason, llr = ("toner", _LLR_GREY_ALIKE) if alike else ("grey", _LLR_GREY)
            return self._report.result("failed", reason, measured=of_colour, region=region, values=values, llr=llr)
        if chroma < _COLOUR[0]:
            return self._report.result("undetermined", "pale", measured=of_colour, region=region, values=values)
        if measured.value > _GRID[0]:
            llr = max(0.0, _GRID_SCORE.llr(measured.value))
            return self._report.result(
                "undetermined", "unclear", measured=measured, region=region, values=values, llr=llr
            )
        if page.dpi is None or page.dpi < _SEES_PIXELS_DPI:
            return self._report.result("undetermined", "coarse", measured=measured, region=region, values=values)
        return self._report.result("passed", "passed", measured=measured, region=region, values=values, llr=_LLR_PASSED)


def _infrared(context: CheckContext, page: Page) -> InfraredFigures | None:
    """What infrared shows; None without it, or where its frame is the visible one again."""
    if "ir" not in page.images or context.quality.has("repeats_visible", "ir"):
        return None
    return measure_infrared(page)
