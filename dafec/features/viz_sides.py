"""VIZ-SIDES: both sides of a card, or several pages of one capture, against each other.

The sides of one document carry one person's data and are one sheet. Compared is whatever both show:

- two zones: a visa or another page beside a passport names the same holder, day of birth, sex and nationality; two
  zones of one kind also the same number, expiry and issuer. Names are compared as far as the shorter one goes, since
  formats truncate at different lengths (Doc 9303-4 to 7).
- a zone and the printed text of a side without one: number, days and names, by the same rules as the other VIZ checks
  (``dafec.features.viz_checks``), but of that side alone, so a front that belongs to another card is found although
  the back agrees with itself.
- the substrate under ultraviolet light: one sheet is as dull on both sides. Compared are the medians of the paper
  (``dafec.features.uv_br``), both frames lit and none saturated.

Two zones of one kind on one glass are two documents and no contradiction: that is ``undetermined``. So is anything
where a zone was not read surely.

Thresholds of the substrate: on synthetic cards of five series and ten readers both sides differ by 0.035 of full scale
at most, a side on brightened paper by 0.2 and more. Weights: personalisation systems print both sides from one record,
so they differ on a genuine document no more often than the zones of one page do (``dafec.features.viz_compare``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from dafec.capture import Light
from dafec.features.contract import CheckContext, CheckResult, SideView
from dafec.features.gen_result import Measured, Reporter
from dafec.features.mrz_context import read_behind
from dafec.features.uv_br import substrate_brightness
from dafec.features.viz_checks import VIZ_CHECKS
from dafec.features.viz_compare import ZoneText
from dafec.features.viz_fields import labelled_values, printed_lines
from dafec.ocr.parsed import MrzParse
from dafec.ocr.visual_zone import OTHER_SIDE_MM

__all__ = ["SidesAgainstEachOther"]

_SOURCE = "Doc 9303-3 4 and 9303-5 (one record, one sheet); substrate from synthetic cards"
_CALIBRATION = "expert-2026"
_UV_SAME, _UV_OTHER = 0.08, 0.15  # of full scale, between both sides' papers
_LLR: dict[str, float] = {"person": 2.0, "number": 2.0, "text": 1.5, "substrate": 1.5}
_LLR_PASSED = -0.1
_VISAS = ("MRV-A", "MRV-B")
_TEXT_CHECKS = ("VIZ-number", "VIZ-birth_date", "VIZ-expiry_date", "VIZ-names")
_LEAST_NAME = 3  # letters a truncated name must have left to say anything

Verdict = Literal["agrees", "differs", "doubtful"]


@dataclass(frozen=True, slots=True)
class _Comparison:
    """One thing that two sides both show."""

    kind: str  # message where it differs: person, number, text, substrate
    verdict: Verdict
    side: int
    own: str = ""  # what the document's page says
    other: str = ""  # what the side says
    measured: Measured | None = None


class SidesAgainstEachOther:
    """VIZ-SIDES. Needs a second side; each comparison needs what it compares on both."""

    id: str = "VIZ-SIDES"
    version: int = 1
    lights: tuple[Light, ...] = ()
    min_dpi: float = 0.0
    needs_series: bool = False
    _report = Reporter("VIZ-SIDES", 1, _SOURCE, _CALIBRATION)

    def run(self, context: CheckContext) -> CheckResult:
        """Compare every further side with the document's page."""
        if not context.sides:
            return self._report.result("not_supported", "one_side")
        found = [one for side in context.sides for one in _compare(context, side)]
        values: dict[str, str | int | float] = {
            "sides": len(context.sides) + 1,
            "count": sum(one.verdict == "agrees" for one in found),
        }
        different = [one for one in found if one.verdict == "differs"]
        if different:
            worst = max(different, key=lambda one: _LLR[one.kind])
            return self._said("failed", worst.kind, worst, values, _LLR[worst.kind])
        doubtful = next((one for one in found if one.verdict == "doubtful"), None)
        if doubtful is not None:
            return self._said("undetermined", f"{doubtful.kind}_doubtful", doubtful, values, 0.0)
        if not values["count"]:
            return self._report.result("undetermined", "nothing_common", values=values)
        return self._said("passed", "passed", found[0], values, _LLR_PASSED)

    def _said(
        self,
        outcome: Literal["passed", "failed", "undetermined"],
        reason: str,
        one: _Comparison,
        values: dict[str, str | int | float],
        llr: float,
    ) -> CheckResult:
        shown = {**values, "own": one.own, "other": one.other}
        said = self._report.result(outcome, reason, measured=one.measured, values=shown, llr=llr)
        return replace(said, side=one.side)


def _compare(context: CheckContext, side: SideView) -> Iterator[_Comparison]:
    yield from _zones(context, side)
    yield from _texts(context, side)
    yield from _substrates(context, side)


def _zones(context: CheckContext, side: SideView) -> Iterator[_Comparison]:
    """Both zones, field by field; the first that differs is told."""
    own, other, read = context.mrz, side.mrz, read_behind(context)
    if own is None or other is None or read is None or side.read is None:
        return
    sure = read.status == side.read.status == "read"
    visa = own.format in _VISAS, other.format in _VISAS
    fields = ["birth_date", "sex", "nationality"]
    if not any(visa):
        fields += ["document_number", "expiry_date", "issuer"]
    differing = [name for name in fields if _differ(own.fields.get(name), other.fields.get(name))]
    names = _names(own), _names(other)
    if not _one_name(*names):
        differing.append("names")
    if not differing:
        yield _Comparison("person", "agrees", side.side, names[0], names[1])
        return
    # Two passports or cards on one glass are two documents; a visa stands in somebody's passport.
    separate = "names" in differing and "document_number" in differing
    verdict: Verdict = "differs" if sure and not separate else "doubtful"
    person = bool({"names", "birth_date", "sex", "nationality"} & set(differing))
    if person:
        told = next(name for name in ("names", "birth_date", "sex", "nationality") if name in differing)
        shown = names if told == "names" else (own.fields.get(told) or "", other.fields.get(told) or "")
        yield _Comparison("person", verdict, side.side, *shown)
    else:
        field = differing[0]
        yield _Comparison("number", verdict, side.side, own.fields.get(field) or "", other.fields.get(field) or "")


def _differ(one: str | None, other: str | None) -> bool:
    return bool(one) and bool(other) and one != other


def _names(parse: MrzParse) -> str:
    parts = (parse.fields.get("primary_identifier"), parse.fields.get("secondary_identifier"))
    return " ".join(part for part in parts if part)


def _one_name(one: str, other: str) -> bool:
    """Whether the shorter of two names, letters only, begins the other; nothing is said where too little is left."""
    a, b = sorted(("".join(filter(str.isalnum, name)) for name in (one, other)), key=len)
    return len(a) < _LEAST_NAME or b.startswith(a)


def _texts(context: CheckContext, side: SideView) -> Iterator[_Comparison]:
    """The zone's fields in the printed text of a side that has no zone."""
    read = read_behind(context)
    if context.mrz is None or read is None or side.mrz is not None:
        return
    base = side.side * OTHER_SIDE_MM
    lines = tuple(line for line in printed_lines(context) if base <= line.box_mm.y < base + OTHER_SIDE_MM)
    if not lines:
        return
    text = ZoneText(lines, labelled_values(lines), context.visual is not None and context.visual.arabic_read)
    for check in VIZ_CHECKS:
        if check.id not in _TEXT_CHECKS:
            continue
        finding = check.compare(context.mrz, text)
        zone = " ".join(value for name in check.show if (value := context.mrz.fields.get(name)))
        if finding.comparison == "same":
            yield _Comparison("text", "agrees", side.side, zone, finding.printed)
        elif finding.comparison == "different":
            verdict: Verdict = "differs" if read.status == "read" else "doubtful"
            yield _Comparison("text", verdict, side.side, zone, finding.printed)


def _substrates(context: CheckContext, side: SideView) -> Iterator[_Comparison]:
    """The paper of both sides under ultraviolet light."""
    if context.page is None:
        return
    own = substrate_brightness(context.page, context.quality)
    other = substrate_brightness(side.page, side.quality)
    if own is None or other is None:
        return
    apart = abs(own - other)
    verdict: Verdict = "agrees" if apart <= _UV_SAME else "differs" if apart > _UV_OTHER else "doubtful"
    measured = Measured(apart, "of full scale", (0.0, _UV_SAME))
    yield _Comparison("substrate", verdict, side.side, f"{own:.2f}", f"{other:.2f}", measured)
