"""The finished object: what ink takes and gives, what lies on the sheet, what is cut out of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dafec.specimens.compose import compose, rounded_outline
from dafec.specimens.drawing import draw_discs, draw_polygons
from dafec.specimens.inks import ink, substrate
from dafec.specimens.model import Appearance, Artwork, Grid, Ink, Laminate, Perforation, Piece, Plate, Substrate

GRID = Grid(20, 14, 600)
EVEN = replace(substrate("security_paper"), mottle=0.0, uv_mottle=0.0)


def block(own: Ink, value: int = 255, origin: tuple[int, int] = (50, 40)) -> Plate:
    return Plate("background", own, np.full((100, 200), value, np.uint8), origin)


def sheet(*plates: Plate, paper: Substrate = EVEN) -> Artwork:
    return Artwork(GRID, paper, plates)


INSIDE, OUTSIDE = (slice(60, 120), slice(80, 220)), (slice(200, 300), slice(300, 400))


def test_no_ink_leaves_the_substrate() -> None:
    blank = compose(sheet(), 1)
    none = compose(sheet(block(ink("carbon_black"), 0), block(ink("uv_red"), 0)), 1)
    np.testing.assert_array_equal(blank.reflectance, none.reflectance)
    np.testing.assert_array_equal(blank.fluorescence, none.fluorescence)
    np.testing.assert_allclose(blank.reflectance[5, 5], EVEN.reflectance, atol=1e-5)
    np.testing.assert_allclose(blank.fluorescence[5, 5], EVEN.fluorescence, atol=1e-6)
    assert blank.shade is None
    assert blank.gloss is None
    assert blank.outside is None


@pytest.mark.parametrize("value", [255, 128, 20])
def test_a_film_takes_what_murray_and_davies_say(value: int) -> None:
    own = ink("offset_teal")
    seen = compose(sheet(block(own, value)), 1).reflectance
    c = value / 255
    expected = np.array(EVEN.reflectance) * (1 - c * (1 - 10.0 ** -np.array(own.density)))
    np.testing.assert_allclose(seen[INSIDE].reshape(-1, 4).mean(axis=0), expected, rtol=1e-3)
    np.testing.assert_allclose(seen[OUTSIDE].reshape(-1, 4).mean(axis=0), EVEN.reflectance, rtol=1e-3)


def test_films_multiply_whatever_their_order() -> None:
    a, b = block(ink("offset_sky"), 200), block(ink("offset_rose"), 90, (80, 60))
    one, two = compose(sheet(a, b), 1), compose(sheet(b, a), 1)
    np.testing.assert_allclose(one.reflectance, two.reflectance, rtol=1e-5)


def test_printing_never_makes_reflected_light() -> None:
    names = ("offset_sky", "uv_red", "uv_blue", "carbon_black", "duo_ochre_green", "glue")
    bare = compose(sheet(), 1).reflectance
    printed = compose(sheet(*(block(ink(n), 180, (20 * i, 15 * i)) for i, n in enumerate(names))), 1).reflectance
    assert (printed <= bare + 1e-6).all()
    assert (printed >= 0).all()


def test_luminescent_ink_glows_and_print_above_it_dims_it() -> None:
    glowing = compose(sheet(block(ink("uv_red"))), 1).fluorescence[INSIDE].mean(axis=(0, 1))
    hidden = compose(sheet(block(ink("uv_red")), block(ink("carbon_black"))), 1).fluorescence[INSIDE].mean(axis=(0, 1))
    over = compose(sheet(block(ink("carbon_black")), block(ink("uv_red"))), 1).fluorescence[INSIDE].mean(axis=(0, 1))
    assert glowing[0] > 8 * EVEN.fluorescence[0]
    assert glowing[0] > 3 * glowing[2]
    assert hidden[0] < 0.05 * glowing[0]
    assert over[0] > 0.8 * glowing[0]


def test_luminescent_ink_is_not_seen_by_day() -> None:
    seen = compose(sheet(block(ink("uv_blue"))), 1).reflectance
    assert np.abs(seen[INSIDE].mean(axis=(0, 1)) - EVEN.reflectance).max() < 0.03


def test_twins_part_only_in_infrared() -> None:
    plates = (block(ink("split_green_clear")), block(ink("split_green_dark"), origin=(50, 180)))
    seen = compose(sheet(*plates), 1).reflectance
    clear, dark = seen[INSIDE].mean(axis=(0, 1)), seen[200:260, 80:220].mean(axis=(0, 1))
    assert np.abs(clear[:3] - dark[:3]).max() < 0.02
    assert clear[3] > 3 * dark[3]


def test_plates_over_the_edge_are_cut() -> None:
    h, w = GRID.shape
    inside = compose(sheet(block(ink("carbon_black"), origin=(-100, -50))), 1).reflectance
    assert inside[20, 50, 0] < 0.1
    assert inside[20, 150, 0] > 0.5
    away = compose(sheet(block(ink("carbon_black"), origin=(w + 10, h + 10))), 1)
    np.testing.assert_array_equal(away.reflectance, compose(sheet(), 1).reflectance)


def test_paper_is_uneven_as_it_says_and_alike_for_one_seed() -> None:
    paper = substrate("office_paper")
    one, again, other = (compose(sheet(paper=paper), seed).reflectance[..., 1] for seed in (4, 4, 5))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)
    assert one.std() / one.mean() == pytest.approx(paper.mottle, rel=0.25)
    assert one.mean() == pytest.approx(paper.reflectance[1], rel=0.01)


def patch(angle: float = 0.0, glue: Ink | None = None, *, below: bool = True) -> Piece:
    small = Grid(6, 5, 600)
    art = Artwork(small, replace(substrate("photo_paper"), mottle=0.0, uv_mottle=0.0), ())
    return Piece(art, (7.0, 4.0), np.full(small.shape, 255, np.uint8), 120.0, angle, glue, below)


def at(seen: Appearance, x_mm: float, y_mm: float) -> tuple[int, int]:
    return round(y_mm * seen.grid.px_per_mm), round(x_mm * seen.grid.px_per_mm)


def test_a_piece_hides_the_sheet_and_throws_a_shadow() -> None:
    work = replace(
        sheet(Plate("background", ink("carbon_black"), np.full(GRID.shape, 255, np.uint8))), pieces=(patch(),)
    )
    seen = compose(work, 1)
    photo = substrate("photo_paper")
    np.testing.assert_allclose(seen.reflectance[at(seen, 10, 6.5)], photo.reflectance, rtol=1e-3)
    np.testing.assert_allclose(seen.fluorescence[at(seen, 10, 6.5)], photo.fluorescence, rtol=1e-3)
    assert seen.reflectance[at(seen, 3, 3)][0] < 0.1
    assert seen.shade is not None
    assert seen.shade[at(seen, 13.05, 6.5)] < 0.95, "shadow on the side away from the light"
    assert seen.shade[at(seen, 6.97, 6.5)] > 0.95
    assert seen.shade[at(seen, 2, 2)] == 1.0


def test_a_turned_piece_turns_about_its_middle() -> None:
    work = replace(sheet(), pieces=(patch(angle=45.0),))
    seen = compose(work, 1)
    glow = seen.fluorescence[..., 2]
    assert glow[at(seen, 10, 6.5)] > 0.5
    assert glow[at(seen, 7.2, 4.2)] < 0.1
    bright = np.argwhere(glow > 0.3).mean(axis=0) / seen.grid.px_per_mm
    np.testing.assert_allclose(bright, [6.5, 10.0], atol=0.1)
    assert (glow > 0.3).sum() / seen.grid.px_per_mm**2 == pytest.approx(30, rel=0.02)


def test_glue_glows_round_the_piece() -> None:
    plain = compose(replace(sheet(), pieces=(patch(),)), 1)
    glued = compose(replace(sheet(), pieces=(patch(glue=ink("glue")),)), 1)
    ring = (glued.fluorescence - plain.fluorescence)[..., 2]
    assert ring[at(glued, 13.15, 6.5)] > 0.02
    assert abs(ring[at(glued, 10, 6.5)]) < 1e-6
    assert abs(ring[at(glued, 17, 12)]) < 1e-6


def test_a_piece_may_lie_above_the_laminate() -> None:
    film = Laminate(density=(0.1, 0.1, 0.1, 0.0))
    below = compose(replace(sheet(), pieces=(patch(),), laminate=film), 1)
    above = compose(replace(sheet(), pieces=(patch(below=False),), laminate=film), 1)
    assert above.reflectance[at(above, 10, 6.5)][0] > 1.2 * below.reflectance[at(below, 10, 6.5)][0]


def test_a_piece_half_off_the_sheet_is_cut() -> None:
    piece = replace(patch(), at_mm=(17.0, 11.0))
    seen = compose(replace(sheet(), pieces=(piece, replace(piece, at_mm=(40.0, 40.0)))), 1)
    assert seen.fluorescence[at(seen, 19.5, 13.5)][2] > 0.5


def test_holes_are_dark_in_every_light() -> None:
    holes = Perforation(np.array([[5.0, 5.0, 0.6], [6.0, 5.0, 0.6], [30.0, 5.0, 0.6]]))
    seen = compose(replace(sheet(), perforations=(holes,)), 1)
    assert (seen.reflectance[at(seen, 5, 5)] < 0.1).all()
    assert (seen.fluorescence[at(seen, 6, 5)] < 0.1 * np.array(EVEN.fluorescence)).all()
    assert seen.reflectance[at(seen, 5.5, 5)][0] > 0.7


def test_a_laminate_leaves_its_margin_bare() -> None:
    film = Laminate(density=(0.1, 0.1, 0.1, 0.0), edge_mm=2.0, gloss=0.7)
    seen = compose(replace(sheet(), laminate=film), 1)
    assert seen.gloss is not None
    assert seen.gloss[at(seen, 10, 7)] == pytest.approx(0.7)
    assert seen.gloss[at(seen, 1, 1)] < 0.2
    assert seen.reflectance[at(seen, 10, 7)][0] < 0.9 * seen.reflectance[at(seen, 1, 1)][0]


def test_corners_are_round() -> None:
    seen = compose(replace(sheet(), corner_mm=3.0), 1)
    assert seen.outside is not None
    assert seen.outside[0, 0] == 0
    assert seen.outside[at(seen, 10, 7)] == 255
    bare = (seen.outside < 128).sum() / seen.grid.px_per_mm**2
    assert bare == pytest.approx(9 * (4 - np.pi), rel=0.05)
    np.testing.assert_array_equal(seen.outside, rounded_outline(GRID, 3.0))


def test_artwork_is_left_as_it_was() -> None:
    drawn = draw_discs(GRID, np.array([[5.0, 5.0]]), 3.0)
    other = draw_polygons(GRID, [np.array([[8.0, 2], [12, 2], [12, 6]])])
    plates = (Plate("emblem", ink("offset_red"), *drawn), Plate("emblem", ink("uv_green"), *other))
    before = [p.coverage.copy() for p in plates]
    compose(sheet(*plates), 1)
    for plate, coverage in zip(plates, before, strict=True):
        np.testing.assert_array_equal(plate.coverage, coverage)
