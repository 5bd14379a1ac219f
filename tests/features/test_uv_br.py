from dataclasses import replace

import cv2
import numpy as np
import pytest

from dafec.features.uv_br import UV_BRIGHTNESS_CHECKS
from dafec.messages import catalogue
from dafec.registration import Registration
from tests.synthetic_pages import BRIGHT, DULL, Look, context_of, reader_page

CHECKS = {check.id: check for check in UV_BRIGHTNESS_CHECKS}
IDS = ("UV-BR-FU", "UV-BR-MR", "UV-BR-PH", "UV-BR-VZ")


def _run(check_id, look, change=None):
    page = reader_page(look)
    return CHECKS[check_id].run(context_of(change(page) if change else page))


def _uv(function):
    return lambda page: replace(page, images={**page.images, "uv": function(page.images["uv"]).astype(np.float32)})


def test_the_mandatory_check_comes_first():
    assert tuple(CHECKS) == IDS


@pytest.mark.parametrize("check_id", IDS)
def test_dull_paper_passes(check_id):
    result = _run(check_id, Look())
    assert result.result == "passed"
    assert result.value < 0.2
    assert result.llr < 0


@pytest.mark.parametrize("check_id", IDS)
@pytest.mark.parametrize("motifs", [True, False])
def test_office_paper_fails(check_id, motifs):
    result = _run(check_id, Look(glow=BRIGHT, motifs=motifs))
    assert result.result == "failed"
    assert result.value > 0.5
    assert result.values["blue"] > 0.1
    assert result.llr > 0
    assert result.calibration == "expert-2026"


def test_a_lamp_with_a_blue_tail_is_no_brightened_paper():
    def tail(image):
        return np.clip(image + np.array([0.04, 0.03, 0.22]), 0, 1)

    result = _run("UV-BR-FU", Look(), _uv(tail))
    assert result.value > 0.2
    assert result.values["blue"] > 0.1
    assert result.result in ("passed", "undetermined")


@pytest.mark.parametrize("gain", [0.15, 0.4, 1.0])
def test_office_paper_never_passes_at_any_exposure(gain):
    assert _run("UV-BR-FU", Look(glow=BRIGHT, uv_gain=gain)).result in ("failed", "undetermined")
    assert _run("UV-BR-FU", Look(glow=BRIGHT, uv_gain=gain, motifs=False)).result in ("failed", "undetermined")


@pytest.mark.parametrize("gain", [0.6, 2.0, 5.0])
def test_dull_paper_never_fails_at_any_exposure(gain):
    assert _run("UV-BR-FU", Look(uv_gain=gain)).result == "passed"


@pytest.mark.parametrize(
    ("check_id", "patch"),
    [("UV-BR-MR", (0, 63, 125, 25)), ("UV-BR-PH", (6, 16, 34, 46)), ("UV-BR-VZ", (42, 10, 80, 55))],
)
def test_a_bright_patch_fails_its_own_region_and_no_other(check_id, patch):
    look = Look(patch_mm=patch)
    page = reader_page(look)
    results = {check.id: check.run(context_of(page)).result for check in UV_BRIGHTNESS_CHECKS}
    assert results[check_id] == "failed"
    others = {other: outcome for other, outcome in results.items() if other not in (check_id, "UV-BR-FU")}
    assert set(others.values()) == {"passed"}


@pytest.mark.parametrize("check_id", IDS)
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(_uv(lambda image: image * 0), "unlit", id="black"),
        pytest.param(_uv(lambda image: image * 0.05), "unlit", id="lamp-off"),
        pytest.param(
            lambda page: replace(page, images={**page.images, "uv": page.images["visible"]}), None, id="visible"
        ),
        pytest.param(
            lambda page: replace(page, images={**page.images, "uv": page.images["visible"] * np.float32(0.2)}),
            "not_ultraviolet",
            id="room-light",
        ),
    ],
)
def test_a_frame_not_lit_by_ultraviolet_never_passes(check_id, change, reason):
    result = _run(check_id, Look(), change)
    assert result.result == "undetermined"
    assert result.llr == 0
    if reason:
        assert result.message.endswith(reason)


def test_dull_paper_without_anything_that_glows_is_undetermined():
    result = _run("UV-BR-FU", Look(motifs=False))
    assert (result.result, result.message) == ("undetermined", "checks.UV-BR-FU.no_reference")


def test_a_grey_frame_is_judged_by_brightness_alone():
    grey = _uv(lambda image: image.max(axis=2))
    assert _run("UV-BR-FU", Look(), grey).result == "passed"
    assert _run("UV-BR-FU", Look(glow=BRIGHT, lights=("uv",)), grey).result == "failed"


def test_a_bright_grey_frame_like_the_visible_one_may_be_room_light():
    result = _run("UV-BR-FU", Look(glow=BRIGHT), _uv(lambda image: image.max(axis=2)))
    assert (result.result, result.message) == ("undetermined", "checks.UV-BR-FU.not_ultraviolet")


@pytest.mark.parametrize("check_id", IDS)
@pytest.mark.parametrize("level", [1.0, 0.975])
def test_a_white_frame_is_overexposed_and_accuses_nobody(check_id, level):
    result = _run(check_id, Look(), _uv(lambda image: image * 0 + level))
    assert (result.result, result.message) == ("undetermined", f"checks.{check_id}.overexposed")
    assert result.llr == 0


def _spot(radius_px, level):
    def change(image):
        spot = np.ascontiguousarray(image * 0)
        cv2.circle(spot, (400, 250), radius_px, (level,) * 3, -1)
        return spot

    return _uv(change)


@pytest.mark.parametrize("check_id", IDS)
@pytest.mark.parametrize(("radius_px", "level"), [(30, 1.0), (90, 1.0), (60, 0.12)])
def test_a_reflection_in_an_unlit_frame_is_no_exposure(check_id, radius_px, level):
    result = _run(check_id, Look(), _spot(radius_px, level))
    assert (result.result, result.message) == ("undetermined", f"checks.{check_id}.unlit")


@pytest.mark.parametrize(
    ("spots", "colour"),
    [
        pytest.param([(400, 250)], (0.2, 0.4, 0.9), id="one-coloured-spot"),
        pytest.param([(150, 250), (400, 400), (700, 200), (850, 500)], (1.0, 1.0, 1.0), id="white-spots"),
        pytest.param([(400, 250), (430, 290), (440, 230)], (0.2, 0.4, 0.9), id="spots-together"),
    ],
)
def test_what_may_be_a_reflection_is_no_motif(spots, colour):
    def change(image):
        lit = np.ascontiguousarray(image)
        for spot in spots:
            cv2.circle(lit, spot, 12, colour, -1)
        return lit

    result = _run("UV-BR-FU", Look(motifs=False), _uv(change))
    assert (result.result, result.message) == ("undetermined", "checks.UV-BR-FU.no_reference")


@pytest.mark.parametrize("check_id", IDS)
def test_a_frame_that_may_show_another_page_never_passes(check_id):
    def unregister(page):
        lost = Registration((0.0, 0.0), 0.0, reliable=False)
        return replace(page, registration={**page.registration, "uv": lost})

    result = _run(check_id, Look(), unregister)
    assert (result.result, result.message) == ("undetermined", f"checks.{check_id}.unregistered")
    bright = _run(check_id, Look(glow=BRIGHT), unregister).result
    assert bright == ("failed" if check_id == "UV-BR-FU" else "undetermined")


def test_the_zone_needs_a_zone_and_the_photo_a_known_layout():
    no_zone = _run("UV-BR-MR", Look(), lambda page: replace(page, mrz_boxes_mm=()))
    assert no_zone.result == "not_supported"
    assert _run("UV-BR-PH", Look(fmt="TD1", px_per_mm=12)).result == "not_supported"
    assert _run("UV-BR-VZ", Look(fmt="TD1", px_per_mm=12)).result == "not_supported"


def test_a_region_off_the_page_is_undetermined():
    def narrow(page):
        return replace(page, images={**page.images, "uv": page.images["uv"][:20, :20]})

    assert _run("UV-BR-VZ", Look(), narrow).result == "undetermined"


def test_paper_slightly_brighter_than_dull_is_not_called_dull_without_motifs():
    look = Look(glow=tuple(6 * g for g in DULL), motifs=False)
    assert _run("UV-BR-FU", look).result == "undetermined"


def test_every_message_stands_in_both_languages():
    reasons = {
        "name", "passed", "failed", "patch", "unlit", "not_ultraviolet", "no_reference", "between", "no_page",
        "no_region", "overexposed", "unregistered",
    }  # fmt: skip
    for language in ("en", "ar"):
        for check_id in IDS:
            prefix = f"checks.{check_id}."
            assert {key[len(prefix) :] for key in catalogue(language) if key.startswith(prefix)} == reasons
