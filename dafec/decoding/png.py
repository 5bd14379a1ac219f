"""PNG files (ISO/IEC 15948): size, colour type, sBIT, pHYs and eXIf, animation, end, and no more data than declared.

Data beyond the last row are looked for before decoding: libpng, having drawn that row, inflates whatever follows it a
kilobyte at a time, so three hundred kilobytes of well compressed nothing keep it busy for seconds, and a whole file's
worth for an hour.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from dafec.decoding.ifd import exif_orientation_and_dpi
from dafec.decoding.model import Alpha, Header, plausible_dpi
from dafec.errors import InputError

__all__ = ["read_png", "refuse_excess_data"]

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
_FED = 1 << 15  # compressed bytes at a time: at most 32 MB come out of them
_SPARE = 4096  # bytes after the last row, or after the stream, that careless writers leave
#: Adam7: first column and row of each pass, and the distance of its columns and rows.
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
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
    orientation, has_data, bits = 1, False, max(depth, 8)
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
        elif kind == b"sBIT" and depth == 16 and end > start:
            significant = max(data[start : start + min(end - start, 3 if channels >= 3 else 1)])
            bits = significant if 8 < significant < 16 else bits
        elif kind == b"tRNS":
            alpha = "straight"
    if not has_data:
        raise InputError("capture.truncated", file=name, format="PNG")
    return (Header("image/png", width, height, channels, bits, dpi, orientation, alpha),)


def _expected_bytes(width: int, height: int, bits_a_pixel: int, *, interlaced: bool) -> int:
    """What a picture's rows take before compression, with the filter byte of each."""
    if not interlaced:
        return height * (1 + -(-width * bits_a_pixel // 8))
    total = 0
    for x, y, across, down in _ADAM7:
        columns, rows = -(-(width - x) // across), -(-(height - y) // down)
        if columns > 0 and rows > 0:
            total += rows * (1 + -(-columns * bits_a_pixel // 8))
    return total


def refuse_excess_data(data: bytes, name: str) -> None:
    """Refuses a file whose picture data go on after the last row.

    Args:
        data: a file whose header was accepted.
        name: for messages.

    Raises:
        InputError: ``capture.damaged``. Data that end early or are no deflate stream are left to the decoder.
    """
    width, height, depth, colour = struct.unpack_from(">IIBB", data, 16)
    samples = 1 if colour == 3 else _COLOUR_TYPES[colour][0]  # a palette's pixel is one index
    expected = _expected_bytes(width, height, samples * depth, interlaced=data[28] == 1)
    inflater, made, spare = zlib.decompressobj(), 0, 0
    for kind, start, end in _chunks(data, name):
        if kind != b"IDAT":
            continue
        for first in range(start, end, _FED):
            piece = data[first : min(first + _FED, end)]
            if inflater.eof:
                spare += len(piece)
                continue
            try:
                made += len(inflater.decompress(piece, expected + _SPARE + 1 - made))
            except zlib.error:
                return
            spare += len(inflater.unused_data)
            # What does not fit into what is left is more than the rows need.
            if made > expected + _SPARE or inflater.unconsumed_tail:
                raise InputError("capture.damaged", file=name, format="PNG")
        if spare > _SPARE:
            raise InputError("capture.damaged", file=name, format="PNG")


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
