"""One library, enrolled once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from series_samples import CODE, TODAY, samples

from dafec.references.enrolment import Enrolled, approve, enrol


@pytest.fixture(scope="session")
def enrolled(tmp_path_factory: pytest.TempPathFactory) -> Enrolled:
    return enrol(CODE, samples(), tmp_path_factory.mktemp("series"), "first", TODAY, "drawn for tests")


@pytest.fixture
def library(enrolled: Enrolled, tmp_path: Path) -> Path:
    """A copy that a test may change; the series is approved."""
    folder = tmp_path / "library"
    shutil.copytree(enrolled.folder, folder / CODE)
    approve(folder, CODE, "second", TODAY)
    return folder
