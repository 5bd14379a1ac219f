"""What must not tell forged from genuine: the anti-shortcut tests of THREATS, rules of the benchmark, 4.

    python -m benchmarks.detection.shortcuts --data runs/detection

Four questions, each answered by an area under the ROC curve with an interval by bootstrap over series:

* **metadata**: a classifier that sees the files' sizes, tables, dimensions and tags and no pixel. Must be 0.5 within
  its interval.
* **null edits**: the floor classifier between untouched genuine documents and those that went a forgery's way without
  being forged. Must be 0.5 within its interval.
* **shuffled labels**: the floor classifier taught labels that mean nothing. Must be 0.5 within its interval.
* **floor**: means and deviations of the channels. It may well tell something (a bright sheet is bright); it is
  reported, and a detector may only claim its margin over it.

Classifiers are gradient-boosted trees with five-fold cross-validation; what belongs to one series stays in one fold.
"""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["Area", "Capture", "area", "floor_features", "load_set", "main", "metadata_features", "out_of_fold"]

_LIGHTS = ("visible", "ir", "uv")
_FOLDS = 5
_DRAWS = 1_000  # of the bootstrap


@dataclass(frozen=True, slots=True, eq=False)
class Capture:
    """One synthetic capture as the classifiers see it."""

    series: str
    forged: bool
    class_id: str | None
    null: bool
    files: dict[str, bytes]  # of its first page by light


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
            )
        )
    return captures


def metadata_features(capture: Capture) -> NDArray[np.float64]:
    """What a file tells without its pixels: size, dimensions, tables, tags, resolution, by light; (30,)."""
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
                len(content),
                *picture.size,
                len(picture.getbands()),
                len(tables),
                sum(sum(table) for table in tables.values()),
                float(density[0]),
                float(len(picture.getexif())),
                float(len(picture.info)),
                float(bool(picture.info.get("progressive"))),
            ]
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
    folds = min(_FOLDS, len(set(groups)))
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
    ranks = np.searchsorted(np.sort(scores), scores, "left") + np.searchsorted(np.sort(scores), scores, "right")
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
        rows = np.concatenate([rng.choice(members[g], size=len(members[g])) for g in chosen])
        value = _auc(scores[rows], labels[rows])
        if np.isfinite(value):
            drawn.append(value)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Area(_auc(scores, labels), float(low), float(high))


def _measure(features: NDArray[np.float64], labels: NDArray[np.bool_], groups: Sequence[str]) -> Area:
    return area(out_of_fold(features, labels, groups), labels, groups)


def shuffled(labels: NDArray[np.bool_], seed: int = 0) -> NDArray[np.bool_]:
    """The same labels on other captures."""
    return np.random.default_rng([seed, 23]).permutation(labels)


def report(captures: Sequence[Capture]) -> dict[str, Area]:
    """The areas of all questions that the captures can answer."""
    plain = [capture for capture in captures if not capture.null]
    groups = [capture.series for capture in plain]
    forged = np.array([capture.forged for capture in plain])
    floor = np.stack([floor_features(capture) for capture in plain])
    metadata = np.stack([metadata_features(capture) for capture in plain])
    found = {
        "metadata": _measure(metadata, forged, groups),
        "shuffled labels": _measure(floor, shuffled(forged), groups),
        "floor": _measure(floor, forged, groups),
    }
    edited = [capture for capture in captures if capture.null]
    if edited:
        both = [capture for capture in plain if not capture.forged] + edited
        features = np.stack([floor_features(capture) for capture in both])
        found["null edits"] = _measure(
            features, np.array([capture.null for capture in both]), [capture.series for capture in both]
        )
    return found


def floor_by_class(captures: Sequence[Capture]) -> dict[str, Area]:
    """The floor classifier's area for each class of forgery against all genuine ones."""
    plain = [capture for capture in captures if not capture.null]
    groups = [capture.series for capture in plain]
    forged = np.array([capture.forged for capture in plain])
    scores = out_of_fold(np.stack([floor_features(capture) for capture in plain]), forged, groups)
    found = {}
    for class_id in sorted({capture.class_id for capture in plain if capture.class_id}):
        rows = [at for at, capture in enumerate(plain) if capture.class_id in (None, class_id)]
        found[class_id] = area(scores[rows], forged[rows], [groups[at] for at in rows])
    return found


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("runs/detection"))
    options = parser.parse_args()
    captures = [capture for folder in sorted(options.data.iterdir()) if folder.is_dir() for capture in load_set(folder)]
    if not captures:
        raise SystemExit(f"no captures under {options.data}; build them with python -m benchmarks.detection.build")
    print(f"{len(captures)} synthetic captures, {sum(capture.forged for capture in captures)} forged")
    for name, found in report(captures).items():
        print(f"{name:16} AUC {found}")
    print("floor classifier by class")
    for class_id, found in floor_by_class(captures).items():
        print(f"  {class_id:4} AUC {found}")


if __name__ == "__main__":
    main()
