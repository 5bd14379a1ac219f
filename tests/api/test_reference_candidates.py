"""Which kept screenings a document series may be learned from."""

from __future__ import annotations

from fastapi.testclient import TestClient
from service_fakes import FakeScreener, draw_page

URL = "/api/v1/references"


def test_what_is_held_for_forged_teaches_no_series(client: TestClient, screener: FakeScreener) -> None:
    """Until an examiner finds it in order, a referred document is neither offered nor taken."""
    ids = []
    for level, shade in (("look", 200), ("look", 201), ("look", 202), ("look", 203), ("refer", 204)):
        screener.level = level
        ids.append(client.post("/api/v1/screenings", files={"visible": ("v", draw_page(shade))}).json()["id"])
    shown = client.get("/references", headers={"Accept": "text/html"}).text
    assert [name in shown for name in ids] == [True, True, True, True, False]
    assert "1 referred or forged document is left out." in shown
    refused = client.post(URL, json={"code": "UTO-P-2-2021", "screenings": ids})
    assert (refused.status_code, refused.json()["code"]) == (422, "references.suspected")
    opinion = {"kind": "first", "conclusion": "no_anomaly", "support": 4, "grounds": "a scratch on the glass"}
    assert client.post(f"/api/v1/cases/{ids[4]}/opinions", json=opinion).status_code == 201
    assert ids[4] in client.get("/references", headers={"Accept": "text/html"}).text
