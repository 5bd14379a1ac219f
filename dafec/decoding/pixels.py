"""From accepted bytes to upright pixels: grey or RGB, 8 or 16 bits, alpha laid on white.

OpenCV decodes (twice as fast as Pillow for JPEG, half as fast again for PNG; ``benchmarks/`` prints both); Pillow
takes what OpenCV refuses or misreads. Neither ever sees bytes whose header has not been checked.
"""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.decoding.headers import FORMAT_NAMES
from dafec.decoding.jpeg_completeness import is_cut_short, looks_cut_short
from dafec.decoding.model import Alpha, Header, Pixels
from dafec.decoding.png import refuse_excess_data
from dafec.errors import InputError

__all__ = ["decode_pixels", "turn_upright"]

_PILLOW_FORMATS = {
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/tiff": "TIFF",
    "image/bmp": "BMP",
    "image/jp2": "JPEG2000",
    "image/webp": "WEBP",
}
#: Everything Pillow's decoders are known to raise for damaged data.
_PILLOW_ERRORS = (
    OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError, OverflowError, AttributeError,
    struct.error, zlib.error, Warning,
)  # fmt: skip
_CV_NO_MEMORY = -4
_BAND_ROWS = 256
#: EXIF orientation -> (mirror left and right first, then quarter turns clockwise).
_ORIENTATIONS: dict[int, tuple[bool, int]] = {
    1: (False, 0), 2: (True, 0), 3: (False, 2), 4: (True, 2), 5: (True, 3), 6: (False, 1), 7: (True, 1), 8: (False, 3),
}  # fmt: skip
_TURNS = {1: cv2.ROTATE_90_CLOCKWISE, 2: cv2.ROTATE_180, 3: cv2.ROTATE_90_COUNTERCLOCKWISE}


def decode_pixels(data: bytes, header: Header, name: str) -> Pixels:
    """The pixels of one image whose header was accepted, upright.

    Args:
        data: the whole file.
        header: as ``read_headers`` gave it for these bytes.
        name: for messages.

    Returns:
        Shape (height, width) or (height, width, 3) RGB, uint8 or uint16, full scale ``2**bit_depth - 1``.

    Raises:
        InputError: ``capture.damaged``, ``capture.truncated``, ``capture.unsupported_depth`` or ``capture.no_memory``.
    """
    try:
        data = _patched(data, header)
        if header.media_type == "image/png":
            refuse_excess_data(data, name)
        covered_early = header.progressive or len(header.scan_ends) > 1
        if covered_early:
            _refuse_cut_jpeg(data, header, name)  # before the frame takes its memory
        raw = None if header.by_pillow else _decode_with_opencv(data, header)
        if raw is None:
            raw = _decode_with_pillow(data, header, name)
        if raw.shape[:2] != (header.height_px, header.width_px):
            raise InputError("capture.damaged", file=name, format=FORMAT_NAMES[header.media_type])
        if header.scan_ends and not covered_early and looks_cut_short(raw):
            _refuse_cut_jpeg(data, header, name)
        if raw.dtype not in (np.uint8, np.uint16):
            raise InputError(
                "capture.unsupported_depth", file=name, format=FORMAT_NAMES[header.media_type], bits=raw.itemsize * 8
            )
        pixels = _significant(_without_alpha(cast(Pixels, raw), header), header)
        mirrored, quarter_turns = _ORIENTATIONS[header.orientation]
        return turn_upright(pixels, mirrored=mirrored, quarter_turns=quarter_turns)
    except MemoryError as error:
        raise InputError("capture.no_memory", file=name) from error
    except cv2.error as error:
        code = "capture.no_memory" if error.code == _CV_NO_MEMORY else "capture.damaged"
        raise InputError(code, file=name, format=FORMAT_NAMES[header.media_type]) from error


def _significant(pixels: Pixels, header: Header) -> Pixels:
    """16-bit samples of fewer significant bits at the scale of those.

    PNG's sBIT says how many of a sample's upper bits count (ISO/IEC 15948 11.3.2.7). Readers that store what their
    sensor gives write small numbers in the lower bits instead; numbers that fit there are taken to be such.
    """
    if header.media_type != "image/png" or pixels.dtype != np.uint16 or header.bit_depth >= 16:
        return pixels
    if int(pixels.max(initial=0)) < 2**header.bit_depth:
        return pixels
    return cast(Pixels, np.right_shift(pixels, 16 - header.bit_depth))


def turn_upright(pixels: Pixels, *, mirrored: bool, quarter_turns: int) -> Pixels:
    """``pixels`` mirrored left and right if asked, then turned clockwise by quarter turns."""
    turned = cv2.flip(pixels, 1) if mirrored else pixels
    if quarter_turns % 4:
        turned = cv2.rotate(turned, _TURNS[quarter_turns % 4])
    return cast(Pixels, turned)


def _patched(data: bytes, header: Header) -> bytes:
    if header.patch is None or header.orientation == 1:
        return data
    at, value = header.patch
    return data[:at] + value + data[at + len(value) :]


def _decode_with_opencv(data: bytes, header: Header) -> NDArray[np.generic] | None:
    _quiet_opencv()
    buffer = np.frombuffer(data, np.uint8)
    # UNCHANGED keeps depth and alpha and leaves EXIF to us, so that every format is turned by the same code.
    if header.page:
        found, images = cv2.imdecodemulti(buffer, cv2.IMREAD_UNCHANGED, range=(header.page, header.page + 1))
        return images[0] if found and images else None
    return cast("NDArray[np.generic] | None", cv2.imdecode(buffer, cv2.IMREAD_UNCHANGED))


def _refuse_cut_jpeg(data: bytes, header: Header, name: str) -> None:
    from PIL import Image

    try:
        cut = is_cut_short(data, header.scan_ends, progressive=header.progressive)
    except Image.DecompressionBombError:
        return  # beyond Pillow's own limit, where a site has raised ours above it: not asked
    except _PILLOW_ERRORS as error:
        raise InputError("capture.damaged", file=name, format=FORMAT_NAMES[header.media_type]) from error
    if cut:
        raise InputError("capture.truncated", file=name, format=FORMAT_NAMES[header.media_type])


@cache
def _quiet_opencv() -> None:
    """Keep OpenCV's own log lines about damaged files off standard error; what matters is raised.

    Lines that libjpeg and libpng write by themselves ("Corrupt JPEG data: ...", "libpng error: ...") still appear
    there: they go past OpenCV, and to redirect the process's standard error around a call would take away what its
    other threads write meanwhile. Standard output stays clean.
    """
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def _decode_with_pillow(data: bytes, header: Header, name: str) -> NDArray[np.generic]:
    from PIL import Image  # only a few layouts need it, and a cold `dafec mrz` should not wait for it

    format_name = FORMAT_NAMES[header.media_type]
    try:
        with Image.open(io.BytesIO(data), formats=(_PILLOW_FORMATS[header.media_type],)) as image:
            if header.page:
                image.seek(header.page)
            if image.size != (header.width_px, header.height_px):
                raise InputError("capture.damaged", file=name, format=format_name)
            deep = image.mode in ("I;16", "I;16B", "I;16L")
            if (header.bit_depth > 8) != deep:
                # Pillow would cut 16-bit colour down to 8 bits without a word.
                raise InputError("capture.unsupported_depth", file=name, format=format_name, bits=header.bit_depth)
            if deep:
                return np.asarray(image).astype(np.uint16)
            target = {1: "L", 2: "RGBA", 3: "RGB", 4: "RGBA"}[header.channels]
            array = np.asarray(image.convert(target))
    except (*_PILLOW_ERRORS, Image.DecompressionBombError) as error:
        raise InputError("capture.damaged", file=name, format=format_name) from error
    if array.ndim == 3:
        code = cv2.COLOR_RGB2BGR if array.shape[2] == 3 else cv2.COLOR_RGBA2BGRA
        return cast("NDArray[np.generic]", cv2.cvtColor(array, code))
    return array


def _without_alpha(raw: Pixels, header: Header) -> Pixels:
    """Grey or RGB from what the decoder gave: grey, BGR or BGRA."""
    if raw.ndim == 2:
        return raw
    if raw.shape[2] == 1:
        return raw[:, :, 0]
    if raw.shape[2] == 2:
        raw = cast(Pixels, np.dstack([raw[:, :, 0]] * 3 + [raw[:, :, 1]]))
    if raw.shape[2] == 4:
        raw = _on_white(raw, header.alpha)
    if header.channels <= 2 and header.media_type != "image/bmp":  # an 8-bit BMP may hold a colour palette
        return cast(Pixels, np.ascontiguousarray(raw[:, :, 0]))
    return cast(Pixels, cv2.cvtColor(raw, cv2.COLOR_BGR2RGB))


def _on_white(raw: Pixels, alpha_kind: Alpha) -> Pixels:
    """Colour laid on white paper. Rows are taken in bands, so that a large image needs no float copy of itself."""
    alpha = raw[:, :, 3]
    colour = np.ascontiguousarray(raw[:, :, :3])
    full = int(np.iinfo(raw.dtype).max)
    # Some writers leave alpha at zero all over; a picture that is invisible everywhere was not meant to be.
    if alpha_kind in ("none", "ignored") or not alpha.any() or alpha.min() == full:
        return cast(Pixels, colour)
    for top in range(0, raw.shape[0], _BAND_ROWS):
        band = slice(top, top + _BAND_ROWS)
        weight = alpha[band, :, None].astype(np.float32) / full
        shown = colour[band].astype(np.float32)
        if alpha_kind == "straight":
            shown *= weight
        shown += (1 - weight) * full
        colour[band] = np.clip(np.rint(shown), 0, full).astype(raw.dtype)
    return cast(Pixels, colour)
