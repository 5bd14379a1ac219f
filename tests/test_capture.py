"""Formats, orientation, resolution, alpha and folders: what goes in comes out upright and unscaled."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import picture_files as files
import pytest
from PIL import Image

from dafec.capture import LIGHTS, Limits, capture_from_parts, decode_frame, load_capture, shown_name
from dafec.errors import InputError

RGB, GREY = files.drawing(), files.grey_drawing()
SIZE_300_DPI = (files.WIDTH / 300 * 72, files.HEIGHT / 300 * 72)


def decode(data: bytes, name: str = "picture", **limits: float) -> np.ndarray:
    return decode_frame(data, "visible", name=name, limits=Limits(**limits)).pixels


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("BMP", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "tiff_deflate"}),
        ("TIFF", {"compression": "packbits"}),
        ("WEBP", {"lossless": True}),
        ("JPEG2000", {}),
        ("JPEG2000", {"no_jp2": True}),
    ],
)
@pytest.mark.parametrize("picture", [RGB, GREY], ids=["colour", "grey"])
def test_lossless_formats_come_out_exactly(kind: str, options: dict, picture: np.ndarray) -> None:
    pixels = decode(files.encode(picture, kind, **options))
    assert pixels.dtype == np.uint8
    if kind == "WEBP" and picture.ndim == 2:  # WebP has no grey
        pixels = pixels[:, :, 0]
    assert np.array_equal(pixels, picture)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_jpeg_is_close_and_keeps_its_channels(mode: str, options: dict) -> None:
    pixels = decode(files.encode(Image.fromarray(RGB).convert(mode), "JPEG", quality=95, **options))
    assert pixels.shape == ((files.HEIGHT, files.WIDTH) if mode == "L" else RGB.shape)
    wanted = np.asarray(Image.fromarray(RGB).convert("L")) if mode == "L" else RGB
    assert np.abs(pixels.astype(int) - wanted).mean() < 3


@pytest.mark.parametrize("extension", [".png", ".tiff", ".jp2"])
@pytest.mark.parametrize("picture", [RGB, GREY], ids=["colour", "grey"])
def test_sixteen_bits_stay_sixteen_bits(extension: str, picture: np.ndarray) -> None:
    frame = decode_frame(files.encode_16(picture, extension), "ir", name="deep")
    assert frame.bit_depth == 16
    assert np.array_equal(frame.pixels, picture.astype(np.uint16) * 257)


def test_palette_and_bilevel_become_plain_pixels() -> None:
    palette = Image.fromarray(RGB).quantize(16)
    for kind in ("PNG", "BMP", "TIFF"):
        assert np.array_equal(decode(files.encode(palette, kind)), np.asarray(palette.convert("RGB")))
        bilevel = Image.fromarray(GREY).convert("1")
        assert np.array_equal(decode(files.encode(bilevel, kind)), np.asarray(bilevel.convert("L")))
    fax = files.encode(Image.fromarray(GREY).convert("1"), "TIFF", compression="group4")
    assert set(np.unique(decode(fax))) == {0, 255}


def test_cmyk_tiff_is_converted_and_not_taken_for_alpha() -> None:
    cmyk = Image.fromarray(RGB).convert("CMYK")
    assert np.array_equal(decode(files.encode(cmyk, "TIFF")), np.asarray(cmyk.convert("RGB")))


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_packed_tiff_is_spread_over_sixteen_bits(bits: int) -> None:
    frame = decode_frame(files.grey_tiff(bits, GREY), "ir", name="packed")
    assert frame.bit_depth == 16
    assert np.array_equal(frame.pixels >> 8, GREY)


def test_twelve_bits_in_sixteen_are_told_by_the_largest_value() -> None:
    frame = decode_frame(files.grey_tiff(16, GREY >> 4, t281=4095), "ir", name="sensor")
    assert frame.bit_depth == 12
    assert frame.pixels.max() <= 4095


@pytest.mark.parametrize(("shift", "colour"), [(6, 0), (0, 0), (6, 2)], ids=["upper bits", "lower bits", "colour"])
def test_png_says_how_many_bits_are_significant(shift: int, colour: int) -> None:
    picture = (GREY if colour == 0 else RGB).astype(np.uint16) * 1023 // 255
    rows = b"".join(b"\0" + (row << shift).astype(">u2").tobytes() for row in picture)
    told = files.chunk(b"sBIT", bytes([10] * (1 if colour == 0 else 3)))
    frame = decode_frame(
        files.png(files.WIDTH, files.HEIGHT, rows, depth=16, colour=colour, extra=told), "ir", name="sensor"
    )
    assert frame.bit_depth == 10
    assert np.array_equal(frame.pixels, picture)


def test_png_of_all_bits_or_of_eight_is_left_alone() -> None:
    rows = b"".join(b"\0" + row.tobytes() for row in GREY)
    told = files.chunk(b"sBIT", b"\x05")
    frame = decode_frame(files.png(files.WIDTH, files.HEIGHT, rows, extra=told), "ir", name="eight")
    assert (frame.bit_depth, frame.pixels.dtype) == (8, np.uint8)
    assert np.array_equal(frame.pixels, GREY)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG2000"])
def test_alpha_is_laid_on_white(kind: str) -> None:
    picture = Image.fromarray(RGB)
    picture.putalpha(Image.fromarray(GREY - 100))
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    white = Image.new("RGB", picture.size, "white")
    white.paste(picture, mask=picture.getchannel("A"))
    assert np.abs(decode(files.encode(picture, kind, **options)).astype(int) - np.asarray(white)).max() <= 1


def test_alpha_that_hides_everything_is_ignored() -> None:
    picture = Image.fromarray(RGB)
    picture.putalpha(0)
    assert np.array_equal(decode(files.encode(picture, "PNG")), RGB)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_orientation_is_honoured(kind: str, orientation: int) -> None:
    # Store the drawing so that the tag brings it upright: the inverse of what a viewer does.
    stored = {
        1: RGB, 2: RGB[:, ::-1], 3: RGB[::-1, ::-1], 4: RGB[::-1], 5: RGB.transpose(1, 0, 2),
        6: np.rot90(RGB, 1), 7: RGB[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(RGB, -1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[274] = orientation
    picture = Image.fromarray(np.ascontiguousarray(stored))
    options = {"exif": exif} if kind != "TIFF" else {"tiffinfo": {274: orientation}}
    if kind == "WEBP":
        options["lossless"] = True
    pixels = decode(files.encode(picture, kind, **options))
    assert pixels.shape == RGB.shape
    assert files.corners(pixels) == files.UPRIGHT


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "BMP"])
@pytest.mark.parametrize(
    ("stated", "expected"), [(300, 300), (600, 600), (0, None), (1, None), (72, None), (96, None), (4800, None)]
)
def test_resolution_from_the_file(kind: str, stated: int, expected: int | None) -> None:
    if kind == "TIFF":
        options: dict = {"tiffinfo": {282: float(stated), 283: float(stated), 296: 2}}
    elif stated == 0 and kind != "JPEG":
        options = {}
    else:
        options = {"dpi": (stated, stated)}
    frame = decode_frame(files.encode(RGB, kind, **options), "visible", name="dpi")
    if expected is None:
        assert (frame.dpi, frame.dpi_source) == (None, None)
    else:
        assert frame.dpi == pytest.approx(expected, abs=0.1)
        assert frame.dpi_source == "file"


def test_resolution_in_centimetres_and_from_exif() -> None:
    per_cm = files.encode(RGB, "TIFF", tiffinfo={282: 157.48, 283: 157.48, 296: 3})
    assert decode_frame(per_cm, "uv", name="cm").dpi == pytest.approx(400, abs=0.1)
    exif = Image.Exif()
    exif[282], exif[283], exif[296] = 350.0, 350.0, 2
    assert decode_frame(files.encode(RGB, "WEBP", exif=exif), "uv", name="exif").dpi == pytest.approx(350)


def test_unequal_axes_are_no_resolution() -> None:
    assert decode_frame(files.encode(RGB, "PNG", dpi=(200, 100)), "visible", name="fax").dpi is None


@pytest.mark.parametrize(
    ("matrix", "rotation", "expected"),
    [
        ((SIZE_300_DPI[0], 0, 0, SIZE_300_DPI[1], 10, 10), 0, files.UPRIGHT),
        ((SIZE_300_DPI[0], 0, 0, SIZE_300_DPI[1], 10, 10), 90, ("blue", "red", "green", "white")),
        ((SIZE_300_DPI[0], 0, 0, SIZE_300_DPI[1], 10, 10), 270, ("green", "white", "blue", "red")),
        ((0, SIZE_300_DPI[0], -SIZE_300_DPI[1], 0, 90, 10), 0, ("green", "white", "blue", "red")),
        ((SIZE_300_DPI[0], 0, 0, -SIZE_300_DPI[1], 10, 90), 0, ("blue", "white", "green", "red")),
        ((-SIZE_300_DPI[0], 0, 0, SIZE_300_DPI[1], 90, 10), 0, ("green", "red", "blue", "white")),
    ],
)
def test_pdf_image_comes_as_placed_at_its_own_resolution(
    matrix: tuple[float, ...], rotation: int, expected: tuple[str, ...]
) -> None:
    data = files.pdf(matrix, rotation=rotation)
    frame = decode_frame(data, "visible", name="scan.pdf")
    assert files.corners(frame.pixels) == expected
    assert frame.dpi == pytest.approx(300, abs=0.1)
    assert frame.media_type == "application/pdf"
    assert frame.sha256 == hashlib.sha256(data).hexdigest()


def test_pdf_page_of_several_images_is_drawn_whole() -> None:
    width, height = SIZE_300_DPI
    frame = decode_frame(
        files.pdf((width, 0, 0, height, 10, 10), (width, 0, 0, height, 10, 200)), "visible", name="two"
    )
    assert frame.pixels.shape == (1667, 1667, 3)
    reddish = (frame.pixels[:, :, 0] > 180) & (frame.pixels[:, :, 1] < 80)
    assert 700 < reddish.sum() < 900  # both red corners, 20 x 20 each


def test_pdf_and_tiff_pages_become_pages(tmp_path: Path) -> None:
    second = Image.fromarray(RGB[::-1])
    for kind, name in (("TIFF", "scan.tif"), ("PDF", "scan.pdf")):
        (tmp_path / name).write_bytes(files.encode(RGB, kind, save_all=True, append_images=[second]))
        capture = load_capture(tmp_path / name)
        assert [files.corners(page.primary.pixels)[0] for page in capture.pages] == ["red", "blue"]


def test_a_thumbnail_in_a_tiff_is_no_page() -> None:
    body = GREY.tobytes()
    page = {256: (3, 120), 257: (3, 90), 258: (3, 8), 259: (3, 1), 262: (3, 1), 273: (4, 8), 277: (3, 1), 278: (3, 90),
            279: (4, len(body))}  # fmt: skip
    first = files.tiff(page, body)
    # The second directory is the same picture, declared a reduced copy.
    with_copy = bytearray(first)
    with_copy[-4:] = len(first).to_bytes(4, "little")
    directory = files.tiff({**page, 254: (4, 1)}, body)[8 + len(body) :]
    capture = capture_from_parts({"visible": bytes(with_copy) + directory})
    assert len(capture.pages) == 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "case"
    made.mkdir()
    (made / "visible.png").write_bytes(files.encode(RGB, "PNG", dpi=(400, 400)))
    (made / "IR.tif").write_bytes(files.encode(GREY, "TIFF"))
    (made / "uv.jpg").write_bytes(files.encode(RGB, "JPEG"))
    (made / "truth.json").write_text("{}")
    (made / "visible.txt").write_text("notes")
    return made


def test_folder_gives_the_lights_in_order(folder: Path) -> None:
    capture = load_capture(folder)
    assert capture.name == "case"
    assert [tuple(page.frames) for page in capture.pages] == [LIGHTS]
    assert capture.pages[0].primary.dpi == 400
    assert capture.reader is None


def test_capture_toml_states_resolution_and_reader(folder: Path) -> None:
    (folder / "capture.toml").write_text('dpi = { ir = 186.5, visible = 600 }\nreader = "Maker 7"\n')
    capture = load_capture(folder)
    frames = capture.pages[0].frames
    assert capture.reader == "Maker 7"
    assert [(frames[light].dpi, frames[light].dpi_source) for light in LIGHTS] == [
        (600.0, "capture.toml"),
        (186.5, "capture.toml"),
        (None, None),
    ]


def test_capture_toml_names_the_files_of_each_page(folder: Path) -> None:
    (folder / "scan").mkdir()
    (folder / "scan" / "b.png").write_bytes(files.encode(RGB[::-1], "PNG"))
    (folder / "capture.toml").write_text(
        'dpi = 500\n[[pages]]\nvisible = "uv.jpg"\n[[pages]]\nvisible = "scan/b.png"\nir = "IR.tif"\n'
    )
    capture = load_capture(folder)
    assert [tuple(page.frames) for page in capture.pages] == [("visible",), ("visible", "ir")]
    assert all(frame.dpi == 500 for page in capture.pages for frame in page.frames.values())


def test_pages_by_name_and_by_subfolder(folder: Path) -> None:
    (folder / "visible-2.png").write_bytes(files.encode(RGB, "PNG"))
    (folder / "page-3").mkdir()
    (folder / "page-3" / "ir.png").write_bytes(files.encode(GREY, "PNG"))
    assert [tuple(page.frames) for page in load_capture(folder).pages] == [LIGHTS, ("visible",), ("ir",)]


def test_parts_of_a_request() -> None:
    picture = files.encode(RGB, "PNG", dpi=(300, 300))
    capture = capture_from_parts({"ir": picture, "visible": picture, "visible-2": picture}, dpi=420.0, reader="R")
    assert [tuple(page.frames) for page in capture.pages] == [("visible", "ir"), ("visible",)]
    assert capture.pages[0].primary.dpi == 420.0
    assert capture.pages[0].primary.dpi_source == "request"
    assert capture.reader == "R"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("a/b/c.png", "c.png"),
        ("c:\\scans\\d.png", "d.png"),
        ("up/", "up"),
        ("line\nbreak.png", "line?break.png"),
        ("gnp.\u202efdp", "gnp.?fdp"),
        ("جواز.png", "جواز.png"),
        ("x" * 500, "x" * 79 + "…"),
    ],
)
def test_names_are_shown_without_tricks(given: str, shown: str) -> None:
    assert shown_name(given) == shown


def test_undecodable_file_name_can_be_printed(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/scan-\xff.png"))
    with pytest.raises(InputError) as caught:
        load_capture(path)
    assert caught.value.code == "capture.not_found"
    caught.value.message().encode("utf-8")


DATA = Path(os.environ.get("DAFEC_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.mark.shared
@pytest.mark.skipif(not DATA.is_dir(), reason="the development data is not beside the checkout")
def test_a_real_reader_s_capture() -> None:
    capture = load_capture(DATA / "real" / "reader_triplet")
    frames = capture.pages[0].frames
    assert tuple(frames) == LIGHTS
    assert {frame.pixels.shape[:2] for frame in frames.values()} == {(642, 916)}
    assert capture.pages[0].primary.dpi == pytest.approx(186.5, abs=0.1)
