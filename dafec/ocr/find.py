"""Finding machine-readable zones in a frame, at any rotation, with the detector model.

The detector sees the whole frame at 512 pixels and gives at a quarter of that size the probability of a zone, the
probability of a document, and the reading direction. Where that view yields nothing readable, the reader asks for
others: larger, smaller, and turned by an eighth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.geometry import FloatArray
from dafec.models.runtime import Session

__all__ = ["FIRST_VIEW", "Located", "RoughZone", "View", "further_views", "locate_zones"]

_LEAST_SIDE_PX = 256  # narrower frames are padded: the detector was taught with room round what it sees
_THRESHOLD = 0.4  # of the zone probability; the line finder rejects what is not a zone
_MIN_CELLS = 10  # of 4 x 4 detector pixels
_MERGE_GAP = 0.06  # of both widths: two documents' zones side by side are further apart than that
_MAX_ASPECT = 22.0  # two lines of TD3 are 16.3 times as wide as high
_MIN_ASPECT = 2.2  # the squarest zone, three lines of TD1, is 6.9 times as wide as high; halves of it are accepted


@dataclass(frozen=True, slots=True)
class RoughZone:
    """A zone as the detector sees it."""

    centre: tuple[float, float]  # pixels of the frame
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


@dataclass(frozen=True, slots=True)
class View:
    """How the detector looks at a frame."""

    side_px: int = 512  # of the longest side as the detector sees it
    turn_rad: float = 0.0  # the frame is turned by this before


FIRST_VIEW = View()


def further_views(grey: NDArray[np.uint8]) -> list[View]:
    """Views worth trying on a frame where the first showed nothing readable, cheapest and likeliest first."""
    height, width = grey.shape
    views = [View(724, math.pi / 2)] if height > 2.5 * width else []
    views += [View(1024)] if max(grey.shape) > 640 else []
    return [*views, View(288), View(640, math.pi / 4)]


def _halved(grey: NDArray[np.uint8], w: int, h: int) -> NDArray[np.uint8]:
    """The frame halved while it stays larger than (w, h): OpenCV halves many times faster than it reduces otherwise."""
    while grey.shape[1] >= 2 * w and grey.shape[0] >= 2 * h and min(grey.shape) > _LEAST_SIDE_PX:
        height, width = grey.shape
        # An odd row or column is doubled, so that pixel places stay within a quarter of a detector's pixel.
        even = cv2.copyMakeBorder(grey, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
        grey = np.asarray(
            cv2.resize(even, (even.shape[1] // 2, even.shape[0] // 2), interpolation=cv2.INTER_AREA), np.uint8
        )
    return grey


def _seen(grey: NDArray[np.uint8], view: View) -> tuple[NDArray[np.uint8], FloatArray]:
    """The frame as the detector sees it, and the (2, 3) affine map from detector pixels to frame pixels."""
    height, width = grey.shape
    scale = view.side_px / max(height, width)
    if view.turn_rad:
        scale /= math.sqrt(2)
    w, h = max(1, round(width * scale)), max(1, round(height * scale))
    small = np.asarray(
        cv2.resize(_halved(grey, w, h), (w, h), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR),
        dtype=np.uint8,
    )
    grow = np.diag([width / w, height / h])
    offset = np.diag(grow) * 0.5 - 0.5
    if not view.turn_rad:
        return small, np.hstack([grow, offset[:, None]])
    c, s = math.cos(view.turn_rad), math.sin(view.turn_rad)
    turn = np.array([[c, -s], [s, c]])
    side = int(math.hypot(w, h)) + 1
    shift = np.array([side / 2, side / 2]) - turn @ np.array([w / 2, h / 2])
    turned = np.asarray(
        cv2.warpAffine(
            small, np.hstack([turn, shift[:, None]]), (side, side), borderMode=cv2.BORDER_CONSTANT, borderValue=128
        ),
        np.uint8,
    )
    back = grow @ turn.T
    return turned, np.hstack([back, (offset - back @ shift)[:, None]])


def _run(seen: NDArray[np.uint8], session: Session) -> NDArray[np.float32]:
    h, w = seen.shape
    padded = np.zeros((1, 1, max(_LEAST_SIDE_PX, -(-h // 32) * 32), max(_LEAST_SIDE_PX, -(-w // 32) * 32)), np.float32)
    padded[0, 0, :h, :w] = (seen.astype(np.float32) - 128) / 64
    maps: NDArray[np.float32] = session.run(padded)[0][0]
    return maps[:, : -(-h // 4), : -(-w // 4)]


def _sigmoid(x: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -30, 30))), dtype=np.float32)


def _component(
    probability: NDArray[np.float32], maps: NDArray[np.float32], ys: NDArray[np.intp], xs: NDArray[np.intp]
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
    centre = (centre + 0.5) * 4 - 0.5
    return RoughZone(
        (float(centre[0]), float(centre[1])),
        float(np.arctan2(axis[1], axis[0])),
        width * 4,
        height * 4,
        float(weight.mean()),
    )


def _in_frame(zone: RoughZone, frame_from_seen: FloatArray) -> RoughZone:
    linear = frame_from_seen[:, :2]
    along = linear @ np.array([math.cos(zone.angle_rad), math.sin(zone.angle_rad)])
    scale = float(np.hypot(*along))
    centre = linear @ np.asarray(zone.centre) + frame_from_seen[:, 2]
    return RoughZone(
        (float(centre[0]), float(centre[1])),
        float(np.arctan2(along[1], along[0])),
        zone.width_px * scale,
        zone.height_px * scale,
        zone.score,
    )


def _mergeable(a: RoughZone, b: RoughZone) -> bool:
    if abs(np.angle(np.exp(1j * (a.angle_rad - b.angle_rad)))) > 0.25:
        return False
    axis = np.array([np.cos(a.angle_rad), np.sin(a.angle_rad)])
    step = np.asarray(b.centre) - np.asarray(a.centre)
    gap = abs(float(step @ axis)) - (a.width_px + b.width_px) / 2
    across = abs(float(step @ np.array([-axis[1], axis[0]])))
    aspect = (a.width_px + b.width_px + gap) / max(a.height_px, b.height_px)
    near = gap < _MERGE_GAP * (a.width_px + b.width_px) and across < 0.5 * max(a.height_px, b.height_px)
    return near and aspect < _MAX_ASPECT


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


def _zones(maps: NDArray[np.float32]) -> list[RoughZone]:
    probability = _sigmoid(maps[0])
    count, labels = cv2.connectedComponents((probability > _THRESHOLD).astype(np.uint8), connectivity=8)
    found: list[RoughZone] = []
    for label in range(1, count):
        ys, xs = np.nonzero(labels == label)
        if len(ys) < _MIN_CELLS:
            continue
        zone = _component(probability, maps, ys, xs)
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


def locate_zones(grey: NDArray[np.uint8], session: Session, *, view: View = FIRST_VIEW, most: int = 6) -> Located:
    """Finds machine-readable zones and documents.

    Args:
        grey: (h, w) uint8.
        session: the model ``mrz_detector``.
        view: how the detector looks at the frame.
        most: zones to give at most.

    Returns:
        Zones, best first, and the document mask in the geometry of the view.

    Raises:
        InstallationError: the model failed.
    """
    seen, frame_from_seen = _seen(grey, view)
    maps = _run(seen, session)
    zones = [_in_frame(zone, frame_from_seen) for zone in _zones(maps)[:most]]
    return Located(tuple(zones), _sigmoid(maps[1]), 4 * float(frame_from_seen[0, 0]))
