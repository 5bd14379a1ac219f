"""Test charts: objects of known content by which scanners are measured, in the benchmark and in tests."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.specimens.drawing import Drawn, draw_curves, draw_discs, draw_polygons
from dafec.specimens.inks import ink, substrate
from dafec.specimens.lettering import draw_mrz, draw_text
from dafec.specimens.model import Appearance, Grid, Ink, Substrate

__all__ = [
    "CARD_TEXT_MM",
    "FIDUCIALS_MM",
    "MRZ_LINES",
    "PAGE_MRZ_MM",
    "PAGE_TEXT_MM",
    "card",
    "even",
    "fiducials",
    "page",
]

Box = tuple[float, float, float, float]
#: Doc 9303-4's specimen.
MRZ_LINES = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")
#: x, y, width, height of what ``page`` and ``card`` show for measuring.
PAGE_MRZ_MM: Box = (5.0, 70.0, 114.0, 11.5)
PAGE_TEXT_MM: Box = (41.0, 16.0, 22.0, 8.0)
CARD_TEXT_MM: Box = (28.5, 14.3, 20.3, 5.4)
#: x and y of the discs of ``fiducials``.
FIDUCIALS_MM = np.array([[10.0, 10.0], [75.0, 9.0], [9.0, 44.0], [76.0, 45.0], [43.0, 27.0]])


def even(
    grid: Grid,
    reflectance: tuple[float, float, float, float] = (0.8, 0.8, 0.8, 0.8),
    fluorescence: tuple[float, float, float] = (0.05, 0.05, 0.05),
) -> Appearance:
    """A sheet without anything on it."""
    rows, columns = grid.shape
    sheet = np.empty((rows, columns, 4), dtype=np.float32)
    shining = np.empty((rows, columns, 3), dtype=np.float32)
    sheet[:], shining[:] = reflectance, fluorescence
    return Appearance(grid, sheet, shining)


def fiducials(grid: Grid) -> Appearance:
    """Dark discs of 2 mm that shine, at ``FIDUCIALS_MM``, on a plain sheet."""
    chart = even(grid)
    _print(chart, draw_discs(grid, FIDUCIALS_MM, 2.0), Ink("disc", (1.0, 1.0, 1.0, 1.0), 0.0, (0.6, 0.6, 0.6)))
    return chart


def page(dpi: float = 800.0) -> Appearance:
    """A passport page in outline: waves, text and zone in carbon ink, a title that fades in infrared, three motifs."""
    grid = Grid(125.0, 88.0, dpi)
    chart = _sheet(grid, substrate("security_paper"))
    x = np.arange(0.0, 125.0, 0.4)
    for name, period, phase in (("offset_rose", 21.0, 0.12), ("offset_sky", 17.0, 0.2)):
        waves = [
            np.stack([x, 88.0 * k / 60 + 1.3 * np.sin(2 * math.pi * x / period + phase * k)], axis=1)
            for k in range(1, 60)
        ]
        _print(chart, draw_curves(grid, waves, 0.09), ink(name))
    turn = np.linspace(0.0, 2 * math.pi, 200)
    ring = np.stack([84 + 11 * np.cos(turn), 42 + 11 * np.sin(turn)], axis=1)
    _print(chart, draw_curves(grid, [ring], 3.0, closed=True), ink("uv_red"))
    _print(chart, draw_polygons(grid, [_box(30.0, 62.0, 60.0, 5.0)]), ink("uv_blue"))
    _print(chart, draw_polygons(grid, [_box(100.0, 12.0, 10.0, 10.0)]), ink("uv_yellow_green"))
    _print(
        chart,
        draw_text(grid, "REPUBLIC OF UTOPIA", (15.0, 8.0), 3.2, "sans_bold"),
        Ink("title", (0.6, 0.4, 0.2, 0.15), 0.3),
    )
    for row in range(8):
        text = "ANNA MARIA ERIKSSON 12.08.1974"[: 20 + row]
        _print(chart, draw_text(grid, text, (42.0, 18.0 + 5.0 * row), 1.9), ink("carbon_black"))
    for line in draw_mrz(grid, MRZ_LINES, 6.2, 73.6):
        _print(chart, line, ink("carbon_black"))
    return Appearance(grid, chart.reflectance, chart.fluorescence, outside=_rounded(grid, 3.2))


def card(dpi: float = 1200.0) -> Appearance:
    """A printed plastic card: fine curves and two lines of bold text in black resin."""
    grid = Grid(85.6, 53.98, dpi)
    chart = _sheet(grid, substrate("pvc"))
    rng = np.random.default_rng(1)
    t = np.linspace(0.0, 1.0, 160)[:, None]
    curves = []
    for _ in range(110):
        p = rng.uniform(-0.1, 1.1, (4, 2)) * (grid.width_mm, grid.height_mm)
        curves.append((1 - t) ** 3 * p[0] + 3 * t * (1 - t) ** 2 * p[1] + 3 * t**2 * (1 - t) * p[2] + t**3 * p[3])
    _print(chart, draw_curves(grid, curves, 0.12), Ink("ribbon", (0.22, 0.16, 0.06, 0.02)), soft_mm=0.06)
    for row, text in enumerate(("SANTOS COSTA", "Isabel Margarida")):
        at = (29.1, 16.6 + 2.55 * row)
        _print(chart, draw_text(grid, text, at, 1.72, "sans_bold"), Ink("resin", (1.55, 1.55, 1.55, 1.4)), soft_mm=0.02)
    gloss = np.full(grid.shape, 0.4, dtype=np.float32)
    return Appearance(grid, chart.reflectance, chart.fluorescence, gloss=gloss, outside=_rounded(grid, 3.18))


def _sheet(grid: Grid, paper: Substrate) -> Appearance:
    return even(grid, paper.reflectance, paper.fluorescence)


def _box(x: float, y: float, width: float, height: float) -> NDArray[np.float64]:
    return np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]])


def _print(chart: Appearance, drawn: Drawn, own: Ink, *, soft_mm: float = 0.0) -> None:
    """Lays a film on a chart that is still being made."""
    mask, (left, top) = drawn
    rows, columns = chart.grid.shape
    x, y = max(0, left), max(0, top)
    right, bottom = min(columns, left + mask.shape[1]), min(rows, top + mask.shape[0])
    if right <= x or bottom <= y:
        return
    cover = mask[y - top : bottom - top, x - left : right - left].astype(np.float32) / np.float32(255.0)
    if soft_mm > 0:
        cover = np.asarray(cv2.GaussianBlur(cover, (0, 0), soft_mm * chart.grid.px_per_mm), dtype=np.float32)
    part, shining = chart.reflectance[y:bottom, x:right], chart.fluorescence[y:bottom, x:right]
    for channel, density in enumerate(own.density):
        part[..., channel] *= 1.0 - cover * np.float32(1.0 - 10.0**-density)
    for channel in range(3):
        kept = np.float32(10.0 ** -(own.uv_density + own.density[channel]))
        shining[..., channel] *= 1.0 - cover * (1.0 - kept)
        shining[..., channel] += cover * np.float32(own.emission[channel])


def _rounded(grid: Grid, radius_mm: float) -> NDArray[np.uint8]:
    """255 on the object, 0 outside its rounded corners."""
    rows, columns = grid.shape
    outside = np.zeros((rows, columns), dtype=np.uint8)
    radius = round(radius_mm * grid.px_per_mm)
    cv2.rectangle(outside, (radius, 0), (columns - 1 - radius, rows - 1), 255, -1)
    cv2.rectangle(outside, (0, radius), (columns - 1, rows - 1 - radius), 255, -1)
    for x in (radius, columns - 1 - radius):
        for y in (radius, rows - 1 - radius):
            cv2.circle(outside, (x, y), radius, 255, -1, cv2.LINE_AA)
    return outside
