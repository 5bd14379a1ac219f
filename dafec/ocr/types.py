"""What the MRZ reader gives: zones, characters with their alternatives, lines, and one read per zone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dafec.geometry import DocumentFormat, Quad

__all__ = ["ALPHABET", "CharRead", "LineRead", "MrzRead", "ReadStatus", "Zone"]

#: The 37 characters of Doc 9303-3 section 4.3, in the order of the recogniser's classes.
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ<"

#: ``read``: every character is certain and the number of lines and characters is that of a format.
#: ``uncertain``: text was read, but at least one character or the length is not certain; ``alternatives`` tell which.
#: ``not_found``: no machine-readable zone in the image.
ReadStatus = Literal["read", "uncertain", "not_found"]


@dataclass(frozen=True, slots=True)
class Zone:
    """A machine-readable zone found in an image, not yet read."""

    corners_px: Quad  # tight round the characters, in reading orientation, frame pixels
    score: float  # probability that this is a zone, 0..1


@dataclass(frozen=True, slots=True)
class CharRead:
    """One printed character as the image shows it. Check digits play no part in any of these values."""

    char: str  # the most probable of ALPHABET
    probability: float  # of ``char``, calibrated on the development split, 0..1
    alternatives: tuple[tuple[str, float], ...]  # the next best, probability falling, each at least 0.001
    centre_px: tuple[float, float]  # frame pixels


@dataclass(frozen=True, slots=True)
class LineRead:
    """One printed line, left to right."""

    chars: tuple[CharRead, ...]
    height_px: float  # cap height in frame pixels

    @property
    def text(self) -> str:
        """The line as printed."""
        return "".join(c.char for c in self.chars)


@dataclass(frozen=True, slots=True)
class MrzRead:
    """One zone as read from one image in one light."""

    status: ReadStatus
    format: DocumentFormat | None
    lines: tuple[LineRead, ...]
    corners_px: Quad
    confidence: float  # probability that every character is right, 0..1

    @property
    def texts(self) -> tuple[str, ...]:
        """The printed lines as text."""
        return tuple(line.text for line in self.lines)
