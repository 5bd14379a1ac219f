"""TIFF headers (TIFF 6.0, BigTIFF): every full-size image, its layout, and whether its strips lie in the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from dafec.decoding.ifd import EXIF_TAGS, ORIENTATION, TagReader, Tags, resolution_dpi, tag_reader
from dafec.decoding.model import Alpha, Header
from dafec.errors import InputError

__all__ = ["read_tiff"]

_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 254, 256, 257, 258, 259, 262
_STRIP_OFFSETS, _SAMPLES, _ROWS_PER_STRIP, _STRIP_BYTES, _MAX_VALUE, _PLANAR = 273, 277, 278, 279, 281, 284
_TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_BYTES, _EXTRA, _FORMAT = 322, 323, 324, 325, 338, 339
_WANTED = EXIF_TAGS | {
    _SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _STRIP_OFFSETS, _SAMPLES, _ROWS_PER_STRIP,
    _STRIP_BYTES, _MAX_VALUE, _PLANAR, _TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_BYTES, _EXTRA, _FORMAT,
}  # fmt: skip
_REDUCED_OR_MASK = 0b101
_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB, _PALETTE, _CMYK, _YCBCR = 0, 1, 2, 3, 5, 6
#: photometric interpretation -> samples of the picture itself, without extra ones
_COLOUR_SAMPLES: Mapping[int, int] = {_MIN_IS_WHITE: 1, _MIN_IS_BLACK: 1, _RGB: 3, _PALETTE: 1, _CMYK: 4, _YCBCR: 3}
_OLD_JPEG = 6
_SEPARATE_PLANES = 2
_UNSIGNED = frozenset({1, 4})  # 4: undefined, in practice unsigned
_ASSOCIATED_ALPHA, _STRAIGHT_ALPHA = 1, 2
#: Directories read before a chain counts as hostile; the page limit refuses far fewer.
_MAX_DIRECTORIES = 64
#: Tiles are whole, so one may exceed the image; no writer makes them larger than this many pixels.
_MAX_TILE_PX = 1 << 24


def read_tiff(data: bytes, name: str) -> tuple[Header, ...]:
    """The headers of all full-size images; reduced copies and masks are passed over.

    Raises:
        InputError: truncated, damaged, or a layout DAFEC does not take.
        struct.error: truncated within a directory.
    """
    try:
        reader = tag_reader(data)
        return _directories(reader, name)
    except ValueError as error:
        raise InputError("capture.damaged", file=name, format="TIFF") from error


def _directories(reader: TagReader, name: str) -> tuple[Header, ...]:
    headers: list[Header] = []
    seen: set[int] = set()
    offset = reader.first_ifd
    while offset:
        if offset in seen or len(seen) >= _MAX_DIRECTORIES:
            raise InputError("capture.damaged", file=name, format="TIFF")
        page = len(seen)
        seen.add(offset)
        tags, following = reader.read(offset, _WANTED)
        if not _int(tags, _SUBFILE, 0) & _REDUCED_OR_MASK:
            header = _header(tags, page, len(reader.data), name)
            # OpenCV turns some layouts by the tag and leaves others; told that all are upright, it turns none.
            headers.append(replace(header, patch=reader.patch_of(offset, ORIENTATION, 1)))
        offset = following
    if not headers:
        raise InputError("capture.truncated", file=name, format="TIFF")
    return tuple(headers)


def _header(tags: Tags, page: int, data_bytes: int, name: str) -> Header:
    width, height = _int(tags, _WIDTH, 0), _int(tags, _HEIGHT, 0)
    photometric = _int(tags, _PHOTOMETRIC, _MIN_IS_BLACK)
    samples = _int(tags, _SAMPLES, 1)
    depth = _bit_depth(tags, samples, name)
    colour_samples = _COLOUR_SAMPLES.get(photometric)
    if colour_samples is None or _int(tags, _COMPRESSION, 1) == _OLD_JPEG:
        raise InputError("capture.unsupported_format", file=name, format="TIFF (raw, Lab or old JPEG)")
    extra = samples - colour_samples
    if extra not in (0, 1) or (photometric in (_PALETTE, _CMYK) and (extra or depth > 8)):
        raise InputError("capture.unsupported_channels", file=name, format="TIFF", channels=samples)
    if depth > 8 and samples > 1 and _int(tags, _PLANAR, 1) == _SEPARATE_PLANES:
        raise InputError("capture.unsupported_format", file=name, format="TIFF (16 bits in separate planes)")
    _check_extent(tags, width, height, data_bytes, name)
    orientation = _int(tags, ORIENTATION, 1)
    grey = colour_samples == 1 and photometric != _PALETTE
    return Header(
        media_type="image/tiff",
        width_px=width,
        height_px=height,
        channels=(1 if grey else 3) + extra,
        bit_depth=depth,
        dpi=resolution_dpi(tags),
        orientation=orientation if 1 <= orientation <= 8 else 1,
        alpha=_alpha(tags, extra, depth),
        page=page,
        # OpenCV takes CMYK for RGBA and multiplies 8-bit colour with its alpha; Pillow undoes premultiplied alpha.
        by_pillow=photometric == _CMYK or (extra == 1 and depth == 8),
    )


def _bit_depth(tags: Tags, samples: int, name: str) -> int:
    """Significant bits a sample as decoded.

    Sensors with 10 to 14 bits in 16 say so by the largest value. Packed samples are spread over 8 or 16 bits by the
    decoders.
    """
    bits = {int(value) for value in tags.get(_BITS, (1,))}
    formats = {int(value) for value in tags.get(_FORMAT, (1,))}
    if len(bits) != 1 or not bits <= {1, 2, 4, 8, 10, 12, 14, 16} or not formats <= _UNSIGNED:
        raise InputError("capture.unsupported_depth", file=name, format="TIFF", bits=max(bits, default=0))
    if not 1 <= samples <= 5:
        raise InputError("capture.unsupported_channels", file=name, format="TIFF", channels=samples)
    (depth,) = bits
    largest = _int(tags, _MAX_VALUE, 0)
    if depth == 16 and largest.bit_length() in range(9, 16) and largest & (largest + 1) == 0:
        return largest.bit_length()
    return 8 if depth <= 8 else 16


def _alpha(tags: Tags, extra: int, depth: int) -> Alpha:
    """What the extra sample means once decoded; Pillow, which decodes the 8-bit ones, divides by the alpha itself."""
    if not extra:
        return "none"
    meaning = _int(tags, _EXTRA, 0)
    if meaning == _ASSOCIATED_ALPHA and depth > 8:
        return "premultiplied"
    return "straight" if meaning in (_ASSOCIATED_ALPHA, _STRAIGHT_ALPHA) else "ignored"


def _check_extent(tags: Tags, width: int, height: int, data_bytes: int, name: str) -> None:
    """Every strip or tile must lie within the file, and none may be larger than an image has use for."""
    tiled = _TILE_OFFSETS in tags
    offsets = tags.get(_TILE_OFFSETS if tiled else _STRIP_OFFSETS)
    sizes = tags.get(_TILE_BYTES if tiled else _STRIP_BYTES)
    if not offsets:
        raise InputError("capture.damaged", file=name, format="TIFF")
    if sizes is None:  # allowed by TIFF 6.0 for one uncompressed strip; then only its start is known
        sizes = (1,) * len(offsets)
    if len(sizes) != len(offsets) or (
        tiled and _int(tags, _TILE_WIDTH, 0) * _int(tags, _TILE_HEIGHT, 0) > _MAX_TILE_PX
    ):
        raise InputError("capture.damaged", file=name, format="TIFF")
    if any(offset + size > data_bytes for offset, size in zip(offsets, sizes, strict=True)):
        raise InputError("capture.truncated", file=name, format="TIFF")
    if not tiled and width > 0:
        rows = min(_int(tags, _ROWS_PER_STRIP, height), height) or 1
        planes = _int(tags, _SAMPLES, 1) if _int(tags, _PLANAR, 1) == _SEPARATE_PLANES else 1
        if len(offsets) < -(-height // rows) * planes:
            raise InputError("capture.truncated", file=name, format="TIFF")


def _int(tags: Tags, tag: int, default: int) -> int:
    values = tags.get(tag)
    return int(values[0]) if values else default
