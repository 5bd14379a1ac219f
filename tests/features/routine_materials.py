"""Pages and references drawn for single measurements: what is on them is known to the last figure."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.features.routines_material import REFERENCE_PX_PER_MM, Material, Reference
from dafec.lights import Light

Image = NDArray[np.float32]
WIDTH_MM, HEIGHT_MM = 60.0, 40.0
SHAPE = (round(HEIGHT_MM * REFERENCE_PX_PER_MM), round(WIDTH_MM * REFERENCE_PX_PER_MM))
PAGE_PX_PER_MM = 12.0


def encoded(linear: Image) -> Image:
    """sRGB of linear light."""
    x = np.clip(linear, 0, 1)
    return np.asarray(np.where(x <= 0.0031308, x * 12.92, 1.055 * np.maximum(x, 1e-9) ** (1 / 2.4) - 0.055), np.float32)


def reference_of(linear: Mapping[Light, Image], **more: object) -> Reference:
    """A reference that shows this, all of it constant."""
    zero = np.zeros(SHAPE, np.float32)
    spread = dict.fromkeys(linear, zero)
    return Reference(WIDTH_MM, HEIGHT_MM, dict(linear), spread, np.zeros(SHAPE, bool), **more)  # type: ignore[arg-type]


def material_of(reference: Reference, linear: Mapping[Light, Image], **aligned: bool) -> Material:
    """A page that shows this, captured at twice the reference's scale and laid onto it exactly."""
    ratio = PAGE_PX_PER_MM / REFERENCE_PX_PER_MM
    matrix = np.array([[ratio, 0, (ratio - 1) / 2], [0, ratio, (ratio - 1) / 2], [0, 0, 1.0]])
    size = (round(SHAPE[1] * ratio), round(SHAPE[0] * ratio))
    page = {}
    for light, image in linear.items():
        large = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
        page[light] = encoded(np.asarray(large, np.float32))
    return Material(
        reference,
        dict(linear),
        {light: aligned.get(light, True) for light in linear},
        page,
        PAGE_PX_PER_MM,
        dict.fromkeys(linear, matrix),
    )


def guilloche(strength: float = 0.25, paper: float = 0.7, seed: int = 3) -> Image:
    """(h, w, 3): crossing waves of a millimetre and less."""
    y, x = np.indices(SHAPE).astype(np.float32) / REFERENCE_PX_PER_MM
    rng = np.random.default_rng(seed)
    waves = np.zeros(SHAPE, np.float32)
    for _ in range(5):
        angle, pitch, phase = rng.uniform(0, np.pi), rng.uniform(0.7, 1.3), rng.uniform(0, 6)
        across = x * np.cos(angle) + y * np.sin(angle) + 0.6 * np.sin(0.35 * x - 0.2 * y + phase)
        waves += np.cos(2 * np.pi * across / pitch + phase)
    shade = paper * (1 - strength * np.clip(waves / 3, -1, 1))
    return np.repeat(shade[:, :, None], 3, axis=2).astype(np.float32)


def flat(level: float, channels: int = 3) -> Image:
    """(h, w, k) of one value."""
    return np.full((*SHAPE, channels), level, np.float32)


def with_text(image: Image, words: Mapping[tuple[float, float], str], level: float, thick: int = 2) -> Image:
    """Words printed at places in millimetres (left end and base line), two and a half millimetres tall."""
    drawn = image.copy()
    scale = 4
    for (x, y), text in words.items():
        mask = np.zeros((SHAPE[0] * scale, SHAPE[1] * scale), np.uint8)
        s = REFERENCE_PX_PER_MM * scale
        cv2.putText(mask, text, (round(x * s), round(y * s)), cv2.FONT_HERSHEY_SIMPLEX, 2.6, 255, 8, cv2.LINE_AA)
        mask = np.asarray(cv2.dilate(mask, np.ones((2 * thick - 3, 2 * thick - 3), np.uint8)), np.uint8)
        share = (
            cv2.resize(mask, (SHAPE[1], SHAPE[0]), interpolation=cv2.INTER_AREA).astype(np.float32)[:, :, None] / 255
        )
        drawn = drawn * (1 - share) + level * share
    return np.asarray(drawn, np.float32)
