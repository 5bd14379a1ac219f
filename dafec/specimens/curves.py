"""Guilloche: families of curves that no copier resolves, and what else is drawn with a line.

Everything gives curves as arrays (n, 2) of millimetres for ``drawing.draw_curves``; the same arguments give the same
curves. Real guilloche is engraved mathematics: a few waves or epicycles that drift slowly from one line of the family
to the next, so that the lines crowd and part and a second pattern seems to lie over them.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.geometry import BoxMm
from dafec.specimens.drawing import Drawn, Points, fill_edges
from dafec.specimens.lettering import edges_along
from dafec.specimens.model import Grid, Unit

__all__ = [
    "cross_hatch",
    "envelope_band",
    "fibres",
    "microtext_lines",
    "radial_lines",
    "relief_image",
    "rosette",
    "wave_family",
]

_STEP_MM = 0.2  # between points of a curve


def wave_family(
    box_mm: BoxMm,
    *,
    lines: int,
    amplitude_mm: float = 3.0,
    length_mm: float = 28.0,
    beat_mm: float = 70.0,
    drift: float = 0.08,
    swell: float = 0.5,
    angle_deg: float = 0.0,
    seed: int = 0,
) -> list[Points]:
    """Waves side by side whose phase and amplitude drift from one to the next.

    Args:
        box_mm: what they cover; the curves are cut at its edge.
        lines: how many.
        amplitude_mm: of the main wave.
        length_mm: of the main wave.
        beat_mm: of the wave that swells and thins the first.
        drift: of the phase from line to line, radians.
        swell: how much the beat changes the amplitude, 0 to 1.
        angle_deg: direction of the lines.
        seed: of the phases.

    Returns:
        The curves, each (n, 2).
    """
    rng = np.random.default_rng([seed, 101])
    phase = rng.uniform(0, 2 * np.pi, 4)
    a = np.deg2rad(angle_deg)
    along, across = np.array([np.cos(a), np.sin(a)]), np.array([-np.sin(a), np.cos(a)])
    middle = np.array([box_mm.x + box_mm.width / 2, box_mm.y + box_mm.height / 2])
    reach = (abs(along[0]) * box_mm.width + abs(along[1]) * box_mm.height) / 2 + 1
    depth = (abs(across[0]) * box_mm.width + abs(across[1]) * box_mm.height) / 2 + amplitude_mm
    u = np.arange(-reach, reach + _STEP_MM, _STEP_MM)
    curves = []
    for index in range(lines):
        k = index - lines / 2
        beat = 1 - swell + swell * np.sin(u * 2 * np.pi / beat_mm + phase[0] + k * drift * 0.6)
        v = -depth + 2 * depth * (index + 0.5) / lines
        wave = np.sin(u * 2 * np.pi / length_mm + phase[1] + k * drift)
        wave += 0.35 * np.sin(u * 2 * np.pi / (length_mm * 0.381) + phase[2] - k * drift * 1.7)
        slow = 0.5 * np.sin(u * 2 * np.pi / (beat_mm * 1.7) + phase[3])
        v = v + amplitude_mm * (beat * wave / 1.35 + slow)
        curves.append(middle + u[:, None] * along + v[:, None] * across)
    return _cut(curves, box_mm)


def rosette(
    centre_mm: tuple[float, float],
    radius_mm: float,
    *,
    petals: int = 12,
    rings: int = 14,
    inner: float = 0.25,
    depth: float = 0.16,
    twist: float = 0.35,
    overtone: int = 2,
    stretch: float = 1.0,
) -> list[Points]:
    """Closed rings of petals that turn against each other (draw with ``closed=True``).

    Args:
        centre_mm: of the rosette.
        radius_mm: of the outermost ring.
        petals: of each ring.
        rings: how many.
        inner: radius of the innermost one, relative.
        depth: of the petals, relative to the ring.
        twist: of a ring against the last, radians of a petal; every other ring turns the other way.
        overtone: multiple of the petals in a second wave.
        stretch: height over width.

    Returns:
        The rings, each (n, 2), first and last point alike.
    """
    curves = []
    t = np.linspace(0, 2 * np.pi, max(400, round(radius_mm * 2 * np.pi / 0.1)))
    for ring in range(rings):
        share = ring / max(rings - 1, 1)
        r = radius_mm * (inner + (1 - inner) * share) / (1 + depth * 1.2)
        turn = ring * twist * (1 if ring % 2 else -1)
        shape = np.sin(petals * t + turn) + 0.14 * np.sin(overtone * petals * t + overtone * turn)
        rho = r * (1 + depth * shape * (0.55 + 0.45 * share))
        curves.append(np.stack([centre_mm[0] + rho * np.cos(t), centre_mm[1] + stretch * rho * np.sin(t)], 1))
    return curves


def envelope_band(
    path_mm: Points,
    width_mm: float,
    *,
    strands: int = 12,
    length_mm: float = 9.0,
    waist: float = 0.35,
) -> list[Points]:
    """A plaited band: strands that swing between two envelopes along a path.

    Args:
        path_mm: (n, 2), the middle line.
        width_mm: of the band at its widest.
        strands: how many.
        length_mm: of a strand's swing.
        waist: width where the envelopes come closest, relative.

    Returns:
        The strands, each (m, 2).
    """
    u, spine, normal = _along(path_mm)
    swing = waist + (1 - waist) * (0.5 + 0.5 * np.cos(2 * np.pi * u / (length_mm * 2.5)))
    curves = []
    for index in range(strands):
        phase = 2 * np.pi * index / strands
        v = width_mm / 2 * swing * np.sin(2 * np.pi * u / length_mm + phase)
        v = v + width_mm * 0.06 * np.sin(2 * np.pi * u / (length_mm * 0.31) + 3 * phase)
        curves.append(spine + v[:, None] * normal)
    return curves


def radial_lines(
    centre_mm: tuple[float, float],
    inner_mm: float,
    outer_mm: float,
    *,
    lines: int = 180,
    bend: float = 0.6,
    ripple: float = 0.12,
    waves: int = 9,
) -> list[Points]:
    """Rays from an inner to an outer circle, bent and rippled together.

    Args:
        centre_mm: of both circles.
        inner_mm: radius where they begin.
        outer_mm: radius where they end.
        lines: how many.
        bend: how far they turn on their way, radians.
        ripple: amplitude of a wave along them, radians.
        waves: of the outer end along the circle.

    Returns:
        The rays, each (n, 2).
    """
    n = max(12, round((outer_mm - inner_mm) / _STEP_MM))
    t = np.linspace(0, 1, n)
    curves = []
    for index in range(lines):
        start = 2 * np.pi * index / lines
        end = outer_mm * (1 + 0.08 * np.sin(waves * start))
        r = inner_mm + (end - inner_mm) * t
        angle = start + bend * t**2 + ripple * np.sin(2 * np.pi * 1.5 * t + waves * start) * t
        curves.append(np.stack([centre_mm[0] + r * np.cos(angle), centre_mm[1] + r * np.sin(angle)], 1))
    return curves


def cross_hatch(
    box_mm: BoxMm, *, pitch_mm: float = 0.5, angles_deg: Sequence[float] = (30.0, -30.0), ripple_mm: float = 0.15
) -> list[Points]:
    """Fine rippled lines in two or more directions.

    Args:
        box_mm: what they cover.
        pitch_mm: between lines of one direction.
        angles_deg: the directions.
        ripple_mm: amplitude of their ripple.

    Returns:
        The lines, each (n, 2).
    """
    curves: list[Points] = []
    for angle in angles_deg:
        a = np.deg2rad(angle)
        along, across = np.array([np.cos(a), np.sin(a)]), np.array([-np.sin(a), np.cos(a)])
        middle = np.array([box_mm.x + box_mm.width / 2, box_mm.y + box_mm.height / 2])
        reach = (abs(along[0]) * box_mm.width + abs(along[1]) * box_mm.height) / 2
        depth = (abs(across[0]) * box_mm.width + abs(across[1]) * box_mm.height) / 2
        u = np.arange(-reach, reach + _STEP_MM, _STEP_MM)
        for index, offset in enumerate(np.arange(-depth, depth, pitch_mm)):
            v = offset + ripple_mm * np.sin(u * 2 * np.pi / 6.0 + index * 0.35)
            curves.append(middle + u[:, None] * along + v[:, None] * across)
    return _cut(curves, box_mm)


def microtext_lines(
    grid: Grid,
    text: str,
    paths_mm: Sequence[Points],
    height_mm: float = 0.25,
    *,
    face: str = "sans_bold",
    tracking_mm: float = 0.02,
) -> Drawn:
    """Text of 0.2 to 0.3 mm repeated along lines.

    Args:
        grid: the raster.
        text: repeated, with the space that shall part the repetitions.
        paths_mm: lines (n, 2) that the letters stand on.
        height_mm: of a capital.
        face: a key of ``lettering.FACES``.
        tracking_mm: between letters.

    Returns:
        The mask and its place.
    """
    edges = [e for path in paths_mm for e in edges_along(text, path, height_mm, face, tracking_mm=tracking_mm)]
    return fill_edges(grid, edges)


def relief_image(
    grid: Grid,
    image: Unit,
    box_mm: BoxMm,
    *,
    pitch_mm: float = 0.35,
    thin_mm: float = 0.05,
    thick_mm: float = 0.25,
    lift_mm: float = 0.0,
    angle_deg: float = 0.0,
) -> tuple[list[Points], list[NDArray[np.float64]]]:
    """A picture in parallel lines that swell where it is dark and, if asked, lift where it is (relief, medal print).

    Args:
        grid: the raster; only its scale matters.
        image: grey (h, w), 1 = no ink.
        box_mm: where the picture lies.
        pitch_mm: between the lines.
        thin_mm: width of a line on white.
        thick_mm: its width on black.
        lift_mm: how far a line is moved on black.
        angle_deg: direction of the lines.

    Returns:
        The lines (n, 2) and their widths (n,), for ``draw_curves``.
    """
    step = max(0.06, 1 / grid.px_per_mm)
    a = np.deg2rad(angle_deg)
    along, across = np.array([np.cos(a), np.sin(a)]), np.array([-np.sin(a), np.cos(a)])
    middle = np.array([box_mm.x + box_mm.width / 2, box_mm.y + box_mm.height / 2])
    reach = (abs(along[0]) * box_mm.width + abs(along[1]) * box_mm.height) / 2
    depth = (abs(across[0]) * box_mm.width + abs(across[1]) * box_mm.height) / 2
    u = np.arange(-reach, reach, step)
    scale = image.shape[1] / box_mm.width
    soft = cv2.GaussianBlur(image, (0, 0), max(0.4 * pitch_mm * scale, 0.5))
    curves: list[Points] = []
    widths: list[NDArray[np.float64]] = []
    for offset in np.arange(-depth + pitch_mm / 2, depth, pitch_mm):
        line = middle + u[:, None] * along + offset * across
        inside = (
            (line[:, 0] >= box_mm.x)
            & (line[:, 0] <= box_mm.x + box_mm.width)
            & (line[:, 1] >= box_mm.y)
            & (line[:, 1] <= box_mm.y + box_mm.height)
        )
        line = line[inside]
        if len(line) < 3:
            continue
        where = ((line - (box_mm.x, box_mm.y)) * (scale, image.shape[0] / box_mm.height)).astype(np.float32)
        grey = cv2.remap(soft, where[:, 0][None], where[:, 1][None], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[
            0
        ].astype(np.float64)
        curves.append(line - lift_mm * (1 - grey)[:, None] * across)
        widths.append(thin_mm + (thick_mm - thin_mm) * (1 - grey))
    return curves, widths


def fibres(
    box_mm: BoxMm, count: int, *, length_mm: tuple[float, float] = (2.5, 5.0), bend: float = 2.2, seed: int = 0
) -> list[Points]:
    """Curled fibres strewn over a box.

    Args:
        box_mm: where.
        count: how many.
        length_mm: shortest and longest.
        bend: how far they turn, radians, 1 sigma.
        seed: of the strewing; every sheet has its own.

    Returns:
        The fibres, each (n, 2).
    """
    rng = np.random.default_rng([seed, 103])
    curves = []
    for _ in range(count):
        start = np.array(
            [rng.uniform(box_mm.x, box_mm.x + box_mm.width), rng.uniform(box_mm.y, box_mm.y + box_mm.height)]
        )
        length = rng.uniform(*length_mm)
        t = np.arange(0, 1.001, 0.1 / length)
        a, b, c = rng.uniform(0, 2 * np.pi), rng.normal(0, bend), rng.normal(0, bend)
        angle = a + b * t + c * t**2 + 0.25 * np.sin(2 * np.pi * (t * rng.uniform(1, 3) + rng.uniform()))
        step = np.stack([np.cos(angle), np.sin(angle)], 1) * (length * (t[1] - t[0]))
        curves.append(start + np.cumsum(step, axis=0))
    return curves


def _along(path_mm: Points) -> tuple[NDArray[np.float64], Points, Points]:
    """Arc length at an even step, the points there and the normals."""
    arc = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path_mm, axis=0).T))])
    u = np.arange(0, arc[-1], 0.12)
    spine = np.stack([np.interp(u, arc, path_mm[:, k]) for k in (0, 1)], 1)
    along = np.gradient(spine, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    return u, spine, np.stack([-along[:, 1], along[:, 0]], 1)


def _cut(curves: Sequence[Points], box: BoxMm) -> list[Points]:
    """The stretches of the curves that lie in the box, cut on its edges."""
    low, high = np.array([box.x, box.y]), np.array([box.x + box.width, box.y + box.height])
    parts: list[Points] = []
    for curve in curves:
        inside = np.all((curve >= low) & (curve <= high), axis=1)
        change = np.flatnonzero(np.diff(np.concatenate([[0], inside.astype(np.int8), [0]])))
        for a, b in zip(change[::2], change[1::2], strict=True):
            ends = [curve[a:b]]
            if a > 0:
                ends.insert(0, _crossing(curve[a], curve[a - 1], low, high))
            if b < len(curve):
                ends.append(_crossing(curve[b - 1], curve[b], low, high))
            part = np.concatenate(ends)
            if len(part) >= 2:
                parts.append(part)
    return parts


def _crossing(inner: Points, outer: Points, low: Points, high: Points) -> Points:
    """Where a step from inside to outside leaves the box (1, 2)."""
    step = outer - inner
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = np.where(step > 0, (high - inner) / step, np.where(step < 0, (low - inner) / step, np.inf))
    return (inner + step * min(1.0, float(np.min(reach))))[None]
