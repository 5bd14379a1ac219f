"""Typefaces of the training: OCR-B first, then what specimens are really set in.

All come from Debian packages, none is shipped: ``fonts-ocr-b fonts-ocr-a fonts-liberation fonts-freefont-ttf
fonts-courier-prime fonts-noto-mono fonts-lato fonts-hack fonts-anonymous-pro fonts-dejavu-core fonts-croscore
fonts-inconsolata fonts-jetbrains-mono fonts-firacode fonts-b612 fonts-go``.
``HELD_OUT`` faces are never trained on: the synthetic test set uses them.
"""

from __future__ import annotations

import random
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from dafec.ocr.types import ALPHABET

__all__ = ["HELD_OUT", "TRAINED", "faces", "glyphs", "label_faces", "pick", "press"]

_ROOT = Path("/usr/share/fonts")

#: weight, path below the system's font folder
TRAINED: tuple[tuple[float, str], ...] = (
    (0.40, "opentype/ocr-b/OCRB.otf"),
    (0.28, "opentype/ocr-b/OCRBS.otf"),
    (0.02, "opentype/ocr-b/OCRBL.otf"),
    (0.03, "truetype/freefont/FreeMono.ttf"),
    (0.04, "truetype/freefont/FreeMonoBold.ttf"),
    (0.03, "truetype/liberation/LiberationMono-Regular.ttf"),
    (0.02, "truetype/liberation/LiberationMono-Bold.ttf"),
    (0.03, "opentype/courier-prime/Courier Prime.otf"),
    (0.02, "opentype/courier-prime/Courier Prime Bold.otf"),
    (0.025, "truetype/dejavu/DejaVuSansMono.ttf"),
    (0.01, "truetype/dejavu/DejaVuSansMono-Bold.ttf"),
    (0.01, "truetype/ocr-a/OCRA.ttf"),
    (0.01, "truetype/noto/NotoMono-Regular.ttf"),
    (0.01, "truetype/hack/Hack-Regular.ttf"),
    (0.01, "truetype/liberation/LiberationSans-Regular.ttf"),
    (0.01, "truetype/dejavu/DejaVuSans.ttf"),
    (0.005, "truetype/lato/Lato-Regular.ttf"),
    (0.005, "truetype/freefont/FreeSans.ttf"),
    (0.005, "truetype/freefont/FreeSansBold.ttf"),
    (0.02, "truetype/croscore/Cousine-Regular.ttf"),
    (0.01, "truetype/croscore/Cousine-Bold.ttf"),
    (0.015, "truetype/inconsolata/Inconsolata.otf"),
    (0.02, "truetype/jetbrains-mono/JetBrainsMono-Regular.ttf"),
    (0.015, "truetype/firacode/FiraCode-Regular.ttf"),
    (0.01, "truetype/firacode/FiraCode-SemiBold.ttf"),
    (0.02, "opentype/b612/B612Mono-Regular.otf"),
    (0.02, "fonts-go/Go-Mono.ttf"),
    (0.01, "fonts-go/Go-Mono-Bold.ttf"),
)
#: OCR-B is what zones are printed in, so the test set has it too; the other three are seen by no training.
HELD_OUT: tuple[tuple[float, str], ...] = (
    (0.4, "opentype/courier-prime/Courier Prime Code.otf"),
    (0.2, "truetype/anonymous-pro/Anonymous Pro.ttf"),
    (0.4, "opentype/courier-prime/Courier Prime Sans.otf"),
)


@cache
def faces(*, held_out: bool = False) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """Weights and absolute paths of the faces that are installed."""
    chosen = [(w, str(_ROOT / p)) for w, p in (HELD_OUT if held_out else TRAINED) if (_ROOT / p).exists()]
    return tuple(w for w, _ in chosen), tuple(p for _, p in chosen)


@cache
def label_faces() -> tuple[str, ...]:
    """Absolute paths of the installed faces for the print around a zone."""
    names = (
        "dejavu/DejaVuSans.ttf",
        "dejavu/DejaVuSerif.ttf",
        "liberation/LiberationSans-Regular.ttf",
        "liberation/LiberationSansNarrow-Regular.ttf",
        "liberation/LiberationMono-Regular.ttf",
    )
    return tuple(str(_ROOT / "truetype" / n) for n in names if (_ROOT / "truetype" / n).exists())


@lru_cache(maxsize=400)
def glyphs(path: str, cap_px: int) -> tuple[dict[str, NDArray[np.uint8]], dict[str, float]]:
    """Coverage masks of ALPHABET at a cap height.

    Args:
        path: font file.
        cap_px: height of ``H`` in pixels.

    Returns:
        Masks by character, uint8, all ``(3 * cap_px, 3 * cap_px)``, the character's advance centred sideways and the
        cap height centred vertically; the advance of each character in cap heights.
    """
    probe = ImageFont.truetype(path, 200)
    box = probe.getmask("H").size
    size = max(4, round(200 * cap_px / max(1, box[1])))
    font = ImageFont.truetype(path, size)
    side = 3 * cap_px
    h_box = font.getbbox("H", anchor="ls")
    middle = (h_box[1] + h_box[3]) / 2
    masks, advances = {}, {}
    for char in ALPHABET:
        image = Image.new("L", (side, side), 0)
        x0, _, x1, _ = font.getbbox(char, anchor="ls")
        width = font.getlength(char)
        ImageDraw.Draw(image).text((side / 2 - width / 2, side / 2 - middle), char, font=font, fill=255, anchor="ls")
        masks[char] = np.asarray(image)
        advances[char] = max(width, x1 - x0) / cap_px
    return masks, advances


def pick(rng: random.Random, *, held_out: bool = False) -> str:
    """Path of a face at random by weight."""
    weights, paths = faces(held_out=held_out)
    return rng.choices(paths, weights)[0]


def press(layer: NDArray[np.uint8], glyph: NDArray[np.uint8], x: float, y: float) -> None:
    """Prints a glyph into a layer of ink, as far as it lies inside.

    Args:
        layer: (h, w) uint8 coverage, changed in place.
        glyph: (gh, gw) uint8 coverage.
        x: column of the glyph's middle in the layer, pixels.
        y: row of the glyph's middle, pixels.
    """
    height, width = glyph.shape
    x0, y0 = round(x) - width // 2, round(y) - height // 2
    left, top = max(0, -x0), max(0, -y0)
    right, bottom = min(width, layer.shape[1] - x0), min(height, layer.shape[0] - y0)
    if right > left and bottom > top:
        view = layer[y0 + top : y0 + bottom, x0 + left : x0 + right]
        np.maximum(view, glyph[top:bottom, left:right], out=view)
