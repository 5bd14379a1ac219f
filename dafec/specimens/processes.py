"""Pictures as each process prints them, in its own microstructure; ``press`` is what the machine does to line art.

==================  ====================================================================================
process             what is seen at full zoom
==================  ====================================================================================
offset              AM rosettes of 175 lines an inch, crisp dots at four angles
am_laser            the same from an electrophotographic press: 150 to 212 lines, dots a little ragged
toner               office laser: lines or coarse dots, scatter between them, stray grains
inkjet              FM: drops of one size without a pitch of their own, slight banding
dye_sublimation     continuous tone, softened, with the faint lines of a 300 dpi head
laser_engraving     grey: spots burnt along raster lines of 300 to 600 dpi
intaglio            lines that swell, see ``curves.relief_image``; here a line screen
==================  ====================================================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.specimens.inks import ink
from dafec.specimens.model import Grid, Ink, Mask, Plate, Process, Role, Unit
from dafec.specimens.press import press
from dafec.specimens.screens import Spot, am_dots, cloudy, drops, separate, specks

__all__ = ["coverages", "default_inks", "press", "print_continuous", "screened_plates"]

#: Screen angles of cyan, magenta, yellow and black, degrees: the strong ones 30 apart, yellow where it offends least.
ANGLES_DEG = (15.0, 75.0, 0.0, 45.0)

#: Lightness below which black is used: droplets of black would show in the lights, a fine screen hides them.
_BLACK_START: dict[Process, float] = {"inkjet": 0.42, "toner": 0.42}

_FAMILIES: dict[Process, tuple[str, ...]] = {
    "offset": ("offset_cyan", "offset_magenta", "offset_yellow_process", "offset_black"),
    "am_laser": ("toner_cyan", "toner_magenta", "toner_yellow", "toner_black"),
    "toner": ("toner_cyan", "toner_magenta", "toner_yellow", "toner_black"),
    "inkjet": ("inkjet_dye_cyan", "inkjet_dye_magenta", "inkjet_dye_yellow", "inkjet_dye_black"),
    "dye_sublimation": ("dyesub_cyan", "dyesub_magenta", "dyesub_yellow"),
    "laser_engraving": ("laser_black",),
    "intaglio": ("carbon_black",),
    "pen": ("ball_blue",),
}


def default_inks(process: Process) -> tuple[Ink, ...]:
    """Cyan, magenta, yellow and black of a process, or its one ink."""
    return tuple(ink(name) for name in _FAMILIES[process])


def print_continuous(
    process: Process,
    image: Unit,
    grid: Grid,
    at_px: tuple[int, int],
    role: Role,
    name: str,
    seed: int,
    *,
    inks: Sequence[Ink] | None = None,
    lpi: float | None = None,
    dpi: float | None = None,
    spot: Spot | None = None,
    angles_deg: Sequence[float] = ANGLES_DEG,
    strength: float = 1.0,
    black: float = 0.9,
    mask: Mask | None = None,
) -> tuple[Plate, ...]:
    """A picture of continuous tone as plates, one for each ink.

    Args:
        process: how it is printed.
        image: linear, (h, w, 3) or grey (h, w), 1 = bare substrate, on the grid's pitch.
        grid: the raster.
        at_px: x, y of the picture's top left pixel.
        role: of the plates.
        name: of the plates; the ink's name follows after a space where there are several.
        seed: of everything that differs from print to print.
        inks: three or four in the order cyan, magenta, yellow, black, or one; None: the process' own.
        lpi: lines an inch of an AM screen; None: the process' usual.
        dpi: of the head or the raster lines; None: the process' usual.
        spot: of an AM screen.
        angles_deg: of its inks.
        strength: 1 = as the picture is; less for a ghost.
        black: how much of the grey component black carries.
        mask: (h, w) coverage limit, 255 = print here: for pictures without a rectangular ground.

    Returns:
        The plates, in the order of printing.
    """
    inks = tuple(inks) if inks is not None else default_inks(process)
    wanted = coverages(process, np.asarray(image, np.float32), inks, black=black)
    limit = np.float32(strength) if mask is None else mask.astype(np.float32) * np.float32(strength / 255)
    return screened_plates(
        process,
        tuple(np.asarray(c * limit, np.float32) for c in wanted),
        inks,
        grid,
        at_px,
        role,
        name,
        seed,
        lpi=lpi,
        dpi=dpi,
        spot=spot,
        angles_deg=angles_deg,
    )


def coverages(process: Process, picture: Unit, inks: Sequence[Ink], *, black: float = 0.9) -> tuple[Unit, ...]:
    """What each ink has to cover for a picture, before any dots (h, w each)."""
    if len(inks) == 1:
        return (_grey_coverage(picture, inks[0]),)
    colour = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
    return separate(colour, inks, black=black, black_start=_BLACK_START.get(process, 0.35))


def screened_plates(
    process: Process,
    wanted: Sequence[Unit],
    inks: Sequence[Ink],
    grid: Grid,
    at_px: tuple[int, int],
    role: Role,
    name: str,
    seed: int,
    *,
    lpi: float | None = None,
    dpi: float | None = None,
    spot: Spot | None = None,
    angles_deg: Sequence[float] = ANGLES_DEG,
) -> tuple[Plate, ...]:
    """Wanted coverages (h, w) as plates with the dots of the process; arguments as ``print_continuous``."""
    plates = []
    for index, (own, coverage) in enumerate(zip(inks, wanted, strict=True)):
        rng = np.random.default_rng([seed, 211, index])
        angle = angles_deg[index] if len(inks) > 1 else 45.0
        dots = _dots(process, coverage, grid, rng, lpi=lpi, dpi=dpi, spot=spot, angle_deg=angle)
        label = name if len(inks) == 1 else f"{name} {own.name}"
        plates.append(Plate(role, own, _mask(dots), at_px, process, label, screened=True))
    return tuple(plates)


def _grey_coverage(picture: Unit, only: Ink) -> Unit:
    grey = picture if picture.ndim == 2 else picture @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    kept = float(np.mean([10.0**-d for d in only.density[:3]]))
    return np.asarray(np.clip((1 - grey) / (1 - kept), 0, 1), np.float32)


def _dots(
    process: Process,
    wanted: Unit,
    grid: Grid,
    rng: np.random.Generator,
    *,
    lpi: float | None,
    dpi: float | None,
    spot: Spot | None,
    angle_deg: float,
) -> Unit:
    s = grid.px_per_mm
    shape = (wanted.shape[0], wanted.shape[1])
    if process == "inkjet":
        return drops(wanted, s, dpi or 1000.0, rng)
    if process == "dye_sublimation":
        return _dye(wanted, s, dpi or 300.0, rng)
    if process == "laser_engraving":
        return _engraved(wanted, s, dpi or 500.0, rng)
    if process == "toner":
        ragged = cloudy(shape, 0.035 * s, rng) * np.float32(0.16) + cloudy(shape, 0.5 * s, rng) * np.float32(0.03)
        dots = am_dots(wanted, s, lpi or 141.0, angle_deg, spot=spot or "line", noise=ragged)
        return np.asarray(np.maximum(dots, specks(wanted, s, rng, each_mm2=60.0)), np.float32)
    if process == "am_laser":
        ragged = cloudy(shape, 0.03 * s, rng) * np.float32(0.08)
        return am_dots(wanted, s, lpi or 175.0, angle_deg, spot=spot or "round", noise=ragged)
    if process == "intaglio":
        return am_dots(wanted, s, lpi or 80.0, angle_deg, spot=spot or "line")
    return am_dots(wanted, s, lpi or 175.0, angle_deg, spot=spot or "round")


def _dye(wanted: Unit, s: float, dpi: float, rng: np.random.Generator) -> Unit:
    """Dye diffuses: soft to a dot of the head, with its lines and the unevenness of its elements."""
    h, w = wanted.shape
    pitch = s * 25.4 / dpi
    rows, columns = max(1, round(h / pitch)), max(1, round(w / pitch))
    coarse = cv2.resize(wanted, (columns, rows), interpolation=cv2.INTER_AREA)
    streaks = rng.normal(0, 0.012, (1, columns)) + rng.normal(0, 0.008, (rows, 1))
    coarse = np.asarray(coarse + streaks * 2 * coarse * (1 - coarse), np.float32)
    soft = cv2.GaussianBlur(cv2.resize(coarse, (w, h), interpolation=cv2.INTER_LINEAR), (0, 0), 0.45 * pitch)
    down = 0.07 * np.cos(2 * np.pi * (np.arange(h) + 0.5) / pitch).astype(np.float32)[:, None]
    across = 0.03 * np.cos(2 * np.pi * (np.arange(w) + 0.5) / pitch).astype(np.float32)[None, :]
    return np.asarray(np.clip(soft + (down + across) * soft * (1 - soft), 0, 1), np.float32)


def _engraved(wanted: Unit, s: float, dpi: float, rng: np.random.Generator) -> Unit:
    """Spots along raster lines, larger where it is darker; polycarbonate chars by chance, and never quite to black."""
    asked, got = _engraved_tones(round(s, 3), dpi)
    tone = np.interp(wanted, got, asked).astype(np.float32)
    return np.asarray(_burn(tone, s, dpi, rng) * np.clip((wanted - 0.01) * 50, 0, 1), np.float32)


@lru_cache(maxsize=8)
def _engraved_tones(s: float, dpi: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Tones asked for and the coverage they give."""
    asked = np.linspace(0, 1, 17)
    patch = np.ones((96, 96), np.float32)
    got = [float(_burn(patch * np.float32(t), s, dpi, np.random.default_rng(23)).mean()) for t in asked]
    return asked, np.maximum.accumulate(np.array(got) + np.arange(17) * 1e-6)


def _burn(tone: Unit, s: float, dpi: float, rng: np.random.Generator) -> Unit:
    h, w = tone.shape
    pitch = s * 25.4 / dpi
    char = cloudy((h, w), 0.05 * s, rng) * np.float32(0.10)
    x, y = np.arange(w, dtype=np.float32)[None, :], np.arange(h, dtype=np.float32)[:, None]
    across = np.cos(2 * np.pi * (y + 0.5) / pitch)
    row = np.floor((y + 0.5) / pitch)
    along = np.cos(2 * np.pi * (x / (1.25 * pitch) + 0.5 * (row % 2)))
    height = (0.62 * across + 0.38 * along) * 0.5
    swing = np.sqrt(np.maximum(tone * (1.02 - tone), 0))
    return np.asarray(np.clip(tone + (height + char) * swing * np.float32(1.7), 0, 1), np.float32)


def _mask(coverage: Unit) -> Mask:
    return np.asarray(cv2.convertScaleAbs(coverage, alpha=255), np.uint8)
