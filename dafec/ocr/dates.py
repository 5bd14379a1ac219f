"""Dates of the zone: two-digit years, unknown parts, impossible days.

The standard does not resolve two-digit years. Here a birth is the latest day that is past and not after the document's
expiry; an expiry lies within fifty years of today. 29 February decides the century by itself where it can (2000 was a
leap year, 1900 was not). ``<`` stands for an unknown year, month or day of birth (Doc 9303-3 section 4.8); an expiry is
always complete.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date

__all__ = ["DateReading", "read_birth_date", "read_expiry_date", "years_before"]

#: Ages above which a birth date is remarked on, and above which it is a fault.
_OLD_AGE = 100
_IMPOSSIBLE_AGE = 120

#: No travel document runs longer than this many years ahead.
_LONGEST_AHEAD = 20

_WINDOW = 50

_LEAP_YEAR = 2000


@dataclass(frozen=True, slots=True)
class DateReading:
    """One date field, read."""

    iso: str | None  # "1974-08-12", with XX or XXXX for unknown parts; None where it is no date
    day: date | None  # only where every part is known
    fault: str | None = None  # remark code
    note: str | None = None  # remark code


def years_before(day: date, years: int) -> date:
    """The same day ``years`` earlier; 28 February for a 29 February that does not exist."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)


def _split(raw: str) -> tuple[int | None, int | None, int | None] | None:
    """Year, month, day; None for a part of fillers; None for all where a part is neither digits nor fillers."""
    parts: list[int | None] = []
    for part in (raw[0:2], raw[2:4], raw[4:6]):
        if part == "<<":
            parts.append(None)
        elif part.isascii() and part.isdigit():
            parts.append(int(part))
        else:
            return None
    return parts[0], parts[1], parts[2]


def _exists(year: int, month: int | None, day: int | None) -> bool:
    if month is not None and not 1 <= month <= 12:
        return False
    if day is None:
        return True
    return 1 <= day <= (31 if month is None else monthrange(year, month)[1])


def _iso(year: int | None, month: int | None, day: int | None) -> str:
    return "-".join(
        (
            "XXXX" if year is None else f"{year:04d}",
            "XX" if month is None else f"{month:02d}",
            "XX" if day is None else f"{day:02d}",
        )
    )


def _earliest(year: int, month: int | None, day: int | None) -> date:
    """The first day a partly unknown date can mean."""
    return date(year, month or 1, day or 1)


def read_birth_date(raw: str, today: date, expiry: date | None) -> DateReading:
    """Reads a date of birth.

    Args:
        raw: six characters, YYMMDD.
        today: the day of the screening.
        expiry: the document's expiry where it is known; nobody is born after it.
    """
    parts = _split(raw)
    if parts is None:
        return DateReading(None, None, fault="birth_date_malformed")
    short, month, day = parts
    note = "unknown_birth_date" if None in parts else None
    if short is None:
        if not _exists(_LEAP_YEAR, month, day):
            return DateReading(None, None, fault="birth_date_impossible")
        return DateReading(_iso(None, month, day), None, note=note)
    latest = today if expiry is None else min(today, expiry)
    century = today.year - today.year % 100
    years = [century + short - back for back in (0, 100, 200)]
    real = [year for year in years if _exists(year, month, day)]
    if not real:
        return DateReading(None, None, fault="birth_date_impossible")
    past = [year for year in real if _earliest(year, month, day) <= latest]
    if not past:
        return DateReading(None, None, fault="birth_date_in_future")
    year = past[0]
    age = today.year - year
    fault = "age_impossible" if age > _IMPOSSIBLE_AGE else None
    if age > _OLD_AGE and note is None:
        note = "age_over_100"
    whole = None if month is None or day is None else date(year, month, day)
    return DateReading(_iso(year, month, day), whole, fault, note)


def read_expiry_date(raw: str, today: date) -> DateReading:
    """Reads a date of expiry.

    Args:
        raw: six characters, YYMMDD.
        today: the day of the screening.
    """
    parts = _split(raw)
    if parts is None:
        return DateReading(None, None, fault="expiry_date_malformed")
    short, month, day = parts
    if short is None or month is None or day is None:
        return DateReading(None, None, fault="expiry_date_unknown")
    century = today.year - today.year % 100
    years = [century + short + shift for shift in (0, 100, -100)]
    near = [y for y in years if -_WINDOW <= y - today.year < _WINDOW and _exists(y, month, day)]
    if not near:
        return DateReading(None, None, fault="expiry_date_impossible")
    found = date(near[0], month, day)
    note = "expiry_implausible" if found.year - today.year > _LONGEST_AHEAD else None
    return DateReading(found.isoformat(), found, note=note)
