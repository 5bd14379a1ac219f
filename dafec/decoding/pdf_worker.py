"""The process that opens a PDF: bytes on standard input, images on standard output.

Run as ``python -m dafec.decoding.pdf_worker MAX_PIXELS MAX_PAGES``. A PDF can ask for any amount of memory or time
before one image size is known, and its reader is native code; here it can only end its own process. The output is a
sequence of one JSON line and, for an image, as many bytes as the line says::

    {"kind": "encoded", "bytes": n, "dpi": d, "mirrored": false, "quarter_turns": 0}    a JPEG or JPEG 2000 file
    {"kind": "pixels", "bytes": n, "shape": [h, w, c], "dpi": d, ...}                   grey or RGB
    {"kind": "error", "code": "capture.pdf_no_image", "details": {}}
    {"kind": "end"}
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np
import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c
from numpy.typing import NDArray

from dafec.decoding.model import MAX_SIDE_PX, plausible_dpi

__all__ = ["main", "write_images"]

_MEMORY_BYTES = 3 << 30
_CPU_SECONDS = 30
_POINTS_PER_INCH = 72.0
#: Above this share of all placed image area, one image is the page; below, the page is drawn as a whole, because
#: scanners cut pages into strips and people put both sides of a card on one sheet.
_WHOLE_PAGE_SHARE = 0.9
_MAX_RENDER_DPI = 600.0
_MAX_NESTING = 8

Matrix2 = tuple[float, float, float, float]


class _Refused(Exception):
    """Ends the worker with an error line."""

    def __init__(self, code: str, **details: float) -> None:
        super().__init__(code)
        self.code = code
        self.details = details


def main(arguments: Sequence[str]) -> None:
    """Limit this process, then do what the module says."""
    _limit_process()
    write_images(sys.stdin.buffer.read(), sys.stdout.buffer, max_pixels=int(arguments[0]), max_pages=int(arguments[1]))


def write_images(data: bytes, out: BinaryIO, *, max_pixels: int, max_pages: int) -> None:
    """Write every page that holds an image, or the reason why there is none."""
    try:
        document = _open(data)
        if len(document) > max_pages:
            raise _Refused("capture.too_many_pages", pages=len(document), limit=max_pages)
        written = [_write_page(page, out, max_pixels) for page in document]
        if not any(written):
            raise _Refused("capture.pdf_no_image")
    except _Refused as refused:
        _write_line(out, {"kind": "error", "code": refused.code, "details": refused.details})
    except pdfium.PdfiumError:
        _write_line(out, {"kind": "error", "code": "capture.damaged", "details": {}})
    else:
        _write_line(out, {"kind": "end"})
    out.flush()


def _limit_process() -> None:
    try:
        import resource
    except ImportError:  # not a POSIX system: the parent's time limit remains
        return
    for kind, wanted in (
        (resource.RLIMIT_AS, _MEMORY_BYTES),
        (resource.RLIMIT_CPU, _CPU_SECONDS),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(kind, (limit, limit))


def _open(data: bytes) -> pdfium.PdfDocument:
    try:
        return pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        if error.err_code == pdfium_c.FPDF_ERR_PASSWORD:
            raise _Refused("capture.pdf_encrypted") from error
        raise


def _write_page(page: pdfium.PdfPage, out: BinaryIO, max_pixels: int) -> bool:
    placed = [(_area(matrix), matrix, image) for image in _images(page) for matrix in [_placement(image)]]
    placed = [item for item in placed if item[0] > 0]
    if not placed:
        return False
    largest, matrix, image = max(placed, key=lambda item: item[0])
    width, height = image.get_px_size()
    if largest < _WHOLE_PAGE_SHARE * sum(item[0] for item in placed):
        _write_rendered(page, out, max(_dpi_of(m, *i.get_px_size()) for _, m, i in placed), max_pixels)
        return True
    _refuse_size(width, height, max_pixels)
    mirrored, quarter_turns = _turn(matrix, page.get_rotation())
    facts: dict[str, Any] = {
        "dpi": _square_dpi(matrix, width, height),
        "mirrored": mirrored,
        "quarter_turns": quarter_turns,
    }
    if image.get_filters() in (["DCTDecode"], ["JPXDecode"]):
        encoded = bytes(image.get_data(decode_simple=False))
        _write_line(out, {"kind": "encoded", "bytes": len(encoded), **facts})
        out.write(encoded)
        return True
    _write_pixels(out, image.get_bitmap(render=False), facts)
    return True


def _images(page: pdfium.PdfPage) -> list[pdfium.PdfImage]:
    return list(page.get_objects(filter=[pdfium_c.FPDF_PAGEOBJ_IMAGE], max_depth=_MAX_NESTING))


def _write_rendered(page: pdfium.PdfPage, out: BinaryIO, dpi: float, max_pixels: int) -> None:
    dpi = min(dpi, _MAX_RENDER_DPI)
    width, height = (math.ceil(points * dpi / _POINTS_PER_INCH) for points in page.get_size())
    _refuse_size(width, height, max_pixels)
    bitmap = page.render(scale=dpi / _POINTS_PER_INCH, rev_byteorder=False)
    _write_pixels(out, bitmap, {"dpi": plausible_dpi(dpi, dpi), "mirrored": False, "quarter_turns": 0})


def _refuse_size(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels or max(width, height) > MAX_SIDE_PX:
        raise _Refused("capture.too_large", width=width, height=height)


def _write_pixels(out: BinaryIO, bitmap: pdfium.PdfBitmap, facts: dict[str, Any]) -> None:
    array: NDArray[np.uint8] = bitmap.to_numpy()
    if array.ndim == 2:
        array = array[:, :, None]
    if array.shape[2] >= 3:
        array = array[:, :, 2::-1]  # pdfium's order is BGR, with an unused or alpha byte behind
    array = np.ascontiguousarray(array)
    _write_line(out, {"kind": "pixels", "bytes": array.nbytes, "shape": list(array.shape), **facts})
    out.write(array.data)


def _write_line(out: BinaryIO, line: dict[str, Any]) -> None:
    out.write(json.dumps(line).encode() + b"\n")


def _placement(image: pdfium.PdfImage) -> Matrix2:
    """The directions of the image's unit square on the page, through every form it is nested in."""
    a, b, c, d = image.get_matrix().get()[:4]
    outer = image.container
    while outer is not None:
        e, f, g, h = outer.get_matrix().get()[:4]
        a, b, c, d = a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h
        outer = outer.container
    return a, b, c, d


def _area(matrix: Matrix2) -> float:
    a, b, c, d = matrix
    return abs(a * d - b * c)


def _dpi_of(matrix: Matrix2, width: int, height: int) -> float:
    a, b, c, d = matrix
    return max(width / math.hypot(a, b), height / math.hypot(c, d)) * _POINTS_PER_INCH


def _square_dpi(matrix: Matrix2, width: int, height: int) -> float | None:
    a, b, c, d = matrix
    return plausible_dpi(width / math.hypot(a, b) * _POINTS_PER_INCH, height / math.hypot(c, d) * _POINTS_PER_INCH)


def _turn(matrix: Matrix2, page_rotation: int) -> tuple[bool, int]:
    """Whether the stored image must be mirrored and how often turned clockwise to look as on the page.

    An upside-down axis in PDF mirrors top and bottom; that is a mirror left and right and half a turn.
    """
    a, b, c, d = matrix
    clockwise = -math.degrees(math.atan2(b, a)) + page_rotation
    mirrored = a * d - b * c < 0
    return mirrored, (round(clockwise / 90) + (2 if mirrored else 0)) % 4


if __name__ == "__main__":
    main(sys.argv[1:])
