"""The store by itself: versions, ownership, leftovers, uniqueness."""

from __future__ import annotations

import hashlib
import sqlite3
import stat
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.store import NewScreening, Store, StoredImage
from api.store.blobs import BlobFolder
from api.store.schema import SCHEMA_VERSION
from dafec.errors import DafecError, InstallationError, UsageError


def new(screening_id: str = "a" * 24, key: bytes | None = None, data: bytes = b"image") -> NewScreening:
    return NewScreening(
        id=screening_id,
        created=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        level="look",
        made=3,
        not_possible=1,
        report='{"name":"MUSTERFRAU"}',
        images_digest="0" * 64,
        key_digest=key,
        images=(StoredImage(0, "visible", "image/png", data),),
    )


def test_kept_screening_survives_closing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.add(new()) is True
    store.close()
    store = Store(tmp_path)
    record = store.get("a" * 24)
    assert record is not None
    assert record.created == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert record.images[0].sha256 == hashlib.sha256(b"image").hexdigest()
    assert store.image(record.id, record.images[0]) == b"image"
    assert (record.report, record.personal_data, record.held) == ('{"name":"MUSTERFRAU"}', "kept", False)
    store.close()


def test_database_is_flushed_at_every_commit(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with store.writer.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2
    store.close()


def test_readers_cannot_write(tmp_path: Path) -> None:
    from sqlalchemy.exc import OperationalError

    store = Store(tmp_path)
    with store.reader.connect() as connection, pytest.raises(OperationalError, match="readonly"):
        connection.exec_driver_sql("DELETE FROM screenings")
    store.close()


def test_second_owner_of_a_folder_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(UsageError) as refused:
        Store(tmp_path)
    assert refused.value.code == "store.in_use"
    store.close()
    Store(tmp_path).close()


def test_newer_schema_is_left_as_it_is(tmp_path: Path) -> None:
    Store(tmp_path).close()
    path = tmp_path / "dafec.sqlite3"
    with sqlite3.connect(path) as database:
        database.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    database.close()
    with pytest.raises(InstallationError) as refused:
        Store(tmp_path)
    assert refused.value.code == "store.newer_schema"
    assert refused.value.details == {"found": SCHEMA_VERSION + 1, "known": SCHEMA_VERSION}


def test_another_programs_database_is_left_as_it_is(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "dafec.sqlite3") as database:
        database.execute("CREATE TABLE theirs (x)")
    database.close()
    with pytest.raises(InstallationError) as refused:
        Store(tmp_path)
    assert refused.value.code == "store.foreign_database"


def test_file_that_is_no_database_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "dafec.sqlite3").write_bytes(b"not a database at all" * 100)
    with pytest.raises(DafecError) as refused:
        Store(tmp_path)
    assert refused.value.remedy("ar")


def test_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InstallationError) as refused:
        Store(tmp_path / "file")
    assert refused.value.code == "store.not_writable"


def test_folder_is_for_its_owner_only(tmp_path: Path) -> None:
    Store(tmp_path / "data").close()
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


ORPHAN = hashlib.sha256(b"orphan").hexdigest()


def kept_files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "blobs").rglob("*") if len(path.name) == 64}


def blob_of(store: Store, screening_id: str = "a" * 24) -> str:
    record = store.get(screening_id)
    assert record is not None
    assert record.images[0].blob is not None
    return record.images[0].blob


def image_of(store: Store, screening_id: str = "a" * 24) -> bytes:
    record = store.get(screening_id)
    assert record is not None
    return store.image(screening_id, record.images[0])


def test_leftovers_of_a_crash_are_swept_and_kept_images_stay(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.add(new())
    before = kept_files(tmp_path)
    store.blobs.begin([ORPHAN, blob_of(store)])
    store.blobs.write(b"orphan", ORPHAN)
    (tmp_path / "blobs" / "incoming" / "half").write_bytes(b"ha")
    store.close()
    Store(tmp_path).close()
    assert kept_files(tmp_path) == before
    assert [path for path in tmp_path.glob("blobs/*/*") if path.is_file() and len(path.name) != 64] == []


def test_note_that_outlived_its_write_costs_no_kept_image(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.add(new())
    note = store.blobs.note([blob_of(store)])
    store.close()
    assert note.is_file()
    store = Store(tmp_path)
    assert image_of(store) == b"image"
    assert not note.exists()
    store.close()


def test_finished_write_leaves_no_note(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.add(new())
    before = kept_files(tmp_path)
    with pytest.raises(DafecError):
        store.add(replace(new(), report="{}", images=new(data=b"orphan").images))
    assert list((tmp_path / "blobs" / "unfinished").iterdir()) == []
    assert kept_files(tmp_path) == before
    assert len(before) == 1
    store.close()


@pytest.mark.parametrize("loss", ["removed", "emptied"])
def test_lost_database_refuses_the_start_and_no_image_is_touched(tmp_path: Path, loss: str) -> None:
    store = Store(tmp_path)
    store.add(new())
    store.close()
    before = kept_files(tmp_path)
    for path in tmp_path.glob("dafec.sqlite3*"):
        if loss == "removed":
            path.unlink()
        else:
            path.write_bytes(b"")
    for _ in range(2):  # the first refusal must not make the second start believe that all is well
        with pytest.raises(InstallationError) as refused:
            Store(tmp_path)
        assert (refused.value.code, refused.value.details["images"]) == ("store.database_lost", 1)
        assert kept_files(tmp_path) == before


def test_image_whose_row_was_lost_is_set_aside_and_comes_back_with_its_row(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.add(new())
    store.close()
    yesterday = (tmp_path / "dafec.sqlite3").read_bytes()
    store = Store(tmp_path)
    store.add(new("b" * 24, data=b"orphan"))
    orphan = blob_of(store, "b" * 24)
    store.close()
    today = (tmp_path / "dafec.sqlite3").read_bytes()
    (tmp_path / "dafec.sqlite3").write_bytes(yesterday)
    Store(tmp_path).close()
    assert (tmp_path / "blobs" / "quarantine" / orphan).is_file()
    (tmp_path / "dafec.sqlite3").write_bytes(today)
    store = Store(tmp_path)
    assert image_of(store, "b" * 24) == b"orphan"
    store.close()


def test_write_that_died_before_its_commit_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Died(BaseException):
        pass

    def die(*_: object) -> bool:
        raise Died

    store = Store(tmp_path)
    monkeypatch.setattr(Store, "_commit", die)
    with pytest.raises(Died):
        store.add(new())
    store.close()
    assert len(kept_files(tmp_path)) == 1
    monkeypatch.undo()
    Store(tmp_path).close()
    assert kept_files(tmp_path) == {}


def test_same_key_is_kept_once(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.add(new("a" * 24, key=b"k" * 32)) is True
    assert store.add(new("b" * 24, key=b"k" * 32, data=b"other")) is False
    assert store.get("b" * 24) is None
    assert store.count() == 1
    assert len(kept_files(tmp_path)) == 1
    store.close()


def test_failed_write_keeps_an_image_another_screening_has(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.add(new("a" * 24))
    with pytest.raises(DafecError):
        store.add(replace(new("a" * 24), report="{}"))  # the id is taken
    assert image_of(store) == b"image"
    store.close()


def test_rotten_blob_is_written_anew(tmp_path: Path) -> None:
    folder = BlobFolder(tmp_path)
    sha256 = hashlib.sha256(b"data").hexdigest()
    assert folder.write(b"data", sha256) is True
    assert folder.write(b"data", sha256) is False
    folder.path(sha256).write_bytes(b"rot")
    with pytest.raises(InstallationError):
        folder.read(sha256)
    assert folder.write(b"data", sha256) is True
    assert folder.read(sha256) == b"data"


@pytest.mark.parametrize("name", ["", "../../x", "A" * 64, "g" * 64, "0" * 63])
def test_blob_names_are_hashes_only(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        BlobFolder(tmp_path).path(name)
