"""Portrait and ghost of a document: from the face to plates of the series' process."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dafec.geometry import BoxMm
from dafec.specimens.curves import relief_image
from dafec.specimens.drawing import draw_curves
from dafec.specimens.inks import ink
from dafec.specimens.model import Grid, Issue, Plate, Role, Unit
from dafec.specimens.portrait import PortraitStyle, draw_portrait
from dafec.specimens.processes import print_continuous
from dafec.specimens.series import PictureSpec, Series

__all__ = ["picture_image", "picture_plates", "portrait_style"]

_GREY = np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)  # luminance of linear sRGB (IEC 61966-2-1)
_SCARF_SHARE = 0.55  # of women of cultures that write Arabic
_DAYS_PER_YEAR = 365.2425


def portrait_style(series: Series, issue: Issue, background: tuple[float, float, float]) -> PortraitStyle:
    """How the holder's photograph was taken: the holder is as old as in the middle of the series' years."""
    born = date(*issue.person.birth)
    middle = series.first_day + (series.last_day - series.first_day) / 2
    age = float(np.clip((middle - born).days / _DAYS_PER_YEAR, 18, 80))
    scarf = _SCARF_SHARE if issue.person.surname_arabic is not None else 0.02
    return PortraitStyle(age=round(age), background=background, headscarf_share=scarf)


def _pixels(grid: Grid, box: BoxMm) -> tuple[tuple[int, int], tuple[int, int]]:
    """Rows and columns, and x and y of the corner, of a box on the grid."""
    s = grid.px_per_mm
    x0, y0 = round(box.x * s), round(box.y * s)
    return (round((box.y + box.height) * s) - y0, round((box.x + box.width) * s) - x0), (x0, y0)


def _runs_out(spec: PictureSpec, grid: Grid, shape: tuple[int, int]) -> Unit:
    """1 inside the picture, 0 where its print has run out."""
    rows, columns = shape
    y, x = (np.arange(rows) + 0.5).astype(np.float32)[:, None], (np.arange(columns) + 0.5).astype(np.float32)[None, :]
    fade = max(spec.fade_mm * grid.px_per_mm, 1.0)
    if spec.oval:
        radius = np.sqrt(((x - columns / 2) / (columns / 2)) ** 2 + ((y - rows / 2) / (rows / 2)) ** 2)
        inside = (1 - radius) * min(rows, columns) / 2 / fade
    else:
        inside = np.minimum(np.minimum(x, columns - x), np.minimum(y, rows - y)) / fade
    t = np.clip(inside, 0, 1)
    result: Unit = (t * t * (3 - 2 * t)).astype(np.float32)
    return result


def picture_image(spec: PictureSpec, grid: Grid, face_seed: int, style: PortraitStyle) -> Unit:
    """The picture to print, linear, 1 = no ink: (h, w) where the process is grey, else (h, w, 3)."""
    shape, _ = _pixels(grid, spec.box)
    image: NDArray[Any] = draw_portrait(face_seed, shape, style)
    if spec.grey:
        image = image @ _GREY
    if spec.grey or spec.strength < 1:
        # Grey processes and ghosts leave the light background free of ink.
        white = float(np.percentile(image[: max(2, shape[0] // 12)], 60))
        image = np.clip(image / max(white, 0.2) * 0.93, 0, 1)
    if spec.strength < 1:
        image = 1 - (1 - np.sqrt(image)) * spec.strength
        image = image * image
    if spec.fade_mm > 0 or spec.oval:
        kept = _runs_out(spec, grid, shape)
        image = 1 - (1 - image) * (kept if image.ndim == 2 else kept[..., None])
    result: Unit = image.astype(np.float32)
    return result


def _lined(spec: PictureSpec, grid: Grid, image: Unit, role: Role, name: str) -> tuple[Plate, ...]:
    """A picture in one ink, in lines that swell."""
    grey = image if image.ndim == 2 else image @ _GREY
    curves, widths = relief_image(grid, np.sqrt(grey), spec.box, pitch_mm=0.30, thin_mm=0.015, thick_mm=0.27)
    return (Plate(role, ink(spec.ink or "offset_grey"), *draw_curves(grid, curves, widths), "offset", name),)


@lru_cache(maxsize=4)
def _printed(
    spec: PictureSpec, grid: Grid, face_seed: int, style: PortraitStyle, role: Role, seed: int
) -> tuple[Plate, ...]:
    image = picture_image(spec, grid, face_seed, style)
    _, at = _pixels(grid, spec.box)
    if spec.ink is not None:
        return _lined(spec, grid, image, role, role)
    return tuple(print_continuous(spec.process, image, grid, at, role=role, name=role, seed=seed))


def picture_plates(series: Series, issue: Issue, spec: PictureSpec | None, grid: Grid, role: Role) -> tuple[Plate, ...]:
    """The plates of the portrait (role ``portrait``) or of its ghost (role ``ghost``).

    Args:
        series: for the days of issue.
        issue: for the holder.
        spec: box and process; None gives no plates.
        grid: the raster.
        role: ``portrait`` or ``ghost``; also the plates' name.
    """
    if spec is None:
        return ()
    first = next((side.portrait for side in series.sides if side.portrait is not None), spec)
    style = portrait_style(series, issue, first.background)  # a ghost repeats the portrait
    return _printed(spec, grid, issue.person.face_seed, style, role, issue.print_seed)
