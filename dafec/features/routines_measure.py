"""The measurements behind the routines: one value for one place of a page that lies on its reference.

``measure(spec, material)`` gives a ``Measured``: a value, or the reason why there is none (``REASONS``), which is a
result of its own and never a pass. Every measurement is a median or a correlation over cells of ``_CELL_MM``, so that a
stamp, a crease or a reflex that covers part of the place does not decide alone; only ``continuity`` asks for the worst
cell, because an erasure is small.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.features.routines import MeasureKind, RoutineSpec
from dafec.features.routines_fields import infrared_share
from dafec.features.routines_material import (
    REFERENCE_PX_PER_MM,
    FinePatch,
    FloatImage,
    Material,
    box_slice,
    channel_mean,
    channel_peak,
)
from dafec.features.routines_measured import REASONS, Measured, NoValue, no_value
from dafec.features.routines_personal import PERSONAL_MEASURES
from dafec.geometry import BoxMm
from dafec.lights import Light

__all__ = ["REASONS", "Measured", "NoValue", "cut_patch", "fibre_blobs", "fine_view", "measure"]

_CELL_MM = 4.0
_MIN_CONTRAST = 0.012  # rms of a cell's template; sensor noise at this scale is a third of it
_MIN_EXCESS = 0.004  # the same of luminescence, of full scale
_MIN_VISIBLE = 0.06  # contrast that must be there before its absence elsewhere says anything
_REACH_MM, _FAR_REACH_MM = 0.5, 1.6  # how far a motif may lie from its place: registered, not registered
_NOWHERE = 0.3  # agreement within reach below which nothing of the print is there
_LEAST_GAIN = 0.15  # a lamp weaker than this shows no motif; below it the motifs themselves are missing
_LEAST_GLOW = 0.1  # of the enrolled motif
_DETAIL_MM, _LEAST_DETAIL = 0.35, 0.02  # finer than this is detail; share of the motif's power it has to be
_MIN_STROKES = 60  # pixels of personal print
_FINE_REACH_MM = 0.7
_FINE_SOFT_MM, _FINE_WIDE_MM = 0.06, 0.35
_TILE_PX = 128
_BAND = (2.2, 7.0)  # cycles a millimetre: print screens of 56 to 178 lines an inch
_FIBRE_MM2 = (0.12, 3.0)
_FIBRE_LENGTH_MM = (0.9, 8.0)
_FIBRE_ANGLE_DEG = 18.0
_FIBRE_NOISE = 8.0  # standard deviations of the paper a thread must reach
_MOST_FIBRES = 400  # more are noise


def _cells(values: FloatImage) -> FloatImage:
    """Means over cells; one cell where the place is smaller than two."""
    size = round(_CELL_MM * REFERENCE_PX_PER_MM)
    rows, columns = max(1, values.shape[0] // size), max(1, values.shape[1] // size)
    cut = values[: rows * size, : columns * size] if min(values.shape) >= size else values
    return np.asarray(cv2.resize(cut, (columns, rows), interpolation=cv2.INTER_AREA), dtype=np.float32)


def _products(own: FloatImage, known: FloatImage, weight: FloatImage) -> tuple[FloatImage, FloatImage, FloatImage]:
    """Cell means of own x known, known x known and own x own, weighted, summed over channels."""
    if own.shape[2] != known.shape[2]:  # a grey ultraviolet frame against a coloured reference, or the reverse
        own, known = channel_mean(own)[:, :, None], channel_mean(known)[:, :, None]
    count = own.shape[2]
    return (
        _cells(channel_mean(own * known) * weight) * count,
        _cells(channel_mean(known * known) * weight) * count,
        _cells(channel_mean(own * own) * weight) * count,
    )


def _place(material: Material, box: BoxMm) -> tuple[slice, slice]:
    return box_slice(box, material.reference.shape)


def _template_cells(
    spec: RoutineSpec, material: Material
) -> tuple[FloatImage, FloatImage, FloatImage, NDArray[np.bool_]]:
    """Products of the routine's light with its own template, and the cells that hold enough of it."""
    at = _place(material, spec.box_mm)
    light = spec.light
    own, known = material.view[light][at], material.reference.view[light][at]
    weight = material.reference.weight[light][at]
    ok, kk, oo = _products(own, known, weight)
    share = _cells(np.ascontiguousarray(weight))
    least = _MIN_EXCESS if light == "uv" else _MIN_CONTRAST
    return ok, kk, oo, np.asarray((kk > least**2 * known.shape[2] * np.maximum(share, 0.1)) & (share > 0.15))


def _structure(spec: RoutineSpec, material: Material) -> Measured:
    if not material.aligned.get(spec.light, False):
        # A light in which everything vanished cannot be registered: then nothing agrees anywhere within reach.
        near = _nearest(spec, material) if material.aligned.get("visible", False) else None
        return Measured(near) if near is not None and near < _NOWHERE else no_value("not_aligned")
    ok, kk, oo, full = _template_cells(spec, material)
    if not full.any():
        return no_value("too_little")
    agreement = ok[full] / np.sqrt(kk[full] * np.maximum(oo[full], 1e-9))
    return Measured(float(np.median(agreement)))


def _nearest(spec: RoutineSpec, material: Material) -> float | None:
    """Agreement of a place with its template at the best place within reach, for a light that is not registered."""
    reach = round(_FAR_REACH_MM * REFERENCE_PX_PER_MM)
    rows, columns = _place(material, spec.box_mm)
    inner = (slice(rows.start + reach, rows.stop - reach), slice(columns.start + reach, columns.stop - reach))
    weight = material.reference.weight[spec.light][inner]
    known = material.reference.grey[spec.light][inner] * weight
    own = material.grey[spec.light][rows, columns]
    if min(known.shape, default=0) < 4 * reach or own.shape[0] < known.shape[0] or float(known.std()) < 1e-4:
        return None
    search, template = np.ascontiguousarray(own[::2, ::2]), np.ascontiguousarray(known[::2, ::2])
    return float(cv2.matchTemplate(search, template, cv2.TM_CCOEFF_NORMED).max())


def _contrast(spec: RoutineSpec, material: Material) -> Measured:
    if not material.aligned.get("visible", material.aligned.get(spec.light, False)):
        return no_value("not_aligned")
    ok, kk, _, full = _template_cells(spec, material)
    if not full.any():
        return no_value("too_little")
    value = float(np.median(ok[full] / kk[full]))
    if material.aligned.get(spec.light, False):
        return Measured(value)
    # The light shows nothing to hold on to, or lies a little elsewhere: the best place within reach counts.
    at = _place(material, spec.box_mm)
    known, weight = material.reference.view[spec.light][at], material.reference.weight[spec.light][at]
    reach = round(_FAR_REACH_MM * REFERENCE_PX_PER_MM)
    for dy in range(-reach, reach + 1, 2):
        for dx in range(-reach, reach + 1, 2):
            moved = np.roll(material.view[spec.light][::2, ::2], (dy // 2, dx // 2), axis=(0, 1))
            own = moved[at[0].start // 2 :, at[1].start // 2 :]
            thin = known[::2, ::2]
            rows, columns = min(own.shape[0], thin.shape[0]), min(own.shape[1], thin.shape[1])
            template = thin[:rows, :columns] * weight[::2, ::2][:rows, :columns, None]
            slope = float((own[:rows, :columns] * template).sum())
            value = max(value, slope / max(float((thin[:rows, :columns] * template).sum()), 1e-9))
    return Measured(value)


def _absence(spec: RoutineSpec, material: Material) -> Measured:
    """How much of the contrast print has in ``against`` is left in the routine's light.

    Only pixels count where the reference has it in one and not in the other; both slopes are taken on one template, so
    that softer optics and worn print cancel. The dark half of a line in infrared would lie within half a millimetre.
    """
    against: Light = spec.against or "visible"
    reference = material.reference
    if against not in material.view or spec.light not in material.view:
        return no_value("no_light")
    if not material.aligned.get(against, False):
        return no_value("not_aligned")
    at = _place(material, spec.box_mm)
    there, here = reference.grey[against][at], reference.grey[spec.light][at]
    weight = reference.weight[against][at] * ((np.abs(there) > _MIN_VISIBLE) & (np.abs(here) < 0.35 * np.abs(there)))
    weight = np.asarray(weight, dtype=np.float32)
    template = there[:, :, None]
    kept, power, _ = _products(material.grey[spec.light][at][:, :, None], template, weight)
    shown, _, _ = _products(material.grey[against][at][:, :, None], template, weight)
    full = (power > 2e-4) & (shown > 0.4 * power)
    if not full.any() or full.sum() < 0.3 * (power > 2e-4).sum():
        return no_value("covered" if (power > 2e-4).any() else "too_little")
    return Measured(float(np.median(kept[full] / shown[full])))


def _continuity(spec: RoutineSpec, material: Material) -> Measured:
    """Agreement of the worst cell, personal strokes left out."""
    if not material.aligned.get(spec.light, False):
        return no_value("not_aligned")
    at = _place(material, spec.box_mm)
    own, known = material.view[spec.light][at], material.reference.view[spec.light][at]
    spread = material.reference.spread[spec.light][at]
    strokes = material.strokes[at] if "visible" in material.view else np.zeros(spread.shape, dtype=bool)
    free = cv2.erode((~strokes).astype(np.uint8), np.ones((5, 5), np.uint8))
    weight = np.asarray(free * np.float32(0.01) / (np.float32(0.01) + spread * spread), dtype=np.float32)
    ok, kk, oo = _products(own, known, weight)
    share = _cells(weight)
    full = (kk > 1.5 * _MIN_CONTRAST**2 * known.shape[2] * share) & (share > 0.35)
    if full.sum() < 4:
        return no_value("too_little")
    agreement = np.where(full, ok / np.sqrt(np.maximum(kk * oo, 1e-12)), np.nan)
    # Two neighbouring cells together: one cell alone is a stain as often as an erasure.
    pairs = [(agreement[:, 1:] + agreement[:, :-1]) / 2, (agreement[1:] + agreement[:-1]) / 2]
    found = np.concatenate([pair[np.isfinite(pair)] for pair in pairs])
    return Measured(float(found.min())) if len(found) >= 4 else no_value("too_little")


def fine_view(image: FloatImage, px_per_mm: float) -> FloatImage:
    """Line work without shading and without the sharpest detail, which no two lenses share; (h, w)."""
    soft = cv2.GaussianBlur(image, (0, 0), max(_FINE_SOFT_MM * px_per_mm, 0.3))
    wide = cv2.GaussianBlur(image, (0, 0), _FINE_WIDE_MM * px_per_mm)
    return np.asarray(soft - wide, dtype=np.float32)


def cut_patch(material: Material, box: BoxMm, px_per_mm: float, reach_px: int = 0) -> FloatImage | None:
    """A place of the page at full resolution on a raster of its own.

    Args:
        material: with a visible page.
        box: on the reference.
        px_per_mm: of the raster wanted.
        reach_px: pixels wanted beyond the box on every side.

    Returns:
        (h, w), visible, grey, encoded 0..1; None where the place lies outside the page.
    """
    height = round(box.height * px_per_mm) + 2 * reach_px
    width = round(box.width * px_per_mm) + 2 * reach_px
    ratio = REFERENCE_PX_PER_MM / px_per_mm
    # Patch pixels to reference pixels to page pixels, by pixel centres.
    to_reference = np.array(
        [
            [ratio, 0, box.x * REFERENCE_PX_PER_MM - reach_px * ratio + (ratio - 1) / 2],
            [0, ratio, box.y * REFERENCE_PX_PER_MM - reach_px * ratio + (ratio - 1) / 2],
            [0, 0, 1.0],
        ]
    )
    matrix = material.page_from_reference["visible"] @ to_reference
    page = material.page["visible"]
    corners = matrix[:2] @ np.array([[0, width, 0, width], [0, 0, height, height], [1, 1, 1, 1]])
    low = np.maximum(np.floor(corners.min(axis=1)).astype(int) - 3, 0)
    high = np.ceil(corners.max(axis=1)).astype(int) + 4
    cut = page[low[1] : high[1], low[0] : high[0]]
    if min(cut.shape[:2]) < 8:
        return None
    grey = cut if cut.ndim == 2 else cv2.cvtColor(np.ascontiguousarray(cut), cv2.COLOR_RGB2GRAY)
    if material.page_px_per_mm > 1.3 * px_per_mm:
        grey = cv2.GaussianBlur(grey, (0, 0), 0.4 * material.page_px_per_mm / px_per_mm)
    matrix = matrix.copy()
    matrix[:2, 2] -= low
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    found = cv2.warpAffine(grey, matrix[:2], (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, dtype=np.float32)


def _fine_patch(patch: FinePatch, material: Material) -> float:
    reach = round(_FINE_REACH_MM * patch.px_per_mm)
    found = cut_patch(material, patch.box_mm, patch.px_per_mm, reach)
    if found is None:
        return float("nan")
    template = fine_view(patch.image.astype(np.float32) / np.float32(255), patch.px_per_mm)
    response = cv2.matchTemplate(fine_view(found, patch.px_per_mm), template, cv2.TM_CCOEFF_NORMED)
    return float(response.max())


def _fine(spec: RoutineSpec, material: Material) -> Measured:
    inside = [p for p in material.reference.patches if _contains(spec.box_mm, p.box_mm)]
    if "visible" not in material.view:
        return no_value("no_light")
    if not material.aligned.get("visible", False):
        return no_value("not_aligned")
    if not inside:
        return no_value("too_little")
    if material.page_px_per_mm < 0.85 * max(p.px_per_mm for p in inside):
        return no_value("low_resolution")
    found = np.array([_fine_patch(patch, material) for patch in inside])
    found = found[np.isfinite(found)]
    return Measured(float(np.median(found))) if len(found) else no_value("too_little")


def _contains(outer: BoxMm, inner: BoxMm) -> bool:
    x, y = inner.x + inner.width / 2, inner.y + inner.height / 2
    return outer.x <= x <= outer.x + outer.width and outer.y <= y <= outer.y + outer.height


def _motif(spec: RoutineSpec, material: Material) -> tuple[FloatImage, FloatImage, float] | None:
    """The luminescent motif as captured at its best place, its template, and their correlation."""
    reach = round((_REACH_MM if material.aligned.get("uv", False) else _FAR_REACH_MM) * REFERENCE_PX_PER_MM)
    rows, columns = _place(material, spec.box_mm)
    known = material.reference.view["uv"][rows, columns]
    if known.size == 0 or float(known.max()) < 2 * _MIN_EXCESS:
        return None
    whole = material.view["uv"]
    padded = cv2.copyMakeBorder(
        whole[max(0, rows.start - reach) : rows.stop + reach, max(0, columns.start - reach) : columns.stop + reach],
        max(0, reach - rows.start),
        max(0, rows.stop + reach - whole.shape[0]),
        max(0, reach - columns.start),
        max(0, columns.stop + reach - whole.shape[1]),
        cv2.BORDER_CONSTANT,
        value=0,
    )
    whole_place = np.asarray(padded if padded.ndim == 3 else padded[:, :, None], dtype=np.float32)
    # What absorbs, letters above all, is no light of the motif's; in a faded one it would be the stronger pattern.
    search, template = (np.maximum(channel_mean(image), np.float32(0)) for image in (whole_place, known))
    step = 2 if template.size > 60_000 else 1
    if step == 2:
        search, template = search[::2, ::2], template[::2, ::2]
    response = cv2.matchTemplate(search, np.ascontiguousarray(template), cv2.TM_CCOEFF_NORMED)
    y, x = np.unravel_index(int(response.argmax()), response.shape)
    y0, x0 = int(y) * step, int(x) * step
    own = whole_place[y0 : y0 + known.shape[0], x0 : x0 + known.shape[1]]
    height, width = min(own.shape[0], known.shape[0]), min(own.shape[1], known.shape[1])
    peak = float(response.max())
    cut = np.asarray(own[:height, :width], dtype=np.float32)
    return cut, known[:height, :width], peak if np.isfinite(peak) else 0.0


def _is_unlit(material: Material) -> bool:
    """Whether paper is darker than a third of the enrolled paper: then the lamp, not the document, is dark."""
    step = (slice(None, None, 4), slice(None, None, 4))
    own = float(np.median(material.paper[step]))
    known = float(np.median(material.reference.paper[step]))
    return own < 0.33 * known


def _luminescence(spec: RoutineSpec, material: Material) -> Measured:
    found = _motif(spec, material)
    if found is None:
        return no_value("too_little")
    own, known, _ = found
    if own.shape[2] != known.shape[2]:  # a grey camera weighs the colours of motifs in its own way
        return no_value("no_colour")
    value = float((own * known).sum() / max(float((known * known).sum()), 1e-9))
    if value < 0.5 and _is_unlit(material):
        return no_value("unlit")
    # Lamps and cameras differ by more than documents do: a motif is measured by all motifs of the page together.
    return Measured(value / max(_lamp_gain(material), _LEAST_GAIN))


def _lamp_gain(material: Material) -> float:
    own, known = material.grey["uv"][::2, ::2], material.reference.grey["uv"][::2, ::2]
    weight = material.reference.weight["uv"][::2, ::2] * (known > 2 * _MIN_EXCESS)
    return float((own * known * weight).sum() / max(float((known * known * weight).sum()), 1e-9))


def _shape(spec: RoutineSpec, material: Material) -> Measured:
    found = _motif(spec, material)
    if found is None:
        return no_value("too_little")
    own, known, agreement = found
    if float(own.sum()) < 0.1 * float(known.sum()) and _is_unlit(material):
        return no_value("unlit")
    return Measured(agreement)


def _detail(spec: RoutineSpec, material: Material) -> Measured:
    """How much of the motif's fine lines is there, against how strongly it glows.

    A motif drawn after a photograph of it has its outline; what is hatched within runs together.
    """
    found = _motif(spec, material)
    if found is None:
        return no_value("too_little")
    own, known = (np.maximum(channel_mean(np.ascontiguousarray(image)), np.float32(0)) for image in found[:2])
    power = float((known * known).sum())
    glow = float((own * known).sum()) / max(power, 1e-9)
    if glow < _LEAST_GLOW:  # luminescence and shape say so
        return no_value("too_little")
    wide = _DETAIL_MM * REFERENCE_PX_PER_MM
    page, series = (image - cv2.GaussianBlur(image, (0, 0), wide) for image in (own, known))
    fine = float((series * series).sum())
    if fine < _LEAST_DETAIL * power:
        return no_value("too_little")
    return Measured(float((page * series).sum()) / fine / glow)


def _colour(spec: RoutineSpec, material: Material) -> Measured:
    found = _motif(spec, material)
    if found is None:
        return no_value("too_little")
    if found[0].shape[2] != 3 or found[1].shape[2] != 3:
        return no_value("no_colour")
    own, known, agreement = found
    peak = channel_peak(known)
    bright = peak > 0.4 * float(np.quantile(peak[peak > _MIN_EXCESS], 0.9) if (peak > _MIN_EXCESS).any() else 1)
    seen, wanted = own[bright].sum(axis=0), known[bright].sum(axis=0)
    strength = float(np.linalg.norm(seen)) / max(float(np.linalg.norm(wanted)), 1e-9)
    if strength < 0.12 or agreement < 0.25:  # nothing there whose colour could be told: luminescence says so
        return no_value("too_little")
    cosine = float(seen @ wanted) / max(float(np.linalg.norm(seen) * np.linalg.norm(wanted)), 1e-9)
    return Measured(float(np.degrees(np.arccos(np.clip(cosine, -1, 1)))))


def _paper_level(material: Material, box: BoxMm) -> float | None:
    rows, columns = _place(material, box)
    at = (slice(rows.start, rows.stop, 2), slice(columns.start, columns.stop, 2))
    peak = material.paper[at]
    motif = material.reference.glow[at] > 2 * _MIN_EXCESS
    glow = material.glow[at] > 0.03
    plain = peak[~(motif | glow)]
    if len(plain) < 100:
        plain = peak[~motif]
    return float(np.median(plain)) ** (1 / 2.2) if len(plain) >= 50 else None


def _paper(spec: RoutineSpec, material: Material) -> Measured:
    level = _paper_level(material, spec.box_mm)
    return no_value("too_little") if level is None else Measured(level)


def _paper_rise(spec: RoutineSpec, material: Material) -> Measured:
    level = _paper_level(material, spec.box_mm)
    whole = _paper_level(
        material, BoxMm(3.0, 3.0, material.reference.width_mm - 6.0, material.reference.height_mm - 6.0)
    )
    return no_value("too_little") if level is None or whole is None else Measured(level - whole)


def _ink(spec: RoutineSpec, material: Material) -> Measured:
    """Share of their visible absorbance personal strokes keep in infrared.

    Where the series knows its texts it is summed letter by letter, which neither blur nor a light that lies a little
    beside the other changes; in a portrait it is taken pixel by pixel.
    """
    if "visible" not in material.view or "ir" not in material.view:
        return no_value("no_light")
    if not (material.aligned.get("visible", False) and material.aligned.get("ir", False)):
        return no_value("not_aligned")
    of_texts = infrared_share(material, spec.box_mm) if spec.routine[-2:] in ("ID", "MR") else None
    if of_texts is not None:
        return Measured(of_texts)
    at = _place(material, spec.box_mm)
    strokes = material.strokes[at]
    if int(strokes.sum()) < _MIN_STROKES:
        return no_value("too_little")
    visible, infrared = material.grey["visible"][at][strokes], material.grey["ir"][at][strokes]
    return Measured(float((infrared * visible).sum() / (visible * visible).sum()))


def _stroke(spec: RoutineSpec, material: Material) -> Measured:
    at = _place(material, spec.box_mm)
    strokes = material.strokes[at]
    if int(strokes.sum()) < _MIN_STROKES:
        return no_value("too_little")
    return Measured(float(-np.median(material.grey[spec.light][at][strokes])))


def _full_resolution(spec: RoutineSpec, material: Material) -> FloatImage | None:
    """The place at full resolution, grey, encoded; (h, w)."""
    matrix = material.page_from_reference[spec.light]
    box = spec.box_mm
    corners = np.array(
        [[box.x, box.x + box.width], [box.y, box.y + box.height], [1 / REFERENCE_PX_PER_MM, 1 / REFERENCE_PX_PER_MM]]
    )
    (x0, x1), (y0, y1) = (matrix[:2] @ (corners * REFERENCE_PX_PER_MM)).astype(int)
    cut = material.page[spec.light][max(y0, 0) : y1, max(x0, 0) : x1]
    if min(cut.shape[:2], default=0) < _TILE_PX:
        return None
    return cut if cut.ndim == 2 else np.asarray(cv2.cvtColor(np.ascontiguousarray(cut), cv2.COLOR_RGB2GRAY))


def _screen(spec: RoutineSpec, material: Material) -> Measured:
    image = _full_resolution(spec, material)
    if image is None:
        return no_value("too_little")
    window = np.outer(np.hanning(_TILE_PX), np.hanning(_TILE_PX)).astype(np.float32)
    power = np.zeros((_TILE_PX, _TILE_PX // 2 + 1), dtype=np.float64)
    for y in range(0, image.shape[0] - _TILE_PX + 1, _TILE_PX // 2):
        for x in range(0, image.shape[1] - _TILE_PX + 1, _TILE_PX // 2):
            tile = image[y : y + _TILE_PX, x : x + _TILE_PX]
            power += np.abs(np.fft.rfft2((tile - tile.mean()) * window)) ** 2
    level = (10 * np.log10(power + 1e-12)).astype(np.float32)
    padded = cv2.copyMakeBorder(np.fft.fftshift(level, axes=0), 3, 3, 3, 3, cv2.BORDER_REFLECT)
    above = np.fft.fftshift(level, axes=0) - cv2.blur(padded, (7, 7))[3:-3, 3:-3]
    fy = np.fft.fftshift(np.fft.fftfreq(_TILE_PX))[:, None] * material.page_px_per_mm
    fx = np.fft.rfftfreq(_TILE_PX)[None, :] * material.page_px_per_mm
    frequency = np.hypot(fy, fx)
    band = (frequency > _BAND[0]) & (frequency < min(_BAND[1], 0.45 * material.page_px_per_mm))
    return Measured(float(above[band].max())) if band.any() else no_value("low_resolution")


def _grain(spec: RoutineSpec, material: Material) -> Measured:
    """Unevenness of a picture, as a share of that of the series' line work, so that the lens falls out."""
    image = _full_resolution(spec, material)
    scale = material.page_px_per_mm
    own = [_cut_grain(cut_patch(material, p.box_mm, scale), scale) for p in material.reference.patches]
    lines = [grain for grain in own if np.isfinite(grain) and grain > 1e-4]
    if image is None or len(lines) < 3:
        return no_value("too_little")
    return Measured(_cut_grain(image, scale) / float(np.median(lines)))


def _cut_grain(image: FloatImage | None, px_per_mm: float) -> float:
    if image is None:
        return float("nan")
    wide = cv2.GaussianBlur(image, (0, 0), 0.15 * px_per_mm)
    band = (cv2.GaussianBlur(image, (0, 0), 0.05 * px_per_mm) - wide) / max(float(np.mean(image)), 0.05)
    return float(np.mean(np.abs(band)))


def fibre_blobs(material: Material) -> FloatImage:
    """Colours of thin luminescent threads outside every motif, (n, 3), largest channel 1; none in a grey frame."""
    cached: FloatImage | None = material.notes.get("fibres")
    if cached is not None:
        return cached
    found = _find_fibres(material) if material.view["uv"].shape[2] == 3 else []
    colours = np.array(found, dtype=np.float32).reshape(-1, 3)
    material.notes["fibres"] = colours
    return colours


def _find_fibres(material: Material) -> list[FloatImage]:
    own, known = material.view["uv"], material.reference.glow
    motif = (known > 2 * _MIN_EXCESS) | (material.reference.spread["uv"] > 0.05)
    peak = material.glow
    outside = cv2.dilate(motif.astype(np.uint8), np.ones((5, 5), np.uint8)) == 0
    edge = round(2.5 * REFERENCE_PX_PER_MM)
    outside[:edge] = outside[-edge:] = outside[:, :edge] = outside[:, -edge:] = False
    plain = peak[outside][::7]
    if len(plain) < 1000:
        return []
    noise = 1.4826 * float(np.median(np.abs(plain - np.median(plain))))
    level = float(np.median(plain)) + max(0.012, _FIBRE_NOISE * noise)
    bright = ((peak > level) & outside).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(bright, connectivity=8)
    area = REFERENCE_PX_PER_MM**2
    length = np.hypot(stats[:, 2], stats[:, 3]) / REFERENCE_PX_PER_MM
    fits = (stats[:, 4] >= _FIBRE_MM2[0] * area) & (stats[:, 4] <= _FIBRE_MM2[1] * area)
    fits &= (length >= _FIBRE_LENGTH_MM[0]) & (length <= _FIBRE_LENGTH_MM[1])
    fits &= stats[:, 4] < 0.7 * length * REFERENCE_PX_PER_MM * 4
    fits[0] = False
    if not fits.any() or fits.sum() > _MOST_FIBRES:
        return []
    inside = labels.ravel()
    sums = [np.bincount(inside, weights=own[:, :, n].ravel(), minlength=count) for n in range(3)]
    colours = np.stack(sums, axis=1)[fits]
    return list(np.asarray(colours / np.maximum(colours.max(axis=1, keepdims=True), 1e-6), dtype=np.float32))


def _fibres(spec: RoutineSpec, material: Material) -> Measured:
    if material.linear["uv"].shape[2] != 3 or spec.colour is None:
        return no_value("no_colour")
    if _is_unlit(material):
        return no_value("unlit")
    colours = fibre_blobs(material)
    wanted = np.asarray(spec.colour, dtype=np.float32)
    wanted = wanted / np.linalg.norm(wanted)
    cosine = colours @ wanted / np.maximum(np.linalg.norm(colours, axis=1), 1e-6)
    return Measured(float((cosine > np.cos(np.radians(_FIBRE_ANGLE_DEG))).sum()))


def _mark(spec: RoutineSpec, material: Material) -> Measured:
    mark = material.reference.marks.get(spec.name, {}).get(spec.light)
    if mark is None:
        return no_value("too_little")
    if not material.aligned.get("visible", False):
        return no_value("not_aligned")
    at = _place(material, spec.box_mm)
    own = material.grey[spec.light][at] - material.reference.grey[spec.light][at]
    if own.shape != mark.shape or own.size < 16:
        return no_value("too_little")
    a, b = own - own.mean(), mark - mark.mean()
    return Measured(float((a * b).sum() / max(float(np.sqrt((a * a).sum() * (b * b).sum())), 1e-6)))


_BY_KIND: dict[MeasureKind, Callable[[RoutineSpec, Material], Measured]] = {
    "structure": _structure,
    "contrast": _contrast,
    "absence": _absence,
    "continuity": _continuity,
    "fine": _fine,
    "luminescence": _luminescence,
    "shape": _shape,
    "detail": _detail,
    "colour": _colour,
    "paper": _paper,
    "paper_rise": _paper_rise,
    "ink": _ink,
    "stroke": _stroke,
    "screen": _screen,
    "grain": _grain,
    "fibres": _fibres,
    "mark": _mark,
    **PERSONAL_MEASURES,
}


def measure(spec: RoutineSpec, material: Material) -> Measured:
    """Measure what a routine asks for.

    Args:
        spec: which routine, where.
        material: the page on its reference.

    Returns:
        A finite value, or the reason why there is none.
    """
    if spec.light not in material.linear or spec.light not in material.reference.linear:
        return no_value("no_light")
    found = _BY_KIND[spec.measure](spec, material)
    return no_value("too_little") if found.value is not None and not np.isfinite(found.value) else found
