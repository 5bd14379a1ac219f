"""Makes the sample captures and their manifest of truths.

    python sample_docs/make.py            # writes every sample and manifest.json beside this file

Needs Debian's fonts-ocr-b, fonts-dejavu-core and fonts-noto-core, and numpy, opencv and pillow. Seeds are fixed; the
same libraries give the same bytes. State, persons and faces are invented; nothing here is taken from a real document.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from documents import Kind, Person, Tampering, draw, printed_zone
from drawing import DYE_BLACK, Looks, on_flatbed, on_table, read_bands
from numpy.typing import NDArray

HERE = Path(__file__).parent
DATE = "2026-06-01"  # the day the truths are stated for

LAYLA = Person(
    "AL-BASRI",
    "LAYLA SAMIR",
    "AL<BASRI",
    "LAYLA<SAMIR",
    "U7041936",
    "910314",
    "14.03.1991",
    "F",
    "340601",
    "01.06.2034",
    Looks((224, 178, 146), (44, 30, 26), (38, 74, 110), long_hair=True, headscarf=True),
    arabic="ليلى سمير البصري",
    code="PP",
)
JONAS = Person(
    "VESTERGAARD",
    "JONAS ELIAS",
    "VESTERGAARD",
    "JONAS<ELIAS",
    "K30518274",
    "850722",
    "22.07.1985",
    "M",
    "310930",
    "30.09.2031",
    Looks((236, 196, 170), (128, 86, 48), (70, 74, 84), long_hair=False),
)
ADA = Person(
    "OKONKWO",
    "ADA CHIDERA",
    "OKONKWO",
    "ADA<CHIDERA",
    "T5502981",
    "020918",
    "18.09.2002",
    "F",
    "290417",
    "17.04.2029",
    Looks((134, 88, 60), (24, 18, 18), (150, 60, 62), long_hair=True),
    code="I<",
)
RASHID = Person(
    "KARIMI",
    "RASHID",
    "KARIMI",
    "RASHID",
    "C90217735",
    "780105",
    "05.01.1978",
    "M",
    "330211",
    "11.02.2033",
    Looks((204, 156, 120), (30, 24, 22), (48, 58, 52), long_hair=False, beard=True),
    code="I<",
)
MIREILLE = Person(
    "D'ARCY-LENOIR",
    "MIREILLE",
    "DARCY<LENOIR",
    "MIREILLE",
    "V1180465",
    "960229",
    "29.02.1996",
    "F",
    "270228",
    "28.02.2027",
    Looks((238, 202, 178), (150, 70, 40), (60, 88, 74), long_hair=True),
    code="V<",
)
TOMAS = Person(
    "HORVATINEC",
    "TOMAS",
    "HORVATINEC",
    "TOMAS",
    "R4407120",
    "690411",
    "11.04.1969",
    "M",
    "240815",
    "15.08.2024",
    Looks((228, 188, 160), (112, 108, 104), (52, 52, 66), long_hair=False, beard=True),
)
SALMA = Person(
    "AL-HAKIM",
    "SALMA YUSUF",
    "AL<HAKIM",
    "SALMA<YUSUF",
    "U7118520",
    "991123",
    "23.11.1999",
    "F",
    "350309",
    "09.03.2035",
    Looks((218, 172, 140), (40, 28, 24), (120, 44, 60), long_hair=True, headscarf=True),
    arabic="سلمى يوسف الحكيم",
    code="PP",
)

NOTHING = Tampering()
BANDS = ("visible", "ir", "uv")
UV_CHECKS = ["UV-BR-FU", "UV-BR-MR", "UV-BR-PH", "UV-BR-VZ"]
DIGIT_CHECKS = ["MRZ-digit-birth_date", "MRZ-digit-composite"]


@dataclass(frozen=True)
class Sample:
    """One capture and what is true of it."""

    id: str
    kind: Kind
    who: Person
    seed: int
    about: str
    scene: str = "reader"  # reader, flatbed or table
    dpi: float = 300
    lights: tuple[str, ...] = BANDS
    what: Tampering = NOTHING
    attack: str | None = None  # class of THREATS taxonomy, None where nothing was forged
    fails: list[str] = field(default_factory=list)  # ids of checks that have to fail


SAMPLES = (
    Sample("td3-arabic", "TD3", LAYLA, 1, "passport, Latin and Arabic, three bands"),
    Sample("td3-photo", "TD3", JONAS, 2, "passport, photographed by hand on a table", "table", lights=("visible",)),
    Sample("td1-card", "TD1", ADA, 3, "identity card, side with the zone, three bands", dpi=400),
    Sample("td2-flatbed", "TD2", RASHID, 4, "travel card, askew on an A4 glass", "flatbed", 200, ("visible",)),
    Sample("mrva-visa", "MRVA", MIREILLE, 5, "visa, visible and infrared", lights=("visible", "ir")),
    Sample("td3-expired", "TD3", TOMAS, 6, "passport that has expired, three bands", fails=["MRZ-expiry"]),
    Sample(
        "td3-forged-paper", "TD3", SALMA, 7, "printed on office paper: bright under ultraviolet",
        what=Tampering(office_paper=True), attack="C1", fails=UV_CHECKS,
    ),
    Sample(
        "td3-forged-ink", "TD3", JONAS, 8, "printed without carbon: the zone vanishes in infrared",
        what=Tampering(mrz_ink=DYE_BLACK), attack="C1", fails=["IR-AB-MR"],
    ),
    Sample(
        "td1-forged-digit", "TD1", RASHID, 9, "check digit of the birth date is wrong",
        what=Tampering(wrong_birth_digit=True), attack="F4", fails=DIGIT_CHECKS,
    ),
    Sample(
        "td3-forged-birth", "TD3", LAYLA, 10, "one digit of the birth year scraped and written again",
        what=Tampering(altered_birth_year="7"), attack="F4", fails=DIGIT_CHECKS,
    ),
)  # fmt: skip


def _write(path: Path, pixels: NDArray[np.uint8], dpi: float | None) -> None:
    from PIL import Image

    options: dict[str, Any] = {"quality": 84, "optimize": True, "subsampling": 2}
    if dpi is not None:
        options["dpi"] = (dpi, dpi)
    Image.fromarray(pixels).save(path, "JPEG", **options)


def _make(sample: Sample) -> list[Path]:
    """Draws one sample and writes its files; returns them."""
    sheet = draw(sample.kind, sample.who, sample.what, sample.seed)
    if sample.scene == "reader":
        folder = HERE / sample.id
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for light, pixels in read_bands(sheet, sample.dpi, sample.seed, sample.lights).items():
            _write(folder / f"{light}.jpg", pixels, None)
        lines = [
            "# Lights and resolution of this sample; drawn by make.py",
            f"dpi = {sample.dpi:g}",
            'reader = "specimen renderer"',
        ]
        (folder / "capture.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return sorted(folder.iterdir())
    path = HERE / f"{sample.id}.jpg"
    if sample.scene == "flatbed":
        _write(path, on_flatbed(sheet, sample.dpi, -6.4, (96, 118), sample.seed), sample.dpi)
    else:
        corners = [(212.0, 208.0), (1408.0, 132.0), (1492.0, 1002.0), (140.0, 960.0)]
        _write(path, on_table(sheet, (1600, 1150), corners, sample.seed), None)
    return [path]


def _truth(sample: Sample, paths: list[Path]) -> dict[str, Any]:
    return {
        "id": sample.id,
        "path": sample.id if sample.scene == "reader" else f"{sample.id}.jpg",
        "about": sample.about,
        "kind": {"MRVA": "MRV-A"}.get(sample.kind, sample.kind),
        "lights": list(sample.lights),
        "forged": sample.attack is not None,
        "attack": sample.attack,
        "mrz": list(printed_zone(sample.kind, sample.who, sample.what)),
        "checks_failed": sample.fails,
        "level": "refer" if sample.attack else "look",  # no series is known yet, so no sample is without anomaly
        "sha256": {
            str(path.relative_to(HERE)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in paths
            if path.suffix == ".jpg"
        },
    }


def main() -> int:
    """Makes every sample."""
    cv2.setNumThreads(1)
    truths = []
    for sample in SAMPLES:
        truths.append(_truth(sample, _make(sample)))
        sys.stdout.write(f"{sample.id}\n")
    tree = {"date": DATE, "note": "Invented persons of an invented state; made by make.py.", "samples": truths}
    (HERE / "manifest.json").write_text(json.dumps(tree, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
