"""MRZ-expiry and MRZ-specimen: is the document still valid, and is it a document at all.

MRZ-expiry fails on the day after the date of expiry. That is a finding about validity and hardly one about forgery:
genuine documents expire, and forgers extend dates, so the weight is 0.2 and the decision function treats it apart.

MRZ-specimen never fails. A specimen (code UTO, or a published specimen's name) is ``undetermined`` with weight 0: it is
said to the officer and stops nothing (Doc 9303-2 Appendix C.14), but it is not a pass either, because nothing about a
specimen allows a traveller through. Light: visible or infrared, whichever was parsed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from dafec.capture import Light
from dafec.features.contract import CheckContext, CheckResult, Outcome
from dafec.features.mrz_context import PASS_LLR, other_reading, places_of, read_behind, region_of, result
from dafec.ocr.layouts import layout_of
from dafec.ocr.parsed import MrzParse

__all__ = ["ExpiryCheck", "SpecimenCheck"]

_EXPIRED_LLR = 0.2


def _days_left(parse: MrzParse, today: date) -> int | None:
    printed = parse.fields.get("expiry_date")
    return None if printed is None else (date.fromisoformat(printed) - today).days


def _is_permanent(parse: MrzParse) -> bool:
    return any(note.code == "expiry_permanent" for note in parse.notes)


@dataclass(slots=True)
class ExpiryCheck:
    """The document has not expired."""

    id: str = "MRZ-expiry"
    version: int = 1
    lights: tuple[Light, ...] = ()
    min_dpi: float = 0.0
    needs_series: bool = False

    def run(self, context: CheckContext) -> CheckResult:
        """Compares the date of expiry with the day of the screening."""
        parse = context.mrz
        if parse is None:
            return result(self.id, self.version, "not_supported", "checks.mrz.no_zone")
        read = read_behind(context)
        if read is None:
            return result(self.id, self.version, "undetermined", "checks.mrz.no_read")
        if parse.format is not None and "expiry_date" not in layout_of(parse.format).fields:
            return result(self.id, self.version, "not_supported", "checks.mrz.not_supported")
        places = places_of(parse.spans.get("expiry_date", ()))
        region = region_of(context, places)

        def judge(variant: MrzParse) -> Outcome:
            days = _days_left(variant, context.today)
            if days is None:
                return "passed" if _is_permanent(variant) else "undetermined"
            return "failed" if days < 0 else "passed"

        outcome = judge(parse)
        days = _days_left(parse, context.today)
        if outcome == "undetermined":
            return result(self.id, self.version, outcome, "checks.MRZ-expiry.undetermined", region=region)
        if outcome == "failed" or read.status == "uncertain":
            other = other_reading(context, read, places, judge)
            if other is not None:
                return result(self.id, self.version, "undetermined", "checks.MRZ-expiry.undetermined", region=region)
        message = "mrz.remarks.expiry_permanent" if days is None else f"checks.MRZ-expiry.{outcome}"
        return result(
            self.id,
            self.version,
            outcome,
            message,
            llr=_EXPIRED_LLR if outcome == "failed" else PASS_LLR,
            region=region,
            value=None if days is None else float(days),
            unit=None if days is None else "d",
            expected=(0.0, None),
            values={"date": parse.fields.get("expiry_date") or "", "days": abs(days or 0)},
            source="Doc 9303-3 4.8",
        )


@dataclass(slots=True)
class SpecimenCheck:
    """The document is not a specimen."""

    id: str = "MRZ-specimen"
    version: int = 1
    lights: tuple[Light, ...] = ()
    min_dpi: float = 0.0
    needs_series: bool = False

    def run(self, context: CheckContext) -> CheckResult:
        """Looks for what the parser said about specimens."""
        parse = context.mrz
        if parse is None:
            return result(self.id, self.version, "not_supported", "checks.mrz.no_zone")
        if read_behind(context) is None:
            return result(self.id, self.version, "undetermined", "checks.mrz.no_read")
        if parse.format is None or "issuer" not in parse.spans:
            return result(self.id, self.version, "undetermined", "checks.mrz.undetermined")
        found = next((note for note in parse.notes if note.code == "specimen"), None)
        if found is None:
            return result(self.id, self.version, "passed", "checks.MRZ-specimen.passed")
        region = region_of(context, places_of(parse.spans.get(found.field, ())))
        return result(
            self.id,
            self.version,
            "undetermined",
            "checks.MRZ-specimen.undetermined",
            region=region,
            source=found.source,
        )
