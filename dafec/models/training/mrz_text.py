"""Invented MRZ texts: what a zone may say, so that the recogniser learns glyphs and not one country's habits.

Persons are invented from name lists of the package ``faker``. A quarter of all check digits are drawn at random, so
most of those are wrong, and about a tenth of all zones are random characters: the reader must not learn to repair by
arithmetic or by grammar. The layouts are those of Doc 9303 parts 4 to 7 and of the French card before 2021.
"""

from __future__ import annotations

import importlib
import random
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from dafec.models.training.words import GREEK, LATIN, LOCALES, SPECIMEN_NAMES, STATES, SYLLABLES
from dafec.ocr.types import ALPHABET

__all__ = ["MrzText", "random_text"]

_PASSPORT_CODES = ("P<",) * 6 + ("PP", "PD", "PO", "PM", "PR", "PS", "PT", "PA", "PN")


@dataclass(frozen=True, slots=True)
class MrzText:
    """A zone's text: ``format`` of dafec.geometry or ``"OTHER"``, and its lines of equal length."""

    format: str
    lines: tuple[str, ...]


def _latin(name: str) -> str:
    out = []
    for char in name.upper():
        if char in LATIN:
            out.append(LATIN[char])
        else:
            base = unicodedata.normalize("NFD", char)[:1]
            out.append(GREEK.get(base, base))
    joined = "".join(out).replace("'", "").replace("’", "")
    return "".join(c if c in ALPHABET and not c.isdigit() else "<" for c in joined).strip("<")


def _name_lists(provider: type) -> Iterator[tuple[bool, list[str]]]:
    """Lists of a person provider of ``faker``: whether of surnames, and the names as a zone prints them."""
    for attribute in dir(provider):
        listed = getattr(provider, attribute)
        if not isinstance(listed, (list, tuple, dict)) or "name" not in attribute:
            continue
        if "format" in attribute or "prefix" in attribute:
            continue
        names = [_latin(item) for item in listed if isinstance(item, str) and len(item) < 26]
        yield "last" in attribute, names


@cache
def _names() -> tuple[list[str], list[str]]:
    """Given names and surnames, sorted, so that a seed gives the same persons again."""
    first: set[str] = set()
    last: set[str] = set()
    for locale in LOCALES:
        path = f"faker.providers.person.{locale}"
        try:
            provider = importlib.import_module(path).Provider
        except ModuleNotFoundError as missing:
            if missing.name != path:
                raise
            continue  # this release of faker has no such list
        for surnames, names in _name_lists(provider):
            (last if surnames else first).update(names)
    return sorted(n for n in first if len(n) > 1), sorted(n for n in last if len(n) > 1)


def _digit(text: str) -> str:
    return str(sum((0 if c == "<" else ALPHABET.index(c)) * (7, 3, 1)[i % 3] for i, c in enumerate(text)) % 10)


def _alnum(rng: random.Random, n: int) -> str:
    return "".join(rng.choice(ALPHABET[:36]) for _ in range(n))


def _digits(rng: random.Random, n: int) -> str:
    return "".join(rng.choice("0123456789") for _ in range(n))


def _letters(rng: random.Random, n: int) -> str:
    return "".join(rng.choice(ALPHABET[10:36]) for _ in range(n))


def _person(rng: random.Random) -> tuple[str, str]:
    """Surname and first given name."""
    first, last = _names()
    style = rng.random()
    if style < 0.08:
        surname = rng.choice(SYLLABLES)
        if rng.random() < 0.6:
            return surname, "".join(rng.choice(SYLLABLES) for _ in range(rng.randint(1, 2)))
        return surname, "<".join(rng.choice(SYLLABLES) for _ in range(2))
    if style < 0.12:
        return _letters(rng, rng.randint(2, 14)), _letters(rng, rng.randint(1, 14))
    if style < 0.16:  # names of look-alikes, digits among the letters too: printed names may be forged
        return _confusable(rng, rng.randint(3, 12)).strip("<") or "O0", rng.choice(first)
    if style < 0.22:
        return rng.choice(SPECIMEN_NAMES), rng.choice(first)
    return rng.choice(last), rng.choice(first)


def _name(rng: random.Random, width: int) -> str:
    first, last = _names()
    surname, given = _person(rng)
    for chance in (0.35, 0.15, 0.1):
        if rng.random() < chance:
            given += "<" + rng.choice(first)
    if rng.random() < 0.2:
        surname += "<" + rng.choice(last)
    text = surname if rng.random() < 0.04 else surname + "<<" + given
    return text[:width].ljust(width, "<")


def _date(rng: random.Random) -> str:
    if rng.random() < 0.03:
        return rng.choice([_digits(rng, 6), "<<<<<<", _digits(rng, 2) + "<<<<", _digits(rng, 4) + "<<"])
    return f"{rng.randint(0, 99):02d}{rng.randint(1, 12):02d}{rng.randint(1, 31):02d}"


#: What a glance takes for each other; a number made of one group can only be read by its shapes.
_CONFUSABLE = ("0O", "0OQDC", "CG6O", "1I", "1IJLT", "2Z", "5S", "56S", "8B3", "38", "0O8B", "UV", "MNHW", "KX<", "4A")


def _confusable(rng: random.Random, n: int) -> str:
    groups = rng.choice(_CONFUSABLE) + (rng.choice(_CONFUSABLE) if rng.random() < 0.5 else "")
    return "".join(rng.choice(groups) for _ in range(n))


def _number(rng: random.Random, width: int = 9) -> str:
    if rng.random() < 0.16:
        return _confusable(rng, width)
    style = rng.random()
    if style < 0.3:
        text = _digits(rng, width)
    elif style < 0.5:
        text = _letters(rng, rng.randint(1, 2)) + _digits(rng, 7)
    elif style < 0.6:
        text = _digits(rng, 2) + _letters(rng, 2) + _digits(rng, 5)
    elif style < 0.75:
        text = _alnum(rng, rng.randint(6, 9))
    elif style < 0.85:
        text = rng.choice("CFGHJKLMNPRTVWXYZ") + "".join(rng.choice("0123456789CFGHJKLMNPRTVWXYZ") for _ in range(8))
    else:
        text = _letters(rng, rng.randint(0, 3)) + "0" * rng.randint(3, 6) + _digits(rng, rng.randint(0, 3))
    return text[:width].ljust(width, "<")


def _optional(rng: random.Random, width: int) -> str:
    style = rng.random()
    if style < 0.34:
        return "<" * width
    if style < 0.4:
        return _confusable(rng, rng.randint(2, width)).ljust(width, "<")
    if style < 0.7:
        return _digits(rng, rng.randint(1, width)).ljust(width, "<")
    if style < 0.85:
        return _alnum(rng, rng.randint(1, width)).ljust(width, "<")
    return "".join(rng.choice("0123456789<ABCDEF<<<") for _ in range(width))


def _state(rng: random.Random) -> str:
    return _letters(rng, 3) if rng.random() < 0.1 else rng.choice(STATES)


def _maybe_wrong(rng: random.Random, digit: str) -> str:
    return rng.choice("0123456789") if rng.random() < 0.25 else digit


def _checked(rng: random.Random, text: str) -> str:
    """A field with its check digit, which may be wrong."""
    return text + _maybe_wrong(rng, _digit(text))


def _composite(rng: random.Random, body: str, end: int) -> str:
    """Composite digit of a TD2 or TD3 second line (Doc 9303-4 4.2.2.2, 9303-6 4.2.2.2), which may be wrong."""
    return _maybe_wrong(rng, _digit(body[:10] + body[13:20] + body[21:end]))


def _td3(rng: random.Random, *, visa: bool) -> tuple[str, ...]:
    if visa:
        code = rng.choice(["V<", "V<", "VI", "VC", "VR", "VB", "V" + _letters(rng, 1)])
    else:
        code = rng.choice([*_PASSPORT_CODES, "P" + _letters(rng, 1)])
    state = _state(rng)
    number, birth, expiry = _number(rng), _date(rng), _date(rng)
    nationality = state if rng.random() < 0.8 else _state(rng)
    head = _checked(rng, number) + nationality + _checked(rng, birth) + rng.choice("MMFF<") + _checked(rng, expiry)
    if visa:
        return code + state + _name(rng, 39), head + _optional(rng, 16)
    optional = _optional(rng, 14)
    own = "<" if optional == "<" * 14 and rng.random() < 0.5 else _maybe_wrong(rng, _digit(optional))
    body = head + optional + own
    return code + state + _name(rng, 39), body + _composite(rng, body, 43)


def _td2(rng: random.Random, *, visa: bool) -> tuple[str, ...]:
    if visa:
        code = rng.choice(["V<", "VC", "VR", "V" + _letters(rng, 1)])
    else:
        code = rng.choice(["I<", "ID", "AR", "C<", "IP", "AC", "P<", "I" + _letters(rng, 1)])
    state = _state(rng)
    number, birth, expiry = _number(rng), _date(rng), _date(rng)
    body = _checked(rng, number) + state + _checked(rng, birth) + rng.choice("MMFF<") + _checked(rng, expiry)
    if visa:
        return code + state + _name(rng, 31), body + _optional(rng, 8)
    body += _optional(rng, 7)
    return code + state + _name(rng, 31), body + _composite(rng, body, 35)


def _td1(rng: random.Random) -> tuple[str, ...]:
    code = rng.choice(["I<", "ID", "ID", "C<", "AR", "AC", "IR", "A<", "I" + _letters(rng, 1)])
    state = _state(rng)
    number, birth, expiry = _number(rng), _date(rng), _date(rng)
    own = _maybe_wrong(rng, _digit(number))
    optional = _optional(rng, 15)
    if rng.random() < 0.1:  # a number of more than nine characters goes on in the optional data
        rest = _digits(rng, rng.randint(1, 5))
        own, optional = "<", (rest + _digit(number + rest) + "<" * 15)[:15]
    first = code + state + number + own + optional
    second = _checked(rng, birth) + rng.choice("MMFF<X") + _checked(rng, expiry) + state + _optional(rng, 11)
    composite = _digit(first[5:] + second[:7] + second[8:15] + second[18:29])
    return first, second + _maybe_wrong(rng, composite), _name(rng, 30)


def _french(rng: random.Random) -> tuple[str, ...]:
    _first, last = _names()
    first = "IDFRA" + rng.choice(last)[:25].ljust(25, "<") + _digits(rng, 3) + _digits(rng, 3)
    number = _digits(rng, 4) + rng.choice("0123456789AB") + _digits(rng, 7)
    given = _checked(rng, number) + _name(rng, 44).replace("<<", "<")[:14].ljust(14, "<")
    second = given + _date(rng) + _digits(rng, 1) + rng.choice("MF")
    return first, second + _maybe_wrong(rng, _digit(first + second))


def _random_lines(rng: random.Random) -> tuple[str, ...]:
    count, width = rng.choice([(2, 44), (2, 36), (3, 30)])
    weights = [rng.random() ** 3 + 0.05 for _ in ALPHABET]
    weights[-1] *= rng.choice([1, 1, 6])
    return tuple("".join(rng.choices(ALPHABET, weights, k=width)) for _ in range(count))


#: Format, share of all zones up to and with it, and what writes it.
_MIX: tuple[tuple[str, float, Callable[[random.Random], tuple[str, ...]]], ...] = (
    ("TD3", 0.46, lambda rng: _td3(rng, visa=False)),
    ("TD1", 0.68, _td1),
    ("TD2", 0.76, lambda rng: _td2(rng, visa=False)),
    ("MRV-A", 0.84, lambda rng: _td3(rng, visa=True)),
    ("MRV-B", 0.89, lambda rng: _td2(rng, visa=True)),
    ("FRA-ID", 0.91, _french),
    ("OTHER", 1.0, _random_lines),
)


def random_text(rng: random.Random) -> MrzText:
    """One invented zone.

    The mix: 46 % TD3, 22 % TD1, 8 % TD2, 8 % MRV-A, 5 % MRV-B, 2 % old French, 9 % random. In 6 % of the zones one to
    four characters of every line are replaced by any others.

    Args:
        rng: every choice is drawn from it.
    """
    draw = rng.random()
    form, _, write = next(entry for entry in _MIX if draw < entry[1])
    lines = write(rng)
    if form != "OTHER" and rng.random() < 0.06:
        noisy = [list(line) for line in lines]
        for line in noisy:
            for _ in range(rng.randint(1, 4)):
                line[rng.randrange(len(line))] = rng.choice(ALPHABET)
        lines = tuple("".join(line) for line in noisy)
    return MrzText(form, lines)
