"""Portraits of people who do not exist: a head and shoulders as a photograph for a document.

The head is a relief over the picture plane (``portrait_head``): a skull and jaw with brow, eyes, nose, lips, chin and
ears, lit by a soft lamp from the front and a fill light. Skin, eyes, brows and lips are albedo. Hair, beard, headscarf,
glasses and clothes (``portrait_hair``, ``portrait_dress``) lie over it. Everything is drawn at ``_ROWS`` rows for a
picture of 45 mm, near the resolution of a studio camera's picture on a document, and scaled to what is asked for.

The lowest bit of a face's seed says whether it looks like a woman's (1) or a man's (0).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.specimens.model import Unit
from dafec.specimens.portrait_dress import draw_background, draw_clothes, draw_glasses, draw_headscarf
from dafec.specimens.portrait_hair import draw_back_hair, draw_beard, draw_hair
from dafec.specimens.portrait_head import draw_head, draw_neck
from dafec.specimens.portrait_traits import Canvas, Traits, draw_traits, fbm

__all__ = ["PortraitStyle", "draw_portrait"]

_ROWS = 640  # 360 dpi at 45 mm
_PAPER_WHITE = 0.9


@dataclass(frozen=True, slots=True)
class PortraitStyle:
    """How the photograph was taken."""

    age: float = 35.0  # years
    background: tuple[float, float, float] = (0.62, 0.64, 0.66)  # linear
    headscarf_share: float = 0.0  # how many women wear one
    exposure: float = 1.0


def _blend(below: Unit, above: Unit, mask: Unit) -> Unit:
    result: Unit = below + (above - below) * mask[..., None]
    return result


def _shade_below(picture: Unit, mask: Unit, *, shift: tuple[float, float], blur: float, strength: float) -> Unit:
    """Darkens where something in front casts its soft shadow."""
    rows, columns = mask.shape
    move = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], dtype=np.float64)
    cast = cv2.GaussianBlur(cv2.warpAffine(mask, move, (columns, rows)), (0, 0), blur)
    result: Unit = picture * (1.0 - strength * np.clip(cast, 0, 1))[..., None]
    return result


def _photograph(canvas: Canvas, picture: Unit, traits: Traits, rng: np.random.Generator) -> Unit:
    """Lens, film and studio: soft focus, a little vignetting, a print's tone curve, fine grain."""
    soft = cv2.GaussianBlur(picture, (0, 0), traits.lens_blur)
    glow = cv2.GaussianBlur(picture, (0, 0), 9.0)
    lit = 0.94 * soft + 0.06 * glow
    lit *= (1.0 - 0.05 * (canvas.u**2 + 0.5 * canvas.v**2))[..., None]
    lit *= np.asarray(traits.cast, dtype=np.float32)
    grain = rng.normal(0, 1, (*picture.shape[:2], 1)).astype(np.float32)
    lit = lit * (1.0 + traits.grain * cv2.GaussianBlur(grain, (0, 0), 0.8)[..., None])
    shoulder = 0.70
    bright = np.maximum(lit - shoulder, 0)
    lit = np.minimum(lit, shoulder) + (1 - shoulder) * (1 - np.exp(-bright / (1 - shoulder)))
    result: Unit = np.clip(lit, 0.004, _PAPER_WHITE).astype(np.float32)
    return result


@lru_cache(maxsize=4)
def _drawn(face_seed: int, shape: tuple[int, int], style: PortraitStyle) -> Unit:
    rng = np.random.default_rng([face_seed, 1])
    traits = draw_traits(rng, woman=bool(face_seed & 1), age=style.age, headscarf_share=style.headscarf_share)
    canvas = Canvas.of(shape, traits)
    texture = np.random.default_rng([face_seed, 2])
    picture = draw_background(canvas, style.background, texture)
    if not traits.headscarf:
        hair, mask = draw_back_hair(canvas, traits, texture)
        picture = _shade_below(picture, mask, shift=(4, 5), blur=14, strength=0.10)
        picture = _blend(picture, hair, mask)
    neck, mask = draw_neck(canvas, traits, texture)
    picture = _blend(picture, neck, mask)
    clothes, mask = draw_clothes(canvas, traits, texture)
    picture = _shade_below(picture, mask, shift=(0, -3), blur=5, strength=0.25)
    picture = _blend(picture, clothes, mask)
    head, mask = draw_head(canvas, traits, texture)
    picture = _shade_below(picture, mask, shift=(1, 12), blur=12, strength=0.55)
    picture = _blend(picture, head, mask)
    if traits.beard > 0:
        beard, mask = draw_beard(canvas, traits, texture)
        picture = _blend(picture, beard, mask)
    if traits.headscarf:
        cloth, mask = draw_headscarf(canvas, traits, texture)
    else:
        cloth, mask = draw_hair(canvas, traits, texture)
    picture = _shade_below(picture, mask, shift=(0, 5), blur=6, strength=0.30)
    picture = _blend(picture, cloth, mask)
    if traits.glasses:
        picture = draw_glasses(canvas, traits, picture)
    picture = picture * style.exposure * (1 + 0.01 * fbm(texture, shape, 60))[..., None]
    return _photograph(canvas, picture, traits, texture)


def draw_portrait(face_seed: int, size_px: tuple[int, int], style: PortraitStyle = PortraitStyle()) -> Unit:
    """The photograph of somebody who does not exist.

    Args:
        face_seed: the same seed and style give the same picture.
        size_px: rows and columns; the head keeps its proportions and fills most of the height.
        style: age, background, light.

    Returns:
        (rows, columns, 3), float32, linear red, green, blue, 0..1.
    """
    rows, columns = size_px
    shape = (_ROWS, max(16, round(_ROWS * columns / rows)))
    drawn: NDArray[np.float32] = _drawn(face_seed, shape, style)
    how = cv2.INTER_AREA if rows < _ROWS else cv2.INTER_CUBIC
    result: Unit = np.clip(cv2.resize(drawn, (columns, rows), interpolation=how), 0, 1)
    return result
