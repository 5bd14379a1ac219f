"""What holds for every driver: states, captures, start and stop, and that nothing it meets ends its loop."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from scanner_kits import KINDS, STATES, Kit, attached, kit_of, wait_for
from service_fakes import FakeScreener, noise_page

from api.scanners.config import FolderConfig
from api.scanners.contract import Driver, ScannerState
from api.scanners.manager import make_driver
from api.store.events import events_after
from dafec.messages import LANGUAGES, catalogue


@pytest.fixture(params=KINDS)
def kit(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kit]:
    with kit_of(request.param, tmp_path) as made, attached(made, tmp_path):
        yield made


def test_a_scanner_lives_through_all_that_happens_to_it(kit: Kit) -> None:
    """One life, in order: it comes up, a document, a bad one, a document, it goes away, comes back, and a document."""
    wait_for(lambda: kit.status()["state"] == "ready")
    assert kit.status() | {"since": "", "desk": ""} == {
        "name": "reader",
        "driver": kit.kind,
        "desk": "",
        "state": "ready",
        "text": catalogue("en")["scanner.state.ready"],
        "code": None,
        "remedy": "",
        "since": "",
        "captures": 0,
        "refused": 0,
        "can_scan": kit.kind in ("sane", "escl"),
    }
    kit.arrive(1)
    wait_for(lambda: kit.status()["captures"] == 1)
    kit.arrive_bad()
    wait_for(lambda: kit.status()["refused"] == 1)
    kit.arrive(2)
    wait_for(lambda: kit.status()["captures"] == 2)
    kit.lose()
    wait_for(lambda: kit.status()["state"] == "unplugged")
    assert kit.status()["remedy"] == catalogue("en")[f"errors.{kit.status()['code']}.remedy"]
    assert "scanners.trouble" in kit.client.get("/readyz").json()["notices"]
    kit.mend()
    wait_for(lambda: kit.status()["state"] == "ready")
    kit.arrive(3)
    wait_for(lambda: kit.status()["captures"] >= 3)
    listed = kit.client.get("/api/v1/screenings").json()["items"]
    assert len(listed) >= 3
    desk = kit.status()["desk"]
    service = kit.client.app.state.service  # type: ignore[attr-defined]
    assert {service.casework.store.get(item["id"]).desk for item in listed} == {desk}


def test_what_a_desk_is_told_is_what_happened(kit: Kit) -> None:
    wait_for(lambda: kit.status()["state"] == "ready")
    kit.arrive(1)
    wait_for(lambda: kit.status()["captures"] == 1)
    kit.arrive_bad()
    wait_for(lambda: kit.status()["refused"] == 1)
    told = wait_for(lambda: (found := told_to(kit)) and "arrival.refused" in [name for name, _ in found] and found)
    made = [data for name, data in told if name == "screening.made"]
    assert len(made) == 1
    assert made[0]["origin"] == "live"
    refused = [data for name, data in told if name == "arrival.refused"]
    assert refused[0]["code"].startswith("capture.")
    assert {data["state"] for name, data in told if name == "scanner"} <= STATES


def told_to(kit: Kit) -> list[tuple[str, dict[str, str]]]:
    store = kit.client.app.state.service.casework.store  # type: ignore[attr-defined]
    return [(event.name, json.loads(event.data)) for event in events_after(store, 0, 500, kit.status()["desk"])]


@pytest.mark.parametrize("kind", KINDS)
def test_a_scanner_that_fails_in_any_way_stops_no_other(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its driver raises what nobody expected, again and again; a folder beside it goes on."""
    watched = tmp_path / "beside"
    watched.mkdir()
    other = FolderConfig(name="beside", desk="desk-1", driver="folder", folder=watched, interval_s=0.05, settle_s=0.1)
    with kit_of(kind, tmp_path) as kit:
        if kind == "push":
            other = other.model_copy(update={"desk": "Desk 1"})

        async def fail(*_: object) -> None:
            raise ZeroDivisionError("MUSTERFRAU")

        def broken(config: object, limit: int) -> Driver:
            driver = make_driver(config, limit)  # type: ignore[arg-type]
            if config.name == "reader":  # type: ignore[attr-defined]
                driver.run = fail  # type: ignore[method-assign]
            return driver

        monkeypatch.setattr("api.attached.make_driver", broken)
        with attached(kit, tmp_path, others=[other.model_dump()]):
            wait_for(lambda: kit.status()["state"] == ScannerState.ERROR)
            assert kit.status()["code"] == "scanner.failed"
            (watched / "visible.png").write_bytes(noise_page(5))
            wait_for(lambda: kit.status("beside")["captures"] == 1)


@pytest.mark.parametrize("kind", KINDS)
def test_stopping_while_a_document_is_screened_keeps_it(kind: str, tmp_path: Path) -> None:
    screener = FakeScreener()
    inside = threading.Event()
    screener.before = lambda: (inside.set(), threading.Event().wait(0.5))
    with kit_of(kind, tmp_path) as kit:
        with attached(kit, tmp_path, screener):
            wait_for(lambda: kit.status()["state"] == "ready")
            thread = threading.Thread(target=kit.arrive, args=(1,))
            thread.start()
            assert inside.wait(20)
        thread.join(20)
        with attached(kit, tmp_path, FakeScreener()):
            assert len(kit.client.get("/api/v1/screenings").json()["items"]) == 1


def test_every_state_and_code_has_its_words() -> None:
    for language in LANGUAGES:
        for state in ScannerState:
            assert f"scanner.state.{state}" in catalogue(language)
    codes = {key.split(".")[2] for key in catalogue("en") if key.startswith("errors.scanner.")}
    assert {"busy", "jammed", "cover_open", "lamp_weak", "no_answer", "hangs", "starting"} <= codes
