"""Backups, each verified by restoring: everything comes back, and what is not whole is refused."""

from __future__ import annotations

import json
import shutil
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from conftest import new_places
from service_fakes import noise_page
from service_process import running
from sqlalchemy import text
from sqlalchemy.orm import Session
from test_audit_log import dafec, entries_of
from test_store_places import KINDS, check, code_of, everywhere, screening

from api.security.audit_entry import AuditEvent
from api.security.audit_file import verify_file
from api.store import Store, StorePlaces
from api.store.audit_log import AuditLog
from api.store.backup import make_backup, restore_backup, verify_backup
from api.store.models import Base
from api.store.retention import RetentionPolicy
from api.store.upkeep import Upkeep
from dafec.errors import DafecError, InstallationError

URL = "/api/v1/screenings"


def fill(places: StorePlaces) -> None:
    store = Store(places)
    for number in range(4):
        store.add(screening(number, key=b"%032d" % number, level="no_anomaly" if number == 3 else "look"))
    store.set_hold(screening(1).id, held=True)
    hour = timedelta(hours=1)
    policy = RetentionPolicy(hour, 10**6 * hour, 10**6 * hour)
    assert Upkeep(store, policy, lambda report: report).run(datetime(2026, 2, 1, tzinfo=UTC)) == 1
    store.log(AuditEvent("screening.viewed", "screening:x"))
    store.sign_head()
    store.close()


def rows_of(store: Store) -> dict[str, list[dict[str, object]]]:
    with store.reader.connect() as connection:
        return {
            table.name: [
                dict(row) for row in connection.execute(table.select().order_by(*table.primary_key)).mappings()
            ]
            for table in Base.metadata.sorted_tables
        }


def blobs_of(store: Store) -> dict[str, bytes]:
    return {name: store.blobs.read(name) for name in store.blobs.names()}


@pytest.mark.parametrize("places", KINDS, indirect=True)
@pytest.mark.parametrize("target", KINDS)
def test_restored_store_is_the_one_that_was_backed_up(
    places: StorePlaces, target: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    fill(places)
    facts = make_backup(places, tmp_path / "backup")
    store = Store(places)
    wanted, images = rows_of(store), blobs_of(store)
    store.close()
    assert facts.rows == {name: len(rows) for name, rows in wanted.items()} | {
        "audit_entries": len(wanted["audit_entries"]) - 1,  # that a backup was made
        "audit_nodes": facts.rows["audit_nodes"],
    }
    assert (facts.blobs, facts.damaged) == (6, 0)
    where = new_places(request, target, tmp_path / "restored")
    where = StorePlaces(where.folder, where.database, where.blobs, places.keys_folder())
    assert restore_backup(tmp_path / "backup", where) == facts
    restored = Store(where)
    found = rows_of(restored)
    entries = found.pop("audit_entries")
    assert entries[: facts.head.size] == wanted.pop("audit_entries")[: facts.head.size]
    assert '"store.restored"' in str(entries[facts.head.size]["entry"])
    nodes = wanted.pop("audit_nodes")
    assert [node for node in nodes if node in found["audit_nodes"]][: facts.rows["audit_nodes"]]
    found.pop("audit_nodes")
    assert found == wanted
    assert blobs_of(restored) == images
    for number in range(3):
        check(restored, number)
    gone = restored.get(screening(3).id)
    assert gone is not None
    assert gone.personal_data == "deleted"
    with Session(restored.reader) as session:
        log = AuditLog(session)
        assert verify_file(log.export(restored.audit_key), anchors=[facts.head]).anchored == facts.head.size
    assert restored.add(screening(9))  # numbers go on where they ended
    check(restored, 9)
    assert not restored.add(screening(10, key=b"%032d" % 1))
    restored.close()


def test_backup_tells_nothing_without_the_keys(tmp_path: Path) -> None:
    places = StorePlaces(tmp_path / "data")
    fill(places)
    make_backup(places, tmp_path / "backup")
    for file in (tmp_path / "backup").rglob("*"):
        assert not file.is_file() or b"MUSTERFRAU" not in file.read_bytes(), file
    secret = [line for file in (tmp_path / "data-keys").iterdir() for line in file.read_bytes().split()[1:]]
    for file in (tmp_path / "backup").rglob("*"):
        assert not file.is_file() or not any(len(s) > 30 and s in file.read_bytes() for s in secret), file


@pytest.mark.slow
@pytest.mark.parametrize("places", ["sqlite", "postgresql+s3"], indirect=True)
def test_backup_while_serving_holds_everything_acknowledged_before_it(places: StorePlaces, tmp_path: Path) -> None:
    acknowledged: dict[str, bytes] = {}
    stop = threading.Event()

    def post(url: str) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            answer = httpx2.post(url + URL, files={"visible": ("v", noise_page(number))}, timeout=60)
            assert answer.status_code == 201
            acknowledged[answer.headers["location"]] = answer.content

    environment = {
        name: value
        for name, value in {
            "DAFEC_SERVICE_DATABASE": places.database,
            "DAFEC_SERVICE_BLOBS": places.blobs,
        }.items()
        if value
    }
    with running(places.folder, **environment) as service:
        caller = threading.Thread(target=post, args=(service.url,))
        caller.start()
        while len(acknowledged) < 15:
            assert caller.is_alive()
        before = dict(acknowledged)
        facts = make_backup(places, tmp_path / "backup")
        stop.set()
        caller.join(60)
    assert facts.rows["screenings"] >= len(before)
    there = StorePlaces(tmp_path / "restored", keys=places.keys_folder())
    restore_backup(tmp_path / "backup", there)
    with running(there.folder, DAFEC_SERVICE_KEYS=str(places.keys_folder())) as service:
        for location, report in before.items():
            assert httpx2.get(service.url + location, timeout=20).content == report
            image = httpx2.get(f"{service.url}{location}/images/0/visible?form=original", timeout=20)
            assert image.status_code == 200


@pytest.mark.slow
def test_commands_back_up_and_restore(tmp_path: Path) -> None:
    data, backup, there = tmp_path / "data", tmp_path / "backup", tmp_path / "there"
    fill(StorePlaces(data))
    code, out, _ = dafec("backup", backup, data=data)
    assert (code, "4" in out) == (0, True)
    assert dafec("backup", backup, data=data)[0] == 2  # not empty
    assert dafec("backup", tmp_path / "b2", data=tmp_path / "nothing")[0] == 2
    code, out, _ = dafec("restore", backup, "--json", data=there)
    assert (code, json.loads(out)["rows"]["screenings"]) == (0, 4)
    code, _, err = dafec("restore", backup, "--lang", "ar", data=there)
    assert (code, "restore.not_empty" in err) == (2, True)
    shutil.copytree(tmp_path / "data-keys", tmp_path / "there-keys")
    store = Store(there)
    check(store, 0)
    assert [e["actor"] for e in entries_of(store) if e["action"] == "store.restored"] == ["command"]
    store.close()
    store = Store(data)
    assert [e["details"] for e in entries_of(store) if e["action"] == "backup.made"] == [
        {"screenings": 4, "entries": 10}
    ]
    store.close()


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    places = StorePlaces(tmp_path / "data")
    fill(places)
    make_backup(places, tmp_path / "backup")
    return tmp_path / "backup"


def _first_blob(folder: Path) -> Path:
    return next(path for path in sorted((folder / "blobs").glob("??/*")) if path.is_file())


@pytest.mark.parametrize(
    ("harm", "code"),
    [
        (lambda f: (f / "manifest.json").unlink(), "backup.unreadable"),
        (lambda f: (f / "manifest.json").write_text("{}"), "backup.unreadable"),
        (lambda f: (f / "manifest.json").write_text('{"backup": "dafec.backup/1"}'), "backup.unreadable"),
        (lambda f: (f / "database.sqlite3").unlink(), "backup.damaged"),
        (lambda f: (f / "database.sqlite3").write_bytes(b"x" * 10_000), "backup.damaged"),
        (lambda f: _first_blob(f).unlink(), "backup.damaged"),
        (lambda f: _first_blob(f).write_bytes(b"x"), "backup.damaged"),
        (lambda f: shutil.rmtree(f / "blobs"), "backup.damaged"),
    ],
)
def test_backup_that_is_not_whole_is_refused_and_changes_nothing(
    backup: Path, tmp_path: Path, harm: object, code: str
) -> None:
    harm(backup)  # type: ignore[operator]
    assert code_of(verify_backup, backup) == code
    there = StorePlaces(tmp_path / "there")
    assert code_of(restore_backup, backup, there) == code
    assert not (tmp_path / "there").exists()


def test_forged_row_in_a_backup_is_found_by_the_signed_head(backup: Path) -> None:
    import hashlib
    import sqlite3

    with sqlite3.connect(backup / "database.sqlite3") as database:
        database.execute("UPDATE audit_entries SET entry = replace(entry, 'look', 'fine')")
    database.close()
    manifest = json.loads((backup / "manifest.json").read_text())
    manifest["database_sha256"] = hashlib.sha256((backup / "database.sqlite3").read_bytes()).hexdigest()
    (backup / "manifest.json").write_text(json.dumps(manifest))
    assert code_of(verify_backup, backup) == "backup.damaged"


@everywhere
def test_restore_into_a_used_store_is_refused(
    places: StorePlaces, backup: Path, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    where = StorePlaces(tmp_path / "used", places.database, places.blobs)
    store = Store(where)
    store.add(screening(77))
    store.close()
    assert code_of(restore_backup, backup, where) == "restore.not_empty"
    store = Store(where)
    check(store, 77)
    assert store.count() == 1
    with pytest.raises(DafecError) as caught:
        restore_backup(backup, where)
    assert caught.value.code in {"store.in_use", "restore.not_empty"}
    store.close()


@pytest.mark.parametrize("target", KINDS)
def test_restore_that_was_cut_off_is_repeated(
    backup: Path, tmp_path: Path, target: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Died(BaseException):
        pass

    def die(*_: object) -> None:
        raise Died

    where = new_places(request, target, tmp_path / "there")
    where = StorePlaces(where.folder, where.database, where.blobs, tmp_path / "data-keys")
    with monkeypatch.context() as patch:
        patch.setattr("api.store.backup.copy_rows", die)
        with pytest.raises(Died):
            restore_backup(backup, where)
    assert code_of(Store, where) == "store.restore_unfinished"
    restore_backup(backup, where)
    store = Store(where)
    check(store, 0)
    store.close()


def test_image_that_was_damaged_before_is_counted_and_the_rest_is_whole(tmp_path: Path) -> None:
    places = StorePlaces(tmp_path / "data")
    fill(places)
    damaged = _first_blob(tmp_path / "data")
    damaged.write_bytes(b"rot")
    facts = make_backup(places, tmp_path / "backup")
    assert (facts.blobs, facts.damaged) == (5, 1)
    assert dafec("backup", tmp_path / "second", data=tmp_path / "data")[0] == 4
    there = StorePlaces(tmp_path / "there", keys=tmp_path / "data-keys")
    restore_backup(tmp_path / "backup", there)
    store = Store(there)
    records = [store.get(screening(number).id) for number in range(3)]
    images = [(record.id, image) for record in records if record is not None for image in record.images[:2]]
    whole = [place for place in images if place[1].blob != damaged.name]
    assert len(whole) == 5
    assert all(store.image(*place) for place in whole)
    (lost,) = set(images) - set(whole)
    assert code_of(store.image, *lost) == "storage.damaged"
    store.close()


def test_full_disk_is_told_and_leaves_the_store_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    from api.store.blobs import BlobFolder

    places = StorePlaces(tmp_path / "data")
    fill(places)

    def full(*_: object) -> bool:
        raise OSError(errno.ENOSPC, "injected")

    monkeypatch.setattr(BlobFolder, "write", full)
    with pytest.raises(InstallationError) as caught:
        make_backup(places, tmp_path / "backup")
    assert (caught.value.code, caught.value.details["reason"]) == ("backup.not_written", "storage.full")
    monkeypatch.undo()
    assert code_of(verify_backup, tmp_path / "backup") == "backup.unreadable"
    store = Store(places)
    check(store, 0)
    assert not [e for e in entries_of(store) if e["action"] == "backup.made"]
    store.close()


def test_newer_backup_is_refused(backup: Path, tmp_path: Path) -> None:
    manifest = json.loads((backup / "manifest.json").read_text())
    (backup / "manifest.json").write_text(json.dumps(manifest | {"schema": 99}))
    assert code_of(restore_backup, backup, StorePlaces(tmp_path / "there")) == "store.newer_schema"


def test_old_schema_is_backed_up_only_after_its_migration(tmp_path: Path) -> None:
    import schema_1

    schema_1.make(tmp_path / "data")
    assert code_of(make_backup, StorePlaces(tmp_path / "data"), tmp_path / "backup") == "store.older_schema"
    store = Store(tmp_path / "data")
    with store.reader.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM case_keys")).scalar() == 0
    store.close()
    facts = make_backup(StorePlaces(tmp_path / "data"), tmp_path / "backup")
    assert (facts.rows["screenings"], facts.blobs) == (3, 5)
