"""Logging in for the first time, in a real Chromium: password, authenticator, users, desks, and out again."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pyotp
import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="the browser driver is not installed")
sys.path.insert(0, str(Path(__file__).parents[1] / "api"))

from axe_playwright_python.sync_playwright import Axe  # noqa: E402
from playwright.sync_api import Page, expect, sync_playwright  # noqa: E402
from service_process import FAKE, Service  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
NEW = "tango river mango 5"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed"),
]


@pytest.fixture
def first_start(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Address of a locked service, and the one-time password it printed."""
    service = Service([*FAKE, "0", str(tmp_path / "data")], {"DAFEC_SERVICE_ACCESS": "locked"})
    try:
        assert service.process.stdout is not None
        (once,) = re.findall(r"[a-z2-9]{5}(?:-[a-z2-9]{5}){3}", service.process.stdout.readline())
        yield service.url, once
    finally:
        service.process.kill()
        service.process.communicate(timeout=60)
        service.errors.close()


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--headless", "--no-sandbox", "--disable-gpu"])
        opened = browser.new_page()
        opened.set_default_timeout(60_000)
        yield opened
        browser.close()


def accessible(page: Page) -> None:
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_first_login_to_the_last(first_start: tuple[str, str], page: Page) -> None:
    url, once = first_start
    broken: list[str] = []
    page.on("pageerror", lambda error: broken.append(str(error)))
    page.goto(f"{url}/desks")
    assert page.url == f"{url}/login?then=/desks"
    accessible(page)
    page.fill("[name=name]", "administrator")
    page.fill("[name=password]", "wrong")
    page.click("form.sheet button")
    expect(page.locator("#failure [data-part=code]")).to_have_text("login.failed", timeout=60_000)
    page.fill("[name=password]", once)
    page.click("form.sheet button")
    page.wait_for_url("**/account")
    page.fill("form[data-action$=password] [name=present]", once)
    page.fill("[name=new]", NEW)
    page.click("form[data-action$=password] button")
    begin = "form[data-action$='second-factor'][data-method=POST]"
    page.fill(f"{begin} [name=present]", NEW)
    page.click(f"{begin} button")
    page.wait_for_selector("#factor-proposed svg")
    page.fill("[name=code]", pyotp.TOTP(page.inner_text("[data-value=secret]")).now())
    page.click("form[data-method=PUT][data-action$='second-factor'] button")
    expect(page.locator("#recovery li")).to_have_count(10, timeout=60_000)
    accessible(page)

    page.goto(f"{url}/users?lang=ar")
    page.fill("[name=name]", "ali")
    page.check("form[data-action='/api/v1/users'] [value=officer]")
    page.click("form[data-action='/api/v1/users'] button")
    page.wait_for_selector("#one-time:not([hidden])")
    assert re.fullmatch(r"[a-z2-9]{5}(?:-[a-z2-9]{5}){3}", page.inner_text("[data-value=one_time_password]"))
    page.click("#one-time a")
    expect(page.locator("h2", has_text="ali")).to_be_visible()
    assert page.evaluate("document.documentElement.dir") == "rtl"
    accessible(page)

    page.goto(f"{url}/desks?lang=en")
    page.fill("[name=name]", "Hall 2 / desk 4")
    page.click("form[data-action='/api/v1/desks'] button")
    page.wait_for_selector("#desk-key:not([hidden])")
    assert page.inner_text("[data-value=key]").startswith("dafec-desk.")
    page.click("#desk-key a")
    page.click("form[data-method=DELETE] button:has-text('Revoke')")
    expect(page.locator("td", has_text="revoked")).to_be_visible(timeout=60_000)
    accessible(page)

    page.click("form.who button")
    page.wait_for_url("**/login")
    page.goto(f"{url}/users")
    assert page.url == f"{url}/login?then=/users"
    assert broken == []
