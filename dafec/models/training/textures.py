"""Security print to write on: guilloche families, hatching, repeated words, rosettes, clouds.

Drawn from a seed once and kept; a training, the calibration and the test set have banks of different seeds, so what is
measured was never seen.
"""

from __future__ import annotations

import random
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from dafec.models.training.fonts import label_faces
from dafec.models.training.words import TEXTURE_WORDS

__all__ = ["texture_bank"]

Grey = NDArray[np.uint8]


def _guilloche(rng: random.Random, shape: tuple[int, int]) -> Grey:
    h, w = shape
    tile = np.zeros(shape, np.uint8)
    x = np.arange(0, w, 6)
    for _ in range(rng.randint(1, 3)):
        gap, amp, wave = rng.uniform(4, 26), rng.uniform(0, 40), rng.uniform(60, 900)
        phase, slope = rng.uniform(0, 6.3), rng.uniform(-0.6, 0.6)
        drift = rng.uniform(-0.12, 0.12)
        thick = rng.choice([1, 1, 1, 2, 3])
        y = -abs(slope) * w - 2 * amp
        lines = []
        k = 0
        while y < h + abs(slope) * w + 2 * amp:
            yy = y + slope * x + amp * np.sin(x * 6.283 / wave + phase + drift * k)
            lines.append(np.stack([x, yy], 1).astype(np.int32))
            y += gap
            k += 1
        shade = rng.randint(100, 255)
        cv2.polylines(tile, lines, isClosed=False, color=shade, thickness=thick, lineType=cv2.LINE_AA)
    return tile


def _hatch(rng: random.Random, shape: tuple[int, int]) -> Grey:
    h, w = shape
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
    out = np.zeros(shape, np.float32)
    for _ in range(rng.randint(1, 2)):
        angle, wave = rng.uniform(0, 3.14), rng.uniform(3, 22)
        along = (xx * np.cos(angle) + yy * np.sin(angle)) * 6.283 / wave
        out += np.sin(along + 0.8 * np.sin(xx / rng.uniform(30, 200)))
    return np.clip(127 + 90 * out, 0, 255).astype(np.uint8)


def _microtext(rng: random.Random, shape: tuple[int, int]) -> Grey:
    h, w = shape
    image = Image.new("L", (w, h), 0)
    draw = ImageDraw.Draw(image)
    size = rng.choice([9, 12, 18, 28, 60, 110])
    font = ImageFont.truetype(rng.choice(label_faces()), size)
    word = rng.choice(TEXTURE_WORDS)
    y = -rng.randint(0, size)
    while y < h:
        draw.text((-rng.randint(0, 100), y), word * (3 + w // (size * 3)), font=font, fill=rng.randint(120, 255))
        y += int(size * rng.uniform(1.0, 1.8))
    tile = np.asarray(image)
    if rng.random() < 0.5:
        matrix = cv2.getRotationMatrix2D((w / 2, h / 2), rng.uniform(-35, 35), 1.3)
        tile = np.asarray(cv2.warpAffine(tile, matrix, (w, h)), np.uint8)
    return tile


def _rosette(rng: random.Random, shape: tuple[int, int]) -> Grey:
    h, w = shape
    tile = np.zeros(shape, np.uint8)
    t = np.linspace(0, 6.2832, 900)
    for _ in range(rng.randint(2, 6)):
        cx, cy, r = rng.uniform(0, w), rng.uniform(-h / 2, 1.5 * h), rng.uniform(60, 380)
        n, shade = rng.randint(5, 24), rng.randint(100, 255)
        for k in range(rng.randint(4, 18)):
            rr = r * (0.4 + 0.05 * k) * (1 + 0.25 * np.sin(n * t + k * 0.4))
            points = np.stack([cx + rr * np.cos(t), cy + rr * np.sin(t)], 1).astype(np.int32)
            cv2.polylines(tile, [points], isClosed=True, color=shade, thickness=1, lineType=cv2.LINE_AA)
    return tile


def _cloud(rng: random.Random, shape: tuple[int, int]) -> Grey:
    seed = np.random.default_rng(rng.getrandbits(32))
    small = seed.random((rng.randint(2, 40), rng.randint(4, 200))).astype(np.float32)
    large = cv2.resize(small, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.clip(large * 255, 0, 255).astype(np.uint8)


@cache
def texture_bank(seed: int, count: int = 160, shape: tuple[int, int] = (420, 2300)) -> tuple[NDArray[np.int8], ...]:
    """Textures that documents are printed on.

    Args:
        seed: of every texture; the same seed gives the same bank.
        count: how many textures.
        shape: height and width of each, pixels.

    Returns:
        ``count`` arrays of ``shape``, int8, zero mean: what is added to a grey of 0 to 255.
    """
    rng = random.Random(seed)
    bank = []
    for _ in range(count):
        make = rng.choices((_guilloche, _hatch, _microtext, _rosette, _cloud), (5, 2, 2, 3, 2))[0]
        tile = make(rng, shape).astype(np.float32)
        if rng.random() < 0.3:
            tile = np.asarray(cv2.GaussianBlur(tile, (0, 0), rng.uniform(0.6, 2.5)), np.float32)
        tile -= tile.mean()
        bank.append(np.clip(tile / 2, -127, 127).astype(np.int8))
    return tuple(bank)
