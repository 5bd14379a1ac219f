from dataclasses import replace

import cv2
import numpy as np
import pytest

from dafec.features.ir_ab_mr import MrzInfraredContrast
from dafec.messages import catalogue
from dafec.registration import Registration
from tests.synthetic_pages import DYE_IR, Look, context_of, reader_page

CHECK = MrzInfraredContrast()


def _run(look, change=None):
    page = reader_page(look)
    return CHECK.run(context_of(change(page) if change else page))


def _ir(function):
    return lambda page: replace(page, images={**page.images, "ir": function(page.images["ir"]).astype(np.float32)})


@pytest.mark.parametrize("fmt", ["TD1", "TD2", "TD3", "MRV-A", "MRV-B"])
def test_carbon_ink_passes(fmt):
    result = _run(Look(fmt=fmt))
    assert result.result == "passed"
    assert 0.6 < result.value <= 1.0
    assert result.llr < 0
    assert result.region_mm.y > 40 if fmt != "TD1" else result.region_mm.y > 25


@pytest.mark.parametrize("fmt", ["TD1", "TD3"])
def test_dye_ink_fails(fmt):
    result = _run(Look(fmt=fmt, ink_ir=DYE_IR))
    assert result.result == "failed"
    assert result.value < 0.3
    assert result.llr >= 3
    assert result.calibration == "expert-2026"
    assert result.message == "checks.IR-AB-MR.failed"


def test_a_page_wholly_printed_in_dye_fails_whether_registered_or_not():
    assert _run(Look(ink_ir=DYE_IR, other_ink_ir=DYE_IR)).result == "failed"
    lost = Registration((0.0, 0.0), 0.0, reliable=False)

    def unregister(page):
        blank = cv2.GaussianBlur(page.images["ir"], (0, 0), 25)
        grain = np.random.default_rng(2).normal(0, 0.004, blank.shape)
        return replace(
            page, images={**page.images, "ir": (blank + grain).astype(np.float32)}, registration={"ir": lost}
        )

    result = _run(Look(ink_ir=DYE_IR, other_ink_ir=DYE_IR), unregister)
    assert (result.result, result.message) == ("failed", "checks.IR-AB-MR.absent")


def test_a_few_vanishing_characters_are_an_alteration():
    result = _run(Look(dye_cells=(13, 14, 15, 16)))
    assert (result.result, result.message) == ("failed", "checks.IR-AB-MR.altered")
    assert result.values["count"] == 4
    first = 6.0 + 13 * 2.54
    assert result.region_mm.x == pytest.approx(first, abs=1.5)
    assert result.region_mm.width == pytest.approx(4 * 2.54, abs=1.0)


def test_one_doubtful_character_is_no_alteration():
    assert _run(Look(dye_cells=(20,))).result == "passed"


@pytest.mark.parametrize("sigma", [1.0, 2.0])
def test_soft_infrared_optics_do_not_cost_the_ink_its_contrast(sigma):
    result = _run(Look(), _ir(lambda image: cv2.GaussianBlur(image, (0, 0), sigma)))
    assert result.result == "passed"


def test_vignetting_changes_nothing():
    yy, xx = np.mgrid[0:704, 0:1000]
    fall = 1 - 0.6 * ((xx - 500) ** 2 + (yy - 352) ** 2) / 500**2

    def vignette(image):
        return image * cv2.resize(fall, image.shape[::-1])

    assert _run(Look(), _ir(vignette)).result == "passed"
    assert _run(Look(ink_ir=DYE_IR), _ir(vignette)).result == "failed"


@pytest.mark.parametrize("reflectance", [0.30, 0.34])
def test_ink_near_the_limit_is_undetermined_and_not_passed(reflectance):
    assert _run(Look(ink_ir=reflectance + 0.08)).result in ("undetermined", "failed")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda page: replace(page, mrz_boxes_mm=()), id="no-zone"),
        pytest.param(_ir(lambda image: image * 0.0), id="unlit"),
        pytest.param(_ir(lambda image: image * 0 + 1.0), id="saturated"),
        pytest.param(_ir(lambda image: image * 0 + 0.6), id="uniform"),
        pytest.param(
            lambda page: replace(page, registration={"ir": Registration((0.0, 0.0), 0.0, reliable=False)}),
            id="unregistered",
        ),
        pytest.param(lambda page: replace(page, mrz_boxes_mm=((5.0, 70.0, 3.0, 2.0),)), id="sliver"),
    ],
)
def test_a_missing_prerequisite_is_never_a_pass(change):
    result = _run(Look(), change)
    assert result.result == "undetermined"
    assert result.llr == 0.0


def test_a_pale_visible_zone_is_no_yardstick():
    result = _run(Look(zone_visible=0.8))
    assert (result.result, result.message) == ("undetermined", "checks.IR-AB-MR.pale")


def test_blurred_infrared_is_no_failure():
    result = _run(Look(ink_ir=0.4), _ir(lambda image: cv2.GaussianBlur(image, (0, 0), 5.0)))
    assert result.result == "undetermined"


def _copy(change):
    def apply(page):
        grey = cv2.cvtColor(page.images["visible"], cv2.COLOR_RGB2GRAY)
        return replace(page, images={**page.images, "ir": change(grey).astype(np.float32)})

    return apply


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda grey: grey, id="same"),
        pytest.param(lambda grey: grey * 0.6, id="darkened"),
        pytest.param(lambda grey: cv2.GaussianBlur(grey * 0.7, (0, 0), 2.0), id="soft"),
        pytest.param(lambda grey: grey**1.8, id="other-tone"),
    ],
)
def test_a_copy_of_the_visible_image_is_no_infrared(change):
    result = _run(Look(), _copy(change))
    assert (result.result, result.message) == ("undetermined", "checks.IR-AB-MR.not_infrared")
    assert result.llr == 0.0


def test_ink_that_fades_all_over_is_not_excused_as_a_copy():
    assert _run(Look(ink_ir=DYE_IR, other_ink_ir=DYE_IR)).result == "failed"


def test_an_infrared_frame_upside_down_accuses_nobody():
    def turn(page):
        lost = Registration((0.0, 0.0), 0.0, reliable=False)
        infrared = page.images["ir"].copy()
        head = round(27 * page.px_per_mm)  # a header that fades in infrared comes to lie where the zone would be
        infrared[:head] = 0.85 + np.random.default_rng(4).normal(0, 0.004, infrared[:head].shape)
        turned = np.ascontiguousarray(infrared[::-1, ::-1])
        return replace(page, images={**page.images, "ir": turned}, registration={"ir": lost})

    result = _run(Look(), turn)
    assert (result.result, result.message) == ("undetermined", "checks.IR-AB-MR.unregistered")


def test_infrared_alone_measures_its_own_strokes():
    result = _run(Look(lights=("ir",)))
    assert result.result == "passed"
    assert _run(Look(lights=("ir",), ink_ir=DYE_IR)).result == "failed"


def test_every_message_stands_in_both_languages():
    reasons = {
        "name", "passed", "failed", "absent", "altered", "marginal", "blurred", "pale", "exposure", "no_zone",
        "unregistered", "not_infrared",
    }  # fmt: skip
    for language in ("en", "ar"):
        keys = {key.rsplit(".", 1)[1] for key in catalogue(language) if key.startswith("checks.IR-AB-MR.")}
        assert keys == reasons
