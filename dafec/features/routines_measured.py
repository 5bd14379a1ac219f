"""What a measurement gives: a value with its place, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dafec.geometry import BoxMm

__all__ = ["REASONS", "Measured", "NoValue", "no_value"]

NoValue = Literal["no_light", "no_colour", "too_little", "not_aligned", "low_resolution", "covered", "unlit"]
REASONS: tuple[NoValue, ...] = (
    "no_light",
    "no_colour",
    "too_little",
    "not_aligned",
    "low_resolution",
    "covered",
    "unlit",
)


@dataclass(frozen=True, slots=True)
class Measured:
    """A value, or why there is none."""

    value: float | None
    reason: NoValue | None = None
    box_mm: BoxMm | None = None  # on the reference, where it is not the whole place asked for


def no_value(reason: NoValue) -> Measured:
    """No value, for a reason."""
    return Measured(None, reason)
