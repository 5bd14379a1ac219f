"""Hair and beard of a portrait: masses with a soft, uneven border, filled with strands that follow the growth."""

from __future__ import annotations

import cv2
import numpy as np

from dafec.specimens.model import Unit
from dafec.specimens.portrait_head import half_width
from dafec.specimens.portrait_traits import Canvas, Traits, bump, dome, fbm, noise, smooth

__all__ = ["LONG_HAIR", "draw_back_hair", "draw_beard", "draw_hair"]

LONG_HAIR = ("long", "bob", "fringe", "waves")
_GREY = np.array([0.40, 0.40, 0.41], dtype=np.float32)


def _strand_noise(rng: np.random.Generator, across: Unit, along: Unit, fine: float, long: float) -> Unit:
    table = rng.standard_normal((40, 1024)).astype(np.float32)
    table = 0.7 * cv2.GaussianBlur(table, (0, 0), 0.8) * 2 + 0.5 * cv2.GaussianBlur(table, (0, 0), 4.0) * 6
    x = np.mod(across / fine + 300, 1023).astype(np.float32)
    y = np.mod(along / long + 10, 39).astype(np.float32)
    strands = cv2.remap(table, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return np.asarray(np.clip(strands, -2, 2), dtype=np.float32)


def _coloured(canvas: Canvas, traits: Traits, rng: np.random.Generator, strands: Unit, light: Unit) -> Unit:
    """Hair colour with strands, grey hairs among them, and the lamp's light."""
    hair: Unit = np.empty((*canvas.shape, 3), dtype=np.float32)
    hair[:] = traits.hair_colour
    white = np.clip(traits.grey * (1 + 0.22 * strands + 0.15 * fbm(rng, canvas.shape, 40, 2)), 0, 1)
    if traits.grey > 0.05:
        hair += (_GREY - hair) * white[..., None]
    lit = light * (1 + 0.24 * strands)
    lustre = np.clip(light - 0.72, 0, 1) * np.clip(0.6 + 0.7 * strands, 0, 2)
    shine = np.asarray(traits.hair_colour, dtype=np.float32) * 1.3 + 0.016
    result: Unit = np.clip(hair * lit[..., None] + shine * lustre[..., None], 0.002, 1)
    return result


def _flow(canvas: Canvas, traits: Traits, rng: np.random.Generator) -> tuple[Unit, Unit]:
    """Across and along the strands: they leave the crown and hang down."""
    u = canvas.u - traits.parting * 0.5 * (traits.hair in ("side", "long", "waves", "bob"))
    v = canvas.v + 0.92
    warp = 0.035 * fbm(rng, canvas.shape, 55, 2)
    radius = np.sqrt(u * u + (v * 0.8) ** 2) + 1e-3
    angle = np.arctan2(u, np.maximum(v + 0.12, 0.02) * 0.8 + 0.10)
    hang = smooth(canvas.v, -0.5, 0.35)
    straight = np.sign(u) * (abs(u)) * 1.5
    across = angle * 0.75 * (1 - hang) + straight * hang + warp
    if traits.hair in ("waves", "curly"):
        amplitude = 0.018 if traits.hair == "waves" else 0.05
        across = across + amplitude * np.sin(canvas.v * (13 if traits.hair == "waves" else 30) + 3 * warp / 0.035)
    if traits.hair in ("short", "side", "receding", "buzz"):
        across = across + 0.25 * canvas.v * np.sign(traits.parting) * smooth(canvas.v, -0.4, -0.9)
    return across.astype(np.float32), radius.astype(np.float32)


def _volume(traits: Traits) -> float:
    base = {"short": 0.085, "side": 0.10, "buzz": 0.025, "receding": 0.05, "bald": 0.02, "curly": 0.19, "tied": 0.045}
    return base.get(traits.hair, 0.11) * (
        0.7 + 0.3 * traits.volume if traits.hair in ("buzz", "bald") else traits.volume
    )


def _outer(canvas: Canvas, traits: Traits, rng: np.random.Generator) -> Unit:
    """How far inside the hair's outer border, in half heads, above the jaw."""
    thick = _volume(traits)
    curly = traits.hair == "curly"
    full = traits.hair in (*LONG_HAIR, "curly")
    narrow = thick * (0.85 if full else 0.40)
    inside = dome(canvas, traits.width, narrow + (0.015 if thick > 0.04 else 0.0)) + (thick - narrow) * smooth(
        canvas.v, -0.2, -0.8
    )
    below = half_width(traits, np.clip(canvas.v, -0.2, 0.3)) + narrow - abs(canvas.u)
    inside = np.where(canvas.v < -0.2, inside, np.minimum(inside, below))
    ragged = 0.006 * fbm(rng, canvas.shape, 14 if curly else 24, 3) * (2.2 if curly else 1.0)
    result: Unit = (inside + ragged).astype(np.float32)
    return result


def _temples(side: Unit, start: float) -> Unit:
    """How far the hairline comes down between the temple and the ear."""
    result: Unit = 0.72 * smooth(side, start, 1.0) ** 0.8
    return result


def _hairline(canvas: Canvas, traits: Traits, rng: np.random.Generator) -> Unit:
    """How far above the line where the forehead begins."""
    u = canvas.u
    side = abs(u) / traits.width
    start = traits.hairline
    if traits.hair == "receding":
        start = start - 0.16
        line = start + 0.02 - 0.10 * np.exp(-0.5 * ((side - 0.42) / 0.17) ** 2) + 1.15 * _temples(side, 0.80)
    elif traits.hair == "bald":
        line = -1.10 + 0.35 * np.clip(side - 0.6, 0, 1) + 1.35 * smooth(side, 0.80, 0.97)
    elif traits.hair == "fringe":
        line = -0.30 + 0.03 * side + 0.012 * np.sin(u * 22) + 0.35 * smooth(side, 0.75, 0.95)
    elif traits.hair in ("side", "long", "waves", "bob"):
        swept = (u - traits.parting) * -np.sign(traits.parting)
        line = start + 0.10 * np.clip(swept, 0, 1) - 0.03 + 0.30 * np.clip(side - 0.42, 0, 1) + _temples(side, 0.74)
    else:
        line = start + 0.01 - 0.03 * np.cos(u * 9) + 0.20 * np.clip(side - 0.5, 0, 1) + _temples(side, 0.76)
    line = line + (0.016 + 0.022 * smooth(side, 0.6, 0.9)) * fbm(rng, canvas.shape, 16, 3)
    result: Unit = (line - canvas.v).astype(np.float32)
    return result


def _curtains(canvas: Canvas, traits: Traits, rng: np.random.Generator) -> Unit:
    """Hair beside the face, in front of the shoulders: how far inside it."""
    length = {"long": 1.75, "waves": 1.65, "bob": 0.86, "fringe": 1.25}.get(traits.hair)
    if length is None:
        return np.full(canvas.shape, -1.0, dtype=np.float32)
    v = canvas.v
    inner = traits.width * (0.88 + 0.06 * np.clip(v, 0, 1.4)) + 0.012 * np.sin(3 * v + traits.asymmetry[2])
    inner = inner - 0.07 * smooth(v, 0.7, 1.4)
    outer = (
        traits.width
        + _volume(traits) * (0.85 + 0.35 * np.clip(v, 0, 1.2))
        + 0.012 * np.sin(3 * v + traits.asymmetry[3])
    )
    outer = outer - 0.10 * smooth(v, length - 0.5, length)
    side = abs(canvas.u) + 0.012 * fbm(rng, canvas.shape, 30, 3)
    inside = np.minimum(side - inner, outer - side)
    bottom = length + 0.07 * noise(rng, canvas.shape, (400, 14)) - v
    result: Unit = np.minimum(np.minimum(inside, bottom), (v + 0.40) * 0.25).astype(np.float32)
    return result


def draw_back_hair(canvas: Canvas, traits: Traits, rng: np.random.Generator) -> tuple[Unit, Unit]:
    """Hair behind the neck: colour and mask."""
    length = {"bob": 0.84, "fringe": 1.2}.get(traits.hair, 1.7)
    v = canvas.v
    wide = traits.width + _volume(traits) * (0.7 + 0.4 * np.clip(v, 0, 1.2)) - 0.15 * smooth(v, length - 0.3, length)
    inside = wide - abs(canvas.u) + 0.012 * fbm(rng, canvas.shape, 30, 3)
    inside = np.minimum(inside, length + 0.05 * noise(rng, canvas.shape, (400, 12)) - v)
    mask = np.clip(inside / 0.03 + 0.5, 0, 1) * smooth(v, -0.6, -0.4)
    strands = _strand_noise(rng, canvas.u * 1.2, v, 0.006, 0.5)
    light = 0.30 + 0.12 * smooth(abs(canvas.u), 0.4, 0.8)
    return _coloured(canvas, traits, rng, strands, light.astype(np.float32)), mask.astype(np.float32)


def draw_hair(canvas: Canvas, traits: Traits, rng: np.random.Generator) -> tuple[Unit, Unit]:
    """Hair over forehead, temples and sides: colour and mask."""
    across, along = _flow(canvas, traits, rng)
    curly = traits.hair == "curly"
    strands = _strand_noise(rng, across, along, 0.0065 if not curly else 0.010, 0.30 if not curly else 0.06)
    outer = _outer(canvas, traits, rng)
    line = _hairline(canvas, traits, rng)
    fine = 0.012 * strands
    soft_line = 0.055 if traits.hair not in ("receding", "bald", "buzz") else 0.075
    cap = np.clip((line + 1.6 * fine) / soft_line + 0.5, 0, 1)
    cap *= np.clip((outer + fine) / 0.018 + 0.5, 0, 1)
    low = 0.13 if traits.hair in ("short", "side", "buzz", "receding", "bald", "curly") else 0.05
    uneven = 0.03 * strands + 0.035 * noise(rng, canvas.shape, (60, 7))
    cap *= smooth(canvas.v + uneven, low, low - 0.20)
    if traits.hair in ("buzz", "bald"):
        cap *= 0.80 - 0.12 * strands
    if traits.hair == "tied":
        cap *= smooth(abs(canvas.u) - traits.width * 0.97, 0.05, 0.0)
    curtain = _curtains(canvas, traits, rng)
    curtain_mask = np.clip((curtain + fine) / 0.03 + 0.5, 0, 1)
    mask = np.maximum(np.clip(cap, 0, 1), curtain_mask)
    wide = traits.width + _volume(traits)
    across_head = np.clip(canvas.u / wide, -1, 1)
    dome = np.sqrt(np.clip(1 - across_head**2, 0, 1))
    lamp = bump(canvas.u, canvas.v, (traits.light[0] * 0.9, -0.72), (0.42, 0.20))
    light = 0.34 + 0.34 * dome * smooth(canvas.v, 0.7, -0.8) + 0.42 * lamp
    light = light + 0.10 * fbm(rng, canvas.shape, 40, 2)
    light *= 0.55 + 0.45 * smooth(outer, 0.0, 0.06) if not curly else 0.75
    edge = np.clip(curtain / 0.12, 0, 1)
    light = np.where(curtain_mask > cap, 0.34 + 0.26 * edge + 0.06 * strands, light)
    return _coloured(canvas, traits, rng, strands, np.clip(light, 0.12, 1.3).astype(np.float32)), mask.astype(
        np.float32
    )


def draw_beard(canvas: Canvas, traits: Traits, rng: np.random.Generator) -> tuple[Unit, Unit]:
    """Beard and moustache: colour and mask."""
    u, v = canvas.u, canvas.v
    side = abs(u)
    wide = half_width(traits, np.clip(v, -1, 0.9))
    upper = 0.56 - 0.42 * smooth(side, traits.mouth_width + 0.04, traits.width * 0.93) ** 1.6
    upper = upper + 0.030 * fbm(rng, canvas.shape, 20, 2)
    body = smooth(v - upper, -0.03, 0.07) * smooth(side - wide, 0.035, -0.01)
    chin = 1.0 + 0.09 * traits.beard - 0.28 * np.clip(side - 0.15, 0, 1)
    body *= smooth(v, chin + 0.06 + 0.022 * np.clip(noise(rng, canvas.shape, (300, 5)), -1.5, 1.5), chin - 0.02)
    mouth = bump(u, v, (0, 0.635), (traits.mouth_width * 0.70, traits.lips * 0.75 + 0.012))
    below = bump(side, v, (0.095, 0.735), (0.035, 0.028))
    body = body * np.clip(1 - 1.9 * mouth - 0.6 * below, 0, 1)
    if traits.beard_style == "goatee":
        body = body * smooth(side, traits.mouth_width + 0.10, traits.mouth_width + 0.02)
    elif traits.beard_style == "moustache":
        body = np.zeros_like(body)
    if traits.moustache or traits.beard_style == "moustache":
        lip = 0.540 + 0.05 * (side / traits.mouth_width) ** 2
        tache = np.exp(-(np.abs((v - lip) / 0.040) ** 3)) * smooth(
            side, traits.mouth_width + 0.06, traits.mouth_width - 0.02
        )
        body = np.maximum(body, tache * (1 - 0.35 * bump(u, v, (0, 0.52), (0.018, 0.03))))
    strands = _strand_noise(rng, u * 1.1 + 0.25 * (v - 0.6) * np.sign(u), v, 0.0085, 0.085)
    dense = 0.55 + 0.45 * traits.beard
    mask = np.clip(body * (dense + 0.30 * strands), 0, 0.97)
    light = 0.46 - 0.16 * smooth(v, 0.85, 1.05) + 0.10 * traits.light[0] * u + 0.07 * fbm(rng, canvas.shape, 25, 2)
    light += 0.12 * bump(u, v, (0.1 * traits.light[0], 0.86), (0.2, 0.08))
    return _coloured(canvas, traits, rng, strands, light.astype(np.float32)), mask.astype(np.float32)
