"""Quality: focus, glare, exposure, resolution and missing bands, and what each means for which check.

Nothing here judges the document. Every issue names the checks that are weaker or impossible because of it and a text
that says what to do at the desk. Limits and their reasons stand beside each constant.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.capture import LIGHTS, Light
from dafec.likeness import LIKENESS_LIMIT, compare_with_visible
from dafec.page import Page

__all__ = ["LightQuality", "Quality", "QualityIssue", "assess_quality", "edge_spread_px", "luminance"]

IssueKind = Literal[
    "blurred",
    "glare",
    "underexposed",
    "overexposed",
    "low_resolution",
    "missing_band",
    "unregistered",
    "repeats_visible",
    "cropped",
]

#: Edge spread beyond which a light is called blurred, micrometres. An OCR-B stroke is 350 um wide: a spread as wide as
#: the stroke leaves about 80 % of its contrast, twice that leaves half. Infrared optics of readers are softer by
#: nature. Ultraviolet shows few edges of its own and is not judged.
_BLUR_LIMIT_UM: Mapping[Light, float] = {"visible": 420.0, "ir": 600.0}
_SHARP_PX = 2.2  # no edge in a sampled image is sharper than about 1.4 pixels: few pixels are not blur
_MIN_CONTRAST = 0.12  # an edge lower than this, of full scale, says nothing about focus
_SCAN_LINES = 40  # rows and columns edges are looked for in
_MIN_EDGES = 60  # fewer edges than this give no figure
_SATURATED = 0.985
_GLARE_LIMIT = 0.01  # of the page; a reflected lamp tube covers 2 to 10 %
_GLARE_SIZE_MM = 2.0  # smaller saturated spots are paper
_OVEREXPOSED_SHARE = 0.4  # of the page saturated: not a reflex, the whole exposure
_UNDEREXPOSED: Mapping[Light, float] = {"visible": 0.3, "ir": 0.25}  # 0.95 quantile: paper is darker than mid-grey
_UV_UNLIT = 0.06  # 0.995 quantile in ultraviolet: not even a luminescent motif reaches this
_CROPPED_LIMIT = 0.03  # of the document's area outside the frame
_RECOMMENDED_DPI = 385.0  # TR-03135 B.2, Doc 9303-2 Appendix C

#: What a resolution below the recommended one costs, by the lowest one that still serves.
_DPI_NEEDS: Mapping[str, float] = {
    "GEN-print": 350.0,  # 150 lines an inch at two pixels and a third a period; coarser scans fold it back
    "GEN-type": 250.0,
    "IR-AB-MR": 150.0,  # two pixels across a stroke of 0.35 mm
    "UV-BR-MR": 60.0,
    "MRZ-*": 90.0,  # nine pixels of pitch
}
_BY_LIGHT: Mapping[Light, tuple[str, ...]] = {
    "visible": ("MRZ-*", "VIZ-*", "IR-AB-MR", "GEN-print", "GEN-copy"),
    "ir": ("IR-AB-MR", "MRZ-lights"),
    "uv": ("UV-BR-FU", "UV-BR-MR", "UV-BR-PH", "UV-BR-VZ"),
}


@dataclass(frozen=True, slots=True)
class QualityIssue:
    """One reason why a capture supports less than it could."""

    kind: IssueKind
    light: Light
    value: float  # measured
    limit: float  # beyond which the issue is raised
    unit: str
    affects: tuple[str, ...]  # ids of checks that are weaker or impossible because of it; ``MRZ-*`` is a family
    message: str  # catalogue key: what it is and what to do


@dataclass(frozen=True, slots=True)
class LightQuality:
    """Measurements of one light's rectified image."""

    focus: float  # edge spread as 10-90 % rise in micrometres on the document; larger is softer; NaN: no edges, or uv
    glare_fraction: float  # of the page, saturated and textureless, 0..1
    exposure: float  # 0.95 quantile of luminance, 0..1
    dpi: float | None  # true resolution


@dataclass(frozen=True, slots=True)
class Quality:
    """What this capture can and cannot support."""

    lights: Mapping[Light, LightQuality]
    issues: tuple[QualityIssue, ...]

    def has(self, kind: IssueKind, light: Light) -> bool:
        """Whether an issue of this kind was raised in this light."""
        return any(issue.kind == kind and issue.light == light for issue in self.issues)


def luminance(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Luma of an encoded RGB image (Rec. 601 weights), or the grey image itself; (h, w), 0..1."""
    if image.ndim == 2:
        return image
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY), dtype=np.float32)


def _spreads(signals: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Edge spread in samples and contrast of every monotone run in the rows of ``signals``, shape (n, length)."""
    steps = np.diff(signals, axis=1)
    # One zero step at the end of each row keeps runs of neighbouring rows apart.
    flat = np.pad(steps, ((0, 0), (0, 1))).ravel()
    sign = np.sign(flat)
    starts = np.flatnonzero(np.diff(sign, prepend=-2.0))
    contrast = np.abs(np.add.reduceat(flat, starts))
    steepest = np.maximum.reduceat(np.abs(flat), starts)
    # A Gaussian edge of standard deviation s rises from 10 to 90 % within 2.563 s and has slope C / (s sqrt(2 pi)).
    spread = np.float32(2.563 / math.sqrt(2 * math.pi)) * contrast / np.maximum(steepest, np.float32(1e-9))
    return np.asarray(spread, dtype=np.float32), np.asarray(contrast, dtype=np.float32)


def edge_spread_px(image: NDArray[np.float32]) -> float:
    """How far the sharpest clear edges of an image spread.

    Args:
        image: (h, w) or (h, w, 3) RGB, 0..1.

    Returns:
        The lower quartile of 10-90 % rises in pixels, over edges of good contrast in rows and columns; NaN where the
        image has too few edges to tell.
    """
    # Only the rows and columns looked at become grey: the whole image would cost ten times as much.
    rows = luminance(image[:: max(1, image.shape[0] // _SCAN_LINES)])
    columns = np.ascontiguousarray(luminance(image[:, :: max(1, image.shape[1] // _SCAN_LINES)]).T)
    found = []
    for signals in (rows, columns):
        spread, contrast = _spreads(signals)
        strong = contrast > max(_MIN_CONTRAST, 0.5 * float(np.quantile(contrast, 0.995)))
        found.append(spread[strong])
    usable = np.concatenate(found)
    return float(np.quantile(usable, 0.25)) if len(usable) >= _MIN_EDGES else float("nan")


def _coarse(image: NDArray[np.float32], px_per_mm: float, wanted: float = 2.5) -> tuple[NDArray[np.float32], float]:
    """The image's luminance at about ``wanted`` pixels a millimetre, and its true scale."""
    step = max(1, int(px_per_mm // wanted))
    return np.ascontiguousarray(luminance(image[::step, ::step])), px_per_mm / step


def _measure(
    light: Light, image: NDArray[np.float32], px_per_mm: float, dpi: float | None
) -> tuple[LightQuality, float]:
    """A light's measurements, and the share of it that is saturated."""
    coarse, scale = _coarse(image, px_per_mm)
    saturated = (coarse >= _SATURATED).astype(np.uint8)
    size = max(3, round(_GLARE_SIZE_MM * scale)) | 1
    plain = cv2.morphologyEx(saturated, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    judged = light in _BLUR_LIMIT_UM
    focus_um = edge_spread_px(image) / px_per_mm * 1000 if judged else float("nan")
    measured = LightQuality(focus_um, float(np.mean(plain)), float(np.quantile(coarse, 0.95)), dpi)
    return measured, float(saturated.mean())


def _issue(
    kind: IssueKind, light: Light, value: float, limit: float, unit: str, affects: tuple[str, ...]
) -> QualityIssue:
    return QualityIssue(kind, light, value, limit, unit, affects, f"quality.{kind}.{light}")


def _image_issues(light: Light, measured: LightQuality, saturated: float, brightest: float) -> list[QualityIssue]:
    """What one light's image lacks."""
    affects = _BY_LIGHT[light]
    issues = []
    blur_limit = _BLUR_LIMIT_UM.get(light)
    if blur_limit is not None and measured.dpi is not None:
        blur_limit = max(blur_limit, _SHARP_PX * 25400 / measured.dpi)
    if blur_limit is not None and measured.focus > blur_limit:
        issues.append(_issue("blurred", light, measured.focus, blur_limit, "um", affects))
    if saturated > _OVEREXPOSED_SHARE and light != "visible":
        issues.append(_issue("overexposed", light, saturated, _OVEREXPOSED_SHARE, "share", affects))
    elif measured.glare_fraction > _GLARE_LIMIT and saturated <= _OVEREXPOSED_SHARE:
        issues.append(_issue("glare", light, measured.glare_fraction, _GLARE_LIMIT, "share", affects))
    if light == "uv":
        if brightest < _UV_UNLIT:
            issues.append(_issue("underexposed", light, brightest, _UV_UNLIT, "share", affects))
    elif measured.exposure < _UNDEREXPOSED[light]:
        issues.append(_issue("underexposed", light, measured.exposure, _UNDEREXPOSED[light], "share", affects))
    return issues


def _page_issues(page: Page) -> list[QualityIssue]:
    """What the page as a whole lacks: bands of their own, registration, resolution, parts of the document."""
    geometry = next(light for light in LIGHTS if light in page.images)
    issues = []
    for light in LIGHTS:
        if light not in page.images:
            issues.append(_issue("missing_band", light, 0.0, 1.0, "frames", _BY_LIGHT[light]))
    for light, registration in page.registration.items():
        if not registration.reliable:
            issues.append(_issue("unregistered", light, registration.correlation, 0.0, "correlation", _BY_LIGHT[light]))
    for light, limit in LIKENESS_LIMIT.items():
        likeness = compare_with_visible(page, light)
        if likeness is not None and likeness.repeats:
            issues.append(
                _issue("repeats_visible", light, likeness.correlation, limit, "correlation", _BY_LIGHT[light])
            )
    if page.dpi is not None and page.dpi < _RECOMMENDED_DPI:
        affects = tuple(check for check, need in _DPI_NEEDS.items() if page.dpi < need)
        issues.append(_issue("low_resolution", geometry, page.dpi, _RECOMMENDED_DPI, "dpi", affects))
    if page.cropped_fraction > _CROPPED_LIMIT:
        issues.append(
            _issue("cropped", geometry, page.cropped_fraction, _CROPPED_LIMIT, "share", ("UV-BR-FU", "VIZ-*"))
        )
    return issues


def assess_quality(page: Page) -> Quality:
    """Measure what a page's images can support.

    Args:
        page: a rectified page with any subset of lights.

    Returns:
        Measurements by light, and the issues: those of single images first by light, then those of the page.
    """
    lights: dict[Light, LightQuality] = {}
    issues: list[QualityIssue] = []
    for light in LIGHTS:
        image = page.images.get(light)
        if image is None:
            continue
        measured, saturated = _measure(light, image, page.px_per_mm, page.dpi)
        lights[light] = measured
        brightest = float(np.quantile(image[::4, ::4], 0.995)) if light == "uv" else 1.0
        issues.extend(_image_issues(light, measured, saturated, brightest))
    return Quality(lights, (*issues, *_page_issues(page)))
