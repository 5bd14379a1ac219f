"""The kinds of wear (see ``wear``): each draws itself on a ``Worn`` object by lot and says where it did."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dafec.specimens.drawing import draw_curves
from dafec.specimens.inks import ink
from dafec.specimens.lettering import draw_text
from dafec.specimens.model import Grid, Ink
from dafec.specimens.worn_object import Slices, Worn, in_strips, noise, spread_over

__all__ = [
    "Worn",
    "bend",
    "crease",
    "fade",
    "finger",
    "grease",
    "pen",
    "rim",
    "scratch",
    "specks",
    "stain",
    "stamp",
    "tide",
    "yellow",
]

Detail = dict[str, Any]
_WATER = Ink("water", (0.06, 0.10, 0.19, 0.02), uv_density=0.15)  # tide marks: what water carried to its rim
_YELLOWED = Ink("yellowed", (0.012, 0.05, 0.16, 0.0), uv_density=0.10)  # an aged laminate at its worst
_STAMP_INKS = ("stamp_blue", "stamp_black", "stamp_red", "stamp_violet", "stamp_green")
_STAMP_WEIGHTS = (0.35, 0.25, 0.15, 0.15, 0.10)
_PEN_INKS = ("ball_blue", "ball_black", "gel_blue", "fountain_blue")
_STAMP_WORDS = ("ENTRY", "EXIT", "ADMITTED", "DEPARTED", "TRANSIT", "CONTROL 4", "RECEIVED")
_STAMP_PLACES = ("PORT LUMEN", "NORTH GATE", "ARVENA AIR", "KESTREL BAY", "OSTERHOLM", "MARSA TALA")


def _somewhere(worn: Worn, width: float, height: float, rng: np.random.Generator) -> Slices:
    """A window of this size that lies at least half on the sheet."""
    x = rng.uniform(-0.3 * width, worn.grid.width_mm - 0.7 * width)
    y = rng.uniform(-0.3 * height, worn.grid.height_mm - 0.7 * height)
    return worn.window(x, y, width, height)


def _blob(
    worn: Worn, window: Slices, rng: np.random.Generator, ragged: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Distance from a blob's centre, 1 at its ragged edge, (h, w); and smooth noise over it."""
    x, y = worn.axes_mm(window)
    cx, cy = float(x.mean()), float(y.mean())
    half_w, half_h = max(float(np.ptp(x)) / 2, 0.5), max(float(np.ptp(y)) / 2, 0.5)
    shape = (y.shape[0], x.shape[1])
    wavy = noise(shape, 0.6 * min(half_w, half_h) * worn.px_per_mm, rng)
    radius = np.hypot((x - cx) / half_w, (y - cy) / half_h) * (1.0 / (1.0 - ragged)) + ragged * wavy * 0.5
    return np.asarray(radius, dtype=np.float32), wavy


def _step(value: NDArray[np.float32], width: float) -> NDArray[np.float32]:
    """1 below 0, 0 above, over this width."""
    return np.asarray(np.clip(0.5 - value / width, 0.0, 1.0), dtype=np.float32)


def stain(worn: Worn, strength: float, rng: np.random.Generator) -> Detail:
    """A splash of coffee, dark at its rim."""
    size = rng.uniform(6.0, 12.0 + 14.0 * strength)
    window = _somewhere(worn, size, size * rng.uniform(0.7, 1.2), rng)
    radius, wavy = _blob(worn, window, rng, 0.25)
    inside = _step(radius - 0.95, 0.05)
    edge = np.exp(-(((radius - 0.93) / 0.045) ** 2))
    cover = strength * inside * (0.30 + 0.10 * wavy + 0.7 * edge)
    worn.film(window, np.clip(cover, 0.0, 1.0).astype(np.float32), ink("coffee"))
    return {"box_mm": worn.box_mm(window), "ink": "coffee"}


def tide(worn: Worn, strength: float, rng: np.random.Generator) -> Detail:
    """Where water dried: a pale rim, the sheet a little wavy within."""
    size = rng.uniform(18.0, 28.0 + 18.0 * strength)
    window = _somewhere(worn, size, size * rng.uniform(0.6, 1.0), rng)
    radius, wavy = _blob(worn, window, rng, 0.3)
    inside = _step(radius - 0.95, 0.03)
    cover = strength * inside * (0.15 + np.exp(-(((radius - 0.94) / 0.02) ** 2)))
    worn.film(window, np.clip(cover, 0.0, 1.0).astype(np.float32), _WATER)
    worn.shade[window] *= 1.0 + np.float32(0.015 * strength) * wavy * inside
    return {"box_mm": worn.box_mm(window)}


def grease(worn: Worn, strength: float, rng: np.random.Generator) -> Detail:
    """A patch of grease: it darkens a little, dims what shines, mirrors."""
    size = rng.uniform(8.0, 14.0 + 14.0 * strength)
    window = _somewhere(worn, size, size * rng.uniform(0.6, 1.0), rng)
    radius, wavy = _blob(worn, window, rng, 0.25)
    cover = np.clip(strength * _step(radius - 0.8, 0.5) * (0.9 + 0.2 * wavy), 0.0, 1.0).astype(np.float32)
    worn.film(window, cover, ink("grease"))
    worn.gloss[window] = np.clip(worn.gloss[window] + 0.2 * cover, 0.0, 1.0)
    return {"box_mm": worn.box_mm(window), "ink": "grease"}


def finger(worn: Worn, strength: float, rng: np.random.Generator) -> Detail:
    """One to four prints of fingers, ridges 0.45 mm apart."""
    windows = []
    for _ in range(int(rng.integers(1, 3 + round(2 * strength)))):
        window = _somewhere(worn, rng.uniform(12.0, 15.0), rng.uniform(16.0, 20.0), rng)
        radius, wavy = _blob(worn, window, rng, 0.15)
        x, y = worn.axes_mm(window)
        core = (float(x.mean()) + rng.uniform(-1, 1), float(y.mean()) + rng.uniform(1, 4))
        bowed = np.hypot(x - core[0], 0.8 * (y - core[1])) + 0.5 * wavy
        ridges = 0.5 + 0.5 * np.sin(2 * math.pi / 0.45 * bowed)
        patchy = np.clip(0.7 + 0.5 * noise(radius.shape, 2.0 * worn.px_per_mm, rng), 0.0, 1.0)
        cover = strength * _step(radius - 0.9, 0.25) * patchy * (0.25 + 0.75 * ridges)
        worn.film(window, np.clip(cover, 0.0, 1.0).astype(np.float32), ink("grease"))
        worn.gloss[window] = np.clip(worn.gloss[window] + 0.1 * cover, 0.0, 1.0)
        windows.append(worn.box_mm(window))
    return {"box_mm": windows[0], "boxes_mm": windows}


def crease(worn: Worn, strength: float, rng: np.random.Generator) -> Detail:
    """A fold: its two flanks catch the lamp differently, and along its ridge the print is broken to the fibres."""
    width, height = worn.grid.width_mm, worn.grid.height_mm
    kind = ("across", "down", "corner")[int(rng.choice(3, p=(0.35, 0.4, 0.25)))]
    if kind == "across":
        slope, start, reach = float(rng.normal(0.0, 0.03)), float(rng.uniform(0.12, 0.88) * height), width
        window = worn.window(0.0, start - 3.0 - abs(slope) * width, width, 6.0 + 2 * abs(slope) * width)
    elif kind == "down":
        slope, start, reach = float(rng.normal(0.0, 0.03)), float(rng.uniform(0.12, 0.88) * width), height
        window = worn.window(start - 3.0 - abs(slope) * height, 0.0, 6.0 + 2 * abs(slope) * height, height)
    else:
        reach = float(rng.uniform(8.0, 22.0))
        corner = (float(rng.integers(2)), float(rng.integers(2)))
        at = (corner[0] * (width - reach - 2.0), corner[1] * (height - reach - 2.0))
        window = worn.window(at[0], at[1], reach + 2.0, reach + 2.0)
        slope, start = 1.0, reach
    x, y = worn.axes_mm(window)
    wander = 0.12 * noise((y.shape[0], x.shape[1]), 4.0 * worn.px_per_mm, rng)
    if kind == "across":
        across = y - start - slope * x + wander
    elif kind == "down":
        across = x - start - slope * y + wander
    else:
        from_x = x if corner[0] == 0 else width - x
        from_y = y if corner[1] == 0 else height - y
        across = (from_x + from_y - start) / math.sqrt(2.0) + wander
    soft = float(rng.uniform(0.25, 0.6))
    relief = -(across / soft) * np.exp(0.5 - 0.5 * (across / soft) ** 2) * float(rng.choice((-1.0, 1.0)))
    worn.shade[window] *= np.clip(1.0 + 0.16 * strength * relief, 0.3, 1.6).astype(np.float32)
    broken = np.clip(0.55 + 0.8 * noise(across.shape, 0.25 * worn.px_per_mm, rng), 0.0, 1.0)
    ridge = np.exp(-((across / (0.05 + 0.10 * strength)) ** 2)) * broken * min(1.0, 1.2 * strength)
    worn.bare(window, ridge.astype(np.float32), scatter=1.02)
    return {"box_mm": worn.box_mm(window), "direction": kind, "length_mm": round(reach, 1)}


def scratch(worn: Worn, strength: float, rng: np.random.Generator) -> Detail:
    """Fine scratches of keys and coins: they scatter, in every light, and cut what shines."""
    boxes = []
    for _ in range(int(rng.integers(1, 3 + round(4 * strength)))):
        length, turn = rng.uniform(4.0, 12.0 + 22.0 * strength), rng.uniform(0.0, 2 * math.pi)
        start = np.array([rng.uniform(0, worn.grid.width_mm), rng.uniform(0, worn.grid.height_mm)])
        along = np.linspace(0.0, length, 40)
        angles = turn + rng.normal(0.0, 0.012, 40).cumsum()
        curve = start + np.cumsum(np.stack([np.cos(angles), np.sin(angles)], axis=1), axis=0) * (along[1] - along[0])
        found = _curve_cover(worn, [curve], rng.uniform(0.03, 0.05 + 0.05 * strength))
        if found is None:
            continue
        window, cover = found
        cover = cover * np.float32(rng.uniform(0.3, 0.5 + 0.4 * strength))
        part = worn.reflectance[window]
        part += (np.float32(0.62) - part) * cover[..., None]
        worn.fluorescence[window] *= (1.0 - 0.7 * cover)[..., None]
        boxes.append(worn.box_mm(window))
    return {"box_mm": boxes[0] if boxes else [0.0, 0.0, 0.0, 0.0], "boxes_mm": boxes}


def _curve_cover(
    worn: Worn, curves: list[NDArray[np.float64]], width_mm: float
) -> tuple[Slices, NDArray[np.float32]] | None:
    mask, origin = draw_curves(worn.grid, curves, width_mm)
    return _pasted(worn, mask, origin)


def _pasted(worn: Worn, mask: NDArray[np.uint8], origin: tuple[int, int]) -> tuple[Slices, NDArray[np.float32]] | None:
    """A drawing cut to the sheet as window and coverage 0..1; None where it misses the sheet."""
    left, top = max(0, origin[0]), max(0, origin[1])
    right = min(worn.grid.shape[1], origin[0] + mask.shape[1])
    bottom = min(worn.grid.shape[0], origin[1] + mask.shape[0])
    if right - left < 2 or bottom - top < 2:
        return None
    part = mask[top - origin[1] : bottom - origin[1], left - origin[0] : right - origin[0]]
    return (slice(top, bottom), slice(left, right)), part.astype(np.float32) / np.float32(255.0)


def _frame_curves(shape: str, size: tuple[float, float]) -> list[NDArray[np.float64]]:
    width, height = size
    turn = np.linspace(0.0, 2 * math.pi, 160)
    if shape == "round":
        return [np.stack([r * np.cos(turn), r * np.sin(turn)], axis=1) for r in (height / 2, height / 2 - 0.9)]
    if shape == "oval":
        return [np.stack([width / 2 * np.cos(turn), height / 2 * np.sin(turn)], axis=1)]
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]) * np.array([width, height]) / 2
    return [np.concatenate([np.linspace(a, b, 30) for a, b in pairwise(corners)])]


def stamp(worn: Worn, strength: float, rng: np.random.Generator) -> Detail:
    """A rubber stamp set unevenly, often across data. Its dye is mostly gone in infrared."""
    shape = ("round", "oval", "box")[int(rng.integers(3))]
    size = {"round": (28.0, 28.0), "oval": (38.0, 24.0), "box": (36.0, 22.0)}[shape]
    turn = float(rng.normal(0.0, 12.0))
    side = math.hypot(*size) + 2.0
    local = Grid(side, side, worn.grid.dpi)
    mask = np.zeros(local.shape, dtype=np.uint8)
    rot = np.array([[math.cos(math.radians(turn)), math.sin(math.radians(turn))]])
    rot = np.concatenate([rot, [[-rot[0, 1], rot[0, 0]]]])
    centre = np.array([side / 2, side / 2])
    drawings = [draw_curves(local, [curve @ rot + centre for curve in _frame_curves(shape, size)], 0.55)]
    date = f"{rng.integers(1, 29):02d} {rng.integers(1, 13):02d} {rng.integers(2012, 2026)}"
    lines = (_STAMP_PLACES[int(rng.integers(6))], date, _STAMP_WORDS[int(rng.integers(7))])
    for offset, line, cap in zip((-4.6, 1.2, 6.6), lines, (2.3, 3.0, 2.3), strict=True):
        at = np.array([0.0, offset]) @ rot + centre
        drawings.append(
            draw_text(local, line, (float(at[0]), float(at[1])), cap, "sans_bold", anchor="centre", angle=turn)
        )
    for drawn, origin in drawings:
        x, y = max(0, origin[0]), max(0, origin[1])
        part = drawn[y - origin[1] :, x - origin[0] :][: mask.shape[0] - y, : mask.shape[1] - x]
        target = mask[y : y + part.shape[0], x : x + part.shape[1]]
        np.maximum(target, part, out=target)
    x_mm = rng.uniform(-0.1, 0.9) * worn.grid.width_mm - 0.4 * side
    y_mm = rng.uniform(-0.1, 0.9) * worn.grid.height_mm - 0.4 * side
    name = _STAMP_INKS[int(rng.choice(5, p=_STAMP_WEIGHTS))]
    found = _pasted(worn, mask, (round(x_mm * worn.px_per_mm), round(y_mm * worn.px_per_mm)))
    if found is None:
        return {"box_mm": [0.0, 0.0, 0.0, 0.0], "ink": name}
    window, cover = found
    soft = np.asarray(cv2.GaussianBlur(cover, (0, 0), 0.04 * worn.px_per_mm), dtype=np.float32)
    uneven = 0.75 + 0.35 * noise(cover.shape, 9.0 * worn.px_per_mm, rng)
    grain = np.clip(0.85 + 0.35 * noise(cover.shape, 0.12 * worn.px_per_mm, rng), 0.0, 1.0)
    worn.film(window, np.clip(soft * uneven * grain * (0.45 + 0.5 * strength), 0.0, 1.0).astype(np.float32), ink(name))
    return {"box_mm": worn.box_mm(window), "ink": name}


def pen(worn: Worn, strength: float, rng: np.random.Generator) -> Detail:
    """A stroke, a tick or a scribble of a pen."""
    name = _PEN_INKS[int(rng.integers(4))]
    x0, y0 = rng.uniform(5, worn.grid.width_mm - 25), rng.uniform(5, worn.grid.height_mm - 8)
    kind = ("stroke", "tick", "scribble")[int(rng.choice(3, p=(0.35, 0.25, 0.4)))]
    if kind == "stroke":
        t = np.linspace(0.0, 1.0, 80)
        y = y0 + rng.normal(0, 0.8) * t + 0.15 * np.sin(7 * t + rng.uniform(0, 6))
        curve = np.stack([x0 + rng.uniform(8, 30 + 20 * strength) * t, y], axis=1)
    elif kind == "tick":
        points = np.array([[0, 0], [1.4, 2.2], [5.0, -4.0]]) * rng.uniform(0.6, 1.2)
        curve = np.concatenate([np.linspace(points[0], points[1], 20), np.linspace(points[1], points[2], 40)])
        curve = curve + np.array([x0, y0])
    else:
        t = np.linspace(0.0, rng.uniform(4, 7 + 5 * strength), 400)
        x = 1.6 * t + 0.9 * np.sin(2 * math.pi * t + rng.uniform(0, 6))
        y = 1.5 * np.cos(2 * math.pi * t) + 0.9 * np.sin(2.7 * t + rng.uniform(0, 6))
        curve = np.stack([x0 + x, y0 + y], axis=1)
    found = _curve_cover(worn, [np.asarray(curve, dtype=np.float64)], float(rng.uniform(0.28, 0.5)))
    if found is None:
        return {"box_mm": [0.0, 0.0, 0.0, 0.0], "ink": name}
    window, cover = found
    flow = np.clip(0.85 + 0.3 * noise(cover.shape, 0.5 * worn.px_per_mm, rng), 0.2, 1.0) * (0.6 + 0.4 * strength)
    worn.film(window, (cover * flow).astype(np.float32), ink(name))
    return {"box_mm": worn.box_mm(window), "ink": name, "stroke": kind}


def fade(worn: Worn, strength: float, rng: np.random.Generator) -> Detail:
    """Luminescent inks bleached by light, some places more than others."""
    uneven = np.clip(1.0 + 0.2 * noise(worn.grid.shape, 25.0 * worn.px_per_mm, rng), 0.5, 1.4)
    kept = np.clip(1.0 - 0.75 * strength * uneven, 0.05, 1.0).astype(np.float32)
    ground = np.tile(worn.ground, (1, worn.grid.shape[1], 1))
    for rows in in_strips(slice(0, worn.grid.shape[0])):
        plane = worn.fluorescence[rows]
        dull = np.minimum(plane, ground)
        plane -= dull
        plane *= spread_over(kept[rows], np.ones(3, dtype=np.float32), 0.0)
        plane += dull
    return {"box_mm": [0.0, 0.0, worn.grid.width_mm, worn.grid.height_mm], "kept": round(float(kept.mean()), 3)}


def yellow(worn: Worn, strength: float, rng: np.random.Generator) -> Detail:
    """Laminate and sheet gone yellow with age, more so towards the rim."""
    whole = worn.window(0.0, 0.0, worn.grid.width_mm, worn.grid.height_mm)
    uneven = 1.0 + 0.12 * noise(worn.grid.shape, 30.0 * worn.px_per_mm, rng)
    worn.film(whole, np.clip(strength * uneven, 0.0, 1.0).astype(np.float32), _YELLOWED)
    return {"box_mm": worn.box_mm(whole)}


def bend(worn: Worn, strength: float, rng: np.random.Generator) -> Detail:
    """A side that does not lie flat: it is lit unevenly and its print lies some tenths of a millimetre off."""
    side = ("left", "right", "top", "bottom")[int(rng.integers(4))]
    width, height = worn.grid.width_mm, worn.grid.height_mm
    reach = float(rng.uniform(10.0, 16.0 + 10.0 * strength))
    upright = side in ("left", "right")
    at = {"left": (0.0, 0.0), "top": (0.0, 0.0), "right": (width - reach, 0.0), "bottom": (0.0, height - reach)}[side]
    window = worn.window(*at, reach if upright else width, height if upright else reach)
    x, y = worn.axes_mm(window)
    depth = (x - at[0]) / reach if upright else (y - at[1]) / reach
    if side in ("right", "bottom"):
        depth = 1.0 - depth
    depth = np.broadcast_to(np.clip(depth, 0.0, 1.0), (y.shape[0], x.shape[1]))
    most_mm = 0.35 * strength
    # The edges of the strip stay where they are, the middle bulges.
    moved = (most_mm * np.sin(math.pi * depth) ** 2 * worn.px_per_mm).astype(np.float32)
    rows, columns = np.indices(depth.shape)
    map_x = np.asarray(columns + moved if upright else columns, dtype=np.float32)
    map_y = np.asarray(rows if upright else rows + moved, dtype=np.float32)
    for plane in (worn.reflectance, worn.fluorescence):
        part = np.ascontiguousarray(plane[window])
        plane[window] = cv2.remap(part, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    sense = float(rng.choice((-1.0, 1.0)))
    slope = 0.14 * strength * sense * np.cos(math.pi * depth) * np.sin(math.pi * depth) * 2.0
    worn.shade[window] *= (1.0 + slope - 0.16 * strength * (1.0 - depth) ** 2).astype(np.float32)
    return {"box_mm": worn.box_mm(window), "side": side, "displaced_mm": round(most_mm, 3)}


def rim(worn: Worn, strength: float, rng: np.random.Generator) -> Detail:
    """Edges grey from handling and pockets."""
    width, height, reach = worn.grid.width_mm, worn.grid.height_mm, float(rng.uniform(2.0, 5.0))
    for side, box in {
        "left": (0.0, 0.0, reach, height),
        "right": (width - reach, 0.0, reach, height),
        "top": (0.0, 0.0, width, reach),
        "bottom": (0.0, height - reach, width, reach),
    }.items():
        window = worn.window(*box)
        x, y = worn.axes_mm(window)
        depth = {"left": x, "right": width - x, "top": y, "bottom": height - y}[side]
        patchy = np.clip(0.5 + 0.6 * noise((y.shape[0], x.shape[1]), 6.0 * worn.px_per_mm, rng), 0.0, 1.2)
        grain = np.clip(0.8 + 0.4 * noise(patchy.shape, 0.3 * worn.px_per_mm, rng), 0.0, 1.4)
        fine = np.exp(-depth / (0.3 * reach)) * np.clip((reach - depth) / reach, 0.0, 1.0)
        cover = np.clip(0.45 * strength * fine * patchy * grain, 0.0, 1.0)
        worn.film(window, cover.astype(np.float32), ink("soot"))
    return {"box_mm": [0.0, 0.0, width, height], "reach_mm": round(reach, 2)}


def specks(worn: Worn, strength: float, rng: np.random.Generator) -> Detail:
    """Dirt: specks of some tenths of a millimetre."""
    dirt = ink("soot")
    count = int(rng.integers(6, 14 + round(60 * strength)))
    for _ in range(count):
        size = float(rng.lognormal(math.log(0.18), 0.5))
        x, y = rng.uniform(0, worn.grid.width_mm), rng.uniform(0, worn.grid.height_mm)
        window = worn.window(x - size, y - size, 2 * size, 2 * size)
        xs, ys = worn.axes_mm(window)
        radius = np.hypot((xs - x) * rng.uniform(0.8, 1.6), ys - y) / (0.5 * size)
        cover = np.clip(1.6 - radius, 0.0, 1.0) * rng.uniform(0.15, 0.5 + 0.4 * strength)
        worn.film(window, cover.astype(np.float32), dirt)
    return {"box_mm": [0.0, 0.0, worn.grid.width_mm, worn.grid.height_mm], "count": count}
