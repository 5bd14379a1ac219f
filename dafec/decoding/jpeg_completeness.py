"""Whether a JPEG that has its end marker also has the data before it.

A file that was cut and closed again decodes without an error: libjpeg fills what is missing with grey and only warns,
which neither OpenCV nor Pillow passes on. What can be asked instead is whether the decoder ran out of data. So the file
is decoded twice, once with noise put in before the marker that ends each scan (T.81 annex B.1.1.2). A decoder that has
all its data passes over the noise; one that ran out takes the noise for data, and the two pictures differ. A flat
bottom of a real scan is coded like any other part of it and changes nothing.

The price is two decodings, so a file of one scan is asked only where its last pixel is the grey of missing data, and at
an eighth of the size. Progressive files give no such sign, because their early scans already cover the whole picture;
they are always asked, at full size.

Files with restart markers are refused earlier, by their number (``jpeg``): a cut between two intervals leaves every
interval whole.

What cannot be decided this way is accepted: data missing within the last block of one scan only, whole scans missing
at the end of a progressive file, last bits too small to change a pixel, and arithmetic coding, which may leave out
zeros at its end.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

__all__ = ["is_cut_short", "looks_cut_short"]

#: Anything but 0xFF, which would begin a marker; long enough for several blocks of any coding.
_NOISE = bytes((37 * k * k + 91 * k + 53) % 255 for k in range(96))
#: Level of a block of which nothing was decoded: half scale, or a quarter where four inks were multiplied.
_FILLED = (128, 64)
_FILLED_TOLERANCE = 3
_SCALE = 8
_BAND_ROWS = 256


def looks_cut_short(decoded: NDArray[Any]) -> bool:
    """Whether the last pixel of a JPEG of one scan has the grey of missing data.

    Args:
        decoded: (height, width) or (height, width, 3) uint8, as stored, of any order of colours.
    """
    last = decoded[-1, -1].reshape(-1).astype(int)
    return any(abs(last - level).max() <= _FILLED_TOLERANCE for level in _FILLED)


def is_cut_short(data: bytes, scan_ends: Sequence[int], *, progressive: bool) -> bool:
    """Whether a decoder runs out of data in a JPEG.

    Args:
        data: the whole file.
        scan_ends: where the marker stands that ends each scan.
        progressive: whether early scans cover the whole picture.

    Returns:
        True where data are missing; False where all are there.

    Raises:
        OSError, SyntaxError, ValueError: Pillow cannot decode the file at all.
    """
    scale = 1 if progressive or len(scan_ends) > 1 else _SCALE
    return _digest(data, scale) != _digest(_with_noise(data, scan_ends), scale)


def _with_noise(data: bytes, scan_ends: Sequence[int]) -> bytes:
    parts: list[bytes] = []
    begin = 0
    for end in scan_ends:
        parts += [data[begin:end], _NOISE]
        begin = end
    return b"".join([*parts, data[begin:]])


def _digest(data: bytes, scale: int) -> bytes:
    """SHA-256 of the pixels, in bands of rows so that no second copy of a large picture is made."""
    from PIL import Image  # a cold `dafec mrz` of an ordinary JPEG does not need it

    digest = hashlib.sha256()
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
        if scale > 1:
            image.draft(None, (max(1, image.width // scale), max(1, image.height // scale)))
        image.load()
        for top in range(0, image.height, _BAND_ROWS):
            band = image.crop((0, top, image.width, min(top + _BAND_ROWS, image.height)))
            digest.update(band.tobytes())
    return digest.digest()
