"""The fitted scanners against the real devices: stored figures always, the real pictures where they are at hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from benchmarks.mrz import shared_data
from benchmarks.specimens import (
    real_device,
    real_triplet,
    rendered_device,
    rendered_triplet,
    series_page,
)
from dafec.ocr.reader import OcrContext, read_image
from dafec.specimens.charts import MRZ_LINES, card, page
from dafec.specimens.model import Appearance
from dafec.specimens.real_figures import real_figures
from dafec.specimens.scanners import load_scanner, scan, scanner_names

SHARED = shared_data() / "real"
#: Genuine series whose page is held to the real reader's bounds: B900 ink, dull paper, luminescent motifs.
GENUINE = ("QMR-P-2-2022",)
#: What depends on the document's motifs and stock rather than on the reader.
_OF_THE_DOCUMENT = {"uv_motif_red", "uv_motif_green", "uv_motif_blue", "white_red", "white_green", "white_blue"}


@pytest.fixture(scope="module")
def chart() -> Appearance:
    return page()


@pytest.fixture(scope="module")
def rendered(chart: Appearance) -> dict[str, float]:
    found = [rendered_triplet(chart, seed) for seed in (1, 2, 3)]
    return {name: float(np.median([one[name] for one in found])) for name in found[0]}


def outside(device: str, figures: Mapping[str, float], without: set[str] | None = None) -> dict[str, tuple[float, ...]]:
    bounds = real_figures(device)
    return {
        name: (value, bounds[name].low, bounds[name].high)
        for name, value in figures.items()
        if name not in (without or set()) and not bounds[name].holds(value)
    }


def absent(path: Path) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not path.exists(), reason=f"the development data are not at {path}")


def test_a_chart_through_reader_a_measures_as_the_real_capture_did(rendered: dict[str, float]) -> None:
    assert set(rendered) == set(real_figures("reader_triplet"))
    assert outside("reader_triplet", rendered) == {}


@pytest.mark.parametrize("name", ["flatbed-a", "phone-a", "phone-b"])
def test_a_card_through_the_fitted_devices_measures_as_the_real_one_did(name: str) -> None:
    device = load_scanner(name).fitted_to
    dpi = {"fantasyid scan": 592.0, "fantasyid huawei": 957.0, "fantasyid iphone15pro": 851.0}[device]
    figures = rendered_device(card(), name, dpi, 1)
    assert set(figures) == set(real_figures(device))
    assert outside(device, figures) == {}


@pytest.mark.shared
@absent(SHARED / "reader_triplet" / "visible.bmp")
def test_the_stored_figures_are_the_real_captures() -> None:
    measured = real_triplet()
    assert measured is not None
    stored = real_figures("reader_triplet")
    assert {n: round(v, 2) for n, v in measured.items()} == pytest.approx(
        {n: stored[n].real for n in measured}, abs=0.02, rel=0.02
    )
    assert outside("reader_triplet", measured) == {}  # the real device is within its own bounds


@pytest.mark.shared
@absent(SHARED / "fantasyid" / "genuine-scan-0.jpg")
@pytest.mark.parametrize("device", ["scan", "huawei", "iphone15pro"])
def test_the_stored_figures_are_the_real_cards(device: str) -> None:
    measured = real_device(device)
    assert measured is not None
    stored = real_figures(f"fantasyid {device}")
    assert measured == pytest.approx({n: stored[n].real for n in measured}, abs=0.02, rel=0.02)
    assert outside(f"fantasyid {device}", measured) == {}


@pytest.mark.slow
@pytest.mark.parametrize("code", GENUINE)
def test_genuine_triplets_are_within_the_real_readers_bounds(code: str) -> None:
    real = {name: figure.real for name, figure in real_figures("reader_triplet").items()}
    figures = rendered_triplet(series_page(code, 3), 1, is_chart=False)
    assert outside("reader_triplet", figures, _OF_THE_DOCUMENT) == {}
    # Nearer to the real figure than its bounds, where the document has little to do with it.
    for name, most in {
        "mrz_contrast_visible": 0.08,
        "mrz_contrast_ir": 0.08,
        "edge_width_visible_mm": 0.06,
        "edge_width_ir_mm": 0.12,
        "uv_ground_red": 6,
        "uv_ground_green": 6,
        "corner_ir": 0.06,
    }.items():
        assert abs(figures[name] - real[name]) < most, name


@pytest.mark.parametrize("name", scanner_names())
def test_dafec_reads_the_zone_from_every_scanner(chart: Appearance, name: str) -> None:
    scanner = load_scanner(name)
    frames = scan(chart, scanner, 300 if 300 in scanner.dpis else scanner.dpis[0], 7, ["visible"])
    reads = read_image(frames.pictures["visible"], context=OcrContext.load(1))
    assert reads
    assert tuple(reads[0].texts) == MRZ_LINES
