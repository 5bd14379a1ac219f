"""The head of a portrait: relief, light, skin, eyes, brows and lips.

The relief is a height over the picture plane: the skull as a generalised cylinder, and hills and hollows (Gaussians)
for brow ridge, sockets, nose, cheek bones, lips and chin. Its gradient gives normals, the normals Lambert light from a
lamp and a fill light; its difference from its own blur darkens hollows. Proportions are those of anthropometric
textbooks: eyes half way up the head, the nose's foot 0.42 and the mouth 0.62 of the way from there to the chin.
"""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.specimens.model import Unit
from dafec.specimens.portrait_traits import Canvas, Traits, blurred, bump, fbm, noise, smooth, soft_below

__all__ = ["draw_head", "draw_neck", "half_width", "light_relief"]

_SAMPLES = np.linspace(-1.2, 1.2, 481)
_DEPTH_AT = np.linspace(-1.15, 1.15, 24)
_DEPTH = (
    0.64 - 0.30 * np.abs(_DEPTH_AT + 0.05) ** 2.6 - 0.10 * np.clip(_DEPTH_AT - 0.75, 0, 1)
)  # of the head, down the page
_EAR = (0.115, 0.060, 0.165)  # v, half width, half height
_WHITE_OF_EYE = (0.50, 0.455, 0.42)


def half_width(traits: Traits, v: Unit) -> Unit:
    """Half the width of skull and jaw at height ``v``; 0 outside."""
    at = _SAMPLES
    skull = np.sqrt(np.clip(1 - ((at + 0.22) / 0.80) ** 2, 0, 1))
    temple = np.interp(at, [-0.22, 0.12, 0.40, 0.64], [1.0, 0.985, 0.93, traits.jaw])
    kernel = np.exp(-0.5 * (np.arange(-25, 26) / 9.0) ** 2)
    temple = np.convolve(np.pad(temple, 25, mode="edge"), kernel / kernel.sum(), mode="valid")
    t = np.clip((at - 0.56) / 0.45, 0, 1)
    square = 1.75 + 0.7 * traits.chin
    jaw = np.clip(1 - t**square, 0, 1) ** 0.55
    shape = np.where(at < -0.22, skull * temple, temple * jaw)
    result: Unit = (traits.width * np.interp(v, at, shape)).astype(np.float32)
    return result


def _groove(x: Unit, y: Unit, points: list[tuple[float, float]], width: float) -> Unit:
    """A soft line through points: 1 on it."""
    best = np.full(x.shape, 1e9, dtype=np.float32)
    for (x0, y0), (x1, y1) in pairwise(points):
        dx, dy = x1 - x0, y1 - y0
        t = np.clip(((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy), 0, 1)
        np.minimum(best, (x - x0 - t * dx) ** 2 + (y - y0 - t * dy) ** 2, out=best)
    result: Unit = np.exp(-0.5 * best / width**2)
    return result


def _nose(u: Unit, v: Unit, traits: Traits) -> Unit:
    length, wide = traits.nose_length, traits.nose_width
    along = np.clip((v + 0.12) / (length + 0.08), 0, 1)
    narrow = 0.040 + 0.022 * along
    ridge = 0.135 * traits.nose_ridge * along**1.1 * np.exp(-0.5 * (u / narrow) ** 2)
    ridge = ridge * smooth(v, length + 0.025, length - 0.10)
    tip = 0.070 * bump(u, v, (0, length - 0.060), (0.062, 0.055))
    sides = abs(u)
    wings = 0.050 * bump(sides, v, (wide * 0.72, length - 0.035), (wide * 0.27, 0.042))
    foot = smooth(v, length + 0.045, length - 0.030)
    total: Unit = (ridge + (tip + wings) * foot).astype(np.float32)
    return total


def _mouth_line(u: Unit, traits: Traits) -> Unit:
    t = np.clip(abs(u) / traits.mouth_width, 0, 1.4)
    line: Unit = (
        0.622 - traits.smile * t**2 - 0.005 * np.exp(-((u / 0.05) ** 2)) + 0.005 * np.exp(-(((t - 0.4) / 0.25) ** 2))
    )
    return line


def _lips(u: Unit, v: Unit, traits: Traits) -> tuple[Unit, Unit, Unit]:
    """Upper lip, lower lip and the distance below the line between them."""
    t = np.clip(abs(u) / traits.mouth_width, 0, 1)
    below = v - _mouth_line(u, traits)
    bow = 1 - 0.26 * np.exp(-((u / 0.030) ** 2))
    upper_height = 0.43 * traits.lips * (1 - t**1.7) * bow * 1.25
    lower_height = 0.62 * traits.lips * (1 - t**2.2) ** 0.9 * 1.25
    soft = 0.010
    inside = smooth(t, 1.0, 0.93)
    upper = np.clip((below + upper_height) / soft + 0.5, 0, 1) * np.clip(0.5 - below / soft, 0, 1) * inside
    lower = np.clip((lower_height - below) / (1.6 * soft) + 0.5, 0, 1) * np.clip(0.5 + below / soft, 0, 1) * inside
    return upper.astype(np.float32), lower.astype(np.float32), below


def _relief(canvas: Canvas, traits: Traits, rng: np.random.Generator) -> Unit:
    v = canvas.v
    wide = np.maximum(half_width(traits, v), 1e-3)
    depth = np.interp(v, _DEPTH_AT, _DEPTH).astype(np.float32)
    across = np.clip(canvas.u / wide, -1, 1)
    z = (depth * np.cos(1.18 * across) * 1.0).astype(np.float32)
    u = canvas.u - traits.yaw * 1.0 * z
    side = abs(u)
    worn = float(np.clip((traits.age - 28) / 45, 0, 1))
    gap = traits.eye_gap
    z += 0.030 * (0.8 if traits.woman else 1.25) * bump(side, v, (0.20, traits.brow_height + 0.035), (0.15, 0.050))
    z -= 0.050 * bump(side, v, (gap - 0.02, -0.005), (0.135, 0.070))
    z -= 0.032 * bump(side, v, (0.115, -0.015), (0.040, 0.060))
    z += 0.030 * bump(side, v, (gap, 0.004), (0.085, 0.052))
    z += _nose(u, v, traits)
    z += (0.020 + 0.022 * traits.cheek) * bump(side, v, (0.395, 0.235), (0.135, 0.105))
    z -= 0.022 * worn * bump(side, v, (0.36, 0.52), (0.10, 0.12))
    z += 0.040 * bump(u, v, (0, 0.62), (0.17, 0.10))
    upper, lower, below = _lips(u, v, traits)
    z += cv2.GaussianBlur(0.018 * upper + 0.030 * lower, (0, 0), canvas.unit_px * 0.012)
    z -= 0.020 * np.exp(-0.5 * (below / 0.010) ** 2) * smooth(side, traits.mouth_width * 1.12, traits.mouth_width * 0.8)
    z -= 0.012 * bump(u, v, (0, 0.515), (0.022, 0.045))
    z -= 0.024 * bump(u, v, (0, 0.765), (0.12, 0.030))
    z += 0.050 * bump(u, v, (0, 0.885), (0.12 + 0.05 * traits.chin, 0.075))
    fold = _groove(
        side, v, [(traits.nose_width + 0.025, 0.40), (0.235, 0.50), (traits.mouth_width + 0.055, 0.64)], 0.022
    )
    z -= (0.004 + 0.016 * worn) * fold
    z -= (0.002 + 0.010 * worn) * _groove(side, v, [(gap - 0.10, 0.075), (gap, 0.105), (gap + 0.09, 0.085)], 0.016)
    if worn > 0.2:
        for row in range(3):
            wave = -0.40 + 0.075 * row + 0.012 * np.cos(5 * u + traits.asymmetry[row])
            z -= 0.005 * worn * np.exp(-0.5 * ((v - wave) / 0.010) ** 2) * smooth(side, 0.42, 0.2)
        for row in (-1, 0, 1):
            start = (gap + traits.eye_width + 0.03, 0.015 + 0.02 * row)
            z -= 0.005 * worn * _groove(side, v, [start, (start[0] + 0.08, start[1] + 0.035 * row)], 0.007)
    z += 0.0012 * fbm(rng, canvas.shape, 7, 3) + 0.006 * fbm(rng, canvas.shape, 45, 2)
    z += 0.006 * traits.asymmetry[4] * u
    return z.astype(np.float32)


def light_relief(canvas: Canvas, z: Unit, traits: Traits, *, soft: float = 1.2) -> tuple[Unit, Unit]:
    """Light on a relief.

    Args:
        canvas: for its scale.
        z: height over the picture plane, in half heads.
        traits: lamp and fill light.
        soft: blur of the relief first, pixels.

    Returns:
        Diffuse light (1 = full lamp) and specular light, both (h, w).
    """
    height = cv2.GaussianBlur(z, (0, 0), soft) * canvas.unit_px
    dx = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3, scale=0.125)
    dy = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3, scale=0.125)
    length = 1 / np.sqrt(1 + dx * dx + dy * dy)
    lx, ly, lz = traits.light
    facing = (-dx * lx - dy * ly + lz) * length
    wrapped = np.clip((facing + 0.18) / 1.18, 0, 1)
    hollow = height - blurred(height, canvas.unit_px * 0.07)
    occluded = np.clip(1 + 0.055 * np.minimum(hollow, 0), 0.55, 1)
    fill = traits.ambient * (0.62 + 0.38 * length) * occluded
    half = [x / float(np.linalg.norm([lx, ly, lz + 1])) for x in (lx, ly, lz + 1)]
    mirror = np.clip((-dx * half[0] - dy * half[1] + half[2]) * length, 0, 1)
    diffuse: Unit = (fill + (1.04 - traits.ambient) * wrapped * (0.5 + 0.5 * occluded)).astype(np.float32)
    gloss: Unit = (mirror**22).astype(np.float32)
    return diffuse, gloss


def _skin(canvas: Canvas, traits: Traits, rng: np.random.Generator) -> Unit:
    u, v = canvas.u, canvas.v
    skin = np.empty((*canvas.shape, 3), dtype=np.float32)
    skin[:] = traits.skin
    mottle = 0.035 * fbm(rng, canvas.shape, 38, 4) + 0.02 * fbm(rng, canvas.shape, 5, 2)
    skin *= (1 + mottle * (1.3 if traits.age > 50 else 0.9))[..., None]
    side = abs(u)
    red = 0.8 * bump(side, v, (0.34, 0.34), (0.15, 0.12)) + 0.9 * bump(
        u, v, (0, traits.nose_length - 0.06), (0.10, 0.07)
    )
    red += 0.4 * bump(u, v, (0, 0.9), (0.15, 0.08)) + 0.25 * fbm(rng, canvas.shape, 60, 2)
    red = red * traits.flush
    skin *= 1 - red[..., None] * np.array([0.02, 0.13, 0.12], dtype=np.float32)
    tired = bump(side, v, (traits.eye_gap - 0.01, 0.085), (0.10, 0.035)) * (0.4 + 0.6 * (traits.age > 40))
    tired += 0.8 * bump(side, v, (traits.eye_gap, -0.06), (0.13, 0.04))
    skin *= 1 - tired[..., None] * np.array([0.10, 0.15, 0.12], dtype=np.float32)
    spots = noise(rng, canvas.shape, (3.2, 3.2))
    skin *= (1 - 0.10 * np.clip(spots - (2.1 if traits.age < 50 else 1.8), 0, 1))[..., None]
    if traits.stubble > 0:
        area = smooth(v, 0.30, 0.55) * (1 - smooth(side, 0.50, 0.60) * smooth(v, 0.5, 0.3))
        area *= 1 - 0.85 * bump(side, v, (0.33, 0.38), (0.13, 0.10))
        dots = 0.7 + 0.3 * np.clip(noise(rng, canvas.shape, (1.6, 1.6)), -1, 2)
        tint = np.array([0.62, 0.60, 0.50], dtype=np.float32)
        skin *= 1 - (traits.stubble * np.clip(area * dots, 0, 1))[..., None] * tint * 0.75
    return skin


def _brows(canvas: Canvas, u: Unit, traits: Traits, rng: np.random.Generator) -> Unit:
    """Coverage of the brows' hairs."""
    total = np.zeros(canvas.shape, dtype=np.float32)
    for sign in (-1, 1):
        where = sign * traits.eye_gap
        place = canvas.window(where - 0.26, where + 0.26, -0.36, 0.02)
        v = canvas.v[place]
        x = sign * u[place] - traits.eye_gap
        lift = 0.006 * traits.asymmetry[5 + (sign > 0)]
        t = np.clip((x + 0.155) / 0.345, 0, 1)
        middle = traits.brow_height + lift + 0.006 + 0.014 * t - traits.brow_arch * np.sin(np.pi * t**1.25)
        middle = middle + 0.05 * np.clip(t - 0.65, 0, 1)
        thick = traits.brow_thick * (0.75 + 0.5 * t) * (1 - smooth(t, 0.5, 1.02) * 0.85)
        ends = smooth(x, -0.185, -0.115) * smooth(x, 0.20, 0.15)
        band = np.exp(-(np.abs((v - middle) / thick) ** 2.4)) * ends
        hairs = _strands(rng, (v - middle) + 0.30 * x, x, fine=0.0085, long=0.10)
        total[place] = np.maximum(total[place], np.clip(band * (0.62 + 0.55 * hairs), 0, 1))
    return total


def _strands(rng: np.random.Generator, across: Unit, along: Unit, *, fine: float, long: float) -> Unit:
    """Hair: noise fine across and long along, about -1..1."""
    table = rng.standard_normal((48, 512)).astype(np.float32)
    table = cv2.GaussianBlur(table, (0, 0), 0.7) * 1.9
    x = np.mod(across / fine, 511).astype(np.float32)
    y = np.mod(along / long + 20, 47).astype(np.float32)
    strands = cv2.remap(table, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return np.asarray(np.clip(strands, -1.5, 1.5), dtype=np.float32)


def _eyes(picture: Unit, canvas: Canvas, u: Unit, light: Unit, traits: Traits) -> Unit:
    for sign in (-1, 1):
        middle = sign * traits.eye_gap
        place = canvas.window(middle - 0.20, middle + 0.20, -0.14, 0.12)
        picture[place] = _eye(picture[place], canvas.v[place], u[place], light[place], traits, sign)
    return picture


def _eye(picture: Unit, v: Unit, u: Unit, light: Unit, traits: Traits, sign: int) -> Unit:
    """One eye with its lids and lashes, on a part of the picture."""
    x = (sign * u - traits.eye_gap) / traits.eye_width
    y = v - 0.004 * traits.asymmetry[7] * sign + traits.eye_slant * x * traits.eye_width
    t = np.clip(abs(x), 0, 1)
    opening = traits.eye_open * (1 + 0.05 * traits.asymmetry[8] * sign)
    upper = -opening * (1.18 - 0.42 * traits.lid) * (1 - t**2.1) ** 0.75
    lower = opening * 0.66 * (1 - np.clip(abs(x - 0.12) / 1.12, 0, 1) ** 2.2)
    soft = 0.006
    white = np.clip((y - upper) / soft + 0.5, 0, 1) * np.clip((lower - y) / soft + 0.5, 0, 1) * smooth(t, 1.02, 0.95)
    gx = x * traits.eye_width - np.float32(sign * (0.003 * traits.asymmetry[9] + traits.gaze[0] * traits.eye_width))
    y = y - np.float32(traits.gaze[1] * traits.eye_width * 0.5)
    radius = np.sqrt(gx**2 + (y + 0.006) ** 2)
    iris = soft_below(radius, 0.0545, 0.008)
    pupil = soft_below(radius, 0.021, 0.007)
    rays = 0.85 + 0.3 * np.sin(23 * np.arctan2(y + 0.006, gx) + 6 * traits.asymmetry[9])
    colour = np.asarray(traits.eye_colour, dtype=np.float32)
    ball = np.empty_like(picture)
    ball[:] = _WHITE_OF_EYE
    ball *= (1 - 0.25 * t**2)[..., None]
    depth = np.clip(radius / 0.054, 0, 1)
    tint = (rays * (1.25 - 0.75 * depth**4))[..., None] * colour
    ball = ball + (tint - ball) * iris[..., None]
    ball *= (1 - 0.93 * pupil)[..., None]
    lidded = smooth(y - upper, 0.0, 0.034)
    ball *= (0.42 + 0.58 * lidded)[..., None] * (0.35 + 0.65 * np.clip(light, 0, 1.1))[..., None]
    shine = bump(gx, y, (sign * traits.light[0] * 0.03 + 0.004, -0.021), (0.0062, 0.0062))
    ball += 0.75 * shine[..., None]
    red = bump(x, y, (-0.98, 0.004), (0.10, 0.013))
    ball *= 1 - red[..., None] * np.array([0.05, 0.35, 0.35], dtype=np.float32)
    picture = picture + (ball - picture) * white[..., None]
    lash = np.exp(-0.5 * ((y - upper + 0.003) / (0.0095 if traits.woman else 0.0075)) ** 2) * smooth(abs(x), 1.10, 0.92)
    lash *= 0.85 if traits.woman else 0.68
    under = np.exp(-0.5 * ((y - lower - 0.003) / 0.007) ** 2) * smooth(abs(x), 1.0, 0.8) * 0.28
    crease = np.exp(-0.5 * ((y - upper * 1.15 + 0.030) / 0.009) ** 2) * smooth(abs(x), 1.15, 0.7) * 0.33
    dark = np.clip(lash + under + crease, 0, 0.93)
    picture = picture * (1 - dark[..., None] * np.array([0.88, 0.93, 0.95], dtype=np.float32))
    return picture


def _ears(canvas: Canvas, traits: Traits) -> tuple[Unit, Unit]:
    """Relief and mask of the ears."""
    v0, wide, high = _EAR
    high *= traits.ears
    edge = half_width(traits, np.float32(v0) + 0 * canvas.v)
    side = abs(canvas.u) - edge + 0.012 + 0.06 * (canvas.v - v0)
    y = canvas.v - v0
    near = np.clip(1 - 4.5 * traits.yaw * np.sign(canvas.u), 0.45, 1.6)  # the ear turned away is hidden more
    narrow = wide * near * (1 - 0.28 * np.clip(y / high, -1, 1))
    radius = np.sqrt((side / narrow) ** 2 + (y / high) ** 2)
    mask = soft_below(radius, 1.0, 0.09)
    rim = np.exp(-0.5 * ((radius - 0.80) / 0.14) ** 2) * 0.028
    bowl = -0.030 * np.exp(-0.5 * ((side / (0.5 * wide)) ** 2 + (y / (0.42 * high)) ** 2))
    return (rim + bowl + 0.03).astype(np.float32), mask


def draw_head(canvas: Canvas, traits: Traits, rng: np.random.Generator) -> tuple[Unit, Unit]:
    """Face and ears without hair.

    Returns:
        (h, w, 3) linear colour and (h, w) mask.
    """
    z = _relief(canvas, traits, rng)
    wide = half_width(traits, canvas.v) * (1 + np.float32(0.22 * traits.yaw) * np.sign(canvas.u))
    face = np.clip((wide - abs(canvas.u)) / 0.014 + 0.5, 0, 1) * (abs(canvas.v) < 1.05)
    ears, ear_mask = _ears(canvas, traits)
    ear_mask = ear_mask * (1 - face)
    z = z * face + (0.12 + ears) * (1 - face)
    light, gloss = light_relief(canvas, z.astype(np.float32), traits)
    u = canvas.u - traits.yaw * 1.0 * cv2.GaussianBlur(z, (0, 0), 3)
    skin = _skin(canvas, traits, rng)
    skin *= 1 - (ear_mask * 0.8)[..., None] * np.array([0.02, 0.14, 0.12], dtype=np.float32)
    upper, lower, below = _lips(u, canvas.v, traits)
    lip = np.clip(upper + lower, 0, 1)
    strength = 0.95 if traits.woman else 0.62
    skin *= 1 - (lip * strength)[..., None] * np.array([0.16, 0.47, 0.40], dtype=np.float32)
    skin *= 1 - (upper * 0.22)[..., None]
    oily = 0.014 + 0.055 * float(np.mean(traits.skin))
    shine = oily * gloss * (1 + 0.25 * fbm(rng, canvas.shape, 4, 2)) + 0.05 * gloss * lower
    picture = skin * light[..., None] + shine[..., None]
    gone = smooth(abs(u), traits.mouth_width * 1.02, traits.mouth_width * 0.75)
    parted = np.exp(-0.5 * (below / 0.0065) ** 2) * gone
    corner = bump(abs(u), below, (traits.mouth_width, 0.0), (0.016, 0.010))
    picture *= 1 - np.clip(0.62 * parted + 0.35 * corner, 0, 0.85)[..., None] * np.array([0.85, 1, 1], dtype=np.float32)
    nostril = bump(abs(u), canvas.v, (traits.nose_width * 0.43, traits.nose_length + 0.006), (0.024, 0.0095))
    under = bump(abs(u), canvas.v, (0, traits.nose_length + 0.030), (traits.nose_width * 0.7, 0.022))
    wing = bump(abs(u), canvas.v, (traits.nose_width * 1.04, traits.nose_length - 0.03), (0.011, 0.032))
    dark = np.clip(0.62 * nostril + 0.10 * under + 0.16 * wing, 0, 0.8)
    picture *= 1 - dark[..., None] * np.array([0.85, 1.0, 1.0], dtype=np.float32)
    picture = _eyes(picture, canvas, u, light, traits)
    brows = _brows(canvas, u, traits, rng)
    hair = np.asarray(_mixed_grey(traits, 0.6), dtype=np.float32) * 0.85
    picture = picture + (hair * light[..., None] - picture) * (0.80 * brows)[..., None]
    mask: NDArray[np.float32] = np.clip(face + ear_mask, 0, 1).astype(np.float32)
    return picture.astype(np.float32), mask


def _mixed_grey(traits: Traits, share: float) -> tuple[float, float, float]:
    amount = traits.grey * share
    red, green, blue = traits.hair_colour
    return red + (0.33 - red) * amount, green + (0.33 - green) * amount, blue + (0.34 - blue) * amount


def draw_neck(canvas: Canvas, traits: Traits, rng: np.random.Generator) -> tuple[Unit, Unit]:
    """The neck, a cylinder that widens to the shoulders."""
    v = canvas.v
    base = traits.width * (0.56 if traits.woman else 0.70)
    wide = base * (1 + 0.55 * np.clip((v - 1.12) / 0.45, 0, 1.6) ** 2.2)
    across = np.clip(canvas.u / wide, -1, 1)
    z = 0.5 * np.cos(1.2 * across) - 0.018 * bump(canvas.u, v, (0, 1.42), (0.07, 0.07))
    tendons = _groove(abs(canvas.u), v, [(base * 0.80, 0.95), (0.06, 1.42)], 0.030)
    z += 0.010 * tendons + 0.012 * bump(canvas.u, v, (0, 1.18), (0.06, 0.08)) * (not traits.woman)
    light, _ = light_relief(canvas, z.astype(np.float32), traits, soft=2.0)
    skin = np.empty((*canvas.shape, 3), dtype=np.float32)
    skin[:] = traits.skin
    skin *= (0.90 * (1 + 0.03 * fbm(rng, canvas.shape, 30, 3)))[..., None]
    mask = np.clip((wide - abs(canvas.u)) / 0.02 + 0.5, 0, 1) * (v > 0.4)
    return skin * light[..., None], mask.astype(np.float32)
