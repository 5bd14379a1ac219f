"""eSCL over real HTTP with a scanner on loopback: jobs, the faults of real devices, answers that are no answers."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from escl_server import capabilities, running_scanner
from pydantic import TypeAdapter, ValidationError
from scanner_kits import Kit, attached, escl_kit, wait_for
from service_fakes import noise_page

from api.scanners.config import ScannerConfig
from api.scanners.contract import ScannerError, ScannerState
from api.scanners.escl_messages import parse_capabilities, parse_status, scan_settings
from api.store.events import events_after


def items(kit: Kit) -> list[dict[str, object]]:
    return kit.client.get("/api/v1/screenings").json()["items"]  # type: ignore[no-any-return]


def test_job_asks_for_what_the_settings_say_and_the_device_can(tmp_path: Path) -> None:
    with escl_kit(tmp_path, resolution=400, width_mm=127, height_mm=500) as kit, attached(kit, tmp_path):
        kit.arrive(7)
        wait_for(lambda: len(items(kit)) == 1)
        asked = kit.scanner.last  # type: ignore[attr-defined]
        assert {name: asked[name] for name in ("XResolution", "YResolution", "Width", "Height", "ColorMode")} == {
            "XResolution": "600",  # 400 is not among its resolutions
            "YResolution": "600",
            "Width": "1500",
            "Height": "3507",  # no more than the glass has
            "ColorMode": "RGB24",
        }
        report = kit.client.get(f"/api/v1/screenings/{items(kit)[0]['id']}").json()
        assert report["capture"]["pages"][0]["frames"][0]["dpi"] == 600
        assert kit.scanner.deleted == []  # type: ignore[attr-defined]


def test_device_that_is_busy_for_a_while_is_waited_for(tmp_path: Path) -> None:
    with escl_kit(tmp_path) as kit, attached(kit, tmp_path):
        kit.scanner.busy_posts, kit.scanner.busy_pages = 1, 2  # type: ignore[attr-defined]
        kit.arrive(1)
        wait_for(lambda: len(items(kit)) == 1)
        assert kit.status()["refused"] == 0


@pytest.mark.parametrize(
    ("change", "state", "code"),
    [
        ({"busy_posts": 10**6}, "busy", "scanner.busy"),
        ({"busy_pages": 10**6}, "busy", "scanner.hangs"),
        ({"page_status": 404}, "ready", "scanner.no_document"),
        ({"page_status": 410}, "ready", "scanner.no_document"),
        ({"page_status": 500}, "error", "scanner.strange_answer"),
        ({"slow_s": 30.0}, "busy", "scanner.hangs"),
        ({"location": "http://127.0.0.1:1/other/job"}, "ready", "scanner.no_document"),
        ({"location": ""}, "error", "scanner.strange_answer"),
    ],
)
def test_job_that_comes_to_nothing_is_told_and_the_next_one_works(
    tmp_path: Path, change: dict[str, object], state: str, code: str
) -> None:
    with escl_kit(tmp_path, scan_timeout_s=1.2, answer_s=1.0, interval_s=5.0) as kit, attached(kit, tmp_path):
        wait_for(lambda: kit.status()["state"] == "ready")
        before = {name: getattr(kit.scanner, name) for name in change}  # type: ignore[attr-defined]
        for name, value in change.items():
            setattr(kit.scanner, name, value)  # type: ignore[attr-defined]
        kit.scan()
        wait_for(lambda: kit.status()["refused"] == 1)
        told = kit.client.app.state.service.casework.store  # type: ignore[attr-defined]
        wait_for(lambda: any(f'"{code}"' in one.data for one in events_after(told, 0, 99)))
        assert items(kit) == []
        if "page_status" in change or "slow_s" in change:
            wait_for(lambda: kit.scanner.deleted)  # type: ignore[attr-defined]
        for name, value in before.items():
            setattr(kit.scanner, name, value)  # type: ignore[attr-defined]
        wait_for(lambda: kit.client.post("/api/v1/scanners/reader/scan").status_code == 202)
        wait_for(lambda: len(items(kit)) == 1)


@pytest.mark.parametrize(
    ("change", "source", "state", "code"),
    [
        ({"adf": "ScannerAdfJam"}, "Feeder", "jammed", "scanner.jammed"),
        ({"adf": "ScannerAdfMispick"}, "Feeder", "jammed", "scanner.jammed"),
        ({"adf": "ScannerAdfHatchOpen"}, "Feeder", "cover_open", "scanner.cover_open"),
        ({"adf": "ScannerAdfHatchOpen"}, "Platen", "cover_open", "scanner.cover_open"),
        ({"state": "Processing"}, "Platen", "busy", None),
        ({"state": "Testing"}, "Platen", "busy", "scanner.warming_up"),
        ({"state": "Stopped"}, "Platen", "error", "scanner.stopped"),
        ({"state": "Dreaming"}, "Platen", "error", "scanner.strange_answer"),
    ],
)
def test_state_of_the_device_is_shown(
    tmp_path: Path, change: dict[str, str], source: str, state: str, code: str | None
) -> None:
    with escl_kit(tmp_path, source=source) as kit, attached(kit, tmp_path):
        wait_for(lambda: kit.status()["state"] == "ready")
        for name, value in change.items():
            setattr(kit.scanner, name, value)  # type: ignore[attr-defined]
        wait_for(lambda: (kit.status()["state"], kit.status()["code"]) == (state, code))
        kit.scanner.state, kit.scanner.adf = "Idle", "ScannerAdfEmpty"  # type: ignore[attr-defined]
        wait_for(lambda: kit.status()["state"] == "ready")


def test_feeder_that_jams_is_no_matter_of_the_glass() -> None:
    status = (
        b'<s:ScannerStatus xmlns:s="x" xmlns:p="y"><p:State>Idle</p:State>'
        b"<s:AdfState>ScannerAdfJam</s:AdfState></s:ScannerStatus>"
    )
    assert parse_status(status, "Platen")[0] is ScannerState.READY
    assert parse_status(status, "Feeder")[0] is ScannerState.JAMMED


def test_loaded_feeder_is_scanned_by_itself_and_once(tmp_path: Path) -> None:
    with escl_kit(tmp_path, source="Feeder", auto=True) as kit, attached(kit, tmp_path):
        wait_for(lambda: kit.status()["state"] == "ready")
        kit.scanner.image = noise_page(3)  # type: ignore[attr-defined]
        kit.scanner.adf = "ScannerAdfLoaded"  # type: ignore[attr-defined]
        wait_for(lambda: len(items(kit)) == 1)
        time.sleep(0.4)
        assert len(items(kit)) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>a printer's page</html>",
        b'<!DOCTYPE x [<!ENTITY a "aaaa">]><ScannerCapabilities>&a;</ScannerCapabilities>',
        b"<ScannerCapabilities/>",
        "<ScannerCapabilities/>".encode("utf-16"),
        capabilities()[:-40],
        b"<ScannerCapabilities>" + b" " * (1 << 20) + b"</ScannerCapabilities>",
    ],
)
def test_what_is_no_description_of_a_scanner_is_refused(answer: bytes) -> None:
    with pytest.raises(ScannerError) as refused:
        parse_capabilities(answer)
    assert refused.value.code == "scanner.strange_answer"


def test_range_of_resolutions_and_a_missing_source() -> None:
    text = capabilities().replace(b"Adf", b"Xdf")
    start, end = text.index(b"<scan:DiscreteResolutions>"), text.index(b"</scan:DiscreteResolutions>") + 27
    spread = (
        b"<scan:ResolutionRange><scan:XResolutionRange><scan:Min>75</scan:Min><scan:Max>350</scan:Max>"
        b"</scan:XResolutionRange></scan:ResolutionRange>"
    )
    able = parse_capabilities(text[:start] + spread + text[end:])
    assert scan_settings(able, "Platen", 400, 100, 100)[1] == 350
    with pytest.raises(ScannerError) as refused:
        scan_settings(able, "Feeder", 400, 100, 100)
    assert refused.value.code == "scanner.no_source"


@pytest.mark.parametrize("url", ["ftp://s/eSCL", "scanner", "http://user:word@s/eSCL", "http:///eSCL", "file:///x"])
def test_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(ScannerConfig).validate_python({"driver": "escl", "name": "s", "desk": "d", "url": url})


def test_scanner_cannot_send_the_service_elsewhere(tmp_path: Path) -> None:
    """The host of a job's address is not taken: the other scanner is never asked."""
    with running_scanner(noise_page(2)) as other, escl_kit(tmp_path) as kit, attached(kit, tmp_path):
        kit.scanner.location = other.url + "/ScanJobs/{0}"  # type: ignore[attr-defined]
        kit.arrive(1)
        wait_for(lambda: len(items(kit)) == 1)
        assert other.requests == []
