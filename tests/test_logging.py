"""Nothing personal reaches a log, whatever a caller hands in."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pytest
import structlog

from dafec.logging import WITHHELD, configure_logging


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    out = io.StringIO()
    configure_logging(stream=out)
    yield out
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_allowed_fields_stay(stream: io.StringIO) -> None:
    structlog.get_logger().info("screened", elapsed_ms=12.5, verdict="refer", checks=["IR-AB-MR"], count=None)
    (event,) = lines(stream)
    assert event.pop("timestamp").endswith("Z")
    assert event == {
        "event": "screened",
        "level": "info",
        "elapsed_ms": 12.5,
        "verdict": "refer",
        "checks": ["IR-AB-MR"],
        "count": None,
    }


@pytest.mark.parametrize("name", ["name", "mrz", "lines", "document_number", "birth_date", "file", "details", "query"])
def test_any_other_field_is_withheld(stream: io.StringIO, name: str) -> None:
    structlog.get_logger().warning("found", **{name: "ERIKSSON<<ANNA"})
    assert "ERIKSSON" not in stream.getvalue()
    assert lines(stream)[0][name] == WITHHELD


def test_exceptions_are_named_and_placed_but_not_quoted(stream: io.StringIO) -> None:
    try:
        raise ValueError("L898902C36UTO7408122F")
    except ValueError:
        structlog.get_logger().exception("check_aborted", check="MRZ-dates")
    (event,) = lines(stream)
    assert event["error"] == "ValueError"
    assert event["at"].startswith("test_logging:")
    assert "L898902C36" not in stream.getvalue()


def test_long_values_are_cut_and_lines_cannot_be_forged(stream: io.StringIO) -> None:
    structlog.get_logger().info("x", path="a\n{}" + "b" * 1000)
    assert len(stream.getvalue().splitlines()) == 1
    assert len(lines(stream)[0]["path"]) == 200


def test_debug_is_off_by_default(stream: io.StringIO) -> None:
    structlog.get_logger().debug("detail")
    assert stream.getvalue() == ""
