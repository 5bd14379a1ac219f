"""Screening an archive again: beside what was there, once a document, whatever dies meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from distributed.security import Security
from fastapi.testclient import TestClient
from servers import free_port
from service_fakes import FakeScreener, make_report, noise_page
from sqlalchemy import func, select
from sqlalchemy.orm import Session

import api.rescreen
from api.app import create_app
from api.errors import ServiceError
from api.rescreen import Cluster, Order, rescreen
from api.rescreen_worker import Bench, rescreen_document, use
from api.security.audit_file import verify_file
from api.settings import Settings
from api.store import NewScreening, Store, StoredImage, StorePlaces
from api.store.audit_log import AuditLog
from api.store.database import mapped_errors
from api.store.rescreen_models import Rescreening
from api.store.rescreenings import (
    Run,
    Wanted,
    begin_run,
    due_numbers,
    end_run,
    find_run,
    level_changes,
    rescreened_report,
)
from api.store.retention import RetentionPolicy
from api.store.upkeep import Upkeep
from dafec.capture import capture_from_parts
from dafec.errors import DafecError, InputError

HERE = Path(__file__).parent
DAY = date(2026, 11, 23)  # of every report in ``service_fakes``


def settings_of(places: StorePlaces) -> Settings:
    return Settings(
        data=places.folder, database=places.database, blobs=places.blobs, min_free_bytes=0, keep_cleared_hours=1e5
    )


def fill(store: Store, count: int, first: int = 0) -> list[str]:
    """An archive of documents without a finding, each with two sides; their ids."""
    ids = []
    for number in range(first, first + count):
        parts = {"visible": noise_page(2 * number), "visible-2": noise_page(2 * number + 1)}
        report = make_report(capture_from_parts(parts, name="x"), "no_anomaly")
        report = report.model_copy(update={"id": f"archived-{number:012d}"})
        images = tuple(StoredImage(page, "visible", "image/png", data) for page, data in enumerate(parts.values()))
        store.add(
            NewScreening(
                id=report.id,
                created=datetime.now(UTC) - timedelta(days=30 - number % 30),
                level=report.verdict.level,
                made=report.verdict.made,
                not_possible=report.verdict.not_possible,
                report=report.to_json(),
                images_digest=f"{number:064d}",
                key_digest=None,
                images=images,
                result="{}",
            )
        )
        ids.append(report.id)
    return ids


def entries(store: Store, action: str) -> list[dict[str, Any]]:
    with Session(store.reader) as session:
        log = AuditLog(session)
        found = [json.loads(entry) for entry in log.entries(log.size)]
        verify_file(log.export(store.audit_key))
    return [entry for entry in found if entry["action"] == action]


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(DafecError) as raised:
        call()
    return raised.value.code


@contextmanager
def opened(places: StorePlaces) -> Iterator[Store]:
    store = Store(places)
    try:
        yield store
    finally:
        store.close()


def test_new_result_lies_beside_the_old_one_which_stays(places: StorePlaces) -> None:
    with opened(places) as store:
        ids = fill(store, 5)
        before = {one: store.get(one) for one in ids}
    screener, told = FakeScreener("refer"), list[Run]()
    settings = settings_of(places)
    run = rescreen(settings, Order("model-2"), Cluster(workers=2), told.append, lambda _: screener)
    assert (run.done, run.due, run.failed, run.gone, run.total) == (5, 0, 0, 0, 5)
    assert run.ended is not None
    assert [told[0].due, told[-1].due] == [5, 0]
    assert screener.days == [DAY] * 5  # not by today: what was valid then is not called expired
    with opened(places) as store:
        for one in ids:
            assert store.get(one) == before[one]
            report, personal_data = rescreened_report(store, one, "model-2") or ("", "")
            said = json.loads(report)
            assert (said["id"], said["verdict"]["level"], personal_data) == (one, "refer", "kept")
            assert len(said["capture"]["pages"]) == 2
        assert level_changes(store, "model-2") == {("no_anomaly", "refer"): 5}
        assert {entry["target"] for entry in entries(store, "screening.rescreened")} == {f"screening:{i}" for i in ids}
        assert entries(store, "rescreening.begun")[0]["details"]["screenings"] == 5
        assert entries(store, "rescreening.ended")[0]["details"] == {"run": "model-2", "screenings": 5, "failed": 0}
        raw = (places.folder / "dafec.sqlite3").read_bytes() + (places.folder / "dafec.sqlite3-wal").read_bytes()
        assert b"MUSTERFRAU" not in raw
    again = rescreen(settings, Order("model-2"), Cluster(), load=lambda _: screener)
    assert again == run
    assert len(screener.days) == 5  # an ended run is not made twice
    with TestClient(create_app(settings, lambda _: screener), base_url="http://localhost") as client:
        url = f"/api/v1/screenings/{ids[0]}"
        listed = client.get(f"{url}/rescreenings").json()["items"]
        assert [(item["run"], item["level_before"], item["level"]) for item in listed] == [
            ("model-2", "no_anomaly", "refer")
        ]
        assert client.get(f"{url}/rescreenings/model-2").json()["verdict"]["level"] == "refer"
        assert client.get(url).json()["verdict"]["level"] == "no_anomaly"
        assert client.get(f"{url}/rescreenings/model-3").json()["code"] == "rescreen.not_found"
        assert client.get("/api/v1/screenings/none-0000000000000000/rescreenings").status_code == 404


def test_one_document_that_cannot_be_screened_holds_up_no_other(places: StorePlaces) -> None:
    with opened(places) as store:
        fill(store, 4)
    screener, calls = FakeScreener("look"), iter(range(99))

    def sometimes() -> None:
        number = next(calls)
        if number == 1:
            raise InputError("capture.damaged", file="")
        if number == 2:
            raise ZeroDivisionError

    screener.before_complete = sometimes
    run = rescreen(settings_of(places), Order("x"), Cluster(workers=1), load=lambda _: screener)
    assert (run.done, run.failed, run.due) == (2, 2, 0)
    with opened(places) as store, Session(store.reader) as session:
        codes = set(session.scalars(select(Rescreening.code).where(Rescreening.state == "failed")))
    assert codes == {"capture.damaged", "rescreen.document_failed"}


def test_what_is_wanted_is_chosen_when_the_run_begins(places: StorePlaces) -> None:
    with opened(places) as store:
        fill(store, 30)
        now = datetime.now(UTC)
        wanted = Wanted(since=now - timedelta(days=10.5), until=now - timedelta(days=5.5))
        assert begin_run(store, "some", "0" * 64, wanted, complete=False).due == 5
        assert begin_run(store, "none", "0" * 64, Wanted(levels=("refer",)), complete=False).due == 0
        assert code_of(lambda: begin_run(store, "some", "0" * 64, wanted, complete=False)) == "rescreen.run_exists"
        fill(store, 1, first=30)
        assert find_run(store, "some").total == 5  # type: ignore[union-attr]
        assert not end_run(store, "some")
        assert end_run(store, "none")
        assert not end_run(store, "none")


def test_task_that_runs_twice_settles_once(places: StorePlaces) -> None:
    with opened(places) as store:
        fill(store, 2)
        software = "a" * 64
        begin_run(store, "r", software, Wanted(), complete=True)
        one, other = due_numbers(store, "r", 0, 9)
        use(Bench(store, FakeScreener("look"), software))
        try:
            assert rescreen_document("r", "b" * 64, True, one) == ("other_software", "")
            assert rescreen_document("r", software, True, one) == ("done", "look")
            assert rescreen_document("r", software, True, one) == ("already", "")
            thought_dead = FakeScreener("refer")  # it answers after all, when another has settled the document
            use(Bench(store, thought_dead, software))

            def faster() -> None:
                thought_dead.before_complete = lambda: None
                assert rescreen_document("r", software, True, other) == ("done", "refer")

            thought_dead.before_complete = faster
            assert rescreen_document("r", software, True, other) == ("already", "refer")
        finally:
            use(None)
        assert len(entries(store, "screening.rescreened")) == 2


def test_store_that_is_away_is_no_outcome(places: StorePlaces, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(places) as store:
        fill(store, 1)
        begin_run(store, "r", "a" * 64, Wanted(), complete=True)
        (number,) = due_numbers(store, "r", 0, 9)

        def away(*_: object) -> bytes:
            with mapped_errors():
                raise ConnectionRefusedError(111, "injected")
            raise ServiceError("unreached")

        use(Bench(store, FakeScreener(), "a" * 64))
        try:
            with monkeypatch.context() as patch:
                patch.setattr(type(store.blobs), "read", away)
                outcome, code = rescreen_document("r", "a" * 64, True, number)
            assert outcome == "later"
            assert code.startswith("storage.")
            assert find_run(store, "r").due == 1  # type: ignore[union-attr]
            assert rescreen_document("r", "a" * 64, True, number)[0] == "done"
        finally:
            use(None)


def test_run_goes_with_the_holders_data(places: StorePlaces) -> None:
    with opened(places) as store:
        (one,) = fill(store, 1)
    rescreen(settings_of(places), Order("early"), Cluster(workers=1), load=lambda _: FakeScreener("look"))
    with opened(places) as store:
        begin_run(store, "late", "a" * 64, Wanted(), complete=True)
        (number,) = due_numbers(store, "late", 0, 9)
        nothing = timedelta(0)
        assert Upkeep(store, RetentionPolicy(nothing, nothing, nothing), lambda report: report).run() == 1
        report, personal_data = rescreened_report(store, one, "early") or ("", "")
        assert personal_data == "deleted"
        assert json.loads(report)["verdict"]["level"] == "look"
        assert "MUSTERFRAU" not in report
        with Session(store.reader) as session:
            assert session.scalar(select(func.count(Rescreening.sealed_report))) == 0
        use(Bench(store, FakeScreener(), "a" * 64))
        try:
            assert rescreen_document("late", "a" * 64, True, number) == ("gone", "screening.images_deleted")
        finally:
            use(None)
        assert end_run(store, "late")


def test_other_models_or_series_do_not_go_on_with_a_run(places: StorePlaces) -> None:
    settings = settings_of(places)
    with opened(places) as store:
        fill(store, 1)
        begin_run(store, "r", api.rescreen.software_of(settings), Wanted(), complete=True)
    library = places.folder / "library" / "UTO-P-1-2020"
    library.mkdir(parents=True)
    (library / "series.toml").write_text("x = 1\n")
    assert code_of(lambda: rescreen(settings, Order("r"), Cluster())) == "rescreen.software_changed"


@pytest.mark.parametrize(
    ("cluster", "code"),
    [
        (Cluster("tcp://scheduler.centre:8786"), "rescreen.tls_needed"),
        (Cluster("tls://scheduler.centre:8786"), "rescreen.tls_needed"),
        (Cluster("http://127.0.0.1:8786"), "rescreen.bad_scheduler"),
        (Cluster("127.0.0.1:8786"), "rescreen.bad_scheduler"),
    ],
)
def test_scheduler_is_reached_safely_or_not_at_all(places: StorePlaces, cluster: Cluster, code: str) -> None:
    assert code_of(lambda: rescreen(settings_of(places), Order("r"), cluster)) == code
    assert not places.folder.exists()


class Machines:
    """A scheduler and workers on loopback, each a process of its own, with certificates on both sides."""

    def __init__(self, folder: Path, places: StorePlaces) -> None:
        pem = Security.temporary()
        files = {"ca": pem.tls_ca_file, "cert": pem.tls_worker_cert, "key": pem.tls_worker_key}
        for name, text in files.items():
            (folder / f"{name}.pem").write_text(str(text))
        self.tls = [folder / "ca.pem", folder / "cert.pem", folder / "key.pem"]
        self.address = f"tls://127.0.0.1:{free_port()}"
        self.environment = {
            **os.environ,
            "PYTHONPATH": f"{HERE}{os.pathsep}{HERE.parents[1]}",
            "DAFEC_SERVICE_DATA": str(places.folder),
            "DAFEC_SERVICE_DATABASE": str(places.database),
            "FAKE_SECONDS": "0.3",
        }
        self._stack = ExitStack()
        self.log = folder / "machines.log"
        self._said = self._stack.enter_context(self.log.open("wb"))

    def __enter__(self) -> Machines:
        port = self.address.rpartition(":")[2]
        self.start("scheduler", "--host", self.address.rpartition(":")[0], "--port", port, "--no-dashboard")
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start(self, what: str, *more: str) -> subprocess.Popen[bytes]:
        names = ("--tls-ca-file", "--tls-cert", "--tls-key")
        tls = [word for name, file in zip(names, self.tls, strict=True) for word in (name, str(file))]
        return self._run([sys.executable, "-m", "dask", what, *tls, *more])

    def worker(self) -> subprocess.Popen[bytes]:
        more = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--preload", str(HERE / "rescreen_fakes.py"))
        return self.start("worker", self.address, *more)

    def client(self, run: str) -> subprocess.Popen[bytes]:
        names = ("--tls-authority", "--tls-certificate", "--tls-key")
        tls = [word for name, file in zip(names, self.tls, strict=True) for word in (name, str(file))]
        code = "import sys; from dafec.cli import main; sys.exit(main())"
        return self._run([sys.executable, "-c", code, "rescreen", run, "--scheduler", self.address, *tls])

    def _run(self, command: list[str]) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            command, env=self.environment, stdout=self._said, stderr=self._said, cwd=HERE.parents[1]
        )
        self._stack.callback(_end, process)
        return process


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait(60)


def wait_for_settled(store: Store, run: str, count: int, client: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 300
    while True:
        found = find_run(store, run)
        if found is not None and found.total - found.due >= count:
            return
        assert client.poll() is None, log.read_text("utf-8", "replace")[-3000:]
        assert time.monotonic() < until, log.read_text("utf-8", "replace")[-3000:]
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("places", ["postgresql"], indirect=True)
def test_workers_and_client_are_killed_and_every_document_is_in_the_run_once(
    places: StorePlaces, tmp_path: Path
) -> None:
    """kill -9 of a worker in the middle of a document, then of the client; the same run goes on with what is due."""
    with opened(places) as store, Machines(tmp_path, places) as machines:
        ids = fill(store, 20)
        workers = [machines.worker(), machines.worker()]
        client = machines.client("model-2")
        wait_for_settled(store, "model-2", 3, client, machines.log)
        workers[0].kill()
        wait_for_settled(store, "model-2", 7, client, machines.log)
        client.kill()
        assert client.wait(60) == -signal.SIGKILL
        cut_off = find_run(store, "model-2")
        assert cut_off is not None
        assert cut_off.ended is None
        assert cut_off.due > 0
        machines.worker()  # another machine joins
        cluster = Cluster(machines.address, 1, *machines.tls)
        run = rescreen(settings_of(places), Order("model-2"), cluster)
        assert (run.done, run.due, run.failed, run.gone) == (20, 0, 0, 0)
        made = [entry["target"] for entry in entries(store, "screening.rescreened")]
        assert sorted(made) == sorted(f"screening:{one}" for one in ids)  # each once
        assert len(entries(store, "rescreening.begun")) == len(entries(store, "rescreening.resumed")) == 1
        assert len(entries(store, "rescreening.ended")) == 1
        assert level_changes(store, "model-2") == {("no_anomaly", "refer"): 20}


@pytest.mark.slow
@pytest.mark.parametrize("places", ["postgresql"], indirect=True)
def test_without_workers_a_run_is_given_up_and_nothing_is_lost(
    places: StorePlaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.rescreen._NO_WORKERS_S", 1.0)
    monkeypatch.setattr("api.rescreen._LOOK_S", 0.5)
    with opened(places) as store, Machines(tmp_path, places) as machines:
        fill(store, 2)
        cluster = Cluster(machines.address, 1, *machines.tls)
        assert code_of(lambda: rescreen(settings_of(places), Order("r"), cluster)) == "rescreen.no_workers"
        assert find_run(store, "r").due == 2  # type: ignore[union-attr]
    assert code_of(lambda: rescreen(settings_of(places), Order("r"), cluster)) == "rescreen.scheduler_lost"
