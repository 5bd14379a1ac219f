"""Guilloche: inside its box, the same twice, dense enough to be smooth."""

from __future__ import annotations

import numpy as np
import pytest

from dafec.geometry import BoxMm
from dafec.specimens import curves
from dafec.specimens.drawing import Points, draw_curves
from dafec.specimens.model import Grid

BOX = BoxMm(10, 8, 60, 40)
LINE = np.stack([np.arange(5, 75, 0.2), 20 + 0 * np.arange(5, 75, 0.2)], 1)


def families() -> dict[str, list[Points]]:
    return {
        "waves": curves.wave_family(BOX, lines=40, seed=3),
        "slanted": curves.wave_family(BOX, lines=40, seed=3, angle_deg=35),
        "rosette": curves.rosette((40, 28), 15),
        "band": curves.envelope_band(LINE, 5),
        "rays": curves.radial_lines((40, 28), 3, 14),
        "hatch": curves.cross_hatch(BOX),
        "fibres": curves.fibres(BOX, 12, seed=5),
    }


@pytest.mark.parametrize("name", sorted(families()))
def test_curves_are_smooth_and_the_same_twice(name: str) -> None:
    one, two = families()[name], families()[name]
    assert len(one) == len(two) >= 10
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)
        assert np.isfinite(a).all()
        step = np.diff(a, axis=0)
        assert np.hypot(*step.T).max() < 0.8
        if len(a) > 3:
            angle = np.unwrap(np.arctan2(step[:, 1], step[:, 0]))[1:-1]
            assert np.abs(np.diff(angle)).max(initial=0) < 0.6, "no corner is seen"


@pytest.mark.parametrize("name", ["waves", "slanted", "hatch"])
def test_families_end_on_the_edge_of_their_box(name: str) -> None:
    points = np.concatenate(families()[name])
    low, high = np.array([BOX.x, BOX.y]), np.array([BOX.x + BOX.width, BOX.y + BOX.height])
    assert (points >= low - 1e-9).all()
    assert (points <= high + 1e-9).all()
    np.testing.assert_allclose(points.min(axis=0), low, atol=0.02)
    np.testing.assert_allclose(points.max(axis=0), high, atol=0.02)


def test_lines_of_a_family_crowd_and_part() -> None:
    family = curves.wave_family(BOX, lines=60, seed=3)
    x = 40.0
    crossing = np.sort([np.interp(x, c[:, 0], c[:, 1]) for c in family if c[0, 0] < x < c[-1, 0]])
    gaps = np.diff(crossing)
    assert gaps.std() > 0.03 * gaps.mean()


def test_seeds_differ() -> None:
    a, b = (curves.wave_family(BOX, lines=10, seed=s)[5] for s in (1, 2))
    assert a.shape != b.shape or not np.allclose(a, b)


def test_relief_carries_the_picture() -> None:
    grid = Grid(80, 56, 600)
    grey = np.ones((200, 300), np.float32)
    grey[:, 150:] = 0.1
    lines, widths = curves.relief_image(grid, grey, BOX, pitch_mm=0.4, thin_mm=0.05, thick_mm=0.3)
    mask, (x, y) = draw_curves(grid, lines, widths)
    half = round((BOX.x + 30) * grid.px_per_mm) - x
    light, dark = mask[:, : half - 40].mean() / 255, mask[:, half + 40 :].mean() / 255
    assert light == pytest.approx(0.05 / 0.4, rel=0.06)
    assert dark == pytest.approx((0.05 + 0.25 * 0.9) / 0.4, rel=0.06)
    assert y / grid.px_per_mm == pytest.approx(BOX.y, abs=0.5)


def test_microtext_is_as_small_as_asked_and_goes_all_the_way() -> None:
    grid = Grid(80, 56, 1200)
    mask, (x, y) = curves.microtext_lines(grid, "NORTH ", [LINE], 0.25)
    rows = np.flatnonzero(mask.max(axis=1) > 128)
    assert (rows[-1] - rows[0] + 1) / grid.px_per_mm == pytest.approx(0.25, abs=0.04)
    assert x / grid.px_per_mm < 5.2
    assert (x + mask.shape[1]) / grid.px_per_mm > 74
    assert y / grid.px_per_mm == pytest.approx(20 - 0.25, abs=0.05)
