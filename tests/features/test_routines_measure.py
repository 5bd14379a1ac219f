"""Every measurement by itself, on pages whose answer is known."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from routine_materials import SHAPE, flat, guilloche, material_of, reference_of

from dafec.features.routines import RoutineSpec
from dafec.features.routines_material import REFERENCE_PX_PER_MM, Material
from dafec.features.routines_measure import measure
from dafec.geometry import BoxMm

PAGE = BoxMm(3, 3, 54, 34)


def value(kind: str, routine: str, material: Material, box: BoxMm = PAGE, **more: object) -> float:
    found = measure(RoutineSpec("x", routine, kind, box, None, None, **more), material)  # type: ignore[arg-type]
    assert found.value is not None, found.reason
    return found.value


def reason(kind: str, routine: str, material: Material, box: BoxMm = PAGE, **more: object) -> str | None:
    found = measure(RoutineSpec("x", routine, kind, box, None, None, **more), material)  # type: ignore[arg-type]
    assert found.value is None
    return found.reason


def disc(level: float, colour: tuple[float, float, float], at: tuple[float, float] = (30, 20), radius: float = 1.6):
    """A luminescent motif on dull paper."""
    image = flat(0.02)
    for number in range(-2, 3):
        centre = (round((at[0] + 5 * number) * REFERENCE_PX_PER_MM), round(at[1] * REFERENCE_PX_PER_MM))
        cv2.circle(image, centre, round(radius * REFERENCE_PX_PER_MM), tuple(level * c for c in colour), -1)
    return image


def test_structure_is_one_for_the_same_print_and_nothing_for_another() -> None:
    reference = reference_of({"visible": guilloche()})
    assert value("structure", "VI-AB-IS", material_of(reference, {"visible": guilloche()})) == pytest.approx(
        1.0, abs=0.01
    )
    assert abs(value("structure", "VI-AB-IS", material_of(reference, {"visible": guilloche(seed=9)}))) < 0.3


def test_structure_does_not_hang_on_exposure() -> None:
    reference = reference_of({"visible": guilloche()})
    assert value("structure", "VI-AB-IS", material_of(reference, {"visible": guilloche() * 0.5})) > 0.98


@pytest.mark.parametrize("share", [0.3, 0.6, 1.0])
def test_contrast_is_the_share_of_the_print_that_is_there(share: float) -> None:
    reference = reference_of({"visible": guilloche(), "ir": guilloche(0.2)[:, :, :1]})
    page = material_of(reference, {"visible": guilloche(), "ir": guilloche(0.2 * share)[:, :, :1]})
    assert value("contrast", "IR-AB-IS", page) == pytest.approx(share, abs=0.06)


@pytest.mark.parametrize("left", [0.0, 0.5, 1.0])
def test_absence_is_what_is_left_of_print_that_has_to_vanish(left: float) -> None:
    reference = reference_of({"visible": guilloche(0.3), "ir": flat(0.7, 1)})
    page = material_of(reference, {"visible": guilloche(0.3), "ir": guilloche(0.3 * left)[:, :, :1]})
    assert value("absence", "IR-TR-IS", page, against="visible") == pytest.approx(left, abs=0.08)


@pytest.mark.parametrize("share", [0.4, 1.0])
def test_luminescence_is_measured_by_all_motifs_of_the_page(share: float) -> None:
    lit = disc(0.4, (0.1, 1.0, 0.3))
    reference = reference_of({"visible": guilloche(), "uv": lit})
    weak = lit.copy()
    left = BoxMm(18, 17, 5, 6)
    cut = np.s_[:, : round(23 * REFERENCE_PX_PER_MM)]
    weak[cut] = 0.02 + (lit[cut] - 0.02) * share
    page = material_of(reference, {"visible": guilloche(), "uv": weak})
    every = 1 - (1 - share) / 5
    assert value("luminescence", "UV-LU-IS", page, left) == pytest.approx(share / every, abs=0.08)


def test_shape_tells_a_motif_from_its_absence() -> None:
    reference = reference_of({"visible": guilloche(), "uv": disc(0.4, (0.1, 1, 0.3))})
    there = material_of(reference, {"visible": guilloche(), "uv": disc(0.3, (0.1, 1, 0.3))})
    gone = material_of(reference, {"visible": guilloche(), "uv": flat(0.02)})
    box = BoxMm(17, 16, 26, 8)
    assert value("shape", "UV-LU-IS", there, box) > 0.97
    assert value("shape", "UV-LU-IS", gone, box) < 0.2


def test_shape_is_told_of_a_faded_motif_under_letters() -> None:
    lit = disc(0.4, (0.1, 1, 0.3)) + 0.1
    reference = reference_of({"visible": guilloche(), "uv": lit})
    faded = disc(0.15, (0.1, 1, 0.3)) + 0.1
    faded[100:104, 100:260] = faded[140:144, 100:260] = 0.01  # what absorbs is darker than a faded motif is light
    page = material_of(reference, {"visible": guilloche(), "uv": faded})
    assert value("shape", "UV-LU-IS", page, BoxMm(17, 16, 26, 8)) > 0.75


def hatched(blur_px: float) -> np.ndarray:
    """A motif of fine lines, 0.7 mm apart; as a forger's tracing of it has it where they run together."""
    image = flat(0.02)
    for x in range(110, 250, 4):
        image[100:140, x : x + 2] = (0.05, 0.4, 0.1)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), blur_px), np.float32)


def test_detail_is_what_is_left_of_a_motifs_fine_lines_however_strongly_it_glows() -> None:
    reference = reference_of({"visible": guilloche(), "uv": hatched(0.5)})
    box = BoxMm(17, 15, 26, 10)
    faded = 0.02 + 0.5 * (hatched(0.5) - 0.02)
    assert value("detail", "UV-LU-IS", material_of(reference, {"visible": guilloche(), "uv": faded}), box) > 0.9
    traced = material_of(reference, {"visible": guilloche(), "uv": hatched(2.0)})
    assert value("detail", "UV-LU-IS", traced, box) < 0.5
    gone = material_of(reference, {"visible": guilloche(), "uv": flat(0.02)})
    assert reason("detail", "UV-LU-IS", gone, box) == "too_little"


def test_colour_is_the_angle_between_two_lights() -> None:
    known, seen = (0.0, 1.0, 0.0), (0.0, 1.0, 1.0)
    reference = reference_of({"visible": guilloche(), "uv": disc(0.4, known)})
    page = material_of(reference, {"visible": guilloche(), "uv": disc(0.4, seen)})
    assert value("colour", "UV-LU-IS", page, BoxMm(17, 16, 26, 8)) == pytest.approx(45.0, abs=4.0)


def test_paper_is_its_level_under_the_lamp_as_encoded() -> None:
    reference = reference_of({"visible": guilloche(), "uv": flat(0.02)})
    page = material_of(reference, {"visible": guilloche(), "uv": flat(0.5)})
    assert value("paper", "UV-BR-FU", page) == pytest.approx(0.5 ** (1 / 2.2), abs=0.01)


def test_paper_rise_is_a_place_above_the_rest() -> None:
    reference = reference_of({"visible": guilloche(), "uv": flat(0.05)})
    patched = flat(0.05)
    patched[60:120, 60:120] = 0.3
    page = material_of(reference, {"visible": guilloche(), "uv": patched})
    rise = value("paper_rise", "UV-BR-PH", page, BoxMm(10, 10, 10, 10))
    assert rise == pytest.approx(0.3 ** (1 / 2.2) - 0.05 ** (1 / 2.2), abs=0.02)


def test_fibres_are_counted_by_colour() -> None:
    reference = reference_of({"visible": guilloche(), "uv": flat(0.02)})
    image = flat(0.02)
    rng = np.random.default_rng(1)
    for number in range(14):
        x, y = (int(v) for v in rng.integers((40, 40), (SHAPE[1] - 60, SHAPE[0] - 40)))
        colour = (0.16, 0.03, 0.03) if number < 9 else (0.03, 0.03, 0.16)
        cv2.line(image, (x, y), (x + 12, y + int(rng.integers(-5, 6))), colour, 1)
    page = material_of(reference, {"visible": guilloche(), "uv": image})
    assert value("fibres", "UV-LU-FI", page, colour=(1.0, 0.1, 0.1)) == pytest.approx(9, abs=1)
    assert value("fibres", "UV-LU-FI", page, colour=(0.1, 1.0, 0.1)) == 0


def test_mark_is_the_likeness_with_a_known_counterfeit() -> None:
    rng = np.random.default_rng(2)
    mark = rng.normal(0, 0.1, (60, 60)).astype(np.float32)
    mark = cv2.GaussianBlur(mark, (0, 0), 2.0)
    reference = reference_of({"visible": flat(0.7)}, marks={"x": {"visible": mark * 4}})
    box = BoxMm(10, 10, 10, 10)
    fake = flat(0.7)
    fake[60:120, 60:120] *= 1 + 4 * mark[:, :, None]
    assert value("mark", "VI-AB-AF", material_of(reference, {"visible": fake}), box) > 0.9
    assert abs(value("mark", "VI-AB-AF", material_of(reference, {"visible": guilloche()}), box)) < 0.4


def test_a_screen_stands_out_of_its_surroundings() -> None:
    reference = reference_of({"visible": guilloche()})
    page = material_of(reference, {"visible": guilloche()})
    rng = np.random.default_rng(5)
    plain = page.page["visible"] * 0 + 0.6 + rng.normal(0, 0.01, page.page["visible"].shape).astype(np.float32)
    y, x = np.indices(plain.shape[:2]) / page.page_px_per_mm
    dots = 0.08 * np.cos(2 * np.pi * 2.8 * (x + 0.3 * y)) * np.cos(2 * np.pi * 2.8 * (y - 0.3 * x))
    quiet = Material(
        reference, page.linear, page.aligned, {"visible": plain}, page.page_px_per_mm, page.page_from_reference
    )
    screened = Material(
        reference,
        page.linear,
        page.aligned,
        {"visible": np.asarray(plain + dots[:, :, None], np.float32)},
        page.page_px_per_mm,
        page.page_from_reference,
    )
    assert value("screen", "VI-FR-PH", screened) > value("screen", "VI-FR-PH", quiet) + 10


def test_stroke_is_the_contrast_of_what_the_series_does_not_print() -> None:
    reference = reference_of({"visible": flat(0.7)})
    image = flat(0.7)
    image[100:103, 60:300] = 0.1
    assert 0.4 < value("stroke", "VI-AB-ID", material_of(reference, {"visible": image})) < 1.0
    assert reason("stroke", "VI-AB-ID", material_of(reference, {"visible": flat(0.7)})) == "too_little"


@pytest.mark.parametrize(
    ("kind", "routine"),
    [
        ("structure", "IR-AB-IS"),
        ("contrast", "IR-AB-IS"),
        ("field_ink", "IR-AB-ID"),
        ("ink", "IR-AB-PH"),
        ("border", "UV-BR-PH"),
    ],
)
def test_a_light_that_is_not_there_gives_no_value(kind: str, routine: str) -> None:
    reference = reference_of({"visible": guilloche(), "ir": guilloche()[:, :, :1], "uv": flat(0.02)})
    assert reason(kind, routine, material_of(reference, {"visible": guilloche()})) == "no_light"


def test_a_light_that_could_not_be_registered_gives_no_value() -> None:
    both = {"visible": guilloche(), "ir": guilloche()[:, :, :1]}
    page = material_of(reference_of(both), both, visible=False, ir=False)
    for kind, routine in (("structure", "VI-AB-IS"), ("fine", "VI-FR-AF"), ("field_width", "VI-AB-ID")):
        assert reason(kind, routine, page) == "not_aligned"


def test_a_dark_lamp_is_no_missing_motif() -> None:
    lit = disc(0.4, (0.1, 1, 0.3)) + 0.05
    reference = reference_of({"visible": guilloche(), "uv": lit})
    page = material_of(reference, {"visible": guilloche(), "uv": flat(0.001)})
    assert reason("luminescence", "UV-LU-IS", page, BoxMm(17, 16, 26, 8)) == "unlit"


def test_no_measurement_gives_what_is_no_number() -> None:
    black = {"visible": flat(0.0), "ir": flat(0.0, 1), "uv": flat(0.0)}
    page = material_of(reference_of({"visible": guilloche(), "ir": guilloche()[:, :, :1], "uv": flat(0.02)}), black)
    for kind, routine in (
        ("structure", "VI-AB-IS"),
        ("contrast", "IR-AB-IS"),
        ("paper", "UV-BR-FU"),
        ("place", "VI-AB-ID"),
    ):
        found = measure(RoutineSpec("x", routine, kind, PAGE, None, None), page)  # type: ignore[arg-type]
        assert found.value is None or math.isfinite(found.value)
