"""Pictures for the screen: the document cut out of a frame and turned upright, and the region of a check.

They are views, made anew from the stored original each time; nothing of them is kept and no measurement is taken from
them.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from api.errors import ServiceError
from dafec.capture import Frame, Light
from dafec.report import DocumentInfo

__all__ = ["check_crop", "crop_box", "display_picture", "eight_bits", "light_of_check"]

_LONGEST_SIDE_PX = 1600
_CROP_WIDTH_PX = 900
_CROP_MARGIN_MM = 2.0
_CROP_PROPORTION = 3.0  # width to height, at least
_MOST_PX_PER_MM = 24.0  # about 600 dpi; finer than any screen shows

Grey8 = NDArray[np.uint8]


_LIGHT_OF_FAMILY: Mapping[str, Light] = {"IR": "ir", "UV": "uv"}


def light_of_check(check_id: str, available: tuple[Light, ...]) -> Light:
    """The light to show a check in: the one of its name, else visible, else the first of what there is."""
    wanted = _LIGHT_OF_FAMILY.get(check_id.split("-")[0], "visible")
    return wanted if wanted in available else available[0]


def display_picture(frame: Frame, document: DocumentInfo, primary_px: tuple[int, int] | None) -> bytes:
    """A frame for the screen.

    Args:
        frame: any light.
        document: the report's document.
        primary_px: width and height of the frame the document's outline was taken from; None where the outline does
            not belong to this frame's page.

    Returns:
        PNG, 8 bits, longest side at most 1600 px: the document where its outline and size are known, else the frame.
    """
    pixels = eight_bits(frame)
    if primary_px and document.outline_px and document.width_mm and document.height_mm:
        whole = (0.0, 0.0, document.width_mm, document.height_mm)
        return _png(_cut(pixels, document, primary_px, whole, _LONGEST_SIDE_PX))
    height, width = pixels.shape[:2]
    scale = min(1.0, _LONGEST_SIDE_PX / max(height, width))
    if scale < 1.0:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
    return _png(pixels)


def check_crop(
    frame: Frame, document: DocumentInfo, primary_px: tuple[int, int], region_mm: tuple[float, float, float, float]
) -> bytes:
    """A region of the document with a margin of two millimetres, at least three times as wide as high.

    Args:
        frame: the light to show.
        document: the report's document, with outline and size.
        primary_px: width and height of the frame the outline was taken from.
        region_mm: x, y, width, height on the document.

    Returns:
        PNG, 8 bits, at most 900 px wide.

    Raises:
        ServiceError: ``screening.no_region`` where the document's place or the region is not usable.
    """
    box_mm = crop_box(document, region_mm)
    return _png(_cut(eight_bits(frame), document, primary_px, box_mm, _CROP_WIDTH_PX))


def crop_box(document: DocumentInfo, region_mm: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """The box of the document that is shown of a region: with its margin, and at least three times as wide as high.

    Args:
        document: the report's document, with outline and size.
        region_mm: x, y, width, height on the document.

    Raises:
        ServiceError: ``screening.no_region`` where the document's place or the region is not usable.
    """
    if not document.outline_px or not document.width_mm or not document.height_mm:
        raise ServiceError("screening.no_region", status=404)
    x, y, width, height = region_mm
    left, top = max(0.0, x - _CROP_MARGIN_MM), max(0.0, y - _CROP_MARGIN_MM)
    right = min(document.width_mm, x + width + _CROP_MARGIN_MM)
    bottom = min(document.height_mm, y + height + _CROP_MARGIN_MM)
    if right - left < 1.0 or bottom - top < 1.0:
        raise ServiceError("screening.no_region", status=404)
    # A single character says little without its neighbours: a narrow region is shown with what stands beside it.
    lacking = _CROP_PROPORTION * (bottom - top) - (right - left)
    if lacking > 0:
        left = max(0.0, min(left - lacking / 2, document.width_mm - (right - left) - lacking))
        right = min(document.width_mm, left + _CROP_PROPORTION * (bottom - top))
    return (left, top, right - left, bottom - top)


def _cut(
    pixels: Grey8,
    document: DocumentInfo,
    primary_px: tuple[int, int],
    box_mm: tuple[float, float, float, float],
    longest_px: int,
) -> Grey8:
    """The box of the document, upright, at most ``longest_px`` on its longest side and never enlarged beyond reason."""
    assert document.outline_px is not None
    assert document.width_mm is not None
    assert document.height_mm is not None
    # Another light may come in another size than the frame the outline was found in.
    factor = np.asarray([pixels.shape[1] / primary_px[0], pixels.shape[0] / primary_px[1]], np.float32)
    corners = np.asarray(document.outline_px, np.float32).reshape(4, 2) * factor
    native = float(np.linalg.norm(corners[1] - corners[0])) / document.width_mm
    x, y, width, height = box_mm
    scale = min(longest_px / max(width, height), max(native, 4.0), _MOST_PX_PER_MM)
    w_mm, h_mm = document.width_mm, document.height_mm
    place = np.asarray([[0, 0], [w_mm, 0], [w_mm, h_mm], [0, h_mm]], np.float32)
    target = ((place - np.asarray([x, y], np.float32)) * scale).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(corners, target)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    cut = cv2.warpPerspective(pixels, matrix, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cut, np.uint8)


def eight_bits(frame: Frame) -> Grey8:
    """The frame's samples at 8 bits; full scale is what its ``bit_depth`` says."""
    if frame.pixels.dtype == np.uint8:
        return np.asarray(frame.pixels, np.uint8)
    full_scale = float(2**frame.bit_depth - 1)
    scaled = np.clip(frame.pixels.astype(np.float32) * (255.0 / full_scale), 0, 255)
    return np.asarray(scaled, np.uint8)


def _png(pixels: Grey8) -> bytes:
    order = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR) if pixels.ndim == 3 else pixels
    done, encoded = cv2.imencode(".png", order, [cv2.IMWRITE_PNG_COMPRESSION, 3])
    if not done:
        raise ServiceError("picture.failed", status=500)
    return encoded.tobytes()
