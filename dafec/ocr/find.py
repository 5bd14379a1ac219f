"""Finding machine-readable zones in a frame, at any rotation, with the detector model.

The detector sees the whole frame at 512 pixels (1,024 where nothing was found and the frame has more to show) and gives at a quarter
of that size the probability of a zone, the probability of a document, and the reading direction.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.models.runtime import Session

__all__ = ["Located", "RoughZone", "locate_zones"]

_SIDE_PX = 512
_LARGE_SIDE_PX = 1024
_THRESHOLD = 0.4  # of the zone probability; the line finder rejects what is not a zone
_MIN_CELLS = 10  # of 4 x 4 detector pixels
_MIN_ASPECT = 2.2  # the squarest zone, three lines of TD1, is 6.9 times as wide as high; halves of it are accepted


@dataclass(frozen=True, slots=True)
class RoughZone:
    """A zone as the detector sees it."""

    centre: tuple[float, float]  # frame pixels
    angle_rad: float  # reading direction, clockwise on the screen from "to the right"
    width_px: float  # along the reading direction, frame pixels
    height_px: float
    score: float  # mean probability inside


@dataclass(frozen=True, slots=True, eq=False)
class Located:
    """Everything the detector says about one frame."""

    zones: tuple[RoughZone, ...]  # best first
    document_mask: NDArray[np.float32]  # (h / k, w / k), probability of "document", each document shrunk by 3 %
    mask_scale: float  # frame pixels per mask pixel


def _run(grey: NDArray[np.uint8], session: Session, side: int) -> tuple[NDArray[np.float32], float]:
    height, width = grey.shape
    scale = side / max(height, width)
    w, h = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(grey, (w, h), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    padded = np.zeros((1, 1, -(-h // 32) * 32, -(-w // 32) * 32), np.float32)
    padded[0, 0, :h, :w] = (small.astype(np.float32) - 128) / 64
    maps = session.run(padded)[0][0]
    return maps[:, : -(-h // 4), : -(-w // 4)], 4 / scale


def _sigmoid(x: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -30, 30))), dtype=np.float32)


def _component(
    probability: NDArray[np.float32], maps: NDArray[np.float32], ys: NDArray[np.intp], xs: NDArray[np.intp], cell: float
) -> RoughZone | None:
    weight = probability[ys, xs]
    turn = np.array([float((maps[2, ys, xs] * weight).sum()), float((maps[3, ys, xs] * weight).sum())]) / float(
        weight.sum()
    )
    if float(np.hypot(*turn)) < 0.3:
        return None
    points = np.stack([xs, ys], axis=1).astype(np.float64)
    middle = points.mean(0)
    spread = np.cov((points - middle).T)
    values, vectors = np.linalg.eigh(spread)
    axis = vectors[:, 1]
    turn = turn / float(np.hypot(*turn))
    if abs(float(axis @ turn)) < 0.8 or values[1] < 2 * values[0]:
        axis = turn  # too square for its own axis: trust the learned direction
    elif float(axis @ turn) < 0:
        axis = -axis
    down = np.array([-axis[1], axis[0]])
    along, across = (points - middle) @ axis, (points - middle) @ down
    width, height = float(np.ptp(along)) + 1, float(np.ptp(across)) + 1
    if width / height < _MIN_ASPECT:
        return None
    centre = middle + axis * (along.max() + along.min()) / 2 + down * (across.max() + across.min()) / 2
    centre = (centre + 0.5) * cell - 0.5
    return RoughZone(
        (float(centre[0]), float(centre[1])),
        float(np.arctan2(axis[1], axis[0])),
        width * cell,
        height * cell,
        float(weight.mean()),
    )


def _mergeable(a: RoughZone, b: RoughZone) -> bool:
    if abs(np.angle(np.exp(1j * (a.angle_rad - b.angle_rad)))) > 0.25:
        return False
    axis = np.array([np.cos(a.angle_rad), np.sin(a.angle_rad)])
    step = np.asarray(b.centre) - np.asarray(a.centre)
    gap = abs(float(step @ axis)) - (a.width_px + b.width_px) / 2
    across = abs(float(step @ np.array([-axis[1], axis[0]])))
    return gap < 0.35 * (a.width_px + b.width_px) and across < 0.5 * max(a.height_px, b.height_px)


def _merge(a: RoughZone, b: RoughZone) -> RoughZone:
    axis = np.array([np.cos(a.angle_rad), np.sin(a.angle_rad)])
    if b.width_px > a.width_px:
        axis = np.array([np.cos(b.angle_rad), np.sin(b.angle_rad)])
    down = np.array([-axis[1], axis[0]])
    ends = [float(np.asarray(z.centre) @ axis) + sign * z.width_px / 2 for z in (a, b) for sign in (-1, 1)]
    sides = [float(np.asarray(z.centre) @ down) + sign * z.height_px / 2 for z in (a, b) for sign in (-1, 1)]
    centre = axis * (min(ends) + max(ends)) / 2 + down * (min(sides) + max(sides)) / 2
    return RoughZone(
        (float(centre[0]), float(centre[1])),
        float(np.arctan2(axis[1], axis[0])),
        max(ends) - min(ends),
        max(sides) - min(sides),
        max(a.score, b.score),
    )


def _zones(maps: NDArray[np.float32], cell: float) -> list[RoughZone]:
    probability = _sigmoid(maps[0])
    count, labels = cv2.connectedComponents((probability > _THRESHOLD).astype(np.uint8), connectivity=8)
    found: list[RoughZone] = []
    for label in range(1, count):
        ys, xs = np.nonzero(labels == label)
        if len(ys) < _MIN_CELLS:
            continue
        zone = _component(probability, maps, ys, xs, cell)
        if zone is not None:
            found.append(zone)
    merged: list[RoughZone] = []
    for zone in sorted(found, key=lambda z: -z.width_px):
        partner = next((i for i, other in enumerate(merged) if _mergeable(other, zone)), None)
        if partner is None:
            merged.append(zone)
        else:
            merged[partner] = _merge(merged[partner], zone)
    return sorted(merged, key=lambda z: -z.score * z.width_px)


def locate_zones(grey: NDArray[np.uint8], session: Session, *, most: int = 6) -> Located:
    """Finds machine-readable zones and documents.

    Args:
        grey: (h, w) uint8.
        session: the model ``mrz_detector``.
        most: zones to give at most.

    Returns:
        Zones, best first, and the document mask.

    Raises:
        InstallationError: the model failed.
    """
    maps, cell = _run(grey, session, _SIDE_PX)
    zones = _zones(maps, cell)
    if not zones and max(grey.shape) > _SIDE_PX * 1.3:
        large, large_cell = _run(grey, session, _LARGE_SIDE_PX)
        zones = _zones(large, large_cell)
    return Located(tuple(zones[:most]), _sigmoid(maps[1]), cell)
