"""Printed text made comparable: spellings of names, look-alike characters, dates in many forms.

Nothing here repairs what was read. Each function gives every value that a text can stand for, and a comparison passes
where one of them is the machine-readable zone's. Sources: Doc 9303-3 section 6 A for letters with diacritics (Ü is UE,
UXX or U), section 4.8 for dates of which parts are unknown.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from functools import cache
from importlib.resources import files
from itertools import islice, product
from typing import Any

from dafec.errors import InstallationError

__all__ = ["Day", "compact", "dates_in", "fold", "looks_like", "loose", "matches_day", "spellings", "words_table"]

#: Year (two or four digits as printed), month, day.
Day = tuple[int, int, int]

_MOST_SPELLINGS = 64

#: Characters that print alike in one face or another; readers confuse them, so they never make a difference.
_ALIKE = str.maketrans({"0": "O", "Q": "O", "D": "O", "1": "I", "L": "I", "|": "I", "!": "I", "5": "S", "8": "B",
                        "2": "Z", "6": "G", "V": "U", "Y": "U"})  # fmt: skip
_PAIRS = (("RN", "M"), ("UU", "W"), ("CI", "O"))
_DIGRAPHS = (("AE", "A"), ("OE", "O"), ("UE", "U"), ("AA", "A"), ("SS", "S"), ("UXX", "U"), ("NXX", "N"))
_ARABIC_SAME = str.maketrans({"أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ی": "ي", "ک": "ك", "ة": "ه"})
_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "01234567890123456789")


@cache
def words_table() -> dict[str, Any]:
    """The words of ``data/viz_words.toml``.

    Raises:
        InstallationError: ``checks.data_unreadable`` where the file is missing or damaged.
    """
    try:
        data = files("dafec").joinpath("features", "data", "viz_words.toml").read_text(encoding="utf-8")
        return tomllib.loads(data)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise InstallationError("mrz.table_unreadable", name="viz_words") from error


def fold(text: str) -> str:
    """Capitals without diacritics and punctuation, one space between words; Arabic letters that vary made one."""
    plain = unicodedata.normalize("NFKD", text.upper().replace("Ł", "L").replace("Ø", "O").replace("ß", "SS"))
    kept = "".join(char for char in plain.translate(_ARABIC_SAME) if not unicodedata.combining(char))
    return " ".join("".join(char if char.isalnum() else " " for char in kept).split())


def compact(text: str) -> str:
    """A number without spaces, signs and fillers, in capitals."""
    return "".join(char for char in text.translate(_DIGITS).upper() if char.isascii() and char.isalnum())


def looks_like(text: str) -> str:
    """A key under which texts that print alike are equal: O and 0, I, l and 1, RN and M."""
    key = compact(text)
    for pair, single in _PAIRS:
        key = key.replace(pair, single)
    return key.translate(_ALIKE)


@cache
def _letters() -> dict[str, tuple[str, ...]]:
    return {letter: tuple(forms) for letter, forms in words_table()["letters"].items()}


def spellings(component: str) -> set[str]:
    """Every form in which one component of a name may stand in the zone, A to Z only."""
    choices = []
    for char in unicodedata.normalize("NFC", component.replace("ß", "ẞ")).upper():
        if char in _letters():
            choices.append(_letters()[char])
        elif "A" <= char <= "Z" or char.isdigit():
            choices.append((char,))
        else:  # apostrophes are dropped, Doc 9303-3 section 4.6
            base = unicodedata.normalize("NFKD", char)[0]
            choices.append((base,) if "A" <= base <= "Z" else ("",))
    return {"".join(parts) for parts in islice(product(*choices), _MOST_SPELLINGS)}


def loose(text: str) -> str:
    """A key under which UE and U, SS and S, and characters that print alike are equal: for passing, never failing."""
    key = compact(text)
    for double, single in _DIGRAPHS:
        key = key.replace(double, single)
    return looks_like(key)


@cache
def _months() -> dict[str, int]:
    return {fold(name): int(number) for number, names in words_table()["months"].items() for name in names}


def _month(word: str) -> int | None:
    return _months().get(word) or next(
        (number for name, number in _months().items() if len(word) > 3 and len(name) > 3 and name.startswith(word)),
        None,
    )


_NUMERIC = re.compile(r"(?<!\d)(\d{1,2}|\d{4}|XX)\s?[./\-· ]\s?(\d{1,2}|XX)\s?[./\-· ]\s?(\d{4}|\d{2}|XX)(?!\d)")
_TOGETHER = re.compile(r"(?<![A-Z0-9])(\d{2})(\d{2})(\d{4})(?![A-Z0-9])")
_DAY_WORD = re.compile(r"(?<!\d)(\d{1,2})[ ./\-]*([^\W\d_]{3,})[ ./\-]*([^\W\d_]{2,})?[ ./\-]*(\d{4}|\d{2})(?!\d)")
_WORD_DAY = re.compile(r"([^\W\d_]{3,})[ .]*(\d{1,2})[ ,.]+(\d{4})(?!\d)")


def _number(text: str) -> int:
    return 0 if text == "XX" else int(text)


def _ordered(first: int, middle: int, last: int) -> list[Day]:
    """Year, month, day from three numbers: both orders of day and month where either is possible."""
    found = []
    if first > 31:
        found.append((first, middle, last))
    else:
        found += [(last, middle, first), (last, first, middle)]
        if last <= 31:
            found.append((first, middle, last))
    return [(y, m, d) for y, m, d in found if 0 <= m <= 12 and 0 <= d <= 31]


def dates_in(text: str) -> list[set[Day]]:
    """Every date printed in a line, each as the days it can mean; 0 stands for an unknown month or day."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.upper()) if not unicodedata.combining(c))
    plain = plain.translate(_DIGITS)
    found = []
    for match in _NUMERIC.finditer(plain):
        found.append(set(_ordered(*(_number(part) for part in match.groups()))))
    for match in _TOGETHER.finditer(plain):
        found.append({(int(match[3]), int(match[2]), int(match[1]))})
    for match in _DAY_WORD.finditer(plain):
        month = _month(fold(match[2])) or (_month(fold(match[3])) if match[3] else None)
        if month is not None:
            found.append({(int(match[4]), month, int(match[1]))})
    for match in _WORD_DAY.finditer(plain):
        month = _month(fold(match[1]))
        if month is not None:
            found.append({(int(match[3]), month, int(match[2]))})
    return [days for days in found if any(0 < m <= 12 for _, m, _ in days) or days]


def matches_day(days: set[Day], iso: str) -> bool:
    """Whether a printed date can be the zone's, ``1974-08-12`` with XX or XXXX for what is unknown."""
    year, month, day = iso.split("-")

    def agrees(printed: Day) -> bool:
        y, m, d = printed
        year_ok = year == "XXXX" or y in (int(year), int(year) % 100)
        return year_ok and (month == "XX" or m in (0, int(month))) and (day == "XX" or d in (0, int(day)))

    return any(agrees(printed) for printed in days)
