"""UV-BR: security paper is dull under ultraviolet light, office paper shines blue-white.

Optical brighteners in office paper absorb 365 nm and emit round 435 nm. Doc 9303-2 asks for a UV-dull substrate; on it
only luminescent inks, fibres and threads light up. The figure is the brightness of the paper itself, the median of the
brightest channel with luminescent motifs masked out, as encoded, as a share of full scale; the blue excess
B - (R + G) / 2 tells brighteners from stray light.

An exposure reference is needed, because a lamp that is off makes every paper dull. The document brings its own: travel
documents carry UV-fluorescent print (Doc 9303-2, basic feature), so a frame in which nothing luminesces shows either
an unlit lamp or a document without that print, and dull paper in it is ``undetermined``, never ``passed``. Only several
coloured motifs apart from each other count: a reflected lamp is one white spot. A frame that repeats the visible image
in neutral colours (``dafec.likeness``) was not taken under ultraviolet light, one in which even paper is black was not
lit, and one that is saturated shows no paper: each ``undetermined``. So is a frame that could not be registered, since
it may show another page, unless its paper is bright all over.

Thresholds. The one real capture there is (a German specimen passport in a page reader) has paper at 0.10 with a blue
excess of -0.09 and motifs at 0.35 to 0.45; brightened paper is brighter than its own luminescent inks. Between
``_DULL`` and ``_BRIGHT`` the motifs decide: dull paper stays well below them at any exposure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.capture import Light
from dafec.features.contract import CheckContext, CheckResult, Outcome
from dafec.features.gen_result import Measured, Reporter
from dafec.features.zones import crop, mrz_region, photo_region, text_region
from dafec.geometry import BoxMm
from dafec.page import Page
from dafec.quality import Quality

__all__ = ["UV_BRIGHTNESS_CHECKS", "UvBrightness", "substrate_brightness"]

_SOURCE = "Doc 9303-2 (UV-dull substrate); limits from a page reader's capture"
_DULL = 0.20  # of full scale
_BRIGHT = 0.60  # brighter than this no dull paper is at any exposure that leaves motifs readable
_BRIGHT_GREY = 0.45  # the same where the frame has no colours
_BLUE = 0.16  # blue excess of brightened paper, 0.2 and more; a lamp's own blue tail on dull paper adds up to 0.12
_MOTIF_RISE = 0.08  # above the paper, of full scale
_MOTIF_SHARE = 5e-4  # of the page: 5 mm2 on an ID-3 page
_DULL_TO_MOTIF = 0.5  # paper that reaches half the brightness of luminescent ink is not dull
_MOTIF_TINT = 0.04  # its channels differ by more, of full scale; a reflected lamp is white
_MOTIF_AREA_MM2 = 0.5
_MOTIF_GRID = (6, 8)  # cells of the page, down and across
_MIN_MOTIFS = 3  # separate ones, and columns of cells with any; a reflection is one spot
_SATURATED = 0.985
_UNLIT = 0.06  # 0.998 quantile of the brightest channel
_UNLIT_PAPER = 0.03  # eight grey levels of 255: a lit dull paper shows 25 to 40, a sensor's black level fewer
_WHITE = 0.97  # of full scale; paper this bright without a blue excess was overexposed
_PATCH_RISE = 0.12  # a zone this much brighter, and bluer by _PATCH_BLUE, than the page's paper is another material
_PATCH_BLUE = 0.06
_SCALE_PX_PER_MM = 2.0
_INSET_MM = 2.5  # the page's rim shows edge light and the glass
_MIN_PIXELS = 200
_MAX_PIXELS = 16_000  # more do not change a median by a grey level
_LLR = {"failed": 3.0, "patch": 3.0, "passed": -0.4}
_CALIBRATION = "expert-2026"


@dataclass(frozen=True, slots=True)
class _Paper:
    """The paper of a region under ultraviolet light, all of full scale."""

    brightness: float  # median of the brightest channel, motifs masked
    upper: float  # its 0.9 quantile
    blue: float  # median of B - (R + G) / 2; NaN in a grey frame


@dataclass(frozen=True, slots=True)
class _Exposure:
    """What tells whether the lamp was on."""

    brightest: float  # 0.998 quantile of the page's brightest channel
    motif_share: float  # of the page that is coloured and clearly brighter than its paper
    motif: float  # median brightness of that; 0 without any
    motifs: bool  # several coloured ones, apart from each other


def _thin(page: Page, light: Light) -> tuple[NDArray[np.float32], float]:
    """The page's image at two to four pixels a millimetre, and its scale."""
    step = max(1, int(page.px_per_mm // _SCALE_PX_PER_MM))
    return page.images[light][::step, ::step], page.px_per_mm / step


def _peak(image: NDArray[np.float32]) -> NDArray[np.float32]:
    if image.ndim == 2:
        return image
    return np.asarray(np.maximum(np.maximum(image[:, :, 0], image[:, :, 1]), image[:, :, 2]), dtype=np.float32)


def _paper(pixels: NDArray[np.float32]) -> _Paper | None:
    """The paper in some pixels, (h, w) or (h, w, 3); None where there are too few."""
    if pixels.shape[0] * pixels.shape[1] < _MIN_PIXELS:
        return None
    flat = pixels.reshape(pixels.shape[0] * pixels.shape[1], -1)
    flat = flat[:: max(1, len(flat) // _MAX_PIXELS)]
    peak = flat.max(axis=1)
    keep = np.ones(len(peak), dtype=bool)
    for _ in range(2):
        middle = float(np.median(peak[keep]))
        spread = 1.4826 * float(np.median(np.abs(peak[keep] - middle)))
        keep = peak <= middle + max(_MOTIF_RISE / 2, 4 * spread)
    blue = float("nan")
    if pixels.ndim == 3:
        paper = flat[keep]
        blue = float(np.median(paper[:, 2] - (paper[:, 0] + paper[:, 1]) / 2))
    return _Paper(float(np.median(peak[keep])), float(np.quantile(peak[keep], 0.9)), blue)


def _is_luminescent(uv: NDArray[np.float32], peak: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Pixels that may be luminescent ink: coloured, or in a grey frame short of saturation; glare is white."""
    if uv.ndim == 2:
        return np.asarray(peak < _SATURATED)
    lowest = np.minimum(np.minimum(uv[:, :, 0], uv[:, :, 1]), uv[:, :, 2])
    return np.asarray(peak - lowest > _MOTIF_TINT)


def _are_spread(motif: NDArray[np.bool_], scale: float) -> bool:
    """Whether motifs are several and lie apart: one bright spot is a reflection."""
    smallest = max(1.0, _MOTIF_AREA_MM2 * scale * scale)
    joint = cv2.dilate(motif.astype(np.uint8), np.ones((3, 3), np.uint8))
    count, labels = cv2.connectedComponents(joint)
    areas = np.bincount(labels[motif], minlength=count)[1:]
    rows, columns = np.nonzero(motif)
    cells = np.zeros(_MOTIF_GRID, dtype=np.int64)
    at = (rows * _MOTIF_GRID[0] // motif.shape[0], columns * _MOTIF_GRID[1] // motif.shape[1])
    np.add.at(cells, at, 1)
    across = int((cells >= smallest).any(axis=0).sum())
    return int((areas >= smallest).sum()) >= _MIN_MOTIFS and across >= _MIN_MOTIFS


def _exposure(uv: NDArray[np.float32], scale: float, paper: _Paper) -> _Exposure:
    peak = _peak(uv)
    motif = peak > paper.brightness + max(_MOTIF_RISE, 2 * (paper.upper - paper.brightness))
    motif = np.asarray(motif & _is_luminescent(uv, peak))
    share = float(motif.mean())
    level = float(np.median(peak[motif])) if motif.any() else 0.0
    enough = share >= _MOTIF_SHARE and _are_spread(motif, scale)
    return _Exposure(float(np.quantile(peak, 0.998)), share, level, enough)


@dataclass(frozen=True, slots=True, eq=False)
class _Frame:
    """A page's ultraviolet frame with what all its regions are compared with; measured once for a page."""

    uv: NDArray[np.float32]  # thinned
    scale: float  # pixels a millimetre
    paper: _Paper | None  # of the whole page; None where it is too small
    exposure: _Exposure | None


def _frame(page: Page) -> _Frame:
    return page.measured.get("uv_frame", lambda: _look_at(page))


def _look_at(page: Page) -> _Frame:
    uv, scale = _thin(page, "uv")
    uv = np.ascontiguousarray(uv)
    inner = crop(uv, _full_page(page), scale)
    paper = _paper(inner)
    return _Frame(uv, scale, paper, _exposure(inner, scale, paper) if paper is not None else None)


def _unusable(quality: Quality, whole: _Paper, exposure: _Exposure) -> str | None:
    """Why a frame says nothing about any paper; None where it does."""
    if exposure.brightest < _UNLIT or whole.brightness < _UNLIT_PAPER:
        return "unlit"
    if quality.has("repeats_visible", "uv"):
        return "not_ultraviolet"
    blue = bool(np.isfinite(whole.blue)) and whole.blue > _BLUE
    if quality.has("overexposed", "uv") or (whole.brightness >= _WHITE and not blue):
        return "overexposed"
    return None


def _verdict(paper: _Paper, exposure: _Exposure) -> tuple[Outcome, str]:
    """Outcome and reason for one region's paper."""
    coloured = bool(np.isfinite(paper.blue))
    if coloured and (paper.brightness > _BRIGHT or (paper.brightness > _DULL and paper.blue > _BLUE)):
        return "failed", "failed"
    if not coloured and paper.brightness > _BRIGHT_GREY:
        return "failed", "failed"
    if not exposure.motifs:
        return "undetermined", "no_reference"
    if paper.brightness <= _DULL and not (coloured and paper.blue > _BLUE):
        return "passed", "passed"
    if coloured and paper.blue <= 0 and paper.brightness < _DULL_TO_MOTIF * exposure.motif:
        return "passed", "passed"
    return "undetermined", "between"


def _full_page(page: Page) -> BoxMm:
    return BoxMm(_INSET_MM, _INSET_MM, page.width_mm - 2 * _INSET_MM, page.height_mm - 2 * _INSET_MM)


class UvBrightness:
    """Dullness of one region of the page. Needs ultraviolet at 60 dpi: only areas are measured."""

    lights: tuple[Light, ...] = ("uv",)
    min_dpi: float = 60.0
    needs_series: bool = False
    version: int = 1

    def __init__(self, check_id: str, region: Callable[[Page], BoxMm | None]) -> None:
        self.id = check_id
        self._report = Reporter(check_id, self.version, _SOURCE, _CALIBRATION, (0.0, _DULL))
        self._region = region

    def run(self, context: CheckContext) -> CheckResult:
        """Measure the region's paper under ultraviolet light and judge it."""
        page = context.page
        if page is None:
            return self._result("undetermined", "no_page")
        region = self._region(page)
        if region is None:
            return self._result("not_supported", "no_region")
        frame = _frame(page)
        whole, exposure = frame.paper, frame.exposure
        paper = whole if self.id == "UV-BR-FU" else _paper(crop(frame.uv, region, frame.scale))
        if whole is None or exposure is None or paper is None:
            return self._result("undetermined", "no_region", region=region)
        unusable = _unusable(context.quality, whole, exposure)
        if unusable is not None:
            return self._result("undetermined", unusable, paper, exposure, region)
        outcome, reason = _verdict(paper, exposure)
        rise = paper.brightness - whole.brightness
        bluer = paper.blue - whole.blue if np.isfinite(paper.blue) and np.isfinite(whole.blue) else _PATCH_BLUE
        if outcome in ("passed", "undetermined") and reason in ("passed", "between") and rise > _PATCH_RISE:
            outcome, reason = ("failed", "patch") if bluer >= _PATCH_BLUE else ("undetermined", "between")
        # Bright paper all over is bright wherever the page lies; anything else needs to be this page, in place.
        whole_fails = outcome == "failed" and self.id == "UV-BR-FU"
        if context.quality.has("unregistered", "uv") and not whole_fails:
            outcome, reason = "undetermined", "unregistered"
        return self._result(outcome, reason, paper, exposure, region)

    def _result(
        self,
        outcome: Outcome,
        reason: str,
        paper: _Paper | None = None,
        exposure: _Exposure | None = None,
        region: BoxMm | None = None,
    ) -> CheckResult:
        values: dict[str, str | int | float] = {}
        if paper is not None and exposure is not None:
            values = {
                "value": round(paper.brightness, 2),
                "upper": round(paper.upper, 2),
                "motif": round(exposure.motif, 2),
                "motif_share": round(exposure.motif_share, 4),
            }
            if np.isfinite(paper.blue):
                values["blue"] = round(paper.blue, 2)
        brightness = None if paper is None else Measured(paper.brightness, "of full scale")
        llr = _LLR.get(reason, 0.0)
        return self._report.result(outcome, reason, measured=brightness, region=region, values=values, llr=llr)


#: In order of significance: the mandatory one (TR-03135 C.15) first.
UV_BRIGHTNESS_CHECKS: tuple[UvBrightness, ...] = (
    UvBrightness("UV-BR-FU", _full_page),
    UvBrightness("UV-BR-MR", mrz_region),
    UvBrightness("UV-BR-PH", photo_region),
    UvBrightness("UV-BR-VZ", text_region),
)


def substrate_brightness(page: Page, quality: Quality) -> float | None:
    """Brightness of a page's paper under ultraviolet light, of full scale; None where its frame says nothing about it.

    Args:
        page: of any side.
        quality: of that page.

    Returns:
        The median of the brightest channel with luminescent motifs masked out, 0..1.
    """
    if "uv" not in page.images or quality.has("unregistered", "uv"):
        return None
    frame = _frame(page)
    if frame.paper is None or frame.exposure is None or _unusable(quality, frame.paper, frame.exposure) is not None:
        return None
    return frame.paper.brightness
