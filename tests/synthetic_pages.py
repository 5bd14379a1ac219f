"""Simple documents in three lights for tests: paper, line art, a portrait, text, a zone, luminescent motifs.

Everything is drawn in millimetres as linear reflectance and glow, then encoded as sRGB, so that tests can state inks
and papers by their physics. The glyphs are Pillow's built-in face at the pitch of 2.54 mm: no font file is needed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dafec.capture import CapturedPage, Frame
from dafec.features.contract import CheckContext
from dafec.geometry import FORMAT_SIZE_MM, Quad
from dafec.ocr.types import MrzRead
from dafec.outline import MRZ_LAYOUT, expected_zone_mm
from dafec.page import Page, find_pages
from dafec.quality import assess_quality
from dafec.sides import map_points

CARBON_IR, DYE_IR = 0.06, 0.80
DULL, BRIGHT = (0.008, 0.010, 0.001), (0.22, 0.33, 0.80)  # glow of the paper under 365 nm, linear RGB


@dataclass(frozen=True)
class Look:
    """What is drawn."""

    fmt: str = "TD3"
    px_per_mm: float = 8.0
    ink_ir: float = CARBON_IR  # infrared reflectance of the zone's ink
    other_ink_ir: float = CARBON_IR  # of the text and portrait
    zone_visible: float = 0.05  # visible reflectance of the zone's ink
    glow: tuple[float, float, float] = DULL
    motifs: bool = True
    patch_mm: tuple[float, float, float, float] | None = None  # bright paper pasted there
    dye_cells: tuple[int, ...] = ()  # characters of the last line printed in dye
    seed: int = 1
    lights: tuple[str, ...] = ("visible", "ir", "uv")
    noise: float = 0.004
    uv_gain: float = 1.0
    zone_text: tuple[str, ...] = field(default=())


def encode(linear: np.ndarray) -> np.ndarray:
    """Linear 0..1 to sRGB bytes."""
    x = np.clip(linear, 0, 1)
    srgb = np.where(x <= 0.0031308, x * 12.92, 1.055 * np.power(np.maximum(x, 1e-9), 1 / 2.4) - 0.055)
    return np.rint(srgb * 255).astype(np.uint8)


def _text_mask(size, items, px_per_mm) -> np.ndarray:
    """Coverage 0..1 of texts ``(x_mm, y_mm, height_mm, text, pitch_mm)``, drawn at twice the resolution."""
    scale = 2 * px_per_mm
    image = Image.new("L", (round(size[0] * scale), round(size[1] * scale)), 0)
    draw = ImageDraw.Draw(image)
    for x, y, height, text, pitch in items:
        font = ImageFont.load_default(size=height * scale * 1.36)
        if pitch is None:
            draw.text((x * scale, y * scale), text, fill=255, font=font)
            continue
        for n, char in enumerate(text):
            draw.text(
                ((x + (n + 0.5) * pitch) * scale, y * scale), char, fill=255, font=font, anchor="ms", stroke_width=1
            )
    target = (round(size[0] * px_per_mm), round(size[1] * px_per_mm))
    return cv2.resize(np.asarray(image, np.float32) / 255, target, interpolation=cv2.INTER_AREA)


def _zone_lines(look: Look) -> tuple[str, ...]:
    layout = MRZ_LAYOUT[look.fmt]
    rng = np.random.default_rng(look.seed)
    letters = np.array(list("ABCDEFGHKLMNPRSTUVXYZ0123456789<<<<<"))
    return look.zone_text or tuple("".join(rng.choice(letters, layout.chars)) for _ in range(layout.lines))


@lru_cache(maxsize=8)
def _layers(look: Look) -> dict[str, np.ndarray]:
    """Coverage masks of everything drawn on the page."""
    w, h = FORMAT_SIZE_MM[look.fmt]
    s = look.px_per_mm
    rng = np.random.default_rng(look.seed)
    shape = (round(h * s), round(w * s))
    yy, xx = np.mgrid[: shape[0], : shape[1]].astype(np.float32) / np.float32(s)
    waves = sum(np.abs(np.sin(yy * 1.3 + a + 1.2 * np.sin(xx * b + a))) < 0.12 for a, b in ((0.0, 0.11), (1.1, 0.17)))
    layout, zone = MRZ_LAYOUT[look.fmt], expected_zone_mm(look.fmt)
    lines = _zone_lines(look)
    pitch_y = (layout.height - 2.6) / (layout.lines - 1)
    x0 = zone[0, 0] - 0.45
    zone_items, dye_items = [], []
    for n, line in enumerate(lines):
        y = zone[0, 1] + 2.6 + n * pitch_y
        kept = "".join(" " if n == layout.lines - 1 and k in look.dye_cells else c for k, c in enumerate(line))
        gone = "".join(c if n == layout.lines - 1 and k in look.dye_cells else " " for k, c in enumerate(line))
        zone_items.append((x0, y, 2.6, kept, 2.54))
        dye_items.append((x0, y, 2.6, gone, 2.54))
    words = ["".join(rng.choice(list("ABCDEFGHIKLMNOPRSTUV"), rng.integers(5, 12))) for _ in range(14)]
    text_x, text_y = 0.38 * w, 0.17 * h
    step = (zone[0, 1] - text_y - 3) / 7
    texts = [(text_x + (n % 2) * 0.3 * w, text_y + (n // 2) * step, 2.0, word, None) for n, word in enumerate(words)]
    photo = np.zeros(shape, np.float32)
    py0, py1, px0, px1 = 0.2 * h, 0.68 * h, 0.06 * w, 0.06 * w + 0.34 * h
    inside = (yy > py0) & (yy < py1) & (xx > px0) & (xx < px1)
    face = cv2.GaussianBlur(rng.random(shape).astype(np.float32), (0, 0), 1.2 * s)
    face = (face - face.min()) / np.ptp(face)
    oval = ((xx - (px0 + px1) / 2) / 9) ** 2 + ((yy - (py0 + py1) / 2) / 13) ** 2
    photo[inside] = np.clip(0.25 + 0.9 * face + 0.4 * (oval > 1), 0, 0.9)[inside]
    header = np.where((yy < 0.1 * h) & (yy > 0.03 * h) & (np.sin(xx * 2.2) > -0.3), 0.7, 0).astype(np.float32)
    motif = np.zeros(shape, np.uint8)
    for n in range(7):
        centre = (round((0.1 + 0.13 * n) * w * s), round((0.3 + 0.45 * (n % 2)) * h * s))
        cv2.circle(motif, centre, round(3.2 * s), 255, max(1, round(0.9 * s)))
    return {
        "waves": np.clip(waves, 0, 1).astype(np.float32),
        "zone": _text_mask((w, h), zone_items, s),
        "dye": _text_mask((w, h), dye_items, s),
        "text": _text_mask((w, h), texts, s),
        "photo": photo,
        "header": header,
        "motif": motif.astype(np.float32) / 255,
    }


def _fit(mask: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    return mask if mask.shape == shape else cv2.resize(mask, shape[::-1])


def render(look: Look) -> dict[str, np.ndarray]:
    """The page's images by light: RGB, grey infrared, RGB ultraviolet; uint8."""
    part = _layers(replace(look, ink_ir=0, glow=DULL, lights=(), zone_visible=0, noise=0, uv_gain=1, patch_mm=None))
    shape = part["waves"].shape
    part = {name: _fit(mask, shape) for name, mask in part.items()}
    rng = np.random.default_rng(look.seed + 100)

    def cover(base, mask, ink):
        return base * (1 - mask) + base * mask * ink

    base = np.full(shape, 0.72, np.float32)
    colours = []
    for wave, header in ((0.55, 0.15), (0.75, 0.3), (0.95, 0.6)):
        plane = cover(cover(base, part["waves"], wave), part["header"], header)
        plane = cover(cover(plane, part["photo"], 0.08), part["text"], 0.06)
        colours.append(cover(plane, np.clip(part["zone"] + part["dye"], 0, 1), look.zone_visible))
    visible = np.dstack(colours)
    ir = cover(cover(base, part["waves"], 0.97), part["header"], 0.92)
    ir = cover(cover(ir, part["photo"], look.other_ink_ir), part["text"], look.other_ink_ir)
    ir = cover(cover(ir, part["zone"], look.ink_ir), part["dye"], DYE_IR)
    ir = cv2.GaussianBlur(ir, (0, 0), 0.12 * look.px_per_mm)
    glow = np.ones((*shape, 3), np.float32) * np.array(look.glow, np.float32)
    if look.patch_mm is not None:
        x, y, w, h = (round(v * look.px_per_mm) for v in look.patch_mm)
        glow[y : y + h, x : x + w] = BRIGHT
    ghost = visible.mean(axis=2, keepdims=True) / 0.72
    uv = glow * (0.55 + 0.45 * ghost)
    if look.motifs:
        for n, ink in enumerate(((0.02, 0.08, 0.20), (0.22, 0.05, 0.02), (0.05, 0.20, 0.04))):
            mask = part["motif"].copy()
            mask[:, np.arange(shape[1]) * 3 // shape[1] != n] = 0
            uv = uv + mask[..., None] * np.array(ink, np.float32)
    images = {"visible": visible, "ir": ir, "uv": uv * look.uv_gain}
    result = {}
    for light in look.lights:
        noisy = images[light] + rng.normal(0, look.noise, images[light].shape) * (0.1 if light == "uv" else 1)
        result[light] = encode(noisy)
    return result


def frame(pixels: np.ndarray, light: str = "visible", dpi: float | None = None, bit_depth: int = 8) -> Frame:
    """A frame as the decoder would give it."""
    return Frame(light, pixels, bit_depth, dpi, "file" if dpi else None, "0" * 64, "image/png")


def zone_quad(fmt: str, frame_from_mm: np.ndarray) -> np.ndarray:
    """Where the zone's corners lie in a frame."""
    return map_points(frame_from_mm, expected_zone_mm(fmt))


def read_of(fmt: str, quad: np.ndarray, status: str = "read") -> MrzRead:
    """A read with a place and a format, and no characters."""
    return MrzRead(status, fmt, (), Quad.from_array(quad), 1.0)


def page_homography(corners_px: np.ndarray, fmt: str) -> np.ndarray:
    """Page millimetres to frame pixels from the document's four corners."""
    w, h = FORMAT_SIZE_MM[fmt]
    source = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
    return cv2.getPerspectiveTransform(source, corners_px.astype(np.float32)).astype(float)


def place(page: np.ndarray, background: np.ndarray, corners_px: np.ndarray) -> np.ndarray:
    """``page`` drawn onto a copy of ``background`` with its corners at ``corners_px``, and a soft shadow."""
    height, width = page.shape[:2]
    source = np.array(
        [[-0.5, -0.5], [width - 0.5, -0.5], [width - 0.5, height - 0.5], [-0.5, height - 0.5]], np.float32
    )
    matrix = cv2.getPerspectiveTransform(source, corners_px.astype(np.float32))
    size = (background.shape[1], background.shape[0])
    # Drawn through a reduced copy where the page shrinks, as a lens would average it.
    shrink = np.linalg.norm(corners_px[1] - corners_px[0]) / width
    if shrink < 0.7:
        page = cv2.GaussianBlur(page, (0, 0), 0.4 / shrink)
    warped = cv2.warpPerspective(page, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    mask = np.zeros(background.shape[:2], np.uint8)
    cv2.fillConvexPoly(mask, np.rint(corners_px * 16).astype(np.int32), 255, lineType=cv2.LINE_AA, shift=4)
    shadow = cv2.GaussianBlur(mask, (0, 0), 2.0).astype(np.float32) / 255
    alpha = mask.astype(np.float32)[..., None] / 255
    under = background.astype(np.float32) * (1 - 0.18 * shadow[..., None])
    return np.rint(under * (1 - alpha) + warped.astype(np.float32) * alpha).astype(np.uint8)


def turned_corners(fmt: str, px_per_mm: float, centre: tuple[float, float], angle_deg: float) -> np.ndarray:
    """Corners of a page lying flat, turned clockwise on the image."""
    w, h = FORMAT_SIZE_MM[fmt]
    box = np.array([[-w, -h], [w, -h], [w, h], [-w, h]]) / 2 * px_per_mm
    a = np.deg2rad(angle_deg)
    return box @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) + np.array(centre)


def reader_capture(look: Look, margin_mm: float = 1.5, moves: dict[str, np.ndarray] | None = None) -> CapturedPage:
    """All lights of a page as a reader sees it: the document fills the frame but for a dark rim.

    ``moves`` gives, by light, an affine map (2, 3) in frame pixels that misregisters it.
    """
    frames = {}
    for light, image in render(look).items():
        rim = round(margin_mm * look.px_per_mm)
        level = 12 if light != "uv" else 2
        framed = cv2.copyMakeBorder(image, rim, rim, rim, rim, cv2.BORDER_CONSTANT, value=(level,) * 3)
        if moves and light in moves:
            size = framed.shape[1::-1]
            framed = cv2.warpAffine(framed, moves[light], size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        frames[light] = frame(framed, light)
    return CapturedPage(frames)


def reader_read(look: Look, margin_mm: float = 1.5) -> MrzRead:
    """The zone of ``reader_capture`` as the reader would report it."""
    rim = round(margin_mm * look.px_per_mm)
    scale = look.px_per_mm
    matrix = np.array([[scale, 0, rim - 0.5], [0, scale, rim - 0.5], [0, 0, 1.0]])
    return read_of(look.fmt, zone_quad(look.fmt, matrix))


def reader_page(look: Look, moves: dict[str, np.ndarray] | None = None) -> Page:
    """The page found in ``reader_capture``."""
    return find_pages(reader_capture(look, moves=moves), [reader_read(look)])[0]


def context_of(page: Page | None) -> CheckContext:
    """What the screening would hand to a check."""
    from dafec.quality import Quality

    quality = assess_quality(page) if page is not None else Quality({}, ())
    return CheckContext(page=page, reads={}, mrz=None, quality=quality, today=date(2026, 6, 1))
