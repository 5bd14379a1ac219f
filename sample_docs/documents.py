"""The specimen documents of an invented state: persons, machine-readable zones, and the layout of each page.

``draw`` gives a ``Sheet``; what a forger did to it stands in ``Tampering``. The zone is computed here with its own few
lines of Doc 9303 arithmetic, so that the samples do not rest on the parser they test.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from drawing import (
    BLUE,
    CARBON,
    DULL_GLOW,
    DYE_BLACK,
    NAVY,
    OCHRE,
    OFFICE_GLOW,
    PX_PER_MM,
    ROSE,
    TEAL,
    UV_BLUE,
    UV_GREEN,
    UV_RED,
    Ink,
    Looks,
    Sheet,
    fibres,
    portrait,
    rosette,
    star,
    waves,
)

Kind = Literal["TD1", "TD2", "TD3", "MRVA"]

SIZES: dict[Kind, tuple[float, float]] = {"TD1": (85.6, 53.98), "TD2": (105, 74), "TD3": (125, 88), "MRVA": (120, 80)}
FIRST_MM: dict[Kind, float] = {"TD1": 5.0, "TD2": 4.0, "TD3": 6.0, "MRVA": 4.0}
VALUES = {str(n): n for n in range(10)} | {chr(65 + n): 10 + n for n in range(26)} | {"<": 0}
TITLES: dict[Kind, tuple[str, str]] = {
    "TD1": ("IDENTITY CARD", "بطاقة هوية"),
    "TD2": ("TRAVEL CARD", "بطاقة سفر"),
    "TD3": ("PASSPORT", "جواز سفر"),
    "MRVA": ("VISA", "سمة دخول"),
}


def digit(text: str) -> str:
    """Check digit by the weights 7-3-1 (Doc 9303-3 section 4.9)."""
    return str(sum(VALUES[char] * (7, 3, 1)[n % 3] for n, char in enumerate(text)) % 10)


@dataclass(frozen=True)
class Person:
    """An invented holder."""

    surname: str  # as printed
    given: str
    surname_mrz: str
    given_mrz: str
    number: str
    birth: str  # YYMMDD
    birth_printed: str
    sex: Literal["F", "M", "<"]
    expiry: str
    expiry_printed: str
    looks: Looks
    arabic: str | None = None  # full name, where the page carries it
    code: str = "P<"


@dataclass(frozen=True)
class Tampering:
    """What a forger did; the default is nothing."""

    office_paper: bool = False  # printed on paper with optical brightener
    mrz_ink: Ink = CARBON  # a dye black vanishes in infrared
    wrong_birth_digit: bool = False  # birth date computed with a wrong check digit
    altered_birth_year: str | None = (
        None  # new last digit of the year, in visual zone and MRZ, digits left as they were
    )


def zone(kind: Kind, who: Person) -> tuple[str, ...]:
    """The lines of the machine-readable zone, right digits throughout."""
    number = who.number.ljust(9, "<")
    numbered, born, until = number + digit(number), who.birth + digit(who.birth), who.expiry + digit(who.expiry)
    names = f"{who.surname_mrz}<<{who.given_mrz}"
    if kind == "TD1":
        first = f"{who.code}UTO{numbered}".ljust(30, "<")
        second = f"{born}{who.sex}{until}UTO".ljust(29, "<")
        second += digit(first[5:30] + second[0:7] + second[8:15] + second[18:29])
        return first, second, names.ljust(30, "<")[:30]
    width = {"TD2": 36, "TD3": 44, "MRVA": 44}[kind]
    first = f"{who.code}UTO{names}".ljust(width, "<")[:width]
    second = f"{numbered}UTO{born}{who.sex}{until}"
    if kind == "MRVA":
        return first, second.ljust(44, "<")
    second = second.ljust(43 if kind == "TD3" else 35, "<")  # an empty optional field may have `<` as its digit
    return first, second + digit(second[0:10] + second[13:20] + second[21:])


def birth_cells(kind: Kind) -> tuple[int, int]:
    """Line and first position of the birth date."""
    return (1, 0) if kind == "TD1" else (1, 13)


def printed_zone(kind: Kind, who: Person, what: Tampering) -> tuple[str, ...]:
    """The zone as it stands on the page after the forger."""
    lines = list(zone(kind, who))
    row, start = birth_cells(kind)
    line = lines[row]
    if what.wrong_birth_digit:
        wrong = str((int(line[start + 6]) + 4) % 10)
        lines[row] = line[: start + 6] + wrong + line[start + 7 :]
    if what.altered_birth_year is not None:
        lines[row] = line[: start + 1] + what.altered_birth_year + line[start + 2 :]
    return tuple(lines)


def background(sheet: Sheet, rng: np.random.Generator) -> None:
    """Guilloches in two iris prints, a rosette, and microtext; all of it drops out in infrared."""
    w, h = sheet.width_mm, sheet.height_mm
    sheet.rainbow(waves(sheet, rng, round(h / 1.7)), BLUE, ROSE, 0.62)
    sheet.rainbow(waves(sheet, rng, round(h / 2.3), slant=0.08), OCHRE, TEAL, 0.52)
    sheet.rainbow(rosette(sheet, (w * 0.63, h * 0.45), h * 0.30, 12), TEAL, ROSE, 0.62)
    sheet.apply(rosette(sheet, (w * 0.9, h * 0.2), h * 0.12, 7, 6), OCHRE, 0.7)
    sheet.text((w / 2, h * 0.165), "SPECIMENUTOPIA" * round(w / 7), "sans", 0.62, BLUE, "ms")


def luminescence(sheet: Sheet, rng: np.random.Generator) -> None:
    """Motifs that show under ultraviolet only."""
    w, h = sheet.width_mm, sheet.height_mm
    sheet.text((w * 0.60, h * 0.62), "UTOPIA", "serif", h * 0.16, UV_BLUE, "ms")
    for n in range(9):
        angle = np.pi * (1.1 + 0.8 * n / 8)
        where = (w * 0.6 + h * 0.42 * np.cos(angle), h * 0.58 + h * 0.40 * np.sin(angle))
        sheet.apply(star(sheet, where, h * 0.03, 5), UV_GREEN)
    sheet.apply(star(sheet, (w * 0.6, h * 0.33), h * 0.10), UV_RED)
    sheet.apply(waves(sheet, rng, 14), UV_GREEN, 0.5)
    fibres(sheet, rng, 14)


def _field(
    sheet: Sheet, where: tuple[float, float], labels: tuple[str, str], value: str, ink: Ink, *, arabic: bool
) -> None:
    x, y = where
    sheet.text((x, y), labels[0], "sans", 1.75, NAVY)
    if arabic:
        sheet.text((x + 33, y), labels[1], "arabic", 2.2, NAVY, "rs")
    sheet.text((x, y + 3.7), value, "ocrb", 3.3, ink)


def _heading(sheet: Sheet, kind: Kind, *, arabic: bool) -> None:
    w = sheet.width_mm
    emblem = (8.5, 8.0) if kind != "TD1" else (7.0, 6.5)
    sheet.apply(star(sheet, emblem, 4.3), NAVY, 0.85)
    sheet.apply(rosette(sheet, emblem, 5.3, 16, 4), OCHRE, 0.9)
    sheet.text((15, 7.2), "REPUBLIC OF UTOPIA", "serif", 3.7, NAVY)
    sheet.text((15, 11.2), TITLES[kind][0], "bold", 2.6, NAVY)
    if arabic:
        sheet.text((w - 6, 7.2), "جمهورية يوتوبيا", "arabic", 4.6, NAVY, "rs")
        sheet.text((w - 6, 11.8), TITLES[kind][1], "arabic", 3.4, NAVY, "rs")


def _visual_zone(sheet: Sheet, kind: Kind, who: Person, what: Tampering, x: float, y: float, step: float) -> None:
    ink = what.mrz_ink
    arabic = who.arabic is not None
    birth = who.birth_printed
    if what.altered_birth_year is not None:
        birth = birth[:-1] + what.altered_birth_year
    rows: list[list[tuple[tuple[str, str], str]]] = [
        [(("Surname", "اللقب"), who.surname), (("Document No.", "رقم الوثيقة"), who.number)],
        [(("Given names", "الاسم"), who.given), (("Nationality", "الجنسية"), "UTOPIAN")],
        [(("Date of birth", "تاريخ الولادة"), birth), (("Sex", "الجنس"), who.sex.replace("<", "X"))],
        [(("Date of expiry", "تاريخ النفاذ"), who.expiry_printed), (("Authority", "جهة الإصدار"), "SPECIMEN")],
    ]
    if kind == "TD1":  # less height: three rows, without nationality and authority, which the zone and the heading tell
        rows = [rows[0], [rows[1][0], rows[2][1]], [rows[2][0], rows[3][0]]]
    for n, row in enumerate(rows):
        for column, (labels, value) in enumerate(row):
            _field(sheet, (x + column * 37, y + n * step), labels, value, ink, arabic=arabic)
    if who.arabic is not None:
        sheet.text((x + 70, y + 4 * step + 1.2), who.arabic, "arabic", 4.0, ink, "rs")


def _signature(sheet: Sheet, where: tuple[float, float], rng: np.random.Generator, ink: Ink) -> None:
    import cv2

    t = np.linspace(0, 1, 160)
    x = where[0] + 20 * t + 0.9 * np.sin(t * 43 + rng.uniform(0, 6))
    y = where[1] + 1.6 * np.sin(t * 31 + rng.uniform(0, 6)) * (1 - 0.6 * t) - 1.5 * t
    mask = sheet.blank()
    points = (np.stack([x, y], 1) * PX_PER_MM * 16).astype(np.int32)
    cv2.polylines(mask, [points], isClosed=False, color=255, thickness=6, lineType=cv2.LINE_AA, shift=4)
    sheet.apply(mask, ink)


def baselines(kind: Kind) -> tuple[float, ...]:
    """Baselines of the zone's lines from the top edge, in millimetres."""
    height = SIZES[kind][1]
    return (height - 14.2, height - 9.2, height - 4.2) if kind == "TD1" else (height - 13.6, height - 7.25)


def draw(kind: Kind, who: Person, what: Tampering, seed: int) -> Sheet:
    """One page.

    Args:
        kind: format of the page.
        who: the holder.
        what: what a forger did to it.
        seed: of background, fibres and signature.

    Returns:
        The finished sheet.
    """
    rng = np.random.default_rng(seed)
    tints: dict[Kind, tuple[float, float, float]] = {
        "TD1": (0.80, 0.86, 0.84),
        "TD2": (0.84, 0.84, 0.80),
        "TD3": (0.86, 0.83, 0.80),
        "MRVA": (0.83, 0.86, 0.80),
    }
    sheet = Sheet(*SIZES[kind], tints[kind], OFFICE_GLOW if what.office_paper else DULL_GLOW)
    background(sheet, rng)
    if not what.office_paper:
        luminescence(sheet, rng)
    w, h = SIZES[kind]
    _heading(sheet, kind, arabic=who.arabic is not None)
    if kind == "TD1":
        sheet.paste(portrait(who.looks, 13, 16.5), 67, 14.5, 0.25, 0.75)
        _visual_zone(sheet, kind, who, what, 5.0, 16.2, 7.3)
    else:
        photo = (30.0, 38.5) if kind != "TD2" else (24.0, 31.0)
        sheet.paste(portrait(who.looks, *photo), 6, 17, 0.25)
        sheet.paste(portrait(who.looks, 12, 15.4), w - 18, 17.5 + (16 if who.arabic else 12), 0.15, 0.4)
        _visual_zone(sheet, kind, who, what, photo[0] + 10.5, 18.5, 8.6 if kind != "TD2" else 7.4)
        _signature(sheet, (w - 34, h - 24.5), rng, what.mrz_ink)
    _print_zone(sheet, kind, who, what)
    return sheet


def _print_zone(sheet: Sheet, kind: Kind, who: Person, what: Tampering) -> None:
    altered = birth_cells(kind)[1] + 1 if what.altered_birth_year is not None else None
    for row, (line, baseline) in enumerate(zip(printed_zone(kind, who, what), baselines(kind), strict=True)):
        cell = altered if row == birth_cells(kind)[0] else None
        sheet.mrz_line(line, FIRST_MM[kind], baseline, what.mrz_ink, set(range(len(line))) - {cell})
        if cell is not None:
            # scraped, and written again with an office pen: thinner stock that glows a little, an ink without carbon
            x, y = round((FIRST_MM[kind] + 2.54 * cell) * PX_PER_MM), round((baseline - 3.0) * PX_PER_MM)
            patch = sheet.blank()
            patch[y : y + round(3.6 * PX_PER_MM), x : x + round(2.54 * PX_PER_MM)] = 255
            sheet.apply(patch, Ink((1.0, 1.0, 1.0), 1.0, glow=(0.05, 0.07, 0.10), cover=0.0))
            sheet.mrz_line(line, FIRST_MM[kind] + 0.12, baseline - 0.1, DYE_BLACK, {cell})
