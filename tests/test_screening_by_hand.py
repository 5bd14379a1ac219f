"""A zone that somebody read on the document and typed: the rules are judged by it, the print by the machine's read."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from dafec.capture import Capture, CapturedPage, Frame, load_capture
from dafec.report import Report, parse_report
from dafec.screening import ScreeningContext, screen_capture

SAMPLES = Path(__file__).parents[1] / "sample_docs"
DIGITS = ("MRZ-digit-birth_date", "MRZ-digit-composite")


@pytest.fixture(scope="module")
def context() -> ScreeningContext:
    return replace(ScreeningContext.load(), today=date(2026, 6, 1))


def digit_of(text: str) -> str:
    """The check digit by the weights 7, 3, 1 (Doc 9303-3 section 4.9)."""
    values = [0 if char == "<" else int(char, 36) for char in text]
    return str(sum(value * (7, 3, 1)[at % 3] for at, value in enumerate(values)) % 10)


def results(report: Report, *ids: str) -> list[str]:
    return [next(check.result for check in report.checks if check.id == wanted) for wanted in ids]


@pytest.fixture(scope="module")
def forged() -> Capture:
    return load_capture(SAMPLES / "td3-forged-birth")


def test_rules_are_judged_by_what_was_typed_and_the_print_by_the_machines_read(
    context: ScreeningContext, forged: Capture
) -> None:
    first = screen_capture(forged, context)
    assert results(first, *DIGITS) == ["failed", "failed"]
    line = first.mrz.lines[1][:19] + "3" + first.mrz.lines[1][20:43]
    typed = [first.mrz.lines[0], line + digit_of(line[0:10] + line[13:20] + line[21:43])]
    again = screen_capture(forged, context, zone=typed)
    assert again.mrz.lines == typed
    assert (again.mrz.status, again.mrz.alternatives) == ("read", [])
    assert results(again, *DIGITS) == ["passed", "passed"]
    kept = ("MRZ-found", "MRZ-lights", "GEN-type", "IR-AB-MR", "UV-BR-MR")
    assert results(again, *kept) == results(first, *kept)
    assert again.readings[0].lines == first.mrz.lines  # what the machine read stays on record
    assert "zone_by_hand" in again.verdict.notes
    assert "zone_by_hand" not in first.verdict.notes
    assert parse_report(again.to_json()) == again


def test_a_line_of_another_length_is_judged_as_typed(context: ScreeningContext, forged: Capture) -> None:
    again = screen_capture(forged, context, zone=["P<UTOERIKSSON<<ANNA", "L898902C36UTO"])
    assert again.mrz.outcome == "invalid"
    assert again.verdict.level in ("look", "refer")


def test_a_zone_the_machine_did_not_find_can_be_typed(context: ScreeningContext) -> None:
    blank = Frame("visible", np.full((704, 1000, 3), 230, np.uint8), 8, None, None, "0" * 64, "image/png")
    capture = Capture("blank", (CapturedPage({"visible": blank}),))
    zone = ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"]
    report = screen_capture(capture, context, zone=zone)
    assert report.mrz.outcome in ("valid", "valid_note")
    assert report.mrz.corners_px is None
    assert results(report, *DIGITS) == ["passed", "passed"]
    assert results(report, "MRZ-found") != ["passed"]  # the machine found none, whatever was typed
    assert report.readings == []
