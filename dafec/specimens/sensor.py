"""From the light on the sensor to 8 bits: noise, patterns, dust, tone, sharpening."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from zlib import crc32

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.specimens.scanner_model import Sensor, Tone

__all__ = ["add_dust", "add_noise", "device_seed", "encode_tone", "sharpen", "strips", "to_bytes"]

_LUMA = np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)  # ITU-R BT.709
_STRIP = 64  # rows worked on at a time


def device_seed(name: str, light: str) -> int:
    """What is fixed for one device: the same in every scan of it."""
    return crc32(f"{name}/{light}".encode())


def add_noise(image: NDArray[np.float32], sensor: Sensor, seed: int, device: int) -> None:
    """Shot and read noise, gains of columns and rows, a fine pattern; ``image`` is changed in place.

    Args:
        image: (h, w) or (h, w, 3), linear, 1 = full scale.
        sensor: its figures.
        seed: of this scan.
        device: seed of what is fixed for the device.
    """
    rng = np.random.default_rng([seed, 11])
    columns, rows = _gains(sensor, image.shape[0], image.shape[1], rng, np.random.default_rng([device, 12]))
    for part in strips(image.shape[0]):
        strip = image[part]
        noise = _noise(strip.shape, sensor, rng)
        variance = np.maximum(strip, 0.0)
        variance *= np.float32(1.0 / sensor.full_well)
        variance += np.float32(sensor.read**2)
        noise *= cv2.sqrt(variance)
        gains = rows[part] * columns
        strip *= gains if strip.ndim == 2 else gains[..., None]
        strip += noise


def _noise(shape: tuple[int, ...], sensor: Sensor, rng: np.random.Generator) -> NDArray[np.float32]:
    """Noise of sigma 1, correlated over pixels and colours as the sensor's is."""
    noise = rng.standard_normal(shape, dtype=np.float32)
    if len(shape) == 3 and sensor.chroma < 1.0:
        grey = rng.standard_normal((*shape[:2], 1), dtype=np.float32)
        noise *= np.float32(sensor.chroma)
        noise += grey * np.float32(np.sqrt(1.0 - sensor.chroma**2))
    if sensor.correlated_px > 0:
        # A blur keeps the sigma when divided by its own root of summed squares.
        kernel = cv2.getGaussianKernel(2 * int(3 * sensor.correlated_px + 1) + 1, sensor.correlated_px)
        kernel = kernel / np.sqrt((kernel**2).sum())
        noise = np.asarray(cv2.sepFilter2D(noise, -1, kernel, kernel, borderType=cv2.BORDER_REFLECT), np.float32)
    return noise


def _gains(
    sensor: Sensor, height: int, width: int, rng: np.random.Generator, own: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Relative gains of columns, (1, w), and rows, (h, 1)."""
    columns = 1.0 + sensor.column * own.standard_normal((1, width))
    rows = 1.0 + sensor.row * rng.standard_normal((height, 1))
    if sensor.pattern > 0:
        phase = own.uniform(0.0, 2 * np.pi, 2)
        turn = 2 * np.pi / sensor.pattern_px
        columns += sensor.pattern * np.sin(turn * np.arange(width) + phase[0])[None, :]
        rows += sensor.pattern * np.sin(turn * np.arange(height) + phase[1])[:, None]
    return columns.astype(np.float32), rows.astype(np.float32)


def strips(height: int) -> Iterator[slice]:
    """Rows of a frame in strips that stay in the processor's cache."""
    for top in range(0, height, _STRIP):
        yield slice(top, min(height, top + _STRIP))


def add_dust(image: NDArray[np.float32], per_dm2: float, px_per_mm: float, seed: int) -> None:
    """Specks and lint on the glass, dark and soft; ``image`` is changed in place."""
    rng = np.random.default_rng([seed, 13])
    height, width = image.shape[:2]
    count = int(rng.poisson(per_dm2 * height * width / (100.0 * px_per_mm) ** 2))
    for _ in range(count):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        length = float(rng.choice((rng.uniform(0.04, 0.15), rng.uniform(0.3, 1.6)), p=(0.8, 0.2)))
        reach = int(length * px_per_mm) + 4
        box = (slice(max(0, int(y) - reach), int(y) + reach + 1), slice(max(0, int(x) - reach), int(x) + reach + 1))
        part = image[box]
        shape = np.zeros(part.shape[:2], dtype=np.uint8)
        if length < 0.2:
            points = np.array([[x, y], [x + 0.1, y]])
            thick = max(1, round(length * px_per_mm))
        else:
            angles = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.35, 8))
            steps = np.stack([np.cos(angles), np.sin(angles)], axis=1) * length * px_per_mm / 8
            points = np.cumsum(steps, axis=0) + np.array([x, y])
            thick = max(1, round(0.03 * px_per_mm))
        moved = np.round((points - (box[1].start, box[0].start)) * 16).astype(np.int32)
        cv2.polylines(shape, [moved], isClosed=False, color=255, thickness=thick, lineType=cv2.LINE_AA, shift=4)
        soft = cv2.GaussianBlur(shape.astype(np.float32) / 255.0, (0, 0), 0.7) * float(rng.uniform(0.15, 0.6))
        level = float(rng.choice((0.12, 0.75), p=(0.8, 0.2)))
        weight = soft if image.ndim == 2 else soft[..., None]
        part += (level * float(np.median(part)) - part) * weight


@lru_cache(maxsize=32)
def _curve(gamma: float, contrast: float) -> NDArray[np.float32]:
    """Encoded levels, by 65535 times the root of the linear level."""
    x = (np.arange(65536) / 65535.0) ** 2
    if gamma == 0.0:
        y = np.where(x <= 0.0031308, 12.92 * x, 1.055 * np.maximum(x, 1e-9) ** (1 / 2.4) - 0.055)  # IEC 61966-2-1
    else:
        y = x ** (1.0 / gamma)
    y = y + contrast * (y - 0.5) * y * (1.0 - y) * 2.0
    return np.asarray(np.clip(y, 0.0, 1.0), dtype=np.float32)


def _apply_curve(image: NDArray[np.float32], gamma: float, contrast: float) -> NDArray[np.float32]:
    root = cv2.sqrt(np.clip(image, 0.0, 1.0))
    index = (root * np.float32(65535.0)).astype(np.uint16)
    return np.take(_curve(gamma, contrast), index)


def sharpen(image: NDArray[np.float32], amount: float, sigma_px: float) -> None:
    """An unsharp mask, in place; in strips, each with the rows round it as they were."""
    if amount <= 0.0:
        return
    reach = int(4 * sigma_px) + 2
    kernel = cv2.getGaussianKernel(2 * reach - 1, sigma_px)
    above = image[:0].copy()
    for part in strips(image.shape[0]):
        block = np.concatenate([above, image[part.start : part.stop + reach]])
        soft = cv2.sepFilter2D(block, -1, kernel, kernel, borderType=cv2.BORDER_REPLICATE)
        own = slice(len(above), len(above) + part.stop - part.start)
        above = block[max(0, own.stop - reach) : own.stop].copy()
        cv2.addWeighted(block[own], 1.0 + amount, soft[own], -amount, 0.0, dst=image[part])


def encode_tone(image: NDArray[np.float32], tone: Tone) -> None:
    """Linear light to the scanner's own curve, 0..1 of full scale, not yet sharpened or cut; in place.

    Args:
        image: (h, w) or (h, w, 3), linear.
        tone: its figures.
    """
    matrix = np.array(tone.matrix, dtype=np.float32).reshape(3, 3)
    if tone.saturation != 1.0:
        matrix = (tone.saturation * np.eye(3) + (1.0 - tone.saturation) * _LUMA[None, :]).astype(np.float32) @ matrix
    matrix = matrix * np.array(tone.white, dtype=np.float32)[None, :] * np.float32(tone.gain)
    black = np.array(tone.black, dtype=np.float32)
    rest = 1.0 / (1.0 - black)
    for part in strips(image.shape[0]):
        strip = image[part]
        if image.ndim == 2:
            image[part] = (_apply_curve(strip * np.float32(tone.gain), tone.gamma, tone.contrast) - black[0]) * rest[0]
        else:
            mixed = np.asarray(cv2.transform(strip, matrix), dtype=np.float32)
            image[part] = (_apply_curve(mixed, tone.gamma, tone.contrast) - black) * rest


def to_bytes(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    """0..1 to 0..255, rounded and cut."""
    result = np.empty(image.shape, dtype=np.uint8)
    for part in strips(image.shape[0]):
        result[part] = cv2.convertScaleAbs(np.maximum(image[part], 0.0), alpha=255.0)
    return result
