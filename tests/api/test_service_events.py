"""What a desk is told over server-sent events: by a real service, with breaks, restarts, pages that do not read."""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from scanner_kits import desk_headers
from security_kit import add_user, gate_of, logged_in
from service_fakes import FakeScreener, noise_page
from service_process import running
from sqlalchemy import select

from api.app import create_app
from api.feed import EventFeed, Listening
from api.security.gate import Credentials
from api.security.permissions import Role
from api.settings import Settings
from api.store import Store
from api.store.account_models import LoginSession
from api.store.events import OPEN_DESK, event_bounds, events_after, forget_events, tell_desk
from dafec.messages import catalogue

POST = "/api/v1/screenings"
EVENTS = "/api/v1/desks/open/events"


class Page:
    """A page that listens."""

    def __init__(self, url: str, last: int | None = None) -> None:
        headers = {} if last is None else {"Last-Event-ID": str(last)}
        self._client = httpx2.Client(base_url=url, timeout=20)
        self._stream = self._client.stream("GET", EVENTS, headers=headers)
        self.answer = self._stream.__enter__()
        self._lines = self.answer.iter_lines()

    def next(self) -> tuple[int, str, dict[str, Any]]:
        """Number, name and data of the next event."""
        found: dict[str, str] = {}
        for line in self._lines:
            if line == "" and found:
                return int(found["id"]), found["event"], json.loads(found["data"])
            if line and not line.startswith(":"):
                name, _, value = line.partition(": ")
                found[name] = value
        raise EOFError

    def close(self) -> None:
        self._stream.__exit__(None, None, None)
        self._client.close()


@contextmanager
def listening(url: str, last: int | None = None) -> Iterator[Page]:
    page = Page(url, last)
    try:
        yield page
    finally:
        page.close()


def screen(url: str, number: int) -> str:
    answer = httpx2.post(url + POST, files={"visible": ("v", noise_page(number))}, timeout=20)
    assert answer.status_code == 201
    return str(answer.json()["id"])


def test_page_is_told_as_it_happens_and_goes_on_after_a_break_and_a_restart(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(data, DAFEC_SERVICE_COMPLETE_PASS="true") as service:
        with listening(service.url) as page:
            assert page.answer.headers["content-type"].startswith("text/event-stream")
            assert page.answer.headers["cache-control"] == "no-store"
            number, name, hello = page.next()
            assert (name, hello["desk"], hello["scanners"], number) == ("hello", "open", [], hello["last"])
            first = screen(service.url, 1)
            begun = time.monotonic()
            last, name, told = page.next()
            assert (name, told["id"], told["level"], told["completion"]) == ("screening.made", first, "refer", "due")
            assert time.monotonic() - begun < 5
            last, name, told = page.next()
            assert (name, told["id"]) == ("screening.completed", first)
        second = screen(service.url, 2)  # while nobody listens
        service.end(signal.SIGKILL)
    with running(data, DAFEC_SERVICE_COMPLETE_PASS="true") as service, listening(service.url, last) as page:
        assert page.next()[1] == "hello"
        number, name, told = page.next()
        assert (name, told["id"]) == ("screening.made", second)
        assert number > last
        assert page.next()[1:2] == ("screening.completed",)


def test_open_pages_do_not_keep_the_service_from_stopping(tmp_path: Path) -> None:
    with running(tmp_path / "data") as service, listening(service.url) as page:
        page.next()
        begun = time.monotonic()
        status, errors = service.end(signal.SIGTERM)
        assert time.monotonic() - begun < 8
        assert status in (0, -signal.SIGTERM)
        assert "Traceback" not in errors


def test_stream_of_another_desk_says_nothing_of_this_one(settings: Settings) -> None:
    store = Store(settings.data)
    for number in range(3):
        tell_desk(store, "desk-a", "scanner", {"name": str(number)})
        tell_desk(store, None, "scanner", {"name": f"open {number}"})
    assert [json.loads(event.data)["name"] for event in events_after(store, 0, 9, "desk-a")] == ["0", "1", "2"]
    assert len(events_after(store, 0, 9, OPEN_DESK)) == 3
    store.close()


def test_what_is_too_old_is_forgotten_and_told_as_a_gap(settings: Settings, screener: FakeScreener) -> None:
    store = Store(settings.data)
    for number in range(4):
        tell_desk(store, None, "scanner", {"name": str(number)})
    forget_events(store, timedelta(0))
    assert event_bounds(store) == (4, 4)
    store.close()

    async def scenario() -> list[bytes]:
        store = Store(settings.data)
        feed = EventFeed(store, beat_s=0.1)
        feed.start()
        stream = await feed.listen("open", 1, Listening(list))
        pieces = [await anext(stream), await anext(stream), await anext(stream)]
        await feed.stop()
        store.close()
        return pieces

    hello, resync, beat = asyncio.run(scenario())
    assert hello.startswith(b"id: 4\nevent: hello\n")
    assert resync.startswith(b"id: 4\nevent: resync\n")
    assert beat == b": beat\n\n"


def test_page_that_does_not_read_is_let_go_and_loses_nothing(settings: Settings) -> None:
    async def scenario() -> None:
        store = Store(settings.data)
        feed = EventFeed(store)
        feed.start()
        stream = await feed.listen("open", None, Listening(list))
        assert b"hello" in await anext(stream)
        for number in range(300):  # more than its queue holds
            await asyncio.to_thread(tell_desk, store, None, "scanner", {"name": str(number)})
        feed.wake()
        await asyncio.sleep(1.5)
        got = [piece async for piece in stream]
        assert 100 <= len(got) < 300  # then the connection ended
        last = int(got[-1].split(b"\n")[0].removeprefix(b"id: "))
        again = await feed.listen("open", last, Listening(list))
        assert b"hello" in await anext(again)
        rest = [await anext(again) for _ in range(300 - len(got))]
        assert b'"name":"299"' in rest[-1]
        await again.aclose()  # type: ignore[attr-defined]
        assert feed.listeners == 0
        await feed.stop()
        store.close()

    asyncio.run(scenario())


def test_page_that_went_away_is_forgotten(tmp_path: Path) -> None:
    with running(tmp_path / "data") as service:
        host, port = service.url.removeprefix("http://").split(":")
        for _ in range(3):
            with socket.create_connection((host, int(port)), timeout=10) as caller:
                caller.sendall(f"GET {EVENTS} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
                said = b""
                while b"event: hello" not in said:
                    said += caller.recv(65536)
        deadline = time.monotonic() + 20
        while "dafec_listeners 0.0" not in httpx2.get(f"{service.url}/metrics").text:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_push_with_a_desks_key_is_told_to_that_desk_and_cannot_be_replayed(settings: Settings) -> None:
    app = create_app(settings, lambda _: FakeScreener())
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as client:
        made = app.state.service.gate.desks.create("Desk 7")
        headers = desk_headers(made.key)
        image = {"visible": ("v", noise_page(1))}
        answer = client.post(POST, files=image, headers=headers)
        assert answer.status_code == 201
        replay = client.post(POST, files=image, headers=headers)
        assert (replay.status_code, replay.json()["code"]) == (409, "desk.replayed")
        late = desk_headers(made.key, **{"DAFEC-Time": str(int(time.time()) - 900)})
        assert client.post(POST, files=image, headers=late).json()["code"] == "desk.clock"
        bare = {"Authorization": headers["Authorization"]}
        refused = client.post(POST, files=image, headers=bare)
        assert (refused.status_code, refused.json()["code"]) == (422, "desk.nonce_needed")
        wrong = desk_headers(made.key[:-4] + "AAAA")
        assert client.post(POST, files=image, headers=wrong).status_code == 401
        store = app.state.service.casework.store
        assert [json.loads(event.data)["origin"] for event in events_after(store, 0, 9, made.id)] == ["live"]
        other = app.state.service.gate.desks.create("Desk 8")
        there = client.get(f"/api/v1/desks/{made.id}/events", headers={"Authorization": f"Bearer {other.key}"})
        assert (there.status_code, there.json()["code"]) == (404, "desk.not_found")


def test_recorded_is_believed_from_anybody_and_live_only_from_a_desk(settings: Settings) -> None:
    app = create_app(settings, lambda _: FakeScreener())
    with TestClient(app, base_url="http://localhost") as client:
        for number, (said, stored) in enumerate([("live", "unknown"), ("recorded", "recorded"), ("", "unknown")]):
            headers = {"DAFEC-Origin": said} if said else {}
            client.post(POST, files={"visible": ("v", noise_page(number))}, headers=headers)
            assert client.get(POST).json()["items"][0]["origin"] == stored
        assert client.post(POST, files={"visible": ("v", b"x")}, headers={"DAFEC-Origin": "x"}).status_code == 422
    for language in ("en", "ar"):
        assert "verdict.notes.recorded" in catalogue(language)


def test_metrics_hold_nothing_of_a_document(settings: Settings, screener: FakeScreener) -> None:
    app = create_app(settings, lambda _: screener)
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as client:
        answer = client.post(POST, files={"visible": ("v", noise_page(1))})
        client.post(POST, files={"visible": ("v", b"no image")})
        client.get(answer.headers["location"])
        client.get("/api/v1/nothing-X12345678")
        client.request("BREW", "/")
        text = client.get("/metrics").text
    assert 'dafec_screenings_total{level="refer"} 1.0' in text
    assert 'dafec_screening_failures_total{code="capture.' in text
    assert 'route="none",status="404"' in text
    assert answer.json()["id"] not in text
    for word in ("X12345678", "MUSTERFRAU", "BREW"):
        assert word not in text


def test_figures_are_written_for_a_collector(tmp_path: Path) -> None:
    file = tmp_path / "dafec.prom"
    settings = Settings(data=tmp_path / "data", min_free_bytes=0, metrics_file=file)
    app = create_app(settings, lambda _: FakeScreener())
    with TestClient(app, base_url="http://localhost"):
        deadline = time.monotonic() + 20
        while not file.exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        text = file.read_text()
    assert "dafec_queue_limit 18.0" in text
    assert "dafec_complete_passes_due 0.0" in text
    assert file.stat().st_mode & 0o777 == 0o644


def test_stop_under_load_finishes_what_it_took(tmp_path: Path) -> None:
    """SIGTERM while eight callers post without a pause: what was answered is there, and nothing else."""
    data = tmp_path / "data"
    acknowledged: dict[str, bytes] = {}
    refused: list[int] = []
    with running(data, FAKE_SECONDS="0.05", DAFEC_SERVICE_REQUESTS_PER_MINUTE="0") as service:
        stop = threading.Event()

        def post_on(caller: int) -> None:
            with httpx2.Client(base_url=service.url, timeout=30) as client:
                while not stop.is_set():
                    try:
                        answer = client.post(POST, files={"visible": ("v", noise_page(secrets.randbelow(10**9)))})
                    except httpx2.HTTPError:
                        return
                    if answer.status_code == 201:
                        acknowledged[answer.headers["location"]] = answer.content
                    else:
                        refused.append(answer.status_code)

        threads = [threading.Thread(target=post_on, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        time.sleep(2)
        status, errors = service.end(signal.SIGTERM)
        stop.set()
        for thread in threads:
            thread.join(30)
    assert status in (0, -signal.SIGTERM)
    assert "Traceback" not in errors
    assert len(acknowledged) > 10
    assert set(refused) <= {503}
    store = Store(data)
    assert store.count() >= len(acknowledged)
    for location, report in acknowledged.items():
        record = store.get(location.rsplit("/", 1)[-1])
        assert record is not None
        assert record.report.encode() == report
    store.close()


def test_stream_ends_when_its_session_does(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.feed._ASK_S", 0.2)
    let_in = True

    async def scenario() -> list[bytes]:
        nonlocal let_in
        store = Store(settings.data)
        feed = EventFeed(store, beat_s=0.15)
        feed.start()
        stream = await feed.listen("open", None, Listening(list, lambda: let_in))
        pieces = [await anext(stream) for _ in range(4)]  # beats go on as long as it lasts
        let_in = False
        pieces += [piece async for piece in stream]
        assert feed.listeners == 0
        await feed.stop()
        store.close()
        return pieces

    begun = time.monotonic()
    pieces = asyncio.run(scenario())
    assert pieces[1:4] == [b": beat\n\n"] * 3
    assert time.monotonic() - begun < 20


def test_listening_keeps_no_session_alive(app: FastAPI, client: TestClient) -> None:
    add_user(app, "amal", Role.EXAMINER)
    amal = logged_in(client, "amal")
    gate = gate_of(app)
    given = Credentials(amal.token, None, "x", forwarded=False, language="en", by_itself=True)
    actor = gate.actor(given)
    assert actor is not None
    later = datetime.now(UTC) + timedelta(minutes=29)
    assert gate.logins.user_of(amal.token, later, seen=False) is not None
    assert gate.still(given, actor)
    with gate._tables.reading() as session:
        seen = session.scalars(select(LoginSession.last_seen)).one()
    assert seen.replace(tzinfo=UTC) < later - timedelta(minutes=28)
    assert not gate.logins.session_lasts(amal.token, "somebody else")
    assert amal("DELETE", "/api/v1/sessions/current").status_code in (200, 204)
    assert not gate.still(given, actor)


def test_level_is_not_told_to_whoever_is_to_look_blindly(settings: Settings) -> None:
    async def scenario() -> list[dict[str, Any]]:
        store = Store(settings.data)
        tell_desk(store, None, "screening.made", {"id": "secret", "level": "refer"})
        tell_desk(store, None, "screening.made", {"id": "open", "level": "refer"})
        feed = EventFeed(store)
        feed.start()

        async def blind(ids: Sequence[str]) -> set[str]:
            return {"secret"} & set(ids)

        stream = await feed.listen("open", 0, Listening(list, blind=blind))
        pieces = [await anext(stream) for _ in range(3)]
        tell_desk(store, None, "screening.completed", {"id": "secret", "level": "refer", "first_level": "look"})
        feed.wake()
        pieces.append(await anext(stream))
        await feed.stop()
        store.close()
        return [json.loads(piece.decode().partition("data: ")[2]) for piece in pieces[1:]]

    first, second, third = asyncio.run(scenario())
    assert (first["id"], first["level"]) == ("secret", None)
    assert (second["id"], second["level"]) == ("open", "refer")
    assert (third["level"], third["first_level"]) == (None, None)
