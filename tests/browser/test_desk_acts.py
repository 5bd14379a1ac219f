"""The desk's decisions and what arrives by itself, in a real Chromium: refer, let pass, correct the read, events."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="the browser driver is not installed")
sys.path.insert(0, str(Path(__file__).parent))

import httpx2
from browser_kit import IN_A_BROWSER, assert_accessible, ready, screened, shot
from playwright.sync_api import Page, expect
from service_process import Service, running

pytestmark = IN_A_BROWSER


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("acts") / "data") as started:
        yield started


def test_what_is_captured_elsewhere_appears_by_itself_within_a_second(
    service: Service, open_page: Callable[..., Page]
) -> None:
    page = open_page(service.url)
    expect(page.locator("#drop")).to_be_visible()
    times = []
    for shade in (200, 201, 202):
        name = screened(service, shade)
        begun = time.monotonic()
        page.wait_for_url(f"**/screenings/{name}", wait_until="commit")
        expect(page.locator(".place[data-active]")).to_have_count(1)
        times.append(time.monotonic() - begun)
        ready(page)
    assert sorted(times)[1] < 1.0, times
    shot(page, "desk-arrived")


def test_one_key_refers_what_the_machine_wants_referred(service: Service, open_page: Callable[..., Page]) -> None:
    name = screened(service, 150)
    page = open_page(f"{service.url}/screenings/{name}")
    page.keyboard.press("r")
    expect(page.locator("#decided")).to_contain_text("Referred with its pictures")
    case = httpx2.get(f"{service.url}/api/v1/cases/{name}", timeout=60).json()["case"]
    assert (case["origin"], case["reason"]) == ("referred", "machine")
    page.reload()
    ready(page)
    expect(page.locator("#decided")).to_contain_text("Referred with its pictures")


@pytest.mark.parametrize(("language", "theme"), [("en", "light"), ("ar", "dark")])
def test_letting_pass_asks_for_one_of_few_reasons_by_key(
    service: Service, open_page: Callable[..., Page], language: str, theme: str
) -> None:
    page = open_page(f"{service.url}/screenings/{screened(service, 151)}", language, theme)
    page.keyboard.press("p")
    dialog = page.locator("#reason-dialog")
    expect(dialog).to_be_visible()
    expect(dialog.locator(".choices:visible button")).to_have_count(4)
    shot(page, f"desk-reasons-{language}-{theme}")
    assert_accessible(page)
    page.keyboard.press("Escape")
    expect(page.locator("#decided")).to_have_text("")  # nothing was decided
    page.keyboard.press("p")
    page.keyboard.press("2")
    expect(dialog).to_be_hidden()
    expect(page.locator("#decided")).not_to_have_text("")


def test_referring_against_a_clear_verdict_asks_for_as_many_reasons(
    tmp_path: Path, open_page: Callable[..., Page]
) -> None:
    with running(tmp_path / "data", FAKE_LEVEL="no_anomaly") as own:
        name = screened(own)
        page = open_page(f"{own.url}/screenings/{name}")
        expect(page.locator("#let-pass")).to_have_count(0)
        page.keyboard.press("r")
        expect(page.locator(".choices:visible button")).to_have_count(4)
        page.keyboard.press("3")
        expect(page.locator("#decided")).to_contain_text("Referred")
        assert httpx2.get(f"{own.url}/api/v1/cases/{name}", timeout=60).json()["case"]["reason"] == "behaviour"


def test_a_corrected_read_is_checked_again_and_said_to_be_the_officers(
    service: Service, open_page: Callable[..., Page]
) -> None:
    page = open_page(f"{service.url}/screenings/{screened(service, 152)}")
    page.keyboard.press("c")
    expect(page.locator(".zone-line")).to_have_count(2)
    expect(page.locator(".zone-line").first).to_have_attribute("dir", "ltr")
    assert_accessible(page)
    page.locator(".zone-line").nth(0).fill("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<")
    page.locator(".zone-line").nth(1).fill("L898902C36UTO7408122F1204159ZE184226B<<<<<10")
    shot(page, "desk-correct")
    page.keyboard.press("Enter")
    expect(page.locator("#corrected")).to_contain_text("Typed from the document; in order by the rules")
    expect(page.locator(".lines")).to_contain_text("L898902C36UTO")
    expect(page.locator("#machine-read")).to_contain_text("X12345678")  # the machine's read stays
    expect(page.locator(".place[data-active]")).to_contain_text("Look")  # screened again by what was typed
    ready(page)
    shot(page, "desk-corrected")
    assert_accessible(page)
    page.locator("#corrected a").click()
    expect(page.locator(".place[data-active]")).to_contain_text("Refer")  # and so does the first report
    expect(page.locator(".lines")).to_contain_text("X12345678")


def test_a_lost_service_is_told_at_the_desk(tmp_path: Path, open_page: Callable[..., Page]) -> None:
    with running(tmp_path / "data") as gone:
        page = open_page(gone.url)
        page.wait_for_timeout(500)
        gone.process.kill()
        gone.process.wait()
        expect(page.locator("#readers")).to_contain_text("No connection to DAFEC", timeout=20_000)
        shot(page, "desk-gone")
