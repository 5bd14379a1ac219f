"""Ages, spans of time and states in words, in English and Arabic."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from dafec.messages import Language, text
from dafec.ocr.states import state_name

__all__ = ["Validity", "age", "plural_form", "plural_text", "remaining_validity", "state_in_words"]

_DAYS_A_YEAR = 365.2425
_DAYS_A_MONTH = _DAYS_A_YEAR / 12


@dataclass(frozen=True, slots=True)
class Validity:
    """How long a document is still valid, or since when it is not."""

    text: str
    over: bool


def plural_form(number: int, language: Language) -> str:
    """The form of a noun that goes with a whole number, by the plural rules of Unicode CLDR.

    Args:
        number: 0 or more.
        language: English has two forms, ``one`` and ``other``; Arabic has ``zero``, ``two``, ``few``, ``many`` besides.
    """
    if language == "en":
        return "one" if number == 1 else "other"
    if number <= 2:
        return ("zero", "one", "two")[number]
    rest = number % 100
    if 3 <= rest <= 10:
        return "few"
    return "many" if rest >= 11 else "other"


def plural_text(key: str, number: int, language: Language, **values: object) -> str:
    """The text ``<key>.<form>`` for a number."""
    return text(f"{key}.{plural_form(number, language)}", language, values)


def _date(value: str | None) -> date | None:
    """A date of the MRZ, or None where it is not known to the day."""
    try:
        return date.fromisoformat(value) if value else None
    except ValueError:
        return None


def age(birth_date: str | None, today: date) -> int | None:
    """Completed years at ``today``; None where the date is not known to the day or lies ahead.

    Args:
        birth_date: ``YYYY-MM-DD``; anything else counts as not known.
        today: the day at the desk.
    """
    born = _date(birth_date)
    if born is None or born > today:
        return None
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def remaining_validity(expiry_date: str | None, today: date, language: Language) -> Validity | None:
    """Remaining validity in words, in its largest sensible unit; None where the date is not known to the day.

    A document is valid on its last day. Months and years are rounded down, so that nothing looks longer than it is.
    """
    expiry = _date(expiry_date)
    if expiry is None:
        return None
    days = (expiry - today).days
    if days == 0:
        return Validity(text("api.page.valid_today", language), over=False)
    key = "api.page.expired_since" if days < 0 else "api.page.valid_for"
    return Validity(text(key, language, {"span": _span(abs(days), language)}), over=days < 0)


def _span(days: int, language: Language) -> str:
    if days < 61:
        return plural_text("api.unit.day", days, language, n=days)
    if days < 730:
        months = int(days / _DAYS_A_MONTH)
        return plural_text("api.unit.month", months, language, n=months)
    years = int(days / _DAYS_A_YEAR)
    return plural_text("api.unit.year", years, language, n=years)


def state_in_words(code: str, language: Language) -> str:
    """The name of a state or body; the code itself, said to be unknown, where the list does not have it.

    Args:
        code: as printed in the MRZ, with or without its fillers.
        language: of the name.
    """
    bare = code.strip("<")
    return state_name(bare.ljust(3, "<"), language) or text("api.page.state_unknown", language, {"code": bare})
