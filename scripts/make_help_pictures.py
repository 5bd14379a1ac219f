#!/usr/bin/env python3
"""Takes the pictures of the help anew: the service with the sample documents, in a real Chromium, in both languages.

    .venv/bin/python scripts/make_help_pictures.py

Every document in them is a synthetic specimen of an invented state. Writes api/viewer/static/help-*.webp.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx2
from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "api" / "viewer" / "static"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
SAMPLES = ("td3-forged-birth", "td1-forged-digit", "td3-pasted-photo", "mrvb-visa")


def screen(url: str, sample: str) -> str:
    """Hands a sample in; the id of its screening."""
    folder = ROOT / "sample_docs" / sample
    files = {light: (light, (folder / f"{light}.jpg").read_bytes()) for light in ("visible", "ir", "uv")}
    answer = httpx2.post(f"{url}/api/v1/screenings", files=files, timeout=120)
    answer.raise_for_status()
    return str(answer.json()["id"])


def keep(page: Page, topic: str, language: str) -> None:
    """The page as it is, as the picture of a topic."""
    page.wait_for_timeout(1500)
    shown = Image.open(io.BytesIO(page.screenshot())).convert("RGB").resize((1000, 562), Image.Resampling.LANCZOS)
    shown.save(TARGET / f"help-{topic}-{language}.webp", quality=72, method=6)


def take(page: Page, url: str, ids: list[str], language: str) -> None:
    """Every picture in one language."""
    page.goto(f"{url}/screenings/{ids[0]}?lang={language}")
    keep(page, "desk", language)
    page.goto(f"{url}/cases")
    keep(page, "queue", language)
    page.goto(f"{url}/cases/{ids[2]}")
    page.wait_for_selector("body[data-ready]")
    page.wait_for_selector("#stage-state", state="hidden", timeout=60_000)
    page.keyboard.press("n")
    page.wait_for_timeout(3000)
    keep(page, "picture", language)
    page.keyboard.press("u")
    page.keyboard.press("2")
    page.locator("#against").select_option("visible", force=True)
    page.keyboard.press("c")
    keep(page, "compare", language)
    page.keyboard.press("c")
    page.keyboard.press("d")
    keep(page, "conclude", language)


def main() -> None:
    """Starts the service, takes the pictures, ends it."""
    with tempfile.TemporaryDirectory() as name:
        command = [str(Path(sys.executable).with_name("dafec")), "serve", "--port", "0", "--data", f"{name}/data"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as service:
            assert service.stdout is not None
            url = service.stdout.readline().strip().removeprefix("DAFEC: ")
            try:
                ids = [screen(url, sample) for sample in SAMPLES]
                with sync_playwright() as driver:
                    browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
                    for language in ("en", "ar"):
                        page = browser.new_page(viewport={"width": 1366, "height": 768})
                        take(page, url, ids, language)
                    browser.close()
            finally:
                service.terminate()


if __name__ == "__main__":
    main()
