"""Artwork: one side of an issued document as it lies on the press.

The order of the press: static print, luminescent motifs and fibres, portrait and ghost, personal texts, zone, and what
is printed over the personal data. Static print is the same for every document of a series and is kept in the process
for a few sides; everything personal is drawn anew.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from dafec.geometry import BoxMm
from dafec.specimens.artwork_fields import (
    field_plates,
    label_plates,
    mrz_box,
    mrz_plates,
    perforations,
    signature_plates,
    uv_text_plates,
)
from dafec.specimens.artwork_layers import layer_plates
from dafec.specimens.artwork_pictures import picture_plates
from dafec.specimens.curves import fibres
from dafec.specimens.inks import ink, substrate
from dafec.specimens.model import Artwork, Grid, Issue, Plate
from dafec.specimens.series import Series, SideSpec, load_series, series_codes

__all__ = ["draw_artwork"]

_FIBRE_WIDTH_MM = 0.07


@lru_cache(maxsize=3)
def _static(code: str, side: int, grid: Grid) -> tuple[tuple[Plate, ...], tuple[Plate, ...]]:
    """Plates under and over the personal data."""
    return _static_plates(load_series(code), side, grid)


def _static_plates(series: Series, side: int, grid: Grid) -> tuple[tuple[Plate, ...], tuple[Plate, ...]]:
    spec = series.sides[side]
    under = [plate for layer in spec.under for plate in layer_plates(series, layer, grid)]
    under += label_plates(spec, grid)
    over = [plate for layer in spec.over for plate in layer_plates(series, layer, grid)]
    return tuple(under), tuple(over)


def _fibres(spec: SideSpec, issue: Issue, side: int, grid: Grid) -> tuple[Plate, ...]:
    """The fibres of this sheet: every sheet has its own."""
    count = round(spec.fibres_per_cm2 * grid.width_mm * grid.height_mm / 100 / max(len(spec.fibres), 1))
    page = BoxMm(0.0, 0.0, grid.width_mm, grid.height_mm)
    plates = []
    for index, name in enumerate(spec.fibres):
        seed = int(np.random.default_rng([issue.print_seed, 41, side, index]).integers(2**31))
        strewn = np.zeros(grid.shape, np.uint8)
        points = [np.round(curve * grid.px_per_mm * 16).astype(np.int32) for curve in fibres(page, count, seed=seed)]
        lot = np.random.default_rng([seed, 43])
        for curve in points:  # some lie deep in the sheet and shine dimly, some are dyed in bands
            bright, broad = float(lot.choice([1.0, 0.9, 0.65, 0.35])), float(lot.uniform(0.6, 1.35))
            thick = max(1, round(_FIBRE_WIDTH_MM * broad * grid.px_per_mm))
            bands = np.array_split(curve, 6) if lot.random() < 0.25 and len(curve) >= 18 else [curve]
            for at, band in enumerate(bands):
                level = round(255 * bright * (1.0 if len(bands) == 1 or at % 2 == 0 else 0.25))
                cv2.polylines(
                    strewn, [band], isClosed=False, color=level, thickness=thick, lineType=cv2.LINE_AA, shift=4
                )
        plates.append(Plate("fibres", ink(name), strewn, name=f"fibres {index + 1}"))
    return tuple(plates)


def draw_artwork(series: Series, issue: Issue, side: int, grid: Grid) -> Artwork:
    """One side of a document.

    Args:
        series: of the document.
        issue: its texts and its holder.
        side: 0 or 1; index of ``series.sides``.
        grid: of the document's size.

    Returns:
        The artwork. ``boxes_mm`` holds ``portrait``, ``ghost``, ``mrz``, ``signature`` and every personal text that
        this side has; the plates of a text are named after its key, the lines of the zone ``mrz_1`` and so on.
    """
    spec = series.sides[side]
    known = series.code in series_codes()  # else it is a forger's invention, of which there is one copy
    under, over = _static(series.code, side, grid) if known else _static_plates(series, side, grid)
    texts, boxes = field_plates(spec, issue, grid)
    if spec.portrait is not None:
        boxes["portrait"] = spec.portrait.box
    if spec.ghost is not None:
        boxes["ghost"] = spec.ghost.box
    if spec.signature is not None:
        boxes["signature"] = spec.signature.box
    if spec.mrz is not None:
        boxes["mrz"] = mrz_box(series.format)
    plates = (
        *_fibres(spec, issue, side, grid),
        *under,
        *picture_plates(series, issue, spec.portrait, grid, "portrait"),
        *picture_plates(series, issue, spec.ghost, grid, "ghost"),
        *texts,
        *mrz_plates(spec, issue, grid),
        *signature_plates(spec.signature, issue, grid),
        *over,
        *uv_text_plates(spec, issue, grid),
    )
    return Artwork(
        grid=grid,
        substrate=substrate(spec.substrate),
        plates=plates,
        perforations=perforations(spec.perforation, issue.number),
        laminate=spec.laminate,
        corner_mm=spec.corner_mm,
        boxes_mm=boxes,
    )
