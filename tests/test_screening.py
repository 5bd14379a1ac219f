import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import cv2
import jsonschema
import numpy as np
import pytest
from numpy.typing import NDArray

from dafec import screening
from dafec.capture import Capture, CapturedPage, Frame, Light, load_capture
from dafec.errors import InstallationError
from dafec.features.contract import CheckContext, CheckResult
from dafec.models.runtime import Session
from dafec.ocr.types import MrzRead
from dafec.report import Report, parse_report, report_schema
from dafec.screening import ScreeningContext, screen_capture

SAMPLES = Path(__file__).parents[1] / "sample_docs"
TODAY = date(2026, 6, 1)


@pytest.fixture(scope="module")
def context() -> ScreeningContext:
    return replace(ScreeningContext.load(), today=TODAY)


@pytest.fixture(scope="module")
def arabic() -> Capture:
    return load_capture(SAMPLES / "td3-arabic")


def only(capture: Capture, *lights: Light) -> Capture:
    page = capture.pages[0]
    return Capture(capture.name, (CapturedPage({light: page.frames[light] for light in lights}),))


def of_pixels(pixels: NDArray[np.uint8]) -> Capture:
    frame = Frame("visible", pixels, 8, None, None, "0" * 64, "image/png")
    return Capture("drawn", (CapturedPage({"visible": frame}),))


def result_of(report: Report, check: str) -> str:
    return next(found.result for found in report.checks if found.id == check)


def test_the_report_fits_its_schema_and_tells_all_that_is_needed_to_repeat_it(
    context: ScreeningContext, arabic: Capture
) -> None:
    report = screen_capture(arabic, context)
    jsonschema.Draft202012Validator(report_schema()).validate(report.to_dict())
    assert parse_report(report.to_json()) == report
    assert report.date == "2026-06-01"
    assert set(report.software.models) >= {
        "mrz_detector",
        "mrz_lines",
        "mrz_reader",
    }  # and what this process has loaded
    assert [frame.light for frame in report.capture.pages[0].frames] == ["visible", "ir", "uv"]
    assert report.verdict.made + report.verdict.not_possible == len(report.checks)
    assert {"read", "page", "checks", "total"} <= set(report.timings_ms)
    assert [(reading.light, reading.agrees) for reading in report.readings] == [("visible", True), ("ir", True)]
    assert report.other_zones == []


def test_the_same_capture_gives_the_same_report(context: ScreeningContext, arabic: Capture) -> None:
    one, other = (screen_capture(arabic, context).to_dict() for _ in range(2))
    for name in ("id", "created", "timings_ms"):
        assert one.pop(name) != other.pop(name) or name == "timings_ms"
    assert one == other


def test_the_day_decides_what_has_expired(context: ScreeningContext, arabic: Capture) -> None:
    later = replace(context, today=date(2035, 1, 1))
    assert result_of(screen_capture(arabic, context), "MRZ-expiry") == "passed"
    assert result_of(screen_capture(arabic, later), "MRZ-expiry") == "failed"


def test_a_missing_band_is_not_supported_and_never_silence(context: ScreeningContext, arabic: Capture) -> None:
    open_policy = replace(context, policy=replace(context.policy, no_anomaly_with_unknown_series=True))
    assert screen_capture(arabic, open_policy).verdict.level == "no_anomaly"
    without = screen_capture(only(arabic, "visible", "uv"), open_policy)
    assert result_of(without, "IR-AB-MR") == "not_supported"
    assert without.verdict.level == "look"
    assert "no_ir" in without.verdict.notes


def test_an_infrared_frame_alone_is_read(context: ScreeningContext, arabic: Capture) -> None:
    report = screen_capture(only(arabic, "ir"), context)
    assert report.mrz.status in ("read", "uncertain")
    assert [reading.light for reading in report.readings] == ["ir"]


@pytest.mark.parametrize("shade", [0, 127, 255])
def test_an_empty_picture_is_not_checked(context: ScreeningContext, shade: int) -> None:
    report = screen_capture(of_pixels(np.full((600, 800, 3), shade, np.uint8)), context)
    assert report.verdict.level == "not_checked"
    assert report.mrz.status == "not_found"
    assert report.mrz.lines == []
    assert {"no_mrz", "no_page"} <= set(report.verdict.notes)


def test_two_documents_on_the_glass_give_one_report_and_a_note(context: ScreeningContext) -> None:
    upper, lower = (
        cv2.cvtColor(cv2.imread(str(SAMPLES / name / "visible.jpg")), cv2.COLOR_BGR2RGB)
        for name in ("td3-arabic", "td3-forged-paper")
    )
    width = max(upper.shape[1], lower.shape[1])
    both = np.vstack(
        [cv2.copyMakeBorder(i, 40, 40, 0, width - i.shape[1], cv2.BORDER_REPLICATE) for i in (upper, lower)]
    )
    report = screen_capture(of_pixels(np.asarray(both, np.uint8)), context)
    truths = {s["id"]: s["mrz"] for s in json.loads((SAMPLES / "manifest.json").read_text())["samples"]}
    shown = [report.mrz.lines, *(zone.lines for zone in report.other_zones)]
    assert sorted(shown) == sorted([truths["td3-arabic"], truths["td3-forged-paper"]])
    assert "several_documents" in report.verdict.notes


def test_the_page_with_the_zone_is_the_document(context: ScreeningContext, arabic: Capture) -> None:
    blank = of_pixels(np.full((600, 800, 3), 200, np.uint8)).pages[0]
    report = screen_capture(Capture("two", (blank, arabic.pages[0])), context)
    assert report.document.page == 1
    assert len(report.capture.pages) == 2
    assert report.mrz.status == "read"


def test_both_sides_of_a_card_are_screened_and_held_against_each_other(context: ScreeningContext) -> None:
    report = screen_capture(load_capture(SAMPLES / "td1-both-sides"), context)
    assert [(side.page, side.has_zone) for side in report.document.sides] == [(1, True), (0, False)]
    assert report.document.sides[1].format == "TD1"
    front = {check.id: check for check in report.checks if check.side == 1 and not check.id.startswith("VIZ-")}
    assert {check.page for check in front.values()} == {0}
    assert {"GEN-print", "GEN-copy", "GEN-photo", "GEN-ghost", "GEN-retouch", "GEN-bands", "UV-BR-FU"} <= set(front)
    assert front["GEN-photo"].result == "passed"
    assert front["GEN-photo"].region_mm is not None
    assert not any(check.startswith("MRZ-") for check in front)
    compared = next(check for check in report.checks if check.id == "VIZ-SIDES")
    assert (compared.result, compared.side, compared.page) == ("passed", 1, 0)
    assert report.verdict.made + report.verdict.not_possible == len(report.checks)
    assert parse_report(report.to_json()) == report


def test_a_finding_on_the_other_side_alone_counts(context: ScreeningContext) -> None:
    capture = load_capture(SAMPLES / "td1-both-sides")
    front = capture.pages[0]
    uv = front.frames["uv"]
    shining = np.clip(uv.pixels.astype(np.float32) * 0.35 + np.array([120, 130, 165], np.float32), 0, 255)
    changed = CapturedPage({**front.frames, "uv": replace(uv, pixels=shining.astype(np.uint8))})
    report = screen_capture(Capture("card", (changed, capture.pages[1])), context)
    failed = {(check.id, check.side) for check in report.checks if check.result == "failed"}
    assert {("UV-BR-FU", 1), ("VIZ-SIDES", 1)} <= failed
    assert ("UV-BR-FU", 0) not in failed
    assert report.verdict.level in ("look", "refer")


def test_both_sides_on_one_glass_are_screened(context: ScreeningContext) -> None:
    pages = load_capture(SAMPLES / "td1-both-sides").pages
    front, back = (page.frames["visible"].pixels for page in pages)
    glass = np.full((front.shape[0] + back.shape[0] + 500, front.shape[1] + 400, 3), 30, np.uint8)
    glass[150 : 150 + front.shape[0], 200 : 200 + front.shape[1]] = front
    lower = 350 + front.shape[0]
    glass[lower : lower + back.shape[0], 200 : 200 + back.shape[1]] = back
    frame = Frame("visible", glass, 8, 300.0, "file", "0" * 64, "image/png")
    report = screen_capture(Capture("glass", (CapturedPage({"visible": frame}),)), context)
    sides = [(side.page, side.has_zone, side.format) for side in report.document.sides]
    assert sides == [(0, True, "TD1"), (0, False, "TD1")]
    assert any(check.side == 1 and check.result == "passed" for check in report.checks)


def uncertain(monkeypatch: pytest.MonkeyPatch) -> None:
    original = screening.read_frame

    def doubtful(pixels: Any, **given: Any) -> Any:
        frame = original(pixels, **given)
        return replace(frame, reads=tuple(replace(read, status="uncertain") for read in frame.reads))

    monkeypatch.setattr(screening, "read_frame", doubtful)


@pytest.mark.parametrize(
    ("change", "differ"),
    [(lambda lines: lines, False), (lambda lines: (lines[0], lines[1][:-1] + "7"), True), (lambda lines: None, False)],
)
def test_the_second_reader_is_asked_where_the_first_is_unsure(
    context: ScreeningContext,
    arabic: Capture,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[tuple[str, ...]], tuple[str, ...] | None],
    differ: bool,
) -> None:
    uncertain(monkeypatch)
    monkeypatch.setattr(screening, "second_read", lambda pixels, read: change(read.texts))
    report = screen_capture(arabic, context)
    assert ("readings_differ" in report.verdict.notes) == differ
    second = [reading for reading in report.readings if reading.reader == "second"]
    assert len(second) == (0 if change(("a", "bc")) is None else 1)
    expected = "undetermined" if differ else "passed" if second else "not_supported"
    assert result_of(report, "MRZ-second_reader") == expected


def test_the_second_reader_is_not_asked_where_the_first_is_sure(
    context: ScreeningContext, arabic: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(pixels: object, read: MrzRead) -> None:
        raise AssertionError("asked")

    monkeypatch.setattr(screening, "second_read", asked)
    assert screen_capture(arabic, context).mrz.status == "read"


class BrokenSession:
    """A runtime that answers with numbers that are none, or not at all."""

    def __init__(self, session: Session, *, raises: bool) -> None:
        self.session, self.raises = session, raises

    def get_inputs(self) -> Any:
        return self.session.raw.get_inputs()

    def run(self, outputs: Any, feed: Any) -> Any:
        if self.raises:
            raise RuntimeError("out of memory")
        return [np.full_like(np.asarray(value), np.nan) for value in self.session.raw.run(outputs, feed)]


@pytest.mark.parametrize("model", ["detector", "line_finder", "recogniser"])
@pytest.mark.parametrize("raises", [True, False], ids=["raises", "nan"])
def test_a_model_that_breaks_leaves_its_checks_aborted_and_the_document_unchecked(
    context: ScreeningContext, arabic: Capture, model: str, raises: bool
) -> None:
    session: Session = getattr(context.ocr, model)
    broken = replace(session, raw=BrokenSession(session, raises=raises))
    patched = replace(context, ocr=replace(context.ocr, **{model: broken}))
    report = screen_capture(arabic, patched)
    assert report.verdict.level == "not_checked"
    assert {check.result for check in report.checks if check.id.startswith("MRZ-")} == {"aborted"}
    assert result_of(report, "IR-AB-MR") == "aborted"
    assert result_of(report, "UV-BR-FU") == "passed"


def test_a_broken_model_does_not_hide_a_finding(context: ScreeningContext) -> None:
    session = context.ocr.recogniser
    broken = replace(session, raw=BrokenSession(session, raises=True))
    report = screen_capture(
        load_capture(SAMPLES / "td3-forged-paper"), replace(context, ocr=replace(context.ocr, recogniser=broken))
    )
    assert report.verdict.level == "refer"
    assert "UV-BR-FU" in report.verdict.reasons


def test_an_installation_that_is_broken_is_an_error(
    context: ScreeningContext, arabic: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(pixels: object, **given: object) -> None:
        raise InstallationError("models.missing", name="mrz_reader", file="mrz_reader.onnx")

    monkeypatch.setattr(screening, "read_frame", missing)
    with pytest.raises(InstallationError):
        screen_capture(arabic, context)


class Odd:
    """A check that does what no check may."""

    id = "GEN-odd"
    version = 1
    lights: tuple[Light, ...] = ()
    min_dpi = 0.0
    needs_series = False

    def __init__(self, run: Callable[[CheckContext], CheckResult]) -> None:
        self.run = run


@pytest.mark.parametrize(
    "run",
    [
        lambda context: 1 / 0,
        lambda context: CheckResult("GEN-odd", 1, "passed", value=float("nan")),
        lambda context: CheckResult("GEN-odd", 1, "passed", llr=float("-inf")),
        lambda context: CheckResult("GEN-other", 1, "passed"),
        lambda context: None,
    ],
)
def test_a_check_that_misbehaves_is_aborted_and_bars_silence(
    context: ScreeningContext, arabic: Capture, run: Callable[[CheckContext], CheckResult]
) -> None:
    policy = replace(context.policy, no_anomaly_with_unknown_series=True)
    report = screen_capture(arabic, replace(context, policy=policy, checks=(*context.checks, Odd(run))))
    assert result_of(report, "GEN-odd") == "aborted"
    assert report.verdict.level == "look"
    assert "GEN-odd" in report.verdict.reasons
