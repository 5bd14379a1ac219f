"""Errors of the service and the one error body of every answer that is not a success.

    {"code": "upload.too_large", "message": "...", "remedy": "...", "details": {...}}

``code`` is stable, ``message`` and ``remedy`` are in the language of ``Accept-Language`` (English unless Arabic is
preferred), ``details`` are plain values without personal data. ``ServiceError`` says its HTTP status itself; errors of
the core are mapped by their class. Nothing here turns a failure into a result: a screening that broke has no report.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

from dafec.capture import LIGHTS
from dafec.errors import DafecError, Detail, InputError, UsageError
from dafec.messages import Language, text

__all__ = [
    "ErrorBody",
    "ServiceError",
    "error_body",
    "error_response",
    "error_responses",
    "http_error",
    "preferred_language",
    "request_language",
    "status_of",
    "validation_error",
]

_PART = re.compile(rf"({'|'.join(LIGHTS)})(?:-[0-9]+)?")


class ErrorBody(BaseModel):
    """The body of every error."""

    model_config = ConfigDict(extra="forbid")

    code: str = Field(description="Stable dotted name of what went wrong.")
    message: str = Field(description="What happened, in the language of Accept-Language.")
    remedy: str = Field(description="What the caller can do now.")
    details: dict[str, Any] = Field(description="Plain values; never personal data.")


class ServiceError(DafecError):
    """An error of the service itself, with the HTTP status it is answered with.

    Args:
        code: stable dotted identifier with texts in the catalogues.
        status: HTTP status of the answer.
        retry_after_s: whole seconds after which a second try makes sense; None where it does not.
        details: plain values; never personal data.
    """

    def __init__(self, code: str, /, *, status: int, retry_after_s: int | None = None, **details: Detail) -> None:
        self.status = status
        self.retry_after_s = retry_after_s
        super().__init__(code, **details)


def status_of(error: DafecError) -> int:
    """The HTTP status an error is answered with."""
    if isinstance(error, ServiceError):
        return error.status
    if isinstance(error, InputError):
        return HTTPStatus.UNPROCESSABLE_ENTITY
    if isinstance(error, UsageError):
        return HTTPStatus.BAD_REQUEST
    return HTTPStatus.INTERNAL_SERVER_ERROR


def preferred_language(accept_language: str) -> Language:
    """The language of an ``Accept-Language`` header that DAFEC speaks; English where it names none.

    Args:
        accept_language: the header's value, ``"ar-IQ,ar;q=0.9,en;q=0.5"``.

    Returns:
        The first of the highest quality; malformed parts count for nothing.
    """
    best: tuple[float, Language] = (0.0, "en")
    for part in accept_language[:500].split(","):
        tag, _, parameter = part.strip().partition(";")
        primary = tag.strip().lower().split("-")[0]
        try:
            quality = float(parameter.strip().removeprefix("q=")) if parameter.strip() else 1.0
        except ValueError:
            continue
        if primary in ("en", "ar") and best[0] < quality <= 1.0:
            best = (quality, "ar" if primary == "ar" else "en")
    return best[1]


def request_language(request: Request) -> Language:
    """The language the caller of the API asked for."""
    return preferred_language(request.headers.get("accept-language", ""))


def error_body(error: DafecError, language: Language) -> dict[str, object]:
    """The body of an error, with lights called in its texts as the page calls them; ``details`` stay as they are.

    An uploaded image has no file name, so that the core calls it by its part: ``visible``, ``ir-2``.
    """
    values: dict[str, object] = dict(error.details)
    part = _PART.fullmatch(str(values.get("file", "")))
    if part is not None:
        values["file"] = text(f"api.image_name.{part[1]}", language)
    light = values.get("light")
    if light in LIGHTS:
        values["light"] = text(f"api.light_name.{light}", language)
    return error.body(language) | {
        name: text(f"errors.{error.code}.{name}", language, values) for name in ("message", "remedy")
    }


def error_response(error: DafecError, language: Language, headers: Mapping[str, str] | None = None) -> Response:
    """The answer for an error, with its status, its body and its ``Retry-After``."""
    extra = dict(headers or {})
    if isinstance(error, ServiceError) and error.retry_after_s is not None:
        extra["Retry-After"] = str(error.retry_after_s)
    extra |= {"Content-Language": language, "Vary": "Accept-Language"}
    body = json.dumps(error_body(error, language), ensure_ascii=False).encode("utf-8", "replace")
    return Response(body, status_of(error), extra, media_type="application/json")


#: What Starlette and FastAPI raise by themselves, by status.
_HTTP_CODES: Mapping[int, str] = {404: "http.not_found", 405: "http.method_not_allowed"}


def http_error(request: Request, error: Exception) -> Response:
    """Starlette's own errors (no such path, no such method) in the one error body."""
    assert isinstance(error, HTTPException)
    code = _HTTP_CODES.get(error.status_code, "http.refused")
    mapped = ServiceError(code, status=error.status_code, http_status=error.status_code)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_allowed_methods(request))
    return error_response(mapped, request_language(request), headers)


def _allowed_methods(request: Request) -> list[str]:
    """Every method the address takes; Starlette names those of the first route alone."""
    methods: set[str] = set()
    for route in request.app.state.every_route:
        if route.matches(request.scope)[0] is not Match.NONE:
            methods |= route.methods
    return sorted(methods)


def validation_error(request: Request, error: Exception) -> Response:
    """Parameters that do not fit, named by place and kind; what was sent is not repeated."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    mapped = ServiceError("request.invalid", status=422, place=place, reason=str(first["type"]))
    return error_response(mapped, request_language(request))


def error_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's ``responses`` for the given statuses; those of the outer walls are always among them."""
    always: Sequence[int] = (400, 401, 403, 429, 500, 503)
    return {
        status: {"model": ErrorBody, "description": text(f"api.status.{status}")}
        for status in sorted({*always, *statuses})
    }
