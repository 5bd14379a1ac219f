"""What kind of file this is and what its header claims, for every format DAFEC takes but PDF."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence

from dafec.decoding.bmp import read_bmp
from dafec.decoding.jp2 import read_jp2
from dafec.decoding.jpeg import read_jpeg
from dafec.decoding.model import MAX_SIDE_PX, MIN_SIDE_PX, Header, Limits
from dafec.decoding.png import read_png
from dafec.decoding.tiff import read_tiff
from dafec.decoding.webp import read_webp
from dafec.errors import InputError

__all__ = ["FORMAT_NAMES", "PDF", "check_size", "media_type_of", "read_headers"]

PDF = "application/pdf"
FORMAT_NAMES: Mapping[str, str] = {
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/tiff": "TIFF",
    "image/bmp": "BMP",
    "image/jp2": "JPEG 2000",
    "image/webp": "WebP",
    PDF: "PDF",
}
_READERS: Mapping[str, Callable[[bytes, str], Sequence[Header]]] = {
    "image/jpeg": read_jpeg,
    "image/png": read_png,
    "image/tiff": read_tiff,
    "image/bmp": read_bmp,
    "image/jp2": read_jp2,
    "image/webp": read_webp,
}
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"II+\0", "image/tiff"),
    (b"MM\0+", "image/tiff"),
    (b"BM", "image/bmp"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "image/jp2"),
    (b"\xff\x4f\xff\x51", "image/jp2"),
)
#: Formats people do send and that are told apart only to say what to do instead.
_KNOWN_BUT_REFUSED: Mapping[bytes, str] = {
    b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIC", b"msf1": "HEIC", b"avif": "AVIF", b"avis": "AVIF",
}  # fmt: skip
#: A PDF header may be preceded by other bytes (ISO 32000-1 annex H); printers' output often is.
_PDF_SEARCH = 1024


def media_type_of(data: bytes, name: str) -> str:
    """The media type by content; file names and declared types play no part.

    Raises:
        InputError: ``capture.empty``, ``capture.unsupported_format`` or ``capture.unknown_format``.
    """
    if not data:
        raise InputError("capture.empty", file=name)
    for magic, media_type in _MAGIC:
        if data.startswith(magic):
            return media_type
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[:6] in (b"GIF87a", b"GIF89a"):
        raise InputError("capture.unsupported_format", file=name, format="GIF")
    if data[4:8] == b"ftyp" and data[8:12] in _KNOWN_BUT_REFUSED:
        raise InputError("capture.unsupported_format", file=name, format=_KNOWN_BUT_REFUSED[data[8:12]])
    if b"%PDF-" in data[:_PDF_SEARCH]:
        return PDF
    raise InputError("capture.unknown_format", file=name)


def read_headers(data: bytes, media_type: str, name: str, limits: Limits) -> Sequence[Header]:
    """The headers of all images in a file that is no PDF, each within ``limits``; at least one.

    Raises:
        InputError: truncated, damaged, of zero size, too small, too large, animated or of a layout DAFEC does not take.
    """
    try:
        headers = _READERS[media_type](data, name)
    except (struct.error, IndexError) as error:
        raise InputError("capture.truncated", file=name, format=FORMAT_NAMES[media_type]) from error
    if len(headers) > limits.max_pages:
        raise InputError("capture.too_many_pages", file=name, pages=len(headers), limit=limits.max_pages)
    for header in headers:
        check_size(header.width_px, header.height_px, name, limits)
    return headers


def check_size(width_px: int, height_px: int, name: str, limits: Limits) -> None:
    """Refuse what cannot be a document and what would not fit into memory.

    Raises:
        InputError: ``capture.zero_size``, ``capture.too_small`` or ``capture.too_large``.
    """
    if width_px <= 0 or height_px <= 0:
        raise InputError("capture.zero_size", file=name)
    megapixels = width_px * height_px / 1e6
    if megapixels > limits.max_megapixels or max(width_px, height_px) > MAX_SIDE_PX:
        raise InputError(
            "capture.too_large",
            file=name,
            width=width_px,
            height=height_px,
            megapixels=round(megapixels, 1),
            limit=limits.max_megapixels,
        )
    if min(width_px, height_px) < MIN_SIDE_PX:
        raise InputError("capture.too_small", file=name, width=width_px, height=height_px, limit=MIN_SIDE_PX)
