"""The OpenAPI description: it holds for whatever callers send, and nothing a caller sends is a server error."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance
from service_fakes import FakeScreener
from service_process import running

from api.app import create_app
from api.settings import Settings


def _described() -> Any:
    # Only described here: the folder of this app is never opened.
    return create_app(Settings(data=Path("never-opened")), lambda _: FakeScreener())


#: What a desk is told goes on as long as somebody listens: ``test_service_events.py`` looks at that.
schema = schemathesis.openapi.from_dict(_described().openapi()).exclude(path_regex="/events$")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(tmp_path_factory.mktemp("openapi") / "data") as service:
        yield service.url


@pytest.mark.slow
@schema.parametrize()
@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_answers_are_as_described(case: Any, base: str) -> None:
    # Which bytes are a picture of a document no schema can say; everything else that fits it must be taken.
    left_out = [positive_data_acceptance] if case.method == "POST" else []
    case.call_and_validate(base_url=base, excluded_checks=left_out)


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


def test_upload_is_described_light_by_light() -> None:
    body = _described().openapi()["paths"]["/api/v1/screenings"]["post"]["requestBody"]
    assert set(body["content"]["multipart/form-data"]["schema"]["properties"]) == {"visible", "ir", "uv", "capture"}


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
