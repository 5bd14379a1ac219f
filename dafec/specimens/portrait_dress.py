"""What a portrait shows besides the head: background, clothes, headscarf, glasses."""

from __future__ import annotations

import cv2
import numpy as np

from dafec.specimens.model import Unit
from dafec.specimens.portrait_head import half_width, light_relief
from dafec.specimens.portrait_traits import Canvas, Traits, dome, fbm, noise, smooth, soft_below

__all__ = ["draw_background", "draw_cap", "draw_clothes", "draw_ghutra", "draw_glasses", "draw_headscarf"]


def draw_background(canvas: Canvas, colour: tuple[float, float, float], rng: np.random.Generator) -> Unit:
    """An evenly lit wall, a little darker on one side."""
    wall = np.empty((*canvas.shape, 3), dtype=np.float32)
    wall[:] = colour
    slope = float(rng.normal(0, 0.035))
    wall *= (1 + slope * canvas.u - 0.03 * canvas.v + 0.006 * fbm(rng, canvas.shape, 120, 2))[..., None]
    return wall


def _shoulders(canvas: Canvas, traits: Traits) -> Unit:
    """How far inside the outline of the shoulders."""
    broad = 1.12 if traits.woman else 1.28
    side = abs(canvas.u + 0.03 * traits.asymmetry[1])
    neck = traits.width * (0.56 if traits.woman else 0.70)
    slope = np.interp(
        side, [0, neck, neck + 0.18, broad * 0.8, broad, broad + 0.12], [1.12, 1.14, 1.30, 1.47, 1.62, 2.2]
    )
    result: Unit = (canvas.v - slope).astype(np.float32)
    return result


def _neckline(canvas: Canvas, traits: Traits) -> Unit:
    """How far below the neckline."""
    u = canvas.u
    if traits.clothes in ("shirt", "jacket"):
        line = 1.62 - 1.05 * abs(u)
    elif traits.clothes == "blouse":
        line = 1.56 - 0.9 * u**2
    else:
        line = 1.42 - 0.55 * u**2
    result: Unit = (canvas.v - line).astype(np.float32)
    return result


def draw_clothes(canvas: Canvas, traits: Traits, rng: np.random.Generator) -> tuple[Unit, Unit]:
    """Shirt, jacket or blouse: colour and mask."""
    u, v = canvas.u, canvas.v
    shoulders, neckline = _shoulders(canvas, traits), _neckline(canvas, traits)
    inside = np.minimum(
        shoulders, np.maximum(neckline, (abs(u) - traits.width * (0.53 if traits.woman else 0.67)) * 0.8)
    )
    mask = np.clip(inside / 0.02 + 0.5, 0, 1)
    z = 0.35 * np.sqrt(np.clip(1 - (u / 1.7) ** 2, 0, 1)) - 0.28 * np.exp(-np.clip(shoulders, 0, 2) / 0.13)
    drape = noise(rng, canvas.shape, (130, 46))
    z = z + 0.010 * drape + 0.006 * fbm(rng, canvas.shape, 34, 2)
    light, _ = light_relief(canvas, z.astype(np.float32), traits, soft=2.5)
    cloth = np.empty((*canvas.shape, 3), dtype=np.float32)
    cloth[:] = traits.clothes_colour
    weave = 1 + 0.035 * noise(rng, canvas.shape, (1.6, 1.6))
    cloth *= (light * weave)[..., None]
    if traits.clothes == "jacket":
        shirt = soft_below(abs(u) - 0.10 - 0.42 * np.clip(2.05 - v, 0, 1), 0.0, 0.015)
        under = np.array([0.58, 0.60, 0.63], dtype=np.float32) * light[..., None]
        cloth = cloth + (under - cloth) * shirt[..., None]
        if not traits.woman:
            tie = soft_below(abs(u) - 0.055 - 0.05 * np.clip(v - 1.62, 0, 0.4), 0.0, 0.012) * smooth(v, 1.57, 1.60)
            colour = np.asarray(traits.scarf_colour, dtype=np.float32) * light[..., None]
            cloth = cloth + (colour - cloth) * tie[..., None]
        lapel = np.exp(-0.5 * ((abs(u) - 0.13 - 0.42 * np.clip(2.05 - v, 0, 1)) / 0.012) ** 2)
        cloth *= (1 - 0.5 * lapel)[..., None]
    if traits.clothes in ("shirt", "jacket"):
        collar = (
            np.exp(-0.5 * ((neckline - 0.155) / 0.010) ** 2) * smooth(abs(u), 0.02, 0.08) * smooth(abs(u), 0.52, 0.42)
        )
        cloth *= (1 - 0.42 * collar)[..., None]
        cloth *= (1 + 0.10 * smooth(neckline, 0.15, 0.02))[..., None]
    elif traits.clothes == "tee":
        band = np.exp(-0.5 * ((neckline - 0.06) / 0.006) ** 2)
        cloth *= (1 - 0.30 * band)[..., None]
    cloth *= (1 - 0.35 * np.exp(-np.clip(inside, 0, 1) / 0.02))[..., None]
    return cloth, mask.astype(np.float32)


def draw_headscarf(canvas: Canvas, traits: Traits, rng: np.random.Generator) -> tuple[Unit, Unit]:
    """Cloth over hair, ears and neck, open for the face: colour and mask."""
    u, v = canvas.u, canvas.v
    reach = traits.width + 0.095
    outer = reach + 0.10 * np.clip(v, 0, 1) + 0.75 * np.clip(v - 0.90, 0, 1) ** 1.3
    body = np.where(v < -0.2, dome(canvas, traits.width, 0.095), outer - abs(u))
    body = body + 0.006 * fbm(rng, canvas.shape, 60, 2)
    open_wide = traits.width * (0.86 - 0.02 * traits.asymmetry[2])
    face = 1 - (abs(u) / open_wide) ** 2.5 - (abs(v - 0.13) / np.where(v < 0.13, 0.70, 0.80)) ** 2.6
    skin = np.clip((half_width(traits, v) - abs(u) - 0.02) / 0.02, 0, 1)
    mask = np.clip(body / 0.015 + 0.5, 0, 1) * (1 - np.clip(0.5 + face / 0.045, 0, 1) * skin)
    radius = np.sqrt(u**2 + (v - 0.1) ** 2)
    angle = np.arctan2(u, -(v - 0.1))
    folds = np.sin(
        radius * 24 + 2.2 * np.sin(angle * 1.5 + traits.asymmetry[3]) + 1.6 * noise(rng, canvas.shape, (90, 90))
    )
    hang = np.sin(u * 15 + 6 * (v - 1) * np.sign(traits.parting) + 1.8 * noise(rng, canvas.shape, (110, 70)))
    low = smooth(v, 0.75, 1.2)
    z = 0.45 * np.sqrt(np.clip(1 - (u / np.maximum(outer, 0.1)) ** 2, 0, 1))
    z = z + 0.010 * folds * (1 - low) * smooth(v, -1.0, -0.3) + 0.026 * hang * low
    z = z + 0.05 * np.exp(-np.clip(-face, 0, 4) / 0.10) + 0.004 * fbm(rng, canvas.shape, 30, 2)
    light, _ = light_relief(canvas, z.astype(np.float32), traits, soft=2.0)
    cloth = np.empty((*canvas.shape, 3), dtype=np.float32)
    cloth[:] = traits.scarf_colour
    cloth *= (light * (1 + 0.03 * noise(rng, canvas.shape, (1.5, 1.5))))[..., None]
    return cloth, mask.astype(np.float32)


def draw_ghutra(canvas: Canvas, traits: Traits, rng: np.random.Generator) -> tuple[Unit, Unit]:
    """A man's headcloth, white or chequered, that hangs beside the face, with a black cord: colour and mask."""
    u, v = canvas.u, canvas.v
    outer = traits.width + 0.13 + 0.32 * np.clip(v + 0.1, 0, 1.1) ** 1.2
    body = np.where(v < -0.2, dome(canvas, traits.width, 0.12), outer - abs(u))
    body = body + 0.008 * fbm(rng, canvas.shape, 60, 2)
    edge = traits.width * (0.90 - 0.05 * np.clip(v, -0.5, 0.5)) + 0.10 * np.clip(v - 0.6, 0, 1)
    hem = -0.56 + 0.05 * (u / traits.width) ** 2 + 0.006 * noise(rng, canvas.shape, (200, 40))
    across, down = (edge - abs(u)) / 0.03, (v - hem) / 0.03
    open_face = -3.0 * np.logaddexp(-np.clip(across, -30, 30) / 3.0, -np.clip(down, -30, 30) / 3.0)  # round corners
    mask = np.clip(body / 0.015 + 0.5, 0, 1) * (1 - np.clip(open_face + 0.5, 0, 1))
    hang = np.sin(u * 19 + 2.5 * np.sign(u) * v + 1.5 * noise(rng, canvas.shape, (160, 60)))
    z = 0.45 * np.sqrt(np.clip(1 - (u / np.maximum(outer, 0.1)) ** 2, 0, 1))
    z = z + 0.020 * hang * smooth(v, -0.4, 0.5) + 0.03 * np.exp(-np.clip(-open_face, 0, 8) / 2.0)
    light, _ = light_relief(canvas, np.asarray(z + 0.004 * fbm(rng, canvas.shape, 30, 2), np.float32), traits, soft=2.0)
    cloth = np.empty((*canvas.shape, 3), dtype=np.float32)
    cloth[:] = (0.70, 0.70, 0.69)
    if traits.asymmetry[6] > 0:  # red chequers, woven along and across
        pitch = 52.0
        threads = np.clip(np.sin(u * pitch + 0.3 * hang), 0, 1) * np.clip(np.sin(v * pitch), 0, 1)
        cloth *= 1 - np.clip(1.5 * threads, 0, 1)[..., None] * np.array([0.25, 0.85, 0.80], np.float32)
    cloth *= (light * (1 + 0.03 * noise(rng, canvas.shape, (1.5, 1.5))))[..., None]
    cord = np.zeros(canvas.shape, np.float32)
    for at in (-0.80, -0.725):
        cord = np.maximum(cord, np.clip(1.6 - abs(v - at - 0.13 * (u / traits.width) ** 2) / 0.024, 0, 1))
    twist = 0.6 + 0.4 * np.sin(90 * u + 60 * v)
    black = np.array([0.022, 0.022, 0.025], np.float32) * twist[..., None]
    cloth = cloth + (black - cloth) * cord[..., None]
    return np.asarray(cloth, np.float32), mask.astype(np.float32)


def draw_cap(canvas: Canvas, traits: Traits, rng: np.random.Generator) -> tuple[Unit, Unit]:
    """A round brimless cap with a stitched edge: colour and mask."""
    u, v = canvas.u, canvas.v
    body = dome(canvas, traits.width, 0.045)
    rim = -0.56 + 0.16 * (u / traits.width) ** 2
    mask = np.clip(body / 0.012 + 0.5, 0, 1) * np.clip((rim - v) / 0.012 + 0.5, 0, 1)
    z = 0.5 * np.sqrt(np.clip(1 - (u / (traits.width + 0.06)) ** 2, 0, 1)) - 0.10 * np.clip(-0.75 - v, 0, 1)
    stitches = np.sin(64 * v + 4 * np.sin(26 * u)) * 0.5 + 0.5
    band = smooth(v, -0.72, -0.70)
    z = z + 0.004 * stitches * (0.35 + 0.65 * band) + 0.003 * fbm(rng, canvas.shape, 18, 2)
    light, _ = light_relief(canvas, z.astype(np.float32), traits, soft=1.6)
    cloth = np.empty((*canvas.shape, 3), dtype=np.float32)
    cloth[:] = (0.66, 0.65, 0.62) if traits.asymmetry[5] > -0.4 else traits.scarf_colour
    cloth *= (light * (1 - 0.10 * stitches * band) * (1 + 0.02 * noise(rng, canvas.shape, (1.6, 1.6))))[..., None]
    return cloth, mask.astype(np.float32)


def draw_glasses(canvas: Canvas, traits: Traits, picture: Unit) -> Unit:
    """Frames, bridge and a faint reflection."""
    power = traits.frame_round
    frame = np.zeros(canvas.shape, dtype=np.float32)
    glass = np.zeros(canvas.shape, dtype=np.float32)
    u = canvas.u - traits.yaw * 0.70
    for sign in (-1, 1):
        x, y = (sign * u - traits.eye_gap - 0.012) / 0.198, (canvas.v - 0.035) / 0.142
        radius = ((abs(x) ** power + abs(y) ** power) ** (1 / power)).astype(np.float32)
        rim = 0.010 / 0.17 + 0.015 * (traits.asymmetry[0] > 0)
        frame = np.maximum(frame, np.clip((rim - abs(radius - 1)) / 0.035 + 0.5, 0, 1))
        glass = np.maximum(glass, soft_below(radius, 1.0, 0.05))
    bridge = np.exp(-(np.abs((canvas.v + 0.035 + 0.9 * u**2) / 0.012) ** 3)) * soft_below(
        abs(u), traits.eye_gap - 0.175, 0.01
    )
    temple = np.exp(-(np.abs((canvas.v + 0.02) / 0.014) ** 3)) * smooth(
        abs(u), traits.eye_gap + 0.20, traits.eye_gap + 0.215
    )
    temple = temple * smooth(abs(u), traits.width + 0.01, traits.width - 0.01) * (not traits.headscarf)
    frame = np.clip(np.maximum(np.maximum(frame, bridge), temple), 0, 1)
    shadow = cv2.GaussianBlur(np.roll(frame, 5, axis=0), (0, 0), 3.5)
    picture = picture * (1 - 0.30 * shadow * (1 - frame))[..., None]
    sheen = glass * np.clip(0.5 - 2.0 * abs(u * 0.8 + canvas.v + 0.05), 0, 1)
    picture = picture * (1 - 0.04 * glass)[..., None] + (0.035 * sheen)[..., None]
    rims = np.asarray(traits.frame_colour, dtype=np.float32) * (0.8 + 0.5 * smooth(canvas.v, 0.1, -0.1))[..., None]
    result: Unit = (picture + (rims - picture) * frame[..., None]).astype(np.float32)
    return result
