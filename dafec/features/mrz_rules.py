"""Checks of the zone's text against single rules: format, characters, codes, states, dates, names.

Each takes what the parser remarked on its fields. A fault is ``failed``, a note the standard leaves open is
``undetermined``, other notes pass and are said. Light: visible or infrared, whichever was parsed; no minimum
resolution of its own, since an unreadable zone is ``undetermined``. Sources: Doc 9303 parts 3 to 8, per remark.

The weights (natural-log likelihood ratios, ``expert-2026``):

* characters, empty or twice separated names, days that do not exist: 3.0 to 4.0. Personalisation software cannot print
  them; a zone typed by hand can.
* codes of no state: 4.0, the mark of a pseudo document. A withdrawn code on a document that outlives it: 3.0. A code
  that may not stand there: 2.5.
* document codes: 2.5 where the first letter is wrong or the pair is barred; 1.5 for the second letter of 2026 and 2028,
  because new rules find slow issuers. Undecided by the dates: 0.3.
* number and length of lines: 1.0, since a line lost at the edge of the picture is commoner than a wrong document.
* more than a hundred years of age, or an expiry more than twenty years ahead: rare, allowed, 0.5 and 1.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dafec.capture import Light
from dafec.features.contract import CheckContext, CheckResult, Outcome
from dafec.features.mrz_context import PASS_LLR, all_places, other_reading, places_of, read_behind, region_of, result
from dafec.messages import catalogue
from dafec.ocr.layouts import layout_of
from dafec.ocr.parsed import MrzParse, Place, Remark

__all__ = ["RULE_CHECKS", "RuleCheck"]


@dataclass(slots=True)
class RuleCheck:
    """One rule, or a family of close ones, about the zone's text."""

    id: str
    weights: Mapping[str, float]  # remark code -> llr; faults fail by it, notes are undetermined by it
    fields: tuple[str, ...]  # the fields it looks at; empty: the whole zone
    source: str
    judges_outline: bool = False  # it looks at the number and length of lines, so no field need be in place
    version: int = 1
    lights: tuple[Light, ...] = ()
    min_dpi: float = 0.0
    needs_series: bool = False

    def run(self, context: CheckContext) -> CheckResult:
        """Judges what the parser remarked."""
        parse = context.mrz
        if parse is None:
            return result(self.id, self.version, "not_supported", "checks.mrz.no_zone")
        read = read_behind(context)
        if read is None:
            return result(self.id, self.version, "undetermined", "checks.mrz.no_read")
        missing = self._missing(parse)
        if missing is not None:
            return result(self.id, self.version, missing, f"checks.mrz.{missing}")
        outcome, remark = self._judge(parse)
        places = self._places(parse)
        if outcome == "failed" or read.status == "uncertain":
            other = other_reading(context, read, places, lambda variant: self._judge(variant)[0])
            if other is not None:
                line, at = other.place
                values: dict[str, str | int | float] = {
                    "line": line + 1,
                    "position": at + 1,
                    "printed": parse.lines[line][at],
                    "other": other.char,
                }
                region = region_of(context, [other.place])
                message = "checks.mrz.uncertain_read"
                return result(self.id, self.version, "undetermined", message, region=region, values=values)
        return self._result(context, outcome, remark, places)

    def _result(
        self, context: CheckContext, outcome: Outcome, remark: Remark | None, places: tuple[Place, ...]
    ) -> CheckResult:
        llr = PASS_LLR if outcome == "passed" or remark is None else self.weights[remark.code]
        where = places
        if remark is not None and remark.line is not None and remark.start is not None and remark.end is not None:
            where = places_of([(remark.line, remark.start, remark.end)])
        return result(
            self.id,
            self.version,
            outcome,
            self._message(outcome, remark),
            llr=llr,
            region=region_of(context, where),
            values={"detail": "" if remark is None else remark.detail or ""},
            source=self.source if remark is None else remark.source or self.source,
        )

    def _message(self, outcome: Outcome, remark: Remark | None) -> str:
        if remark is None:
            return f"checks.{self.id}.{outcome}"
        own = f"checks.{self.id}.{remark.code}"
        return own if own in catalogue("en") else f"mrz.remarks.{remark.code}"

    def _concerns(self, remark: Remark) -> bool:
        return remark.code in self.weights and (not self.fields or remark.field in self.fields)

    def _judge(self, parse: MrzParse) -> tuple[Outcome, Remark | None]:
        """The outcome and the weightiest remark behind it."""
        faults = [remark for remark in parse.faults if self._concerns(remark)]
        if faults:
            return "failed", max(faults, key=lambda remark: self.weights[remark.code])
        notes = [remark for remark in parse.notes if remark.level == "note" and self._concerns(remark)]
        if notes:
            return "undetermined", max(notes, key=lambda remark: self.weights[remark.code])
        return "passed", None

    def _missing(self, parse: MrzParse) -> Outcome | None:
        """Why the fields cannot be judged: the format has none of them, or the read lost one of them."""
        if self.judges_outline:
            return None
        if parse.format is None:
            return "undetermined"
        fields = layout_of(parse.format).fields
        of_format = [field for field in self.fields or fields if field in fields]
        if not of_format:
            return "not_supported"
        return None if all(field in parse.spans for field in of_format) else "undetermined"

    def _places(self, parse: MrzParse) -> tuple[Place, ...]:
        if not self.fields:
            return all_places(parse)
        return places_of(span for field in self.fields for span in parse.spans.get(field, ()))


_STATE_WEIGHTS = {
    "state_code_unknown": 4.0,
    "state_code_misplaced": 2.5,
    "state_code_withdrawn": 3.0,
    "state_code_alias": 0.7,
}

RULE_CHECKS: tuple[RuleCheck, ...] = (
    RuleCheck(
        id="MRZ-format",
        weights={"line_count": 1.0, "line_length": 1.0, "format_unknown": 1.0},
        fields=(),
        source="Doc 9303-3 4.1",
        judges_outline=True,
    ),
    RuleCheck(
        id="MRZ-characters",
        weights={
            "illegal_character": 3.0,
            "lower_case": 3.0,
            "sex_invalid": 3.0,
            "document_number_empty": 3.0,
            "document_number_leading_filler": 1.5,
            "document_number_unterminated": 0.5,
        },
        fields=(),
        source="Doc 9303-3 4.3",
    ),
    RuleCheck(
        id="MRZ-document_code",
        weights={
            "document_code_invalid": 2.5,
            "document_code_barred": 2.5,
            "document_code_letter_required": 1.5,
            "document_code_unlisted": 1.5,
        },
        fields=("document_code",),
        source="Doc 9303-4 4.4",
    ),
    RuleCheck(id="MRZ-issuer", weights=_STATE_WEIGHTS, fields=("issuer",), source="Doc 9303-3 5"),
    RuleCheck(id="MRZ-nationality", weights=_STATE_WEIGHTS, fields=("nationality",), source="Doc 9303-3 5"),
    RuleCheck(
        id="MRZ-dates",
        weights={
            "birth_date_impossible": 4.0,
            "birth_date_malformed": 3.0,
            "birth_date_in_future": 3.0,
            "age_impossible": 3.0,
            "age_over_100": 0.5,
            "expiry_date_impossible": 4.0,
            "expiry_date_malformed": 3.0,
            "expiry_date_unknown": 2.0,
            "expiry_implausible": 1.0,
        },
        fields=("birth_date", "expiry_date"),
        source="Doc 9303-3 4.8",
    ),
    RuleCheck(
        id="MRZ-names",
        weights={
            "names_empty": 3.0,
            "names_leading_filler": 3.0,
            "names_separator_long": 2.5,
            "names_separator_repeated": 2.5,
            "illegal_character": 3.0,
            "lower_case": 3.0,
        },
        fields=("names", "primary_identifier", "secondary_identifier"),
        source="Doc 9303-3 4.6",
    ),
)
