"""GEN-trace-print, GEN-trace-edit, GEN-trace-copy: what a trained network sees of a forger's hand, without a series.

``GEN-trace-print`` asks whether the page was printed by a counterfeiter (C1 to C4), ``GEN-trace-copy`` whether it is a
picture on a screen or a copy (P1, P2), ``GEN-trace-edit`` whether some place was altered: photo, texts, zone, film,
picture (F1 to F4, F6, F7, P3). Each fails from a score that at most one in two hundred synthetic genuine documents
reaches in any set of lights, passes below one that a genuine page usually has, and is undetermined between. The heat
map shows where.

The network was trained on synthetic documents alone; on real infrared and ultraviolet forgeries it is not validated,
and its weight is capped.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.capture import Light
from dafec.features.contract import CheckContext, CheckResult, HeatMap
from dafec.features.gen_result import Measured, Reporter
from dafec.features.traces import CELL_MM, LEAST_DPI, Traces, measure_traces
from dafec.features.traces_score import GROUPS, Line, load_lines, local_score, score_map, spread_score
from dafec.geometry import BoxMm
from dafec.page import Page

__all__ = ["TraceCheck", "trace_checks"]

_SOURCE = "trained on synthetic documents; limits from synthetic genuine documents of other seeds"
_CALIBRATION = "traces-synthetic-2026"
_VERSION = 1
_LEAST_CELLS = 24  # along the shorter side: no document is smaller


class TraceCheck:
    """One group of classes."""

    version: int = _VERSION
    lights: tuple[Light, ...] = ("visible",)
    min_dpi: float = LEAST_DPI
    needs_series: bool = False

    def __init__(self, group: str) -> None:
        """A check of one of ``traces_score.GROUPS``."""
        self.id = f"GEN-trace-{group}"
        self._name = group
        self._group = GROUPS[group]
        self._report = Reporter(self.id, _VERSION, _SOURCE, _CALIBRATION)

    def run(self, context: CheckContext) -> CheckResult:
        """Score the page's maps."""
        page = context.page
        if page is None or "visible" not in page.images:
            return self._report.result("not_supported", "no_page")
        if page.outline_source == "frame":
            return self._report.result("undetermined", "no_outline")
        if page.dpi is None or min(page.width_mm, page.height_mm) < _LEAST_CELLS * CELL_MM:
            return self._report.result("not_supported", "no_scale")
        if context.quality.has("blurred", "visible"):
            return self._report.result("undetermined", "blurred")
        traces = page.measured.get("traces", lambda: measure_traces(page))
        return self._judge(page, traces, load_lines()[self._name, "+".join(traces.lights)])

    def _judge(self, page: Page, traces: Traces, line: Line) -> CheckResult:
        scores = score_map(traces, self._group)
        local = self._group.kind == "local"
        score = local_score(scores) if local else spread_score(scores)
        measured = Measured(score, "logit", (None, line.passes_to))
        llr = line.llr(score)
        region, values = _place(traces, scores, score) if local else (BoxMm(0, 0, page.width_mm, page.height_mm), {})
        heat = _heat(scores, line)
        if score >= line.fails_from:
            result = self._report.result(
                "failed", "failed", measured=measured, region=region, values=values, llr=max(llr, 0.0)
            )
        elif score > line.passes_to:
            result = self._report.result(
                "undetermined", "unclear", measured=measured, region=region, values=values, llr=max(0.0, min(llr, 0.9))
            )
        else:
            return self._report.result("passed", "passed", measured=measured, region=None, llr=min(llr, 0.0))
        return result.with_heat(heat)


def _place(traces: Traces, scores: NDArray[np.float32], score: float) -> tuple[BoxMm, Mapping[str, str | int | float]]:
    """The patch of cells round the strongest that are nearly as strong, and its middle in millimetres."""
    strong = (scores >= score - 1.0).astype(np.uint8)
    peak = np.unravel_index(int(scores.argmax()), scores.shape)
    _, labels = cv2.connectedComponents(strong, connectivity=8)
    rows, columns = np.nonzero(labels == labels[peak])
    box = traces.box_mm(slice(int(rows.min()), int(rows.max()) + 1), slice(int(columns.min()), int(columns.max()) + 1))
    return box, {"x": round(box.x + box.width / 2), "y": round(box.y + box.height / 2)}


def _heat(scores: NDArray[np.float32], line: Line) -> HeatMap:
    """255 where a cell alone would fail twice over, 0 where it would pass."""
    span = max(line.fails_from - line.passes_to, 1e-3) * 2
    shade = np.clip((scores - line.passes_to) / span, 0, 1)
    return HeatMap((shade * 255 + 0.5).astype(np.uint8), CELL_MM)


def trace_checks() -> tuple[TraceCheck, ...]:
    """One check for each group."""
    return tuple(TraceCheck(group) for group in GROUPS)
