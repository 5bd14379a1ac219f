"""One encoder: the same tables and headers for every picture."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from dafec.errors import UsageError
from dafec.specimens.encoder import encode, encoder_names, suffix


def picture(seed: int, *, grey: bool = False) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (60, 80) if grey else (60, 80, 3), dtype=np.uint8)


def segments(data: bytes) -> list[tuple[int, bytes]]:
    """Marker segments of a JPEG file before its scan."""
    found, at = [], 2
    while data[at + 1] != 0xDA:
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        found.append((data[at + 1], data[at + 4 : at + 2 + length]))
        at += 2 + length
    return found


def test_the_same_picture_gives_the_same_bytes() -> None:
    assert encode(picture(1), 400) == encode(picture(1), 400)


@pytest.mark.parametrize("grey", [False, True])
def test_everything_before_the_pixels_is_the_same_for_all_pictures(grey: bool) -> None:
    flat = np.full_like(picture(1, grey=grey), 200)
    one, two = (segments(encode(p, 400)) for p in (picture(1, grey=grey), flat))
    assert one == two
    assert {marker for marker, _ in one} <= {0xE0, 0xDB, 0xC0, 0xC4}  # JFIF, tables, frame, codes: no EXIF, no comment


def test_quality_95_without_subsampling_grey_as_grey() -> None:
    with Image.open(io.BytesIO(encode(picture(2), 300))) as colour:
        assert colour.info["dpi"] == (300, 300)
        assert (
            colour.layer == [("\x01", 1, 1, 0), ("\x02", 1, 1, 1), ("\x03", 1, 1, 1)]
            or [entry[1:3] for entry in colour.layer] == [(1, 1)] * 3
        )
        assert colour.quantization[0][:3] == [2, 1, 1]  # Annex K's luminance table at quality 95
    with Image.open(io.BytesIO(encode(picture(2, grey=True), 300))) as grey:
        assert grey.mode == "L"
    smooth = np.repeat(np.arange(0, 240, 3, dtype=np.uint8)[None, :, None], 60, axis=0).repeat(3, axis=2)
    with Image.open(io.BytesIO(encode(smooth, 300))) as decoded:
        assert np.abs(np.asarray(decoded).astype(int) - smooth).max() <= 3


def test_the_others_are_for_experiments() -> None:
    assert encoder_names()[0] == "jpeg"
    with Image.open(io.BytesIO(encode(picture(3), 400, "png"))) as png:
        np.testing.assert_array_equal(np.asarray(png), picture(3))
        assert round(png.info["dpi"][0]) == 400
    assert len(encode(picture(3), 400, "jpeg75")) < len(encode(picture(3), 400))
    assert [suffix(name) for name in ("jpeg", "jpeg75", "png")] == [".jpg", ".jpg", ".png"]


def test_an_unknown_encoder_is_said() -> None:
    for call in (lambda: encode(picture(1), 400, "gif"), lambda: suffix("gif")):
        with pytest.raises(UsageError, match="gif"):
            call()
