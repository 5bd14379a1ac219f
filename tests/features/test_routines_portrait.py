"""The portrait's measurements, on pages whose overprint, border and paper are known."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from routine_materials import SHAPE, Image, flat, guilloche, material_of, reference_of

from dafec.features.routines import RoutineSpec
from dafec.features.routines_material import REFERENCE_PX_PER_MM, Material, Reference
from dafec.features.routines_measure import measure
from dafec.features.routines_portrait import border_ridge, learn_portrait, overlay_share, picture_level
from dafec.geometry import BoxMm

BOX = BoxMm(12, 10, 16, 20)


def _at(box: BoxMm) -> tuple[slice, slice]:
    s = REFERENCE_PX_PER_MM
    return (
        slice(round(box.y * s), round((box.y + box.height) * s)),
        slice(round(box.x * s), round((box.x + box.width) * s)),
    )


def picture(holder: int, *, lines: bool = True) -> Image:
    """A page with a portrait; the guilloche crosses it where ``lines``."""
    rng = np.random.default_rng(holder)
    shade = cv2.GaussianBlur(rng.random(SHAPE, np.float32), (0, 0), 12)
    shade = 0.3 + 0.25 * (shade - shade.min()) / (shade.max() - shade.min())
    image = guilloche(0.2)
    crossing = image[_at(BOX)] / 0.7 if lines else np.ones_like(image[_at(BOX)])
    image[_at(BOX)] = shade[_at(BOX)][:, :, None] * crossing
    return image


def lamp(level: float = 0.03, rim: float = 0.0) -> Image:
    """Paper under the lamp; the portrait's level, and a line along its border."""
    image = flat(0.05)
    image[_at(BOX)] = level
    if rim:
        rows, columns = _at(BOX)
        cv2.rectangle(image, (columns.start, rows.start), (columns.stop, rows.stop), (rim, rim, rim), 3)
    return image


@pytest.fixture(scope="module")
def series() -> Reference:
    plain = reference_of({"visible": guilloche(0.2), "uv": flat(0.05)})
    pages = [material_of(plain, {"visible": picture(holder), "uv": lamp()}) for holder in range(7)]
    return replace(plain, portrait=learn_portrait(BOX, pages))


def page_of(series: Reference, uv: Image, *, lines: bool = True) -> Material:
    return material_of(series, {"visible": picture(31, lines=lines), "uv": uv})


def test_the_border_is_found_where_the_pictures_end(series: Reference) -> None:
    plain = reference_of({"visible": guilloche(0.2), "uv": flat(0.05)})
    pages = [material_of(plain, {"visible": picture(holder), "uv": lamp()}) for holder in range(7)]
    off = BoxMm(BOX.x + 1.2, BOX.y + 1.2, BOX.width - 2.0, BOX.height - 2.0)
    found = learn_portrait(off, pages).box_mm
    assert found.x == pytest.approx(BOX.x, abs=0.4)
    assert found.y == pytest.approx(BOX.y, abs=0.4)


def test_lines_that_cross_the_portrait_are_there_or_not(series: Reference) -> None:
    assert series.portrait is not None
    there = overlay_share(page_of(series, lamp()), series.portrait)
    gone = overlay_share(page_of(series, lamp(), lines=False), series.portrait)
    assert there is not None
    assert gone is not None
    assert there > 0.7
    assert gone < 0.25


def test_without_lines_over_portraits_nothing_is_said() -> None:
    plain = reference_of({"visible": flat(0.7), "uv": flat(0.05)})
    pages = [material_of(plain, {"visible": flat(0.7), "uv": lamp()}) for _ in range(5)]
    assert overlay_share(pages[0], learn_portrait(BOX, pages)) is None


def test_a_glowing_rim_is_a_ridge(series: Reference) -> None:
    assert series.portrait is not None
    plain = border_ridge(page_of(series, lamp()), series.portrait)
    rimmed = border_ridge(page_of(series, lamp(rim=0.2)), series.portrait)
    assert plain is not None
    assert rimmed is not None
    assert plain < 0.1
    assert rimmed == pytest.approx(np.log(0.2 / 0.05), abs=0.3)


@pytest.mark.parametrize("level", [0.03, 0.15])
def test_the_picture_is_held_against_the_paper_round_it(series: Reference, level: float) -> None:
    assert series.portrait is not None
    found = picture_level(page_of(series, lamp(level)), series.portrait)
    assert found == pytest.approx(np.log((level + 0.014) / (0.05 + 0.014)), abs=0.05)


def test_values_are_ratios_and_a_series_without_portrait_gives_none(series: Reference) -> None:
    page = page_of(series, lamp(rim=0.2))
    found = measure(RoutineSpec("x", "UV-BR-PH", "border", BOX, None, 1.2), page)
    assert found.value == pytest.approx(4.0, rel=0.3)
    bare = replace(series, portrait=None)
    assert measure(RoutineSpec("x", "UV-BR-PH", "border", BOX, None, 1.2), page_of(bare, lamp())).reason == "too_little"
