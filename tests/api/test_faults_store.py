"""Faults of the store under a real service: killed, out of space, read-only, corrupt.

``DAFEC_KILL_SCREENINGS`` says how many screenings the killed services make together (1,000 for the figure).
"""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest
from fastapi.testclient import TestClient
from service_fakes import FakeScreener, draw_page, noise_page
from service_process import running
from sqlalchemy import select
from sqlalchemy.orm import Session
from test_store_places import check, code_of, screening

from api.app import create_app
from api.security.audit_file import verify_file
from api.settings import Settings
from api.store import Store, StorePlaces
from api.store.audit_log import AuditLog
from api.store.backup import make_backup, restore_backup
from api.store.database import outside_transactions
from api.store.models import Image

URL = "/api/v1/screenings"
KILLED_SCREENINGS = int(os.environ.get("DAFEC_KILL_SCREENINGS", "120"))
RESTART_S = 5.0


def environment_of(places: StorePlaces) -> dict[str, str]:
    given = {"DAFEC_SERVICE_DATABASE": places.database, "DAFEC_SERVICE_BLOBS": places.blobs}
    return {name: value for name, value in given.items() if value}


class Callers:
    """Desks that post until the service is gone, and remember what was acknowledged."""

    def __init__(self) -> None:
        self.acknowledged: dict[str, tuple[str, bytes, bytes]] = {}  # location: key, report, image
        self._numbers = iter(range(10**9))
        self._lock = threading.Lock()

    def post(self, url: str, _caller: int) -> None:
        with httpx2.Client(base_url=url, timeout=20) as client:
            while True:
                with self._lock:
                    number = next(self._numbers)
                image, key = noise_page(number), f"desk-{number}"
                try:
                    answer = client.post(URL, files={"visible": ("v", image)}, headers={"Idempotency-Key": key})
                except httpx2.HTTPError:
                    return
                assert answer.status_code in (201, 503), answer.text
                if answer.status_code == 201:
                    self.acknowledged[answer.headers["location"]] = (key, answer.content, image)


@pytest.mark.slow
@pytest.mark.parametrize("places", ["sqlite", "postgresql", "postgresql+s3"], indirect=True)
def test_kill_at_random_moments_loses_nothing_and_leaves_nothing_half_written(places: StorePlaces) -> None:
    chance = random.Random(7)
    callers = Callers()
    while len(callers.acknowledged) < KILLED_SCREENINGS:
        begun = time.monotonic()
        with running(places.folder, **environment_of(places)) as service, ThreadPoolExecutor(4) as pool:
            assert time.monotonic() - begun < RESTART_S * float(os.environ.get("DAFEC_SLOW_MACHINE", "4"))
            posts = [pool.submit(callers.post, service.url, caller) for caller in range(4)]
            had = len(callers.acknowledged)
            while len(callers.acknowledged) < had + 10:
                time.sleep(0.01)
            time.sleep(chance.random() * 0.5)
            service.process.kill()
            for post in posts:
                post.result(60)
            assert service.process.wait(20) == -signal.SIGKILL
    with (
        running(places.folder, **environment_of(places)) as service,
        httpx2.Client(base_url=service.url, timeout=20) as client,
    ):
        for location, (key, report, image) in callers.acknowledged.items():
            assert client.get(location).content == report
            assert client.get(f"{location}/images/0/visible", params={"form": "original"}).content == image
            again = client.post(URL, files={"visible": ("v", image)}, headers={"Idempotency-Key": key})
            assert (again.status_code, again.content) == (200, report)
    store = Store(places)
    with Session(store.reader) as session:
        found = verify_file(AuditLog(session).export(store.audit_key), keys=[store.audit_key.public])
        named = set(session.scalars(select(Image.blob)))
        made = sum(b'"screening.made"' in entry for entry in AuditLog(session).entries(found.size))
    assert made == store.count() == len(named)
    present = set(store.blobs.names())
    assert named <= present
    if not store.shared:  # where processes share a store, what a cut-off write left waits until it is an hour old
        assert named == present
        assert list((places.folder / "blobs" / "quarantine").iterdir()) == []
    store.sweep(0)
    assert set(store.blobs.names()) == named
    store.close()


@pytest.mark.slow
@pytest.mark.parametrize("places", ["postgresql+s3"], indirect=True)
def test_three_services_share_one_store(places: StorePlaces, tmp_path: Path) -> None:
    with ExitStack() as stack:
        services = [
            stack.enter_context(
                running(
                    tmp_path / f"machine-{number}",
                    **environment_of(places),
                    DAFEC_SERVICE_KEYS=str(tmp_path / "keys"),
                    FAKE_SECONDS="0.05",
                )
            )
            for number in range(3)
        ]

        def post(number: int) -> tuple[int, bytes]:
            url = services[number % 3].url
            headers = {"Idempotency-Key": f"document-{number // 6}"}  # each at every machine, twice, at once
            files = {"visible": ("v", noise_page(number // 6))}
            answer = httpx2.post(url + URL, files=files, headers=headers, timeout=60)
            return answer.status_code, answer.content

        with ThreadPoolExecutor(9) as pool:
            answers = list(pool.map(post, range(36)))
        for document in range(6):
            mine = answers[document * 6 : document * 6 + 6]
            assert sorted(status for status, _ in mine) == [200] * 5 + [201]
            assert len({report for _, report in mine}) == 1
        lists = [httpx2.get(service.url + URL, timeout=20).json()["items"] for service in services]
        assert lists[0] == lists[1] == lists[2]
        assert len(lists[0]) == 6
        for service in services:
            for item in lists[0]:
                image = httpx2.get(f"{service.url}{URL}/{item['id']}/images/0/visible", timeout=20)
                assert image.status_code == 200
            assert httpx2.get(service.url + "/readyz", timeout=20).json()["notices"] == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 12 MiB: a file system in memory, where this account may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(place)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def client_on(folder: Path, **settings: float) -> TestClient:
    given = Settings(data=folder, min_free_bytes=0, lock_timeout_s=0.5, **settings)  # type: ignore[arg-type]
    return TestClient(create_app(given, lambda _: FakeScreener()), base_url="http://localhost")


def test_disk_that_really_is_full(small_disk: Path) -> None:
    """Until nothing more fits, then with room again: every acknowledged report and image is there, and nothing else."""
    acknowledged: dict[str, tuple[bytes, bytes]] = {}
    with client_on(small_disk / "data") as client:
        (small_disk / "ballast").write_bytes(bytes(4 * 2**20))
        refused = 0
        for number in range(400):
            image = noise_page(number)
            answer = client.post(URL, files={"visible": ("v", image)})
            if answer.status_code == 201:
                acknowledged[answer.headers["location"]] = (answer.content, image)
                continue
            assert (answer.status_code, answer.json()["code"]) == (507, "storage.full")
            refused += 1
            if refused == 20:
                break
        assert refused == 20
        assert len(acknowledged) > 10
        ready = client.get("/readyz")
        assert ready.status_code == 503 or len(acknowledged) > 0
        assert len(client.get(URL, params={"limit": 200}).json()["items"]) == min(200, len(acknowledged))
        (small_disk / "ballast").unlink()
        assert client.get("/readyz").status_code == 200
        for location, (report, image) in acknowledged.items():
            assert client.get(location).content == report
            original = client.get(f"{location}/images/0/visible", params={"form": "original"})
            assert original.content == image
        assert client.post(URL, files={"visible": ("v", draw_page())}).status_code == 201
    store = Store(small_disk / "data")
    assert len(list(store.blobs.names())) == len(acknowledged) + 1 == store.count()
    with Session(store.reader) as session:
        verify_file(AuditLog(session).export(store.audit_key))
    assert list((small_disk / "data" / "blobs" / "quarantine").iterdir()) == []
    store.close()


def test_read_only_folder_of_images_is_told_and_what_is_kept_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with client_on(tmp_path / "data") as client:
        kept = client.post(URL, files={"visible": ("v", draw_page())})

        def refuse(*_: object, **__: object) -> None:
            raise OSError(errno.EROFS, "injected")

        monkeypatch.setattr("api.store.blobs.tempfile.mkstemp", refuse)
        answer = client.post(URL, files={"visible": ("v", noise_page(1))})
        assert (answer.status_code, answer.json()["code"]) == (503, "storage.read_only")
        assert int(answer.headers["retry-after"]) > 0
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["details"]["images"]) == (503, False)
        assert ready.json()["details"]["database"] is True
        assert client.get(kept.headers["location"]).content == kept.content
        assert client.get(f"{kept.headers['location']}/images/0/visible").status_code == 200
        monkeypatch.undo()
        assert client.get("/readyz").status_code == 200
        assert client.post(URL, files={"visible": ("v", noise_page(1))}).status_code == 201


def test_read_only_database_is_told_and_nothing_is_kept(tmp_path: Path) -> None:
    with client_on(tmp_path / "data") as client:
        kept = client.post(URL, files={"visible": ("v", draw_page())})
        store: Store = client.app.state.service.casework.store  # type: ignore[attr-defined]
        with outside_transactions(store.writer) as run:
            run("PRAGMA query_only=ON")
        answer = client.post(URL, files={"visible": ("v", noise_page(1))})
        assert (answer.status_code, answer.json()["code"]) == (503, "storage.read_only")
        assert client.get("/readyz").json()["details"]["database"] is False
        assert client.get(kept.headers["location"]).status_code == 503  # what cannot be put on record is not shown
        assert len(client.get(URL).json()["items"]) == 1
        assert len(list(store.blobs.names())) == 1
        with outside_transactions(store.writer) as run:
            run("PRAGMA query_only=OFF")
        assert client.post(URL, files={"visible": ("v", noise_page(1))}).status_code == 201


@pytest.mark.parametrize("harm", ["header", "pages", "cut"])
def test_corrupt_database_refuses_the_start_and_the_backup_brings_everything_back(tmp_path: Path, harm: str) -> None:
    places = StorePlaces(tmp_path / "data")
    store = Store(places)
    for number in range(30):
        store.add(screening(number))
    store.close()
    make_backup(places, tmp_path / "backup")
    file = tmp_path / "data" / "dafec.sqlite3"
    data = file.read_bytes()
    if harm == "header":
        file.write_bytes(b"x" * 4096 + data[4096:])
    elif harm == "pages":
        file.write_bytes(data[:4096] + b"x" * (len(data) - 4096))
    else:
        file.write_bytes(data[: len(data) // 3])
    harmed = file.read_bytes()
    images = sorted(path.name for path in (tmp_path / "data" / "blobs").rglob("*"))
    assert code_of(Store, places) == "storage.database_damaged"
    assert sorted(path.name for path in (tmp_path / "data" / "blobs").rglob("*")) == images
    assert file.read_bytes()[:100] == harmed[:100]
    shutil.move(tmp_path / "data", tmp_path / "evidence")
    restore_backup(tmp_path / "backup", places)
    store = Store(places)
    for number in range(30):
        check(store, number)
    store.close()


def test_damaged_image_is_noticed_and_screening_goes_on(tmp_path: Path) -> None:
    with client_on(tmp_path / "data") as client:
        location = client.post(URL, files={"visible": ("v", draw_page())}).headers["location"]
        (file,) = [path for path in (tmp_path / "data" / "blobs").rglob("*") if path.is_file()]
        file.write_bytes(file.read_bytes()[:-1])
        image = client.get(f"{location}/images/0/visible")
        assert (image.status_code, image.json()["code"]) == (500, "storage.damaged")
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["notices"]) == (200, ["storage.damaged"])
        assert client.get(location).status_code == 200
        assert client.post(URL, files={"visible": ("v", noise_page(1))}).status_code == 201


def test_upkeep_that_fails_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from api.store.upkeep import Upkeep

    real = Upkeep.forget_due
    calls: list[int] = []

    def sometimes(self: Upkeep, now: object) -> int:
        calls.append(len(calls))
        if len(calls) < 3:
            raise _full()
        return real(self, now)  # type: ignore[arg-type]

    monkeypatch.setattr(Upkeep, "forget_due", sometimes)
    with client_on(tmp_path / "data", upkeep_interval_s=0.02, keep_open_hours=0, keep_cleared_hours=0) as client:
        until = time.monotonic() + 30
        while len(calls) < 4 and time.monotonic() < until:
            time.sleep(0.02)
        assert len(calls) >= 4
        assert client.get("/readyz").status_code == 200


def _full() -> Exception:
    from api.errors import ServiceError

    return ServiceError("storage.full", status=507)


def test_disk_that_really_is_read_only_refuses_the_start_and_changes_nothing(small_disk: Path) -> None:
    places = StorePlaces(small_disk / "data")
    store = Store(places)
    store.add(screening(1))
    store.close()
    before = {path: path.read_bytes() for path in small_disk.rglob("*") if path.is_file()}
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert code_of(Store, places) == "store.not_writable"
    assert {path: path.read_bytes() for path in small_disk.rglob("*") if path.is_file()} == before
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    store = Store(places)
    check(store, 1)
    store.close()
