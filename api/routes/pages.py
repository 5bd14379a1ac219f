"""The pages a person sees: the desk, empty or with one screening, and the static files."""

from __future__ import annotations

from functools import cache, partial
from importlib.resources import files
from typing import Annotated

import jinja2
from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from api.errors import ServiceError, error_body, preferred_language, status_of
from api.state import CaseworkOf, ServiceState, StateOf
from api.viewer.presenter import LEVEL_PLACES, DeskView, present
from dafec.errors import DafecError
from dafec.messages import LANGUAGES, Language, text
from dafec.report import parse_report

__all__ = ["error_page", "router", "wants_page"]

router = APIRouter(include_in_schema=False)
_COOKIE = "dafec_language"
_A_YEAR_S = 365 * 24 * 3600

#: Texts the page's scripts show; they are handed over in the page, in its language.
_SCRIPT_TEXTS = (
    "unclear_light",
    "too_many_files",
    "repeated_light",
    "no_files",
    "offline",
    "strange_answer",
    "too_large",
)


@cache
def _templates() -> jinja2.Environment:
    def source(name: str) -> str:
        return files("api.viewer").joinpath("templates", name).read_text(encoding="utf-8")

    return jinja2.Environment(
        loader=jinja2.FunctionLoader(source),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


def _language(request: Request) -> Language:
    """The page's language: asked for in the address, else remembered, else the browser's."""
    for wish in (request.query_params.get("lang"), request.cookies.get(_COOKIE)):
        for language in LANGUAGES:
            if wish == language:
                return language
    return preferred_language(request.headers.get("accept-language", ""))


def _render(
    request: Request, *, view: DeskView | None = None, error: DafecError | None = None, status: int = 200
) -> Response:
    state: ServiceState = request.app.state.service
    language = _language(request)
    html = (
        _templates()
        .get_template("desk.html")
        .render(
            language=language,
            direction="rtl" if language == "ar" else "ltr",
            other="en" if language == "ar" else "ar",
            path=request.url.path,
            t=partial(_page_text, language),
            static=state.static.url,
            places=LEVEL_PLACES,
            view=view,
            error=error_body(error, language) if error is not None else None,
            script_texts={name: text(f"api.page.{name}", language) for name in _SCRIPT_TEXTS},
            limits={"image": state.settings.max_image_bytes, "request": state.settings.max_request_bytes},
        )
    )
    response = Response(
        html,
        status,
        {"Content-Language": language, "Vary": "Accept-Language, Cookie"},
        media_type="text/html; charset=utf-8",
    )
    if request.query_params.get("lang") in LANGUAGES:
        response.set_cookie(_COOKIE, language, max_age=_A_YEAR_S, samesite="strict", httponly=True)
    return response


def _page_text(language: Language, key: str, **values: object) -> str:
    return text(f"api.{key}", language, values)


@router.head("/")
@router.get("/")
async def get_desk(request: Request) -> Response:
    """The desk, waiting for a document."""
    return _render(request)


@router.get("/screenings/{screening_id}")
async def get_desk_with_screening(
    screening_id: Annotated[str, Path(pattern=r"^[0-9A-Za-z_-]{16,64}$")], request: Request, casework: CaseworkOf
) -> Response:
    """The desk with the verdict of one screening."""
    record = await casework.get(screening_id)
    return _render(request, view=present(parse_report(record.report), _language(request)))


@router.get("/static/{digest}/{name}")
async def get_static(digest: str, name: str, state: StateOf) -> Response:
    """A static file; its address changes with its content."""
    file = state.static.find(digest, name)
    if file is None:
        raise ServiceError("http.not_found", status=404)
    return Response(
        file.data, media_type=file.media_type, headers={"Cache-Control": "public, max-age=31536000, immutable"}
    )


def wants_page(request: Request) -> bool:
    """Whether an error is to be shown to a person instead of a program."""
    path = request.url.path
    if request.method != "GET" or path.startswith(("/api/", "/static/", "/healthz", "/readyz")):
        return False
    return "text/html" in request.headers.get("accept", "")


def error_page(request: Request, error: DafecError) -> Response:
    """The desk with an error in the verdict's place: never a verdict, never green."""
    return _render(request, error=error, status=status_of(error))
