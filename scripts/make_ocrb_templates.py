"""Renders the glyph templates of ``dafec/features/data/ocrb_templates.npz`` from the font OCR-B.

    python scripts/make_ocrb_templates.py [OCRB.otf]

The font is Debian's ``fonts-ocr-b`` (free for any use), bundled in ``dafec/specimens/fonts``. Each template is one cell
of 3.2 x 3.8 mm at 12 pixels a millimetre, the character's advance and cap height in its middle, at the size whose
advance is the pitch of Doc 9303-3 4.2, 2.54 mm. Values are ink coverage, 0..255.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

PX_PER_MM, WIDTH_MM, HEIGHT_MM, PITCH_MM = 12, 3.2, 3.8, 2.54
OVERSAMPLING = 8
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ<"
ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Writes the templates."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dafec/specimens/fonts/OCRB.otf"
    scale = PX_PER_MM * OVERSAMPLING
    probe = ImageFont.truetype(str(path), 1000)
    font = ImageFont.truetype(str(path), round(1000 * PITCH_MM * scale / probe.getlength("H")))
    size = (round(WIDTH_MM * scale), round(HEIGHT_MM * scale))
    top, bottom = font.getbbox("H", anchor="ls")[1], font.getbbox("H", anchor="ls")[3]
    cells = []
    for char in ALPHABET:
        image = Image.new("L", size, 0)
        place = (size[0] / 2 - font.getlength(char) / 2, size[1] / 2 - (top + bottom) / 2)
        ImageDraw.Draw(image).text(place, char, font=font, fill=255, anchor="ls")
        target = (round(WIDTH_MM * PX_PER_MM), round(HEIGHT_MM * PX_PER_MM))
        cells.append(cv2.resize(np.asarray(image), target, interpolation=cv2.INTER_AREA))
    out = ROOT / "dafec/features/data/ocrb_templates.npz"
    np.savez_compressed(out, alphabet=np.array(ALPHABET), px_per_mm=np.array(PX_PER_MM), cells=np.stack(cells))
    sys.stdout.write(f"{out.relative_to(ROOT)}: {len(cells)} cells of {cells[0].shape}, {out.stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
