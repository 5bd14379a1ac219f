"""Two-digit years, unknown parts and impossible days."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dafec.ocr.dates import read_birth_date, read_expiry_date, years_before

TODAY = date(2026, 6, 1)


@given(st.dates(date(1927, 1, 1), TODAY))
def test_births_of_a_century_read_back(day: date) -> None:
    reading = read_birth_date(day.strftime("%y%m%d"), TODAY, None)
    assert (reading.day, reading.fault, reading.note) == (day, None, None)


@given(st.dates(date(1990, 1, 1), date(2046, 12, 31)))
def test_expiries_near_today_read_back(day: date) -> None:
    reading = read_expiry_date(day.strftime("%y%m%d"), TODAY)
    assert (reading.day, reading.fault, reading.note) == (day, None, None)


@given(st.text("0123456789<A", min_size=6, max_size=6))
def test_a_reading_is_a_date_or_a_fault(raw: str) -> None:
    for reading in (read_birth_date(raw, TODAY, None), read_expiry_date(raw, TODAY)):
        assert (reading.iso is None) == (reading.fault is not None and reading.fault != "age_impossible")


@pytest.mark.parametrize(
    ("raw", "expiry", "iso", "fault", "note"),
    [
        ("260601", None, "2026-06-01", None, None),
        ("260602", None, "1926-06-02", None, None),
        ("200101", date(1998, 1, 1), "1920-01-01", None, "age_over_100"),
        ("000229", None, "2000-02-29", None, None),
        ("000229", date(1998, 1, 1), None, "birth_date_in_future", None),
        ("010229", None, None, "birth_date_impossible", None),
        ("<<0230", None, None, "birth_date_impossible", None),
        ("<<0229", None, "XXXX-02-29", None, "unknown_birth_date"),
        ("<<<<31", None, "XXXX-XX-31", None, "unknown_birth_date"),
        ("26<<<<", None, "2026-XX-XX", None, "unknown_birth_date"),
        ("27<<<<", None, "1927-XX-XX", None, "unknown_birth_date"),
        ("8502<4", None, None, "birth_date_malformed", None),
        ("٨٥٠٢١٤", None, None, "birth_date_malformed", None),
    ],
)
def test_births(raw: str, expiry: date | None, iso: str | None, fault: str | None, note: str | None) -> None:
    reading = read_birth_date(raw, TODAY, expiry)
    assert (reading.iso, reading.fault, reading.note) == (iso, fault, note)


@pytest.mark.parametrize(
    ("raw", "iso", "fault", "note"),
    [
        ("991231", "1999-12-31", None, None),
        ("461231", "2046-12-31", None, None),
        ("470101", "2047-01-01", None, "expiry_implausible"),
        ("751231", "2075-12-31", None, "expiry_implausible"),
        ("760101", "1976-01-01", None, None),
        ("280229", "2028-02-29", None, None),
        ("300229", None, "expiry_date_impossible", None),
        ("<<<<<<", None, "expiry_date_unknown", None),
        ("3106<<", None, "expiry_date_unknown", None),
        ("3I0601", None, "expiry_date_malformed", None),
    ],
)
def test_expiries(raw: str, iso: str | None, fault: str | None, note: str | None) -> None:
    reading = read_expiry_date(raw, TODAY)
    assert (reading.iso, reading.fault, reading.note) == (iso, fault, note)


def test_nobody_is_two_hundred_years_old() -> None:
    reading = read_birth_date("050601", TODAY, date(1904, 1, 1))
    assert (reading.iso, reading.fault) == ("1805-06-01", "age_impossible")


def test_years_before_a_leap_day() -> None:
    assert years_before(date(2028, 2, 29), 10) == date(2018, 2, 28)
    assert years_before(date(2028, 2, 29), 8) == date(2020, 2, 29)
