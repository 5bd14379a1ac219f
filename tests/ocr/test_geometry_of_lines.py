"""Strips, zone crops and the two locating stages, with models replaced by maps whose truth is known."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dafec.models.runtime import Session
from dafec.ocr.find import RoughZone, locate_zones
from dafec.ocr.lines import find_lines
from dafec.ocr.recognise import turned
from dafec.ocr.strip import CAP_PX, MARGIN_PX, STRIP_HEIGHT, LineGeometry, cut_strip
from dafec.ocr.zone_crop import CROP_HEIGHT, CROP_WIDTH, ZONE_WIDTH_PX, cut_zone


class Drawn:
    """Stands for a model: draws its answer from the picture it is given, as a perfect model would."""

    def __init__(self, draw: object) -> None:
        self.draw = draw

    def get_inputs(self) -> list[object]:
        return [type("Input", (), {"name": "frames"})()]

    def run(self, outputs: object, feed: dict[str, np.ndarray]) -> list[np.ndarray]:
        return [self.draw(feed["frames"])]  # type: ignore[operator]


def session(draw: object) -> Session:
    return Session("drawn", "0" * 64, 1, Drawn(draw))


@given(angle=st.floats(-3.1, 3.1), cap=st.floats(6, 60), sag=st.floats(-0.3, 0.3), sway=st.floats(-0.6, 0.6))
@settings(max_examples=40, deadline=None)
def test_strip_shows_what_lies_on_the_line(angle: float, cap: float, sag: float, sway: float) -> None:
    length = cap * 20
    side = int(length * 1.3 + 8 * cap)
    middle = np.array([side / 2, side / 2])
    along = np.array([math.cos(angle), math.sin(angle)])
    left, right = middle - along * length / 2, middle + along * length / 2
    geometry = LineGeometry((left[0], left[1]), (right[0], right[1]), sag * cap, cap, sway * cap)
    blank = np.full((side, side), 255, np.uint8)
    strip = cut_strip(blank, geometry)
    columns = np.array([MARGIN_PX + 40.0, MARGIN_PX + 160.0, MARGIN_PX + 280.0])
    for x, y in strip.to_frame(columns):
        cv2.circle(blank, (round(x * 16), round(y * 16)), round(cap / 6 * 16), 0, -1, cv2.LINE_AA, 4)
    pixels = cut_strip(blank, geometry).pixels
    assert pixels.shape[0] == STRIP_HEIGHT
    assert pixels.shape[1] % 32 == 0
    dark = np.maximum(pixels.max() - pixels, 0) ** 2
    for column in columns:
        part = dark[:, int(column) - 12 : int(column) + 13]
        rows, offsets = np.mgrid[0:STRIP_HEIGHT, -12:13]
        assert abs(float((part * rows).sum() / part.sum()) - STRIP_HEIGHT / 2) < 1.2
        assert abs(float((part * offsets).sum() / part.sum()) - (column - int(column))) < 1.2


def test_strip_is_normalised_and_bounded() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (50, 4000), dtype=np.uint8)
    strip = cut_strip(noise, LineGeometry((10, 25), (3990, 25), 0.0, 2.0))
    assert strip.pixels.shape[1] <= 2048
    assert abs(float(strip.pixels.mean())) < 0.05
    flat = cut_strip(np.full((50, 400), 77, np.uint8), LineGeometry((10, 25), (390, 25), 0.0, 12.0))
    assert np.abs(flat.pixels).max() < 1e-3


@pytest.mark.parametrize("angle", [0.0, 0.1, math.pi / 2, math.pi, -math.pi / 2, 2.5])
@pytest.mark.parametrize("width", [120.0, 700.0, 2600.0])
def test_zone_crop_puts_the_zone_upright(angle: float, width: float) -> None:
    side = int(width * 1.6)
    frame = np.full((side, side), 200, np.uint8)
    along = np.array([math.cos(angle), math.sin(angle)])
    centre = np.array([side / 2, side / 2])
    start = centre - along * width * 0.4
    cv2.circle(frame, (round(start[0]), round(start[1])), max(2, round(width / 60)), 0, -1)
    crop = cut_zone(frame, (side / 2, side / 2), angle, width)
    row, column = np.unravel_index(int(crop.pixels.argmin()), crop.pixels.shape)
    assert abs(column - (CROP_WIDTH / 2 - 0.4 * ZONE_WIDTH_PX)) < 8
    assert abs(row - CROP_HEIGHT / 2) < 8
    back = crop.to_frame(np.array([[column, row]], np.float64))[0]
    assert np.hypot(*(back - start)) < width / 40


@pytest.mark.parametrize("degrees", [0, 4, 37, 90, 175, 180, 270, -90])
def test_detector_maps_become_an_oriented_zone(degrees: float) -> None:
    angle = math.radians(degrees)
    along = np.array([math.cos(angle), math.sin(angle)])
    down = np.array([-along[1], along[0]])
    centre = np.array([300.0, 260.0])
    quad = np.array([centre + sx * along * 150 + sy * down * 12 for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1))])

    def draw(frames: np.ndarray) -> np.ndarray:
        _, _, h, w = frames.shape
        maps = np.full((1, 4, h // 4, w // 4), -8, np.float32)
        inside = np.zeros((h // 4, w // 4), np.uint8)
        cv2.fillPoly(inside, [(quad * 512 / 600 / 4).round().astype(np.int32)], 1)
        maps[0, 0][inside > 0] = 8
        maps[0, 2], maps[0, 3] = along
        return maps

    located = locate_zones(np.zeros((500, 600), np.uint8), session(draw))
    assert len(located.zones) == 1
    zone = located.zones[0]
    assert np.hypot(zone.centre[0] - 300, zone.centre[1] - 260) < 6
    assert abs(np.angle(np.exp(1j * (zone.angle_rad - angle)))) < math.radians(2)
    assert zone.width_px == pytest.approx(300, rel=0.06)
    assert zone.score > 0.99


@pytest.mark.parametrize("size", [(360, 512), (1387, 1969), (4963, 7015)])
def test_however_large_the_frame_a_zone_is_where_it_is(size: tuple[int, int]) -> None:
    height, width = size
    frame = np.full(size, 200, np.uint8)
    left, top, right, bottom = round(0.3 * width), round(0.84 * height), round(0.9 * width), round(0.9 * height)
    frame[top:bottom, left:right] = 30

    def draw(frames: np.ndarray) -> np.ndarray:
        maps = np.full((1, 4, frames.shape[2] // 4, frames.shape[3] // 4), -8, np.float32)
        maps[0, 0][cv2.resize(frames[0, 0], maps.shape[:1:-1], interpolation=cv2.INTER_AREA) < -0.5] = 8
        maps[0, 2], maps[0, 3] = 1, 0
        return maps

    zone = locate_zones(frame, session(draw)).zones[0]
    detector_px = max(size) / 512
    assert zone.centre[0] == pytest.approx((left + right) / 2, abs=2.5 * detector_px)
    assert zone.centre[1] == pytest.approx((top + bottom) / 2, abs=2.5 * detector_px)


@pytest.mark.parametrize(("gap", "zones"), [(5, 1), (18, 2)])
def test_a_speck_parts_no_zone_but_two_documents_are_two(gap: int, zones: int) -> None:
    def draw(frames: np.ndarray) -> np.ndarray:
        maps = np.full((1, 4, frames.shape[2] // 4, frames.shape[3] // 4), -8, np.float32)
        maps[0, 0, 60:67, 10:50] = 8
        maps[0, 0, 60:67, 50 + gap : 98 + gap] = 8
        maps[0, 2] = 1
        maps[0, 3] = 0
        return maps

    located = locate_zones(np.zeros((384, 512), np.uint8), session(draw))
    assert len(located.zones) == zones
    assert located.zones[0].width_px == pytest.approx((88 + gap) * 4 if zones == 1 else 192, abs=12)


def _ruled(
    rows: list[tuple[float, float, float, float]], cap: float, size: tuple[int, int]
) -> tuple[np.ndarray, object]:
    """A frame with grey-level coded lines, and a perfect line finder that sees them in the crop."""
    frame = np.full(size, 255, np.uint8)
    for x0, y0, x1, y1 in rows:
        cv2.line(frame, (round(x0 * 16), round(y0 * 16)), (round(x1 * 16), round(y1 * 16)), 0, 2, cv2.LINE_AA, 4)

    def draw(crops: np.ndarray) -> np.ndarray:
        ink = (crops[0, 0] < crops[0, 0].mean() - 0.8 * crops[0, 0].std()).astype(np.float32)
        heat = cv2.resize(
            cv2.GaussianBlur(cv2.dilate(ink, np.ones((3, 3))), (5, 5), 0), (112, 48), interpolation=cv2.INTER_AREA
        )
        maps = np.zeros((1, 2, 48, 112), np.float32)
        maps[0, 0] = np.where(heat > 0.25, 6, -6)
        maps[0, 1] = math.log(cap / 8)
        return maps

    return frame, draw


@pytest.mark.parametrize("turn", [0.0, 0.03, -0.05])
@pytest.mark.parametrize("miss", [1.0, 0.55, 1.9])
def test_lines_are_found_though_the_zone_was_estimated_badly(turn: float, miss: float) -> None:
    rows = [(150.0, 200.0 + 22 * k, 690.0, 200.0 + 22 * k + 540 * math.tan(turn)) for k in range(2)]
    frame, draw = _ruled(rows, 8.0, (420, 840))
    zone = RoughZone((440.0, 214.0), 0.0, 540 * miss, 40.0, 0.9)
    lines = find_lines(frame, zone, session(draw))
    assert len(lines) == 2
    for line, (x0, y0, x1, y1) in zip(lines, rows, strict=True):
        assert np.hypot(line.left[0] - x0, line.left[1] - y0) < 12
        assert np.hypot(line.right[0] - x1, line.right[1] - y1) < 12
        assert abs(line.sag) < 3


@pytest.mark.parametrize("bent", [(True, True), (True, False), (False, False)])
def test_only_a_bend_that_all_lines_share_is_the_pages(bent: tuple[bool, bool]) -> None:
    frame, draw = _ruled([], 8.0, (420, 840))
    x = np.linspace(150, 690, 400)
    for row, bends in enumerate(bent):
        y = 200 + 22 * row + bends * 6 * np.sin((x - 150) / 540 * 2 * math.pi)
        points = np.round(np.stack([x, y], axis=1) * 16).astype(np.int32)
        cv2.polylines(frame, [points], isClosed=False, color=0, thickness=2, lineType=cv2.LINE_AA, shift=4)
    lines = find_lines(frame, RoughZone((420.0, 211.0), 0.0, 540.0, 40.0, 0.9), session(draw))
    assert len(lines) == 2
    for line in lines:
        assert line.sway == pytest.approx(6 if all(bent) else 0, abs=1.2)
        assert abs(line.sag) < 1.5


@pytest.mark.parametrize("sway", [0.0, 4.0])
def test_a_line_from_the_other_side_is_the_same_line(sway: float) -> None:
    line = LineGeometry((50.0, 60.0), (450.0, 70.0), 3.0, 12.0, sway)
    noise = np.random.default_rng(1).integers(0, 256, (130, 500)).astype(np.uint8)
    there, back = cut_strip(noise, line), cut_strip(noise, turned([line])[0])
    along = np.linspace(MARGIN_PX, MARGIN_PX + math.hypot(400, 10) * CAP_PX / 12.0, 9) - 0.5
    np.testing.assert_allclose(
        there.to_frame(along, STRIP_HEIGHT / 2 - 0.5), back.to_frame(along, STRIP_HEIGHT / 2 - 0.5)[::-1], atol=1e-6
    )


def test_no_line_where_nothing_is_printed() -> None:
    frame, draw = _ruled([], 8.0, (300, 600))
    assert find_lines(frame, RoughZone((300, 150), 0.0, 400, 40, 0.9), session(draw)) == []
