"""The pages a person sees: the desk, empty or with one screening, and the static files."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from api.errors import ServiceError, error_body, status_of
from api.routes.rendering import page_language, render_page
from api.security.access import Actor, Permission, public, require
from api.state import CaseworkOf, NotBlind, ServiceState, StateOf
from api.viewer.presenter import LEVEL_PLACES, DeskView, present
from dafec.errors import DafecError
from dafec.messages import text
from dafec.report import parse_report

__all__ = ["error_page", "router", "wants_page"]

router = APIRouter(include_in_schema=False)

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


def _render(
    request: Request, *, view: DeskView | None = None, error: DafecError | None = None, status: int = 200
) -> Response:
    state: ServiceState = request.app.state.service
    language = page_language(request)
    return render_page(
        request,
        "desk.html",
        status=status,
        places=LEVEL_PLACES,
        view=view,
        error=error_body(error, language) if error is not None else None,
        script_texts={name: text(f"api.page.{name}", language) for name in _SCRIPT_TEXTS},
        limits={"image": state.settings.max_image_bytes, "request": state.settings.max_request_bytes},
    )


@router.head("/")
@router.get("/")
async def get_desk(request: Request, _actor: Annotated[Actor, require(Permission.SCREENINGS_MAKE)]) -> Response:
    """The desk, waiting for a document."""
    return _render(request)


@router.get("/screenings/{screening_id}")
async def get_desk_with_screening(
    screening_id: Annotated[str, Path(pattern=r"^[0-9A-Za-z_-]{16,64}$")],
    request: Request,
    _actor: Annotated[Actor, require(Permission.SCREENINGS_READ)],
    _not_blind: NotBlind,
    casework: CaseworkOf,
) -> Response:
    """The desk with the verdict of one screening."""
    record = await casework.get(screening_id)
    return _render(request, view=present(parse_report(record.report), page_language(request)))


@router.get("/static/{digest}/{name}", dependencies=[public("files of the pages, the same for everybody")])
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
