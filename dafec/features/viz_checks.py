"""VIZ-number, VIZ-birth_date, VIZ-expiry_date, VIZ-sex, VIZ-nationality: the visual zone against the machine-readable.

Each looks for the zone's value anywhere on the page in any form it may be printed in, and only then at what stands
under the field's own label. See ``viz_compare`` for findings and weights, ``viz_text`` for forms, ``viz_fields`` for
labels, ``viz_names`` for names.
"""

from __future__ import annotations

from dafec.features.viz_compare import SURE, Finding, VisualCheck, ZoneText
from dafec.features.viz_fields import Labelled
from dafec.features.viz_names import compare_arabic_names, compare_names
from dafec.features.viz_text import Day, compact, dates_in, fold, looks_like, matches_day, words_table
from dafec.ocr.parsed import MrzParse
from dafec.ocr.states import find_state

__all__ = ["VIZ_CHECKS"]

_SHORT = 6  # numbers below this length count only where they stand alone
_NUMBER_LENGTHS = range(5, 15)
_YEARS = range(1900, 2100)  # a printed year outside them belongs to another calendar
_PREFIX = 4  # letters of a state's name an adjective shares with it: Iraq, Iraqi


def _texts(text: ZoneText) -> list[str]:
    return [part for line in text.lines for part in (line.text, line.arabic) if part]


def _compare_number(parse: MrzParse, text: ZoneText) -> Finding:
    number = parse.fields.get("document_number")
    if not number:
        return Finding("unread")
    key = looks_like(number)
    altered = next((v for v in text.labelled.get("number", ()) if _is_near_miss(compact(v.text), number)), None)
    if altered is not None and altered.confidence >= SURE and parse.format not in ("MRV-A", "MRV-B"):
        return _by_confidence(altered)
    for line in text.lines:
        printed = looks_like(line.text)
        if (len(key) >= _SHORT and key in printed) or key in (printed, *map(looks_like, line.text.split())):
            return Finding("same", line.text, line.box_mm)
    for value in text.labelled.get("number", ()):
        printed = compact(value.text)
        if len(printed) not in _NUMBER_LENGTHS or sum(char.isdigit() for char in printed) < 3:
            continue
        if looks_like(printed) in key:
            return Finding("same", value.text, value.box_mm)
        if parse.format in ("MRV-A", "MRV-B"):  # the zone may hold the passport's number, Doc 9303-7 4.3
            return Finding("doubtful", value.text, value.box_mm)
        return _by_confidence(value)
    return Finding("unread")


def _is_near_miss(printed: str, number: str) -> bool:
    """Whether a labelled number is the zone's but for some characters that do not even look alike.

    Documents print their number in several places; one that was altered is found although another still agrees.
    """
    if len(printed) != len(number) or looks_like(printed) == looks_like(number):
        return False
    return 3 * sum(a == b for a, b in zip(printed, number, strict=True)) >= 2 * len(number)


def _by_confidence(value: Labelled) -> Finding:
    return Finding("different" if value.confidence >= SURE else "doubtful", value.text, value.box_mm)


def _is_whole(days: set[Day]) -> bool:
    """Whether a printed date is complete and of this calendar."""
    return any(0 < m <= 12 and 0 < d <= 31 and (y in _YEARS or y < 100) for y, m, d in days)


class _CompareDate:
    """A date field."""

    def __init__(self, field: str, other: str) -> None:
        self.field, self.other = field, other

    def __call__(self, parse: MrzParse, text: ZoneText) -> Finding:
        """Looks for the zone's day in every date printed."""
        iso = parse.fields.get(self.field)
        if not iso:
            return Finding("unread")
        for line in text.lines:
            for printed in (line.text, line.arabic):
                if any(matches_day(days, iso) for days in dates_in(printed)):
                    return Finding("same", printed, line.box_mm)
        other = parse.fields.get(self.other)
        for value in text.labelled.get(self.field, ()):
            dates = [days for days in dates_in(value.text) if _is_whole(days)]
            # a date that is the zone's other one was taken for this label's by its place alone
            if len(dates) == 1 and not (other and matches_day(dates[0], other)):
                return _by_confidence(value)
        return Finding("unread")


def _sex_words(text: str) -> set[str]:
    """The sexes a text names; other words count for nothing."""
    table = words_table()["sex"]
    words = set(fold(text).split())
    return {sex for sex, names in table.items() if words & {fold(name) for name in names}}


def _is_sex_alone(text: str) -> bool:
    words = fold(text).split()
    return bool(words) and all(_sex_words(word) for word in words)


def _compare_sex(parse: MrzParse, text: ZoneText) -> Finding:
    raw = parse.fields.get("sex")
    if raw is None:
        return Finding("unread")
    sex = raw if raw in ("M", "F") else "X"
    labelled = [value for value in text.labelled.get("sex", ()) if _sex_words(value.text + " " + value.line.arabic)]
    for value in labelled:
        named = _sex_words(value.text + " " + value.line.arabic)
        if named == {sex}:
            return Finding("same", value.text, value.box_mm)
        if len(named) == 1:
            return _by_confidence(value)
    alone = [line for line in text.lines if _is_sex_alone(line.text) and min(line.chars, default=0.0) >= SURE]
    named = {sex for line in alone for sex in _sex_words(line.text)}
    if not labelled and named == {sex}:
        return Finding("same", alone[0].text, alone[0].box_mm)
    return Finding("unread")


def _names_state(printed: str, code: str) -> bool:
    """Whether a printed nationality is that of a state: its code, its name, or an adjective of it."""
    folded = fold(printed)
    words = folded.split()
    letters = code.rstrip("<")
    if letters in words or (letters == "D" and "DEU" in words):
        return True
    if any(folded.startswith(form) or f" {form}" in folded for form in map(fold, _adjectives(letters))):
        return True
    state = find_state(code)
    if state is None:
        return False
    if state.arabic and fold(state.arabic) in folded:
        return True
    first = fold(state.english).split()[0] if state.english else ""
    return len(first) >= _PREFIX and any(word.startswith(first[: max(_PREFIX, len(first) - 2)]) for word in words)


def _adjectives(code: str) -> tuple[str, ...]:
    return tuple(words_table()["nationality"].get(code, ()))


def _compare_nationality(parse: MrzParse, text: ZoneText) -> Finding:
    code = parse.fields.get("nationality")
    if not code:
        return Finding("unread")
    for value in text.labelled.get("nationality", ()):
        for printed in (value.text, value.line.arabic):
            if printed and _names_state(printed, code):
                return Finding("same", value.text, value.box_mm)
    for line in text.lines:
        if fold(line.text) == code.rstrip("<") and parse.fields.get("issuer") != code:
            return Finding("same", line.text, line.box_mm)
    for value in text.labelled.get("nationality", ()):
        words = fold(value.text).split()
        others = {word for word in words if len(word) == 3 and word != code and find_state(word) is not None}
        others |= {other for other in words_table()["nationality"] if other != code and _names_state(value.text, other)}
        if others:
            return _by_confidence(value)
    # an adjective that is in no table is no contradiction; where the state itself is named on the page it agrees
    return Finding("unread")


VIZ_CHECKS: tuple[VisualCheck, ...] = (
    VisualCheck("VIZ-number", ("document_number",), _compare_number, 3.0, ("document_number",)),
    VisualCheck("VIZ-birth_date", ("birth_date",), _CompareDate("birth_date", "expiry_date"), 3.0, ("birth_date",)),
    VisualCheck("VIZ-expiry_date", ("expiry_date",), _CompareDate("expiry_date", "birth_date"), 3.0, ("expiry_date",)),
    VisualCheck("VIZ-sex", ("sex",), _compare_sex, 2.0, ("sex",)),
    VisualCheck("VIZ-nationality", ("nationality",), _compare_nationality, 2.0, ("nationality",)),
    VisualCheck(
        "VIZ-names",
        ("names", "primary_identifier", "secondary_identifier"),
        compare_names,
        2.5,
        ("primary_identifier", "secondary_identifier"),
    ),
    VisualCheck(
        "VIZ-names_arabic",
        ("names",),
        compare_arabic_names,
        1.5,
        ("primary_identifier", "secondary_identifier"),
    ),
)
