"""Workers wait for each other where they must, and make dear things once."""

from __future__ import annotations

import multiprocessing
import time
from pathlib import Path

import pytest
from run_together import made_once, turn

SPAWN = multiprocessing.get_context("spawn")


def _test(meeting: Path, name: str, seconds: float, *, alone: bool) -> None:
    with turn(meeting, alone=alone):
        begun = time.monotonic()
        time.sleep(seconds)
        (meeting / f"{name}.times").write_text(f"{begun} {time.monotonic()}")


def _make(place: Path) -> None:
    def make(folder: Path) -> None:
        with (place / "made").open("a") as file:
            file.write("once\n")
        time.sleep(0.2)
        (folder / "whole").touch()

    assert (made_once(place, "thing", make) / "whole").exists()


def _run(tasks: list[tuple[object, ...]]) -> None:
    processes = [SPAWN.Process(target=target, args=args, kwargs=kwargs) for target, args, kwargs in tasks]  # type: ignore[misc]
    for process in processes:
        process.start()
    for process in processes:
        process.join(300)
        assert process.exitcode == 0


def _times(meeting: Path, name: str) -> tuple[float, float]:
    begun, ended = (meeting / f"{name}.times").read_text().split()
    return float(begun), float(ended)


def _overlap(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def test_who_measures_is_alone_and_the_others_run_together(tmp_path: Path) -> None:
    # Each holds its turn for longer than processes take to start, so that those that may overlap do.
    names = {"a": False, "b": False, "measures": True}
    _run([(_test, (tmp_path, name, 1.5), {"alone": alone}) for name, alone in names.items()])
    a, b, measures = (_times(tmp_path, name) for name in names)
    assert not _overlap(measures, a)
    assert not _overlap(measures, b)


def test_without_workers_nothing_is_waited_for(tmp_path: Path) -> None:
    with turn(None, alone=True), turn(None, alone=True):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_turn_ends_with_its_test_even_if_that_fails(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), turn(tmp_path, alone=True):
        raise ZeroDivisionError
    with turn(tmp_path, alone=False), turn(tmp_path, alone=False):
        pass
    with turn(tmp_path, alone=True):
        pass


def test_a_dear_thing_is_made_once(tmp_path: Path) -> None:
    _run([(_make, (tmp_path,), {}) for _ in range(3)])
    assert (tmp_path / "made").read_text() == "once\n"


def test_what_was_half_made_is_not_taken_for_whole(tmp_path: Path) -> None:
    def fails(folder: Path) -> None:
        (folder / "half").touch()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        made_once(tmp_path, "thing", fails)
    found = made_once(tmp_path, "thing", lambda folder: (folder / "whole").touch())
    assert [path.name for path in found.iterdir()] == ["whole"]
