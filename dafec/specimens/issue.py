"""Issuing: one document of a series for one invented person, with every text on it.

The zone follows Doc 9303-3 to 9303-7, its check digits are right, and the visual zone says the same as the zone.
Everything depends on the series and the seed alone. Days lie between the series' first and last day, so some documents
have expired by now and some have not.
"""

from __future__ import annotations

import zlib
from dataclasses import replace
from datetime import date, timedelta

import numpy as np

from dafec.errors import InstallationError
from dafec.ocr.check_digits import expected_digit
from dafec.ocr.layouts import layout_of
from dafec.ocr.states import find_state
from dafec.specimens.model import Issue, Person
from dafec.specimens.persons import NameScript, cultures, invent_person
from dafec.specimens.series import NumberRule, Series, load_series, series_codes

__all__ = ["follows_rule", "issue_document", "make_mrz"]

_STREAM_PERSON, _STREAM_DAYS, _STREAM_NUMBER, _STREAM_PRINT, _STREAM_VISA, _STREAM_HOLDER = 11, 12, 13, 14, 15, 16

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_MOD11 = "0123456789X"


def _check_character(text: str, check: str) -> str:
    """The check character of a number so far, by the rule's ``check``."""
    if check == "731":
        return expected_digit(text) or "0"
    values = [int(char, 36) for char in text]
    if check == "mod11":
        return _MOD11[sum(value * weight for weight, value in enumerate(reversed(values), start=2)) % 11]
    if check == "luhn":
        doubled = [2 * value if at % 2 == 0 else value for at, value in enumerate(reversed(values))]
        return str(-sum(value // 10 + value % 10 for value in doubled) % 10)
    raise InstallationError("specimens.series_unreadable", name=check)


def _number(rng: np.random.Generator, rule: NumberRule) -> str:
    written = ""
    for mark in rule.pattern:
        if mark == "#":
            written += str(int(rng.integers(10)))
        elif mark == "@":
            written += rule.letters[int(rng.integers(len(rule.letters)))]
        elif mark == "%":
            written += _check_character(written, rule.check)
        else:
            written += mark
    return written


def follows_rule(number: str, rule: NumberRule) -> bool:
    """Whether a document number could have been issued under a rule."""
    if len(number) != len(rule.pattern):
        return False
    for at, (char, mark) in enumerate(zip(number, rule.pattern, strict=True)):
        if mark == "#":
            fits = char.isascii() and char.isdigit()
        elif mark == "@":
            fits = char in rule.letters
        elif mark == "%":
            fits = char == _check_character(number[:at], rule.check)
        else:
            fits = char == mark
        if not fits:
            return False
    return True


def _years_later(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


def _written(day: date, style: str) -> str:
    """A day in the style of a series: ``"dd.mm.yyyy"``, ``"dd MMM yyyy"``."""
    return (
        style.replace("dd", f"{day.day:02d}")
        .replace("MMM", _MONTHS[day.month - 1])
        .replace("mm", f"{day.month:02d}")
        .replace("yyyy", f"{day.year:04d}")
    )


def _short(day: date) -> str:
    return f"{day.year % 100:02d}{day.month:02d}{day.day:02d}"


def _name_length(series: Series) -> int:
    """Characters of the zone's name field, less one: a field that is full may have been truncated."""
    _, start, end = layout_of(series.format).fields["names"]
    return end - start - 1


def _holder(series: Series, rng: np.random.Generator) -> tuple[str, tuple[str, str], str, NameScript]:
    """Code and name of the holder's state, and the culture and script of the name."""
    own = series.identity[0], series.nationality, series.culture, series.script
    if not series.foreign:
        return own
    codes = sorted({code.split("-")[0] for code in series_codes()} - {series.identity[0]})
    country = codes[int(rng.integers(len(codes)))]
    other = next(load_series(code) for code in series_codes() if code.startswith(country))
    if other.has_arabic and not series.has_arabic:
        return country, other.nationality, other.culture, "latin"
    culture = other.culture if other.culture in cultures() else series.culture
    return country, other.nationality, culture, "latin" if culture != "arabic" else series.script


def _date_zone(person: Person, expiry: date) -> tuple[str, str]:
    """Birth with its digit and expiry with its digit, the sex between them left to the caller."""
    birth = _short(date(*person.birth))
    ends = _short(expiry)
    return birth + (expected_digit(birth) or ""), ends + (expected_digit(ends) or "")


def make_mrz(
    series: Series, person: Person, *, number: str, nationality: str, expiry: date, optional: str = ""
) -> tuple[str, ...]:
    """The lines of the zone by Doc 9303-4 to 9303-7.

    Args:
        series: format, document code and issuer.
        person: names, birth, sex.
        number: the document number, at most nine characters.
        nationality: the three-letter code of the holder's state.
        expiry: the last day of validity.
        optional: optional data, A-Z, 0-9 and ``<``.

    Returns:
        Lines of the format's length, with right check digits.
    """
    layout = layout_of(series.format)
    size = layout.length
    _, start, end = layout.fields["names"]
    names = f"{person.mrz_surname}<<{person.mrz_given_names}"[: end - start].ljust(end - start, "<")
    head = series.document_code.ljust(2, "<") + series.identity[0]
    sex = "<" if person.sex == "X" else person.sex
    document = number.ljust(9, "<")
    document += expected_digit(document) or ""
    birth, ends = _date_zone(person, expiry)
    if series.format == "TD1":
        first = head + document + optional.ljust(15, "<")
        second = birth + sex + ends + nationality + "<" * 11
        composite = expected_digit(first[5:] + birth + ends + "<" * 11)
        return first, second + (composite or ""), names
    second = document + nationality + birth + sex + ends
    if series.format in ("MRV-A", "MRV-B"):
        return head + names, second + optional[: size - 28].ljust(size - 28, "<")
    if series.format == "TD3":
        held = optional.ljust(14, "<")
        held += (expected_digit(held) or "") if held.strip("<") else "<"
    else:
        held = optional.ljust(7, "<")
    composite = expected_digit(document + birth + ends + held)
    return head + names, second + held + (composite or "")


def _visa_fields(series: Series, rng: np.random.Generator, issued: date, ends: date) -> dict[str, str]:
    if not series.format.startswith("MRV"):
        return {}
    kinds = ("C", "D", "A", "B")
    return {
        "visa_type": kinds[int(rng.integers(len(kinds)))],
        "entries": ("1", "2", "MULT")[int(rng.integers(3))],
        "duration": f"{int(rng.choice([15, 30, 60, 90])):03d}",
        "valid_from": _written(issued, series.date_format),
        "passport_number": _number(rng, NumberRule("@#######")),
    }


def _texts(
    series: Series,
    person: Person,
    holder: tuple[str, tuple[str, str]],
    authority: tuple[str, str],
    number: str,
    days: tuple[date, date],
    personal_number: str,
) -> dict[str, str]:
    issued, ends = days
    texts = {
        "document_code": series.document_code.rstrip("<"),
        "issuer_code": series.identity[0],
        "number": number,
        "surname": person.surname,
        "given_names": person.given_names,
        "nationality": holder[1][0],
        "nationality_code": holder[0],
        "birth_date": _written(date(*person.birth), series.date_format),
        "sex": person.sex,
        "birth_place": person.birth_place,
        "issue_date": _written(issued, series.date_format),
        "expiry_date": _written(ends, series.date_format),
        "authority": authority[0],
    }
    if personal_number:
        texts["personal_number"] = personal_number
    if person.surname_arabic is not None and series.has_arabic:
        texts |= {
            "surname_arabic": person.surname_arabic,
            "given_names_arabic": person.given_names_arabic or "",
            "nationality_arabic": holder[1][1],
            "birth_place_arabic": person.birth_place_arabic or "",
            "authority_arabic": authority[1],
        }
    return texts


def issue_document(series: Series, seed: int) -> Issue:
    """One document of a series.

    Args:
        series: what is issued.
        seed: of person, days, number and print; the same seed gives the same document.

    Returns:
        The issue. Its zone is ``valid`` or ``valid_note`` by ``dafec.ocr.parse.parse_mrz``.
    """
    own = zlib.crc32(series.code.encode())  # a seed gives other people in another series
    rng = np.random.default_rng([seed, own, _STREAM_DAYS])
    span = (series.last_day - series.first_day).days
    issued = series.first_day + timedelta(days=int(rng.integers(span + 1)))
    years = series.years[int(rng.integers(len(series.years)))]
    if series.format.startswith("MRV"):
        ends = issued + timedelta(days=int(rng.choice([90, 180, 364])) * years)
    else:
        ends = _years_later(issued, years) - timedelta(days=1)
    code, names, culture, script = _holder(series, np.random.default_rng([seed, own, _STREAM_HOLDER]))
    people = np.random.default_rng([seed, own, _STREAM_PERSON])
    person = invent_person(people, culture, script, on=issued, most_letters=_name_length(series))
    if not series.has_arabic:
        person = replace(person, surname_arabic=None, given_names_arabic=None, birth_place_arabic=None)
    numbers = np.random.default_rng([seed, own, _STREAM_NUMBER])
    number = _number(numbers, series.number)
    personal = "" if series.personal_number is None else _number(numbers, NumberRule(series.personal_number))
    authority = series.authority[int(rng.integers(len(series.authority)))]
    if find_state(code) is None:
        raise InstallationError("specimens.series_unreadable", name=series.code)
    texts = _texts(series, person, (code, names), authority, number, (issued, ends), personal)
    texts |= _visa_fields(series, np.random.default_rng([seed, own, _STREAM_VISA]), issued, ends)
    return Issue(
        series=series.code,
        format=series.format,
        person=person,
        seed=seed,
        number=number,
        fields=texts,
        mrz=make_mrz(series, person, number=number, nationality=code, expiry=ends, optional=personal),
        print_seed=int(np.random.default_rng([seed, own, _STREAM_PRINT]).integers(2**31)),
    )
