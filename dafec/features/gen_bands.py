"""GEN-bands: what visible light shows of the personal print, infrared shows as well.

An edit of the visible picture alone leaves infrared with the old text (THREATS P3); an erased and overprinted text is
in another ink (F3, F7). Both contradict the other texts of the same page, and need no known series.

How it is measured. Words in dark neutral ink, taller than labels, outside the portrait and the machine-readable zone,
are each other's siblings (``dafec.features.gen_words``). Two figures each:

- likeness: normalised cross-correlation of the word's absorbance in both lights, brought to one softness, over
  shifts of 0.4 mm (bands are registered to one to three pixels). Another text under the same place has less.
- share: absorbance in infrared over that in visible light, summed over the word with half a millimetre round it.
  One tone curve, one optics and one ink give siblings the same share; a dye ink among carbon ones keeps a tenth.

What a whole page shares says nothing: personal print that vanishes everywhere, labels and backgrounds that vanish by
design (THREATS "IR split") have no siblings that stay, so only a word against the others of its page is a finding. Four
siblings are the least that make a usual value; two in an unusual ink of a page with few words may be its design, so the
share is judged only where seven tenths of the siblings agree. A title in dark line-art ink fades by design and stands
in larger letters than what is personal: only words about as high as most are judged by their share.

Thresholds. On 103 synthetic genuine pages of nine series and five readers (a third of them worn) the gap in likeness
reaches 0.21 and edits of the visible picture show 0.4 and more. Synthetic figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import cv2
import numpy as np

from dafec.capture import Light
from dafec.features.contract import CheckContext, CheckResult
from dafec.features.gen_result import Measured, Reporter
from dafec.features.gen_words import Field, Picture, Print, look_at, page_prints
from dafec.geometry import BoxMm

__all__ = ["BandContradiction"]

_SOURCE = "synthetic documents 2026: gap among words of one ink; no series needed"
_CALIBRATION = "expert-2026"  # set by hand: too few synthetic pages yet to fit it
_MIN_WORDS = 4
_GAP_FAIL = 0.30
_GAP_DOUBT = 0.20
_USUAL_LIKENESS = 0.75  # below it infrared is too soft to compare shapes
_SHARE_FAIL = 0.25  # of the siblings' share; a dye among carbon inks keeps a tenth
_SHARE_DOUBT = 0.45  # a pen stroke through a word that is in order takes it down to a third
_USUAL_SHARE = 0.4  # below it the page's own ink fades in infrared
_AGREE = 0.7
_REVERSE = 0.45  # share above the siblings' where theirs is below _FADED: a carbon ink among dyes
_FADED = 0.2
_ALIKE_HEIGHT = 1.35  # of the median word's height, up or down: lines of letters with and without descenders
_MARGIN_MM = 0.5
_REACH_MM = 0.4
_SOFT_PX = 2.0
_PIECE_MM = 6.0
_FLAT = 0.08  # deviation of absorbance: less than this is no print
_LLR_FAILED = 1.5  # asks for a look: few pages were measured
_LLR_PASSED = -0.1


@dataclass(frozen=True, slots=True)
class _Pair:
    """One word in both lights."""

    box: BoxMm
    likeness: float
    share: float


class BandContradiction:
    """GEN-bands. Needs visible light and infrared at 180 dpi or more."""

    id: str = "GEN-bands"
    version: int = 1
    lights: tuple[Light, ...] = ("visible", "ir")
    min_dpi: float = 180.0
    needs_series: bool = False
    _report = Reporter("GEN-bands", 1, _SOURCE, _CALIBRATION, (0.0, _GAP_DOUBT))

    def run(self, context: CheckContext) -> CheckResult:
        """Compare every word's look in infrared with that of its siblings."""
        page = context.page
        if page is None:
            return self._report.result("undetermined", "few_words", values={"count": 0})
        registration = page.registration.get("ir")
        if registration is not None and not registration.reliable:
            return self._report.result("undetermined", "unregistered")
        if context.quality.has("repeats_visible", "ir"):
            return self._report.result("undetermined", "not_infrared")
        if context.quality.has("blurred", "visible") or context.quality.has("blurred", "ir"):
            return self._report.result("undetermined", "blurred")
        visible, infrared = look_at(page, "visible"), look_at(page, "ir")
        prints = page_prints(page)
        if len(prints) < _MIN_WORDS:
            return self._report.result("undetermined", "few_words", values={"count": len(prints)})
        return self._judge(_pairs(prints, visible, infrared))

    def _judge(self, pairs: list[_Pair]) -> CheckResult:
        likeness, share = (np.array([getattr(p, name) for p in pairs]) for name in ("likeness", "share"))
        height = np.array([p.box.height for p in pairs])
        alike = np.abs(np.log(height / np.median(height))) <= np.log(_ALIKE_HEIGHT)
        usual, usual_share = float(np.median(likeness)), float(np.median(share))
        values: dict[str, str | int | float] = {"count": len(pairs), "share": round(usual_share, 2)}
        agree = float(np.mean(np.abs(share - usual_share) < 0.35 * max(usual_share, _FADED)))
        if usual_share >= _USUAL_SHARE and agree >= _AGREE:
            at = int(np.argmin(np.where(alike, share, np.inf)))
            relative = float(share[at]) / usual_share
            if relative < _SHARE_FAIL:
                values["value"] = round(relative, 2)
                return self._found("failed", "fades", _of_share(relative), pairs[at].box, values)
            if relative < _SHARE_DOUBT:
                values["value"] = round(relative, 2)
                return self._found("undetermined", "marginal", _of_share(relative), pairs[at].box, values)
        at = int(np.argmax(np.where(alike, share, -np.inf)))
        if usual_share < _FADED and agree >= _AGREE and float(share[at]) > usual_share + _REVERSE:
            values["value"] = round(float(share[at]), 2)
            return self._found(
                "failed", "stays", Measured(float(share[at]), "share", (None, _REVERSE)), pairs[at].box, values
            )
        # A word that fades has no shape in infrared to compare.
        there = share > max(0.4 * usual_share, 0.1)
        if usual_share < _USUAL_SHARE or usual < _USUAL_LIKENESS or int(there.sum()) < _MIN_WORDS:
            return self._report.result("undetermined", "too_soft", values=values)
        at = int(np.argmin(np.where(there, likeness, 2.0)))
        gap = max(usual - float(likeness[at]), 0.0)
        values["value"] = round(gap, 2)
        if gap > _GAP_FAIL:
            return self._found("failed", "differs", Measured(gap, "correlation"), pairs[at].box, values)
        if gap > _GAP_DOUBT:
            return self._found("undetermined", "marginal", Measured(gap, "correlation"), pairs[at].box, values)
        return self._found("passed", "passed", Measured(gap, "correlation"), pairs[at].box, values)

    def _found(
        self,
        outcome: Literal["passed", "failed", "undetermined"],
        reason: str,
        measured: Measured,
        region: BoxMm,
        values: dict[str, str | int | float],
    ) -> CheckResult:
        llr = {"passed": _LLR_PASSED, "failed": _LLR_FAILED, "undetermined": 0.0}[outcome]
        return self._report.result(outcome, reason, measured=measured, region=region, values=values, llr=llr)


def _of_share(relative: float) -> Measured:
    return Measured(relative, "share", (_SHARE_FAIL, None))


def _pairs(prints: list[Print], visible: Picture, infrared: Picture) -> list[_Pair]:
    """Every word in both lights; those too near the rim to search round are left out."""
    scale = visible.scale
    margin, reach = max(1, round(_MARGIN_MM * scale)), max(1, round(_REACH_MM * scale))
    kernel = np.ones((2 * margin + 1, 2 * margin + 1), np.uint8)
    pairs = []
    for one in prints:
        rows, columns = one.word.window(visible.ink.shape, margin)
        wide = (
            slice(max(rows.start - reach, 0), rows.stop + reach),
            slice(max(columns.start - reach, 0), columns.stop + reach),
        )
        seen, below = visible.ink[rows, columns], infrared.ink[rows, columns]
        near = cv2.dilate((seen > 0.2).astype(np.uint8), kernel) > 0
        rest = ~near
        base_v = float(np.median(seen[rest])) if int(rest.sum()) > 20 else 0.0
        base_i = float(np.median(below[rest])) if int(rest.sum()) > 20 else 0.0
        share = float((below[near] - base_i).sum()) / max(float((seen[near] - base_v).sum()), 1e-3)
        soft = np.asarray(cv2.GaussianBlur(seen, (0, 0), _SOFT_PX), np.float32)
        search = np.asarray(cv2.GaussianBlur(infrared.ink[wide], (0, 0), 0.5 * _SOFT_PX), np.float32)
        likeness = _least_likeness(
            soft, search, (rows.start - wide[0].start, columns.start - wide[1].start), reach, scale
        )
        if likeness is not None:
            pairs.append(_Pair(one.word.box_mm(scale), likeness, share))
    return pairs


def _least_likeness(soft: Field, search: Field, at: tuple[int, int], reach: int, scale: float) -> float | None:
    """The lowest likeness among the pieces of a word; None where the page's rim leaves no room to search.

    An edit may change two characters of twelve; pieces of about four of them show it.
    """
    pieces = max(1, round(soft.shape[1] / (_PIECE_MM * scale)))
    edges = np.linspace(0, soft.shape[1], pieces + 1).round().astype(int)
    found = []
    for start, stop in pairwise(edges):
        piece = soft[:, start:stop]
        left, top = at[1] + int(start), max(at[0] - reach, 0)
        area = search[top : at[0] + soft.shape[0] + reach, max(left - reach, 0) : left + piece.shape[1] + reach]
        if area.shape[0] < piece.shape[0] or area.shape[1] < piece.shape[1] or float(piece.std()) < _FLAT:
            continue
        found.append(float(cv2.matchTemplate(area, piece, cv2.TM_CCOEFF_NORMED).max()))
    return min(found) if found else None
