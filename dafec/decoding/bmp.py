"""BMP headers (Microsoft DIB): size, depth, compression, resolution, and whether all rows are there."""

from __future__ import annotations

import struct

from dafec.decoding.model import Header, plausible_dpi
from dafec.errors import InputError

__all__ = ["read_bmp"]

_CORE_HEADER = 12
_INFO_HEADERS = frozenset({40, 52, 56, 64, 108, 124})
_UNCOMPRESSED = frozenset({0, 3, 6})  # RGB, BITFIELDS, ALPHABITFIELDS
_RUN_LENGTH = frozenset({1, 2})
_METRES_PER_INCH = 0.0254


def read_bmp(data: bytes, name: str) -> tuple[Header]:
    """The header of a BMP file.

    Raises:
        InputError: truncated, damaged, or a kind of BMP that holds another format inside.
        struct.error: truncated within the header.
    """
    offset, header_bytes = struct.unpack_from("<II", data, 10)
    dpi: float | None = None
    if header_bytes == _CORE_HEADER:
        width, height, _planes, bits = struct.unpack_from("<HHHH", data, 18)
        compression = 0
    elif header_bytes in _INFO_HEADERS:
        width, height, _planes, bits, compression, _size, x, y = struct.unpack_from("<iiHHIIii", data, 18)
        height = abs(height)  # negative: rows stored from the top
        dpi = plausible_dpi(x * _METRES_PER_INCH, y * _METRES_PER_INCH)
    else:
        raise InputError("capture.damaged", file=name, format="BMP")
    if compression not in _UNCOMPRESSED | _RUN_LENGTH:
        raise InputError("capture.unsupported_format", file=name, format="BMP (JPEG/PNG)")
    if bits not in (1, 4, 8, 16, 24, 32):
        raise InputError("capture.unsupported_depth", file=name, format="BMP", bits=bits)
    row_bytes = (width * bits + 31) // 32 * 4
    if width > 0 and compression in _UNCOMPRESSED and offset + row_bytes * height > len(data):
        raise InputError("capture.truncated", file=name, format="BMP")
    if offset >= len(data):
        raise InputError("capture.truncated", file=name, format="BMP")
    # The fourth byte of a pixel is unused in nearly every BMP that has one; few writers mean it as alpha.
    return (Header("image/bmp", width, height, 3 if bits > 8 else 1, 8, dpi, alpha="ignored"),)
