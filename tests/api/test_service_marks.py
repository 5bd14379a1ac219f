"""The marks on the document's picture: within it, and the number never on what the frame shows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.viewer.marks import BoxMm, Mark, place_marks

PASSPORT = (125.0, 88.0)
MRZ, PHOTO, TEXT, DIGIT = (
    (2.0, 65.0, 121.0, 20.0),
    (6.0, 15.0, 32.0, 40.0),
    (45.0, 15.0, 70.0, 40.0),
    (60.0, 76.0, 3, 4),
)


def is_clear(mark: Mark, box: BoxMm) -> bool:
    x, y, radius = mark.disc
    return (
        x + radius <= box[0] + 1e-6
        or x - radius >= box[0] + box[2] - 1e-6
        or y + radius <= box[1] + 1e-6
        or y - radius >= box[1] + box[3] - 1e-6
    )


@pytest.mark.parametrize("region", [MRZ, PHOTO, TEXT, DIGIT, (0.0, 0.0, 3.0, 3.0), (122.0, 85.0, 3.0, 3.0)])
def test_disc_stands_outside_its_frame(region: BoxMm) -> None:
    ((mark,),) = place_marks([[region]], PASSPORT)
    assert is_clear(mark, mark.box)


def test_discs_are_clear_of_the_other_frames_and_of_each_other() -> None:
    marks = [mark for places in place_marks([[PHOTO], [TEXT], [MRZ]], PASSPORT) for mark in places]
    for mark in marks:
        for other in marks:
            assert is_clear(mark, other.box)
            x, y, radius = other.disc
            assert mark is other or is_clear(mark, (x - radius, y - radius, 2 * radius, 2 * radius))


@pytest.mark.parametrize("line", [70.0, 78.0])
def test_disc_of_a_field_covers_none_of_its_neighbours_in_the_zone(line: float) -> None:
    zone = (4.0, 69.0, 115.0, 14.0)
    ((mark,),) = place_marks([[(58.0, line, 15.0, 3.2)]], PASSPORT, [zone])
    _, y, radius = mark.disc
    overlap = max(0.0, min(y + radius, zone[1] + zone[3]) - max(y - radius, zone[1]))
    assert overlap < 1.0  # its edge may touch the zone's blank margin, and covers no character
    assert mark.lead is None


def test_disc_that_finds_no_room_beside_its_frame_stands_below_with_a_line() -> None:
    zone = (4.0, 36.0, 77.0, 14.0)
    for region in [(5.0, 42.0, 16.0, 3.0), (77.0, 42.0, 2.0, 3.0)]:
        ((mark,),) = place_marks([[region]], (85.6, 54.0), [zone])
        assert is_clear(mark, zone)
        assert mark.lead is not None
        assert mark.box[0] <= mark.lead[0] <= mark.box[0] + mark.box[2]
        assert mark.lead[1] == pytest.approx(mark.box[1] + mark.box[3])


sides = st.floats(0, 1)


@given(st.lists(st.lists(st.tuples(sides, sides, sides, sides), max_size=3), max_size=4))
def test_marks_lie_within_the_document(shares: list[list[BoxMm]]) -> None:
    width, height = size = (85.6, 54.0)
    regions = [[(a * width, b * height, c * (1 - a) * width, d * (1 - b) * height) for a, b, c, d in p] for p in shares]
    placed = place_marks(regions, size)
    assert [len(marks) for marks in placed] == [len(places) for places in shares]
    for mark in (mark for marks in placed for mark in marks):
        x, y, radius = mark.disc
        assert radius - 1e-6 <= x <= width - radius + 1e-6
        assert radius - 1e-6 <= y <= height + 1.2 * radius
        assert mark.box[0] >= 0
        assert mark.box[0] + mark.box[2] <= width + 1e-6
