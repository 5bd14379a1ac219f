"""A copy: the look is kept, the security is not."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from dafec.geometry import BoxMm
from dafec.specimens.compose import compose
from dafec.specimens.curves import microtext_lines, wave_family
from dafec.specimens.drawing import draw_curves
from dafec.specimens.inks import ink, substrate
from dafec.specimens.lettering import draw_text
from dafec.specimens.model import Appearance, Artwork, Grid, Plate
from dafec.specimens.reprint import ForgerScanner, forger_scan, reprint

GRID = Grid(36, 24, 800)
PAGE = BoxMm(0, 0, 36, 24)


def genuine() -> Artwork:
    x = np.arange(1, 35, 0.2)
    plates = (
        Plate("background", ink("offset_rose"), *draw_curves(GRID, wave_family(PAGE, lines=50, seed=1), 0.06)),
        Plate("microtext", ink("offset_navy"), *microtext_lines(GRID, "MICRO ", [np.stack([x, 0 * x + 20], 1)])),
        Plate("ir_split", ink("split_navy_clear"), *draw_text(GRID, "ALPHA", (3, 9), 5.0, "sans_bold")),
        Plate("mrz", ink("carbon_black"), *draw_text(GRID, "HIHI", (3, 17), 4.0, "sans_bold"), name="line 1"),
        Plate("uv_static", ink("uv_red"), *draw_text(GRID, "UV", (26, 12), 8.0, "sans_bold")),
    )
    return Artwork(GRID, substrate("security_paper"), plates, boxes_mm={"mrz": BoxMm(3, 13, 20, 4)})


@pytest.fixture(scope="module")
def original() -> Appearance:
    return compose(genuine(), 1)


def grey(seen: Appearance, size: tuple[int, int]) -> np.ndarray:
    return cv2.resize(seen.reflectance, size, interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize("process", ["inkjet", "toner", "offset"])
def test_a_copy_looks_alike_from_afar(process: str, original: Appearance) -> None:
    copy = compose(reprint(original, GRID, process, substrate("office_paper"), seed=2), 2)  # type: ignore[arg-type]
    a, b = grey(original, (72, 48))[..., 1], grey(copy, (72, 48))[..., 1]
    assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.95


def test_a_copy_has_no_luminescent_motif_but_its_paper_glows(original: Appearance) -> None:
    copy = compose(reprint(original, GRID, "inkjet", substrate("office_paper"), seed=2), 2)
    assert original.fluorescence[..., 0].max() > 0.3
    assert copy.fluorescence[..., 2].mean() > 10 * original.fluorescence[..., 2].mean()
    coarse = cv2.resize(copy.fluorescence, (36, 24), interpolation=cv2.INTER_AREA)
    assert (coarse[..., 0] < coarse[..., 2]).all(), "nothing on it is red under the lamp"


def test_dye_black_vanishes_in_infrared_and_toner_brings_out_what_was_clear(original: Appearance) -> None:
    letters = genuine().plates[2]
    mask, (x, y) = letters.coverage, letters.origin_px
    box = (slice(y, y + mask.shape[0]), slice(x, x + mask.shape[1]))
    on = mask > 250

    def infrared(process: str) -> float:
        copy = compose(reprint(original, GRID, process, substrate("office_paper"), seed=2), 2)  # type: ignore[arg-type]
        return float(copy.reflectance[(*box, 3)][on].mean())

    true = float(original.reflectance[(*box, 3)][on].mean())
    assert true > 0.7
    assert infrared("inkjet") > 0.7
    assert infrared("toner") < true - 0.1, "carbon in the black separation"


def test_microtext_is_lost(original: Appearance) -> None:
    copy = compose(reprint(original, GRID, "inkjet", substrate("office_paper"), seed=2), 2)
    s = GRID.px_per_mm
    rows = slice(round(19.7 * s), round(20.05 * s))
    a, b = original.reflectance[rows, 80:-80, 0], copy.reflectance[rows, 80:-80, 0]
    assert np.corrcoef(a.ravel(), b.ravel())[0, 1] < 0.6
    assert a.std() > 0.15


def test_a_crop_is_the_part_asked_for(original: Appearance) -> None:
    part = BoxMm(3, 13, 20, 4)
    small = Grid(20, 4, 800)
    copy = compose(reprint(original, small, "dye_sublimation", substrate("photo_paper"), seed=2, crop_mm=part), 2)
    s = GRID.px_per_mm
    cut = original.reflectance[round(13 * s) : round(17 * s), round(3 * s) : round(23 * s), 1]
    a, b = (cv2.resize(v, (160, 32), interpolation=cv2.INTER_AREA) for v in (cut, copy.reflectance[..., 1]))
    assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.9


def test_the_forgers_file_is_what_a_flatbed_gives(original: Appearance) -> None:
    device = ForgerScanner(dpi=300)
    file = forger_scan(original, device, 3)
    assert file.shape == (round(GRID.shape[0] * 0.375), round(GRID.shape[1] * 0.375), 3)
    assert file.min() >= 0
    assert file.max() <= 1
    np.testing.assert_array_equal(file, forger_scan(original, device, 3))
    soft = forger_scan(original, replace(device, blur_mm=0.2, sharpening=0), 3)
    assert np.abs(np.diff(soft, axis=1)).mean() < 0.7 * np.abs(np.diff(file, axis=1)).mean()


def test_boxes_of_artwork_are_kept() -> None:
    assert reprint(genuine(), GRID, "inkjet", substrate("office_paper")).boxes_mm == genuine().boxes_mm
