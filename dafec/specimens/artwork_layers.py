"""Static print of a series: from a layer's data to plates.

Kinds: ``waves``, ``rosette``, ``band``, ``rays``, ``hatch``, ``microtext``, ``motif``, ``text``, ``line``, ``panel``,
``frame``. A layer with a second ink is a rainbow print (``stops``, ``turn``) or, with ``split``, two halves of one
figure in inks that look alike and part in infrared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from dafec.errors import InstallationError
from dafec.geometry import BoxMm
from dafec.specimens import curves
from dafec.specimens.artwork_motifs import motif_polygons
from dafec.specimens.drawing import Drawn, Points, draw_curves, draw_polygons, joined, ramped
from dafec.specimens.inks import ink
from dafec.specimens.lettering import draw_text
from dafec.specimens.model import Grid, Mask, Plate
from dafec.specimens.series import Layer, Series

__all__ = ["layer_plates"]

_Draw = Callable[[Grid, dict[str, Any]], Drawn]


def _box(values: list[float]) -> BoxMm:
    x, y, width, height = map(float, values)
    return BoxMm(x, y, width, height)


def _waves(grid: Grid, given: dict[str, Any]) -> Drawn:
    named = {
        "amplitude": "amplitude_mm", "length": "length_mm", "beat": "beat_mm", "drift": "drift", "swell": "swell",
        "angle": "angle_deg", "seed": "seed",
    }  # fmt: skip
    options = {long: given[short] for short, long in named.items() if short in given}
    lines = curves.wave_family(_box(given["box"]), lines=given["lines"], **options)
    return draw_curves(grid, lines, given.get("width", 0.09))


def _rosette(grid: Grid, given: dict[str, Any]) -> Drawn:
    names = ("petals", "rings", "inner", "depth", "twist", "overtone", "stretch")
    rings = curves.rosette(tuple(given["at"]), given["radius"], **{key: given[key] for key in names if key in given})
    return draw_curves(grid, rings, given.get("width", 0.08), closed=True)


def _path(given: dict[str, Any]) -> Points:
    """A line through the points, smooth where ``sway`` is given."""
    points = np.array(given["path"], dtype=np.float64)
    length = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    at = np.linspace(0, length[-1], max(2, round(length[-1] / 0.3)))
    path = np.stack([np.interp(at, length, points[:, k]) for k in (0, 1)], 1)
    if "sway" in given:
        path[:, 1] += given["sway"] * np.sin(2 * np.pi * at / given.get("sway_length", 40.0))
    return path


def _band(grid: Grid, given: dict[str, Any]) -> Drawn:
    names = {"strands": "strands", "length": "length_mm", "waist": "waist"}
    options = {long: given[short] for short, long in names.items() if short in given}
    return draw_curves(grid, curves.envelope_band(_path(given), given["breadth"], **options), given.get("width", 0.08))


def _rays(grid: Grid, given: dict[str, Any]) -> Drawn:
    options = {key: given[key] for key in ("lines", "bend", "ripple", "waves") if key in given}
    rays = curves.radial_lines(tuple(given["at"]), given["inner"], given["outer"], **options)
    return draw_curves(grid, rays, given.get("width", 0.08))


def _hatch(grid: Grid, given: dict[str, Any]) -> Drawn:
    lines = curves.cross_hatch(
        _box(given["box"]),
        pitch_mm=given.get("pitch", 0.5),
        angles_deg=given.get("angles", (30.0, -30.0)),
        ripple_mm=given.get("ripple", 0.15),
    )
    return draw_curves(grid, lines, given.get("width", 0.07))


def _microtext(grid: Grid, given: dict[str, Any]) -> Drawn:
    return curves.microtext_lines(grid, given["text"], [_path(given)], given.get("height", 0.25))


def _ruled(grid: Grid, drawn: Drawn, *, pitch_mm: float, share: float, angle_deg: float) -> Drawn:
    """A drawing filled with lines."""
    mask, (x0, y0) = drawn
    a = np.deg2rad(angle_deg)
    y = ((np.arange(mask.shape[0]) + y0) * (np.cos(a) / grid.px_per_mm / pitch_mm)).astype(np.float32)
    x = ((np.arange(mask.shape[1]) + x0) * (np.sin(a) / grid.px_per_mm / pitch_mm)).astype(np.float32)
    phase = np.mod(y[:, None] + x[None, :], 1.0)
    soft = pitch_mm * grid.px_per_mm
    lines = np.clip((share / 2 - np.abs(phase - 0.5)) * soft + 0.5, 0, 1)
    filled: Mask = (mask * lines).astype(np.uint8)
    return filled, (x0, y0)


def _motif(grid: Grid, given: dict[str, Any]) -> Drawn:
    outlines, holes = motif_polygons(given["name"], _box(given["box"]))
    fill = given.get("fill", "solid")
    parts = []
    if fill in ("solid", "ruled"):
        filled = draw_polygons(grid, outlines, holes)
        if fill == "ruled":
            filled = _ruled(
                grid,
                filled,
                pitch_mm=given.get("pitch", 0.32),
                share=given.get("share", 0.5),
                angle_deg=given.get("angle", 0.0),
            )
        parts.append(filled)
    if fill == "outline" or given.get("outlined", False):
        parts.append(draw_curves(grid, [*outlines, *holes], given.get("width", 0.12), closed=True))
    return joined(*parts)


def _text(grid: Grid, given: dict[str, Any]) -> Drawn:
    return draw_text(
        grid,
        given["text"],
        tuple(given["at"]),
        given["height"],
        given["face"],
        anchor=given.get("anchor", "left"),
        angle=given.get("angle", 0.0),
        **({"tracking_mm": given["tracking"]} if "tracking" in given else {}),
    )


def _line(grid: Grid, given: dict[str, Any]) -> Drawn:
    return draw_curves(grid, [_path(given)], given.get("width", 0.2))


def _corners(box: BoxMm, radius: float) -> Points:
    t = np.linspace(0, np.pi / 2, 12 if radius > 0 else 1)
    parts = []
    for turn, x, y in (
        (2, box.x + radius, box.y + radius),
        (3, box.x + box.width - radius, box.y + radius),
        (0, box.x + box.width - radius, box.y + box.height - radius),
        (1, box.x + radius, box.y + box.height - radius),
    ):
        a = t + turn * np.pi / 2
        parts.append(np.stack([x + radius * np.cos(a), y + radius * np.sin(a)], 1))
    return np.concatenate(parts)


def _panel(grid: Grid, given: dict[str, Any]) -> Drawn:
    filled = draw_polygons(grid, [_corners(_box(given["box"]), given.get("radius", 0.0))])
    if "pitch" in given:
        filled = _ruled(
            grid, filled, pitch_mm=given["pitch"], share=given.get("share", 0.5), angle_deg=given.get("angle", 0.0)
        )
    return filled


def _frame(grid: Grid, given: dict[str, Any]) -> Drawn:
    outline = _corners(_box(given["box"]), given.get("radius", 0.0))
    return draw_curves(grid, [outline], given.get("width", 0.2), closed=True)


_KINDS: dict[str, _Draw] = {
    "waves": _waves, "rosette": _rosette, "band": _band, "rays": _rays, "hatch": _hatch, "microtext": _microtext,
    "motif": _motif, "text": _text, "line": _line, "panel": _panel, "frame": _frame,
}  # fmt: skip


def _tightened(drawn: Drawn) -> Drawn:
    """A drawing cut to where there is ink."""
    mask, (x0, y0) = drawn
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return np.zeros((1, 1), np.uint8), (0, 0)
    part = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.ascontiguousarray(part), (x0 + int(columns[0]), y0 + int(rows[0]))


def _luminescent(grid: Grid, drawn: Drawn, given: dict[str, Any]) -> Drawn:
    """What is printed in luminescent ink: lines that swell and thin out, and an ink that lies unevenly.

    A filled figure is engraved in lines whose width follows a slow swell; thin drawings (lines, small text) only get
    the ink's unevenness. Phase and direction come from where the figure stands, so every copy of a series is alike.
    """
    mask, (x0, y0) = drawn
    rows, columns = mask.shape
    if rows < 8 or columns < 8:
        return drawn
    s = grid.px_per_mm
    seed = int(given.get("seed", 0)) + round(sum(map(float, given.get("box", given.get("at", (1.0, 2.0))))) * 100)
    rng = np.random.default_rng([seed, 71])
    x = ((np.arange(columns) + x0) / s).astype(np.float32)[None, :]
    y = ((np.arange(rows) + y0) / s).astype(np.float32)[:, None]
    coarse = rng.standard_normal((max(3, round(rows / s / 2.5)) + 2, max(3, round(columns / s / 2.5)) + 2))
    cloud = cv2.resize(coarse.astype(np.float32), (columns, rows), interpolation=cv2.INTER_CUBIC)
    fine = rng.standard_normal((max(3, round(rows / s / 0.22)), max(3, round(columns / s / 0.22)))).astype(np.float32)
    grain = cv2.resize(fine, (columns, rows), interpolation=cv2.INTER_LINEAR)
    lies = np.clip(0.86 + 0.10 * cloud + 0.10 * grain, 0.35, 1.0)
    thick = float(cv2.erode(mask, np.ones((round(1.1 * s) | 1,) * 2, np.uint8)).astype(bool).mean())
    if thick > 0.02 and given.get("fill", "solid") == "solid":
        angle, pitch = float(rng.uniform(0, np.pi)), float(rng.uniform(0.42, 0.62))
        bow = float(rng.uniform(0.4, 1.2)) * np.sin((x * np.sin(angle) - y * np.cos(angle)) * 2 * np.pi / 11.0)
        phase = np.mod((x * np.cos(angle) + y * np.sin(angle) + bow * 0.35) / pitch, 1.0)
        swell = np.clip(0.66 + 0.20 * cloud, 0.40, 0.92)
        lines = np.clip((swell / 2 - np.abs(phase - 0.5)) * pitch * s + 0.5, 0, 1)
        lies = lies * (0.22 + 0.78 * lines)
    return np.asarray(mask * lies, np.uint8), (x0, y0)


def _keep_out(grid: Grid, drawn: Drawn, boxes: list[list[float]], fade_mm: float) -> Drawn:
    """A drawing that runs out towards boxes."""
    mask, (x0, y0) = drawn
    s = grid.px_per_mm
    x = ((np.arange(mask.shape[1]) + x0 + 0.5) / s).astype(np.float32)
    y = ((np.arange(mask.shape[0]) + y0 + 0.5) / s).astype(np.float32)
    for values in boxes:
        box = _box(values)
        dx = np.maximum(np.maximum(box.x - x, x - box.x - box.width), 0)[None, :]
        dy = np.maximum(np.maximum(box.y - y, y - box.y - box.height), 0)[:, None]
        near = np.maximum(dx, dy) / max(fade_mm, 1e-3)
        mask = (mask * np.clip(near, 0, 1)).astype(np.uint8)
    return mask, (x0, y0)


def _split(grid: Grid, drawn: Drawn, at_mm: float) -> tuple[Drawn, Drawn]:
    """The left and the right part of a drawing."""
    mask, (x0, y0) = drawn
    cut = int(np.clip(round(at_mm * grid.px_per_mm) - x0, 0, mask.shape[1]))
    left, right = mask.copy(), mask.copy()
    left[:, cut:] = 0
    right[:, :cut] = 0
    return _tightened((left, (x0, y0))), _tightened((right, (x0, y0)))


def _spoken(series: Series, text: str) -> str:
    words = {
        "{state}": series.state[0], "{state_ar}": series.state[1], "{STATE}": series.state[0].upper(),
        "{title}": series.title[0], "{title_ar}": series.title[1], "{code}": series.identity[0],
    }  # fmt: skip
    for mark, word in words.items():
        text = text.replace(mark, word)
    return text


def layer_plates(series: Series, layer: Layer, grid: Grid) -> tuple[Plate, ...]:
    """The plates of one layer.

    Raises:
        InstallationError: the layer's kind is unknown.
    """
    draw = _KINDS.get(layer.kind)
    if draw is None:
        raise InstallationError("specimens.series_unreadable", name=f"{series.code}: {layer.kind}")
    given = dict(layer.params)
    if "text" in given:
        given["text"] = _spoken(series, given["text"])
    drawn = _tightened(draw(grid, given))
    if "keep_out" in given:
        drawn = _keep_out(grid, drawn, given["keep_out"], given.get("keep_out_fade", 1.5))
    if layer.role == "uv_static":
        drawn = _luminescent(grid, drawn, given)
    strength = float(given.get("strength", 1.0))
    if strength < 1:
        drawn = np.asarray(cv2.convertScaleAbs(drawn[0], alpha=strength), np.uint8), drawn[1]
    name = str(given.get("label", given.get("name", layer.kind)))
    first = ink(layer.ink)
    if layer.ink_2 is None:
        return (Plate(layer.role, first, *drawn, name=name),)
    if "split" in given:
        parts = _split(grid, drawn, float(given["split"]))
    else:
        low, high = given.get("stops", (0.0, grid.width_mm))
        parts = ramped(grid, drawn, (float(low), float(high)), angle_deg=float(given.get("turn", 0.0)))
    inks = first, ink(layer.ink_2)
    return tuple(Plate(layer.role, own, *part, name=name) for own, part in zip(inks, parts, strict=True))
