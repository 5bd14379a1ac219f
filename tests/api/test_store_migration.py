"""Upwards from every released schema: what was kept stays readable, and is sealed by and by."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import schema_1
from service_fakes import make_report
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from api.security.audit_file import verify_file
from api.store import Store
from api.store.audit_log import AuditLog
from api.store.retention import RetentionPolicy
from api.store.schema import SCHEMA_VERSION, upgrade_to
from api.store.upkeep import Upkeep
from api.upkeep import strip_report
from dafec.capture import capture_from_parts
from dafec.errors import InputError

KEEP = RetentionPolicy(timedelta(days=9000), timedelta(days=9000), timedelta(days=9000))


def strip(report: str) -> str:
    if "MUSTERFRAU" not in report:
        raise InputError("report.invalid", place="x", reason="x", faults=1)
    return '{"name": null}'


def upkeep(store: Store, policy: RetentionPolicy = KEEP) -> Upkeep:
    return Upkeep(store, policy, strip)


def everything_is_there(store: Store, **missing: str) -> None:
    assert store.count() == len(schema_1.SCREENINGS)
    for number, (name, level, _, *images) in enumerate(schema_1.SCREENINGS, 1):
        record = store.get(name)
        assert record is not None
        assert (record.level, record.held, record.personal_data) == (level, level == "refer", "kept")
        assert record.report == f'{{"name": "MUSTERFRAU {number}"}}'
        assert [store.image(name, image) for image in record.images] == images


def in_the_clear(folder: Path) -> list[str]:
    words = (b"MUSTERFRAU", *(data for row in schema_1.SCREENINGS for data in row[3:]))
    return [
        file.name
        for file in folder.rglob("*")
        if file.is_file() and any(word in file.read_bytes() for word in words)  # type: ignore[operator]
    ]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    subprocess.run([sys.executable, schema_1.__file__, str(folder)], check=True)
    return folder


def test_old_data_are_readable_at_once_and_sealed_afterwards(old: Path) -> None:
    assert len(in_the_clear(old)) >= 5
    store = Store(old)
    everything_is_there(store)
    assert upkeep(store).run() == 0
    everything_is_there(store)
    assert in_the_clear(old) == []
    assert len(list(store.blobs.names())) == 6
    store.close()
    store = Store(old)
    everything_is_there(store)
    assert upkeep(store).seal_old() == 0
    assert store.schema_before == SCHEMA_VERSION
    with Session(store.reader) as session:
        log = AuditLog(session)
        verify_file(log.export(store.audit_key))
        assert sum(b'"store.migrated"' in entry for entry in log.entries(log.size)) == 1
        assert sum(b'"screening.sealed"' in entry for entry in log.entries(log.size)) == 3
    store.close()
    assert in_the_clear(old) == []
    assert list((old / "blobs" / "quarantine").iterdir()) == []


def test_old_release_refuses_the_migrated_database(old: Path) -> None:
    Store(old).close()
    with sqlite3.connect(old / "dafec.sqlite3") as database:
        assert database.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    database.close()


def test_idempotency_keys_and_order_survive(old: Path) -> None:
    import hashlib

    store = Store(old)
    for name, *_ in schema_1.SCREENINGS:
        found = store.get_by_key(hashlib.sha256(name.encode()).digest())
        assert found is not None
        assert found.id == name
    page = store.newest(9)
    assert page is not None
    assert [item.id for item in page.items] == [row[0] for row in reversed(schema_1.SCREENINGS)]
    store.close()


@pytest.mark.parametrize("place", range(8))
def test_sealing_that_dies_anywhere_loses_and_leaves_nothing(
    old: Path, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    """Ends like a kill at the n-th write, removal or note, then starts anew."""

    class Died(BaseException):
        pass

    seen = []

    def count(real):
        def call(*arguments: object) -> object:
            seen.append(real.__name__)
            if len(seen) == place + 1:
                raise Died
            return real(*arguments)

        return call

    store = Store(old)
    with monkeypatch.context() as patch:
        for name in ("write", "remove", "finish", "note"):
            patch.setattr(type(store.blobs), name, count(getattr(type(store.blobs), name)))
        with pytest.raises(Died):
            upkeep(store).run()
    store.close()
    store = Store(old)
    everything_is_there(store)
    upkeep(store).run()
    everything_is_there(store)
    store.close()
    assert in_the_clear(old) == []
    assert [path for path in (old / "blobs" / "quarantine").iterdir()] == []


def test_damaged_old_image_stays_damaged_and_the_rest_is_sealed(old: Path) -> None:
    (file,) = [path for path in old.rglob("*") if path.is_file() and path.read_bytes() == b"infrared of the second"]
    file.write_bytes(b"infrared of the secone")
    store = Store(old)
    upkeep(store).run()
    record = store.get("looked-00000000000000000")
    assert record is not None
    assert store.image(record.id, record.images[0]) == b"visible shared by two"
    with pytest.raises(Exception, match=r"storage\.damaged"):
        store.image(record.id, record.images[1])
    assert file.read_bytes() == b"infrared of the secone"
    store.close()


def test_old_data_are_forgotten_like_new_ones_also_before_they_are_sealed(old: Path) -> None:
    store = Store(old)
    policy = RetentionPolicy(timedelta(0), timedelta(0), timedelta(days=9000))
    assert upkeep(store, policy).run(datetime.now(UTC) + timedelta(seconds=1)) == 2
    record = store.get("looked-00000000000000000")
    assert record is not None
    assert (record.personal_data, record.report) == ("deleted", '{"name": null}')
    kept = store.get("referred-000000000000000")
    assert kept is not None
    # its visible image has the same bytes as that of one that was forgotten
    assert [store.image(kept.id, image) for image in kept.images] == list(schema_1.SCREENINGS[2][3:])
    assert len(list(store.blobs.names())) == 2
    store.close()
    assert in_the_clear(old) == []


def test_real_report_of_before_is_stripped(tmp_path: Path) -> None:
    from service_fakes import draw_page

    report = make_report(capture_from_parts({"visible": draw_page()}, name="x")).to_json()
    folder = tmp_path / "data"
    schema_1.make(folder, report)
    store = Store(folder)
    Upkeep(store, KEEP, strip_report).run()
    with store.reader.connect() as connection:
        kept = connection.execute(text("SELECT report FROM screenings")).scalars().all()
    assert all("MUSTERFRAU" not in row and '"level":"refer"' in row for row in kept)
    record = store.get("looked-00000000000000000")
    assert record is not None
    assert record.report == report.replace("MUSTERFRAU", "MUSTERFRAU 2")
    store.close()


def test_every_version_can_be_reached_from_the_one_before(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'x.sqlite3'}")
    with engine.begin() as connection:
        for version in range(1, SCHEMA_VERSION + 1):
            upgrade_to(connection, version)
            assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == f"{version:04d}"
    engine.dispose()


def test_migration_that_breaks_changes_nothing(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (old / "dafec.sqlite3").read_bytes()

    def break_off() -> None:
        raise OSError(5, "injected")

    monkeypatch.setattr("api.store.schema.SCHEMA_VERSION", 2)
    from alembic import op

    monkeypatch.setattr(op, "create_table", lambda *_, **__: break_off())
    with pytest.raises(Exception, match=r"storage\.failed"):
        Store(old)
    monkeypatch.undo()
    assert (old / "dafec.sqlite3").read_bytes() == before
    store = Store(old)
    everything_is_there(store)
    store.close()
