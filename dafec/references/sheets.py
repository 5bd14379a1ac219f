"""The proposal as pictures: for each light the reference with its regions, and beside it how much it varies."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.features.routines_material import REFERENCE_PX_PER_MM, Reference
from dafec.references.proposing import Proposal
from dafec.references.series import RegionData

__all__ = ["draw_sheets"]

_SCALE = 1.5  # of the reference's raster
_COLOURS = {
    "portrait": (60, 60, 230),
    "text": (220, 120, 20),
    "mrz": (30, 160, 30),
    "luminescent": (20, 200, 230),
    "background": (150, 150, 150),
    "feature": (200, 60, 200),
}  # blue, green, red
_SPREAD_FULL = {"visible": 0.4, "ir": 0.4, "uv": 0.05}


def _picture(linear: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Blue, green, red, 8 bits; dim ultraviolet is lifted so that people see it."""
    top = max(float(np.quantile(linear, 0.998)), 1e-3)
    coded = np.clip(linear / top, 0, 1) ** (1 / 2.2) * 255
    shown = coded[:, :, ::-1] if coded.shape[2] == 3 else np.repeat(coded, 3, axis=2)
    return np.ascontiguousarray(shown.astype(np.uint8))


def _enlarged(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    size = (round(image.shape[1] * _SCALE), round(image.shape[0] * _SCALE))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def _outlined(image: NDArray[np.uint8], regions: tuple[RegionData, ...]) -> NDArray[np.uint8]:
    scale = REFERENCE_PX_PER_MM * _SCALE
    for region in regions:
        x, y, width, height = (round(v * scale) for v in region.box_mm)
        colour = _COLOURS[region.kind]
        cv2.rectangle(image, (x, y), (x + width, y + height), colour, 2)
        cv2.putText(image, region.name, (x + 3, max(y - 4, 12)), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)
    return image


def draw_sheets(reference: Reference, proposal: Proposal, side: str) -> dict[str, bytes]:
    """One PNG a light, ``proposal.<side>.<light>.png``: left the reference and its regions, right the variation.

    Args:
        reference: of the side.
        proposal: its regions.
        side: its name.

    Returns:
        File names and bytes.
    """
    sheets = {}
    for light, linear in reference.linear.items():
        left = _outlined(_enlarged(_picture(linear)), proposal.regions)
        share = np.clip(reference.spread[light] / _SPREAD_FULL[light], 0, 1)
        heat = cv2.applyColorMap((share * 255).astype(np.uint8), cv2.COLORMAP_VIRIDIS)
        heat[reference.personal & (np.indices(reference.shape).sum(axis=0) % 4 == 0)] = (255, 255, 255)
        right = _outlined(_enlarged(np.asarray(heat, dtype=np.uint8)), proposal.regions)
        sheet = np.hstack([left, right])
        sheets[f"proposal.{side}.{light}.png"] = bytes(cv2.imencode(".png", sheet)[1])
    return sheets
