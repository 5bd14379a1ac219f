"""The desk's page in a real Chromium: drop, verdict, languages, themes, keys, accessibility, no outside request."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="the browser driver is not installed")
sys.path.insert(0, str(Path(__file__).parent))

from browser_kit import IN_A_BROWSER, assert_accessible, drop, ready, shot
from playwright.sync_api import Page, expect
from service_fakes import draw_page
from service_process import Service, running

pytestmark = IN_A_BROWSER

WORDS = {
    "refer": ("Refer", "أحِل"),
    "look": ("Look", "دقّق"),
    "no_anomaly": ("No anomaly found", "لم يُعثر على خلل"),
    "not_checked": ("Not checked", "لم تُفحص"),
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("desk") / "data") as started:
        yield started


def screen(page: Page) -> None:
    drop(page, visible=draw_page(), uv=draw_page(70))
    page.wait_for_url("**/screenings/*")
    ready(page)


@pytest.mark.parametrize(("language", "direction", "at"), [("en", "ltr", 0), ("ar", "rtl", 1)])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_dropped_images_lead_to_a_verdict(
    service: Service, open_page: Callable[..., Page], language: str, direction: str, at: int, theme: str
) -> None:
    page = open_page(service.url, language, theme)
    expect(page.locator("html")).to_have_attribute("dir", direction)
    shot(page, f"empty-{language}-{theme}")
    assert_accessible(page)
    screen(page)
    active = page.locator(".place[data-active]")
    expect(active).to_have_count(1)
    expect(active).to_contain_text(WORDS["refer"][at])
    expect(page.locator("html")).to_have_attribute("dir", direction)
    expect(page.locator("#coverage")).to_have_text(
        "2 checks made, 1 not possible" if language == "en" else "أُجري فحصان، وتعذّر 1"
    )
    expect(page.locator(".reason")).to_have_count(2)
    expect(page.locator(".fault").first).to_have_text("7")
    expect(page.locator(".lines")).to_have_attribute("dir", "ltr")
    page.wait_for_function("[...document.querySelectorAll('img')].every((i) => i.complete && i.naturalWidth > 0)")
    shot(page, f"refer-{language}-{theme}")
    assert_accessible(page)
    page.keyboard.press("d")
    shot(page, f"details-{language}-{theme}")
    assert_accessible(page)


def test_the_whole_decision_is_on_one_small_screen(service: Service, open_page: Callable[..., Page]) -> None:
    page = open_page(service.url)
    screen(page)
    advice, reason = page.locator(".advice").bounding_box(), page.locator(".reason").first.bounding_box()
    assert advice is not None
    assert reason is not None
    assert advice["y"] + advice["height"] <= reason["y"]
    assert advice["y"] + advice["height"] <= 300
    for place in (".place[data-active]", "#coverage", ".reason >> nth=1", ".advice", ".lines", ".facts", ".picture"):
        box = page.locator(place).bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 768, place
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    sizes = page.evaluate(
        "[...document.querySelectorAll('main *')].filter((e) => [...e.childNodes].some((n) => n.nodeType === 3"
        " && n.data.trim()) && e.localName !== 'text' && e.localName !== 'kbd')"
        ".map((e) => parseFloat(getComputedStyle(e).fontSize))"
    )
    assert min(sizes) >= 18


@pytest.mark.parametrize("level", list(WORDS))
def test_each_level_has_its_own_place_shape_and_word(
    tmp_path: Path, open_page: Callable[..., Page], level: str
) -> None:
    with running(tmp_path / "data", FAKE_LEVEL=level) as own:
        page = open_page(own.url)
        screen(page)
        active = page.locator(".place[data-active]")
        expect(active).to_have_count(1)
        expect(active).to_contain_text(WORDS[level][0])
        assert (
            page.locator(".place")
            .nth(["no_anomaly", "look", "refer", "not_checked"].index(level))
            .get_attribute("aria-current")
        )
        assert "genuine" not in page.content().lower()
        shot(page, f"level-{level}")
        shapes = page.locator(".shape").evaluate_all("all => all.map((s) => s.innerHTML)")
        assert len(set(shapes)) == 4


def test_keyboard_alone_is_enough(service: Service, open_page: Callable[..., Page], tmp_path: Path) -> None:
    file = tmp_path / "scan.png"
    file.write_bytes(draw_page())
    page = open_page(service.url)
    ready(page)
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("o")
    chooser.value.set_files(file)
    page.wait_for_url("**/screenings/*")
    ready(page)
    expect(page.locator("#details")).not_to_have_attribute("open", "")
    page.keyboard.press("d")
    expect(page.locator("#details")).to_have_attribute("open", "")
    page.keyboard.press("d")
    page.keyboard.press("Shift+?")
    expect(page.locator("#help-dialog")).to_be_visible()
    assert_accessible(page)
    shot(page, "help")
    page.keyboard.press("d")  # no key reaches the page behind the dialog
    page.keyboard.press("Escape")
    expect(page.locator("#help-dialog")).to_be_hidden()
    expect(page.locator("#details")).not_to_have_attribute("open", "")
    page.keyboard.press("Shift+?")
    expect(page.locator("#help-dialog")).to_be_visible()
    page.keyboard.press("Shift+?")  # the key that opens it closes it
    expect(page.locator("#help-dialog")).to_be_hidden()
    before = page.url
    page.keyboard.press("l")
    expect(page.locator("html")).to_have_attribute("lang", "ar")
    ready(page)
    assert page.url.split("?")[0] == before
    page.keyboard.press("n")
    expect(page.locator("#drop")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "ar")  # remembered


def test_keys_work_on_an_arabic_keyboard_and_can_be_switched_off(
    service: Service, open_page: Callable[..., Page]
) -> None:
    page = open_page(service.url, "ar")
    screen(page)
    press = "([key, code]) => document.body.dispatchEvent(new KeyboardEvent('keydown', {key, code, bubbles: true}))"
    page.evaluate(press, ["ي", "KeyD"])
    expect(page.locator("#details")).to_have_attribute("open", "")
    page.evaluate(press, ["؟", "Slash"])
    expect(page.locator("#help-dialog")).to_be_visible()
    page.locator("#keys-on").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("d")
    expect(page.locator("#details")).to_have_attribute("open", "")
    page.reload()
    ready(page)
    page.keyboard.press("d")
    expect(page.locator("#details")).not_to_have_attribute("open", "")


def test_lights_change_by_key_and_a_missing_one_is_shown_as_missing(
    service: Service, open_page: Callable[..., Page]
) -> None:
    page = open_page(service.url)
    screen(page)
    page.keyboard.press("3")
    expect(page.locator("#picture-image")).to_have_attribute("href", image_url("uv", page))
    expect(page.locator(".light").nth(1)).to_be_disabled()
    expect(page.locator(".light").nth(1)).to_contain_text("not captured")
    page.keyboard.press("2")
    expect(page.locator("#picture-image")).to_have_attribute("href", image_url("uv", page))


def image_url(light: str, page: Page) -> str:
    return f"/api/v1/screenings/{page.url.rsplit('/', 1)[-1]}/images/0/{light}"


@pytest.mark.parametrize("language", ["en", "ar"])
def test_error_shows_code_message_and_remedy_and_no_verdict(
    service: Service, open_page: Callable[..., Page], language: str
) -> None:
    page = open_page(service.url, language)
    screen(page)
    drop(page, visible=b"this is no picture")
    failure = page.locator("#failure")
    expect(failure).to_be_visible()
    for part in ("message", "remedy", "code"):
        expect(failure.locator(f"[data-part={part}]")).not_to_be_empty()
    expect(failure.locator("[data-part=code]")).to_contain_text("capture.")
    expect(page.locator("#result")).to_be_hidden()  # the last document's verdict is not this one's
    expect(page.locator("#coverage")).to_be_hidden()
    widths = page.locator(".place").evaluate_all("all => all.map((p) => getComputedStyle(p).borderTopWidth)")
    assert len(set(widths)) == 1
    expect(page.locator(".advice")).to_be_hidden()
    expect(page.locator("[data-active], [aria-current]")).to_have_count(0)
    assert WORDS["refer"][language == "ar"] not in page.title()
    assert page.url.rstrip("/") == service.url
    shot(page, f"error-{language}")
    assert_accessible(page)
    page.keyboard.press("l")
    expect(page.locator("html")).to_have_attribute("lang", "ar" if language == "en" else "en")
    ready(page)
    expect(page.locator("[data-active]")).to_have_count(0)  # the old verdict does not come back in another language


def test_two_unclear_files_are_refused_before_anything_is_sent(
    service: Service, open_page: Callable[..., Page]
) -> None:
    page = open_page(service.url)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    drop(page, scan1=draw_page(), scan2=draw_page())
    expect(page.locator("#failure")).to_contain_text("which light")
    expect(page.locator("#failure")).to_contain_text("Name them visible, ir and uv")
    assert "POST" not in sent


def test_old_verdict_is_gone_while_the_next_document_is_checked(tmp_path: Path, open_page: Callable[..., Page]) -> None:
    with running(tmp_path / "data", FAKE_SECONDS="1.5") as slow:
        page = open_page(slow.url)
        screen(page)
        drop(page, visible=draw_page(120))
        expect(page.locator("#progress")).to_be_visible()
        expect(page.locator("#result")).to_be_hidden()
        colours = page.locator(".place").evaluate_all("all => all.map((p) => getComputedStyle(p).color)")
        assert len(set(colours)) == 1
        shot(page, "progress")
        assert "Refer" not in page.title()
        expect(page.locator("[aria-current]")).to_have_count(0)
        assert page.url.rstrip("/") == slow.url
        page.wait_for_url("**/screenings/*")
        ready(page)
        drop(page, visible=draw_page(130))
        expect(page.locator("#progress")).to_be_visible()
        page.reload()
        ready(page)
        expect(page.locator("[data-active]")).to_have_count(0)


@pytest.mark.alone
def test_unfinished_after_ten_seconds_says_so(tmp_path: Path, open_page: Callable[..., Page]) -> None:
    with running(tmp_path / "data", FAKE_SECONDS="12") as slow:
        page = open_page(slow.url)
        drop(page, visible=draw_page())
        expect(page.locator("#progress")).to_be_visible()
        expect(page.locator("#progress-slow")).to_be_hidden()
        expect(page.locator("#progress-slow")).to_be_visible(timeout=11_500)
        expect(page.locator(".place[data-active]")).to_have_count(0)


def test_service_that_is_gone_is_an_error_with_a_remedy(tmp_path: Path, open_page: Callable[..., Page]) -> None:
    with running(tmp_path / "data") as gone:
        page = open_page(gone.url)
        gone.process.kill()
        gone.process.wait()
        drop(page, visible=draw_page())
        expect(page.locator("#failure")).to_contain_text("did not answer")


def test_narrow_window_needs_no_sideways_scrolling(service: Service, open_page: Callable[..., Page]) -> None:
    page = open_page(service.url, width=400, height=800)
    screen(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    shot(page, "narrow")


def test_screening_works_where_the_browser_sees_no_secure_context(
    tmp_path: Path, open_page: Callable[..., Page]
) -> None:
    with running(tmp_path / "data", DAFEC_SERVICE_ALLOWED_HOSTS='["desk.test"]') as own:
        page = open_page(own.url.replace("127.0.0.1", "desk.test"))
        assert page.evaluate("isSecureContext") is False
        screen(page)
        expect(page.locator(".place[data-active]")).to_have_count(1)


def test_answer_that_is_not_dafecs_is_not_called_no_answer(service: Service, open_page: Callable[..., Page]) -> None:
    page = open_page(service.url)
    page.route("**/api/v1/screenings", lambda route: route.fulfill(status=200, body="<html>a proxy</html>"))
    drop(page, visible=draw_page())
    expect(page.locator("#failure [data-part=code]")).to_have_text("page.strangeAnswer")
    expect(page.locator("#failure")).not_to_contain_text("did not answer")


def test_reason_shows_its_light(service: Service, open_page: Callable[..., Page]) -> None:
    page = open_page(service.url)
    screen(page)
    expect(page.locator("#picture-image")).to_have_attribute("href", image_url("visible", page))
    page.locator(".reason").nth(1).locator("button").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#picture-image")).to_have_attribute("href", image_url("uv", page))
    expect(page.locator(".light[aria-pressed=true]")).to_contain_text("Ultraviolet")
    page.locator(".reason").nth(0).click()
    expect(page.locator("#picture-image")).to_have_attribute("href", image_url("visible", page))


def test_drop_without_an_image_says_so_and_a_stray_text_changes_nothing(
    service: Service, open_page: Callable[..., Page]
) -> None:
    page = open_page(service.url)
    screen(page)
    page.evaluate(
        """() => {
          const dataTransfer = new DataTransfer();
          dataTransfer.setData("text/plain", "x");
          document.body.dispatchEvent(new DragEvent("drop", {dataTransfer, bubbles: true, cancelable: true}));
        }"""
    )
    expect(page.locator(".place[data-active]")).to_have_count(1)
    script = page.locator("script").first.get_attribute("src")
    assert script is not None
    # A dropped folder without files, which no script can make: what the page calls when it has read one.
    page.evaluate("async (url) => (await import(url)).screen([])", script.replace("desk.js", "screen.js"))
    expect(page.locator(".place[data-active]")).to_have_count(0)
    expect(page.locator("#failure [data-part=code]")).to_have_text("page.noFiles")


def test_folder_of_a_capture_sends_its_statement(
    service: Service, open_page: Callable[..., Page], tmp_path: Path
) -> None:
    folder = tmp_path / "capture"
    folder.mkdir()
    (folder / "visible.png").write_bytes(draw_page())
    (folder / "uv.png").write_bytes(draw_page(70))
    (folder / "capture.toml").write_text("dpi = 400\n")
    page = open_page(service.url)
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("f")
    chooser.value.set_files(folder)
    page.wait_for_url("**/screenings/*")
    report = page.request.get(f"{service.url}/api/v1{page.url.removeprefix(service.url)}").json()
    assert {frame["dpi"] for frame in report["capture"]["pages"][0]["frames"]} == {400.0}
