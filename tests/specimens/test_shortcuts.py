"""No file property, no null edit and no chance tells forged from genuine: THREATS, rules of the benchmark, 4.

A small set, made anew. What can be held exactly (tables, dimensions, tags) is held exactly; areas under a curve are
held within their bootstrap intervals. ``python -m benchmarks.detection.shortcuts`` does the same at full size.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.detection.shortcuts import (
    Area,
    Capture,
    area,
    load_set,
    out_of_fold,
    property_features,
    shuffled,
    shuffled_area,
    table,
)
from benchmarks.detection.splits import SETS, SIZES, requests_of
from dafec.specimens.forgeries import class_ids
from dafec.specimens.make import Specimen, make_captures, make_specimen
from dafec.specimens.plan import Request
from dafec.specimens.series import load_series

pytest.importorskip("sklearn", reason="the extra ``test`` installs scikit-learn")

COUNT = 52


def draw_set(out: Path) -> None:
    requests = requests_of("train", COUNT, dpi=300)
    null = [
        dataclasses.replace(one, name=f"null-{at}", null=True, method=None)
        for at, one in enumerate(r for r in requests if r.forgery)
    ]
    for _ in make_captures([*requests, *null[: COUNT // 4]], out):
        pass


@pytest.fixture(scope="module")
def captures(shared: Callable[..., Path]) -> list[Capture]:
    """Genuine, forged and null-edited captures of the training set at 300 dpi."""
    return load_set(shared("shortcuts", draw_set))


@pytest.fixture(scope="module")
def lines(captures: list[Capture]) -> dict[str, dict[str, Area]]:
    return table(captures)


@cache
def unforged(request: Request) -> Specimen:
    """The same seed, never forged: one for all classes."""
    assert request.forgery is None
    return make_specimen(request)


def properties_of(files: Mapping[str, bytes]) -> dict[str, object]:
    """All of a capture's files but what is printed and how long it is."""
    told: dict[str, object] = {"capture.toml": files["capture.toml"]}
    for name, content in files.items():
        if name.endswith(".jpg"):
            with Image.open(io.BytesIO(content)) as picture:
                tables = {key: tuple(table) for key, table in picture.quantization.items()}  # type: ignore[attr-defined]
                told[name] = (
                    picture.format,
                    picture.mode,
                    picture.size,
                    tables,
                    picture.layer,  # type: ignore[attr-defined]
                    dict(picture.info),
                    dict(picture.getexif()),
                    content[: content.index(b"\xff\xda")],  # every header up to the picture itself
                )
    return told


@pytest.mark.slow
@pytest.mark.parametrize("class_id", class_ids())
@pytest.mark.parametrize("null", [False, True])
def test_every_file_property_is_equal_by_construction(class_id: str, null: bool) -> None:
    """A forged capture and the genuine one of its seed have the same files but for what is in the picture."""
    for code, scanner in (("QPK-PO-1-2021", "reader-b"), ("QTL-ID-1-2018", "reader-d")):
        forged = Request("a", code, 41, class_id, scanner, 300, null=null)
        one, other = make_specimen(forged), unforged(dataclasses.replace(forged, forgery=None, null=False))
        assert list(one.files) == list(other.files)
        assert properties_of(one.files) == properties_of(other.files)
        for key in ("scanner", "dpi", "encoder", "seed", "series"):
            assert one.truth[key] == other.truth[key]
        assert one.truth["wear"] == other.truth["wear"]
        for a, b in zip(one.truth["pages"], other.truth["pages"], strict=True):
            assert a["frame_px_from_page_mm"] == b["frame_px_from_page_mm"]


@pytest.mark.slow
def test_properties_places_null_edits_and_shuffled_labels_tell_nothing(
    captures: list[Capture], lines: dict[str, dict[str, Area]]
) -> None:
    found = {**lines["all"], "shuffled labels": shuffled_area(captures)}
    for name in ("properties", "location", "null edits", "shuffled labels"):
        assert found[name].holds(0.5), f"{name} {found[name]}"
    assert "file size" in found, "reported beside the floor, and held to nothing: it follows what is printed"


@pytest.mark.slow
def test_the_table_has_a_line_for_every_class_and_every_column(
    captures: list[Capture], lines: dict[str, dict[str, Area]]
) -> None:
    assert set(lines) >= {"all", *{one.class_id for one in captures if one.class_id}}
    for name, areas in lines.items():
        assert {"properties", "file size", "floor", "location"} <= set(areas) or set(areas) == {"null edits"}, name
        assert all(0 <= found.low <= found.value <= found.high <= 1 for found in areas.values())


def test_a_shortcut_would_be_found() -> None:
    """The same test fails a set whose forged files are larger: it can fail."""
    rng = np.random.default_rng(3)
    captures = []
    for at in range(80):
        forged = bool(at % 2)
        picture = Image.fromarray(rng.integers(0, 255, (20, 30, 3), dtype=np.uint8))
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=90 if forged else 75)
        captures.append(Capture(f"S{at % 8}", forged, "P3" if forged else None, False, {"visible": buffer.getvalue()}))
    labels = np.array([capture.forged for capture in captures])
    groups = [capture.series for capture in captures]
    features = np.stack([property_features(capture) for capture in captures])
    assert area(out_of_fold(features, labels, groups), labels, groups).low > 0.9
    meaningless = shuffled(labels)
    assert area(out_of_fold(features, meaningless, groups), meaningless, groups).holds(0.5)


def test_a_set_of_null_edits_is_genuine_and_every_class_way_is_gone() -> None:
    for size in SIZES.values():
        assert size["null-edits"] > 0, "the question of null edits can be asked of every size"
    requests = requests_of("null-edits", 260)
    assert {r.forgery for r in requests if r.null} == set(class_ids())
    assert all(r.null for r in requests if r.forgery)
    assert not any(r.null for name in SETS if name != "null-edits" for r in requests_of(name, 60))


def test_a_seed_that_would_draw_another_sets_persons_is_refused() -> None:
    with pytest.raises(ValueError, match="another set"):
        requests_of("train", 2, seed=1_000)
    assert not {r.seed for r in requests_of("train", 50, seed=999)} & {r.seed for r in requests_of("development", 50)}


def test_no_person_and_no_held_out_thing_is_in_two_sets() -> None:
    seeds = {name: {r.seed for r in requests_of(name, 200)} for name in SETS}
    for name in SETS:
        for other in SETS:
            if name != other:
                assert not seeds[name] & seeds[other]
    train = requests_of("train", 400)
    joint = requests_of("test-joint", 400)
    for axis in ("series", "scanner"):
        assert not {getattr(r, axis) for r in train} & {getattr(r, axis) for r in joint}
    methods = {(r.forgery, r.method) for r in train if r.forgery}
    held = {(r.forgery, r.method) for r in requests_of("test-process", 400) if r.forgery}
    assert held - methods
    formats = {load_series(r.series).format for r in train}
    assert {load_series(r.series).format for r in joint} - formats, "a format that training never sees"


def test_every_class_has_its_turn_and_half_is_genuine() -> None:
    for name in SETS:
        requests = requests_of(name, 260)
        forged = [r for r in requests if r.forgery]
        assert len(forged) == len(requests) // 2
        assert {r.forgery for r in forged} == set(class_ids())
        genuine = [r for r in requests if not r.forgery]
        assert sum(r.wear != "none" for r in genuine) / len(genuine) >= 0.3
