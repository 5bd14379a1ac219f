"""What captures of one series have in common: alignment, medians, spread, what is personal.

All captures are brought onto the sharpest one, then twice onto the median of all, so that no single capture's
placement is the frame. The median over captures is the series' own print even under personal texts, because a place is
covered by somebody's letters in a few captures only. Spread is taken of contrast (visible, infrared) and of excess over
the capture's own gain (ultraviolet), so that exposure and lamp do not count as variation of the document.

``leave_one_out`` gives, for each capture, the reference without it: what a held-out capture of the same kind would
measure. That is what ranges are learned from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.errors import InputError
from dafec.features.routines_material import (
    REFERENCE_PX_PER_MM,
    FinePatch,
    FloatImage,
    Material,
    Reference,
    box_slice,
    channel_mean,
)
from dafec.features.routines_measure import cut_patch, fine_view
from dafec.geometry import BoxMm
from dafec.lights import LIGHTS, Light
from dafec.page import Page
from dafec.references.aligning import agreement_of, align_page, plain_material

__all__ = ["Learned", "learn_side", "leave_one_out", "on_reference"]

_PERSONAL = 0.12  # one sigma of contrast beyond which a pixel differs from holder to holder
_PERSONAL_SHARE = 0.3  # the same as a share of the print's own contrast near it: edges vary with the lens
_PERSONAL_SHADE = 0.16  # one sigma of smoothed brightness, as a share: portraits and their grounds
_RIM_MM = 1.5  # edge light and the glass
_CLOSE_MM, _OPEN_MM = 1.4, 0.5
_MIN_AGREEMENT = 0.35  # with the median of the others
_FAR_BELOW = 0.6  # of the usual agreement: a capture of another series mixed in
_PATCH_MM = 7.0
_PATCHES = 8
_PATCH_PX_PER_MM = 12.0  # 305 dpi
_PATCH_SIZE_MM = 4.0  # nothing is learned of the outer millimetres


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """A side as learned, and the captures it was learned from."""

    reference: Reference
    materials: tuple[Material, ...]  # on ``reference``, in the order of the captures
    agreements: tuple[float, ...]  # of each capture with the median of the others
    mrz_mm: BoxMm | None  # round the zone's lines
    personal_without: Callable[[int, Reference], Reference] | None = None  # adds what is personal, a capture left out


def learn_side(pages: Sequence[Page], names: Sequence[str], width_mm: float, height_mm: float) -> Learned:
    """Learn one side.

    Args:
        pages: of captures, upright; lights that some of them lack are left out.
        names: of the captures, for messages.
        width_mm: of the side.
        height_mm: of the side.

    Returns:
        What was learned.

    Raises:
        InputError: ``enrol.not_alike``: a capture does not fit the others.
    """
    lights = [light for light in LIGHTS if all(light in page.images for page in pages)]
    if not lights:
        raise InputError("enrol.no_common_light")
    trimmed = [replace(page, images={light: page.images[light] for light in lights}) for page in pages]
    first = max(range(len(pages)), key=lambda n: pages[n].px_per_mm)
    plain, _ = plain_material(trimmed[first], width_mm, height_mm)
    reference = _blank_reference(plain, width_mm, height_mm)
    materials: list[Material] = []
    for turn in range(3):
        materials = [align_page(page, reference) for page in trimmed]
        _refuse_strays(materials, names, final=turn == 2)
        fitting = [m for m in materials if m.aligned[lights[0]]]
        reference = _combine(fitting, width_mm, height_mm, final=turn == 2)
    geometry = {lights[0]: reference.linear[lights[0]]}
    alone = [replace(m, linear={lights[0]: m.linear[lights[0]]}) for m in materials]
    agreements = tuple(agreement_of(one).score for one in _each_without(alone, replace(reference, linear=geometry)))
    _refuse_unlike(agreements, names)
    reference = replace(reference, patches=_learn_patches(reference, materials))
    materials = [on_reference(reference, material) for material in materials]
    return Learned(reference, tuple(materials), agreements, _zone(materials))


def leave_one_out(learned: Learned) -> Iterator[Material]:
    """Each capture on the reference learned without it.

    What is personal and how much it varies stays as learned from all: with eight captures, leaving one out would make
    it more, not less, like what a held-out capture meets.
    """
    for index, material in enumerate(_each_without(learned.materials, learned.reference)):
        if learned.personal_without is None:
            yield material
        else:
            yield on_reference(learned.personal_without(index, material.reference), material)


#: Notes of a material that say nothing of its reference.
_OF_THE_PAGE = ("dark_print", "fine_print")


def on_reference(reference: Reference, material: Material) -> Material:
    """A material on another reference of the same raster, without what was measured against its own."""
    notes = {name: material.notes[name] for name in _OF_THE_PAGE if name in material.notes}
    return replace(material, reference=reference, notes=notes)


def _each_without(materials: Sequence[Material], reference: Reference) -> Iterator[Material]:
    stacks = {light: _stack(materials, light) for light in materials[0].linear}
    for index, material in enumerate(materials):
        linear = {light: stack.median(without=index) for light, stack in stacks.items()}
        yield on_reference(replace(reference, linear=linear), material)


def _blank_reference(linear: Mapping[Light, FloatImage], width_mm: float, height_mm: float) -> Reference:
    shape = next(iter(linear.values())).shape[:2]
    zero = np.zeros(shape, dtype=np.float32)
    return Reference(width_mm, height_mm, dict(linear), dict.fromkeys(linear, zero), np.zeros(shape, dtype=bool))


def _refuse_strays(materials: Sequence[Material], names: Sequence[str], *, final: bool) -> None:
    lost = [n for n, m in enumerate(materials) if not next(iter(m.aligned.values()))]
    # Against a single capture, with its own holder's data, some may fail that fit the median.
    if lost and (final or len(lost) > len(materials) // 2):
        raise InputError("enrol.not_alike", file=names[lost[0]])


def _refuse_unlike(agreements: Sequence[float], names: Sequence[str]) -> None:
    usual = float(np.median(agreements))
    for name, agreement in zip(names, agreements, strict=True):
        if agreement < max(_MIN_AGREEMENT, _FAR_BELOW * usual):
            raise InputError("enrol.not_alike", file=name)


@dataclass(frozen=True, slots=True, eq=False)
class _Stack:
    """One light of all captures, sorted by value at every pixel: every median without one capture is then at hand."""

    captures: tuple[int, ...]  # of the rows of ``images``
    images: FloatImage  # (n, h, w, k)
    ordered: FloatImage  # the same, sorted along the first axis

    def median(self, without: int | None = None) -> FloatImage:
        """The median over captures, without one of them where asked."""
        count = len(self.captures)
        if without is None or without not in self.captures:
            return np.asarray((self.ordered[(count - 1) // 2] + self.ordered[count // 2]) / 2, dtype=np.float32)
        own = self.images[self.captures.index(without)]

        def nth(k: int) -> FloatImage:
            return np.asarray(np.where(own <= self.ordered[k], self.ordered[k + 1], self.ordered[k]), dtype=np.float32)

        rest = count - 1
        return np.asarray((nth((rest - 1) // 2) + nth(rest // 2)) / 2, dtype=np.float32)


def _stack(materials: Sequence[Material], light: Light) -> _Stack:
    coloured = [n for n, m in enumerate(materials) if m.linear[light].shape[2] == 3]
    # One grey camera among colour cameras must not cost the series its colours.
    channels = 3 if len(coloured) >= max(3, len(materials) / 2) else 1
    used = tuple(coloured) if channels == 3 else tuple(range(len(materials)))
    images = np.stack([_gained(materials[n], light, channels) for n in used])
    return _Stack(used, images, np.sort(images, axis=0))


def _combine(materials: Sequence[Material], width_mm: float, height_mm: float, *, final: bool = True) -> Reference:
    lights = list(materials[0].linear)
    medians = {light: _stack(materials, light).median() for light in lights}
    made = _blank_reference(medians, width_mm, height_mm)
    if not final:
        return made
    spread: dict[Light, FloatImage] = {}
    for light in made.linear:
        known = made.grey[light]
        total = np.zeros_like(known)
        for material in materials:
            total += (_view(material, light, known) - known) ** 2
        spread[light] = np.asarray(np.sqrt(total / len(materials)), dtype=np.float32)
    geometry = next(iter(made.linear))
    personal = _personal(spread[geometry], made.grey[geometry], materials, geometry)
    return replace(made, spread=spread, personal=personal)


def _gained(material: Material, light: Light, channels: int) -> FloatImage:
    """A capture's light at a common level: by its brightest paper; ultraviolet as it is."""
    image = material.linear[light]
    image = image if image.shape[2] == channels else channel_mean(image)[:, :, None]
    if light == "uv":
        return image
    top = np.quantile(image[::4, ::4], 0.9, axis=(0, 1))
    return np.asarray(image * (np.float32(0.7) / np.maximum(top, 0.05)).astype(np.float32), dtype=np.float32)


def _view(material: Material, light: Light, known: FloatImage) -> FloatImage:
    own = material.grey[light]
    if light != "uv":
        return np.asarray(own, dtype=np.float32)
    power = float((known * known).sum())
    gain = float((own * known).sum()) / power if power > 0 else 1.0
    return np.asarray(own / np.float32(min(max(gain, 0.2), 5.0)), dtype=np.float32)


def _ellipse(size_mm: float) -> NDArray[np.uint8]:
    size = max(3, round(size_mm * REFERENCE_PX_PER_MM)) | 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), dtype=np.uint8)


def _personal(spread: FloatImage, known: FloatImage, materials: Sequence[Material], light: Light) -> NDArray[np.bool_]:
    """Where captures differ by what is printed for the holder: strokes, and the shades of portraits."""
    near = cv2.dilate(np.abs(known), np.ones((5, 5), np.uint8))
    raw = (spread > _PERSONAL + _PERSONAL_SHARE * near).astype(np.uint8)
    shades = []
    for material in materials:
        grey = cv2.resize(
            _gained(material, light, 1)[:, :, 0],
            (known.shape[1] // 3, known.shape[0] // 3),
            interpolation=cv2.INTER_AREA,
        )
        grey = cv2.GaussianBlur(grey, (0, 0), 0.5 * REFERENCE_PX_PER_MM / 3)
        # The lamp's fall-off is smooth over the page and differs between readers; portraits do not.
        shades.append(np.log(grey + 0.03))
    shade = np.stack(shades)
    shade = shade - np.median(shade, axis=0)
    shade = shade - np.median(shade, axis=(1, 2), keepdims=True)
    differs = cv2.resize(shade.std(axis=0), (known.shape[1], known.shape[0]), interpolation=cv2.INTER_LINEAR)
    raw |= (differs > _PERSONAL_SHADE).astype(np.uint8)
    rim = round(_RIM_MM * REFERENCE_PX_PER_MM)
    inside = np.zeros_like(raw)
    inside[rim:-rim, rim:-rim] = raw[rim:-rim, rim:-rim]
    closed = cv2.morphologyEx(inside, cv2.MORPH_CLOSE, _ellipse(_CLOSE_MM))
    opened = np.asarray(cv2.morphologyEx(closed, cv2.MORPH_OPEN, _ellipse(_OPEN_MM)) > 0)
    zone = _zone(materials)
    if zone is not None:
        opened[box_slice(zone, opened.shape)] = True
    return opened


def _zone(materials: Sequence[Material]) -> BoxMm | None:
    boxes = [box for material in materials for box in material.mrz_mm]
    if not boxes:
        return None
    per = [material.mrz_mm for material in materials if material.mrz_mm]
    x0 = float(np.median([min(b.x for b in lines) for lines in per])) - 1.0
    y0 = float(np.median([min(b.y for b in lines) for lines in per])) - 1.0
    x1 = float(np.median([max(b.x + b.width for b in lines) for lines in per])) + 1.0
    y1 = float(np.median([max(b.y + b.height for b in lines) for lines in per])) + 1.0
    reference = materials[0].reference
    x0, y0 = max(x0, 0.0), max(y0, 0.0)
    return BoxMm(x0, y0, min(x1, reference.width_mm) - x0, min(y1, reference.height_mm) - y0)


def _patch_places(reference: Reference) -> list[BoxMm]:
    """Places rich in constant line work, apart from each other."""
    view = reference.grey["visible"]
    steady = reference.weight["visible"]
    fine = view - cv2.GaussianBlur(view, (0, 0), 0.4 * REFERENCE_PX_PER_MM)
    size = round(_PATCH_MM * REFERENCE_PX_PER_MM)
    energy = cv2.blur(np.asarray(fine * fine * steady, dtype=np.float32), (size, size))
    covered = cv2.blur(steady, (size, size))
    score = np.where(covered > 0.55, energy, 0)
    rim = size // 2 + round(_PATCH_SIZE_MM * REFERENCE_PX_PER_MM)
    inside = np.zeros_like(score)
    inside[rim:-rim, rim:-rim] = score[rim:-rim, rim:-rim]
    places = []
    for _ in range(_PATCHES):
        y, x = np.unravel_index(int(inside.argmax()), inside.shape)
        if inside[y, x] < 2e-5:
            break
        half = _PATCH_MM / 2
        places.append(
            BoxMm(float(x) / REFERENCE_PX_PER_MM - half, float(y) / REFERENCE_PX_PER_MM - half, _PATCH_MM, _PATCH_MM)
        )
        inside[max(0, y - size) : y + size, max(0, x - size) : x + size] = 0
    return places


def _learn_patches(reference: Reference, materials: Sequence[Material]) -> tuple[FinePatch, ...]:
    if "visible" not in reference.linear:
        return ()
    scale = min(_PATCH_PX_PER_MM, *(m.page_px_per_mm for m in materials))
    if scale < 8.0:  # 200 dpi: no line work to speak of
        return ()
    made = []
    for box in _patch_places(reference):
        found = _median_patch(box, scale, materials)
        if found is not None:
            made.append(FinePatch(box, scale, found))
    return tuple(made)


def _median_patch(box: BoxMm, scale: float, materials: Sequence[Material]) -> NDArray[np.uint8] | None:
    """The median of a place over captures, each brought to the first by its best shift."""
    reach = round(0.5 * scale)
    cuts = [cut_patch(material, box, scale, reach) for material in materials]
    whole = [cut for cut in cuts if cut is not None]
    if len(whole) < len(materials):
        return None
    inner = (slice(reach, whole[0].shape[0] - reach), slice(reach, whole[0].shape[1] - reach))
    template = np.asarray(np.median(np.stack([cut[inner] for cut in whole]), axis=0), dtype=np.float32)
    for _ in range(2):
        moved = []
        for cut in whole:
            response = cv2.matchTemplate(fine_view(cut, scale), fine_view(template, scale), cv2.TM_CCOEFF_NORMED)
            y, x = np.unravel_index(int(response.argmax()), response.shape)
            piece = cut[y : y + template.shape[0], x : x + template.shape[1]]
            moved.append(piece * (0.6 / max(float(np.median(piece)), 0.05)))
        template = np.asarray(np.median(np.stack(moved), axis=0), dtype=np.float32)
    return np.asarray(np.clip(template * 255, 0, 255).astype(np.uint8))
