"""Wear acts on the object in every light as physics has it, and nothing is done where nothing is asked for."""

from __future__ import annotations

import json
from typing import get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from dafec.errors import UsageError
from dafec.specimens.charts import page
from dafec.specimens.model import Appearance
from dafec.specimens.wear import WearKind, WearMark, wear, wear_plan

KINDS = get_args(WearKind)


@pytest.fixture(scope="module")
def chart() -> Appearance:
    return page(250)


def one(
    chart: Appearance, kind: WearKind, strength: float = 0.9, seed: int = 3
) -> tuple[Appearance, dict[str, object]]:
    worn, done = wear(chart, [WearMark(kind, strength, seed)], 0)
    return worn, done[0]


def box_of(chart: Appearance, done: dict[str, object]) -> tuple[slice, slice]:
    x, y, w, h = (float(v) * chart.grid.px_per_mm for v in done["box_mm"])  # type: ignore[attr-defined]
    return slice(int(y), int(y + h) + 1), slice(int(x), int(x + w) + 1)


def changed(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.bool_]:
    return np.asarray((np.abs(a - b) > 1e-4).any(axis=2))


def test_nothing_is_done_where_nothing_is_asked_for(chart: Appearance) -> None:
    for level in ("none", ()):
        worn, done = wear(chart, level, 1)  # type: ignore[arg-type]
        assert worn is chart
        assert done == []


def test_an_unknown_level_is_said() -> None:
    with pytest.raises(UsageError, match="medium"):
        wear_plan(np.random.default_rng(1), "medium")  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_shows_where_it_says_and_leaves_the_original(chart: Appearance, kind: WearKind) -> None:
    before = (chart.reflectance.copy(), chart.fluorescence.copy())
    worn, done = one(chart, kind)
    np.testing.assert_array_equal(chart.reflectance, before[0])
    np.testing.assert_array_equal(chart.fluorescence, before[1])
    assert chart.shade is None
    touched = changed(worn.reflectance, chart.reflectance) | changed(worn.fluorescence, chart.fluorescence)
    if worn.shade is not None:
        touched |= np.abs(worn.shade - 1.0) > 1e-4
    assert touched.any()
    inside = np.zeros_like(touched)
    for box in done.get("boxes_mm", [done["box_mm"]]):  # type: ignore[attr-defined]
        inside[box_of(chart, {"box_mm": box})] = True
    assert not (touched & ~inside).any()
    assert worn.reflectance.min() >= 0.0
    assert worn.reflectance.max() <= 1.0
    assert worn.fluorescence.min() >= 0.0
    assert done["kind"] == kind


def test_heavy_is_more_than_light(chart: Appearance) -> None:
    rng = np.random.default_rng(4)
    light, heavy = ([wear_plan(rng, level) for _ in range(60)] for level in ("light", "heavy"))  # type: ignore[arg-type]
    assert min(map(len, light)) >= 1
    assert np.mean([len(p) for p in heavy]) > 2 * np.mean([len(p) for p in light])
    strengths = [np.mean([m.strength for p in plans for m in p]) for plans in (light, heavy)]
    assert strengths[1] > strengths[0] + 0.2
    assert {m.kind for p in (*light, *heavy) for m in p} == set(KINDS)


def test_the_same_seed_wears_the_same_way(chart: Appearance) -> None:
    (a, done_a), (b, done_b), (c, done_c) = (wear(chart, "heavy", seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(a.reflectance, b.reflectance)
    np.testing.assert_array_equal(a.fluorescence, b.fluorescence)
    assert done_a == done_b != done_c
    assert not np.array_equal(a.reflectance, c.reflectance)
    assert json.loads(json.dumps(done_a)) == done_a


def test_a_stamps_dye_is_mostly_gone_in_infrared_but_dims_what_shines(chart: Appearance) -> None:
    seen = 0
    for seed in range(1, 13):
        worn, done = one(chart, "stamp", seed=seed)
        where = changed(worn.reflectance, chart.reflectance)
        if done["ink"] == "stamp_black" or where.sum() < 50:  # it has carbon in it; it missed the sheet
            continue
        lost = 1.0 - (worn.reflectance[where] / chart.reflectance[where]).min(axis=0)
        assert lost[:3].max() > 0.5
        assert lost[3] < 0.15
        assert (worn.fluorescence[where] / chart.fluorescence[where]).min() < 0.6
        seen += 1
    assert seen >= 4


def test_a_crease_is_seen_in_infrared_too_and_breaks_the_ink(chart: Appearance) -> None:
    worn, _ = one(chart, "crease")
    assert worn.shade is not None
    assert worn.shade.min() < 0.93
    assert worn.shade.max() > 1.07
    rubbed = changed(worn.reflectance, chart.reflectance)
    assert (np.abs(worn.reflectance - chart.reflectance)[rubbed][:, 3] > 0.01).any()


def test_grease_dims_luminescence(chart: Appearance) -> None:
    shining = Appearance(chart.grid, chart.reflectance, np.full_like(chart.fluorescence, 0.4))
    worn, done = one(shining, "grease")
    box = box_of(chart, done)
    assert worn.fluorescence[box].mean() < 0.39
    assert worn.gloss is not None
    assert worn.gloss[box].max() > 0.05


def test_fading_takes_luminescence_and_nothing_else(chart: Appearance) -> None:
    worn, done = one(chart, "fade", 0.8)
    np.testing.assert_array_equal(worn.reflectance, chart.reflectance)
    motif = chart.fluorescence[..., 2] > 0.3
    kept = (worn.fluorescence[motif] / chart.fluorescence[motif])[:, 2].mean()
    assert kept == pytest.approx(done["kept"], abs=0.1)
    assert worn.fluorescence.max() < chart.fluorescence.max()
    assert np.median(worn.fluorescence) == pytest.approx(np.median(chart.fluorescence), rel=0.02)


def test_age_yellows_and_leaves_infrared(chart: Appearance) -> None:
    worn, _ = one(chart, "yellow", 0.9)
    kept = np.median((worn.reflectance / chart.reflectance).reshape(-1, 4), axis=0)
    assert kept[2] < 0.8 < kept[1] < kept[0] < 1.0
    assert kept[3] == pytest.approx(1.0, abs=1e-6)


def test_a_bent_side_moves_print_by_tenths_of_a_millimetre(chart: Appearance) -> None:
    worn, done = one(chart, "bend", 1.0)
    assert 0.2 < float(done["displaced_mm"]) < 0.5  # type: ignore[arg-type]
    assert worn.shade is not None
    assert worn.shade.min() < 0.95
    box = box_of(chart, done)
    assert changed(worn.reflectance[box], chart.reflectance[box]).any()
    edges = (slice(None), slice(0, 2)) if done["side"] in ("left", "right") else (slice(0, 2), slice(None))
    np.testing.assert_allclose(worn.reflectance[edges], chart.reflectance[edges], atol=0.05)
