"""How a series numbers its documents: learned from the enrolled captures, and the check that a number follows it.

The rule has one sign a character: ``#`` a digit, ``@`` a letter, ``?`` either, a letter itself where every enrolled
document had that letter and there were enough of them. A number of another length or with a digit in place of a
letter is a finding; a letter that enrolment never met is a weaker one, because issuers take new letters into use.
"""

from __future__ import annotations

from collections.abc import Sequence

from dafec.features.contract import CheckContext, CheckResult, Outcome
from dafec.lights import Light

__all__ = ["NumberRuleCheck", "follows", "learn_rule"]

_LEAST_FOR_LETTER = 8  # captures that all have one letter before it is part of the rule
_LLR = {"passed": -0.1, "shape": 3.0, "letter": 1.5}
_CALIBRATION = "expert-2026"


def learn_rule(numbers: Sequence[str]) -> str | None:
    """The rule of document numbers; None where they differ in length or are too few.

    Args:
        numbers: of the enrolled documents, without fillers.
    """
    if len(numbers) < 5 or len({len(number) for number in numbers}) != 1 or not numbers[0]:
        return None
    return "".join(_sign(set(characters), len(numbers)) for characters in zip(*numbers, strict=True))


def _sign(seen: set[str], count: int) -> str:
    if all(character.isdigit() for character in seen):
        return "#"
    if all(character.isalpha() for character in seen):
        return next(iter(seen)) if len(seen) == 1 and count >= _LEAST_FOR_LETTER else "@"
    return "?"


def follows(number: str, rule: str) -> str:
    """``passed``, ``shape`` where length, letters and digits do not fit, ``letter`` where only a letter is another."""
    if len(number) != len(rule):
        return "shape"
    another = False
    for character, sign in zip(number, rule, strict=True):
        if sign == "?":
            continue
        if character.isdigit() != (sign == "#"):
            return "shape"
        another |= sign not in "#@" and character != sign
    return "letter" if another else "passed"


class NumberRuleCheck:
    """SER-number: the document number is one the series gives out."""

    id = "SER-number"
    version = 1
    lights: tuple[Light, ...] = ()
    min_dpi = 0.0
    needs_series = True

    def __init__(self, rule: str, series: str, captures: int) -> None:
        self._rule, self._series, self._captures = rule, series, captures

    def run(self, context: CheckContext) -> CheckResult:
        """Hold the number of the zone against the rule."""
        outcome, reason = self._outcome(context)
        llr = _LLR[reason] if outcome in ("passed", "failed") else 0.0
        return CheckResult(
            id=self.id,
            version=self.version,
            result=outcome,
            source=f"{self._series}, {self._captures} captures",
            llr=llr,
            calibration=_CALIBRATION if llr else "none",
            message=f"checks.SER-number.{reason}",
            values={"rule": self._rule, "series": self._series},
        )

    def _outcome(self, context: CheckContext) -> tuple[Outcome, str]:
        parse = context.mrz
        number = (parse.fields.get("document_number") or "") if parse is not None else ""
        if parse is None or not number:
            return "not_supported", "no_number"
        if any(not digit.ok for digit in parse.check_digits if digit.field == "document_number"):
            return "undetermined", "misread"
        found = follows(number, self._rule)
        return ("passed" if found == "passed" else "failed"), found
