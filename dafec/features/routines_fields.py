"""How the texts of one page depart from what the series' texts are like: the worst field, and what it departs by.

``learn_fields`` finds the fields of a series and what each is printed with; ``departure`` measures a page. Both take
the page's own offset away first, the median over its fields: readers, lenses and lamps change all texts of a page
alike, a forger changes one or some. A field whose print varies from document to document anyway (one letter, ground in
a picture) counts by as much less as it varies more than the others.

``place_shift`` tells how far all personal print together lies from where the series has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.features.routines_material import REFERENCE_PX_PER_MM, Material, TextField, box_slice
from dafec.features.routines_text import (
    QUANTITIES,
    PrintedField,
    Quantity,
    find_words,
    printed_fields,
    stroke_map,
    words_of,
)
from dafec.geometry import BoxMm

__all__ = [
    "Departure",
    "departure",
    "field_boxes",
    "infrared_share",
    "learn_fields",
    "learn_places",
    "letter_departure",
    "place_shift",
]

_MOST_CAPTURES = 0.6  # share of captures that have a word at a place that belongs to a field
_JOIN_MM = 2.2
_LEAST_MM = 1.0
_PRESENT = 0.7  # of the captures a field's quantity has to be measured in
_PALE = 0.5  # natural logarithm below the page's usual depth: labels, headings in colour
_LEAST_FIELDS = 4
_LEAST_SPREAD = 0.02
_LEAST_LETTERS = 4
_TALL = 0.7  # of the field's median letter height: points and dashes fall away
_STROKE = 0.45  # as ``routines_text`` finds words
_REACH_MM = 3.0
_CONSTANT = 0.85  # share of captures a pixel is dark in that belongs to print that never changes
_CHANGING = 0.3  # share of a field's print that differs among captures
_ANCHORED_MM = 0.35  # how alike the left ends of a field's words have to be
_AGREED_MM = 0.3  # how alike displacements of fields have to be
_LEAST_PLACES, _MOST_FIELDS = 3, 0.4  # fields that have to agree on a displacement: at least, as a share of all


@dataclass(frozen=True, slots=True)
class Departure:
    """What departs most."""

    value: float  # signed
    box_mm: BoxMm  # of the field or letter, on the reference


def field_boxes(materials: Sequence[Material], spared: Sequence[BoxMm]) -> list[BoxMm]:
    """Where most captures have a word.

    Args:
        materials: the enrolled captures on one reference, with visible light.
        spared: portraits, whose hair and eyes are no words.

    Returns:
        Boxes on the reference, from top to bottom.
    """
    shape = materials[0].reference.shape
    count = np.zeros(shape, np.float32)
    for material in materials:
        words = np.zeros(shape, np.float32)
        for x0, y0, x1, y1 in find_words(material):
            words[y0:y1, x0:x1] = 1
        count += words
    core = (count >= _MOST_CAPTURES * len(materials)).astype(np.uint8)
    for box in spared:
        core[box_slice(box, shape)] = 0
    size = round(_JOIN_MM * REFERENCE_PX_PER_MM) | 1
    joined = cv2.morphologyEx(core, cv2.MORPH_CLOSE, np.ones((1, size), np.uint8))
    found, _, stats, _ = cv2.connectedComponentsWithStats(joined)
    least = _LEAST_MM * REFERENCE_PX_PER_MM
    boxes = [
        BoxMm(*(float(v) / REFERENCE_PX_PER_MM for v in row[:4]))
        for row in stats[1:found]
        if row[2] >= least and row[3] >= least
    ]
    return sorted(boxes, key=lambda box: (box.y, box.x))


def _values(prints: Sequence[PrintedField | None], quantity: Quantity) -> NDArray[np.float64]:
    return np.array([np.nan if one is None else one.values.get(quantity, np.nan) for one in prints])


def _median(values: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """The median of what is there; nan where nothing is, without a word."""
    moved = np.moveaxis(values, axis, 0)
    there = np.isfinite(moved).any(axis=0)
    found = np.full(moved.shape[1:], np.nan)
    found[there] = np.nanmedian(moved[:, there], axis=0)
    return found


def learn_fields(
    boxes: Sequence[BoxMm],
    prints: Sequence[Sequence[PrintedField | None]],
    places: Sequence[tuple[float, float, bool]],
) -> tuple[TextField, ...]:
    """What the fields of a series are printed with.

    Args:
        boxes: of the fields.
        prints: of each capture, as ``printed_fields`` gives them for these boxes.
        places: as ``learn_places`` gives them for these boxes.

    Returns:
        One for each box, in order; a quantity that few captures have, or of a pale field, is absent.
    """
    if not boxes or not prints:
        return ()
    depth = _median(np.stack([_values(one, "depth") for one in prints]), 0)
    usual = float(np.nanmedian(depth)) if np.isfinite(depth).any() else 0.0
    dark = np.isfinite(depth) & (depth > usual - _PALE)
    centres: list[dict[str, float]] = [{} for _ in boxes]
    spreads: list[dict[str, float]] = [{} for _ in boxes]
    for quantity in QUANTITIES:
        values = np.stack([_values(one, quantity) for one in prints])
        values[:, ~dark] = np.nan
        present = np.isfinite(values).sum(axis=0) >= max(3, _PRESENT * len(prints))
        if present.sum() < _LEAST_FIELDS:
            continue
        values[:, ~present] = np.nan
        centre = _median(values - _median(values, 1)[:, None], 0)
        rest = values - centre
        rest = rest - _median(rest, 1)[:, None]
        spread = np.sqrt(np.nanmean(rest[:, present] ** 2, axis=0))
        for at, index in enumerate(np.flatnonzero(present)):
            centres[index][quantity] = float(centre[index])
            spreads[index][quantity] = float(spread[at])
    letters = [_letter_spread([one[index] for one in prints]) for index in range(len(boxes))]
    known = [(left, middle) if tells else None for left, middle, tells in places]
    return tuple(TextField(*one) for one in zip(boxes, centres, spreads, letters, known, strict=True))


def _letters(printed: PrintedField | None) -> tuple[NDArray[np.float64], list[BoxMm]]:
    """Infrared share of a field's letters against their median, and where they are."""
    if printed is None or len(printed.letters) < _LEAST_LETTERS:
        return np.zeros(0), []
    usual = float(np.median([letter.box_mm.height for letter in printed.letters]))
    tall = [one for one in printed.letters if one.box_mm.height > _TALL * usual and np.isfinite(one.ir)]
    if len(tall) < _LEAST_LETTERS:
        return np.zeros(0), []
    values = np.array([letter.ir for letter in tall])
    return values - np.median(values), [letter.box_mm for letter in tall]


def _letter_spread(prints: Sequence[PrintedField | None]) -> float:
    values = np.concatenate([_letters(printed)[0] for printed in prints])
    return float(1.4826 * np.median(np.abs(values))) if len(values) >= 8 else 1.0


def _printed(material: Material) -> list[PrintedField | None]:
    kept: list[PrintedField | None] | None = material.notes.get("printed")
    if kept is None:
        kept = printed_fields(material, [field.box_mm for field in material.reference.fields])
        material.notes["printed"] = kept
    return kept


def _inside(box: BoxMm, place: BoxMm) -> bool:
    x, y = box.x + box.width / 2, box.y + box.height / 2
    return place.x <= x <= place.x + place.width and place.y <= y <= place.y + place.height


def departure(material: Material, quantity: Quantity, place: BoxMm) -> Departure | None:
    """The field within a place that departs most from the series in one quantity.

    Args:
        material: the page.
        quantity: which.
        place: on the reference; fields elsewhere only help to tell the page's own offset.

    Returns:
        The departure, weighted by how constant the field is; None where too few fields were measured.
    """
    fields = material.reference.fields
    prints = _printed(material)
    found = _values(prints, quantity)
    centre = np.array([field.centre.get(quantity, np.nan) for field in fields])
    rest = found - centre
    known = np.isfinite(rest)
    if known.sum() < _LEAST_FIELDS:
        return None
    rest = rest - np.median(rest[known])
    spread = np.array([field.spread.get(quantity, np.nan) for field in fields])
    usual = max(float(np.nanmedian(spread)), _LEAST_SPREAD)
    weighted = rest * np.minimum(1.0, usual / np.maximum(spread, usual))
    here = [index for index in np.flatnonzero(known) if _inside(fields[index].box_mm, place)]
    if not here:
        return None
    worst = max(here, key=lambda index: abs(weighted[index]))
    printed = prints[worst]
    return Departure(float(weighted[worst]), fields[worst].box_mm if printed is None else printed.box_mm)


def letter_departure(material: Material, place: BoxMm) -> Departure | None:
    """The letter within a place whose share of infrared departs most from its neighbours in the field."""
    fields = material.reference.fields
    spreads = [field.letters for field in fields if field.letters < 1.0]
    if not spreads:
        return None
    usual = max(float(np.median(spreads)), _LEAST_SPREAD)
    worst: Departure | None = None
    for field, printed in zip(fields, _printed(material), strict=True):
        if field.letters >= 1.0 or "ir" not in field.centre or not _inside(field.box_mm, place):
            continue
        values, boxes = _letters(printed)
        for value, box in zip(values, boxes, strict=True):
            weighted = float(value) * min(1.0, usual / max(field.letters, usual))
            if worst is None or abs(weighted) > abs(worst.value):
                worst = Departure(weighted, box)
    return worst


def infrared_share(material: Material, place: BoxMm) -> float | None:
    """Share of visible absorbance that the texts within a place keep in infrared; None without a known field."""
    found = [
        printed.values["ir"]
        for field, printed in zip(material.reference.fields, _printed(material), strict=True)
        if printed is not None and "ir" in printed.values and "ir" in field.centre and _inside(field.box_mm, place)
    ]
    return float(np.exp(np.median(found))) if found else None


def _changing(box: BoxMm, materials: Sequence[Material]) -> bool:
    """Whether what a field says differs from document to document."""
    at = box_slice(box, materials[0].reference.shape)
    dark = np.stack([stroke_map(material)[at] > _STROKE for material in materials])
    often = dark.mean(axis=0)
    ever = often > 0
    return bool(ever.any()) and float((often[ever] < _CONSTANT).mean()) > _CHANGING


def learn_places(boxes: Sequence[BoxMm], materials: Sequence[Material]) -> list[tuple[float, float, bool]]:
    """Left end and middle of what fields say, millimetres, and whether their place tells that of personal print."""
    made = []
    every = [find_words(material) for material in materials]
    for box in boxes:
        found = [words_of(box, words) for words in every]
        there = [one for one in found if one is not None]
        if len(there) < 3:
            made.append((box.x, box.y + box.height / 2, False))
            continue
        lefts = np.array([one.x for one in there])
        middles = np.array([one.y + one.height / 2 for one in there])
        left = float(np.median(lefts))
        anchored = float(np.median(np.abs(lefts - left))) < _ANCHORED_MM
        made.append((left, float(np.median(middles)), anchored and _changing(box, materials)))
    return made


def place_shift(material: Material) -> float | None:
    """How far a page's personal print lies from the series', millimetres; None where too little agrees.

    Every changing field that begins at a fixed place votes for the displacements that bring one of the page's words to
    it; the displacement most fields agree on is that of the print.
    """
    s = REFERENCE_PX_PER_MM
    fields = [field for field in material.reference.fields if field.place is not None]
    words = np.array([(x0 / s, (y0 + y1) / 2 / s) for x0, y0, _, y1 in find_words(material)]).reshape(-1, 2)
    if len(fields) < _LEAST_PLACES or not len(words):
        return None
    votes = []
    for number, field in enumerate(fields):
        apart = words - np.array(field.place)
        near = apart[np.abs(apart).max(axis=1) <= _REACH_MM]
        votes += [(number, *one) for one in near]
    if not votes:
        return None
    table = np.array(votes)
    best, members = -1.0, table[:0]
    for _, dx, dy in votes:
        close = table[np.hypot(table[:, 1] - dx, table[:, 2] - dy) <= _AGREED_MM]
        agreed = len(np.unique(close[:, 0])) - 0.01 * float(np.hypot(dx, dy))
        if agreed > best:
            best, members = agreed, close
    if len(np.unique(members[:, 0])) < max(_LEAST_PLACES, _MOST_FIELDS * len(fields)):
        return None
    return float(np.hypot(*np.median(members[:, 1:], axis=0)))
