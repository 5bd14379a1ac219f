"""The routines as checks: a specification and a page on its reference become one of the five results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np

from dafec.features.contract import CheckContext, CheckResult, Outcome
from dafec.features.routines import CALIBRATION, MEASURES, Judgement, MeasureKind, RoutineSpec, judge
from dafec.features.routines_material import Material
from dafec.features.routines_measure import measure
from dafec.geometry import BoxMm, FloatArray
from dafec.lights import Light
from dafec.quality import Quality

__all__ = ["CompositeCheck", "RoutineCheck"]

_VERSION = 1
_FINE_DETAIL: tuple[MeasureKind, ...] = (
    "structure",
    "continuity",
    "fine",
    "shape",
    "detail",
    "screen",
    "grain",
    "ink",
    "field_ink",
    "field_depth",
    "field_width",
    "field_edge",
    "field_lines",
    "letter_ink",
    "overlay",
)
#: Brightness of grounds, which a reflex changes.
_LEVELS: tuple[MeasureKind, ...] = ("continuity", "paper", "paper_rise", "field_ground", "field_tinge", "field_glow")
_DIGITS = {"deg": 0, "dB": 1, "count": 0}


def _page_box(box: BoxMm, material: Material, light: Light) -> BoxMm:
    """A box of the reference on the page as captured."""
    matrix: FloatArray | None = material.page_from_reference.get(light)
    if matrix is None:
        return box
    scale = material.reference.shape[1] / material.reference.width_mm / material.page_px_per_mm
    x, y = (float(v) for v in matrix[:2, 2] / material.page_px_per_mm)
    across = float(matrix[0, 0]) * scale
    down = float(matrix[1, 1]) * scale
    found = BoxMm(
        x + across * box.x + float(matrix[0, 1]) * scale * box.y,
        y + down * box.y + float(matrix[1, 0]) * scale * box.x,
        across * box.width,
        down * box.height,
    )
    if material.page_from_straight is None:
        return found
    s = material.page_px_per_mm
    corners = np.array([[[found.x, found.y], [found.x + found.width, found.y + found.height]]]) * s
    (x0, y0), (x1, y1) = cv2.perspectiveTransform(corners, material.page_from_straight)[0] / s
    return BoxMm(float(x0), float(y0), float(x1 - x0), float(y1 - y0))


_LLR_NO_ANSWER = 1.0  # asks for a look; by itself it can never refer


def _unusable(spec: RoutineSpec, quality: Quality) -> str | None:
    """Why a failure in this capture would say nothing about the document; None where it would."""
    light = spec.light
    if light != "visible" and quality.has("repeats_visible", light):
        return "repeats_visible"
    if quality.has("overexposed", light):
        return "overexposed"
    if quality.has("underexposed", light):
        return "unlit"
    if quality.has("blurred", light) and spec.measure in _FINE_DETAIL:
        return "blurred"
    if quality.has("glare", light) and spec.measure in _LEVELS:
        return "glare"
    return None


def _vetted(spec: RoutineSpec, judged: Judgement, quality: Quality) -> tuple[Judgement, str]:
    """The judgement as far as the capture supports it, and its reason."""
    reason = "inverted" if spec.inverted and judged.outcome == "failed" else spec.measure
    unusable = _unusable(spec, quality)
    if unusable == "repeats_visible" and judged.outcome == "failed":
        # A lamp that is off, or a page that answers nothing under it: a look tells, and the series is known to answer.
        return Judgement("undetermined", min(judged.llr, _LLR_NO_ANSWER)), unusable
    if unusable in ("repeats_visible", "overexposed", "unlit") or (unusable and judged.outcome != "passed"):
        return Judgement("undetermined", 0.0), unusable or ""
    return judged, f"{reason}.{'slight' if judged.slight else judged.outcome}"


class RoutineCheck:
    """One routine of a series on one page."""

    needs_series = True

    def __init__(self, spec: RoutineSpec, material: Material, series: str) -> None:
        self.spec = spec
        self.id = spec.id
        self.version = _VERSION
        self.lights: tuple[Light, ...] = tuple(
            dict.fromkeys([spec.light, *([] if spec.against is None else [spec.against])])
        )
        self.min_dpi = MEASURES[spec.measure].min_dpi
        self._material = material
        self._series = series

    def run(self, context: CheckContext) -> CheckResult:
        """Measure on the page's reference and judge by what was learned."""
        spec = self.spec
        found = measure(spec, self._material)
        if found.value is None:
            why = found.reason or "too_little"
            outcome: Outcome = "not_supported" if why in ("no_light", "no_colour", "low_resolution") else "undetermined"
            return self._result(outcome, f"common.{why}", None, 0.0, spec.box_mm)
        judged, reason = _vetted(spec, judge(found.value, spec), context.quality)
        key = reason if "." in reason else f"common.{reason}"
        return self._result(judged.outcome, key, found.value, judged.llr, found.box_mm or spec.box_mm)

    def _result(self, outcome: Outcome, key: str, value: float | None, llr: float, box: BoxMm) -> CheckResult:
        spec = self.spec
        unit = MEASURES[spec.measure].unit
        digits = _DIGITS.get(unit, 2)
        values: dict[str, str | int | float] = {"where": spec.name}
        if value is not None:
            values["value"] = _rounded(value, digits)
        for name, bound in (("low", spec.low), ("high", spec.high)):
            values[name] = "–" if bound is None else _rounded(bound, digits)
        learned = spec.centre is not None
        return CheckResult(
            id=self.id,
            version=self.version,
            result=outcome,
            value=None if value is None else round(value, 4),
            unit=unit,
            expected=(spec.low, spec.high),
            source=f"{self._series}, {spec.captures} captures" if learned else f"{self._series}, stated",
            region_mm=_page_box(box, self._material, spec.light),
            llr=round(llr, 4),
            calibration=CALIBRATION if llr else "none",
            message=f"checks.series.{key}",
            values=values,
        )


def _rounded(value: float, digits: int) -> float | int:
    return round(value, digits) if digits else round(value)


@dataclass(frozen=True, slots=True)
class _Part:
    check: RoutineCheck
    result: CheckResult
    slight: bool


class CompositeCheck:
    """Checks that hold together: fails where one fails, passes where all pass.

    One part may lie slightly outside its range where the others pass (Doc 9303-2 Appendix C). Its ratio is that of the
    strongest part: one ink is behind them.
    """

    needs_series = True

    def __init__(self, name: str, parts: tuple[RoutineCheck, ...]) -> None:
        self.id = "+".join([*(part.spec.routine for part in parts), name])
        self.version = _VERSION
        self.lights = cast("tuple[Light, ...]", tuple(dict.fromkeys(light for part in parts for light in part.lights)))
        self.min_dpi = max(part.min_dpi for part in parts)
        self._parts = parts

    def run(self, context: CheckContext) -> CheckResult:
        """Run every part and combine."""
        parts = []
        for check in self._parts:
            result = check.run(context)
            parts.append(_Part(check, result, result.message.endswith(".slight")))
        outcome = _combine(parts)
        deciding = max(parts, key=lambda part: (part.result.result == outcome, abs(part.result.llr)))
        llr = {
            "failed": max((part.result.llr for part in parts if part.result.result == "failed"), default=0.0),
            "passed": min(part.result.llr for part in parts),
        }.get(outcome, 0.0)
        return CheckResult(
            id=self.id,
            version=self.version,
            result=outcome,
            value=deciding.result.value,
            unit=deciding.result.unit,
            expected=deciding.result.expected,
            source=deciding.result.source,
            region_mm=deciding.result.region_mm,
            llr=llr,
            calibration=CALIBRATION if llr else "none",
            message="checks.series.composite.passed" if outcome == "passed" else deciding.result.message,
            values=dict(deciding.result.values),
        )


def _combine(parts: list[_Part]) -> Outcome:
    outcomes = [part.result.result for part in parts]
    if "failed" in outcomes:
        return "failed"
    off = [part for part in parts if part.result.result != "passed"]
    if not off or (len(off) == 1 and off[0].slight):
        return "passed"
    return "undetermined" if "undetermined" in outcomes else "not_supported"
