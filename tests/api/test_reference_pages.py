"""Document series over HTTP: learned from kept screenings, silent, approved by somebody else, laid over a case."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image
from security_kit import Somebody, add_user, entries, logged_in
from series_samples import CODE, TODAY, samples
from service_fakes import draw_page

from api.security.permissions import Role
from api.settings import Settings
from dafec.references.enrolment import enrol

URL = "/api/v1/references"


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with one silent series, learned once for every test here."""
    folder = tmp_path_factory.mktemp("learned")
    enrol(CODE, samples(), folder, "user:somebody", TODAY, "drawn for tests")
    return folder


@pytest.fixture
def settings(settings: Settings, learned: Path, tmp_path: Path) -> Settings:
    shutil.copytree(learned, tmp_path / "library")
    changes = {"library": tmp_path / "library", "access": "locked", "second_factor": "optional"}
    return settings.model_copy(update=changes)


@pytest.fixture
def amal(app: FastAPI, client: TestClient) -> Somebody:
    add_user(app, "amal", Role.EXAMINER)
    return logged_in(client, "amal")


def test_a_silent_series_counts_after_a_second_person_approved_it(app: FastAPI, amal: Somebody) -> None:
    item = amal("GET", URL).json()["items"][0]
    assert (item["code"], item["state"], item["captures"]) == (CODE, "silent", len(samples()))
    approved = amal("POST", f"{URL}/{CODE}/approval").json()
    assert (approved["state"], approved["version"] > item["version"]) == ("approved", True)
    assert approved["approved_by"].startswith("user:")
    retired = amal("POST", f"{URL}/{CODE}/retirement").json()
    assert retired["state"] == "retired"
    said = [entry["action"] for entry in entries(app) if entry["target"] == f"series:{CODE}"]
    assert said == ["series.approved", "series.retired"]


def test_who_changed_a_series_last_may_not_approve_it(app: FastAPI, client: TestClient, settings: Settings) -> None:
    user = add_user(app, "basim", Role.EXAMINER)
    basim = logged_in(client, "basim")
    file = Path(str(settings.library)) / CODE / "series.toml"
    file.write_text(file.read_text("utf-8").replace("user:somebody", f"user:{user}"), "utf-8")
    refused = basim("POST", f"{URL}/{CODE}/approval")
    assert (refused.status_code, refused.json()["code"]) == (400, "enrol.same_person")
    page = basim("GET", f"/references/{CODE}", headers={"Accept": "text/html"}).text
    assert "Somebody else has to approve it" in page
    assert f"{URL}/{CODE}/approval" not in page


def test_previews_and_pages_show_what_was_learned(amal: Somebody) -> None:
    picture = amal("GET", f"{URL}/{CODE}/previews/data/visible")
    assert picture.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(picture.content)).width > 600
    assert amal("GET", f"{URL}/{CODE}/previews/other/visible").json()["code"] == "references.no_preview"
    page = amal("GET", f"/references/{CODE}", headers={"Accept": "text/html", "Accept-Language": "ar"}).text
    assert 'dir="rtl"' in page
    assert "صامتة" in page
    assert CODE in amal("GET", "/references", headers={"Accept": "text/html"}).text
    assert amal("GET", "/references/UTO-P-9-1999", headers={"Accept": "text/html"}).status_code == 422


def test_a_reference_is_laid_over_a_case_at_the_documents_outline(amal: Somebody) -> None:
    files = {"visible": ("v", draw_page())}
    case = amal("POST", "/api/v1/screenings", files=files).json()["id"]
    listed = amal("GET", URL, params={"case": case}).json()["items"][0]
    assert listed["fits"] is True  # issuer and format of the case
    layers = amal("GET", f"/api/v1/cases/{case}/references/{CODE}").json()["layers"]
    assert {layer["light"] for layer in layers} >= {"visible"}
    visible = next(layer for layer in layers if layer["light"] == "visible")
    assert visible["place"] == {"x_px": 0.0, "y_px": 0.0, "width_px": 999.0, "turn_degrees": 0.0}
    tile = amal("GET", f"{visible['url']}/{visible['most']}/0/0")
    pixels = np.asarray(Image.open(io.BytesIO(tile.content)))
    assert pixels.shape[:2] == (visible["height"], visible["width"])
    assert pixels.std() > 3  # a picture, not an empty sheet
    assert amal("GET", f"{visible['url']}/{visible['most']}/5/5").json()["code"] == "picture.no_tile"


def test_too_few_captures_are_refused_and_nothing_is_made(amal: Somebody, settings: Settings) -> None:
    ids = [
        amal("POST", "/api/v1/screenings", files={"visible": ("v", draw_page(shade))}).json()["id"]
        for shade in (200, 210)
    ]
    answer = amal("POST", URL, json={"code": "UTO-P-2-2021", "screenings": ids})
    assert (answer.status_code, answer.json()["code"]) == (422, "references.few_captures")
    assert answer.json()["details"] == {"found": 2, "least": 5, "most": 20}
    assert not (Path(str(settings.library)) / "UTO-P-2-2021").exists()


def test_officers_neither_see_nor_enrol_series(app: FastAPI, client: TestClient) -> None:
    add_user(app, "omar", Role.OFFICER)
    omar = logged_in(client, "omar")
    assert omar("GET", URL).status_code == 403
    assert omar("POST", URL, json={"code": CODE, "screenings": []}).status_code == 403
