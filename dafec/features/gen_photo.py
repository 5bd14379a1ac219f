"""GEN-photo: the portrait's border shows what a photo put in afterwards leaves there.

A portrait printed into the document ends where its ink ends: on the same sheet, in the same plane. A photo pasted over,
set into a cut or laid on as film has an edge that throws a shadow and glue that luminesces along it; one peeled off or
bleached leaves a field that shines (THREATS F1). None of it needs a known series.

Measured along the four sides, across five millimetres each way, as quantiles along a side so that a motif or a hair at
one place weighs nothing, and as the second lowest of the four: one odd side does not decide, three must agree:

- step: ultraviolet brightness 1 to 3 mm inside over that 1.2 to 3.5 mm outside, as a share of the outside. Printed ink
  only absorbs: it makes the field darker, never brighter.
- halo: blue ultraviolet brightness within a millimetre of the border over the brighter of both sides, likewise.
- ridge: in infrared, where photographic dyes vanish and a shadow stays, how far the border stands out of both sides.

A portrait whose edges are simply printed passes all three; so does one without an edge. Visible light alone cannot tell
a printed edge from a cut one on an unknown document, so without ultraviolet the result is ``undetermined``.

Thresholds: see ``_STEP`` and its neighbours, between the largest values of synthetic genuine pages (nine series, five
readers) and those of synthetic substitutions. Synthetic figures.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.capture import Light
from dafec.features.contract import CheckContext, CheckResult
from dafec.features.gen_photo_place import PhotoPlace, find_photo
from dafec.features.gen_result import Measured, Reporter
from dafec.geometry import BoxMm
from dafec.page import Page

__all__ = ["PhotoBorder"]

_SOURCE = "synthetic documents 2026: border of printed portraits; no series needed"
_CALIBRATION = "expert-2026"  # set by hand: too few synthetic pages yet to fit it
_STEP, _STEP_DOUBT = 0.10, 0.06  # printed portraits: at most 0.00
_HALO, _HALO_DOUBT = 0.14, 0.09  # printed portraits: at most 0.04
_RIDGE, _RIDGE_DOUBT = 0.0085, 0.0065  # printed portraits: at most 0.004
_REACH_MM = 5.0
_SAMPLE_MM = 0.125
_ALONG = 80  # samples along a side
_DARK_UV = 0.03  # of full scale: darker paper is no yardstick
_UNLIT_UV = 0.02
_LLR_FAILED = 2.7  # no failure in 52 genuine pages: what that supports, see docs of the benchmark
_LLR_PASSED = -0.2


@dataclass(frozen=True, slots=True)
class _Border:
    """What the border shows."""

    step: float  # share of the paper's ultraviolet brightness
    halo: float  # the same
    ridge: float | None  # share of the infrared's full scale; None without a usable infrared frame


class PhotoBorder:
    """GEN-photo. Needs visible light at 180 dpi or more, and ultraviolet to pass."""

    id: str = "GEN-photo"
    version: int = 1
    lights: tuple[Light, ...] = ("visible",)
    min_dpi: float = 180.0
    needs_series: bool = False
    _report = Reporter("GEN-photo", 1, _SOURCE, _CALIBRATION)

    def run(self, context: CheckContext) -> CheckResult:
        """Find the portrait and measure its border."""
        page = context.page
        place = find_photo(page) if page is not None else None
        if page is None or place is None:
            return self._report.result("undetermined", "no_photo")
        if sum(place.sides) < 3:
            return self._report.result("undetermined", "no_border", region=place.box)
        if "uv" not in page.images:
            return self._report.result("undetermined", "no_uv", region=place.box)
        if context.quality.has("repeats_visible", "uv") or context.quality.has("overexposed", "uv"):
            return self._report.result("undetermined", "exposure", region=place.box)
        registration = page.registration.get("uv")
        if registration is not None and not registration.reliable:
            return self._report.result("undetermined", "unregistered", region=place.box)
        if float(np.median(page.images["uv"][::16, ::16].max(axis=-1))) < _UNLIT_UV:
            return self._report.result("undetermined", "exposure", region=place.box)
        return self._judge(place, _measure(page, place))

    def _judge(self, place: PhotoPlace, border: _Border) -> CheckResult:
        found = [("step", border.step, _STEP, _STEP_DOUBT), ("halo", border.halo, _HALO, _HALO_DOUBT)]
        if border.ridge is not None:
            found.append(("ridge", border.ridge, _RIDGE, _RIDGE_DOUBT))
        name, value, limit, doubt = max(found, key=lambda one: one[1] / one[2])
        values: dict[str, str | int | float] = {"value": round(max(value, 0.0), 3), "limit": limit}
        border_value = Measured(value, "share", (None, doubt))
        if value > limit:
            return self._report.result(
                "failed", name, measured=border_value, region=place.box, values=values, llr=_LLR_FAILED
            )
        if value > doubt:
            return self._report.result(
                "undetermined", "marginal", measured=border_value, region=place.box, values=values
            )
        return self._report.result(
            "passed", "passed", measured=border_value, region=place.box, values=values, llr=_LLR_PASSED
        )


def _across(image: NDArray[np.float32], box: BoxMm, px_per_mm: float, side: int) -> NDArray[np.float32]:
    """Values across a side, outside first: (positions, samples along it, channels)."""
    count = round(2 * _REACH_MM / _SAMPLE_MM)
    depth = ((np.arange(count) + 0.5) * _SAMPLE_MM - _REACH_MM)[:, None]
    along = np.linspace(0.12, 0.88, _ALONG)[None, :]
    x0, y0, x1, y1 = box.x, box.y, box.x + box.width, box.y + box.height
    if side in (0, 2):
        x, y = (x0 + depth if side == 0 else x1 - depth) + 0 * along, y0 + (y1 - y0) * along + 0 * depth
    else:
        x, y = x0 + (x1 - x0) * along + 0 * depth, (y0 + depth if side == 1 else y1 - depth) + 0 * along
    sampled = cv2.remap(
        image,
        (x * px_per_mm).astype(np.float32),
        (y * px_per_mm).astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(sampled, np.float32).reshape(count, _ALONG, -1)


def _neighbourhood(page: Page, light: Light, box: BoxMm) -> tuple[NDArray[np.float32], BoxMm]:
    """The smoothed surroundings of the portrait, and its box in them."""
    s = page.px_per_mm
    x0, y0 = max(int((box.x - _REACH_MM - 1) * s), 0), max(int((box.y - _REACH_MM - 1) * s), 0)
    x1, y1 = int((box.x + box.width + _REACH_MM + 1) * s), int((box.y + box.height + _REACH_MM + 1) * s)
    part = cv2.blur(page.images[light][y0:y1, x0:x1], (3, 3))
    return np.asarray(part, np.float32), BoxMm(box.x - x0 / s, box.y - y0 / s, box.width, box.height)


def _between(profile: NDArray[np.float32], low: float, high: float) -> NDArray[np.float32]:
    depth = (np.arange(len(profile)) + 0.5) * _SAMPLE_MM - _REACH_MM
    return np.asarray(profile[(depth > low) & (depth < high)], np.float32)


def _measure(page: Page, place: PhotoPlace) -> _Border:
    part, box = _neighbourhood(page, "uv", place.box)
    steps, halos = [], []
    for side in range(4):
        # The lower quartile along a side: a luminescent motif or fibre across it is not the paper.
        profile = np.quantile(_across(part, box, page.px_per_mm, side), 0.25, axis=1).astype(np.float32)
        inside = np.median(_between(profile, 1.0, 3.0), axis=0)
        outside = np.mean(_between(profile, -3.5, -1.2), axis=0)
        edge = _between(profile, -1.0, 0.8).max(axis=0)
        yardstick = max(float(outside.max()), _DARK_UV)
        steps.append(float((inside - outside).max()) / yardstick)
        halos.append(float((edge - np.maximum(inside, outside))[-1]) / yardstick)
    return _Border(sorted(steps)[1], sorted(halos)[1], _ridge(page, place))


def _ridge(page: Page, place: PhotoPlace) -> float | None:
    registration = page.registration.get("ir")
    if "ir" not in page.images or (registration is not None and not registration.reliable):
        return None
    part, box = _neighbourhood(page, "ir", place.box)
    found = []
    for side in range(4):
        profile = np.median(_across(part, box, page.px_per_mm, side), axis=1)[:, 0]
        inside = float(np.median(_between(profile, 0.9, 1.6)))
        outside = float(np.median(_between(profile, -1.6, -0.9)))
        edge = _between(profile, -0.7, 0.7)
        found.append(max(min(inside, outside) - float(edge.min()), float(edge.max()) - max(inside, outside)))
    return sorted(found)[1]
