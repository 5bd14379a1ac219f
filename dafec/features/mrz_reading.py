"""Checks of the reading itself: MRZ-found, MRZ-second_reader, MRZ-lights.

MRZ-found passes where a zone was read with every character certain. It never fails: a page without a zone may be a page
that has none.

MRZ-second_reader compares with an independent reader. Two readers that differ are a doubt about the reading and no
finding about the document: ``undetermined`` with the place. It is ``not_supported`` where no second reader ran.

MRZ-lights compares the visible with the infrared read (STANDARDS rule: read in infrared but different from visible is
overprint or alteration). Two reads that differ in a character both are certain of fail, weight 4.0: the two lights show
the same print, so on a genuine document they cannot disagree beyond the readers' doubt, while an ink that covers in one
light and not in the other is what an alteration looks like. A zone that can be read in visible light only is the
business of IR-AB-MR; here it is ``undetermined``. So is a frame that repeats the visible picture, or agreement in a
frame that could not be registered: either may be the same picture twice. Where more than a third of the characters
differ nobody altered them: the frames show two documents, or one was misread. Two certain reads fail with a weight of
2.0 (a swapped document and a slip at the desk look the same), others are ``undetermined``. Minimum resolution: none of
its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from dafec.capture import Light
from dafec.features.contract import CheckContext, CheckResult
from dafec.features.mrz_context import PASS_LLR, read_behind, region_of, result
from dafec.ocr.digit_support import SUPPORT_RATIO
from dafec.ocr.parsed import Place
from dafec.ocr.types import CharRead, MrzRead

__all__ = ["FoundCheck", "LightsCheck", "SecondReaderCheck"]

_LIGHTS_LLR = 4.0
_TWO_DOCUMENTS_LLR = 2.0
_MOST_ALTERED = 1 / 3  # of all characters; more is another zone


def _same_outline(first: Sequence[str], second: Sequence[str]) -> bool:
    return [len(line) for line in first] == [len(line) for line in second]


def _differences(first: Sequence[str], second: Sequence[str]) -> list[Place]:
    return [
        (number, at)
        for number, (one, other) in enumerate(zip(first, second, strict=True))
        for at, (a, b) in enumerate(zip(one, other, strict=True))
        if a != b
    ]


def _place_values(place: Place, first: Sequence[str], second: Sequence[str]) -> dict[str, str | int | float]:
    line, at = place
    return {"line": line + 1, "position": at + 1, "printed": first[line][at], "other": second[line][at]}


@dataclass(slots=True)
class FoundCheck:
    """A machine-readable zone was found and read."""

    id: str = "MRZ-found"
    version: int = 1
    lights: tuple[Light, ...] = ()
    min_dpi: float = 0.0
    needs_series: bool = False

    def run(self, context: CheckContext) -> CheckResult:
        """Looks at the read behind the parse."""
        read = read_behind(context)
        if read is None or read.status == "not_found" or context.mrz is None:
            return result(self.id, self.version, "undetermined", "checks.MRZ-found.none")
        every = [(line, at) for line, text in enumerate(read.texts) for at in range(len(text))]
        sure = read.status == "read"
        return result(
            self.id,
            self.version,
            "passed" if sure else "undetermined",
            "checks.MRZ-found.passed" if sure else "checks.MRZ-found.undetermined",
            value=round(read.confidence, 4),
            unit="probability",
            expected=(None, 1.0),
            region=region_of(context, every),
            values={"lines": len(read.lines)},
            source="Doc 9303-3 4.1",
        )


@dataclass(slots=True)
class SecondReaderCheck:
    """An independent reader reads the same."""

    id: str = "MRZ-second_reader"
    version: int = 1
    lights: tuple[Light, ...] = ()
    min_dpi: float = 0.0
    needs_series: bool = False

    def run(self, context: CheckContext) -> CheckResult:
        """Compares character by character."""
        first = context.mrz.lines if context.mrz is not None else None
        second = context.second_read
        if first is None:
            return result(self.id, self.version, "not_supported", "checks.mrz.no_zone")
        if second is None:
            return result(self.id, self.version, "not_supported", "checks.MRZ-second_reader.not_supported")
        if not _same_outline(first, second):
            return result(self.id, self.version, "undetermined", "checks.MRZ-second_reader.outline")
        places = _differences(first, second)
        if not places:
            return result(
                self.id,
                self.version,
                "passed",
                "checks.MRZ-second_reader.passed",
                value=0.0,
                unit="characters",
                expected=(0.0, 0.0),
            )
        return result(
            self.id,
            self.version,
            "undetermined",
            "checks.MRZ-second_reader.undetermined",
            value=float(len(places)),
            unit="characters",
            expected=(0.0, 0.0),
            region=region_of(context, places),
            values=_place_values(places[0], first, second),
        )


def _supports(char: CharRead, other: str) -> bool:
    """Whether the image of ``char`` also supports reading ``other``."""
    probability = next((p for alternative, p in char.alternatives if alternative == other), 0.0)
    return probability >= SUPPORT_RATIO * char.probability


def _is_certain_difference(visible: MrzRead, infrared: MrzRead, place: Place) -> bool:
    line, at = place
    one, other = visible.lines[line].chars[at], infrared.lines[line].chars[at]
    return not _supports(one, other.char) and not _supports(other, one.char)


@dataclass(slots=True)
class LightsCheck:
    """Visible and infrared show the same characters."""

    id: str = "MRZ-lights"
    version: int = 1
    lights: tuple[Light, ...] = field(default=("visible", "ir"))
    min_dpi: float = 0.0
    needs_series: bool = False

    def run(self, context: CheckContext) -> CheckResult:
        """Compares the two reads character by character."""
        visible, infrared = context.reads.get("visible"), context.reads.get("ir")
        has_infrared = context.page is not None and "ir" in context.page.images
        if infrared is None and not has_infrared:
            return result(self.id, self.version, "not_supported", "checks.MRZ-lights.not_supported")
        if visible is None or infrared is None or "not_found" in (visible.status, infrared.status):
            return result(self.id, self.version, "undetermined", "checks.MRZ-lights.one_light")
        if context.quality.has("repeats_visible", "ir"):
            return result(self.id, self.version, "undetermined", "checks.MRZ-lights.not_infrared")
        if not _same_outline(visible.texts, infrared.texts):
            return result(self.id, self.version, "undetermined", "checks.MRZ-lights.outline")
        places = _differences(visible.texts, infrared.texts)
        if len(places) > _MOST_ALTERED * sum(map(len, visible.texts)):
            return self._two_documents(context, visible, infrared, places)
        if not places:
            if context.quality.has("unregistered", "ir"):
                return result(self.id, self.version, "undetermined", "checks.MRZ-lights.unregistered")
            sure = visible.status == infrared.status == "read"
            return result(
                self.id,
                self.version,
                "passed" if sure else "undetermined",
                "checks.MRZ-lights.passed" if sure else "checks.MRZ-lights.uncertain",
                llr=PASS_LLR if sure else 0.0,
                value=0.0,
                unit="characters",
                expected=(0.0, 0.0),
            )
        certain = [place for place in places if _is_certain_difference(visible, infrared, place)]
        shown = certain or places
        return result(
            self.id,
            self.version,
            "failed" if certain else "undetermined",
            "checks.MRZ-lights.failed" if certain else "checks.MRZ-lights.undetermined",
            llr=_LIGHTS_LLR if certain else 0.0,
            value=float(len(certain)),
            unit="characters",
            expected=(0.0, 0.0),
            region=region_of(context, shown),
            values=_place_values(shown[0], visible.texts, infrared.texts),
            source="Doc 9303-2 C.44",
        )

    def _two_documents(
        self, context: CheckContext, visible: MrzRead, infrared: MrzRead, places: Sequence[Place]
    ) -> CheckResult:
        """More differs than anybody alters."""
        sure = visible.status == infrared.status == "read"
        return result(
            self.id,
            self.version,
            "failed" if sure else "undetermined",
            "checks.MRZ-lights.two_documents",
            llr=_TWO_DOCUMENTS_LLR if sure else 0.0,
            value=float(len(places)),
            unit="characters",
            expected=(0.0, 0.0),
            region=region_of(context, places),
            values={"count": len(places), "total": sum(map(len, visible.texts))},
            source="Doc 9303-2 C.44",
        )
