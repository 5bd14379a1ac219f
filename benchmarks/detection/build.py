"""Builds the data set from seeds: ``python -m benchmarks.detection.build --size small --out runs/detection``.

Nothing of it is committed. A set that is interrupted goes on where it stopped: captures that are there are not made
again, and one that was made with another seed or resolution ends it. ``--size full`` is 6,000 captures: some two hours
on two free cores, and about 18 GB; ``--sets`` makes some sets.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import get_args

from benchmarks.detection.splits import SIZES, SetName, requests_of
from dafec.specimens.make import make_captures
from dafec.specimens.plan import Request

__all__ = ["build", "main", "still_missing"]


def build(
    out: Path,
    size: str,
    *,
    sets: Collection[str] = (),
    dpi: int = 400,
    seed: int = 0,
    workers: int | None = None,
) -> dict[SetName, int]:
    """Makes the named sets of a size under ``out``, all of them where none is named; captures made now, by set."""
    made: dict[SetName, int] = {}
    for name, count in SIZES[size].items():
        if sets and name not in sets:
            continue
        folder = out / name
        missing = still_missing(requests_of(name, count, dpi=dpi, seed=seed), folder)
        begun = time.monotonic()
        for number, _ in enumerate(make_captures(missing, folder, workers=workers), start=1):
            pace = (time.monotonic() - begun) / number
            print(f"\r{name}: {number} of {len(missing)}, {pace:.1f} s each ", end="", file=sys.stderr, flush=True)
        made[name] = len(missing)
        print(file=sys.stderr)
    return made


def still_missing(requests: Sequence[Request], folder: Path) -> list[Request]:
    """Requests whose captures are not in a folder.

    Raises:
        SystemExit: one is there under the name of a request that it was not made from. A set of two kinds would mix
            persons of several seeds, or resolutions, without a word.
    """
    missing = []
    for request in requests:
        file = folder / request.name / "truth.json"
        if not file.parent.exists():
            missing.append(request)
            continue
        truth = json.loads(file.read_text(encoding="utf-8"))
        asked = {key: getattr(request, key) for key in ("series", "scanner", "dpi", "seed")}
        asked["class"] = request.forgery
        found = {key: truth[key] for key in ("series", "scanner", "dpi", "seed")}
        found["class"] = truth["null_edit"] if request.null else (truth["forgery"] or {}).get("class")
        if found != asked:
            raise SystemExit(
                f"{file.parent} was made from another request ({_differing(found, asked)}): "
                "build into another folder, or remove this one"
            )
    return missing


def _differing(found: dict[str, object], asked: dict[str, object]) -> str:
    return ", ".join(f"{key} {found[key]}, not {asked[key]}" for key in asked if found[key] != asked[key])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=tuple(SIZES), default="small")
    parser.add_argument("--sets", default="", help="comma-separated; all by default")
    parser.add_argument("--out", type=Path, default=Path("runs/detection"))
    parser.add_argument("--dpi", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=None)
    options = parser.parse_args()
    sets = {name for name in options.sets.split(",") if name}
    if unknown := sets - set(SIZES[options.size]):
        parser.error(f"no such set: {', '.join(sorted(unknown))}")
    made = build(options.out, options.size, sets=sets, dpi=options.dpi, seed=options.seed, workers=options.workers)
    for name in get_args(SetName):
        if name in made:
            print(f"{name:14} {made[name]:>6} made")


if __name__ == "__main__":
    main()
