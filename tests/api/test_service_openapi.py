"""The OpenAPI description: it holds for whatever callers send, and nothing a caller sends is a server error."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance
from security_kit import COOKIE, SESSIONS
from service_fakes import FakeScreener
from service_process import running
from sqlalchemy import update

from api.app import create_app
from api.security.accounts import Accounts
from api.security.audit_entry import acting
from api.security.permissions import Role
from api.security.tables import opened_tables
from api.settings import Settings
from api.store import StorePlaces
from api.store.account_models import User


def _described() -> Any:
    # Only described here: the folder of this app is never opened.
    return create_app(Settings(data=Path("never-opened")), lambda _: FakeScreener())


#: What a desk is told goes on as long as somebody listens: ``test_service_events.py`` looks at that.
schema = schemathesis.openapi.from_dict(_described().openapi()).exclude(path_regex="/events$")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    """A locked service, and the headers of a user who may everything."""
    places = StorePlaces(tmp_path_factory.mktemp("openapi") / "data")
    with acting("command"), opened_tables(places) as tables:
        made = Accounts(tables).create("everything", list(Role))
        with tables.writing() as writing:
            writing.session.execute(update(User).values(must_change=False, password_expires=None))
    locked = {"ACCESS": "locked", "SECOND_FACTOR": "optional", "REQUESTS_PER_MINUTE": "0"}
    with running(places.folder, None, **{f"DAFEC_SERVICE_{name}": value for name, value in locked.items()}) as service:
        given = {"name": "everything", "password": made.one_time_password}
        answer = httpx2.post(f"{service.url}{SESSIONS}", json=given, timeout=60)
        assert answer.status_code == 201, answer.text
        yield service.url, {"Cookie": f"{COOKIE}={answer.cookies[COOKIE]}", "Origin": service.url}


@pytest.mark.slow
@schema.parametrize()
@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_answers_are_as_described(case: Any, base: tuple[str, dict[str, str]]) -> None:
    # Which bytes are a picture of a document, or whether a password is right, no schema can say; everything else that
    # fits it must be taken.
    url, headers = base
    left_out = [] if case.method == "GET" else [positive_data_acceptance]
    leaving = case.path == "/api/v1/sessions/{session_id}"  # it would end the session this is asked in
    case.call_and_validate(base_url=url, headers={} if leaving else headers, excluded_checks=left_out)


def test_every_operation_describes_its_errors_with_the_one_body() -> None:
    document = _described().openapi()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            described = operation["responses"]
            assert {"400", "403", "500", "503"} <= set(described), (method, path)
            for status, answer in described.items():
                if int(status) >= 400:
                    reference = answer["content"]["application/json"]["schema"]["$ref"]
                    assert reference.endswith("/ErrorBody"), (method, path, status)


def test_upload_is_described_by_light_and_side() -> None:
    body = _described().openapi()["paths"]["/api/v1/screenings"]["post"]["requestBody"]
    sides = {f"{light}{side}" for light in ("visible", "ir", "uv") for side in ("", *(f"-{n}" for n in range(2, 9)))}
    assert set(body["content"]["multipart/form-data"]["schema"]["properties"]) == sides | {"capture"}


def test_description_tells_what_is_answered() -> None:
    paths = _described().openapi()["paths"]
    post = paths["/api/v1/screenings"]["post"]
    assert "Location" in post["responses"]["200"]["headers"]
    assert "Location" in post["responses"]["201"]["headers"]
    (key,) = (p for p in post["parameters"] if p["name"].lower() == "idempotency-key")
    assert "^[0-9A-Za-z_.:-]{1,128}$" in str(key["schema"])
    assert "any text" not in key["description"].lower()
    images = paths["/api/v1/screenings/{screening_id}/images/{page}/{light}"]["get"]["responses"]["200"]["content"]
    assert {"image/png", "image/jpeg", "image/tiff", "application/pdf", "application/octet-stream"} <= set(images)
