"""Error rates on scores whose rates are known."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.detection.metrics import (
    Scores,
    apcer_at_bpcer,
    equal_error_rate,
    log_likelihood_cost,
    rates,
    reliability,
    threshold_at_bpcer,
)
from benchmarks.detection.table import check_rates, table


def test_the_threshold_rejects_at_most_the_share_asked_for() -> None:
    genuine = np.arange(1000, dtype=float)
    for bpcer in (0.0, 0.01, 0.05, 0.333):
        limit = threshold_at_bpcer(genuine, bpcer)
        assert np.mean(genuine > limit) <= bpcer
        assert np.mean(genuine >= limit) > bpcer


def test_ties_at_the_threshold_are_accepted() -> None:
    assert apcer_at_bpcer(np.zeros(100), np.zeros(50), 0.01) == 1.0


def test_apart_is_no_error_and_alike_is_half() -> None:
    apart = np.linspace(0, 1, 400), np.linspace(2, 3, 400)
    assert equal_error_rate(*apart) == 0.0
    assert apcer_at_bpcer(*apart, 0.01) == 0.0
    alike = np.linspace(0, 1, 400)
    assert equal_error_rate(alike, alike) == pytest.approx(0.5, abs=0.01)


def test_two_normal_distributions_have_the_rate_of_the_textbook() -> None:
    rng = np.random.default_rng(1)
    found = equal_error_rate(rng.normal(0, 1, 40_000), rng.normal(2, 1, 40_000))
    assert found == pytest.approx(0.1587, abs=0.005)  # the normal distribution beyond one deviation


def test_intervals_hold_the_value_and_narrow_with_more_series() -> None:
    rng = np.random.default_rng(2)

    def scores(mean: float, series: int) -> Scores:
        return Scores(rng.normal(mean, 1, 20 * series), [f"S{at % series}" for at in range(20 * series)])

    few, many = rates(scores(0, 4), scores(1.5, 4)), rates(scores(0, 40), scores(1.5, 40))
    for row in (few, many):
        assert row.eer[1] <= row.eer[0] <= row.eer[2]
    assert many.eer[2] - many.eer[1] < few.eer[2] - few.eer[1]


def line(name: str | None, llr: float, level: str = "look", **changes: object) -> dict[str, object]:
    made = {"class": name, "null": None, "series": "S", "llr": llr, "level": level, "checks": {}}
    return {**made, **changes}


def test_an_abstention_counts_as_an_error_on_both_sides() -> None:
    genuine = [line(None, 0.0) for _ in range(50)]
    assert table([*genuine, *(line("F1", 9.0, "not_checked") for _ in range(10))])[0][1].apcer_at_1[0] == 1.0
    held_up = [line(None, 0.0, "not_checked") for _ in range(50)]
    assert table([*held_up, *(line("F1", 9.0) for _ in range(10))])[0][1].apcer_at_1[0] == 1.0


def test_the_worst_class_stands_first_and_null_edits_are_left_out() -> None:
    lines = [line(None, at / 100) for at in range(100)]
    lines += [line("C1", 5.0) for _ in range(10)] + [line("P3", 0.2) for _ in range(10)]
    lines += [line(None, 50.0, null="F1") for _ in range(30)]
    found = table(lines)
    assert [name for name, _ in found] == ["P3", "C1"]
    assert found[1][1].apcer_at_1[0] == 0.0


def test_shares_of_failed_checks_are_by_class() -> None:
    lines = [line(None, 0.0, checks={"X": ["passed", 1.0, 0.0]}) for _ in range(4)]
    lines += [line("C1", 0.0, checks={"X": ["failed" if at else "undetermined", 1.0, 0.0]}) for at in range(4)]
    assert check_rates(lines) == {"X": {"genuine": 0.0, "C1": 0.75}}


def test_ratios_that_say_nothing_cost_one_bit_and_perfect_ones_nothing() -> None:
    unsure = np.zeros(50)
    assert log_likelihood_cost(unsure, unsure) == pytest.approx(1.0)
    assert log_likelihood_cost(np.full(50, -40.0), np.full(50, 40.0)) == pytest.approx(0.0, abs=1e-9)
    assert log_likelihood_cost(np.full(50, 3.0), np.full(50, -3.0)) > 1.0


def test_ratios_drawn_from_what_they_claim_are_reliable_and_exaggerated_ones_are_not() -> None:
    rng = np.random.default_rng(5)
    # two normal scores two deviations apart: the ratio of a score x between them is 2 x
    genuine, forged = rng.normal(-1, 1, 20_000), rng.normal(1, 1, 20_000)
    assert reliability(2 * genuine, 2 * forged).error < 0.01
    loud = reliability(8 * genuine, 8 * forged)
    assert loud.error > 0.05
    assert loud.weight.sum() == pytest.approx(1.0)
