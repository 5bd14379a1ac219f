"""Persons who do not exist: names of several cultures, dates and places of birth, by lot.

Names are put together from lists (``data/names.toml``). In Arabic script the zone is either transliterated letter by
letter (Doc 9303-3 section 6 C, ``dafec.ocr.arabic``) or has the Latin spelling of the visual zone; Latin letters with
marks are written for the zone by Doc 9303-3 section 6 A.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib import resources
from typing import Any, Literal

import numpy as np

from dafec.errors import InstallationError
from dafec.ocr.arabic import arabic_to_mrz
from dafec.specimens.model import Person

__all__ = ["NameScript", "cultures", "invent_person", "latin_to_mrz"]

#: How names reach the zone: from Arabic script by the standard's table, or from the Latin spelling.
NameScript = Literal["icao", "latin"]

_YOUNGEST, _OLDEST = 18, 78  # years at issue: faces are drawn for adults
_SEX_UNSPECIFIED = 0.01
_TRIES = 40

_DAYS_PER_YEAR = 365.2425


@cache
def _table() -> dict[str, Any]:
    text = resources.files("dafec.specimens").joinpath("data", "names.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def cultures() -> tuple[str, ...]:
    """The cultures names can come from."""
    return tuple(name for name in _table() if name != "latin")


def latin_to_mrz(name: str) -> str:
    """A Latin name as the zone writes it.

    Args:
        name: capitals, with or without marks, spaces, hyphens and apostrophes.

    Returns:
        A-Z, components separated by one ``<``.
    """
    table = _table()["latin"]
    written = "".join(table.get(char, char) for char in name.upper())
    return "<".join(part for part in written.split("<") if part)


@dataclass(frozen=True, slots=True)
class _Name:
    latin: str
    script: str | None

    @property
    def icao(self) -> str:
        return arabic_to_mrz(self.script) if self.script is not None else latin_to_mrz(self.latin)


def _names(rng: np.random.Generator, entries: list[Any], count: int) -> _Name:
    chosen = [entries[int(at)] for at in rng.choice(len(entries), size=count, replace=False)]
    if isinstance(chosen[0], str):
        return _Name(" ".join(chosen), None)
    return _Name(" ".join(latin for _, latin in chosen), " ".join(script for script, _ in chosen))


def _sex(rng: np.random.Generator) -> Literal["F", "M", "X"]:
    drawn = rng.random()
    if drawn < _SEX_UNSPECIFIED:
        return "X"
    return "F" if drawn < 0.5 else "M"


def _given(rng: np.random.Generator, culture: dict[str, Any], looks: str, *, patronymics: bool) -> _Name:
    own = culture["given_f" if looks == "F" else "given_m"]
    if not patronymics:
        return _names(rng, own, 1 + int(rng.random() < 0.4))
    first = _names(rng, own, 1)
    fathers = _names(rng, culture["given_m"], 1 + int(rng.random() < 0.45))
    return _Name(f"{first.latin} {fathers.latin}", f"{first.script} {fathers.script}")


def invent_person(
    rng: np.random.Generator, culture: str, script: NameScript = "latin", *, on: date, most_letters: int = 36
) -> Person:
    """Somebody who does not exist.

    Args:
        rng: the source of chance.
        culture: one of ``cultures()``.
        script: how the name reaches the zone.
        on: the day of issue: the person is 18 to 78 years old then.
        most_letters: that the zone has for the whole name with its separators; longer names are drawn again.

    Returns:
        The person, with Arabic script where the culture has it.

    Raises:
        InstallationError: there is no such culture.
    """
    lists = _table().get(culture)
    if lists is None or culture == "latin":
        raise InstallationError("specimens.unknown_culture", name=culture)
    sex = _sex(rng)
    looks = sex if sex != "X" else ("F" if rng.random() < 0.5 else "M")
    arabic = not isinstance(lists["surname"][0], str)
    for _ in range(_TRIES):
        surname = _names(rng, lists["surname"], 1)
        given = _given(rng, lists, looks, patronymics=arabic)
        if script == "icao":
            zone = surname.icao, given.icao
        else:
            zone = latin_to_mrz(surname.latin), latin_to_mrz(given.latin)
        if len(zone[0]) + 2 + len(zone[1]) <= most_letters:
            break
    age_days = float(rng.triangular(_YOUNGEST, 31, _OLDEST)) * _DAYS_PER_YEAR
    birth = on - timedelta(days=int(age_days))
    place = _names(rng, lists["place"], 1)
    return Person(
        surname=surname.latin,
        given_names=given.latin,
        surname_arabic=surname.script,
        given_names_arabic=given.script,
        mrz_surname=zone[0],
        mrz_given_names=zone[1],
        birth=(birth.year, birth.month, birth.day),
        sex=sex,
        birth_place=place.latin,
        birth_place_arabic=place.script,
        face_seed=int(rng.integers(2**31)) * 2 + int(looks == "F"),
    )
