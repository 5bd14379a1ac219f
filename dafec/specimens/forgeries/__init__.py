"""Forgeries: classes of THREATS, each with several methods, at their own stage of a document's way.

``forgers()`` lists them; ``plan_forgery`` draws method and difficulty; ``start_job`` takes one document in hand.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from dafec.errors import UsageError
from dafec.specimens.forgeries.contract import Draw, Forger, ForgeryJob, ForgeryPlan, Region
from dafec.specimens.forgeries.counterfeits import Copied, InkjetCounterfeit, OffsetCounterfeit, TonerCounterfeit
from dafec.specimens.forgeries.data import DataAlteration
from dafec.specimens.forgeries.genuine_parts import BuiltFromParts, StolenBlank
from dafec.specimens.forgeries.injection import DigitalInjection
from dafec.specimens.forgeries.photo import PhotoSubstitution, PhotoSwap
from dafec.specimens.forgeries.pseudo import PseudoDocument
from dafec.specimens.forgeries.recapture import ScreenRecapture
from dafec.specimens.forgeries.zone import ZoneAlteration
from dafec.specimens.model import Issue
from dafec.specimens.series import Series

__all__ = [
    "Forger",
    "ForgeryJob",
    "ForgeryPlan",
    "Region",
    "applicable",
    "class_ids",
    "forgers",
    "methods_for",
    "plan_forgery",
    "start_job",
]

_STREAM_PLAN = 131


@cache
def forgers() -> tuple[Forger, ...]:
    """Every forger, in the order of THREATS."""
    return (
        InkjetCounterfeit(),
        TonerCounterfeit(),
        OffsetCounterfeit(),
        PseudoDocument(),
        PhotoSubstitution(),
        PhotoSwap(),
        DataAlteration(),
        ZoneAlteration(),
        BuiltFromParts(),
        StolenBlank(),
        ScreenRecapture(),
        Copied(),
        DigitalInjection(),
    )


def class_ids() -> tuple[str, ...]:
    """Classes that can be made."""
    return tuple(forger.id for forger in forgers())


def _forger(class_id: str) -> Forger:
    for forger in forgers():
        if forger.id == class_id:
            return forger
    raise UsageError("specimens.unknown_forgery", name=class_id, known=", ".join(class_ids()))


def applicable(class_id: str, series: Series) -> bool:
    """Whether a document of a series can be forged this way.

    Raises:
        UsageError: ``specimens.unknown_forgery``.
    """
    return _forger(class_id).applies(series)


def methods_for(class_id: str, series: Series) -> tuple[str, ...]:
    """Methods of a class that make sense on documents of a series; none where it cannot be forged this way.

    Raises:
        UsageError: ``specimens.unknown_forgery``.
    """
    return _forger(class_id).methods_for(series)


def plan_forgery(
    class_id: str,
    seed: int,
    *,
    series: Series,
    null: bool = False,
    method: str | None = None,
    difficulty: float | None = None,
) -> ForgeryPlan:
    """What is to be done.

    Args:
        class_id: of the forgery.
        seed: of everything that is drawn by lot.
        series: of the document.
        null: go the way without forging.
        method: of the class; by lot, of those that make sense on the series, where None.
        difficulty: 0 clumsy .. 1 a good workshop; by lot, evenly, where None.

    Returns:
        The plan.

    Raises:
        UsageError: ``specimens.unknown_forgery``, ``.unknown_method``, ``.difficulty``, ``.not_applicable``.
    """
    forger = _forger(class_id)
    if not forger.applies(series):
        raise UsageError("specimens.not_applicable", name=class_id, series=series.code)
    if method is not None and method not in forger.methods:
        raise UsageError("specimens.unknown_method", name=method, known=", ".join(forger.methods))
    fitting = forger.methods_for(series)
    if method is not None and method not in fitting:
        raise UsageError("specimens.not_applicable", name=f"{class_id} {method}", series=series.code)
    if difficulty is not None and not 0.0 <= difficulty <= 1.0:
        raise UsageError("specimens.difficulty", difficulty=difficulty)
    rng = np.random.default_rng([seed, _STREAM_PLAN])
    drawn_method, drawn_difficulty = fitting[int(rng.integers(len(fitting)))], float(rng.uniform())
    return ForgeryPlan(
        class_id,
        drawn_method if method is None else method,
        drawn_difficulty if difficulty is None else difficulty,
        seed,
        null,
    )


def start_job(plan: ForgeryPlan, series: Series, issue: Issue, draw: Draw) -> ForgeryJob:
    """Takes one genuine document in hand."""
    return ForgeryJob(plan, _forger(plan.class_id), series, issue, draw)
