"""Three services on one PostgreSQL and one S3 store behind a proxy: what one knows, all know."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from conftest import new_places
from loopback_proxy import Proxy, proxy
from service_fakes import noise_page
from service_process import Service, running
from sqlalchemy import update
from sqlalchemy.orm import Session

from api.security.access import SECURE_COOKIE
from api.security.accounts import Accounts
from api.security.audit_entry import acting
from api.security.audit_file import verify_file
from api.security.desks import Desks
from api.security.permissions import Role
from api.security.tables import opened_tables
from api.store import Store, StorePlaces
from api.store.account_models import User
from api.store.audit_log import AuditLog

URL = "/api/v1/screenings"

pytestmark = pytest.mark.slow


@dataclass
class Site:
    """The machines, the proxy before them, and who may come in."""

    places: StorePlaces
    services: list[Service]
    proxy: Proxy
    password: str
    desk: str
    key: str

    def post(self, number: int, *, to: str = "", nonce: str = "", key: str = "") -> httpx2.Response:
        headers = {
            "Authorization": f"Bearer {self.key}",
            "DAFEC-Time": str(int(time.time())),
            "DAFEC-Nonce": nonce or secrets.token_urlsafe(16),
            "Idempotency-Key": key or f"document-{number}",
        }
        files = {"visible": ("v", noise_page(number))}
        return httpx2.post((to or self.proxy.url) + URL, files=files, headers=headers, timeout=120)


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("machines")
    shared = new_places(request, "postgresql+s3", folder / "first")
    places = StorePlaces(shared.folder, shared.database, shared.blobs, folder / "keys")
    Store(places).close()  # makes the tables
    with acting("command"), opened_tables(places) as tables:
        made = Accounts(tables).create("everything", list(Role))
        desk = Desks(tables).create("Desk 1")
        with tables.writing() as writing:
            writing.session.execute(update(User).values(must_change=False, password_expires=None))
    settings = {
        "DATABASE": str(places.database),
        "BLOBS": str(places.blobs),
        "KEYS": str(folder / "keys"),
        "ACCESS": "locked",
        "SECOND_FACTOR": "optional",
        "TLS": "proxy",
        "PROXIES": '["127.0.0.1"]',
        "COMPLETE_PASS": "true",
    }
    environment = {f"DAFEC_SERVICE_{name}": value for name, value in settings.items()}
    with ExitStack() as stack:
        services = [
            stack.enter_context(running(folder / f"machine-{number}", None, **environment)) for number in range(3)
        ]
        before = stack.enter_context(proxy([service.url for service in services]))
        yield Site(places, services, before, made.one_time_password, desk.id, desk.key)


def log_in(site: Site) -> dict[str, str]:
    """Logs in through the proxy; the headers of a page of the service."""
    origin = {"Origin": site.proxy.url.replace("http:", "https:")}
    given = {"name": "everything", "password": site.password}
    answer = httpx2.post(f"{site.proxy.url}/api/v1/sessions", json=given, headers=origin, timeout=120)
    assert answer.status_code == 201, answer.text
    token = answer.headers["set-cookie"].split(";")[0].partition("=")[2]
    return {**origin, "Cookie": f"{SECURE_COOKIE}={token}"}


def wait_for(condition: Callable[[], Any], seconds: float = 120.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)
    return value


def test_session_holds_at_every_machine_and_ends_at_every_machine(site: Site) -> None:
    headers = log_in(site)
    before = list(site.proxy.served)
    for _ in range(6):
        answer = httpx2.get(f"{site.proxy.url}/api/v1/account", headers=headers, timeout=60)
        assert (answer.status_code, answer.json()["name"]) == (200, "everything")
    assert [now - then for now, then in zip(site.proxy.served, before, strict=True)] == [2, 2, 2]
    gone = httpx2.delete(f"{site.proxy.url}/api/v1/sessions/current", headers=headers, timeout=60)
    assert gone.status_code == 204
    for _ in range(3):
        answer = httpx2.get(f"{site.proxy.url}/api/v1/account", headers=headers, timeout=60)
        assert answer.status_code == 401


def test_request_of_a_desk_that_was_recorded_does_nothing_at_another_machine(site: Site) -> None:
    nonce = secrets.token_urlsafe(16)
    first = site.post(900, to=site.services[0].url, nonce=nonce)
    assert first.status_code == 201, first.text
    for service in site.services:
        replayed = site.post(900, to=service.url, nonce=nonce)
        assert (replayed.status_code, replayed.json()["code"]) == (409, "desk.replayed")
    # the same document honestly repeated, with a new nonce, is the same screening wherever it comes
    for service in site.services:
        again = site.post(900, to=service.url)
        assert again.status_code == 200, again.text  # of the first pass or, by now, of the complete one
        assert again.headers["location"] == first.headers["location"]
        assert again.json()["id"] == first.json()["id"]


def test_every_document_is_screened_and_completed_once_and_told_everywhere(site: Site) -> None:
    headers = log_in(site)
    events: list[tuple[str, str]] = []
    listening = httpx2.Client(base_url=site.services[2].url, timeout=120)
    with listening, listening.stream("GET", f"/api/v1/desks/{site.desk}/events", headers=headers) as stream:
        lines = stream.iter_lines()
        assert next(line for line in lines if line.startswith("event:")) == "event: hello"
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda n: site.post(n // 3), range(18)))  # each document thrice, at once
        made: dict[str, set[int]] = {}
        for answer in answers:
            assert answer.status_code in (200, 201), answer.text
            made.setdefault(answer.headers["location"], set()).add(answer.status_code)
        assert len(made) == 6
        assert sorted(answer.status_code for answer in answers) == [200] * 12 + [201] * 6
        ids = {location.rpartition("/")[2] for location in made}
        name = ""
        while len([one for one in events if one[1] in ids]) < 12:  # made and completed, by whichever machine
            line = next(lines)
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: ") and name.startswith("screening."):
                events.append((name, json.loads(line.removeprefix("data: "))["id"]))
    mine = [one for one in events if one[1] in ids]
    assert sorted(mine) == sorted((name, one) for one in ids for name in ("screening.made", "screening.completed"))
    store = Store(site.places)
    try:
        with Session(store.reader) as session:
            log = AuditLog(session)
            verify_file(log.export(store.audit_key), keys=[store.audit_key.public])
            entries = [json.loads(entry) for entry in log.entries(log.size)]
    finally:
        store.close()
    for action in ("screening.made", "screening.completed"):
        named = [e["target"].partition(":")[2] for e in entries if e["action"] == action]
        assert sorted(one for one in named if one in ids) == sorted(ids), action


def test_key_that_is_revoked_at_one_machine_opens_nothing_at_any(site: Site) -> None:
    headers = log_in(site)
    made = httpx2.post(f"{site.proxy.url}/api/v1/desks", json={"name": "Desk 2"}, headers=headers, timeout=60).json()
    site.key, kept = made["key"], site.key
    try:
        assert {site.post(950 + n, to=service.url).status_code for n, service in enumerate(site.services)} == {201}
        gone = httpx2.delete(f"{site.services[1].url}/api/v1/desks/{made['id']}/key", headers=headers, timeout=60)
        assert gone.status_code == 403  # of another page: the proxy's is the only one
        gone = httpx2.delete(f"{site.proxy.url}/api/v1/desks/{made['id']}/key", headers=headers, timeout=60)
        assert gone.status_code == 200
        for service in site.services:
            assert site.post(960, to=service.url).status_code == 401
    finally:
        site.key = kept
