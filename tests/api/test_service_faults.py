"""Faults: whatever breaks, the answer is an error, never a report, and nothing is left half-written."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from service_fakes import FakeScreener, draw_page, noise_page

from api.app import create_app
from api.engine import BoundedPool
from api.settings import Settings
from dafec.errors import InputError, InstallationError

URL = "/api/v1/screenings"
BODY = {"code", "message", "remedy", "details"}


def post(client: TestClient, data: bytes | None = None, **headers: str):
    return client.post(URL, files={"visible": ("v.png", data or draw_page())}, headers=headers)


def blobs(settings: Settings) -> list[Path]:
    return [path for path in (settings.data / "blobs").rglob("*") if path.is_file()]


def assert_nothing_kept(client: TestClient, settings: Settings) -> None:
    assert client.get(URL).json()["items"] == []
    assert blobs(settings) == []


@pytest.fixture
def locked(client: TestClient, settings: Settings) -> Iterator[None]:
    other = sqlite3.connect(settings.data / "dafec.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield
    other.rollback()
    other.close()


@pytest.mark.usefixtures("locked")
def test_locked_database_is_an_error_and_nothing_is_kept(client: TestClient, settings: Settings) -> None:
    answer = post(client)
    assert (answer.status_code, answer.json()["code"]) == (503, "storage.busy")
    assert int(answer.headers["retry-after"]) > 0
    assert_nothing_kept(client, settings)


@pytest.mark.usefixtures("locked")
def test_readiness_tells_that_the_database_cannot_be_written(client: TestClient) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert set(answer.json()) == BODY
    assert answer.json()["details"] == {
        "models": True,
        "database": False,
        "images": True,
        "keys": True,
        "disk_space": True,
        "queue": True,
    }


@pytest.mark.parametrize("place", range(1, 5))  # file, folder's entry of the first image, then of the second
@pytest.mark.parametrize(
    ("number", "status", "code"), [(errno.ENOSPC, 507, "storage.full"), (errno.EIO, 500, "storage.failed")]
)
def test_failing_disk_leaves_nothing_half_written(
    client: TestClient,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    place: int,
    number: int,
    status: int,
    code: str,
) -> None:
    real = os.fsync
    seen = []

    def fail(descriptor: int) -> None:
        seen.append(descriptor)
        if len(seen) == place:
            raise OSError(number, "injected")
        real(descriptor)

    monkeypatch.setattr("api.store.blobs.os.fsync", fail)
    answer = client.post(URL, files={"visible": ("v", noise_page(1)), "ir": ("i", noise_page(2))})
    monkeypatch.undo()
    assert len(seen) == place
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert_nothing_kept(client, settings)
    assert post(client).status_code == 201


def test_image_is_flushed_to_disk_before_the_report_is_committed(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from api.store.store import Store

    order: list[str] = []
    real_sync, real_commit = os.fsync, Store._commit
    monkeypatch.setattr("api.store.blobs.os.fsync", lambda fd: (order.append("fsync"), real_sync(fd))[1])
    monkeypatch.setattr(Store, "_commit", lambda *a: (order.append("commit"), real_commit(*a))[1])
    assert post(client).status_code == 201
    # file, its folder's entry and perhaps the folder before; after it only that the note of the write is gone
    assert order[-2:] == ["commit", "fsync"]
    assert order.count("commit") == 1
    assert order.count("fsync") >= 2  # the file and its folder's entry


def test_little_free_space_is_refused_and_not_ready(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data", min_free_bytes=10**18)
    screener = FakeScreener()
    with TestClient(create_app(settings, lambda _: screener), base_url="http://localhost") as client:
        assert client.get("/readyz").json()["details"]["disk_space"] is False
        answer = post(client)
        assert (answer.status_code, answer.json()["code"]) == (507, "storage.full")
    assert screener.calls == 0


class PersonalError(ValueError):
    """What a careless library might raise."""


def test_model_that_raises_is_an_error_and_not_a_pass(
    client: TestClient, screener: FakeScreener, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise PersonalError("cannot parse MUSTERFRAU<<SAMPLE 900101")

    screener.before = fail
    answer = post(client, **{"X-Request-ID": "desk1-00042"})
    assert answer.status_code == 500
    assert set(answer.json()) == BODY
    assert answer.json()["code"] == "service.failed"
    assert answer.headers["x-request-id"] == "desk1-00042"
    assert answer.headers["x-content-type-options"] == "nosniff"
    logged = capsys.readouterr()
    assert "PersonalError" in logged.out + logged.err
    assert "desk1-00042" in logged.out + logged.err
    assert "MUSTERFRAU" not in answer.text + logged.out + logged.err
    assert_nothing_kept(client, settings)


def test_error_of_the_core_keeps_its_code(client: TestClient, screener: FakeScreener) -> None:
    def fail() -> None:
        raise InstallationError("models.run_failed", name="mrz_reader")

    screener.before = fail
    answer = post(client)
    assert (answer.status_code, answer.json()["code"]) == (500, "models.run_failed")


def test_failed_screening_can_be_tried_again_with_the_same_key(client: TestClient, screener: FakeScreener) -> None:
    def fail() -> None:
        raise InputError("capture.truncated", file="v")

    screener.before = fail
    assert post(client, **{"Idempotency-Key": "again"}).status_code == 422
    screener.before = lambda: None
    assert post(client, **{"Idempotency-Key": "again"}).status_code == 201


@pytest.mark.parametrize("data", [b"not an image", draw_page()[:400], b"\x89PNG\r\n\x1a\n", b"GIF89a" + bytes(40)])
def test_bytes_that_are_no_image_are_refused(client: TestClient, settings: Settings, data: bytes) -> None:
    answer = post(client, data)
    assert answer.status_code == 422
    assert answer.json()["code"].startswith("capture.")
    assert answer.json()["message"] != ""
    assert_nothing_kept(client, settings)


def test_full_queue_is_told_at_once_and_recovers(tmp_path: Path) -> None:
    screener = FakeScreener()
    go_on = Event()
    settings = Settings(data=tmp_path / "data", min_free_bytes=0, workers=1, queue_size=1)
    with (
        TestClient(create_app(settings, lambda _: screener), base_url="http://localhost") as client,
        ThreadPoolExecutor(2) as callers,
    ):
        inside = Event()
        screener.before = lambda: (inside.set(), go_on.wait(20))
        running = callers.submit(post, client, noise_page(1))
        assert inside.wait(20)
        waiting = callers.submit(post, client, noise_page(2))
        casework = client.app.state.service.casework
        while not casework.pool.full:
            pass
        refused = post(client, noise_page(3))
        assert (refused.status_code, refused.json()["code"]) == (503, "service.overloaded")
        assert int(refused.headers["retry-after"]) > 0
        assert client.get("/readyz").json()["details"]["queue"] is False
        assert client.get("/healthz").status_code == 200  # the event loop is free meanwhile
        go_on.set()
        assert [running.result(20).status_code, waiting.result(20).status_code] == [201, 201]
        assert post(client, noise_page(3)).status_code == 201


def test_slow_screening_is_reported_late_and_found_by_its_key(tmp_path: Path) -> None:
    screener = FakeScreener()
    go_on = Event()
    screener.before = lambda: go_on.wait(20)
    settings = Settings(data=tmp_path / "data", min_free_bytes=0, screening_timeout_s=0.2)
    with TestClient(create_app(settings, lambda _: screener), base_url="http://localhost") as client:
        late = post(client, **{"Idempotency-Key": "slow"})
        assert (late.status_code, late.json()["code"]) == (503, "service.timeout")
        go_on.set()
        while not client.get(URL).json()["items"]:
            pass
        found = post(client, **{"Idempotency-Key": "slow"})
        assert found.status_code == 200
    assert screener.calls == 1


def test_stopping_finishes_what_was_begun(tmp_path: Path) -> None:
    screener = FakeScreener()
    settings = Settings(data=tmp_path / "data", min_free_bytes=0, screening_timeout_s=0.1)
    with TestClient(create_app(settings, lambda _: screener), base_url="http://localhost") as client:
        go_on = Event()
        screener.before = lambda: go_on.wait(0.8)
        assert post(client, **{"Idempotency-Key": "last"}).status_code == 503
    with TestClient(create_app(settings, lambda _: screener), base_url="http://localhost") as client:
        assert post(client, **{"Idempotency-Key": "last"}).status_code == 200
    assert screener.calls == 1


def test_damaged_file_is_an_error_and_not_an_image(client: TestClient, settings: Settings) -> None:
    location = post(client).headers["location"]
    (file,) = blobs(settings)
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    answer = client.get(f"{location}/images/0/visible")
    assert (answer.status_code, answer.json()["code"]) == (500, "storage.damaged")


def test_models_that_do_not_load_stop_the_start(settings: Settings) -> None:
    def broken(_: Settings) -> FakeScreener:
        raise InstallationError("models.missing", file="x.onnx", name="x")

    app: FastAPI = create_app(settings, broken)
    with pytest.raises(InstallationError), TestClient(app):
        pass
    assert app.state.startup_error.code == "models.missing"
    with TestClient(create_app(settings, lambda _: FakeScreener())):
        pass  # the folder was given up again


def test_not_started_app_is_not_ready_and_takes_nothing(settings: Settings) -> None:
    client = TestClient(create_app(settings, lambda _: FakeScreener()), base_url="http://localhost")
    assert client.get("/readyz").json()["details"]["models"] is False
    answer = post(client)
    assert (answer.status_code, answer.json()["code"]) == (503, "service.stopping")


def test_closed_pool_refuses_and_stays_countable() -> None:
    import asyncio

    from api.errors import ServiceError

    async def scenario() -> None:
        pool = BoundedPool("test", 1, 0)
        assert await pool.run(lambda: 7) == 7
        await pool.close()
        with pytest.raises(ServiceError) as refused:
            await pool.run(lambda: 7)
        assert refused.value.code == "service.stopping"
        assert pool.pending == 0

    asyncio.run(scenario())


def test_logs_are_never_given_what_was_sent(client: TestClient, capsys: pytest.CaptureFixture[str]) -> None:
    location = post(client, **{"Idempotency-Key": "X12345678"}).headers["location"]
    client.get(location)
    client.get("/api/v1/nothing-X12345678")
    logged = capsys.readouterr()
    text = logged.out + logged.err
    assert "request" in text
    assert location.rsplit("/", 1)[-1] not in text
    assert "X12345678" not in text
    assert json.dumps("MUSTERFRAU")[1:-1] not in text
