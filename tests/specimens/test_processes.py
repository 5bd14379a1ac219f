"""Every process keeps the tone and has its own microstructure."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from dafec.specimens.drawing import draw_curves
from dafec.specimens.inks import ink, substrate
from dafec.specimens.model import Artwork, Grid, Plate, Process
from dafec.specimens.press import press
from dafec.specimens.processes import default_inks, print_continuous
from dafec.specimens.screens import am_dots, drops

GRID = Grid(20, 20, 800)
CONTINUOUS: tuple[Process, ...] = ("offset", "am_laser", "toner", "inkjet", "dye_sublimation", "laser_engraving")


def spectrum(coverage: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Power of a flat tint, and its frequencies across and down in lines an inch."""
    flat = coverage.astype(float) - coverage.mean()
    window = np.outer(np.hanning(flat.shape[0]), np.hanning(flat.shape[1]))
    power = np.abs(np.fft.rfft2(flat * window)) ** 2
    fy = np.fft.fftfreq(flat.shape[0], 1 / GRID.dpi)[:, None] * np.ones((1, power.shape[1]))
    fx = np.fft.rfftfreq(flat.shape[1], 1 / GRID.dpi)[None] * np.ones((power.shape[0], 1))
    return power, fx, fy


def tint(value: float) -> NDArray[np.float32]:
    return np.full((*GRID.shape, 3), value, np.float32)


@pytest.mark.parametrize("lpi", [106.0, 150.0, 175.0, 212.0])
@pytest.mark.parametrize("angle", [0.0, 15.0, 45.0, 75.0])
def test_am_screen_has_its_peak_at_its_ruling_and_angle(lpi: float, angle: float) -> None:
    plate = print_continuous(
        "am_laser", tint(0.6)[..., 0], GRID, (0, 0), "portrait", "p", 1,
        inks=(ink("toner_black"),), lpi=lpi, angles_deg=(angle,),
    )[0]  # fmt: skip
    single = am_dots(np.full(GRID.shape, 0.35, np.float32), GRID.px_per_mm, lpi, angle)
    assert plate.screened
    power, fx, fy = spectrum((single * 255).astype(np.uint8))
    power[np.hypot(fx, fy) < 30] = 0
    at = np.unravel_index(np.argmax(power), power.shape)
    assert np.hypot(fx[at], fy[at]) == pytest.approx(lpi, rel=0.02)
    found = np.degrees(np.arctan2(fy[at], fx[at])) % 90
    assert min(abs(found - angle), 90 - abs(found - angle)) < 1.5


def test_inks_of_a_screen_are_at_their_own_angles() -> None:
    plates = print_continuous("offset", tint(0.35), GRID, (0, 0), "portrait", "p", 1)
    angles = []
    for plate in plates[:2]:
        power, fx, fy = spectrum(plate.coverage)
        power[np.hypot(fx, fy) < 60] = 0
        at = np.unravel_index(np.argmax(power), power.shape)
        angles.append(np.degrees(np.arctan2(fy[at], fx[at])) % 90)
    assert sorted(round(a) for a in angles) == [15, 75]


def peak_to_median(coverage: NDArray[np.uint8]) -> float:
    power, fx, fy = spectrum(coverage)
    ring = (np.hypot(fx, fy) > 60) & (np.hypot(fx, fy) < 390)
    return float(power[ring].max() / np.median(power[ring]))


def test_inkjet_has_no_single_peak_and_a_screen_has() -> None:
    fm = print_continuous("inkjet", tint(0.6), GRID, (0, 0), "portrait", "p", 1)[0]
    am = print_continuous("offset", tint(0.6), GRID, (0, 0), "portrait", "p", 1)[0]
    assert peak_to_median(fm.coverage) < 60
    assert peak_to_median(am.coverage) > 20 * peak_to_median(fm.coverage)


def test_inkjet_leaves_no_coarse_clouds() -> None:
    made = drops(np.full(GRID.shape, 0.3, np.float32), GRID.px_per_mm, 720, np.random.default_rng(1))
    power, fx, fy = spectrum((made * 255).astype(np.uint8))
    f = np.hypot(fx, fy)
    assert power[(f > 8) & (f < 60)].mean() < 0.4 * power[(f > 150) & (f < 350)].mean()


def test_dye_sublimation_is_smooth() -> None:
    plate = print_continuous("dye_sublimation", tint(0.5), GRID, (0, 0), "portrait", "p", 1)[0]
    other = print_continuous("inkjet", tint(0.5), GRID, (0, 0), "portrait", "p", 1)[0]
    assert plate.coverage.std() < 0.1 * other.coverage.std()


def test_laser_engraving_is_one_ink_that_stays_in_infrared() -> None:
    plates = print_continuous("laser_engraving", tint(0.4), GRID, (0, 0), "portrait", "p", 1, dpi=500)
    assert len(plates) == 1
    assert plates[0].ink.density[3] > 0.8
    power, fx, fy = spectrum(plates[0].coverage)
    power[np.hypot(fx, fy) < 100] = 0
    at = np.unravel_index(np.argmax(power), power.shape)
    # 500 lines an inch lie beyond the half of 800 pixels an inch, and are seen folded at 300.
    assert abs(fy[at]) == pytest.approx(300, abs=12)


@pytest.mark.parametrize("process", CONTINUOUS)
@pytest.mark.parametrize("value", [0.85, 0.5, 0.2])
def test_tone_is_kept(process: Process, value: float) -> None:
    plates = print_continuous(process, tint(value), GRID, (0, 0), "portrait", "p", 1)
    seen = np.ones(3)
    for plate in plates:
        share = plate.coverage.mean() / 255
        seen *= 1 - share * (1 - 10.0 ** -np.array(plate.ink.density[:3]))
    np.testing.assert_allclose(seen, value, atol=0.045 if process != "toner" else 0.06)


def test_white_prints_nothing() -> None:
    for process in CONTINUOUS:
        for plate in print_continuous(process, tint(1.0), GRID, (0, 0), "portrait", "p", 1):
            assert plate.coverage.mean() < (0.8 if process == "toner" else 0.1), process


def test_a_mask_keeps_the_ground_bare() -> None:
    mask = np.zeros(GRID.shape, np.uint8)
    mask[200:400, 200:400] = 255
    for plate in print_continuous("inkjet", tint(0.2), GRID, (0, 0), "portrait", "p", 1, mask=mask)[:3]:
        assert not plate.coverage[:180].any()
        assert plate.coverage[220:380, 220:380].any()


def test_families_are_what_they_say() -> None:
    assert default_inks("inkjet")[3].density[3] < 0.2, "dye black vanishes"
    assert default_inks("toner")[3].density[3] > 1.0, "toner black is carbon"
    assert len(default_inks("dye_sublimation")) == 3


def lines(process: Process = "offset", name: str = "waves", colour: str = "offset_blue") -> Plate:
    x = np.arange(1, 19, 0.1)
    drawn = draw_curves(GRID, [np.stack([x, np.full_like(x, y)], 1) for y in np.arange(1, 19, 0.5)], 0.06)
    return Plate("background", ink(colour), *drawn, process=process, name=name)


def test_pressed_lines_are_ragged_but_keep_their_ink() -> None:
    sheet = Artwork(GRID, substrate("security_paper"), (lines(),))
    once, twice = press(sheet, 1).plates[0], press(sheet, 2).plates[0]
    assert not np.array_equal(once.coverage, twice.coverage)
    assert once.coverage.mean() == pytest.approx(lines().coverage.mean(), rel=0.12)
    drawn = lines().coverage[20:-20, 50:-50].astype(float)
    printed = once.coverage[20:-20, 50:-50].astype(float)
    edge = np.argmin(np.abs(drawn.mean(axis=1) - 128))
    assert drawn[edge].std() < 1
    assert printed[edge].std() > 10, "a printed line is not ruled"
    assert lines().coverage.max() <= 255


def test_copies_are_registered_differently_and_units_stay_together() -> None:
    plates = (
        lines(name="waves~1"),
        lines(name="waves~2", colour="offset_rose"),
        lines(name="net", colour="offset_red"),
    )
    sheet = Artwork(GRID, substrate("security_paper"), plates)
    places = [[p.origin_px for p in press(sheet, seed, quality=0.3).plates] for seed in range(12)]
    assert all(a == b for a, b, _ in places), "both inks of a rainbow print are one unit"
    assert len({c for _, _, c in places}) > 3
    assert any(a != c for a, _, c in places)


def test_a_worse_press_is_worse() -> None:
    plates = (lines(name="net", colour="offset_red"),)
    sheet = Artwork(GRID, substrate("security_paper"), plates)
    away = [np.std([press(sheet, seed, quality).plates[0].origin_px for seed in range(25)]) for quality in (1.0, 0.0)]
    assert away[1] > 2 * away[0]


SCRIPT = """
import hashlib, numpy as np
from dafec.specimens.model import Grid, Artwork, Plate
from dafec.specimens.inks import ink, substrate
from dafec.specimens.processes import print_continuous, press
from dafec.specimens.compose import compose
from dafec.specimens.lettering import draw_text
g = Grid(12, 10, 800)
image = np.linspace(0, 1, g.shape[0] * g.shape[1] * 3, dtype=np.float32).reshape(*g.shape, 3)
digest = hashlib.sha256()
for process in ("offset", "am_laser", "toner", "inkjet", "dye_sublimation", "laser_engraving"):
    plates = print_continuous(process, image, g, (0, 0), "portrait", "p", 7)
    text = Plate("viz", ink("carbon_black"), *draw_text(g, "AB12", (1, 8), 2.0), process=process)
    seen = compose(press(Artwork(g, substrate("security_paper"), (*plates, text)), 9), 9)
    digest.update(seen.reflectance.tobytes() + seen.fluorescence.tobytes())
print(digest.hexdigest())
"""


def test_the_same_seed_gives_the_same_bytes_in_every_process() -> None:
    runs = [
        subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
    assert len(runs[0].strip()) == len(hashlib.sha256().hexdigest())


def test_a_copy_has_its_films_thicker_or_thinner_all_over() -> None:
    first, second = lines(name="a"), lines(name="b")
    pressed = [press(Artwork(GRID, substrate("security_paper"), (first, second)), seed) for seed in range(12)]
    red = [sheet.plates[0].ink.density[0] / first.ink.density[0] for sheet in pressed]
    assert 0.01 < np.std(red) < 0.06
    assert all(a.plates[0].ink == a.plates[1].ink for a in pressed), "one unit lays one film"
    assert all(a.plates[0].ink.name == first.ink.name for a in pressed)


def test_solid_letters_stay_solid_whatever_prints_them() -> None:
    block = np.zeros(GRID.shape, np.uint8)
    block[100:300, 100:300] = 255
    processes: tuple[Process, ...] = ("offset", "inkjet", "laser_engraving", "toner", "dye_sublimation", "am_laser")
    for process in processes:
        plate = Plate("viz", ink("carbon_black"), block, process=process, name="surname")
        pressed = press(Artwork(GRID, substrate("security_paper"), (plate,)), 3).plates[0].coverage
        assert pressed[150:250, 150:250].mean() > 245, process
        assert float(pressed.sum()) == pytest.approx(float(block.sum()), rel=0.03), process
        assert not pressed[:60].any() or process == "toner"
