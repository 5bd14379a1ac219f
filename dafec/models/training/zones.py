"""Rendered machine-readable zones: print on security print, worn, stamped, photographed, compressed.

A zone is drawn in grey on a canvas of 16 to 42 pixels a character, over one or two textures (guilloche families, hatching,
microtext, rosettes), then seen by a camera or scanner: perspective, reduction to 4.5 to 42 pixels a character, blur, noise,
sharpening, JPEG. Everything is drawn from the given generators, so a seed gives the same picture again.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from dafec.models.training.fonts import glyphs, label_faces, pick
from dafec.models.training.mrz_text import MrzText, random_text

__all__ = ["ZoneSample", "degrade", "make_zone", "texture_bank"]

Grey = NDArray[np.uint8]
Float = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class ZoneSample:
    """One picture of a zone with its truth."""

    image: Grey  # (h, w)
    text: MrzText
    centres: tuple[NDArray[np.float64], ...]  # per line (n, 2): x, y of each character's cell, pixels
    cap_px: float  # height of a capital in pixels


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
        cv2.polylines(tile, lines, False, rng.randint(100, 255), thick, cv2.LINE_AA)
    return tile


def _hatch(rng: random.Random, shape: tuple[int, int]) -> Grey:
    h, w = shape
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
    out = np.zeros(shape, np.float32)
    for _ in range(rng.randint(1, 2)):
        angle, wave = rng.uniform(0, 3.14), rng.uniform(3, 22)
        out += np.sin(
            (xx * np.cos(angle) + yy * np.sin(angle)) * 6.283 / wave + 0.8 * np.sin(xx / rng.uniform(30, 200))
        )
    return np.clip(127 + 90 * out, 0, 255).astype(np.uint8)


def _microtext(rng: random.Random, shape: tuple[int, int]) -> Grey:
    h, w = shape
    image = Image.new("L", (w, h), 0)
    draw = ImageDraw.Draw(image)
    size = rng.choice([9, 12, 18, 28, 60, 110])
    font = ImageFont.truetype(rng.choice(label_faces()), size)
    word = rng.choice(["SPECIMEN ", "REPUBLIC ", "PASSPORT ", "UTOPIA", "MUSTER ", "VZOR ", "0123456789", "PASSEPORT "])
    y = -rng.randint(0, size)
    while y < h:
        draw.text((-rng.randint(0, 100), y), word * (3 + w // (size * 3)), font=font, fill=rng.randint(120, 255))
        y += int(size * rng.uniform(1.0, 1.8))
    tile = np.asarray(image)
    if rng.random() < 0.5:
        m = cv2.getRotationMatrix2D((w / 2, h / 2), rng.uniform(-35, 35), 1.3)
        tile = cv2.warpAffine(tile, m, (w, h))
    return np.asarray(tile, dtype=np.uint8)


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
            cv2.polylines(tile, [points], True, shade, 1, cv2.LINE_AA)
    return tile


def _cloud(rng: random.Random, shape: tuple[int, int]) -> Grey:
    seed = np.random.default_rng(rng.getrandbits(32))
    small = seed.random((rng.randint(2, 40), rng.randint(4, 200))).astype(np.float32)
    return np.clip(cv2.resize(small, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC) * 255, 0, 255).astype(
        np.uint8
    )


@cache
def texture_bank(seed: int, count: int = 160, shape: tuple[int, int] = (420, 2300)) -> tuple[NDArray[np.int8], ...]:
    """Zero-mean textures, int8, that zones are printed on."""
    rng = random.Random(seed)
    bank = []
    for _ in range(count):
        make = rng.choices((_guilloche, _hatch, _microtext, _rosette, _cloud), (5, 2, 2, 3, 2))[0]
        tile = make(rng, shape).astype(np.float32)
        if rng.random() < 0.3:
            tile = cv2.GaussianBlur(tile, (0, 0), rng.uniform(0.6, 2.5))
        tile -= tile.mean()
        bank.append(np.clip(tile / 2, -127, 127).astype(np.int8))
    return tuple(bank)


def _background(rng: random.Random, h: int, w: int, bank_seed: int) -> Float:
    base = rng.uniform(120, 250) if rng.random() < 0.8 else rng.uniform(235, 255)
    canvas = np.full((h, w), base, np.float32)
    if rng.random() < 0.5:
        canvas += np.linspace(rng.uniform(-30, 30), rng.uniform(-30, 30), w, dtype=np.float32)[None, :]
    if rng.random() < 0.75:
        bank = texture_bank(bank_seed)
        for _ in range(rng.choice([1, 1, 2])):
            tile = rng.choice(bank)
            y, x = rng.randint(0, max(0, tile.shape[0] - h)), rng.randint(0, max(0, tile.shape[1] - w))
            part = tile[y : y + h, x : x + w].astype(np.float32)
            if part.shape != (h, w):
                part = cv2.resize(part, (w, h))
            if rng.random() < 0.5:
                part = part[:, ::-1]
            canvas += part * (rng.uniform(0.02, 0.35) if rng.random() < 0.85 else rng.uniform(0.35, 0.8))
    if rng.random() < 0.25:  # the zone sits on a band of another tint, or the page ends close by
        edge = rng.choice([rng.uniform(0, 0.2), rng.uniform(0.8, 1.0)])
        row = int(edge * h)
        shift = rng.uniform(-90, 40)
        if edge < 0.5:
            canvas[:row] += shift
        else:
            canvas[row:] += shift
    return canvas


def _stroke(rng: random.Random, mask: Grey, cap: int) -> Grey:
    draw = rng.random()
    if draw < 0.16 and cap >= 14:
        size = max(2, round(cap * rng.uniform(0.05, 0.11)))
        mask = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    elif draw < 0.3 and cap >= 22:
        mask = cv2.erode(mask, np.ones((2, 2), np.uint8))
    return mask


def _draw_text(
    rng: random.Random, text: MrzText, pitch: float, *, held_out: bool
) -> tuple[Grey, list[NDArray[np.float64]], float]:
    face = pick(rng, held_out=held_out)
    is_ocrb = "ocr-b" in face
    ratio = (
        rng.gauss(1.0, 0.03) if is_ocrb else rng.uniform(0.78, 1.08)
    )  # cap height / pitch; OCR-B size 1: 2.4-2.6 / 2.54
    cap = max(8, round(pitch * ratio))
    masks, advances, zero = glyphs(face, cap)
    squeeze = 1.0
    if not is_ocrb or rng.random() < 0.15:
        squeeze = rng.uniform(0.85, 1.2)
    proportional = advances["M"] > 1.25 * advances["I"] and rng.random() < 0.5
    spacing = pitch * (rng.gauss(5 / 3, 0.06) if rng.random() < 0.7 else rng.uniform(1.3, 2.2))
    n = len(text.lines[0])
    margin_x, margin_y = int(pitch * 3), int(pitch * 3)
    width = int(n * pitch * 1.25) + 2 * margin_x if proportional else int((n - 1) * pitch) + 2 * margin_x
    height = int(spacing * (len(text.lines) - 1)) + 2 * margin_y
    layer = np.zeros((height + 4, width + 4), np.uint8)
    side = masks["0"].shape[0]
    half = side // 2
    gw = max(4, int(side * squeeze))
    jitter = pitch * (rng.choice([0, 0, 0.01, 0.03]) if is_ocrb else 0.0)
    centres = []
    left = margin_x + (pitch * rng.uniform(-0.4, 0.4) if rng.random() < 0.05 else 0)
    for row, line in enumerate(text.lines):
        x = left + (rng.uniform(-0.3, 0.3) * pitch if rng.random() < 0.05 else 0.0)
        y = margin_y + row * spacing
        points = []
        for i, char in enumerate(line):
            if proportional:
                step = advances[char] * cap * squeeze
                cx = x + step / 2
                x += step
            else:
                cx = x + i * pitch
            cy = y + rng.gauss(0, jitter)
            px = cx + rng.gauss(0, jitter)
            glyph = masks[char] if squeeze == 1.0 else cv2.resize(masks[char], (gw, side))
            x0, y0 = round(px) - glyph.shape[1] // 2, round(cy) - half
            sx, sy = max(0, -x0), max(0, -y0)
            ex, ey = min(glyph.shape[1], layer.shape[1] - x0), min(side, layer.shape[0] - y0)
            if ex > sx and ey > sy:
                view = layer[y0 + sy : y0 + ey, x0 + sx : x0 + ex]
                np.maximum(view, glyph[sy:ey, sx:ex], out=view)
            points.append((px, cy))
        centres.append(np.array(points))
    if proportional:
        right = int(max(c[-1, 0] for c in centres)) + margin_x
        layer = layer[:, :right] if right < layer.shape[1] else layer
    return _stroke(rng, layer, cap), centres, float(cap)


def _wear_ink(rng: random.Random, mask: Float) -> Float:
    if rng.random() < 0.15:  # broken print
        seed = np.random.default_rng(rng.getrandbits(32))
        field = cv2.resize(
            seed.random((max(2, mask.shape[0] // 3), max(2, mask.shape[1] // 3))).astype(np.float32), mask.shape[::-1]
        )
        mask = mask * np.clip((field - rng.uniform(0.05, 0.3)) * 6, 0.15, 1)
    if rng.random() < 0.15:  # uneven ink along the line
        mask = mask * np.linspace(rng.uniform(0.5, 1), rng.uniform(0.5, 1), mask.shape[1], dtype=np.float32)[None, :]
    return mask


def _overlays(rng: random.Random, canvas: Float, pitch: float) -> None:
    h, w = canvas.shape
    if rng.random() < 0.16:  # stamp: arcs, ring, letters
        layer = np.zeros((h, w), np.uint8)
        for _ in range(rng.randint(1, 3)):
            centre = (rng.randint(0, w), rng.randint(-h // 2, h + h // 2))
            axes = (int(pitch * rng.uniform(2, 9)), int(pitch * rng.uniform(2, 9)))
            cv2.ellipse(
                layer,
                centre,
                axes,
                rng.uniform(0, 360),
                0,
                rng.uniform(120, 360),
                255,
                rng.randint(1, max(2, int(pitch / 7))),
                cv2.LINE_AA,
            )
            cv2.putText(
                layer,
                rng.choice(["SPECIMEN", "12 AUG 2024", "VOID", "SAMPLE", "BASRA"]),
                centre,
                cv2.FONT_HERSHEY_DUPLEX,
                pitch / rng.uniform(7, 22),
                255,
                max(1, int(pitch / 10)),
                cv2.LINE_AA,
            )
        if rng.random() < 0.5:
            layer = cv2.warpAffine(layer, cv2.getRotationMatrix2D((w / 2, h / 2), rng.uniform(-40, 40), 1), (w, h))
        canvas -= layer.astype(np.float32) * rng.uniform(0.08, 0.42)
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


def _surroundings(
    rng: random.Random, canvas: Float, centres: list[NDArray[np.float64]], pitch: float, cap: float
) -> None:
    h, w = canvas.shape
    shade = rng.uniform(10, 120)
    top = float(min(c[:, 1].min() for c in centres)) - cap / 2
    bottom = float(max(c[:, 1].max() for c in centres)) + cap / 2
    if rng.random() < 0.35:  # labels, signature, other data above
        layer = Image.new("L", (w, h), 0)
        draw = ImageDraw.Draw(layer)
        font = ImageFont.truetype(rng.choice(label_faces()), max(7, int(cap * rng.uniform(0.6, 1.6))))
        y = top - cap * rng.uniform(1.6, 3.2)
        words = " ".join(
            rng.choice(
                [
                    "SURNAME",
                    "Date of birth",
                    "12.03.1988",
                    "AUTHORITY",
                    "UTOPIA",
                    "F",
                    "No.",
                    "SPECIMEN",
                    "signature",
                    "12345678",
                ]
            )
            for _ in range(12)
        )
        draw.text((rng.randint(0, w // 2), y), words, font=font, fill=255)
        if rng.random() < 0.3:
            draw.text((rng.randint(0, w // 2), bottom + cap * rng.uniform(0.7, 2)), words, font=font, fill=255)
        canvas -= np.asarray(layer, np.float32) / 255 * rng.uniform(60, 160)
    if rng.random() < 0.05:  # somebody framed the zone
        pad = pitch * rng.uniform(0.5, 1.2)
        left, right = float(min(c[0, 0] for c in centres)), float(max(c[-1, 0] for c in centres))
        cv2.rectangle(
            canvas,
            (int(left - pitch - pad / 2), int(top - pad)),
            (int(right + pitch + pad / 2), int(bottom + pad)),
            shade,
            max(1, int(pitch * rng.uniform(0.05, 0.2))),
        )
    if rng.random() < 0.08:  # the document ends below the zone
        row = int(bottom + pitch * rng.uniform(0.6, 2.0))
        if row < h:
            canvas[row:] = rng.choice([rng.uniform(0, 60), rng.uniform(200, 255)])


def degrade(rng: random.Random, image: Grey, pitch: float) -> Grey:
    """What optics, sensor and file do to a picture whose characters are ``pitch`` pixels apart."""
    out = image
    h, w = out.shape[:2]
    if rng.random() < 0.12:  # resampled once more on its way
        factor = rng.uniform(0.7, 1.6)
        if pitch * factor > 5.2:
            how = rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_AREA, cv2.INTER_NEAREST])
            out = cv2.resize(out, (max(8, int(w * factor)), max(8, int(h * factor))), interpolation=how)
            out = cv2.resize(out, (w, h), interpolation=rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC]))
    if rng.random() < 0.55:
        out = cv2.GaussianBlur(out, (0, 0), max(0.25, pitch * abs(rng.gauss(0, 0.055))))
    if rng.random() < 0.07 and pitch > 8:
        size = max(3, int(pitch * rng.uniform(0.1, 0.35)) | 1)
        kernel = np.zeros((size, size), np.float32)
        cv2.line(kernel, (0, rng.randint(0, size - 1)), (size - 1, rng.randint(0, size - 1)), 1)
        out = cv2.filter2D(out, -1, kernel / max(1e-6, float(kernel.sum())))
    if rng.random() < 0.3:
        soft = cv2.GaussianBlur(out, (0, 0), rng.uniform(0.7, 1.8))
        amount = rng.uniform(0.3, 1.6)
        out = cv2.addWeighted(out, 1 + amount, soft, -amount, 0)
    if rng.random() < 0.5:
        noise = np.empty(out.shape, np.float32)
        cv2.setRNGSeed(rng.getrandbits(31))
        cv2.randn(noise, 0, rng.uniform(1, 14) if rng.random() < 0.85 else rng.uniform(14, 26))
        out = np.clip(out.astype(np.float32) + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.4:
        gamma, gain, lift = rng.uniform(0.6, 1.6), rng.uniform(0.6, 1.15), rng.uniform(0, 45)
        table = np.clip(((np.arange(256) / 255) ** gamma) * 255 * gain + lift, 0, 255).astype(np.uint8)
        out = cv2.LUT(out, table)
    if rng.random() < 0.03:
        levels = rng.choice([2, 4, 8, 16])
        if levels > 2 or pitch > 14:
            step = 256 / levels
            out = np.clip((np.floor(out / step) + 0.5) * step, 0, 255).astype(np.uint8)
    if rng.random() < 0.65:
        quality = rng.randint(45, 95) if rng.random() < 0.75 else rng.randint(22, 45)
        out = cv2.imdecode(cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_GRAYSCALE)
    return np.asarray(out, dtype=np.uint8)


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
        held_out: faces that are never trained on.
        pitch_px: distance of characters in the final picture; drawn where None (4.9 to 42 px).
    """
    text = random_text(rng)
    target = pitch_px or _target_pitch(rng)
    pitch = float(np.clip(target * rng.uniform(1.3, 2.5), 16, 44))
    mask, centres, cap = _draw_text(rng, text, pitch, held_out=held_out)
    h, w = mask.shape
    canvas = _background(rng, h, w, bank_seed)
    _surroundings(rng, canvas, centres, pitch, cap)
    contrast = rng.uniform(0.55, 1.0) if rng.random() < 0.75 else rng.uniform(0.28, 0.55)
    ink = rng.uniform(0, 60)
    coverage = _wear_ink(rng, mask.astype(np.float32) * (contrast / 255))
    canvas += (ink - canvas) * coverage
    _overlays(rng, canvas, pitch)
    if rng.random() < 0.02:
        canvas = 255 - canvas
    page = np.clip(canvas, 0, 255).astype(np.uint8)
    return _photograph(rng, page, text, centres, cap, pitch, target)


def _photograph(
    rng: random.Random,
    page: Grey,
    text: MrzText,
    centres: list[NDArray[np.float64]],
    cap: float,
    pitch: float,
    target: float,
) -> ZoneSample:
    h, w = page.shape
    scale = target / pitch
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
    if scale < 0.75:
        page = cv2.GaussianBlur(page, (0, 0), 0.42 / scale * rng.uniform(0.6, 1.15))
    border = cv2.BORDER_REPLICATE
    image = cv2.warpPerspective(page, matrix, (ow, oh), flags=cv2.INTER_LINEAR, borderMode=border)
    moved = []
    for points in centres:
        q = np.c_[points, np.ones(len(points))] @ matrix.T
        moved.append(q[:, :2] / q[:, 2:])
    return ZoneSample(degrade(rng, np.asarray(image, np.uint8), target), text, tuple(moved), cap * scale)
