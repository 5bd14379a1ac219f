import math
from dataclasses import fields, replace

import cv2
import numpy as np
import pytest

from dafec.messages import catalogue
from dafec.page import Page
from dafec.quality import Quality, assess_quality, edge_spread_px
from dafec.registration import Registration
from tests.synthetic_pages import Look, reader_page

LOOK = Look()


@pytest.fixture(scope="module")
def page():
    return reader_page(LOOK)


def _with(page, light, change):
    return replace(page, images={**page.images, light: change(page.images[light]).astype(np.float32)})


def _kinds(quality):
    return {(issue.kind, issue.light) for issue in quality.issues}


@pytest.mark.parametrize("sigma", [0.8, 1.5, 3.0])
def test_edge_spread_is_that_of_a_gaussian_edge(sigma):
    stripes = np.tile(np.repeat([0.1, 0.8], 30), 8)[None].repeat(400, axis=0).astype(np.float32)
    blurred = cv2.GaussianBlur(stripes, (0, 0), sigma)
    assert edge_spread_px(blurred) == pytest.approx(2.563 * sigma, rel=0.05)


def test_edge_spread_of_a_flat_image_is_no_number():
    assert math.isnan(edge_spread_px(np.full((200, 300), 0.5, np.float32)))


def test_a_good_capture_only_lacks_resolution(page):
    assert _kinds(assess_quality(page)) == {("low_resolution", "visible")}


def test_a_fine_capture_lacks_nothing(page):
    assert assess_quality(replace(page, dpi=400.0)).issues == ()


@pytest.mark.parametrize(("light", "sigma"), [("visible", 3.0), ("ir", 4.0)])
def test_blur_is_measured_in_micrometres_and_told(page, light, sigma):
    sharp = assess_quality(page)
    soft = assess_quality(_with(page, light, lambda image: cv2.GaussianBlur(image, (0, 0), sigma)))
    assert ("blurred", light) in _kinds(soft)
    assert ("blurred", light) not in _kinds(sharp)
    assert soft.lights[light].focus > sharp.lights[light].focus
    assert "IR-AB-MR" in next(issue for issue in soft.issues if issue.kind == "blurred").affects


def test_few_pixels_are_low_resolution_and_not_blur(page):
    def small(image):
        return cv2.resize(image, None, fx=0.3, fy=0.3, interpolation=cv2.INTER_AREA)

    coarse = replace(
        page, images={k: small(v) for k, v in page.images.items()}, px_per_mm=page.px_per_mm * 0.3, dpi=page.dpi * 0.3
    )
    quality = assess_quality(coarse)
    assert not quality.has("blurred", "visible")
    issue = next(issue for issue in quality.issues if issue.kind == "low_resolution")
    assert {"MRZ-*", "IR-AB-MR"} <= set(issue.affects)


def test_resolution_below_the_recommended_one_names_what_it_costs(page):
    issue = next(issue for issue in assess_quality(page).issues if issue.kind == "low_resolution")
    assert issue.limit == 385
    assert "GEN-print" in issue.affects
    assert "IR-AB-MR" not in issue.affects


def test_a_reflected_lamp_is_glare(page):
    def lamp(image):
        out = image.copy()
        cv2.ellipse(out, (500, 300), (160, 25), 8, 0, 360, (1.0, 1.0, 1.0), -1)
        return out

    quality = assess_quality(_with(page, "visible", lamp))
    assert ("glare", "visible") in _kinds(quality)
    assert quality.lights["visible"].glare_fraction == pytest.approx(math.pi * 160 * 25 / (1000 * 704), rel=0.15)


@pytest.mark.parametrize(
    ("light", "factor", "kind"),
    [
        ("visible", 0.2, "underexposed"),
        ("ir", 0.1, "underexposed"),
        ("uv", 0.02, "underexposed"),
        ("ir", 3.0, "overexposed"),
    ],
)
def test_wrong_exposure_is_told(page, light, factor, kind):
    assert (kind, light) in _kinds(assess_quality(_with(page, light, lambda image: np.clip(image * factor, 0, 1))))


@pytest.mark.parametrize("light", ["ir", "uv"])
def test_a_missing_band_names_the_checks_it_costs(page, light):
    images = {name: image for name, image in page.images.items() if name != light}
    quality = assess_quality(replace(page, images=images))
    issue = next(issue for issue in quality.issues if issue.kind == "missing_band")
    assert issue.light == light
    assert any(check.startswith(light.upper()) for check in issue.affects)
    assert light not in quality.lights


def test_an_unregistered_light_and_a_cropped_page_are_told(page):
    registration = {**page.registration, "ir": Registration((0.0, 0.0), 0.01, reliable=False)}
    kinds = _kinds(assess_quality(replace(page, registration=registration, cropped_fraction=0.1)))
    assert {("unregistered", "ir"), ("cropped", "visible")} <= kinds


def test_a_frame_that_repeats_the_visible_one_is_told(page):
    copied = {**page.images, "ir": page.images["visible"][:, :, 1], "uv": page.images["visible"] * np.float32(0.2)}
    quality = assess_quality(replace(page, images=copied))
    assert quality.has("repeats_visible", "ir")
    assert quality.has("repeats_visible", "uv")
    issue = next(issue for issue in quality.issues if issue.kind == "repeats_visible")
    assert {"IR-AB-MR", "MRZ-lights"} <= set(issue.affects)


def test_every_issue_has_its_text_in_both_languages():
    from dafec import quality as module

    reachable = {
        *(f"quality.blurred.{light}" for light in module._BLUR_LIMIT_UM),
        *(
            f"quality.{kind}.{light}"
            for kind in ("glare", "underexposed", "missing_band")
            for light in ("visible", "ir", "uv")
        ),
        *(
            f"quality.{kind}.{light}"
            for kind in ("overexposed", "unregistered", "repeats_visible")
            for light in ("ir", "uv")
        ),
        *(f"quality.{kind}.{light}" for kind in ("low_resolution", "cropped") for light in ("visible", "ir", "uv")),
    }
    for language in ("en", "ar"):
        written = {key for key in catalogue(language) if key.startswith("quality.")}
        assert written == reachable


def test_quality_looks_at_nothing_but_the_page():
    assert {field.name for field in fields(Quality)} == {"lights", "issues"}
    assert isinstance(Page.__dataclass_fields__["cropped_fraction"].default, float)
