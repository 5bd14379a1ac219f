"""Coverage is area: lines, polygons, discs, and both halves of a rainbow."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dafec.specimens.drawing import Drawn, draw_curves, draw_discs, draw_polygons, joined, ramped
from dafec.specimens.model import Grid

GRID = Grid(40, 30, 800)


def area_mm2(drawn: Drawn, grid: Grid = GRID) -> float:
    return float(drawn[0].sum()) / 255 / grid.px_per_mm**2


@pytest.mark.parametrize("angle_deg", [0, 3, 17, 45, 61, 90, 135])
@pytest.mark.parametrize("width_mm", [0.04, 0.1, 0.5])
def test_a_line_covers_its_width_times_its_length(angle_deg: float, width_mm: float) -> None:
    a = np.deg2rad(angle_deg)
    line = np.array([20.013, 15.007]) + np.linspace(-10, 10, 60)[:, None] * [np.cos(a), np.sin(a)]
    assert area_mm2(draw_curves(GRID, [line], width_mm)) == pytest.approx(20 * width_mm, rel=0.02)


@settings(max_examples=30, deadline=None)
@given(
    st.floats(0.03, 0.4),
    st.floats(0.2, 2.0),
    st.floats(3.0, 12.0),
    st.sampled_from([300.0, 800.0, 1200.0]),
)
def test_a_wave_covers_its_length_at_any_resolution(width: float, height: float, period: float, dpi: float) -> None:
    grid = Grid(40, 30, dpi)
    x = np.arange(5, 35, 0.05)
    y = 15 + height * np.sin(x * 2 * np.pi / period)
    curve = np.stack([x, y], 1)
    sharpest = 1 / (height * (2 * np.pi / period) ** 2)
    if sharpest < width:
        return
    length = float(np.hypot(*np.diff(curve, axis=0).T).sum())
    assert area_mm2(draw_curves(grid, [curve], width), grid) == pytest.approx(length * width, rel=0.02)


def test_a_closed_ring_has_no_gap() -> None:
    t = np.linspace(0, 2 * np.pi, 300)
    ring = np.stack([20 + 8 * np.cos(t), 15 + 8 * np.sin(t)], 1)
    assert area_mm2(draw_curves(GRID, [ring], 0.2, closed=True)) == pytest.approx(2 * np.pi * 8 * 0.2, rel=0.005)


def test_crossing_lines_of_one_ink_do_not_print_twice() -> None:
    x = np.linspace(5, 35, 50)
    level = np.stack([x, np.full_like(x, 15)], 1)
    upright = np.stack([np.full_like(x, 20), x * 0.8], 1)
    both = area_mm2(draw_curves(GRID, [level, upright], 1.0))
    assert both == pytest.approx(area_mm2(draw_curves(GRID, [level], 1.0)) + 24 - 1, rel=0.005)


def test_a_line_may_swell() -> None:
    x = np.linspace(5, 35, 200)
    widths = np.linspace(0.05, 0.35, 200)
    drawn = draw_curves(GRID, [np.stack([x, np.full_like(x, 15)], 1)], [widths])
    assert area_mm2(drawn) == pytest.approx(30 * 0.2, rel=0.02)


def test_a_hole_is_bare_whatever_its_sense() -> None:
    square = np.array([[5.0, 5], [25, 5], [25, 25], [5, 25]])
    hole = np.array([[10.0, 10], [20, 10], [20, 20], [10, 20]])
    for a in (square, square[::-1]):
        for b in (hole, hole[::-1]):
            drawn, (x, y) = draw_polygons(GRID, [a], [b])
            assert area_mm2((drawn, (x, y))) == pytest.approx(300, rel=0.001)
            s = GRID.px_per_mm
            assert drawn[round(15 * s) - y, round(15 * s) - x] == 0


def test_discs_have_their_area_and_place() -> None:
    centres = np.array([[10.0, 10.0], [20.3, 14.2]])
    drawn, (x, y) = draw_discs(GRID, centres, np.array([1.0, 0.4]))
    assert area_mm2((drawn, (x, y))) == pytest.approx(np.pi / 4 * (1 + 0.16), rel=0.01)
    assert x / GRID.px_per_mm == pytest.approx(9.5, abs=0.05)
    assert y / GRID.px_per_mm == pytest.approx(9.5, abs=0.05)


def test_what_leaves_the_sheet_is_cut_not_smeared() -> None:
    line = np.array([[-10.0, 15], [60, 15]])
    drawn = draw_curves(GRID, [line], 0.5)
    assert area_mm2(drawn) == pytest.approx(40 * 0.5, rel=0.005)
    outside = draw_curves(GRID, [line + np.array([0, 100])], 0.5)
    assert not outside[0].any()
    left = draw_polygons(GRID, [np.array([[-5.0, 5], [5, 5], [5, 10], [-5, 10]])])
    assert area_mm2(left) == pytest.approx(25, rel=0.005)


def test_a_rainbow_splits_the_ink_and_loses_none() -> None:
    x = np.arange(1, 39, 0.1)
    drawn = draw_curves(GRID, [np.stack([x, np.full_like(x, y)], 1) for y in range(2, 28)], 0.1)
    (first, place), (second, other) = ramped(GRID, drawn, (10, 30))
    assert place == other == drawn[1]
    np.testing.assert_array_equal(first.astype(int) + second, drawn[0])
    s = GRID.px_per_mm
    assert not second[:, : round(8 * s)].any()
    assert not first[:, round(31 * s) :].any()
    share = second.sum(axis=0)[round(11 * s) : round(28 * s)].astype(float)
    assert (np.diff(np.convolve(share, np.ones(60) / 60, "valid")) > -40).all()


def test_joined_is_the_fuller_of_both() -> None:
    a = draw_discs(GRID, np.array([[10.0, 10]]), 4.0)
    b = draw_discs(GRID, np.array([[12.0, 11]]), 4.0)
    both = joined(a, b)
    assert both[0].sum() < a[0].sum() + b[0].sum()
    assert both[0].sum() > max(a[0].sum(), b[0].sum())
