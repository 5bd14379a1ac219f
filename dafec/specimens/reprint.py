"""What a counterfeiter gets who scans a document and prints it again.

The forger's scanner sees visible light only, so whatever parts inks in infrared or glows under the lamp is lost; the
printer has three or four inks of its own and a microstructure in place of line art.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from dafec.geometry import BoxMm
from dafec.specimens.compose import compose
from dafec.specimens.model import Appearance, Artwork, Grid, Ink, Process, Role, Substrate, Unit
from dafec.specimens.processes import coverages, default_inks, screened_plates
from dafec.specimens.screens import Spot

__all__ = ["ForgerScanner", "forger_scan", "reprint"]


@dataclass(frozen=True, slots=True)
class ForgerScanner:
    """The flatbed or telephone a forger has."""

    dpi: float = 300.0
    blur_mm: float = 0.045  # 1 sigma
    noise: float = 0.006  # of a linear value near 0.5, 1 sigma
    contrast: float = 1.06  # tone curve of its software, 1 = none
    saturation: float = 1.05
    sharpening: float = 0.5
    white: float = 0.96  # what its software calls the document's paper; below 1 the paper's tint is printed


def forger_scan(appearance: Appearance, scanner: ForgerScanner, seed: int) -> Unit:
    """The forger's file: linear RGB (h, w, 3) at the scanner's dpi, 1 = white."""
    grid = appearance.grid
    scale = scanner.dpi / grid.dpi
    size = (max(1, round(grid.shape[1] * scale)), max(1, round(grid.shape[0] * scale)))
    seen = cv2.resize(appearance.reflectance, size, interpolation=cv2.INTER_AREA)[..., :3]
    if appearance.shade is not None:
        seen = seen * cv2.resize(appearance.shade, size, interpolation=cv2.INTER_AREA)[..., None]
    seen = cv2.GaussianBlur(seen, (0, 0), max(scanner.blur_mm * scanner.dpi / 25.4, 0.2))
    rng = np.random.default_rng([seed, 401])
    seen = seen + rng.standard_normal(seen.shape, np.float32) * (scanner.noise * np.sqrt(np.maximum(seen, 0.02) * 2))
    white = np.percentile(seen[::7, ::7].reshape(-1, 3), 96, axis=0).astype(np.float32)
    seen = np.clip(seen / white * scanner.white, 0, 1)
    grey = seen.mean(axis=2, keepdims=True)
    seen = np.clip(grey + (seen - grey) * scanner.saturation, 0, 1)
    coded = np.clip((seen ** np.float32(1 / 2.2) - 0.5) * scanner.contrast + 0.5, 0, 1)
    soft = cv2.GaussianBlur(coded, (0, 0), 1.2)
    coded = np.clip(coded + scanner.sharpening * (coded - soft), 0, 1)
    coded = np.round(coded * 255) / 255
    return np.asarray(coded**2.2, np.float32)


def reprint(
    source: Appearance | Artwork,
    grid: Grid,
    process: Process,
    substrate: Substrate,
    inks: Sequence[Ink] | None = None,
    scanner: ForgerScanner | None = None,
    seed: int = 0,
    *,
    role: Role = "background",
    name: str = "reprint",
    crop_mm: BoxMm | None = None,
    lpi: float | None = None,
    dpi: float | None = None,
    spot: Spot | None = None,
    strength: float = 1.0,
) -> Artwork:
    """A document, or part of it, scanned and printed again.

    Args:
        source: what is copied, as an object or as artwork (then composed first).
        grid: of the copy; its size is that of the source or of the crop.
        process: of the forger's printer.
        substrate: what it prints on.
        inks: of the printer; None: the process' own.
        scanner: of the forger; None: an ordinary flatbed.
        seed: of the copy.
        role: of its plates.
        name: of its plates.
        crop_mm: the part that is copied; None: all.
        lpi: of an AM screen.
        dpi: of the printer.
        spot: of an AM screen.
        strength: below 1 for a pale print.

    Returns:
        Artwork with one plate for each ink, its boxes those of the source where it has any and nothing is cropped.
    """
    seen = compose(source, seed) if isinstance(source, Artwork) else source
    device = scanner or ForgerScanner()
    picture = forger_scan(seen, device, seed)
    if crop_mm is not None:
        s = device.dpi / 25.4
        x, y = max(0, round(crop_mm.x * s)), max(0, round(crop_mm.y * s))
        picture = picture[y : y + max(1, round(crop_mm.height * s)), x : x + max(1, round(crop_mm.width * s))]
    own = tuple(inks) if inks is not None else default_inks(process)
    rows, columns = grid.shape
    wanted = [
        np.asarray(cv2.resize(c * np.float32(strength), (columns, rows), interpolation=cv2.INTER_LINEAR), np.float32)
        for c in coverages(process, np.ascontiguousarray(picture), own)
    ]
    dpi = dpi or (600.0 if process == "inkjet" else None)
    plates = screened_plates(process, wanted, own, grid, (0, 0), role, name, seed, lpi=lpi, dpi=dpi, spot=spot)
    whole = isinstance(source, Artwork) and crop_mm is None
    return Artwork(grid, substrate, plates, boxes_mm=source.boxes_mm if whole and isinstance(source, Artwork) else {})
