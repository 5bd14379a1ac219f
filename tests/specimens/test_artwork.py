"""Artwork: every text is a plate in its box, static print is shared, generations look different, bands are right."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dafec.geometry import BoxMm
from dafec.specimens.artwork import draw_artwork
from dafec.specimens.compose import compose
from dafec.specimens.issue import issue_document
from dafec.specimens.model import Artwork, Grid
from dafec.specimens.series import load_series, series_codes

DPI = 300


def _draw(code: str, seed: int, side: int = 0, dpi: float = DPI) -> Artwork:
    series = load_series(code)
    return draw_artwork(series, issue_document(series, seed), side, Grid(*series.size_mm, dpi))


def _inside(box: BoxMm, outer: BoxMm, slack: float) -> bool:
    return (
        box.x >= outer.x - slack
        and box.y >= outer.y - slack
        and box.x + box.width <= outer.x + outer.width + slack
        and box.y + box.height <= outer.y + outer.height + slack
    )


@pytest.mark.parametrize("code", series_codes())
def test_every_text_is_a_plate_in_its_box(code: str) -> None:
    series = load_series(code)
    issue = issue_document(series, 2)
    grid = Grid(*series.size_mm, DPI)
    lines = 0
    for side, spec in enumerate(series.sides):
        artwork = draw_artwork(series, issue, side, grid)
        texts = artwork.of_role("viz", "number")
        assert {plate.name for plate in texts} == {field.key for field in spec.fields if field.key in issue.fields}
        for plate in texts:
            assert plate.coverage.max() > 128, plate.name
            assert _inside(plate.box_mm(grid), artwork.boxes_mm[plate.name], 0.6), plate.name
        for role, found in (("portrait", spec.portrait), ("ghost", spec.ghost)):
            plates = [plate for plate in artwork.plates if plate.role == role]
            assert bool(plates) == (found is not None)
            assert (role in artwork.boxes_mm) == (found is not None)
            for plate in plates:
                assert _inside(plate.box_mm(grid), artwork.boxes_mm[role], 1.5), (role, plate.name)
        zone = artwork.of_role("mrz")
        lines += len(zone)
        for number, plate in enumerate(zone, start=1):
            assert plate.name == f"mrz_{number}"
            assert _inside(plate.box_mm(grid), artwork.boxes_mm["mrz"], 0.3)
        assert all(_inside(plate.box_mm(grid), BoxMm(0, 0, *series.size_mm), 0.1) for plate in artwork.plates)
    assert lines == len(issue.mrz)


@pytest.mark.parametrize("code", ["QMR-P-2-2022", "QTL-ID-1-2018", "QZC-I-1-2013"])
def test_the_same_issue_gives_the_same_bytes(code: str) -> None:
    first, again = _draw(code, 3), _draw(code, 3)
    for a, b in zip(first.plates, again.plates, strict=True):
        assert (a.role, a.name, a.ink, a.origin_px) == (b.role, b.name, b.ink, b.origin_px)
        np.testing.assert_array_equal(a.coverage, b.coverage)


def test_static_print_is_shared_and_personal_print_is_not() -> None:
    first, other = _draw("QVL-P-2-2024", 3), _draw("QVL-P-2-2024", 4)
    roles = ("background", "static_text", "emblem", "microtext", "ir_split", "uv_static", "overlay")
    for a, b in zip(first.of_role(*roles), other.of_role(*roles), strict=True):
        assert a is b
    mine, others = ({p.name: p for p in one.of_role("viz")} for one in (first, other))
    assert not np.array_equal(mine["surname"].coverage, others["surname"].coverage)


def test_another_text_changes_its_plate_alone() -> None:
    series = load_series("QSD-P-1-2020")
    issue = issue_document(series, 3)
    grid = Grid(*series.size_mm, DPI)
    changed = replace(issue, fields={**issue.fields, "birth_place": "BAB AL-REEH X"})
    for a, b in zip(
        draw_artwork(series, issue, 0, grid).plates, draw_artwork(series, changed, 0, grid).plates, strict=True
    ):
        same = a.coverage.shape == b.coverage.shape and np.array_equal(a.coverage, b.coverage)
        assert same != (a.name == "birth_place")


@pytest.mark.parametrize(
    ("older", "newer"),
    [("QMR-P-1-2014", "QMR-P-2-2022"), ("QVL-P-1-2015", "QVL-P-2-2024"), ("QTL-ID-1-2018", "QTL-ID-2-2025")],
)
def test_generations_look_different(older: str, newer: str) -> None:
    a, b = (compose(_draw(code, 3, dpi=100), 1) for code in (older, newer))
    assert float(np.abs(a.reflectance - b.reflectance).mean()) > 0.03
    assert float(np.abs(a.fluorescence - b.fluorescence).mean()) > 0.005


def _contrast(code: str, band: int) -> float:
    """Print contrast of the zone, (paper - ink) / paper."""
    series = load_series(code)
    side = next(at for at, spec in enumerate(series.sides) if spec.mrz is not None)
    artwork = _draw(code, 3, side, dpi=400)
    seen = compose(artwork, 1).reflectance
    zone = artwork.of_role("mrz")[0]
    x, y = zone.origin_px
    rows, columns = zone.coverage.shape
    part = seen[y : y + rows, x : x + columns, band]
    return 1 - float(np.median(part[zone.coverage > 250])) / float(np.median(part[zone.coverage == 0]))


@pytest.mark.parametrize("code", series_codes())
def test_the_zone_absorbs_at_900_nm_where_its_series_says_so(code: str) -> None:
    spec = next(side.mrz for side in load_series(code).sides if side.mrz is not None)
    assert _contrast(code, 1) > 0.6
    if spec.b900:
        assert _contrast(code, 3) > 0.6
    else:
        assert _contrast(code, 3) < 0.3


@pytest.mark.parametrize("code", ["QMR-P-2-2022", "QSD-P-1-2020", "QND-P-1-2017", "QTL-ID-2-2025", "QWH-V-1-2020"])
def test_infrared_split_parts_the_twins(code: str) -> None:
    artwork = _draw(code, 3, dpi=400)
    first, second = artwork.of_role("ir_split")
    assert np.abs(np.subtract(first.ink.density[:3], second.ink.density[:3])).max() < 0.4
    assert second.ink.density[3] - first.ink.density[3] > 0.4


def test_perforated_numbers_are_the_document_number() -> None:
    for code in ("QSD-P-1-2020", "QND-P-1-2017"):
        artwork = _draw(code, 3)
        (holes,) = artwork.perforations
        assert 12 * 8 < len(holes.holes_mm) < 22 * 9
        assert not np.array_equal(holes.holes_mm, _draw(code, 4).perforations[0].holes_mm)
