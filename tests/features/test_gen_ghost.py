"""GEN-ghost: passes what is in order, fails an exchanged portrait, and never passes what it cannot see."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cache

import cv2
import numpy as np
import pytest

from dafec.capture import CapturedPage, decode_frame
from dafec.features.contract import CheckContext, CheckResult
from dafec.features.gen_ghost import GhostPortrait
from dafec.features.gen_ghost_measure import find_ghost, find_head
from dafec.features.gen_photo_place import find_photo
from dafec.features.registry import all_checks, run_checks
from dafec.messages import catalogue
from dafec.page import find_pages
from dafec.quality import QualityIssue, assess_quality
from dafec.specimens.make import Request, make_specimen

CHECK = GhostPortrait()


@cache
def specimen(series="QMR-P-2-2022", forgery=None, method=None, seed=6):
    made = make_specimen(Request("one", series, seed, forgery, "reader-b", 400, method=method, difficulty=None))
    frames = {}
    for name, data in made.files.items():
        light = name.split(".")[0]
        if light in ("visible", "ir", "uv"):
            frames[light] = decode_frame(data, light, name=name)
    page = find_pages(CapturedPage(frames), [], None, most=1)[0]
    return CheckContext(page, {}, None, assess_quality(page), date(2026, 1, 1)), made.truth


def run(context: CheckContext) -> CheckResult:
    result = run_checks(context, [CHECK], time_limit_s=20)[0]
    assert result.message in catalogue("ar")
    return result


def with_visible(context, change):
    images = {**context.page.images, "visible": change(context.page.images["visible"].copy())}
    return replace(context, page=replace(context.page, images=images))


def box_px(context, truth, name, margin_mm=0.0):
    x, y, width, height = truth["pages"][0]["boxes_mm"][name]
    s = context.page.px_per_mm
    return (
        slice(round((y - margin_mm) * s), round((y + height + margin_mm) * s)),
        slice(round((x - margin_mm) * s), round((x + width + margin_mm) * s)),
    )


def test_it_is_among_all_checks():
    assert CHECK.id in {check.id for check in all_checks()}


@pytest.mark.slow
def test_a_page_that_is_in_order_passes():
    context, truth = specimen()
    result = run(context)
    assert (result.result, result.calibration) == ("passed", "expert-2026")
    assert result.llr < 0
    assert result.value > 2.45
    assert result.expected == (2.45, 3.0)
    x, y, width, height = truth["pages"][0]["boxes_mm"]["ghost"]
    assert result.region_mm.x + result.region_mm.width / 2 == pytest.approx(x + width / 2, abs=2)
    assert result.region_mm.y + result.region_mm.height / 2 == pytest.approx(y + height / 2, abs=2)


@pytest.mark.slow
def test_a_portrait_of_somebody_else_over_a_kept_ghost_fails():
    context, _ = specimen(forgery="F2", method="swap_ghost_kept")
    result = run(context)
    assert (result.result, result.message) == ("failed", "checks.GEN-ghost.differs")
    assert 1.5 <= result.llr <= 4


@pytest.mark.slow
def test_a_ghost_is_found_whoevers_face_the_portrait_shows():
    context, truth = specimen(forgery="F2", method="swap_ghost_kept")
    ghost = find_ghost(context.page, find_photo(context.page))
    x, _, width, _ = truth["pages"][0]["boxes_mm"]["ghost"]
    assert ghost is not None
    assert not ghost.by_portrait
    assert ghost.centre_mm[0] == pytest.approx(x + width / 2, abs=2)


@pytest.mark.slow
def test_a_page_without_a_ghost_is_undetermined():
    context, truth = specimen()
    at = box_px(context, truth, "ghost", 1.0)

    def without_ghost(image):
        image[at] = np.median(image.reshape(-1, 3), axis=0)
        return image

    assert run(with_visible(context, without_ghost)).message == "checks.GEN-ghost.no_ghost"
    plain, _ = specimen("QVL-P-1-2015")  # a series that has none
    assert run(plain).result == "undetermined"


@pytest.mark.slow
def test_something_round_and_dark_in_its_place_asks_for_a_look_at_most():
    context, truth = specimen()
    at = box_px(context, truth, "ghost", 1.0)

    def seal_for_ghost(image):
        ground = np.median(image.reshape(-1, 3), axis=0).astype(np.float32)
        part = np.broadcast_to(ground, image[at].shape).copy()
        middle = (part.shape[1] // 2, part.shape[0] // 2)
        cv2.circle(part, middle, part.shape[1] // 3, (ground * 0.6).tolist(), -1)
        image[at] = part
        return image

    result = run(with_visible(context, seal_for_ghost))
    assert result.result != "passed"
    assert result.llr <= 1.5  # a referral takes 3


@pytest.mark.slow
def test_every_missing_prerequisite_never_passes():
    context, _ = specimen()
    page = context.page
    blurred = QualityIssue("blurred", "visible", 900.0, 420.0, "um", (), "quality.blurred.visible")
    empty = with_visible(context, lambda image: np.full_like(image, 0.8))
    cases = [
        replace(context, page=None),
        replace(context, page=replace(page, images={"ir": page.images["ir"]})),
        replace(context, page=replace(page, dpi=150.0)),
        replace(context, page=replace(page, dpi=None)),
        replace(context, quality=replace(context.quality, issues=(blurred,))),
        empty,
    ]
    for case in cases:
        result = run_checks(case, [CHECK])[0]
        assert result.result in ("undetermined", "not_supported")
        assert result.llr == 0


@pytest.mark.slow
def test_the_head_is_found_in_a_portrait_whose_box_is_off():
    context, _ = specimen()
    photo = find_photo(context.page)
    wide = replace(photo, box=replace(photo.box, y=photo.box.y - 3, height=photo.box.height + 5))
    one, other = find_head(context.page, photo), find_head(context.page, wide)
    assert one.correlation > 0.6
    assert other.box.x == pytest.approx(one.box.x, abs=1.0)
    assert other.box.y == pytest.approx(one.box.y, abs=1.0)
