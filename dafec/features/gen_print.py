"""GEN-print: a page's background is drawn in lines, not made of dots.

Security print is line art in spot inks (Doc 9303-2: guilloche without pixel structure); a page that was scanned and
printed again is made of a screen's dots or of an inkjet printer's drops all over. ``gen_print_measure`` says how both
are seen. Portraits are printed by screens, drops, dye or laser on genuine documents as well, so the check asks what
most of the page is made of, and a portrait is too small to answer.

Light: visible. Least resolution: 350 dpi; at 300 dpi screens of 150 lines an inch and more fold back onto other
frequencies. A blurred image, or one in which fine detail is as faint as a sensor's noise, is ``undetermined``.
Limits lie between the genuine and the reprinted of this project's synthetic documents; no real forgery was measured.
"""

from __future__ import annotations

from dafec.capture import Light
from dafec.features.contract import CheckContext, CheckResult
from dafec.features.gen_print_measure import PrintFigures, measure_print
from dafec.features.gen_print_score import CALIBRATION, Score
from dafec.features.gen_result import Measured, Reporter
from dafec.geometry import BoxMm
from dafec.page import Page

__all__ = ["PrintProcess"]

_SOURCE = "Doc 9303-2 (guilloche without pixel structure); limits from synthetic documents"
_FINE = (2.4, 3.0)  # natural log above the surroundings: passes up to the first, fails from the second
_COARSE = (2.8, 3.7)  # guilloches of parallel lines reach 3.2 here
_ORDER = (1.74, 1.62)  # passes from the first, fails up to the second; noise has 0.4 to 0.6
_FAINT = -4.0  # power below which the order is that of a sensor's noise
_INSET_MM = 3.0
_FINE_SCORE = Score((1.35, 0.45), (4.2, 1.1), 8.0)
_COARSE_SCORE = Score((1.32, 0.45), (5.5, 0.8), 8.0)
_ORDER_SCORE = Score((2.28, 0.22), (0.92, 0.29), 4.0)
_MOST_UNCLEAR = 1.5  # doubt asks for a look and no more
_LLR_PASSED = -0.1  # it says nothing of alterations, and little of a good press


class PrintProcess:
    """What most of the page is made of."""

    id: str = "GEN-print"
    version: int = 1
    lights: tuple[Light, ...] = ("visible",)
    min_dpi: float = 350.0
    needs_series: bool = False
    _report = Reporter("GEN-print", 1, _SOURCE, CALIBRATION)

    def run(self, context: CheckContext) -> CheckResult:
        """Measure the page's print and judge it."""
        page = context.page
        if page is None or "visible" not in page.images:
            return self._report.result("not_supported", "no_page")
        region = _inside(page)
        if context.quality.has("blurred", "visible"):
            return self._report.result("undetermined", "blurred", region=region)
        figures = measure_print(page)
        if figures is None:
            return self._report.result("undetermined", "too_small", region=region)
        return self._judge(figures, region)

    def _judge(self, found: PrintFigures, region: BoxMm) -> CheckResult:
        screens = (
            (found.fine_peak, found.fine_lpi, _FINE, _FINE_SCORE),
            (found.coarse_peak, found.coarse_lpi, _COARSE, _COARSE_SCORE),
        )
        peak, lpi, (low, high), score = max(screens, key=lambda one: one[0] - one[2][1])
        values: dict[str, str | int | float] = {
            "value": round(peak, 2),
            "lpi": round(lpi),
            "order": round(found.order, 2),
            "power": round(found.power, 2),
        }
        screen = Measured(peak, "ln above surroundings", (None, low))
        order = Measured(found.order, "ln mean over median power", (_ORDER[0], None))
        if peak >= high:
            return self._report.result(
                "failed", "screen", measured=screen, region=region, values=values, llr=score.llr(peak)
            )
        if found.power < _FAINT:
            return self._report.result("undetermined", "faint", measured=order, region=region, values=values)
        if found.order <= _ORDER[1]:
            return self._report.result(
                "failed", "drops", measured=order, region=region, values=values, llr=_ORDER_SCORE.llr(found.order)
            )
        if peak > low:
            llr = min(max(0.0, score.llr(peak)), _MOST_UNCLEAR)
            return self._report.result(
                "undetermined", "unclear", measured=screen, region=region, values=values, llr=llr
            )
        if found.order < _ORDER[0]:
            llr = min(max(0.0, _ORDER_SCORE.llr(found.order)), _MOST_UNCLEAR)
            return self._report.result("undetermined", "unclear", measured=order, region=region, values=values, llr=llr)
        return self._report.result("passed", "passed", measured=order, region=region, values=values, llr=_LLR_PASSED)


def _inside(page: Page) -> BoxMm:
    return BoxMm(_INSET_MM, _INSET_MM, page.width_mm - 2 * _INSET_MM, page.height_mm - 2 * _INSET_MM)
