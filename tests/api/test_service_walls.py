"""What holds for every request: one error body, security headers, host and origin, languages."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from service_fakes import draw_page

from api.errors import preferred_language
from api.walls import SECURITY_HEADERS

URL = "/api/v1/screenings"
BODY = {"code", "message", "remedy", "details"}


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/nothing", 404, "http.not_found"),
        ("DELETE", URL, 405, "http.method_not_allowed"),
        ("TRACE", URL, 405, "http.method_not_allowed"),
        ("GET", f"{URL}?limit=0", 422, "request.invalid"),
        ("GET", f"{URL}?limit=x", 422, "request.invalid"),
        ("GET", f"{URL}/short", 422, "request.invalid"),
        ("GET", f"{URL}/..%2f..%2fetc", 404, "http.not_found"),
        ("GET", f"{URL}/{'a' * 24}/images/0/xray", 422, "request.invalid"),
        ("POST", URL, 415, "upload.wrong_media_type"),
        ("GET", "/static/0/desk.js", 404, "http.not_found"),
    ],
)
@pytest.mark.parametrize("language", ["en", "ar"])
def test_every_error_has_the_one_body_in_the_callers_language(
    client: TestClient, method: str, path: str, status: int, code: str, language: str
) -> None:
    answer = client.request(method, path, headers={"Accept-Language": language})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-language"] == language
    body = answer.json()
    assert set(body) == BODY
    assert body["code"] == code
    arabic = any("\u0600" <= letter <= "\u06ff" for letter in body["message"])
    assert arabic == (language == "ar")
    assert body["remedy"]


def test_method_not_allowed_says_what_is(client: TestClient) -> None:
    assert set(client.delete(URL).headers["allow"].split(", ")) >= {"GET", "POST"}


def test_validation_error_does_not_repeat_what_was_sent(client: TestClient) -> None:
    answer = client.get(URL, params={"after": "L898902C3 private"})
    assert answer.status_code == 422
    assert "L898902C3" not in answer.text
    assert answer.json()["details"]["place"] == "query.after"


@pytest.mark.parametrize("path", ["/", "/healthz", URL, "/api/v1/nothing", "/api/v1/openapi.json"])
def test_every_answer_carries_the_security_headers(client: TestClient, path: str) -> None:
    answer = client.get(path)
    for name, value in SECURITY_HEADERS.items():
        assert answer.headers[name] == value
    assert answer.headers["content-security-policy"].startswith("default-src 'self'; ")
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert len(answer.headers["x-request-id"]) >= 8


@pytest.mark.parametrize("given", ["a b", "short", "x" * 100, "inj\tected-id-1"])
def test_request_id_that_could_spoil_the_log_is_replaced(client: TestClient, given: str) -> None:
    assert client.get("/healthz", headers={"X-Request-ID": given}).headers["x-request-id"] != given


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("localhost:8000", True),
        ("127.0.0.1", True),
        ("[::1]:8000", True),
        ("LOCALHOST", True),
        ("evil.example", False),
        ("localhost.evil.example", False),
        ("localhost@evil.example", False),
        ("", False),
        ("[::1", False),
    ],
)
def test_only_requests_that_name_this_service_get_in(client: TestClient, host: str, allowed: bool) -> None:
    answer = client.get("/healthz", headers={"Host": host})
    assert (answer.status_code == 200) is allowed
    if not allowed:
        assert (answer.status_code, answer.json()["code"]) == (400, "request.host_not_allowed")


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"Origin": "http://localhost:8000", "Sec-Fetch-Site": "same-origin"}, True),
        ({"Origin": "http://localhost:9999", "Sec-Fetch-Site": "same-site"}, False),
        ({"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}, False),
        ({"Origin": "null"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
    ],
)
def test_only_own_pages_may_send_something(client: TestClient, headers: dict[str, str], allowed: bool) -> None:
    answer = client.post(URL, files={"visible": ("v", draw_page())}, headers=headers)
    assert answer.status_code == (201 if allowed else 403)
    assert len(client.get(URL).json()["items"]) == int(allowed)


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("ar", "ar"),
        ("ar-IQ,ar;q=0.9,en;q=0.5", "ar"),
        ("en;q=0.4,ar;q=0.6", "ar"),
        ("fr,de", "en"),
        ("ar;q=nonsense,en", "en"),
        ("ar;q=9", "en"),
        ("ar;q=0", "en"),
        (",;=,;;q", "en"),
    ],
)
def test_preferred_language(header: str, language: str) -> None:
    assert preferred_language(header) == language


def test_static_files_are_addressed_by_content_and_kept_for_ever(client: TestClient) -> None:
    import re

    page = client.get("/").text
    urls = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
    assert len(urls) >= 3
    for url in urls:
        answer = client.get(url)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)
    assert "<script>" not in page
    assert "style=" not in page


@pytest.mark.parametrize(
    ("accept", "kind"), [("text/html,*/*", "text/html; charset=utf-8"), ("*/*", "application/json")]
)
def test_unknown_screening_is_a_page_for_people_and_json_for_programs(
    client: TestClient, accept: str, kind: str
) -> None:
    answer = client.get(f"/screenings/{'q' * 24}", headers={"Accept": accept})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == kind
    assert "screening.not_found" in answer.text
    assert "data-active" not in answer.text  # an error shows no verdict


def test_language_of_the_page_is_asked_for_then_remembered(client: TestClient) -> None:
    assert 'lang="en" dir="ltr"' in client.get("/").text
    assert 'lang="ar" dir="rtl"' in client.get("/?lang=ar").text
    assert 'lang="ar" dir="rtl"' in client.get("/").text
    assert "samesite=strict" in client.get("/?lang=ar").headers["set-cookie"].lower()
    assert 'lang="en" dir="ltr"' in client.get("/?lang=en").text
    assert 'lang="en" dir="ltr"' in client.get("/?lang=<script>").text


@pytest.mark.parametrize("path", ["/", "/healthz"])
def test_head_is_answered_where_get_is(client: TestClient, path: str) -> None:
    answer = client.head(path)
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize(("language", "name"), [("en", "The infrared image "), ("ar", "صورة الأشعة تحت الحمراء ")])
def test_error_about_an_image_names_its_light_in_the_callers_language(
    client: TestClient, language: str, name: str
) -> None:
    answer = client.post(URL, files={"ir": ("x", b"no picture")}, headers={"Accept-Language": language})
    assert answer.json()["code"] == "capture.unknown_format"
    assert answer.json()["message"].startswith(name)
    assert answer.json()["details"]["file"] == "ir"
    empty = client.post(URL, files={"ir": ("x", b"")}, headers={"Accept-Language": language})
    assert " ir" not in empty.json()["message"]
