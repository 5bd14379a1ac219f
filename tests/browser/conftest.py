"""What tests in a browser share: a Chromium for each module, and pages that are watched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")  # not longer: as long as it runs, no other test of this process has an event loop
def browser() -> Iterator[Browser]:
    from browser_kit import chromium

    with chromium() as started:
        yield started


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens pages that fail the test on an error in the page or a request to anywhere but the service."""
    from browser_kit import pages_of

    with pages_of(browser) as opened:
        yield opened
