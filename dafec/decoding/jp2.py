"""JPEG 2000 headers (ITU-T T.800): boxes, codestream size, resolution, and whether the codestream has its end."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from dafec.decoding.model import Alpha, Header, plausible_dpi
from dafec.errors import InputError

__all__ = ["read_jp2"]

_CODESTREAM_START = b"\xff\x4f\xff\x51"
_END_OF_CODESTREAM = b"\xff\xd9"
#: Padding some writers leave after the end of the codestream.
_TAIL_BYTES = 64
#: 60 megapixels in tiles of 128 x 128; a decoder keeps a structure for each tile.
_MAX_TILES = 4096
_METRES_PER_INCH = 0.0254


def read_jp2(data: bytes, name: str) -> tuple[Header]:
    """The header of a JPEG 2000 file or bare codestream.

    Raises:
        InputError: truncated, damaged, too many tiles, signed or uneven samples, or not 1 to 4 components.
        struct.error: truncated within a header.
    """
    dpi: float | None = None
    codestream = 0
    if not data.startswith(_CODESTREAM_START):
        codestream = -1
        for kind, start, end in _boxes(data, 0, len(data), name):
            if kind == b"jp2h":
                dpi = _resolution(data, start, end, name)
            elif kind == b"jp2c":
                codestream = start
                break
        if codestream < 0:
            raise InputError("capture.truncated", file=name, format="JPEG 2000")
    if data[codestream : codestream + 4] != _CODESTREAM_START:
        raise InputError("capture.damaged", file=name, format="JPEG 2000")
    if _END_OF_CODESTREAM not in data[-_TAIL_BYTES:]:
        raise InputError("capture.truncated", file=name, format="JPEG 2000")
    return (_size_segment(data, codestream + 4, name, dpi),)


def _size_segment(data: bytes, at: int, name: str, dpi: float | None) -> Header:
    x1, y1, x0, y0, tile_w, tile_h, _tile_x, _tile_y, components = struct.unpack_from(">8IH", data, at + 4)
    if components not in (1, 2, 3, 4):
        raise InputError("capture.unsupported_channels", file=name, format="JPEG 2000", channels=components)
    if tile_w == 0 or tile_h == 0 or x0 >= x1 or y0 >= y1:
        raise InputError("capture.zero_size", file=name)
    width, height = x1 - x0, y1 - y0
    samples = [struct.unpack_from(">3B", data, at + 38 + 3 * index) for index in range(components)]
    depths = {(precision & 0x7F) + 1 for precision, _, _ in samples}
    if len(depths) != 1 or max(depths) > 16 or any(precision & 0x80 for precision, _, _ in samples):
        raise InputError("capture.unsupported_depth", file=name, format="JPEG 2000", bits=max(depths))
    if -(-x1 // tile_w) * -(-y1 // tile_h) > _MAX_TILES:
        raise InputError("capture.damaged", file=name, format="JPEG 2000")
    alpha: Alpha = "straight" if components in (2, 4) else "none"
    depth = max(8, *depths)
    return Header("image/jp2", width, height, components, depth, dpi, alpha=alpha, by_pillow=components == 2)


def _boxes(data: bytes, start: int, end: int, name: str) -> Iterator[tuple[bytes, int, int]]:
    """Every box between ``start`` and ``end`` as type, first byte of the content, end."""
    while start + 8 <= end:
        length, kind = struct.unpack_from(">I4s", data, start)
        content = start + 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, content)
            content += 8
        box_end = end if length == 0 else start + length
        if box_end > end:
            raise InputError("capture.truncated", file=name, format="JPEG 2000")
        if box_end < content:
            raise InputError("capture.damaged", file=name, format="JPEG 2000")
        yield kind, content, box_end
        start = box_end


def _resolution(data: bytes, start: int, end: int, name: str) -> float | None:
    """Capture resolution, else display resolution, in pixels per inch."""
    found: dict[bytes, float | None] = {}
    for kind, inner_start, inner_end in _boxes(data, start, end, name):
        if kind != b"res ":
            continue
        for resolution_kind, at, _ in _boxes(data, inner_start, inner_end, name):
            up_y, down_y, up_x, down_x, power_y, power_x = struct.unpack_from(">4H2b", data, at)
            if down_x and down_y:
                x = up_x / down_x * 10.0**power_x * _METRES_PER_INCH
                y = up_y / down_y * 10.0**power_y * _METRES_PER_INCH
                found[resolution_kind] = plausible_dpi(x, y)
    return found.get(b"resc") or found.get(b"resd")
