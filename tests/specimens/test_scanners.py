"""Each of a scanner's figures has the effect it says, and where the page lies is true in every light."""

from __future__ import annotations

import math
from dataclasses import replace
from types import MappingProxyType

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from dafec.errors import InstallationError
from dafec.lights import LIGHTS, Light
from dafec.specimens.charts import FIDUCIALS_MM, even, fiducials
from dafec.specimens.measure import slanted_edge_mtf
from dafec.specimens.model import Appearance, Frames, Grid
from dafec.specimens.scanner_model import (
    Band,
    Lamp,
    Optics,
    Place,
    Register,
    Scanner,
    Sensor,
    Tone,
    Ultraviolet,
)
from dafec.specimens.scanners import load_scanner, scan, scanner_names

QUIET = Sensor(full_well=1e9, read=0.0)
LINEAR = Tone(gamma=1.0)
PLAIN = Band(optics=Optics(lens_um=30.0, soft_px=0.0), sensor=QUIET, tone=LINEAR)
GRID = Grid(30.0, 20.0, 800)


def scanner(place: Place | None = None, **bands: Band) -> Scanner:
    at = place or Place(margin_mm=(1.0, 1.0), rotation_deg=0.0)
    return Scanner("test", "Test", "reader", (400,), MappingProxyType(dict(bands)), at)  # type: ignore[arg-type]


def middle(picture: NDArray[np.uint8], share: float = 0.5) -> NDArray[np.float64]:
    h, w = picture.shape[:2]
    y, x = int(h * (1 - share) / 2), int(w * (1 - share) / 2)
    return picture[y : h - y, x : w - x].astype(np.float64)


def edge(slant_deg: float = 5.0) -> Appearance:
    chart = even(GRID)
    rows, columns = GRID.shape
    # Drawn four times finer and reduced by area, as everything is.
    x = (np.arange(columns * 4) + 0.5) / 4 - columns / 2
    y = (np.arange(rows) + 0.5) - rows / 2
    fine = (x[None, :] * math.cos(math.radians(slant_deg)) > -y[:, None] * math.sin(math.radians(slant_deg))).astype(
        np.float32
    )
    step = 0.1 + 0.7 * fine.reshape(rows, columns, 4).mean(axis=2)
    chart.reflectance[:] = step[..., None]
    chart.fluorescence[:] = step[..., None]
    return chart


@pytest.mark.parametrize("sigma_um", [20.0, 45.0, 90.0, 160.0])
@pytest.mark.parametrize("light", LIGHTS)
def test_an_edge_is_spread_as_the_optics_say(sigma_um: float, light: Light) -> None:
    band = replace(PLAIN, optics=Optics(lens_um=sigma_um, soft_px=0.0), colour=light != "ir")
    bands = {"visible": PLAIN, light: band}
    picture = scan(edge(), scanner(**bands), 400, 1, [light]).pictures[light]
    h, w = picture.shape[:2]
    window = (slice(h // 4, 3 * h // 4), slice(w // 2 - 60, w // 2 + 60))
    frequency, found = slanted_edge_mtf(picture, window)
    pitch_mm = 25.4 / 400
    expected = np.exp(-2 * (math.pi * sigma_um / 1000 * frequency / pitch_mm) ** 2) * np.sinc(frequency)
    used = (expected > 0.15) & (frequency < 0.4)
    np.testing.assert_allclose(found[used], expected[used], rtol=0.10, atol=0.01)


def test_softness_in_pixels_grows_with_the_pitch() -> None:
    def fifty(dpi: int) -> float:
        band = replace(PLAIN, optics=Optics(lens_um=0.0, soft_px=1.0))
        picture = scan(edge(), scanner(visible=band), dpi, 1).pictures["visible"]
        h, w = picture.shape[:2]
        frequency, found = slanted_edge_mtf(picture, (slice(h // 4, 3 * h // 4), slice(w // 2 - 45, w // 2 + 45)))
        return float(frequency[np.argmax(found < 0.5)])

    assert fifty(400) == pytest.approx(fifty(200), rel=0.08)


def test_veil_takes_contrast_from_far_and_wide() -> None:
    veiled = replace(PLAIN, optics=Optics(lens_um=30.0, veil=0.3, veil_mm=1.0))
    clear, dim = (
        scan(edge(0.0), scanner(visible=b), 400, 1).pictures["visible"][140, :, 1].astype(float)
        for b in (PLAIN, veiled)
    )
    w = clear.size
    near = slice(w // 2 + 8, w // 2 + 12)
    beyond = 0.5 * math.erfc(10 / (400 / 25.4) / 1.0 / math.sqrt(2))  # of the veil: what comes from the dark side
    assert clear[near].mean() - dim[near].mean() == pytest.approx(0.3 * 0.7 * 255 * beyond, rel=0.15)
    assert abs(clear[w // 2 + 90] - dim[w // 2 + 90]) < 3


@pytest.mark.parametrize(("full_well", "read"), [(2000.0, 0.0), (1e9, 0.01), (4000.0, 0.005)])
def test_noise_is_shot_and_read(full_well: float, read: float) -> None:
    band = replace(PLAIN, sensor=Sensor(full_well=full_well, read=read))
    for level in (0.1, 0.7):
        picture = scan(even(GRID, (level,) * 4), scanner(visible=band), 400, 3).pictures["visible"]
        assert middle(picture).mean() == pytest.approx(level * 255, abs=0.6)
        expected = math.hypot(math.sqrt(level / full_well + read**2) * 255, 1 / math.sqrt(12))
        assert middle(picture).std() == pytest.approx(expected, rel=0.06)


def test_correlated_noise_keeps_its_strength_and_loses_its_fineness() -> None:
    white, soft = (
        middle(
            scan(
                even(GRID),
                scanner(visible=replace(PLAIN, sensor=Sensor(full_well=1e9, read=0.02, correlated_px=s))),
                400,
                3,
            ).pictures["visible"]
        )[..., 1]
        for s in (0.0, 0.9)
    )
    assert soft.std() == pytest.approx(white.std(), rel=0.05)
    neighbours = [float(np.corrcoef(p[:, 1:].ravel(), p[:, :-1].ravel())[0, 1]) for p in (white, soft)]
    assert abs(neighbours[0]) < 0.05
    assert neighbours[1] > 0.5


def test_columns_are_the_devices_and_rows_the_scans() -> None:
    striped = replace(PLAIN, sensor=Sensor(full_well=1e9, read=0.0, column=0.02, row=0.02))
    one, two = (middle(scan(even(GRID), scanner(visible=striped), 400, s).pictures["visible"])[..., 1] for s in (1, 2))
    columns = np.corrcoef(one.mean(axis=0), two.mean(axis=0))[0, 1]
    rows = np.corrcoef(one.mean(axis=1), two.mean(axis=1))[0, 1]
    assert columns > 0.95
    assert abs(rows) < 0.25
    assert one.mean(axis=0).std() == pytest.approx(0.02 * 0.8 * 255, rel=0.12)


def test_a_fine_pattern_has_its_period() -> None:
    band = replace(PLAIN, sensor=Sensor(full_well=1e9, read=0.0, pattern=0.03, pattern_px=2.5), colour=False)
    picture = middle(scan(even(GRID), scanner(ir=band), 400, 1).pictures["ir"])
    power = np.abs(np.fft.rfft(picture.mean(axis=0) - picture.mean()))
    assert np.fft.rfftfreq(picture.shape[1])[power.argmax()] == pytest.approx(0.4, abs=0.005)


def test_the_lamp_falls_off_to_the_corners_by_channel() -> None:
    lamp = Lamp(falloff=(0.1, 0.2, 0.4))
    placed = Place(margin_mm=(0.0, 0.0), rotation_deg=0.0)
    picture = scan(even(GRID), scanner(placed, visible=replace(PLAIN, lamp=lamp)), 400, 1).pictures["visible"]
    centre = middle(picture, 0.05).mean(axis=(0, 1))
    corner = picture[2:6, 2:6].mean(axis=(0, 1))
    np.testing.assert_allclose(corner / centre, (0.9, 0.8, 0.6), atol=0.02)


def test_bands_lie_where_their_register_says() -> None:
    grid = Grid(85.6, 53.98, 600)
    chart = fiducials(grid)
    bands = {
        "visible": PLAIN,
        "ir": replace(PLAIN, colour=False, register=Register((2.0, -1.5), 0.0, 1.002, (0.001, -0.001))),
        "uv": replace(PLAIN, register=Register((-1.25, 0.75), 0.5)),
    }
    frames = scan(chart, scanner(Place(rotation_deg=2.0), **bands), 300, 9)
    for light in LIGHTS:
        np.testing.assert_allclose(discs_in(frames.pictures[light], light), seen(frames, light), atol=0.3)
    centre = np.array([42.8, 26.99, 1.0])
    a, b = (frames.frame_from_page_mm[light] @ centre for light in ("visible", "ir"))
    np.testing.assert_allclose((b - a)[:2], (2.0, -1.5), atol=0.3)


def seen(frames: Frames, light: Light) -> NDArray[np.float64]:
    points = np.column_stack([FIDUCIALS_MM, np.ones(len(FIDUCIALS_MM))]) @ frames.frame_from_page_mm[light].T
    return np.asarray(points[:, :2] / points[:, 2:])


def discs_in(picture: NDArray[np.uint8], light: Light) -> NDArray[np.float64]:
    """Centres of the five discs, in the order of ``FIDUCIALS_MM``, by their mass."""
    grey = (picture if picture.ndim == 2 else picture[..., 1]).astype(np.float32)
    disc = grey if light == "uv" else 255.0 - grey
    found = []
    _, _, stats, _ = cv2.connectedComponentsWithStats((disc > 0.5 * (disc.max() + np.median(disc))).astype(np.uint8))
    for index in range(1, len(stats)):
        x, y, w, h, area = stats[index]
        if 0.5 < w / h < 2 and 150 < area < 1500:
            rows, columns = slice(max(0, y - 6), y + h + 6), slice(max(0, x - 6), x + w + 6)
            weight = np.clip(disc[rows, columns] - np.median(disc[rows, columns][:3]), 0, None)
            ys, xs = np.mgrid[rows, columns]
            found.append(((xs * weight).sum() / weight.sum(), (ys * weight).sum() / weight.sum()))
    return np.array(sorted(found, key=lambda p: nearest(p, found)))


def nearest(point: tuple[float, float], points: list[tuple[float, float]]) -> int:
    """Which of ``FIDUCIALS_MM`` a centre is: top left, top right, bottom left, bottom right, middle."""
    all_points = np.array(points)
    middle_of_all = all_points.mean(axis=0)
    if np.hypot(*(np.array(point) - middle_of_all)) < 0.2 * np.ptp(all_points, axis=0).max():
        return 4
    return int(point[0] > middle_of_all[0]) + 2 * int(point[1] > middle_of_all[1])


@pytest.mark.parametrize("name", scanner_names())
def test_where_the_page_lies_is_true_in_every_frame(name: str) -> None:
    grid = Grid(85.6, 53.98, 600)
    model = load_scanner(name)
    if model.phone is not None:
        model = replace(model, phone=replace(model.phone, surfaces=("paper",), glare_chance=0.0, shadow=0.0))
    model = replace(model, place=replace(model.place, glass_mm=(130.0, 95.0), cover=(0.8,) * 4, cover_uv=(0.05,) * 3))
    # An uneven field, a veil and relief would move the discs' centres of mass, which are the measure here.
    bands = {
        light: replace(b, lamp=Lamp(), optics=replace(b.optics, veil=0.0), ultraviolet=Ultraviolet())
        for light, b in model.bands.items()
    }
    model = replace(model, bands=MappingProxyType(bands))
    for seed in (1, 4):
        frames = scan(fiducials(grid), model, 300, seed)
        for light in model.lights:
            expected = seen(frames, light)
            found = discs_in(frames.pictures[light], light)
            assert len(found) == 5, (light, len(found))
            away = np.linalg.norm(found[:, None, :] - expected[None, :, :], axis=2).min(axis=0)
            assert away.max() < 0.3, (light, away)


def test_visible_light_leaks_into_ultraviolet() -> None:
    dark, bright = (
        middle(
            scan(
                even(GRID, (level,) * 4, (0.0, 0.0, 0.0)),
                scanner(visible=PLAIN, uv=replace(PLAIN, ultraviolet=Ultraviolet(leak=(0.02, 0.05, 0.2)))),
                400,
                1,
            ).pictures["uv"]
        ).mean(axis=(0, 1))
        for level in (0.0, 0.8)
    )
    np.testing.assert_allclose(dark, 0.0, atol=0.6)
    np.testing.assert_allclose(bright, np.array((0.02, 0.05, 0.2)) * 0.8 * 255, atol=1.0)


def test_a_second_exposure_leaves_relief_at_edges_and_nothing_between() -> None:
    band = replace(PLAIN, ultraviolet=Ultraviolet(residue=1.0, residue_px=(1.0, 0.0), residue_soft_px=0.3))
    chart = edge(0.0)
    chart.fluorescence[:] = 0.2
    row = scan(chart, scanner(visible=PLAIN, uv=band), 400, 1).pictures["uv"][140, :, 1].astype(float)
    w = row.size
    assert abs(row[w // 2 - 40] - row[w // 2 + 40]) < 1.5
    assert row[w // 2 - 4 : w // 2 + 5].min() < row[w // 2 + 40] - 25  # moved towards the bright side: a dark rim


@pytest.mark.parametrize(("gamma", "expected"), [(1.0, 0.25), (2.0, 0.5), (0.0, 0.5371)])
def test_the_tone_curve_is_the_one_asked_for(gamma: float, expected: float) -> None:
    picture = scan(even(GRID, (0.25,) * 4), scanner(visible=replace(PLAIN, tone=Tone(gamma=gamma))), 400, 1)
    assert middle(picture.pictures["visible"]).mean() / 255 == pytest.approx(expected, abs=0.004)


def test_black_gain_and_cast() -> None:
    tone = Tone(gamma=1.0, gain=0.5, white=(1.2, 1.0, 0.8), black=(0.1, 0.1, 0.1))
    picture = scan(even(GRID, (0.8,) * 4), scanner(visible=replace(PLAIN, tone=tone)), 400, 1).pictures["visible"]
    expected = (np.array((1.2, 1.0, 0.8)) * 0.4 - 0.1) / 0.9 * 255
    np.testing.assert_allclose(middle(picture).mean(axis=(0, 1)), expected, atol=0.6)


def test_sharpening_overshoots_by_its_amount() -> None:
    def overshoot(amount: float) -> float:
        tone = Tone(gamma=1.0, sharpen=amount, sharpen_px=1.5)
        row = scan(edge(0.0), scanner(visible=replace(PLAIN, tone=tone)), 400, 1).pictures["visible"][140, :, 1]
        return float(row[row.size // 2 :].max()) - float(row[row.size // 2 + 60])

    assert overshoot(0.0) <= 1
    assert overshoot(0.4) > 5
    assert overshoot(0.8) == pytest.approx(2 * overshoot(0.4), rel=0.25)


def test_relief_darkens_reflected_light_and_not_luminescence() -> None:
    flat = even(GRID)
    shade = np.ones(GRID.shape, np.float32)
    shade[:, GRID.shape[1] // 2 :] = 0.7
    bands = {"visible": PLAIN, "ir": replace(PLAIN, colour=False), "uv": PLAIN}
    frames = scan(replace(flat, shade=shade), scanner(**bands), 400, 1)
    for light, expected in (("visible", 0.7), ("ir", 0.7), ("uv", 1.0)):
        picture = frames.pictures[light]
        left, right = picture[100:200, 100:200].mean(), picture[100:200, -200:-100].mean()
        assert right / left == pytest.approx(expected, abs=0.03)


def test_gloss_mirrors_a_lamp_before_a_phone() -> None:
    model = load_scanner("phone-a")
    assert model.phone is not None
    model = replace(model, phone=replace(model.phone, glare_chance=1.0, glare=1.0))
    grid = Grid(85.6, 53.98, 400)
    matt, glossy = (
        scan(replace(even(grid, (0.3,) * 4), gloss=np.full(grid.shape, g, np.float32)), model, 200, 6).pictures[
            "visible"
        ]
        for g in (0.0, 1.0)
    )
    brighter = glossy.astype(int) - matt.astype(int)
    assert brighter.max() > 60
    assert np.median(brighter) < 60


def test_dust_lies_on_the_glass() -> None:
    dusty = replace(PLAIN, sensor=replace(QUIET, dust=60.0))
    clean, dirty = (scan(even(GRID), scanner(visible=b), 400, 1).pictures["visible"] for b in (PLAIN, dusty))
    changed = (np.abs(clean.astype(int) - dirty.astype(int)).max(axis=2) > 12).mean()
    assert 0.00003 < changed < 0.05


def test_the_cover_shows_beside_the_document_and_round_its_corners() -> None:
    outside = np.full(GRID.shape, 255, np.uint8)
    outside[:40, :40] = 0
    placed = Place(margin_mm=(1.0, 1.0), rotation_deg=0.0, cover=(0.1, 0.2, 0.3, 0.4))
    bands = {"visible": PLAIN, "ir": replace(PLAIN, colour=False)}
    frames = scan(replace(even(GRID), outside=outside), scanner(placed, **bands), 400, 1)
    for at in ((4, 4), (25, 25)):  # in the margin, in the cut corner
        np.testing.assert_allclose(frames.pictures["visible"][at] / 255, (0.1, 0.2, 0.3), atol=0.02)
        assert frames.pictures["ir"][at] / 255 == pytest.approx(0.4, abs=0.02)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not() -> None:
    chart = fiducials(Grid(85.6, 53.98, 300))
    for name in scanner_names():
        model = load_scanner(name)
        model = replace(model, place=replace(model.place, glass_mm=(110.0, 80.0)))
        one, two, other = (scan(chart, model, 120, seed) for seed in (5, 5, 6))
        for light in model.lights:
            np.testing.assert_array_equal(one.pictures[light], two.pictures[light])
            assert not np.array_equal(one.frame_from_page_mm[light], other.frame_from_page_mm[light])


def test_a_picture_does_not_depend_on_which_others_are_taken() -> None:
    chart = fiducials(Grid(85.6, 53.98, 400))
    for name in ("reader-a", "reader-b", "reader-d"):
        together = scan(chart, load_scanner(name), 300, 2)
        for light in LIGHTS:
            alone = scan(chart, load_scanner(name), 300, 2, [light])
            assert list(alone.pictures) == [light]
            np.testing.assert_array_equal(alone.pictures[light], together.pictures[light])


def test_scanning_changes_nothing_of_the_object() -> None:
    chart = fiducials(Grid(40.0, 30.0, 400))
    before = (chart.reflectance.copy(), chart.fluorescence.copy())
    for name in ("reader-a", "reader-e", "phone-b"):
        scan(chart, load_scanner(name), 200, 1)
    np.testing.assert_array_equal(chart.reflectance, before[0])
    np.testing.assert_array_equal(chart.fluorescence, before[1])


def test_there_are_readers_flatbeds_and_phones_of_different_make() -> None:
    models = [load_scanner(name) for name in scanner_names()]
    readers = [m for m in models if m.kind == "reader"]
    assert len(readers) >= 5
    assert all(m.lights == LIGHTS for m in readers)
    assert all(m.lights == ("visible",) for m in models if m.kind != "reader")
    assert {m.kind for m in models} == {"reader", "flatbed", "phone"}
    assert {dpi for m in models for dpi in m.dpis} >= {300, 400, 600}
    assert {m.bands["ir"].colour for m in readers} == {m.bands["uv"].colour for m in readers} == {True, False}
    assert len({m.bands["visible"] for m in models}) == len(models)


def test_an_unknown_scanner_is_said() -> None:
    with pytest.raises(InstallationError, match="reader-zz"):
        load_scanner("reader-zz")
