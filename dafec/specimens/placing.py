"""Where a document lies in a frame: cut to it, somewhere on a glass, or before a camera held by hand."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dafec.geometry import FloatArray
from dafec.specimens.model import Grid
from dafec.specimens.scanner_model import Phone, Place, Register, Scanner

__all__ = ["Placement", "place_document", "plane_from_page_mm", "register_band"]

_LEAST_CLEARANCE_MM = 4.0  # between a document and the edge of the glass it lies on


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """The visible band's place; the others lie against it by their ``Register``."""

    frame_from_page_mm: FloatArray  # (3, 3)
    size: tuple[int, int]  # width and height of the frame, pixels
    pitch: float  # of a pixel on the document, millimetres, mean


def plane_from_page_mm(grid: Grid, margin_px: int = 0) -> FloatArray:
    """(3, 3): millimetres on the page to pixels of its raster, whose first pixel's centre is half a pitch in."""
    scale = grid.px_per_mm
    return np.array([[scale, 0.0, margin_px - 0.5], [0.0, scale, margin_px - 0.5], [0.0, 0.0, 1.0]])


def _turned(angle_deg: float, scale: float, centre_mm: tuple[float, float], at_px: tuple[float, float]) -> FloatArray:
    """Millimetres to pixels: scaled, turned about a centre, the centre put at a pixel."""
    c, s = math.cos(math.radians(angle_deg)) * scale, math.sin(math.radians(angle_deg)) * scale
    x, y = centre_mm
    return np.array([[c, -s, at_px[0] - c * x + s * y], [s, c, at_px[1] - s * x - c * y], [0.0, 0.0, 1.0]])


def place_document(scanner: Scanner, grid: Grid, dpi: float, rng: np.random.Generator) -> Placement:
    """Draws a place for a document."""
    if scanner.phone is not None:
        return _photograph(scanner.phone, grid, dpi, rng)
    return _lay(scanner.place, grid, dpi, rng)


def _lay(place: Place, grid: Grid, dpi: float, rng: np.random.Generator) -> Placement:
    scale = dpi / 25.4
    angle = float(np.clip(rng.normal(0.0, place.rotation_deg), -3 * place.rotation_deg, 3 * place.rotation_deg))
    slack = np.clip(rng.normal(0.0, 1.0, 2), -2.0, 2.0) * place.slack_mm
    if place.frame == "document":
        left, top, right, bottom = rng.uniform(*place.margin_mm, 4)
        width_mm, height_mm = grid.width_mm + left + right, grid.height_mm + top + bottom
        centre = (left + grid.width_mm / 2, top + grid.height_mm / 2)
    else:
        width_mm, height_mm = place.glass_mm
        turned = math.radians(abs(angle))
        half_w = (grid.width_mm * math.cos(turned) + grid.height_mm * math.sin(turned)) / 2 + _LEAST_CLEARANCE_MM
        half_h = (grid.height_mm * math.cos(turned) + grid.width_mm * math.sin(turned)) / 2 + _LEAST_CLEARANCE_MM
        middle = np.array([width_mm / 2, height_mm / 2])
        room = np.maximum(middle - (half_w, half_h), 0.0)
        chosen = middle + (rng.uniform(-1.0, 1.0, 2) * room if place.anywhere else slack)
        centre = (float(chosen[0]), float(chosen[1]))
    if place.anywhere and rng.random() < 0.25:
        angle += 180.0  # laid the wrong way round: nobody looks twice at a flatbed
    size = (round(width_mm * scale), round(height_mm * scale))
    at = (centre[0] * scale - 0.5, centre[1] * scale - 0.5)
    matrix = _turned(angle, scale, (grid.width_mm / 2, grid.height_mm / 2), at)
    return Placement(matrix, size, 1.0 / scale)


def _photograph(phone: Phone, grid: Grid, dpi: float, rng: np.random.Generator) -> Placement:
    """A pinhole camera above the document, its axis tilted; ``dpi`` is met at the document's middle."""
    scale = dpi / 25.4
    distance = phone.distance * grid.width_mm * float(rng.uniform(0.85, 1.2))
    tilt = np.radians(np.clip(rng.normal(0.0, phone.tilt_deg, 2), -2 * phone.tilt_deg, 2 * phone.tilt_deg))
    turn = math.radians(float(rng.normal(0.0, phone.turn_deg)))
    rx = np.array([[1, 0, 0], [0, math.cos(tilt[0]), -math.sin(tilt[0])], [0, math.sin(tilt[0]), math.cos(tilt[0])]])
    ry = np.array([[math.cos(tilt[1]), 0, math.sin(tilt[1])], [0, 1, 0], [-math.sin(tilt[1]), 0, math.cos(tilt[1])]])
    rz = np.array([[math.cos(turn), -math.sin(turn), 0], [math.sin(turn), math.cos(turn), 0], [0, 0, 1]])
    rotation = rz @ ry @ rx
    # The document's plane is z = 0 about its middle, the camera's focal length makes ``scale`` pixels a millimetre.
    place = np.column_stack([rotation[:, 0], rotation[:, 1], np.array([0.0, 0.0, distance])])
    camera = np.diag([scale * distance, scale * distance, 1.0]) @ place
    centre = np.array([[1, 0, -grid.width_mm / 2], [0, 1, -grid.height_mm / 2], [0, 0, 1.0]])
    matrix = camera @ centre
    corners = np.array([[0, 0, 1], [grid.width_mm, 0, 1], [grid.width_mm, grid.height_mm, 1], [0, grid.height_mm, 1.0]])
    seen = corners @ matrix.T
    seen = seen[:, :2] / seen[:, 2:]
    border = rng.uniform(*phone.border, 4) * grid.width_mm * scale
    low = seen.min(axis=0) - border[:2]
    high = seen.max(axis=0) + border[2:]
    size = (int(high[0] - low[0]), int(high[1] - low[1]))
    matrix = np.array([[1, 0, -low[0]], [0, 1, -low[1]], [0, 0, 1.0]]) @ matrix
    return Placement(matrix / matrix[2, 2], size, 1.0 / scale)


def register_band(placement: Placement, register: Register, rng: np.random.Generator) -> Placement:
    """The place of a band that does not lie quite on the visible one."""
    shift = np.array(register.shift_px) + rng.normal(0.0, 1.0, 2) * register.jitter_px
    cx, cy = (placement.size[0] - 1) / 2, (placement.size[1] - 1) / 2
    linear = np.array([[register.scale, register.shear[0]], [register.shear[1], register.scale]])
    offset = np.array([cx, cy]) - linear @ (cx, cy) + shift
    moved = np.eye(3)
    moved[:2, :2], moved[:2, 2] = linear, offset
    return Placement(moved @ placement.frame_from_page_mm, placement.size, placement.pitch)
