"""Words of printed text on a page of no known series, and what each of them looks like in every light.

Shared by GEN-retouch and GEN-bands. Text is what is darker than the paper close by, by a quarter, in strokes that are
thinner than a millimetre; strokes that stand near each other in a row are one word. Lines of a guilloche are paler or
thinner and fall away; what is wider than text or stands in the machine-readable zone does as well.

Every light is brought to eight pixels a millimetre and given as absorbance, the natural logarithm of paper over
print in encoded values: so exposure and vignetting fall out. Infrared optics are soft, but blur keeps an integral: a
word's absorbance is summed over its box with half a millimetre round it, and compared as a sum.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.capture import Light
from dafec.features.gen_photo_place import find_photo
from dafec.features.quick_stats import quick_quantile
from dafec.features.zones import mrz_region
from dafec.geometry import BoxMm
from dafec.page import Page
from dafec.quality import luminance

__all__ = [
    "SCALE",
    "Field",
    "Picture",
    "Print",
    "Word",
    "absorbance",
    "find_prints",
    "look_at",
    "page_prints",
    "reduced",
]

SCALE = 8.0  # pixels a millimetre everything is measured at
_PAPER_MM = 2.2  # wider than any stroke
_INK = 0.30  # absorbance of a stroke
_GAP_MM = 0.9  # letters and words of one text stand nearer than this
_HEIGHT_MM = (1.2, 4.5)
_RIM_MM = 2.0
_MARGIN_MM = 0.5


_NEUTRAL = 0.22  # largest less smallest channel of an ink's absorbance, as a share of the largest
_DARK = 0.55  # absorbance of personal print in a stroke's core
_MIN_HEIGHT_MM = 1.6  # labels are smaller
_MIN_INK_MM2 = 1.4
_SAME_DEPTH = 0.55  # of the page's usual depth: paler print is another plate's
_SAME_HUE = 0.11  # of a channel's share of the absorbance: blacks stay below 0.05, a dark blue heading shows 0.15
_GROUND = 0.88  # of the page's paper: darker ground under a word is a picture's
_MOST_WORDS = 60

Field = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Word:
    """One piece of text in the reduced picture."""

    box_px: tuple[int, int, int, int]  # x0, y0, x1, y1
    ink_px: int

    def window(self, shape: tuple[int, ...], margin_px: int) -> tuple[slice, slice]:
        """Rows and columns of the box with a margin."""
        x0, y0, x1, y1 = self.box_px
        return (
            slice(max(y0 - margin_px, 0), min(y1 + margin_px, shape[0])),
            slice(max(x0 - margin_px, 0), min(x1 + margin_px, shape[1])),
        )

    def box_mm(self, scale: float) -> BoxMm:
        """On the page."""
        x0, y0, x1, y1 = self.box_px
        return BoxMm(x0 / scale, y0 / scale, (x1 - x0) / scale, (y1 - y0) / scale)


def reduced(page: Page, light: Light) -> tuple[Field, float]:
    """A light at about ``SCALE`` pixels a millimetre, (h, w) or (h, w, 3), and its true scale; never enlarged."""
    return page.measured.get(("reduced", light), lambda: _reduced(page, light))


def _reduced(page: Page, light: Light) -> tuple[Field, float]:
    image = page.images[light]
    step = max(1, round(page.px_per_mm / SCALE))
    if step == 1:
        return np.ascontiguousarray(image), page.px_per_mm
    height, width = image.shape[0] // step * step, image.shape[1] // step * step
    size = (width // step, height // step)
    # A whole-numbered step is three times as quick as any other.
    small = cv2.resize(image[:height, :width], size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32), page.px_per_mm / step


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One light at the measuring scale."""

    image: Field  # (h, w) or (h, w, 3)
    grey: Field  # (h, w)
    ink: Field  # absorbance, (h, w)
    paper: Field  # level of the paper, (h, w)
    scale: float  # pixels a millimetre


@dataclass(frozen=True, slots=True)
class Print:
    """A word in neutral dark ink, one of a page's siblings."""

    word: Word
    depth: float  # absorbance in the cores of its strokes
    colour: tuple[float, float, float]  # the same by channel


def look_at(page: Page, light: Light) -> Picture:
    """A light brought to the measuring scale, with its absorbance; measured once for a page."""
    return page.measured.get(("picture", light), lambda: _look_at(page, light))


def page_prints(page: Page) -> list[Print]:
    """``find_prints`` of a page's visible light, outside its portrait; found once for a page."""

    def find() -> list[Print]:
        place = find_photo(page)
        return find_prints(page, look_at(page, "visible"), place.box if place is not None else None)

    return page.measured.get("prints", find)


def _look_at(page: Page, light: Light) -> Picture:
    image, scale = reduced(page, light)
    grey = luminance(image)
    # The lightest channel: what absorbs in all of them is black; stamps, labels and guilloches in colours fall away.
    neutral = grey if image.ndim == 2 or light != "visible" else _lightest(image)
    ink, paper = absorbance(neutral, scale)
    return Picture(image, grey, ink, paper, scale)


def _lightest(image: Field) -> Field:
    red, green, blue = cv2.split(image)
    return np.asarray(cv2.max(cv2.max(red, green), blue), np.float32)


def absorbance(grey: Field, scale: float) -> tuple[Field, Field]:
    """Natural logarithm of paper over print, and the paper, closed over strokes and smoothed; both (h, w)."""
    factor = 2
    small = np.asarray(
        cv2.resize(
            grey, (max(4, grey.shape[1] // factor), max(4, grey.shape[0] // factor)), interpolation=cv2.INTER_AREA
        ),
        np.float32,
    )
    size = max(3, round(_PAPER_MM * scale / factor)) | 1
    element = cv2.getStructuringElement(cv2.MORPH_RECT, (size, size))
    paper = cv2.morphologyEx(cv2.blur(small, (3, 3)), cv2.MORPH_CLOSE, element)
    paper = cv2.blur(paper, (size, size))
    large = cv2.resize(paper, (grey.shape[1], grey.shape[0]), interpolation=cv2.INTER_LINEAR)
    floor = np.float32(0.02)
    return np.asarray(cv2.log((large + floor) / (grey + floor)), np.float32), np.asarray(large, np.float32)


def find_words(page: Page, visible: Field, scale: float) -> list[Word]:
    """Pieces of text outside the machine-readable zone, largest first."""
    ink = (visible > _INK).astype(np.uint8)
    rim = round(_RIM_MM * scale)
    ink[:rim], ink[-rim:], ink[:, :rim], ink[:, -rim:] = 0, 0, 0, 0
    zone = mrz_region(page)
    if zone is not None:
        ink[max(round(zone.y * scale), 0) : round((zone.y + zone.height) * scale)] = 0
    joined = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, np.ones((3, max(3, round(_GAP_MM * scale)) | 1), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    words: list[Word] = []
    wide, high = stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]
    sized = (high >= _HEIGHT_MM[0] * scale) & (high <= _HEIGHT_MM[1] * scale)
    sized &= (wide >= 1.0 * scale) & (wide <= 70 * scale)
    for n in np.flatnonzero(sized[1:count]) + 1:
        x, y, w, h = (int(v) for v in stats[n, :4])
        area = int(np.count_nonzero((labels[y : y + h, x : x + w] == n) & (ink[y : y + h, x : x + w] > 0)))
        # Text covers between a tenth and six tenths of its box; a solid block or a scatter of dots does not.
        if 0.12 <= area / (w * h) <= 0.65:
            words.append(Word((x, y, x + w, y + h), area))
    return sorted(words, key=lambda word: -word.ink_px)


def find_prints(page: Page, picture: Picture, photo: BoxMm | None) -> list[Print]:
    """Words of one kind: dark, neutral, taller than labels, on paper, outside the portrait.

    Args:
        page: the page the picture was taken from.
        picture: its visible light.
        photo: where the portrait stands, millimetres; None where there is none.

    Returns:
        The words, largest first.
    """
    floor = np.float32(0.02)
    level = float(np.median(picture.paper[::4, ::4]))
    found: list[Print] = []
    for word in find_words(page, picture.ink, picture.scale)[:_MOST_WORDS]:
        box = word.box_mm(picture.scale)
        if box.height < _MIN_HEIGHT_MM or word.ink_px < _MIN_INK_MM2 * picture.scale**2 or _inside(box, photo):
            continue
        window = word.window(picture.ink.shape, 0)
        ink, paper = picture.ink[window], picture.paper[window]
        if quick_quantile(paper, 0.5) < _GROUND * level:
            continue
        core = ink > 0.6 * quick_quantile(ink, 0.97)
        depth = quick_quantile(ink[core], 0.5)
        pixels = picture.image[window]
        # The paper's tint round the strokes, by channel; grey pictures have one.
        channels = pixels.reshape(*pixels.shape[:2], -1)
        tint = np.median(channels[ink < 0.1], axis=0) if bool((ink < 0.1).any()) else np.full(channels.shape[2], level)
        colour = np.log((tint + floor) / (channels[core].mean(axis=0) + floor))
        if depth < _DARK or float(np.ptp(colour)) > _NEUTRAL * max(float(colour.max()), 0.5):
            continue
        red, green, blue = (float(v) for v in np.broadcast_to(colour, (3,)))
        found.append(Print(word, depth, (red, green, blue)))
    if not found:
        return []
    usual = float(np.median([one.depth for one in found]))
    hues = np.array([one.colour for one in found])
    hues /= np.maximum(hues.mean(axis=1, keepdims=True), 1e-3)
    tinted = np.abs(hues - np.median(hues, axis=0)).max(axis=1) > _SAME_HUE
    return [one for one, other in zip(found, tinted, strict=True) if one.depth >= _SAME_DEPTH * usual and not other]


def _inside(box: BoxMm, photo: BoxMm | None) -> bool:
    if photo is None:
        return False
    x, y = box.x + box.width / 2, box.y + box.height / 2
    return photo.x - 1 <= x <= photo.x + photo.width + 1 and photo.y - 1 <= y <= photo.y + photo.height + 1
