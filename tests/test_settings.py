"""Settings enter once, are validated, and misspelt ones are refused."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from dafec.capture import DEFAULT_LIMITS
from dafec.errors import UsageError
from dafec.settings import ENVIRONMENT_PREFIX, Settings, load_settings


def test_defaults_are_the_limits_of_the_capture_stage() -> None:
    assert load_settings().limits() == DEFAULT_LIMITS


def test_every_setting_says_what_it_does() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith(".")


def test_environment_and_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAFEC_PRIOR", "0.02")
    monkeypatch.setenv("DAFEC_UNKNOWN_SERIES_MAY_PASS", "true")
    monkeypatch.setenv("DAFEC_MODE", "convenience")
    settings = load_settings(language="ar", threads=None)
    assert (settings.prior, settings.language, settings.threads) == (0.02, "ar", 2)
    assert settings.policy().no_anomaly_with_unknown_series
    assert settings.policy().mode == "convenience"
    assert not settings.policy().no_anomaly_without_bands


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PRIOR", "0"),
        ("PRIOR", "1"),
        ("THREADS", "many"),
        ("LANGUAGE", "fr"),
        ("MAX_MEGAPIXELS", "-1"),
        ("MAX_PAGES", "0"),
    ],
)
def test_impossible_values(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(ENVIRONMENT_PREFIX + name, value)
    with pytest.raises(UsageError) as caught:
        load_settings()
    assert caught.value.code == "settings.invalid"
    assert caught.value.details["name"] == name.lower()


def test_misspelt_variables_are_refused_and_strangers_are_not() -> None:
    load_settings({"DAFEC_SERVICE_PORT": "1", "DAFEC_SHARED_DATA": "x", "PATH": "y"})
    for slip in ("DAFEC_THREDS", "DAFEC_MAX_MEGAPIXEL", "DAFEC_UNKNOWN_SERIES_MAYPASS"):
        with pytest.raises(UsageError) as caught:
            load_settings({slip: "1"})
        assert caught.value.code == "settings.unknown"


def test_settings_are_frozen_and_exact() -> None:
    with pytest.raises(ValidationError):
        load_settings().prior = 0.5  # type: ignore[misc]
    with pytest.raises(UsageError):
        load_settings(colour="red")
