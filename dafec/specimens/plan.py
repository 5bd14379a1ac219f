"""From what is asked for to one request a capture.

A request holds everything one capture depends on: two requests that are equal give equal bytes. What is drawn by lot
(the series' turn apart) comes from the request's own seed, so that a capture can be made again alone, by any process,
in any order. Genuine and forged captures draw wear, scanner and resolution from the same distributions: none of
them may tell which is which.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from dafec.errors import UsageError
from dafec.lights import LIGHTS, Light
from dafec.specimens.forgeries import applicable, class_ids
from dafec.specimens.scanners import load_scanner, scanner_names
from dafec.specimens.series import load_series, series_codes

__all__ = ["WEAR_SHARES", "Request", "Wear", "plan_requests"]

Wear = Literal["none", "light", "heavy"]

#: How worn documents are, genuine and forged alike. "light" and "heavy" are what THREATS calls hard genuines, at least
#: 30 % of the negatives.
WEAR_SHARES: tuple[tuple[Wear, float], ...] = (("none", 0.45), ("light", 0.30), ("heavy", 0.25))

_FORGED_SHARE = 0.5  # of the captures of a mix
_MOST = 1_000_000

# Streams of lots within one request's seed; one number each, never used again for anything else.
_STREAM_SCANNER, _STREAM_WEAR, _STREAM_FORGERY, _STREAM_PLAN = 1, 2, 3, 4


@dataclass(frozen=True, slots=True)
class Request:
    """One capture to be made."""

    name: str  # of its folder; says nothing about forgery
    series: str
    seed: int  # of person, print, wear, scan and forgery
    forgery: str | None  # class; None: genuine
    scanner: str
    dpi: int
    wear: Wear = "none"
    null: bool = False  # through the forgery's way, without a forgery
    method: str | None = None  # of the class; by lot where None
    difficulty: float | None = None  # 0 clumsy .. 1 a good workshop; by lot where None
    encoder: str = "jpeg"
    lights: tuple[Light, ...] = LIGHTS  # at most; the scanner may have fewer


def _lot(seed: int, stream: int) -> np.random.Generator:
    return np.random.default_rng([seed, stream])


def _wear(seed: int) -> Wear:
    names, shares = zip(*WEAR_SHARES, strict=True)
    chosen: Wear = names[int(_lot(seed, _STREAM_WEAR).choice(len(names), p=np.array(shares)))]
    return chosen


def _classes(asked: str) -> tuple[str | None, ...]:
    if asked == "none":
        return (None,)
    if asked == "mix":
        return class_ids()
    if asked not in class_ids():
        raise UsageError("specimens.unknown_forgery", name=asked, known=", ".join((*class_ids(), "none", "mix")))
    return (asked,)


def _forgery(asked: str, series: str, seed: int) -> str | None:
    lot = _lot(seed, _STREAM_FORGERY)
    if asked == "none" or (asked == "mix" and lot.random() >= _FORGED_SHARE):
        return None
    fitting = [known for known in _classes(asked) if known is not None and applicable(known, load_series(series))]
    if not fitting:
        raise UsageError("specimens.not_applicable", name=asked, series=series)
    return fitting[int(lot.integers(len(fitting)))]


def _series(asked: str) -> tuple[str, ...]:
    if asked == "all":
        return series_codes()
    if asked not in series_codes():
        raise UsageError("specimens.unknown_series", name=asked, known=", ".join(series_codes()))
    return (asked,)


def _scanners(asked: str, dpi: int) -> tuple[str, ...]:
    names = scanner_names() if asked == "mix" else (asked,)
    if asked not in ("mix", *scanner_names()):
        raise UsageError("specimens.unknown_scanner", name=asked, known=", ".join((*scanner_names(), "mix")))
    fitting = tuple(name for name in names if dpi in load_scanner(name).dpis)
    if not fitting:
        raise UsageError("specimens.scanner_dpi", name=asked, dpi=dpi)
    return fitting


def plan_requests(
    series: str = "all",
    count: int = 1,
    *,
    forgery: str = "none",
    scanner: str = "mix",
    dpi: int = 400,
    seed: int = 0,
    null: bool = False,
) -> list[Request]:
    """One request for each capture.

    Args:
        series: code of a series, or ``all``: then they take turns.
        count: captures in all.
        forgery: class of ``THREATS``, ``none``, or ``mix``: half genuine, the rest over all classes that the series
            allows.
        scanner: name, or ``mix``.
        dpi: resolution of the scan.
        seed: the same seed gives the same captures.
        null: send every capture through its forgery's way without forging it.

    Returns:
        Requests in order; the first n of a larger count are those of a smaller one.

    Raises:
        UsageError: ``specimens.unknown_series``, ``.unknown_forgery``, ``.unknown_scanner``, ``.scanner_dpi``,
            ``.not_applicable``, ``.count``, ``.seed``, ``.null_of_nothing``.
    """
    if not 1 <= count <= _MOST:
        raise UsageError("specimens.count", count=count, most=_MOST)
    if not 0 <= seed < 2**32:  # a larger one would be mixed up with the captures' numbers
        raise UsageError("specimens.seed", seed=seed)
    if null and forgery == "none":
        raise UsageError("specimens.null_of_nothing")
    codes, scanners = _series(series), _scanners(scanner, dpi)
    if forgery not in ("none", "mix"):
        _classes(forgery)
        codes = _fitting_series(forgery, codes)
    requests = []
    for index in range(count):
        own = int(np.random.SeedSequence([seed, index]).generate_state(1, np.uint32)[0])
        code = codes[index % len(codes)]
        requests.append(
            Request(
                name=f"{code.lower()}-{index:05d}",
                series=code,
                seed=own,
                forgery=_forgery(forgery, code, own),
                scanner=scanners[int(_lot(own, _STREAM_SCANNER).integers(len(scanners)))],
                dpi=dpi,
                wear=_wear(own),
                null=null,
            )
        )
    return requests


def _fitting_series(forgery: str, codes: Sequence[str]) -> tuple[str, ...]:
    fitting = tuple(code for code in codes if applicable(forgery, load_series(code)))
    if not fitting:
        raise UsageError("specimens.not_applicable", name=forgery, series=", ".join(codes))
    return fitting
