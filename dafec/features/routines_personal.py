"""Measurements of what is personal: the texts and the portrait, as routines ask for them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from dafec.features.routines import MeasureKind, RoutineSpec
from dafec.features.routines_fields import Departure, departure, letter_departure, place_shift
from dafec.features.routines_material import Material, Portrait
from dafec.features.routines_measured import Measured, NoValue, no_value
from dafec.features.routines_portrait import border_ridge, overlay_share, picture_level
from dafec.features.routines_text import Quantity

__all__ = ["PERSONAL_MEASURES"]

_QUANTITIES: Mapping[MeasureKind, Quantity] = {
    "field_ink": "ir",
    "field_depth": "depth",
    "field_width": "width",
    "field_edge": "edge",
    "field_ground": "ground",
    "field_tinge": "tinge",
    "field_glow": "glow",
    "field_lines": "lines",
}


def _unready(material: Material, *, lit: bool = False, infrared: bool = False) -> NoValue | None:
    """Why nothing can be measured of a page's texts; None where it can."""
    if "visible" not in material.linear or "visible" not in material.reference.linear:
        return "no_light"
    for wanted, light in ((True, "visible"), (lit, "uv"), (infrared, "ir")):
        if wanted and light not in material.linear:
            return "no_light"
        if wanted and not material.aligned.get(light, False):  # type: ignore[call-overload]
            return "not_aligned"
    return None


def _as_measured(found: Departure | None) -> Measured:
    """A departure in natural logarithms as the share the smaller value lacks of the larger, 0..1."""
    if found is None:
        return no_value("too_little")
    return Measured(1.0 - math.exp(-abs(found.value)), None, found.box_mm)


def _field(spec: RoutineSpec, material: Material) -> Measured:
    quantity = _QUANTITIES[spec.measure]
    reason = _unready(material, lit=quantity == "glow", infrared=quantity == "ir")
    if reason:
        return no_value(reason)
    found = departure(material, quantity, spec.box_mm)
    if quantity == "lines":  # shares already, and a difference of them
        return no_value("too_little") if found is None else Measured(abs(found.value), None, found.box_mm)
    return _as_measured(found)


def _letter(spec: RoutineSpec, material: Material) -> Measured:
    reason = _unready(material, infrared=True)
    return no_value(reason) if reason else _as_measured(letter_departure(material, spec.box_mm))


def _place(spec: RoutineSpec, material: Material) -> Measured:
    reason = _unready(material)
    if reason:
        return no_value(reason)
    shift = place_shift(material)
    return no_value("too_little") if shift is None else Measured(shift)


def _of_portrait(material: Material, measure: Callable[[Material, Portrait], float | None]) -> Measured:
    portrait = material.reference.portrait
    if portrait is None:
        return no_value("too_little")
    value = measure(material, portrait)
    return no_value("too_little") if value is None else Measured(value, None, portrait.box_mm)


def _as_ratio(found: Measured) -> Measured:
    return found if found.value is None else Measured(math.exp(found.value), None, found.box_mm)


def _overlay(spec: RoutineSpec, material: Material) -> Measured:
    reason = _unready(material)
    return no_value(reason) if reason else _of_portrait(material, overlay_share)


def _border(spec: RoutineSpec, material: Material) -> Measured:
    reason = _unready(material, lit=True)
    return no_value(reason) if reason else _as_ratio(_of_portrait(material, border_ridge))


def _level(spec: RoutineSpec, material: Material) -> Measured:
    reason = _unready(material, lit=True)
    return no_value(reason) if reason else _as_ratio(_of_portrait(material, picture_level))


PERSONAL_MEASURES: Mapping[MeasureKind, Callable[[RoutineSpec, Material], Measured]] = {
    **dict.fromkeys(_QUANTITIES, _field),
    "letter_ink": _letter,
    "place": _place,
    "overlay": _overlay,
    "border": _border,
    "picture_level": _level,
}
