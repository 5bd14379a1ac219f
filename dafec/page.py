"""Page: the document found in a frame, de-rotated, cropped, with its bands registered, in millimetres."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dafec.capture import Light
from dafec.geometry import DocumentFormat, FloatArray, Quad

__all__ = ["Page", "Registration"]


@dataclass(frozen=True, slots=True)
class Registration:
    """How one light was brought onto the page's geometry light."""

    shift_px: tuple[float, float]  # mean displacement found, page pixels
    correlation: float  # of edge maps after registration, -1..1
    reliable: bool  # False: the page keeps the unregistered image and checks across bands say ``undetermined``


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """One rectified document page. Page pixel (x, y) lies at (x / px_per_mm, y / px_per_mm) millimetres."""

    outline_px: Quad  # corners of the document in the primary frame, document's top left first
    outline_source: Literal["edges", "mrz", "frame"]  # what the outline rests on: its edges, the MRZ's place, the whole frame
    format: DocumentFormat | None  # from the MRZ and the proportions; None where neither tells
    width_mm: float
    height_mm: float
    px_per_mm: float  # of the rectified images; never above what the frame holds by more than a tenth
    dpi: float | None  # true resolution on the document, from the outline and the format's size
    images: Mapping[Light, NDArray[np.float32]]  # (h, w) or (h, w, 3) RGB, 0..1 of full scale, encoded as in the file
    registration: Mapping[Light, Registration]  # for every light but the geometry light
    frame_from_page: FloatArray  # (3, 3) homography, page pixels to primary frame pixels
    mrz_boxes_mm: tuple[tuple[float, float, float, float], ...] = ()  # x, y, width, height of each MRZ line read
