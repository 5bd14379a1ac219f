"""The printed lines of a zone: where each begins, ends and bends, and how high its capitals are.

The line finder gives a map of "middle of a printed MRZ line" over the upright zone crop. Lines are its connected
ridges; each is fitted with a parabola, or with a cubic where all of them bend like an S, as a page held open does.
All lines of a zone share their ends, since Doc 9303 gives them equal lengths.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.geometry import FloatArray
from dafec.models.runtime import Session
from dafec.ocr.find import RoughZone
from dafec.ocr.strip import LineGeometry
from dafec.ocr.zone_crop import CROP_WIDTH, ZONE_WIDTH_PX, ZoneCrop, cut_zone

__all__ = ["find_lines"]

_THRESHOLD = 0.4
_ROW_PX, _ROW_0 = 2.0, 0.5  # crop pixels per map row, crop row of map row 0
_COLUMN_PX, _COLUMN_0 = 4.0, 1.5
_MAX_LINES = 3
_JOIN_CAPS = 4.5  # two zones side by side are at least 5 characters apart, by their documents' margins
_MAX_ROUNDS = 3
_LEAST_SWAY = 0.12  # of the cap height, in every line


@dataclass(slots=True, eq=False)
class _Ridge:
    """One line in crop pixels: y = a + b x + c x**2 between left and right."""

    poly: FloatArray  # (3,), highest power first
    cubic: FloatArray  # (4,), the same with d x**3
    left: float
    right: float
    cap: float
    weight: float

    def y(self, x: float) -> float:
        return float(np.polyval(self.poly, x))


def _ridges(maps: NDArray[np.float32]) -> list[_Ridge]:
    heat = 1 / (1 + np.exp(-np.clip(maps[0], -30, 30)))
    count, labels = cv2.connectedComponents((heat > _THRESHOLD).astype(np.uint8), connectivity=8)
    found = []
    for label in range(1, count):
        rows, columns = np.nonzero(labels == label)
        if len(rows) < 6 or np.ptp(columns) < 3:
            continue
        weight = heat[rows, columns]
        x, y = columns * _COLUMN_PX + _COLUMN_0, rows * _ROW_PX + _ROW_0
        degree = 2 if np.ptp(x) > 120 else 1
        poly = np.polyfit(x, y, degree, w=weight)
        poly = np.r_[np.zeros(3 - len(poly)), poly]
        cap = float(8 * np.exp(np.clip(np.median(maps[1, rows, columns]), -2.5, 2.5)))
        cubic = np.polyfit(x, y, 3, w=weight) if degree == 2 else np.r_[0.0, poly]
        left, right = float(x.min()) - _COLUMN_PX / 2, float(x.max()) + _COLUMN_PX / 2
        found.append(_Ridge(poly, cubic, left, right, cap, float(weight.sum())))
    return found


def _continues(line: _Ridge, piece: _Ridge) -> bool:
    """Whether a piece lies on the line, and not so far along it that it is another document's."""
    middle = (piece.left + piece.right) / 2
    gap = max(piece.left - line.right, line.left - piece.right)
    return abs(line.y(middle) - piece.y(middle)) < 0.55 * line.cap and gap < _JOIN_CAPS * line.cap


def _join(ridges: list[_Ridge]) -> list[_Ridge]:
    """Pieces of one line, parted by a stamp or a crease, become one line again."""
    joined: list[_Ridge] = []
    for ridge in sorted(ridges, key=lambda r: r.left - r.right):
        partner = next((o for o in joined if _continues(o, ridge)), None)
        if partner is None:
            joined.append(ridge)
            continue
        xs = np.r_[np.linspace(partner.left, partner.right, 40), np.linspace(ridge.left, ridge.right, 40)]
        ys = np.r_[np.polyval(partner.poly, xs[:40]), np.polyval(ridge.poly, xs[40:])]
        weights = np.r_[np.full(40, partner.weight), np.full(40, ridge.weight)]
        partner.poly = np.polyfit(xs, ys, 2, w=np.sqrt(weights))
        ys = np.r_[np.polyval(partner.cubic, xs[:40]), np.polyval(ridge.cubic, xs[40:])]
        partner.cubic = np.polyfit(xs, ys, 3, w=np.sqrt(weights))
        partner.left, partner.right = min(partner.left, ridge.left), max(partner.right, ridge.right)
        partner.weight += ridge.weight
    return joined


def _choose(ridges: list[_Ridge]) -> list[_Ridge]:
    """The lines that belong together: about equally long, one above the other, at most three."""
    longest = max((r.right - r.left for r in ridges), default=0.0)
    kept = [r for r in ridges if r.right - r.left > 0.45 * longest]
    middle = float(np.median([(r.left + r.right) / 2 for r in kept])) if kept else 0.0
    kept.sort(key=lambda r: r.y(middle))
    while len(kept) > _MAX_LINES:
        kept.remove(min(kept, key=lambda r: r.weight))
    return kept


def _bend(poly: FloatArray, left: float, right: float) -> tuple[FloatArray, float, float]:
    """The ends of a line, its sag and its sway (``LineGeometry``), in crop pixels."""
    y = np.polyval(poly, np.linspace(left, right, 5))
    sag = y[2] - (y[0] + y[4]) / 2
    sway = (y[1] - y[3]) / 2 - (y[0] - y[4]) / 4
    return np.array([[left, y[0]], [right, y[4]]]), float(sag), float(sway)


def _geometries(ridges: list[_Ridge], crop: ZoneCrop) -> list[LineGeometry]:
    left, right = min(r.left for r in ridges), max(r.right for r in ridges)
    cap = float(np.median([r.cap for r in ridges]))
    bends = [_bend(r.cubic, left, right) for r in ridges]
    sways = np.array([sway for _, _, sway in bends])
    # A page that bends takes all its lines along; a stamp bends one of them.
    if len(ridges) < 2 or not (sways.min() > _LEAST_SWAY * cap or sways.max() < -_LEAST_SWAY * cap):
        bends = [_bend(r.poly, left, right) for r in ridges]
    out = []
    for chord, sag, sway in bends:
        a, b = crop.to_frame(chord)
        ends = (float(a[0]), float(a[1])), (float(b[0]), float(b[1]))
        out.append(LineGeometry(*ends, sag * crop.scale, cap * crop.scale, sway * crop.scale))
    return out


def _better_view(ridges: list[_Ridge], crop: ZoneCrop, zone: RoughZone) -> RoughZone | None:
    """Another look at the zone where this one cut it off, or showed it turned, too large or too small."""
    left, right = min(r.left for r in ridges), max(r.right for r in ridges)
    width = right - left
    cut = left < 8 or right > CROP_WIDTH - 8
    middle_x = (left + right) / 2
    ys = [r.y(middle_x) for r in ridges]
    slope = float(np.mean([(r.y(right) - r.y(left)) / width for r in ridges]))
    if not cut and 0.8 < width / ZONE_WIDTH_PX < 1.2 and abs(slope) < 0.04 and 20 < float(np.mean(ys)) < 76:
        return None
    centre = crop.to_frame(np.array([[middle_x, float(np.mean(ys))]]))[0]
    grown = width * (1.35 if cut else 1.0)
    return RoughZone(
        (float(centre[0]), float(centre[1])),
        zone.angle_rad + float(np.arctan(slope)),
        grown * crop.scale,
        zone.height_px,
        zone.score,
    )


def find_lines(grey: NDArray[np.uint8], zone: RoughZone, session: Session) -> list[LineGeometry]:
    """The lines of one zone, top line first.

    Args:
        grey: (h, w) uint8 frame.
        zone: as the detector found it.
        session: the model ``mrz_lines``.

    Returns:
        One to three lines; none where the zone holds no MRZ print.

    Raises:
        InstallationError: the model failed.
    """
    best: list[LineGeometry] = []
    for _ in range(_MAX_ROUNDS):
        crop = cut_zone(grey, zone.centre, zone.angle_rad, zone.width_px)
        ridges = _choose(_join(_ridges(session.run(crop.pixels[None, None])[0][0])))
        if not ridges:
            return best
        best = _geometries(ridges, crop)
        again = _better_view(ridges, crop, zone)
        if again is None:
            return best
        zone = again
    return best
