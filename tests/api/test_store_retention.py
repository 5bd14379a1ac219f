"""Forgetting: what is due goes, with the proof of it; what is held or young stays; the result stays always."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from service_fakes import FakeScreener, draw_page, make_report
from sqlalchemy.orm import Session
from test_store_places import everywhere, screening

from api.app import create_app
from api.errors import ServiceError
from api.personal import without_personal_data
from api.security.audit_file import verify_file
from api.settings import Settings
from api.store import Store, StorePlaces
from api.store.audit_log import AuditLog
from api.store.models import CaseKey
from api.store.places import files_stay
from api.store.retention import RetentionPolicy
from api.store.upkeep import Upkeep
from dafec.capture import capture_from_parts
from dafec.report import Report

NOW = datetime(2026, 1, 10, tzinfo=UTC)
POLICY = RetentionPolicy(cleared=timedelta(hours=24), open=timedelta(days=30), held=timedelta(days=1825))
URL = "/api/v1/screenings"


@pytest.fixture
def store(places: StorePlaces) -> Iterator[Store]:
    opened = Store(places)
    yield opened
    opened.close()


def add(store: Store, number: int, level: str, age: timedelta, *, held: bool = False) -> str:
    new = replace(screening(number, level=level), created=NOW - age, held=held)
    store.add(new)
    return new.id


def forget(store: Store, now: datetime = NOW, policy: RetentionPolicy = POLICY) -> int:
    return Upkeep(store, policy, lambda report: report).run(now)


def state(store: Store, screening_id: str) -> str:
    record = store.get(screening_id)
    assert record is not None
    return record.personal_data


def log_of(store: Store) -> list[dict[str, object]]:
    with Session(store.reader) as session:
        log = AuditLog(session)
        return [json.loads(entry) for entry in log.entries(log.size)]


@everywhere
def test_only_what_is_due_is_forgotten(store: Store) -> None:
    day, second = timedelta(days=1), timedelta(seconds=1)
    due = [
        add(store, 1, "no_anomaly", day + second),
        add(store, 2, "look", 30 * day + second),
        add(store, 3, "not_checked", 31 * day),
        add(store, 4, "refer", 1825 * day + second, held=True),
    ]
    stay = [
        add(store, 11, "no_anomaly", day - second),
        add(store, 12, "look", 30 * day - second),
        add(store, 13, "refer", 1000 * day, held=True),
        add(store, 14, "no_anomaly", 1000 * day, held=True),
    ]
    assert forget(store) == 4
    assert [state(store, name) for name in due] == ["deleted"] * 4
    assert [state(store, name) for name in stay] == ["kept"] * 4
    assert forget(store) == 0
    assert len(list(store.blobs.names())) == 2 * len(stay)
    with Session(store.reader) as session:
        assert session.query(CaseKey).count() == len(stay)
    assert store.count() == 8


@everywhere
def test_result_stays_and_image_and_name_are_gone(store: Store, places: StorePlaces) -> None:
    name = add(store, 1, "no_anomaly", timedelta(days=2))
    kept = store.get(name)
    assert kept is not None
    copies = {blob: store.blobs.read(blob) for blob in store.blobs.names()}
    forget(store)
    record = store.get(name)
    assert record is not None
    assert (record.report, record.level, record.deleted is not None) == ('{"name":null}', "no_anomaly", True)
    for blob, data in copies.items():  # a copy of the encrypted file opens no more: its key is gone
        store.blobs.write(data, blob)
    for image in kept.images:
        with pytest.raises(ServiceError) as caught:
            store.image(name, image)
        assert (caught.value.code, caught.value.status) == ("screening.images_deleted", 410)


def test_destroyed_key_is_nowhere_in_the_files(tmp_path: Path) -> None:
    store = Store(tmp_path / "data")
    name = add(store, 1, "no_anomaly", timedelta(days=2))
    with Session(store.reader) as session:
        wrapped = session.query(CaseKey).one().wrapped
    assert any(wrapped in file.read_bytes() for file in (tmp_path / "data").glob("dafec.sqlite3*"))
    forget(store)
    assert not any(wrapped in file.read_bytes() for file in (tmp_path / "data").glob("dafec.sqlite3*"))
    assert state(store, name) == "deleted"
    store.close()


@everywhere
def test_deletion_is_proved_in_the_log(store: Store) -> None:
    name = add(store, 1, "look", timedelta(days=40))
    forget(store)
    (entry,) = [entry for entry in log_of(store) if entry["action"] == "personal_data.deleted"]
    assert entry["target"] == f"screening:{name}"
    assert entry["details"] == {"images": 3, "level": "look", "reason": "retention"}
    with Session(store.reader) as session:
        line = AuditLog(session).receipt(int(str(entry["n"])), store.audit_key)
    assert verify_file([line], keys=[store.audit_key.public]).kind == "receipt"


@everywhere
def test_hold_stops_the_clock_and_release_starts_it_anew(store: Store) -> None:
    name = add(store, 1, "look", timedelta(days=29))
    store.set_hold(name, held=True)
    assert forget(store, NOW + timedelta(days=365)) == 0
    store.set_hold(name, held=False)
    released = datetime.now(UTC)
    assert forget(store, released + timedelta(hours=23)) == 0
    assert forget(store, released + timedelta(hours=25)) == 1
    with pytest.raises(ServiceError) as caught:
        store.set_hold(name, held=True)
    assert caught.value.code == "screening.images_deleted"
    assert [entry["action"] for entry in log_of(store)][-3:] == [
        "screening.held",
        "screening.released",
        "personal_data.deleted",
    ]


@everywhere
def test_files_wait_for_a_backup_and_keys_do_not(store: Store) -> None:
    name = add(store, 1, "no_anomaly", timedelta(days=2))
    with files_stay(store.places, store.reader):
        assert forget(store) == 1
        assert state(store, name) == "deleted"
        assert len(list(store.blobs.names())) == 2
    forget(store)
    assert list(store.blobs.names()) == []


def test_run_that_ends_between_key_and_files_is_made_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path / "data")
    add(store, 1, "no_anomaly", timedelta(days=2))
    monkeypatch.setattr(Upkeep, "remove_files", lambda _: 0)
    forget(store)
    store.close()
    monkeypatch.undo()
    store = Store(tmp_path / "data")
    assert len(list(store.blobs.names())) == 2  # not set aside as a stranger's
    forget(store)
    assert list(store.blobs.names()) == []
    store.close()


def full_report() -> Report:
    report = make_report(capture_from_parts({"visible": draw_page()}, name="x"))
    source = report.model_dump(mode="json", by_alias=True)
    source["mrz"]["notes"] = [
        {"code": "name_truncated", "field": "name", "level": "note", "message": "MUSTERFRAU is cut", "detail": "ANNA"}
    ]
    source["other_zones"] = [source["mrz"]]
    source["readings"] = [
        {"reader": "second", "light": "ir", "status": None, "lines": source["mrz"]["lines"], "agrees": True}
    ]
    source["checks"][0] |= {"values": {"printed": "X12345678", "days": 3}, "value": 3.0, "message": "x {printed}"}
    source["checks"][1] |= {"values": {"name": "ANNA", "contrast": 0.5}}
    return Report.model_validate(source)


def test_stripped_report_holds_nothing_of_the_holder_and_keeps_the_result() -> None:
    report = full_report()
    assert "MUSTERFRAU" in report.to_json()
    stripped = without_personal_data(report)
    text = stripped.to_json()
    for word in ("MUSTERFRAU", "ANNA", "X12345678", "1990-01-01", "900101", "2035"):
        assert word not in text.replace(report.created.isoformat(), "")
    again = Report.from_json(text)
    assert again.verdict == report.verdict
    assert [(c.id, c.result, c.llr, c.region_mm) for c in again.checks] == [
        (c.id, c.result, c.llr, c.region_mm) for c in report.checks
    ]
    assert (again.checks[0].value, again.checks[1].value) == (None, 0.42)
    assert again.document == report.document
    assert again.mrz.fields == {"issuer": "UTO"}


def test_service_forgets_by_itself_and_says_so(tmp_path: Path) -> None:
    screener = FakeScreener("no_anomaly")
    settings = Settings(data=tmp_path / "data", min_free_bytes=0, keep_cleared_hours=0.3 / 3600, upkeep_interval_s=0.1)
    with TestClient(create_app(settings, lambda _: screener), base_url="http://localhost") as client:
        location = client.post(URL, files={"visible": ("v", draw_page())}).headers["location"]
        answer = client.get(location)
        while answer.headers["dafec-personal-data"] == "kept":
            answer = client.get(location)
        assert answer.headers["dafec-personal-data"] == "deleted"
        assert "MUSTERFRAU" not in answer.text
        assert answer.json()["verdict"]["level"] == "no_anomaly"
        gone = client.get(f"{location}/images/0/visible")
        assert (gone.status_code, gone.json()["code"]) == (410, "screening.images_deleted")
        assert client.put(f"{location}/hold", json={"held": True}).status_code == 410
        assert client.get(URL).json()["items"][0]["deleted"] is not None
        page = client.get(location.removeprefix("/api/v1"), headers={"Accept": "text/html"})
        assert page.status_code == 200
        assert "MUSTERFRAU" not in page.text


def test_referred_document_is_held_until_released_over_http(tmp_path: Path) -> None:
    settings = Settings(
        data=tmp_path / "data", min_free_bytes=0, keep_cleared_hours=0, keep_open_hours=0, upkeep_interval_s=0.05
    )
    with TestClient(create_app(settings, lambda _: FakeScreener("refer")), base_url="http://localhost") as client:
        location = client.post(URL, files={"visible": ("v", draw_page())}).headers["location"]
        assert client.get(URL).json()["items"][0]["held"] is True
        for _ in range(5):
            assert client.get(location).headers["dafec-personal-data"] == "kept"
        assert client.put(f"{location}/hold", json={"held": "no"}).status_code == 422
        assert client.put(f"{URL}/{'x' * 24}/hold", json={"held": False}).status_code == 404
        assert client.put(f"{location}/hold", json={"held": False}).json() == {"held": False}
        while client.get(location).headers["dafec-personal-data"] == "kept":
            pass


@everywhere
def test_shared_store_is_swept_once_an_hour(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    swept: list[float] = []
    monkeypatch.setattr(Store, "sweep", lambda _, min_age_s: swept.append(min_age_s))
    upkeep = Upkeep(store, POLICY, lambda report: report)
    for _ in range(3):
        upkeep.run(NOW)
    assert swept == ([3600.0] if store.shared else [])  # alone it is swept at the start
