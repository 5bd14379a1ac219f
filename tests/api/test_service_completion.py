"""The second, complete pass: it follows, it takes the first report's place, and no kill forgets it."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient
from service_fakes import FakeScreener, noise_page
from service_process import running
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from api.app import create_app
from api.settings import Settings
from api.store import Store, StorePlaces
from api.store.arrival_models import Completion
from api.store.case_models import Case
from api.store.completions import claim_completion, due_completions, first_report, give_back, release_claims
from api.store.events import events_after
from api.upkeep import upkeep_of
from dafec.errors import InputError

POST = "/api/v1/screenings"


def wait_for(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return value


@contextmanager
def service(places: StorePlaces, screener: FakeScreener) -> Iterator[TestClient]:
    settings = Settings(
        data=places.folder, database=places.database, blobs=places.blobs, min_free_bytes=0, complete_pass=True
    )
    with TestClient(
        create_app(settings, lambda _: screener), base_url="http://localhost", raise_server_exceptions=False
    ) as client:
        yield client


def post(client: TestClient, number: int = 1) -> Any:
    return client.post(POST, files={"visible": ("v", noise_page(number))})


def state_of(client: TestClient, location: str) -> str:
    return client.get(location).headers["dafec-completion"]


def told(client: TestClient) -> list[tuple[str, dict[str, Any]]]:
    store = client.app.state.service.casework.store  # type: ignore[attr-defined]
    return [(event.name, json.loads(event.data)) for event in events_after(store, 0, 99)]


@pytest.mark.parametrize("places", ["sqlite", "postgresql"], indirect=True)
def test_complete_report_takes_the_place_of_the_first_which_is_kept(places: StorePlaces) -> None:
    screener = FakeScreener("no_anomaly")
    screener.complete_level = "refer"
    go_on = threading.Event()
    screener.before_complete = lambda: go_on.wait(20)
    with service(places, screener) as client:
        answer = post(client)
        location = answer.headers["location"]
        assert (answer.status_code, answer.headers["dafec-completion"]) == (201, "due")
        assert client.get(location).content == answer.content
        assert client.get(POST).json()["items"][0]["completion"] == "due"
        go_on.set()
        wait_for(lambda: state_of(client, location) == "done")
        complete = client.get(location).json()
        assert complete["verdict"]["level"] == "refer"
        assert complete["id"] == answer.json()["id"]
        assert client.get(location, params={"stage": "first"}).content == answer.content
        listed = client.get(POST).json()["items"][0]
        assert (listed["level"], listed["held"], listed["completion"]) == ("refer", True, "done")
        assert [name for name, _ in told(client)] == ["screening.made", "screening.completed"]
        data = told(client)[1][1]
        assert (data["level"], data["first_level"], data["changed"]) == ("refer", "no_anomaly", True)
        assert 'dafec_complete_passes_total{outcome="done"} 1.0' in client.get("/metrics").text
        cases = client.app.state.service.casework.store  # type: ignore[attr-defined]
        with Session(cases.reader) as session:
            assert session.scalar(select(func.count()).select_from(Case)) == 1


def test_pass_that_was_cut_off_by_a_kill_is_made_at_the_next_start(tmp_path: Path) -> None:
    data = tmp_path / "data"
    slow = {"DAFEC_SERVICE_COMPLETE_PASS": "true", "FAKE_COMPLETE_SECONDS": "60"}
    acknowledged = {}
    with running(data, **slow) as first, httpx2.Client(base_url=first.url, timeout=20) as client:
        for number in range(4):
            answer = client.post(POST, files={"visible": ("v", noise_page(number))})
            acknowledged[answer.headers["location"]] = answer.content
        first.end(signal.SIGKILL)
    with (
        running(data, DAFEC_SERVICE_COMPLETE_PASS="true") as second,
        httpx2.Client(base_url=second.url, timeout=20) as client,
    ):
        for location, report in acknowledged.items():
            wait_for(lambda at=location: client.get(at).headers["dafec-completion"] == "done")
            assert client.get(location, params={"stage": "first"}).content == report


def test_stopping_lets_the_pass_that_runs_finish_and_leaves_the_rest_due(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(data, DAFEC_SERVICE_COMPLETE_PASS="true", FAKE_COMPLETE_SECONDS="1.5") as service:
        with httpx2.Client(base_url=service.url, timeout=20) as client:
            for number in range(3):
                client.post(POST, files={"visible": ("v", noise_page(number))})
            time.sleep(0.7)
        service.end(signal.SIGTERM)
    store = Store(data)
    assert due_completions(store) in (1, 2)
    store.close()


def test_core_that_refuses_leaves_the_first_report_and_says_so(places: StorePlaces) -> None:
    screener = FakeScreener()

    def fail() -> None:
        raise InputError("capture.truncated", file="v")

    screener.before_complete = fail
    with service(places, screener) as client:
        answer = post(client)
        wait_for(lambda: state_of(client, answer.headers["location"]) == "failed")
        assert client.get(answer.headers["location"]).content == answer.content
        assert told(client)[1] == (
            "screening.completion_failed",
            {"id": answer.json()["id"], "level": "refer", "code": "capture.truncated", "at": told(client)[1][1]["at"]},
        )


def test_unforeseen_fault_ends_no_loop_and_tells_no_text(
    places: StorePlaces, capsys: pytest.CaptureFixture[str]
) -> None:
    screener = FakeScreener()
    faults = [ValueError("MUSTERFRAU<<SAMPLE")]

    def fail_once() -> None:
        if faults:
            raise faults.pop()

    screener.before_complete = fail_once
    with service(places, screener) as client:
        first, second = post(client, 1), post(client, 2)
        wait_for(lambda: state_of(client, first.headers["location"]) == "failed")
        wait_for(lambda: state_of(client, second.headers["location"]) == "done")
    logged = capsys.readouterr()
    assert "MUSTERFRAU" not in logged.out + logged.err


def test_screenings_go_before_complete_passes(places: StorePlaces) -> None:
    screener = FakeScreener()
    order: list[str] = []
    screener.before_complete = lambda: order.append("complete")
    screener.before = lambda: (order.append("screened"), time.sleep(0.05))
    with service(places, screener) as client:
        threads = [threading.Thread(target=post, args=(client, number)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wait_for(lambda: order.count("complete") == 8)
    assert order[:6].count("complete") <= 1


@pytest.mark.parametrize("places", ["sqlite", "postgresql"], indirect=True)
def test_claims_are_given_to_one_and_given_up_after_three(places: StorePlaces) -> None:
    screener = FakeScreener()
    go_on = threading.Event()
    inside = threading.Event()
    screener.before_complete = lambda: (inside.set(), go_on.wait(20))
    with service(places, screener) as client:
        post(client)
        casework = client.app.state.service.casework  # type: ignore[attr-defined]
        store = casework.store
        assert inside.wait(20)
        assert claim_completion(store) is None  # the service itself has it
        go_on.set()
    store = Store(places)
    assert due_completions(store) == 0
    with Session(store.writer) as session, session.begin():
        session.execute(update(Completion).values(state="due", attempts=0, claimed=None))
    name = claim_completion(store)
    assert name is not None
    assert claim_completion(store) is None
    give_back(store, name)  # the store could not be read: that is no attempt
    for _ in range(3):
        assert claim_completion(store) == name
        release_claims(store)  # as if the process had died
    assert claim_completion(store) is None
    assert due_completions(store) == 0
    store.close()


def test_first_report_is_forgotten_with_the_rest(places: StorePlaces) -> None:
    with service(places, FakeScreener("look")) as client:
        location = post(client).headers["location"]
        wait_for(lambda: state_of(client, location) == "done")
    store = Store(places)
    name = location.rsplit("/", 1)[-1]
    assert first_report(store, name) is not None
    settings = Settings(data=places.folder)
    assert upkeep_of(store, settings).run(datetime.now(UTC) + timedelta(days=4000)) == 1
    with Session(store.reader) as session:
        assert session.scalars(select(Completion.first_report)).all() == [None]
    store.close()


def test_complete_pass_sees_every_side(tmp_path: Path) -> None:
    screener = FakeScreener()
    with service(StorePlaces(tmp_path / "data"), screener) as client:
        parts = {"visible": noise_page(1), "visible-2": noise_page(2), "uv-2": noise_page(3)}
        answer = client.post(POST, files={name: (name, data) for name, data in parts.items()})
        location = answer.headers["location"]
        wait_for(lambda: state_of(client, location) == "done")
        pages = client.get(location).json()["capture"]["pages"]
        assert [[f["sha256"] for f in page["frames"]] for page in pages] == [
            [f["sha256"] for f in page["frames"]] for page in answer.json()["capture"]["pages"]
        ]
        assert [[f["light"] for f in page["frames"]] for page in pages] == [["visible"], ["visible", "uv"]]
