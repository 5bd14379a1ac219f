"""Portraits of people who do not exist: a head and shoulders as a photograph for a document.

The head is a relief over the picture plane (``portrait_head``): a skull and jaw with brow, eyes, nose, lips, chin and
ears, lit by a soft lamp from the front and a fill light. Skin, eyes, brows and lips are albedo. Hair, beard, headscarf,
glasses and clothes (``portrait_hair``, ``portrait_dress``) lie over it. Everything is drawn at ``_ROWS`` rows for a
picture of 45 mm, near the resolution of a studio camera's picture on a document, and scaled to what is asked for.

The lowest bit of a face's seed says whether it looks like a woman's (1) or a man's (0).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.specimens.model import Unit
from dafec.specimens.portrait_dress import (
    draw_background,
    draw_cap,
    draw_clothes,
    draw_ghutra,
    draw_glasses,
    draw_headscarf,
)
from dafec.specimens.portrait_hair import LONG_HAIR, draw_back_hair, draw_beard, draw_hair
from dafec.specimens.portrait_head import draw_head, draw_neck
from dafec.specimens.portrait_traits import Canvas, Traits, blurred, draw_traits, fbm

__all__ = ["PortraitStyle", "draw_portrait"]

_ROWS = 520  # 294 dpi at 45 mm
_PAPER_WHITE = 0.9


@dataclass(frozen=True, slots=True)
class PortraitStyle:
    """How the photograph was taken."""

    age: float = 35.0  # years
    background: tuple[float, float, float] = (0.62, 0.64, 0.66)  # linear
    headscarf_share: float = 0.0  # how many women wear one
    exposure: float = 1.0


_Drawing = Callable[[Canvas, Traits, np.random.Generator], tuple[Unit, Unit]]


@dataclass(frozen=True, slots=True)
class _Shadow:
    """The soft shadow something in front casts on what lies behind."""

    shift: tuple[float, float]  # pixels, right and down
    blur: float
    strength: float


def _lay(
    picture: Unit,
    canvas: Canvas,
    traits: Traits,
    rng: np.random.Generator,
    draw: _Drawing,
    window: tuple[float, float, float, float],
    shadow: _Shadow | None = None,
) -> None:
    """Draws something within a window of the canvas over the picture, in place."""
    rows, columns = canvas.window(*window)
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    colour, mask = draw(canvas.part((rows, columns)), traits, rng)
    if shadow is not None:
        reach = round(2.5 * shadow.blur + max(map(abs, shadow.shift)))
        top, left = min(reach, rows.start), min(reach, columns.start)
        bottom, right = min(reach, canvas.shape[0] - rows.stop), min(reach, canvas.shape[1] - columns.stop)
        wide = cv2.copyMakeBorder(mask, top, bottom, left, right, cv2.BORDER_REPLICATE)
        move = np.array([[1, 0, shadow.shift[0]], [0, 1, shadow.shift[1]]], dtype=np.float64)
        cast = cv2.warpAffine(wide, move, (wide.shape[1], wide.shape[0]), borderMode=cv2.BORDER_REPLICATE)
        place = slice(rows.start - top, rows.stop + bottom), slice(columns.start - left, columns.stop + right)
        picture[place] *= (1.0 - shadow.strength * np.clip(blurred(cast, shadow.blur), 0, 1))[..., None]
    part = picture[rows, columns]
    part += (colour - part) * mask[..., None]


def _photograph(canvas: Canvas, picture: Unit, traits: Traits, rng: np.random.Generator) -> Unit:
    """Lens, film and studio: soft focus, a little vignetting, a print's tone curve, fine grain."""
    soft = cv2.GaussianBlur(picture, (0, 0), traits.lens_blur)
    glow = blurred(picture, 9.0)
    lit = 0.94 * soft + 0.06 * glow
    lit *= (1.0 - 0.03 * (canvas.u**2 + 0.5 * canvas.v**2))[..., None]
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
    everywhere = (-9.0, 9.0, -9.0, 9.0)
    covered = traits.headscarf or traits.headwear == "ghutra"
    if not covered and traits.hair in LONG_HAIR:
        _lay(picture, canvas, traits, texture, draw_back_hair, everywhere, _Shadow((4, 5), 14, 0.10))
    _lay(picture, canvas, traits, texture, draw_neck, (-0.95, 0.95, 0.45, 9.0))
    _lay(picture, canvas, traits, texture, draw_clothes, (-9.0, 9.0, 1.05, 9.0), _Shadow((0, -3), 5, 0.25))
    _lay(picture, canvas, traits, texture, draw_head, (-0.86, 0.86, -1.06, 1.04), _Shadow((1, 11), 11, 0.55))
    if traits.beard > 0 and not traits.woman:
        _lay(picture, canvas, traits, texture, draw_beard, (-0.80, 0.80, 0.05, 1.20))
    if traits.headscarf:
        _lay(picture, canvas, traits, texture, draw_headscarf, everywhere, _Shadow((0, 4), 5, 0.30))
    elif traits.headwear == "ghutra":
        _lay(picture, canvas, traits, texture, draw_ghutra, everywhere, _Shadow((0, 4), 6, 0.35))
    else:
        low = 9.0 if traits.hair in LONG_HAIR else 0.35
        _lay(picture, canvas, traits, texture, draw_hair, (-1.1, 1.1, -1.4, low), _Shadow((0, 4), 5, 0.30))
        if traits.headwear == "cap":
            _lay(picture, canvas, traits, texture, draw_cap, (-1.0, 1.0, -1.3, -0.3), _Shadow((0, 3), 4, 0.30))
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
    proportion = round(columns / rows * 50) / 50  # so that a ghost of about the same shape has the same picture
    shape = (_ROWS, max(16, round(_ROWS * proportion)))
    drawn: NDArray[np.float32] = _drawn(face_seed, shape, style)
    how = cv2.INTER_AREA if rows < _ROWS else cv2.INTER_CUBIC
    result: Unit = np.clip(cv2.resize(drawn, (columns, rows), interpolation=how), 0, 1)
    return result
