"""What a pen makes of a printed digit: it looks like the other one, the hand wavers, and the values can be had so."""

from __future__ import annotations

from datetime import date

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from dafec.geometry import BoxMm
from dafec.specimens.drawing import draw_curves
from dafec.specimens.forgeries.hands import CHARACTER_LOOKALIKES
from dafec.specimens.forgeries.pen import pen_strokes, pen_values
from dafec.specimens.lettering import draw_text
from dafec.specimens.model import Grid

GRID = Grid(6, 6, 600)
FACES = ("sans", "lato", "ocrb")
PEN_MM = 0.3
PAIRS = [(old, new) for old, others in CHARACTER_LOOKALIKES.items() for new in others]
#: The seven it becomes has a bar through its stem; no face here draws it so, and it has a test of its own.
BARRED = ("1", "7")

Picture = NDArray[np.float32]


def picture(*drawn: tuple[NDArray[np.uint8], tuple[int, int]]) -> Picture:
    """Coverage 0..1 of all that is drawn, as soft as an eye sees it from afar."""
    out = np.zeros(GRID.shape, np.float32)
    for coverage, (x, y) in drawn:
        rows, columns = coverage.shape
        part = out[y : y + rows, x : x + columns]
        np.maximum(part, coverage / np.float32(255), out=part)
    return cv2.GaussianBlur(out, (0, 0), 4)


def digit(char: str, face: str) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    return draw_text(GRID, char, (3, 4.5), 2.4, face, anchor="centre")


def inked(char: str, face: str) -> BoxMm:
    coverage, (x, y) = digit(char, face)
    rows, columns = np.nonzero(coverage > 127)
    s = GRID.px_per_mm
    low_x, low_y = (x + columns.min()) / s, (y + rows.min()) / s
    return BoxMm(low_x, low_y, (np.ptp(columns) + 1) / s, (np.ptp(rows) + 1) / s)


def likeness(one: Picture, other: Picture) -> float:
    """Greatest correlation over small shifts, for a digit gone over need not stand where one printed would."""
    shifts = [(dx, dy) for dx in range(-6, 7, 2) for dy in range(-4, 5, 2)]
    return max(float(np.corrcoef(one.ravel(), np.roll(other, (dy, dx), (0, 1)).ravel())[0, 1]) for dx, dy in shifts)


def gone_over(old: str, new: str, face: str) -> Picture:
    strokes = pen_strokes(old, new, inked(old, face), np.random.default_rng(1), waver=0.0)
    return picture(digit(old, face), draw_curves(GRID, strokes, PEN_MM))


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize(("old", "new"), [pair for pair in PAIRS if pair != BARRED])
def test_a_digit_gone_over_looks_more_like_the_new_one(old: str, new: str, face: str) -> None:
    wanted = picture(digit(new, face))
    before = likeness(picture(digit(old, face)), wanted)
    after = likeness(gone_over(old, new, face), wanted)
    assert after > before + 0.03, "the strokes do not make the digit"


@pytest.mark.parametrize(("old", "new"), PAIRS)
def test_every_pair_that_is_offered_has_strokes_of_its_own(old: str, new: str) -> None:
    box = BoxMm(0.0, 0.0, 1.2, 2.0)
    own, scribble = (
        np.concatenate(pen_strokes(old, made, box, np.random.default_rng(1), waver=0.0)) for made in (new, "?")
    )
    assert own.shape != scribble.shape or not np.allclose(own, scribble)


@pytest.mark.parametrize("face", FACES)
def test_a_one_becomes_a_barred_seven(face: str) -> None:
    box = inked(BARRED[0], face)
    flag, bar = pen_strokes(*BARRED, box, np.random.default_rng(1), waver=0.0)
    middle = box.x + box.width / 2
    assert flag[:, 0].min() < middle - 0.25 * box.height, "the flag reaches out to the left"
    assert flag[:, 0].max() < middle + 0.1 * box.height, "and not to the right"
    assert np.abs(flag[:, 1] - box.y).max() < 0.1 * box.height, "at the head"
    assert bar[:, 0].min() < middle < bar[:, 0].max(), "the bar crosses the stem"
    assert np.abs(bar[:, 1] - (box.y + box.height / 2)).max() < 0.1 * box.height, "half way up"


@pytest.mark.parametrize(("old", "new"), PAIRS)
def test_strokes_stay_about_their_digit_and_go_where_it_goes(old: str, new: str) -> None:
    box = BoxMm(2.0, 3.0, 1.2, 2.0)
    moved = BoxMm(12.0, 23.0, 1.2, 2.0)
    drawn = pen_strokes(old, new, box, np.random.default_rng(3), waver=0.07)
    points = np.concatenate(drawn)
    assert points[:, 1].min() > box.y - 0.35 * box.height
    assert points[:, 1].max() < box.y + 1.35 * box.height
    assert points[:, 0].min() > box.x - 1.3 * box.width
    assert points[:, 0].max() < box.x + 2.3 * box.width
    for a, b in zip(drawn, pen_strokes(old, new, moved, np.random.default_rng(3), waver=0.07), strict=True):
        np.testing.assert_allclose(b - a, np.broadcast_to([10.0, 20.0], a.shape), atol=1e-9)


def test_what_is_added_to_a_thin_digit_is_not_thin() -> None:
    thin, wide = BoxMm(0.0, 0.0, 0.2, 2.0), BoxMm(0.0, 0.0, 1.4, 2.0)
    spans = []
    for box in (thin, wide):
        points = np.concatenate(pen_strokes("1", "4", box, np.random.default_rng(1), waver=0.0))
        spans.append(np.ptp(points[:, 0]))
    assert spans[0] > 0.45 * 2.0, "a four needs a bar of its own width"
    assert spans[1] > spans[0]


@pytest.mark.parametrize(("old", "new"), PAIRS)
def test_an_unsteady_hand_strays_further(old: str, new: str) -> None:
    box = BoxMm(0.0, 0.0, 1.2, 2.0)
    meant = np.concatenate(pen_strokes(old, new, box, np.random.default_rng(1), waver=0.0))
    strays = []
    for waver in (0.025, 0.07):  # of a good hand and of a clumsy one
        drawn = [np.concatenate(pen_strokes(old, new, box, np.random.default_rng(s), waver=waver)) for s in range(40)]
        strays.append(np.sqrt(np.mean([np.square(one - meant).sum(axis=1).mean() for one in drawn])))
    # Each point strays by one share and each stroke by six tenths of it, of a box 1.2 mm by 2.0 mm.
    assert 0.025 * 2.0 * 0.7 < strays[0] < 0.025 * 2.0 * 1.6
    assert strays[1] == pytest.approx(strays[0] * 0.07 / 0.025, rel=0.02)


def test_the_same_hand_draws_the_same_and_no_two_hands_do() -> None:
    box = BoxMm(0.0, 0.0, 1.2, 2.0)
    one, again, other = (pen_strokes("5", "8", box, np.random.default_rng(s), waver=0.05) for s in (4, 4, 5))
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_strokes_are_smooth_curves() -> None:
    for old, new in PAIRS:
        for curve in pen_strokes(old, new, BoxMm(0.0, 0.0, 1.2, 2.0), np.random.default_rng(1), waver=0.0):
            steps = np.diff(curve, axis=0)
            lengths = np.hypot(*steps.T)
            assert lengths.max() < 0.2, "no gap a pen would have to jump"
            turns = np.abs(np.diff(np.unwrap(np.arctan2(steps[:, 1], steps[:, 0]))))
            assert turns[lengths[1:] > 1e-6].max() < 0.6, f"{old} to {new}: a corner no hand draws"


@pytest.mark.parametrize(
    ("key", "value", "style", "wanted"),
    [
        ("expiry_date", "15.03.2029", "dd.mm.yyyy", {"15.08.2029", "16.03.2029", "18.03.2029", "19.03.2029"}),
        ("birth_date", "21/04/1973", "dd/mm/yyyy", {"24/04/1973", "27/04/1973", "21/09/1973", "21/04/1978"}),
        ("birth_date", "11 NOV 1985", "dd MMM yyyy", {"14 NOV 1985", "17 NOV 1985", "11 NOV 1986", "11 NOV 1989"}),
        ("number", "K1034", "dd.mm.yyyy", {"K4034", "K7034", "K1634", "K1834", "K1934", "K1084", "K1039"}),
    ],
)
def test_values_are_those_that_added_strokes_can_make(key: str, value: str, style: str, wanted: set[str]) -> None:
    found = set(pen_values(key, value, style))
    assert wanted <= found
    for one in found:
        changed = [(a, b) for a, b in zip(value, one, strict=True) if a != b]
        assert len(changed) == 1
        assert all(b in CHARACTER_LOOKALIKES[a] for a, b in changed)


def test_an_expiry_only_moves_on_and_a_date_stays_one() -> None:
    found = pen_values("expiry_date", "30.10.2031", "dd.mm.yyyy")
    days = [date(int(one[6:]), int(one[3:5]), int(one[:2])) for one in found]  # raises where it is none
    assert days
    assert all(date(2031, 10, 30) < day < date(2061, 1, 1) for day in days)
    assert "30.40.2031" not in found
    assert "38.10.2031" not in found
    born = pen_values("birth_date", "05.01.2000", "dd.mm.yyyy")
    assert "09.01.2000" in born
    assert not any(one.endswith(("2600", "2060", "2006", "2800", "2900")) and int(one[6:]) > 2010 for one in born)


@pytest.mark.parametrize(
    ("key", "value", "style"),
    [
        ("surname", "L1", "dd.mm.yyyy"),
        ("number", "222", "dd.mm.yyyy"),  # nothing can be added to a two
        ("expiry_date", "no date", "dd.mm.yyyy"),
        ("birth_date", "22 XXX 2222", "dd MMM yyyy"),
    ],
)
def test_where_no_stroke_helps_there_is_no_value(key: str, value: str, style: str) -> None:
    assert pen_values(key, value, style) == ()
