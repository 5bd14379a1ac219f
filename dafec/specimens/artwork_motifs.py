"""Emblems of states that do not exist: simple figures as polygons in a unit square, y down.

Each function gives outlines to fill; some have holes. They are drawn for this project and stand for no real arms.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dafec.errors import InstallationError
from dafec.geometry import BoxMm
from dafec.specimens.drawing import Points

__all__ = ["motif_names", "motif_polygons"]

_Figure = tuple[list[Points], list[Points]]  # outlines and holes


def _p(*corners: tuple[float, float]) -> Points:
    return np.array(corners, dtype=np.float64)


def _mirrored(polygon: Points) -> Points:
    return polygon * (-1, 1) + (1, 0)


def _ring(x: float, y: float, radius: float, corners: int = 60) -> Points:
    t = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return np.stack([x + radius * np.cos(t), y + radius * np.sin(t)], 1)


def _spline(*corners: tuple[float, float], steps: int = 8) -> Points:
    """A closed Catmull-Rom curve through the corners."""
    k = np.array(corners, dtype=np.float64)
    before, after, beyond = np.roll(k, 1, 0), np.roll(k, -1, 0), np.roll(k, -2, 0)
    t = np.linspace(0, 1, steps, endpoint=False)[:, None, None]
    points = 0.5 * (
        2 * k
        + (after - before) * t
        + (2 * before - 5 * k + 4 * after - beyond) * t**2
        + (3 * k - before - 3 * after + beyond) * t**3
    )
    return points.transpose(1, 0, 2).reshape(-1, 2)


def _star(x: float, y: float, radius: float, points: int = 5, inner: float = 0.42, turn: float = 0.0) -> Points:
    t = np.arange(2 * points) * np.pi / points - np.pi / 2 + turn
    r = np.where(np.arange(2 * points) % 2 == 0, radius, radius * inner)
    return np.stack([x + r * np.cos(t), y + r * np.sin(t)], 1)


def _falcon() -> _Figure:
    feathers = []
    for k in range(7):
        a = np.deg2rad(198 + 15 * k - 4 * k * (k > 4))
        length = 0.50 - 0.030 * k
        t = np.linspace(0, 1, 16)
        x = 0.46 + length * t * np.cos(a) * 0.95
        y = 0.40 - length * t * np.sin(a) * 0.9 * (1 - 0.35 * t) - 0.16 * t * (1 - t)
        wide = 0.036 * np.sin(np.pi * t**0.6) ** 0.7
        feathers.append(np.concatenate([np.stack([x, y - wide], 1), np.stack([x, y + wide], 1)[::-1]]))
    shoulder = _spline((0.47, 0.30), (0.36, 0.25), (0.20, 0.20), (0.10, 0.24), (0.22, 0.32), (0.34, 0.42), (0.46, 0.50))
    wings = [*feathers, shoulder]
    body = _spline(
        (0.49, 0.10), (0.56, 0.12), (0.64, 0.17), (0.565, 0.20), (0.57, 0.32), (0.585, 0.48), (0.55, 0.68),
        (0.50, 0.76), (0.45, 0.68), (0.415, 0.48), (0.43, 0.32), (0.44, 0.18),
    )  # fmt: skip
    tail = [_spline((0.5, 0.68), (0.5 + d + 0.03, 0.95), (0.5 + d - 0.03, 0.95)) for d in (-0.10, -0.035, 0.035, 0.10)]
    return [*wings, *[_mirrored(one) for one in wings], body, *tail], [_ring(0.525, 0.145, 0.012, 16)]


def _dove() -> _Figure:
    body = _spline(
        (0.04, 0.44), (0.12, 0.36), (0.22, 0.36), (0.40, 0.44), (0.62, 0.46), (0.80, 0.40), (0.98, 0.44), (0.90, 0.54),
        (0.97, 0.62), (0.80, 0.60), (0.62, 0.66), (0.42, 0.66), (0.24, 0.58), (0.14, 0.47),
    )  # fmt: skip
    wing = _spline(
        (0.36, 0.46),
        (0.34, 0.24),
        (0.44, 0.06),
        (0.58, 0.02),
        (0.56, 0.14),
        (0.66, 0.12),
        (0.61, 0.24),
        (0.71, 0.25),
        (0.64, 0.36),
        (0.60, 0.47),
    )
    return [body, wing], [_ring(0.155, 0.425, 0.013, 16)]


def _palm() -> _Figure:
    trunk = _spline(
        (0.47, 0.96),
        (0.50, 0.72),
        (0.495, 0.50),
        (0.475, 0.36),
        (0.525, 0.34),
        (0.55, 0.52),
        (0.56, 0.74),
        (0.555, 0.96),
    )
    leaves = []
    t = np.linspace(0, 1, 41)
    for turn, size in ((-96, 0.44), (-62, 0.42), (-30, 0.36), (0, 0.30), (30, 0.36), (62, 0.42), (96, 0.44)):
        a = np.deg2rad(turn - 90)
        lean = abs(np.sin(np.deg2rad(turn)))
        x, y = 0.51 + size * t * np.cos(a), 0.36 + size * t * np.sin(a) * 0.85 + (0.05 + 0.22 * lean) * t**2.2
        notch = np.where(np.arange(41) % 2 == 0, 1.0, 0.62)
        wide = 0.062 * np.sin(np.pi * np.clip(t, 0, 1) ** 0.75) * notch + 0.004
        along = np.gradient(np.stack([x, y], 1), axis=0)
        along /= np.linalg.norm(along, axis=1, keepdims=True)
        side = np.stack([-along[:, 1], along[:, 0]], 1) * wide[:, None]
        middle = np.stack([x, y], 1)
        leaves.append(np.concatenate([middle + side, (middle - side)[::-1]]))
    ground = _spline((0.18, 0.95), (0.5, 0.92), (0.82, 0.95), (0.5, 0.985))
    return [trunk, *leaves, ground], []


def _arch(left: float, right: float, foot: float, spring: float, top: float) -> Points:
    t = np.linspace(0, 1, 14)
    middle = (left + right) / 2
    rise = spring - (spring - top) * np.sqrt(1 - (1 - t) ** 2) ** 0.9
    x = left + (middle - left) * t
    return np.concatenate(
        [_p((left, foot)), np.stack([x, rise], 1), np.stack([right - (x - left), rise], 1)[::-1], _p((right, foot))]
    )


def _gate() -> _Figure:
    wall = _p(
        (0.06, 0.94),
        (0.06, 0.34),
        (0.10, 0.34),
        (0.10, 0.24),
        (0.26, 0.24),
        (0.26, 0.32),
        (0.74, 0.32),
        (0.74, 0.24),
        (0.90, 0.24),
        (0.90, 0.34),
        (0.94, 0.34),
        (0.94, 0.94),
    )
    teeth = [
        _p((x, 0.24), (x, 0.18), (x + 0.035, 0.18), (x + 0.035, 0.24)) for x in (0.10, 0.16, 0.225, 0.74, 0.80, 0.865)
    ]
    teeth += [_p((x, 0.32), (x, 0.275), (x + 0.04, 0.275), (x + 0.04, 0.32)) for x in (0.32, 0.40, 0.48, 0.56, 0.64)]
    holes = [
        _arch(0.36, 0.64, 0.94, 0.60, 0.42),
        _arch(0.13, 0.23, 0.60, 0.46, 0.38),
        _arch(0.77, 0.87, 0.60, 0.46, 0.38),
    ]
    holes += [_arch(0.13, 0.23, 0.94, 0.78, 0.70), _arch(0.77, 0.87, 0.94, 0.78, 0.70)]
    return [wall, *teeth], holes


def _ship() -> _Figure:
    hull = _spline(
        (0.05, 0.66), (0.30, 0.70), (0.60, 0.70), (0.95, 0.62), (0.86, 0.82), (0.70, 0.88), (0.30, 0.88), (0.14, 0.82)
    )
    mast = _p((0.485, 0.08), (0.505, 0.08), (0.505, 0.70), (0.485, 0.70))
    sail = _spline((0.52, 0.10), (0.72, 0.26), (0.84, 0.58), (0.68, 0.60), (0.52, 0.60), (0.58, 0.36))
    fore = _spline((0.47, 0.16), (0.32, 0.36), (0.14, 0.58), (0.32, 0.60), (0.47, 0.60), (0.43, 0.38))
    waves = []
    for row in range(2):
        x = np.linspace(0.02, 0.98, 50)
        y = 0.92 + 0.045 * row + 0.012 * np.sin(x * 30 + row)
        waves.append(np.concatenate([np.stack([x, y], 1), np.stack([x, y + 0.018], 1)[::-1]]))
    return [hull, mast, sail, fore, *waves], []


def _mountains() -> _Figure:
    range_ = _p(
        (0.0, 0.86),
        (0.14, 0.62),
        (0.20, 0.68),
        (0.38, 0.30),
        (0.46, 0.42),
        (0.52, 0.36),
        (0.68, 0.62),
        (0.78, 0.48),
        (1.0, 0.86),
    )
    snow = [
        _p((0.38, 0.34), (0.44, 0.45), (0.40, 0.48), (0.37, 0.44), (0.33, 0.50), (0.335, 0.44)),
        _p((0.52, 0.40), (0.585, 0.50), (0.55, 0.52), (0.52, 0.48), (0.49, 0.52)),
    ]
    lines = [
        _p((0.0, 0.89 + 0.035 * k), (1.0, 0.89 + 0.035 * k), (1.0, 0.905 + 0.035 * k), (0.0, 0.905 + 0.035 * k))
        for k in range(3)
    ]
    return [range_, *lines, _ring(0.80, 0.24, 0.085)], snow


def _sun() -> _Figure:
    rays = []
    for k in range(24):
        a, d = 2 * np.pi * k / 24, 0.075 if k % 2 == 0 else 0.05
        reach = 0.49 if k % 2 == 0 else 0.40
        rays.append(
            _p(*[(0.5 + r * np.cos(a + s), 0.5 + r * np.sin(a + s)) for r, s in ((0.25, -d), (reach, 0), (0.25, d))])
        )
    return [*rays, _ring(0.5, 0.5, 0.22)], [_ring(0.5, 0.5, 0.13), *[]]


def _lighthouse() -> _Figure:
    tower = _p((0.40, 0.92), (0.445, 0.30), (0.555, 0.30), (0.60, 0.92))
    lamp = [
        _p((0.42, 0.30), (0.42, 0.27), (0.58, 0.27), (0.58, 0.30)),
        _p((0.455, 0.265), (0.455, 0.18), (0.545, 0.18), (0.545, 0.265)),
        _p((0.44, 0.18), (0.5, 0.10), (0.56, 0.18)),
    ]
    beams = [
        _p((0.42, 0.21), (0.02, 0.08), (0.02, 0.18), (0.42, 0.235)),
        _p((0.58, 0.21), (0.98, 0.08), (0.98, 0.18), (0.58, 0.235)),
    ]
    rock = _spline((0.16, 0.96), (0.26, 0.88), (0.50, 0.91), (0.76, 0.87), (0.86, 0.96), (0.5, 0.985))
    bands = [
        _p((0.432, 0.46), (0.568, 0.46), (0.575, 0.55), (0.425, 0.55)),
        _p((0.418, 0.66), (0.582, 0.66), (0.589, 0.76), (0.411, 0.76)),
    ]
    return [tower, *lamp, *beams, rock], bands


def _tree() -> _Figure:
    crown = []
    for x, y, r in (
        (0.5, 0.28, 0.19),
        (0.33, 0.38, 0.16),
        (0.67, 0.38, 0.16),
        (0.42, 0.50, 0.15),
        (0.60, 0.50, 0.15),
        (0.23, 0.49, 0.11),
        (0.78, 0.49, 0.11),
    ):
        t = np.linspace(0, 2 * np.pi, 120, endpoint=False)
        radius = r * (1 + 0.10 * np.sin(11 * t + 9 * x))
        crown.append(np.stack([x + radius * np.cos(t), y + radius * np.sin(t)], 1))
    trunk = _spline((0.46, 0.55), (0.54, 0.55), (0.55, 0.80), (0.66, 0.95), (0.52, 0.91), (0.36, 0.95), (0.45, 0.80))
    return [*crown, trunk], []


def _dome() -> _Figure:
    hall = _p((0.16, 0.94), (0.16, 0.60), (0.84, 0.60), (0.84, 0.94))
    dome = _spline((0.26, 0.60), (0.24, 0.44), (0.36, 0.28), (0.50, 0.16), (0.64, 0.28), (0.76, 0.44), (0.74, 0.60))
    towers = [_p((x, 0.94), (x, 0.22), (x + 0.03, 0.13), (x + 0.06, 0.22), (x + 0.06, 0.94)) for x in (0.05, 0.89)]
    holes = [
        _arch(0.42, 0.58, 0.94, 0.74, 0.66),
        _arch(0.22, 0.32, 0.90, 0.78, 0.70),
        _arch(0.68, 0.78, 0.90, 0.78, 0.70),
    ]
    return [hall, dome, *towers, _p((0.495, 0.17), (0.495, 0.05), (0.505, 0.05), (0.505, 0.17))], holes


def _star_figure() -> _Figure:
    return [_star(0.5, 0.5, 0.48, 8, 0.62)], [_star(0.5, 0.5, 0.26, 8, 0.62, np.pi / 8)]


def _stars() -> _Figure:
    return [_star(0.5 + 0.42 * np.cos(a), 0.5 + 0.42 * np.sin(a), 0.075) for a in np.arange(12) * np.pi / 6], []


def _ibex() -> _Figure:
    head = _spline(
        (0.50, 0.38),
        (0.60, 0.36),
        (0.66, 0.44),
        (0.74, 0.58),
        (0.80, 0.66),
        (0.76, 0.72),
        (0.66, 0.68),
        (0.60, 0.66),
        (0.62, 0.80),
        (0.66, 0.96),
        (0.34, 0.96),
        (0.38, 0.70),
        (0.42, 0.50),
    )
    t = np.linspace(0, 1, 20)
    horns = []
    for shift in (0.0, 0.07):
        a = np.pi * (0.02 + 1.05 * t)
        x, y = 0.52 + shift - 0.26 + 0.26 * np.cos(a), 0.37 - 0.30 * np.sin(a) * (1 + 0.1 * shift)
        wide = 0.030 * (1 - t) ** 0.7 * np.where(np.arange(20) % 2 == 0, 1.0, 0.72)
        horns.append(
            np.concatenate(
                [
                    np.stack([x + wide * np.cos(a), y - wide * np.sin(a)], 1),
                    np.stack([x - wide * np.cos(a), y + wide * np.sin(a)], 1)[::-1],
                ]
            )
        )
    ear = _spline((0.47, 0.40), (0.36, 0.38), (0.30, 0.44), (0.42, 0.47))
    return [head, *horns, ear], [_ring(0.615, 0.485, 0.014, 16)]


def _lotus() -> _Figure:
    petals = []
    for turn, size, wide in (
        (-78, 0.46, 0.10),
        (78, 0.46, 0.10),
        (-48, 0.50, 0.10),
        (48, 0.50, 0.10),
        (-22, 0.54, 0.10),
        (22, 0.54, 0.10),
        (0, 0.58, 0.11),
    ):
        a = np.deg2rad(turn - 90)
        t = np.linspace(0, 1, 24)
        x, y = 0.5 + size * t * np.cos(a), 0.80 + size * t * np.sin(a)
        half = wide * np.sin(np.pi * t) ** 0.9
        petals.append(
            np.concatenate(
                [
                    np.stack([x - half * np.sin(a), y + half * np.cos(a)], 1),
                    np.stack([x + half * np.sin(a), y - half * np.cos(a)], 1)[::-1],
                ]
            )
        )
    water = _spline((0.05, 0.88), (0.5, 0.84), (0.95, 0.88), (0.5, 0.93))
    return [*petals, water], []


_FIGURES: dict[str, Callable[[], _Figure]] = {
    "falcon": _falcon, "dove": _dove, "palm": _palm, "gate": _gate, "ship": _ship, "mountains": _mountains, "sun": _sun,
    "lighthouse": _lighthouse, "tree": _tree, "dome": _dome, "star": _star_figure, "stars": _stars, "ibex": _ibex,
    "lotus": _lotus,
}  # fmt: skip


def motif_names() -> tuple[str, ...]:
    """The figures there are."""
    return tuple(_FIGURES)


def motif_polygons(name: str, box: BoxMm) -> _Figure:
    """A figure in a box.

    Args:
        name: one of ``motif_names()``.
        box: where, in millimetres.

    Returns:
        Outlines and holes in millimetres, each (n, 2).

    Raises:
        InstallationError: there is no such figure.
    """
    figure = _FIGURES.get(name)
    if figure is None:
        raise InstallationError("specimens.unknown_motif", name=name)
    outlines, holes = figure()
    scale, start = np.array([box.width, box.height]), np.array([box.x, box.y])
    return [start + one * scale for one in outlines], [start + one * scale for one in holes]
