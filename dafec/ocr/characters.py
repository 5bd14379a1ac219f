"""Which characters may stand where: A-Z, 0-9 and ``<`` at all, and fewer in most fields (Doc 9303-3 section 4.3)."""

from __future__ import annotations

from collections.abc import Iterator
from string import ascii_lowercase, ascii_uppercase, digits

from dafec.ocr.layouts import Printed
from dafec.ocr.parsed import Remark, Span
from dafec.ocr.types import ALPHABET

__all__ = ["allowed_characters", "check_characters"]

_LETTERS = frozenset(ascii_uppercase)
_LETTERS_FILLER = _LETTERS | {"<"}
_DIGITS_FILLER = frozenset(digits) | {"<"}
_ALL = frozenset(ALPHABET)

_ALLOWED: dict[str, frozenset[str]] = {
    "document_code": _LETTERS_FILLER,
    "issuer": _LETTERS_FILLER,
    "nationality": _LETTERS_FILLER,
    "names": _LETTERS_FILLER,
    "primary_identifier": _LETTERS_FILLER,
    "secondary_identifier": _LETTERS_FILLER,
    "birth_date": _DIGITS_FILLER,
    "expiry_date": _DIGITS_FILLER,
    "sex": frozenset("MFX<"),
}

#: Lower case is what typing and careless software give; it is named apart, because retyping mends it.
_LOWER = frozenset(ascii_lowercase)


def allowed_characters(field: str) -> frozenset[str]:
    """The characters that may stand in ``field``; all of the alphabet where nothing narrower holds."""
    return _ALLOWED.get(field, _ALL)


def _runs(text: str, allowed: frozenset[str]) -> Iterator[tuple[int, int]]:
    start = None
    for at, char in enumerate(text):
        if char in allowed:
            if start is not None:
                yield start, at
                start = None
        elif start is None:
            start = at
    if start is not None:
        yield start, len(text)


def _remarks(printed: Printed, field: str, span: Span, allowed: frozenset[str]) -> list[Remark]:
    text = printed.text(span)
    if text is None or allowed.issuperset(text):
        return []
    found = []
    for start, end in _runs(text, allowed):
        run = text[start:end]
        code = "lower_case" if _LOWER.issuperset(run) else "illegal_character"
        place = (span[0], span[1] + start, span[1] + end)
        found.append(printed.remark(code, field, "fault", span=place, detail=run, source="Doc 9303-3 4.3"))
    return found


def check_characters(printed: Printed) -> list[Remark]:
    """Every run of characters that may not stand where it stands. The sex has a remark of its own."""
    found = []
    for field, span in printed.layout.fields.items():
        if field != "sex":
            found += _remarks(printed, field, span, allowed_characters(field))
    for field, (line, at) in printed.layout.check.items():
        found += _remarks(printed, field, (line, at, at + 1), _DIGITS_FILLER)
    return found
