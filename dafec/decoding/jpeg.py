"""JPEG headers (ITU-T T.81 annex B): size, components, JFIF and EXIF, and whether the file has its end."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from dafec.decoding.ifd import exif_orientation_and_dpi
from dafec.decoding.model import Header, plausible_dpi
from dafec.errors import InputError

__all__ = ["read_jpeg"]

_START_OF_SCAN, _END_OF_IMAGE, _APP0, _APP1 = 0xDA, 0xD9, 0xE0, 0xE1
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_LOSSLESS = frozenset({0xC3, 0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF})  # and hierarchical
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD8)})
#: Real progressive files have about ten scans; thousands make a decoder work for minutes.
_MAX_SCANS = 100
#: A marker within coded data: not an escaped 0xFF, a restart or a fill byte.
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
#: Segments that may stand between two scans: tables, restart interval, number of lines, applications, comments.
_BETWEEN_SCANS = frozenset({0xC4, 0xDA, 0xDB, 0xDC, 0xDD, *range(0xE0, 0xF0), 0xFE})
_ARITHMETIC = frozenset({0xC9, 0xCA})
_UNITS_PER_INCH = {1: 1.0, 2: 2.54}


def read_jpeg(data: bytes, name: str) -> tuple[Header]:
    """The header of a JPEG file.

    Raises:
        InputError: truncated, damaged, lossless or hierarchical, not 8 bits, or not 1, 3 or 4 components.
        struct.error, IndexError: truncated within the header.
    """
    frame: tuple[int, int, int, int] | None = None
    jfif_dpi: float | None = None
    exif_dpi: float | None = None
    orientation, scan, arithmetic = 1, 0, False
    for marker, start, end in _segments(data, name):
        scan = end
        segment = data[start:end]
        if marker in _FRAME_MARKERS and frame is None:
            if marker in _LOSSLESS:
                raise InputError("capture.unsupported_format", file=name, format="JPEG (lossless)")
            frame = struct.unpack_from(">BHHB", segment)
            arithmetic = marker in _ARITHMETIC
        elif marker == _APP0 and segment.startswith(b"JFIF\0"):
            jfif_dpi = _jfif_dpi(segment)
        elif marker == _APP1 and segment.startswith(b"Exif\0\0"):
            orientation, exif_dpi = exif_orientation_and_dpi(segment)
    if frame is None:
        raise InputError("capture.damaged", file=name, format="JPEG")
    scan_ends = _scan_ends(data, scan, name)
    precision, height, width, components = frame
    if precision != 8:
        raise InputError("capture.unsupported_depth", file=name, format="JPEG", bits=precision)
    if components not in (1, 3, 4):
        raise InputError("capture.unsupported_channels", file=name, format="JPEG", channels=components)
    dpi = jfif_dpi if jfif_dpi is not None else exif_dpi
    # OpenCV and Pillow both turn CMYK into colour here, so four components are no alpha.
    ends = () if arithmetic else scan_ends
    return (Header("image/jpeg", width, height, min(components, 3), 8, dpi, orientation, scan_ends=ends),)


def _segments(data: bytes, name: str) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of the content of every segment up to and with the first start of scan."""
    position = 2
    while True:
        marker, position = _next_marker(data, position, name)
        if marker in _WITHOUT_LENGTH:
            continue
        if marker == _END_OF_IMAGE:
            raise InputError("capture.truncated", file=name, format="JPEG")
        (length,) = struct.unpack_from(">H", data, position)
        if length < 2:
            raise InputError("capture.damaged", file=name, format="JPEG")
        yield marker, position + 2, position + length
        position += length
        if marker == _START_OF_SCAN:
            return


def _scan_ends(data: bytes, scan: int, name: str) -> tuple[int, ...]:
    """Where the marker stands that ends each scan; coded data of the first begin at ``scan``."""
    # Decoders fill what is missing with grey. Within coded data 0xFF is always escaped, so an end marker is one.
    if data.rfind(b"\xff\xd9", scan) < 0:
        raise InputError("capture.truncated", file=name, format="JPEG")
    ends: list[int] = []
    in_scan, position = True, scan
    while len(ends) <= _MAX_SCANS:
        found = _MARKER.search(data, position)
        if found is None:
            raise InputError("capture.truncated", file=name, format="JPEG")
        if in_scan:
            ends.append(_before_fill(data, found.start()))
        marker = data[found.start() + 1]
        if marker not in _BETWEEN_SCANS:  # the end of the image, or what no decoder reads past
            return tuple(ends)
        in_scan = marker == _START_OF_SCAN
        position = found.end() + max(2, struct.unpack_from(">H", data, found.end())[0])
    raise InputError("capture.damaged", file=name, format="JPEG")


def _before_fill(data: bytes, marker: int) -> int:
    """The first of the fill bytes before a marker."""
    while data[marker - 1] == 0xFF:
        marker -= 1
    return marker


def _next_marker(data: bytes, position: int, name: str) -> tuple[int, int]:
    if data[position] != 0xFF:
        raise InputError("capture.damaged", file=name, format="JPEG")
    while data[position] == 0xFF:
        position += 1
    return data[position], position + 1


def _jfif_dpi(segment: bytes) -> float | None:
    try:
        unit, x, y = struct.unpack_from(">BHH", segment, 7)
    except struct.error:
        return None
    per_inch = _UNITS_PER_INCH.get(unit)
    return None if per_inch is None else plausible_dpi(x * per_inch, y * per_inch)
