"""Every driver with a device behind it, for the tests that hold for all of them: what arrives, breaks and is mended."""

from __future__ import annotations

import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from escl_server import running_scanner
from fastapi.testclient import TestClient
from service_fakes import FakeScreener, noise_page

from api.app import create_app
from api.security.desks import Desks
from api.security.tables import tables_of
from api.settings import Settings
from api.store import Store

DESK = "desk-1"
KINDS = ("push", "folder", "sane", "escl")
STATES = {"ready", "busy", "unplugged", "jammed", "cover_open", "lamp_weak", "error"}


class Kit:
    """One driver and its device."""

    def __init__(self, kind: str, config: dict[str, Any]) -> None:
        self.kind = kind
        self.config = {"name": "reader", "driver": kind, "desk": DESK, "interval_s": 0.05, **config}
        self.client: TestClient = None  # type: ignore[assignment]
        self.arrive: Callable[[int], None]
        self.arrive_bad: Callable[[], None]
        self.lose: Callable[[], None]
        self.mend: Callable[[], None]

    def status(self, name: str = "reader") -> dict[str, Any]:
        return next(one for one in self.client.get("/api/v1/scanners").json()["items"] if one["name"] == name)

    def scan(self) -> None:
        """Asks for a scan as soon as the scanner takes it."""
        wait_for(lambda: self.client.post("/api/v1/scanners/reader/scan").status_code == 202)


def wait_for(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    """The first true value of the condition."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.03)
    return value


@contextmanager
def attached(kit: Kit, folder: Path, screener: FakeScreener | None = None, **settings: Any) -> Iterator[Kit]:
    """A service with the kit's scanner, and with further ones."""
    others = settings.pop("others", [])
    chosen = Settings(data=folder / "data", min_free_bytes=0, scanners=[kit.config, *others], **settings)
    core = screener or FakeScreener()
    app = create_app(chosen, lambda _: core)
    with TestClient(app, base_url="http://localhost:8000", raise_server_exceptions=False) as client:
        kit.client = client
        yield kit


@contextmanager
def kit_of(kind: str, folder: Path) -> Iterator[Kit]:
    """A kit of that driver, with its device running."""
    maker = {"push": push_kit, "folder": folder_kit, "sane": sane_kit, "escl": escl_kit}[kind]
    with maker(folder) as kit:
        yield kit


@contextmanager
def folder_kit(folder: Path, **config: Any) -> Iterator[Kit]:
    watched = folder / "watched"
    watched.mkdir()
    away = folder / "away"
    kit = Kit("folder", {"folder": str(watched), "settle_s": 0.1, "set_timeout_s": 0.3, "patience_s": 0.2, **config})
    kit.arrive = lambda number: write_whole(watched / f"{number}-visible.png", noise_page(number))
    kit.arrive_bad = lambda: write_whole(watched / "bad-visible.png", b"this is no image")
    kit.lose = lambda: (watched.rename(away), None)[1]
    kit.mend = lambda: (away.rename(watched), None)[1]
    yield kit


def write_whole(path: Path, data: bytes) -> None:
    path.write_bytes(data)


#: Runs the real scanimage, but for what the file beside it asks for: a device that is not there, or no image.
_WRAPPER = """#!/bin/sh
case "$(cat {folder}/asked)" in
    gone) exec scanimage --device-name nosuch --dont-scan ;;
    bad) case "$*" in *--dont-scan*) exit 0 ;; *) echo "this is no image"; exit 0 ;; esac ;;
    fault:*) case "$*" in *--dont-scan*) exec scanimage "$@" ;; esac
        exec scanimage "$@" --read-return-value="$(cut -d: -f2 {folder}/asked)" ;;
    hang) exec sleep 600 ;;
    *) exec scanimage "$@" ;;
esac
"""


@contextmanager
def sane_kit(folder: Path, **config: Any) -> Iterator[Kit]:
    if shutil.which("scanimage") is None:
        pytest.skip("sane-utils is not installed")
    program = folder / "scanimage"
    program.write_text(_WRAPPER.format(folder=folder))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    asked = folder / "asked"
    asked.write_text("nothing")
    options = ("--test-picture", "Color pattern", "-x", "20", "-y", "15")
    given = {"device": "test", "program": str(program), "resolution": 100, "options": options, **config}
    kit = Kit("sane", given)
    kit.arrive = lambda _: (asked.write_text("nothing"), kit.scan())[1]
    kit.arrive_bad = lambda: (asked.write_text("bad"), kit.scan())[1]
    kit.lose = lambda: (asked.write_text("gone"), None)[1]
    kit.mend = lambda: (asked.write_text("nothing"), None)[1]
    yield kit


@contextmanager
def escl_kit(folder: Path, **config: Any) -> Iterator[Kit]:
    with running_scanner(noise_page(1)) as scanner:
        kit = Kit("escl", {"url": scanner.url, "answer_s": 2, **config})
        kit.scanner = scanner  # type: ignore[attr-defined]

        def arrive(number: int) -> None:
            scanner.image = noise_page(number)
            kit.scan()

        def arrive_bad() -> None:
            scanner.image = b"this is no image"
            kit.scan()

        kit.arrive, kit.arrive_bad = arrive, arrive_bad
        url = scanner.RequestHandlerClass
        kit.lose = lambda: setattr(scanner, "RequestHandlerClass", _Deaf)
        kit.mend = lambda: setattr(scanner, "RequestHandlerClass", url)
        yield kit


class _Deaf:
    """Takes the connection and ends it without a word."""

    def __init__(self, request: Any, *_: object) -> None:
        request.close()


@contextmanager
def push_kit(folder: Path) -> Iterator[Kit]:
    with closing(Store(Settings(data=folder / "data").store_places())) as store:
        key = Desks(tables_of(store)).create("Desk 1").key
    kit = Kit("push", {"silent_after_s": 4.0, "desk": "Desk 1"})

    def post(data: bytes) -> None:
        kit.client.post("/api/v1/screenings", files={"visible": ("v", data)}, headers=desk_headers(key))

    kit.arrive = lambda number: post(noise_page(number))
    kit.arrive_bad = lambda: post(b"this is no image")
    kit.lose = lambda: None  # its silence is enough
    kit.mend = lambda: post(noise_page(4711))
    kit.key = key  # type: ignore[attr-defined]
    yield kit


def desk_headers(key: str, **others: str) -> dict[str, str]:
    """What a desk's program sends beside the images."""
    fresh = {"DAFEC-Time": str(int(time.time())), "DAFEC-Nonce": secrets.token_hex(16)}
    return {"Authorization": f"Bearer {key}", **fresh, **others}
