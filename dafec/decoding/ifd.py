"""Reading tag directories: the structure TIFF files and EXIF blocks share (TIFF 6.0 section 2, BigTIFF)."""

from __future__ import annotations

import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from dafec.decoding.model import plausible_dpi

__all__ = ["EXIF_TAGS", "ORIENTATION", "TagReader", "Tags", "exif_orientation_and_dpi", "resolution_dpi", "tag_reader"]

ORIENTATION, X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 274, 282, 283, 296
EXIF_TAGS = frozenset({ORIENTATION, X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT})

#: field type -> (bytes a value, struct code); rationals are two values.
_TYPES: Mapping[int, tuple[int, str]] = {
    1: (1, "B"), 2: (1, "B"), 3: (2, "H"), 4: (4, "I"), 5: (8, "II"), 6: (1, "b"), 7: (1, "B"), 8: (2, "h"),
    9: (4, "i"), 10: (8, "ii"), 11: (4, "f"), 12: (8, "d"), 13: (4, "I"), 16: (8, "Q"), 17: (8, "q"), 18: (8, "Q"),
}  # fmt: skip
_SHORT = 3
_MAX_ENTRIES = 4096
#: Strips of one row each on the tallest image allowed stay below this.
_MAX_VALUES = 1_000_000

Tags = Mapping[int, tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class TagReader:
    """One tag structure in memory."""

    data: bytes
    order: str  # "<" or ">"
    big: bool
    first_ifd: int

    def read(self, offset: int, wanted: Collection[int]) -> tuple[Tags, int]:
        """The wanted tags of the directory at ``offset`` and the offset of the next directory, 0 at the end.

        Raises:
            struct.error: the directory or a wanted value lies beyond the data.
            ValueError: a count is absurd.
        """
        _, entry_bytes, inline_bytes, offset_code = self._sizes()
        tags: dict[int, tuple[float, ...]] = {}
        places = self._entries(offset)
        for at in places:
            tag, kind = struct.unpack_from(self.order + "HH", self.data, at)
            if tag not in wanted or kind not in _TYPES:
                continue
            (count,) = struct.unpack_from(self.order + offset_code, self.data, at + 4)
            if count > _MAX_VALUES or tag in tags:
                # Of a tag given twice, decoders choose the first or the last: no size could be relied on.
                raise ValueError("number of values")
            size, code = _TYPES[kind]
            place = at + entry_bytes - inline_bytes
            if size * count > inline_bytes:
                (place,) = struct.unpack_from(self.order + offset_code, self.data, place)
            tags[tag] = self._values(place, count, code)
        (following,) = struct.unpack_from(self.order + offset_code, self.data, places.stop)
        return tags, int(following)

    def patch_of(self, offset: int, wanted: int, value: int) -> tuple[int, bytes] | None:
        """Where a tag's short value stands and the bytes that make it ``value``; None where it is no short."""
        _, entry_bytes, inline_bytes, _ = self._sizes()
        for at in self._entries(offset):
            tag, kind = struct.unpack_from(self.order + "HH", self.data, at)
            if tag == wanted and kind == _SHORT:
                return at + entry_bytes - inline_bytes, struct.pack(self.order + "H", value)
        return None

    def _sizes(self) -> tuple[str, int, int, str]:
        """Code of the number of entries, bytes of an entry, bytes of a value within it, code of an offset."""
        return ("Q", 20, 8, "Q") if self.big else ("H", 12, 4, "I")

    def _entries(self, offset: int) -> range:
        """The places of the entries of the directory at ``offset``; the next directory's offset stands behind them."""
        count_code, entry_bytes, _, _ = self._sizes()
        (entries,) = struct.unpack_from(self.order + count_code, self.data, offset)
        if not 0 < entries <= _MAX_ENTRIES:
            raise ValueError("number of tags")
        start = offset + struct.calcsize(count_code)
        return range(start, start + int(entries) * entry_bytes, entry_bytes)

    def _values(self, place: int, count: int, code: str) -> tuple[float, ...]:
        if len(code) == 1:
            return tuple(struct.unpack_from(f"{self.order}{count}{code}", self.data, place))
        pairs = struct.unpack_from(f"{self.order}{2 * count}{code[0]}", self.data, place)
        return tuple(
            numerator / denominator if denominator else 0.0
            for numerator, denominator in zip(pairs[::2], pairs[1::2], strict=True)
        )


def tag_reader(data: bytes) -> TagReader:
    """A reader for data that begins with a TIFF header.

    Raises:
        struct.error: shorter than a header.
        ValueError: no TIFF header.
    """
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None:
        raise ValueError("byte order")
    (magic,) = struct.unpack_from(order + "H", data, 2)
    if magic == 42:
        return TagReader(data, order, big=False, first_ifd=struct.unpack_from(order + "I", data, 4)[0])
    if magic == 43 and struct.unpack_from(order + "HH", data, 4) == (8, 0):
        return TagReader(data, order, big=True, first_ifd=struct.unpack_from(order + "Q", data, 8)[0])
    raise ValueError("magic number")


def resolution_dpi(tags: Tags) -> float | None:
    """The plausible resolution of a directory; units are inches (2, the default) or centimetres (3)."""
    unit = int(_first(tags, RESOLUTION_UNIT, 2))
    per_inch = {2: 1.0, 3: 2.54}.get(unit)
    x = _first(tags, X_RESOLUTION, 0)
    if per_inch is None or not x:
        return None
    return plausible_dpi(x * per_inch, _first(tags, Y_RESOLUTION, x) * per_inch)


def exif_orientation_and_dpi(block: bytes) -> tuple[int, float | None]:
    """Orientation 1 to 8 and resolution of an EXIF block; ``(1, None)`` where it is damaged.

    A damaged EXIF block is no reason to refuse a picture: cameras and editors write many.
    """
    try:
        reader = tag_reader(block.removeprefix(b"Exif\0\0"))
        tags, _ = reader.read(reader.first_ifd, EXIF_TAGS)
    except (struct.error, ValueError):
        return 1, None
    orientation = int(_first(tags, ORIENTATION, 1))
    return (orientation if 1 <= orientation <= 8 else 1), resolution_dpi(tags)


def _first(tags: Tags, tag: int, default: float) -> float:
    values = tags.get(tag)
    return values[0] if values else default
