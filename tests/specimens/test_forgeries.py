"""Every method of every class: it runs, it repeats, its truth is well formed, and it shows where it says it does.

Drawn on a coarse grid, without a scanner: what is compared is the object itself. Digital edits are tried on pictures of
it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from dafec.errors import UsageError
from dafec.lights import LIGHTS, Light
from dafec.ocr.states import find_state
from dafec.specimens.artwork import draw_artwork
from dafec.specimens.compose import compose
from dafec.specimens.forgeries import ForgeryJob, applicable, class_ids, forgers, plan_forgery, start_job
from dafec.specimens.forgeries.hands import altered_value
from dafec.specimens.issue import follows_rule, issue_document
from dafec.specimens.model import Appearance, Artwork, Frames, Grid, Issue
from dafec.specimens.press import press
from dafec.specimens.series import Series, load_series, series_codes

PASSPORT, CARD = "QPK-PO-1-2021", "QTL-ID-2-2025"
DPI = 300
SEED = 5  # of the document
DIGITAL = "P3"
WHOLE = {"C1", "C2", "C3", "C4", "P1", "P2"}

Bands = NDArray[np.float32]  # (h, w, 7): red, green, blue, infrared, three of luminescence


def cases() -> Iterator[tuple[str, str, str]]:
    for forger in forgers():
        for number, method in enumerate(forger.methods):
            order = (PASSPORT, CARD) if number % 2 == 0 else (CARD, PASSPORT)
            yield next(c for c in order if method in forger.methods_for(load_series(c))), forger.id, method


def grid_of(series: Series) -> Grid:
    return Grid(*series.size_mm, DPI)


def draw(series: Series, issue: Issue, side: int) -> Artwork:
    return draw_artwork(series, issue, side, grid_of(series))


def bands(appearance: Appearance) -> Bands:
    shade = 1.0 if appearance.shade is None else appearance.shade[..., None]
    return np.concatenate([appearance.reflectance * shade, appearance.fluorescence], axis=2).astype(np.float32)


def pictures(appearance: Appearance) -> Frames:
    """The object as pictures, its pixels one to one."""
    s = appearance.grid.px_per_mm
    place = np.diag([s, s, 1.0])
    coded = (np.clip(bands(appearance), 0, 1) ** (1 / 2.2) * 255).astype(np.uint8)
    parts: dict[Light, NDArray[np.uint8]] = {
        "visible": np.ascontiguousarray(coded[..., :3]),
        "ir": np.ascontiguousarray(coded[..., 3]),
        "uv": np.ascontiguousarray(coded[..., 4:]),
    }
    return Frames(parts, DPI, dict.fromkeys(parts, place))


@cache
def untouched(code: str) -> list[Bands]:
    """The genuine document, pressed with the seeds of every forgery of it."""
    series = load_series(code)
    genuine = issue_document(series, SEED)
    sides = range(len(series.sides))
    return [bands(compose(press(draw(series, genuine, side), 9), 10)) for side in sides]


class Made:
    """One document that went through a job, side by side with the genuine one."""

    def __init__(self, code: str, class_id: str, method: str, *, null: bool = False, seed: int = 77) -> None:
        series = load_series(code)
        genuine = issue_document(series, SEED)
        plan = plan_forgery(class_id, seed, series=series, null=null, method=method, difficulty=0.4)
        self.job: ForgeryJob = start_job(plan, series, genuine, lambda issue, side: draw(series, issue, side))
        self.issue = self.job.edit_issue(genuine)
        self.before = untouched(code)
        self.after: list[Bands] = []
        self.frames: list[tuple[Frames, Frames]] = []
        for side in range(len(series.sides)):
            artwork = self.job.edit_artwork(draw(series, self.issue, side), side)
            edited = self.job.edit_appearance(compose(press(artwork, 9), 10), side)
            self.after.append(bands(edited))
            given = pictures(edited)
            self.frames.append((given, self.job.edit_frames(given, side)))


def first_method(class_id: str) -> str:
    return next(iter(next(forger for forger in forgers() if forger.id == class_id).methods))


@cache
def made_first(class_id: str) -> Made:
    """A passport by a class's first method, which several tests look at."""
    return Made(PASSPORT, class_id, first_method(class_id))


def inside(job: ForgeryJob, side: int, shape: tuple[int, ...], grow_mm: float) -> NDArray[np.bool_]:
    mask = np.zeros(shape[:2], np.uint8)
    s = DPI / 25.4
    for region in job.regions:
        if region.side == side:
            cv2.fillPoly(mask, [np.round(region.polygon_mm * s).astype(np.int32)], 255)
    size = round(2 * grow_mm * s) | 1
    return cv2.dilate(mask, np.ones((size, size), np.uint8)) > 0


@pytest.mark.slow
@pytest.mark.parametrize(("code", "class_id", "method"), list(cases()))
def test_a_forgery_shows_where_and_in_the_lights_it_says(code: str, class_id: str, method: str) -> None:
    first = (code, method) == (PASSPORT, first_method(class_id))
    one = made_first(class_id) if first else Made(code, class_id, method)
    truth = one.job.truth()
    assert (truth["class"], truth["method"], truth["difficulty"]) == (class_id, method, 0.4)
    assert truth["lights"]
    assert set(truth["lights"]) <= set(LIGHTS)
    assert truth["regions"]
    width, height = one.job.series.size_mm
    for region in truth["regions"]:
        polygon = np.array(region["polygon_mm"])
        assert polygon.min() >= 0
        assert (polygon <= [width + 0.01, height + 0.01]).all()
        assert 0 <= region["side"] < len(one.after)
    changed: set[str] = set()
    for side, (before, after) in enumerate(zip(one.before, one.after, strict=True)):
        difference = np.abs(after - before)
        if class_id == DIGITAL:
            given, edited = one.frames[side]
            for light in given.pictures:
                moved = np.abs(edited.pictures[light].astype(np.int16) - given.pictures[light])
                if moved.max() > 12:
                    changed.add(light)
                where = inside(one.job, side, moved.shape, 2.5)
                assert moved[~where].max(initial=0) == 0, f"{light} changed elsewhere"
            continue
        where = inside(one.job, side, difference.shape, 2.5)
        for light, part in (
            ("visible", difference[..., :3]),
            ("ir", difference[..., 3:4]),
            ("uv", difference[..., 4:]),
        ):
            if where.any() and np.quantile(part.max(axis=2)[where], 0.999) > (0.05 if light != "uv" else 0.004):
                changed.add(light)
        if class_id not in WHOLE and method != "laminate_lifted" and class_id not in ("F6", "F7"):
            outside = difference.max(axis=2)[~where]
            assert np.quantile(outside, 0.995) < 0.12, "more than print noise changed elsewhere"
    if class_id == DIGITAL:
        assert changed == (set(LIGHTS) if method == "all_lights" else {"visible"})
    else:
        assert changed & set(truth["lights"]), f"seen in {changed}, told {truth['lights']}"


@pytest.mark.slow
@pytest.mark.parametrize("class_id", class_ids())
def test_a_null_edit_is_a_second_copy_of_the_genuine(class_id: str) -> None:
    method = first_method(class_id)
    one = Made(CARD if class_id in ("F3", "F7") else PASSPORT, class_id, method, null=True)
    assert one.issue.mrz == one.job.genuine.mrz
    assert dict(one.issue.fields) == dict(one.job.genuine.fields)
    assert not one.job.regions
    for before, after in zip(one.before, one.after, strict=True):
        # The copy is pressed with the same seed; plates that were drawn anew may stand elsewhere in its order.
        assert float(np.abs(after - before).mean()) < 0.004
    for given, edited in one.frames:
        for light in given.pictures:
            np.testing.assert_array_equal(given.pictures[light], edited.pictures[light])


@pytest.mark.slow
@pytest.mark.parametrize("class_id", class_ids())
def test_the_same_seed_forges_alike_and_another_seed_otherwise(class_id: str) -> None:
    method = first_method(class_id)
    again = Made(PASSPORT, class_id, method)
    first = made_first(class_id)
    for a, b in zip(first.after, again.after, strict=True):
        np.testing.assert_array_equal(a, b)
    for (_, a), (_, b) in zip(first.frames, again.frames, strict=True):
        for light in a.pictures:
            np.testing.assert_array_equal(a.pictures[light], b.pictures[light])
    other = Made(PASSPORT, class_id, method, seed=78)
    parts = zip(first.after, other.after, strict=True)
    frames = zip(first.frames, other.frames, strict=True)
    assert any((a != b).any() for a, b in parts) or any(
        (a.pictures["visible"] != b.pictures["visible"]).any() for (_, a), (_, b) in frames
    )


@pytest.mark.parametrize("seed", range(20))
def test_altered_data_disagree_with_the_zone_and_altered_zones_with_their_digits_or_data(seed: int) -> None:
    series = load_series(PASSPORT)
    genuine = issue_document(series, seed)
    plan = plan_forgery("F3", seed, series=series)
    job = start_job(plan, series, genuine, lambda issue, side: draw(series, issue, side))
    altered = job.edit_issue(genuine)
    assert altered.mrz == genuine.mrz
    assert altered.fields != genuine.fields
    zone = start_job(
        plan_forgery("F4", seed, series=series), series, genuine, lambda issue, side: draw(series, issue, side)
    ).edit_issue(genuine)
    assert zone.mrz != genuine.mrz
    assert [len(line) for line in zone.mrz] == [len(line) for line in genuine.mrz]


def test_recomputed_digits_add_up_and_forgotten_ones_do_not() -> None:
    from datetime import date

    from dafec.ocr.parse import parse_mrz

    series = load_series(PASSPORT)
    valid = {"both_zones_changed": 0, "character_changed": 0}
    for method in valid:
        for seed in range(30):
            genuine = issue_document(series, seed)
            plan = plan_forgery("F4", seed, series=series, method=method)
            job = start_job(plan, series, genuine, lambda issue, side: draw(series, issue, side))
            parse = parse_mrz(job.edit_issue(genuine).mrz, today=date(2026, 11, 1))
            valid[method] += all(digit.ok for digit in parse.check_digits)
    assert valid["both_zones_changed"] == 30
    assert valid["character_changed"] == 0


def plate_of(artwork: Artwork, key: str) -> NDArray[np.uint8]:
    return next(plate.coverage for plate in artwork.plates if plate.name == key)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("method", ["characters_typed_over", "drawn_with_pen"])
def test_what_is_not_altered_stays_as_the_state_printed_it(method: str, seed: int) -> None:
    """A value that is altered in one place is altered nowhere else: not on the back, not under the lamp, not below."""
    series = load_series("QTL-ID-1-2018")  # the number stands on both sides
    genuine = issue_document(series, seed)
    plan = plan_forgery("F3", seed, series=series, method=method, difficulty=0.9)
    job = start_job(plan, series, genuine, lambda issue, side: draw(series, issue, side))
    altered = job.edit_issue(genuine)
    key, at = job.notes["key"], job.notes["side"]
    for side in range(2):
        before = draw(series, genuine, side)
        after = job.edit_artwork(draw(series, altered, side), side)
        for plate in before.plates:
            same = [one for one in after.plates if one.name == plate.name and one.role == plate.role]
            if (side, plate.name) == (at, key) and method == "characters_typed_over":
                assert len(same) == 2
                left_of_it = 0 < (same[0].coverage > 0).sum() < (plate.coverage > 0).sum()
                assert left_of_it or len(genuine.fields[key]) == 1
                assert (same[0].coverage <= plate.coverage).all(), "what remains is the first value's print"
            elif plate.name:
                assert any(np.array_equal(one.coverage, plate.coverage) for one in same), plate.name


def test_both_zones_are_altered_by_the_forger_on_whichever_side_they_are() -> None:
    series = load_series("QTL-ID-1-2018")  # its zone is on the back, its dates of birth on the front
    seen = set()
    for seed in range(12):
        genuine = issue_document(series, 5)
        plan = plan_forgery("F4", seed, series=series, method="both_zones_changed")
        job = start_job(plan, series, genuine, lambda issue, side: draw(series, issue, side))
        altered = job.edit_issue(genuine)
        for side in range(2):
            job.edit_artwork(draw(series, altered, side), side)
        key = job.notes["key"]
        places = {(at, key) for at, one in enumerate(series.sides) for spec in one.fields if spec.key == key}
        assert places <= {(region.side, region.name) for region in job.regions}
        seen.add(key)
        if "birth_date" in seen:
            break
    assert "birth_date" in seen


def test_a_part_of_another_document_brings_its_texts_into_the_truth() -> None:
    series = load_series(PASSPORT)
    genuine = issue_document(series, 5)
    plan = plan_forgery("F6", 7, series=series, method="data_from_another", difficulty=0.5)
    job = start_job(plan, series, genuine, lambda issue, side: draw(series, issue, side))
    issue = job.edit_issue(genuine)
    job.edit_artwork(draw(series, issue, 0), 0)
    assert {"surname", "given_names", "number", "birth_date"} <= set(job.shown)
    assert job.shown["number"] != genuine.number


@pytest.mark.parametrize("method", ["wrong_process", "wrong_ink", "wrong_face", "misplaced", "number_against_rule"])
def test_a_stolen_blanks_regions_are_all_its_hand_prints(method: str) -> None:
    series = load_series(PASSPORT)
    genuine = issue_document(series, 5)
    plan = plan_forgery("F7", 7, series=series, method=method, difficulty=0.5)
    job = start_job(plan, series, genuine, lambda issue, side: draw(series, issue, side))
    job.edit_artwork(draw(series, job.edit_issue(genuine), 0), 0)
    names = {region.name for region in job.regions}
    assert {"mrz", "number"} <= names
    assert ("surname" in names) == (method != "number_against_rule")
    assert ({"portrait", "ghost"} <= names) == (method in ("wrong_process", "misplaced"))


def test_a_pseudo_document_has_codes_of_nobody() -> None:
    series = load_series(PASSPORT)
    genuine = issue_document(series, 3)
    for method in ("camouflage_state", "fantasy_body", "world_citizen"):
        plan = plan_forgery("C4", 4, series=series, method=method)
        issue = start_job(plan, series, genuine, lambda issue, side: draw(series, issue, side)).edit_issue(genuine)
        assert find_state(issue.mrz[0][2:5]) is None
        assert issue.mrz[0][2:5] != genuine.mrz[0][2:5]


@pytest.mark.parametrize("code", series_codes())
def test_a_stolen_blanks_number_breaks_the_rule_of_its_series(code: str) -> None:
    series = load_series(code)
    genuine = issue_document(series, 3)
    assert follows_rule(genuine.number, series.number)
    for seed in range(60):
        plan = plan_forgery("F7", seed, series=series, method="number_against_rule")
        issue = start_job(plan, series, genuine, lambda issue, side: draw(series, issue, side)).edit_issue(genuine)
        assert not follows_rule(issue.number, series.number)


@pytest.mark.parametrize(
    ("key", "value"),
    [("birth_date", "04 MAY 1979"), ("expiry_date", "2031-10-03"), ("number", "K1234567"), ("surname", "LI")],
)
def test_an_altered_value_is_another_one_of_the_same_kind(key: str, value: str) -> None:
    for seed in range(40):
        new = altered_value(np.random.default_rng(seed), key, value)
        assert new != value
        if key != "surname":
            assert len(new) == len(value)
            assert sum(a != b for a, b in zip(new, value, strict=True)) <= 2


def test_what_cannot_be_made_is_refused() -> None:
    series = load_series("QND-V-1-2018")  # a visa without a portrait
    assert not applicable("F1", series)
    for options, code in (
        ({"class_id": "F1"}, "specimens.not_applicable"),
        ({"class_id": "C1", "method": "by_magic"}, "specimens.unknown_method"),
        ({"class_id": "C1", "difficulty": 1.5}, "specimens.difficulty"),
        ({"class_id": "X9"}, "specimens.unknown_forgery"),
    ):
        with pytest.raises(UsageError) as caught:
            plan_forgery(seed=1, series=series, **options)  # type: ignore[arg-type]
        assert caught.value.code == code
