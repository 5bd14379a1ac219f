"""Rendered machine-readable zones: print on security print, worn, stamped, photographed, compressed.

A zone is drawn in grey on a canvas of 16 to 44 pixels a character, over one or two textures, then seen by a camera or
scanner: rotation, perspective, reduction to 4.9 to 42 pixels a character, and what ``optics`` does. Everything is drawn
from the given generators, so a seed gives the same picture again.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from dafec.geometry import FloatArray
from dafec.models.training.fonts import glyphs, label_faces, pick, press
from dafec.models.training.mrz_text import MrzText, random_text
from dafec.models.training.optics import degrade
from dafec.models.training.textures import texture_bank
from dafec.models.training.words import HEADINGS, STAMPS

__all__ = ["ZoneSample", "make_zone"]

Grey = NDArray[np.uint8]
Float = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class ZoneSample:
    """One picture of a zone with its truth."""

    image: Grey  # (h, w)
    text: MrzText
    centres: tuple[FloatArray, ...]  # per line (n, 2): x, y of each character's cell, pixels
    cap_px: float  # height of a capital in pixels


@dataclass(frozen=True, slots=True, eq=False)
class _Print:
    """A zone's ink before it meets paper."""

    mask: Grey  # (h, w) coverage
    centres: tuple[FloatArray, ...]  # per line (n, 2), pixels
    pitch: float  # distance of characters, pixels
    cap: float  # height of a capital, pixels

    @property
    def top(self) -> float:
        """Upper edge of the first line's capitals."""
        return float(min(c[:, 1].min() for c in self.centres)) - self.cap / 2

    @property
    def bottom(self) -> float:
        """Lower edge of the last line's capitals."""
        return float(max(c[:, 1].max() for c in self.centres)) + self.cap / 2


@dataclass(frozen=True, slots=True)
class _Setting:
    """How a zone is set: one face, its size and its spacing, in pixels."""

    face: str
    cap: int
    pitch: float
    spacing: float  # from line to line
    squeeze: float  # width of a glyph against the face's own
    jitter: float  # standard deviation of each character's place
    proportional: bool

    @property
    def margin(self) -> int:
        """Empty canvas on every side."""
        return int(self.pitch * 3)


def _background(rng: random.Random, shape: tuple[int, int], bank_seed: int) -> Float:
    h, w = shape
    base = rng.uniform(120, 250) if rng.random() < 0.8 else rng.uniform(235, 255)
    canvas = np.full((h, w), base, np.float32)
    if rng.random() < 0.5:
        canvas += np.linspace(rng.uniform(-30, 30), rng.uniform(-30, 30), w, dtype=np.float32)[None, :]
    if rng.random() < 0.75:
        bank = texture_bank(bank_seed)
        for _ in range(rng.choice([1, 1, 2])):
            canvas += _texture(rng, rng.choice(bank), h, w)
    if rng.random() < 0.25:  # the zone sits on a band of another tint, or the page ends close by
        edge = rng.choice([rng.uniform(0, 0.2), rng.uniform(0.8, 1.0)])
        row = int(edge * h)
        shift = rng.uniform(-90, 40)
        if edge < 0.5:
            canvas[:row] += shift
        else:
            canvas[row:] += shift
    return canvas


def _texture(rng: random.Random, tile: NDArray[np.int8], h: int, w: int) -> Float:
    """A part of a texture of shape (h, w), at a strength of its own."""
    y, x = rng.randint(0, max(0, tile.shape[0] - h)), rng.randint(0, max(0, tile.shape[1] - w))
    part: Float = tile[y : y + h, x : x + w].astype(np.float32)
    if part.shape != (h, w):
        part = np.asarray(cv2.resize(part, (w, h)), np.float32)
    if rng.random() < 0.5:
        part = part[:, ::-1]
    return part * (rng.uniform(0.02, 0.35) if rng.random() < 0.85 else rng.uniform(0.35, 0.8))


def _setting(rng: random.Random, pitch: float, *, held_out: bool) -> _Setting:
    face = pick(rng, held_out=held_out)
    is_ocrb = "ocr-b" in face
    # Cap height against pitch: OCR-B size 1 has 2.4 to 2.6 mm on 2.54 mm.
    cap = max(8, round(pitch * (rng.gauss(1.0, 0.03) if is_ocrb else rng.uniform(0.78, 1.08))))
    advances = glyphs(face, cap)[1]
    squeeze = rng.uniform(0.85, 1.2) if not is_ocrb or rng.random() < 0.15 else 1.0
    proportional = advances["M"] > 1.25 * advances["I"] and rng.random() < 0.5
    spacing = pitch * (rng.gauss(5 / 3, 0.06) if rng.random() < 0.7 else rng.uniform(1.3, 2.2))
    jitter = pitch * (rng.choice([0, 0, 0.01, 0.03]) if is_ocrb else 0.0)
    return _Setting(face, cap, pitch, spacing, squeeze, jitter, proportional)


def _line_starts(line: str, left: float, setting: _Setting) -> list[float]:
    """Column of each character's middle as the face would set it."""
    if not setting.proportional:
        return [left + i * setting.pitch for i in range(len(line))]
    advances = glyphs(setting.face, setting.cap)[1]
    middles = []
    for char in line:
        step = advances[char] * setting.cap * setting.squeeze
        middles.append(left + step / 2)
        left += step
    return middles


def _draw_text(rng: random.Random, text: MrzText, pitch: float, *, held_out: bool) -> _Print:
    setting = _setting(rng, pitch, held_out=held_out)
    masks, _ = glyphs(setting.face, setting.cap)
    side = masks["0"].shape[0]
    if setting.squeeze != 1.0:
        size = (max(4, int(side * setting.squeeze)), side)
        masks = {char: np.asarray(cv2.resize(mask, size), np.uint8) for char, mask in masks.items()}
    n, margin = len(text.lines[0]), setting.margin
    width = int(n * pitch * 1.25) if setting.proportional else int((n - 1) * pitch)
    height = int(setting.spacing * (len(text.lines) - 1))
    layer = np.zeros((height + 2 * margin + 4, width + 2 * margin + 4), np.uint8)
    centres = []
    left = margin + (pitch * rng.uniform(-0.4, 0.4) if rng.random() < 0.05 else 0)
    for row, line in enumerate(text.lines):
        start = left + (rng.uniform(-0.3, 0.3) * pitch if rng.random() < 0.05 else 0.0)
        points = []
        for char, middle in zip(line, _line_starts(line, start, setting), strict=True):
            y = margin + row * setting.spacing + rng.gauss(0, setting.jitter)
            x = middle + rng.gauss(0, setting.jitter)
            press(layer, masks[char], x, y)
            points.append((x, y))
        centres.append(np.array(points))
    if setting.proportional:
        right = int(max(c[-1, 0] for c in centres)) + margin
        layer = layer[:, :right] if right < layer.shape[1] else layer
    return _Print(_stroke(rng, layer, setting.cap), tuple(centres), pitch, float(setting.cap))


def _stroke(rng: random.Random, mask: Grey, cap: int) -> Grey:
    """Heavier or lighter print of the same face."""
    draw = rng.random()
    if draw < 0.16 and cap >= 14:
        size = max(2, round(cap * rng.uniform(0.05, 0.11)))
        mask = np.asarray(cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))), np.uint8)
    elif draw < 0.3 and cap >= 22:
        mask = np.asarray(cv2.erode(mask, np.ones((2, 2), np.uint8)), np.uint8)
    return mask


def _wear_ink(rng: random.Random, mask: Float) -> Float:
    if rng.random() < 0.15:  # broken print
        seed = np.random.default_rng(rng.getrandbits(32))
        small = seed.random((max(2, mask.shape[0] // 3), max(2, mask.shape[1] // 3))).astype(np.float32)
        field = np.asarray(cv2.resize(small, mask.shape[::-1]), np.float32)
        mask = mask * np.clip((field - rng.uniform(0.05, 0.3)) * 6, 0.15, 1)
    if rng.random() < 0.15:  # uneven ink along the line
        mask = mask * np.linspace(rng.uniform(0.5, 1), rng.uniform(0.5, 1), mask.shape[1], dtype=np.float32)[None, :]
    return mask


def _stamp(rng: random.Random, canvas: Float, pitch: float) -> None:
    """Arcs, a ring, letters across the zone."""
    h, w = canvas.shape
    layer: Grey = np.zeros((h, w), np.uint8)
    for _ in range(rng.randint(1, 3)):
        centre = (rng.randint(0, w), rng.randint(-h // 2, h + h // 2))
        axes = (int(pitch * rng.uniform(2, 9)), int(pitch * rng.uniform(2, 9)))
        turn, end = rng.uniform(0, 360), rng.uniform(120, 360)
        thick = rng.randint(1, max(2, int(pitch / 7)))
        cv2.ellipse(layer, centre, axes, turn, 0, end, 255, thick, cv2.LINE_AA)
        word, size = rng.choice(STAMPS), pitch / rng.uniform(7, 22)
        thick = max(1, int(pitch / 10))
        cv2.putText(layer, word, centre, cv2.FONT_HERSHEY_DUPLEX, size, 255, thick, cv2.LINE_AA)
    if rng.random() < 0.5:
        matrix = cv2.getRotationMatrix2D((w / 2, h / 2), rng.uniform(-40, 40), 1)
        layer = np.asarray(cv2.warpAffine(layer, matrix, (w, h)), np.uint8)
    canvas -= layer.astype(np.float32) * rng.uniform(0.08, 0.42)


def _overlays(rng: random.Random, canvas: Float, pitch: float) -> None:
    h, w = canvas.shape
    if rng.random() < 0.16:
        _stamp(rng, canvas, pitch)
    if rng.random() < 0.08:  # pen, crease, scratch
        for _ in range(rng.randint(1, 3)):
            a, b = (rng.randint(0, w), rng.randint(0, h)), (rng.randint(0, w), rng.randint(0, h))
            line = np.zeros((h, w), np.uint8)
            cv2.line(line, a, b, 255, rng.randint(1, max(2, int(pitch / 10))), cv2.LINE_AA)
            canvas += line.astype(np.float32) * rng.uniform(-0.5, 0.5)
    if rng.random() < 0.1:  # glare or shadow
        yy, xx = np.mgrid[0:h:8, 0:w:8].astype(np.float32)
        cx, cy, s = rng.uniform(0, w), rng.uniform(0, h), rng.uniform(2, 14) * pitch
        blob = np.exp(-((xx - cx) ** 2 + ((yy - cy) * rng.uniform(0.4, 3)) ** 2) / (2 * s * s))
        canvas += cv2.resize(blob, (w, h)) * rng.uniform(-70, 110)


def _surroundings(rng: random.Random, canvas: Float, ink: _Print) -> None:
    h = canvas.shape[0]
    pitch = ink.pitch
    shade = rng.uniform(10, 120)
    if rng.random() < 0.35:
        _headings(rng, canvas, ink)
    if rng.random() < 0.05:  # somebody framed the zone
        pad = pitch * rng.uniform(0.5, 1.2)
        left, right = float(min(c[0, 0] for c in ink.centres)), float(max(c[-1, 0] for c in ink.centres))
        first = (int(left - pitch - pad / 2), int(ink.top - pad))
        last = (int(right + pitch + pad / 2), int(ink.bottom + pad))
        cv2.rectangle(canvas, first, last, shade, max(1, int(pitch * rng.uniform(0.05, 0.2))))
    if rng.random() < 0.08:  # the document ends below the zone
        row = int(ink.bottom + pitch * rng.uniform(0.6, 2.0))
        if row < h:
            canvas[row:] = rng.choice([rng.uniform(0, 60), rng.uniform(200, 255)])


def _headings(rng: random.Random, canvas: Float, ink: _Print) -> None:
    """Labels, signature, other data above the zone, sometimes below it."""
    h, w = canvas.shape
    layer = Image.new("L", (w, h), 0)
    draw = ImageDraw.Draw(layer)
    font = ImageFont.truetype(rng.choice(label_faces()), max(7, int(ink.cap * rng.uniform(0.6, 1.6))))
    y = ink.top - ink.cap * rng.uniform(1.6, 3.2)
    words = " ".join(rng.choice(HEADINGS) for _ in range(12))
    draw.text((rng.randint(0, w // 2), y), words, font=font, fill=255)
    if rng.random() < 0.3:
        below = (rng.randint(0, w // 2), ink.bottom + ink.cap * rng.uniform(0.7, 2))
        draw.text(below, words, font=font, fill=255)
    canvas -= np.asarray(layer, np.float32) / 255 * rng.uniform(60, 160)


def _target_pitch(rng: random.Random) -> float:
    draw = rng.random()
    if draw < 0.22:
        return rng.uniform(4.9, 7.5)
    if draw < 0.62:
        return rng.uniform(7.5, 16)
    return float(np.exp(rng.uniform(np.log(16), np.log(42))))


def make_zone(
    rng: random.Random, *, bank_seed: int = 7, held_out: bool = False, pitch_px: float | None = None
) -> ZoneSample:
    """One picture of an invented zone.

    Args:
        rng: every choice is drawn from it.
        bank_seed: seed of the textures; the test set uses another.
        held_out: the test set's faces.
        pitch_px: distance of characters in the final picture; drawn where None (4.9 to 42 px).

    Returns:
        The picture, uint8, and where every character of its text stands.
    """
    text = random_text(rng)
    target = pitch_px or _target_pitch(rng)
    pitch = float(np.clip(target * rng.uniform(1.3, 2.5), 16, 44))
    ink = _draw_text(rng, text, pitch, held_out=held_out)
    canvas = _background(rng, (ink.mask.shape[0], ink.mask.shape[1]), bank_seed)
    _surroundings(rng, canvas, ink)
    contrast = rng.uniform(0.55, 1.0) if rng.random() < 0.75 else rng.uniform(0.28, 0.55)
    shade = rng.uniform(0, 60)
    coverage = _wear_ink(rng, ink.mask.astype(np.float32) * (contrast / 255))
    canvas += (shade - canvas) * coverage
    _overlays(rng, canvas, pitch)
    if rng.random() < 0.02:
        canvas = 255 - canvas
    page = np.clip(canvas, 0, 255).astype(np.uint8)
    return _photograph(rng, page, text, ink, target)


def _view(rng: random.Random, shape: tuple[int, int], scale: float) -> tuple[FloatArray, tuple[int, int]]:
    """Homography (3, 3) from a page to its picture, and the picture's width and height."""
    h, w = shape
    angle = np.radians(rng.gauss(0, 1.5) if rng.random() < 0.9 else rng.uniform(-8, 8))
    c, s = np.cos(angle), np.sin(angle)
    ow, oh = int(w * scale * c + h * scale * abs(s)) + 2, int(h * scale * c + w * scale * abs(s)) + 2
    matrix = np.array([[scale * c, -scale * s, 0], [scale * s, scale * c, 0], [0, 0, 1]], np.float64)
    mid = matrix @ np.array([w / 2, h / 2, 1])
    matrix[0, 2], matrix[1, 2] = ow / 2 - mid[0], oh / 2 - mid[1]
    if rng.random() < 0.3:
        tilt = np.eye(3)
        tilt[2, 0], tilt[2, 1] = rng.gauss(0, 0.06) / ow, rng.gauss(0, 0.03) / ow
        shift = np.array([[1, 0, ow / 2], [0, 1, oh / 2], [0, 0, 1.0]])
        matrix = shift @ tilt @ np.linalg.inv(shift) @ matrix
    return matrix, (ow, oh)


def _photograph(rng: random.Random, page: Grey, text: MrzText, ink: _Print, target: float) -> ZoneSample:
    h, w = page.shape
    scale = target / ink.pitch
    matrix, size = _view(rng, (h, w), scale)
    if scale < 0.75:  # what a lens does before the sensor samples
        page = np.asarray(cv2.GaussianBlur(page, (0, 0), 0.42 / scale * rng.uniform(0.6, 1.15)), np.uint8)
    image = cv2.warpPerspective(page, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    moved = []
    for points in ink.centres:
        q = np.c_[points, np.ones(len(points))] @ matrix.T
        moved.append(q[:, :2] / q[:, 2:])
    return ZoneSample(degrade(rng, np.asarray(image, np.uint8), target), text, tuple(moved), ink.cap * scale)
