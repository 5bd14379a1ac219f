"""The shelf: twins, substrates, names."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from dafec.errors import InstallationError
from dafec.specimens.inks import ink, ink_names, substrate, substrate_names, twin_names

PAPER = np.array(substrate("security_paper").reflectance[:3])


def lab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """CIELAB of linear sRGB under D65 (IEC 61966-2-1, CIE 15)."""
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ rgb
    t = xyz / np.array([0.9505, 1.0, 1.089])
    f = np.where(t > 0.008856, np.cbrt(t), 7.787 * t + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def on_paper(name: str, coverage: float) -> NDArray[np.float64]:
    kept = 10.0 ** -np.array(ink(name).density[:3])
    return PAPER * (1 - coverage * (1 - kept))


@pytest.mark.parametrize(("clear", "dark"), twin_names())
@pytest.mark.parametrize("coverage", [1.0, 0.5, 0.15])
def test_twins_are_alike_to_the_eye_and_parted_in_infrared(clear: str, dark: str, coverage: float) -> None:
    difference = np.linalg.norm(lab(on_paper(clear, coverage)) - lab(on_paper(dark, coverage)))
    assert difference < 3.0
    assert ink(clear).density[3] < 0.1
    assert ink(dark).density[3] > 0.5


def test_there_are_twins_of_several_colours() -> None:
    assert len(twin_names()) >= 6


def test_colours_named_alike_are_far_apart() -> None:
    assert np.linalg.norm(lab(on_paper("offset_navy", 1)) - lab(on_paper("offset_sky", 1))) > 20


@pytest.mark.parametrize("name", ink_names())
def test_inks_are_films_that_exist(name: str) -> None:
    own = ink(name)
    assert own.name == name
    assert len(own.density) == 4
    assert all(0 <= d <= 2 for d in own.density)
    assert 0 <= own.uv_density <= 2
    assert all(0 <= e <= 1 for e in own.emission)


@pytest.mark.parametrize("name", substrate_names())
def test_substrates_reflect_less_than_all(name: str) -> None:
    own = substrate(name)
    assert all(0.5 < r < 1 for r in own.reflectance)
    assert own.mottle < 0.05


def test_brightened_paper_outshines_security_paper_in_blue() -> None:
    dull = substrate("security_paper").fluorescence
    office = substrate("office_paper").fluorescence
    assert office[2] == pytest.approx(1.0)
    assert office[2] > 20 * dull[2]
    assert dull[2] < dull[1], "an olive ground, not a blue one"


def test_black_of_zones_stays_in_infrared_and_dye_black_goes() -> None:
    # ISO 1831, B900: print contrast of at least 0.6 on a white sheet.
    assert 1 - 10.0 ** -ink("carbon_black").density[3] > 0.6
    assert 1 - 10.0 ** -ink("dye_black").density[3] < 0.2
    assert min(ink("dye_black").density[:3]) > 1.2


def test_unknown_names_are_told() -> None:
    with pytest.raises(InstallationError) as caught:
        ink("invisible")
    assert caught.value.code == "specimens.unknown_ink"
    with pytest.raises(InstallationError):
        substrate("vellum")
