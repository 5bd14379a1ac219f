"""Rendered scenes: whole documents on flatbeds, in readers, in hands, with everything around a zone that is not one.

A document of ``documents`` is put into a frame by a homography and degraded by ``optics``; some frames show a zone of
``zones`` and little else. The truth holds the centre of every character of a zone and the outline of every document.
Used to train and to test the zone detector and the line finder.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.geometry import FloatArray
from dafec.models.training.documents import FlatDocument, add_labels, add_texture, draw_document
from dafec.models.training.mrz_text import MrzText
from dafec.models.training.optics import degrade, degrade_gently
from dafec.models.training.zones import make_zone

__all__ = ["Scene", "SceneZone", "make_scene"]

Grey = NDArray[np.uint8]
Canvas = NDArray[np.float32]
_Style = Literal["reader", "flatbed", "figure", "photo", "strip"]
_STYLES: tuple[_Style, ...] = ("reader", "flatbed", "figure", "photo", "strip")
_STYLE_WEIGHTS = (5, 3, 2, 5, 4)


@dataclass(frozen=True, slots=True, eq=False)
class SceneZone:
    """A zone's truth in frame pixels."""

    text: MrzText
    centres: tuple[FloatArray, ...]  # per line (n, 2)
    cap_px: float

    def corners(self) -> FloatArray:
        """Tight quad (4, 2) in reading orientation: top left, top right, bottom right, bottom left."""
        first, last = self.centres[0], self.centres[-1]
        length = float(np.hypot(*(first[-1] - first[0])))
        along = (first[-1] - first[0]) / max(1e-6, length)
        down = np.array([-along[1], along[0]]) * self.cap_px * 0.55
        pitch = length / (len(first) - 1) / 2
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

    image: Grey  # (h, w)
    zones: tuple[SceneZone, ...]  # those of which more than 0.6 of the characters lie in the frame
    documents: tuple[FloatArray, ...]  # (4, 2) corners, the document's own top left first; may leave the frame


def _backdrop(rng: random.Random, h: int, w: int, bank_seed: int) -> Canvas:
    """What lies under and around the documents, (h, w)."""
    shades = [255.0, 250.0, rng.uniform(0, 255), rng.uniform(0, 40), rng.uniform(180, 255)]
    canvas: Canvas = np.full((h, w), rng.choice(shades), np.float32)
    draw = rng.random()
    if draw < 0.35:
        add_texture(rng, canvas, bank_seed)
        if rng.random() < 0.5:
            canvas = np.asarray(cv2.GaussianBlur(canvas, (0, 0), rng.uniform(1, 5)), np.float32)
    elif draw < 0.5:
        seed = np.random.default_rng(rng.getrandbits(32))
        small = seed.random((rng.randint(3, 90), rng.randint(3, 30))).astype(np.float32) - 0.5
        canvas += cv2.resize(small, (w, h), interpolation=cv2.INTER_CUBIC) * rng.uniform(10, 120)
    if rng.random() < 0.25:
        add_labels(rng, canvas, dense=rng.random() < 0.5)
    if rng.random() < 0.15:
        for _ in range(rng.randint(1, 5)):
            a, b = (rng.randint(0, w), rng.randint(0, h)), (rng.randint(0, w), rng.randint(0, h))
            cv2.rectangle(canvas, a, b, rng.uniform(0, 255), rng.choice([1, 2, -1]))
    return canvas


def _turn_rad(rng: random.Random, style: _Style) -> float:
    """How a document lies: a quarter turn and what hands and glass add to it."""
    if style == "reader":
        turn = rng.choices([0, 180, 90, 270], [20, 1, 1, 1])[0]
    else:
        turn = rng.choices([0, 90, 180, 270], [6, 1, 1, 1])[0]
    # All four are drawn, whatever the style, so that a seed gives the same frames as it always did.
    tilts = {
        "reader": rng.gauss(0, 0.5),
        "flatbed": rng.gauss(0, 3),
        "figure": rng.gauss(0, 0.6),
        "photo": rng.gauss(0, 9),
    }
    tilt = tilts[style]
    if rng.random() < {"photo": 0.35, "flatbed": 0.15, "figure": 0.1}.get(style, 0.0):
        tilt = rng.uniform(-180, 180)
    return float(np.radians(turn + tilt))


def _place(
    rng: random.Random, size: tuple[int, int], cell: tuple[float, float, float, float], frame_px: int, style: _Style
) -> FloatArray:
    """Corners (4, 2) of a document in a frame.

    Args:
        rng: every choice is drawn from it.
        size: height and width of the flat document, pixels.
        cell: x, y, width, height of the part of the frame it gets.
        frame_px: longest side of the frame.
        style: what sees it.
    """
    fh, fw = size
    x, y, cell_w, cell_h = cell
    angle = _turn_rad(rng, style)
    c, s = abs(np.cos(angle)), abs(np.sin(angle))
    box_w, box_h = fw * c + fh * s, fw * s + fh * c
    shares = {
        "reader": rng.uniform(0.9, 1.06),
        "flatbed": rng.uniform(0.35, 0.9),
        "figure": rng.uniform(0.5, 0.92),
        "photo": rng.uniform(0.55, 1.0),
    }
    scale = min(cell_w / box_w, cell_h / box_h) * shares[style]
    slack_x, slack_y = max(0.0, cell_w - box_w * scale) / 2, max(0.0, cell_h - box_h * scale) / 2
    cx, cy = x + cell_w / 2 + rng.uniform(-1, 1) * slack_x, y + cell_h / 2 + rng.uniform(-1, 1) * slack_y
    corners = np.array([[-fw, -fh], [fw, -fh], [fw, fh], [-fw, fh]], np.float64) / 2 * scale
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    quad = corners @ rotation.T
    if style == "photo":
        depth = 1 + (quad @ np.array([rng.gauss(0, 0.18), rng.gauss(0, 0.2)])) / frame_px
        quad = quad / np.clip(depth, 0.5, 2)[:, None]
    return np.asarray(quad + np.array([cx, cy]))


def _placements(
    rng: random.Random, flats: list[FlatDocument], shape: tuple[int, int], style: _Style
) -> list[FloatArray]:
    """Corners (4, 2) of every document, side by side along the frame's longer side."""
    h, w = shape
    quads = []
    for i, flat in enumerate(flats):
        cell_w = w / len(flats) if w >= h else w
        cell_h = h / len(flats) if w < h else h
        cell = (i * cell_w if w >= h else 0, i * cell_h if w < h else 0, cell_w, cell_h)
        quads.append(_place(rng, (flat.image.shape[0], flat.image.shape[1]), cell, max(w, h), style))
    return quads


def _quarter_turns(image: Grey, centres: tuple[FloatArray, ...], turns: int) -> tuple[Grey, tuple[FloatArray, ...]]:
    for _ in range(turns):
        height = image.shape[0]
        image = np.asarray(cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE), np.uint8)
        centres = tuple(np.stack([height - 1 - c[:, 1], c[:, 0]], axis=1) for c in centres)
    return image, centres


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
    image: Grey = sample.image[y0:y1, x0:x1]
    centres = tuple(c - np.array([x0, y0]) for c in sample.centres)
    if rng.random() < 0.15:  # pasted on a page
        top, bottom, left, right = (int(pitch * rng.uniform(0, 8)) for _ in range(4))
        shade = rng.choice([0, 255, rng.randint(0, 255)])
        pasted = cv2.copyMakeBorder(image, top, bottom, left, right, cv2.BORDER_CONSTANT, value=shade)
        image = np.asarray(pasted, np.uint8)
        centres = tuple(c + np.array([left, top]) for c in centres)
    turns = rng.choices([0, 1, 2, 3], [12, 1, 1, 1])[0]
    image, centres = _quarter_turns(image, centres, turns)
    h, w = image.shape
    outline = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float64)
    zone = SceneZone(sample.text, centres, sample.cap_px)
    return Scene(np.ascontiguousarray(image), (zone,), (np.roll(outline, -turns, axis=0),))


def _documents(
    rng: random.Random, style: _Style, *, bank_seed: int, held_out: bool, in_order: bool
) -> list[FlatDocument]:
    """One or two documents, the first perhaps an open booklet with another page above."""

    def draw() -> FlatDocument:
        return draw_document(rng, bank_seed=bank_seed, held_out=held_out, in_order=in_order)

    flats = [draw()]
    if style in ("flatbed", "figure") and rng.random() < 0.3:
        flats.append(draw())
    if rng.random() < 0.1 and style != "reader":
        page, other = flats[0], draw()
        if other.text is None:
            height, width = page.image.shape
            top = np.asarray(cv2.resize(other.image, (width, height)), np.uint8)
            flats[0] = replace(
                page,
                image=np.vstack([top, page.image]),
                centres=tuple(c + np.array([0, height]) for c in page.centres),
                mask=np.full((2 * height, width), 255, np.uint8),
            )
    return flats


def _frame_size(rng: random.Random, style: _Style, aspect: float, longest_px: int | None) -> tuple[int, int]:
    """Height and width of the frame; ``aspect`` is the first document's width over its height."""
    longest = longest_px or (rng.randint(240, 460) if rng.random() < 0.3 else rng.randint(460, 1100))
    if style == "reader":
        w, h = (longest, int(longest / aspect)) if rng.random() < 0.9 else (int(longest / aspect), longest)
    else:
        low, high, upright = (0.65, 0.8, 0.6) if style == "flatbed" else (0.5, 1.0, 0.35)
        w, h = longest, int(longest * rng.uniform(low, high))
        if rng.random() < upright:
            w, h = h, w
    return max(64, h), max(64, w)


def _lay(rng: random.Random, canvas: Canvas, flat: FlatDocument, quad: FloatArray, style: _Style) -> SceneZone | None:
    """Lays a document on the canvas (h, w); gives its zone's truth."""
    h, w = canvas.shape
    fh, fw = flat.image.shape
    own = np.array([[0, 0], [fw, 0], [fw, fh], [0, fh]], np.float32)
    matrix = cv2.getPerspectiveTransform(own, quad.astype(np.float32))
    scale = float(np.hypot(*(quad[1] - quad[0]))) / fw
    soft = cv2.GaussianBlur(flat.image, (0, 0), 0.42 / scale) if scale < 0.8 else flat.image
    image = cv2.warpPerspective(soft, matrix, (w, h), flags=cv2.INTER_LINEAR)
    mask = cv2.warpPerspective(flat.mask, matrix, (w, h), flags=cv2.INTER_LINEAR).astype(np.float32) / 255
    if rng.random() < 0.3 and style != "reader":  # a shadow round the document
        shadow = cv2.GaussianBlur(mask, (0, 0), rng.uniform(2, 10))
        canvas *= 1 - 0.5 * rng.random() * shadow
    canvas += (image.astype(np.float32) - canvas) * mask
    if flat.text is None:
        return None
    moved = tuple(np.asarray(cv2.perspectiveTransform(c[None], matrix)[0], np.float64) for c in flat.centres)
    return SceneZone(flat.text, moved, flat.cap_px * scale)


def _light(rng: random.Random, canvas: Canvas) -> None:
    """Glare, shadow, too little light."""
    h, w = canvas.shape
    if rng.random() < 0.25:
        yy, xx = np.mgrid[0:h:8, 0:w:8].astype(np.float32)
        cx, cy, s = rng.uniform(0, w), rng.uniform(0, h), rng.uniform(0.05, 0.5) * max(w, h)
        spot = np.exp(-((xx - cx) ** 2 + (yy - cy) ** 2) / (2 * s * s))
        canvas += cv2.resize(spot, (w, h)) * rng.uniform(-110, 150)
    if rng.random() < 0.2:  # too little light, and more of it on one side
        ramp = np.linspace(rng.uniform(0.15, 1.0), rng.uniform(0.15, 1.0), w, dtype=np.float32)[None, :]
        canvas *= ramp if rng.random() < 0.5 else ramp[:, ::-1] * rng.uniform(0.5, 1.0)


def _visible(zone: SceneZone, shape: tuple[int, int]) -> bool:
    points = np.vstack(zone.centres)
    return bool(((points >= 0) & (points < np.array([shape[1], shape[0]]))).all(axis=1).mean() > 0.6)


def make_scene(
    rng: random.Random,
    *,
    bank_seed: int = 7,
    held_out: bool = False,
    longest_px: int | None = None,
    in_order: bool = False,
) -> Scene:
    """One frame with one or two documents, or with little more than a zone.

    Args:
        rng: every choice is drawn from it.
        bank_seed: seed of the textures; the test set uses another.
        held_out: the test set's faces.
        longest_px: longest side of the frame, about that of a zone cut out; drawn (240 to 1,100) where None.
        in_order: a document in order before equipment in order: readers, flatbeds and phones, nothing printed over the
            zone, few stamps, even light, ``optics.degrade_gently``.

    Returns:
        The frame, uint8, with the place of every zone and document.
    """
    style = (
        rng.choices(("reader", "flatbed", "photo"), (5, 3, 3))[0]
        if in_order
        else rng.choices(_STYLES, _STYLE_WEIGHTS)[0]
    )
    if style == "strip":
        return _strip_scene(rng, bank_seed, held_out=held_out, longest_px=longest_px)
    flats = _documents(rng, style, bank_seed=bank_seed, held_out=held_out, in_order=in_order)
    h, w = _frame_size(rng, style, flats[0].image.shape[1] / flats[0].image.shape[0], longest_px)
    canvas = _backdrop(rng, h, w, bank_seed)
    quads = _placements(rng, flats, (h, w), style)
    laid = [_lay(rng, canvas, flat, quad, style) for flat, quad in zip(flats, quads, strict=True)]
    zones = [zone for zone in laid if zone is not None]
    if not in_order:
        _light(rng, canvas)
    image = np.clip(canvas, 0, 255).astype(np.uint8)
    image = (degrade_gently if in_order else degrade)(rng, image, min((zone.cap_px for zone in zones), default=12.0))
    if not in_order and rng.random() < 0.03:
        image = 255 - image
    return Scene(image, tuple(zone for zone in zones if _visible(zone, (h, w))), tuple(quads))
