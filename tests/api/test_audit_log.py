"""The audit log of a running service: what is in it, what is not, and what an altered database comes to."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from fastapi.testclient import TestClient
from service_fakes import FakeScreener, draw_page, noise_page
from service_process import running
from sqlalchemy import text
from sqlalchemy.orm import Session
from test_store_places import everywhere, screening

from api.app import create_app
from api.security.audit_entry import ACTIONS, DETAILS, AuditEvent
from api.security.audit_file import verify_file
from api.settings import Settings
from api.store import Store, StorePlaces
from api.store.audit_log import AuditLog
from dafec.cli import main
from dafec.errors import DafecError

URL = "/api/v1/screenings"


def entries_of(store: Store) -> list[dict[str, object]]:
    with Session(store.reader) as session:
        log = AuditLog(session)
        return [json.loads(entry) for entry in log.entries(log.size)]


def export(store: Store) -> list[bytes]:
    with Session(store.reader) as session:
        return list(AuditLog(session).export(store.audit_key))


@pytest.mark.parametrize("places", ["sqlite", "postgresql+s3"], indirect=True)
def test_every_view_and_change_is_on_record_in_order(places: StorePlaces, settings: Settings) -> None:
    with TestClient(create_app(settings, lambda _: FakeScreener()), base_url="http://localhost") as client:
        headers = {"Idempotency-Key": "X12345678", "X-Request-ID": "MUSTERFRAU-1"}
        location = client.post(URL, files={"visible": ("MUSTERFRAU.png", draw_page())}, headers=headers).headers[
            "location"
        ]
        client.post(URL, files={"visible": ("v", draw_page())}, headers=headers)
        client.get(location)
        client.get(location.removeprefix("/api/v1"))
        client.get(f"{location}/images/0/visible")
        client.get(f"{location}/images/0/visible", params={"form": "original"})
        client.get(f"{location}/checks/IR-AB-MR/image")
        client.put(f"{location}/hold", json={"held": False})
        client.get(URL)
        client.get("/readyz")
        client.get(f"{location}/images/7/ir")  # there is none: nothing was seen
    store = Store(places)
    entries = entries_of(store)
    name = f"screening:{location.rsplit('/', 1)[-1]}"
    seen = [(e["action"], e["details"]) for e in entries if e["target"] == name]
    assert seen == [
        ("screening.made", {"images": 1, "level": "refer"}),
        ("screening.viewed", {}),  # by the repeated key
        ("screening.viewed", {}),
        ("screening.viewed", {}),  # as a page
        ("image.viewed", {"form": "display", "light": "visible", "page": 0}),
        ("image.exported", {"form": "original", "light": "visible", "page": 0}),
        ("image.viewed", {"check": "ir-ab-mr", "form": "region", "light": "visible", "page": 0}),
        ("screening.released", {}),
    ]
    assert {e["actor"] for e in entries if e["target"] == name} == {"anonymous"}
    actions = [e["action"] for e in entries if e["target"] != name]
    assert actions == ["log.begun", "master_key.used", "audit_key.used", "service.started", "service.stopped"]
    whole = b"\n".join(export(store)).decode()
    for word in ("MUSTERFRAU", "X12345678", "1990-01-01"):
        assert word not in whole
    found = verify_file(export(store), keys=[store.audit_key.public])
    assert (found.size, found.heads >= 2) == (len(entries), True)
    assert [e["n"] for e in entries] == list(range(len(entries)))
    store.close()


def test_view_that_cannot_be_put_on_record_is_refused(client: TestClient, settings: Settings) -> None:
    import sqlite3

    location = client.post(URL, files={"visible": ("v", draw_page())}).headers["location"]
    other = sqlite3.connect(settings.data / "dafec.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for path in (location, f"{location}/images/0/visible", location.removeprefix("/api/v1")):
        answer = client.get(path)
        assert answer.status_code == 503
        assert "MUSTERFRAU" not in answer.text
    assert client.get(URL).status_code == 200  # nothing of the holder is in the list
    other.rollback()
    other.close()
    assert client.get(location).status_code == 200


def filled(places: StorePlaces) -> Store:
    store = Store(places)
    for number in range(3):
        store.add(screening(number))
    store.sign_head()
    for number in range(3):
        store.log(AuditEvent("screening.viewed", f"screening:{number}"))
    return store


TAMPERINGS: dict[str, tuple[list[str], set[str]]] = {
    "edit": (["UPDATE audit_entries SET entry = replace(entry, 'look', 'fine') WHERE position = 4"], {"audit.edited"}),
    "edit before the last head": (
        ["UPDATE audit_entries SET entry = replace(entry, 'viewed', 'sealed') WHERE position = 7"],
        {"audit.edited"},
    ),
    "deletion": (["DELETE FROM audit_entries WHERE position = 4"], {"audit.missing"}),
    "swap": (
        [
            "UPDATE audit_entries SET position = 99 WHERE position = 4",
            "UPDATE audit_entries SET position = 4 WHERE position = 5",
            "UPDATE audit_entries SET position = 5 WHERE position = 99",
        ],
        {"audit.swapped"},
    ),
    "truncation": (["DELETE FROM audit_entries WHERE position > 6"], {"audit.truncated"}),
    "truncation before the kept head": (["DELETE FROM audit_entries WHERE position > 4"], {"audit.log_damaged"}),
    "truncation with its heads": (
        ["DELETE FROM audit_entries WHERE position > 4", "DELETE FROM audit_heads"],
        {"audit.truncated"},
    ),
    "another log": (
        ["DELETE FROM audit_entries", "DELETE FROM audit_nodes", "DELETE FROM audit_heads"],
        {"audit.other_log"},
    ),
}


@everywhere
@pytest.mark.parametrize("how", TAMPERINGS)
def test_altered_database_is_found(places: StorePlaces, how: str) -> None:
    statements, codes = TAMPERINGS[how]
    store = filled(places)
    with Session(store.reader) as session:
        anchor = AuditLog(session).head(store.audit_key)
    assert verify_file(export(store), anchors=[anchor]).anchored == anchor.size
    with store.writer.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    if how == "another log":
        for number in range(3):
            store.log(AuditEvent("screening.viewed", f"screening:{number}"))
    with pytest.raises(DafecError) as caught:
        verify_file(export(store), anchors=[anchor], keys=[store.audit_key.public])
    assert caught.value.code in codes
    store.close()


def test_rewritten_log_is_not_signed_again(tmp_path: Path) -> None:
    """Somebody who can write the database, but not the key, rebuilds every hash of it."""
    store = filled(StorePlaces(tmp_path / "data"))
    rebuild_without_entry(store, 4)
    with pytest.raises(DafecError) as caught:
        store.sign_head()
    assert caught.value.code == "audit.log_damaged"
    with pytest.raises(DafecError):
        export(store)
    store.close()


def rebuild_without_entry(store: Store, gone: int) -> None:
    from api.security.audit_entry import canonical_json
    from api.security.audit_tree import completed_nodes, leaf_hash

    entries = [entry for entry in entries_of(store) if entry["n"] != gone]
    nodes: dict[tuple[int, int], bytes] = {}
    with store.writer.begin() as connection:
        connection.execute(text("DELETE FROM audit_entries"))
        connection.execute(text("DELETE FROM audit_nodes"))
        for position, value in enumerate(entries):
            entry = canonical_json(value | {"n": position})
            leaf = nodes[0, position] = leaf_hash(entry)
            connection.execute(
                text("INSERT INTO audit_entries VALUES (:p, :l, :e)"),
                {"p": position, "l": leaf, "e": entry.decode()},
            )
            for level, index, digest in completed_nodes(position, leaf, lambda a, b: nodes[a, b]):
                nodes[level, index] = digest
                connection.execute(
                    text("INSERT INTO audit_nodes VALUES (:a, :b, :h)"), {"a": level, "b": index, "h": digest}
                )


def test_heads_are_signed_once_for_every_state(tmp_path: Path) -> None:
    store = filled(StorePlaces(tmp_path / "data"))
    assert store.sign_head()
    assert not store.sign_head()
    store.log(AuditEvent("screening.viewed", "screening:1"))
    assert store.sign_head()
    with Session(store.reader) as session:
        assert len(AuditLog(session).heads()) == 3
    store.close()


def test_new_signing_key_is_on_record(tmp_path: Path) -> None:
    filled(StorePlaces(tmp_path / "data")).close()
    (tmp_path / "data-keys" / "audit.key").unlink()
    store = Store(tmp_path / "data")
    used = [e["details"] for e in entries_of(store) if e["action"] == "audit_key.used"]
    assert len(used) == 2
    found = verify_file(export(store))
    assert len(found.keys) == 2
    with pytest.raises(DafecError) as caught:
        verify_file(export(store), keys=[store.audit_key.public])
    assert caught.value.code == "audit.key_differs"
    assert verify_file(export(store), keys=list(found.keys)).size == found.size
    store.close()


def dafec(*arguments: object, data: Path | None = None) -> tuple[int, str, str]:
    where = ["--data", str(data)] if data is not None else []
    command = [sys.executable, "-m", "dafec.cli", *map(str, arguments), *where]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert "Traceback" not in ended.stderr, ended.stderr
    return ended.returncode, ended.stdout, ended.stderr


def here(capfd: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """The same in this process: what opens no service's data need not start one, which takes a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "excepthook", sys.excepthook)
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
    out, err = capfd.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, out, err


@pytest.mark.slow
def test_command_exports_beside_the_service_and_verifies_without_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data, log, head = tmp_path / "data", tmp_path / "log.jsonl", tmp_path / "head.json"
    public = tmp_path / "data-keys" / "audit.pub"
    with running(data) as service:
        for number in range(3):
            answer = httpx2.post(service.url + URL, files={"visible": ("v", noise_page(number))})
            assert answer.status_code == 201
        assert dafec("audit", "head", head, data=data)[0] == 0
        httpx2.get(service.url + answer.headers["location"])
        code, out, _ = dafec("audit", "export", log, data=data)
        assert (code, str(log) in out) == (0, True)
        assert dafec("audit", "export", log, data=data)[0] == 4  # evidence is not written over
        code, out, _ = dafec("audit", "head", "--json", data=data)
        assert (code, json.loads(out)["size"]) == (
            0,
            log.read_text().count("\n") - 1 - log.read_text().count('{"head"'),
        )
        grown = tmp_path / "grown.json"
        assert dafec("audit", "head", grown, "--head", head, data=data)[0] == 0
        assert dafec("audit", "receipt", tmp_path / "r.json", "--entry", "2", data=data)[0] == 0
        assert dafec("audit", "receipt", tmp_path / "r2.json", "--entry", "999", data=data)[0] == 3
    alone = tmp_path / "elsewhere"
    alone.mkdir()
    for file in (log, head, public, grown, tmp_path / "r.json"):
        file.rename(alone / file.name)
    log = alone / log.name
    pinned = ["--head", alone / "head.json", "--key", alone / "audit.pub"]
    code, out, err = dafec("audit", "verify", log, *pinned)
    assert code == 0, err
    assert "--key" not in out
    for file in (alone / "grown.json", alone / "r.json"):
        code, out, err = here(capfd, "audit", "verify", file, *pinned)
        assert code == 0, err
        assert "--key" not in out
    code, out, _ = here(capfd, "audit", "verify", log)
    assert (code, "--head" in out, "--key" in out) == (0, True, True)
    code, out, _ = here(capfd, "audit", "verify", log, "--json", *pinned)
    assert json.loads(out)["verified"] is True
    lines = log.read_text().splitlines(keepends=True)
    for name, altered, wanted in _alterations(lines):
        (alone / name).write_text("".join(altered))
        code, _, err = here(capfd, "audit", "verify", alone / name, *pinned)
        assert (code, wanted in err) == (3, True), (name, err)
    code, _, err = here(capfd, "audit", "verify", log, "--lang", "ar", "--key", log)
    assert (code, "audit.no_public_key" in err) == (3, True)
    assert dafec("audit", "verify")[0] == 2
    assert here(capfd, "audit", "verify", alone / "absent")[0] == 3
    assert dafec("audit", "export", alone / "x", data=alone / "nothing")[0] == 2


def _alterations(lines: list[str]) -> list[tuple[str, list[str], str]]:
    made = next(number for number, line in enumerate(lines) if "screening.made" in line)
    edited = [*lines]
    edited[made] = edited[made].replace('"refer"', '"look"')
    swapped = [*lines]
    swapped[made], swapped[made + 1] = swapped[made + 1], swapped[made]
    return [
        ("edited", edited, "audit.edited"),
        ("missing", [*lines[:made], *lines[made + 1 :]], "audit.missing"),
        ("truncated", lines[: made + 1], "audit.truncated"),
        ("swapped", swapped, "audit.swapped"),
        ("broken", [*lines[:made], "no JSON\n"], "audit.unreadable"),
    ]


def test_every_action_and_detail_named_in_the_source_is_known() -> None:
    import re

    import api

    source = "\n".join(path.read_text("utf-8") for path in Path(api.__file__).parent.rglob("*.py"))
    used = set(re.findall(r'(?:AuditEvent|\.log|\._log)\(\s*f?"([a-z_]+\.[a-z_]+)"', source))
    assert len(used) >= 10
    assert used <= set(ACTIONS)
    assert all(DETAILS.values())
