"""The library of document series while the service runs: read anew, kept when it is gone, told as it is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from series_samples import CODE, TODAY, samples

import dafec.screening
from api.core import load_screener
from api.library import LibraryWatch
from api.settings import Settings
from dafec.errors import InputError
from dafec.references.enrolment import approve, enrol, retire
from dafec.references.library import Library

SAMPLE = Path(__file__).parents[2] / "sample_docs" / "td3-arabic"


@pytest.fixture(scope="module")
def enrolled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("series")
    enrol(CODE, samples(), folder, "first", TODAY, "drawn for tests")
    approve(folder, CODE, "second", TODAY)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "library"


def watch(folder: Path, **options: bool) -> LibraryWatch:
    return LibraryWatch(folder, interval_s=0.0, **options)


def test_series_that_is_enrolled_changed_or_retired_meanwhile_is_used_at_once(folder: Path, enrolled: Path) -> None:
    found = watch(folder)
    assert (found.current(), found.count(), found.notices()) == (None, 0, ())
    shutil.copytree(enrolled, folder)
    assert found.count() == 1
    first = found.current()
    assert found.current() is first  # nothing changed: what was read stays
    retire(folder, CODE, "second", TODAY)
    assert found.current() is not first
    assert found.count() == 0
    shutil.rmtree(folder / CODE)
    shutil.copytree(enrolled / CODE, folder / CODE)
    assert found.count() == 1


def test_library_that_goes_away_stays_in_use_and_is_told(folder: Path, enrolled: Path) -> None:
    shutil.copytree(enrolled, folder)
    found = watch(folder)
    assert found.count() == 1
    folder.rename(folder.with_name("away"))
    assert (found.count(), found.notices()) == (1, ("library.unreadable",))
    folder.with_name("away").rename(folder)
    assert (found.count(), found.notices()) == (1, ())


def test_spoiled_series_is_left_out_and_told_the_others_stay(folder: Path, enrolled: Path) -> None:
    shutil.copytree(enrolled, folder)
    broken = folder / "IRQ-P-1-2020"
    broken.mkdir()
    (broken / "series.toml").write_text("[identity\n")
    found = watch(folder)
    assert (found.count(), found.notices()) == (1, ("library.series_unusable",))
    shutil.rmtree(broken)
    assert (found.count(), found.notices()) == (1, ())


def test_library_the_settings_name_must_be_there_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        watch(tmp_path / "nowhere", needed=True)
    assert refused.value.code == "library.unreadable"


def test_disk_is_not_looked_at_again_within_the_interval(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = LibraryWatch(folder, interval_s=3600.0)
    monkeypatch.setattr("api.library._look", lambda _: pytest.fail("looked again"))
    assert found.current() is None


@pytest.mark.slow
def test_core_screens_with_the_library_as_it_is_on_disk(
    tmp_path: Path, folder: Path, enrolled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[tuple[Library | None, bool]] = []
    real: Callable[..., Any] = dafec.screening.screen_capture

    def spy(capture: Any, context: Any, **options: Any) -> Any:
        used.append((context.library, options["visual_zone"]))
        return real(capture, context, **options)

    monkeypatch.setattr("dafec.screening.screen_capture", spy)
    screener = load_screener(Settings(data=tmp_path, library=None))
    images = {"visible": next(SAMPLE.glob("visible.*")).read_bytes()}
    capture = screener.decode(images, "sample")  # type: ignore[arg-type]
    first = screener.screen(capture)
    shutil.copytree(enrolled, folder)
    os.utime(folder)
    monkeypatch.setattr("api.library.time.monotonic", lambda: 10.0**9)
    complete = screener.screen(capture, complete=True)
    assert used[0] == (None, False)
    assert used[1][0] is not None
    assert (used[1][0].codes, used[1][1]) == ((CODE,), True)
    results = [{check.id: check.result for check in report.checks} for report in (first, complete)]
    read = [name for name in results[0] if name.startswith("VIZ-") and name != "VIZ-SIDES"]
    assert read
    assert {results[0][name] for name in read} == {"not_supported"}
    assert any(results[1][name] in ("passed", "failed") for name in read)
    assert screener.series_count() == 1
