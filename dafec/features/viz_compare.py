"""What the VIZ checks share: prerequisites, doubts about the zone's own reading, and results.

A comparison gives one of four findings. ``same``: the zone's value stands somewhere in the visual zone. ``different``:
the field was found by its label and read surely, and says something else. ``doubtful``: it seems to say something else
and was not read surely. ``unread``: it was not found. Only ``different`` fails, and only where the machine-readable
zone's own characters leave no doubt.

Weights (natural-log likelihood ratios, ``expert-2026``). A personalisation system prints both zones from one record, so
they differ on a genuine document about once in several hundred (a clerk's correction, an issuer's rule that is not in
the standard), and on one in three or more of altered ones: hence 2 to 3. Agreement says little: whoever alters both
agrees with himself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from dafec.capture import Light
from dafec.features.contract import CheckContext, CheckResult
from dafec.features.mrz_context import other_reading, places_of, read_behind, result
from dafec.features.viz_fields import Labelled, labelled_values, printed_lines
from dafec.geometry import BoxMm
from dafec.ocr.layouts import layout_of
from dafec.ocr.parsed import MrzParse
from dafec.ocr.visual_zone import OTHER_SIDE_MM, VisualLine

__all__ = ["SURE", "Comparison", "Finding", "VisualCheck", "ZoneText"]

SURE = 0.9  # least probability of a character from which a value counts as read
_PASS_LLR = -0.15
_SOURCE = "Doc 9303-3 4 (both zones hold the same data)"

Comparison = Literal["same", "different", "doubtful", "unread"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a comparison came to."""

    comparison: Comparison
    printed: str = ""  # in the visual zone
    box_mm: BoxMm | None = None
    reason: str = ""  # message where it is not the comparison's own
    llr: float | None = None  # of ``different``, where it is not the check's own


@dataclass(frozen=True, slots=True)
class ZoneText:
    """The visual zone, ready to compare."""

    lines: tuple[VisualLine, ...]
    labelled: Mapping[str, Sequence[Labelled]] = field(default_factory=dict)
    arabic_read: bool = False


def _place(box: BoxMm | None) -> tuple[BoxMm | None, int]:
    """The region on its own side, and which side that is."""
    if box is None:
        return None, 0
    side = int(max(box.y, 0.0) // OTHER_SIDE_MM)
    return replace(box, y=box.y - side * OTHER_SIDE_MM), side


class Compare(Protocol):
    """Compares one field of the zone with the visual zone."""

    def __call__(self, parse: MrzParse, text: ZoneText) -> Finding:
        """The finding."""
        ...


@dataclass(slots=True)
class VisualCheck:
    """One field of the machine-readable zone against the visual zone. Needs visible light at 150 dpi."""

    id: str
    fields: tuple[str, ...]  # of the zone; the check needs one of them in the document's layout
    compare: Compare
    llr: float
    show: tuple[str, ...]  # fields of the parse that are named beside the printed value
    version: int = 1
    lights: tuple[Light, ...] = ("visible",)
    min_dpi: float = 150.0  # capitals of 1.5 mm are nine pixels high
    needs_series: bool = False

    def run(self, context: CheckContext) -> CheckResult:
        """Compares and judges."""
        if context.visual is None:
            return self._none("not_supported", "checks.viz.not_read")
        parse = context.mrz
        if parse is None:
            return self._none("not_supported", "checks.mrz.no_zone")
        read = read_behind(context)
        if read is None:
            return self._none("undetermined", "checks.mrz.no_read")
        known = layout_of(parse.format).fields if parse.format is not None else {}
        fields = [name for name in self.fields if name in known]
        if parse.format is None or any(name not in parse.spans for name in fields):
            return self._none("undetermined", "checks.mrz.undetermined")
        if not fields:
            return self._none("not_supported", "checks.mrz.not_supported")
        lines = printed_lines(context)
        text = ZoneText(lines, labelled_values(lines), context.visual.arabic_read)
        if not lines:
            return self._none("undetermined", "checks.viz.nothing_read")
        finding = self.compare(parse, text)
        if finding.comparison in ("different", "doubtful"):
            places = places_of(span for name in fields for span in parse.spans[name])
            if other_reading(context, read, places, lambda other: self.compare(other, text).comparison) is not None:
                return self._judged("undetermined", "zone_doubtful", finding, parse)
        outcomes: Mapping[Comparison, Literal["passed", "failed", "undetermined"]] = {
            "same": "passed",
            "different": "failed",
            "doubtful": "undetermined",
            "unread": "undetermined",
        }
        return self._judged(outcomes[finding.comparison], finding.comparison, finding, parse)

    def _none(self, outcome: Literal["not_supported", "undetermined"], message: str) -> CheckResult:
        return result(self.id, self.version, outcome, message, source=_SOURCE)

    def _judged(
        self, outcome: Literal["passed", "failed", "undetermined"], reason: str, finding: Finding, parse: MrzParse
    ) -> CheckResult:
        if finding.reason == "checks.viz.no_arabic_reader":
            return self._none("not_supported", finding.reason)
        failing = finding.llr if finding.llr is not None else self.llr
        llr = {"passed": _PASS_LLR, "failed": failing, "undetermined": 0.0}[outcome]
        zone = " ".join(value for name in self.show if (value := parse.fields.get(name)))
        region, side = _place(finding.box_mm)
        said = result(
            self.id,
            self.version,
            outcome,
            finding.reason or f"checks.{self.id}.{reason}",
            llr=llr,
            region=region,
            values={"printed": finding.printed, "zone": zone},
            source=_SOURCE,
        )
        return replace(said, side=side)
