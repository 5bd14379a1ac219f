"""Lays some samples side by side in their three lights: ``python sample_docs/sheet.py`` writes docs/specimens.jpg."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw

HERE = Path(__file__).parent
SHOWN = (
    ("td3-arabic", "passport"),
    ("td3-perforated", "polycarbonate passport"),
    ("td3-forged-paper", "C1: inkjet on office paper"),
    ("td3-imitated-uv", "C3: luminescence in wrong colours"),
    ("td3-pasted-photo", "F1: photo pasted over"),
    ("td3-forged-ink", "F7: zone without carbon"),
)
LIGHTS = ("visible", "ir", "uv")
WIDTH, GAP, TITLE = 420, 8, 16


def main() -> None:
    """Writes the sheet."""
    height = round(WIDTH * 0.70)
    size = (3 * WIDTH + 4 * GAP, len(SHOWN) * (height + TITLE + GAP) + GAP)
    sheet = Image.new("RGB", size, (245, 245, 243))
    draw = ImageDraw.Draw(sheet)
    for row, (name, words) in enumerate(SHOWN):
        top = GAP + row * (height + TITLE + GAP)
        draw.text((GAP, top), words, fill=(40, 40, 40))
        for column, light in enumerate(LIGHTS):
            with Image.open(HERE / name / f"{light}.jpg") as picture:
                small = picture.convert("RGB").resize((WIDTH, height), Image.Resampling.LANCZOS)
            sheet.paste(small, (GAP + column * (WIDTH + GAP), top + TITLE))
    (HERE.parent / "docs").mkdir(exist_ok=True)
    sheet.save(HERE.parent / "docs" / "specimens.jpg", quality=82)


if __name__ == "__main__":
    main()
