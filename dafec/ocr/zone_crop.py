"""Zone crops: the neighbourhood of a found zone, turned upright and scaled so that its lines can be told apart.

A crop is 96 x 448 pixels; the zone's width as the detector found it is 352 pixels of it. The same function serves
training and reading.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.geometry import FloatArray

__all__ = ["CROP_HEIGHT", "CROP_WIDTH", "ZONE_WIDTH_PX", "ZoneCrop", "cut_zone"]

CROP_HEIGHT = 96
CROP_WIDTH = 448
ZONE_WIDTH_PX = 352.0


@dataclass(frozen=True, slots=True, eq=False)
class ZoneCrop:
    """An upright zone and the way back to the frame."""

    pixels: NDArray[np.float32]  # (96, 448), zero mean, unit deviation
    frame_from_crop: FloatArray  # (2, 3) affine, crop pixels to frame pixels
    scale: float  # frame pixels per crop pixel

    def to_frame(self, points: FloatArray) -> FloatArray:
        """(n, 2) crop pixels to (n, 2) frame pixels."""
        return np.asarray(points @ self.frame_from_crop[:, :2].T + self.frame_from_crop[:, 2])


def cut_zone(grey: NDArray[np.uint8], centre: tuple[float, float], angle_rad: float, width_px: float) -> ZoneCrop:
    """Cuts the neighbourhood of a zone out of a grey frame.

    Args:
        grey: (h, w) uint8.
        centre: middle of the zone, frame pixels.
        angle_rad: reading direction in the frame, clockwise on the screen from "to the right".
        width_px: width of the zone along the reading direction, frame pixels.

    Returns:
        The crop, edges replicated where it leaves the frame.
    """
    scale = max(width_px, 8.0) / ZONE_WIDTH_PX
    c, s = np.cos(angle_rad) * scale, np.sin(angle_rad) * scale
    mid = np.array([(CROP_WIDTH - 1) / 2, (CROP_HEIGHT - 1) / 2])
    linear = np.array([[c, -s], [s, c]])
    matrix = np.hstack([linear, (np.asarray(centre) - linear @ mid)[:, None]])
    source, used = grey, matrix
    if scale > 1.5:
        corners = (
            np.array([[0, 0], [CROP_WIDTH, 0], [CROP_WIDTH, CROP_HEIGHT], [0, CROP_HEIGHT]], np.float64) @ linear.T
            + matrix[:, 2]
        )
        x0, y0 = np.maximum(0, np.floor(corners.min(0)).astype(int) - 2)
        x1 = min(grey.shape[1], int(corners[:, 0].max()) + 3)
        y1 = min(grey.shape[0], int(corners[:, 1].max()) + 3)
        if x1 - x0 > 8 and y1 - y0 > 8:
            factor = scale / 1.1
            w, h = max(4, round((x1 - x0) / factor)), max(4, round((y1 - y0) / factor))
            source = np.asarray(cv2.resize(grey[y0:y1, x0:x1], (w, h), interpolation=cv2.INTER_AREA), dtype=np.uint8)
            shrink = np.array([w / (x1 - x0), h / (y1 - y0)])
            used = np.hstack(
                [matrix[:, :2] * shrink[:, None], ((matrix[:, 2] - (x0, y0) + 0.5) * shrink - 0.5)[:, None]]
            )
    flags = (cv2.INTER_LINEAR if scale > 0.7 else cv2.INTER_CUBIC) | cv2.WARP_INVERSE_MAP
    cut = cv2.warpAffine(source, used, (CROP_WIDTH, CROP_HEIGHT), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    pixels = cut.astype(np.float32)
    mean, deviation = cv2.meanStdDev(pixels)
    return ZoneCrop((pixels - float(mean[0, 0])) / (float(deviation[0, 0]) + 4.0), matrix, scale)
