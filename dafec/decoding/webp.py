"""WebP headers (RFC 9649): canvas, animation, EXIF, and whether the file has its end."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from dafec.decoding.ifd import exif_orientation_and_dpi
from dafec.decoding.model import Alpha, Header
from dafec.errors import InputError

__all__ = ["read_webp"]

_FLAG_ANIMATION = 0x02
_MAX_CHUNKS = 10_000


def read_webp(data: bytes, name: str) -> tuple[Header]:
    """The header of a WebP file.

    Raises:
        InputError: truncated, damaged or animated.
        struct.error, IndexError: truncated within a chunk.
    """
    canvas: tuple[int, int] | None = None
    image: tuple[int, int] | None = None
    alpha: Alpha = "none"
    orientation, dpi = 1, None
    for kind, start, end in _chunks(data, name):
        if kind in (b"ANIM", b"ANMF") or (kind == b"VP8X" and data[start] & _FLAG_ANIMATION):
            raise InputError("capture.animated", file=name, format="WebP")
        if kind == b"VP8X":
            canvas = (_uint24(data, start + 4) + 1, _uint24(data, start + 7) + 1)
        elif kind in (b"VP8 ", b"VP8L") and image is None:
            image, has_alpha = _lossy(data, start) if kind == b"VP8 " else _lossless(data, start)
            alpha = "straight" if has_alpha else alpha
        elif kind == b"ALPH":
            alpha = "straight"
        elif kind == b"EXIF":
            orientation, dpi = exif_orientation_and_dpi(data[start:end])
    if image is None:
        raise InputError("capture.truncated", file=name, format="WebP")
    if canvas is not None and canvas != image:
        raise InputError("capture.damaged", file=name, format="WebP")
    return (Header("image/webp", *image, 4 if alpha == "straight" else 3, 8, dpi, orientation, alpha),)


def _chunks(data: bytes, name: str) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and end of the content of every chunk of the file."""
    (riff_bytes,) = struct.unpack_from("<I", data, 4)
    file_end = riff_bytes + 8
    position = 12
    for _ in range(_MAX_CHUNKS):
        if position + 8 > file_end:
            return
        kind, length = struct.unpack_from("<4sI", data, position)
        start = position + 8
        position = start + length + (length & 1)
        if max(file_end, start + length) > len(data):
            raise InputError("capture.truncated", file=name, format="WebP")
        yield kind, start, start + length
    raise InputError("capture.damaged", file=name, format="WebP")


def _lossy(data: bytes, start: int) -> tuple[tuple[int, int], bool]:
    width, height = struct.unpack_from("<HH", data, start + 6)
    return (width & 0x3FFF, height & 0x3FFF), False


def _lossless(data: bytes, start: int) -> tuple[tuple[int, int], bool]:
    (packed,) = struct.unpack_from("<I", data, start + 1)
    return ((packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1), bool(packed >> 28 & 1)


def _uint24(data: bytes, at: int) -> int:
    return data[at] | data[at + 1] << 8 | data[at + 2] << 16
