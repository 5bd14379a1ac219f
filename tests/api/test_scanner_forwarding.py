"""A desk that goes on while the centre is away, and delivers later, in order, once: two real services on loopback."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from servers import free_port
from service_fakes import noise_page
from service_process import FAKE, Service, running

from api.scanners.forwarding import Centre, Forwarder
from api.security.desks import Desks
from api.security.tables import tables_of
from api.settings import load_settings
from api.store import Store
from dafec.errors import InstallationError, UsageError

POST = "/api/v1/screenings"


def wait_for(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
    return value


class Site:
    """A desk with a service of its own, and a centre that may be away."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with closing(Store(folder / "centre")) as store:
            made = Desks(tables_of(store)).create("Desk 9")
        self.desk_id = made.id
        (folder / "desk.key").write_text(made.key + "\n")
        self.port = free_port()

    @contextmanager
    def centre(self, **environment: str) -> Iterator[Service]:
        with running(
            self.folder / "centre", [*FAKE, str(self.port), str(self.folder / "centre")], **environment
        ) as one:
            yield one

    @contextmanager
    def desk(self) -> Iterator[Service]:
        where = {
            "DAFEC_SERVICE_CENTRE": f"http://127.0.0.1:{self.port}",
            "DAFEC_SERVICE_CENTRE_KEY": str(self.folder / "desk.key"),
        }
        with running(self.folder / "desk", **where) as one:
            yield one

    def images(self, service: Service) -> list[str]:
        """Digests of what a service has, in the order it was kept."""
        found: list[str] = []
        after = None
        while True:
            page = httpx2.get(service.url + POST, params={"after": after} if after else {}, timeout=20).json()
            for item in page["items"]:
                report = httpx2.get(f"{service.url}{POST}/{item['id']}", timeout=20).json()
                found.append(report["capture"]["pages"][0]["frames"][0]["sha256"])
            after = page["next"]
            if after is None:
                return found[::-1]


def screen(service: Service, number: int) -> None:
    answer = httpx2.post(service.url + POST, files={"visible": ("v", noise_page(number))}, timeout=20)
    assert answer.status_code == 201


def test_desk_goes_on_without_the_centre_and_delivers_in_order_and_once(tmp_path: Path) -> None:
    site = Site(tmp_path)
    with site.desk() as desk:
        for number in range(4):
            screen(desk, number)
        assert httpx2.get(desk.url + "/readyz").status_code == 200
        assert "dafec_forwarding_due 4.0" in httpx2.get(desk.url + "/metrics").text
        desk.end(signal.SIGKILL)
    with site.centre() as centre, site.desk() as desk:
        wait_for(lambda: len(site.images(centre)) == 4)
        screen(desk, 4)
        card = {"visible": noise_page(50), "visible-2": noise_page(51)}  # both sides
        answer = httpx2.post(desk.url + POST, files={name: (name, data) for name, data in card.items()}, timeout=20)
        assert answer.status_code == 201
        wait_for(lambda: len(site.images(centre)) == 6)
        assert site.images(centre) == site.images(desk)
        newest = httpx2.get(centre.url + POST).json()["items"][0]["id"]
        assert len(httpx2.get(f"{centre.url}{POST}/{newest}").json()["capture"]["pages"]) == 2
        wait_for(lambda: "dafec_forwarding_due 0.0" in httpx2.get(desk.url + "/metrics").text)
        listed = httpx2.get(centre.url + POST).json()["items"]
        assert {item["origin"] for item in listed} == {"recorded"}  # what a browser sent is not said to be live
    with closing(Store(tmp_path / "centre")) as store:
        assert {store.get(item["id"]).desk for item in listed} == {site.desk_id}  # type: ignore[union-attr]


def test_delivery_whose_answer_was_lost_is_no_second_document(tmp_path: Path) -> None:
    """The desk is killed again and again while it delivers to a slow centre; what it noted may be behind."""
    site = Site(tmp_path)
    with site.desk() as desk:
        for number in range(6):
            screen(desk, number)
    with site.centre(FAKE_SECONDS="0.3") as centre:
        for _ in range(4):
            with site.desk() as desk:
                time.sleep(0.8)
                desk.end(signal.SIGKILL)
        (tmp_path / "desk" / "forwarding.json").unlink()  # as if nothing had ever been noted
        with site.desk() as desk:
            wait_for(lambda: "dafec_forwarding_due 0.0" in httpx2.get(desk.url + "/metrics").text)
            assert site.images(centre) == site.images(desk)
            assert len(site.images(centre)) == 6


def test_what_the_centre_refuses_holds_up_nothing(tmp_path: Path) -> None:
    site = Site(tmp_path)
    with site.centre(DAFEC_SERVICE_MAX_REQUEST_BYTES="62000") as centre, site.desk() as desk:
        screen(desk, 1)
        big = httpx2.post(
            desk.url + POST, files={"visible": ("v", noise_page(2)), "ir": ("i", noise_page(3))}, timeout=20
        )
        assert big.status_code == 201
        if len(noise_page(2)) + len(noise_page(3)) < 62000:
            pytest.fail("the limit refuses nothing")
        screen(desk, 4)
        wait_for(lambda: "dafec_forwarding_refused 1.0" in httpx2.get(desk.url + "/metrics").text)
        wait_for(lambda: "dafec_forwarding_due 0.0" in httpx2.get(desk.url + "/metrics").text)
        assert len(site.images(centre)) == len(site.images(desk)) - 1


def test_key_that_opens_nothing_loses_nothing(tmp_path: Path) -> None:
    site = Site(tmp_path)
    key = (tmp_path / "desk.key").read_text()
    (tmp_path / "desk.key").write_text(key[:-5] + "AAAA\n")
    with site.centre() as centre:
        with site.desk() as desk:
            screen(desk, 1)
            wait_for(lambda: "not_delivered" in desk.said())
            assert "dafec_forwarding_due 1.0" in httpx2.get(desk.url + "/metrics").text
            assert key.strip()[-10:] not in desk.said()
        (tmp_path / "desk.key").write_text(key)
        with site.desk():
            wait_for(lambda: len(site.images(centre)) == 1)


@pytest.mark.parametrize("url", ["centre", "ftp://centre", "https://user:word@centre", "https://centre/?x=1"])
def test_address_that_is_none_is_refused(tmp_path: Path, url: str) -> None:
    with closing(Store(tmp_path / "data")) as store, pytest.raises(UsageError) as refused:
        Forwarder(store, tmp_path, Centre(url, tmp_path / "key"))
    assert refused.value.code == "forwarding.bad_url"
    with pytest.raises(UsageError) as refused:
        load_settings(centre="https://centre")
    assert refused.value.code == "forwarding.key_needed"


def test_progress_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "forwarding.json").write_text(json.dumps({"numbers": 3}))
    with closing(Store(tmp_path / "data")) as store, pytest.raises(InstallationError) as refused:
        Forwarder(store, tmp_path, Centre("https://centre", tmp_path / "key"))
    assert refused.value.code == "forwarding.progress_damaged"
