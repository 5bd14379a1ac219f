"""Which pages of a capture are sides of one document: drawn scenes with zones where a reader would find them."""

from __future__ import annotations

import numpy as np
import pytest

from dafec.capture import CapturedPage
from dafec.page_sides import MOST_SIDES, PageRead, choose_document
from tests.synthetic_pages import (
    Look,
    frame,
    page_homography,
    place,
    read_of,
    reader_capture,
    reader_read,
    render,
    turned_corners,
    zone_quad,
)

CARD = Look(fmt="TD1", lights=("visible",))


def _glass(*documents, level=28):
    """A scan with documents ``(look, centre_px, angle)``, and the reads of those that are said to have a zone."""
    image = np.full((1500, 1500, 3), level, np.uint8)
    reads = []
    for look, centre, angle, has_zone in documents:
        corners = turned_corners(look.fmt, 8.0, centre, angle)
        image = place(render(look)["visible"], image, corners)
        if has_zone:
            reads.append(read_of(look.fmt, zone_quad(look.fmt, page_homography(corners, look.fmt))))
    return PageRead(CapturedPage({"visible": frame(image, dpi=8 * 25.4)}), tuple(reads), (), None)


def _reader(look, *, has_zone=True):
    zones = (reader_read(look),) if has_zone else ()
    return PageRead(reader_capture(look), zones, (), None)


def test_both_sides_of_a_card_on_one_glass_are_found_and_belong_together():
    page = _glass((CARD, (700, 380), 3, False), (CARD, (750, 1050), -4, True))
    chosen = choose_document([page])
    assert chosen.main.read is page.zones[0]
    assert chosen.main.page.mrz_boxes_mm
    (side,) = chosen.sides
    assert (side.number, side.read, side.page.format) == (0, None, "TD1")
    assert side.page.outline_px.array().mean(axis=0) == pytest.approx((700, 380), abs=8)
    assert chosen.others == ()


def test_something_of_another_size_beside_the_document_is_no_side():
    page = _glass((Look(fmt="TD3", lights=("visible",)), (640, 420), 0, False), (CARD, (750, 1150), 0, True))
    assert choose_document([page]).sides == ()


def test_every_page_of_a_capture_is_a_side_and_the_one_with_the_zone_the_document():
    front, back = _reader(CARD, has_zone=False), _reader(CARD)
    chosen = choose_document([front, back])
    assert (chosen.main.number, [side.number for side in chosen.sides]) == (1, [0])
    assert chosen.sides[0].read is None
    assert set(chosen.sides[0].page.images) == {"visible"}


def test_a_second_zone_is_a_side_of_its_own_and_named_among_the_others():
    chosen = choose_document([_reader(Look()), _reader(Look(seed=3))])
    assert chosen.sides[0].read is not None
    assert chosen.others == (chosen.sides[0].read,)
    two = _glass((CARD, (700, 380), 0, True), (CARD, (750, 1050), 0, True))
    on_glass = choose_document([two])
    assert [side.read for side in on_glass.sides] == [two.zones[1]]


def test_without_any_zone_the_first_page_is_the_document():
    chosen = choose_document([_reader(CARD, has_zone=False), _reader(CARD, has_zone=False)])
    assert (chosen.main.number, chosen.main.read, len(chosen.sides)) == (0, None, 1)


def test_no_more_sides_than_one_screening_looks_at():
    pages = [
        _reader(Look(fmt="TD1", lights=("visible",), px_per_mm=4.0), has_zone=False) for _ in range(MOST_SIDES + 3)
    ]
    assert len(choose_document(pages).sides) == MOST_SIDES


def test_a_page_whose_reader_broke_off_says_so():
    broken = PageRead(reader_capture(CARD), (), (), None, broke_off=True)
    chosen = choose_document([_reader(CARD), broken])
    assert chosen.sides[0].broke_off
    assert not chosen.main.broke_off
