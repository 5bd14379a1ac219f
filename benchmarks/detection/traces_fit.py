"""Fits how the trace network's scores are read, and says what they are worth on synthetic documents.

    python -m benchmarks.detection.traces_fit --fit runs/traces/development --test runs/traces/test-joint --write

``--fit`` and ``--test`` are folders of sides as ``trace_pages`` writes them, of captures the network was not trained
on. Every side is scored in four sets of lights. Of ``--fit`` come the lines of ``dafec/features/data/traces.toml``: a
logistic line a check and set of lights, genuine and forged weighing the same, the score that one genuine page in two
hundred reaches at most (``fails_from``) and the one below which nine genuine in ten lie (``passes_to``). On ``--test``
the table is made: for each class the share of forged pages below the limit at BPCER 1 %, and the EER, set by set.

A forgery that no light of the set shows is left out of that set's figures and counted in the last column.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from dafec.features.traces import Traces
from dafec.features.traces_score import GROUPS, local_score, score_map, spread_score
from dafec.lights import LIGHTS, Light
from dafec.models.runtime import Session, load_session

__all__ = ["LIGHT_SETS", "Scored", "main", "score_side"]

LIGHT_SETS: tuple[tuple[Light, ...], ...] = (
    ("visible",),
    ("visible", "ir"),
    ("visible", "uv"),
    ("visible", "ir", "uv"),
)
_CAPS = {"print": 3.5, "copy": 3.5, "edit": 3.5}  # natural-log: 33 to 1 at most, since no real forgery was seen
_LEVEL: Mapping[Light, float] = {"visible": 128.0, "ir": 128.0, "uv": 32.0}


@dataclass(frozen=True, slots=True)
class Scored:
    """One side in one set of lights."""

    class_id: str | None
    method: str | None
    difficulty: float
    series: str
    wear: str
    shown: bool  # whether a light of the set shows the forgery at all
    scores: Mapping[str, float]  # by group


def score_side(folder: Path, session: Session) -> dict[str, Scored]:
    """The side's scores by set of lights."""
    told = json.loads((folder / "side.json").read_text(encoding="utf-8"))
    touched = bool((np.load(folder / "forged.npy") > 127).any())
    pictures = {
        light: (np.load(folder / f"{light}.npy").astype(np.float32) - _LEVEL[light]) / 64
        for light in LIGHTS
        if (folder / f"{light}.npy").exists()
    }
    found = {}
    for lights in LIGHT_SETS:
        if not set(lights) <= set(pictures):
            continue
        inputs = []
        for light in LIGHTS:
            picture = pictures[light]
            planes = picture[None] if picture.ndim == 2 else picture.transpose(2, 0, 1)
            inputs.append(np.ascontiguousarray(planes[None] if light in lights else np.zeros_like(planes)[None]))
        forged, process, *cells = session.run(*inputs, np.array([[light in lights for light in LIGHTS]], np.float32))
        embedded = dict(zip(LIGHTS, (one[0] for one in cells), strict=True))
        traces = Traces(forged[0, 0], forged[0, 1:], process[0], embedded, lights)
        scores = {}
        for name, group in GROUPS.items():
            surface = score_map(traces, group)
            scores[name] = local_score(surface) if group.kind == "local" else spread_score(surface)
        found["+".join(lights)] = Scored(
            class_id=told["class"] if touched else None,
            method=told["method"],
            difficulty=float(told["difficulty"] or 0.0),
            series=told["series"],
            wear=told["wear"],
            shown=bool(set(told["lights"] or ()) & set(lights)),
            scores=scores,
        )
    return found


def _all(folder: Path, session: Session) -> dict[str, list[Scored]]:
    sets: dict[str, list[Scored]] = defaultdict(list)
    for path in sorted(folder.glob("*/side.json")):
        for lights, scored in score_side(path.parent, session).items():
            sets[lights].append(scored)
    return sets


def _values(members: Sequence[Scored], group: str) -> NDArray[np.float64]:
    return np.array([one.scores[group] for one in members], np.float64)


def _fit(members: Sequence[Scored], group: str) -> dict[str, float]:
    """The line of one group in one set of lights."""
    genuine = _values([one for one in members if one.class_id is None], group)
    forged = _values([one for one in members if one.class_id in GROUPS[group].classes and one.shown], group)
    x = np.concatenate([genuine, forged])[:, None]
    y = np.concatenate([np.zeros(len(genuine)), np.ones(len(forged))])
    model = LogisticRegression(class_weight="balanced", C=1.0).fit(x, y)
    fails = float(np.quantile(genuine, 0.995))
    # never from a score whose ratio does not speak for a forgery clearly
    slope, offset = float(model.coef_[0, 0]), float(model.intercept_[0])
    fails = max(fails, (1.5 - offset) / slope) + 0.1
    passes = min(float(np.quantile(genuine, 0.9)), fails - 0.2)
    line = {"slope": slope, "offset": offset, "fails_from": fails, "passes_to": passes, "cap": _CAPS[group]}
    return {key: round(value, 3) for key, value in line.items()}


def _write(lines: Mapping[str, Mapping[str, Mapping[str, float]]]) -> None:
    path = Path(str(files("dafec").joinpath("features/data/traces.toml")))
    parts = [
        "# How scores of the trace network are read: written by benchmarks.detection.traces_fit, see there.",
        "# slope, offset: natural-log likelihood ratio = slope * score + offset, at most cap.",
    ]
    for group, sets in lines.items():
        for lights, line in sets.items():
            parts += ["", f'[lines.{group}."{lights}"]', *(f"{key} = {value}" for key, value in line.items())]
    path.write_text("\n".join(parts) + "\n", encoding="utf-8")


def _eer(genuine: NDArray[np.float64], forged: NDArray[np.float64]) -> float:
    steps = np.unique(np.concatenate([genuine, forged]))
    rejected = np.array([(genuine > step).mean() for step in steps])
    accepted = np.array([(forged <= step).mean() for step in steps])
    at = int(np.argmin(np.abs(rejected - accepted)))
    return float((rejected[at] + accepted[at]) / 2)


def _table(members: Sequence[Scored], lights: str) -> list[str]:
    genuine = [one for one in members if one.class_id is None]
    rows = [f"\n{lights}: {len(genuine)} genuine sides"]
    rows.append(f"{'class':6} {'n':>4} {'APCER at BPCER 1 %':>20} {'EER, %':>8} {'cannot show':>12}")
    for group in GROUPS:
        limit = float(np.quantile(_values(genuine, group), 0.99))
        for class_id in GROUPS[group].classes:
            mine = [one for one in members if one.class_id == class_id]
            shown = [one for one in mine if one.shown]
            if not shown:
                continue
            values = _values(shown, group)
            accepted = 100 * float((values <= limit).mean())
            eer = 100 * _eer(_values(genuine, group), values)
            rows.append(f"{class_id:6} {len(shown):>4} {accepted:>20.1f} {eer:>8.1f} {len(mine) - len(shown):>12}")
    return rows


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fit", type=Path, required=True)
    parser.add_argument("--test", type=Path)
    parser.add_argument("--write", action="store_true", help="write dafec/features/data/traces.toml")
    options = parser.parse_args()
    session = load_session("traces", 2)
    fitted = _all(options.fit, session)
    lines: dict[str, dict[str, dict[str, float]]] = {group: {} for group in GROUPS}
    for lights, members in fitted.items():
        for group in GROUPS:
            lines[group][lights] = _fit(members, group)
    if options.write:
        _write(lines)
    rows = []
    for lights, members in (_all(options.test, session) if options.test else fitted).items():
        rows += _table(members, lights)
    print("synthetic documents" + "\n".join(rows))


if __name__ == "__main__":
    main()
