"""Hostile and broken input: every file is refused with its own code, in bounded memory, and nothing else escapes."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np
import picture_files as files
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

import dafec.decoding.pdf as pdf_module
from dafec.capture import Limits, capture_from_parts, decode_frame, load_capture, read_file
from dafec.errors import InputError, InstallationError
from dafec.messages import LANGUAGES

RGB, GREY = files.drawing(), files.grey_drawing()
PLACED = (28.8, 0, 0, 21.6, 10, 10)

WHOLE = {
    "jpeg": files.encode(RGB, "JPEG", exif=b"Exif\0\0" + files.encode(GREY, "TIFF")[:8]),
    "jpeg progressive": files.encode(RGB, "JPEG", progressive=True),
    "png": files.encode(RGB, "PNG"),
    "tiff": files.encode(RGB, "TIFF"),
    "tiff lzw": files.encode(RGB, "TIFF", compression="tiff_lzw"),
    "bmp": files.encode(RGB, "BMP"),
    "webp": files.encode(RGB, "WEBP"),
    "webp lossless": files.encode(RGB, "WEBP", lossless=True),
    "jp2": files.encode(RGB, "JPEG2000"),
    "j2k": files.encode(RGB, "JPEG2000", no_jp2=True),
}


def refusal(data: bytes, **limits: float) -> InputError:
    with pytest.raises(InputError) as caught:
        decode_frame(data, "visible", name="sent", limits=Limits(**limits))
    assert caught.value.exit_code == 3
    for language in LANGUAGES:
        for told in (caught.value.message(language), caught.value.remedy(language)):
            assert told
            assert "{" not in told
            assert caught.value.code not in told
    return caught.value


@pytest.mark.parametrize("kind", WHOLE)
def test_the_whole_file_is_taken(kind: str) -> None:
    assert decode_frame(WHOLE[kind], "visible", name=kind).pixels.shape == RGB.shape


@pytest.mark.parametrize("share", [0.2, 0.4, 0.6, 0.9, 0.99])
@pytest.mark.parametrize("kind", WHOLE)
def test_truncated(kind: str, share: float) -> None:
    data = WHOLE[kind]
    assert refusal(data[: int(len(data) * share)]).code in {"capture.truncated", "capture.damaged"}


@pytest.mark.parametrize("kind", ["jpeg", "png", "tiff", "bmp", "webp", "jp2"])
def test_truncated_by_a_few_bytes_is_called_truncated(kind: str) -> None:
    data = WHOLE[kind]
    assert refusal(data[: len(data) - len(data) // 20 - 40]).code == "capture.truncated"


def test_jpeg_with_a_whole_thumbnail_but_no_end_is_truncated() -> None:
    thumbnail = files.encode(RGB[:32, :32], "JPEG")
    block = b"Exif\0\0" + thumbnail
    data = WHOLE["jpeg progressive"]
    with_thumbnail = data[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + data[2:]
    assert decode_frame(with_thumbnail, "visible", name="whole").pixels.shape == RGB.shape
    assert refusal(with_thumbnail[: len(with_thumbnail) * 2 // 3]).code == "capture.truncated"


def _large() -> NDArray[np.uint8]:
    """A document over a flat white bottom, large enough for many rows of blocks."""
    noise = np.random.default_rng(7).integers(0, 255, (30, 40, 3), np.uint8)
    return np.vstack([np.kron(noise, np.ones((8, 8, 1), np.uint8)), np.full((100, 320, 3), 255, np.uint8)])


JPEGS: dict[str, tuple[str, dict[str, Any]]] = {
    "baseline": ("RGB", {}),
    "subsampled": ("RGB", {"subsampling": "4:2:0"}),
    "grey": ("L", {}),
    "optimised": ("RGB", {"optimize": True}),
    "restarts": ("RGB", {"restart_marker_rows": 1}),
    "many restarts": ("RGB", {"restart_marker_blocks": 3, "subsampling": "4:2:0"}),
    "progressive": ("RGB", {"progressive": True}),
    "progressive with restarts": ("RGB", {"progressive": True, "restart_marker_blocks": 3}),
    "four inks": ("CMYK", {}),
}


def _jpeg(kind: str, picture: NDArray[np.uint8]) -> bytes:
    mode, options = JPEGS[kind]
    return files.encode(Image.fromarray(picture).convert(mode), "JPEG", quality=90, **options)


@pytest.mark.parametrize("share", [0.3, 0.5, 0.8, 0.95])
@pytest.mark.parametrize("kind", JPEGS)
def test_jpeg_cut_and_closed_again_is_truncated(kind: str, share: float) -> None:
    data = _jpeg(kind, _large()[:240])
    scan = data.index(b"\xff\xda") + 20
    cut = data[: scan + int((len(data) - scan) * share)].rstrip(b"\xff")
    assert refusal(cut + b"\xff\xd9").code == "capture.truncated"


def test_jpeg_cut_between_restart_markers_is_truncated() -> None:
    data = _jpeg("many restarts", _large())
    assert refusal(data[: data.index(b"\xff\xd5", 2000)] + b"\xff\xd9").code == "capture.truncated"


@pytest.mark.parametrize("share", [0.02, 0.05, 0.1, 0.2])
def test_progressive_jpeg_cut_in_its_first_scan_is_truncated(share: float) -> None:
    data = _jpeg("progressive", _large()[:240])
    scan = data.index(b"\xff\xda") + 14
    cut = data[: scan + int((len(data) - scan) * share)].rstrip(b"\xff")
    assert refusal(cut + b"\xff\xd9").code == "capture.truncated"


@pytest.mark.parametrize("fill", [255, 128, 64, 0])
@pytest.mark.parametrize("kind", JPEGS)
def test_jpeg_with_a_flat_bottom_is_whole(kind: str, fill: int) -> None:
    picture = _large()
    picture[240:] = fill
    data = _jpeg(kind, picture)
    assert decode_frame(data, "visible", name=kind).pixels.shape[:2] == picture.shape[:2]
    # Neither what follows the end nor fill bytes before it are missing data.
    followed = data[:-2] + b"\xff\xff\xff\xd9" + b"\0\1\2 appended"
    assert decode_frame(followed, "visible", name=kind).pixels.shape[:2] == picture.shape[:2]


def test_jpeg_whose_header_promises_more_than_it_has_is_truncated() -> None:
    data = bytearray(files.encode(np.full((200, 200, 3), 200, np.uint8), "JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", 3000, 3000)
    assert refusal(bytes(data)).code == "capture.truncated"


def test_ordinary_jpegs_are_decoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: object) -> bool:
        raise AssertionError("an ordinary JPEG was decoded again")

    monkeypatch.setattr("dafec.decoding.pixels.is_cut_short", asked)
    for kind in ("baseline", "subsampled", "grey", "four inks"):
        assert decode_frame(_jpeg(kind, _large()), "visible", name=kind).pixels.shape[0] == 340


def test_cut_jpeg_in_a_pdf_is_truncated() -> None:
    whole = files.pdf(PLACED)
    begin = whole.index(b"\xff\xd8\xff")
    end = whole.index(b"\xff\xd9", begin)
    middle = (whole.index(b"\xff\xda", begin) + end) // 2
    cut = whole[:middle] + b"\xff\xd9" + bytes(end - middle) + whole[end + 2 :]
    assert len(cut) == len(whole)
    assert refusal(cut).code == "capture.truncated"


def _animation(kind: str) -> bytes:
    return files.encode(RGB, kind, save_all=True, append_images=[Image.fromarray(RGB[::-1])])


def _sof(precision: int, components: int, marker: int = 0xC1, scans: int = 1) -> bytes:
    frame = struct.pack(">BHHB", precision, 90, 120, components) + bytes(3 * components)
    scan = b"\xff\xda" + struct.pack(">H", 3) + b"\0\0\0"
    return b"\xff\xd8\xff" + bytes([marker]) + struct.pack(">H", len(frame) + 2) + frame + scan * scans + b"\xff\xd9"


def _jp2(width: int, height: int, tile: int, components: int, precision: int = 7) -> bytes:
    size = (
        struct.pack(">H8IH", 0, width, height, 0, 0, tile, tile, 0, 0, components)
        + bytes((precision, 1, 1)) * components
    )
    return b"\xff\x4f\xff\x51" + struct.pack(">H", len(size) + 2) + size + b"\xff\xd9"


BODY = GREY.tobytes()
PAGE = {256: (3, 120), 257: (3, 90), 258: (3, 8), 259: (3, 1), 262: (3, 1), 273: (4, 8), 277: (3, 1), 278: (3, 90),
        279: (4, len(BODY))}  # fmt: skip


def _second_width() -> bytes:
    """The directory's tag 257 (height) made a second 256 (width)."""
    return files.tiff(PAGE, BODY).replace(struct.pack("<HHI", 257, 3, 1), struct.pack("<HHI", 256, 3, 1))


REFUSED = {
    "empty": (b"", "empty"),
    "text": (b"P<UTO, not a picture", "unknown_format"),
    "zeros": (bytes(4096), "unknown_format"),
    "zip": (b"PK\x03\x04" + bytes(100), "unknown_format"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unknown_format"),
    "gif": (files.encode(RGB, "GIF"), "unsupported_format"),
    "heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "unsupported_format"),
    "lossless jpeg": (_sof(8, 3, marker=0xC3), "unsupported_format"),
    "bmp with jpeg inside": (files.bmp_header(120, 90, 24, compression=4, body=bytes(99)), "unsupported_format"),
    "raw tiff": (files.tiff({**PAGE, 262: (3, 32803)}, BODY), "unsupported_format"),
    "animated gif": (_animation("GIF"), "unsupported_format"),
    "animated png": (_animation("PNG"), "animated"),
    "animated webp": (_animation("WEBP"), "animated"),
    "png 0 wide": (files.png(0, 90, b"\0"), "zero_size"),
    "png 0 high": (files.png(120, 0, b"\0"), "zero_size"),
    "bmp 0 wide": (files.bmp_header(0, 90, 24, body=bytes(99)), "zero_size"),
    "bmp minus wide": (files.bmp_header(-120, 90, 24, body=bytes(99)), "zero_size"),
    "tiff 0 high": (files.tiff({**PAGE, 257: (3, 0)}, BODY), "zero_size"),
    "jp2 0 tiles": (_jp2(120, 90, 0, 3), "zero_size"),
    "one pixel": (files.encode(RGB[:1, :1], "PNG"), "too_small"),
    "a line": (files.encode(RGB[:8], "PNG"), "too_small"),
    "png bomb": (files.png(50_000, 50_000, bytes(1000)), "too_large"),
    "a ribbon": (files.png(40_000, 40, bytes(1000)), "too_large"),
    "bmp bomb": (files.bmp_header(60_000, 60_000, 8, compression=1, body=bytes(99)), "too_large"),
    "tiff bomb": (files.tiff({**PAGE, 256: (4, 60_000), 257: (4, 60_000), 278: (4, 60_000)}, BODY), "too_large"),
    "jp2 bomb": (_jp2(60_000, 60_000, 60_000, 3), "too_large"),
    "jpeg 12 bits": (_sof(12, 3), "unsupported_depth"),
    "jp2 signed": (_jp2(120, 90, 128, 3, precision=0x87), "unsupported_depth"),
    "jp2 24 bits": (_jp2(120, 90, 128, 3, precision=23), "unsupported_depth"),
    "tiff float": (files.encode(Image.fromarray(GREY.astype(np.float32)), "TIFF"), "unsupported_depth"),
    "tiff 32 bits": (files.encode(Image.fromarray(GREY.astype(np.int32)), "TIFF"), "unsupported_depth"),
    "tiff 3 bits": (files.tiff({**PAGE, 258: (3, 3)}, BODY), "unsupported_depth"),
    "tiff signed": (files.tiff({**PAGE, 339: (3, 2)}, BODY), "unsupported_depth"),
    "jpeg 2 channels": (_sof(8, 2), "unsupported_channels"),
    "jpeg 7 channels": (_sof(8, 7), "unsupported_channels"),
    "jp2 9 channels": (_jp2(120, 90, 128, 9), "unsupported_channels"),
    "tiff 5 channels": (files.tiff({**PAGE, 277: (3, 5)}, BODY), "unsupported_channels"),
    "png impossible depth": (files.png(120, 90, bytes(99), depth=16, colour=3), "damaged"),
    "png wrong data": (files.png(120, 90, b"\7" * 90), "damaged"),
    "png with rows to spare": (files.png(120, 90, bytes(90 * 121 + 9000)), "damaged"),
    "png with another stream": (files.png(120, 90, bytes(90 * 121), behind=bytes(9000)), "damaged"),
    "jpeg many scans": (_sof(8, 3, scans=5000), "damaged"),
    "jp2 many tiles": (_jp2(7000, 7000, 1, 3), "damaged"),
    "tiff in a circle": (files.tiff(PAGE, BODY, following=None), "damaged"),
    "tiff without strips": (files.tiff({k: v for k, v in PAGE.items() if k != 273}, BODY), "damaged"),
    "tiff huge tiles": (files.tiff({**PAGE, 322: (4, 99_999), 323: (4, 99_999), 324: (4, 8), 325: (4, 9)}), "damaged"),
    "tiff two widths": (_second_width(), "damaged"),
    "tiff strip outside": (files.tiff({**PAGE, 273: (4, 1 << 30)}, BODY), "truncated"),
    "tiff strips missing": (files.tiff({**PAGE, 278: (3, 10)}, BODY), "truncated"),
    "png without data": (b"\x89PNG\r\n\x1a\n" + files.chunk(b"IHDR", struct.pack(">IIBBBBB", 120, 90, 8, 0, 0, 0, 0))
                         + files.chunk(b"IEND", b""), "truncated"),
    "webp without image": (b"RIFF" + struct.pack("<I", 4) + b"WEBP", "truncated"),
    "pdf without image": (files.pdf(), "pdf_no_image"),
    "pdf broken": (b"%PDF-1.7\nnothing", "damaged"),
    "pdf many pages": (files.pdf(PLACED, pages=9), "too_many_pages"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_its_code(case: str) -> None:
    data, code = REFUSED[case]
    assert refusal(data).code == f"capture.{code}"


def test_png_data_that_never_end_cost_next_to_nothing() -> None:
    begin = time.process_time()
    assert refusal(files.png(2000, 2000, bytes(2000 * 2001 * 60))).code == "capture.damaged"
    assert time.process_time() - begin < 4  # the decoder alone would be busy for ten seconds and more


def test_limits_are_those_given() -> None:
    picture = files.encode(RGB, "PNG")
    assert refusal(picture, max_megapixels=0.01).code == "capture.too_large"
    assert refusal(picture, max_file_mb=0.0001).code == "capture.file_too_large"
    assert refusal(files.pdf(PLACED), max_megapixels=0.01).code == "capture.too_large"


@pytest.mark.parametrize(
    ("data", "bytes_a_pixel"),
    [(files.encode(GREY, "PNG"), 1), (files.encode(RGB, "PNG"), 3), (files.encode_16(RGB, ".png"), 6),
     (files.encode(Image.fromarray(RGB).convert("RGBA"), "PNG"), 3), (files.encode_16(GREY, ".png"), 2)],
)  # fmt: skip
def test_frames_count_together_by_the_memory_they_take(data: bytes, bytes_a_pixel: int) -> None:
    one = RGB.shape[0] * RGB.shape[1] * bytes_a_pixel / 1e6
    parts = {"visible": data, "ir": data}
    page = capture_from_parts(parts, limits=Limits(max_capture_mb=2 * one)).pages[0]
    assert sum(frame.pixels.nbytes for frame in page.frames.values()) == round(2 * one * 1e6)
    with pytest.raises(InputError) as caught:
        capture_from_parts(parts, limits=Limits(max_capture_mb=1.99 * one))
    assert caught.value.code == "capture.capture_too_large"


LARGEST = """
import resource, sys
import cv2, numpy as np
sys.path.insert(0, {tests!r})
import picture_files as files
from dafec.capture import capture_from_parts
from dafec.errors import InputError
decoded = 6000 * 7000 * 6
image = files.png(7000, 6000, bytes(6000 * (7000 * 6 + 1)), depth=16, colour=2)
start = int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
open("/proc/self/clear_refs", "w").write("5")  # the peak is counted from here
capture = capture_from_parts({{"visible": image, "ir": image}})
peak = int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) * 1024
print(sum(f.pixels.nbytes for f in capture.pages[0].frames.values()) // 10**6, (peak - start) // 10**6)
try:
    capture_from_parts({{"visible": image, "ir": image, "uv": image}})
except InputError as error:
    print(error.code)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_the_largest_capture_stays_within_its_memory() -> None:
    program = LARGEST.format(tests=str(Path(__file__).parents[1]))
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]
    sizes, code = ended.stdout.splitlines()
    held, grew = map(int, sizes.split())
    assert held == 504
    assert held <= grew < held + 252 + 50  # one frame more while it is decoded
    assert code == "capture.capture_too_large"


def test_encrypted_pdf() -> None:
    # The encryption dictionary alone makes a reader ask for the password.
    plain = files.pdf(PLACED)
    entry = (
        b"/Encrypt <</Filter/Standard/V 1/R 2/Length 40/P -4/O <"
        + b"41" * 32
        + b">/U <"
        + b"42" * 32
        + b">>> /ID [<00><00>]"
    )
    assert b"trailer" in plain
    locked = plain.replace(b"/Root ", entry + b" /Root ", 1)
    assert refusal(locked).code == "capture.pdf_encrypted"


def test_pdf_worker_that_dies_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_module.sys, "executable", "/bin/false")
    assert refusal(files.pdf(PLACED)).code == "capture.pdf_failed"


def test_pdf_worker_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hanging = tmp_path / "python"
    hanging.write_text("#!/bin/sh\nexec sleep 60\n")
    hanging.chmod(0o755)
    monkeypatch.setattr(pdf_module.sys, "executable", str(hanging))
    monkeypatch.setattr(pdf_module, "_TIME_LIMIT_S", 0.3)
    begun = time.monotonic()
    assert refusal(files.pdf(PLACED)).code == "capture.pdf_failed"
    assert time.monotonic() - begun < 10


def test_pdf_worker_that_cannot_start_is_a_broken_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_module.sys, "executable", "/nonexistent/python")
    with pytest.raises(InstallationError) as caught:
        decode_frame(files.pdf(PLACED), "visible", name="sent")
    assert caught.value.code == "capture.pdf_unavailable"


def _code(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_capture(path)
    return caught.value.code.removeprefix("capture.")


def test_things_that_are_no_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    assert _code(tmp_path / "pipe.png") == "not_a_file"
    assert _code(Path("/dev/zero")) == "not_a_file"
    assert _code(tmp_path / "missing.png") == "not_found"
    assert _code(tmp_path) == "folder_empty"
    (tmp_path / "file").write_bytes(b"x")
    assert _code(tmp_path / "file" / "below.png") == "not_found"


@pytest.mark.parametrize("name", ["nul\0.png", "x" * 5000, "x" * 300 + ".png"])
def test_impossible_names(tmp_path: Path, name: str) -> None:
    assert _code(tmp_path / name) == "bad_name"


def test_a_file_nobody_may_read(tmp_path: Path) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(WHOLE["png"])
    path.chmod(0)
    if os.access(path, os.R_OK):  # the superuser may read anything: ask a process that may not
        program = f"""
import os
from pathlib import Path
from dafec.capture import load_capture
from dafec.errors import InputError
InputError("capture.unreadable", file="texts are loaded while this process may still read them")
os.setuid(65534)
load_capture(Path({str(path)!r}))
"""
        ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
        assert "InputError: capture.unreadable: secret.png" in ended.stderr
    else:
        assert _code(path) == "unreadable"


@pytest.mark.alone
def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "sparse.png"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    begun = time.monotonic()
    with pytest.raises(InputError) as caught:
        read_file(path)
    assert caught.value.code == "capture.file_too_large"
    assert time.monotonic() - begun < 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "case"
    made.mkdir()
    (tmp_path / "outside.png").write_bytes(WHOLE["png"])
    (made / "visible.png").write_bytes(WHOLE["png"])
    return made


@pytest.mark.parametrize(
    "named",
    [
        "../outside.png",
        "/etc/passwd",
        "sub/../../outside.png",
        "..\\outside.png",
        "",
        "nul\\u0000.png",
        "link.png",
        "linked/outside.png",
    ],
)
def test_capture_toml_cannot_lead_out(folder: Path, named: str) -> None:
    (folder / "link.png").symlink_to(folder.parent / "outside.png")
    (folder / "linked").symlink_to(folder.parent)
    quoted = named if "\\u" in named else named.replace("\\", "\\\\")
    (folder / "capture.toml").write_text(f'[[pages]]\nvisible = "{quoted}"\n')
    assert _code(folder) == "outside_folder"


def test_links_cannot_lead_out(folder: Path) -> None:
    (folder / "ir.png").symlink_to(folder.parent / "outside.png")
    assert _code(folder) == "outside_folder"


def test_links_within_the_folder_are_fine_and_broken_ones_are_not(folder: Path) -> None:
    (folder / "ir.png").symlink_to(folder / "visible.png")
    assert tuple(load_capture(folder).pages[0].frames) == ("visible", "ir")
    (folder / "uv.png").symlink_to(folder / "uv.png")
    assert _code(folder) in {"bad_name", "not_found"}


@pytest.mark.parametrize(
    ("stated", "code"),
    [
        ("dpi = 0", "toml_invalid"),
        ("dpi = -300", "toml_invalid"),
        ("dpi = 1e9", "toml_invalid"),
        ("dpi = nan", "toml_invalid"),
        ("dpi = true", "toml_invalid"),
        ("dpi = '400'", "toml_invalid"),
        ("dpi = { red = 400 }", "toml_invalid"),
        ("reader = 7", "toml_invalid"),
        ("reader = '" + "x" * 300 + "'", "toml_invalid"),
        ('reader = "a\\nb"', "toml_invalid"),
        ("colour = 'red'", "toml_invalid"),
        ("pages = 3", "toml_invalid"),
        ("pages = [3]", "toml_invalid"),
        ("[[pages]]", "toml_invalid"),
        ("[[pages]]\nred = 'visible.png'", "toml_invalid"),
        ("[[pages]]\nvisible = 7", "toml_invalid"),
        ("[[pages]]\nvisible = 'missing.png'", "not_found"),
        ("[[pages]]\nvisible = '.'", "not_a_file"),
        ("= = =", "toml_invalid"),
        ("x = " + "[" * 5000, "toml_invalid"),
        ("# " + "x" * 70_000, "toml_invalid"),
    ],
)  # fmt: skip
def test_capture_toml_that_cannot_be_used(folder: Path, stated: str, code: str) -> None:
    (folder / "capture.toml").write_text(stated)
    assert _code(folder) == code


def test_capture_toml_that_is_no_text(folder: Path) -> None:
    (folder / "capture.toml").write_bytes(b"\xff\xfe\0")
    assert _code(folder) == "toml_invalid"


def test_two_pictures_for_one_light(folder: Path) -> None:
    (folder / "visible.jpg").write_bytes(WHOLE["jpeg"])
    assert _code(folder) == "duplicate_light"


def test_one_bad_light_names_its_file(folder: Path) -> None:
    (folder / "ir.png").write_bytes(WHOLE["png"][:300])
    with pytest.raises(InputError) as caught:
        load_capture(folder)
    assert (caught.value.code, caught.value.details["file"]) == ("capture.truncated", "ir.png")


def test_a_folder_inside_in_place_of_a_picture(folder: Path) -> None:
    (folder / "ir.png").mkdir()
    assert _code(folder) == "not_a_file"


def test_too_many_pages_and_entries(folder: Path) -> None:
    for number in range(2, 10):
        (folder / f"visible-{number}.png").write_bytes(WHOLE["png"])
    assert _code(folder) == "too_many_pages"
    for number in range(2100):
        (folder / f"note-{number}.txt").touch()
    assert _code(folder) == "folder_too_full"


@pytest.mark.parametrize(
    ("parts", "code"),
    [({}, "no_light"), ({"red": b"x"}, "unknown_light"), ({"visible-0": b"x"}, "unknown_light"),
     ({"visible-1": WHOLE["png"], "visible": WHOLE["png"]}, "duplicate_light"), ({"ir": b""}, "empty")],
)  # fmt: skip
def test_parts_that_cannot_be_used(parts: dict[str, bytes], code: str) -> None:
    with pytest.raises(InputError) as caught:
        capture_from_parts(parts)
    assert caught.value.code == f"capture.{code}"


@pytest.mark.parametrize("dpi", [0, -1, float("nan"), 5000])
def test_resolution_in_a_request_must_be_possible(dpi: float) -> None:
    with pytest.raises(InputError) as caught:
        capture_from_parts({"visible": WHOLE["png"]}, dpi=dpi)
    assert caught.value.code == "capture.bad_dpi"


BOMBS = """
import resource, struct, sys, zlib
sys.path.insert(0, {tests!r})
import picture_files as files
from dafec.capture import decode_frame
from dafec.errors import InputError

def pdf_bomb(side):
    body = zlib.compress(zlib.compress(bytes(100_000_000), 9), 9)
    image = b"<</Type/XObject/Subtype/Image/Width %d/Height %d/BitsPerComponent 8/ColorSpace/DeviceGray" % (side, side)
    image += b"/Filter[/FlateDecode/FlateDecode]/Length %d>>stream\\n" % len(body) + body + b"\\nendstream"
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 400 400]/Resources<</XObject<</I 4 0 R>>>>/Contents 5 0 R>>"
    draw = b"400 0 0 400 0 0 cm /I Do"
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>", page, image,
               b"<</Length %d>>stream\\n%s\\nendstream" % (len(draw), draw)]
    out = b"%PDF-1.4\\n"
    for number, item in enumerate(objects, 1):
        out += b"%d 0 obj\\n%s\\nendobj\\n" % (number, item)
    return out + b"trailer<</Root 1 0 R/Size 6>>\\n%%EOF"

bombs = {{
    "png": files.png(50_000, 50_000, bytes(50_001 * 2000)),
    "png text": files.png(120, 90, bytes(121 * 90),
                          extra=files.chunk(b"zTXt", b"k\\0\\0" + zlib.compress(bytes(300_000_000)))),
    "bmp": files.bmp_header(60_000, 60_000, 8, compression=1, body=bytes(99)),
    "tiff": files.tiff({{256: (4, 60_000), 257: (4, 60_000), 258: (3, 8), 259: (3, 8), 262: (3, 1), 273: (4, 8),
                         277: (3, 1), 278: (4, 60_000), 279: (4, 99)}}, bytes(99)),
    "pdf": pdf_bomb(30_000),
    "pdf small": pdf_bomb(1000),
}}
bomb = bombs[{which!r}]
used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
limit = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize() + (96 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
try:
    frame = decode_frame(bomb, "visible", name="bomb")
    print("decoded", frame.pixels.shape)
except InputError as error:
    print(error.code)
print("grew", (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - used) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and RLIMIT_AS")
@pytest.mark.parametrize(
    ("which", "expected"),
    [
        ("png", {"capture.too_large"}),
        ("png text", {"decoded (90, 120)"}),
        ("bmp", {"capture.too_large"}),
        ("tiff", {"capture.too_large"}),
        ("pdf", {"capture.too_large"}),
        ("pdf small", {"decoded (1000, 1000)", "capture.damaged", "capture.pdf_failed"}),
    ],
)
def test_bombs_within_96_megabytes(which: str, expected: set[str]) -> None:
    program = textwrap.dedent(BOMBS).format(tests=str(Path(__file__).parents[1]), which=which)
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]
    outcome, grew = ended.stdout.splitlines()
    assert outcome in expected
    assert int(grew.split()[1]) < 96


def test_memory_that_runs_out_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("dafec.decoding.pixels.cv2.imdecode", exhausted)
    assert refusal(WHOLE["png"]).code == "capture.no_memory"


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    kind=st.sampled_from(sorted(WHOLE)),
    edits=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=8)), min_size=1, max_size=6
    ),
    early=st.booleans(),
    cut=st.one_of(st.none(), st.floats(0, 1)),
)
def test_only_input_errors_leave(kind: str, edits: list[tuple[float, bytes]], early: bool, cut: float | None) -> None:
    data = bytearray(WHOLE[kind])
    for place, value in edits:
        # Headers are where the structure is: half of the mutations go into the first 200 bytes.
        at = int(place * (min(len(data), 200) if early else len(data)))
        data[at : at + len(value)] = value
    if cut is not None:
        del data[int(cut * len(data)) :]
    try:
        frame = decode_frame(bytes(data), "visible", name="fuzzed", limits=Limits(max_megapixels=4))
    except InputError:
        return
    assert frame.pixels.dtype in (np.uint8, np.uint16)
    assert frame.pixels.ndim in (2, 3)
