"""What the pages cost in a real browser: first answer, frames, weight, accessibility, steps to the first verdict.

    python -m benchmarks.pages [--arrivals N] [--only answer,frames,weight,axe,steps]

Starts ``dafec serve`` with an empty data folder and Debian's Chromium (extra ``test``), and prints one table:

* answer: a reader hands a capture of three bands at 400 dpi in over HTTP while a desk's page is open; from the first
  byte that is sent to the frame in which the page shows the verdict (median, 95th percentile);
* frames: a case of three bands at 600 dpi; after the first load every light twice, panning, blinking, curtain,
  difference: the longest time between two frames, and what the same page has when nothing is done;
* weight: bytes of each page without its pictures, as they come over the wire, and requests that would leave the host;
* axe: violations of WCAG 2.2 AA by axe-core, on every page in both languages and both themes;
* steps: what a newcomer does from the started service to the first verdict: open the address, drop the images.
"""

from __future__ import annotations

import argparse
import base64
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from shutil import which

import httpx2
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Request, sync_playwright

from benchmarks.service import served
from benchmarks.service_load import three_band_captures
from dafec.capture import LIGHTS

#: How Chromium is started, and the rules that pages are held to; the browser's tests take them from here.
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_PATIENCE_MS = 120_000
_PICTURES = ("/pictures/", "/images/", "/checks/", "/previews/", ".webp")
#: Keeps the longest time between two frames in ``window.longest``, milliseconds.
WATCH_FRAMES = """() => {
  window.longest = 0;
  let last = performance.now();
  const tick = (now) => {
    window.longest = Math.max(window.longest, now - last);
    last = now;
    requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
}"""
_DROP = """async (files) => {
  const transfer = new DataTransfer();
  for (const [name, data] of files) {
    const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
    transfer.items.add(new File([bytes], name, {type: "image/jpeg"}));
  }
  document.body.dispatchEvent(new DragEvent("drop", {dataTransfer: transfer, bubbles: true, cancelable: true}));
}"""

Row = tuple[str, str]


def post(url: str, capture: dict[str, bytes]) -> str:
    """Hands a capture in as a reader does; gives the screening's id."""
    files = {light: (light, data) for light, data in capture.items()}
    answer = httpx2.post(f"{url}/api/v1/screenings", files=files, timeout=120)
    answer.raise_for_status()
    return str(answer.json()["id"])


@contextmanager
def opened(browser: Browser, url: str, language: str = "en", theme: str = "light") -> Iterator[Page]:
    """A page of an own profile whose scripts listen."""
    context = browser.new_context(
        viewport={"width": 1366, "height": 768},
        color_scheme=theme,  # type: ignore[arg-type]
        extra_http_headers={"Accept-Language": language},
    )
    page = context.new_page()
    page.set_default_timeout(_PATIENCE_MS)
    page.goto(url)
    page.wait_for_selector("body[data-ready=yes], main.account")
    yield page
    context.close()


def measure_answers(browser: Browser, url: str, arrivals: int) -> Iterator[Row]:
    """From a reader's first byte to the verdict on the desk's page."""
    captures = three_band_captures(400)
    times = []
    with opened(browser, url) as page:
        for number in range(arrivals + 1):
            capture = captures[number % len(captures)]
            begun = time.perf_counter()
            name = post(url, capture)
            page.wait_for_url(f"**/screenings/{name}", wait_until="commit")
            page.wait_for_selector(".place[data-active]")
            if number:  # the first fills the browser's cache
                times.append((time.perf_counter() - begun) * 1000)
            page.wait_for_selector("body[data-ready=yes]")
    ordered = sorted(times)
    yield "first answer on the desk's page, p50", f"{statistics.median(times):.0f} ms"
    yield "first answer on the desk's page, p95", f"{ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]:.0f} ms"


def measure_frames(browser: Browser, url: str) -> Iterator[Row]:
    """The longest time between two frames while layers change, at 600 dpi."""
    name = post(url, three_band_captures(600)[0])
    with opened(browser, f"{url}/cases/{name}") as page:
        page.wait_for_selector("#stage-state", state="hidden")
        for key in "321":  # the first load of every light
            page.keyboard.press(key)
            page.wait_for_timeout(2500)
        page.evaluate(WATCH_FRAMES)
        page.wait_for_timeout(2000)
        yield "longest frame, nothing done", f"{page.evaluate('window.longest'):.0f} ms"
        for what, keys in (
            ("light changed", "3131"),
            ("panned", ["+", "ArrowRight", "ArrowDown", "ArrowLeft"]),
            ("blink", ["b", "1"]),
            ("curtain, difference", "cx"),
        ):
            page.evaluate("window.longest = 0")
            for key in keys:
                page.keyboard.press(key)
                page.wait_for_timeout(600)
            yield f"longest frame, {what}", f"{page.evaluate('window.longest'):.0f} ms"


def measure_weight(browser: Browser, url: str, paths: dict[str, str]) -> Iterator[Row]:
    """Bytes of each page without pictures, and what would leave the host."""
    elsewhere = 0
    for name, path in paths.items():
        context = browser.new_context(viewport={"width": 1366, "height": 768})
        page = context.new_page()
        page.set_default_timeout(_PATIENCE_MS)
        asked: list[str] = []
        sizes: list[int] = []
        page.on("request", _noting_address(asked))
        page.on("requestfinished", _noting_size(sizes))
        page.goto(f"{url}{path}")
        page.wait_for_selector("body[data-ready=yes], main.account")
        page.wait_for_timeout(1000)
        elsewhere += sum(not one.startswith((url, "data:", "blob:")) for one in asked)
        context.close()
        yield f"weight without pictures, {name}", f"{sum(sizes) / 1000:.0f} kB"
    yield "requests that leave the host", str(elsewhere)


def _noting_address(asked: list[str]) -> Callable[[Request], None]:
    return lambda request: asked.append(request.url)


def _noting_size(sizes: list[int]) -> Callable[[Request], None]:
    def note(request: Request) -> None:
        if not any(part in request.url for part in _PICTURES):
            sizes.append(request.sizes()["responseBodySize"])

    return note


def count_violations(browser: Browser, url: str, paths: dict[str, str]) -> Iterator[Row]:
    """Violations axe-core finds on every page, in both languages and both themes."""
    for name, path in paths.items():
        found = 0
        for language in ("en", "ar"):
            for theme in ("light", "dark"):
                with opened(browser, f"{url}{path}", language, theme) as page:
                    page.wait_for_timeout(500)
                    found += Axe().run(page, options={"runOnly": RULES}).violations_count
        yield f"axe violations, {name}", str(found)


def count_steps(browser: Browser, url: str) -> Iterator[Row]:
    """What a newcomer does until the first verdict, done here as he does it."""
    drawn = three_band_captures(400)[0]
    files = [[f"{light}.jpg", base64.b64encode(data).decode()] for light, data in drawn.items() if light in LIGHTS]
    with opened(browser, url) as page:  # one: the address that `make run` prints
        page.evaluate(_DROP, files)  # two: the images, or their folder, on the page
        page.wait_for_selector(".place[data-active]")
    yield "actions from `make run` to the first verdict", "2"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arrivals", type=int, default=40, help="captures that arrive for the first answer")
    parser.add_argument("--only", default="steps,answer,frames,weight,axe", help="which rows, by comma")
    parser.add_argument("--workers", type=int, default=2, help="screenings at once")
    chosen = parser.parse_args()
    chromium = which("chromium") or which("chromium-browser")
    if chromium is None:
        parser.error("no chromium is installed: scripts/install-system-packages.sh")
    with served(chosen.workers, complete=True) as (url, _), sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        wanted = chosen.only.split(",")
        name = post(url, three_band_captures(400)[0]) if {"weight", "axe"} & set(wanted) else ""
        paths = {
            "desk": "/",
            "desk with a verdict": f"/screenings/{name}",
            "queue": "/cases",
            "case": f"/cases/{name}",
            "references": "/references",
            "state": "/service",
            "users": "/users",
            "help": "/help",
        }
        steps: dict[str, Callable[[], Iterator[Row]]] = {
            "steps": lambda: count_steps(browser, url),
            "answer": lambda: measure_answers(browser, url, chosen.arrivals),
            "frames": lambda: measure_frames(browser, url),
            "weight": lambda: measure_weight(browser, url, paths),
            "axe": lambda: count_violations(browser, url, paths),
        }
        print("| what | measured |\n|---|---|")
        for step in wanted:
            for what, value in steps[step]():
                print(f"| {what} | {value} |", flush=True)
        browser.close()


if __name__ == "__main__":
    main()
