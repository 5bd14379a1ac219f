"""What real devices measured, and the same figures of rendered pictures: what scanners fitted to them answer for.

``data/real_figures.toml`` holds numbers only: each figure as measured on the real capture, and between what bounds the
rendered one may lie. Bounds are as wide as two documents may differ under one device: the real one is one specimen with
its own inks and stroke width, the rendered ones have theirs.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from dafec.lights import Light
from dafec.specimens.measure import (
    Window,
    band_transfer,
    channel_levels,
    corner_falloff,
    edge_width_px,
    halo,
    line_contrast,
    noise_by_level,
    registration_px,
    residue,
)

__all__ = ["RealFigure", "device_figures", "real_figures", "triplet_figures"]

Picture = NDArray[np.uint8]
_TRANSFER_AT = (0.5, 1.0, 1.5, 2.0)  # cycles a millimetre


@dataclass(frozen=True, slots=True)
class RealFigure:
    """One figure of a real device."""

    real: float
    low: float  # bounds of the rendered one
    high: float

    def holds(self, value: float) -> bool:
        """Whether a rendered figure is within the bounds; never where it could not be measured."""
        return self.low <= value <= self.high


@lru_cache(maxsize=8)
def real_figures(device: str) -> Mapping[str, RealFigure]:
    """Figures of a real device by name: ``reader_triplet``, ``fantasyid scan`` and so on (``Scanner.fitted_to``)."""
    table = tomllib.loads(files("dafec.specimens").joinpath("data/real_figures.toml").read_text(encoding="utf-8"))
    return {name: RealFigure(**figure) for name, figure in table[device]["figures"].items()}


def _nearest(levels: Mapping[int, float], level: int) -> float:
    return levels[min(levels, key=lambda key: abs(key - level))] if levels else float("nan")


def triplet_figures(
    pictures: Mapping[Light, Picture], px_per_mm: float, mrz: Window, text: Window | None = None
) -> dict[str, float]:
    """Figures of a page in three lights.

    Args:
        pictures: ``visible`` and ``uv`` in colour, ``ir`` in grey, cut to the document.
        px_per_mm: of the pictures.
        mrz: window of both lines of the zone.
        text: a window of text in carbon ink without luminescent print; None: no figures of the residue.
    """
    visible, ir, uv = pictures["visible"], pictures["ir"], pictures["uv"]
    transfer = band_transfer(visible, ir, mrz, px_per_mm, _TRANSFER_AT)
    corner, side = corner_falloff(ir)
    ground, motif = channel_levels(uv, (50.0, 99.9))
    white = channel_levels(visible, (95.0,))[0]
    shifts = registration_px(visible, ir)
    found = {
        "mrz_contrast_visible": line_contrast(visible, mrz, 8),
        "mrz_contrast_ir": line_contrast(ir, mrz, 8),
        "mrz_contrast_whole_visible": line_contrast(visible, mrz),
        "mrz_contrast_whole_ir": line_contrast(ir, mrz),
        "edge_width_visible_mm": edge_width_px(visible, mrz) / px_per_mm,
        "edge_width_ir_mm": edge_width_px(ir, mrz) / px_per_mm,
        "halo_visible": halo(visible, mrz),
        "halo_ir": halo(ir, mrz),
        "ir_by_visible_at_0.5_per_mm": transfer[0],
        "ir_by_visible_at_1.0_per_mm": transfer[1],
        "ir_by_visible_at_1.5_per_mm": transfer[2],
        "ir_by_visible_at_2.0_per_mm": transfer[3],
        "noise_visible": _nearest(noise_by_level(visible), 208),
        "noise_ir": _nearest(noise_by_level(ir), 208),
        "noise_uv_ground": _nearest(noise_by_level(uv), 16),
        "noise_uv_motif_red": _nearest(noise_by_level(np.ascontiguousarray(uv[..., 0])), 112),
        "white_red": white[0],
        "white_green": white[1],
        "white_blue": white[2],
        "corner_visible": corner_falloff(visible)[0],
        "corner_ir": corner,
        "side_ir": side,
        "white_ir": channel_levels(ir, (95.0,))[0][0],
        "uv_ground_red": ground[0],
        "uv_ground_green": ground[1],
        "uv_ground_blue": ground[2],
        "uv_motif_red": motif[0],
        "uv_motif_green": motif[1],
        "uv_motif_blue": motif[2],
        "registration_spread_px": float(np.ptp(np.percentile(shifts, (10, 90), axis=0), axis=0).max())
        if len(shifts) > 8
        else float("nan"),
    }
    if text is not None:
        ghost = residue(visible, uv, text)
        found |= {"residue_explained": ghost.explained, "residue_centre": ghost.centre, "residue_total": ghost.total}
    return found


def device_figures(visible: Picture, px_per_mm: float, text: Window) -> dict[str, float]:
    """Figures of a card in visible light, cut to the card: ``text`` is a window of bold black text."""
    white = channel_levels(visible, (95.0,))[0]
    black = channel_levels(visible[text], (2.0,))[0]
    levels = noise_by_level(visible)
    return {
        "text_contrast": line_contrast(visible, text),
        "edge_width_mm": edge_width_px(visible, text, 4) / px_per_mm,
        "halo": halo(visible, text),
        "black": float(np.mean(black)),
        "white_red": white[0],
        "white_green": white[1],
        "white_blue": white[2],
        "noise_bright": _nearest(levels, 208),
        "noise_middle": _nearest(levels, 112),
    }
