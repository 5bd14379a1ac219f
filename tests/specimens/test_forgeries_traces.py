"""Local forgeries change what their truth marks, and nothing else on any side: no text follows that nobody touched."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from dafec.lights import LIGHTS
from dafec.specimens.artwork import draw_artwork
from dafec.specimens.compose import compose
from dafec.specimens.forgeries import ForgeryJob, forgers, plan_forgery, start_job
from dafec.specimens.issue import issue_document
from dafec.specimens.model import Appearance, Artwork, Frames, Grid, Issue
from dafec.specimens.series import Series, load_series

#: Two sides with the number on both; the number repeated in luminescent ink; a proportional face on a visa.
TWO_SIDES, REPEATED, VISA = "QTL-ID-1-2018", "QPK-PO-1-2021", "QMR-V-1-2021"
DPI = 200
S = DPI / 25.4
#: Differences of linear reflectance, and of luminescence, that count as a trace.
SEEN, GLOWS = 0.06, 0.006


def draw(series: Series, issue: Issue, side: int) -> Artwork:
    return draw_artwork(series, issue, side, Grid(*series.size_mm, DPI))


def bands(appearance: Appearance) -> NDArray[np.float32]:
    shade = 1.0 if appearance.shade is None else appearance.shade[..., None]
    return np.concatenate([appearance.reflectance * shade, appearance.fluorescence], axis=2).astype(np.float32)


def started(code: str, class_id: str, method: str, seed: int, *, null: bool = False) -> tuple[ForgeryJob, Issue]:
    series = load_series(code)
    issued = issue_document(series, 5)
    plan = plan_forgery(class_id, seed, series=series, method=method, null=null)
    job = start_job(plan, series, issued, lambda issue, side: draw(series, issue, side))
    return job, job.edit_issue(issued)


def marked(job: ForgeryJob, side: int, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    mask = np.zeros(shape[:2], np.uint8)
    for region in job.regions:
        if region.side == side:
            cv2.fillPoly(mask, [np.round(region.polygon_mm * S).astype(np.int32)], 255)
    return cv2.dilate(mask, np.ones((round(2 * S) | 1,) * 2, np.uint8)) > 0  # a millimetre


LOCAL = [
    (code, forger.id, method)
    for forger in forgers()
    if forger.id in ("F1", "F2", "F3", "F4", "F6", "F7")
    for method in forger.methods
    for code in (TWO_SIDES, REPEATED, VISA)
    if method in forger.methods_for(load_series(code))
]


@pytest.mark.slow
@pytest.mark.parametrize(("code", "class_id", "method"), LOCAL)
def test_nothing_changes_where_nothing_is_marked(code: str, class_id: str, method: str) -> None:
    for seed in (1, 4):
        job, issue = started(code, class_id, method, seed)
        for side in range(len(job.series.sides)):
            before = bands(compose(draw(job.series, job.genuine, side), 10))
            artwork = job.edit_artwork(draw(job.series, issue, side), side)
            after = bands(job.edit_appearance(compose(artwork, 10), side))
            moved = np.abs(after - before)
            trace = (moved[..., :4].max(axis=2) > SEEN) | (moved[..., 4:].max(axis=2) > GLOWS)
            area_mm2 = float((trace & ~marked(job, side, trace.shape)).sum()) / S**2
            assert area_mm2 < 0.5, f"seed {seed}, side {side}: {area_mm2:.1f} mm2 that no region holds"


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("method", ["erased_and_overprinted", "drawn_with_pen", "characters_typed_over"])
def test_the_luminescent_number_is_the_one_that_was_issued(method: str, seed: int) -> None:
    job, issue = started(REPEATED, "F3", method, seed)
    made = job.edit_artwork(draw(job.series, issue, 0), 0)
    genuine = draw(job.series, job.genuine, 0)
    for new, old in zip(made.of_role("uv_personal"), genuine.of_role("uv_personal"), strict=True):
        assert (new.origin_px, new.coverage.shape) == (old.origin_px, old.coverage.shape)
        if method != "erased_and_overprinted":  # which takes what lies near with it
            np.testing.assert_array_equal(new.coverage, old.coverage)


def turned(appearance: Appearance, degrees: float) -> Frames:
    """The object as pictures, turned on a larger ground."""
    h, w = appearance.grid.shape
    middle = cv2.getRotationMatrix2D((w / 2, h / 2), degrees, 1.0)
    middle[:, 2] += [150, 150]
    place = np.vstack([middle, [0, 0, 1]]) @ np.diag([S, S, 1.0])
    coded = (np.clip(bands(appearance), 0, 1) ** (1 / 2.2) * 255).astype(np.uint8)
    size = (w + 300, h + 300)
    parts = (coded[..., :3], coded[..., 3], coded[..., 4:])
    whole = [cv2.warpAffine(np.ascontiguousarray(part), middle, size) for part in parts]
    return Frames(dict(zip(LIGHTS, whole, strict=True)), DPI, dict.fromkeys(LIGHTS, place))


@pytest.mark.parametrize("method", list(next(f for f in forgers() if f.id == "P3").methods))
@pytest.mark.parametrize("degrees", [0.0, 17.0, 180.0])
def test_an_injection_follows_a_turned_page_and_stays_within_its_region(method: str, degrees: float) -> None:
    job, issue = started(REPEATED, "P3", method, 3)
    artwork = job.edit_artwork(draw(job.series, issue, 0), 0)
    genuine = draw(job.series, job.genuine, 0)
    assert [p.name for p in artwork.plates] == [p.name for p in genuine.plates]
    for a, b in zip(artwork.plates, genuine.plates, strict=True):
        np.testing.assert_array_equal(a.coverage, b.coverage)  # the object is the one that was issued
    given = turned(compose(artwork, 10), degrees)
    edited = job.edit_frames(given, 0)
    region = np.vstack([one.polygon_mm for one in job.regions])
    corners = cv2.boxPoints(cv2.minAreaRect(region.astype(np.float32)))
    changed = []
    for light in LIGHTS:
        moved = np.abs(edited.pictures[light].astype(np.int16) - given.pictures[light])
        moved = moved if moved.ndim == 2 else moved.max(axis=2)
        xy = np.hstack([corners, np.ones((4, 1))]) @ given.frame_from_page_mm[light].T
        mask = np.zeros(moved.shape, np.uint8)
        cv2.fillConvexPoly(mask, np.round(xy[:, :2]).astype(np.int32), 255)
        mask = cv2.dilate(mask, np.ones((round(2 * S) | 1,) * 2, np.uint8))
        assert moved[mask == 0].max(initial=0) == 0, light
        if moved.max() > 12:
            changed.append(light)
    assert tuple(changed) == (LIGHTS if method == "all_lights" else ("visible",))
    if method not in ("face_swapped", "resynthesised"):
        assert issue.fields != job.genuine.fields, "the truth says what the pictures say"
