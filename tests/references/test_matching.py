from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from series_samples import CODE, OTHER_CODE, context_for, look_of, page_of, parse_of, upside_down

from dafec.errors import InputError
from dafec.features.contract import CheckResult
from dafec.features.registry import run_checks
from dafec.geometry import BoxMm
from dafec.references.checks import SeriesMatchCheck, series_checks, silent_ids
from dafec.references.library import Library
from dafec.references.matching import SeriesMatch, match_series
from dafec.references.series import read_series, series_text


def judged(match: SeriesMatch, page: object, parse: object) -> CheckResult:
    return run_checks(context_for(page, parse), [SeriesMatchCheck(match)])[0]  # type: ignore[arg-type]


def blank(page: object) -> object:
    rng = np.random.default_rng(7)
    images = {light: 0.6 + 0.1 * rng.random(image.shape, np.float32) for light, image in page.images.items()}  # type: ignore[attr-defined]
    return replace(page, images=images)  # type: ignore[type-var]


def test_the_zone_names_the_series_and_the_page_agrees(library: Path) -> None:
    look = look_of(20)
    match = match_series(page_of(look), parse_of(look), Library.open(library))
    assert (match.status, match.by, match.known, match.exact) == ("matched", "mrz", True, True)
    assert match.score > 0.8
    result = judged(match, page_of(look), parse_of(look))
    assert (result.result, result.llr < 0) == ("passed", True)
    assert silent_ids(match) == {"VI-AB-AF-background"}  # logged only


def test_a_silent_series_is_not_known_and_counts_for_nothing(library: Path) -> None:
    path = library / CODE / "series.toml"
    text = path.read_text("utf-8").replace('state = "approved"', 'state = "silent"')
    path.write_text(text.replace('approved_by = "second"\n', ""), "utf-8")
    look = look_of(20)
    match = match_series(page_of(look), parse_of(look), Library.open(library))
    assert (match.status, match.known) == ("matched", False)
    assert silent_ids(match) == {check.id for check in series_checks(match)}


def test_a_page_that_is_not_of_the_series_its_zone_names_is_a_finding(library: Path) -> None:
    look = look_of(20)
    page = blank(page_of(look))
    match = match_series(page, parse_of(look), Library.open(library))  # type: ignore[arg-type]
    assert match.status == "mismatch"
    result = judged(match, page, parse_of(look))
    assert (result.result, result.message) == ("failed", "checks.SER-match.mismatch")
    assert result.llr > 2


def test_a_generation_the_library_does_not_hold_is_no_finding(library: Path) -> None:
    look = look_of(20)
    page, parse = blank(page_of(look)), parse_of(look, expiry="490101")
    result = judged(match_series(page, parse, Library.open(library)), page, parse)  # type: ignore[arg-type]
    assert (result.result, result.message) == ("undetermined", "checks.SER-match.other_generation")


def test_an_unknown_document_is_not_supported_and_not_mistaken(library: Path) -> None:
    page = blank(page_of(look_of(20)))
    parse = parse_of(look_of(20), issuer="IRQ")
    match = match_series(page, parse, Library.open(library))  # type: ignore[arg-type]
    assert match.status == "unknown"
    assert judged(match, page, parse).result == "not_supported"


def test_a_page_of_one_state_with_the_zone_of_another_is_a_finding(library: Path) -> None:
    look = look_of(20)
    parse = parse_of(look, issuer="IRQ")
    match = match_series(page_of(look), parse, Library.open(library))
    assert (match.status, match.by) == ("other_series", "page")
    result = judged(match, page_of(look), parse)
    assert (result.result, result.llr > 2) == ("failed", True)


@pytest.mark.parametrize("turned", [False, True])
def test_without_a_zone_the_page_itself_tells(library: Path, turned: bool) -> None:
    page = replace(page_of(look_of(20)), mrz_boxes_mm=())
    page = upside_down(page) if turned else page
    match = match_series(page, None, Library.open(library))
    assert (match.status, match.by, match.series.code if match.series else "") == ("matched", "page", CODE)


def test_a_covered_page_matches_in_part(library: Path) -> None:
    look = look_of(20)
    page = page_of(look)
    images = {light: image.copy() for light, image in page.images.items()}
    for image in images.values():
        image[:, : int(image.shape[1] * 0.55)] = 0.5
    match = match_series(replace(page, images=images), parse_of(look), Library.open(library))
    assert match.status in ("partial", "matched")
    assert match.share < 0.75


def test_no_document_is_not_compared(library: Path) -> None:
    look = look_of(20)
    for page in (None, replace(page_of(look), outline_source="frame")):
        match = match_series(page, parse_of(look), Library.open(library))
        assert match.status == "not_compared"
        assert run_checks(context_for(page_of(look)), [SeriesMatchCheck(match)])[0].result == "undetermined"


def test_a_series_may_be_chosen_by_hand(library: Path) -> None:
    look = look_of(20)
    parse = parse_of(look, issuer="IRQ")
    match = match_series(page_of(look), parse, Library.open(library), CODE)
    assert (match.status, match.by) == ("matched", "manual")
    with pytest.raises(InputError) as caught:
        match_series(page_of(look), parse, Library.open(library), "XXX-P-1")
    assert caught.value.code == "library.no_such_series"


def test_a_broken_series_stops_nothing_and_is_told(library: Path) -> None:
    shutil.copytree(library / CODE, library / OTHER_CODE)
    (library / "UTO-P-9-2024").mkdir()
    (library / "UTO-P-9-2024" / "series.toml").write_text("nonsense = [", "utf-8")
    opened = Library.open(library)
    look = look_of(20)
    assert match_series(page_of(look), parse_of(look), opened).status == "matched"
    assert opened.problems["UTO-P-9-2024"].code == "series.invalid"


@pytest.mark.alone
def test_hundreds_of_series_are_searched_quickly(library: Path) -> None:
    import time

    series = read_series(library / CODE)
    for number in range(2, 60):
        identity = series.identity.model_copy(update={"country": "IRQ", "number": str(number), "year": None})
        copy = series.model_copy(update={"identity": identity})
        folder = library / copy.code
        shutil.copytree(library / CODE, folder)
        (folder / "series.toml").write_text(series_text(copy), "utf-8")
    begun = time.perf_counter()
    opened = Library.open(library)
    look = look_of(20)
    assert match_series(page_of(look), parse_of(look), opened).status == "matched"
    assert len(opened._series) == 1  # of the other series nothing was read
    assert time.perf_counter() - begun < 5


def test_regions_of_results_lie_on_the_page(library: Path) -> None:
    look = look_of(20)
    page = page_of(look)
    match = match_series(page, parse_of(look), Library.open(library))
    for result in run_checks(context_for(page, parse_of(look)), series_checks(match)):
        if result.region_mm is not None:
            box: BoxMm = result.region_mm
            assert -1 < box.x < box.x + box.width < page.width_mm + 1
            assert -1 < box.y < box.y + box.height < page.height_mm + 1
