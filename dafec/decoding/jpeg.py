"""JPEG headers (ITU-T T.81 annex B): size, components, JFIF and EXIF, and whether the file has its end."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

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
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_RESTART_INTERVAL = 0xDD
_ARITHMETIC, _PROGRESSIVE = frozenset({0xC9, 0xCA}), frozenset({0xC2, 0xCA})
_UNITS_PER_INCH = {1: 1.0, 2: 2.54}


def read_jpeg(data: bytes, name: str) -> tuple[Header]:
    """The header of a JPEG file.

    Raises:
        InputError: truncated, damaged, lossless or hierarchical, not 8 bits, or not 1, 3 or 4 components.
        struct.error, IndexError: truncated within the header.
    """
    frame: tuple[int, int, int, int] | None = None
    sampling: dict[int, tuple[int, int]] = {}
    jfif_dpi: float | None = None
    exif_dpi: float | None = None
    orientation, restart_interval, kind, first = 1, 0, 0, (0, 0)
    for marker, start, end in _segments(data, name):
        first = (start, end)
        segment = data[start:end]
        if marker in _FRAME_MARKERS and frame is None:
            if marker in _LOSSLESS:
                raise InputError("capture.unsupported_format", file=name, format="JPEG (lossless)")
            frame = struct.unpack_from(">BHHB", segment)
            sampling = {
                segment[at]: (segment[at + 1] >> 4, segment[at + 1] & 15) for at in range(6, len(segment) - 2, 3)
            }
            kind = marker
        elif marker == _RESTART_INTERVAL:
            (restart_interval,) = struct.unpack_from(">H", segment)
        elif marker == _APP0 and segment.startswith(b"JFIF\0"):
            jfif_dpi = _jfif_dpi(segment)
        elif marker == _APP1 and segment.startswith(b"Exif\0\0"):
            orientation, exif_dpi = exif_orientation_and_dpi(segment)
    if frame is None:
        raise InputError("capture.damaged", file=name, format="JPEG")
    scans = _scans(data, first, restart_interval, name)
    precision, height, width, components = frame
    if precision != 8:
        raise InputError("capture.unsupported_depth", file=name, format="JPEG", bits=precision)
    if components not in (1, 3, 4):
        raise InputError("capture.unsupported_channels", file=name, format="JPEG", channels=components)
    dpi = jfif_dpi if jfif_dpi is not None else exif_dpi
    # OpenCV and Pillow both turn CMYK into colour here, so four components are no alpha.
    _check_restarts(data, scans, width, height, sampling, name)
    ends = () if kind in _ARITHMETIC else tuple(scan.end for scan in scans)
    progressive = kind in _PROGRESSIVE
    shape = Header("image/jpeg", width, height, min(components, 3), 8, dpi, orientation)
    return (replace(shape, scan_ends=ends, progressive=progressive),)


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


@dataclass(frozen=True, slots=True)
class _Scan:
    """One scan: its coded data from ``begin`` to ``end``."""

    begin: int
    end: int
    components: tuple[int, ...]  # their identifiers
    restart_interval: int  # units between restart markers; 0 where there are none


def _scans(data: bytes, first: tuple[int, int], restart_interval: int, name: str) -> list[_Scan]:
    """All scans; the content of the first one's header lies from ``first[0]`` to ``first[1]``."""
    # Decoders fill what is missing with grey. Within coded data 0xFF is always escaped, so an end marker is one.
    if data.rfind(b"\xff\xd9", first[1]) < 0:
        raise InputError("capture.truncated", file=name, format="JPEG")
    scans: list[_Scan] = []
    header: tuple[int, int] | None = first
    position = first[1]
    while len(scans) <= _MAX_SCANS:
        found = _MARKER.search(data, position)
        if found is None:
            raise InputError("capture.truncated", file=name, format="JPEG")
        if header is not None:
            start, begin = header
            components = tuple(data[start + 1 : start + 1 + 2 * data[start] : 2])
            scans.append(_Scan(begin, _before_fill(data, found.start()), components, restart_interval))
        marker, start = data[found.start() + 1], found.end() + 2
        if marker not in _BETWEEN_SCANS:  # the end of the image, or what no decoder reads past
            return scans
        position = found.end() + max(2, struct.unpack_from(">H", data, found.end())[0])
        header = (start, position) if marker == _START_OF_SCAN else None
        if marker == _RESTART_INTERVAL:
            (restart_interval,) = struct.unpack_from(">H", data, start)
    raise InputError("capture.damaged", file=name, format="JPEG")


def _sampling(frame: bytes) -> dict[int, tuple[int, int]]:
    """Sampling factors across and down by the identifier of the component."""
    return {frame[at]: (frame[at + 1] >> 4, frame[at + 1] & 15) for at in range(6, len(frame) - 2, 3)}


def _check_restarts(
    data: bytes, scans: Sequence[_Scan], width: int, height: int, sampling: Mapping[int, tuple[int, int]], name: str
) -> None:
    if any(_lacks_restarts(data, scan, width, height, sampling) for scan in scans):
        raise InputError("capture.truncated", file=name, format="JPEG")


def _lacks_restarts(data: bytes, scan: _Scan, width: int, height: int, sampling: Mapping[int, tuple[int, int]]) -> bool:
    """Whether a scan has fewer restart markers than its size asks for (T.81 annex A.2, E.1.4)."""
    factors = [sampling.get(component, (0, 0)) for component in scan.components]
    if scan.restart_interval == 0 or not factors or 0 in {side for pair in factors for side in pair}:
        return False
    across, down = (max(pair[axis] for pair in sampling.values()) for axis in (0, 1))
    if len(factors) == 1:  # a scan of one component is made of its blocks, not of the image's units
        ((own_across, own_down),) = factors
        columns, rows = _ceil(_ceil(width * own_across, across), 8), _ceil(_ceil(height * own_down, down), 8)
    else:
        columns, rows = _ceil(width, 8 * across), _ceil(height, 8 * down)
    expected = _ceil(columns * rows, scan.restart_interval) - 1
    return len(_RESTART.findall(data, scan.begin, scan.end)) < expected


def _ceil(value: int, by: int) -> int:
    return -(-value // by)


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
