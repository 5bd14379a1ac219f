"""References, help, state and wrong addresses in a real Chromium, in both directions and themes; what no role sees."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="the browser driver is not installed")
sys.path.insert(0, str(Path(__file__).parent))

from browser_kit import IN_A_BROWSER, THEMES, assert_accessible, ready, screened, shot
from playwright.sync_api import Page, expect
from series_samples import CODE, TODAY, samples
from service_process import Service, running

from dafec.references.enrolment import enrol

pytestmark = IN_A_BROWSER


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("pages")
    enrol(CODE, samples(), folder / "library", "user:somebody", TODAY, "drawn for tests")
    library = {"DAFEC_SERVICE_LIBRARY": str(folder / "library"), "FAKE_LEVEL": "look"}
    with running(folder / "data", **library) as started:
        yield started


@pytest.mark.parametrize(("language", "theme"), THEMES)
def test_references_help_and_state_in_every_language_and_theme(
    service: Service, open_page: Callable[..., Page], language: str, theme: str
) -> None:
    page = open_page(f"{service.url}/references", language, theme)
    expect(page.locator(".case-link")).to_have_text(CODE)
    shot(page, f"references-{language}-{theme}")
    assert_accessible(page)
    page.goto(f"{service.url}/references/{CODE}")
    ready(page)
    expect(page.locator(".previews img").first).to_have_js_property("complete", True)
    shot(page, f"reference-{language}-{theme}")
    assert_accessible(page)
    page.goto(f"{service.url}/help")
    ready(page)
    expect(page.locator(".help section")).to_have_count(10)
    shot(page, f"help-page-{language}-{theme}")
    assert_accessible(page)
    page.goto(f"{service.url}/service")
    ready(page)
    expect(page.locator(".state-page .works-word.works")).to_have_count(6)
    shot(page, f"state-{language}-{theme}")
    assert_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_too_few_captures_are_said_to_be_too_few_and_the_choice_stays(
    service: Service, open_page: Callable[..., Page]
) -> None:
    for shade in (180, 190):
        screened(service, shade)
    page = open_page(f"{service.url}/references")
    boxes = page.locator("input[name=screening]")
    boxes.nth(0).check()
    boxes.nth(1).check()
    expect(page.locator("#chosen")).to_have_text("2 chosen")
    page.locator("input[name=code]").fill("UTO-P-2-2021")
    page.locator("#learn").click()
    expect(page.locator("#failure")).to_contain_text("2 were chosen")
    expect(boxes.nth(0)).to_be_checked()
    assert_accessible(page)


def test_the_reference_lies_beside_and_over_the_document(service: Service, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{service.url}/cases/{screened(service, 215, lights=('visible',))}")
    page.wait_for_timeout(800)
    page.keyboard.press("4")
    expect(page.locator(".layer[data-layer=reference]")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("1")
    page.keyboard.press("s")
    expect(page.locator("#stage-beside")).to_be_visible()
    expect(page.locator(".corner")).to_contain_text("Reference, visible")
    page.wait_for_timeout(800)
    shot(page, "case-reference-beside")

    def zooms() -> list[float]:
        return page.evaluate(  # type: ignore[no-any-return]
            "[...document.querySelectorAll('.stage canvas')].map((c) => c.getContext('2d').getImageData("
            "c.width / 2, c.height / 2, 1, 1).data[0])"
        )

    assert len(zooms()) == 2
    page.keyboard.press("k")
    expect(page.locator("#lock")).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#message")).to_contain_text("Each picture moves by itself")
    page.keyboard.press("k")
    expect(page.locator("#lock")).to_have_attribute("aria-pressed", "true")
    assert_accessible(page)


def test_a_series_is_approved_and_retired_on_its_page(service: Service, open_page: Callable[..., Page]) -> None:
    page = open_page(f"{service.url}/references/{CODE}")
    expect(page.locator(".state")).to_have_text("Silent")
    page.locator(".decide.primary").click()
    expect(page.locator(".state")).to_have_text("Approved")
    ready(page)
    page.locator(".decide").click()
    expect(page.locator(".state")).to_have_text("Retired")
    expect(page.locator(".decide")).to_have_count(0)


@pytest.mark.parametrize(("language", "theme"), THEMES)
def test_a_wrong_address_has_a_page_of_its_own(
    service: Service, open_page: Callable[..., Page], language: str, theme: str
) -> None:
    page = open_page(f"{service.url}/nothing/here", language, theme)
    expect(page.locator("h1")).to_have_text({"en": "Not here", "ar": "غير موجود"}[language])
    expect(page.locator(".fault-page")).to_contain_text("http.not_found")
    expect(page.locator(".place, [data-active]")).to_have_count(0)  # nothing that looks like a verdict
    expect(page.locator(".fault-page a[href='/']")).to_be_visible()  # and a way back to the desk
    shot(page, f"fault-{language}-{theme}")
    assert_accessible(page)
    page.goto(f"{service.url}/cases/{'q' * 24}")
    ready(page)
    expect(page.locator(".fault-page")).to_contain_text("case.not_found")
    page.locator(".fault-page a[href='/']").click()
    expect(page.locator("#drop")).to_be_visible()


@pytest.mark.parametrize("language", ["en", "ar"])
def test_the_bar_of_the_desk_is_one_line(service: Service, open_page: Callable[..., Page], language: str) -> None:
    page = open_page(service.url, language)
    for place in (".open-access", ".tools"):
        box = page.locator(place).bounding_box()
        assert box is not None
        assert box["height"] < 45, place
