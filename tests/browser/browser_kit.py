"""What every test in a browser needs: Chromium, pages that may reach nothing but the service, axe, screenshots."""

from __future__ import annotations

import base64
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "api"))

from service_fakes import draw_page
from service_process import Service

from benchmarks.pages import FLAGS as PLAIN_FLAGS
from benchmarks.pages import RULES

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SCREENSHOTS = Path(__file__).parent / "screenshots"
FLAGS = [
    *PLAIN_FLAGS,
    "--host-resolver-rules=MAP desk.test 127.0.0.1",  # a name that is no secure context, as a desk sees the service
]
THEMES = [("en", "light"), ("en", "dark"), ("ar", "light"), ("ar", "dark")]
#: Marks of every module that drives a browser.
IN_A_BROWSER = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed"),
]


DROP = """({files}) => {
  const transfer = new DataTransfer();
  for (const [name, data] of files) {
    const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
    transfer.items.add(new File([bytes], name, {type: "image/png"}));
  }
  for (const kind of ["dragenter", "dragover", "drop"])
    document.body.dispatchEvent(new DragEvent(kind, {dataTransfer: transfer, bubbles: true, cancelable: true}));
}"""


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@contextmanager
def pages_of(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens pages; at the end no error in a page, no breach of its policy and no request elsewhere was seen."""
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def opened(
        url: str, language: str = "en", theme: str = "light", width: int = 1366, height: int = 768, *, wait: bool = True
    ) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=theme,  # type: ignore[arg-type]
            extra_http_headers={"Accept-Language": language},
        )
        contexts.append(context)
        page = context.new_page()
        origin = "/".join(url.split("/")[:3])

        def guard(route: Route) -> None:
            if route.request.url.startswith((origin, "data:", "blob:")):
                route.continue_()
            else:
                faults.append(f"request to {route.request.url}")
                route.abort()

        page.route("**/*", guard)
        # From the start: the browser takes a moment to hand its choosers over, and a key may be quicker.
        page.on("filechooser", lambda _: None)
        page.on("pageerror", lambda error: faults.append(f"page error {error}"))
        page.on("console", lambda said: faults.append(said.text) if "Content Security" in said.text else None)
        page.goto(url)
        if wait:
            ready(page)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert faults == [], faults


def ready(page: Page) -> None:
    """Waits until the page's scripts listen."""
    expect(page.locator("body")).to_have_attribute("data-ready", "yes", timeout=20_000)


def shot(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png")


def assert_accessible(page: Page) -> None:
    found = Axe().run(page, options={"runOnly": RULES})
    assert found.violations_count == 0, found.generate_report()


def drop(page: Page, **files: bytes) -> None:
    """Drops files on the page, one a light."""
    names = [[f"{name}.png", base64.b64encode(data).decode()] for name, data in files.items()]
    page.evaluate(DROP, {"files": names})


def screened(service: Service, shade: int = 225, *, lights: tuple[str, ...] = ("visible", "uv")) -> str:
    """Screens a drawn page over HTTP, as a reader does; gives the screening's id."""
    files = {light: (light, draw_page(shade if light == "visible" else 70)) for light in lights}
    answer = httpx2.post(f"{service.url}/api/v1/screenings", files=files, timeout=60)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])
