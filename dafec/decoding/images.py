"""The one door into decoding: bytes of any supported kind to images whose headers have been accepted."""

from __future__ import annotations

from functools import partial

from dafec.decoding.headers import PDF, media_type_of, read_headers
from dafec.decoding.model import EncodedImage, Limits
from dafec.decoding.pdf import open_pdf
from dafec.decoding.pixels import decode_pixels
from dafec.errors import InputError

__all__ = ["open_images"]


def open_images(data: bytes, name: str, limits: Limits) -> list[EncodedImage]:
    """Every image of a file: one, or one for each page of a TIFF or PDF. No pixel is decoded yet.

    Raises:
        InputError: anything wrong with the bytes that shows before pixels are decoded.
    """
    if len(data) > limits.max_file_mb * 1e6:
        raise InputError(
            "capture.file_too_large", file=name, megabytes=round(len(data) / 1e6, 1), limit=limits.max_file_mb
        )
    media_type = media_type_of(data, name)
    if media_type == PDF:
        return open_pdf(data, name, limits)
    headers = read_headers(data, media_type, name, limits)
    return [EncodedImage(header, partial(decode_pixels, data, header, name)) for header in headers]
