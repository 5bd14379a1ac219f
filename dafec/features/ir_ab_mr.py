"""IR-AB-MR: the machine-readable zone absorbs infrared.

Doc 9303-3 4.11 asks for a print contrast signal PCS = (paper - ink) / paper of at least 0.6 in B900. Carbon inks, toner
and laser engraving meet it; the dye inks of most inkjet printers vanish in infrared.

How it is measured. Both images are decoded from sRGB to linear light: 8-bit readers store infrared through the same
tone curve as visible. Where a reader stores it linearly instead, the figure comes out too high, by at most 0.3 at
mid-contrast and nothing at either end; the ratio to the visible print, which the verdict also needs, catches that.
Paper is estimated locally, under and between the characters. The glyph mask is the visible print at half its depth.
Readers' infrared optics are much softer than their visible ones, and blur dilutes contrast but keeps its integral:
so the figure is the larger of the contrast in the strokes' cores, and the visible contrast times the ratio of
integrated darkness, infrared to visible, round the same strokes.

Tolerance. 0.6 holds for a laboratory's measurement. Stray light and resolution of a page reader cost up to 0.05
(a genuine page at 186 dpi gives encoded contrasts of 0.61 and 0.66), so ``passed`` begins at 0.55; below 0.40
it is ``failed``; between them it is ``undetermined``.

A frame that repeats the visible picture (``dafec.likeness``) was not taken in infrared: carbon ink and dye look alike
in it, so print that stays dark says nothing and the result is ``undetermined``. Print that fades still ``failed``.

Single characters that vanish while the others stay are an alteration (THREATS F4) and fail on their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.capture import Light
from dafec.features.contract import CheckContext, CheckResult
from dafec.features.gen_result import Measured, Reporter
from dafec.features.quick_stats import quick_quantile
from dafec.features.zones import crop, decode_srgb, local_paper, mrz_region
from dafec.geometry import BoxMm
from dafec.outline import MRZ_LAYOUT
from dafec.page import Page
from dafec.quality import luminance

__all__ = ["MrzInfraredContrast"]

_SOURCE = "Doc 9303-3 4.11 (PCS at least 0.6 in B900), less 0.05 for page readers"
_PASS = 0.55
_FAIL = 0.40
_MIN_RATIO = 0.45  # infrared to visible darkness; a carbon ink keeps more than 0.8, a linear sensor shows 0.7 of it
_MIN_VISIBLE = 0.35  # a paler visible print is no yardstick
_BLANK = 0.18  # darkness that nothing in the zone reaches where the ink is gone
_PAPER_RANGE = (0.02, 0.99)  # linear light; outside it the infrared frame is unlit or saturated
_MIN_NOISE = 2e-4  # linear; a real sensor is never flatter
_VANISHED = 0.3  # of the line's ratio: the character is not there in infrared
_THIN = 3  # every third pixel gives the same quantiles of a zone
_RIM_MM = 2.5  # the page's rim shows edge light and the glass
_LLR_FAILED = 4.0
_LLR_ALTERED = 3.0
_LLR_PASSED = -0.4
_CALIBRATION = "expert-2026"


@dataclass(frozen=True, slots=True)
class _Contrast:
    """What the zone shows in both lights, in linear light."""

    visible: float  # PCS of the strokes' cores; NaN where the capture has no visible light
    core: float  # PCS of the same places in infrared
    ratio: float  # integrated darkness, infrared to visible; 1 without visible light
    vanished: tuple[BoxMm, ...]  # characters dark in visible and absent in infrared

    @property
    def value(self) -> float:
        """The print contrast signal in infrared, blur allowed for."""
        diluted = self.visible * min(self.ratio, 1.0) if np.isfinite(self.visible) else 0.0
        return float(np.clip(max(self.core, diluted), 0.0, 1.0))


def _darkness(page: Page, light: Light, region: BoxMm) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Darkness 0..1 against the local paper, and the paper, in linear light; both (h, w)."""
    grey = decode_srgb(luminance(np.ascontiguousarray(crop(page.images[light], region, page.px_per_mm))))
    paper = local_paper(grey, page.px_per_mm)
    return np.asarray(1.0 - grey / np.maximum(paper, 1e-3), dtype=np.float32), paper


def _line_mask(page: Page, region: BoxMm, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    mask = np.zeros(shape[:2], dtype=bool)
    for x, y, width, height in page.mrz_boxes_mm:
        x0, x1 = ((v - region.x) * page.px_per_mm for v in (x, x + width))
        y0, y1 = ((v - region.y) * page.px_per_mm for v in (y, y + height))
        mask[max(round(y0), 0) : max(round(y1), 0), max(round(x0), 0) : max(round(x1), 0)] = True
    return mask


def _strokes(darkness: NDArray[np.float32], lines: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Print at half its depth or deeper, within the lines."""
    depth = quick_quantile(darkness[lines][::_THIN], 0.96) if lines.any() else 0.0
    return np.asarray(lines & (darkness > max(0.5 * depth, 0.08)))


def _integrals(
    visible: NDArray[np.float32], infrared: NDArray[np.float32], near: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Darkness of either light round the strokes, less the paper's own texture."""
    paper = ~near
    # Every fourth pixel gives the same median at a quarter of the cost.
    floor_v = quick_quantile(visible[paper][::4], 0.5) if paper.any() else 0.0
    floor_i = quick_quantile(infrared[paper][::4], 0.5) if paper.any() else 0.0
    return np.where(near, visible - floor_v, 0).astype(np.float32), np.where(near, infrared - floor_i, 0).astype(
        np.float32
    )


def _vanished(
    page: Page, region: BoxMm, visible: NDArray[np.float32], infrared: NDArray[np.float32], overall: float
) -> tuple[BoxMm, ...]:
    """Cells of the pitch grid whose print is dark in visible light and absent in infrared."""
    if page.format is None or overall < 0.4:
        return ()
    cells = MRZ_LAYOUT[page.format].chars
    found: list[BoxMm] = []
    for x, y, width, height in page.mrz_boxes_mm:
        y0, y1 = (round((v - region.y) * page.px_per_mm) for v in (y, y + height))
        edges = [round((x + width * n / cells - region.x) * page.px_per_mm) for n in range(cells + 1)]
        strips = [(slice(max(y0, 0), y1), slice(max(a, 0), b)) for a, b in pairwise(edges)]
        ink_v = np.array([float(visible[s].sum()) for s in strips])
        ink_i = np.array([float(infrared[s].sum()) for s in strips])
        present = ink_v > 0.35 * np.median(ink_v)
        for n in np.flatnonzero(present & (ink_i < _VANISHED * overall * ink_v)):
            found.append(BoxMm(x + width * n / cells, y, width / cells, height))
    return tuple(found)


def _measure(page: Page, region: BoxMm, infrared: NDArray[np.float32]) -> _Contrast:
    """Contrast of the zone's print; with visible light its strokes are the mask, without it the infrared's own."""
    if "visible" not in page.images:
        strokes = _strokes(infrared, _line_mask(page, region, infrared.shape))
        core = float(np.quantile(infrared[strokes], 0.75)) if strokes.any() else 0.0
        return _Contrast(float("nan"), core, 1.0, ())
    visible, _ = _darkness(page, "visible", region)
    strokes = _strokes(visible, _line_mask(page, region, visible.shape))
    if not strokes.any():
        return _Contrast(0.0, 0.0, 0.0, ())
    reach = max(1, round(0.5 * page.px_per_mm))
    near = cv2.dilate(strokes.astype(np.uint8), np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)) > 0
    integral_v, integral_i = _integrals(visible, infrared, np.asarray(near))
    ratio = float(np.clip(integral_i.sum() / max(float(integral_v.sum()), 1e-6), 0.0, 1.2))
    vanished = _vanished(page, region, integral_v, integral_i, ratio)
    pcs_visible, pcs_infrared = (quick_quantile(d[strokes], 0.75) for d in (visible, infrared))
    return _Contrast(pcs_visible, pcs_infrared, ratio, vanished)


def _darkest(darkness: NDArray[np.float32], page: Page) -> float:
    """The darkest print of an image, noise smoothed away."""
    return float(np.quantile(cv2.GaussianBlur(darkness, (0, 0), max(0.5, 0.08 * page.px_per_mm)), 0.995))


class MrzInfraredContrast:
    """IR-AB-MR. Needs infrared at 150 dpi or more: two pixels across a stroke of 0.35 mm."""

    id: str = "IR-AB-MR"
    version: int = 1
    lights: tuple[Light, ...] = ("ir",)
    min_dpi: float = 150.0
    needs_series: bool = False
    _report = Reporter("IR-AB-MR", 1, _SOURCE, _CALIBRATION, (_PASS, 1.0))

    def run(self, context: CheckContext) -> CheckResult:
        """Measure the zone's print contrast signal in infrared and judge it."""
        page = context.page
        region = mrz_region(page) if page is not None else None
        if page is None or region is None or region.width < 20 or region.height < 4:
            return self._report.result("undetermined", "no_zone")
        infrared, paper = _darkness(page, "ir", region)
        level = quick_quantile(paper[::_THIN, ::_THIN], 0.5)
        noise = float(np.std(infrared[::_THIN, ::_THIN] * paper[::_THIN, ::_THIN]))
        if not _PAPER_RANGE[0] <= level <= _PAPER_RANGE[1] or noise < _MIN_NOISE:
            return self._report.result("undetermined", "exposure", region=region, values={"paper": round(level, 3)})
        registration = page.registration.get("ir")
        if registration is not None and not registration.reliable:
            return self._unregistered(page, region, infrared)
        judged = self._judge(context, region, _measure(page, region, infrared))
        if judged.result != "failed" and context.quality.has("repeats_visible", "ir"):
            measured = _signal(judged.value) if judged.value is not None else None
            return self._report.result(
                "undetermined", "not_infrared", measured=measured, region=region, values=judged.values
            )
        return judged

    def _judge(self, context: CheckContext, region: BoxMm, contrast: _Contrast) -> CheckResult:
        value = contrast.value
        signal = _signal(value)
        values: dict[str, str | int | float] = {"value": round(value, 2), "core": round(contrast.core, 2)}
        if np.isfinite(contrast.visible):
            values |= {"visible": round(contrast.visible, 2), "ratio": round(contrast.ratio, 2)}
            if contrast.visible < _MIN_VISIBLE:
                return self._report.result("undetermined", "pale", measured=signal, region=region, values=values)
        if len(contrast.vanished) >= 2 and value >= _FAIL:
            values["count"] = len(contrast.vanished)
            return self._report.result(
                "failed", "altered", measured=signal, region=_hull(contrast.vanished), values=values, llr=_LLR_ALTERED
            )
        if value >= _PASS and contrast.ratio >= _MIN_RATIO:
            return self._report.result(
                "passed", "passed", measured=signal, region=region, values=values, llr=_LLR_PASSED
            )
        if context.quality.has("blurred", "ir"):
            return self._report.result("undetermined", "blurred", measured=signal, region=region, values=values)
        if value < _FAIL:
            return self._report.result(
                "failed", "failed", measured=signal, region=region, values=values, llr=_LLR_FAILED
            )
        return self._report.result("undetermined", "marginal", measured=signal, region=region, values=values)

    def _unregistered(self, page: Page, region: BoxMm, infrared: NDArray[np.float32]) -> CheckResult:
        """Without registration one thing can still be said: that nothing dark is there at all.

        Two millimetres of margin round the lines cover a frame that moved a little. Where other print does show in
        infrared, registration had something to hold on to and failed: the frame lies elsewhere, upside down perhaps.
        """
        darkest = _darkest(infrared, page)
        rim = BoxMm(_RIM_MM, _RIM_MM, page.width_mm - 2 * _RIM_MM, page.height_mm - 2 * _RIM_MM)
        if darkest < _BLANK and "visible" in page.images and _darkest(_darkness(page, "ir", rim)[0], page) < _BLANK:
            visible, _ = _darkness(page, "visible", region)
            strokes = _strokes(visible, _line_mask(page, region, visible.shape))
            printed = float(np.quantile(visible[strokes], 0.75)) if strokes.any() else 0.0
            if printed >= _MIN_VISIBLE:
                values: dict[str, str | int | float] = {"value": round(darkest, 2), "visible": round(printed, 2)}
                return self._report.result(
                    "failed",
                    "absent",
                    measured=_signal(max(darkest, 0.0)),
                    region=region,
                    values=values,
                    llr=_LLR_FAILED,
                )
        return self._report.result("undetermined", "unregistered", region=region)


def _signal(value: float) -> Measured:
    return Measured(value, "PCS")


def _hull(boxes: tuple[BoxMm, ...]) -> BoxMm:
    x0, y0 = min(b.x for b in boxes), min(b.y for b in boxes)
    x1, y1 = max(b.x + b.width for b in boxes), max(b.y + b.height for b in boxes)
    return BoxMm(x0, y0, x1 - x0, y1 - y0)
