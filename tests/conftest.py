"""Makes the helpers beside this file importable from every folder of tests, and keeps the tester's settings out."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("DAFEC_") and name != "DAFEC_SHARED_DATA":
            monkeypatch.delenv(name)
