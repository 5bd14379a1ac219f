"""Invented documents, flat: tint, textures, portrait, labels, bar codes, signature, stamp, and mostly a zone.

Drawn in grey at 7 pixels a millimetre, in the sizes of Doc 9303. ``scenes`` lays them into frames.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from dafec.geometry import FORMAT_SIZE_MM, DocumentFormat, FloatArray
from dafec.models.training.fonts import glyphs, label_faces, pick, press
from dafec.models.training.mrz_text import MrzText, random_text
from dafec.models.training.textures import texture_bank
from dafec.models.training.words import LABELS

__all__ = ["PX_PER_MM", "FlatDocument", "add_labels", "add_texture", "draw_document"]

Grey = NDArray[np.uint8]
Canvas = NDArray[np.float32]
PX_PER_MM = 7.0
_SIZE_OF_WIDTH: dict[int, DocumentFormat] = {44: "TD3", 36: "TD2", 30: "TD1"}


@dataclass(frozen=True, slots=True, eq=False)
class FlatDocument:
    """A document as it lies, before anything sees it."""

    image: Grey  # (h, w)
    text: MrzText | None  # None: it has no zone
    centres: tuple[FloatArray, ...]  # per line (n, 2), pixels of ``image``
    cap_px: float
    mask: Grey  # (h, w), 255 where there is document: corners may be round


def add_texture(rng: random.Random, canvas: Canvas, bank_seed: int) -> None:
    """Lays a texture over a canvas (h, w), at a strength of its own; repeated downwards where it is too low."""
    h, w = canvas.shape
    tile = rng.choice(texture_bank(bank_seed))
    repeats = -(-h // tile.shape[0])
    big = np.vstack([tile if i % 2 == 0 else tile[::-1] for i in range(repeats)])[:h]
    x = rng.randint(0, max(0, big.shape[1] - w))
    part: NDArray[np.int8] = big[:, x : x + w]
    if part.shape[1] < w:
        part = np.asarray(cv2.resize(part, (w, h)), np.int8)
    canvas += part.astype(np.float32) * rng.uniform(0.03, 0.45)


def add_labels(rng: random.Random, canvas: Canvas, *, dense: bool) -> None:
    """Prints labels and data in columns over a canvas (h, w), or one dense column as of running text."""
    h, w = canvas.shape
    layer = Image.new("L", (w, h), 0)
    draw = ImageDraw.Draw(layer)
    columns = [rng.uniform(0.02, 0.1), rng.uniform(0.3, 0.4), rng.uniform(0.55, 0.75)]
    y = h * rng.uniform(0.02, 0.12)
    mono = rng.random() < 0.2
    end, filled, counts = (h * 0.97, 1.0, (6, 14)) if dense else (h * 0.8, 0.6, (1, 4))
    while y < end:
        size = max(7, int(PX_PER_MM * rng.choice([1.2, 1.6, 2.0, 2.4, 2.8, 3.4, 5.5])))
        face = pick(rng) if mono and rng.random() < 0.7 else rng.choice(label_faces())
        font = ImageFont.truetype(face, size)
        for column in columns[:1] if dense else columns:
            if rng.random() < filled:
                count = rng.randint(*counts)
                words = " ".join(rng.choice(LABELS) for _ in range(count))
                draw.text((w * column, y), words, font=font, fill=rng.randint(120, 255))
        y += size * rng.uniform(1.1, 2.6)
    canvas -= np.asarray(layer, np.float32) / 255 * rng.uniform(60, 230)


def _portrait(rng: random.Random, canvas: Canvas, box: tuple[int, int, int, int]) -> None:
    x, y, w, h = box
    if w < 8 or h < 8:
        return
    patch: Canvas = np.full((h, w), rng.uniform(140, 245), np.float32)
    tone = rng.uniform(70, 220)

    def oval(at: tuple[int, int], axes: tuple[int, int], shade: float) -> None:
        cv2.ellipse(patch, at, axes, 0, 0, 360, shade, -1)

    oval((w // 2, int(h * 1.05)), (int(w * 0.48), int(h * 0.35)), rng.uniform(20, 200))
    oval((w // 2, int(h * 0.42)), (int(w * 0.33), int(h * 0.36)), rng.uniform(10, 160))
    oval((w // 2, int(h * 0.48)), (int(w * 0.24), int(h * 0.3)), tone)
    for dx in (-0.1, 0.1):
        eye = (max(1, int(w * 0.05)), max(1, int(h * 0.02)))
        oval((int(w * (0.5 + dx)), int(h * 0.44)), eye, tone * 0.3)
    oval((w // 2, int(h * 0.64)), (max(1, int(w * 0.09)), max(1, int(h * 0.02))), tone * 0.5)
    patch = np.asarray(cv2.GaussianBlur(patch, (0, 0), max(0.8, w / 60)), np.float32)
    view = canvas[y : y + h, x : x + w]
    view[:] = patch[: view.shape[0], : view.shape[1]]


def _barcode(rng: random.Random, canvas: Canvas, box: tuple[int, int, int, int]) -> None:
    x, y, w, h = box
    unit = rng.randint(1, 4)
    rows = 1 if rng.random() < 0.5 else max(1, h // rng.randint(4, 10))
    seed = np.random.default_rng(rng.getrandbits(32))
    cells = (seed.random((rows, max(2, w // unit))) < 0.5).astype(np.float32)
    patch = cv2.resize(cells, (w, h), interpolation=cv2.INTER_NEAREST) * rng.uniform(150, 230)
    view = canvas[y : y + h, x : x + w]
    np.minimum(view, 250 - patch[: view.shape[0], : view.shape[1]], out=view)


def _signature(rng: random.Random, canvas: Canvas) -> None:
    h, w = canvas.shape
    x, y = rng.uniform(0.05, 0.6) * w, rng.uniform(0.5, 0.85) * h
    points = [(x, y)]
    for _ in range(rng.randint(12, 40)):
        x, y = x + rng.uniform(-8, 18), y + rng.uniform(-16, 16)
        points.append((x, y))
    layer = np.zeros((h, w), np.uint8)
    path = [np.array(points, np.int32)]
    cv2.polylines(layer, path, isClosed=False, color=255, thickness=rng.randint(1, 3), lineType=cv2.LINE_AA)
    canvas -= layer.astype(np.float32) * rng.uniform(0.3, 0.8)


def _stamp(rng: random.Random, canvas: Canvas) -> None:
    h, w = canvas.shape
    layer: Grey = np.zeros((h, w), np.uint8)
    centre = (rng.randint(0, w), rng.randint(0, h))
    axes, turn = (rng.randint(40, 160), rng.randint(40, 160)), rng.uniform(0, 90)
    cv2.ellipse(layer, centre, axes, turn, 0, 360, 255, rng.randint(2, 6), cv2.LINE_AA)
    word, size = rng.choice(["SPECIMEN", "VOID", "SAMPLE"]), rng.uniform(1, 4)
    start, thick = (centre[0] - 120, centre[1]), rng.randint(2, 7)
    cv2.putText(layer, word, start, cv2.FONT_HERSHEY_DUPLEX, size, 255, thick, cv2.LINE_AA)
    matrix = cv2.getRotationMatrix2D((w / 2, h / 2), rng.uniform(-45, 45), 1)
    layer = np.asarray(cv2.warpAffine(layer, matrix, (w, h)), np.uint8)
    canvas -= layer.astype(np.float32) * rng.uniform(0.1, 0.5)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where and in what face a zone is printed; pixels."""

    face: str
    cap: int
    pitch: float
    left: float  # left edge of the first character's cell
    right: float  # right edge of the last character's cell
    rows: tuple[float, ...]  # middle of each line's capitals


def _place(rng: random.Random, h: int, size_mm: tuple[float, float], text: MrzText, *, held_out: bool) -> _Place:
    n = len(text.lines[0])
    width_mm, height_mm = size_mm
    pitch_mm = 2.54 if rng.random() < 0.6 else (width_mm - rng.uniform(4, 16)) / n
    pitch_mm = min(pitch_mm, (width_mm - 2.5) / n)
    pitch = pitch_mm * PX_PER_MM
    face = pick(rng, held_out=held_out)
    cap = max(8, round(pitch * (rng.gauss(1.0, 0.03) if "ocr-b" in face else rng.uniform(0.78, 1.08))))
    spacing = pitch * (rng.gauss(5 / 3, 0.08) if rng.random() < 0.75 else rng.uniform(1.3, 2.3))
    left = max(1.2, rng.choice([6.0, 5.0, 4.0, (width_mm - n * pitch_mm) / 2, rng.uniform(2, 8)]))
    left = min(left, max(0.6, width_mm - n * pitch_mm - 0.6)) * PX_PER_MM
    if rng.random() < 0.75:
        bottom = rng.uniform(3.5, 9.0)
    else:
        bottom = rng.choice([rng.uniform(0.8, 3.5), rng.uniform(9, 0.4 * height_mm)])
    first = h - bottom * PX_PER_MM - cap / 2 - spacing * (len(text.lines) - 1)
    rows = tuple(first + i * spacing for i in range(len(text.lines)))
    return _Place(face, cap, pitch, left, left + n * pitch, rows)


def _caption(rng: random.Random, canvas: Canvas, place: _Place, last_row: float) -> None:
    """A line of small print close above or below a zone, as visas and cards carry it."""
    h, w = canvas.shape
    size = max(7, int(place.cap * rng.uniform(0.5, 1.3)))
    font = ImageFont.truetype(rng.choice(label_faces()), size)
    words = " ".join(rng.choice(LABELS) for _ in range(rng.randint(3, 16)))
    layer = Image.new("L", (w, h), 0)
    gap = place.cap * rng.uniform(0.15, 1.5)
    above = rng.random() < 0.75
    y = place.rows[0] - place.cap / 2 - gap - size if above else last_row + place.cap / 2 + gap
    x = rng.uniform(0, place.left + (place.right - place.left) / 3)
    printed = words.upper() if rng.random() < 0.6 else words
    ImageDraw.Draw(layer).text((x, y), printed, font=font, fill=255)
    canvas -= np.asarray(layer, np.float32) / 255 * rng.uniform(60, 220)


def _print_zone(
    rng: random.Random,
    canvas: Canvas,
    size_mm: tuple[float, float],
    text: MrzText,
    *,
    held_out: bool,
    ground: Canvas | None,
) -> tuple[tuple[FloatArray, ...], float]:
    """Prints a zone; gives each line's character centres (n, 2) and the cap height, pixels.

    ``ground`` is the canvas before labels and pictures: where given, nothing else is printed where the zone stands.
    """
    h, w = canvas.shape
    place = _place(rng, h, size_mm, text, held_out=held_out)
    if ground is not None:
        top = int(max(0, place.rows[0] - 1.3 * place.pitch))
        canvas[top:] = ground[top:]
    if rng.random() < 0.5:  # a lighter band behind the zone
        top = int(max(0, place.rows[0] - place.pitch * rng.uniform(1, 2.5)))
        canvas[top:] += rng.uniform(0.3, 1) * (rng.uniform(200, 252) - canvas[top:])
    if rng.random() < 0.25:
        _caption(rng, canvas, place, place.rows[-1])
    masks, _ = glyphs(place.face, place.cap)
    layer: Grey = np.zeros((h, w), np.uint8)
    centres = []
    for y, line in zip(place.rows, text.lines, strict=True):
        points = [(place.left + (i + 0.5) * place.pitch, y) for i in range(len(line))]
        for char, (x, _y) in zip(line, points, strict=True):
            press(layer, masks[char], x, y)
        centres.append(np.array(points))
    if rng.random() < 0.2:
        layer = np.asarray(cv2.dilate(layer, np.ones((2, 2), np.uint8)), np.uint8)
    contrast = rng.uniform(0.6, 1.0) if rng.random() < 0.8 or ground is not None else rng.uniform(0.3, 0.6)
    canvas += (rng.uniform(0, 60) - canvas) * (layer.astype(np.float32) * (contrast / 255))
    return tuple(centres), float(place.cap)


def _decorate(rng: random.Random, canvas: Canvas, bank_seed: int, *, card: bool) -> Canvas:
    """Everything on a document that is not its zone; gives the canvas as it was before labels and pictures."""
    h, w = canvas.shape
    canvas += np.linspace(rng.uniform(-40, 40), rng.uniform(-40, 40), w, dtype=np.float32)[None, :]
    for _ in range(rng.randint(0, 2)):
        add_texture(rng, canvas, bank_seed)
    ground = canvas.copy()
    back = card and rng.random() < 0.7  # a card's zone is on its back, where there is no portrait
    if not back or rng.random() < 0.2:
        x, y = int(w * rng.choice([0.04, 0.04, 0.7])), int(h * rng.uniform(0.12, 0.25))
        _portrait(rng, canvas, (x, y, int(w * rng.uniform(0.2, 0.27)), int(h * rng.uniform(0.4, 0.52))))
    if rng.random() < 0.85:
        add_labels(rng, canvas, dense=False)
    for _ in range(rng.choice([0, 0, 1, 2] if back else [0, 0, 0, 1])):
        x, y = rng.randint(0, w // 2), rng.randint(0, h // 3)
        _barcode(rng, canvas, (x, y, rng.randint(w // 8, w // 2), rng.randint(h // 14, h // 4)))
    if rng.random() < 0.25:  # a dark bar, as a magnetic stripe
        row = rng.randint(0, h // 2)
        canvas[row : row + rng.randint(6, h // 6)] = rng.uniform(0, 120)
    if rng.random() < 0.4:
        _signature(rng, canvas)
    return ground


def _round_corners(rng: random.Random, mask: Grey) -> None:
    h, w = mask.shape
    radius = int(rng.uniform(2.5, 4) * PX_PER_MM)
    mask[:] = 0
    cv2.rectangle(mask, (radius, 0), (w - radius, h), 255, -1)
    cv2.rectangle(mask, (0, radius), (w, h - radius), 255, -1)
    for cx in (radius, w - 1 - radius):
        for cy in (radius, h - 1 - radius):
            cv2.circle(mask, (cx, cy), radius, 255, -1)


def draw_document(rng: random.Random, *, bank_seed: int, held_out: bool, in_order: bool = False) -> FlatDocument:
    """One invented document.

    Args:
        rng: every choice is drawn from it.
        bank_seed: seed of the textures.
        held_out: the test set's faces in the zone.
        in_order: a zone of a format, only security print behind it; one in twenty is stamped instead of one in five.

    Returns:
        The document, 7 pixels a millimetre; 8 % have no zone, 4 % are only the lower part of a page.
    """
    text = random_text(rng)
    while in_order and text.format == "OTHER":  # lines of random characters are no document
        text = random_text(rng)
    form = _SIZE_OF_WIDTH[len(text.lines[0])] if text.format == "OTHER" else text.format
    size = FORMAT_SIZE_MM[form]  # type: ignore[index]  # random_text gives no format but these
    width_mm, height_mm = size[0] * rng.uniform(0.97, 1.03), size[1] * rng.uniform(0.95, 1.05)
    if rng.random() < 0.04:
        height_mm *= rng.uniform(0.35, 0.8)
    w, h = int(width_mm * PX_PER_MM), int(height_mm * PX_PER_MM)
    canvas = np.full((h, w), rng.uniform(150, 252), np.float32)
    ground = _decorate(rng, canvas, bank_seed, card=form == "TD1")
    centres: tuple[FloatArray, ...] = ()
    cap = 0.0
    has_zone = rng.random() < 0.92
    if has_zone:
        clear = ground if in_order else None
        centres, cap = _print_zone(rng, canvas, (width_mm, height_mm), text, held_out=held_out, ground=clear)
    if rng.random() < (0.05 if in_order else 0.2):
        _stamp(rng, canvas)
    if rng.random() < 0.3:
        cv2.rectangle(canvas, (0, 0), (w - 1, h - 1), rng.uniform(0, 160), rng.randint(1, 4))
    mask = np.full((h, w), 255, np.uint8)
    if (form == "TD1" and rng.random() < 0.8) or rng.random() < 0.3:
        _round_corners(rng, mask)
    image = np.clip(canvas, 0, 255).astype(np.uint8)
    return FlatDocument(image, text if has_zone else None, centres, cap, mask)
