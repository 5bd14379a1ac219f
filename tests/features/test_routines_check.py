"""What a routine's check makes of its measurement in captures that support it only in part."""

from __future__ import annotations

from datetime import date

import cv2
import pytest
from routine_materials import SHAPE, flat, material_of, reference_of

from dafec.features.contract import CheckContext, CheckResult
from dafec.features.routines import RoutineSpec
from dafec.features.routines_check import RoutineCheck
from dafec.features.routines_material import REFERENCE_PX_PER_MM
from dafec.geometry import BoxMm
from dafec.quality import Quality, QualityIssue

MOTIF = BoxMm(22, 14, 16, 12)


def glowing(level: float):
    image = flat(0.02)
    centre = (SHAPE[1] // 2, SHAPE[0] // 2)
    cv2.circle(image, centre, round(3 * REFERENCE_PX_PER_MM), (0.1 * level, level, 0.2 * level), -1)
    return image


def judged(level: float, *kinds: str) -> CheckResult:
    spec = RoutineSpec("motif", "UV-LU-IS", "luminescence", MOTIF, 0.6, None, centre=1.0, spread=0.05, captures=8)
    material = material_of(reference_of({"uv": glowing(0.5)}), {"uv": glowing(level)})
    issues = tuple(QualityIssue(kind, "uv", 1.0, 0.5, "", (), f"quality.{kind}.uv") for kind in kinds)  # type: ignore[arg-type]
    context = CheckContext(None, {}, None, Quality({}, issues), date(2026, 1, 1))
    return RoutineCheck(spec, material, "UTO-P-1-2020 v1").run(context)


def test_a_motif_that_is_there_passes_and_one_that_is_missing_fails() -> None:
    assert judged(0.5).result == "passed"
    missing = judged(0.0)
    assert missing.result == "failed"
    assert missing.llr > 1


def test_no_answer_under_a_lamp_that_may_be_off_asks_for_a_look_and_cannot_refer() -> None:
    missing = judged(0.0, "repeats_visible")
    assert missing.result == "undetermined"
    assert missing.message == "checks.series.common.repeats_visible"
    assert missing.llr == pytest.approx(1.0)


@pytest.mark.parametrize("kind", ["repeats_visible", "overexposed", "underexposed"])
def test_an_unusable_light_never_passes(kind: str) -> None:
    assert judged(0.5, kind).result == "undetermined"
    assert judged(0.5, kind).llr == 0.0
