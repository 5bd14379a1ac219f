"""What the routines measure on: a page brought onto its series' reference, and the reference itself.

Both lie on one raster of ``REFERENCE_PX_PER_MM``, linear light, with a channel axis: (h, w, 3) in visible and
ultraviolet, (h, w, 1) in infrared. Two views of them serve every routine:

* ``contrast``: reflectance against its surroundings, x / mean(x over 5 mm) - 1. Exposure, the lamp's fall-off and a
  paper's shade drop out; print remains.
* ``excess``: what glows above the paper under ultraviolet light, of full scale. The paper is the local opening over
  4 mm, so that a motif wider than that loses its middle and keeps its rim.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.geometry import BoxMm, FloatArray
from dafec.lights import Light

__all__ = [
    "REFERENCE_PX_PER_MM",
    "FinePatch",
    "FloatImage",
    "Material",
    "Portrait",
    "Reference",
    "TextField",
    "box_slice",
    "channel_mean",
    "channel_peak",
    "contrast_of",
    "excess_of",
    "stretched_bytes",
]

REFERENCE_PX_PER_MM = 6.0  # 152 dpi: guilloche lines of 0.3 mm are told apart; 0.4 megapixels for an ID-3 page
_SURROUNDINGS_MM = 5.0
_FLOOR = 0.01  # of full scale, linear: keeps noise in the dark from counting as contrast
_SOFT_MM = 0.13  # blur that forgives a quarter of a pixel of misregistration
_MOTIF_MM = 4.0
_STRONG = 1.5  # contrast beyond this is a reflex

FloatImage = NDArray[np.float32]


def _cube(image: NDArray[Any]) -> FloatImage:
    return np.asarray(image if image.ndim == 3 else image[:, :, None], dtype=np.float32)


def channel_mean(image: FloatImage) -> FloatImage:
    """The mean of the channels of (h, w, k), (h, w). Reductions over a last axis of three are slow in numpy."""
    if image.shape[2] == 1:
        return image[:, :, 0]
    return np.asarray(cv2.transform(image, np.full((1, 3), 1 / 3)), dtype=np.float32)


def channel_peak(image: FloatImage) -> FloatImage:
    """The largest channel of (h, w, k), (h, w)."""
    if image.shape[2] == 1:
        return image[:, :, 0]
    return np.asarray(np.maximum(np.maximum(image[:, :, 0], image[:, :, 1]), image[:, :, 2]), dtype=np.float32)


def contrast_of(linear: FloatImage, px_per_mm: float = REFERENCE_PX_PER_MM) -> FloatImage:
    """Reflectance against its surroundings.

    Args:
        linear: (h, w, k), linear, 0..1.
        px_per_mm: of the image.

    Returns:
        (h, w, k), 0 = as its surroundings, negative = darker.
    """
    window = max(3, round(_SURROUNDINGS_MM * px_per_mm)) | 1
    around = _cube(cv2.blur(linear, (window, window)))
    soft = _cube(cv2.GaussianBlur(linear, (0, 0), max(_SOFT_MM * px_per_mm, 0.3)))
    ratio = (soft + np.float32(_FLOOR)) / (around + np.float32(_FLOOR)) - np.float32(1)
    return np.minimum(ratio, np.float32(_STRONG), out=ratio)


def excess_of(linear: FloatImage, px_per_mm: float = REFERENCE_PX_PER_MM) -> FloatImage:
    """Light above the local paper.

    Args:
        linear: (h, w, k), linear, 0..1.
        px_per_mm: of the image.

    Returns:
        (h, w, k), 0 = paper, of full scale.
    """
    height, width = linear.shape[:2]
    small = cv2.resize(linear, (max(1, width // 3), max(1, height // 3)), interpolation=cv2.INTER_AREA)
    size = max(3, round(_MOTIF_MM * px_per_mm / 3)) | 1
    low = cv2.erode(small, np.ones((size, size), np.uint8))
    paper = cv2.blur(cv2.dilate(low, np.ones((size, size), np.uint8)), (size, size))
    large = cv2.resize(paper, (width, height), interpolation=cv2.INTER_LINEAR)
    soft = cv2.GaussianBlur(linear, (0, 0), max(_SOFT_MM * px_per_mm, 0.3))
    return np.asarray(_cube(soft) - _cube(large), dtype=np.float32)


def stretched_bytes(image: FloatImage) -> NDArray[np.uint8]:
    """A grey image (h, w) as bytes, its brightest half percent at 235."""
    top = float(np.quantile(image[::4, ::4], 0.995))
    return np.asarray(cv2.convertScaleAbs(image, alpha=235 / max(top, 0.02)), dtype=np.uint8)


def box_slice(box: BoxMm, shape: Sequence[int], px_per_mm: float = REFERENCE_PX_PER_MM) -> tuple[slice, slice]:
    """Rows and columns of a box in millimetres, cut to the raster."""
    y0, x0 = max(round(box.y * px_per_mm), 0), max(round(box.x * px_per_mm), 0)
    y1 = min(round((box.y + box.height) * px_per_mm), shape[0])
    x1 = min(round((box.x + box.width) * px_per_mm), shape[1])
    return slice(y0, max(y1, y0)), slice(x0, max(x1, x0))


@dataclass(frozen=True, slots=True, eq=False)
class FinePatch:
    """A piece of line work at full resolution."""

    box_mm: BoxMm
    px_per_mm: float
    image: NDArray[np.uint8]  # (h, w), visible, grey, encoded


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """The fine static print across a portrait and round it, and where its border is."""

    box_mm: BoxMm  # its border
    template: FloatImage  # median fine detail of captures, the border's box grown by six millimetres
    spread: FloatImage  # one sigma of it


@dataclass(frozen=True, slots=True)
class TextField:
    """A place where most enrolled captures have a word, and what it is printed with."""

    box_mm: BoxMm
    centre: Mapping[str, float]  # by quantity, against the median of the page's fields
    spread: Mapping[str, float]  # one sigma of it
    letters: float = 1.0  # one sigma of letters' infrared share within the field
    place: tuple[float, float] | None = None  # left end and middle, where it tells the place of personal print


@dataclass(frozen=True, eq=False)
class Reference:
    """What was learned of one side of a series."""

    width_mm: float
    height_mm: float
    linear: Mapping[Light, FloatImage]  # median of the enrolled captures, (h, w, k)
    spread: Mapping[Light, FloatImage]  # one sigma of contrast (visible, ir) or excess (uv) among them, (h, w)
    personal: NDArray[np.bool_]  # (h, w): differs from holder to holder
    patches: tuple[FinePatch, ...] = ()
    marks: Mapping[str, Mapping[Light, FloatImage]] = field(default_factory=dict)  # of counterfeits, by check name
    fields: tuple[TextField, ...] = ()
    portrait: Portrait | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.personal.shape[0], self.personal.shape[1]

    @cached_property
    def view(self) -> Mapping[Light, FloatImage]:
        """Contrast in visible and infrared, excess in ultraviolet."""
        return {
            light: excess_of(image) if light == "uv" else contrast_of(image) for light, image in self.linear.items()
        }

    @cached_property
    def grey(self) -> Mapping[Light, FloatImage]:
        """``view`` with its channels averaged, (h, w)."""
        return {light: channel_mean(view) for light, view in self.view.items()}

    @cached_property
    def glow(self) -> FloatImage:
        """The largest channel of ultraviolet excess, (h, w)."""
        return channel_peak(self.view["uv"])

    @cached_property
    def paper(self) -> FloatImage:
        """The largest channel of linear ultraviolet, (h, w)."""
        return channel_peak(self.linear["uv"])

    @cached_property
    def pictures(self) -> Mapping[Light, NDArray[np.uint8]]:
        """What a page is registered to, by light: square-root coded, stretched to the brightest half percent."""
        return {light: stretched_bytes(np.sqrt(channel_mean(image))) for light, image in self.linear.items()}

    @cached_property
    def weight(self) -> Mapping[Light, FloatImage]:
        """How constant a pixel is, 0..1, (h, w)."""
        rim = np.zeros(self.shape, dtype=np.float32)
        edge = round(1.5 * REFERENCE_PX_PER_MM)
        rim[edge:-edge, edge:-edge] = 1
        made: dict[Light, FloatImage] = {}
        for light, spread in self.spread.items():
            # Ultraviolet shows little of what is personal; what it shows varies, and that is in the spread.
            kept = rim if light == "uv" else rim * ~self.personal
            steady = np.float32(0.02 if light == "uv" else 0.06) ** 2
            made[light] = np.asarray(kept * steady / (steady + spread * spread), dtype=np.float32)
        return made


@dataclass(frozen=True, eq=False)
class Material:
    """A page brought onto a reference."""

    reference: Reference
    linear: Mapping[Light, FloatImage]  # (h, w, k) on the reference's raster
    aligned: Mapping[Light, bool]  # False: the light could not be registered and lies where its frame says
    page: Mapping[Light, FloatImage]  # at full resolution, encoded, as ``Page.images``
    page_px_per_mm: float
    page_from_reference: Mapping[Light, FloatArray]  # (3, 3), reference pixels to page pixels
    mrz_mm: tuple[BoxMm, ...] = ()  # lines of the zone, on the reference
    notes: dict[str, Any] = field(default_factory=dict)  # what several checks measure once; of one reference only
    page_from_straight: FloatArray | None = None  # (3, 3): ``page`` was put straight; its pixels to those as found

    @cached_property
    def view(self) -> Mapping[Light, FloatImage]:
        """Contrast in visible and infrared, excess in ultraviolet."""
        return {
            light: excess_of(image) if light == "uv" else contrast_of(image) for light, image in self.linear.items()
        }

    @cached_property
    def grey(self) -> Mapping[Light, FloatImage]:
        """``view`` with its channels averaged, (h, w)."""
        return {light: channel_mean(view) for light, view in self.view.items()}

    @cached_property
    def glow(self) -> FloatImage:
        """The largest channel of ultraviolet excess, (h, w)."""
        return channel_peak(self.view["uv"])

    @cached_property
    def paper(self) -> FloatImage:
        """The largest channel of linear ultraviolet, (h, w)."""
        return channel_peak(self.linear["uv"])

    @cached_property
    def strokes(self) -> NDArray[np.bool_]:
        """(h, w): visible print darker than the series' own there: personal data, stamps, dirt."""
        own, known = self.grey["visible"], self.reference.grey["visible"]
        return np.asarray((own < -0.15) & (own - known < -0.12))
