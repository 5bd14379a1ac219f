"""Document series learned from a few captures: what their checks catch, and how often they fail for nothing.

    python -m benchmarks.series                                  two series of held-out states, small
    python -m benchmarks.series --series QMR-P-2-2022 --genuine 100 --forged 10
    python -m benchmarks.series --tuning                         series of the other states, for setting figures by hand

Each series is enrolled from eight captures by several readers, some of them worn, and approved. Then further captures
are screened: genuine ones of every wear, by every reader with three lights (those in ``HELD_SCANNERS`` too), and forged
ones of medium difficulty, every method of a class in turn (those in ``HELD_METHODS`` too). Captures and results stay
under ``--data``: a run that was broken off goes on where it stopped, ``--fresh`` screens anew.

Two tables: for each class and set of lights how many are caught by at least one check that counts, and which checks did
it; and how many genuine documents fail on at least one, by check. A check counts unless its series or the decision says
that it does not (``informative`` and ``look_only``: an expired document is no forged one).
The slow reading of the visual zone is done once a capture, with all lights; its checks look at visible light alone and
are added to the other two sets. All documents are synthetic.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.detection.splits import HELD_STATES
from dafec.capture import Capture, load_capture
from dafec.errors import DafecError, InputError
from dafec.lights import LIGHTS, Light
from dafec.ocr.reader import OcrContext
from dafec.references.checks import GENERIC_EXCUSED
from dafec.references.enrolment import approve, enrol
from dafec.references.samples import read_sample
from dafec.screening import ScreeningContext, screen_capture
from dafec.settings import load_settings
from dafec.specimens.forgeries import applicable, methods_for
from dafec.specimens.make import make_captures
from dafec.specimens.plan import WEAR_SHARES, Request, Wear
from dafec.specimens.scanners import load_scanner, scanner_names
from dafec.specimens.series import load_series

__all__ = ["LIGHT_SETS", "Caught", "caught_table", "false_failures", "main", "requests_of_series"]

LIGHT_SETS: Mapping[str, tuple[Light, ...]] = {
    "VIS": ("visible",),
    "VIS+IR": ("visible", "ir"),
    "VIS+IR+UV": LIGHTS,
}
CLASSES = ("C1", "C2", "C3", "F1", "F3", "F4", "F7")
HELD_SERIES = ("QMR-P-2-2022", "QND-P-1-2017")
TUNING_SERIES = ("QPK-PO-1-2021", "QVL-P-2-2024")
_ENROLLED = 8
_MOST_TRIED = 15
_ENROL_READERS = ("reader-a", "reader-b", "reader-f")  # what a site may have; the others are met only afterwards
_ENROL_WEAR: tuple[Wear, ...] = ("none", "light", "none", "none", "light", "none", "none", "light")
_MEDIUM = (0.4, 0.6)
_TODAY = date(2026, 11, 2)  # none of the specimens' documents has expired for long by then
_STREAMS = {"enrol": 1, "genuine": 2, "forged": 3}


@dataclass(frozen=True, slots=True)
class Caught:
    """One class with one set of lights."""

    count: int
    caught: int  # by at least one check that counts
    by: Counter[str]  # captures each check failed on


def _lot(code: str, *numbers: int) -> np.random.Generator:
    return np.random.default_rng([*code.encode(), *numbers])


def _readers(dpi: int) -> list[str]:
    return [name for name in scanner_names() if dpi in load_scanner(name).dpis and len(load_scanner(name).lights) == 3]


def enrolling_requests(code: str, numbers: Iterable[int], dpi: int, seed: int = 0) -> list[Request]:
    """Captures to enrol a series from; numbers beyond the first eight take the place of refused ones."""
    readers = [name for name in _ENROL_READERS if name in _readers(dpi)]
    made = []
    for at in numbers:
        own = int(_lot(code, seed, _STREAMS["enrol"], at).integers(2**32))
        reader, wear = readers[at % len(readers)], _ENROL_WEAR[at % len(_ENROL_WEAR)]
        made.append(Request(f"enrol-{at:02d}", code, own, None, reader, dpi, wear))
    return made


def requests_of_series(code: str, genuine: int, forged: int, dpi: int, seed: int = 0) -> list[Request]:
    """Every capture of one series: eight to enrol, further genuine ones, and ``forged`` of each class.

    Args:
        code: of a specimen series.
        genuine: captures to screen.
        forged: captures of each class.
        dpi: of all.
        seed: another one gives other documents.

    Returns:
        Requests; the first ones of a larger number are those of a smaller one.
    """
    readers = _readers(dpi)
    made = enrolling_requests(code, range(_ENROLLED), dpi, seed)
    names, shares = zip(*WEAR_SHARES, strict=True)
    for at in range(genuine):
        lot = _lot(code, seed, _STREAMS["genuine"], at)
        wear: Wear = names[int(lot.choice(len(names), p=np.array(shares)))]
        made.append(
            Request(f"genuine-{at:03d}", code, int(lot.integers(2**32)), None, readers[at % len(readers)], dpi, wear)
        )
    for turn, class_id in enumerate(CLASSES):
        if not applicable(class_id, load_series(code)):
            continue
        methods = methods_for(class_id, load_series(code))
        for at in range(forged):
            lot = _lot(code, seed, _STREAMS["forged"], turn, at)
            wear = names[int(lot.choice(len(names), p=np.array(shares)))]
            own, hard = int(lot.integers(2**32)), float(lot.uniform(*_MEDIUM))
            reader = readers[int(lot.integers(len(readers)))]
            plain = Request(f"{class_id.lower()}-{at:03d}", code, own, class_id, reader, dpi, wear)
            made.append(replace(plain, method=methods[at % len(methods)], difficulty=hard))
    return made


def _make(requests: Sequence[Request], folder: Path) -> None:
    missing = [request for request in requests if not (folder / request.name).is_dir()]
    for number, made in enumerate(make_captures(missing, folder, workers=1), start=1):
        print(f"made {number} of {len(missing)}: {folder.name} {made.folder.name}", flush=True)


def _enrol(code: str, data: Path, ocr: OcrContext, *, dpi: int, seed: int, fresh: bool) -> None:
    """Enrols and approves a series; a capture that is refused is taken again, of another document, as at a desk."""
    library = data / "library"
    if fresh:
        shutil.rmtree(library / code, ignore_errors=True)
    if (library / code).is_dir():
        return
    numbers = list(range(_ENROLLED))
    while True:
        names = [f"enrol-{at:02d}" for at in numbers]
        _make(enrolling_requests(code, numbers, dpi, seed), data / code)
        samples = [read_sample(load_capture(data / code / name), name, ocr, _TODAY) for name in names]
        try:
            enrol(code, samples, library, "benchmark", _TODAY)
            break
        except InputError as error:
            refused = error.details.get("file")
            if refused not in names or max(numbers) >= _MOST_TRIED:
                raise
            print(f"{code} {refused} was refused and is captured again: {error.message()}", flush=True)
            numbers[names.index(str(refused))] = max(numbers) + 1
    approve(library, code, "second person", _TODAY)


def _with_lights(capture: Capture, lights: Sequence[Light]) -> Capture:
    pages = tuple(
        replace(page, frames={light: frame for light, frame in page.frames.items() if light in lights})
        for page in capture.pages
    )
    return replace(capture, pages=pages)


def _silent(context: ScreeningContext, code: str) -> frozenset[str]:
    """Ids of checks the series logs and does not count."""
    assert context.library is not None
    series = context.library.get(code)
    checks = [check for side in series.sides for check in side.checks]
    excused = {name for deviation in series.deviations for name in deviation.checks}
    quiet = {f"{check.routine}-{check.name}" for check in checks if not check.counts or check.name in excused}
    return frozenset(quiet | (excused & GENERIC_EXCUSED))


def _counts(check: str, silent: frozenset[str], context: ScreeningContext) -> bool:
    aside = (*context.decision.informative, *context.decision.look_only)
    return check not in silent and not any(fnmatchcase(check, pattern) for pattern in aside)


def screen_folder(folder: Path, context: ScreeningContext, *, visual_zone: bool = True) -> dict[str, Any]:
    """One capture with each set of lights, as a line of results; texts are read where asked for."""
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    capture = load_capture(folder)
    forgery = truth["forgery"] or {}
    line: dict[str, Any] = {
        "series": truth["series"],
        "name": folder.name,
        "scanner": truth["scanner"],
        "wear": truth["wear"]["level"],
        "class": forgery.get("class"),
        "method": forgery.get("method"),
        "sets": {},
    }
    viz: dict[str, str] = {}
    quiet = _silent(context, truth["series"])
    for name, lights in reversed(tuple(LIGHT_SETS.items())):
        report = screen_capture(_with_lights(capture, lights), context, visual_zone=visual_zone and lights == LIGHTS)
        results = {check.id: check.result for check in report.checks if _counts(check.id, quiet, context)}
        if lights == LIGHTS:
            viz = {key: value for key, value in results.items() if key.startswith("VIZ-")}
            line["values"] = {check.id: check.value for check in report.checks}
        line["sets"][name] = {**results, **viz}
        line.setdefault("levels", {})[name] = report.verdict.level
    return line


def _screen(
    code: str, data: Path, requests: Sequence[Request], context: ScreeningContext, *, visual_zone: bool
) -> Iterator[dict[str, Any]]:
    """Lines of every capture; those of an earlier run are taken over."""
    kept = data / f"{code}.jsonl"
    lines = [json.loads(text) for text in kept.read_text().splitlines()] if kept.exists() else []
    known = {line["name"]: line for line in lines}
    with kept.open("a", encoding="utf-8") as out:
        for request in requests:
            if request.name.startswith("enrol"):
                continue
            line = known.get(request.name)
            if line is None:
                line = screen_folder(data / code / request.name, context, visual_zone=visual_zone)
                out.write(json.dumps(line) + "\n")
                out.flush()
                print(f"screened {code} {request.name}", flush=True)
            yield line


def caught_table(lines: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], Caught]:
    """By class and set of lights."""
    found: dict[tuple[str, str], Caught] = {}
    for line in lines:
        if not line["class"]:
            continue
        for lights, results in line["sets"].items():
            key = (line["class"], lights)
            had = found.get(key, Caught(0, 0, Counter()))
            failed = [check for check, result in results.items() if result == "failed"]
            found[key] = Caught(had.count + 1, had.caught + bool(failed), had.by + Counter(failed))
    return found


def false_failures(lines: Iterable[Mapping[str, Any]], lights: str) -> Caught:
    """Genuine documents that fail on at least one check."""
    found = Caught(0, 0, Counter())
    for line in lines:
        if line["class"]:
            continue
        failed = [check for check, result in line["sets"][lights].items() if result == "failed"]
        found = Caught(found.count + 1, found.caught + bool(failed), found.by + Counter(failed))
    return found


def _show(lines: Sequence[Mapping[str, Any]]) -> None:
    table = caught_table(lines)
    print("\ncaught by at least one check that counts (synthetic documents)")
    print(f"{'class':6} {'n':>4} " + "".join(f"{name:>12}" for name in LIGHT_SETS) + "  caught by (all lights)")
    for class_id in CLASSES:
        cells = [table.get((class_id, name)) for name in LIGHT_SETS]
        if cells[-1] is None:
            continue
        shares = "".join(f"{100 * cell.caught / cell.count:10.0f} %" if cell else f"{'–':>12}" for cell in cells)
        by = ", ".join(f"{check} {count}" for check, count in cells[-1].by.most_common(6))
        print(f"{class_id:6} {cells[-1].count:>4} {shares}  {by}")
    print("\ngenuine documents that fail on at least one check")
    for lights in LIGHT_SETS:
        found = false_failures(lines, lights)
        by = ", ".join(f"{check} {count}" for check, count in found.by.most_common())
        print(f"{lights:10} {found.caught} of {found.count}  {by}")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", default="", help="comma-separated codes")
    parser.add_argument("--tuning", action="store_true", help="series of states that are not held out")
    parser.add_argument("--genuine", type=int, default=24)
    parser.add_argument("--forged", type=int, default=4, help="captures of each class")
    parser.add_argument("--dpi", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=Path("runs/series"))
    parser.add_argument("--make-only", action="store_true", help="make the captures and screen none")
    parser.add_argument("--no-visual-zone", action="store_true", help="leave the slow reading of texts out")
    parser.add_argument("--fresh", action="store_true", help="enrol and screen anew")
    options = parser.parse_args()
    default = TUNING_SERIES if options.tuning else HELD_SERIES
    codes = [code for code in options.series.split(",") if code] or list(default)
    held = {code.split("-")[0] in HELD_STATES for code in codes}
    print(f"series {', '.join(codes)}: {'held out' if held == {True} else 'used for tuning, or mixed'}", flush=True)
    options.data.mkdir(parents=True, exist_ok=True)
    wanted = {
        code: requests_of_series(code, options.genuine, options.forged, options.dpi, options.seed) for code in codes
    }
    for code, requests in wanted.items():
        _make(requests, options.data / code)
    if options.make_only:
        return
    library, lines = options.data / "library", list[dict[str, Any]]()
    ocr = OcrContext.load(1)
    for code in codes:
        if options.fresh:
            (options.data / f"{code}.jsonl").unlink(missing_ok=True)
        try:
            _enrol(code, options.data, ocr, dpi=options.dpi, seed=options.seed, fresh=options.fresh)
        except DafecError as error:
            print(f"{code} was not enrolled: {error.message()}")
            continue
        context = replace(ScreeningContext.load(load_settings(threads=1), library), today=_TODAY)
        lines += list(_screen(code, options.data, wanted[code], context, visual_zone=not options.no_visual_zone))
    _show(lines)


if __name__ == "__main__":
    main()
