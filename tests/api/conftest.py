from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from service_fakes import FakeScreener

from api.app import create_app
from api.settings import Settings


@pytest.fixture
def screener() -> FakeScreener:
    return FakeScreener()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data", min_free_bytes=0, lock_timeout_s=0.3)


@pytest.fixture
def app(settings: Settings, screener: FakeScreener) -> FastAPI:
    return create_app(settings, lambda _: screener)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url="http://localhost:8000", raise_server_exceptions=False) as running:
        yield running
