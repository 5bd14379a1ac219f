"""The store's promises, wherever it lies: SQLite or PostgreSQL, files or S3."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import servers
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from api.errors import ServiceError
from api.security.audit_file import verify_file
from api.store import NewScreening, Store, StoredImage, StorePlaces
from api.store.audit_log import AuditLog
from api.store.models import Base
from dafec.errors import DafecError, InstallationError, UsageError

KINDS = ("sqlite", "postgresql", "postgresql+s3")
everywhere = pytest.mark.parametrize("places", KINDS, indirect=True)
shared = pytest.mark.parametrize("places", [kind for kind in KINDS if kind.startswith("postgresql")], indirect=True)
on_s3 = pytest.mark.parametrize("places", [kind for kind in KINDS if kind.endswith("s3")], indirect=True)


def screening(number: int, key: bytes | None = None, level: str = "look") -> NewScreening:
    return NewScreening(
        id=f"{number:024d}",
        created=datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC),
        level=level,
        made=3,
        not_possible=1,
        report=f'{{"name":"MUSTERFRAU {number} سامر"}}',
        images_digest="0" * 64,
        key_digest=key,
        images=(
            StoredImage(0, "visible", "image/png", b"visible %d" % number),
            StoredImage(0, "ir", "image/png", b"ir %d" % number),
            StoredImage(1, "visible", "image/tiff", b"visible %d" % number),
        ),
        result='{"name":null}',
    )


@pytest.fixture
def store(places: StorePlaces) -> Iterator[Store]:
    opened = Store(places)
    yield opened
    opened.close()


def code_of(call: object, *arguments: object) -> str:
    with pytest.raises(DafecError) as caught:
        call(*arguments)  # type: ignore[operator]
    assert caught.value.remedy("ar")
    return caught.value.code


def check(store: Store, number: int) -> None:
    """The screening is there, whole, and as it was handed in."""
    wanted = screening(number)
    record = store.get(wanted.id)
    assert record is not None
    assert (record.report, record.personal_data, record.created) == (wanted.report, "kept", wanted.created)
    assert [(i.page, i.light, i.media_type) for i in record.images] == [
        (i.page, i.light, i.media_type) for i in wanted.images
    ]
    assert [store.image(wanted.id, image) for image in record.images] == [image.data for image in wanted.images]
    assert [image.sha256 for image in record.images] == [hashlib.sha256(i.data).hexdigest() for i in wanted.images]


@everywhere
def test_kept_screening_survives_closing(places: StorePlaces) -> None:
    store = Store(places)
    assert store.add(screening(1)) is True
    store.close()
    store = Store(places)
    check(store, 1)
    assert store.count() == 1
    store.close()


@everywhere
def test_key_id_and_order(store: Store) -> None:
    assert store.add(screening(1, b"k" * 32))
    assert not store.add(screening(2, b"k" * 32))
    assert store.get(screening(2).id) is None
    assert code_of(store.add, screening(1)) == "storage.failed"  # the id is taken
    assert store.add(screening(3))
    found = store.get_by_key(b"k" * 32)
    assert found is not None
    assert found.id == screening(1).id
    page = store.newest(1)
    assert page is not None
    assert [item.id for item in page.items] == [screening(3).id]
    page = store.newest(5, page.next)
    assert page is not None
    assert ([item.id for item in page.items], page.next) == ([screening(1).id], None)
    assert store.newest(5, "unknown-unknown-unknown") is None
    assert len(list(store.blobs.names())) == 4  # two each; what was not kept left nothing
    check(store, 1)
    check(store, 3)


@everywhere
def test_nothing_personal_lies_in_the_clear(store: Store, places: StorePlaces) -> None:
    store.add(screening(1))
    with store.reader.connect() as connection:
        for table in Base.metadata.sorted_tables:
            assert "MUSTERFRAU" not in repr(connection.execute(table.select()).all())
    for name in store.blobs.names():
        data = store.blobs.read(name)
        assert b"visible" not in data
        assert hashlib.sha256(data).hexdigest() == name
    store.close()
    for file in places.folder.rglob("*"):
        assert not file.is_file() or b"MUSTERFRAU" not in file.read_bytes(), file


@everywhere
def test_many_at_once_are_kept_once_each_and_the_log_has_no_gap(store: Store, places: StorePlaces) -> None:
    stores = [store, Store(places)] if store.shared else [store]
    start = threading.Barrier(8)

    def write(caller: int) -> int:
        start.wait(20)
        mine = stores[caller % len(stores)]
        kept = sum(mine.add(screening(caller * 100 + n)) for n in range(5))
        return kept + 100 * mine.add(screening(caller * 100 + 50, key=b"same" * 8))

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(write, range(8)))
    assert sorted(results) == [5] * 7 + [105]
    assert store.count() == 41
    for caller in range(8):
        check(store, caller * 100 + 4)
    with Session(store.reader) as session:
        found = verify_file(AuditLog(session).export(store.audit_key), keys=[store.audit_key.public])
    assert found.size >= 42
    assert len(list(store.blobs.names())) == 82
    for other in stores[1:]:
        other.close()


@everywhere
def test_schema_is_that_of_the_models(store: Store) -> None:
    with store.reader.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


@everywhere
def test_hold_and_release(store: Store) -> None:
    store.add(screening(1))
    assert store.set_hold(screening(1).id, held=True)
    assert not store.set_hold(screening(1).id, held=True)
    record = store.get(screening(1).id)
    assert record is not None
    assert record.held
    assert store.set_hold(screening(1).id, held=False)
    with pytest.raises(ServiceError) as caught:
        store.set_hold("unknown", held=True)
    assert caught.value.code == "screening.not_found"


@everywhere
def test_probes_and_space(store: Store) -> None:
    store.probe()
    store.probe()
    store.probe_blobs()
    assert store.free_bytes() > 0
    assert store.notices() == ()
    assert list(store.blobs.names()) == []


@everywhere
def test_stranger_is_set_aside_and_comes_back_with_its_row(store: Store) -> None:
    store.add(screening(1))
    orphan = hashlib.sha256(b"orphan").hexdigest()
    store.blobs.write(b"orphan", orphan)
    store.sweep(3600)  # it may belong to a write that goes on
    assert orphan in set(store.blobs.names())
    store.sweep(0)
    assert orphan not in set(store.blobs.names())
    assert store.blobs.count() >= 1
    assert store.blobs.sweep(lambda names: set(names), 0) == 0  # now a row refers to it
    assert store.blobs.read(orphan) == b"orphan"
    check(store, 1)


@everywhere
def test_blob_that_is_missing_or_another_is_damaged(store: Store) -> None:
    store.add(screening(1))
    absent = hashlib.sha256(b"absent").hexdigest()
    with pytest.raises(InstallationError) as caught:
        store.blobs.read(absent)
    assert caught.value.code == "storage.damaged"
    store.blobs.remove(absent)  # no error
    record = store.get(screening(1).id)
    assert record is not None
    name = record.images[0].blob
    assert name is not None
    store.blobs.remove(name)
    assert code_of(store.image, record.id, record.images[0]) == "storage.damaged"
    assert store.notices() == ("storage.damaged",)
    assert store.image(record.id, record.images[1]) == b"ir 1"


@everywhere
def test_lost_database_refuses_the_start_and_no_image_is_touched(
    places: StorePlaces, request: pytest.FixtureRequest
) -> None:
    store = Store(places)
    store.add(screening(1))
    before = sorted(store.blobs.names())
    store.close()
    if places.database is None:
        for file in places.folder.glob("dafec.sqlite3*"):
            file.unlink()
    else:
        places = replace(places, database=request.getfixturevalue("postgres").new_database())
    assert code_of(Store, places) == "store.database_lost"
    assert sorted(store.blobs.names()) == before


@shared
def test_newer_and_strange_schemas_are_left_as_they_are(places: StorePlaces) -> None:
    store = Store(places)
    with store.writer.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0099'"))
    store.close()
    assert code_of(Store, places) == "store.newer_schema"
    with store.writer.begin() as connection:
        connection.execute(text("DROP TABLE alembic_version"))
    assert code_of(Store, places) == "store.foreign_database"
    store.writer.dispose()


@shared
def test_second_machine_without_the_key_is_refused_and_with_it_reads_everything(
    places: StorePlaces, tmp_path: Path
) -> None:
    store = Store(places)
    store.add(screening(1))
    there = tmp_path / "other-keys"
    second = replace(places, keys=there)
    assert code_of(Store, second) == "store.key_missing"
    there.mkdir(exist_ok=True)
    for file in places.keys_folder().glob("master-*.key"):
        (there / file.name).write_bytes(file.read_bytes())
    other = Store(second)
    check(other, 1)
    other.add(screening(2))
    check(store, 2)
    assert other.notices() == store.notices() == ()
    other.close()
    (there / file.name).unlink()
    given_up = Store(replace(second, new_key=True))
    given_up.add(screening(3))
    assert given_up.notices() == ("storage.key_lost",)
    record = given_up.get(screening(1).id)
    assert record is not None
    assert (record.personal_data, record.report) == ("unreadable", '{"name":null}')
    assert code_of(given_up.image, record.id, record.images[0]) == "storage.key_lost"
    given_up.close()
    store.close()


@shared
def test_readers_cannot_write(store: Store) -> None:
    with store.reader.connect() as connection, pytest.raises(Exception, match="read-only"):
        connection.execute(text("DELETE FROM screenings"))


@shared
def test_locked_database_is_busy_in_time(places: StorePlaces) -> None:
    store = Store(places, lock_timeout_s=0.2)
    with store.reader.connect() as other:
        other.execute(text("SET default_transaction_read_only = off"))
        other.commit()
        other.execute(text("LOCK TABLE screenings IN ACCESS EXCLUSIVE MODE"))
        assert code_of(store.add, screening(1)) == "storage.busy"
    assert store.add(screening(1))
    store.close()


def test_database_server_that_goes_away_and_comes_back(tmp_path: Path) -> None:
    with servers.postgres() as cluster:
        store = Store(StorePlaces(tmp_path / "data", cluster.new_database()))
        store.add(screening(1))
        cluster.stop("immediate")
        for call in (lambda: store.add(screening(2)), store.probe, lambda: store.get("x"), store.notices):
            assert code_of(call) == "storage.unreachable"
        cluster.start()
        check(store, 1)
        store.sweep(0)  # what the broken write left, whose row nobody could tell of
        assert len(list(store.blobs.names())) == 2
        assert store.add(screening(2))
        check(store, 2)
        store.close()


@on_s3
def test_image_store_that_goes_away_and_comes_back(places: StorePlaces, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(places)
    store.add(screening(1))
    monkeypatch.setattr("botocore.httpsession.URLLib3Session.send", _refuse)
    assert code_of(store.add, screening(2)) == "storage.unreachable"
    assert code_of(store.probe_blobs) == "storage.unreachable"
    record = store.get(screening(1).id)
    assert record is not None
    assert code_of(store.image, record.id, record.images[0]) == "storage.unreachable"
    assert store.count() == 1
    monkeypatch.undo()
    assert store.add(screening(2))
    check(store, 2)
    store.close()


def _refuse(*_: object) -> None:
    from botocore.exceptions import EndpointConnectionError

    raise EndpointConnectionError(endpoint_url="http://nowhere")


def test_image_store_that_stops_is_unreachable_over_http(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in servers.S3_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with servers.s3() as server:
        store = Store(StorePlaces(tmp_path / "data", blobs=server.new_bucket()))
        store.add(screening(1))
        server.stop()
        assert code_of(store.add, screening(2)) == "storage.unreachable"
        assert store.count() == 1
        store.close()


def test_bucket_that_is_not_there_is_told(s3: servers.S3, tmp_path: Path) -> None:
    with pytest.raises(DafecError):
        Store(StorePlaces(tmp_path / "data", blobs=f"s3://no-such-bucket?endpoint={s3.endpoint}"))


@pytest.mark.parametrize(
    ("database", "blobs", "code"),
    [
        ("mysql://x/y", None, "store.bad_database_url"),
        ("not an address", None, "store.bad_database_url"),
        (None, "https://x/y", "store.bad_blobs_url"),
        (None, "s3:///prefix", "store.bad_blobs_url"),
        (None, "s3://key:secret@bucket", "store.bad_blobs_url"),
        (None, "s3://bucket?endpont=http://x", "store.bad_blobs_url"),
        (None, "s3://bucket?endpoint=x", "store.bad_blobs_url"),
        ("postgresql://postgres@127.0.0.1:9/x", None, "storage.unreachable"),
    ],
)
def test_bad_addresses_are_told_without_repeating_them(
    tmp_path: Path, database: str | None, blobs: str | None, code: str
) -> None:
    with pytest.raises(DafecError) as caught:
        Store(StorePlaces(tmp_path / "data", database, blobs))
    assert caught.value.code == code
    assert "secret" not in str(caught.value)


def test_keys_within_the_data_are_refused(tmp_path: Path) -> None:
    for keys in (tmp_path / "data", tmp_path / "data" / "keys", tmp_path / "x" / ".." / "data" / "k"):
        with pytest.raises(UsageError) as caught:
            Store(StorePlaces(tmp_path / "data", keys=keys))
        assert caught.value.code == "keys.inside_data"
    assert not (tmp_path / "data").exists()


@shared
def test_commit_whose_answer_is_lost_keeps_its_images(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The row is there, and the caller is told of a failure: its second try finds it, with its images."""
    real = Store._commit

    def lose_the_answer(self: Store, *arguments: object) -> bool:
        real(self, *arguments)  # type: ignore[arg-type]
        raise OperationalError("COMMIT", {}, ConnectionResetError(), connection_invalidated=True)

    monkeypatch.setattr(Store, "_commit", lose_the_answer)
    assert code_of(store.add, screening(1, b"k" * 32)) == "storage.unreachable"
    monkeypatch.undo()
    assert not store.add(screening(2, b"k" * 32))
    store.sweep(3600)
    check(store, 1)
