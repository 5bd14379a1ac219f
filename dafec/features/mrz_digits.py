"""Checks of the zone's check digits: MRZ-digit-document_number, -birth_date, -expiry_date, -optional_data, -composite.

A digit that does not add up, in characters the image leaves no doubt about, is a finding; the printed digit is shown
beside the expected one (Doc 9303-2 C.44). Where the image supports another reading that adds up, it is a doubt:
``undetermined``, with the place. The text is never changed.

The weights (natural-log likelihood ratios, ``expert-2026``): number, dates and composite 3.0. Issuers get these right;
public collections of specimens hold about one document in thirty with a wrong digit and field experience far fewer,
while an altered character escapes a digit one time in ten. A wrong composite beside right single digits is as telling:
it means that characters were changed together with the digits of their fields, or that one was chosen for its own digit
only. The optional field 1.5: issuers use it as they like. A digit that counts the filler of a long number, by an issuer
not known for it, 0.5 and undetermined. A pass says next to nothing: forgers compute.
"""

from __future__ import annotations

from dataclasses import dataclass

from dafec.capture import Light
from dafec.features.contract import CheckContext, CheckResult
from dafec.features.mrz_context import PASS_LLR, read_behind, region_of, result
from dafec.ocr.digit_support import DigitAssessment, assess_check_digits
from dafec.ocr.layouts import layout_of
from dafec.ocr.parsed import MrzParse, Place

__all__ = ["DIGIT_CHECKS", "DigitCheck"]

_SOURCE = "Doc 9303-3 4.9"

#: Beside a digit that counts the filler of a long number; no issuer is on record for it.
_UNKNOWN_VARIANT_LLR = 0.5


@dataclass(slots=True)
class DigitCheck:
    """One check digit of the zone."""

    id: str
    field: str
    failed_llr: float
    version: int = 1
    lights: tuple[Light, ...] = ()
    min_dpi: float = 0.0
    needs_series: bool = False

    def run(self, context: CheckContext) -> CheckResult:
        """Assesses the digit with the reader's doubts."""
        parse = context.mrz
        if parse is None:
            return result(self.id, self.version, "not_supported", "checks.mrz.no_zone")
        read = read_behind(context)
        if read is None:
            return result(self.id, self.version, "undetermined", "checks.mrz.no_read")
        if parse.format is not None and self.field not in layout_of(parse.format).check:
            return result(self.id, self.version, "not_supported", "checks.mrz.not_supported")
        assessed = next((one for one in assess_check_digits(parse, read) if one.digit.field == self.field), None)
        if assessed is None:
            return result(self.id, self.version, "undetermined", "checks.mrz.undetermined")
        return self._result(context, parse, assessed)

    def _result(self, context: CheckContext, parse: MrzParse, assessed: DigitAssessment) -> CheckResult:
        digit = assessed.digit
        values: dict[str, str | int | float] = {"printed": digit.printed, "expected": digit.expected}
        region = region_of(context, self._shown(assessed))
        if assessed.result == "undetermined":
            first = assessed.reading[0] if assessed.reading else None
            if first is not None:
                line, at = first.place
                values |= {"line": line + 1, "position": at + 1, "read": parse.lines[line][at], "other": first.char}
                region = region_of(context, [one.place for one in assessed.reading])
            message = "checks.MRZ-digit.undetermined" if first is not None else "checks.mrz.no_read"
            return result(self.id, self.version, "undetermined", message, region=region, values=values, source=_SOURCE)
        counted = any(note.code == "number_digit_counts_filler" for note in parse.notes)
        if assessed.result == "passed" and self.field == "document_number" and counted:
            return result(
                self.id,
                self.version,
                "undetermined",
                "mrz.remarks.number_digit_counts_filler",
                llr=_UNKNOWN_VARIANT_LLR,
                region=region,
                values=values,
                source="Doc 9303-5 note j",
            )
        return result(
            self.id,
            self.version,
            assessed.result,
            f"checks.{self.id}.{assessed.result}",
            llr=PASS_LLR if assessed.result == "passed" else self.failed_llr,
            region=region,
            values=values,
            source=_SOURCE,
        )

    def _shown(self, assessed: DigitAssessment) -> list[Place]:
        """The field with its digit; for the composite, which covers nearly everything, the digit alone."""
        digit = assessed.digit
        place = (digit.line, digit.position)
        return [place] if self.field == "composite" else [*digit.covers, place]


DIGIT_CHECKS: tuple[DigitCheck, ...] = (
    DigitCheck("MRZ-digit-document_number", "document_number", 3.0),
    DigitCheck("MRZ-digit-birth_date", "birth_date", 3.0),
    DigitCheck("MRZ-digit-expiry_date", "expiry_date", 3.0),
    DigitCheck("MRZ-digit-optional_data", "optional_data", 1.5),
    DigitCheck("MRZ-digit-composite", "composite", 3.0),
)
