"""A drawing table for specimen documents: paper, inks, print, a portrait, and the lamp of a reader.

A ``Sheet`` is one page at 24 pixels a millimetre. It knows how much of red, green, blue and near infrared it reflects
and how much it glows under ultraviolet, both linear. Every ink changes both, so the three images of one document
agree because they are seen from one object. Used by ``make.py`` alone; nothing here runs in the service.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Float = NDArray[np.float32]

PX_PER_MM = 24.0
FONTS = {
    "ocrb": "/usr/share/fonts/opentype/ocr-b/OCRB.otf",
    "sans": "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "bold": "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf",
    "arabic": "/usr/share/fonts/truetype/noto/NotoNaskhArabic-Bold.ttf",
    "serif": "/usr/share/fonts/truetype/dejavu/DejaVuSerif-Bold.ttf",
}


@dataclass(frozen=True)
class Ink:
    """What full coverage leaves of the light, and what it gives back under ultraviolet (linear, 0..1)."""

    rgb: tuple[float, float, float]
    ir: float
    glow: tuple[float, float, float] = (0.0, 0.0, 0.0)
    cover: float = 0.7  # share of the glow below that it swallows


CARBON = Ink((0.05, 0.05, 0.06), 0.06, cover=0.85)
DYE_BLACK = Ink((0.06, 0.05, 0.07), 0.84, cover=0.85)
BLUE = Ink((0.22, 0.38, 0.66), 0.90, cover=0.3)
TEAL = Ink((0.25, 0.58, 0.55), 0.92, cover=0.3)
ROSE = Ink((0.80, 0.42, 0.48), 0.92, cover=0.3)
OCHRE = Ink((0.78, 0.60, 0.30), 0.92, cover=0.3)
NAVY = Ink((0.06, 0.12, 0.34), 0.86, cover=0.6)
UV_GREEN = Ink((1.0, 1.0, 1.0), 1.0, glow=(0.10, 0.34, 0.08), cover=0.0)
UV_RED = Ink((1.0, 1.0, 1.0), 1.0, glow=(0.36, 0.09, 0.03), cover=0.0)
UV_BLUE = Ink((1.0, 1.0, 1.0), 1.0, glow=(0.03, 0.10, 0.34), cover=0.0)
DULL_GLOW = (0.012, 0.013, 0.003)
OFFICE_GLOW = (0.24, 0.36, 0.78)


@cache
def font(face: str, size_mm: float) -> ImageFont.FreeTypeFont:
    """A face whose em is ``size_mm`` on the sheet."""
    return ImageFont.truetype(FONTS[face], round(size_mm * PX_PER_MM), layout_engine=ImageFont.Layout.RAQM)


class Sheet:
    """One page: reflectance (h, w, 4) and glow (h, w, 3), float32, linear."""

    def __init__(
        self, width_mm: float, height_mm: float, tint: tuple[float, float, float], glow: tuple[float, ...]
    ) -> None:
        """A blank page of tinted paper that glows as given under ultraviolet."""
        self.width_mm, self.height_mm = width_mm, height_mm
        self.shape = (round(height_mm * PX_PER_MM), round(width_mm * PX_PER_MM))
        self.reflected: Float = np.empty((*self.shape, 4), np.float32)
        self.reflected[:] = (*tint, 0.88)
        self.glowing: Float = np.empty((*self.shape, 3), np.float32)
        self.glowing[:] = glow

    def blank(self) -> NDArray[np.uint8]:
        """An empty mask of the sheet's size."""
        return np.zeros(self.shape, np.uint8)

    def apply(self, mask: NDArray[np.uint8] | Float, ink: Ink, strength: float = 1.0) -> None:
        """Prints a mask (0..255 or 0..1) in one ink."""
        m = mask.astype(np.float32) * (strength / (255.0 if mask.dtype == np.uint8 else 1.0))
        for band, left in enumerate((*ink.rgb, ink.ir)):
            self.reflected[..., band] *= 1 - m * (1 - left)
        for band, given in enumerate(ink.glow):
            self.glowing[..., band] *= 1 - m * ink.cover
            self.glowing[..., band] += m * given

    def rainbow(self, mask: NDArray[np.uint8], left: Ink, right: Ink, strength: float) -> None:
        """Prints a mask in an ink that runs into another from left to right (iris print)."""
        x = np.linspace(0, 1, self.shape[1], dtype=np.float32)[None, :]
        m = mask.astype(np.float32) / 255
        self.apply(m * (1 - x), left, strength)
        self.apply(m * x, right, strength)

    def text(
        self, where: tuple[float, float], what: str, face: str, size_mm: float, ink: Ink, anchor: str = "ls"
    ) -> None:
        """Writes a line; ``where`` is the anchor in millimetres, ``size_mm`` the em."""
        image = Image.new("L", (self.shape[1], self.shape[0]))
        arabic = face == "arabic"
        ImageDraw.Draw(image).text(
            (where[0] * PX_PER_MM, where[1] * PX_PER_MM),
            what,
            font=font(face, size_mm),
            fill=255,
            anchor=anchor,
            direction="rtl" if arabic else "ltr",
            language="ar" if arabic else "en",
        )
        self.apply(np.asarray(image), ink)

    def mrz_line(self, line: str, first_mm: float, baseline_mm: float, ink: Ink, only: set[int] | None = None) -> None:
        """Writes one line of the zone in OCR-B, every character in its own 2.54 mm cell (Doc 9303-3)."""
        image = Image.new("L", (self.shape[1], self.shape[0]))
        draw = ImageDraw.Draw(image)
        em = font("ocrb", 2.54 / 0.723)  # the face is 0.723 em wide
        for position, char in enumerate(line):
            if only is None or position in only:
                x = (first_mm + 2.54 * (position + 0.5)) * PX_PER_MM
                draw.text((x, baseline_mm * PX_PER_MM), char, font=em, fill=255, anchor="ms")
        self.apply(np.asarray(image), ink)

    def paste(self, picture: Float, x_mm: float, y_mm: float, ir_density: float, strength: float = 1.0) -> None:
        """Prints a continuous-tone picture (h, w, 3), linear; ``ir_density`` of its ink shows in infrared."""
        x, y = round(x_mm * PX_PER_MM), round(y_mm * PX_PER_MM)
        h, w = picture.shape[:2]
        ink = 1 - strength * (1 - picture)
        luminance = ink @ np.array([0.3, 0.6, 0.1], np.float32)
        self.reflected[y : y + h, x : x + w, :3] *= ink
        self.reflected[y : y + h, x : x + w, 3] *= 1 - ir_density * (1 - luminance)
        self.glowing[y : y + h, x : x + w] *= (0.25 + 0.75 * luminance)[..., None]


def _curve(mask: NDArray[np.uint8], x: Float, y: Float, width_px: int) -> None:
    points = np.stack([x, y], 1) * 16
    cv2.polylines(
        mask, [points.astype(np.int32)], isClosed=False, color=255, thickness=width_px, lineType=cv2.LINE_AA, shift=4
    )


def waves(sheet: Sheet, rng: np.random.Generator, lines: int, slant: float = 0.0) -> NDArray[np.uint8]:
    """A family of modulated waves over the whole sheet, as offset line art."""
    mask = sheet.blank()
    h, w = sheet.shape
    x = np.linspace(-40, w + 40, 700, dtype=np.float32)
    phase, modulation = rng.uniform(0, 6.28, 2)
    length, beat = rng.uniform(14, 26) * PX_PER_MM, rng.uniform(50, 90) * PX_PER_MM
    for index in range(-lines // 5, lines + lines // 5):
        swell = np.sin(x * 6.283 / beat + modulation + index * 0.11)
        y = (
            (index + 0.5) * h / lines
            + slant * x
            + 2.2 * PX_PER_MM * swell * np.sin(x * 6.283 / length + phase + index * 0.09)
        )
        _curve(mask, x, y.astype(np.float32), 2)
    return mask


def rosette(
    sheet: Sheet, centre: tuple[float, float], radius_mm: float, petals: int, rings: int = 9
) -> NDArray[np.uint8]:
    """A rosette of nested hypotrochoid-like rings."""
    mask = sheet.blank()
    t = np.linspace(0, 6.2832, 900, dtype=np.float32)
    for ring in range(rings):
        r = radius_mm * PX_PER_MM * (0.35 + 0.65 * ring / rings) * (1 + 0.16 * np.sin(petals * t + ring * 0.55))
        r = r * (1 + 0.05 * np.sin(3 * petals * t))
        t = t + np.float32(0.06)
        _curve(mask, centre[0] * PX_PER_MM + r * np.cos(t), centre[1] * PX_PER_MM + r * np.sin(t), 2)
    return mask


def fibres(sheet: Sheet, rng: np.random.Generator, count: int) -> None:
    """Short curled fibres that show under ultraviolet only."""
    for ink in (UV_RED, UV_GREEN, UV_BLUE):
        mask = sheet.blank()
        for _ in range(count):
            x0, y0 = rng.uniform(0, sheet.shape[1]), rng.uniform(0, sheet.shape[0])
            t = np.linspace(0, 1, 14, dtype=np.float32)
            angle, bend = rng.uniform(0, 6.28), rng.uniform(-2, 2)
            reach = rng.uniform(2, 4) * PX_PER_MM
            _curve(mask, x0 + reach * t * np.cos(angle + bend * t), y0 + reach * t * np.sin(angle + bend * t), 2)
        sheet.apply(mask, ink)


def star(sheet: Sheet, centre: tuple[float, float], radius_mm: float, points: int = 8) -> NDArray[np.uint8]:
    """A filled star."""
    angle = np.arange(2 * points) * np.pi / points - np.pi / 2
    reach = np.where(np.arange(2 * points) % 2 == 0, radius_mm, radius_mm * 0.55) * PX_PER_MM
    corners = np.stack(
        [centre[0] * PX_PER_MM + reach * np.cos(angle), centre[1] * PX_PER_MM + reach * np.sin(angle)], 1
    )
    mask = sheet.blank()
    cv2.fillPoly(mask, [(corners * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return mask


@dataclass(frozen=True)
class Looks:
    """An invented face."""

    skin: tuple[int, int, int]
    hair: tuple[int, int, int]
    clothes: tuple[int, int, int]
    long_hair: bool
    beard: bool = False
    headscarf: bool = False


def _oval(
    image: NDArray[np.uint8],
    centre: tuple[float, float],
    axes: tuple[float, float],
    colour: tuple[int, int, int],
    turn: float = 0,
) -> None:
    box = ((float(centre[0]), float(centre[1])), (2.0 * axes[0], 2.0 * axes[1]), turn)
    cv2.ellipse(image, box, colour, -1, cv2.LINE_AA)


def _soft(
    image: NDArray[np.uint8], centre: tuple[float, float], axes: tuple[float, float], shade: float, blur: float
) -> None:
    """Darkens (shade < 1) or lightens an oval with a soft edge."""
    mask = np.zeros(image.shape[:2], np.uint8)
    cv2.ellipse(mask, (centre, (2.0 * axes[0], 2.0 * axes[1]), 0.0), 255, -1)
    weight = cv2.GaussianBlur(mask, (0, 0), blur).astype(np.float32)[..., None] / 255
    image[:] = np.clip(image * (1 + weight * (shade - 1)), 0, 255).astype(np.uint8)


def _dark(colour: tuple[int, int, int], factor: float) -> tuple[int, int, int]:
    return (int(colour[0] * factor), int(colour[1] * factor), int(colour[2] * factor))


def _head(image: NDArray[np.uint8], looks: Looks) -> None:
    cover = looks.clothes if looks.headscarf else looks.hair
    if looks.long_hair or looks.headscarf:
        _oval(image, (300, 350), (172, 225), cover)
        _oval(image, (300, 520), (165, 130), cover)
    else:
        _oval(image, (300, 290), (150, 165), cover)
    _oval(image, (300, 560), (62, 110), _dark(looks.skin, 0.86))
    _oval(image, (300, 790), (255, 190), looks.clothes)
    if looks.headscarf:
        _oval(image, (300, 590), (125, 100), _dark(looks.clothes, 1.08))
    else:
        for x in (162, 438):
            _oval(image, (x, 385), (17, 38), _dark(looks.skin, 0.9))
    _oval(image, (300, 380), (136, 178), looks.skin)
    _soft(image, (215, 430), (40, 60), 0.9, 26)
    _soft(image, (385, 430), (40, 60), 0.86, 26)
    _soft(image, (300, 270), (70, 40), 1.06, 24)
    if looks.beard:
        mask = np.zeros(image.shape[:2], np.uint8)
        cv2.ellipse(mask, (300, 455), (122, 108), 0, 0, 180, 255, -1)
        cv2.ellipse(mask, (300, 462), (46, 26), 0, 0, 360, 110, -1)
        weight = cv2.GaussianBlur(mask, (0, 0), 9).astype(np.float32)[..., None] / 255 * 0.82
        image[:] = (image * (1 - weight) + np.array(looks.hair) * weight).astype(np.uint8)


def _features(image: NDArray[np.uint8], looks: Looks) -> None:
    for side in (-1, 1):
        x = 300 + side * 57
        cv2.ellipse(image, (x, 334), (36, 13), side * 4, 190, 350, _dark(looks.hair, 0.9), 9, cv2.LINE_AA)
        _soft(image, (x, 365), (36, 22), 0.88, 9)
        _oval(image, (x, 370), (27, 12), (238, 236, 232))
        _oval(image, (x, 370), (12, 12), (86, 62, 44))
        _oval(image, (x, 370), (6, 6), (20, 18, 18))
        _oval(image, (x + 3, 366), (2.5, 2.5), (250, 250, 250))
        cv2.ellipse(image, (x, 371), (29, 15), 0, 195, 345, _dark(looks.skin, 0.35), 4, cv2.LINE_AA)
    _soft(image, (318, 415), (10, 48), 0.86, 8)
    _soft(image, (300, 452), (30, 9), 0.78, 6)
    for side in (-1, 1):
        _oval(image, (300 + side * 13, 453), (6, 4), _dark(looks.skin, 0.5))
    _oval(image, (300, 493), (44, 11), (166, 84, 80))
    _oval(image, (300, 502), (32, 10), (184, 100, 94))
    cv2.line(image, (257, 494), (343, 494), (108, 48, 48), 3, cv2.LINE_AA)
    _soft(image, (300, 524), (30, 7), 0.88, 7)


def portrait(looks: Looks, width_mm: float, height_mm: float) -> Float:
    """An invented, drawn face on a plain ground; linear (h, w, 3) of the asked size on the sheet."""
    image = np.empty((770, 600, 3), np.uint8)
    image[:] = (np.linspace(226, 208, 770)[:, None, None] * np.array([0.97, 1.0, 1.03])).clip(0, 255).astype(np.uint8)
    _head(image, looks)
    _features(image, looks)
    if looks.headscarf:
        cv2.ellipse(image, (300, 372), (150, 196), 0, 0, 360, looks.clothes, 34, cv2.LINE_AA)
        cv2.ellipse(image, (300, 372), (134, 180), 0, 0, 360, _dark(looks.clothes, 0.8), 4, cv2.LINE_AA)
    else:
        cv2.ellipse(image, (300, 318), (142, 128), 0, 183, 357, looks.hair, 46, cv2.LINE_AA)
        if looks.long_hair:
            for side in (-1, 1):
                cv2.ellipse(
                    image,
                    (300, 430),
                    (150, 210),
                    0,
                    0 if side > 0 else 130,
                    50 if side > 0 else 180,
                    looks.hair,
                    40,
                    16,
                )
    image = cv2.GaussianBlur(image, (0, 0), 1.6)
    size = (round(width_mm * PX_PER_MM), round(height_mm * PX_PER_MM))
    big = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
    return np.asarray((big.astype(np.float32) / 255) ** 2.2, np.float32)


def _seen(
    linear: Float, scale: float, blur: float, shift: tuple[float, float], rng: np.random.Generator, noise: float
) -> Float:
    size = (round(linear.shape[1] * scale), round(linear.shape[0] * scale))
    small = cv2.resize(linear, size, interpolation=cv2.INTER_AREA)
    moved = cv2.warpAffine(
        small,
        np.array([[1.0, 0.0, shift[0]], [0.0, 1.0, shift[1]]]),
        size,
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    soft = cv2.GaussianBlur(moved, (0, 0), blur)
    encoded = np.clip(soft, 0, 1) ** (1 / 2.2)
    return np.asarray(encoded + rng.normal(0, noise, encoded.shape), np.float32)


def _bed(sheet: Sheet, values: Float, bed: float, margin_mm: float) -> Float:
    """The sheet on the glass, with a margin of the lid round it."""
    m = round(margin_mm * PX_PER_MM)
    return np.asarray(cv2.copyMakeBorder(values, m, m, m, m, cv2.BORDER_CONSTANT, value=[bed] * 4), np.float32)


def to_bytes(encoded: Float) -> NDArray[np.uint8]:
    """Unit floats as bytes."""
    return np.asarray(np.round(np.clip(encoded, 0, 1) * 255), np.uint8)


def read_bands(sheet: Sheet, dpi: float, seed: int, lights: tuple[str, ...]) -> dict[str, NDArray[np.uint8]]:
    """What a page reader sees: visible sharp, infrared softer and vignetted, ultraviolet with ghosts of the print."""
    rng = np.random.default_rng(seed)
    scale = dpi / 25.4 / PX_PER_MM
    reflected = _bed(sheet, sheet.reflected, 0.01, 2.5)
    glow = _bed(sheet, sheet.glowing, 0.002, 2.5)
    out = {"visible": to_bytes(_seen(reflected[..., :3], scale, 0.55, (0, 0), rng, 0.006))}
    if "ir" in lights:
        ir = _seen(reflected[..., 3], scale, 1.1, (1.3, -0.8), rng, 0.008)
        y, x = np.mgrid[-1 : 1 : ir.shape[0] * 1j, -1 : 1 : ir.shape[1] * 1j]
        out["ir"] = to_bytes(np.asarray(ir * (1 - 0.12 * (x * x + y * y)), np.float32))
    if "uv" in lights:
        leaked = 0.006 * reflected[..., :3] * np.array([0.8, 0.9, 0.2], np.float32)
        out["uv"] = to_bytes(_seen(glow + leaked, scale, 0.9, (-0.9, 1.1), rng, 0.008))
    return out


def on_flatbed(
    sheet: Sheet, dpi: float, turn_deg: float, centre_mm: tuple[float, float], seed: int
) -> NDArray[np.uint8]:
    """The sheet lying askew on an A4 glass under a white lid."""
    rng = np.random.default_rng(seed)
    scale = dpi / 25.4
    size = (round(210 * scale), round(297 * scale))
    ground = np.full((size[1], size[0], 3), 0.80, np.float32)
    shadow = np.zeros((size[1], size[0]), np.float32)
    small = cv2.resize(
        sheet.reflected[..., :3], None, fx=scale / PX_PER_MM, fy=scale / PX_PER_MM, interpolation=cv2.INTER_AREA
    )
    h, w = small.shape[:2]
    matrix = cv2.getRotationMatrix2D((w / 2, h / 2), turn_deg, 1.0)
    matrix[:, 2] += np.array(centre_mm) * scale - (w / 2, h / 2)
    inside = cv2.warpAffine(np.ones((h, w), np.float32), matrix, size, flags=cv2.INTER_LINEAR)
    shadow = cv2.GaussianBlur(
        cv2.warpAffine(np.ones((h, w), np.float32), matrix + np.array([[0, 0, 3], [0, 0, 4]]), size), (0, 0), 4
    )
    ground *= (1 - 0.4 * shadow)[..., None]
    placed = cv2.warpAffine(small, matrix, size, flags=cv2.INTER_AREA)
    mixed = ground * (1 - inside[..., None]) + placed * inside[..., None]
    soft = cv2.GaussianBlur(mixed, (0, 0), 0.5)
    return to_bytes(np.clip(soft, 0, 1) ** (1 / 2.2) + rng.normal(0, 0.003, soft.shape).astype(np.float32))


def on_table(sheet: Sheet, size: tuple[int, int], corners: list[tuple[float, float]], seed: int) -> NDArray[np.uint8]:
    """A hand-held photo: the sheet in perspective on a wooden table under a lamp at one side."""
    rng = np.random.default_rng(seed)
    w, h = size
    grain = cv2.resize(rng.random((h // 5, 14)).astype(np.float32), (w, h), interpolation=cv2.INTER_CUBIC)
    fine = cv2.GaussianBlur(rng.random((h, w)).astype(np.float32), (0, 0), sigmaX=14, sigmaY=0.8)
    wood = np.array([0.26, 0.15, 0.08], np.float32) * (0.7 + 0.4 * grain + 2.0 * (fine - 0.5))[..., None]
    source = np.array([[0, 0], [sheet.shape[1], 0], [sheet.shape[1], sheet.shape[0]], [0, sheet.shape[0]]], np.float32)
    pixels = cv2.GaussianBlur(sheet.reflected[..., :3], (0, 0), 1.0)
    matrix = cv2.getPerspectiveTransform(source, np.array(corners, np.float32))
    placed = cv2.warpPerspective(pixels, matrix, size, flags=cv2.INTER_AREA)
    inside = cv2.warpPerspective(np.ones(sheet.shape, np.float32), matrix, size, flags=cv2.INTER_LINEAR)[..., None]
    dark = cv2.GaussianBlur(np.roll(inside[..., 0], (9, 7), (0, 1)), (0, 0), 8)[..., None]
    mixed = wood * (1 - 0.55 * dark) * (1 - inside) + placed * inside
    y, x = np.mgrid[0 : 1 : h * 1j, 0 : 1 : w * 1j]
    light = (0.72 + 0.34 * (1 - x) * (1 - 0.5 * y))[..., None].astype(np.float32)
    warm = np.array([1.0, 0.96, 0.88], np.float32)
    soft = cv2.GaussianBlur(mixed * light * warm, (0, 0), 0.8)
    return to_bytes(np.clip(soft, 0, 1) ** (1 / 2.2) + rng.normal(0, 0.01, soft.shape).astype(np.float32))
