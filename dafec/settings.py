"""Settings of the core: name, default, help. They enter once, at the top; nothing deeper reads them by itself.

Each comes from the environment variable ``DAFEC_<NAME>``, else from its default. ``dafec settings`` prints them. The
service has further ones of its own (``DAFEC_SERVICE_...``).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from dafec.capture import Limits
from dafec.errors import UsageError
from dafec.messages import Language
from dafec.verdict import Mode, Policy

__all__ = ["ENVIRONMENT_PREFIX", "Settings", "load_settings"]

ENVIRONMENT_PREFIX = "DAFEC_"
#: How alike a variable must be to a setting's to be taken for a slip of the pen (difflib ratio, 0..1).
_SLIP = 0.85


class Settings(BaseSettings):
    """Everything that can be set about a screening."""

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, extra="forbid", frozen=True)

    language: Language = Field("en", description="Language of messages: en or ar.")
    site: str = Field("", max_length=100, description="Name of this desk or site, printed on reports.")
    threads: int = Field(2, ge=1, le=64, description="Threads within one model.")
    prior: float = Field(0.005, gt=0, lt=1, description="Share of forged documents this site assumes before looking.")
    mode: Mode = Field("security", description="security or convenience: which of the two sets of thresholds decides.")
    unknown_series_may_pass: bool = Field(
        default=False, description="Let a document of an unknown series be 'no anomaly'."
    )
    missing_bands_may_pass: bool = Field(
        default=False, description="Let a capture without infrared or ultraviolet be 'no anomaly'."
    )
    max_megapixels: float = Field(60.0, gt=0, le=250, description="Largest frame that is decoded.")
    max_file_mb: float = Field(256.0, gt=0, le=2000, description="Largest file that is read, in 10^6 bytes.")
    max_pages: int = Field(8, ge=1, le=64, description="Pages one capture may have.")
    max_capture_mb: float = Field(
        512.0, gt=0, le=16_000, description="Decoded pixels of one capture together, in 10^6 bytes of memory."
    )

    def limits(self) -> Limits:
        """What one capture may ask for."""
        return Limits(self.max_megapixels, self.max_file_mb, self.max_pages, self.max_capture_mb)

    def policy(self) -> Policy:
        """What this site decides for itself about verdicts."""
        return Policy(
            mode=self.mode,
            no_anomaly_with_unknown_series=self.unknown_series_may_pass,
            no_anomaly_without_bands=self.missing_bands_may_pass,
        )


def load_settings(environment: Mapping[str, str] | None = None, **given: Any) -> Settings:
    """The settings of this process.

    Args:
        environment: where misspelt variables are looked for; the process's own where None.
        given: values that go before the environment; None counts as not given.

    Returns:
        The validated settings.

    Raises:
        UsageError: ``settings.invalid``, or ``settings.unknown`` for a variable that is nearly the name of a setting.
    """
    _refuse_slips(os.environ if environment is None else environment)
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        name = ".".join(str(part) for part in first["loc"]) or "settings"
        raise UsageError("settings.invalid", name=name, reason=first["msg"]) from error


def _refuse_slips(environment: Mapping[str, str]) -> None:
    """A misspelt limit must not be a limit that is not there."""
    known = [f"{ENVIRONMENT_PREFIX}{name}".upper() for name in Settings.model_fields]
    for name in environment:
        upper = name.upper()
        if upper.startswith(ENVIRONMENT_PREFIX) and upper not in known and get_close_matches(upper, known, 1, _SLIP):
            raise UsageError("settings.unknown", name=name)
