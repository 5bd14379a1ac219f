"""Letters: heights, pitch, joining, the way lines run, and faces that are all there."""

from __future__ import annotations

from importlib import resources

import numpy as np
import pytest

from dafec.errors import InstallationError
from dafec.specimens.lettering import FACES, Jitter, draw_mrz, draw_text, draw_text_along, text_width_mm
from dafec.specimens.model import Grid, Mask

GRID = Grid(125, 30, 800)


def centres_mm(mask: Mask, x0: int) -> np.ndarray:
    """Centres of gravity of the upright stretches of ink."""
    ink = mask.sum(axis=0) > 0
    change = np.flatnonzero(np.diff(np.concatenate([[0], ink.astype(int), [0]])))
    weights = mask.sum(axis=0).astype(float)
    out = [np.average(np.arange(a, b), weights=weights[a:b]) for a, b in zip(change[::2], change[1::2], strict=True)]
    return (np.array(out) + 0.5 + x0) / GRID.px_per_mm


def test_zone_has_a_pitch_of_2_54_mm() -> None:
    (drawn, (x, _)), _ = draw_mrz(GRID, ["O" * 44, "I" * 44], 6.0, 15.0)
    centres = centres_mm(drawn, x)
    assert len(centres) == 44
    np.testing.assert_allclose(np.diff(centres), 2.54, atol=0.005)
    assert centres[0] == pytest.approx(6.0 + 1.27, abs=0.05)


def test_zone_lines_are_6_35_mm_apart() -> None:
    (a, (_, ya)), (b, (_, yb)) = draw_mrz(GRID, ["EEEE", "EEEE"], 6.0, 15.0)
    assert (yb - ya) / GRID.px_per_mm == pytest.approx(6.35, abs=0.04)
    assert abs(a.shape[0] - b.shape[0]) <= 1, "they may begin at another fraction of a pixel"


def test_jitter_moves_characters_and_nothing_else_does() -> None:
    straight = draw_mrz(GRID, ["OOOOOOOOOO"], 6.0, 15.0)[0]
    again = draw_mrz(GRID, ["OOOOOOOOOO"], 6.0, 15.0)[0]
    np.testing.assert_array_equal(straight[0], again[0])
    shaken = draw_mrz(GRID, ["OOOOOOOOOO"], 6.0, 15.0, jitter=Jitter(1, x_mm=0.15, y_mm=0.1))[0]
    assert np.std(np.diff(centres_mm(shaken[0], shaken[1][0]))) > 0.05


@pytest.mark.parametrize("face", sorted(FACES))
def test_a_capital_is_as_high_as_asked(face: str) -> None:
    drawn, (_, y) = draw_text(GRID, "ا" if face in ("naskh", "naskh_bold", "kufi_bold") else "H", (20, 20), 3.0, face)
    assert drawn.shape[0] / GRID.px_per_mm == pytest.approx(3.0, abs=0.15)
    assert (y + drawn.shape[0]) / GRID.px_per_mm == pytest.approx(20, abs=0.1)


def test_arabic_is_joined() -> None:
    joined = text_width_mm("جمهورية", 3.0, "naskh")
    apart = sum(text_width_mm(c, 3.0, "naskh") for c in "جمهورية")
    assert joined < 0.95 * apart, "letters within a word are narrower than alone"
    together, _ = draw_text(GRID, "جمه", (60, 20), 6.0, "naskh")
    ink = together.sum(axis=0) > 0
    assert ink.all(), "three joined letters are one stretch of ink"


def test_arabic_runs_from_the_right() -> None:
    whole = draw_text(GRID, "اب", (60, 20), 6.0, "naskh", anchor="right")[0]
    columns = whole.sum(axis=0) > 0
    right = whole[:, -whole.shape[1] // 4 :]
    assert columns[-1]
    assert (right.sum(axis=1) > 0).mean() > 0.6, "the alef, tall and first, stands on the right"


def test_digits_in_an_arabic_line_run_from_the_left() -> None:
    line = draw_text(GRID, "من 17", (100, 20), 4.0, "naskh", anchor="right")[0]
    digits = draw_text(GRID, "17", (100, 20), 4.0, "naskh", anchor="right")[0]
    width = digits.shape[1]
    rows = min(len(line), len(digits))
    overlap = np.corrcoef(line[:rows, :width].ravel(), digits[:rows].ravel())[0, 1]
    assert overlap > 0.5


def test_letters_the_face_lacks_come_from_its_companion() -> None:
    assert text_width_mm("Name (الاسم)", 2.0, "sans") > text_width_mm("Name ()", 2.0, "sans") + 1
    missing = draw_text(GRID, "\ufffe", (10, 10), 3.0, "naskh")[0]
    bracket = draw_text(GRID, "(", (10, 10), 3.0, "naskh")[0]
    assert bracket.shape != missing.shape


@pytest.mark.parametrize("anchor", ["left", "centre", "right"])
def test_anchors(anchor: str) -> None:
    drawn, (x, _) = draw_text(GRID, "MARIA", (60, 20), 3.0, "sans", anchor=anchor)  # type: ignore[arg-type]
    at = {"left": x, "centre": x + drawn.shape[1] / 2, "right": x + drawn.shape[1]}[anchor] / GRID.px_per_mm
    assert at == pytest.approx(60, abs=0.5)


def test_microtext_follows_its_curve() -> None:
    x = np.arange(5, 120, 0.2)
    curve = np.stack([x, 15 + 4 * np.sin(x * 0.1)], 1)
    drawn, (x0, y0) = draw_text_along(GRID, "MICRO ", curve, 0.25)
    rows, columns = np.nonzero(drawn > 60)
    px, py = (columns + x0) / GRID.px_per_mm, (rows + y0) / GRID.px_per_mm
    above = 15 + 4 * np.sin(px * 0.1) - py
    assert above.min() > -0.12
    assert above.max() < 0.45
    assert px.max() > 117


def test_faces_and_licences_are_in_the_package() -> None:
    fonts = resources.files("dafec.specimens").joinpath("fonts")
    names = {entry.name for entry in fonts.iterdir()}
    assert set(FACES.values()) <= names
    assert {n for n in names if n.endswith((".ttf", ".otf"))} == set(FACES.values()), "no font without a use"
    assert {"LICENSE-Noto.txt", "LICENSE-Lato.txt", "LICENSE-DejaVu.txt", "LICENSE-OCRB.txt"} <= names


def test_an_unknown_face_is_told() -> None:
    with pytest.raises(InstallationError):
        draw_text(GRID, "A", (1, 1), 2.0, "blackletter")
