from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dafec.features.routines import (
    COMPOSITES,
    LLR_LIMITS,
    MEASURES,
    ROUTINES,
    RoutineSpec,
    floor_of,
    judge,
    light_of,
    parts_of,
)
from dafec.geometry import BoxMm

BOX = BoxMm(10, 10, 20, 20)


def spec(measure: str = "structure", **more: object) -> RoutineSpec:
    given_ = {"low": 0.6, "high": None, "centre": 0.9, "spread": 0.05, "captures": 8} | more
    return RoutineSpec("x", "VI-AB-IS", measure, BOX, **given_)


def test_the_catalogue_has_the_routines_of_the_standard() -> None:
    # Doc 9303-2 Appendix C.3.1 lists 48, VI-AB-SP twice.
    assert len(ROUTINES) == len(set(ROUTINES)) == 47
    assert {routine.split("-")[0] for routine in ROUTINES} == {"VI", "IR", "UV"}
    for routine in ROUTINES:
        assert "-".join(parts_of(routine)) == routine
    for composite in COMPOSITES:
        assert set(composite) <= set(ROUTINES)


def test_any_light_and_property_may_have_an_additional_feature() -> None:
    assert parts_of("UV-FR-AF") == ("UV", "FR", "AF")
    assert light_of("VI-TR-AF") == "visible"


@pytest.mark.parametrize("name", ["", "IR", "IR-AB", "XX-AB-IS", "IR-XX-IS", "IR-AB-ZZ", "UV-TL-IS", "IR-AB-IS-x"])
def test_other_names_are_no_routines(name: str) -> None:
    with pytest.raises(ValueError, match="no routine"):
        parts_of(name)


def test_a_value_in_range_passes_and_never_speaks_against_the_document() -> None:
    judged = judge(0.9, spec())
    assert judged.outcome == "passed"
    assert LLR_LIMITS[0] <= judged.llr <= 0


def test_slightly_outside_is_undetermined_and_weighs_nothing() -> None:
    judged = judge(0.58, spec())
    assert (judged.outcome, judged.llr, judged.slight) == ("undetermined", 0.0, True)


def test_far_outside_fails_and_more_so_the_farther() -> None:
    near, far = judge(0.45, spec()), judge(0.0, spec())
    assert near.outcome == far.outcome == "failed"
    assert 0 < near.llr <= far.llr <= LLR_LIMITS[1]


def test_few_captures_weigh_less_than_many() -> None:
    few, many = (judge(0.45, spec(captures=n, spread=0.1)) for n in (4, 20))
    assert few.llr < many.llr


def test_what_readers_add_to_a_share_of_ink_grows_with_it() -> None:
    assert floor_of("ink", 0.05) == MEASURES["ink"].floor
    assert floor_of("ink", 1.2) == pytest.approx(1.5 * floor_of("ink", 0.8))
    assert 1.0 - 4 * floor_of("ink", 1.0) > 0.3  # ink that vanishes in infrared still fails
    assert floor_of("fibres", 25.0) == pytest.approx(5.0)
    assert floor_of("shape", 0.9) == MEASURES["shape"].floor


def test_an_inverted_routine_fails_where_the_mark_is() -> None:
    mark = spec("mark", low=None, high=0.5, centre=None, spread=None, captures=0, inverted=True)
    assert judge(0.1, mark).outcome == "passed"
    assert judge(0.95, mark).outcome == "failed"
    assert judge(0.95, mark).llr > 0 > judge(0.1, mark).llr


@given(st.floats(-5, 5), st.floats(0.0, 0.5), st.integers(3, 30), st.sampled_from(sorted(MEASURES)))
def test_ratios_are_bounded_and_have_the_sign_of_the_outcome(
    value: float, spread: float, captures: int, measure: str
) -> None:
    judged = judge(value, spec(measure, low=0.4, high=1.4, spread=spread, captures=captures))
    assert math.isfinite(judged.llr)
    assert LLR_LIMITS[0] <= judged.llr <= LLR_LIMITS[1]
    signs = {"passed": judged.llr <= 0, "failed": judged.llr > 0, "undetermined": judged.llr == 0}
    assert signs[judged.outcome]
