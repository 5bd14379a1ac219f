"""Every method shows in the captures it claims to show in: forged against the unforged capture of the same seed.

What lies where, the noise of the sensor, wear and the glass are the same in both, so what differs is the forgery. For
each region and light that the truth names something must have changed, and pictures must be the same where no region is
and in lights that no region names, but for what optics spreads and what the reader's software does with it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import cache
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from dafec.lights import LIGHTS
from dafec.specimens.forgeries import forgers, methods_for
from dafec.specimens.make import Specimen, make_specimen
from dafec.specimens.plan import Request
from dafec.specimens.series import load_series, series_codes

DPI = 300
SCANNER = "reader-b"  # sharp, grey infrared, no visible light leaks into its ultraviolet
WHOLE = {"C1", "C2", "C3", "C4", "P1", "P2"}
#: Grey levels that count once the sensor's grain is averaged over 0.25 mm, and the area that has to have changed.
LEVELS, LEAST_MM2 = 5.5, 0.04
#: Grey levels that a picture may wander by where nothing was touched: veiling light and the seam of two plates.
QUIET_LEVELS, QUIET_MM2 = 14.0, 0.6

Picture = NDArray[np.float32]


def cases() -> Iterator[tuple[str, str, str, float]]:
    """Every method on a series that allows it, of different makes where there are such, clumsy and good in turn."""
    codes = sorted(series_codes(), key=lambda code: (len(load_series(code).sides), code))
    for number, forger in enumerate(forgers()):
        for turn, method in enumerate(forger.methods):
            fitting = [code for code in codes if method in methods_for(forger.id, load_series(code))]
            yield fitting[(number + turn) % len(fitting)], forger.id, method, (0.15, 0.85)[(number + turn) % 2]


@cache
def unforged(code: str) -> Specimen:
    """The same seed, never forged."""
    return make_specimen(Request("a", code, 61, None, SCANNER, DPI, encoder="png"))


def pictures(made: Specimen, side: int) -> dict[str, Picture]:
    page = "" if side == 0 else f"-{side + 1}"
    found = {}
    for light in LIGHTS:
        with Image.open(io.BytesIO(made.files[f"{light}{page}.png"])) as picture:
            pixels = np.asarray(picture, np.float32)
        found[light] = pixels if pixels.ndim == 3 else pixels[..., None]
    return found


def moved(one: Picture, other: Picture) -> NDArray[np.float32]:
    """Greatest difference of any channel, grain averaged away."""
    soft = cv2.GaussianBlur(one - other, (0, 0), 0.12 * DPI / 25.4)
    return np.asarray(np.abs(soft if soft.ndim == 3 else soft[..., None]).max(axis=2), np.float32)


def covered(
    regions: list[dict[str, Any]], side: int, matrix: NDArray[np.float64], shape: tuple[int, int], grow_mm: float
) -> NDArray[np.bool_]:
    mask = np.zeros(shape, np.uint8)
    for region in regions:
        if region["side"] == side:
            xy = np.hstack([np.array(region["polygon_mm"]), np.ones((len(region["polygon_mm"]), 1))]) @ matrix.T
            cv2.fillPoly(mask, [np.round(xy[:, :2] / xy[:, 2:]).astype(np.int32)], 255)
    size = round(2 * grow_mm * DPI / 25.4) | 1
    return cv2.dilate(mask, np.ones((size, size), np.uint8)) > 0


@pytest.mark.slow
@pytest.mark.parametrize(("code", "class_id", "method", "difficulty"), list(cases()))
def test_regions_and_lights_differ_as_the_truth_says(code: str, class_id: str, method: str, difficulty: float) -> None:
    request = Request("a", code, 61, class_id, SCANNER, DPI, method=method, difficulty=difficulty, encoder="png")
    forged = make_specimen(request)
    plain = unforged(code)
    forgery = forged.truth["forgery"]
    assert forgery["lights"], "a forgery that shows in no light"
    assert forgery["regions"]
    px_mm2 = (25.4 / DPI) ** 2
    for side, page in enumerate(plain.truth["pages"]):
        before, after = pictures(plain, side), pictures(forged, side)
        for light in LIGHTS:
            matrix = np.array(page["frame_px_from_page_mm"][light])
            change = moved(after[light], before[light])
            shape = (change.shape[0], change.shape[1])
            named = [one for one in forgery["regions"] if light in one["lights"]]
            for region in named:
                if region["side"] == side:
                    inside = change[covered([region], side, matrix, shape, 0.3)]
                    area = float((inside > LEVELS).sum()) * px_mm2
                    assert area > LEAST_MM2, f"{region['name']} does not show in {light}: {inside.max():.1f} levels"
            if class_id not in WHOLE:
                elsewhere = change[~covered(named, side, matrix, shape, 1.6)]
                area = float((elsewhere > QUIET_LEVELS).sum()) * px_mm2
                assert area < QUIET_MM2, f"{area:.1f} mm2 changed in {light} where the truth names nothing"


@pytest.mark.parametrize("code", series_codes())
@pytest.mark.parametrize("class_id", [forger.id for forger in forgers()])
def test_methods_fit_the_series(code: str, class_id: str) -> None:
    series = load_series(code)
    fitting = set(methods_for(class_id, series))
    side = next((one for one in series.sides if one.portrait is not None), None)
    if class_id in ("F1", "F2", "F6") and side is None:
        assert not fitting
        return
    if class_id == "F2" and side is not None:
        assert ("swap_ghost_kept" in fitting) == ("swap_ghost_replaced" in fitting) == (side.ghost is not None)
        assert {"morph", "face_blended_in"} <= fitting
    if side is not None and side.substrate.startswith("polycarbonate"):
        assert not fitting & {"peeled_and_reprinted", "bleached_and_reprinted", "pasted_over"}
        assert class_id != "F6" or not fitting
    if side is not None and side.laminate is None:
        assert not fitting & {"peeled_and_reprinted", "laminate_lifted"}
