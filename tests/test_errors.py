"""Codes, texts and exit codes of the exception tree."""

from __future__ import annotations

import pickle

import pytest

from dafec.errors import DafecError, InputError, InstallationError, UsageError
from dafec.messages import LANGUAGES


@pytest.mark.parametrize(
    ("kind", "exit_code"), [(UsageError, 2), (InputError, 3), (InstallationError, 4), (DafecError, 4)]
)
def test_exit_codes(kind: type[DafecError], exit_code: int) -> None:
    assert kind("capture.empty", file="a").exit_code == exit_code


def test_texts_are_filled_in_both_languages() -> None:
    error = InputError("capture.file_too_large", file="a.png", megabytes=300.5, limit=256)
    assert error.message() == "a.png has 300.5 MB; at most 256 MB are taken."
    assert "300.5" in error.message("ar")
    assert error.message("ar") != error.message("en")
    assert error.remedy("ar") != error.remedy("en")
    assert str(error) == "capture.file_too_large: a.png has 300.5 MB; at most 256 MB are taken."


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_one_error_body(language: str) -> None:
    error = InputError("capture.empty", file="a.png")
    assert error.body(language) == {
        "code": "capture.empty",
        "message": error.message(language),
        "remedy": error.remedy(language),
        "details": {"file": "a.png"},
    }


def test_hostile_details_are_text_and_nothing_else() -> None:
    assert InputError("capture.empty", file="{0.__class__}{limit!r}").message() == "{0.__class__}{limit!r} is empty."


def test_errors_survive_a_process_pool() -> None:
    error = InputError("capture.too_many_pages", file="a", pages=9, limit=8)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is InputError
    assert again.body() == error.body()
