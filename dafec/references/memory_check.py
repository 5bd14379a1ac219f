"""SER-trace: every cell of the page is as the enrolled documents of its series are, in the eyes of the trace network.

No forgery is needed to learn it, and none in particular is looked for: ink, process, paper, line work and light of each
place are compared with what genuine captures showed there (``memory``). The check asks for two figures, how far the
page as a whole is from its series and how far the places that stand out most are, each as a multiple of what is usual
among the enrolled documents. It fails beyond what one further genuine document in a thousand would reach if the figure
of the enrolled ones is normally distributed (a one-sided prediction limit, Student's t with as many degrees of freedom
as captures less one), and at a margin beyond the largest of them: eight captures have not seen all wear.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from dafec.capture import Light
from dafec.features.contract import CheckContext, CheckResult, HeatMap
from dafec.features.gen_result import Measured, Reporter
from dafec.features.routines_material import Material
from dafec.features.traces import CELL_MM, LEAST_DPI, MODEL
from dafec.geometry import BoxMm
from dafec.models.manifest import find_model
from dafec.references.memory import Anomaly, Memory, traces_of_material

__all__ = ["TraceMemoryCheck", "limit_of"]

_VERSION = 1
_CALIBRATION = "series-memory-2026"
_ONE_IN_A_THOUSAND = 3.09  # normal quantile; widened below for few captures
_LEAST_MARGIN = 1.25  # beyond the largest figure of an enrolled document
_LLR_AT_LIMIT, _LLR_CAP, _LLR_PASSED = 1.5, 3.5, -0.3


def limit_of(figures: NDArray[np.float32]) -> float:
    """The figure beyond which a page fails.

    Args:
        figures: of the enrolled documents, each against the others; at least three.

    Returns:
        The limit, above all of them.
    """
    count = len(figures)
    mean, spread = float(np.mean(figures)), float(np.std(figures, ddof=1))
    freedom = count - 1
    # Cornish and Fisher's expansion of Student's quantile round the normal one
    z = _ONE_IN_A_THOUSAND
    quantile = z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
    return max(mean + quantile * spread * math.sqrt(1 + 1 / count), _LEAST_MARGIN * float(np.max(figures)))


class TraceMemoryCheck:
    """The page against the memory of its series."""

    id = "SER-trace"
    version = _VERSION
    lights: tuple[Light, ...] = ("visible",)
    min_dpi = LEAST_DPI
    needs_series = True

    def __init__(self, memory: Memory, material: Material, series: str) -> None:
        self._memory = memory
        self._material = material
        self._report = Reporter(self.id, _VERSION, f"{series}, {len(memory.locals)} captures", _CALIBRATION)

    def run(self, context: CheckContext) -> CheckResult:
        """Compare every cell."""
        page = context.page
        if page is None or not any(self._material.aligned.get(light) for light in self._memory.lights):
            return self._report.result("undetermined", "not_aligned")
        if self._memory.model != find_model(MODEL).sha256:
            return self._report.result("not_supported", "other_model")
        if context.quality.has("blurred", "visible"):
            return self._report.result("undetermined", "blurred")
        traces = page.measured.get(
            ("traces on the reference", self._report.source), lambda: traces_of_material(self._material)
        )
        if not set(traces.lights) & set(self._memory.lights):
            return self._report.result("not_supported", "no_light")
        return self._judge(self._memory.compare(traces), complete=set(self._memory.lights) <= set(traces.lights))

    def _judge(self, found: Anomaly, *, complete: bool) -> CheckResult:
        limits = {"local": limit_of(self._memory.locals), "spread": limit_of(self._memory.spreads)}
        # With fewer lights than were enrolled the figures are means over fewer directions, and scatter more.
        slack = 1.0 if complete else 1.15
        beyond = {
            "spread": found.spread / (limits["spread"] * slack),
            "local": found.local / (limits["local"] * slack),
        }
        kind = "spread" if beyond["spread"] >= 1 or beyond["spread"] > beyond["local"] else "local"
        figure = found.spread if kind == "spread" else found.local
        measured = Measured(figure, "times the usual", (0.0, round(limits[kind] * slack, 3)))
        if max(beyond.values()) < 1:
            return self._report.result("passed", "passed", measured=measured, llr=_LLR_PASSED)
        llr = min(_LLR_CAP, _LLR_AT_LIMIT + 2.0 * math.log(max(beyond.values())) / math.log(2))
        region, values = self._place(found, limits["local"]) if kind == "local" else (None, {})
        result = self._report.result(
            "failed", f"failed_{kind}", measured=measured, region=region, values=values, llr=round(llr, 2)
        )
        shade = np.clip((found.ratio - 1) / max(limits["local"] * 2 - 1, 1e-3), 0, 1)
        return result.with_heat(HeatMap((shade * 255 + 0.5).astype(np.uint8), CELL_MM))

    def _place(self, found: Anomaly, limit: float) -> tuple[BoxMm, dict[str, str | int | float]]:
        """The cells round the strongest that are beyond the limit."""
        row, column = (int(v) for v in np.unravel_index(int(found.ratio.argmax()), found.ratio.shape))
        reach = 6
        near = np.zeros(found.ratio.shape, bool)
        near[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1] = True
        rows, columns = np.nonzero((found.ratio >= min(limit, float(found.ratio.max()) * 0.7)) & near)
        box = BoxMm(
            float(columns.min()) * CELL_MM,
            float(rows.min()) * CELL_MM,
            float(np.ptp(columns) + 1) * CELL_MM,
            float(np.ptp(rows) + 1) * CELL_MM,
        )
        return box, {"x": round(box.x + box.width / 2), "y": round(box.y + box.height / 2)}
