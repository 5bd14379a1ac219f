"""Picture files of every kind, made in memory: a small drawing whose corners tell which way up it is."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

WIDTH, HEIGHT = 120, 90


def drawing() -> NDArray[np.uint8]:
    """White with a red, a green and a blue corner (top left, top right, bottom left) over a soft ramp."""
    ramp = np.tile(np.linspace(150, 255, WIDTH).astype(np.uint8), (HEIGHT, 1))
    picture = np.dstack([ramp] * 3)
    picture[:20, :20] = (220, 20, 20)
    picture[:20, -20:] = (20, 180, 20)
    picture[-20:, :20] = (20, 20, 220)
    return picture


def grey_drawing() -> NDArray[np.uint8]:
    return np.ascontiguousarray(drawing()[:, :, 0])


def encode(picture: NDArray[Any] | Image.Image, kind: str, **options: Any) -> bytes:
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def encode_16(picture: NDArray[np.uint8], extension: str) -> bytes:
    """16 bits a sample, by OpenCV."""
    deep = picture.astype(np.uint16) * 257
    if deep.ndim == 3:
        deep = deep[:, :, ::-1]
    done, data = cv2.imencode(extension, np.ascontiguousarray(deep))
    assert done
    return data.tobytes()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    width: int, height: int, rows: bytes, *, depth: int = 8, colour: int = 0, extra: bytes = b"", behind: bytes = b""
) -> bytes:
    """A PNG whose header says what it is told to say; ``behind`` follows the compressed rows in their chunk."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(rows, 9) + behind)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + data + chunk(b"IEND", b"")


def bmp_header(width: int, height: int, bits: int, compression: int = 0, body: bytes = b"") -> bytes:
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(body), 0, 0, 54) + info + body


def tiff(tags: dict[int, tuple[int, int]], body: bytes = b"", following: int | None = 0) -> bytes:
    """A little-endian TIFF of one directory; each tag is (field type, value). ``following`` None points to itself."""
    offset = 8 + len(body)
    entries = b"".join(
        struct.pack("<HHI", tag, kind, 1) + struct.pack("<I", value) for tag, (kind, value) in sorted(tags.items())
    )
    after = offset if following is None else following
    return (
        b"II*\0" + struct.pack("<I", offset) + body + struct.pack("<H", len(tags)) + entries + struct.pack("<I", after)
    )


def grey_tiff(bits: int, values: NDArray[np.uint8], **more: int) -> bytes:
    """Packed grey samples of any depth."""
    deep = values.astype(np.uint32) << (bits - 8) if bits > 8 else values.astype(np.uint32) >> (8 - bits)
    shifts = np.arange(bits - 1, -1, -1, dtype=np.uint32)
    flat = ((deep[:, :, None] >> shifts) & 1).astype(np.uint8).reshape(values.shape[0], -1)
    body = np.packbits(flat, axis=1).tobytes()
    height, width = values.shape
    tags = {256: (3, width), 257: (3, height), 258: (3, bits), 259: (3, 1), 262: (3, 1), 273: (4, 8), 277: (3, 1),
            278: (3, height), 279: (4, len(body))}  # fmt: skip
    tags |= {int(name.removeprefix("t")): (3, value) for name, value in more.items()}
    return tiff(tags, body)


def colour_at(pixels: NDArray[Any], corner: str) -> str:
    """Which of the drawing's colours lies in a corner: red, green, blue or white."""
    row = 8 if "top" in corner else -8
    column = 8 if "left" in corner else -8
    r, g, b = (int(v) for v in pixels[row, column][:3])
    if max(r, g, b) < 60 or min(r, g, b) > 120:
        return "white"
    return {r: "red", g: "green", b: "blue"}[max(r, g, b)]


def corners(pixels: NDArray[Any]) -> tuple[str, str, str, str]:
    """Top left, top right, bottom right, bottom left."""
    return tuple(colour_at(pixels, c) for c in ("top left", "top right", "bottom right", "bottom left"))  # type: ignore[return-value]


UPRIGHT = ("red", "green", "white", "blue")


def pdf(*matrices: tuple[float, ...], rotation: int = 0, pages: int = 1, password: bool = False) -> bytes:
    """A PDF that places the drawing, as JPEG, by each matrix on a page of 400 x 400 points."""
    import pypdfium2 as pdfium

    jpeg = encode(drawing(), "JPEG", quality=95, subsampling=0)
    document = pdfium.PdfDocument.new()
    for _ in range(pages):
        page = document.new_page(400, 400)
        for matrix in matrices:
            image = pdfium.PdfImage.new(document)
            image.load_jpeg(io.BytesIO(jpeg), inline=True)
            image.set_matrix(pdfium.PdfMatrix(*matrix))
            page.insert_obj(image)
        page.set_rotation(rotation)
        page.gen_content()
    out = io.BytesIO()
    document.save(out)
    document.close()
    return out.getvalue()
