"""What the networks are taught: inputs cut from rendered pictures, and the answers they should give. No torch here.

The truth is known exactly because everything is drawn. A column of a strip is the character whose centre lies within
0.22 of the pitch, nothing where no centre is nearer than 0.38, and is not judged between; so the recogniser needs no
alignment and gives one probability per character and place. Lines and crops are shaken as the stage before would miss
them, and more.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.geometry import FloatArray
from dafec.models.training.scenes import Scene, SceneZone
from dafec.models.training.zones import ZoneSample
from dafec.ocr.strip import CAP_PX, MARGIN_PX, LineGeometry, cut_strip
from dafec.ocr.types import ALPHABET
from dafec.ocr.zone_crop import CROP_HEIGHT, CROP_WIDTH, cut_zone

__all__ = [
    "COLUMN_PX",
    "MAX_STRIP_PX",
    "NOT_JUDGED",
    "NO_CHARACTER",
    "column_classes",
    "detector_target",
    "line_geometry",
    "line_target",
    "sample_strips",
]

COLUMN_PX = 4  # strip pixels a column of the recogniser's output
NO_CHARACTER = len(ALPHABET)  # class of a column where no character's centre lies
NOT_JUDGED = -1
MAX_STRIP_PX = 960  # longer strips are left out of the training
_MAP_PX = 4  # frame pixels a cell of the detector's maps
_DOCUMENT_SHRINK = 0.97  # so that two documents side by side stay two
_FILL_BITS = 4  # fractional bits of the polygon filler

Float = NDArray[np.float32]


def _missed_ends(rng: random.Random, count: int) -> tuple[float, float]:
    """How far, in characters, a strip reaches past the first and the last character; negative: it begins later."""
    draw = rng.random()
    if draw < 0.12:  # a look at one end: little print, much beside it
        inside, outside = rng.uniform(3, 8), rng.uniform(1, 7)
        return (outside, inside - count) if rng.random() < 0.5 else (inside - count, outside)
    if draw < 0.24:  # the zone was found only in part
        before = rng.choice([rng.uniform(-10, 0), rng.uniform(-0.5, 0.7)])
        return before, rng.choice([rng.uniform(-10, 0), rng.uniform(-0.5, 0.7)])
    reach = 6.0 if rng.random() < 0.25 else 0.7
    return rng.uniform(-0.5, reach), rng.uniform(-0.5, reach)


def line_geometry(
    sample: ZoneSample, row: int, rng: random.Random | None = None, *, whole: bool = False
) -> LineGeometry:
    """The place of a line.

    Args:
        sample: a rendered zone.
        row: which of its lines.
        rng: where given, the place is shaken as the line finder and the looks of the reader would miss it.
        whole: shaken by less than a character, so that the strip always holds the line.
    """
    points = sample.centres[row]
    chord = points[-1] - points[0]
    length = float(np.hypot(*chord))
    pitch = length / (len(points) - 1)
    along = chord / max(1e-6, length)
    down = np.array([-along[1], along[0]])
    fit = np.polyfit(np.linspace(-1, 1, len(points)), (points - points[0]) @ down, 2)
    start, end = fit[0] - fit[1] + fit[2], fit[0] + fit[1] + fit[2]
    sag = float(fit[2] - (start + end) / 2)
    left = points[0] + down * start - along * pitch / 2
    right = points[0] + along * length + down * end + along * pitch / 2
    cap = sample.cap_px
    if rng is not None:
        cap *= math.exp(rng.gauss(0, 0.06))
        left = left + down * rng.gauss(0, 0.07) * cap
        right = right + down * rng.gauss(0, 0.07) * cap
        if whole:
            before, after = rng.uniform(-0.5, 0.7), rng.uniform(-0.5, 0.7)
        else:
            before, after = _missed_ends(rng, len(points))
        left = left - along * before * pitch
        right = right + along * after * pitch
        sag += rng.gauss(0, 0.03) * cap
    return LineGeometry((float(left[0]), float(left[1])), (float(right[0]), float(right[1])), sag, cap)


def column_classes(sample: ZoneSample, row: int, geometry: LineGeometry, width_px: int) -> NDArray[np.int64]:
    """What the recogniser should say in each column of a strip.

    Args:
        sample: a rendered zone.
        row: which of its lines.
        geometry: where the strip was cut.
        width_px: of the strip, a multiple of 4.

    Returns:
        (width_px / 4,): index into ALPHABET, ``NO_CHARACTER`` or ``NOT_JUDGED``.
    """
    left, right = np.asarray(geometry.left), np.asarray(geometry.right)
    along = (right - left) / float(np.hypot(*(right - left)))
    scale = CAP_PX / geometry.cap_px
    x = (sample.centres[row] - left) @ along * scale + MARGIN_PX
    column = (np.arange(width_px // COLUMN_PX) + 0.5) * COLUMN_PX
    gaps = np.diff(x)
    near = np.abs(column[:, None] - x[None, :])
    nearest = near.argmin(1)
    pitch = np.r_[gaps, gaps[-1:]][nearest]
    distance = near.min(1) / pitch
    classes = np.array([ALPHABET.index(c) for c in sample.text.lines[row]])
    out = np.where(distance < 0.22, classes[nearest], np.where(distance > 0.38, NO_CHARACTER, NOT_JUDGED))
    best = near.argmin(0)  # every character owns at least the column nearest to its centre
    inside = (x > 0) & (x < width_px)
    out[best[inside]] = classes[inside]
    return np.asarray(out, np.int64)


def sample_strips(sample: ZoneSample, rng: random.Random) -> Iterator[tuple[Float, NDArray[np.int64]]]:
    """Strips (32, w) and their classes (w / 4,), one pair a line, cut where a shaken geometry says."""
    for row in range(len(sample.centres)):
        geometry = line_geometry(sample, row, rng)
        strip = cut_strip(sample.image, geometry).pixels
        if strip.shape[1] <= MAX_STRIP_PX:
            yield strip, column_classes(sample, row, geometry, strip.shape[1])


def _fill(layer: Float, quad_px: FloatArray, value: float) -> NDArray[np.bool_]:
    """Sets a quad, in frame pixels, of a map; gives the cells that were set."""
    cover = np.zeros(layer.shape, np.uint8)
    points = ((quad_px + 0.5) / _MAP_PX - 0.5) * 2**_FILL_BITS
    cv2.fillPoly(cover, [points.round().astype(np.int32)], 255, cv2.LINE_8, _FILL_BITS)
    layer[cover > 0] = value
    return np.asarray(cover > 0)


def detector_target(scene: Scene, side: int) -> tuple[Float, Float]:
    """A frame as the detector gets it and the maps it should give.

    Args:
        scene: a rendered frame.
        side: longest side the frame is brought to, pixels, a multiple of 32.

    Returns:
        Frame (1, side, side) float32, (grey - 128) / 64, zero beyond its edges; maps (4, side / 4, side / 4) float32:
        zone, document, and x and y of the reading direction inside a zone.
    """
    h, w = scene.image.shape
    scale = side / max(h, w)
    nw, nh = max(1, round(w * scale)), max(1, round(h * scale))
    small = cv2.resize(scene.image, (nw, nh), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    frame = np.zeros((1, side, side), np.float32)
    frame[0, :nh, :nw] = (small.astype(np.float32) - 128) / 64
    target = np.zeros((4, side // _MAP_PX, side // _MAP_PX), np.float32)
    for quad in scene.documents:
        middle = quad.mean(0)
        _fill(target[1], (middle + (quad - middle) * _DOCUMENT_SHRINK) * scale, 1.0)
    for zone in scene.zones:
        quad = zone.corners()
        inside = _fill(target[0], quad * scale, 1.0)
        along = quad[1] - quad[0]
        along = along / max(1e-6, float(np.hypot(*along)))
        target[2][inside], target[3][inside] = along[0], along[1]
    return frame, target


def _shaken_crop(zone: SceneZone, rng: random.Random) -> tuple[tuple[float, float], float, float]:
    """Centre, angle in radians and width of a zone as a detector could have found it; a fifth of them far off."""
    quad = zone.corners()
    along = quad[1] - quad[0]
    width = float(np.hypot(*along))
    angle = math.atan2(along[1], along[0])
    unit = along / max(width, 1e-6)
    down = np.array([-unit[1], unit[0]])
    wild = rng.random() < 0.2
    sideways, downwards, turn_degrees, zoom = (0.12, 0.05, 4.0, 0.3) if wild else (0.03, 0.015, 1.2, 0.06)
    shift = unit * width * rng.gauss(0, sideways)
    centre = quad.mean(0) + shift + down * width * rng.gauss(0, downwards)
    angle += math.radians(rng.gauss(0, turn_degrees))
    width *= math.exp(rng.gauss(0, zoom))
    return (float(centre[0]), float(centre[1])), angle, width


def line_target(scene: Scene, zone: SceneZone, rng: random.Random) -> tuple[Float, Float]:
    """A crop as the line finder gets it and the maps it should give.

    Args:
        scene: a rendered frame.
        zone: one of its zones; lines of others count where the crop shows them.
        rng: shakes the crop.

    Returns:
        Crop (1, 96, 448) float32; maps (2, 48, 112) float32: nearness to the middle of a line, 0 to 1, and
        log(cap height / 8 crop pixels) + 10, or 0 where the cap height is not judged.
    """
    crop = cut_zone(scene.image, *_shaken_crop(zone, rng))
    inverse = cv2.invertAffineTransform(crop.frame_from_crop)
    rows, columns = np.arange(CROP_HEIGHT // 2) * 2 + 0.5, np.arange(CROP_WIDTH // 4) * 4 + 1.5
    target: Float = np.zeros((2, len(rows), len(columns)), np.float32)
    for other in scene.zones:
        for points in other.centres:
            p = points @ inverse[:, :2].T + inverse[:, 2]
            pitch = (p[-1] - p[0]) / (len(p) - 1)
            if pitch[0] < 1.0:
                continue
            p = np.vstack([p[0] - pitch / 2, p, p[-1] + pitch / 2])
            cap = other.cap_px / crop.scale
            y = np.interp(columns, p[:, 0], p[:, 1], left=-1e6, right=-1e6)
            heat = np.exp(-(((rows[:, None] - y[None, :]) / (0.32 * cap)) ** 2) / 2)
            target[0] = np.maximum(target[0], heat)
            target[1] = np.where(heat > 0.4, math.log(cap / 8) + 10, target[1])
    return crop.pixels[None], target
