"""Who is in which set: series, forgery methods, scanners and seeds held out, one at a time and together.

The axes of THREATS, rules of the benchmark, 3:

* **series**: whole states with all their generations: among them every MRV-B (a format that training never sees) and a
  state in Arabic script;
* **process**: office toner altogether, and for classes that are printed the other methods in ``HELD_METHODS`` (their
  printers and stocks);
* **scanner**: the makes in ``HELD_SCANNERS``;
* **identities**: persons and portraits come from the request's seed; the sets draw from ranges of seeds that are apart;
* **class** and **script**: leaving a class, or Arabic script, out is a matter of which captures of ``train`` are used
  (``truth.json`` names both), and needs no set of its own.

``null-edits`` is of ``train``'s kind, but what would be forged there only goes the forgery's way: every document of
it is genuine, and ``benchmarks.detection.shortcuts`` asks whether anything tells. ``train-visible`` is of
``train``'s kind too, but seen by flatbeds and telephones that have no other light: what is learnt from the readers'
captures alone takes a telephone's picture for something odd.

Half of every other set is genuine. Wear is drawn alike for genuine and forged: 55 % are worn, 25 % heavily, and all of
them lie and are lit as their scanner does it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from dafec.specimens.forgeries import forgers, methods_for
from dafec.specimens.plan import Request, plan_requests
from dafec.specimens.scanners import load_scanner, scanner_names
from dafec.specimens.series import load_series, series_codes

__all__ = ["HELD_METHODS", "HELD_SCANNERS", "HELD_STATES", "SETS", "SIZES", "DataSet", "SetName", "requests_of"]

SetName = Literal[
    "train",
    "development",
    "test",
    "test-series",
    "test-scanner",
    "test-process",
    "test-joint",
    "null-edits",
    "train-visible",
]

#: States that only ``test-series`` and ``test-joint`` know.
HELD_STATES: frozenset[str] = frozenset({"QMR", "QND"})
#: Scanners that only ``test-scanner`` and ``test-joint`` know.
HELD_SCANNERS: frozenset[str] = frozenset({"reader-c", "reader-e"})
#: Methods that only ``test-process`` and ``test-joint`` know, by class.
HELD_METHODS: Mapping[str, frozenset[str]] = {
    "C1": frozenset({"dye_on_photo_paper", "pigment_on_dull_paper"}),
    "C2": frozenset({"office_laser", "laser_on_plastic"}),
    "C3": frozenset({"process_colours"}),
    "F1": frozenset({"printed_film"}),
    "F3": frozenset({"patch_pasted"}),
    "F7": frozenset({"wrong_process"}),
    "P1": frozenset({"laptop"}),
    "P2": frozenset({"grey_laser_copy", "colour_laser_copy"}),
}

#: Captures a set, by size of the whole.
SIZES: Mapping[str, Mapping[SetName, int]] = {
    "tiny": {"train": 24, "test": 24, "null-edits": 24},
    "small": {
        "train": 240,
        "development": 80,
        "test": 80,
        "test-series": 80,
        "test-scanner": 80,
        "test-process": 80,
        "test-joint": 80,
        "null-edits": 80,
        "train-visible": 80,
    },
    # 300 genuine in every set that is measured on: the least for "below 1 %" (THREATS, rules of the benchmark, 5)
    "full": {
        "train": 1_600,
        "development": 600,
        "test": 600,
        "test-series": 600,
        "test-scanner": 600,
        "test-process": 600,
        "test-joint": 600,
        "null-edits": 400,
        "train-visible": 400,
    },
}

#: Every set's place in the space of seeds; a set that is added later goes to the end.
_SEEDS_OF_A_SET = 1_000
_SEEDS: Mapping[SetName, int] = {name: _SEEDS_OF_A_SET * (at + 1) for at, name in enumerate(get_args(SetName))}
_STREAM_METHOD, _STREAM_SCANNER = 9_001, 9_002


@dataclass(frozen=True, slots=True)
class DataSet:
    """What one set is drawn from."""

    name: SetName
    held_series: bool = False  # only series of held-out states; else only the others
    held_scanners: bool = False
    held_methods: bool = False
    null: bool = False  # forgeries go their way without forging
    lights: int = 3  # of its scanners

    def series(self) -> tuple[str, ...]:
        """Codes of its series."""
        return tuple(
            code for code in series_codes() if (load_series(code).identity[0] in HELD_STATES) == self.held_series
        )

    def scanners(self, dpi: int) -> tuple[str, ...]:
        """Its scanners, all with as many lights, at a resolution."""
        return tuple(
            name
            for name in scanner_names()
            if (name in HELD_SCANNERS) == self.held_scanners
            and dpi in load_scanner(name).dpis
            and len(load_scanner(name).lights) == self.lights
        )

    def methods(self, class_id: str, series: str) -> tuple[str, ...]:
        """Its methods of one class that make sense on a series: all of them where the class has none held out."""
        held = HELD_METHODS.get(class_id, frozenset())
        known = methods_for(class_id, load_series(series))
        return tuple(method for method in known if not held or (method in held) == self.held_methods)


SETS: Mapping[SetName, DataSet] = {
    "train": DataSet("train"),
    "development": DataSet("development"),
    "test": DataSet("test"),
    "test-series": DataSet("test-series", held_series=True),
    "test-scanner": DataSet("test-scanner", held_scanners=True),
    "test-process": DataSet("test-process", held_methods=True),
    "test-joint": DataSet("test-joint", held_series=True, held_scanners=True, held_methods=True),
    "null-edits": DataSet("null-edits", null=True),
    "train-visible": DataSet("train-visible", lights=1),
}


def requests_of(name: SetName, count: int, *, dpi: int = 400, seed: int = 0) -> list[Request]:
    """The captures of one set.

    Args:
        name: of the set.
        count: captures.
        dpi: resolution of all of them.
        seed: another seed gives another set of the same kind; below 1,000.

    Returns:
        Requests; classes take turns. Where a series does not allow a class, the next one has its turn, so that classes
        that need a portrait have some fewer.

    Raises:
        ValueError: a seed that would be another set's.
    """
    if not 0 <= seed < _SEEDS_OF_A_SET:
        raise ValueError(f"seed {seed} is not from 0 to {_SEEDS_OF_A_SET - 1}: it would draw persons of another set")
    chosen = SETS[name]
    codes, scanners = chosen.series(), chosen.scanners(dpi)
    planned = plan_requests("all", count, forgery="none", dpi=dpi, seed=_SEEDS[name] + seed)
    classes = [forger.id for forger in forgers()]
    requests = []
    for at, request in enumerate(planned):
        code = codes[(at // 2) % len(codes)]  # a genuine and a forged one of each series in turn
        lot = np.random.default_rng([request.seed, _STREAM_SCANNER])
        own = replace(request, name=f"{name}-{at:05d}", series=code, scanner=scanners[int(lot.integers(len(scanners)))])
        requests.append(_forged(own, chosen, classes, at // 2) if at % 2 else own)
    return requests


def _forged(request: Request, chosen: DataSet, classes: Sequence[str], turn: int) -> Request:
    """The request with the class whose turn it is, or the next one that its series and the set allow."""
    order = [classes[(turn + step) % len(classes)] for step in range(len(classes))]
    class_id = next(known for known in order if chosen.methods(known, request.series))
    methods = chosen.methods(class_id, request.series)
    lot = np.random.default_rng([request.seed, _STREAM_METHOD])
    return replace(request, forgery=class_id, method=methods[int(lot.integers(len(methods)))], null=chosen.null)
