"""Where the ghost of the portrait stands on a page of no known layout, and how much it is the portrait again.

**Finding.** A ghost is a second, smaller and paler print of the portrait. The mean of many heads is looked for at nine
sizes (8 to 20 mm wide) outside the portrait and the machine-readable zone, by normalised cross-correlation at two
pixels a millimetre: a mean face is as near to a stranger's ghost as to the holder's, so a ghost is found although the
portrait was exchanged. Only where that is not clear is the portrait itself looked for.

**Comparing.** The portrait's head is brought to the ghost's size and moved over it, at every size and place near the
one found, smoothed over a quarter of a millimetre so that dots and drops of either print fall out; both are then the
same picture but for tone. Three figures at the best place: the correlation of the smoothed pictures; that of what lies
between a fifth of a millimetre and nine tenths, where eyes, brows, mouth and hairline are and shading is not; and that
of the face alone, eyes to chin, between a quarter of a millimetre and one and a half, since a swapped face keeps its
hair and its scarf.

The mean head is that of sixty drawn portraits (``python -m benchmarks.mean_head`` makes the file).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.capture import Light
from dafec.errors import InstallationError
from dafec.features.gen_photo_place import PhotoPlace
from dafec.features.gen_words import reduced
from dafec.features.zones import mrz_region
from dafec.geometry import BoxMm
from dafec.page import Page
from dafec.quality import luminance

__all__ = ["GhostLikeness", "GhostPlace", "HeadPlace", "compare_ghost", "find_ghost", "find_head"]

Field = NDArray[np.float32]

_HEAD = (0.20, 0.08, 0.80, 0.78)  # of a portrait: the head without ground and shoulders
_COARSE, _MIDDLE, _FINE = 2.0, 3.0, 6.0  # pixels a millimetre
_WIDTHS_MM = tuple(float(w) for w in np.geomspace(8.0, 20.0, 9))
_RATIOS = tuple(float(r) for r in np.geomspace(0.28, 0.68, 10))  # ghost's width by the portrait's
_CLEAR = 0.68  # correlation with the mean head: ghosts of eight series show 0.70 to 0.93, other print at most 0.63
_MAYBE = 0.50
_OWN = 0.85  # correlation with the portrait itself: its ghosts show 0.87 and more, other print at most 0.69
_FITS = (0.72, 0.8, 0.88, 0.96, 1.04)  # of the portrait's width, for the mean head's own portrait
_SOFT_MM = 0.25
_BAND_MM = (0.2, 0.9)
_FACE_BAND_MM = (0.25, 1.5)
_FACE = (0.18, 0.28, 0.82, 0.88)  # of the head: eyes, nose, mouth and chin
_AWAY_MM = 3.0
_SPREAD = tuple(float(k) for k in np.geomspace(0.72, 1.38, 11))
_NEAR = tuple(float(k) for k in np.geomspace(0.96, 1.04, 5))


@dataclass(frozen=True, slots=True)
class GhostPlace:
    """Where a ghost stands."""

    centre_mm: tuple[float, float]  # of its head
    width_mm: float  # of the whole ghost, as far as the head tells
    correlation: float  # with the mean head, or with the portrait
    by_portrait: bool = False  # only the portrait found it: a head of anybody else's would not have been

    @property
    def box(self) -> BoxMm:
        """Round the whole ghost, of a portrait's usual shape."""
        width, height = self.width_mm, 1.28 * self.width_mm
        x, y = self.centre_mm
        return BoxMm(x - width / 2, y - 0.43 * height, width, height)


@dataclass(frozen=True, slots=True)
class HeadPlace:
    """Where the head is in a portrait."""

    box: BoxMm
    correlation: float  # with the mean head


@dataclass(frozen=True, slots=True)
class GhostLikeness:
    """How much a ghost is the portrait again, in one light."""

    whole: float  # correlation of the smoothed pictures, -1..1
    detail: float  # of what lies between a fifth of a millimetre and nine tenths
    face: float  # of the face alone
    contrast: float  # deviation of the detail, of head and of face, in the paler of the two, of full scale
    box: BoxMm  # of the ghost's head

    @property
    def value(self) -> float:
        """The three correlations together; 3 for the same picture."""
        return self.whole + self.detail + self.face


@cache
def _mean_head() -> Field:
    try:
        with files("dafec").joinpath("features", "data", "mean_head.npz").open("rb") as stream:
            head = np.load(stream)["head"].astype(np.float32) / 255
    except (OSError, ValueError, KeyError) as error:
        raise InstallationError("mrz.table_unreadable", name="mean_head") from error
    rows, columns = head.shape
    return np.ascontiguousarray(
        head[round(_HEAD[1] * rows) : round(_HEAD[3] * rows), round(_HEAD[0] * columns) : round(_HEAD[2] * columns)]
    )


def _head_within(photo: BoxMm) -> BoxMm:
    """Where the head is in a portrait as ISO/IEC 39794-5 has it."""
    return BoxMm(
        photo.x + _HEAD[0] * photo.width,
        photo.y + _HEAD[1] * photo.height,
        (_HEAD[2] - _HEAD[0]) * photo.width,
        (_HEAD[3] - _HEAD[1]) * photo.height,
    )


def find_head(page: Page, photo: PhotoPlace) -> HeadPlace:
    """The head in a portrait, whose own border may have been found a little wide or narrow.

    Args:
        page: with a visible image.
        photo: its portrait.

    Returns:
        Where the mean head fits best in and about the portrait.
    """
    small, scale = reduced(page, "visible")
    box = photo.box
    around = BoxMm(box.x - _AWAY_MM, box.y - _AWAY_MM, box.width + 2 * _AWAY_MM, box.height + 2 * _AWAY_MM)
    picture, head = _cut(small, around, scale, _COARSE), _mean_head()
    best = HeadPlace(_head_within(box), 0.0)
    if picture is None:
        return best
    picture = _smooth(picture, 0.6)
    for ratio in _FITS:
        across = max(6, round(ratio * box.width * (_HEAD[2] - _HEAD[0]) * _COARSE))
        size = (across, round(across * head.shape[0] / head.shape[1]))
        correlation, at = _match(picture, np.asarray(cv2.resize(head, size, interpolation=cv2.INTER_AREA), np.float32))
        if correlation > best.correlation:
            x, y = max(around.x, 0.0) + at[0] / _COARSE, max(around.y, 0.0) + at[1] / _COARSE
            best = HeadPlace(BoxMm(x, y, size[0] / _COARSE, size[1] / _COARSE), correlation)
    return best


def _reduced(image: Field, px_per_mm: float, wanted: float) -> Field:
    """Grey picture at ``wanted`` pixels a millimetre; averaged by a whole step first, which is quick."""
    step = max(1, int(px_per_mm / wanted))
    if step > 1:
        height, width = image.shape[0] // step * step, image.shape[1] // step * step
        size = (width // step, height // step)
        image = np.asarray(cv2.resize(image[:height, :width], size, interpolation=cv2.INTER_AREA), np.float32)
    grey = luminance(np.ascontiguousarray(image))
    factor = wanted * step / px_per_mm
    size = (max(4, round(grey.shape[1] * factor)), max(4, round(grey.shape[0] * factor)))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(grey, size, interpolation=how), np.float32)


def _cut(image: Field, box: BoxMm, px_per_mm: float, wanted: float) -> Field | None:
    """A box of the picture at ``wanted`` pixels a millimetre; None where it is not on the page."""
    x0, y0 = max(round(box.x * px_per_mm), 0), max(round(box.y * px_per_mm), 0)
    part = image[y0 : round((box.y + box.height) * px_per_mm), x0 : round((box.x + box.width) * px_per_mm)]
    return _reduced(part, px_per_mm, wanted) if min(part.shape[:2], default=0) >= 8 else None


def _smooth(picture: Field, sigma_px: float) -> Field:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma_px), np.float32)


def _best_place(page: Page, whole: Field, head: Field, widths_mm: tuple[float, ...], photo: BoxMm) -> GhostPlace | None:
    """Where a head correlates best with the page, outside the portrait and the zone, over several widths."""
    zone = mrz_region(page)
    bottom = zone.y if zone is not None else page.height_mm
    found: GhostPlace | None = None
    for width_mm in widths_mm:
        across = max(6, round(width_mm * (_HEAD[2] - _HEAD[0]) * _COARSE))
        down = round(across * head.shape[0] / head.shape[1])
        if down >= whole.shape[0] or across >= whole.shape[1]:
            continue
        template = cv2.resize(head, (across, down), interpolation=cv2.INTER_AREA)
        score = cv2.matchTemplate(whole, template, cv2.TM_CCOEFF_NORMED)
        y = (np.arange(score.shape[0]) + down / 2) / _COARSE
        x = (np.arange(score.shape[1]) + across / 2) / _COARSE
        beside = np.abs(x - photo.x - photo.width / 2) > photo.width / 2 + 0.3 * width_mm
        above = np.abs(y - photo.y - photo.height / 2) > photo.height / 2 + 0.3 * width_mm
        score[~(above[:, None] | beside[None, :])] = -1
        score[y + 0.6 * down / _COARSE > bottom] = -1
        _, best, _, at = cv2.minMaxLoc(score)
        if found is None or best > found.correlation:
            found = GhostPlace((float(x[at[0]]), float(y[at[1]])), width_mm, float(best))
    return found


def find_ghost(page: Page, photo: PhotoPlace) -> GhostPlace | None:
    """The ghost of a page's portrait in visible light; None where there is nothing like one.

    Args:
        page: with a visible image.
        photo: its portrait.

    Returns:
        The place, whoever's face it shows.
    """
    small, scale = reduced(page, "visible")
    whole = _smooth(_reduced(small, scale, _COARSE), 0.6)
    found = _best_place(page, whole, _mean_head(), _WIDTHS_MM, photo.box)
    if found is None or found.correlation < _MAYBE:
        return None
    if found.correlation >= _CLEAR:
        return found
    own = _cut(page.images["visible"], _head_within(photo.box), page.px_per_mm, _COARSE)
    if own is None:
        return None
    widths = tuple(ratio * photo.box.width for ratio in _RATIOS)
    again = _best_place(page, whole, _smooth(own, 0.6), widths, photo.box)
    return replace(again, by_portrait=True) if again is not None and again.correlation >= _OWN else None


def _match(area: Field, head: Field) -> tuple[float, tuple[int, int]]:
    if area.shape[0] <= head.shape[0] or area.shape[1] <= head.shape[1]:
        return -1.0, (0, 0)
    scores = cv2.matchTemplate(area, head, cv2.TM_CCOEFF_NORMED)
    _, best, _, at = cv2.minMaxLoc(scores)
    return float(best), (int(at[0]), int(at[1]))


def compare_ghost(page: Page, head: HeadPlace, ghost: GhostPlace, light: Light) -> GhostLikeness | None:
    """How much the ghost is the portrait again.

    Args:
        page: with that light.
        head: of its portrait.
        ghost: as found.
        light: to compare in.

    Returns:
        The figures at the best size and place; None where the page's rim leaves no room for them.
    """
    image, source = page.images[light], head.box
    width = ghost.width_mm * (_HEAD[2] - _HEAD[0])
    height = width * source.height / source.width
    around = BoxMm(
        ghost.centre_mm[0] - 0.7 * width - _AWAY_MM,
        ghost.centre_mm[1] - 0.7 * height - _AWAY_MM,
        1.4 * width + 2 * _AWAY_MM,
        1.4 * height + 2 * _AWAY_MM,
    )
    rough = _cut(image, around, page.px_per_mm, _MIDDLE)
    fine = _cut(image, around, page.px_per_mm, _FINE)
    own = _cut(image, source, page.px_per_mm, _FINE * 0.75)  # a ghost is at most three quarters as wide
    if rough is None or fine is None or own is None:
        return None
    rough, soft = _smooth(rough, _SOFT_MM * _MIDDLE), _smooth(fine, _SOFT_MM * _FINE)
    sized = [(_match(rough, _sized(own, k * width, height / width, _MIDDLE))[0], k) for k in _SPREAD]
    centre = max(sized)[1]
    near = [(*_match(soft, _sized(own, centre * k * width, height / width, _FINE)), centre * k) for k in _NEAR]
    whole, at, k = max(near, key=lambda one: one[0])
    raw = _sized(own, k * width, height / width, _FINE, soft=False)
    detail, contrast = _correlate_band(fine, raw, at, _BAND_MM, (0.0, 0.0, 1.0, 1.0))
    face, inside = _correlate_band(fine, raw, at, _FACE_BAND_MM, _FACE)
    size = (raw.shape[1] / _FINE, raw.shape[0] / _FINE)
    box = BoxMm(max(around.x, 0) + at[0] / _FINE, max(around.y, 0) + at[1] / _FINE, *size)
    return GhostLikeness(whole, detail, face, min(contrast, inside), box)


def _sized(head: Field, width_mm: float, shape: float, px_per_mm: float, *, soft: bool = True) -> Field:
    """The portrait's head as wide as the ghost's."""
    size = (max(6, round(width_mm * px_per_mm)), max(6, round(width_mm * shape * px_per_mm)))
    how = cv2.INTER_AREA if size[0] < head.shape[1] else cv2.INTER_LINEAR
    made = np.asarray(cv2.resize(head, size, interpolation=how), np.float32)
    return _smooth(made, _SOFT_MM * px_per_mm) if soft else made


def _correlate_band(
    fine: Field,
    head: Field,
    at: tuple[int, int],
    band_mm: tuple[float, float],
    part: tuple[float, float, float, float],
) -> tuple[float, float]:
    """Correlation of features of some size at the place found, half a millimetre either way, and the paler contrast.

    Args:
        fine: the ghost and its surroundings.
        head: the portrait's head as wide as the ghost's.
        at: where it lies there, x and y in pixels.
        band_mm: sizes of the features, smallest and largest.
        part: of the head that is compared: left, top, right, bottom, 0..1.

    Returns:
        The correlation, -1..1, and the deviation of the features in the paler of both, of full scale.
    """
    low, high = (sigma * _FINE for sigma in band_mm)
    area, template = (_smooth(one, low) - _smooth(one, high) for one in (fine, head))
    rim, reach = 3, 3
    rows, columns = template.shape
    left, top = max(round(part[0] * columns), rim), max(round(part[1] * rows), rim)
    right, bottom = min(round(part[2] * columns), columns - rim), min(round(part[3] * rows), rows - rim)
    inner = np.ascontiguousarray(template[top:bottom, left:right])
    x, y = max(at[0] + left - reach, 0), max(at[1] + top - reach, 0)
    there = area[y : y + inner.shape[0] + 2 * reach, x : x + inner.shape[1] + 2 * reach]
    if min(inner.shape) < 8 or there.shape[0] < inner.shape[0] or there.shape[1] < inner.shape[1]:
        return 0.0, 0.0
    return float(cv2.matchTemplate(there, inner, cv2.TM_CCOEFF_NORMED).max()), float(min(inner.std(), there.std()))
