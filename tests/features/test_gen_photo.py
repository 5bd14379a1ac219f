"""GEN-photo, GEN-retouch and GEN-bands: a clean one passes, its own forgery fails, nothing passes by default."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cache

import numpy as np
import pytest

from dafec.capture import CapturedPage, decode_frame
from dafec.features.contract import CheckContext
from dafec.features.gen_bands import BandContradiction
from dafec.features.gen_photo import PhotoBorder
from dafec.features.gen_photo_place import find_photo
from dafec.features.gen_retouch import LocalContradiction
from dafec.features.registry import all_checks, run_checks
from dafec.messages import catalogue
from dafec.ocr.reader import OcrContext, read_frame
from dafec.page import Registration, find_pages
from dafec.quality import QualityIssue, assess_quality
from dafec.specimens.make import make_specimen
from dafec.specimens.plan import Request

PHOTO, RETOUCH, BANDS = PhotoBorder(), LocalContradiction(), BandContradiction()
SERIES = "QND-P-1-2017"


@cache
def specimen(forgery=None, method=None, difficulty=None):
    made = make_specimen(Request("one", SERIES, 5, forgery, "reader-b", 400, method=method, difficulty=difficulty))
    frames = {}
    for name, data in made.files.items():
        light = name.split(".")[0]
        if light in ("visible", "ir", "uv"):
            frames[light] = decode_frame(data, light, name=name)
    reads = read_frame(frames["visible"].pixels, context=OcrContext.load(threads=1)).reads
    page = find_pages(CapturedPage(frames), reads, None, most=1)[0]
    return CheckContext(page, {}, None, assess_quality(page), date(2026, 1, 1)), made.truth


def run(check, context):
    return run_checks(context, [check], time_limit_s=20)[0]


def changed(context, **changes):
    return replace(context, page=replace(context.page, **changes))


def without(context, light):
    return changed(context, images={k: v for k, v in context.page.images.items() if k != light})


def unregistered(context, light):
    lost = Registration((0.0, 0.0), 0.0, reliable=False)
    return changed(context, registration={**context.page.registration, light: lost})


def with_issue(context, kind, light):
    issue = QualityIssue(kind, light, 1.0, 0.5, "share", (), f"quality.{kind}.{light}")
    return replace(context, quality=replace(context.quality, issues=(*context.quality.issues, issue)))


def touches(result, truth):
    x, y = result.region_mm.x + result.region_mm.width / 2, result.region_mm.y + result.region_mm.height / 2
    corners = np.array(truth["forgery"]["regions"][0]["polygon_mm"])
    return bool((corners.min(axis=0) - 1.5 < (x, y)).all() and (corners.max(axis=0) + 1.5 > (x, y)).all())


def test_the_portrait_is_found_where_it_is():
    context, truth = specimen()
    place = find_photo(context.page)
    x, y, width, height = truth["pages"][0]["boxes_mm"]["portrait"]
    assert place is not None
    found = (place.box.x, place.box.y, place.box.x + place.box.width, place.box.y + place.box.height)
    assert found == pytest.approx((x, y, x + width, y + height), abs=1.2)


@pytest.mark.parametrize("check", [PHOTO, RETOUCH, BANDS], ids=lambda check: check.id)
def test_a_clean_document_passes(check):
    result = run(check, specimen()[0])
    assert (result.result, result.message) == ("passed", f"checks.{check.id}.passed")
    assert result.region_mm is not None
    assert result.llr <= 0
    assert result.calibration == "expert-2026"


@pytest.mark.parametrize(
    ("check", "forgery", "method"),
    [
        (PHOTO, "F1", "cut_and_replaced"),
        (PHOTO, "F1", "pasted_over"),
        (RETOUCH, "F3", "patch_pasted"),
    ],
    ids=lambda one: getattr(one, "id", one),
)
def test_its_own_forgery_fails(check, forgery, method):
    context, truth = specimen(forgery, method, 0.2)
    result = run(check, context)
    assert result.result == "failed", result
    assert touches(result, truth)
    assert 1.5 <= result.llr <= 4.0


def test_a_text_edited_in_visible_light_alone_fails():
    context, truth = specimen()
    x, y, width, height = truth["pages"][0]["boxes_mm"]["surname"]
    s = context.page.px_per_mm
    visible = context.page.images["visible"].copy()
    rows, columns = slice(int((y - 0.3) * s), int((y + height) * s)), slice(int((x - 0.3) * s), int((x + width) * s))
    visible[rows, columns] = visible[rows, columns][:, ::-1]  # other characters in the same ink on the same ground
    result = run(BANDS, changed(context, images={**context.page.images, "visible": visible}))
    assert (result.result, result.message) == ("failed", "checks.GEN-bands.differs")


def test_an_ink_that_fades_among_others_fails():
    context, truth = specimen()
    x, y, width, height = truth["pages"][0]["boxes_mm"]["surname"]
    s = context.page.px_per_mm
    infrared = context.page.images["ir"].copy()
    rows, columns = slice(int((y - 0.5) * s), int((y + height) * s)), slice(int((x - 1) * s), int((x + width + 1) * s))
    infrared[rows, columns] = np.quantile(infrared[rows, columns], 0.9)
    result = run(BANDS, changed(context, images={**context.page.images, "ir": infrared}))
    assert (result.result, result.message) == ("failed", "checks.GEN-bands.fades")


@pytest.mark.parametrize(
    ("check", "change", "reason"),
    [
        (PHOTO, lambda c: without(c, "visible"), "common.no_visible"),
        (PHOTO, lambda c: without(c, "uv"), "GEN-photo.no_uv"),
        (PHOTO, lambda c: unregistered(c, "uv"), "GEN-photo.unregistered"),
        (PHOTO, lambda c: with_issue(c, "repeats_visible", "uv"), "GEN-photo.exposure"),
        (PHOTO, lambda c: changed(c, dpi=100.0), "common.low_resolution"),
        (RETOUCH, lambda c: without(c, "visible"), "common.no_visible"),
        (RETOUCH, lambda c: with_issue(c, "blurred", "visible"), "GEN-retouch.blurred"),
        (RETOUCH, lambda c: changed(c, dpi=None), "common.unknown_resolution"),
        (BANDS, lambda c: without(c, "ir"), "common.no_ir"),
        (BANDS, lambda c: unregistered(c, "ir"), "GEN-bands.unregistered"),
        (BANDS, lambda c: with_issue(c, "repeats_visible", "ir"), "GEN-bands.not_infrared"),
        (BANDS, lambda c: with_issue(c, "blurred", "ir"), "GEN-bands.blurred"),
        (BANDS, lambda c: replace(c, page=None), "common.no_page"),
    ],
)
def test_a_missing_prerequisite_never_passes(check, change, reason):
    result = run(check, change(specimen()[0]))
    assert result.result in ("undetermined", "not_supported")
    assert result.message == f"checks.{reason}"
    assert result.llr == 0


@pytest.mark.parametrize("check", [PHOTO, RETOUCH, BANDS], ids=lambda check: check.id)
def test_an_empty_page_is_undetermined(check):
    context = specimen()[0]
    blank = {light: np.full_like(image, 0.8) for light, image in context.page.images.items()}
    assert run(check, changed(context, images=blank)).result == "undetermined"


@pytest.mark.parametrize("check", [PHOTO, RETOUCH, BANDS], ids=lambda check: check.id)
def test_a_check_that_breaks_is_aborted(check, monkeypatch):
    def broken(_):
        raise ValueError("broken")

    monkeypatch.setattr(type(check), "run", lambda self, context: broken(context))
    assert run(check, specimen()[0]).result == "aborted"


def test_the_checks_are_registered_and_have_texts():
    ids = {check.id for check in all_checks()}
    for check in (PHOTO, RETOUCH, BANDS):
        assert check.id in ids
        for language in ("en", "ar"):
            assert f"checks.{check.id}.name" in catalogue(language)
            assert f"checks.{check.id}.passed" in catalogue(language)
