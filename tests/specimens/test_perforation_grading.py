"""What becomes of a perforated number in a forger's hands: graded by his skill, and told in the truth."""

from __future__ import annotations

from collections import Counter
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from dafec.specimens.artwork import draw_artwork
from dafec.specimens.compose import compose
from dafec.specimens.forgeries import ForgeryJob, plan_forgery, start_job
from dafec.specimens.forgeries.counterfeits import _holes
from dafec.specimens.issue import issue_document
from dafec.specimens.model import Artwork, Grid, Issue
from dafec.specimens.series import load_series

PIERCED, WHOLE = "QSD-P-1-2020", "QPK-PO-1-2021"
HANDS = 400
COARSE_DPI = 60  # holes are told in millimetres; nothing of the print is looked at


@cache
def drawn(code: str, dpi: int) -> Artwork:
    return sheet(code, issue_document(load_series(code), 5), dpi)


def sheet(code: str, issue: Issue, dpi: int) -> Artwork:
    series = load_series(code)
    return draw_artwork(series, issue, 0, Grid(*series.size_mm, dpi))


def job_of(
    code: str, class_id: str, method: str | None, difficulty: float, seed: int = 0, dpi: int = COARSE_DPI, **more: bool
) -> ForgeryJob:
    series = load_series(code)
    plan = plan_forgery(class_id, seed, series=series, method=method, difficulty=difficulty, **more)
    return start_job(plan, series, issue_document(series, 5), lambda issue, side: sheet(code, issue, dpi))


@cache
def hands(difficulty: float) -> tuple[tuple[str, NDArray[np.float64] | None], ...]:
    """What many hands of one skill do: how they imitate the number, and their holes."""
    artwork = drawn(PIERCED, COARSE_DPI)
    found = []
    for seed in range(HANDS):
        job = job_of(PIERCED, "C1", None, difficulty, seed)
        how, holes = _holes(job, artwork)
        assert job.features == {"perforation": how}
        assert (how == "pierced again") == bool(holes)
        found.append((how, holes[0].holes_mm if holes else None))
    return tuple(found)


def genuine_holes() -> NDArray[np.float64]:
    (holes,) = drawn(PIERCED, COARSE_DPI).perforations
    return holes.holes_mm


def pierced(difficulty: float) -> list[NDArray[np.float64]]:
    return [holes for _, holes in hands(difficulty) if holes is not None]


@pytest.mark.parametrize(("difficulty", "share"), [(0.0, 0.05), (0.5, 0.50), (1.0, 0.95)])
def test_the_better_the_hand_the_more_often_it_pierces(difficulty: float, share: float) -> None:
    count = Counter(how for how, _ in hands(difficulty))
    assert set(count) <= {"pierced again", "printed", "missing"}
    three_sigma = 3 * np.sqrt(share * (1 - share) / HANDS)
    assert abs(count["pierced again"] / HANDS - share) < three_sigma
    if difficulty < 1:  # of those that have no needle, three of five print the dots they scanned
        without = count["printed"] + count["missing"]
        assert abs(count["printed"] / without - 0.6) < 3 * np.sqrt(0.24 / without)


def test_a_needles_holes_wander_less_in_a_better_hand() -> None:
    own = genuine_holes()
    strays, needles, uneven = [], [], []
    for difficulty in (0.0, 0.5, 1.0):
        made = pierced(difficulty)
        assert len(made) >= 10
        moved = [one[:, :2] - own[:, :2] for one in made]
        strays.append(np.mean([np.sqrt(np.square(one - one.mean(axis=0)).mean()) for one in moved]))
        size = [one[:, 2] / own[:, 2] for one in made]
        needles.append(np.std([one.mean() for one in size]))
        uneven.append(np.mean([one.std() for one in size]))
    np.testing.assert_allclose(strays, [0.12, 0.07, 0.02], rtol=0.12)  # millimetres, of a hole from its place
    assert needles[0] > needles[1] > needles[2]
    assert needles[2] == pytest.approx(0.05, rel=0.3)
    assert uneven[0] > uneven[1] > uneven[2]
    assert uneven[2] == pytest.approx(0.03, rel=0.2)


def test_the_whole_row_sits_a_little_off_in_any_hand() -> None:
    own = genuine_holes()
    for difficulty in (0.5, 1.0):
        off = np.array([(one[:, :2] - own[:, :2]).mean(axis=0) for one in pierced(difficulty)])
        np.testing.assert_allclose(off.std(axis=0), 0.25, rtol=0.25)


def test_holes_stay_holes_of_the_same_number() -> None:
    own = genuine_holes()
    for difficulty in (0.0, 0.5, 1.0):
        for one in pierced(difficulty):
            assert one.shape == own.shape
            assert (0.6 * own[:, 2] <= one[:, 2] + 1e-9).all()
            assert (one[:, 2] <= 1.7 * own[:, 2] + 1e-9).all()


def test_a_hand_is_the_same_for_its_seed_and_the_genuine_holes_are_left_alone() -> None:
    artwork = drawn(PIERCED, COARSE_DPI)
    before = genuine_holes().copy()
    (one,), (again,), (other,) = (
        _holes(job_of(PIERCED, "C1", None, 1.0, seed), artwork)[1] for seed in _two_that_pierce()
    )
    np.testing.assert_array_equal(one.holes_mm, again.holes_mm)
    assert not np.array_equal(one.holes_mm, other.holes_mm)
    np.testing.assert_array_equal(genuine_holes(), before)


def _two_that_pierce() -> tuple[int, int, int]:
    first, second = [seed for seed, (how, _) in enumerate(hands(1.0)) if how == "pierced again"][:2]
    return first, first, second


def test_null_edits_and_series_without_holes_keep_what_they_have() -> None:
    artwork = drawn(PIERCED, COARSE_DPI)
    job = job_of(PIERCED, "C1", None, 0.1, null=True)
    assert _holes(job, artwork) == ("", artwork.perforations)
    assert job.features == {}
    plain = job_of(WHOLE, "C1", None, 0.9)
    assert _holes(plain, drawn(WHOLE, COARSE_DPI)) == ("", ())
    assert plain.features == {}


@pytest.mark.parametrize(
    ("class_id", "method"),
    [
        ("C1", "dye_on_office_paper"),
        ("C2", "office_laser"),
        ("C3", "uv_out_of_place"),
        ("P2", "colour_laser_copy"),
        ("F7", "number_against_rule"),
    ],
)
@pytest.mark.parametrize("difficulty", [0.05, 0.95])
def test_the_truth_says_what_the_artwork_has(class_id: str, method: str, difficulty: float) -> None:
    job = job_of(PIERCED, class_id, method, difficulty, seed=3)
    made = job.edit_artwork(sheet(PIERCED, job.edit_issue(job.genuine), COARSE_DPI), 0)
    told = job.truth()["features"]["perforation"]
    if class_id == "P2":
        assert told == "printed"
    if class_id == "F7":
        assert told == "of the wrong number"
        assert not np.array_equal(made.perforations[0].holes_mm, genuine_holes())
        (region,) = [one for one in job.truth()["regions"] if one["name"] == "perforation"]
        low, high = np.array(region["polygon_mm"]).min(axis=0), np.array(region["polygon_mm"]).max(axis=0)
        holes = made.perforations[0].holes_mm[:, :2]
        assert (low <= holes).all()
        assert (holes <= high).all()
        assert region["lights"] == ["visible", "ir", "uv"]
    else:
        assert bool(made.perforations) == (told == "pierced again")


@pytest.mark.parametrize("how", ["printed", "missing", "pierced again"])
def test_printed_dots_are_seen_where_the_holes_were_and_missing_ones_are_not(how: str) -> None:
    """At the genuine holes a copy is darker than round them if it prints or pierces them, and else it is not."""
    dpi = 200
    difficulty = 0.95 if how == "pierced again" else 0.3
    seed = next(
        seed
        for seed in range(60)
        if _holes(job_of(PIERCED, "C1", "dye_on_office_paper", difficulty, seed), drawn(PIERCED, COARSE_DPI))[0] == how
    )
    job = job_of(PIERCED, "C1", "dye_on_office_paper", difficulty, seed, dpi)
    artwork = job.edit_artwork(sheet(PIERCED, job.edit_issue(job.genuine), dpi), 0)
    assert job.features["perforation"] == how
    seen = compose(artwork, 1).reflectance[..., 1]
    s = artwork.grid.px_per_mm
    holes = artwork.perforations[0].holes_mm if how == "pierced again" else genuine_holes()

    def level(dx_mm: float, dy_mm: float) -> float:
        columns, rows = np.round((holes[:, :2] + (dx_mm, dy_mm)) * s).astype(int).T
        return float(seen[rows, columns].mean())

    pitch = load_series(PIERCED).sides[0].perforation.height_mm / 6  # type: ignore[union-attr]
    between = np.mean([level(pitch / 2, pitch / 2), level(-pitch / 2, -pitch / 2)])
    darker = between - level(0, 0)
    if how == "missing":
        assert abs(darker) < 0.05
    else:
        assert darker > 0.1
