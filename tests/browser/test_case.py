"""The examiner's pages in a real Chromium: queue, layers, comparing, findings, marks, measuring, concluding, report."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="the browser driver is not installed")
sys.path.insert(0, str(Path(__file__).parent))

import httpx2
from browser_kit import IN_A_BROWSER, THEMES, assert_accessible, ready, screened, shot
from playwright.sync_api import Page, expect
from service_fakes import draw_page
from service_process import Service, running

from benchmarks.pages import WATCH_FRAMES
from dafec.messages import catalogue, text

pytestmark = IN_A_BROWSER


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("cases") / "data") as started:
        yield started


def body_of(service: Service, case: str) -> dict:  # type: ignore[type-arg]
    return httpx2.get(f"{service.url}/api/v1/cases/{case}", timeout=60).json()  # type: ignore[no-any-return]


def seen(page: Page, x: float, y: float) -> list[int]:
    """Colour of the picture's canvas at a share of its width and height."""
    return page.evaluate(  # type: ignore[no-any-return]
        """([x, y]) => {
          const canvas = document.querySelector('#stage canvas');
          return [...canvas.getContext('2d').getImageData(canvas.width * x, canvas.height * y, 1, 1).data];
        }""",
        [x, y],
    )


def settled(page: Page) -> None:
    page.wait_for_timeout(600)


@pytest.mark.parametrize(("language", "theme"), THEMES)
def test_queue_and_case_in_every_language_and_theme(
    service: Service, open_page: Callable[..., Page], language: str, theme: str
) -> None:
    case = screened(service)
    page = open_page(f"{service.url}/cases", language, theme)
    expect(page.locator("html")).to_have_attribute("dir", "rtl" if language == "ar" else "ltr")
    expect(page.locator(".row").first).to_contain_text(text("api.level.refer", language))  # type: ignore[arg-type]
    shot(page, f"queue-{language}-{theme}")
    assert_accessible(page)
    page.goto(f"{service.url}/cases/{case}")
    ready(page)
    settled(page)
    expect(page.locator("#stage-state")).to_be_hidden()
    assert seen(page, 0.5, 0.5)[3] == 255  # something is drawn
    shot(page, f"case-{language}-{theme}")
    assert_accessible(page)
    for key, name in (("w", "marks"), ("d", "conclude")):
        page.keyboard.press(key)
        shot(page, f"case-{name}-{language}-{theme}")
        assert_accessible(page)
    page.keyboard.press("?")
    expect(page.locator("#help-dialog")).to_be_visible()
    shot(page, f"case-keys-{language}-{theme}")
    assert_accessible(page)
    assert "genuine" not in page.content().lower()


def test_picture_is_the_largest_thing_and_the_page_is_light(service: Service, open_page: Callable[..., Page]) -> None:
    case = screened(service)
    page = open_page(f"{service.url}/cases")
    weight = []
    page.on("response", lambda answer: weight.append(0 if "/pictures/" in answer.url else len(answer.body())))
    page.goto(f"{service.url}/cases/{case}")
    ready(page)
    settled(page)
    assert 100_000 < sum(weight) < 600_000
    box = page.locator("#stage").bounding_box()
    assert box is not None
    assert box["width"] * box["height"] > 0.5 * 1366 * 768
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_layers_keep_the_place_and_a_missing_one_is_said_to_be_missing(
    service: Service, open_page: Callable[..., Page]
) -> None:
    page = open_page(f"{service.url}/cases/{screened(service)}")
    expect(page.locator(".layer").nth(1)).to_be_disabled()
    expect(page.locator(".layer").nth(1)).to_contain_text("not captured")
    page.keyboard.press("+")
    page.keyboard.press("ArrowRight")
    settled(page)
    before, zoom = seen(page, 0.6, 0.1), page.locator("#zoom-text").inner_text()
    page.keyboard.press("3")
    settled(page)
    expect(page.locator(".layer[data-layer=uv]")).to_have_attribute("aria-pressed", "true")
    assert seen(page, 0.6, 0.1) != before
    assert page.locator("#zoom-text").inner_text() == zoom
    page.keyboard.press("1")
    settled(page)
    assert seen(page, 0.6, 0.1) == before
    page.keyboard.press("2")
    expect(page.locator("#message")).to_contain_text("Infrared was not captured")
    page.keyboard.press("4")
    expect(page.locator("#message")).to_contain_text("no reference for this document")
    page.keyboard.press("5")
    settled(page)
    assert seen(page, 0.5, 0.5)[0] == 0  # no infrared: no red


def test_true_pixels_are_not_smoothed(service: Service, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{service.url}/cases/{screened(service)}")
    page.keyboard.press("y")
    for _ in range(6):
        page.keyboard.press("+")
    settled(page)
    runs = page.evaluate(
        """() => {
          const canvas = document.querySelector('#stage canvas');
          const row = canvas.getContext('2d').getImageData(0, Math.round(canvas.height / 2), canvas.width, 1).data;
          const runs = [];
          let length = 1;
          for (let x = 4; x < row.length; x += 4) {
            if (row[x] === row[x - 4] && row[x + 1] === row[x - 3]) length += 1;
            else { runs.push(length); length = 1; }
          }
          return runs;
        }"""
    )
    zoom = float(page.locator("#zoom-text").inner_text().split()[0]) / 100
    assert zoom > 8
    assert all(length >= zoom - 1.5 for length in runs[1:])  # every pixel is a block of one colour


def test_comparing_two_layers(service: Service, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{service.url}/cases/{screened(service)}")
    settled(page)
    visible = seen(page, 0.8, 0.5), seen(page, 0.2, 0.1)
    page.locator("#against").select_option("uv", force=True)
    page.keyboard.press("c")
    settled(page)
    assert seen(page, 0.2, 0.1) == visible[1]  # left of the curtain
    assert seen(page, 0.8, 0.5) != visible[0]  # right of it
    shot(page, "case-curtain")
    page.keyboard.press("x")
    settled(page)
    difference = seen(page, 0.8, 0.5)
    uv = 70
    assert abs(difference[0] - (visible[0][0] - uv)) <= 2
    page.keyboard.press("f")
    settled(page)
    assert abs(seen(page, 0.8, 0.5)[0] - (visible[0][0] + uv) / 2) <= 3
    page.keyboard.press("s")
    settled(page)
    expect(page.locator("#stage-beside")).to_be_visible()
    shot(page, "case-beside")
    assert_accessible(page)
    page.keyboard.press("s")
    expect(page.locator("#stage-beside")).to_be_hidden()


@pytest.mark.alone
def test_blink_never_changes_more_than_three_times_a_second(service: Service, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{service.url}/cases/{screened(service)}")
    page.locator("#against").select_option("uv", force=True)
    page.keyboard.press("b")
    page.locator("#amount").evaluate("(e) => { e.value = 100; e.dispatchEvent(new Event('input', {bubbles: true})); }")
    changes = page.evaluate(
        """async () => {
          const canvas = document.querySelector('#stage canvas');
          const look = () => canvas.getContext('2d').getImageData(canvas.width * 0.8, canvas.height / 2, 1, 1).data[0];
          let last = look(), changes = 0;
          const end = performance.now() + 3000;
          while (performance.now() < end) {
            await new Promise(requestAnimationFrame);
            const now = look();
            if (now !== last) changes += 1;
            last = now;
          }
          return changes;
        }"""
    )
    assert 2 <= changes <= 9
    assert_accessible(page)


def test_findings_lead_to_their_place_and_a_held_key_hides_what_is_drawn(
    service: Service, open_page: Callable[..., Page]
) -> None:
    page = open_page(f"{service.url}/cases/{screened(service)}")
    page.keyboard.press("n")
    first = page.locator("#findings .finding").first
    expect(first).to_have_attribute("aria-expanded", "true")
    expect(first).to_be_focused()
    expect(page.locator(".measured").first).to_contain_text("v1")
    settled(page)
    expect(page.locator(".overlay .chosen.over")).to_have_count(1)
    expect(page.locator(".evidence:not([hidden]) .pair figure")).to_have_count(1)  # no series, so no reference
    expect(page.locator(".pair img").first).not_to_have_js_property("naturalWidth", 0)
    assert float(page.locator("#zoom-text").inner_text().split()[0]) > 200
    shot(page, "case-finding")
    page.keyboard.down("h")
    expect(page.locator(".overlay *")).to_have_count(0)
    page.keyboard.up("h")
    expect(page.locator(".overlay .chosen.over")).to_have_count(1)
    page.keyboard.press("p")
    expect(page.locator("#findings .finding").last).to_have_attribute("aria-expanded", "true")


def test_display_is_adjusted_and_reset_by_one_key(service: Service, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{service.url}/cases/{screened(service)}")
    style = "document.querySelector('#stage canvas').style.filter"
    page.keyboard.press("e")
    assert "invert(1)" in page.evaluate(style)
    page.locator("#channel").select_option("red")
    page.locator("#brightness").evaluate("(e) => { e.value = 150; e.dispatchEvent(new Event('input')); }")
    assert page.evaluate(style) == 'url("#only-red") brightness(1.5) invert(1)'
    page.locator("#stage").focus()
    page.keyboard.press("0")
    assert page.evaluate(style) == "none"


def test_a_whole_case_by_keyboard_alone(service: Service, open_page: Callable[..., Page]) -> None:
    screened(service, 131)
    page = open_page(f"{service.url}/cases?show=open")
    count = page.locator(".case-link").count()
    for _ in range(count):
        page.keyboard.press("j")
    case = page.locator(".case-link").last.get_attribute("href")
    assert case is not None
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{case}")
    ready(page)
    settled(page)
    page.keyboard.press("r")
    page.keyboard.press("Enter")  # a corner in the middle
    for key in ("ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    settled(page)
    page.keyboard.press("Enter")
    expect(page.locator("#text-dialog")).to_be_visible()
    page.keyboard.type("date was scraped")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".mark-row")).to_have_count(1)
    name = case.rsplit("/", 1)[-1]
    mark = body_of(service, name)["annotations"][0]
    assert (mark["shape"], mark["text"], len(mark["points"])) == ("rectangle", "date was scraped", 2)
    page.keyboard.press("w")
    shot(page, "case-marked")
    page.locator("#note-text").focus()
    page.keyboard.type("compare with case 1")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#notes")).to_contain_text("compare with case 1")
    page.locator("#stage").focus()
    page.keyboard.press("z")
    expect(page.locator(".mark-row")).to_have_count(0)
    page.keyboard.press("d")
    page.locator("input[name=conclusion]").first.focus()
    page.keyboard.press("ArrowDown")  # forgery
    page.locator("input[name=support][value='1']").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    page.locator("#grounds").focus()
    page.keyboard.type("paper fibres torn")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".opinions")).to_contain_text("paper fibres torn")
    opinion = body_of(service, name)["opinions"][0]
    assert (opinion["conclusion"], opinion["support"]) == ("forgery", 2)
    with page.expect_download() as loading:
        page.locator("a[download][lang=ar]").click()
    file = loading.value.path()
    assert file.read_bytes().startswith(b"%PDF")
    assert loading.value.suggested_filename.endswith("-ar.pdf")


def test_measuring_says_its_uncertainty(service: Service, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{service.url}/cases/{screened(service)}")
    settled(page)
    page.keyboard.press("m")
    box = page.locator("#stage").bounding_box()
    assert box is not None
    scale = float(page.locator("#zoom-text").inner_text().split()[0]) / 100  # screen pixels a picture pixel
    page.mouse.move(box["x"] + 300, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 300 + 80 * 8 * scale, box["y"] + 200, steps=4)  # 8 pixels a millimetre: 80 mm
    page.mouse.up()
    expect(page.locator("#message")).to_contain_text("Scale from the document's own size")
    value, uncertainty = page.locator("#message").inner_text().strip("\u2066").split(" mm")[0].split(" ± ")
    assert abs(float(value) - 80) < float(uncertainty) < 2
    page.keyboard.press("a")
    for x, y in ((400, 200), (300, 200), (300, 300)):
        page.mouse.click(box["x"] + x, box["y"] + y)
    expect(page.locator("#message")).to_contain_text("°")
    assert abs(float(page.locator("#message").inner_text().strip("\u2066").split(" ")[0]) - 90) < 1
    shot(page, "case-measured")


@pytest.mark.alone
def test_band_switch_and_pan_hold_no_frame_longer_than_a_tenth_of_a_second(
    service: Service, open_page: Callable[..., Page]
) -> None:
    big = draw_page(200, (2953, 2079))  # a passport's page at 600 dpi
    files = {"visible": ("v", big), "uv": ("u", draw_page(70, (2953, 2079)))}
    case = httpx2.post(f"{service.url}/api/v1/screenings", files=files, timeout=60).json()["id"]
    page = open_page(f"{service.url}/cases/{case}")
    page.wait_for_timeout(2500)  # the first load
    page.evaluate(WATCH_FRAMES)
    for key in ("3", "1", "3", "1", "ArrowRight", "ArrowRight", "ArrowDown", "b"):
        page.keyboard.press(key)
        page.wait_for_timeout(250)
    assert page.evaluate("window.longest") < 100


def test_empty_queue_and_no_match_are_states_of_their_own(tmp_path: Path, open_page: Callable[..., Page]) -> None:
    with running(tmp_path / "data") as own:
        page = open_page(f"{own.url}/cases")
        expect(page.locator(".nothing")).to_contain_text("No case is waiting")
        shot(page, "queue-empty")
        assert_accessible(page)
        screened(own)
        page.reload()
        ready(page)
        page.locator("#q").fill("no such thing")
        expect(page.locator(".nothing")).to_contain_text("No case fits these filters")  # by htmx, without a reload
        assert "q=no" in page.url
        page.locator("#q").fill("UTO")
        expect(page.locator(".row")).to_have_count(1)
        page.goto(f"{own.url}/cases/{screened(own, 99)}")
        ready(page)
        page.keyboard.press("w")
        own.process.kill()
        own.process.wait()
        page.locator("#note-text").fill("lost?")
        page.locator("#note-form button").click()
        expect(page.locator("#failure")).to_contain_text("did not answer")
        expect(page.locator("#note-text")).to_have_value("lost?")  # what was typed is still there
        shot(page, "case-offline")


def test_every_text_of_the_pages_is_in_the_catalogue(service: Service, open_page: Callable[..., Page]) -> None:
    """No key shows through, and an Arabic page has no English sentence but what is named in Latin letters."""
    known = set(catalogue("en").values())
    page = open_page(f"{service.url}/cases/{screened(service)}", "ar")
    for path in (page.url, f"{service.url}/cases", f"{service.url}/references"):
        page.goto(path)
        ready(page)
        pieces = page.evaluate(
            """() => {
              const found = [];
              const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
              while (walk.nextNode()) {
                const node = walk.currentNode;
                if (node.parentElement.closest('script, bdi, kbd, [lang=en], .said')) continue;
                if (node.data.trim()) found.push(node.data.trim());
              }
              for (const element of document.querySelectorAll('[aria-label], [placeholder], [alt]'))
                for (const name of ['aria-label', 'placeholder', 'alt'])
                  if (element.getAttribute(name)) found.push(element.getAttribute(name));
              return found;
            }"""
        )
        for piece in pieces:
            assert not piece.startswith(("viewer.", "api.")), piece
            assert piece not in known or piece in set(catalogue("ar").values()), piece
