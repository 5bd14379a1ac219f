"""Makes the helpers beside this file importable from every folder of tests, keeps the tester's settings out, and lets
several workers of pytest-xdist share one computer and what is dear to make.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from run_together import made_once, turn

#: Where the workers of one run meet: set by the process that starts them, None in a run without workers.
MEETING = pytest.StashKey[Path | None]()
_OPENED = pytest.StashKey["tempfile.TemporaryDirectory[str]"]()

if "PYTEST_XDIST_WORKER" in os.environ:
    # Each worker is one core's work; libraries that take all cores would fight the other workers for them.
    for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(_name, "1")
    import cv2

    cv2.setNumThreads(1)


def pytest_configure(config: pytest.Config) -> None:
    given = getattr(config, "workerinput", {}).get("dafec_meeting")
    config.stash[MEETING] = Path(given) if given else None


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Of pytest-xdist, in the process that starts the workers: tells each where they meet."""
    stash = node.config.stash
    if _OPENED not in stash:
        stash[_OPENED] = tempfile.TemporaryDirectory(prefix="dafec-tests-", ignore_cleanup_errors=True)
    node.workerinput["dafec_meeting"] = stash[_OPENED].name


def pytest_unconfigure(config: pytest.Config) -> None:
    if _OPENED in config.stash:
        config.stash[_OPENED].cleanup()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    with turn(item.config.stash[MEETING], alone=item.get_closest_marker("alone") is not None):
        return (yield)


@pytest.fixture(scope="session")
def shared(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """``shared(name, make)``: a folder that ``make(folder)`` fills once in a run, whichever worker asks first."""
    place = pytestconfig.stash[MEETING] or tmp_path_factory.mktemp("shared")
    return lambda name, make: made_once(place, name, make)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("DAFEC_") and name != "DAFEC_SHARED_DATA":
            monkeypatch.delenv(name)
