"""GEN-retouch: one text of a page contradicts the others in the visible picture.

A text erased and written again or pasted on a patch (THREATS F3) stands on ground that has lost its fine print, or in
another depth of ink. Words in dark neutral ink of one page are each other's yardstick (``dafec.features.gen_words``),
so neither the series nor the scanner need be known; and since every figure is a word's own surroundings against the
word, file compression falls out.

- ground: deviation of the paper's absorbance between and close round the strokes, over that in a ring 1 to 3 mm out;
  as natural logarithm, against the median of all words. Fine print missing under a text makes it low.
- depth: absorbance of the strokes' cores against words of the same height, as natural logarithm.

Each is a distance to the siblings; the larger one, as a share of its limit, is the check's value. Limits: the most that
synthetic genuine pages reach, worn ones among them, and a third more (ground 0.46, depth 0.46). Synthetic figures.

Not used: the grain round a word against that farther out. Lines of a guilloche come and go within millimetres, and a
third of genuine pages went beyond what edits show, at every quantile tried.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.capture import Light
from dafec.features.contract import CheckContext, CheckResult
from dafec.features.gen_result import Measured, Reporter
from dafec.features.gen_words import Picture, Print, look_at, page_prints
from dafec.geometry import BoxMm

__all__ = ["LocalContradiction"]

_SOURCE = "synthetic documents 2026: spread among words of one page; no series needed"
_CALIBRATION = "expert-2026"  # set by hand: too few synthetic pages yet to fit it
_MIN_WORDS = 5
#: What genuine pages reach at most, by figure; a finding begins at ``_FAIL`` of it.
_LIMITS = {"ground": 0.62, "depth": 0.62}
_FAIL, _DOUBT = 1.0, 0.8
_NEAR_MM = 0.5
_OUT_MM = 2.5
_KEEP_OFF_MM = 0.25  # from strokes
_MIN_GROUND_PX = 60
_SAME_HEIGHT = 1.18
_LLR_FAILED = 1.5  # asks for a look: few pages were measured
_LLR_PASSED = -0.1


@dataclass(frozen=True, slots=True)
class _Look:
    """One word and its surroundings."""

    box: BoxMm
    ground: float  # natural logarithm, inside over ring; NaN where there is too little of either
    depth: float  # natural logarithm of absorbance


class LocalContradiction:
    """GEN-retouch. Needs visible light at 250 dpi or more."""

    id: str = "GEN-retouch"
    version: int = 1
    lights: tuple[Light, ...] = ("visible",)
    min_dpi: float = 250.0
    needs_series: bool = False
    _report = Reporter("GEN-retouch", 1, _SOURCE, _CALIBRATION, (0.0, _DOUBT))

    def run(self, context: CheckContext) -> CheckResult:
        """Compare every word's ground and depth with those of its siblings."""
        page = context.page
        if page is None:
            return self._report.result("undetermined", "few_words", values={"count": 0})
        if context.quality.has("blurred", "visible"):
            return self._report.result("undetermined", "blurred")
        picture = look_at(page, "visible")
        prints = page_prints(page)
        if len(prints) < _MIN_WORDS:
            return self._report.result("undetermined", "few_words", values={"count": len(prints)})
        looks = _looks(picture, prints)
        found = {name: _farthest(looks, name) for name in _LIMITS}
        name = max(found, key=lambda key: found[key][0] / _LIMITS[key])
        distance, at = found[name]
        return self._judge(name, distance, looks[at].box, len(prints))

    def _judge(self, name: str, distance: float, box: BoxMm, count: int) -> CheckResult:
        limit = _LIMITS[name]
        values: dict[str, str | int | float] = {"value": round(distance, 2), "limit": limit, "count": count}
        relative = distance / limit
        share = Measured(relative, "share of limit")
        if relative > _FAIL:
            return self._report.result("failed", name, measured=share, region=box, values=values, llr=_LLR_FAILED)
        if relative > _DOUBT:
            return self._report.result("undetermined", "marginal", measured=share, region=box, values=values)
        return self._report.result("passed", "passed", measured=share, region=box, values=values, llr=_LLR_PASSED)


def _ratio(values: NDArray[np.float32], inside: NDArray[np.bool_], ring: NDArray[np.bool_]) -> float:
    """Natural logarithm of the deviation inside over that in the ring; NaN where there is too little of either."""
    if int(inside.sum()) < _MIN_GROUND_PX or int(ring.sum()) < _MIN_GROUND_PX:
        return float("nan")
    one, other = (float(values[m].std()) for m in (inside, ring))
    return float(np.log(max(one, 1e-5) / max(other, 1e-5)))


def _looks(picture: Picture, prints: list[Print]) -> list[_Look]:
    scale = picture.scale
    off = max(1, round(_KEEP_OFF_MM * scale))
    strokes = cv2.dilate((picture.ink > 0.22).astype(np.uint8), np.ones((2 * off + 1, 2 * off + 1), np.uint8)) > 0
    texture = np.log((picture.paper + np.float32(0.02)) / (picture.grey + np.float32(0.02)))
    found = []
    for one in prints:
        wide = one.word.window(picture.ink.shape, round(_OUT_MM * scale))
        near = one.word.window(picture.ink.shape, round(_NEAR_MM * scale))
        free = ~strokes[wide]
        inside = np.zeros_like(free)
        rows = slice(near[0].start - wide[0].start, near[0].stop - wide[0].start)
        columns = slice(near[1].start - wide[1].start, near[1].stop - wide[1].start)
        inside[rows, columns] = True
        ring = free & ~cv2.dilate(inside.astype(np.uint8), np.ones((2 * off + 1, 2 * off + 1), np.uint8)).astype(bool)
        ground = _ratio(texture[wide], free & inside, ring)
        found.append(_Look(one.word.box_mm(scale), ground, float(np.log(one.depth))))
    return found


def _farthest(looks: list[_Look], name: str) -> tuple[float, int]:
    """How far the oddest word lies from its siblings, and which it is.

    Ground counts where it is missing; depth counts either way, among words of one height.
    """
    values = np.array([getattr(look, name) for look in looks])
    usable = np.isfinite(values)
    if int(usable.sum()) < _MIN_WORDS:
        return 0.0, 0
    if name != "depth":
        distance = np.where(usable, float(np.median(values[usable])) - values, 0.0)
        at = int(np.argmax(distance))
        return max(float(distance[at]), 0.0), at
    heights = np.array([look.box.height for look in looks])
    distance = np.zeros(len(values))
    for n, height in enumerate(heights):
        same = (heights < height * _SAME_HEIGHT) & (heights > height / _SAME_HEIGHT)
        if int(same.sum()) >= _MIN_WORDS:
            distance[n] = abs(values[n] - float(np.median(values[same])))
    at = int(np.argmax(distance))
    return float(distance[at]), at
