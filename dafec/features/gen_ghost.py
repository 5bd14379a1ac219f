"""GEN-ghost: the portrait and its ghost show one face.

Many documents repeat the portrait as a smaller, paler ghost, because whoever exchanges the portrait has to exchange
the ghost too (Doc 9303-2, Informative Appendix A). ``gen_ghost_measure`` finds the ghost without a known series and
says how much it is the portrait again. The check's figure is the sum of three correlations, of the smoothed heads, of
their features and of the faces alone, 3 for the same picture. Infrared decides where both stand in it with enough
contrast: the background print that crosses a ghost is mostly gone there. A page without a ghost is ``undetermined``,
and so is a ghost that is too faint: a missing ghost is a matter of the series, which this check does not know.

A portrait and a ghost that were both exchanged, or a morph laid over both, pass: nothing contradicts itself there. An
emblem the size and shape of a head may be taken for a ghost where there is none; so a failure asks for a look alone.

Light: visible; infrared where it is there. Least resolution: 200 dpi, at which a ghost's eye is four pixels wide.
Thresholds: ``python -m benchmarks.ghost`` prints the figures of genuine and forged synthetic documents of nine series.
"""

from __future__ import annotations

from dafec.capture import Light
from dafec.features.contract import CheckContext, CheckResult
from dafec.features.gen_ghost_measure import GhostLikeness, GhostPlace, HeadPlace, compare_ghost, find_ghost, find_head
from dafec.features.gen_photo_place import find_photo
from dafec.features.gen_result import Measured, Reporter
from dafec.geometry import BoxMm
from dafec.page import Page

__all__ = ["GhostPortrait"]

_SOURCE = "Doc 9303-2 Appendix A (second portrait); limits from synthetic documents"
_CALIBRATION = "expert-2026"
#: Sums of the three correlations, by light. Of 36 synthetic pages that are in order the lowest in visible light are at
#: 2.19, 2.32 and 2.37, in infrared at 2.43; heads that look alike by chance reach 2.4, so nothing passes below.
_PASS: dict[Light, float] = {"visible": 2.45, "ir": 2.60}
_DOUBT: dict[Light, float] = {"visible": 2.25, "ir": 2.45}
_FAIL: dict[Light, float] = {"visible": 2.10, "ir": 2.35}
_SURE_HEAD, _SURE_GHOST = 0.60, 0.72  # correlation with the mean head, below which it may be something else
_MIN_CONTRAST = 0.012  # of full scale, of the paler of both: less is lost in the ground
_IR_CONTRAST = 0.018  # in infrared both have to stand clearly, or visible light decides
_LLR_FAILED = 1.5  # asks for a look: few ghosts were measured, and an emblem may look like one
_LLR_DOUBT = 0.8
_LLR_PASSED = -0.2


class GhostPortrait:
    """GEN-ghost. Needs visible light at 200 dpi or more."""

    id: str = "GEN-ghost"
    version: int = 1
    lights: tuple[Light, ...] = ("visible",)
    min_dpi: float = 200.0
    needs_series: bool = False
    _report = Reporter("GEN-ghost", 1, _SOURCE, _CALIBRATION, (_PASS["visible"], 3.0))

    def run(self, context: CheckContext) -> CheckResult:
        """Find the portrait and its ghost and compare them."""
        page = context.page
        if page is None:
            return self._report.result("undetermined", "no_photo")
        if context.quality.has("blurred", "visible"):
            return self._report.result("undetermined", "blurred")
        photo = find_photo(page)
        if photo is None:
            return self._report.result("undetermined", "no_photo")
        ghost = find_ghost(page, photo)
        if ghost is None:
            return self._report.result("undetermined", "no_ghost")
        head = find_head(page, photo)
        seen = compare_ghost(page, head, ghost, "visible")
        if seen is None or seen.contrast < _MIN_CONTRAST:
            return self._report.result("undetermined", "faint", region=ghost.box)
        below = _in_infrared(context, page, head, ghost)
        chosen: tuple[GhostLikeness, Light] = (below, "ir") if below is not None else (seen, "visible")
        sure = head.correlation >= _SURE_HEAD and ghost.correlation >= _SURE_GHOST and not ghost.by_portrait
        if not sure and chosen[0].value < _PASS[chosen[1]]:
            # Print that looks like a head from afar and not from near is no ghost, but something else.
            return self._report.result("undetermined", "no_ghost")
        return self._judge(*chosen, ghost.box)

    def _judge(self, found: GhostLikeness, light: Light, region: BoxMm) -> CheckResult:
        value = found.value
        measured = Measured(value, "sum of correlations", (_PASS[light], 3.0))
        values: dict[str, str | int | float] = {
            "value": round(value, 2),
            "limit": _PASS[light],
            "whole": round(found.whole, 2),
            "detail": round(found.detail, 2),
            "face": round(found.face, 2),
            "light": light,
        }
        if value < _FAIL[light]:
            return self._report.result(
                "failed", "differs", measured=measured, region=region, values=values, llr=_LLR_FAILED
            )
        if value < _PASS[light]:
            llr = _LLR_DOUBT if value < _DOUBT[light] else 0.0
            return self._report.result(
                "undetermined", "unclear", measured=measured, region=region, values=values, llr=llr
            )
        return self._report.result("passed", "passed", measured=measured, region=region, values=values, llr=_LLR_PASSED)


def _in_infrared(context: CheckContext, page: Page, head: HeadPlace, ghost: GhostPlace) -> GhostLikeness | None:
    """The comparison in infrared; None where it says less than visible light."""
    registration = page.registration.get("ir")
    if "ir" not in page.images or (registration is not None and not registration.reliable):
        return None
    if context.quality.has("repeats_visible", "ir") or context.quality.has("blurred", "ir"):
        return None
    found = compare_ghost(page, head, ghost, "ir")
    return found if found is not None and found.contrast >= _IR_CONTRAST else None
