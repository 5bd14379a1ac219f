from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import servers
from fastapi import FastAPI
from fastapi.testclient import TestClient
from service_fakes import FakeScreener

from api.app import create_app
from api.settings import Settings
from api.store import StorePlaces


@pytest.fixture(scope="session")
def postgres() -> Iterator[servers.Postgres]:
    with servers.postgres() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def s3() -> Iterator[servers.S3]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in servers.S3_ENVIRONMENT.items():
            patch.setenv(name, value)
        with servers.s3() as server:
            yield server


@pytest.fixture(autouse=True)
def _no_second_pass(_no_settings_from_outside: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports stay as they were acknowledged, but where a test asks for the complete pass."""
    monkeypatch.setenv("DAFEC_SERVICE_COMPLETE_PASS", "false")


@pytest.fixture
def places(request: pytest.FixtureRequest, tmp_path: Path) -> StorePlaces:
    """Where a store may lie; "sqlite" unless a test asks for others by ``parametrize(..., indirect=True)``."""
    return new_places(request, getattr(request, "param", "sqlite"), tmp_path / "data")


def new_places(request: pytest.FixtureRequest, kind: str, folder: Path) -> StorePlaces:
    """An empty place: "sqlite", "postgresql" or either with "+s3"."""
    database, _, blobs = kind.partition("+")
    return StorePlaces(
        folder,
        request.getfixturevalue("postgres").new_database() if database == "postgresql" else None,
        request.getfixturevalue("s3").new_bucket() if blobs == "s3" else None,
    )


@pytest.fixture
def screener() -> FakeScreener:
    return FakeScreener()


@pytest.fixture
def settings(places: StorePlaces) -> Settings:
    return Settings(
        data=places.folder, database=places.database, blobs=places.blobs, min_free_bytes=0, lock_timeout_s=0.3
    )


@pytest.fixture
def app(settings: Settings, screener: FakeScreener) -> FastAPI:
    return create_app(settings, lambda _: screener)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url="http://localhost:8000", raise_server_exceptions=False) as running:
        yield running
