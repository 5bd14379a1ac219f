"""SANE by the real ``scanimage`` and its ``test`` backend: images, every fault it can return, and devices that hang."""

from __future__ import annotations

import io
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from PIL import Image
from pydantic import TypeAdapter, ValidationError
from scanner_kits import attached, sane_kit, wait_for
from service_fakes import noise_page

from api.scanners.config import ScannerConfig

pytestmark = pytest.mark.skipif(shutil.which("scanimage") is None, reason="sane-utils is not installed")


def test_scan_is_the_image_the_device_gives_at_its_resolution(tmp_path: Path) -> None:
    options = ["--test-picture", "Color pattern", "-x", "40", "-y", "30"]
    with sane_kit(tmp_path, options=options, resolution=300) as kit, attached(kit, tmp_path):
        kit.arrive(1)
        item = wait_for(lambda: kit.client.get("/api/v1/screenings").json()["items"])[0]
        data = kit.client.get(f"/api/v1/screenings/{item['id']}/images/0/visible", params={"form": "original"}).content
        report = kit.client.get(f"/api/v1/screenings/{item['id']}").json()
    direct = subprocess.run(
        ["scanimage", "-d", "test", "--format=png", "--mode", "Color", "--resolution", "300", *options],
        capture_output=True,
        check=True,
    ).stdout
    mine, theirs = Image.open(io.BytesIO(data)), Image.open(io.BytesIO(direct))
    assert mine.size == theirs.size
    assert mine.mode == "RGB"
    assert mine.tobytes() == theirs.tobytes()
    assert report["capture"]["pages"][0]["frames"][0]["dpi"] == 300
    assert item["origin"] == "live"


def test_lights_are_scanned_each_with_its_own_options(tmp_path: Path) -> None:
    lights = {"visible": ["--mode", "Color"], "ir": ["--mode", "Gray"]}
    with sane_kit(tmp_path, lights=lights) as kit, attached(kit, tmp_path):
        kit.arrive(1)
        item = wait_for(lambda: kit.client.get("/api/v1/screenings").json()["items"])[0]
        assert item["lights"] == ["visible", "ir"]
        url = f"/api/v1/screenings/{item['id']}/images/0/"
        modes = {
            light: Image.open(io.BytesIO(kit.client.get(url + light, params={"form": "original"}).content)).mode
            for light in lights
        }
    assert modes == {"visible": "RGB", "ir": "L"}


def test_both_sides_come_from_a_feeder_in_one_run_a_light(tmp_path: Path) -> None:
    """The real program and the test backend's feeder, whose sheets all bear the same picture."""
    lights = {"visible": ["--mode", "Color"], "ir": ["--mode", "Gray"]}
    options = ["--source", "Automatic Document Feeder", "--test-picture", "Color pattern", "-x", "40", "-y", "30"]
    before = set(Path("/dev/shm").glob("dafec-sane-*")) if Path("/dev/shm").is_dir() else set()
    with sane_kit(tmp_path, lights=lights, options=options, sides=2) as kit, attached(kit, tmp_path):
        wait_for(lambda: kit.status()["state"] == "ready")
        kit.scan()
        # both sides of the test picture are the very same image, which no document has
        wait_for(lambda: kit.status()["refused"] == 1)
        assert kit.client.get("/api/v1/screenings").json()["items"] == []
    assert not Path("/dev/shm").is_dir() or set(Path("/dev/shm").glob("dafec-sane-*")) <= before


def test_sides_of_a_feeder_are_pages_of_one_document(tmp_path: Path) -> None:
    with sane_kit(tmp_path, sides=2, program=str(two_sided(tmp_path))) as kit, attached(kit, tmp_path):
        wait_for(lambda: kit.status()["state"] == "ready")
        kit.scan()
        item = wait_for(lambda: kit.client.get("/api/v1/screenings").json()["items"])[0]
        url = f"/api/v1/screenings/{item['id']}/images"
        for page in range(2):
            data = kit.client.get(f"{url}/{page}/visible", params={"form": "original"}).content
            assert data == noise_page(page + 1)


def test_feeder_that_gave_one_side_only_is_told(tmp_path: Path) -> None:
    with sane_kit(tmp_path, sides=2, program=str(two_sided(tmp_path, gives=1))) as kit, attached(kit, tmp_path):
        wait_for(lambda: kit.status()["state"] == "ready")
        kit.scan()
        wait_for(lambda: kit.status()["refused"] == 1)
        assert kit.status()["code"] == "scanner.side_missing"
        assert kit.client.get("/api/v1/screenings").json()["items"] == []


def two_sided(folder: Path, gives: int = 2) -> Path:
    """A program that takes scanimage's options and feeds sheets with different sides, as no test device does."""
    for side in (1, 2):
        (folder / f"sheet-{side}.png").write_bytes(noise_page(side))
    program = folder / "feeder"
    program.write_text(
        "#!/bin/sh\n"
        'for word in "$@"; do case "$word" in --batch=*) target="${word#--batch=}";; esac; done\n'
        '[ -z "$target" ] && exit 0\n'
        f"for side in $(seq 1 {gives}); do\n"
        f'  cp "{folder}/sheet-$side.png" "$(printf "$target" "$side")"\n'
        "done\n"
        f"exit {0 if gives == 2 else 7}\n"
    )
    program.chmod(0o755)
    return program


@pytest.mark.parametrize(
    ("fault", "state", "code"),
    [
        ("SANE_STATUS_DEVICE_BUSY", "busy", "scanner.busy"),
        ("SANE_STATUS_JAMMED", "jammed", "scanner.jammed"),
        ("SANE_STATUS_NO_DOCS", "ready", "scanner.no_document"),
        ("SANE_STATUS_COVER_OPEN", "cover_open", "scanner.cover_open"),
        ("SANE_STATUS_IO_ERROR", "unplugged", "scanner.no_answer"),
        ("SANE_STATUS_ACCESS_DENIED", "error", "scanner.access_denied"),
        ("SANE_STATUS_INVAL", "error", "scanner.failed"),
        ("SANE_STATUS_UNSUPPORTED", "error", "scanner.failed"),
        ("SANE_STATUS_NO_MEM", "error", "scanner.failed"),
        ("SANE_STATUS_EOF", "error", "scanner.failed"),  # scanimage itself breaks down on it
    ],
)
def test_every_fault_of_the_device_is_a_state_and_no_image(tmp_path: Path, fault: str, state: str, code: str) -> None:
    """After a fault in the middle of a page scanimage has written the beginning of a PNG: it must not be taken."""
    with sane_kit(tmp_path) as kit, attached(kit, tmp_path):
        wait_for(lambda: kit.status()["state"] == "ready")
        (tmp_path / "asked").write_text(f"fault:{fault}")
        kit.scan()
        wait_for(lambda: kit.status()["refused"] == 1)
        if state == "busy":  # until a look finds that it can be opened
            wait_for(lambda: kit.status()["state"] == "ready")
        else:
            assert (kit.status()["state"], kit.status()["code"]) == (state, code)
            time.sleep(0.3)  # looks that find the device there do not hide the trouble
            assert kit.status()["code"] == code
        assert kit.client.get("/api/v1/screenings").json()["items"] == []
        (tmp_path / "asked").write_text("nothing")
        wait_for(lambda: kit.client.post("/api/v1/scanners/reader/scan").status_code == 202)
        wait_for(lambda: kit.status()["captures"] == 1)
        assert (kit.status()["state"], kit.status()["code"]) == ("ready", None)


def test_device_that_hangs_is_given_up_and_leaves_no_process(tmp_path: Path) -> None:
    with sane_kit(tmp_path, scan_timeout_s=0.5, probe_timeout_s=0.5) as kit, attached(kit, tmp_path):
        wait_for(lambda: kit.status()["state"] == "ready")
        (tmp_path / "asked").write_text("hang")
        wait_for(lambda: kit.status()["code"] == "scanner.hangs")
        (tmp_path / "asked").write_text("nothing")
        kit.arrive(1)
        wait_for(lambda: kit.status()["captures"] == 1)
    assert not [entry for entry in Path("/proc").iterdir() if entry.name.isdigit() and _hangs(entry)]


def _hangs(process: Path) -> bool:
    try:
        return (process / "cmdline").read_bytes() == b"sleep\x00600\x00"
    except OSError:
        return False


def test_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    with sane_kit(tmp_path, program="/nonexistent/scanimage") as kit, attached(kit, tmp_path):
        wait_for(lambda: kit.status()["code"] == "scanner.program_missing")
        assert kit.client.get("/readyz").status_code == 200


def test_more_than_an_image_may_have_is_not_taken(tmp_path: Path) -> None:
    options = ["--test-picture", "Grid", "-x", "150", "-y", "150"]
    with sane_kit(tmp_path, options=options) as kit, attached(kit, tmp_path, max_image_bytes=1024):
        wait_for(lambda: kit.status()["state"] == "ready")
        kit.scan()
        wait_for(lambda: kit.status()["refused"] == 1)
        assert kit.status()["code"] == "scanner.too_much"


def test_second_request_while_it_scans_is_told_to_wait(tmp_path: Path) -> None:
    slow = ["--read-delay", "--read-delay-duration", "100000", "-x", "60", "-y", "80"]
    with sane_kit(tmp_path, options=slow, resolution=200) as kit, attached(kit, tmp_path):
        wait_for(lambda: kit.status()["state"] == "ready")
        kit.scan()
        wait_for(lambda: kit.status()["state"] == "busy")
        answer = kit.client.post("/api/v1/scanners/reader/scan")
        assert (answer.status_code, answer.json()["code"]) == (409, "scanner.busy")
        assert kit.client.post("/api/v1/scanners/nobody/scan").status_code == 404


@pytest.mark.parametrize("device", ["--help", "-L", "", "a\nb", "a\0b"])
def test_device_name_cannot_be_taken_for_an_option(device: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(ScannerConfig).validate_python({"driver": "sane", "name": "s", "desk": "d", "device": device})
