import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dafec.capture import CapturedPage
from dafec.geometry import FORMAT_SIZE_MM, Quad
from dafec.ocr.types import CharRead, LineRead, MrzRead
from dafec.outline import expected_zone_mm
from dafec.page import find_pages, format_of_read
from dafec.sides import map_points
from tests.synthetic_pages import (
    Look,
    frame,
    page_homography,
    place,
    read_of,
    reader_capture,
    reader_page,
    reader_read,
    render,
    turned_corners,
    zone_quad,
)

A4_MM = (210, 297)


def _lid(px_per_mm, level):
    rng = np.random.default_rng(5)
    shape = (round(A4_MM[1] * px_per_mm), round(A4_MM[0] * px_per_mm), 3)
    return np.clip(level + rng.normal(0, 1.5, shape), 0, 255).astype(np.uint8)


def _scan(documents, px_per_mm=8.0, level=245):
    """An A4 scan with documents ``(look, centre_mm, angle_deg)``; the image, their corners and reads."""
    image, corners, reads = _lid(px_per_mm, level), [], []
    for look, centre, angle in documents:
        where = turned_corners(look.fmt, px_per_mm, (centre[0] * px_per_mm, centre[1] * px_per_mm), angle)
        image = place(render(look)["visible"], image, where)
        corners.append(where)
        reads.append(read_of(look.fmt, zone_quad(look.fmt, page_homography(where, look.fmt))))
    return image, corners, reads


def _captured(image, dpi=None):
    return CapturedPage({"visible": frame(image, dpi=dpi)})


def _error_mm(page, truth):
    """Largest distance of a corner from its true place, millimetres on the document."""
    scale = math.hypot(*(truth[1] - truth[0])) / page.width_mm
    return float(np.linalg.norm(page.outline_px.array() - truth, axis=1).max()) / scale


VISIBLE = ("visible",)


@pytest.mark.parametrize("level", [245, 20], ids=["white-lid", "black-lid"])
@pytest.mark.parametrize("angle", [0, 4, 90, 176, 270, -8])
def test_flatbed_scan_is_cut_out_upright(angle, level):
    look = Look(lights=VISIBLE)
    image, (truth,), reads = _scan([(look, (100, 130), angle)], level=level)
    (page,) = find_pages(_captured(image), reads)
    assert page.outline_source == "edges"
    assert _error_mm(page, truth) < 0.4
    assert page.format == "TD3"
    assert page.dpi == pytest.approx(8.0 * 25.4, rel=0.005)
    assert page.images["visible"].shape == pytest.approx((88 * 8, 125 * 8, 3), abs=6)
    reference = cv2.cvtColor(render(look)["visible"], cv2.COLOR_RGB2GRAY)
    got = cv2.cvtColor(page.images["visible"], cv2.COLOR_RGB2GRAY)
    reference = cv2.resize(reference, got.shape[::-1])
    assert np.corrcoef(reference.ravel(), got.ravel())[0, 1] > 0.9


@pytest.mark.parametrize("fmt", ["TD1", "TD2", "TD3", "MRV-A", "MRV-B"])
def test_every_format_is_found_where_it_lies(fmt):
    image, (truth,), reads = _scan([(Look(fmt=fmt, lights=VISIBLE), (90, 90), 3)])
    (page,) = find_pages(_captured(image), reads)
    assert page.format == fmt
    assert (page.width_mm, page.height_mm) == FORMAT_SIZE_MM[fmt]
    assert _error_mm(page, truth) < 0.5


def test_zone_boxes_lie_where_the_standard_puts_the_lines():
    look = Look()
    page = reader_page(look)
    nominal = expected_zone_mm("TD3")
    first, second = page.mrz_boxes_mm
    assert first[0] == pytest.approx(nominal[0, 0], abs=0.5)
    assert first[1] == pytest.approx(nominal[0, 1], abs=0.6)
    assert second[1] + second[3] == pytest.approx(nominal[2, 1], abs=0.6)


def test_boxes_come_from_the_characters_where_they_were_read():
    look = Look(lights=VISIBLE)
    quad = reader_read(look)
    corners = quad.corners_px.array()

    def line(y):
        xs = np.linspace(corners[0, 0] + 6, corners[1, 0] - 6, 44)
        return LineRead(tuple(CharRead("A", 1.0, (), (float(x), float(y))) for x in xs), 21.0)

    rows = (corners[0, 1] + 10, corners[3, 1] - 10)
    read = MrzRead("read", "TD3", tuple(line(y) for y in rows), quad.corners_px, 1.0)
    (page,) = find_pages(reader_capture(look), [read])
    top, bottom = page.mrz_boxes_mm
    assert bottom[1] - top[1] == pytest.approx((rows[1] - rows[0]) / look.px_per_mm, abs=0.2)
    assert top[2] == pytest.approx(110.9, abs=2.0)


def test_two_documents_on_the_glass_give_two_pages_in_the_order_of_their_reads():
    looks = [(Look(fmt="TD1", lights=VISIBLE), (60, 60), 5), (Look(lights=VISIBLE, seed=2), (100, 200), -3)]
    image, truths, reads = _scan(looks)
    pages = find_pages(_captured(image), reads)
    assert [page.format for page in pages] == ["TD1", "TD3"]
    assert max(_error_mm(page, truth) for page, truth in zip(pages, truths, strict=True)) < 0.5


def test_a_second_document_without_a_zone_is_found_beside_the_first():
    looks = [(Look(fmt="TD1", lights=VISIBLE), (60, 60), 5), (Look(fmt="TD1", lights=VISIBLE, seed=2), (100, 200), -3)]
    image, truths, reads = _scan(looks, level=20)
    with_zone, without = find_pages(_captured(image), reads[:1])
    assert with_zone.mrz_boxes_mm
    assert not without.mrz_boxes_mm
    assert without.format == "TD1"
    assert _error_mm(without, truths[1]) < 0.6


def test_a_card_without_a_zone_is_cut_out_in_landscape():
    image, (truth,), _ = _scan([(Look(fmt="TD1", lights=VISIBLE), (90, 120), 92)], level=20)
    (page,) = find_pages(_captured(image, dpi=8 * 25.4), [])
    assert page.outline_source == "edges"
    assert page.format == "TD1"
    assert page.width_mm > page.height_mm
    found = page.outline_px.array()
    distances = [np.linalg.norm(found - corner, axis=1).min() for corner in truth]
    assert max(distances) < 4


def test_open_booklet_gives_the_half_with_the_zone():
    look = Look(lights=VISIBLE)
    px = look.px_per_mm
    data = render(look)["visible"]
    other = render(Look(lights=VISIBLE, seed=9))["visible"]
    booklet = np.vstack([other, data]).astype(np.float32)
    fold = np.exp(-(((np.arange(len(booklet)) - len(other)) / (0.7 * px)) ** 2) / 2)  # its shadow
    booklet = (booklet * (1 - 0.35 * fold[:, None, None])).astype(np.uint8)
    image = _lid(px, 20)
    corners = np.array([[40, 50], [165, 50], [165, 226], [40, 226]], float) * px
    image = place(booklet, image, corners)
    truth = np.array([[40, 138], [165, 138], [165, 226], [40, 226]], float) * px
    read = read_of("TD3", zone_quad("TD3", page_homography(truth, "TD3")))
    (page,) = find_pages(_captured(image), [read])
    assert _error_mm(page, truth) < 1.6  # the shadow is three millimetres wide


@pytest.mark.parametrize(
    "corners",
    [
        [[420, 330], [1270, 360], [1380, 960], [330, 930]],
        [[350, 300], [1300, 420], [1250, 1050], [300, 900]],
        [[500, 250], [1250, 300], [1350, 870], [380, 820]],
    ],
    ids=["tilted-back", "turned", "both"],
)
def test_hand_held_photo_is_straightened(corners):
    look = Look(lights=VISIBLE, px_per_mm=12)
    rng = np.random.default_rng(3)
    grain = cv2.GaussianBlur(rng.normal(0, 1, (1200, 1600)).astype(np.float32), (0, 0), sigmaX=40, sigmaY=2)
    table = np.clip(np.array([90, 60, 40]) + 160 * grain[..., None], 0, 255).astype(np.uint8)
    truth = np.array(corners, float)
    image = place(render(look)["visible"], table, truth)
    read = read_of("TD3", zone_quad("TD3", page_homography(truth, "TD3")))
    (page,) = find_pages(_captured(image), [read])
    assert page.outline_source == "edges"
    assert _error_mm(page, truth) < 1.2


def test_document_that_fills_the_frame_ends_at_its_border():
    look = Look(lights=VISIBLE)
    image = render(look)["visible"]
    scale = look.px_per_mm
    matrix = np.array([[scale, 0, -0.5], [0, scale, -0.5], [0, 0, 1.0]])
    (page,) = find_pages(_captured(image), [read_of("TD3", zone_quad("TD3", matrix))])
    height, width = image.shape[:2]
    truth = np.array([[-0.5, -0.5], [width - 0.5, -0.5], [width - 0.5, height - 0.5], [-0.5, height - 0.5]])
    assert _error_mm(page, truth) < 1.0
    assert page.outline_source in ("filled", "edges")
    assert page.cropped_fraction < 0.01


def test_where_no_edge_shows_the_zone_tells_the_outline():
    image = np.full((900, 1400, 3), 180, np.uint8)
    truth = turned_corners("TD3", 6.0, (700, 450), 7)
    (page,) = find_pages(_captured(image), [read_of("TD3", zone_quad("TD3", page_homography(truth, "TD3")))])
    assert page.outline_source == "mrz"
    assert _error_mm(page, truth) < 0.2


def test_what_lies_outside_the_frame_is_told():
    image = np.full((500, 900, 3), 180, np.uint8)
    truth = turned_corners("TD3", 6.0, (450, 150), 0)
    (page,) = find_pages(_captured(image), [read_of("TD3", zone_quad("TD3", page_homography(truth, "TD3")))])
    assert page.cropped_fraction == pytest.approx(114 / 528, abs=0.02)


def test_a_zone_and_edges_that_contradict_each_other_leave_the_zone_in_the_right():
    image = np.full((900, 1400, 3), 30, np.uint8)
    cv2.rectangle(image, (300, 100), (500, 800), (220, 220, 220), -1)
    truth = turned_corners("TD3", 6.0, (700, 450), 0)
    read = read_of("TD3", zone_quad("TD3", page_homography(truth, "TD3")))
    page = find_pages(_captured(image), [read])[0]
    seen = map_points(np.linalg.inv(page_homography(page.outline_px.array(), "TD3")), read.corners_px.array())
    assert np.abs(seen - expected_zone_mm("TD3")).max() < 5.5


def test_without_anything_the_whole_frame_is_the_page():
    (page,) = find_pages(_captured(np.full((300, 500, 3), 128, np.uint8)), [])
    assert page.outline_source == "frame"
    assert page.format is None
    assert page.dpi is None
    assert page.outline_px.as_list()[0] == [-0.5, -0.5]


def test_a_frame_of_a_cards_size_is_a_card():
    (page,) = find_pages(_captured(np.full((638, 1011, 3), 128, np.uint8), dpi=300), [])
    assert page.format == "TD1"
    assert page.dpi == pytest.approx(300, rel=0.01)


@pytest.mark.parametrize("dpi", [None, 72])
def test_the_proportions_of_a_frame_without_a_document_tell_no_format(dpi):
    (page,) = find_pages(_captured(np.full((638, 1011, 3), 128, np.uint8), dpi=dpi), [])
    assert page.outline_source == "frame"
    assert page.format is None
    assert page.dpi is None


def _printed_all_over(fmt):
    image = render(Look(fmt=fmt, lights=VISIBLE))["visible"].astype(np.float32)
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    waves = 14 * np.sin(columns / 4 + 2 * np.sin(rows / 11)) * np.sin(rows / 5)
    return np.clip(image - 20 + waves[..., None], 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("fmt", "dpi"), [("TD1", None), ("TD3", None), ("TD1", 96)])
def test_a_document_without_a_zone_that_fills_the_frame_is_the_frame(fmt, dpi):
    image = _printed_all_over(fmt)
    mask = np.zeros((80, 128), np.float32)
    # The detector knows pages with zones, and sees a ragged part of one without.
    cv2.fillConvexPoly(mask, np.array([[0, 0], [127, 0], [0, 79]], np.int32), 0.9)
    (page,) = find_pages(_captured(image, dpi=dpi), [], mask)
    assert page.outline_source == "filled"
    assert page.format == fmt
    assert page.dpi == pytest.approx(Look().px_per_mm * 25.4, rel=0.02)
    for unlike in (None, 0.1 * mask):
        assert find_pages(_captured(image, dpi=dpi), [], unlike)[0].outline_source == "frame"


def test_a_header_band_is_not_taken_for_the_edge_of_the_page():
    look = Look(fmt="TD1", lights=VISIBLE)
    page_image = render(look)["visible"].copy()
    page_image[: round(1.5 * look.px_per_mm)] = (35, 40, 90)
    lid = np.full((1100, 1500, 3), 28, np.uint8)
    truth = turned_corners("TD1", 8.0, (740, 560), 4)
    image = place(page_image, lid, truth)
    for reads in ([], [read_of("TD1", zone_quad("TD1", page_homography(truth, "TD1")))]):
        (page,) = find_pages(_captured(image, dpi=8 * 25.4), reads)
        assert page.outline_source == "edges"
        assert min(_error_mm(page, np.roll(truth, k, axis=0)) for k in (0, 2)) < 1.0  # the band is 1.5 mm high


def test_a_card_on_a_busy_table_is_found_by_its_long_sides():
    rng = np.random.default_rng(5)
    grain = cv2.GaussianBlur(rng.normal(0, 1, (900, 1300)).astype(np.float32), (0, 0), 9)
    table = np.clip(110 + 420 * grain[..., None] * np.array([1.0, 0.8, 0.6]), 0, 255).astype(np.uint8)
    truth = turned_corners("TD1", 9.0, (640, 450), -6)
    image = place(render(Look(fmt="TD1", lights=VISIBLE))["visible"], table, truth)
    mask = np.zeros((90, 130), np.float32)
    cv2.fillConvexPoly(mask, np.rint(truth[[0, 1, 3]] / 10).astype(np.int32), 1.0)  # half of it is seen
    (page,) = find_pages(_captured(image), [], mask)
    assert page.outline_source == "edges"
    assert page.format == "TD1"
    assert min(_error_mm(page, np.roll(truth, k, axis=0)) for k in (0, 2)) < 1.5


def test_a_table_without_a_document_is_none():
    rng = np.random.default_rng(6)
    grain = cv2.GaussianBlur(rng.normal(0, 1, (900, 1300)).astype(np.float32), (0, 0), 4)
    table = np.clip(120 + 300 * grain[..., None] * np.array([1.0, 0.8, 0.6]), 0, 255).astype(np.uint8)
    for mask in (None, np.zeros((90, 130), np.float32)):
        assert find_pages(_captured(table), [], mask)[0].outline_source == "frame"


def test_a_read_that_found_nothing_is_passed_over():
    nothing = MrzRead("not_found", None, (), Quad.from_array(np.zeros((4, 2))), 0.0)
    (page,) = find_pages(_captured(np.full((300, 500, 3), 128, np.uint8)), [nothing])
    assert page.mrz_boxes_mm == ()


def test_a_detectors_mask_finds_a_card_on_a_busy_table():
    rng = np.random.default_rng(8)
    table = cv2.resize(rng.integers(0, 255, (60, 80, 3), np.uint8), (1600, 1200), interpolation=cv2.INTER_NEAREST)
    truth = turned_corners("TD1", 8.0, (800, 600), 12)
    image = place(render(Look(fmt="TD1", lights=VISIBLE))["visible"], table, truth)
    mask = np.zeros((1200, 1600), np.float32)
    cv2.fillConvexPoly(mask, truth.astype(np.int32), 1.0)
    mask = cv2.resize(cv2.GaussianBlur(mask, (0, 0), 20), (100, 75))
    blind = find_pages(_captured(image), [])[0]
    assert blind.format != "TD1" or blind.outline_source == "frame"
    page = find_pages(_captured(image), [], mask)[0]
    assert page.format == "TD1"
    assert _error_mm(page, truth) < 1.5


def test_sixteen_bits_and_grey_give_the_same_page_as_eight_bits():
    look = Look(lights=VISIBLE)
    captured = reader_capture(look)
    grey = cv2.cvtColor(captured.primary.pixels, cv2.COLOR_RGB2GRAY)
    deep = (grey.astype(np.uint16) << 4) | 7
    eight = find_pages(CapturedPage({"visible": frame(grey)}), [reader_read(look)])[0]
    twelve = find_pages(CapturedPage({"visible": frame(deep, bit_depth=12)}), [reader_read(look)])[0]
    assert twelve.images["visible"].dtype == np.float32
    assert twelve.images["visible"].ndim == 2
    assert np.abs(twelve.images["visible"] - eight.images["visible"]).max() < 0.01
    assert twelve.images["visible"].max() <= 1.0


def test_scans_finer_than_600_dpi_are_kept_at_600():
    corners = turned_corners("TD1", 30.0, (1400, 900), 0)
    image = cv2.resize(render(Look(fmt="TD1", lights=VISIBLE))["visible"], (2568, 1619))
    image = place(image, np.full((1800, 2800, 3), 20, np.uint8), corners)
    (page,) = find_pages(_captured(image), [read_of("TD1", zone_quad("TD1", page_homography(corners, "TD1")))])
    assert page.px_per_mm == pytest.approx(600 / 25.4)
    assert page.dpi == pytest.approx(762, rel=0.01)


@pytest.mark.parametrize(
    ("lines", "chars", "expected"), [(2, 44, "TD3"), (2, 36, "TD2"), (3, 30, "TD1"), (2, 43, "TD3"), (1, 44, None)]
)
def test_format_of_a_read_without_one(lines, chars, expected):
    line = LineRead(tuple(CharRead("A", 0.9, (), (0.0, 0.0)) for _ in range(chars)), 20.0)
    read = MrzRead("uncertain", None, (line,) * lines, Quad.from_array(np.zeros((4, 2))), 0.5)
    assert format_of_read(read) == expected


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(
    angle=st.floats(-180, 180),
    x=st.floats(85, 125),
    y=st.floats(85, 210),
    jitter=st.lists(st.floats(-1.5, 1.5), min_size=8, max_size=8),
)
def test_any_turn_and_a_zone_a_pixel_or_two_off_still_give_the_page(angle, x, y, jitter):
    image, (truth,), (read,) = _scan([(Look(lights=VISIBLE, px_per_mm=6.0), (x, y), angle)], px_per_mm=6.0, level=60)
    rough = read_of("TD3", read.corners_px.array() + np.array(jitter).reshape(4, 2))
    (page,) = find_pages(_captured(image), [rough])
    assert _error_mm(page, truth) < 1.0


SHARED = Path(__file__).parents[1].parent / "shared" / "data" / "real" / "reader_triplet"


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="the development data are not beside the checkout")
def test_real_reader_capture_is_found_and_registered():
    frames = {}
    for light in ("visible", "ir", "uv"):
        bgr = cv2.imread(str(SHARED / f"{light}.bmp"))
        frames[light] = frame(np.ascontiguousarray(bgr[:, :, ::-1]), light)
    zone = np.array([[47, 525], [864, 525], [864, 582], [47, 582]], float)  # measured by hand
    (page,) = find_pages(CapturedPage(frames), [read_of("TD3", zone)])
    assert page.outline_source in ("edges", "filled")
    assert page.dpi == pytest.approx(186, rel=0.03)
    assert page.images["ir"].ndim == 2
    assert all(registration.reliable for registration in page.registration.values())
    assert all(max(map(abs, r.shift_px)) < 1.0 for r in page.registration.values())
