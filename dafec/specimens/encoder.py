"""One encoder for every picture, so that nothing about a file tells a forged document from a genuine one.

JPEG with the standard's own tables at quality 95, no chroma subsampling, the resolution in the JFIF header and nothing
else. Size in bytes still depends on what is in the picture, and must.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from dafec.errors import UsageError

__all__ = ["encode", "encoder_names", "suffix"]


def _jpeg(quality: int, picture: NDArray[np.uint8], dpi: int, subsampling: int = 0) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(
        buffer, "JPEG", quality=quality, subsampling=subsampling, optimize=False, progressive=False, dpi=(dpi, dpi)
    )
    return buffer.getvalue()


def _png(picture: NDArray[np.uint8], dpi: int) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(buffer, "PNG", compress_level=3, dpi=(dpi, dpi))
    return buffer.getvalue()


_Encoder = Callable[[NDArray[np.uint8], int], bytes]
_ENCODERS: MappingProxyType[str, tuple[str, _Encoder]] = MappingProxyType(
    {
        "jpeg": (".jpg", lambda picture, dpi: _jpeg(95, picture, dpi)),
        "jpeg75": (".jpg", lambda picture, dpi: _jpeg(75, picture, dpi)),
        "small": (".jpg", lambda picture, dpi: _jpeg(70, picture, dpi, subsampling=2)),
        "png": (".png", _png),
    }
)


def encoder_names() -> tuple[str, ...]:
    """``jpeg`` is the one for everything; ``small`` makes the sample documents, the others are for experiments."""
    return tuple(_ENCODERS)


def _find(name: str) -> tuple[str, _Encoder]:
    found = _ENCODERS.get(name)
    if found is None:
        raise UsageError("specimens.unknown_encoder", name=name, known=", ".join(_ENCODERS))
    return found


def suffix(encoder: str = "jpeg") -> str:
    """What the names of its files end in."""
    return _find(encoder)[0]


def encode(picture: NDArray[np.uint8], dpi: float, encoder: str = "jpeg") -> bytes:
    """A picture as the bytes of a file.

    Args:
        picture: (h, w) or (h, w, 3) RGB, uint8; grey stays grey.
        dpi: for the file's header.
        encoder: one of ``encoder_names()``.

    Raises:
        UsageError: ``specimens.unknown_encoder``.
    """
    return _find(encoder)[1](picture, round(dpi))
