"""The service with the real core: the installed command, the sample documents, and what a kill leaves."""

from __future__ import annotations

import json
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from service_process import Service, running

from dafec.report import parse_report

SAMPLES = Path(__file__).parents[2] / "sample_docs"
COMMAND = shutil.which("dafec", path=str(Path(sys.executable).parent))
POST = "/api/v1/screenings"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(COMMAND is None, reason="the dafec command is not installed beside this interpreter"),
]


def command(data: Path) -> list[str]:
    assert COMMAND is not None
    return [COMMAND, "serve", "--port", "0", "--data", str(data)]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    data = tmp_path_factory.mktemp("real") / "data"
    with running(data, command(data), DAFEC_SERVICE_MIN_FREE_BYTES="0") as started:
        yield started


def images(sample: Path) -> dict[str, tuple[str, bytes]]:
    if sample.is_file():
        return {"visible": (sample.name, sample.read_bytes())}
    return {file.stem: (file.name, file.read_bytes()) for file in sorted(sample.glob("*.jpg"))}


@pytest.mark.parametrize(
    "sample", json.loads((SAMPLES / "manifest.json").read_text())["samples"], ids=lambda s: s["id"]
)
def test_sample_document_is_screened_kept_and_shown(service: Service, sample: dict[str, object]) -> None:
    answer = httpx2.post(service.url + POST, files=images(SAMPLES / str(sample["path"])), timeout=60)
    assert answer.status_code == 201, answer.text
    report = parse_report(answer.content)
    assert report.mrz.lines == sample["mrz"]
    assert len(report.capture.pages) == (2 if sample["id"] == "td1-both-sides" else 1)
    must_fail = {str(check) for check in sample["must_fail"]} - {"MRZ-expiry"}  # type: ignore[attr-defined]
    assert report.verdict.level == "refer" or not must_fail
    assert report.verdict.level != "refer" or sample["forged"]
    assert httpx2.get(service.url + answer.headers["location"]).content == answer.content
    for language in ("en", "ar"):
        page = httpx2.get(f"{service.url}/screenings/{report.id}?lang={language}")
        assert page.status_code == 200
        assert page.text.count("data-active") == 1
    for check_id in report.verdict.reasons:
        check = next(check for check in report.checks if check.id == check_id)
        crop = httpx2.get(f"{service.url}{answer.headers['location']}/checks/{check_id}/image")
        assert crop.status_code == (200 if check.region_mm else 404)


def test_acknowledged_report_survives_kill(tmp_path: Path) -> None:
    data = tmp_path / "data"
    sample = images(SAMPLES / "td3-forged-birth")
    with running(data, command(data), DAFEC_SERVICE_MIN_FREE_BYTES="0") as first:
        answer = httpx2.post(first.url + POST, files=sample, timeout=60)
        assert answer.status_code == 201
        first.end(signal.SIGKILL)
    with running(data, command(data), DAFEC_SERVICE_MIN_FREE_BYTES="0") as second:
        assert httpx2.get(second.url + answer.headers["location"]).content == answer.content
        original = httpx2.get(f"{second.url}{answer.headers['location']}/images/0/uv", params={"form": "original"})
        assert original.content == sample["uv"][1]
