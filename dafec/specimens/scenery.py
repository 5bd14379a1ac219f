"""What a phone's picture has besides the document: the surface it lies on, uneven light, a reflection."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.specimens.scanner_model import Phone

__all__ = ["glare", "room_light", "surface"]

_WOODS = ((0.33, 0.19, 0.10), (0.52, 0.36, 0.22), (0.16, 0.09, 0.05))
_CLOTHS = ((0.10, 0.13, 0.22), (0.35, 0.33, 0.30), (0.24, 0.06, 0.07), (0.62, 0.60, 0.56))
_STONES = ((0.55, 0.54, 0.52), (0.22, 0.22, 0.23), (0.68, 0.64, 0.58))


def _noise(size: tuple[int, int], cells: tuple[float, float], rng: np.random.Generator) -> NDArray[np.float32]:
    """Smooth noise, sigma about 1, with cells of this size in pixels."""
    width, height = size
    columns, rows = max(3, math.ceil(width / cells[0]) + 3), max(3, math.ceil(height / cells[1]) + 3)
    small = rng.standard_normal((rows, columns), dtype=np.float32)
    large = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(large, dtype=np.float32)


def _pick(colours: tuple[tuple[float, float, float], ...], rng: np.random.Generator) -> NDArray[np.float32]:
    return np.array(colours[int(rng.integers(len(colours)))], dtype=np.float32)


def surface(kind: str, size: tuple[int, int], px_per_mm: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """A table's reflectance.

    Args:
        kind: ``wood``, ``cloth``, ``stone``, ``paper`` or anything else for a plain dark top.
        size: width and height, pixels.
        px_per_mm: scale.
        rng: what makes it.

    Returns:
        (h, w, 3) linear.
    """
    s = px_per_mm
    if kind == "wood":
        grain = 0.5 * _noise(size, (60 * s, 0.7 * s), rng) + 0.35 * _noise(size, (200 * s, 5 * s), rng)
        pores = np.clip(_noise(size, (6 * s, 0.22 * s), rng) - 1.4, 0.0, None)
        factor, colour = 1.0 + 0.22 * grain - 0.5 * pores, _pick(_WOODS, rng)
    elif kind == "cloth":
        width, height = size
        turn = 2 * math.pi / (0.55 * s)
        wobble = 0.6 * _noise(size, (8 * s, 8 * s), rng)
        x = np.sin(turn * np.arange(width, dtype=np.float32)[None, :] + wobble)
        y = np.sin(turn * np.arange(height, dtype=np.float32)[:, None] + wobble)
        factor, colour = 1.0 + 0.16 * x * y + 0.08 * _noise(size, (12 * s, 12 * s), rng), _pick(_CLOTHS, rng)
    elif kind == "stone":
        speckle = _noise(size, (0.8 * s, 0.8 * s), rng)
        factor = 1.0 + 0.18 * np.tanh(2 * speckle) + 0.08 * _noise(size, (15 * s, 12 * s), rng)
        colour = _pick(_STONES, rng)
    elif kind == "paper":
        factor, colour = 1.0 + 0.01 * _noise(size, (0.5 * s, 0.5 * s), rng), np.array((0.80, 0.80, 0.79), np.float32)
    else:
        factor, colour = 1.0 + 0.05 * _noise(size, (0.4 * s, 0.4 * s), rng), np.array((0.05, 0.05, 0.055), np.float32)
    return np.asarray(np.clip(factor, 0.05, None)[..., None] * colour, dtype=np.float32)


def room_light(phone: Phone, size: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """Relative illumination of a room, (h, w, 1): a slope, a lamp's pool, sometimes the hand's shadow."""
    width, height = size
    x = np.linspace(-1.0, 1.0, 64, dtype=np.float32)[None, :]
    y = np.linspace(-1.0, 1.0, 64, dtype=np.float32)[:, None]
    turn = rng.uniform(0.0, 2 * math.pi)
    light = 1.0 + 0.5 * phone.uneven * (x * math.cos(turn) + y * math.sin(turn))
    cx, cy = rng.uniform(-0.6, 0.6, 2)
    light = light - 0.35 * phone.uneven * ((x - cx) ** 2 + (y - cy) ** 2)
    if rng.random() < 0.4:
        turn, offset, soft = rng.uniform(0.0, 2 * math.pi), rng.uniform(0.3, 0.9), rng.uniform(0.05, 0.25)
        edge = (x * math.cos(turn) + y * math.sin(turn) - offset) / soft
        light = light * (1.0 - phone.shadow / (1.0 + np.exp(-np.clip(edge, -30, 30))))
    large = cv2.resize(light.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.maximum(np.asarray(large, dtype=np.float32), 0.1)[..., None]


def glare(phone: Phone, size: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32] | None:
    """The reflection of a lamp or window on a mirror lying there, (h, w); None where none falls into the camera."""
    if rng.random() >= phone.glare_chance:
        return None
    width, height = size
    x = np.linspace(-1.0, 1.0, 96, dtype=np.float32)[None, :] - rng.uniform(-0.8, 0.8)
    y = np.linspace(-1.0, 1.0, 96, dtype=np.float32)[:, None] - rng.uniform(-0.8, 0.8)
    turn = rng.uniform(0.0, math.pi)
    along = (x * math.cos(turn) + y * math.sin(turn)) / rng.uniform(0.15, 0.6)
    across = (y * math.cos(turn) - x * math.sin(turn)) / rng.uniform(0.06, 0.2)
    spot = np.exp(-((along**2 + across**2) ** 1.0)) + 0.12 * np.exp(-0.1 * (along**2 + across**2))
    large = cv2.resize((phone.glare * spot).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(large, dtype=np.float32)
