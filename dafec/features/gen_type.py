"""GEN-type and GEN-type-chars: is the machine-readable zone set as Doc 9303 has it, and are its characters of one kind?

GEN-type looks at the zone as a whole: face (correlation with OCR-B size 1), pitch 2.54 mm and line distance on the
page's true scale, evenness of the lines. A zone in another face, or set unevenly, is what home-made zones look like;
specimens and some genuine documents are as well, so one such mark asks for a second look and does not fail. Two of them
with another face fail, and so does a line that is set three times less evenly than another of the same zone.

GEN-type-chars looks at single characters against their neighbours: place along and across the line, contrast, weight of
the ink, likeness to OCR-B, and darkness in infrared. An altered character (THREATS F4) stands out in one or more of
them. A stamp or a pen's stroke changes characters as well, and runs on above or below them: such a character is covered
and tells nothing, so where all that stand out are covered the result is undetermined. What a whole line does (tilt,
bow, uneven light) is taken out by a parabola and by running medians.

Tolerances, measured by ``benchmarks/typography.py`` on rendered genuine documents and on real specimens: characters of
a line scatter by 0.01 mm in modern personalisation and by 0.1 mm in old printers, lines bend by up to 0.16 mm at their
ends; scale from the page's edges is right to 6 per cent; contrast and weight scatter by 3 per cent of the neighbours'.
A character has to leave both its own line's scatter and these limits. Needs 250 dpi: three pixels across a stroke.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dafec.capture import Light
from dafec.features.contract import CheckContext, CheckResult, Outcome
from dafec.features.gen_type_measure import CharPrint, ZonePrint, measure_zone
from dafec.features.mrz_context import region_of, result
from dafec.features.quick_stats import median_beside
from dafec.geometry import BoxMm
from dafec.ocr.types import MrzRead
from dafec.outline import MRZ_LAYOUT
from dafec.page import Page

__all__ = ["TYPE_CHECKS", "Outlier", "find_outliers"]

_SOURCE = "Doc 9303-3 4.2 and 4.11 (OCR-B size 1, pitch 2.54 mm); tolerances measured"
_MIN_DPI = 250.0
_PITCH_MM = 2.54
_CAP_MM = 2.6
_OCRB = 0.87  # median correlation of zones in OCR-B is 0.91 and more, in other faces 0.82 and less
_PITCH_SHARE = 0.06
_PITCH_FAR = 0.10
_DISTANCE_SHARE = 0.12
_UNEVEN_MM = 0.08  # baseline, robust deviation
_UNEVEN_FAR_MM = 0.2
_MIN_CONTRAST = 0.2

#: Limits of one character: absolute, and in robust deviations of its line.
_ALONG_MM, _ACROSS_MM, _RELATIVE, _INFRARED, _UNLIKE = 0.12, 0.16, 0.30, 0.5, 0.17
_INFRARED_SHARE = 0.25  # of visible darkness: where infrared shows little of a zone, half of it is background print
_DEVIATIONS = 8.0
_COVERED = 0.04  # darkness of the paper above or below a character, beyond its line's: a stamp's or pen's stroke
_MARKED, _MARK_CHARS = 0.06, 2  # the same, so clear that the stroke may run on under so many characters beside it
_END_CHARS, _END_MM = 4, 0.30  # lines bend at their ends, where the parabola no longer holds
_NEIGHBOURS = 4
_SHOWN = 12  # characters a message names
_MANY = 8  # characters out of line: then it is the print or the picture, and no alteration

_LLR_ONE, _LLR_TWO, _LLR_INFRARED, _LLR_HOME_MADE, _LLR_OTHER_FACE, _LLR_LINES = 1.2, 2.5, 3.0, 1.5, 0.8, 2.0
_LINES_RATIO, _LINES_MM = 3.0, 0.03  # scatter of one line over another's, both ways, and its least
_LLR_PASSED = -0.1

Cue = Literal["along", "across", "contrast", "weight", "unlike", "infrared"]


@dataclass(frozen=True, slots=True)
class Outlier:
    """One character that is not like its neighbours."""

    char: CharPrint
    cues: tuple[Cue, ...]
    covered: bool = False  # something runs across it, or close by, that goes on beyond its height


def _around(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each value less the median of its neighbours."""
    return np.asarray(values - median_beside(values, _NEIGHBOURS, 3), np.float64)


def _own_place(chars: Sequence[CharPrint], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values less what belongs to the glyph: faces of one family set some of them higher than others."""
    left = values.copy()
    for kind in {char.char for char in chars}:
        own = np.array([char.char == kind for char in chars])
        if own.sum() >= 3:
            left[own] -= np.median(values[own])
    return left


def _beyond(values: NDArray[np.float64], limit: float | NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where values leave a limit and their own scatter."""
    finite = values[np.isfinite(values)]
    if len(finite) < 8:
        return np.zeros(len(values), bool)
    scatter = 1.4826 * float(np.median(np.abs(finite - np.median(finite))))
    return np.nan_to_num(np.abs(values)) > np.maximum(limit, _DEVIATIONS * scatter)


def _other_lines(zone: ZonePrint, chars: Sequence[CharPrint], values: Mapping[CharPrint, float]) -> NDArray[np.float64]:
    """What the other lines do at the same places, nearest to each character's own value; NaN where there is none.

    Where the page itself is bent, all lines leave their parabolas at the same place; an alteration is in one.
    """
    by_place: dict[int, list[CharPrint]] = {}
    for char in zone.chars:
        by_place.setdefault(char.position, []).append(char)
    found = np.full(len(chars), np.nan)
    for i, char in enumerate(chars):
        others = [values[other] for other in by_place[char.position] if other.line != char.line]
        if others:
            found[i] = min(others, key=lambda other: abs(other - values[char]))
    return found


def _alone(values: NDArray[np.float64], others: NDArray[np.float64], limit: float) -> NDArray[np.bool_]:
    """Where a line leaves its place and no other does so beside it."""
    return ~(np.nan_to_num(np.abs(values - others), nan=np.inf) < np.maximum(limit, 0.5 * np.abs(values)))


def _is_covered(char: CharPrint, line: Sequence[CharPrint]) -> bool:
    near = [other for other in line if abs(other.position - char.position) <= _MARK_CHARS]
    return char.beside > _COVERED or any(other.beside > _MARKED for other in near)


def find_outliers(zone: ZonePrint) -> list[Outlier]:
    """Characters that are not like their neighbours, in reading order."""
    found: list[Outlier] = []
    infrared = max(_INFRARED, _INFRARED_SHARE / max(zone.infrared_share, 1e-3))
    off_x = {char: char.off_x_mm for char in zone.chars}
    off_y = dict(zip(zone.chars, _own_place(zone.chars, np.array([c.off_y_mm for c in zone.chars])), strict=True))
    for number in range(len(zone.lines)):
        chars = [char for char in zone.chars if char.line == number]
        last = max((char.position for char in chars), default=0)
        ends = np.array([min(char.position, last - char.position) < _END_CHARS for char in chars])
        x, y = (np.array([off[char] for char in chars]) for off in (off_x, off_y))
        alone_x = _alone(x, _other_lines(zone, chars, off_x), _ALONG_MM)
        alone_y = _alone(y, _other_lines(zone, chars, off_y), _ACROSS_MM)
        marks: Mapping[Cue, NDArray[np.bool_]] = {
            "along": alone_x & _beyond(_around(x), np.where(ends, _END_MM, _ALONG_MM)),
            "across": alone_y & _beyond(_around(y), np.where(ends, _END_MM, _ACROSS_MM)),
            "contrast": _beyond(np.array([c.contrast - 1 for c in chars]), _RELATIVE),
            "weight": _beyond(np.array([c.weight - 1 for c in chars]), _RELATIVE),
            "unlike": _beyond(np.minimum([c.correlation - zone.correlation for c in chars], 0.0), _UNLIKE),
            "infrared": _beyond(np.array([c.infrared - 1 for c in chars]), infrared),
        }
        for i, char in enumerate(chars):
            cues = tuple(cue for cue, out in marks.items() if out[i])
            if cues:
                found.append(Outlier(char, cues, _is_covered(char, chars)))
    return found


def _visible_read(context: CheckContext) -> MrzRead | None:
    read = context.reads.get("visible")
    return read if read is not None and context.mrz is not None and read.texts == context.mrz.lines else None


def _has_infrared(context: CheckContext, page: Page) -> bool:
    """Whether the infrared image is one, and lies where the visible one does."""
    registration = page.registration.get("ir")
    lies_there = "ir" in page.images and (registration is None or registration.reliable)
    return lies_there and not any(context.quality.has(kind, "ir") for kind in ("repeats_visible", "blurred"))


class _TypeCheck:
    """What both checks share. Light: visible; infrared where it is there. 250 dpi."""

    id: str = ""
    version: int = 1
    lights: tuple[Light, ...] = ("visible",)
    min_dpi: float = _MIN_DPI
    needs_series: bool = False

    def run(self, context: CheckContext) -> CheckResult:
        """Measures the zone and judges it."""
        read, page = _visible_read(context), context.page
        if context.mrz is None:
            return self._result("not_supported", "checks.mrz.no_zone")
        if page is None or read is None or context.mrz.format is None:
            return self._result("undetermined", "checks.mrz.no_read")
        zone = measure_zone(page, read, infrared=_has_infrared(context, page))
        if zone is None:
            return self._result("undetermined", f"checks.{self.id}.unmeasured")
        blurred = context.quality.has("blurred", "visible")
        if zone.contrast < _MIN_CONTRAST or blurred:
            return self._result("undetermined", f"checks.{self.id}.unmeasured")
        return self._judge(context, page, zone)

    def _judge(self, context: CheckContext, page: Page, zone: ZonePrint) -> CheckResult:
        raise NotImplementedError

    def _result(
        self,
        outcome: Outcome,
        message: str,
        *,
        llr: float = 0.0,
        value: float | None = None,
        unit: str | None = None,
        expected: tuple[float | None, float | None] | None = None,
        region: BoxMm | None = None,
        values: Mapping[str, str | int | float] | None = None,
    ) -> CheckResult:
        return result(
            self.id,
            self.version,
            outcome,
            message,
            llr=llr,
            value=None if value is None else round(value, 3),
            unit=unit,
            expected=expected,
            region=region,
            values=values,
            source=_SOURCE,
        )


def _lines_differ(zone: ZonePrint) -> bool:
    """Whether one line is set far less evenly than another, along it and across: not by the same printer."""
    even = min(zone.lines, key=lambda line: line.spread_x_mm + line.spread_y_mm)
    return any(
        line.spread_x_mm > max(_LINES_MM, _LINES_RATIO * even.spread_x_mm)
        and line.spread_y_mm > max(_LINES_MM, _LINES_RATIO * even.spread_y_mm)
        for line in zone.lines
    )


class ZoneType(_TypeCheck):
    """GEN-type: face, pitch, line distance and evenness of the zone."""

    id: str = "GEN-type"

    def _judge(self, context: CheckContext, page: Page, zone: ZonePrint) -> CheckResult:
        pitch = float(np.median([line.pitch_mm for line in zone.lines]))
        uneven = max(line.spread_y_mm for line in zone.lines)
        scaled = page.outline_source == "edges"  # other outlines take their scale from the zone itself
        off_pitch = abs(pitch / _PITCH_MM - 1) if scaled else 0.0
        layout = MRZ_LAYOUT[page.format] if page.format is not None else None
        off_distance = 0.0
        if layout is not None and math.isfinite(zone.distance_mm):
            nominal = (layout.height - _CAP_MM) / (layout.lines - 1) / _PITCH_MM
            off_distance = abs(zone.distance_mm / pitch / nominal - 1)
        values: dict[str, str | int | float] = {
            "pitch": round(pitch, 2),
            "face": round(zone.correlation, 2),
            "uneven": round(uneven, 2),
            "distance": round(zone.distance_mm, 2) if math.isfinite(zone.distance_mm) else "",
        }
        far = [off_pitch > _PITCH_FAR, uneven > _UNEVEN_FAR_MM, off_distance > 2 * _DISTANCE_SHARE]
        region = region_of(context, [(char.line, char.position) for char in zone.chars])
        face = (zone.correlation, "correlation", (_OCRB, 1.0))
        if zone.correlation < _OCRB and sum(far) >= 2:
            return self._said("failed", "home_made", _LLR_HOME_MADE, face, region, values)
        if _lines_differ(zone):
            scatter = (uneven, "mm", (0.0, round(_LINES_RATIO * min(line.spread_y_mm for line in zone.lines), 3)))
            return self._said("failed", "lines_differ", _LLR_LINES, scatter, region, values)
        if zone.correlation < _OCRB:
            return self._said("undetermined", "face", _LLR_OTHER_FACE, face, region, values)
        ranges = (_PITCH_MM * (1 - _PITCH_SHARE), _PITCH_MM * (1 + _PITCH_SHARE))
        measured = (pitch, "mm", (round(ranges[0], 2), round(ranges[1], 2)))
        if off_pitch > _PITCH_SHARE:
            return self._said("undetermined", "pitch", 0.3, measured, region, values)
        if uneven > _UNEVEN_MM:
            return self._said("undetermined", "uneven", 0.5, (uneven, "mm", (0.0, _UNEVEN_MM)), region, values)
        if off_distance > _DISTANCE_SHARE:
            return self._said("undetermined", "distance", 0.2, (zone.distance_mm, "mm", (None, None)), region, values)
        return self._said("passed", "passed" if scaled else "passed_unscaled", _LLR_PASSED, measured, region, values)

    def _said(
        self,
        outcome: Outcome,
        reason: str,
        llr: float,
        measured: tuple[float, str, tuple[float | None, float | None]],
        region: BoxMm | None,
        values: Mapping[str, str | int | float],
    ) -> CheckResult:
        value, unit, expected = measured
        message = f"checks.{self.id}.{reason}"
        return self._result(
            outcome, message, llr=llr, value=value, unit=unit, expected=expected, region=region, values=values
        )


class CharacterType(_TypeCheck):
    """GEN-type-chars: single characters against their neighbours."""

    id: str = "GEN-type-chars"

    def _judge(self, context: CheckContext, page: Page, zone: ZonePrint) -> CheckResult:
        found = find_outliers(zone)
        outliers = [out for out in found if not out.covered] or found
        places = [(out.char.line, out.char.position) for out in outliers]
        region = region_of(context, places or [(char.line, char.position) for char in zone.chars])
        values: dict[str, str | int | float] = {
            "count": len(outliers),
            "chars": " ".join(out.char.char for out in outliers[:_SHOWN]) + (" …" if len(outliers) > _SHOWN else ""),
            "line": outliers[0].char.line + 1 if outliers else 0,
            "position": outliers[0].char.position + 1 if outliers else 0,
        }
        if not outliers:
            passing = f"checks.{self.id}.passed"
            return self._counted("passed", passing, _LLR_PASSED, 0, region, values)
        if all(out.covered for out in outliers):
            return self._counted("undetermined", f"checks.{self.id}.covered", 0.0, len(outliers), region, values)
        infrared = any("infrared" in out.cues for out in outliers)
        if (zone.correlation < _OCRB or len(outliers) > _MANY) and not infrared:
            # templates of another face measure its characters badly, and a bad print has many odd ones
            return self._counted("undetermined", f"checks.{self.id}.uneven", 0.5, len(outliers), region, values)
        two = len(outliers) >= 2 or any(len(out.cues) >= 2 for out in outliers)
        llr = _LLR_INFRARED if infrared else _LLR_TWO if two else _LLR_ONE
        reason = "infrared" if infrared else "failed"
        return self._counted("failed", f"checks.{self.id}.{reason}", llr, len(outliers), region, values)

    def _counted(
        self,
        outcome: Outcome,
        message: str,
        llr: float,
        count: int,
        region: BoxMm | None,
        values: Mapping[str, str | int | float],
    ) -> CheckResult:
        return self._result(
            outcome, message, llr=llr, value=count, unit="characters", expected=(0.0, 0.0), region=region, values=values
        )


TYPE_CHECKS: tuple[_TypeCheck, ...] = (ZoneType(), CharacterType())
