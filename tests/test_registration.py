import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dafec.capture import CapturedPage
from dafec.page import find_pages, frames_in_register
from dafec.registration import register
from tests.synthetic_pages import Look, frame, reader_capture, reader_page, reader_read, render

LOOK = Look(px_per_mm=6.0)


def _grey(light):
    image = render(LOOK)[light]
    return image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def _moved(image, dx, dy, scale=1.0, angle_deg=0.0):
    """The image with every point carried from x to A (x - c) + c + d, and A, as (3, 3)."""
    height, width = image.shape[:2]
    matrix = np.vstack([cv2.getRotationMatrix2D((width / 2, height / 2), -angle_deg, scale), [0, 0, 1]])
    matrix[:2, 2] += (dx, dy)
    flags = cv2.INTER_CUBIC
    return cv2.warpAffine(image, matrix[:2], (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE), matrix


def _worst(found, truth, shape):
    """Largest distance between two maps on the page, pixels."""
    height, width = shape
    points = np.array([[x, y, 1] for x in (0, width / 2, width) for y in (0, height / 2, height)]).T
    return float(np.linalg.norm(((found - truth) @ points)[:2], axis=0).max())


@pytest.mark.parametrize("light", ["ir", "uv"])
@pytest.mark.parametrize(
    ("dx", "dy", "scale", "angle"),
    [(0, 0, 1, 0), (1.37, -0.62, 1, 0), (-2.8, 2.2, 1.004, 0.1), (6.5, -5.25, 0.996, -0.15), (12.3, 9.1, 1, 0)],
)
def test_a_misregistered_light_is_found_to_a_fraction_of_a_pixel(light, dx, dy, scale, angle):
    moving, truth = _moved(_grey(light), dx, dy, scale, angle)
    result, found = register(_grey("visible"), moving, LOOK.px_per_mm)
    assert result.reliable
    assert _worst(found, truth, moving.shape) < 0.7
    assert result.shift_px == pytest.approx((dx, dy), abs=0.3)


def test_a_soft_vignetted_infrared_image_is_still_registered():
    moving, truth = _moved(_grey("ir"), 2.4, -1.7)
    moving = cv2.GaussianBlur(moving, (0, 0), 2.0).astype(float)
    yy, xx = np.mgrid[: moving.shape[0], : moving.shape[1]]
    radius = np.hypot(xx - moving.shape[1] / 2, yy - moving.shape[0] / 2) / moving.shape[1]
    moving = np.clip(moving * (1 - 1.2 * radius**2), 0, 255).astype(np.uint8)
    result, found = register(_grey("visible"), moving, LOOK.px_per_mm)
    assert result.reliable
    assert _worst(found, truth, moving.shape) < 1.0


@settings(max_examples=8, deadline=None, derandomize=True)
@given(dx=st.floats(-8, 8), dy=st.floats(-8, 8), scale=st.floats(0.995, 1.005))
def test_any_small_misregistration_is_undone(dx, dy, scale):
    moving, truth = _moved(_grey("ir"), dx, dy, scale)
    result, found = register(_grey("visible"), moving, LOOK.px_per_mm)
    assert result.reliable
    assert _worst(found, truth, moving.shape) < 0.8


def _noise(shape):
    rng = np.random.default_rng(4)
    return cv2.GaussianBlur(rng.integers(0, 255, shape, np.uint8), (0, 0), 1.5)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(lambda: np.full(_grey("ir").shape, 90, np.uint8), id="blank"),
        pytest.param(lambda: _noise(_grey("ir").shape), id="noise"),
        pytest.param(lambda: np.ascontiguousarray(_grey("ir")[:, ::-1]), id="mirrored"),
        pytest.param(lambda: np.ascontiguousarray(_grey("ir")[::-1, ::-1]), id="upside-down"),
        pytest.param(lambda: np.roll(_grey("ir"), (70, 90), axis=(0, 1)), id="far-off"),
        pytest.param(lambda: cv2.resize(_grey("ir")[40:400, 60:560], _grey("ir").shape[::-1]), id="other-scale"),
    ],
)
def test_what_does_not_fit_is_not_believed(wrong):
    result, found = register(_grey("visible"), wrong(), LOOK.px_per_mm)
    assert not result.reliable
    assert np.array_equal(found, np.eye(3))


def test_the_page_holds_every_light_in_register():
    moves = {"ir": np.array([[1.002, 0, 1.9], [0, 1.002, -1.4]]), "uv": np.array([[1, 0.001, -2.2], [-0.001, 1, 1.1]])}
    look = Look()
    page = reader_page(look, moves=moves)
    still = reader_page(look)
    for light in ("ir", "uv"):
        assert page.registration[light].reliable
        difference = np.abs(page.images[light][20:-20, 20:-20] - still.images[light][20:-20, 20:-20])
        assert float(np.mean(difference)) < 0.011  # twice that without registration


def test_a_smaller_infrared_frame_is_brought_to_the_pages_size():
    look = Look(lights=("visible", "ir"))
    captured = reader_capture(look)
    small = cv2.resize(captured.frames["ir"].pixels, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    both = CapturedPage({"visible": captured.frames["visible"], "ir": frame(small, "ir")})
    (page,) = find_pages(both, [reader_read(look)])
    assert page.images["ir"].shape == page.images["visible"].shape[:2]
    assert page.registration["ir"].reliable
    assert max(map(abs, page.registration["ir"].shift_px)) < 0.6
    same = find_pages(captured, [reader_read(look)])[0].images["ir"]
    assert np.abs(cv2.GaussianBlur(same, (0, 0), 2) - cv2.GaussianBlur(page.images["ir"], (0, 0), 2)).mean() < 0.02


def test_an_unreliable_light_is_kept_as_it_came():
    look = Look(lights=("visible", "ir"))
    captured = reader_capture(look)
    blank = frame(np.full(captured.frames["ir"].pixels.shape, 120, np.uint8), "ir")
    (page,) = find_pages(CapturedPage({"visible": captured.frames["visible"], "ir": blank}), [reader_read(look)])
    assert not page.registration["ir"].reliable
    assert np.allclose(page.images["ir"], 120 / 255, atol=0.01)


def test_frames_are_laid_on_the_primary_one_pixel_by_pixel():
    images = render(LOOK)
    moved, _ = _moved(images["ir"], 5.0, -4.0)
    height, width = moved.shape[:2]
    captured = CapturedPage({"visible": frame(images["visible"]), "ir": frame(moved, "ir")})
    outline = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=float)
    laid = frames_in_register(captured, outline, (width / LOOK.px_per_mm, height / LOOK.px_per_mm))
    assert np.array_equal(laid["visible"], images["visible"])
    inner = np.s_[20:-20, 20:-20]
    before = np.abs(moved[inner].astype(float) - images["ir"][inner]).mean()
    after = np.abs(laid["ir"][inner].astype(float) - images["ir"][inner]).mean()
    assert after < 0.3 * before


def test_a_light_that_cannot_be_registered_lies_where_it_lay():
    images = render(LOOK)
    noise = np.random.default_rng(3).integers(0, 255, images["ir"].shape[:2], dtype=np.uint8)
    height, width = noise.shape
    captured = CapturedPage({"visible": frame(images["visible"]), "ir": frame(noise, "ir")})
    outline = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=float)
    laid = frames_in_register(captured, outline, (width / LOOK.px_per_mm, height / LOOK.px_per_mm))
    assert np.array_equal(laid["ir"], noise)
