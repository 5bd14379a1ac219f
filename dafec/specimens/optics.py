"""From the object's raster to the sensor's: point spread, the pixel's area, place.

The sensor's pixel is a square of one pitch, so its value is the mean of the light over that square. Point spread and
square are one separable kernel on the object's raster; the sensor's pixels are then samples of the result, taken at
their true places by cubic interpolation. The kernel's modulation transfer is exp(-2 pi^2 s^2 f^2) sinc(f p), with the
spread's sigma s and the pitch p.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.geometry import FloatArray
from dafec.specimens.scanner_model import Lamp

__all__ = ["Homography", "lamp_field", "pixel_kernel", "sample", "veil", "warp"]

Homography = FloatArray
_SUB = 16  # steps of the kernel's integration in a pixel of the object's raster
_DECIMATE_ABOVE = 1.7  # pixels of spread above which half the raster loses nothing: its transfer at the new limit < 1 %


def pixel_kernel(sigma_px: float, pitch_px: float) -> NDArray[np.float32]:
    """A Gaussian folded with a box of one pitch, as weights of whole pixels.

    Args:
        sigma_px: the spread, pixels of the raster it is used on.
        pitch_px: the sensor's pitch, same unit; 0: no box.

    Returns:
        (n,) float32, n odd, sum 1.
    """
    reach = math.ceil(3.5 * sigma_px + pitch_px / 2 + 0.5)
    fine = (np.arange(-reach * _SUB, reach * _SUB + 1)) / _SUB
    if sigma_px < 1e-3:
        edge = np.clip(pitch_px / 2 + 0.5 / _SUB - np.abs(fine), 0.0, 1.0 / _SUB) * _SUB
    else:
        gauss = np.exp(-0.5 * (fine / sigma_px) ** 2)
        box = np.clip(pitch_px / 2 * _SUB + 0.5 - np.abs(fine * _SUB), 0.0, 1.0)
        edge = np.convolve(gauss, box, mode="same") if pitch_px > 0 else gauss
    # Samples of the folded kernel at whole pixels: the raster itself is band limited, it needs no second box.
    weights = edge[::_SUB] if sigma_px >= 0.45 else _averaged(edge, reach)
    return np.asarray(weights / weights.sum(), dtype=np.float32)


def _averaged(edge: FloatArray, reach: int) -> FloatArray:
    """The kernel's mean round each whole pixel: a narrow one would fall between the samples."""
    summed = np.concatenate([[0.0], np.cumsum(edge)])
    centres = np.arange(-reach, reach + 1) * _SUB + reach * _SUB
    lower, upper = np.clip(centres - _SUB // 2, 0, edge.size), np.clip(centres + _SUB // 2, 0, edge.size)
    return np.asarray(summed[upper] - summed[lower])


def sample(
    plane: NDArray[np.float32],
    frame_from_plane: Homography,
    size: tuple[int, int],
    sigma_px: float,
    pitch_px: float,
    outside: tuple[float, ...],
) -> NDArray[np.float32]:
    """What the sensor's pixels receive of a plane.

    Args:
        plane: (h, w) or (h, w, 3), linear; spent: it may be changed.
        frame_from_plane: (3, 3), pixels of the plane to pixels of the frame.
        size: width and height of the frame.
        sigma_px: the optics' spread, pixels of the plane.
        pitch_px: the sensor's pitch, pixels of the plane.
        outside: value beyond the plane, one a channel.

    Returns:
        (h, w) or (h, w, 3) of the frame.
    """
    matrix = frame_from_plane
    if sigma_px > _DECIMATE_ABOVE and pitch_px > 1.5:
        even = plane[: plane.shape[0] // 2 * 2, : plane.shape[1] // 2 * 2]
        half = cv2.resize(even, (even.shape[1] // 2, even.shape[0] // 2), interpolation=cv2.INTER_AREA)
        plane = np.asarray(half, dtype=np.float32)
        matrix = frame_from_plane @ np.array([[2.0, 0.0, 0.5], [0.0, 2.0, 0.5], [0.0, 0.0, 1.0]])
        # The mean of two pixels has spread already: a variance of 1/4 pixel of the finer raster.
        sigma_px, pitch_px = math.sqrt(sigma_px**2 - 0.25) / 2, pitch_px / 2
    kernel = pixel_kernel(sigma_px, pitch_px)
    cv2.sepFilter2D(plane, -1, kernel, kernel, dst=plane, borderType=cv2.BORDER_REPLICATE)
    return warp(plane, matrix, size, outside)


def warp(
    plane: NDArray[np.float32],
    frame_from_plane: Homography,
    size: tuple[int, int],
    outside: tuple[float, ...] = (0.0, 0.0, 0.0),
) -> NDArray[np.float32]:
    """Samples of a plane at the frame's pixels, by cubic interpolation."""
    value = (*outside, *outside, *outside)[:3]
    if np.allclose(frame_from_plane[2], (0.0, 0.0, 1.0), atol=1e-12):
        moved = cv2.warpAffine(plane, frame_from_plane[:2], size, flags=cv2.INTER_CUBIC, borderValue=value)
    else:
        moved = cv2.warpPerspective(plane, frame_from_plane, size, flags=cv2.INTER_CUBIC, borderValue=value)
    return np.asarray(moved, dtype=np.float32)


def veil(image: NDArray[np.float32], share: float, sigma_px: float) -> None:
    """Scatters a share of the light wide, in place."""
    if share <= 0.0:
        return
    height, width = image.shape[:2]
    step = max(1, int(sigma_px / 2))
    small = cv2.resize(image, None, fx=1 / step, fy=1 / step, interpolation=cv2.INTER_AREA)
    wide = cv2.GaussianBlur(small, (0, 0), max(sigma_px / step, 0.3), borderType=cv2.BORDER_REPLICATE)
    wide = cv2.resize(wide, (width, wide.shape[0]), interpolation=cv2.INTER_LINEAR)
    # Rows are interpolated as they are needed: a whole second frame would double the memory.
    place = np.clip((np.arange(height) + 0.5) * wide.shape[0] / height - 0.5, 0.0, wide.shape[0] - 1.0)
    lower = np.minimum(place.astype(int), max(wide.shape[0] - 2, 0))
    for y in range(height):
        part = float(place[y] - lower[y])
        upper = min(int(lower[y]) + 1, wide.shape[0] - 1)
        row = cv2.addWeighted(wide[lower[y]], share * (1.0 - part), wide[upper], share * part, 0.0)
        image[y] *= np.float32(1.0 - share)
        image[y] += row.reshape(image[y].shape)


def lamp_field(lamp: Lamp, size: tuple[int, int], rows: slice) -> NDArray[np.float32]:
    """Relative illumination of some rows of a frame, (rows, w, 3), 1 at the field's centre."""
    width, height = size
    columns = max(2, width // 16)
    x = np.linspace(-1.0, 1.0, columns, dtype=np.float32)[None, :]
    y = np.linspace(-1.0, 1.0, height, dtype=np.float32)[rows, None]
    corner = math.hypot(lamp.oval * width, height)
    radius = np.hypot((x - lamp.centre[0]) * (lamp.oval * width), (y - lamp.centre[1]) * height) / np.float32(corner)
    loss = radius**lamp.power
    linear = 1.0 + 0.5 * (lamp.slope[0] * x + lamp.slope[1] * y)
    small = np.stack([np.maximum((1.0 - share * loss) * linear, 0.02) for share in lamp.falloff], axis=-1)
    wide = cv2.resize(small.astype(np.float32), (width, small.shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(wide, dtype=np.float32)
