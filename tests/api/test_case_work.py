"""Cases over HTTP and in the store: how they come about, what examiners add, who sees what, what is on record."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from security_kit import Somebody, add_user, entries, logged_in
from service_fakes import FakeScreener, draw_page

from api.security.permissions import Role
from api.settings import Settings
from dafec.messages import catalogue

URL = "/api/v1/screenings"
CASES = "/api/v1/cases"
MARK = {"page": 0, "light": "visible", "shape": "rectangle", "points": [[10, 20], [60.5, 90]], "text": "edge lifted"}
FORGED = {"kind": "first", "conclusion": "forgery", "support": 4, "grounds": "birth date overprinted"}


@pytest.fixture
def locked(settings: Settings) -> Settings:
    return settings.model_copy(update={"access": "locked", "second_factor": "optional"})


def screened(client: TestClient, shade: int = 225) -> str:
    answer = client.post(URL, files={"visible": ("v", draw_page(shade)), "uv": ("u", draw_page(70))})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


@pytest.mark.parametrize(("level", "case"), [("refer", True), ("look", True), ("no_anomaly", False)])
def test_what_is_flagged_is_a_case_at_once(client: TestClient, screener: FakeScreener, level: str, case: bool) -> None:
    screener.level = level
    name = screened(client)
    listed = client.get(CASES).json()
    assert [item["id"] for item in listed["items"]] == ([name] if case else [])
    assert client.get(f"{CASES}/{name}").status_code == (200 if case else 404)
    if case:
        item = listed["items"][0]
        assert (item["level"], item["origin"], item["status"], item["issuer"], item["format"]) == (
            level,
            "flagged",
            "open",
            "UTO",
            "TD3",
        )
        assert item["findings"] == ["MRZ-CD-BIRTH", "UV-BR-FU"]
        assert listed["counts"] == {"open": 1}


def test_an_officer_refers_by_hand_and_the_pictures_are_held(client: TestClient, screener: FakeScreener) -> None:
    screener.level = "no_anomaly"
    name = screened(client)
    refused = client.post(f"{URL}/{name}/desk-decision", json={"action": "refer", "reason": "no_such"})
    assert (refused.status_code, refused.json()["code"]) == (422, "desk.no_reason")
    done = client.post(f"{URL}/{name}/desk-decision", json={"action": "refer", "reason": "holder_differs"})
    assert (done.status_code, done.json()) == (201, {"case_opened": True})
    item = client.get(CASES).json()["items"][0]
    assert (item["origin"], item["reason"]) == ("referred", "holder_differs")
    assert client.get(URL).json()["items"][0]["held"] is True
    again = client.post(f"{URL}/{name}/desk-decision", json={"action": "refer", "reason": "behaviour"})
    assert again.json() == {"case_opened": False}
    assert len(client.get(CASES).json()["items"]) == 1


def test_letting_pass_against_the_verdict_costs_the_same_and_is_on_record(app: FastAPI, client: TestClient) -> None:
    name = screened(client)
    body = {"action": "let_pass", "reason": "examined_by_hand"}
    assert client.post(f"{URL}/{name}/desk-decision", json=body).status_code == 201
    made = [entry for entry in entries(app) if entry["action"] == "desk.let_pass"]
    assert [entry["details"] for entry in made] == [{"reason": "examined_by_hand"}]
    assert client.get(f"{CASES}/{name}").json()["case"]["status"] == "open"  # examiners still see it


def test_notes_and_marks_are_kept_sealed_and_can_be_taken_back_by_their_author(
    client: TestClient, settings: Settings
) -> None:
    name = screened(client)
    assert client.post(f"{CASES}/{name}/notes", json={"text": "Secret sentence about the holder"}).status_code == 201
    mark = client.post(f"{CASES}/{name}/annotations", json=MARK).json()["id"]
    body = client.get(f"{CASES}/{name}").json()
    assert [note["text"] for note in body["notes"]] == ["Secret sentence about the holder"]
    kept = body["annotations"][0]
    assert (kept["points"], kept["text"], kept["shape"]) == ([[10, 20], [60.5, 90]], "edge lifted", "rectangle")
    whole = b"".join(path.read_bytes() for path in Path(settings.data).rglob("*") if path.is_file())
    assert b"Secret sentence" not in whole
    assert b"edge lifted" not in whole
    assert client.delete(f"{CASES}/{name}/annotations/{mark}").status_code == 204
    assert client.get(f"{CASES}/{name}").json()["annotations"] == []
    assert client.delete(f"{CASES}/{name}/annotations/{mark}").json()["code"] == "case.no_annotation"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"points": [[10, 20], [5000, 30]]}, "case.mark_outside"),
        ({"light": "ir"}, "case.mark_outside"),  # not captured
        ({"page": 4}, "case.mark_outside"),
        ({"shape": "point"}, "case.mark_outside"),  # one point too many
        ({"shape": "note", "points": [[3, 3]], "text": " "}, "case.empty_text"),
    ],
)
def test_marks_that_lie_nowhere_are_refused(client: TestClient, changed: dict[str, object], code: str) -> None:
    name = screened(client)
    answer = client.post(f"{CASES}/{name}/annotations", json=MARK | changed)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert client.get(f"{CASES}/{name}").json()["annotations"] == []


def test_a_conclusion_is_recorded_once_and_closes_the_case(client: TestClient) -> None:
    name = screened(client)
    bad = client.post(f"{CASES}/{name}/opinions", json=FORGED | {"conclusion": "inconclusive"})
    assert bad.json()["code"] == "case.support_does_not_fit"
    assert client.post(f"{CASES}/{name}/opinions", json=FORGED).status_code == 201
    body = client.get(f"{CASES}/{name}").json()
    assert (body["case"]["status"], body["next_opinion"]) == ("decided", None)
    assert [opinion["conclusion"] for opinion in body["opinions"]] == ["forgery"]
    assert client.post(f"{CASES}/{name}/opinions", json=FORGED).json()["code"] == "case.already_concluded"


def test_queue_filters_and_searches_what_is_not_personal(client: TestClient, screener: FakeScreener) -> None:
    first = screened(client)
    screener.level = "look"
    second = screened(client, 180)

    def ids(**query: str) -> list[str]:
        return [item["id"] for item in client.get(CASES, params=query).json()["items"]]

    assert ids() == [first, second]  # who waits longest stands first
    assert ids(level="look") == [second]
    assert ids(q="UTO birth") == [first, second]
    assert ids(q="2") == [second]
    assert ids(q="MUSTERFRAU") == []
    assert ids(q="100%") == []
    assert ids(older_h="1") == []
    client.put(f"{CASES}/{second}/assignee", json={"mine": True})
    assert ids(assignee="me") == [second]
    assert ids(assignee="nobody") == [first]
    assert ids(like=first) == [first, second]  # same issuer, format and findings
    assert client.get(CASES, params={"limit": 1}).json()["next"] == 1
    assert ids(limit="1", after="1") == [second]
    client.put(f"{CASES}/{second}/assignee", json={"mine": False})
    assert ids(assignee="me") == []


def test_everything_that_is_done_with_a_case_is_on_record_without_its_words(app: FastAPI, client: TestClient) -> None:
    name = screened(client)
    client.get(CASES)
    client.get(f"{CASES}/{name}")
    client.post(f"{CASES}/{name}/notes", json={"text": "private words"})
    client.post(f"{CASES}/{name}/annotations", json=MARK)
    client.post(f"{CASES}/{name}/opinions", json=FORGED)
    client.get(f"{CASES}/{name}/pictures/0/visible/9/0/0")
    client.get(f"{CASES}/{name}/pictures/0/visible/8/0/0")  # the same layer once more says nothing new
    seen = [(entry["action"], entry["details"]) for entry in entries(app) if entry["action"].startswith("case.")]
    assert seen == [
        ("case.listed", {}),
        ("case.viewed", {"case": 1}),
        ("case.noted", {"case": 1}),
        ("case.annotated", {"case": 1, "light": "visible", "page": 0}),
        ("case.concluded", {"case": 1, "conclusion": "forgery", "kind": "first", "support": 4}),
    ]
    tiles = [entry for entry in entries(app) if entry["details"].get("form") == "tiles"]
    assert len(tiles) == 1
    assert "private words" not in json.dumps(entries(app))


class TestTwoExaminers:
    """A second opinion is blind: neither the first one nor what tells of it is seen before."""

    @pytest.fixture
    def settings(self, locked: Settings) -> Settings:
        return locked

    @pytest.fixture
    def people(self, app: FastAPI, client: TestClient) -> tuple[Somebody, Somebody, Somebody]:
        for name in ("amal", "basim"):
            add_user(app, name, Role.EXAMINER)
        add_user(app, "omar", Role.OFFICER)
        return logged_in(client, "amal"), logged_in(client, "basim"), logged_in(client, "omar")

    def screen(self, who: Somebody) -> str:
        files = {"visible": ("v", draw_page()), "uv": ("u", draw_page(70))}
        return str(who("POST", URL, files=files).json()["id"])

    def test_the_second_examiner_sees_nothing_of_the_first(self, people: tuple[Somebody, Somebody, Somebody]) -> None:
        first, second, _ = people
        name = self.screen(first)
        case = f"{CASES}/{name}"
        first("POST", f"{case}/notes", json={"text": "I think it is forged"})
        first("POST", f"{case}/annotations", json=MARK)
        refused = first("POST", f"{case}/second-opinion")
        assert refused.json()["code"] == "case.no_first_opinion"
        first("POST", f"{case}/opinions", json=FORGED)
        assert first("POST", f"{case}/second-opinion").status_code == 204

        body = second("GET", case).json()
        assert (body["blind"], body["next_opinion"]) == (True, "second")
        assert (body["notes"], body["annotations"], body["opinions"]) == ([], [], [])
        assert (body["case"]["level"], body["case"]["findings"]) == ("", [])
        listed = second("GET", CASES).json()["items"][0]
        assert (listed["level"], listed["findings"], listed["batch"]) == ("", [], 0)
        screening = second("GET", URL).json()["items"][0]
        assert (screening["id"], screening["level"], screening["held"]) == (name, None, None)
        assert first("GET", URL).json()["items"][0]["level"] == "refer"
        # that a case is found by what is hidden would tell as well
        for search in ({"level": "refer"}, {"q": "MRZ-CD-BIRTH"}, {"like": name}):
            assert second("GET", CASES, params=search).json()["items"] == [], search
            assert len(first("GET", CASES, params=search).json()["items"]) == 1, search
        assert len(second("GET", CASES, params={"q": "UTO"}).json()["items"]) == 1
        for path in (
            f"{case}/report",
            f"{URL}/{name}",
            f"{URL}/{name}/rescreenings",
            f"{case}/heat-maps/0",
            f"{URL}/{name}/checks/MRZ-CD-BIRTH/image",
        ):
            assert (second("GET", path).status_code, second("GET", path).json()["code"]) == (403, "case.blind"), path
        page = second("GET", f"/cases/{name}", headers={"Accept": "text/html"}).text
        assert "I think it is forged" not in page
        assert "does not add up" not in page
        assert 'class="level' not in page

        own = first("POST", f"{case}/opinions", json=FORGED | {"kind": "second"})
        assert own.json()["code"] == "case.same_examiner"
        given = FORGED | {"kind": "second", "conclusion": "counterfeit"}
        assert second("POST", f"{case}/opinions", json=given).status_code == 201
        body = second("GET", case).json()
        assert [o["conclusion"] for o in body["opinions"]] == ["forgery", "counterfeit"]
        assert body["notes"][0]["text"] == "I think it is forged"
        assert second("GET", f"{URL}/{name}").status_code == 200
        assert second("GET", URL).json()["items"][0]["level"] == "refer"

    def test_officers_do_not_see_cases_and_marks_stay_their_authors(
        self, people: tuple[Somebody, Somebody, Somebody]
    ) -> None:
        first, second, officer = people
        name = self.screen(officer)
        assert officer("GET", CASES).json()["code"] == "access.not_allowed"
        assert officer("POST", f"{CASES}/{name}/notes", json={"text": "x"}).status_code == 403
        mark = first("POST", f"{CASES}/{name}/annotations", json=MARK).json()["id"]
        assert second("DELETE", f"{CASES}/{name}/annotations/{mark}").json()["code"] == "case.no_annotation"
        assert len(first("GET", f"{CASES}/{name}").json()["annotations"]) == 1
        done = officer("POST", f"{URL}/{name}/desk-decision", json={"action": "refer", "reason": "machine"})
        assert done.status_code == 201


class TestOwnViewFirst:
    """Where the site wants it, an examiner looks before the machine speaks."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"own_view_first": True})

    def test_scores_are_shown_after_the_own_view_is_recorded(self, client: TestClient) -> None:
        name = screened(client)
        page = client.get(f"/cases/{name}", headers={"Accept": "text/html"}).text
        assert "does not add up" not in page
        assert client.get(f"{CASES}/{name}").json()["next_opinion"] == "view"
        assert client.post(f"{CASES}/{name}/opinions", json=FORGED).json()["code"] == "case.already_concluded"
        assert client.post(f"{CASES}/{name}/opinions", json=FORGED | {"kind": "view"}).status_code == 201
        assert "does not add up" in client.get(f"/cases/{name}", headers={"Accept": "text/html"}).text
        assert client.get(f"{CASES}/{name}").json()["next_opinion"] == "first"


def test_a_corrected_read_is_judged_by_the_rules_and_kept_beside_the_machines(client: TestClient) -> None:
    name = screened(client)
    before = client.get(f"{URL}/{name}").json()["mrz"]["lines"]
    lines = ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"]
    answer = client.post(f"{URL}/{name}/corrected-read", json={"lines": lines})
    assert answer.status_code == 201
    assert answer.json()["outcome"] in ("valid", "valid_note")
    assert answer.json()["level"] == "look"  # screened again by it
    page = {"Accept": "text/html"}
    shown = html.unescape(client.get(f"/screenings/{name}", headers=page).text)
    assert 'class="place look" data-active' in shown
    assert lines[1] in re.sub(r"</?(?:mark|span)[^>]*>", "", shown)
    assert "By the reader's own read the verdict was: Refer." in shown
    first = html.unescape(client.get(f"/screenings/{name}?read=machine", headers=page).text)
    assert 'class="place refer" data-active' in first
    assert client.get(f"{URL}/{name}").json()["verdict"]["level"] == "refer"  # the first report stays
    wrong = [lines[0], lines[1].replace("7408122", "7408123")]
    assert client.post(f"{URL}/{name}/corrected-read", json={"lines": wrong}).json()["outcome"] == "invalid"
    assert client.get(f"{URL}/{name}").json()["mrz"]["lines"] == before
    assert client.post(f"{URL}/{name}/corrected-read", json={"lines": ["  "]}).json()["code"] == "desk.no_zone"


def test_deleted_data_take_the_words_with_them_and_leave_the_conclusion(app: FastAPI, client: TestClient) -> None:
    from sqlalchemy import delete, update

    from api.store.models import CaseKey, Screening

    name = screened(client)
    client.post(f"{CASES}/{name}/notes", json={"text": "gone soon"})
    client.post(f"{CASES}/{name}/opinions", json=FORGED)
    from datetime import datetime

    store = app.state.service.casework.store
    with store.writer.begin() as connection:  # what the retention does with the key
        connection.execute(delete(CaseKey))
        connection.execute(update(Screening).values(deleted=datetime(2026, 1, 1)))
    body = client.get(f"{CASES}/{name}").json()
    assert (body["readable"], body["notes"][0]["text"], body["opinions"][0]["grounds"]) == (False, None, None)
    assert body["opinions"][0]["conclusion"] == "forgery"
    assert client.post(f"{CASES}/{name}/notes", json={"text": "too late"}).status_code == 410
    page = client.get(f"/cases/{name}", headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert catalogue("en")["viewer.text_deleted"] in html.unescape(page.text)
    assert catalogue("en")["viewer.case.pictures_gone"] in html.unescape(page.text)


def test_tiles_are_the_pixels_that_were_handed_in(client: TestClient) -> None:
    import io

    import numpy as np
    from PIL import Image

    original = draw_page()
    name = screened(client)
    answer = client.get(f"{CASES}/{name}/pictures/0/visible/10/0/0")  # 1000 x 704: level 10 is whole
    assert answer.headers["content-type"] == "image/png"
    shown = np.asarray(Image.open(io.BytesIO(answer.content)))
    assert np.array_equal(shown, np.asarray(Image.open(io.BytesIO(original)).convert("RGB")))
    assert client.get(f"{CASES}/{name}/pictures/0/visible/10/1/0").json()["code"] == "picture.no_tile"
    assert client.get(f"{CASES}/{name}/pictures/0/ir/10/0/0").json()["code"] == "screening.no_image"
    bands = np.asarray(Image.open(io.BytesIO(client.get(f"{CASES}/{name}/pictures/0/bands/10/0/0").content)))
    assert bands.shape == (704, 1000, 3)
    assert bands[:, :, 0].max() == 0  # infrared was not captured: black, not made up
    assert bands[:, :, 1].max() > 0


@pytest.mark.parametrize("language", ["en", "ar"])
def test_report_is_a_pdf_in_the_asked_language(app: FastAPI, client: TestClient, language: str) -> None:
    import pypdfium2

    name = screened(client)
    client.post(f"{CASES}/{name}/annotations", json=MARK)
    client.post(f"{CASES}/{name}/opinions", json=FORGED)
    answer = client.get(f"{CASES}/{name}/report", params={"language": language})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    document = pypdfium2.PdfDocument(answer.content)
    said = "".join(page.get_textpage().get_text_range() for page in document)
    digest = client.get(f"{URL}/{name}").json()["capture"]["pages"][0]["frames"][0]["sha256"]
    assert answer.content.count(b"NotoNaskhArabic") >= (1 if language == "ar" else 0)  # its shapes come along
    if language == "ar":
        assert "1 القضية" in said or "القضية 1" in said  # how a reader of PDF orders them is its own affair
    else:
        assert digest in said.replace("\r\n", "")
        assert "X12345678<UTO9001017F3501012" in said
        for words in ("Report on case 1", "edge lifted", "birth date overprinted", "mm"):
            assert words in said
    exported = [entry["details"] for entry in entries(app) if entry["action"] == "case.exported"]
    assert exported == [{"case": 1, "form": "report", "language": language}]


def test_false_colour_lays_the_bands_on_each_other(client: TestClient) -> None:
    """A reader's lamps see the page a millimetre apart: the bands are brought together as the checks bring them."""
    import io

    import numpy as np
    from PIL import Image, ImageChops

    sharp = Image.open(io.BytesIO(draw_page()))
    out = io.BytesIO()
    ImageChops.offset(sharp.convert("L"), 8, 5).save(out, "PNG")
    files = {"visible": ("v", draw_page()), "ir": ("i", out.getvalue())}
    name = client.post(URL, files=files).json()["id"]
    tile = client.get(f"{CASES}/{name}/pictures/0/bands/10/0/0").content
    bands = np.asarray(Image.open(io.BytesIO(tile)), np.int16)[30:-30, 30:-30]
    assert np.abs(bands[:, :, 0] - bands[:, :, 1]).mean() < 2
    apart = np.asarray(Image.open(io.BytesIO(out.getvalue())), np.int16)[30:-30, 30:-30]
    assert np.abs(apart - bands[:, :, 1]).mean() > 8  # or there was nothing to bring together
