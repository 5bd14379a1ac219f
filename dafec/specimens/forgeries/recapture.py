"""Recapture from a screen (P1): a telephone or tablet that shows a picture of a document, laid on the reader.

A screen is a grid of red, green and blue stripes that shine by themselves. It reflects next to nothing in infrared,
glows a little blue under the lamp, and its grid beats against the reader's pixels.

A null edit takes the object apart into what it reflects and what it gives back and puts it together again as a screen
would be, with no screen between. It can show a fault of the assembly and nothing else: whatever a screen does to a
picture is the forgery.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import cv2
import numpy as np

from dafec.lights import LIGHTS
from dafec.specimens.forgeries.contract import Forger, ForgeryJob
from dafec.specimens.model import Appearance, Unit

__all__ = ["ScreenRecapture"]

_STREAM_SCREEN = 111

#: Pixels an inch of what is shown on: a monitor, a laptop, a tablet, a telephone.
_SCREENS_PPI = {
    "monitor": (92.0, 110.0),
    "laptop": (125.0, 220.0),
    "tablet": (225.0, 330.0),
    "telephone": (390.0, 460.0),
}


class ScreenRecapture(Forger):
    """P1: the document is a picture on a screen."""

    id = "P1"
    methods: ClassVar = dict.fromkeys(_SCREENS_PPI, LIGHTS)

    def edit_appearance(self, job: ForgeryJob, appearance: Appearance, side: int) -> Appearance:
        """A screen with the document's picture on it."""
        job.mark_page(side)
        rng = job.rng(_STREAM_SCREEN + side)
        low, high = _SCREENS_PPI[job.plan.method]
        ppi = float(rng.uniform(low, high))
        grid = appearance.grid
        rows, columns = grid.shape
        if job.plan.null:
            parts = [appearance.reflectance[..., :3], appearance.reflectance[..., 3:]]
            return replace(appearance, reflectance=np.concatenate(parts, axis=2))
        if job.series.sides[side].perforation is not None:
            job.features["perforation"] = "shown"
        shown = self._shown(appearance.reflectance[..., :3], grid.dpi, ppi, rng)
        lit = self._stripes(shown, (rows, columns), grid.dpi / ppi, float(rng.uniform(-4, 4)), rng)
        glass = float(rng.uniform(0.02, 0.05))
        infrared = np.full((rows, columns, 1), float(rng.uniform(0.03, 0.12)), np.float32)
        reflectance = np.concatenate([np.clip(lit * float(rng.uniform(0.7, 1.0)) + glass, 0, 1), infrared], axis=2)
        glow = np.empty((rows, columns, 3), np.float32)
        glow[:] = (0.004, 0.006, float(rng.uniform(0.01, 0.05)))
        glow += 0.05 * lit  # the screen shines in every exposure
        return Appearance(
            grid=grid,
            reflectance=np.asarray(reflectance, np.float32),
            fluorescence=glow,
            shade=None,
            gloss=np.full((rows, columns), 0.9, np.float32),
            outside=None if rng.random() < 0.5 else appearance.outside,
        )

    def _shown(self, colour: Unit, dpi: float, ppi: float, rng: np.random.Generator) -> Unit:
        """The picture at the screen's pixels, by a telephone's camera and the screen's tone."""
        rows, columns = colour.shape[:2]
        camera = float(rng.uniform(0.6, 1.0)) * min(1.0, ppi / dpi)
        small = cv2.resize(colour, None, fx=camera, fy=camera, interpolation=cv2.INTER_AREA)
        small = cv2.GaussianBlur(small, (0, 0), float(rng.uniform(0.4, 0.9)))
        size = (max(2, round(columns * ppi / dpi)), max(2, round(rows * ppi / dpi)))
        shown = cv2.resize(small, size, interpolation=cv2.INTER_LINEAR)
        soft = cv2.GaussianBlur(shown, (0, 0), 1.0)
        shown = np.clip(shown + 0.4 * (shown - soft), 0, 1)
        tint = np.array([1.0, rng.uniform(0.95, 1.02), rng.uniform(0.95, 1.12)], np.float32)
        return np.asarray(np.clip(shown ** float(rng.uniform(0.9, 1.2)) * tint, 0, 1), np.float32)

    def _stripes(
        self, shown: Unit, shape: tuple[int, int], px: float, angle_deg: float, rng: np.random.Generator
    ) -> Unit:
        """Each pixel of the screen as three stripes with dark gaps; ``px`` object pixels a screen pixel."""
        rows, columns = shape
        turn = np.deg2rad(angle_deg)
        y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
        u = (x * np.cos(turn) + y * np.sin(turn)) / px
        v = (y * np.cos(turn) - x * np.sin(turn)) / px
        out = np.empty((rows, columns, 3), np.float32)
        base = cv2.resize(shown, (columns, rows), interpolation=cv2.INTER_NEAREST if px > 3 else cv2.INTER_LINEAR)
        gap = 0.5 + 0.5 * np.cos(2 * np.pi * v)
        order = (0, 1, 2) if rng.random() < 0.8 else (2, 1, 0)
        for channel, place in enumerate(order):
            stripe = 0.5 + 0.5 * np.cos(2 * np.pi * (u - place / 3.0))
            out[..., channel] = base[..., channel] * (0.35 + 1.3 * stripe**2) * (0.75 + 0.35 * gap)
        return np.clip(out, 0, 1)
