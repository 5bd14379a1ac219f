"""From the press to the object: what a sheet with its inks, pieces, holes and film reflects and gives back.

Reflected light: a plate of coverage c and density D leaves ``1 - c * (1 - 10**-D)`` of it in each band (Murray-Davies
for one ink, Demichel's equations for several that lie over each other by chance), so plates multiply on the
substrate. Under the lamp, from below upwards: a film keeps part of the lamp from what lies below and part of its light
from coming out again, ``E * (1 - c * (1 - 10**-(D_uv + D)))``, and adds its own, ``c * emission``.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.specimens.drawing import draw_discs, fill_edges
from dafec.specimens.model import Appearance, Artwork, Grid, Ink, Laminate, Mask, Piece, Plate, Substrate, Unit
from dafec.specimens.screens import Clouds, cloudy

__all__ = ["compose", "rounded_outline"]

_ROWS = 12  # of a strip: what one needs stays in the cache
_LIGHT = np.array([-0.6, -0.8])  # where the light that shows relief comes from: the reader's far left


@dataclass(frozen=True, slots=True, eq=False)
class _Film:
    """A plate as the strips need it."""

    coverage: Mask
    box: tuple[int, int, int, int]  # x0, y0, x1, y1 on the grid, cut to it
    corner: tuple[int, int]  # of the box within the coverage
    reflected: tuple[tuple[int, float], ...]  # band, what full coverage takes (negative)
    glowing: tuple[tuple[int, float, float], ...]  # band, what it takes (negative), what it gives


def compose(artwork: Artwork, seed: int) -> Appearance:
    """The finished object.

    Args:
        artwork: one side, pressed or not.
        seed: of the substrate's own unevenness.

    Returns:
        Its appearance on the artwork's grid.
    """
    film, below = artwork.laminate, [p for p in artwork.pieces if p.below_laminate]
    reflectance, fluorescence = _printed(artwork, None if below else film, seed)
    shade: Unit | None = None
    for index, piece in enumerate(below):
        shade = _lay(piece, artwork.grid, reflectance, fluorescence, shade, seed + 7919 * (index + 1))
    if film and below:
        _cover(film, artwork.grid, reflectance, fluorescence)
    gloss = _gloss(film, artwork.grid) if film else None
    if film and film.edge_mm:
        shade = _laminate_edge(film.edge_mm, artwork.grid, shade)
    for index, piece in enumerate(p for p in artwork.pieces if not p.below_laminate):
        shade = _lay(piece, artwork.grid, reflectance, fluorescence, shade, seed + 7919 * (index + 101))
    for perforation in artwork.perforations:
        shade = _pierce(perforation.holes_mm, artwork.grid, reflectance, fluorescence, shade)
    outside = rounded_outline(artwork.grid, artwork.corner_mm) if artwork.corner_mm > 0 else None
    return Appearance(artwork.grid, reflectance, fluorescence, shade, gloss, outside)


def rounded_outline(grid: Grid, corner_mm: float) -> Mask:
    """255 on a sheet with rounded corners, 0 outside (h, w)."""
    w, h, r = grid.width_mm, grid.height_mm, corner_mm
    quarter = np.linspace(0, np.pi / 2, 24)
    corners = [
        np.stack([cx + r * np.cos(quarter + turn), cy + r * np.sin(quarter + turn)], 1)
        for cx, cy, turn in ((w - r, h - r, 0), (r, h - r, np.pi / 2), (r, r, np.pi), (w - r, r, 1.5 * np.pi))
    ]
    ring = np.concatenate(corners)
    mask = np.zeros(grid.shape, np.uint8)
    drawn, (x, y) = fill_edges(grid, [np.concatenate([ring, np.roll(ring, -1, axis=0)], 1)])
    mask[y : y + drawn.shape[0], x : x + drawn.shape[1]] = drawn
    return mask


def _printed(artwork: Artwork, laminate: Laminate | None, seed: int) -> tuple[Unit, Unit]:
    """Substrate and plates, and the laminate if nothing lies between."""
    h, w = artwork.grid.shape
    films = [film for plate in artwork.plates if (film := _film(plate, h, w)) is not None]
    reflectance = np.empty((h, w, 4), np.float32)
    fluorescence = np.empty((h, w, 3), np.float32)
    ground = _Ground(artwork.substrate, artwork.grid, seed)
    bands = np.empty((7, _ROWS, w), np.float32)
    unit, work = np.empty((_ROWS, w), np.float32), np.empty((_ROWS, w), np.float32)
    for top in range(0, h, _ROWS):
        n = min(_ROWS, h - top)
        even, glow = ground.strip(top, n)
        for band in range(4):
            np.multiply(even, artwork.substrate.reflectance[band], out=bands[band, :n])
        for band in range(3):
            np.multiply(glow, artwork.substrate.fluorescence[band], out=bands[4 + band, :n])
        for film in films:
            _print_strip(film, bands, unit, work, top, n)
        if laminate is not None:
            _cover_strip(laminate, artwork.grid, bands, top, n)
        cv2.merge([bands[b, :n] for b in range(4)], dst=reflectance[top : top + n])
        cv2.merge([bands[4 + b, :n] for b in range(3)], dst=fluorescence[top : top + n])
    return reflectance, fluorescence


def _cover_strip(film: Laminate, grid: Grid, bands: NDArray[np.float32], top: int, rows: int) -> None:
    h, w = grid.shape
    inset = 0 if film.edge_mm is None else round(film.edge_mm * grid.px_per_mm)
    box = (slice(max(inset - top, 0), max(min(h - inset - top, rows), 0)), slice(inset, w - inset))
    for band, density in enumerate(film.density):
        if density:
            bands[(band, *box)] *= np.float32(10.0**-density)
    for band, given in enumerate(film.fluorescence):
        place = bands[(4 + band, *box)]
        place *= np.float32(10.0 ** -(film.uv_density + film.density[band]))
        place += np.float32(given)


def _print_strip(
    film: _Film, bands: NDArray[np.float32], unit: NDArray[np.float32], work: NDArray[np.float32], top: int, rows: int
) -> None:
    x0, y0, x1, y1 = film.box
    a, b = max(top, y0), min(top + rows, y1)
    if a >= b:
        return
    cx, cy = film.corner
    part = film.coverage[cy + a - y0 : cy + b - y0, cx : cx + x1 - x0]
    if not part.any():
        return
    u, t = unit[: b - a, : x1 - x0], work[: b - a, : x1 - x0]
    np.multiply(part, np.float32(1 / 255), out=u)
    rows_here = slice(a - top, b - top)
    for band, taken in film.reflected:
        place = bands[band, rows_here, x0:x1]
        np.multiply(u, taken, out=t)
        np.add(t, np.float32(1), out=t)
        np.multiply(place, t, out=place)
    for band, taken, given in film.glowing:
        place = bands[4 + band, rows_here, x0:x1]
        np.multiply(place, taken, out=t)
        if given:
            np.add(t, given, out=t)
        np.multiply(t, u, out=t)
        np.add(place, t, out=place)


def _film(plate: Plate, h: int, w: int) -> _Film | None:
    rows, columns = plate.coverage.shape
    x, y = plate.origin_px
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + columns, w), min(y + rows, h)
    if x1 <= x0 or y1 <= y0:
        return None
    ink = plate.ink
    reflected = tuple((b, 10.0**-d - 1) for b, d in enumerate(ink.density) if d > 0)
    glowing = []
    for band in range(3):
        taken = 10.0 ** -(ink.uv_density + ink.density[band]) - 1
        if taken or ink.emission[band]:
            glowing.append((band, taken, ink.emission[band]))
    return _Film(plate.coverage, (x0, y0, x1, y1), (x0 - x, y0 - y), reflected, tuple(glowing))


class _Ground:
    """How even the substrate reflects and glows, 1 = its mean, in strips of rows."""

    def __init__(self, substrate: Substrate, grid: Grid, seed: int) -> None:
        rng = np.random.default_rng([seed, 11])
        self._width = grid.shape[1]
        self._cloud = Clouds(grid.shape, substrate.mottle_mm * grid.px_per_mm, rng)
        self._fine = Clouds(grid.shape, 0.12 * grid.px_per_mm, rng)
        self._mottle, self._uv_mottle = substrate.mottle, substrate.uv_mottle

    def strip(self, top: int, rows: int) -> tuple[Unit, Unit]:
        """For reflectance and for fluorescence (rows, w)."""
        cloud, fine = self._cloud.strip(top, rows), self._fine.strip(top, rows)
        ground = cv2.addWeighted(cloud, self._mottle * 0.8, fine, self._mottle * 0.6, 1.0)
        glow = cv2.addWeighted(cloud, -self._uv_mottle * 0.6, fine, self._uv_mottle * 0.8, 1.0)
        return np.asarray(ground, np.float32), np.asarray(glow, np.float32)


def _cover(film: Laminate, grid: Grid, reflectance: Unit, fluorescence: Unit) -> None:
    """Lays the laminate over what is there."""
    h, w = grid.shape
    bands = np.empty((7, _ROWS, w), np.float32)
    for top in range(0, h, _ROWS):
        n = min(_ROWS, h - top)
        for band in range(7):
            bands[band, :n] = (
                reflectance[top : top + n, :, band] if band < 4 else fluorescence[top : top + n, :, band - 4]
            )
        _cover_strip(film, grid, bands, top, n)
        cv2.merge([bands[b, :n] for b in range(4)], dst=reflectance[top : top + n])
        cv2.merge([bands[4 + b, :n] for b in range(3)], dst=fluorescence[top : top + n])


def _gloss(film: Laminate, grid: Grid) -> Unit:
    h, w = grid.shape
    inset = 0 if film.edge_mm is None else round(film.edge_mm * grid.px_per_mm)
    gloss = np.full((h, w), 0.1 if inset else film.gloss, np.float32)
    gloss[inset : h - inset, inset : w - inset] = film.gloss
    return gloss


def _laminate_edge(edge_mm: float, grid: Grid, shade: Unit | None) -> Unit:
    """The step of a film as thick as a hair: a bright line where it faces the light, else a dark one."""
    h, w = grid.shape
    shade = np.ones((h, w), np.float32) if shade is None else shade
    inset, reach = round(edge_mm * grid.px_per_mm), max(2, round(0.12 * grid.px_per_mm))
    if inset <= reach or 2 * (inset + reach) >= min(h, w):
        return shade
    away = np.abs(np.arange(-reach, reach + 1)) / (0.04 * grid.px_per_mm)
    line = np.exp(-(away**2) / 2).astype(np.float32)
    down, across = slice(inset, h - inset), slice(inset, w - inset)
    shade[down, inset - reach : inset + reach + 1] *= 1 + np.float32(0.07) * line
    shade[down, w - inset - reach : w - inset + reach + 1] *= 1 - np.float32(0.09) * line
    shade[inset - reach : inset + reach + 1, across] *= 1 + np.float32(0.08) * line[:, None]
    shade[h - inset - reach : h - inset + reach + 1, across] *= 1 - np.float32(0.11) * line[:, None]
    return shade


def _turned_mask(piece: Piece, grid: Grid) -> tuple[NDArray[np.float64], tuple[int, int, int, int]]:
    """How the piece's pixels lie on the grid (2, 3), and the box on the grid with room for edge and glue."""
    h, w = piece.mask.shape
    s, a = grid.px_per_mm, np.deg2rad(piece.angle_deg)
    cos, sin = np.cos(a), np.sin(a)
    x, y = piece.at_mm[0] * s, piece.at_mm[1] * s
    cx, cy = x + w / 2, y + h / 2
    matrix = np.array([[cos, -sin, cx - cos * w / 2 + sin * h / 2], [sin, cos, cy - sin * w / 2 - cos * h / 2]])
    corners = np.array([[0, 0, 1], [w, 0, 1], [w, h, 1], [0, h, 1]]) @ matrix.T
    room = round(1.5 * s)
    rows, columns = grid.shape
    x0, y0 = np.maximum(np.floor(corners.min(0)).astype(int) - room, 0)
    x1, y1 = np.minimum(np.ceil(corners.max(0)).astype(int) + room, (columns, rows))
    return matrix, (int(x0), int(y0), int(x1), int(y1))


def _lay(piece: Piece, grid: Grid, reflectance: Unit, fluorescence: Unit, shade: Unit | None, seed: int) -> Unit:
    """Lays a piece on the sheet; its glue creeps out round it and its edge throws a shadow."""
    matrix, (x0, y0, x1, y1) = _turned_mask(piece, grid)
    shade = np.ones(grid.shape, np.float32) if shade is None else shade
    if x1 <= x0 or y1 <= y0:
        return shade
    own = compose(piece.artwork, seed)
    matrix = matrix.copy()
    matrix[:, 2] -= (x0, y0)
    size = (x1 - x0, y1 - y0)
    turned = cv2.warpAffine(piece.mask, matrix, size, flags=cv2.INTER_LINEAR)
    mask = np.asarray(turned.astype(np.float32) / np.float32(255), np.float32)
    box = (slice(y0, y1), slice(x0, x1))
    if piece.glue is not None:
        _spread_glue(piece.glue, mask, reflectance[box], fluorescence[box], grid, seed)
    alpha = mask[..., None]
    for target, source in ((reflectance[box], own.reflectance), (fluorescence[box], own.fluorescence)):
        moved = cv2.warpAffine(source, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        target += alpha * (moved - target)
    shade[box] *= _edge_shade(mask, piece.thickness_um, grid)
    return shade


def _spread_glue(glue: Ink, mask: Unit, reflectance: Unit, fluorescence: Unit, grid: Grid, seed: int) -> None:
    s = grid.px_per_mm
    rng = np.random.default_rng([seed, 23])
    wide = cv2.GaussianBlur(mask, (0, 0), 0.35 * s)
    uneven = cloudy((mask.shape[0], mask.shape[1]), 1.6 * s, rng)
    amount = np.clip(wide * 2.4 * (0.75 + 0.35 * uneven) - 0.15, 0, 1)[..., None].astype(np.float32)
    kept = np.array([10.0**-d for d in glue.density], np.float32)
    dimmed = np.float32(10.0**-glue.uv_density) * kept[:3]
    reflectance *= 1 - amount * (1 - kept)
    fluorescence *= 1 - amount * (1 - dimmed)
    fluorescence += amount * np.asarray(glue.emission, np.float32)


def _edge_shade(mask: Unit, thickness_um: float, grid: Grid) -> Unit:
    """A bright line on the edges that face the light, a soft shadow behind the others."""
    s = grid.px_per_mm
    height = thickness_um / 1000 * s
    steep = cv2.GaussianBlur(mask, (0, 0), max(0.03 * s, 0.6))
    gx, gy = cv2.Sobel(steep, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(steep, cv2.CV_32F, 0, 1, scale=1 / 8)
    rise = (gx * _LIGHT[0] + gy * _LIGHT[1]) * -height
    soft = cv2.GaussianBlur(mask, (0, 0), max(height * 0.8, 0.6))
    shift = np.array([[1, 0, height * 0.8 * 0.6], [0, 1, height * 0.8 * 0.8]])
    thrown = cv2.warpAffine(soft, shift, (mask.shape[1], mask.shape[0])) * (1 - mask)
    strength = min(1.0, thickness_um / 120)
    return np.asarray(np.clip(1 + 0.35 * np.tanh(rise) - 0.42 * strength * thrown, 0.25, 1.35), np.float32)


def _pierce(
    holes_mm: NDArray[np.float64], grid: Grid, reflectance: Unit, fluorescence: Unit, shade: Unit | None
) -> Unit:
    """Holes: dark, no glow, with a lit rim on the far side."""
    shade = np.ones(grid.shape, np.float32) if shade is None else shade
    mask, (x, y) = draw_discs(grid, holes_mm[:, :2], holes_mm[:, 2])
    h, w = mask.shape
    box = (slice(y, y + h), slice(x, x + w))
    hole = mask.astype(np.float32)[..., None] / 255
    reflectance[box] *= 1 - 0.93 * hole
    fluorescence[box] *= 1 - 0.96 * hole
    rim = cv2.GaussianBlur(hole[..., 0], (0, 0), max(0.05 * grid.px_per_mm, 0.6))
    gx, gy = cv2.Sobel(rim, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(rim, cv2.CV_32F, 0, 1, scale=1 / 8)
    lit = (gx * _LIGHT[0] + gy * _LIGHT[1]) * grid.px_per_mm * 0.02
    shade[box] *= np.clip(1 + lit * 3, 0.7, 1.2)
    return shade
