"""What the machine does to a sheet: registration, gain, density, ragged edges; every copy a little different.

Offset and intaglio plates of one ink are one printing unit and move together (two inks of a rainbow print are one unit
as well: ``name`` with the same beginning before ``~``). Everything personal is one pass through one printer and moves
together, most of all against the rest.
"""

from __future__ import annotations

import zlib
from collections import Counter
from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np

from dafec.geometry import BoxMm
from dafec.specimens.model import Artwork, Ink, Mask, Plate, Process, Role, Unit
from dafec.specimens.screens import cloudy, drops, specks

__all__ = ["press"]

_PERSONAL: frozenset[Role] = frozenset({"portrait", "ghost", "viz", "number", "mrz", "uv_personal", "signature"})
_STILL: frozenset[Role] = frozenset({"fibres", "stamp", "pen", "dirt"})
_STRIP = 64
#: Deviations, 1 sigma, of the carbon in a text over the width of a character and along a line.
_BY_CHARACTER, _ALONG_LINE = 0.065, 0.06
_ENGRAVED = 0.5  # share of it where a laser chars the plastic itself


@dataclass(frozen=True, slots=True)
class _Edge:
    """How a process draws an edge; digital ones have made most of it with their own dots already."""

    grain_um: float  # correlation of its raggedness
    ragged: float  # how much coverage it moves at a half-covered pixel
    gain: float  # how much it adds there


_EDGES: dict[Process, _Edge] = {
    "offset": _Edge(28, 0.32, 0.05),
    "intaglio": _Edge(45, 0.30, 0.16),
    "am_laser": _Edge(32, 0.40, 0.10),
    "toner": _Edge(34, 0.35, 0.08),
    "inkjet": _Edge(40, 0.20, 0.06),
    "dye_sublimation": _Edge(80, 0.10, 0.05),
    "laser_engraving": _Edge(45, 0.15, 0.04),
    "pen": _Edge(60, 0.45, 0.08),
}


def press(artwork: Artwork, seed: int, quality: float = 1.0) -> Artwork:
    """One copy.

    Args:
        artwork: as designed.
        seed: of the copy.
        quality: 1 = a security printer, 0 = a bad workshop: registration, raggedness and density wander more.

    Returns:
        The same artwork with its plates moved and marked as printed, inks as thick as they were laid (their names
        stay); boxes of personal data move with their plates.
    """
    bad = 1 + 3.5 * (1 - quality)
    s = artwork.grid.px_per_mm
    personal = _shift(seed, "personal", 0.11 * bad, s)
    plates: list[Plate] = []
    passes: Counter[str] = Counter()
    for plate in artwork.plates:
        if plate.role in _STILL:
            plates.append(plate)
            continue
        dx, dy = personal if plate.role in _PERSONAL else _shift(seed, _unit(plate), 0.035 * bad, s)
        what = f"{plate.role} {plate.name}"  # not its place in the order: a plate looks the same beside others
        own = [seed, 301, zlib.crc32(what.encode()), passes[what]]
        rng, film = np.random.default_rng(own), np.random.default_rng([*own, 1])
        passes[what] += 1
        coverage = plate.coverage if plate.screened else _line_art(plate, s, rng, bad)
        place = (plate.origin_px[0] + dx, plate.origin_px[1] + dy)
        ink = _inked(plate.ink, _thickness(seed, _unit(plate), 0.03 * bad))
        made = replace(plate, ink=ink, coverage=coverage, origin_px=place)
        plates += _by_pigment(made, s, film) if _is_carbon_text(plate) else (made,)
    boxes = {
        name: _moved(box, personal, s) if _personal_box(name, artwork) else box
        for name, box in artwork.boxes_mm.items()
    }
    return replace(artwork, plates=tuple(plates), boxes_mm=boxes)


def _is_carbon_text(plate: Plate) -> bool:
    return plate.role in ("viz", "number", "mrz") and plate.ink.density[3] > 0.3 and plate.coverage.size > 4


def _by_pigment(plate: Plate, s: float, rng: np.random.Generator) -> tuple[Plate, Plate]:
    """A text as what the eye and what infrared sees of it.

    A film that is black by day is not equally thick: visible density is saturated and hardly shows it, the carbon that
    infrared sees does. In the one real capture at hand the ratio of infrared to visible contrast differs by 9 % (1
    sigma) from character to character and by half along a line, some of it by the reader.
    """
    rows, columns = plate.coverage.shape

    def cloud(length_mm: float) -> Unit:
        size = (max(3, round(columns / s / length_mm) + 2), max(3, round(rows / s / length_mm) + 2))
        coarse = rng.standard_normal((size[1], size[0])).astype(np.float32)
        return np.asarray(cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_CUBIC), np.float32)

    uneven = _ENGRAVED if plate.process == "laser_engraving" else 1.0
    kept = np.clip(1 - uneven * (0.10 + _BY_CHARACTER * cloud(2.6) + _ALONG_LINE * cloud(24.0)), 0.45, 1.0)
    red, green, blue, infrared = plate.ink.density
    day = replace(plate, ink=replace(plate.ink, density=(red, green, blue, 0.0)))
    carbon = replace(plate.ink, density=(0.0, 0.0, 0.0, infrared), uv_density=0.0, emission=(0.0, 0.0, 0.0))
    return day, replace(plate, ink=carbon, coverage=np.asarray(plate.coverage * kept, np.uint8))


def _personal_box(name: str, artwork: Artwork) -> bool:
    return name in ("portrait", "ghost", "mrz", "signature") or any(
        p.name == name and p.role in _PERSONAL for p in artwork.plates
    )


def _moved(box: BoxMm, shift_px: tuple[int, int], s: float) -> BoxMm:
    return BoxMm(box.x + shift_px[0] / s, box.y + shift_px[1] / s, box.width, box.height)


def _unit(plate: Plate) -> str:
    return plate.name.partition("~")[0] if "~" in plate.name else f"{plate.process} {plate.ink.name}"


def _shift(seed: int, unit: str, sigma_mm: float, s: float) -> tuple[int, int]:
    rng = np.random.default_rng([seed, 307, zlib.crc32(unit.encode())])
    dx, dy = np.clip(rng.normal(0, sigma_mm, 2), -2.2 * sigma_mm, 2.2 * sigma_mm) * s
    return round(float(dx)), round(float(dy))


def _thickness(seed: int, unit: str, sigma: float) -> float:
    """How thick this unit lays its film today, relative."""
    rng = np.random.default_rng([seed, 313, zlib.crc32(unit.encode())])
    return float(np.clip(1 + rng.normal(0, sigma), 0.7, 1.2))


def _inked(ink: Ink, thickness: float) -> Ink:
    """The same ink as a thicker or thinner film."""
    red, green, blue, infrared = (d * thickness for d in ink.density)
    glow = (ink.emission[0] * thickness, ink.emission[1] * thickness, ink.emission[2] * thickness)
    return replace(ink, density=(red, green, blue, infrared), uv_density=ink.uv_density * thickness, emission=glow)


def _line_art(plate: Plate, s: float, rng: np.random.Generator, bad: float) -> Mask:
    coverage = plate.coverage
    if coverage.size <= 4:
        return coverage
    if plate.process in ("inkjet", "laser_engraving", "dye_sublimation", "toner"):
        coverage = _digital(plate, s, rng, bad)
    edge = _EDGES[plate.process]
    value = np.arange(256) / 255
    swing = np.minimum(edge.ragged * np.sqrt(bad), 0.95) * 4 * value * (1 - value)
    base = np.clip((value - swing / 2 + edge.gain * bad * value * (1 - value) * 2), 0, 1)
    low, span = (base * 255).round().astype(np.uint8), (swing * 255).round().astype(np.uint8)
    h, w = coverage.shape
    sheet = _noise_sheet(round(edge.grain_um / 1000 * s, 3), -(-(w + 256) // 1024) * 1024)
    x, y = int(rng.integers(0, 256)), int(rng.integers(0, len(sheet) - _STRIP))
    out = np.empty_like(coverage)
    for top in range(0, h, _STRIP):
        part = coverage[top : top + _STRIP]
        start = (y + top) % (len(sheet) - _STRIP)
        noise = sheet[start : start + len(part), x : x + w]
        moved = cv2.multiply(cv2.LUT(part, span), noise, scale=1 / 255)
        cv2.add(cv2.LUT(part, low), moved, dst=out[top : top + _STRIP])
    return out


@lru_cache(maxsize=8)
def _noise_sheet(grain_px: float, width: int) -> Mask:
    """Noise for edges, 0 to 255 about 127; one for all, since every plate begins elsewhere in it."""
    noise = cloudy((512, width), grain_px, np.random.default_rng([round(grain_px * 1000), 311]))
    return np.asarray(np.clip(127.5 + 64 * noise, 0, 255), np.uint8)


def _digital(plate: Plate, s: float, rng: np.random.Generator, bad: float) -> Mask:
    """Text as the dots of a digital printer."""
    wanted = np.asarray(plate.coverage.astype(np.float32) / np.float32(255), np.float32)
    if plate.process == "inkjet":
        made = drops(wanted, s, 1000.0 / bad**0.5, rng, drop=1.6, jitter=0.26 * bad**0.5, random=0.14, line=True)
    elif plate.process == "laser_engraving":
        made = drops(wanted, s, 600.0, rng, drop=1.75, jitter=0.06, random=0.06, line=True)
    elif plate.process == "toner":
        ragged = wanted + cloudy((wanted.shape[0], wanted.shape[1]), 0.03 * s, rng) * np.float32(0.10)
        made = np.clip((cv2.GaussianBlur(ragged, (0, 0), 0.012 * s) - 0.5) * 1.6 + 0.5, 0, 1) * (wanted > 0)
        made = np.maximum(made, specks(wanted, s, rng, each_mm2=40.0 * bad))
    else:
        pitch = s * 25.4 / 300
        size = (max(1, round(wanted.shape[1] / pitch)), max(1, round(wanted.shape[0] / pitch)))
        coarse = np.clip((cv2.resize(wanted, size, interpolation=cv2.INTER_AREA) - 0.5) * 2.2 + 0.5, 0, 1)
        made = cv2.resize(coarse, wanted.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.convertScaleAbs(np.asarray(made, np.float32), alpha=255), np.uint8)
