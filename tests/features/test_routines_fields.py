"""Texts against each other, on pages whose inks, strokes and places are known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from routine_materials import Image, flat, guilloche, material_of, reference_of, with_text

from dafec.features.routines import RoutineSpec
from dafec.features.routines_fields import (
    departure,
    field_boxes,
    infrared_share,
    learn_fields,
    learn_places,
    place_shift,
)
from dafec.features.routines_material import REFERENCE_PX_PER_MM, Material, Reference
from dafec.features.routines_measure import measure
from dafec.features.routines_text import printed_fields, words_of
from dafec.geometry import BoxMm

PAGE = BoxMm(2, 2, 56, 36)
PLACES = {(5, 8): 0, (5, 14): 1, (5, 20): 2, (5, 26): 3, (34, 8): 4, (34, 14): 5, (34, 20): 6, (34, 26): 7}
NAMES = ("ANNA", "BORIS", "KARIM", "HUDA", "LEILA", "OMAR", "SAMIR", "ZAHRA", "NADIA")


def texts(holder: int, shift: tuple[float, float] = (0, 0)) -> dict[tuple[float, float], str]:
    return {(x + shift[0], y + shift[1]): NAMES[(holder + 2 * turn) % len(NAMES)] for (x, y), turn in PLACES.items()}


def page_of(reference: Reference, holder: int, **changes: object) -> Material:
    """A page of the series; ``other`` is how the third field is printed otherwise."""
    shift = changes.get("shift", (0, 0))
    words = texts(holder, shift)  # type: ignore[arg-type]
    odd = (5 + shift[0], 20 + shift[1])  # type: ignore[index]
    visible, ir = guilloche(0.06), flat(0.7, 1)
    uv = flat(0.05)
    ground = changes.get("ground")
    if ground is not None:
        visible[100:124, 26:110] *= ground
        uv[100:124, 26:110] *= 3.0
    for place, word in words.items():
        other = place == odd
        thick = int(changes.get("thick", 2)) if other else 2  # type: ignore[call-overload]
        visible = with_text(visible, {place: word}, 0.05, thick)
        ir = with_text(ir, {place: word}, float(changes.get("ir", 0.08)) if other else 0.08, thick)  # type: ignore[arg-type]
    return material_of(reference, {"visible": visible, "ir": ir, "uv": uv})


def blank() -> Reference:
    return reference_of({"visible": guilloche(0.06), "ir": flat(0.7, 1), "uv": flat(0.05)})


@pytest.fixture(scope="module")
def series() -> Reference:
    """Learned from six holders."""
    pages = [page_of(blank(), holder) for holder in range(6)]
    boxes = field_boxes(pages, [])
    prints = [printed_fields(page, boxes) for page in pages]
    return replace(blank(), fields=learn_fields(boxes, prints, learn_places(boxes, pages)))


def test_every_text_is_a_field_and_a_portrait_is_none(series: Reference) -> None:
    assert len(series.fields) == len(PLACES)
    pages = [page_of(blank(), holder) for holder in range(3)]
    assert len(field_boxes(pages, [BoxMm(30, 0, 30, 40)])) == len(PLACES) // 2


def test_a_further_document_departs_in_nothing(series: Reference) -> None:
    page = page_of(series, 7)
    limits = {"ir": 0.06, "depth": 0.08, "width": 0.12, "edge": 0.12, "ground": 0.02, "glow": 0.02}
    for quantity, limit in limits.items():
        found = departure(page, quantity, PAGE)  # type: ignore[arg-type]
        assert found is not None
        assert abs(found.value) < limit, quantity


def test_another_ink_is_found_in_its_field(series: Reference) -> None:
    found = departure(page_of(series, 7, ir=0.6), "ir", PAGE)
    assert found is not None
    assert found.value < -1.0
    assert (found.box_mm.x, found.box_mm.y) == (pytest.approx(5, abs=0.8), pytest.approx(17.5, abs=1.0))


def test_other_strokes_are_found(series: Reference) -> None:
    found = departure(page_of(series, 7, thick=3), "width", PAGE)
    assert found is not None
    assert found.value > 0.15


def test_a_patch_under_a_text_is_found_in_its_brightness_and_under_the_lamp(series: Reference) -> None:
    page = page_of(series, 7, ground=1.25)
    for quantity, least in (("ground", 0.15), ("glow", 0.5)):
        found = departure(page, quantity, PAGE)  # type: ignore[arg-type]
        assert found is not None
        assert found.value > least


def test_a_change_of_all_texts_is_the_readers_and_no_departure(series: Reference) -> None:
    page = page_of(series, 7)
    softer: dict[str, Image] = {**page.linear, "ir": 0.35 + 0.5 * page.linear["ir"]}
    found = departure(material_of(series, softer), "ir", PAGE)  # type: ignore[arg-type]
    assert found is not None
    assert abs(found.value) < 0.1


def test_the_share_of_infrared_is_that_of_the_ink(series: Reference) -> None:
    whole, part = infrared_share(page_of(series, 7), PAGE), None
    page = page_of(series, 7)
    faded = {**page.linear, "ir": np.asarray(0.7 * (page.linear["ir"] / 0.7) ** 0.5, np.float32)}
    part = infrared_share(material_of(series, faded), PAGE)
    assert whole is not None
    assert part is not None
    assert part / whole == pytest.approx(0.5, abs=0.07)


@pytest.mark.parametrize("shift", [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.2, -0.8)])
def test_the_place_of_print_is_measured(series: Reference, shift: tuple[float, float]) -> None:
    found = place_shift(page_of(series, 7, shift=shift))
    assert found == pytest.approx(math.hypot(*shift), abs=0.2)


def test_a_page_without_texts_gives_no_value_and_no_pass(series: Reference) -> None:
    page = material_of(series, {"visible": guilloche(0.06), "ir": flat(0.7, 1), "uv": flat(0.05)})
    for kind, routine in (
        ("field_ink", "IR-AB-ID"),
        ("field_width", "VI-AB-ID"),
        ("place", "VI-AB-ID"),
        ("letter_ink", "IR-AB-ID"),
    ):
        found = measure(RoutineSpec("x", routine, kind, PAGE, None, 0.1), page)  # type: ignore[arg-type]
        assert (found.value, found.reason) == (None, "too_little")


def test_the_measured_value_is_a_share_and_names_its_field(series: Reference) -> None:
    found = measure(RoutineSpec("x", "IR-AB-ID", "field_ink", PAGE, None, 0.1), page_of(series, 7, ir=0.6))
    assert found.value is not None
    assert 0.5 < found.value < 1.0
    assert found.box_mm is not None
    assert found.box_mm.y == pytest.approx(17.5, abs=1.0)


@pytest.mark.parametrize(
    ("word_mm", "belongs"),
    [
        ((20, 10, 32, 12.5), True),
        ((14, 10, 38, 12.5), True),  # a longer text, from before the field to behind it
        ((22, 10, 25, 12.5), True),  # a shorter one
        ((17.5, 10, 19.4, 12.5), False),  # a spot beside the field
        ((20, 14, 32, 16.5), False),  # the next line
    ],
)
def test_a_word_belongs_to_the_field_it_stands_in(word_mm: tuple[float, ...], belongs: bool) -> None:
    word = tuple(round(v * REFERENCE_PX_PER_MM) for v in word_mm)
    assert (words_of(BoxMm(20, 10, 14, 2.5), [word]) is not None) == belongs  # type: ignore[list-item]
