"""What the endpoints answer when all is well, and what they refuse."""

from __future__ import annotations

import hashlib
import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from service_fakes import FakeScreener, draw_page, noise_page

from dafec.report import parse_report

URL = "/api/v1/screenings"


def post(client: TestClient, key: str | None = None, **images: bytes):
    headers = {"Idempotency-Key": key} if key else {}
    return client.post(URL, files={light: ("file.png", data) for light, data in images.items()}, headers=headers)


def test_post_answers_with_the_report_and_its_address(client: TestClient) -> None:
    answer = post(client, visible=draw_page(), ir=draw_page(90))
    assert answer.status_code == 201
    report = parse_report(answer.content)
    assert answer.headers["location"] == f"{URL}/{report.id}"
    assert len(report.id) == 24
    assert [frame.light for frame in report.capture.pages[0].frames] == ["visible", "ir"]


def test_get_gives_exactly_what_was_acknowledged(client: TestClient) -> None:
    answer = post(client, visible=draw_page())
    again = client.get(answer.headers["location"])
    assert again.status_code == 200
    assert again.content == answer.content


def test_same_key_and_images_give_the_same_screening_once(client: TestClient, screener: FakeScreener) -> None:
    first = post(client, "desk-1:0001", visible=draw_page(), uv=draw_page(70))
    second = post(client, "desk-1:0001", uv=draw_page(70), visible=draw_page())
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.content == second.content
    assert first.headers["location"] == second.headers["location"]
    assert screener.calls == 1


def test_second_side_is_a_page_of_the_same_document(client: TestClient) -> None:
    front, back, back_ir = draw_page(), draw_page(120), draw_page(60)
    parts = {"visible-2": back, "ir-2": back_ir, "visible": front}
    answer = client.post(URL, files={name: (name, data) for name, data in parts.items()})
    assert answer.status_code == 201, answer.text
    pages = answer.json()["capture"]["pages"]
    assert [[frame["light"] for frame in page["frames"]] for page in pages] == [["visible"], ["visible", "ir"]]
    location = answer.headers["location"]
    for page, light, data in ((0, "visible", front), (1, "visible", back), (1, "ir", back_ir)):
        image = client.get(f"{location}/images/{page}/{light}", params={"form": "original"})
        assert image.content == data
        shown = client.get(f"{location}/images/{page}/{light}")
        assert (shown.status_code, shown.headers["content-type"]) == (200, "image/png")
    assert client.get(f"{location}/images/0/ir").status_code == 404


def test_file_of_two_pages_and_parts_of_sides_go_together(client: TestClient) -> None:
    """Two pages in one TIFF for visible light, one part a side for infrared: as many bands on each page."""
    sheets = [Image.open(io.BytesIO(draw_page(shade))) for shade in (225, 120)]
    tiff = io.BytesIO()
    sheets[0].save(tiff, "TIFF", save_all=True, append_images=sheets[1:], dpi=(203, 203))
    parts = {"visible": tiff.getvalue(), "ir": draw_page(90), "ir-2": draw_page(60)}
    answer = client.post(URL, files={name: (name, data) for name, data in parts.items()})
    assert answer.status_code == 201, answer.text
    assert [len(page["frames"]) for page in answer.json()["capture"]["pages"]] == [2, 2]
    location = answer.headers["location"]
    for page in range(2):
        assert client.get(f"{location}/images/{page}/visible").status_code == 200
        assert client.get(f"{location}/images/{page}/ir").status_code == 200
    twice = client.post(URL, files={name: (name, parts["visible"]) for name in ("visible", "visible-2")})
    assert (twice.status_code, twice.json()["code"]) == (422, "upload.same_side")


def test_same_file_for_both_sides_is_refused_and_gives_its_memory_back(client: TestClient) -> None:
    page = draw_page()
    for _ in range(3):
        answer = client.post(URL, files={name: (name, page) for name in ("visible", "visible-2")})
        assert (answer.status_code, answer.json()["code"]) == (422, "upload.same_side")
    assert client.app.state.service.budget.used == 0  # type: ignore[attr-defined]
    assert client.post(URL, files={name: (name, page) for name in ("visible", "ir")}).status_code == 201


def test_same_key_with_other_images_is_a_conflict(client: TestClient, screener: FakeScreener) -> None:
    post(client, "k", visible=draw_page())
    other = post(client, "k", visible=draw_page(100))
    swapped = post(client, "k", ir=draw_page())
    assert (other.status_code, swapped.status_code) == (409, 409)
    assert other.json()["code"] == "screening.key_reused"
    assert screener.calls == 1


def test_two_posts_of_the_same_key_at_once_make_one_screening(client: TestClient, screener: FakeScreener) -> None:
    from threading import Event

    inside, go_on = Event(), Event()

    def wait() -> None:
        inside.set()
        assert go_on.wait(20)

    screener.before = wait
    page = draw_page()
    with ThreadPoolExecutor(3) as callers:
        first = callers.submit(post, client, "same", visible=page)
        assert inside.wait(20)
        second = callers.submit(post, client, "same", visible=page)
        third = callers.submit(post, client, "same", visible=draw_page(50))
        assert third.result(20).status_code == 409
        go_on.set()
        answers = sorted([first.result(20), second.result(20)], key=lambda a: a.status_code)
    assert [a.status_code for a in answers] == [200, 201]
    assert answers[0].content == answers[1].content
    assert screener.calls == 1
    assert len(client.get(URL).json()["items"]) == 1


def test_without_a_key_every_post_is_a_screening(client: TestClient) -> None:
    ids = {post(client, visible=draw_page()).json()["id"] for _ in range(3)}
    assert len(ids) == 3


def test_list_is_newest_first_and_pages_without_gaps(client: TestClient) -> None:
    ids = [post(client, visible=noise_page(seed)).json()["id"] for seed in range(5)]
    seen, after = [], None
    for _ in range(3):
        page = client.get(URL, params={"limit": 2, **({"after": after} if after else {})}).json()
        seen += [item["id"] for item in page["items"]]
        after = page["next"]
    assert seen == ids[::-1]
    assert after is None


def test_list_holds_nothing_of_the_holder(client: TestClient) -> None:
    post(client, visible=draw_page())
    text = client.get(URL).text
    assert "MUSTERFRAU" not in text
    assert set(client.get(URL).json()["items"][0]) == {
        "id",
        "created",
        "level",
        "made",
        "not_possible",
        "lights",
        "held",
        "deleted",
        "origin",
        "completion",
    }


def test_list_refuses_a_cursor_it_did_not_give(client: TestClient) -> None:
    answer = client.get(URL, params={"after": "A" * 24})
    assert (answer.status_code, answer.json()["code"]) == (404, "screening.cursor_unknown")


def test_original_comes_back_byte_for_byte_as_a_download(client: TestClient) -> None:
    data = draw_page(file_format="JPEG")
    location = post(client, visible=data).headers["location"]
    answer = client.get(f"{location}/images/0/visible", params={"form": "original"})
    assert hashlib.sha256(answer.content).digest() == hashlib.sha256(data).digest()
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["content-disposition"] == 'attachment; filename="visible.jpg"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert "sandbox" in answer.headers["content-security-policy"]


def test_display_picture_is_a_png_no_larger_than_a_screen_needs(client: TestClient) -> None:
    location = post(client, visible=draw_page(size=(3000, 2112))).headers["location"]
    picture = Image.open(io.BytesIO(client.get(f"{location}/images/0/visible").content))
    assert picture.format == "PNG"
    assert max(picture.size) == 1600
    assert picture.size[0] / picture.size[1] == pytest.approx(125 / 88, rel=0.01)


def test_sixteen_bit_image_is_shown_at_its_own_full_scale(client: TestClient) -> None:
    grey = np.full((352, 500), 32768, np.uint16)
    encoded = io.BytesIO()
    Image.fromarray(grey).save(encoded, "PNG")
    location = post(client, ir=encoded.getvalue()).headers["location"]
    picture = np.asarray(Image.open(io.BytesIO(client.get(f"{location}/images/0/ir").content)))
    assert picture.dtype == np.uint8
    assert abs(int(picture.mean()) - 128) <= 1


def test_crop_shows_the_checks_region_in_the_checks_light(client: TestClient) -> None:
    visible, infrared = draw_page(230), draw_page(40)
    location = post(client, visible=visible, ir=infrared).headers["location"]
    crop = np.asarray(Image.open(io.BytesIO(client.get(f"{location}/checks/IR-AB-MR/image").content)))
    assert crop.shape[1] / crop.shape[0] == pytest.approx((115 + 4) / (13 + 4), rel=0.03)
    assert np.median(crop[..., 0]) == pytest.approx(40, abs=3)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/images/0/uv", "screening.no_image"),
        ("/images/1/visible", "screening.no_image"),
        ("/checks/UV-BR-FU/image", "screening.no_region"),
        ("/checks/NO-SUCH/image", "screening.no_region"),
    ],
)
def test_what_a_screening_does_not_have_is_not_found(client: TestClient, path: str, code: str) -> None:
    location = post(client, visible=draw_page()).headers["location"]
    answer = client.get(location + path)
    assert (answer.status_code, answer.json()["code"]) == (404, code)


def test_unknown_screening_is_not_found_in_the_callers_language(client: TestClient) -> None:
    answer = client.get(f"{URL}/{'x' * 24}", headers={"Accept-Language": "ar-IQ,en;q=0.5"})
    assert answer.status_code == 404
    assert answer.json()["message"] == "لا يوجد فحص بهذا الرقم."
    assert answer.headers["content-language"] == "ar"


def test_report_schema_accepts_the_answers(client: TestClient) -> None:
    import jsonschema

    schema = client.get("/api/v1/report-schema").json()
    report = post(client, visible=draw_page()).json()
    jsonschema.validate(report, schema, cls=jsonschema.Draft202012Validator)
    report["verdict"]["level"] = "genuine"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(report, schema, cls=jsonschema.Draft202012Validator)


def test_every_page_of_a_file_with_several_pages_is_kept(client: TestClient) -> None:
    first, second = Image.new("L", (500, 352), 200), Image.new("L", (500, 352), 90)
    encoded = io.BytesIO()
    first.save(encoded, "TIFF", save_all=True, append_images=[second])
    answer = post(client, visible=encoded.getvalue())
    assert len(answer.json()["capture"]["pages"]) == 2
    shown = client.get(f"{answer.headers['location']}/images/1/visible").content
    assert np.asarray(Image.open(io.BytesIO(shown))).mean() == pytest.approx(90, abs=1)
    assert client.get(URL).json()["items"][0]["lights"] == ["visible"]  # once, though both pages have it
