"""What optics, sensor and file do to a picture: resampling, blur, sharpening, noise, tone, few grey levels, JPEG."""

from __future__ import annotations

import random

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["degrade", "degrade_gently"]

Grey = NDArray[np.uint8]


def _resample(rng: random.Random, image: Grey, pitch: float) -> Grey:
    h, w = image.shape
    factor = rng.uniform(0.7, 1.6)
    if pitch * factor <= 5.2:
        return image
    how = rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_AREA, cv2.INTER_NEAREST])
    other = cv2.resize(image, (max(8, int(w * factor)), max(8, int(h * factor))), interpolation=how)
    back = rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC])
    return np.asarray(cv2.resize(other, (w, h), interpolation=back), np.uint8)


def _soften(rng: random.Random, image: Grey, pitch: float) -> Grey:
    """Defocus, motion, then sharpening as scanners do it."""
    if rng.random() < 0.55:
        sigma = max(0.25, pitch * abs(rng.gauss(0, 0.055)))
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)
    if rng.random() < 0.07 and pitch > 8:
        size = max(3, int(pitch * rng.uniform(0.1, 0.35)) | 1)
        kernel = np.zeros((size, size), np.float32)
        cv2.line(kernel, (0, rng.randint(0, size - 1)), (size - 1, rng.randint(0, size - 1)), 1)
        image = np.asarray(cv2.filter2D(image, -1, kernel / max(1e-6, float(kernel.sum()))), np.uint8)
    if rng.random() < 0.3:
        soft = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.7, 1.8))
        amount = rng.uniform(0.3, 1.6)
        image = np.asarray(cv2.addWeighted(image, 1 + amount, soft, -amount, 0), np.uint8)
    return image


def _add_noise(rng: random.Random, image: Grey) -> Grey:
    noise: NDArray[np.float32] = np.empty(image.shape, np.float32)
    cv2.setRNGSeed(rng.getrandbits(31))
    deviation = rng.uniform(1, 14) if rng.random() < 0.85 else rng.uniform(14, 26)
    cv2.randn(noise, 0, deviation)  # type: ignore[call-overload]  # its stubs know no plain numbers
    return np.asarray(np.clip(image.astype(np.float32) + noise, 0, 255), np.uint8)


def _tone(rng: random.Random, image: Grey) -> Grey:
    gamma, gain, lift = rng.uniform(0.6, 1.6), rng.uniform(0.6, 1.15), rng.uniform(0, 45)
    table = np.clip(((np.arange(256) / 255) ** gamma) * 255 * gain + lift, 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(image, table), np.uint8)


def _few_levels(rng: random.Random, image: Grey, pitch: float) -> Grey:
    levels = rng.choice([2, 4, 8, 16])
    if levels == 2 and pitch <= 14:  # nobody could read small print in black and white
        return image
    step = 256 / levels
    return np.clip((np.floor(image / step) + 0.5) * step, 0, 255).astype(np.uint8)


def _compress(rng: random.Random, image: Grey) -> Grey:
    quality = rng.randint(45, 95) if rng.random() < 0.75 else rng.randint(22, 45)
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)


def degrade(rng: random.Random, image: Grey, pitch: float) -> Grey:
    """A picture as a scanner or camera would have delivered it.

    Args:
        rng: every choice is drawn from it.
        image: (h, w) uint8.
        pitch: distance of the smallest zone's characters, pixels; what is done stays readable at that size.

    Returns:
        (h, w) uint8; nothing moves.
    """
    if rng.random() < 0.12:
        image = _resample(rng, image, pitch)
    image = _soften(rng, image, pitch)
    if rng.random() < 0.5:
        image = _add_noise(rng, image)
    if rng.random() < 0.4:
        image = _tone(rng, image)
    if rng.random() < 0.03:
        image = _few_levels(rng, image, pitch)
    if rng.random() < 0.65:
        image = _compress(rng, image)
    return image


def degrade_gently(rng: random.Random, image: Grey, pitch: float) -> Grey:
    """A picture as equipment in order delivers it: focus within a fifteenth of a character, little noise, fair JPEG.

    Args:
        rng: every choice is drawn from it.
        image: (h, w) uint8.
        pitch: distance of the smallest zone's characters, pixels.

    Returns:
        (h, w) uint8; nothing moves.
    """
    sigma = max(0.25, pitch * rng.uniform(0, 0.066))
    image = np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)
    noise: NDArray[np.float32] = np.empty(image.shape, np.float32)
    cv2.setRNGSeed(rng.getrandbits(31))
    cv2.randn(noise, 0, rng.uniform(0.5, 8))  # type: ignore[call-overload]  # its stubs know no plain numbers
    image = np.asarray(np.clip(image.astype(np.float32) + noise, 0, 255), np.uint8)
    if rng.random() < 0.7:
        data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, rng.randint(60, 95)])[1]
        image = np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)
    return image
