"""What must not tell forged from genuine: the anti-shortcut tests of THREATS, rules of the benchmark, 4.

    python -m benchmarks.detection.shortcuts --data runs/detection

One table, a line for all forgeries and one for each class; areas under the ROC curve against the genuine captures, with
95 % intervals by bootstrap over series:

* **properties**: a classifier that sees everything of the files but their pixels and their length: dimensions, mode,
  tables, subsampling, tags, resolution. 0.5 within its interval; ``tests/specimens/test_shortcuts.py`` holds that these
  are equal by construction.
* **file size**: their lengths in bytes. Not a property of the file but of what is printed (a bright sheet with a screen
  takes more bytes than a dull one with lines), so it stands beside the floor and is held to nothing.
* **floor**: means and deviations of the channels. It may well tell something; a detector may only claim its margin
  over it.
* **location**: where and how the page lies in each picture. 0.5 within its interval.
* **null edits**: the floor classifier between untouched genuine documents and those that went a forgery's way without
  being forged. 0.5 within its interval.

Below it **shuffled labels**: the floor classifier taught labels that mean nothing. 0.5 within its interval.

Classifiers are gradient-boosted trees with five-fold cross-validation; what belongs to one series stays in one fold.
"""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = [
    "Area",
    "Capture",
    "area",
    "floor_features",
    "load_set",
    "main",
    "out_of_fold",
    "place_features",
    "property_features",
    "shuffled",
    "shuffled_area",
    "size_features",
    "table",
]

_LIGHTS = ("visible", "ir", "uv")
_FOLDS = 5
_DRAWS = 1_000  # of the bootstrap

_Scored = tuple[NDArray[np.float64], NDArray[np.bool_], list[str]]  # scores, labels and groups of captures


@dataclass(frozen=True, slots=True, eq=False)
class Capture:
    """One synthetic capture as the classifiers see it."""

    series: str
    forged: bool
    class_id: str | None
    null: bool
    files: dict[str, bytes]  # of its first page by light
    null_class: str | None = None  # whose way a null edit went
    places: dict[str, NDArray[np.float64]] = field(default_factory=dict)  # (3, 3) pixels of a frame from millimetres


@dataclass(frozen=True, slots=True)
class Area:
    """An area under the ROC curve with its 95 % interval."""

    value: float
    low: float
    high: float

    def holds(self, truth: float) -> bool:
        """Whether the interval holds a value."""
        return self.low <= truth <= self.high

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def load_set(folder: Path) -> list[Capture]:
    """Every capture of one set."""
    captures = []
    for path in sorted(folder.glob("*/truth.json")):
        truth = json.loads(path.read_text(encoding="utf-8"))
        found = {light: next(path.parent.glob(f"{light}.[!t]*"), None) for light in _LIGHTS}
        files = {light: picture.read_bytes() for light, picture in found.items() if picture is not None}
        forgery = truth["forgery"]
        captures.append(
            Capture(
                series=truth["series"],
                forged=forgery is not None,
                class_id=forgery["class"] if forgery else None,
                null=truth["null_edit"] is not None,
                files=files,
                null_class=truth["null_edit"],
                places={
                    light: np.array(matrix) for light, matrix in truth["pages"][0]["frame_px_from_page_mm"].items()
                },
            )
        )
    return captures


def property_features(capture: Capture) -> NDArray[np.float64]:
    """What a file tells without its pixels and its length: dimensions, mode, tables, tags, resolution; (30,)."""
    told: list[float] = []
    for light in _LIGHTS:
        content = capture.files.get(light)
        if content is None:
            told += [-1.0] * 10
            continue
        with Image.open(io.BytesIO(content)) as picture:
            tables = getattr(picture, "quantization", None) or {}
            density = picture.info.get("dpi", (0, 0))
            told += [
                *picture.size,
                len(picture.getbands()),
                len(tables),
                sum(sum(table) for table in tables.values()),
                float(sum(10**at * sum(layer[1:3]) for at, layer in enumerate(getattr(picture, "layer", ())))),
                float(density[0]),
                float(len(picture.getexif())),
                float(len(picture.info)),
                float(bool(picture.info.get("progressive"))),
            ]
    return np.array(told, dtype=np.float64)


def size_features(capture: Capture) -> NDArray[np.float64]:
    """Length of the files in bytes, by light; (3,)."""
    return np.array([len(capture.files.get(light, b"")) for light in _LIGHTS], dtype=np.float64)


def place_features(capture: Capture) -> NDArray[np.float64]:
    """Where the page lies: corner, turn and scale by light, and the other bands against the visible one; (18,)."""
    first = capture.places.get("visible")
    told: list[float] = []
    for light in _LIGHTS:
        matrix = capture.places.get(light)
        if matrix is None or first is None:
            told += [-1.0] * 6
            continue
        relative = matrix @ np.linalg.inv(first) if light != "visible" else matrix
        told += [*relative[:2, 2], *relative[:2, :2].ravel()]
    return np.array(told, dtype=np.float64)


def floor_features(capture: Capture) -> NDArray[np.float64]:
    """Mean and deviation of every channel of every light; (18,)."""
    told: list[float] = []
    for light in _LIGHTS:
        content = capture.files.get(light)
        if content is None:
            told += [-1.0] * 6
            continue
        with Image.open(io.BytesIO(content)) as picture:
            pixels = np.asarray(picture.convert("RGB"), dtype=np.float32)
        told += [*pixels.mean(axis=(0, 1)), *pixels.std(axis=(0, 1))]
    return np.array(told, dtype=np.float64)


def out_of_fold(
    features: NDArray[np.float64], labels: NDArray[np.bool_], groups: Sequence[str], seed: int = 0
) -> NDArray[np.float64]:
    """Scores of a classifier for captures it was not taught; (n,)."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import StratifiedGroupKFold

    scores = np.zeros(len(labels))
    folds = max(2, min(_FOLDS, len(set(groups)), int(labels.sum()), int((~labels).sum())))
    parts = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    for taught, asked in parts.split(features, labels, groups):
        model = HistGradientBoostingClassifier(
            max_iter=60, learning_rate=0.1, max_leaf_nodes=8, min_samples_leaf=5, random_state=seed
        )
        model.fit(features[taught], labels[taught])
        scores[asked] = model.predict_proba(features[asked])[:, 1]
    return scores


def _auc(scores: NDArray[np.float64], labels: NDArray[np.bool_]) -> float:
    """Share of pairs in which the forged one scores higher; ties count half."""
    ordered = np.sort(scores)
    ranks = np.searchsorted(ordered, scores, "left") + np.searchsorted(ordered, scores, "right")
    positive, negative = int(labels.sum()), int((~labels).sum())
    if not positive or not negative:
        return float("nan")
    total = float(ranks[labels].sum() + positive) / 2
    return (total - positive * (positive + 1) / 2) / (positive * negative)


def area(scores: NDArray[np.float64], labels: NDArray[np.bool_], groups: Sequence[str], seed: int = 0) -> Area:
    """Area under the ROC curve, its interval by bootstrap over groups (series) and, within them, over captures."""
    rng = np.random.default_rng([seed, 17])
    names = sorted(set(groups))
    members = [np.flatnonzero(np.array(groups) == name) for name in names]
    drawn = []
    for _ in range(_DRAWS):
        chosen = rng.integers(len(members), size=len(members))
        rows = np.concatenate([members[g][rng.integers(len(members[g]), size=len(members[g]))] for g in chosen])
        value = _auc(scores[rows], labels[rows])
        if np.isfinite(value):
            drawn.append(value)
    low, high = np.quantile(drawn, [0.025, 0.975]) if drawn else (float("nan"), float("nan"))
    return Area(_auc(scores, labels), float(low), float(high))


def shuffled(labels: NDArray[np.bool_], seed: int = 0) -> NDArray[np.bool_]:
    """The same labels on other captures."""
    return np.random.default_rng([seed, 23]).permutation(labels)


_COLUMNS: dict[str, Callable[[Capture], NDArray[np.float64]]] = {
    "properties": property_features,
    "file size": size_features,
    "floor": floor_features,
    "location": place_features,
}


def _scored(captures: Sequence[Capture], features: NDArray[np.float64], labels: NDArray[np.bool_]) -> _Scored:
    groups = [capture.series for capture in captures]
    return out_of_fold(features, labels, groups), labels, groups


def _of(scored: _Scored, rows: Sequence[int]) -> Area:
    """The area of some captures by a classifier that was taught with all."""
    scores, labels, groups = scored
    chosen = list(rows)
    return area(scores[chosen], labels[chosen], [groups[at] for at in chosen])


def table(captures: Sequence[Capture]) -> dict[str, dict[str, Area]]:
    """Areas by line (``all`` and every class) and column; a column that a line has no captures for is left out."""
    plain = [capture for capture in captures if not capture.null]
    lines: dict[str, dict[str, Area]] = {"all": {}}
    forged = np.array([capture.forged for capture in plain])
    features = {name: np.stack([told(capture) for capture in plain]) for name, told in _COLUMNS.items()}
    for name in _COLUMNS:
        scored = _scored(plain, features[name], forged)
        for line in ["all", *sorted({capture.class_id for capture in plain if capture.class_id})]:
            rows = [at for at, one in enumerate(plain) if line == "all" or one.class_id in (None, line)]
            lines.setdefault(line, {})[name] = _of(scored, rows)
    edited = [capture for capture in captures if capture.null]
    if edited:
        both = [capture for capture in plain if not capture.forged] + edited
        floor = np.concatenate(
            [features["floor"][~forged], np.stack([floor_features(capture) for capture in edited])], axis=0
        )
        scored = _scored(both, floor, np.array([capture.null for capture in both]))
        for line in ["all", *sorted({capture.null_class for capture in edited if capture.null_class})]:
            rows = [at for at, one in enumerate(both) if line == "all" or one.null_class in (None, line)]
            lines.setdefault(line, {})["null edits"] = _of(scored, rows)
    return lines


def shuffled_area(captures: Sequence[Capture]) -> Area:
    """What the floor classifier finds in labels that mean nothing."""
    plain = [capture for capture in captures if not capture.null]
    forged = np.array([capture.forged for capture in plain])
    floor = np.stack([floor_features(capture) for capture in plain])
    scored = _scored(plain, floor, shuffled(forged))
    return _of(scored, range(len(plain)))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("runs/detection"))
    options = parser.parse_args()
    captures = [capture for folder in sorted(options.data.iterdir()) if folder.is_dir() for capture in load_set(folder)]
    if not captures:
        raise SystemExit(f"no captures under {options.data}; build them with python -m benchmarks.detection.build")
    forged, null = (sum(getattr(capture, what) for capture in captures) for what in ("forged", "null"))
    print(f"{len(captures)} synthetic captures, {forged} forged, {null} null edits; AUC [95 % interval]")
    columns = (*_COLUMNS, "null edits")
    print(f"{'':5}" + "".join(f"{name:24}" for name in columns))
    for line, areas in table(captures).items():
        print(f"{line:5}" + "".join(f"{str(areas[name]) if name in areas else '-':24}" for name in columns))
    print(f"shuffled labels {shuffled_area(captures)}")


if __name__ == "__main__":
    main()
