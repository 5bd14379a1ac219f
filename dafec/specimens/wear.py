"""Wear and life of a document, between the press and the scanner.

Everything acts on the object, so it shows in every light as physics has it: a crease scatters in infrared too and
breaks the luminescent ink, grease dims what shines, a stamp's dye is gone in infrared, age fades luminescence and
yellows the laminate. What is done is drawn by lot as a plan of ``WearMark`` and recorded with its place in millimetres.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, get_args

import numpy as np

from dafec.errors import UsageError
from dafec.specimens.model import Appearance
from dafec.specimens.wear_marks import (
    Worn,
    bend,
    crease,
    fade,
    finger,
    grease,
    pen,
    rim,
    scratch,
    specks,
    stain,
    stamp,
    tide,
    yellow,
)

__all__ = ["WearKind", "WearLevel", "WearMark", "wear", "wear_plan"]

WearLevel = Literal["none", "light", "heavy"]
WearKind = Literal[
    "stain", "tide", "grease", "finger", "crease", "scratch", "stamp", "pen", "fade", "yellow", "bend", "rim", "specks"
]

_DRAW: MappingProxyType[WearKind, Callable[[Worn, float, np.random.Generator], dict[str, Any]]] = MappingProxyType(
    {
        "stain": stain,
        "tide": tide,
        "grease": grease,
        "finger": finger,
        "crease": crease,
        "scratch": scratch,
        "stamp": stamp,
        "pen": pen,
        "fade": fade,
        "yellow": yellow,
        "bend": bend,
        "rim": rim,
        "specks": specks,
    }
)

#: Kinds with their weight in a light and a heavy plan.
_WEIGHTS: dict[WearKind, tuple[float, float]] = {
    "stain": (0.5, 1.5),
    "tide": (0.2, 0.8),
    "grease": (0.8, 1.0),
    "finger": (2.0, 1.5),
    "crease": (0.8, 2.0),
    "scratch": (1.5, 1.5),
    "stamp": (0.5, 1.2),
    "pen": (0.4, 1.0),
    "fade": (0.8, 1.2),
    "yellow": (0.8, 1.2),
    "bend": (0.8, 1.2),
    "rim": (1.0, 1.2),
    "specks": (1.0, 1.0),
}
#: These happen to the whole document at most once.
_ONCE = frozenset({"fade", "yellow", "rim", "specks"})
_COUNT: dict[WearLevel, tuple[int, int]] = {"none": (0, 0), "light": (1, 3), "heavy": (4, 8)}
_STRENGTH: dict[WearLevel, tuple[float, float]] = {"none": (0.0, 0.0), "light": (0.15, 0.5), "heavy": (0.4, 1.0)}


@dataclass(frozen=True, slots=True)
class WearMark:
    """One thing to be done."""

    kind: WearKind
    strength: float  # 0 hardly seen .. 1 as strong as it gets in use
    seed: int  # of its place and shape


def wear_plan(rng: np.random.Generator, level: WearLevel) -> tuple[WearMark, ...]:
    """What life did to a document, by lot.

    Raises:
        UsageError: ``specimens.unknown_wear``.
    """
    if level not in get_args(WearLevel):
        raise UsageError("specimens.unknown_wear", name=level)
    least, most = _COUNT[level]
    column = 1 if level == "heavy" else 0
    kinds = list(_WEIGHTS)
    marks: list[WearMark] = []
    for _ in range(int(rng.integers(least, most + 1))):
        weights = np.array([_WEIGHTS[kind][column] for kind in kinds])
        kind = kinds[int(rng.choice(len(kinds), p=weights / weights.sum()))]
        marks.append(WearMark(kind, float(rng.uniform(*_STRENGTH[level])), int(rng.integers(2**31))))
        if kind in _ONCE:
            kinds.remove(kind)
    # Bending moves what lies there, so it comes last; grease and dirt lie on stamps, not below them.
    order = (
        "yellow",
        "fade",
        "pen",
        "stamp",
        "crease",
        "scratch",
        "stain",
        "tide",
        "grease",
        "finger",
        "rim",
        "specks",
    )
    return tuple(sorted(marks, key=lambda mark: order.index(mark.kind) if mark.kind in order else len(order)))


def wear(
    appearance: Appearance, level: WearLevel | Sequence[WearMark], seed: int, *, in_place: bool = False
) -> tuple[Appearance, list[dict[str, Any]]]:
    """The object after some years.

    Args:
        appearance: the object as it was issued; not changed unless ``in_place``.
        level: how worn, or exactly what is done.
        seed: of the plan by level.
        in_place: the given object is needed no more; saves the memory of a second one.

    Returns:
        The worn object, the same one where nothing is done; and what was done, each with ``kind``, ``strength``,
        ``box_mm`` (x, y, width, height on the page) and what is special to it, ready for JSON.
    """
    marks = wear_plan(np.random.default_rng([seed, 21]), level) if isinstance(level, str) else tuple(level)
    if not marks:
        return appearance, []
    worn = Worn(appearance, in_place=in_place)
    done: list[dict[str, Any]] = []
    for mark in marks:
        detail = _DRAW[mark.kind](worn, mark.strength, np.random.default_rng([mark.seed, 22]))
        done.append({"kind": mark.kind, "strength": round(mark.strength, 3), **detail})
    return worn.finished(), done
