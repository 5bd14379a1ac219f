"""The portrait of a page against what its series prints over, under and round it.

Three things a substituted photo rarely keeps, each told from the page itself so that readers and holders drop out:

* ``overlay_share``: the series' fine static print that crosses the portrait (guilloche, overprint) is learned as the
  median of the fine detail of all enrolled captures, in which no holder's features survive. On a page it is looked for
  in the places where the picture is calm, and its strength is compared with that of the fine print round the portrait.
* ``border_ridge``: a line of light along the border under the lamp: glue, the cut edge of a paper, a rim that solvent
  left. At every place along a side the brightest point near the border is held against both flanks; a side counts by
  its median, because no fibre or stain runs along a whole side.
* ``picture_level``: the lightest tenth of the picture against the paper round it, under the lamp: photo papers, films
  and bare stock are brighter than paper below printed dyes.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.features.routines_material import (
    REFERENCE_PX_PER_MM,
    FloatImage,
    Material,
    Portrait,
    box_slice,
    channel_mean,
)
from dafec.geometry import BoxMm

__all__ = ["border_ridge", "fine_print", "learn_portrait", "overlay_share", "picture_level"]

_FINE_PX, _WIDE_PX = 0.7, 2.5  # of the reference: lines of a guilloche, without shades
_CALM = 0.02  # rms of fine detail in a calm place
_CALM_PX = 3.0
_MOST = 0.2  # fine detail beyond this is no line of a background; and nobody's eye is kept
_ROUND_MM = (1.2, 6.0)  # where the same print is measured for comparison
_LEAST_POWER = 3.0e-5  # mean square of the template below which no print crosses the portrait
_SEARCH_MM = 2.6  # round the proposed box for its real border
_PLACES = 160  # along a side
_NEAR_MM, _FLANK_MM = 1.2, (1.5, 3.0)
_STEP_MM = 0.17
_GLOWS = 0.02  # of full scale: luminescent print
_DIM, _NOISE = 0.2, 0.004  # added to both sides of a ratio of levels: of the paper's level, of full scale
_DARK = 0.1  # of the paper's level under the lamp: keeps noise small


def fine_print(material: Material) -> FloatImage:
    """Fine detail of the visible page on its reference's raster, natural logarithm of brightness; (h, w)."""
    kept = material.notes.get("fine_print")
    if kept is None:
        grey = np.log(channel_mean(material.linear["visible"]) + np.float32(0.02))
        soft, wide = (cv2.GaussianBlur(grey, (0, 0), sigma) for sigma in (_FINE_PX, _WIDE_PX))
        kept = np.asarray(np.clip(soft - wide, -_MOST, _MOST), np.float32)
        material.notes["fine_print"] = kept
    return kept


def _round(box: BoxMm, margin: float) -> BoxMm:
    return BoxMm(box.x - margin, box.y - margin, box.width + 2 * margin, box.height + 2 * margin)


def _learned_border(box: BoxMm, materials: Sequence[Material]) -> BoxMm:
    """The box moved, side by side, to where the captures' median brightness steps most alike."""
    grey = np.median([np.log(channel_mean(m.linear["visible"]) + np.float32(0.02)) for m in materials], axis=0)
    soft = cv2.GaussianBlur(np.asarray(grey, np.float32), (0, 0), 0.8)
    steps = (np.abs(cv2.Sobel(soft, cv2.CV_32F, 1, 0)), np.abs(cv2.Sobel(soft, cv2.CV_32F, 0, 1)))
    s = REFERENCE_PX_PER_MM
    height, width = soft.shape
    edges = [box.x, box.y, box.x + box.width, box.y + box.height]
    rows = slice(round((box.y + 0.2 * box.height) * s), round((box.y + 0.8 * box.height) * s))
    columns = slice(round((box.x + 0.2 * box.width) * s), round((box.x + 0.8 * box.width) * s))
    # Hair and shoulders meet a border too: the upper third of a portrait is ground.
    upper = slice(round(box.y * s), round((box.y + 0.45 * box.height) * s))
    found = []
    for side, edge in enumerate(edges):
        across, limit = (width, steps[0]) if side % 2 == 0 else (height, steps[1])
        low, high = max(round((edge - _SEARCH_MM) * s), 2), min(round((edge + _SEARCH_MM) * s), across - 2)
        along = limit[upper, low:high] if side % 2 == 0 else limit[low:high, columns]
        if side % 2 == 0 and min(along.shape, default=0) == 0:
            along = limit[rows, low:high]
        if min(along.shape, default=0) == 0:
            found.append(edge)
            continue
        profile = np.median(along, axis=0 if side % 2 == 0 else 1)
        best = int(profile.argmax())
        clear = float(profile[best]) > 2.5 * float(np.median(profile)) + 0.01
        found.append((low + best + 0.5) / s if clear else edge)
    # On the raster, so that the template's size does not hang on a rounding.
    found = [round(edge * s) / s for edge in found]
    return BoxMm(found[0], found[1], found[2] - found[0], found[3] - found[1])


def learn_portrait(
    box: BoxMm, materials: Sequence[Material], without: int | None = None, kept: Portrait | None = None
) -> Portrait:
    """What crosses a portrait, and where its border is.

    Args:
        box: of the portrait as proposed, on the reference.
        materials: the enrolled captures on it, with visible light.
        without: index of a capture to leave out.
        kept: what was learned from all; its border is taken over.

    Returns:
        What was learned.
    """
    chosen = [material for index, material in enumerate(materials) if index != without]
    border = kept.box_mm if kept is not None else _learned_border(box, chosen)
    shape = materials[0].reference.shape
    at = box_slice(_round(border, _ROUND_MM[1]), shape)
    stack = np.stack([fine_print(material)[at] for material in chosen])
    median = np.median(stack, axis=0)
    spread = 1.4826 * np.median(np.abs(stack - median), axis=0)
    return Portrait(border, np.asarray(median, np.float32), np.asarray(spread, np.float32))


def _slope(own: FloatImage, portrait: Portrait, where: NDArray[np.bool_]) -> float:
    """How strong the template is in a place, by its calm parts; the best of shifts by one pixel."""
    busy = cv2.GaussianBlur(own * own, (0, 0), _CALM_PX)
    weight = where / (np.float32(_CALM**2) + portrait.spread**2 + busy)
    power = float((portrait.template**2 * weight).sum())
    best = -np.inf
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            moved = np.roll(own, (dy, dx), axis=(0, 1))
            best = max(best, float((moved * portrait.template * weight).sum()) / max(power, 1e-9))
    return best


def overlay_share(material: Material, portrait: Portrait) -> float | None:
    """Strength of the series' fine print across the portrait against that round it; None where there is none."""
    shape = material.reference.shape
    at = box_slice(_round(portrait.box_mm, _ROUND_MM[1]), shape)
    whole = np.zeros(shape, bool)
    whole[box_slice(_round(portrait.box_mm, -_ROUND_MM[0]), shape)] = True
    inside = whole[at]
    near = np.zeros(shape, bool)
    near[box_slice(_round(portrait.box_mm, _ROUND_MM[0]), shape)] = True
    outside = ~near[at]
    own = fine_print(material)[at]
    if own.shape != portrait.template.shape:
        return None
    for where in (inside, outside):
        if not where.any() or float((portrait.template[where] ** 2).mean()) < _LEAST_POWER:
            return None
    there = _slope(own, portrait, outside)
    return _slope(own, portrait, inside) / max(there, 0.3)


def _sides(box: BoxMm, offset: float) -> NDArray[np.float32]:
    """Points along the four sides of a box grown by an offset, (4 x places, 2), pixels of the reference."""
    inset = 2.0
    x = np.linspace(box.x + inset, box.x + box.width - inset, _PLACES)
    y = np.linspace(box.y + inset, box.y + box.height - inset, _PLACES)
    top, bottom = np.full(_PLACES, box.y - offset), np.full(_PLACES, box.y + box.height + offset)
    left, right = np.full(_PLACES, box.x - offset), np.full(_PLACES, box.x + box.width + offset)
    sides = [(x, top), (x, bottom), (left, y), (right, y)]
    points = np.concatenate([np.stack(side, axis=1) for side in sides])
    return np.asarray(points * REFERENCE_PX_PER_MM - 0.5, np.float32)


def border_ridge(material: Material, portrait: Portrait) -> float | None:
    """How much brighter than both flanks the brightest side of the border is, natural logarithm, under the lamp."""
    image = material.paper
    level = np.float32(_DARK * float(np.median(image[::4, ::4])) + 1e-4)
    log = np.log(image + level)
    offsets = np.arange(-_FLANK_MM[1], _FLANK_MM[1] + 1e-6, _STEP_MM)
    rows = []
    for offset in offsets:
        points = _sides(portrait.box_mm, float(offset))
        rows.append(cv2.remap(log, points[:, :1], points[:, 1:], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
    profiles = np.stack([row[:, 0] for row in rows])  # (offsets, 4 x places)
    near = np.abs(offsets) <= _NEAR_MM
    inner, outer = offsets < -_FLANK_MM[0], offsets > _FLANK_MM[0]
    flanks = np.maximum(np.median(profiles[inner], axis=0), np.median(profiles[outer], axis=0))
    ridge = profiles[near].max(axis=0) - flanks
    return float(np.median(ridge.reshape(4, _PLACES), axis=1).max())


def picture_level(material: Material, portrait: Portrait) -> float | None:
    """The lightest tenth of the picture against the paper round it, natural logarithm, under the lamp."""
    shape = material.reference.shape
    image = material.paper
    ring = np.zeros(shape, bool)
    ring[box_slice(_round(portrait.box_mm, 3.5), shape)] = True
    ring[box_slice(_round(portrait.box_mm, 1.5), shape)] = False
    # Luminescent print over the portrait, the holder's own as well, is no brightness of its paper.
    lit = (material.reference.glow > _GLOWS) | (material.reference.spread["uv"] > _GLOWS)
    plain = cv2.dilate(lit.astype(np.uint8), np.ones((5, 5), np.uint8)) == 0
    at = box_slice(_round(portrait.box_mm, -1.5), shape)
    inside = image[at][plain[at]]
    ring &= plain
    if int(ring.sum()) < 200 or inside.size < 400:
        return None
    paper = float(np.median(image[ring]))
    least = _DIM * paper + _NOISE
    return float(np.log((float(np.quantile(inside, 0.9)) + least) / (paper + least)))
