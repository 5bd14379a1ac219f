import os
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from dafec.capture import load_capture
from dafec.likeness import LIKENESS_LIMIT, compare_with_visible
from dafec.page import find_pages
from tests.synthetic_pages import DYE_IR, Look, reader_page

ROOT = Path(__file__).parents[1]
READER = Path(os.environ.get("DAFEC_SHARED_DATA", ROOT.parent / "shared" / "data")) / "real" / "reader_triplet"
#: All but the grey copy: what is printed in carbon alone looks alike in every light, and is meant to be found.
SAMPLES = [
    folder
    for folder in sorted((ROOT / "sample_docs").iterdir())
    if (folder / "ir.jpg").exists() and folder.name != "td3-grey-copy"
]


def _grey(page):
    return cv2.cvtColor(page.images["visible"], cv2.COLOR_RGB2GRAY)


def _with(page, light, image):
    return replace(page, images={**page.images, light: image.astype(np.float32)})


def _vignette(grey):
    yy, xx = np.mgrid[: grey.shape[0], : grey.shape[1]]
    away = (xx / grey.shape[1] - 0.5) ** 2 + (yy / grey.shape[0] - 0.5) ** 2
    return grey * (0.7 - 0.7 * away)


COPIES = {
    "same": lambda grey: grey,
    "dark": lambda grey: 0.5 * grey,
    "soft": lambda grey: cv2.GaussianBlur(grey, (0, 0), 3.0),
    "noisy": lambda grey: grey + np.random.default_rng(3).normal(0, 0.03, grey.shape),
    "vignetted": _vignette,
    "other-tone": lambda grey: grey**2.0,
    "a-little-off": lambda grey: np.roll(grey, 2, axis=1),
}


@pytest.mark.parametrize("copy", sorted(COPIES))
@pytest.mark.parametrize("fmt", ["TD1", "TD3"])
def test_a_copy_of_the_visible_image_is_known_again(fmt, copy):
    page = reader_page(Look(fmt=fmt))
    likeness = compare_with_visible(_with(page, "ir", COPIES[copy](_grey(page))), "ir")
    assert likeness.repeats
    assert likeness.correlation > LIKENESS_LIMIT["ir"]


@pytest.mark.parametrize(
    "look",
    [
        pytest.param(Look(), id="carbon"),
        pytest.param(Look(fmt="TD1"), id="card"),
        pytest.param(Look(ink_ir=DYE_IR), id="zone-in-dye"),
        pytest.param(Look(ink_ir=DYE_IR, other_ink_ir=DYE_IR), id="all-in-dye"),
    ],
)
def test_infrared_repeats_nothing_whatever_the_ink(look):
    assert not compare_with_visible(reader_page(look), "ir").repeats


def test_without_colours_only_a_far_closer_likeness_counts():
    page = reader_page(Look())
    grey = _grey(page)
    plain = _with(page, "visible", grey)
    assert compare_with_visible(_with(plain, "ir", grey), "ir").repeats
    worn = COPIES["noisy"](COPIES["soft"](grey)) + 0.08 * np.sin(np.arange(grey.shape[1]) / 20)
    likeness = compare_with_visible(_with(plain, "ir", worn), "ir")
    assert likeness.correlation < 0.995
    assert not likeness.repeats


def test_a_dim_neutral_copy_in_ultraviolet_is_room_light():
    page = reader_page(Look())
    assert compare_with_visible(_with(page, "uv", page.images["visible"] * 0.2), "uv").repeats
    assert not compare_with_visible(page, "uv").repeats


def test_a_flat_or_missing_light_is_like_nothing():
    page = reader_page(Look())
    for light in ("ir", "uv"):
        assert compare_with_visible(_with(page, light, 0 * page.images[light]), light).correlation == 0.0
    assert compare_with_visible(page, "visible") is None
    assert not compare_with_visible(_with(page, "uv", page.images["uv"][:20, :20]), "uv").repeats
    assert compare_with_visible(reader_page(Look(lights=("ir",))), "ir") is None


@pytest.mark.parametrize("folder", SAMPLES, ids=lambda folder: folder.name)
def test_no_sample_repeats_itself(folder):
    page = find_pages(load_capture(folder).pages[0], [])[0]
    assert not compare_with_visible(page, "ir").repeats


@pytest.mark.skipif(not READER.is_dir(), reason="the real reader capture is not beside this checkout")
def test_a_real_readers_infrared_keeps_clear_of_the_limit():
    page = find_pages(load_capture(READER).pages[0], [])[0]
    assert compare_with_visible(page, "ir").correlation < LIKENESS_LIMIT["ir"] - 0.03
    for copy in COPIES.values():
        assert compare_with_visible(_with(page, "ir", copy(_grey(page))), "ir").repeats
