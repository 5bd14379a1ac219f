"""What forgers' hands do to artwork: take print away, print over it, write another value, choose what to alter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from dafec.geometry import BoxMm
from dafec.specimens.artwork_fields import draw_field, field_box
from dafec.specimens.inks import ink
from dafec.specimens.lettering import Jitter, draw_text, text_width_mm
from dafec.specimens.model import Artwork, Grid, Ink, Mask, Plate, Process, Role
from dafec.specimens.series import FieldSpec, Layer, Series

__all__ = [
    "CHARACTER_LOOKALIKES",
    "PERSONAL",
    "alterable_fields",
    "altered_value",
    "erased",
    "field_spec",
    "has_film",
    "has_overlay",
    "is_fused",
    "portrait_side",
    "rub_out",
    "side_of_mrz",
    "soft_mask",
    "take_away",
    "text_span",
    "write_over",
]

PERSONAL: frozenset[Role] = frozenset({"portrait", "ghost", "viz", "number", "mrz", "uv_personal", "signature"})

#: Digits that a stroke or two turn into others; ink can be added, not taken away.
CHARACTER_LOOKALIKES = {"0": "689", "1": "47", "3": "8", "4": "9", "5": "689", "6": "8", "7": "2", "9": "8"}

_DATES = ("birth_date", "expiry_date")
_ALTERABLE = ("birth_date", "expiry_date", "surname", "given_names", "number", "birth_place")


def portrait_side(series: Series) -> int | None:
    """The side that has the portrait."""
    return next((at for at, side in enumerate(series.sides) if side.portrait is not None), None)


def side_of_mrz(series: Series) -> int | None:
    """The side that has the zone."""
    return next((at for at, side in enumerate(series.sides) if side.mrz is not None), None)


def is_fused(series: Series, side: int) -> bool:
    """Whether a side is of layers fused into one body, polycarbonate: there is nothing to peel or to lift."""
    return series.sides[side].substrate.startswith("polycarbonate")


def has_film(series: Series, side: int) -> bool:
    """Whether a side has a laminate that can be lifted."""
    return series.sides[side].laminate is not None and not is_fused(series, side)


def has_overlay(series: Series, side: int) -> bool:
    """Whether the state prints lines over the portrait of a side."""
    portrait = series.sides[side].portrait
    if portrait is None:
        return False
    return any(_meets(_extent(layer), portrait.box) for layer in series.sides[side].over if layer.role == "overlay")


def _extent(layer: Layer) -> BoxMm:
    """The box a layer of static print stays within."""
    given = layer.params
    if "box" in given:
        x, y, width, height = map(float, given["box"])
        return BoxMm(x, y, width, height)
    if "at" in given:
        reach = float(given.get("radius", given.get("outer", 0.0)))
        return BoxMm(given["at"][0] - reach, given["at"][1] - reach, 2 * reach, 2 * reach)
    points, reach = np.array(given["path"], np.float64), float(given.get("breadth", 0.0)) / 2
    (x0, y0), (x1, y1) = points.min(axis=0) - reach, points.max(axis=0) + reach
    return BoxMm(float(x0), float(y0), float(x1 - x0), float(y1 - y0))


def _meets(a: BoxMm, b: BoxMm) -> bool:
    """Whether two boxes share more than two millimetres each way."""
    wide = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    return wide > 2.0 and min(a.y + a.height, b.y + b.height) - max(a.y, b.y) > 2.0


def field_spec(series: Series, side: int, key: str) -> FieldSpec | None:
    """How a text stands on a side."""
    return next((spec for spec in series.sides[side].fields if spec.key == key), None)


def alterable_fields(series: Series) -> tuple[tuple[int, str], ...]:
    """Side and key of the texts that are worth altering."""
    return tuple(
        (at, spec.key)
        for at, side in enumerate(series.sides)
        for spec in side.fields
        if spec.key in _ALTERABLE and spec.angle_deg == 0.0
    )


def text_span(spec: FieldSpec, text: str, first: int, last: int) -> BoxMm:
    """The box of some characters of a text as its series sets it, the last one included."""
    box = field_box(spec, text)
    whole = max(text_width_mm(text, spec.height_mm, spec.face, spacing_mm=spec.spacing_mm), 1e-6)
    ends = [text_width_mm(text[:at], spec.height_mm, spec.face, spacing_mm=spec.spacing_mm) for at in (first, last + 1)]
    left, right = (box.x + box.width * end / whole for end in ends)
    return BoxMm(left, box.y, right - left, box.height)


def _other(rng: np.random.Generator, choices: str, not_this: str) -> str:
    fitting = [char for char in choices if char != not_this]
    return fitting[int(rng.integers(len(fitting)))]


def altered_value(rng: np.random.Generator, key: str, value: str) -> str:
    """Another value that could stand in a field: one or two digits, another year, another name."""
    if key in _DATES:
        digits = [at for at, char in enumerate(value) if char.isdigit()]
        year = digits[-2:] if len(value.rstrip()) - digits[-1] <= 1 else digits[:2]
        at = year[int(rng.integers(2))]
        choices = "0123456789" if at == year[1] else ("6789" if key == "birth_date" else "23")
        return value[:at] + _other(rng, choices, value[at]) + value[at + 1 :]
    if key == "number":
        places = [at for at, char in enumerate(value) if char.isdigit()]
        for at in rng.choice(places, size=min(2, len(places)), replace=False):
            value = value[:at] + _other(rng, "0123456789", value[at]) + value[at + 1 :]
        return value
    letters = [at for at, char in enumerate(value) if char.isalpha()]
    if len(letters) < 3:
        return value + "A"
    vowels = [at for at in letters if value[at] in "AEIOU"] or letters
    for at in rng.choice(vowels, size=min(2, len(vowels)), replace=False):
        value = value[:at] + _other(rng, "AEIOU" if value[at] in "AEIOU" else "BDKLMNRST", value[at]) + value[at + 1 :]
    return value


def soft_mask(grid: Grid, box: BoxMm, feather_mm: float, rng: np.random.Generator | None = None) -> Mask:
    """(h, w) of the grid: 255 in a box, running out over a feather; uneven where a generator is given."""
    s = grid.px_per_mm
    rows, columns = grid.shape
    mask = np.zeros((rows, columns), np.uint8)
    x0, y0 = max(0, round(box.x * s)), max(0, round(box.y * s))
    x1, y1 = min(columns, round((box.x + box.width) * s)), min(rows, round((box.y + box.height) * s))
    mask[y0:y1, x0:x1] = 255
    if rng is not None and x1 > x0 and y1 > y0:
        margin = max(1, round(0.8 * s))
        a, b, c, d = max(0, y0 - margin), min(rows, y1 + margin), max(0, x0 - margin), min(columns, x1 + margin)
        coarse = rng.normal(0.0, 1.0, (max(3, (b - a) // max(1, round(s))), max(3, (d - c) // max(1, round(s)))))
        cloud = cv2.resize(coarse.astype(np.float32), (d - c, b - a), interpolation=cv2.INTER_CUBIC)
        part = cv2.GaussianBlur(mask[a:b, c:d].astype(np.float32), (0, 0), max(0.4 * s, 1.0))
        mask[a:b, c:d] = np.clip((part / 255 + 0.22 * cloud * (part > 20) - 0.45) * 6 + 0.5, 0, 1) * 255
    if feather_mm > 0:
        mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), max(feather_mm * s, 0.5)), np.uint8)
    return mask


def rub_out(plate: Plate, mask: Mask, share: float) -> Plate:
    """A plate with a share of its print gone where a page-sized mask says so."""
    h, w = plate.coverage.shape
    x, y = plate.origin_px
    rows, columns = mask.shape
    x0, y0, x1, y1 = max(0, x), max(0, y), min(columns, x + w), min(rows, y + h)
    if x1 <= x0 or y1 <= y0 or not mask[y0:y1, x0:x1].any():
        return plate
    coverage = plate.coverage.copy()
    part = coverage[y0 - y : y1 - y, x0 - x : x1 - x]
    kept = 255 - cv2.convertScaleAbs(mask[y0:y1, x0:x1], alpha=share)
    part[:] = cv2.multiply(part, kept, scale=1 / 255)
    return replace(plate, coverage=coverage)


def take_away(artwork: Artwork, mask: Mask, shares: Callable[[Plate], float]) -> Artwork:
    """Every plate rubbed out by its own share where the mask is."""
    plates = []
    for plate in artwork.plates:
        share = shares(plate)
        plates.append(rub_out(plate, mask, share) if share > 0 else plate)
    return artwork.with_plates(tuple(plates))


def erased(
    artwork: Artwork, plate: Plate, box: BoxMm, rng: np.random.Generator, *, lost: float, left: float, stain: str
) -> Artwork:
    """A text erased, with what lies below it.

    Args:
        artwork: with the text.
        plate: the text.
        box: of what is rubbed, millimetres.
        rng: of the hand.
        lost: share of the print round the text that goes with it.
        left: share of the text that stays.
        stain: ink of what the eraser leaves: ``bleach``, ``solvent``.

    Returns:
        The sheet with the stain, ready to be written on.
    """
    mask = soft_mask(artwork.grid, BoxMm(box.x - 0.3, box.y - 0.2, box.width + 0.6, box.height + 0.4), 0.15, rng)
    others = artwork.with_plates(tuple(one for one in artwork.plates if one is not plate))
    kept = take_away(others, mask, lambda one: lost if one.role not in ("viz", "number", "portrait", "mrz") else 0.0)
    remains = replace(plate, coverage=np.asarray(cv2.convertScaleAbs(plate.coverage, alpha=left), np.uint8))
    first = (remains,) if left > 0.03 else ()
    return kept.with_plates((*kept.plates, *first, Plate("dirt", ink(stain), mask, name="erasure")))


def write_over(
    grid: Grid,
    spec: FieldSpec,
    text: str,
    own: Ink | None = None,
    *,
    process: Process | None = None,
    face: str | None = None,
    shift_mm: tuple[float, float] = (0.0, 0.0),
    scale: float = 1.0,
    jitter: Jitter | None = None,
) -> Plate:
    """A personal text as a forger prints it; what is not given is as in the series."""
    if face is None and jitter is None and scale == 1.0:
        drawn = draw_field(grid, replace(spec, x_mm=spec.x_mm + shift_mm[0], y_mm=spec.y_mm + shift_mm[1]), text)
    else:
        drawn = draw_text(
            grid,
            text,
            (spec.x_mm + shift_mm[0], spec.y_mm + shift_mm[1]),
            spec.height_mm * scale,
            face or spec.face,
            anchor=spec.anchor,
            spacing_mm=spec.spacing_mm,
            jitter=jitter,
        )
    return Plate(spec.role, own or ink(spec.ink), *drawn, process or spec.process, spec.key)
