"""The page of the service's state: parts, readers, what was counted; for who may read the figures."""

from __future__ import annotations

import html
import time
from pathlib import Path

from fastapi.testclient import TestClient
from service_fakes import FakeScreener, draw_page

from api.app import create_app
from api.metrics import Metrics
from api.scanners.config import FolderConfig
from api.settings import Settings

PAGE = {"Accept": "text/html"}


def test_state_tells_parts_figures_and_that_nothing_is_attached(client: TestClient) -> None:
    assert client.post("/api/v1/screenings", files={"visible": ("v", draw_page())}).status_code == 201
    assert client.post("/api/v1/screenings", files={"visible": ("v", b"no picture")}).status_code == 422
    shown = html.unescape(client.get("/service", headers=PAGE).text)
    assert "Documents are screened and kept." in shown
    assert "No reader is attached" in shown
    assert '<tr><th scope="row">Refer</th><td><bdi>1</bdi></td></tr>' in shown
    assert "Half of the screenings took at most" in shown


def test_a_reader_in_trouble_stands_first_with_what_to_do(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    readers = [
        FolderConfig(name="fine", driver="folder", desk="open", folder=tmp_path / "in"),
        FolderConfig(name="gone", driver="folder", desk="open", folder=tmp_path / "not-there"),
    ]
    own = settings.model_copy(update={"scanners": readers})
    with TestClient(create_app(own, lambda _: FakeScreener()), base_url="http://localhost") as client:
        for _ in range(100):
            shown = html.unescape(client.get("/service?lang=ar", headers=PAGE).text)
            if "غير متصل" in shown:
                break
            time.sleep(0.05)
        table = shown.split("<tbody>")[1].split("</tbody>")[0]
        assert table.index("gone") < table.index("fine")
        assert table.count('<p class="soft">') == 1  # what to do, beside the one in trouble


def test_times_are_never_better_than_true() -> None:
    metrics = Metrics()
    assert metrics.figures().half_within_s is None
    for seconds in (0.04, 0.21, 0.21, 4.0):
        metrics.screened("look", None, seconds)
    metrics.screened(None, "capture.not_an_image", 0.1)
    figures = metrics.figures()
    assert (figures.levels, figures.failures) == ({"look": 4}, {"capture.not_an_image": 1})
    assert (figures.half_within_s, figures.most_within_s) == (0.3, 5.0)
    metrics.screened("look", None, 99.0)
    assert metrics.figures().most_within_s is None  # longer than the last step: no figure instead of a false one
