"""Keys: where they lie, what is bound to what, and what happens where one is lost."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from service_fakes import FakeScreener, draw_page, noise_page
from sqlalchemy import text
from test_store_places import check, code_of, screening

from api.app import create_app
from api.settings import Settings
from api.store import Store, StorePlaces
from api.store.sealing import Keyring, image_context, open_report, open_sealed, seal, seal_report
from dafec.errors import DafecError, InstallationError

URL = "/api/v1/screenings"
KEY = bytes(range(32))


@given(st.binary(max_size=300), st.integers(0, 10_000), st.integers(1, 255))
def test_sealed_bytes_open_as_they_were_and_not_otherwise(data: bytes, place: int, change: int) -> None:
    context = image_context("a", "b")
    sealed = seal(data, KEY, context)
    assert open_sealed(sealed, KEY, context) == data
    assert seal(data, KEY, context) != sealed  # never the same nonce
    place %= len(sealed)
    altered = sealed[:place] + bytes([sealed[place] ^ change]) + sealed[place + 1 :]
    for wrong in ((altered, KEY, context), (sealed, bytes(32), context), (sealed, KEY, image_context("c", "b"))):
        with pytest.raises(InstallationError):
            open_sealed(*wrong)
    with pytest.raises(InstallationError):
        open_sealed(sealed[:place], KEY, context)


def test_report_is_no_image_and_of_one_screening() -> None:
    sealed = seal_report('{"a": "سامر"}', KEY, "one")
    assert open_report(sealed, KEY, "one") == '{"a": "سامر"}'
    with pytest.raises(InstallationError):
        open_report(sealed, KEY, "two")
    with pytest.raises(InstallationError):
        open_sealed(sealed, KEY, image_context("one", ""))


def test_key_files_are_made_once_for_their_owner(tmp_path: Path) -> None:
    Store(tmp_path / "data").close()
    files = {file.name: file.read_bytes() for file in (tmp_path / "data-keys").iterdir()}
    assert sorted(name.split("-")[0] for name in files) == ["audit.key", "audit.pub", "master"]
    for file in (tmp_path / "data-keys").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "data-keys").stat().st_mode) == 0o700
    Store(tmp_path / "data").close()
    assert {file.name: file.read_bytes() for file in (tmp_path / "data-keys").iterdir()} == files
    stored = b"".join(file.read_bytes() for file in (tmp_path / "data").rglob("*") if file.is_file())
    for name, data in files.items():
        if not name.endswith(".pub"):
            assert data.split()[-2 if b"PRIVATE" in data else -1] not in stored


def test_swapped_rows_and_files_do_not_open(tmp_path: Path) -> None:
    store = Store(tmp_path / "data")
    store.add(screening(1))
    store.add(screening(2))
    one, two = store.get(screening(1).id), store.get(screening(2).id)
    assert one is not None
    assert two is not None
    with store.writer.begin() as connection:
        connection.execute(
            text("UPDATE images SET blob = :blob WHERE blob = :old"),
            {"blob": two.images[0].blob, "old": one.images[0].blob},
        )
        connection.execute(
            text("UPDATE screenings SET sealed_report = (SELECT sealed_report FROM screenings WHERE number = 2)")
        )
    with pytest.raises(DafecError) as caught:
        store.get(one.id)
    assert caught.value.code == "storage.damaged"
    from dataclasses import replace

    assert code_of(store.image, one.id, replace(one.images[0], blob=two.images[0].blob)) == "storage.damaged"
    check(store, 2)
    assert store.notices() == ("storage.damaged",)
    store.close()


def test_lost_master_key_is_told_screening_goes_on_and_the_key_comes_back(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data", min_free_bytes=0)
    (keys, aside) = (tmp_path / "data-keys", tmp_path / "safe")

    def client() -> TestClient:
        return TestClient(create_app(settings, lambda _: FakeScreener()), base_url="http://localhost")

    with client() as service:
        first = service.post(URL, files={"visible": ("v", draw_page())})
        assert service.get("/readyz").json()["notices"] == []
    aside.mkdir()
    (lost,) = keys.glob("master-*.key")
    lost.rename(aside / lost.name)
    with client() as service:
        ready = service.get("/readyz")
        assert (ready.status_code, ready.json()["notices"]) == (200, ["storage.key_lost"])
        location = first.headers["location"]
        image = service.get(f"{location}/images/0/visible")
        assert (image.status_code, image.json()["code"]) == (503, "storage.key_lost")
        answer = service.get(location)
        assert answer.headers["dafec-personal-data"] == "unreadable"
        assert answer.json()["verdict"]["level"] == first.json()["verdict"]["level"]
        assert "MUSTERFRAU" not in answer.text
        second = service.post(URL, files={"visible": ("v", noise_page(1))})
        assert second.status_code == 201
        assert service.get(second.headers["location"]).content == second.content
        (aside / lost.name).rename(lost)  # put back while the service runs
        assert service.get("/readyz").json()["notices"] == []
        for made in (first, second):
            assert service.get(made.headers["location"]).content == made.content
            assert service.get(f"{made.headers['location']}/images/0/visible").status_code == 200
    with client() as service:
        for made in (first, second):
            assert service.get(made.headers["location"]).content == made.content


def test_missing_keys_that_cannot_be_made_refuse_the_start(tmp_path: Path) -> None:
    (tmp_path / "data-keys").write_text("in the way")
    assert code_of(Store, tmp_path / "data") == "keys.unusable"


@pytest.mark.parametrize("content", ["", "garbage", "dafec-master-key-1 AAAA", "dafec-master-key-1 " + "A" * 43 + "="])
def test_altered_key_file_is_refused_and_left(tmp_path: Path, content: str) -> None:
    Store(tmp_path / "data").close()
    (file,) = (tmp_path / "data-keys").glob("master-*.key")
    file.write_text(content)
    assert code_of(Store, tmp_path / "data") == "keys.unusable"
    assert file.read_text() == content


def test_two_first_starts_at_once_take_the_same_key(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from api.security.audit_heads import AuditKey

    with ThreadPoolExecutor(8) as pool:
        publics = set(pool.map(lambda _: AuditKey(tmp_path / "k" / "audit.key").public, range(16)))
    assert len(publics) == 1
    assert sorted(file.name for file in (tmp_path / "k").iterdir()) == ["audit.key", "audit.pub"]


def test_keyring_chooses_the_newest_used_key(tmp_path: Path) -> None:
    first = Keyring(tmp_path).choose([])
    (tmp_path / f"master-{first}.key").rename(tmp_path / "away")
    second = Keyring(tmp_path).choose([first])
    (tmp_path / "away").rename(tmp_path / f"master-{first}.key")
    ring = Keyring(tmp_path)
    assert ring.ids == {first, second}
    assert ring.choose([first, second]) == second
    assert ring.choose([second, first]) == first
    assert ring.choose([]) == max(first, second)


def test_new_place_with_old_keys_uses_them(tmp_path: Path) -> None:
    Store(tmp_path / "data").close()
    keys = tmp_path / "data-keys"
    Store(StorePlaces(tmp_path / "other", keys=keys)).close()
    assert len(list(keys.glob("master-*.key"))) == 1


def test_blob_tells_nothing_of_the_picture(tmp_path: Path) -> None:
    store = Store(tmp_path / "data")
    store.add(screening(1))
    names = set(store.blobs.names())
    assert hashlib.sha256(b"visible 1").hexdigest() not in names
    store.add(screening(1).__class__(**{**_values(screening(1)), "id": "z" * 24}))
    assert len(set(store.blobs.names()) - names) == 2  # the same picture, under another key
    store.close()


def _values(new: object) -> dict[str, object]:
    return {name: getattr(new, name) for name in new.__dataclass_fields__}  # type: ignore[attr-defined]
