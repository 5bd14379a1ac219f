"""Whether the image supports another reading where a check digit fails, or does not.

Takes a parse and the read it came from; says for every digit ``passed``, ``failed`` or ``undetermined``. It never
changes the text: a digit that does not add up is printed beside the expected one, and the question here is only whether
that is a finding about the document or a doubt about the reading.

A failing digit is a doubt where at most two of its characters, replaced by alternatives the reader gave, make it right
and the alternatives together are at least ``SUPPORT_RATIO`` times as probable as the text as read. The limit is a
fiftieth, on two grounds. A random alternative makes a digit right one time in ten, so with some candidates there is
nearly always one: only candidates the image itself speaks for may count. And what falls below a fiftieth is a certain
character by the reader's own calibration, so that a forged digit printed clearly stays a finding.

A digit that passes is a doubt only where the read is uncertain and one supported alternative would make it wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from dafec.ocr.characters import allowed_characters
from dafec.ocr.check_digits import expected_digit
from dafec.ocr.parsed import CheckDigit, MrzParse, Place
from dafec.ocr.types import MrzRead

__all__ = ["SUPPORT_RATIO", "Alternative", "DigitAssessment", "assess_check_digits", "supported_alternatives"]

SUPPORT_RATIO = 0.02

#: More alternatives than this, the least probable left out, are never combined: it bounds the time of a hopeless read.
_MOST = 24

_DIGITS = frozenset("0123456789<")


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another reading of one character that the image supports."""

    place: Place
    char: str
    ratio: float  # its probability over that of the character as read, 0..1


@dataclass(frozen=True, slots=True)
class DigitAssessment:
    """What a check digit says, the reader's doubts considered."""

    digit: CheckDigit
    result: Literal["passed", "failed", "undetermined"]
    reading: tuple[Alternative, ...] = ()  # the most probable reading that changes the outcome
    ratio: float | None = None  # its joint probability over that of the text as read


def supported_alternatives(
    parse: MrzParse, read: MrzRead, places: Sequence[Place], *, legal_only: bool = True
) -> tuple[Alternative, ...]:
    """The alternatives at some places that the image supports, most probable first.

    Args:
        parse: the zone, for the fields the places belong to.
        read: what the reader saw.
        places: characters concerned.
        legal_only: leaves out characters that may not stand in their field, which no document printed rightly has.
    """
    allowed = _allowed_at(parse) if legal_only else {}
    found = []
    for line, at in places:
        if line >= len(read.lines) or at >= len(read.lines[line].chars):
            continue
        char = read.lines[line].chars[at]
        for other, probability in char.alternatives:
            ratio = probability / max(char.probability, 1e-9)
            if ratio >= SUPPORT_RATIO and other != char.char and other in allowed.get((line, at), {other}):
                found.append(Alternative((line, at), other, min(ratio, 1.0)))
    return tuple(sorted(found, key=lambda one: -one.ratio)[:_MOST])


def _allowed_at(parse: MrzParse) -> Mapping[Place, frozenset[str]]:
    allowed: dict[Place, frozenset[str]] = {}
    for field, spans in parse.spans.items():
        for line, start, end in spans:
            for at in range(start, end):
                allowed[line, at] = allowed_characters(field) & allowed.get((line, at), allowed_characters(field))
    for digit in parse.check_digits:
        allowed[digit.line, digit.position] = _DIGITS
    return allowed


def _combined(alternatives: Sequence[Alternative]) -> Iterator[tuple[Alternative, ...]]:
    """Single alternatives, and pairs at different places, that are together probable enough; most probable first."""
    pairs = [
        pair
        for pair in combinations(alternatives, 2)
        if pair[0].place != pair[1].place and pair[0].ratio * pair[1].ratio >= SUPPORT_RATIO
    ]
    every: list[tuple[Alternative, ...]] = [*((one,) for one in alternatives), *pairs]
    yield from sorted(every, key=lambda chosen: -_joint(chosen))


def _joint(chosen: Sequence[Alternative]) -> float:
    product = 1.0
    for one in chosen:
        product *= one.ratio
    return product


def _right_with(parse: MrzParse, digit: CheckDigit, chosen: Sequence[Alternative]) -> bool:
    other = {one.place: one.char for one in chosen}
    covered = [other.get(place, parse.lines[place[0]][place[1]]) for place in digit.covers]
    mark = other.get((digit.line, digit.position), digit.printed)
    if digit.field == "optional_data" and mark == "<":
        return set(covered) == {"<"}
    return mark == expected_digit(covered)


def _assess(parse: MrzParse, read: MrzRead, digit: CheckDigit) -> DigitAssessment:
    if digit.ok and read.status == "read":
        return DigitAssessment(digit, "passed")
    places = (*digit.covers, (digit.line, digit.position))
    alternatives = supported_alternatives(parse, read, places)
    for chosen in _combined(alternatives):
        if _right_with(parse, digit, chosen) != digit.ok:
            return DigitAssessment(digit, "undetermined", chosen, _joint(chosen))
    return DigitAssessment(digit, "passed" if digit.ok else "failed")


def assess_check_digits(parse: MrzParse, read: MrzRead) -> tuple[DigitAssessment, ...]:
    """Says for every check digit whether it passes, fails, or cannot be told from this image.

    Args:
        parse: the zone taken apart.
        read: the read whose lines were parsed; nothing of it is changed.

    Returns:
        One assessment for each of ``parse.check_digits``, in their order. Where the read is not the one that was
        parsed, every digit is ``undetermined``.
    """
    if read.texts != parse.lines:
        return tuple(DigitAssessment(digit, "undetermined") for digit in parse.check_digits)
    return tuple(_assess(parse, read, digit) for digit in parse.check_digits)
