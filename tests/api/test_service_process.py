"""The service as a process: killed, stopped, started twice, refused."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest
from service_fakes import noise_page
from service_process import FAKE, running

POST = "/api/v1/screenings"


def test_acknowledged_reports_survive_kill(tmp_path: Path) -> None:
    acknowledged: dict[str, tuple[bytes, bytes]] = {}
    with running(tmp_path / "data", FAKE_SECONDS="0.02") as service:

        def post_until_dead(caller: int) -> None:
            with httpx2.Client(base_url=service.url, timeout=20) as client:
                for number in range(1000):
                    image = noise_page(caller * 1000 + number)
                    try:
                        answer = client.post(POST, files={"visible": ("v", image)})
                    except httpx2.HTTPError:
                        return
                    if answer.status_code == 201:
                        acknowledged[answer.headers["location"]] = (answer.content, image)
                    if len(acknowledged) == 25:
                        service.process.kill()

        with ThreadPoolExecutor(4) as callers:
            list(callers.map(post_until_dead, range(4)))
        assert service.process.wait(20) == -signal.SIGKILL
    assert len(acknowledged) >= 25
    with running(tmp_path / "data") as service, httpx2.Client(base_url=service.url, timeout=20) as client:
        for location, (report, image) in acknowledged.items():
            assert client.get(location).content == report
            assert client.get(f"{location}/images/0/visible", params={"form": "original"}).content == image


def test_term_signal_finishes_what_was_begun(tmp_path: Path) -> None:
    with (
        running(tmp_path / "data", FAKE_SECONDS="1.5") as service,
        ThreadPoolExecutor(1) as caller,
        httpx2.Client(base_url=service.url, timeout=20) as client,
    ):
        begun = caller.submit(client.post, POST, files={"visible": ("v", noise_page(1))})
        with pytest.raises(httpx2.TimeoutException):  # long enough for the first post to be inside
            httpx2.post(service.url + POST, files={"visible": ("v", noise_page(2))}, timeout=0.7)
        status, errors = service.end(signal.SIGTERM)
        assert begun.result(20).status_code == 201
    assert status in (0, -signal.SIGTERM)
    assert "Traceback" not in errors
    with running(tmp_path / "data") as service:
        assert len(httpx2.get(service.url + POST).json()["items"]) == 2


def test_taken_port_is_told_before_anything_is_written(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = subprocess.run(
            [*FAKE, str(port), str(tmp_path / "data")], capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 2
    assert "serve.port_taken" in done.stderr
    assert not (tmp_path / "data").exists()


def test_data_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    done = subprocess.run([*FAKE, "0", str(tmp_path / "data")], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 4
    assert "store.not_writable" in done.stderr
    assert "Traceback" not in done.stderr


def test_second_service_on_one_folder_is_refused(tmp_path: Path) -> None:
    with running(tmp_path / "data"):
        done = subprocess.run(
            [*FAKE, "0", str(tmp_path / "data")], capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 2
    assert "store.in_use" in done.stderr


def test_refused_upload_gets_its_answer_over_a_real_connection(tmp_path: Path) -> None:
    with running(tmp_path / "data", DAFEC_SERVICE_MAX_REQUEST_BYTES="100000") as service:
        answer = httpx2.post(service.url + POST, files={"visible": ("v", bytes(8_000_000))}, timeout=20)
        assert (answer.status_code, answer.json()["code"]) == (413, "upload.too_large")
        assert httpx2.get(service.url + "/readyz").status_code == 200


def test_caller_that_goes_away_while_sending_does_no_harm(tmp_path: Path) -> None:
    with running(tmp_path / "data") as service:
        host, port = service.url.removeprefix("http://").split(":")
        for _ in range(5):
            with socket.create_connection((host, int(port))) as caller:
                caller.sendall(
                    f"POST {POST} HTTP/1.1\r\nHost: {host}\r\nContent-Type: multipart/form-data; boundary=b\r\n"
                    "Content-Length: 100000\r\n\r\n--b\r\n".encode()
                )
        assert httpx2.get(service.url + "/readyz").status_code == 200
        _, errors = service.end(signal.SIGTERM)
    assert "Traceback" not in errors


def answer_of(service_url: str, request: bytes) -> tuple[bytes, dict[str, object]]:
    """Head and body of the answer to bytes after which nothing more is sent."""
    host, port = service_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as caller:
        caller.sendall(request)
        said = b""
        while chunk := caller.recv(65536):
            said += chunk
            head, _, body = said.partition(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", head)
            if length and len(body) >= int(length[1]):
                break
    return head, json.loads(body)


def test_refused_upload_whose_client_stalls_is_answered(tmp_path: Path) -> None:
    with running(tmp_path / "data") as service:
        begun = f"POST {POST} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 900\r\n\r\nx"
        head, body = answer_of(service.url, begun.encode())
    assert head.startswith(b"HTTP/1.1 415")
    assert body["code"] == "upload.wrong_media_type"


def test_request_without_host_gets_the_one_error_body(tmp_path: Path) -> None:
    with running(tmp_path / "data") as service:
        head, body = answer_of(service.url, b"GET /healthz HTTP/1.1\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert b"application/json" in head
    assert set(body) == {"code", "message", "remedy", "details"}
