"""A document series from its first captures to a finding's place beside it, by two people, with the real core."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="the browser driver is not installed")
sys.path.insert(0, str(Path(__file__).parent))

from browser_kit import IN_A_BROWSER, assert_accessible, drop, ready, shot
from playwright.sync_api import Page, expect
from service_process import Service, running

pytestmark = IN_A_BROWSER

CODE = "QVL-P-2-2024"
DAFEC = [sys.executable, "-m", "dafec.cli"]
PASSWORD = "tango river mango 5"
SLOW_MS = 240_000


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Seven drawn documents of one series, each of another holder."""
    folder = tmp_path_factory.mktemp("drawn")
    asked = ["--series", CODE, "--count", "7", "--scanner", "reader-b", "--seed", "11", "--workers", "1"]
    subprocess.run([*DAFEC, "specimens", *asked, "--out", str(folder)], check=True, capture_output=True, timeout=900)
    return sorted(path.parent for path in folder.glob("*/truth.json"))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, dict[str, str]]]:
    """A locked service with the real core, and the one-time passwords of two examiners."""
    data = tmp_path_factory.mktemp("enrolment") / "data"
    once = {}
    for name, role in (("boss", "administrator"), ("amal", "examiner"), ("basim", "examiner")):
        said = subprocess.run(
            [*DAFEC, "users", "add", name, "--role", role, "--data", str(data), "--json"],
            check=True,
            capture_output=True,
            text=True,
            timeout=300,
        ).stdout
        once[name] = json.loads(said.splitlines()[-1])["one_time_password"]
    command = [*DAFEC, "serve", "--port", "0", "--data", str(data)]
    with running(data, command, DAFEC_SERVICE_SECOND_FACTOR="optional") as started:
        yield started, once


def log_in(page: Page, url: str, name: str, once: str) -> None:
    """The first login: with the one-time password, then with an own one."""
    page.goto(f"{url}/login")
    page.fill("[name=name]", name)
    page.fill("[name=password]", once)
    page.click("form.sheet button")
    page.wait_for_url("**/account", timeout=SLOW_MS)
    page.fill("form[data-action$=password] [name=present]", once)
    page.fill("[name=new]", PASSWORD)
    page.click("form[data-action$=password] button")
    expect(page.locator(".about")).to_be_visible(timeout=SLOW_MS)


def screen(page: Page, url: str, capture: Path) -> str:
    """Drops the pictures of a capture on the desk's page; gives the screening's id."""
    page.goto(url)
    ready(page)
    files = {light.stem: light.read_bytes() for light in capture.iterdir() if light.stem in ("visible", "ir", "uv")}
    drop(page, **files)
    page.wait_for_url("**/screenings/*", timeout=SLOW_MS)
    ready(page)
    return page.url.rsplit("/", 1)[-1]


def report_of(page: Page, url: str, name: str) -> dict:  # type: ignore[type-arg]
    return page.request.get(f"{url}/api/v1/screenings/{name}").json()  # type: ignore[no-any-return]


def test_a_series_is_learned_silent_approved_by_another_and_then_compared(
    service: tuple[Service, dict[str, str]], captures: list[Path], open_page: Callable[..., Page]
) -> None:
    once, url = service[1], service[0].url
    amal = open_page(f"{url}/login", wait=False)
    amal.set_default_timeout(SLOW_MS)
    log_in(amal, url, "amal", once["amal"])
    learned = [screen(amal, url, capture) for capture in captures[:5]]

    amal.goto(f"{url}/references")
    ready(amal)
    for name in learned:
        amal.locator(f"input[value='{name}']").check()
    amal.fill("input[name=code]", CODE)
    amal.fill("input[name=note]", "drawn for tests")
    amal.click("#learn")
    expect(amal.locator("#learning")).to_be_visible()
    shot(amal, "enrol-learning")
    amal.wait_for_url(f"**/references/{CODE}", timeout=SLOW_MS)
    ready(amal)
    expect(amal.locator(".state")).to_have_text("Silent")
    expect(amal.locator(".previews img")).to_have_count(3)
    amal.wait_for_function("document.querySelector('.previews img').naturalWidth > 600")
    expect(amal.locator(".notice").last).to_contain_text("Somebody else has to approve it")
    expect(amal.locator(".decide.primary")).to_have_count(0)
    shot(amal, "enrol-silent")
    assert_accessible(amal)

    silent = report_of(amal, url, screen(amal, url, captures[5]))
    assert silent["document"]["series"] == CODE  # it is known, and what it says is logged and does not count
    own = {check["id"] for check in silent["checks"]} - {"IR-AB-MR", "UV-BR-MR"}
    assert any(re.match(r"(VIS|IR|UV)-", name) for name in own)

    basim = open_page(f"{url}/login", "ar", "dark", wait=False)
    basim.set_default_timeout(SLOW_MS)
    log_in(basim, url, "basim", once["basim"])
    basim.goto(f"{url}/references/{CODE}")
    ready(basim)
    basim.locator(".decide.primary").click()
    expect(basim.locator(".state")).to_have_class("state approved")
    shot(basim, "enrol-approved")
    assert_accessible(basim)

    after = report_of(basim, url, screen(basim, url, captures[6]))
    assert after["document"]["series"] == CODE
    assert "unknown_series" not in after["verdict"]["notes"]
