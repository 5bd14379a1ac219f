"""Which records and which fields of them somebody sees; desk keys; cross-site requests; the open mode; headers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from security_kit import BASE, COOKIE, Somebody, actions, add_desk, add_user, entries, gate_of, logged_in
from service_fakes import LINES, FakeScreener, draw_page, noise_page

from api.app import create_app
from api.errors import ServiceError
from api.security.permissions import DESK_PERMISSIONS, NOBODY, Actor, Role, acting_for, permissions_of
from api.settings import Settings
from dafec.capture import Capture
from dafec.report import Report

URL = "/api/v1/screenings"
PERSONAL = (LINES[0], LINES[1], "1990-01-01", "X12345678")


class TwoKinds(FakeScreener):
    """Says of every second document that it is a specimen."""

    def screen(self, capture: Capture, **rest: Any) -> Report:
        report = super().screen(capture, **rest)
        specimen = self.calls % 2 == 0
        return report.model_copy(update={"document": report.document.model_copy(update={"specimen": specimen})})


@pytest.fixture
def settings(settings: Settings) -> Settings:
    changes = {"access": "locked", "second_factor": "optional", "complete_pass": False}
    return settings.model_copy(update=changes)


@pytest.fixture
def screener() -> FakeScreener:
    return TwoKinds()


@pytest.fixture
def people(app: FastAPI, client: TestClient) -> dict[str, Somebody]:
    """One of each role, a second officer at another desk, one at none, and two desks."""
    (one, key_one), (two, key_two) = add_desk(app, "one"), add_desk(app, "two")
    add_user(app, "officer one", Role.OFFICER, desk=one)
    add_user(app, "officer two", Role.OFFICER, desk=two)
    add_user(app, "officer nowhere", Role.OFFICER)
    for role in (Role.EXAMINER, Role.TRAINER, Role.ANALYST):
        add_user(app, role.value, role)
    found = {
        name: logged_in(client, name)
        for name in ("officer one", "officer two", "officer nowhere", "examiner", "trainer", "analyst")
    }
    return found | {"desk one": Somebody(client, key=key_one), "desk two": Somebody(client, key=key_two)}


def make(who: Somebody, seed: int, **headers: str) -> str:
    answer = who("POST", URL, files={"visible": ("v", noise_page(seed))}, headers=headers)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def seen(who: Somebody, names: dict[str, str]) -> set[str]:
    """Which of the screenings somebody can open; the list says the same."""
    opened = {name for name, screening in names.items() if who("GET", f"{URL}/{screening}").status_code == 200}
    listed = {item["id"] for item in who("GET", URL).json()["items"]}
    assert listed == {names[name] for name in opened}
    for name, screening in names.items():
        image = who("GET", f"{URL}/{screening}/images/0/visible")
        if name not in opened:
            assert image.status_code in (403, 404)
    return opened


def test_everybody_sees_the_own_records_and_no_others(people: dict[str, Somebody]) -> None:
    names = {
        "real at one": make(people["desk one"], 1),
        "specimen at one": make(people["officer one"], 2),
        "real at two": make(people["officer two"], 3),
        "specimen of nowhere": make(people["officer nowhere"], 4),
    }
    at_one = {"real at one", "specimen at one"}
    assert seen(people["desk one"], names) == at_one
    assert seen(people["officer one"], names) == at_one
    assert seen(people["desk two"], names) == {"real at two"}
    assert seen(people["officer two"], names) == {"real at two"}
    assert seen(people["officer nowhere"], names) == {"specimen of nowhere"}
    assert seen(people["examiner"], names) == set(names)
    assert seen(people["analyst"], names) == set(names)
    assert seen(people["trainer"], names) == {"specimen at one", "specimen of nowhere"}


def test_a_record_of_others_is_as_if_it_were_not_there(people: dict[str, Somebody]) -> None:
    other = make(people["desk two"], 1)
    for path in (f"/{other}", f"/{other}/images/0/visible", f"/{other}/checks/MRZ-CD-BIRTH/image", f"?after={other}"):
        known, unknown = (people["desk one"]("GET", URL + path.replace(other, name)) for name in (other, "q" * 24))
        assert known.status_code == unknown.status_code
        if "after" not in path:
            assert (known.status_code, known.json()) == (404, unknown.json())


def test_personal_data_are_taken_out_for_who_does_not_see_them(people: dict[str, Somebody]) -> None:
    make(people["desk one"], 1)
    screening = make(people["desk one"], 2)  # a specimen, so that the trainer sees it
    whole = people["examiner"]("GET", f"{URL}/{screening}")
    assert all(word in whole.text for word in PERSONAL[:3])
    assert whole.headers["dafec-personal-data"] == "kept"
    for name in ("analyst", "trainer"):
        answer = people[name]("GET", f"{URL}/{screening}")
        assert answer.status_code == 200
        assert answer.headers["dafec-personal-data"] == "withheld"
        assert not [word for word in PERSONAL if word in answer.text]
        report = Report.model_validate_json(answer.content)
        assert report.mrz.lines == []
        assert set(report.mrz.fields) <= {"issuer", "document_code"}
        assert report.verdict.level == "refer"


def test_pictures_by_role(people: dict[str, Somebody]) -> None:
    make(people["desk one"], 1)
    screening = make(people["desk one"], 2)
    image = f"{URL}/{screening}/images/0/visible"
    statuses = {
        name: (who("GET", image).status_code, who("GET", f"{image}?form=original").status_code)
        for name, who in people.items()
    }
    assert statuses["examiner"] == statuses["officer one"] == statuses["desk one"] == (200, 200)
    assert statuses["trainer"] == (200, 403)  # a specimen for the screen, and nothing that could go elsewhere
    assert statuses["analyst"] == (403, 403)
    assert statuses["officer two"] == statuses["desk two"] == (404, 404)


def test_rule_of_records_and_the_condition_on_the_database_are_one(app: FastAPI, people: dict[str, Somebody]) -> None:
    for seed in range(4):
        make(people[("desk one", "officer two", "officer nowhere", "desk two")[seed]], seed)
    store = app.state.service.casework.store
    every = store.newest(100).items
    assert len(every) == 4
    desks = {item.desk for item in every}
    for role in Role:
        for desk in desks:
            for made_by in {item.made_by.removeprefix("user:") for item in every}:
                actor = Actor("user", made_by, permissions_of(frozenset({role})), frozenset({role}), desk)
                with acting_for(actor):
                    listed = {item.id for item in store.newest(100).items}
                told = {
                    item.id
                    for item in every
                    if actor.sees(desk=item.desk, made_by=item.made_by, specimen=item.specimen)
                }
                assert listed == told
    with acting_for(NOBODY):
        assert store.newest(100).items == ()
    assert not NOBODY.sees(desk=None, made_by="anonymous", specimen=True)


def test_same_idempotency_key_of_another_desk_is_another_key(people: dict[str, Somebody]) -> None:
    key = {"Idempotency-Key": "document-1"}
    first = make(people["desk one"], 1, **key)
    assert make(people["desk two"], 1, **key) != first
    again = people["desk one"]("POST", URL, files={"visible": ("v", noise_page(1))}, headers=key)
    assert (again.status_code, again.json()["id"]) == (200, first)


def test_who_made_a_screening_is_on_record(app: FastAPI, people: dict[str, Somebody]) -> None:
    screening = make(people["desk one"], 1)
    people["examiner"]("GET", f"{URL}/{screening}")
    log = [entry for entry in entries(app) if entry["target"] == f"screening:{screening}"]
    assert [entry["action"] for entry in log] == ["screening.made", "screening.viewed"]
    assert log[0]["actor"].startswith("desk:")
    assert log[1]["actor"].startswith("user:")


# Desks


def test_key_is_shown_once_and_kept_as_a_digest(app: FastAPI, client: TestClient) -> None:
    desk, key = add_desk(app, "hall 2 / desk 4")
    add_user(app, "boss", Role.ADMINISTRATOR)
    boss = logged_in(client, "boss")
    assert key not in boss("GET", "/api/v1/desks").text
    assert key not in boss("GET", f"/api/v1/desks/{desk}").text
    assert key not in boss("GET", "/desks", headers={"Accept": "text/html"}).text
    secret = key.rsplit(".", 1)[1].encode()
    files = [f.read_bytes() for f in Path(app.state.service.settings.data).glob("dafec.sqlite3*")]
    assert not [data for data in files if secret in data]


def test_revoked_and_renewed_keys_open_nothing_from_the_next_request_on(app: FastAPI, client: TestClient) -> None:
    desk, key = add_desk(app, "one")
    add_user(app, "boss", Role.ADMINISTRATOR)
    boss, old = logged_in(client, "boss"), Somebody(client, key=key)
    assert old("GET", URL).status_code == 200
    new = Somebody(client, key=boss("POST", f"/api/v1/desks/{desk}/key").json()["key"])
    assert (old("GET", URL).status_code, new("GET", URL).status_code) == (401, 200)
    assert boss("DELETE", f"/api/v1/desks/{desk}/key").json()["revoked"] is not None
    refused = new("POST", URL, files={"visible": ("v", draw_page())})
    assert (refused.status_code, refused.json()["code"]) == (401, "access.key_refused")
    assert [a for a in actions(app) if a.startswith("desk.")] == ["desk.created", "desk.renewed", "desk.revoked"]


@pytest.mark.parametrize(
    "key",
    ["", "x", "dafec-desk.0000000000000000." + "a" * 43, "dafec-desk..", "dafec-desk.0000000000000000.\u00e9"],
)
def test_wrong_keys(client: TestClient, key: str) -> None:
    answer = client.get(URL, headers={"Authorization": f"Bearer {key}".encode()})
    assert (answer.status_code, answer.json()["code"]) == (401, "access.key_refused")


def test_key_of_one_desk_with_the_name_of_another(app: FastAPI, client: TestClient) -> None:
    (one, key_one), (two, _) = add_desk(app, "one"), add_desk(app, "two")
    assert Somebody(client, key=key_one.replace(one, two))("GET", URL).status_code == 401


def test_a_desk_may_only_screen() -> None:
    assert {p.value for p in DESK_PERMISSIONS} == {
        "screenings.make",
        "screenings.read",
        "screenings.images",
        "screenings.personal",
    }


def test_number_used_once(app: FastAPI, client: TestClient) -> None:
    desks = gate_of(app).desks
    (one, _), (two, _) = add_desk(app, "one"), add_desk(app, "two")
    now = datetime(2026, 11, 24, 12, tzinfo=UTC)
    nonce = "a" * 16
    desks.take_nonce(one, nonce, now, now)
    with pytest.raises(ServiceError, match=r"desk\.replayed"):
        desks.take_nonce(one, nonce, now, now + timedelta(minutes=4))
    desks.take_nonce(two, nonce, now, now)
    for off in (timedelta(minutes=-6), timedelta(minutes=6)):
        with pytest.raises(ServiceError, match=r"desk\.clock"):
            desks.take_nonce(one, "b" * 16, now + off, now)
    for bad in ("", "short", "x" * 129, "a b" * 8):
        with pytest.raises(ServiceError, match=r"desk\.bad_nonce"):
            desks.take_nonce(one, bad, now, now)
    # A clock that runs ahead: its number is kept until its time is over for certain.
    desks.take_nonce(one, "c" * 16, now + timedelta(minutes=5), now)
    with pytest.raises(ServiceError, match=r"desk\.replayed"):
        desks.take_nonce(one, "c" * 16, now + timedelta(minutes=5), now + timedelta(minutes=10))


# Cross-site requests


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({"Origin": BASE}, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({}, False),  # a cookie, and no word of where the request was made
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "https://localhost:8000"}, False),
        ({"Origin": "http://localhost:9000"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": BASE, "Sec-Fetch-Site": "cross-site"}, False),
    ],
)
def test_with_a_cookie_only_own_pages_change_anything(
    app: FastAPI, client: TestClient, headers: dict[str, str], allowed: bool
) -> None:
    add_user(app, "boss", Role.ADMINISTRATOR)
    token = logged_in(client, "boss").token
    client.cookies.clear()
    given = {"Cookie": f"{COOKIE}={token}", **headers}
    answer = client.post("/api/v1/desks", json={"name": "x"}, headers=given)
    assert answer.status_code == (201 if allowed else 403)
    if not allowed:
        assert answer.json()["code"] == "request.origin_not_allowed"
        assert gate_of(app).desks.list() == []
    other = client.request("DELETE", "/api/v1/sessions/current", headers=given)
    assert other.status_code == (204 if allowed else 403)


def test_reading_changes_nothing(app: FastAPI) -> None:
    """What a page of a stranger can make a browser ask for with a cookie must not change anything."""
    for route in app.state.every_route:
        if "GET" in route.methods:
            assert not {"POST", "PUT", "PATCH", "DELETE"} & route.methods


def test_a_body_that_is_no_json_is_refused(app: FastAPI, client: TestClient) -> None:
    """A form of a stranger's page can send text and forms, and no JSON."""
    add_user(app, "boss", Role.ADMINISTRATOR)
    boss = logged_in(client, "boss")
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        answer = boss("POST", "/api/v1/desks", content=b'{"name": "x"}', headers={"Content-Type": kind})
        assert answer.status_code == 422


@pytest.mark.parametrize("path", ["/api/v1/sessions", "/api/v1/users", "/login"])
def test_large_bodies_are_refused_before_anybody_is_known(client: TestClient, path: str) -> None:
    answer = client.post(path, content=b"x" * (1024 * 1024 + 1), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (413, "request.too_large")

    def parts() -> Iterator[bytes]:
        yield b"x" * 10

    assert client.post(path, content=parts()).status_code == 413  # nobody said how much will come


# The open mode


def open_settings(settings: Settings, **changes: Any) -> Settings:
    return settings.model_copy(update={"access": "open-on-loopback", **changes})


def test_open_on_this_computer_until_there_is_a_user(settings: Settings) -> None:
    app = create_app(open_settings(settings), lambda _: FakeScreener())
    with TestClient(app, base_url=BASE, raise_server_exceptions=False) as client:
        assert app.state.service.first_password is None
        page = client.get("/").text
        assert "without a login" in page
        assert 'href="/users"' in page
        assert client.post(URL, files={"visible": ("v", draw_page())}).status_code == 201
        refused = client.post("/api/v1/users", json={"name": "x", "roles": ["officer"]}, headers={"Origin": BASE})
        assert refused.json()["code"] == "user.first_must_administer"
        made = client.post("/api/v1/users", json={"name": "huda", "roles": ["administrator"]}, headers={"Origin": BASE})
        assert made.status_code == 201
        assert client.get(URL).status_code == 401
        assert client.get("/", headers={"Accept": "text/html"}, follow_redirects=False).headers["location"] == (
            "/login?then=/"
        )
        huda = logged_in(client, "huda", made.json()["one_time_password"])
        assert huda("GET", "/api/v1/account").json()["pending"] == ["password"]


@pytest.mark.parametrize(
    "changes",
    [{"access": "locked"}, {"host": "0.0.0.0"}, {"host": "10.1.2.3"}, {"tls": "proxy"}],
)
def test_everything_else_is_locked(settings: Settings, changes: dict[str, str]) -> None:
    wanted = open_settings(settings).model_copy(update=changes)
    assert not wanted.may_be_open()
    app = create_app(wanted, lambda _: FakeScreener())
    with TestClient(app, base_url=BASE, raise_server_exceptions=False) as client:
        assert client.get(URL).status_code == 401
        assert client.post(URL, files={"visible": ("v", draw_page())}).status_code == 401
        assert app.state.service.first_password


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Forwarded-Proto"])
def test_a_request_through_a_proxy_is_not_of_this_computer(settings: Settings, name: str) -> None:
    app = create_app(open_settings(settings), lambda _: FakeScreener())
    with TestClient(app, base_url=BASE, raise_server_exceptions=False) as client:
        assert client.get(URL, headers={name: "10.0.0.1"}).status_code == 401
        assert client.get(URL).status_code == 200


def test_a_user_made_by_another_process_closes_it_at_once(settings: Settings) -> None:
    from api.security.accounts import Accounts
    from api.security.audit_entry import acting
    from api.security.tables import opened_tables

    app = create_app(open_settings(settings), lambda _: FakeScreener())
    with TestClient(app, base_url=BASE, raise_server_exceptions=False) as client:
        assert client.get(URL).status_code == 200
        with acting("command"), opened_tables(settings.store_places()) as tables:
            Accounts(tables).create("huda", [Role.ADMINISTRATOR])
        assert client.get(URL).status_code == 401


# Pages and languages


@pytest.mark.parametrize(("language", "word"), [("en", "Log in"), ("ar", "تسجيل الدخول")])
def test_login_page_leads_back_and_nowhere_else(client: TestClient, language: str, word: str) -> None:
    page = client.get(f"/login?then=/screenings/abc&lang={language}").text
    assert word in page
    assert 'data-then="/screenings/abc"' in page
    for elsewhere in ("https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"):
        assert 'data-then=""' in client.get("/login", params={"then": elsewhere}).text


@pytest.mark.parametrize("path", ["/login", "/account", "/users", "/desks"])
@pytest.mark.parametrize("language", ["en", "ar"])
def test_pages_hold_to_the_strict_policy(app: FastAPI, client: TestClient, path: str, language: str) -> None:
    import re

    add_user(app, "boss", Role.ADMINISTRATOR)
    add_desk(app, "<b>one</b>".replace("<b>", "").replace("</b>", ""))
    answer = logged_in(client, "boss")("GET", f"{path}?lang={language}", headers={"Accept": "text/html"})
    assert answer.status_code == 200
    assert f'lang="{language}"' in answer.text
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert not re.search(r"<script>|\son[a-z]+=|style=|(?:src|href)=\"(?:https?:)?//", answer.text)
    assert not re.findall(r">\s*api\.[a-z_.]+", answer.text)  # a text that is missing would show its key


@pytest.mark.parametrize("language", ["en", "ar"])
def test_refusals_are_in_the_callers_language(app: FastAPI, client: TestClient, language: str) -> None:
    add_user(app, "analyst", Role.ANALYST)
    bodies = [
        client.get(URL, headers={"Accept-Language": language}).json(),
        logged_in(client, "analyst")("GET", "/api/v1/users", headers={"Accept-Language": language}).json(),
    ]
    assert [body["code"] for body in bodies] == ["access.login_needed", "access.not_allowed"]
    for body in bodies:
        assert set(body) == {"code", "message", "remedy", "details"}
        assert any("\u0600" <= letter <= "\u06ff" for letter in body["message"]) == (language == "ar")
        json.dumps(body)


def test_names_are_escaped_on_the_pages(app: FastAPI, client: TestClient) -> None:
    with pytest.raises(ServiceError, match=r"user\.bad_name"):
        gate_of(app).accounts.create("<script>", [Role.OFFICER])
    with pytest.raises(ServiceError, match=r"desk\.bad_name"):
        gate_of(app).desks.create('" onload="x')
    gate_of(app).accounts.create("  Huda  AL-Basri ", [Role.OFFICER])
    assert gate_of(app).accounts.id_of("huda al-basri")
    with pytest.raises(ServiceError, match=r"user\.name_taken"):
        gate_of(app).accounts.create("HUDA AL-BASRI", [Role.OFFICER])
