"""PNG headers (ISO/IEC 15948): size, colour type, pHYs and eXIf, animation, and whether the file has its end."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from dafec.decoding.ifd import exif_orientation_and_dpi
from dafec.decoding.model import Alpha, Header, plausible_dpi
from dafec.errors import InputError

__all__ = ["read_png"]

#: colour type -> (channels, bit depths the standard allows)
_COLOUR_TYPES: dict[int, tuple[int, frozenset[int]]] = {
    0: (1, frozenset({1, 2, 4, 8, 16})),
    2: (3, frozenset({8, 16})),
    3: (3, frozenset({1, 2, 4, 8})),
    4: (2, frozenset({8, 16})),
    6: (4, frozenset({8, 16})),
}
#: A 256 MB file in the smallest usual data chunks has a third of it.
_MAX_CHUNKS = 100_000
_METRES_PER_INCH = 0.0254
#: An animation of one frame is a still picture.
_ONE_FRAME = b"\0\0\0\1"


def read_png(data: bytes, name: str) -> tuple[Header]:
    """The header of a PNG file.

    Raises:
        InputError: truncated, damaged or animated.
        struct.error: truncated within a chunk header.
    """
    first_length, first_kind, width, height, depth, colour = struct.unpack_from(">I4sIIBB", data, 8)
    channels, depths = _COLOUR_TYPES.get(colour, (0, frozenset()))
    if first_kind != b"IHDR" or first_length != 13 or depth not in depths:
        raise InputError("capture.damaged", file=name, format="PNG")
    dpi: float | None = None
    orientation, has_data = 1, False
    alpha: Alpha = "straight" if colour in (4, 6) else "none"
    for kind, start, end in _chunks(data, name):
        if kind == b"IDAT":
            has_data = True
        elif kind == b"acTL" and data[start : start + 4] != _ONE_FRAME:
            raise InputError("capture.animated", file=name, format="PNG")
        elif kind == b"pHYs" and end - start == 9:
            x, y, unit = struct.unpack_from(">IIB", data, start)
            dpi = plausible_dpi(x * _METRES_PER_INCH, y * _METRES_PER_INCH) if unit == 1 else None
        elif kind == b"eXIf":
            orientation = exif_orientation_and_dpi(data[start:end])[0]
        elif kind == b"tRNS":
            alpha = "straight"
    if not has_data:
        raise InputError("capture.truncated", file=name, format="PNG")
    return (Header("image/png", width, height, channels, max(depth, 8), dpi, orientation, alpha),)


def _chunks(data: bytes, name: str) -> Iterator[tuple[bytes, int, int]]:
    """Type, start and end of the content of every chunk before IEND."""
    position = 8
    for _ in range(_MAX_CHUNKS):
        length, kind = struct.unpack_from(">I4s", data, position)
        start = position + 8
        position = start + length + 4
        if position > len(data):
            raise InputError("capture.truncated", file=name, format="PNG")
        if kind == b"IEND":
            return
        yield kind, start, start + length
    raise InputError("capture.damaged", file=name, format="PNG")
