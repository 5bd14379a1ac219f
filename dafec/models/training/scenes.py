"""Rendered scenes: whole documents on flatbeds, in readers, in hands, with everything around a zone that is not one.

A document is drawn flat at 7 pixels a millimetre (tint, textures, portrait, labels, bar codes, signature, zone), put into a
frame by a homography, and degraded as in ``zones``. The truth holds every zone's character centres and every document's outline.
Used to train and to test the zone detector and the line finder.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from dafec.geometry import FORMAT_SIZE_MM
from dafec.models.training.fonts import glyphs, label_faces, pick
from dafec.models.training.mrz_text import MrzText, random_text
from dafec.models.training.zones import degrade, make_zone, texture_bank

__all__ = ["Scene", "SceneZone", "make_scene"]

Grey = NDArray[np.uint8]
Points = NDArray[np.float64]
PX_PER_MM = 7.0
_WORDS = ["SURNAME", "Nom", "GIVEN", "NAMES", "Prénoms", "NATIONALITY", "Date", "of", "birth", "12", "AUG", "1974", "PLACE", "SEX", "F", "M", "AUTHORITY", "Ministry", "of", "Interior", "REPUBLIC", "PASSPORT", "P", "UTO", "12345678", "L898902C3", "IDENTITY", "CARD", "SPECIMEN", "01.02.2031", "No.", "DATE", "OF", "ISSUE", "ZENITH", "185", "cm", "HEIGHT", "EYES", "Blue", "Signature", "of", "bearer", "Type", "Code", "VISA", "VALID", "FOR", "MULT", "90", "DAYS"]


@dataclass(frozen=True, slots=True, eq=False)
class SceneZone:
    """A zone's truth in frame pixels."""

    text: MrzText
    centres: tuple[Points, ...]  # per line (n, 2)
    cap_px: float

    def corners(self) -> Points:
        """Tight quad (4, 2) in reading orientation: top left, top right, bottom right, bottom left."""
        first, last = self.centres[0], self.centres[-1]
        along = (first[-1] - first[0]) / max(1e-6, float(np.hypot(*(first[-1] - first[0]))))
        down = np.array([-along[1], along[0]]) * self.cap_px * 0.55
        left = min((c[0] for c in self.centres), key=lambda p: float(p @ along))
        pitch = float(np.hypot(*(first[-1] - first[0]))) / (len(first) - 1) / 2
        del left
        return np.array(
            [
                first[0] - along * pitch - down,
                first[-1] + along * pitch - down,
                last[-1] + along * pitch + down,
                last[0] - along * pitch + down,
            ]
        )


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A frame and its truth."""

    image: Grey
    zones: tuple[SceneZone, ...]
    documents: tuple[Points, ...]  # (4, 2) corners, the document's own top left first


@dataclass(slots=True)
class _Flat:
    image: Grey
    text: MrzText | None
    centres: list[Points]
    cap: float
    mask: Grey


def _texture(rng: random.Random, canvas: NDArray[np.float32], bank_seed: int) -> None:
    h, w = canvas.shape
    tile = rng.choice(texture_bank(bank_seed))
    repeats = -(-h // tile.shape[0])
    big = np.vstack([tile if i % 2 == 0 else tile[::-1] for i in range(repeats)])[:h]
    x = rng.randint(0, max(0, big.shape[1] - w))
    part = big[:, x : x + w]
    if part.shape[1] < w:
        part = cv2.resize(part, (w, h))
    canvas += part.astype(np.float32) * rng.uniform(0.03, 0.45)


def _portrait(rng: random.Random, canvas: NDArray[np.float32], box: tuple[int, int, int, int]) -> None:
    x, y, w, h = box
    if w < 8 or h < 8:
        return
    patch = np.full((h, w), rng.uniform(140, 245), np.float32)
    tone = rng.uniform(70, 220)
    cv2.ellipse(patch, (w // 2, int(h * 1.05)), (int(w * 0.48), int(h * 0.35)), 0, 0, 360, rng.uniform(20, 200), -1)
    cv2.ellipse(patch, (w // 2, int(h * 0.42)), (int(w * 0.33), int(h * 0.36)), 0, 0, 360, rng.uniform(10, 160), -1)
    cv2.ellipse(patch, (w // 2, int(h * 0.48)), (int(w * 0.24), int(h * 0.3)), 0, 0, 360, tone, -1)
    for dx in (-0.1, 0.1):
        cv2.ellipse(
            patch,
            (int(w * (0.5 + dx)), int(h * 0.44)),
            (max(1, int(w * 0.05)), max(1, int(h * 0.02))),
            0,
            0,
            360,
            tone * 0.3,
            -1,
        )
    cv2.ellipse(
        patch, (w // 2, int(h * 0.64)), (max(1, int(w * 0.09)), max(1, int(h * 0.02))), 0, 0, 360, tone * 0.5, -1
    )
    patch = cv2.GaussianBlur(patch, (0, 0), max(0.8, w / 60))
    view = canvas[y : y + h, x : x + w]
    view[:] = patch[: view.shape[0], : view.shape[1]]


def _barcode(rng: random.Random, canvas: NDArray[np.float32], box: tuple[int, int, int, int]) -> None:
    x, y, w, h = box
    unit = rng.randint(1, 4)
    rows = 1 if rng.random() < 0.5 else max(1, h // rng.randint(4, 10))
    seed = np.random.default_rng(rng.getrandbits(32))
    cells = (seed.random((rows, max(2, w // unit))) < 0.5).astype(np.float32)
    patch = cv2.resize(cells, (w, h), interpolation=cv2.INTER_NEAREST) * rng.uniform(150, 230)
    view = canvas[y : y + h, x : x + w]
    np.minimum(view, 250 - patch[: view.shape[0], : view.shape[1]], out=view)


def _labels(rng: random.Random, canvas: NDArray[np.float32], *, dense: bool) -> None:
    h, w = canvas.shape
    layer = Image.new("L", (w, h), 0)
    draw = ImageDraw.Draw(layer)
    columns = [rng.uniform(0.02, 0.1), rng.uniform(0.3, 0.4), rng.uniform(0.55, 0.75)]
    y = h * rng.uniform(0.02, 0.12)
    mono = rng.random() < 0.2
    while y < h * (0.97 if dense else 0.8):
        size = max(7, int(PX_PER_MM * rng.choice([1.2, 1.6, 2.0, 2.4, 2.8, 3.4, 5.5])))
        face = pick(rng) if mono and rng.random() < 0.7 else rng.choice(label_faces())
        font = ImageFont.truetype(face, size)
        for column in columns if not dense else columns[:1]:
            if rng.random() < (0.6 if not dense else 1.0):
                count = rng.randint(1, 4) if not dense else rng.randint(6, 14)
                draw.text(
                    (w * column, y),
                    " ".join(rng.choice(_WORDS) for _ in range(count)),
                    font=font,
                    fill=rng.randint(120, 255),
                )
        y += size * rng.uniform(1.1, 2.6)
    canvas -= np.asarray(layer, np.float32) / 255 * rng.uniform(60, 230)


def _scribble(rng: random.Random, canvas: NDArray[np.float32]) -> None:
    h, w = canvas.shape
    x, y = rng.uniform(0.05, 0.6) * w, rng.uniform(0.5, 0.85) * h
    points = [(x, y)]
    for _ in range(rng.randint(12, 40)):
        x, y = x + rng.uniform(-8, 18), y + rng.uniform(-16, 16)
        points.append((x, y))
    layer = np.zeros((h, w), np.uint8)
    cv2.polylines(layer, [np.array(points, np.int32)], False, 255, rng.randint(1, 3), cv2.LINE_AA)
    canvas -= layer.astype(np.float32) * rng.uniform(0.3, 0.8)


def _zone(
    rng: random.Random, canvas: NDArray[np.float32], size_mm: tuple[float, float], text: MrzText, *, held_out: bool
) -> tuple[list[Points], float]:
    h, w = canvas.shape
    n = len(text.lines[0])
    width_mm, height_mm = size_mm
    pitch_mm = 2.54 if rng.random() < 0.6 else (width_mm - rng.uniform(4, 16)) / n
    pitch_mm = min(pitch_mm, (width_mm - 2.5) / n)
    pitch = pitch_mm * PX_PER_MM
    face = pick(rng, held_out=held_out)
    cap = max(8, round(pitch * (rng.gauss(1.0, 0.03) if "ocr-b" in face else rng.uniform(0.78, 1.08))))
    masks, _, _ = glyphs(face, cap)
    spacing = pitch * (rng.gauss(5 / 3, 0.08) if rng.random() < 0.75 else rng.uniform(1.3, 2.3))
    left = max(1.2, rng.choice([6.0, 5.0, 4.0, (width_mm - n * pitch_mm) / 2, rng.uniform(2, 8)]))
    left = min(left, max(0.6, width_mm - n * pitch_mm - 0.6)) * PX_PER_MM
    bottom = rng.uniform(3.5, 9.0) if rng.random() < 0.75 else rng.choice([rng.uniform(0.8, 3.5), rng.uniform(9, 0.4 * height_mm)])
    y_last = h - bottom * PX_PER_MM - cap / 2
    y_first = y_last - spacing * (len(text.lines) - 1)
    if rng.random() < 0.5:
        top = int(max(0, y_first - pitch * rng.uniform(1, 2.5)))
        canvas[top:] += rng.uniform(0.3, 1) * (rng.uniform(200, 252) - canvas[top:])
    if rng.random() < 0.25:
        _caption(rng, canvas, left, left + n * pitch, y_first, y_last, cap)
    layer = np.zeros((h, w), np.uint8)
    half = masks["0"].shape[0] // 2
    centres = []
    for row, line in enumerate(text.lines):
        y = y_first + row * spacing
        points = []
        for i, char in enumerate(line):
            x = left + (i + 0.5) * pitch
            x0, y0 = round(x) - half, round(y) - half
            sx, sy = max(0, -x0), max(0, -y0)
            ex, ey = min(2 * half, w - x0), min(2 * half, h - y0)
            if ex > sx and ey > sy:
                view = layer[y0 + sy : y0 + ey, x0 + sx : x0 + ex]
                np.maximum(view, masks[char][sy:ey, sx:ex], out=view)
            points.append((x, y))
        centres.append(np.array(points))
    if rng.random() < 0.2:
        layer = cv2.dilate(layer, np.ones((2, 2), np.uint8))
    contrast = rng.uniform(0.6, 1.0) if rng.random() < 0.8 else rng.uniform(0.3, 0.6)
    canvas += (rng.uniform(0, 60) - canvas) * (layer.astype(np.float32) * (contrast / 255))
    return centres, float(cap)


def _stamp(rng: random.Random, canvas: NDArray[np.float32]) -> None:
    h, w = canvas.shape
    layer = np.zeros((h, w), np.uint8)
    centre = (rng.randint(0, w), rng.randint(0, h))
    cv2.ellipse(
        layer,
        centre,
        (rng.randint(40, 160), rng.randint(40, 160)),
        rng.uniform(0, 90),
        0,
        360,
        255,
        rng.randint(2, 6),
        cv2.LINE_AA,
    )
    cv2.putText(
        layer,
        rng.choice(["SPECIMEN", "VOID", "SAMPLE"]),
        (centre[0] - 120, centre[1]),
        cv2.FONT_HERSHEY_DUPLEX,
        rng.uniform(1, 4),
        255,
        rng.randint(2, 7),
        cv2.LINE_AA,
    )
    layer = cv2.warpAffine(layer, cv2.getRotationMatrix2D((w / 2, h / 2), rng.uniform(-45, 45), 1), (w, h))
    canvas -= layer.astype(np.float32) * rng.uniform(0.1, 0.5)


def _flat(rng: random.Random, *, bank_seed: int, held_out: bool) -> _Flat:
    text = random_text(rng)
    n = len(text.lines[0])
    form = text.format if text.format != "OTHER" else {44: "TD3", 36: "TD2", 30: "TD1"}[n]
    size = FORMAT_SIZE_MM[form]  # type: ignore[index]
    width_mm, height_mm = size[0] * rng.uniform(0.97, 1.03), size[1] * rng.uniform(0.95, 1.05)
    if rng.random() < 0.04:
        height_mm *= rng.uniform(0.35, 0.8)  # only the lower part of a page
    w, h = int(width_mm * PX_PER_MM), int(height_mm * PX_PER_MM)
    canvas = np.full((h, w), rng.uniform(150, 252), np.float32)
    canvas += np.linspace(rng.uniform(-40, 40), rng.uniform(-40, 40), w, dtype=np.float32)[None, :]
    for _ in range(rng.randint(0, 2)):
        _texture(rng, canvas, bank_seed)
    back = form == "TD1" and rng.random() < 0.7
    if not back or rng.random() < 0.2:
        side = rng.choice([0.04, 0.04, 0.7])
        _portrait(
            rng,
            canvas,
            (
                int(w * side),
                int(h * rng.uniform(0.12, 0.25)),
                int(w * rng.uniform(0.2, 0.27)),
                int(h * rng.uniform(0.4, 0.52)),
            ),
        )
    if rng.random() < 0.85:
        _labels(rng, canvas, dense=False)
    for _ in range(rng.choice([0, 0, 1, 2] if back else [0, 0, 0, 1])):
        _barcode(
            rng,
            canvas,
            (rng.randint(0, w // 2), rng.randint(0, h // 3), rng.randint(w // 8, w // 2), rng.randint(h // 14, h // 4)),
        )
    if rng.random() < 0.25:
        row = rng.randint(0, h // 2)
        canvas[row : row + rng.randint(6, h // 6)] = rng.uniform(0, 120)
    if rng.random() < 0.4:
        _scribble(rng, canvas)
    centres: list[Points] = []
    cap = 0.0
    has_zone = rng.random() < 0.92
    if has_zone:
        centres, cap = _zone(rng, canvas, (width_mm, height_mm), text, held_out=held_out)
    if rng.random() < 0.2:
        _stamp(rng, canvas)
    if rng.random() < 0.3:
        cv2.rectangle(canvas, (0, 0), (w - 1, h - 1), rng.uniform(0, 160), rng.randint(1, 4))
    mask = np.full((h, w), 255, np.uint8)
    if (form == "TD1" and rng.random() < 0.8) or rng.random() < 0.3:
        radius = int(rng.uniform(2.5, 4) * PX_PER_MM)
        mask[:] = 0
        cv2.rectangle(mask, (radius, 0), (w - radius, h), 255, -1)
        cv2.rectangle(mask, (0, radius), (w, h - radius), 255, -1)
        for cx in (radius, w - 1 - radius):
            for cy in (radius, h - 1 - radius):
                cv2.circle(mask, (cx, cy), radius, 255, -1)
    return _Flat(np.clip(canvas, 0, 255).astype(np.uint8), text if has_zone else None, centres, cap, mask)


def _backdrop(rng: random.Random, h: int, w: int, bank_seed: int) -> NDArray[np.float32]:
    canvas = np.full(
        (h, w), rng.choice([255.0, 250.0, rng.uniform(0, 255), rng.uniform(0, 40), rng.uniform(180, 255)]), np.float32
    )
    draw = rng.random()
    if draw < 0.35:
        _texture(rng, canvas, bank_seed)
        if rng.random() < 0.5:
            canvas = cv2.GaussianBlur(canvas, (0, 0), rng.uniform(1, 5))
    elif draw < 0.5:
        seed = np.random.default_rng(rng.getrandbits(32))
        small = seed.random((rng.randint(3, 90), rng.randint(3, 30))).astype(np.float32) - 0.5
        canvas += cv2.resize(small, (w, h), interpolation=cv2.INTER_CUBIC) * rng.uniform(10, 120)
    if rng.random() < 0.25:
        _labels(rng, canvas, dense=rng.random() < 0.5)
    if rng.random() < 0.15:
        for _ in range(rng.randint(1, 5)):
            a, b = (rng.randint(0, w), rng.randint(0, h)), (rng.randint(0, w), rng.randint(0, h))
            cv2.rectangle(canvas, a, b, rng.uniform(0, 255), rng.choice([1, 2, -1]))
    return canvas


def _placements(rng: random.Random, flats: list[_Flat], shape: tuple[int, int], style: str) -> list[Points]:
    h, w = shape
    quads = []
    for i, flat in enumerate(flats):
        fh, fw = flat.image.shape
        turn = (
            rng.choices([0, 90, 180, 270], [6, 1, 1, 1])[0]
            if style != "reader"
            else rng.choices([0, 180, 90, 270], [20, 1, 1, 1])[0]
        )
        tilt = {
            "reader": rng.gauss(0, 0.5),
            "flatbed": rng.gauss(0, 3),
            "figure": rng.gauss(0, 0.6),
            "photo": rng.gauss(0, 9),
        }[style]
        if rng.random() < {"photo": 0.35, "flatbed": 0.15, "figure": 0.1}.get(style, 0.0):
            tilt = rng.uniform(-180, 180)
        angle = np.radians(turn + tilt)
        c, s = abs(np.cos(angle)), abs(np.sin(angle))
        box_w, box_h = fw * c + fh * s, fw * s + fh * c
        cell_w = w / len(flats) if w >= h else w
        cell_h = h / len(flats) if w < h else h
        fit = min(cell_w / box_w, cell_h / box_h)
        share = {
            "reader": rng.uniform(0.9, 1.06),
            "flatbed": rng.uniform(0.35, 0.9),
            "figure": rng.uniform(0.5, 0.92),
            "photo": rng.uniform(0.55, 1.0),
        }[style]
        scale = fit * share
        ox, oy = (i * cell_w if w >= h else 0), (i * cell_h if w < h else 0)
        slack_x, slack_y = max(0.0, cell_w - box_w * scale) / 2, max(0.0, cell_h - box_h * scale) / 2
        cx, cy = ox + cell_w / 2 + rng.uniform(-1, 1) * slack_x, oy + cell_h / 2 + rng.uniform(-1, 1) * slack_y
        corners = np.array([[-fw, -fh], [fw, -fh], [fw, fh], [-fw, fh]], np.float64) / 2 * scale
        rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        quad = corners @ rotation.T
        if style == "photo":
            depth = 1 + (quad @ np.array([rng.gauss(0, 0.18), rng.gauss(0, 0.2)])) / max(w, h)
            quad = quad / np.clip(depth, 0.5, 2)[:, None]
        quads.append(quad + np.array([cx, cy]))
    return quads


def _caption(
    rng: random.Random, canvas: NDArray[np.float32], left: float, right: float, y_first: float, y_last: float, cap: float
) -> None:
    """A line of small print close above or below a zone, as visas and cards carry it."""
    h, w = canvas.shape
    size = max(7, int(cap * rng.uniform(0.5, 1.3)))
    font = ImageFont.truetype(rng.choice(label_faces()), size)
    words = " ".join(rng.choice(_WORDS) for _ in range(rng.randint(3, 16)))
    layer = Image.new("L", (w, h), 0)
    gap = cap * rng.uniform(0.15, 1.5)
    y = y_first - cap / 2 - gap - size if rng.random() < 0.75 else y_last + cap / 2 + gap
    draw = ImageDraw.Draw(layer)
    draw.text((rng.uniform(0, left + (right - left) / 3), y), words.upper() if rng.random() < 0.6 else words, font=font, fill=255)
    canvas -= np.asarray(layer, np.float32) / 255 * rng.uniform(60, 220)


def _strip_scene(rng: random.Random, bank_seed: int, *, held_out: bool, longest_px: int | None) -> Scene:
    """A frame that shows little more than a zone: somebody cut it out."""
    longest = longest_px or rng.randint(240, 1100)
    sample = make_zone(rng, bank_seed=bank_seed, held_out=held_out, pitch_px=max(4.9, longest / rng.uniform(34, 50)))
    points = np.vstack(sample.centres)
    pitch = float(np.hypot(*(sample.centres[0][-1] - sample.centres[0][0]))) / (len(sample.centres[0]) - 1)
    low, high = points.min(0), points.max(0)
    h, w = sample.image.shape
    x0, y0 = (int(max(0, low[i] - pitch * rng.uniform(0.7, 3))) for i in (0, 1))
    x1, y1 = (int(min((w, h)[i], high[i] + pitch * rng.uniform(0.7, 3))) for i in (0, 1))
    image, offset = sample.image[y0:y1, x0:x1], np.array([x0, y0])
    centres = tuple(c - offset for c in sample.centres)
    if rng.random() < 0.15:  # pasted on a page
        pad = [int(pitch * rng.uniform(0, 8)) for _ in range(4)]
        shade = rng.choice([0, 255, rng.randint(0, 255)])
        image = cv2.copyMakeBorder(image, *pad, cv2.BORDER_CONSTANT, value=shade)
        centres = tuple(c + np.array([pad[2], pad[0]]) for c in centres)
    turn = rng.choices([0, 1, 2, 3], [12, 1, 1, 1])[0]
    for _ in range(turn):
        height = image.shape[0]
        image = cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE)
        centres = tuple(np.stack([height - 1 - c[:, 1], c[:, 0]], axis=1) for c in centres)
    h, w = image.shape
    outline = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float64)
    zone = SceneZone(sample.text, centres, sample.cap_px)
    return Scene(np.ascontiguousarray(image), (zone,), (np.roll(outline, -turn, axis=0),))


def make_scene(
    rng: random.Random, *, bank_seed: int = 7, held_out: bool = False, longest_px: int | None = None
) -> Scene:
    """One frame with one or two documents.

    Args:
        rng: every choice is drawn from it.
        bank_seed: seed of the textures.
        held_out: faces that are never trained on.
        longest_px: longest side of the frame; drawn (240 to 1,100) where None.
    """
    style = rng.choices(["reader", "flatbed", "figure", "photo", "strip"], [5, 3, 2, 5, 4])[0]
    if style == "strip":
        return _strip_scene(rng, bank_seed, held_out=held_out, longest_px=longest_px)
    flats = [_flat(rng, bank_seed=bank_seed, held_out=held_out)]
    if style in ("flatbed", "figure") and rng.random() < 0.3:
        flats.append(_flat(rng, bank_seed=bank_seed, held_out=held_out))
    if rng.random() < 0.1 and style != "reader":  # open booklet: another page above
        page = flats[0]
        other = _flat(rng, bank_seed=bank_seed, held_out=held_out)
        top = cv2.resize(other.image, (page.image.shape[1], page.image.shape[0]))
        if other.text is None:
            height = page.image.shape[0]
            flats[0] = _Flat(
                np.vstack([top, page.image]),
                page.text,
                [c + np.array([0, height]) for c in page.centres],
                page.cap,
                np.full((2 * height, page.image.shape[1]), 255, np.uint8),
            )
    aspect = flats[0].image.shape[1] / flats[0].image.shape[0]
    longest = longest_px or (rng.randint(240, 460) if rng.random() < 0.3 else rng.randint(460, 1100))
    if style == "reader":
        w, h = (longest, int(longest / aspect)) if rng.random() < 0.9 else (int(longest / aspect), longest)
    elif style == "flatbed":
        w, h = (longest, int(longest * rng.uniform(0.65, 0.8)))
        if rng.random() < 0.6:
            w, h = h, w
    else:
        w, h = longest, int(longest * rng.uniform(0.5, 1.0))
        if rng.random() < 0.35:
            w, h = h, w
    h, w = max(64, h), max(64, w)
    canvas = _backdrop(rng, h, w, bank_seed)
    zones, documents, pitches = [], [], []
    for flat, quad in zip(flats, _placements(rng, flats, (h, w), style), strict=True):
        fh, fw = flat.image.shape
        matrix = cv2.getPerspectiveTransform(
            np.array([[0, 0], [fw, 0], [fw, fh], [0, fh]], np.float32), quad.astype(np.float32)
        )
        scale = float(np.hypot(*(quad[1] - quad[0]))) / fw
        soft = cv2.GaussianBlur(flat.image, (0, 0), 0.42 / scale) if scale < 0.8 else flat.image
        image = cv2.warpPerspective(soft, matrix, (w, h), flags=cv2.INTER_LINEAR)
        mask = cv2.warpPerspective(flat.mask, matrix, (w, h), flags=cv2.INTER_LINEAR).astype(np.float32) / 255
        if rng.random() < 0.3 and style != "reader":  # a shadow round the document
            shadow = cv2.GaussianBlur(mask, (0, 0), rng.uniform(2, 10))
            canvas *= 1 - 0.5 * rng.random() * shadow
        canvas += (image.astype(np.float32) - canvas) * mask
        documents.append(quad)
        if flat.text is not None:
            moved = [cv2.perspectiveTransform(c[None], matrix)[0] for c in flat.centres]
            zone = SceneZone(flat.text, tuple(moved), flat.cap * scale)
            zones.append(zone)
            pitches.append(flat.cap * scale)
    if rng.random() < 0.25:
        yy, xx = np.mgrid[0:h:8, 0:w:8].astype(np.float32)
        cx, cy, s = rng.uniform(0, w), rng.uniform(0, h), rng.uniform(0.05, 0.5) * max(w, h)
        canvas += cv2.resize(np.exp(-((xx - cx) ** 2 + (yy - cy) ** 2) / (2 * s * s)), (w, h)) * rng.uniform(-110, 150)
    if rng.random() < 0.2:  # too little light, and more of it on one side
        ramp = np.linspace(rng.uniform(0.15, 1.0), rng.uniform(0.15, 1.0), w, dtype=np.float32)[None, :]
        canvas *= ramp if rng.random() < 0.5 else ramp[:, ::-1] * rng.uniform(0.5, 1.0)
    image = degrade(rng, np.clip(canvas, 0, 255).astype(np.uint8), min(pitches, default=12.0))
    if rng.random() < 0.03:
        image = 255 - image
    inside = [z for z in zones if _visible(z, (h, w))]
    return Scene(image, tuple(inside), tuple(documents))


def _visible(zone: SceneZone, shape: tuple[int, int]) -> bool:
    points = np.vstack(zone.centres)
    return bool(((points >= 0) & (points < np.array([shape[1], shape[0]]))).all(axis=1).mean() > 0.6)
