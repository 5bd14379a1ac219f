"""Capture: the frames of one document by light, decoded from untrusted bytes within limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["LIGHTS", "Capture", "CapturedPage", "Frame", "Light", "Pixels"]

#: visible 400-700 nm, ir 850-950 nm (B900), uv 365 nm.
Light = Literal["visible", "ir", "uv"]
LIGHTS: tuple[Light, ...] = ("visible", "ir", "uv")

#: (height, width) grey or (height, width, 3) RGB; uint8, or uint16 where the file had more than 8 bits.
Pixels = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One decoded image in one light."""

    light: Light
    pixels: Pixels  # upright by EXIF; RGB or grey
    bit_depth: int  # significant bits a sample, 8 to 16: full scale is 2**bit_depth - 1
    dpi: float | None  # pixels per inch as the file or capture.toml states; None where unknown
    dpi_source: Literal["file", "capture.toml"] | None
    sha256: str  # of the bytes as handed in, 64 hex digits
    media_type: str  # "image/png", ...

    @property
    def width_px(self) -> int:
        """Width in pixels."""
        return int(self.pixels.shape[1])

    @property
    def height_px(self) -> int:
        """Height in pixels."""
        return int(self.pixels.shape[0])


@dataclass(frozen=True, slots=True, eq=False)
class CapturedPage:
    """The frames of one page (or one side) by light; at least one."""

    frames: dict[Light, Frame]

    def frame(self, light: Light) -> Frame | None:
        """The frame in ``light``, if the capture has it."""
        return self.frames.get(light)

    @property
    def primary(self) -> Frame:
        """The frame geometry is taken from: visible, else infrared, else ultraviolet."""
        return next(self.frames[light] for light in LIGHTS if light in self.frames)


@dataclass(frozen=True, slots=True, eq=False)
class Capture:
    """All pages of one document as handed in."""

    name: str  # file or folder name for messages; never used as a path
    pages: tuple[CapturedPage, ...]
    reader: str | None = None  # make and model where capture.toml states it
