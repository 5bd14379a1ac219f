"""GEN-print and GEN-copy on synthetic documents: a clean one passes, its forgery fails, nothing passes by default."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cache

import numpy as np
import pytest

from dafec.capture import CapturedPage, decode_frame
from dafec.features.contract import CheckContext
from dafec.features.gen_copy import Recapture
from dafec.features.gen_copy_measure import measure_colour, measure_grid
from dafec.features.gen_print import PrintProcess
from dafec.features.gen_print_measure import measure_print
from dafec.features.gen_print_score import LLR_CAP, Score
from dafec.features.registry import all_checks, run_checks
from dafec.messages import catalogue
from dafec.page import find_pages
from dafec.quality import QualityIssue, assess_quality
from dafec.specimens.make import make_specimen
from dafec.specimens.plan import Request

PRINT, COPY = PrintProcess(), Recapture()


@cache
def specimen(forgery=None, method=None):
    made = make_specimen(
        Request(
            "one", "QVL-P-2-2024", 5, forgery, "reader-c", 400, method=method, difficulty=None, lights=("visible", "ir")
        )
    )
    frames = {}
    for name, data in made.files.items():
        light = name.split(".")[0]
        if light in ("visible", "ir"):
            frames[light] = decode_frame(data, light, name=name)
    page = find_pages(CapturedPage(frames), [], None, most=1)[0]
    return CheckContext(page, {}, None, assess_quality(page), date(2026, 1, 1))


def changed(context, **changes):
    return replace(context, page=replace(context.page, **changes))


def with_image(context, function, light="visible"):
    images = dict(context.page.images)
    images[light] = np.asarray(function(images[light]), np.float32)
    return changed(context, images=images)


def grey(image):
    return np.repeat(image.mean(axis=2, keepdims=True), 3, axis=2) * np.float32([1.0, 0.98, 0.95])


def lattice(height=900, width=1300, period=2.7, angle=0.6, depth=0.15):
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    dots = np.cos(2 * np.pi * u / period) + np.cos(2 * np.pi * v / period)
    return np.repeat((0.6 + depth * dots)[:, :, None], 3, axis=2).astype(np.float32)


def page_with(image):
    """The specimen's page showing another picture at 400 dpi."""
    return replace(specimen().page, images={"visible": image}, px_per_mm=400 / 25.4)


def unreadable(context, kind="blurred"):
    issue = QualityIssue(kind, "visible", 900.0, 420.0, "um", (), f"quality.{kind}.visible")
    return replace(context, quality=replace(context.quality, issues=(issue,)))


def test_both_are_among_all_checks():
    assert {"GEN-print", "GEN-copy"} <= {check.id for check in all_checks()}


@pytest.mark.slow
def test_a_genuine_page_passes_both():
    for check in (PRINT, COPY):
        result = check.run(specimen())
        assert (result.id, result.result) == (check.id, "passed")
        assert -0.5 < result.llr < 0
        assert result.calibration == "synthetic-2026"
        assert result.value is not None
        assert result.unit
        assert result.expected
        assert result.region_mm


@pytest.mark.slow
@pytest.mark.parametrize(
    ("forgery", "method", "reason"),
    [
        ("C1", "dye_on_office_paper", "drops"),
        ("C2", "production_laser", "screen"),
        ("P2", "grey_laser_copy", "screen"),
        ("P2", "colour_inkjet_copy", "drops"),
    ],
)
def test_a_page_printed_again_is_made_of_dots(forgery, method, reason):
    result = PRINT.run(specimen(forgery, method))
    assert result.result == "failed"
    assert result.message == f"checks.GEN-print.{reason}"
    assert 1.0 < result.llr <= LLR_CAP


@pytest.mark.slow
@pytest.mark.parametrize("method", ["monitor", "tablet"])
def test_a_screen_is_seen_by_its_pixels(method):
    result = COPY.run(specimen("P1", method))
    assert result.result == "failed"
    assert result.message == "checks.GEN-copy.screen"
    assert result.llr > 3


@pytest.mark.slow
def test_a_grey_copy_in_toner_is_the_same_in_infrared():
    result = COPY.run(specimen("P2", "grey_laser_copy"))
    assert result.result == "failed"
    assert result.message == "checks.GEN-copy.toner"


@pytest.mark.slow
def test_grey_by_itself_does_not_refer():
    context = with_image(specimen(), grey)
    images = {"visible": context.page.images["visible"]}
    result = COPY.run(changed(context, images=images))
    assert (result.result, result.message) == ("failed", "checks.GEN-copy.grey")
    assert 0 < result.llr < 3


@pytest.mark.slow
def test_what_is_missing_is_never_a_pass():
    context = specimen()
    only_ir = changed(context, images={"ir": context.page.images["ir"]})
    nobody = replace(context, page=None)
    for check in (PRINT, COPY):
        for missing in (nobody, only_ir):
            assert check.run(missing).result == "not_supported"
            assert run_checks(missing, [check])[0].result == "not_supported"
    for dpi in (None, 300.0):
        assert run_checks(changed(context, dpi=dpi), [PRINT])[0].result == "not_supported"
    assert PRINT.run(unreadable(context)).message == "checks.GEN-print.blurred"
    assert COPY.run(changed(context, dpi=None)).message == "checks.GEN-copy.coarse"
    assert COPY.run(changed(context, outline_source="frame")).message == "checks.GEN-copy.no_outline"
    tiny = with_image(context, lambda image: image[:100, :120])
    assert PRINT.run(tiny).message == "checks.GEN-print.too_small"
    assert COPY.run(tiny).message == "checks.GEN-copy.too_small"
    blank = with_image(context, lambda image: 0.7 + 0.001 * image)
    assert PRINT.run(blank).message == "checks.GEN-print.faint"


@pytest.mark.slow
def test_without_colour_nothing_is_said_of_grey():
    one_channel = with_image(specimen(), lambda image: image.mean(axis=2))
    copies = with_image(specimen(), lambda image: np.repeat(image[:, :, :1], 3, axis=2))
    for context in (one_channel, copies):
        assert COPY.run(context).message == "checks.GEN-copy.no_colour"


@pytest.mark.slow
def test_infrared_that_shows_nothing_asks_for_a_look_and_does_not_fail():
    result = COPY.run(with_image(specimen(), lambda image: 0.05 + 0 * image, "ir"))
    assert (result.result, result.message) == ("undetermined", "checks.GEN-copy.dark")
    assert 0 < result.llr < 3


@pytest.mark.slow
def test_a_value_that_is_no_number_becomes_aborted():
    broken = with_image(specimen(), lambda image: image * np.nan)
    for check in (PRINT, COPY):
        assert run_checks(broken, [check])[0].result in ("aborted", "undetermined")


@pytest.mark.parametrize("period", [2.3, 2.7, 3.0])
def test_a_screen_is_measured_at_its_frequency(period):
    found = measure_print(page_with(lattice(period=period)))
    assert found is not None
    assert found.fine_peak > 3
    assert found.fine_lpi == pytest.approx(400 / period, abs=7)  # a bin of the spectrum


def test_noise_has_no_order_and_lines_have():
    rng = np.random.default_rng(3)
    noise = (0.5 + 0.2 * rng.standard_normal((900, 1300, 3))).astype(np.float32)
    found = measure_print(page_with(noise))
    assert found is not None
    assert found.order < 1.0


def test_stripes_of_three_colours_are_out_of_phase_and_grey_ones_are_not():
    x = np.arange(1300, dtype=np.float32)
    wave = [0.5 + 0.3 * np.cos(2 * np.pi * (x / 4.3 - place / 3)) for place in range(3)]
    coloured = np.broadcast_to(np.stack(wave, axis=1)[None], (900, 1300, 3)).astype(np.float32)
    same = np.repeat(coloured[:, :, :1], 3, axis=2)
    assert measure_grid(page_with(coloured)) == pytest.approx(0.87, abs=0.03)
    assert measure_grid(page_with(same)) < 0.05
    assert measure_grid(page_with(same[:, :, 0])) is None
    assert measure_colour(page_with(same[:, :, 0])) is None


def test_ratios_are_capped_and_grow_from_genuine_to_forged():
    score = Score((1.0, 0.3), (4.0, 1.0), 8.0)
    ratios = [score.llr(value) for value in (1.0, 2.0, 3.0, 4.0)]
    assert ratios == sorted(ratios)
    assert all(abs(ratio) <= LLR_CAP for ratio in ratios)
    assert score.llr(1.0) < 0 < score.llr(4.0)


@pytest.mark.parametrize("language", ["en", "ar"])
def test_every_message_is_in_both_languages(language):
    known = catalogue(language)
    for check, reasons in (
        ("GEN-print", ("name", "passed", "screen", "drops", "unclear", "faint", "blurred", "too_small", "no_page")),
        ("GEN-copy", ("name", "passed", "screen", "grey", "toner", "dark", "pale", "unclear", "coarse", "no_colour")),
    ):
        assert all(f"checks.{check}.{reason}" in known for reason in reasons)
