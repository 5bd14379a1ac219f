"""Likeness: whether a frame that is said to be infrared or ultraviolet merely repeats the visible picture.

A lamp that did not switch, a filter that is missing, or a file stored twice gives a frame in which every ink looks as
it does to the eye: carbon black stays black, and a check of the ink would pass on no evidence. Such a frame says
nothing about the document, so the checks that rest on it are ``undetermined``.

Infrared. Both images are reduced to contrast against their surroundings, so that vignetting and exposure fall out, and
smoothed over ``_SMOOTH_MM``, because infrared optics are soft. They repeat each other where the contrasts correlate,
keep their size, and where coloured print keeps as much of its contrast as the rest: under 850 to 950 nm dyes fade,
black stays, so on a document with any coloured print something always differs. Measured: a real page reader's
capture correlates at 0.91; greyed, darkened, blurred, noisy or vignetted copies of the visible image at 0.96 to 1.
On a page without colours carbon print alone looks alike in both lights; only a far closer likeness counts there.

Ultraviolet. A dim copy in neutral colours is room light: luminescent inks are coloured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.capture import Light
from dafec.page import Page

__all__ = ["LIKENESS_LIMIT", "Likeness", "compare_with_visible"]

#: Correlation beyond which a frame repeats the visible picture.
LIKENESS_LIMIT: Mapping[Light, float] = {"ir": 0.96, "uv": 0.9}
_UNCOLOURED_LIMIT = 0.995  # the same where the visible image has no coloured print to tell by
_SCALE_PX_PER_MM = 3.0
_SMOOTH_MM = 0.67
_SURROUNDINGS_MM = 10.0
_RIM_MM = 2.5  # the page's rim shows edge light and the glass
_FLOOR = 0.05  # of full scale; keeps noise in the dark from counting as contrast
_COLOURED = 0.03  # a channel's deviation from grey, against the paper's own tint
_COLOURED_SHARE = 0.005  # of the page, below which it counts as uncoloured
_KEPT = (0.75, 1.33)  # contrast of coloured print, against that of all print
_MIN_GAIN = 0.4  # contrast by that in visible light; a copy keeps its contrast, ink that fades everywhere does not
_MIN_PX = 8  # fewer across tell nothing
_NEUTRAL = 0.03  # mean difference of the channels, of full scale


@dataclass(frozen=True, slots=True)
class Likeness:
    """How far a frame repeats the visible one."""

    correlation: float  # -1..1; 0 where one of them is flat
    repeats: bool


def _thin(image: NDArray[np.float32], px_per_mm: float) -> tuple[NDArray[np.float32], float]:
    """The image without its rim at three to six pixels a millimetre, and its scale."""
    step = max(1, int(px_per_mm // _SCALE_PX_PER_MM))
    rim = round(_RIM_MM * px_per_mm)
    inner = image[rim : image.shape[0] - rim : step, rim : image.shape[1] - rim : step]
    return np.ascontiguousarray(inner), px_per_mm / step


def _grey(image: NDArray[np.float32]) -> NDArray[np.float32]:
    return image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.float32)


def _correlate(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    a, b = one - one.mean(), other - other.mean()
    power = float(np.sqrt(np.vdot(a, a)) * np.sqrt(np.vdot(b, b)))
    return float(np.vdot(a, b)) / power if power > 1e-3 else 0.0


def _smooth(image: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), _SMOOTH_MM * scale), dtype=np.float32)


def _contrast(smooth: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    window = max(3, round(_SURROUNDINGS_MM * scale)) | 1
    around = cv2.blur(smooth, (window, window))
    return np.asarray((smooth - around) / (around + _FLOOR), dtype=np.float32)


def _deviation(colours: NDArray[np.float32], grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far each pixel is from the paper's own tint, of full scale, (h, w)."""
    largest = np.zeros_like(grey)
    for n in range(3):
        channel = colours[:, :, n] - grey
        channel -= np.median(channel[::4, ::4])
        np.maximum(largest, np.abs(channel), out=largest)
    return largest


def _compare_infrared(visible: NDArray[np.float32], infrared: NDArray[np.float32], scale: float) -> Likeness:
    visible, infrared = _smooth(visible, scale), _smooth(infrared, scale)
    grey = _grey(visible)
    one, other = _contrast(grey, scale), _contrast(_grey(infrared), scale)
    correlation = _correlate(one, other)
    if correlation < LIKENESS_LIMIT["ir"]:
        return Likeness(correlation, repeats=False)
    gain = float(np.vdot(one, other)) / max(float(np.vdot(one, one)), 1e-9)
    if gain < _MIN_GAIN:
        return Likeness(correlation, repeats=False)
    coloured = _deviation(visible, grey) > _COLOURED if visible.ndim == 3 else np.zeros(grey.shape, dtype=bool)
    if float(coloured.mean()) < _COLOURED_SHARE:
        return Likeness(correlation, repeats=correlation > _UNCOLOURED_LIMIT)
    ink, below = one[coloured], other[coloured]
    kept = float(np.vdot(ink, below)) / max(float(np.vdot(ink, ink)), 1e-9) / gain
    return Likeness(correlation, repeats=_KEPT[0] <= kept <= _KEPT[1])


def _compare_ultraviolet(visible: NDArray[np.float32], ultraviolet: NDArray[np.float32]) -> Likeness:
    # One to two pixels a millimetre are enough to compare two whole pages.
    visible, ultraviolet = (np.ascontiguousarray(image[::2, ::2]) for image in (visible, ultraviolet))
    correlation = _correlate(_grey(visible), _grey(ultraviolet))
    if correlation <= LIKENESS_LIMIT["uv"]:
        return Likeness(correlation, repeats=False)
    if ultraviolet.ndim == 2:
        return Likeness(correlation, repeats=True)
    peak = ultraviolet.max(axis=2)
    tint = float(np.mean(peak - ultraviolet.min(axis=2)))
    return Likeness(correlation, repeats=tint < max(_NEUTRAL, 0.25 * float(np.median(peak))))


def compare_with_visible(page: Page, light: Light) -> Likeness | None:
    """Compare one light's rectified image with the visible one.

    Args:
        page: with its lights registered; where registration failed, a copy is found only if it lies in place.
        light: ``ir`` or ``uv``.

    Returns:
        The likeness; None where the page lacks either light.
    """
    if light == "visible" or light not in page.images or "visible" not in page.images:
        return None
    visible, scale = _thin(page.images["visible"], page.px_per_mm)
    other, _ = _thin(page.images[light], page.px_per_mm)
    if visible.shape[:2] != other.shape[:2] or min(visible.shape[:2]) < _MIN_PX:
        return Likeness(0.0, repeats=False)
    return _compare_infrared(visible, other, scale) if light == "ir" else _compare_ultraviolet(visible, other)
