"""The pages a person sees: the desk, empty or with one screening, and the static files."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Annotated, Any, Literal
from urllib.parse import unquote

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from api.casework_cases import DESK_REASONS
from api.errors import ServiceError, error_body, status_of
from api.routes.naming import viewer_texts
from api.routes.rendering import page_language, render_page
from api.security.access import Actor, Permission, public, require
from api.security.permissions import current_actor
from api.state import CasesOf, CaseworkOf, NotBlind, ServiceState, StateOf
from api.viewer.presenter import LEVEL_PLACES, DeskView, present
from dafec.errors import DafecError
from dafec.messages import Language, catalogue, text
from dafec.report import Report, parse_report

#: Errors of what arrives by itself, which the page tells in its own words.
_ARRIVAL_ERRORS = ("errors.scanner.", "errors.capture.", "errors.upload.")
#: What a page that cannot be shown is headed with, by HTTP status.
_FAULT_KINDS = {401: "closed", 403: "closed", 404: "missing", 410: "missing"}
_OPEN = re.compile(r"\{[a-z_0-9]+\}")  # a figure that only the service knows

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
    request: Request,
    *,
    view: DeskView | None = None,
    **more: object,
) -> Response:
    state: ServiceState = request.app.state.service
    language = page_language(request)
    asking = current_actor()
    desk = (asking.desk or "open") if asking is not None and asking.may(Permission.SCREENINGS_READ) else ""
    values: dict[str, Any] = {
        "completion": "none",
        "decision": None,
        "corrected": None,
        "typed": None,  # the report by the read of an officer
        "machine": None,  # the report by the machine's own read, where the other one is shown
        "zone_lines": (),
        "may_decide": False,
        "desk_data": _desk_data(desk, view.id if view is not None else None, more.get("completion"), language),
        "reasons": {
            action: [(name, text(f"viewer.desk_reason.{name}", language)) for name in names]
            for action, names in DESK_REASONS.items()
        },
        **more,
    }
    return render_page(
        request,
        "desk.html",
        places=LEVEL_PLACES,
        view=view,
        script_texts={name: text(f"api.page.{name}", language) for name in _SCRIPT_TEXTS},
        limits={"image": state.settings.max_image_bytes, "request": state.settings.max_request_bytes},
        **values,
    )


def _desk_data(desk: str, screening: str | None, completion: object, language: Language) -> str:
    """What the page's script that listens to the desk needs, as JSON that may stand in a page."""
    known = catalogue(language)
    codes = {
        key.removeprefix("errors.").removesuffix(".message")
        for key in known
        if key.startswith(_ARRIVAL_ERRORS) and key.endswith(".message")
    }
    image = {"file": text("api.desk.the_image", language)}
    errors = {
        code: {part: _OPEN.sub("…", text(f"errors.{code}.{part}", language, image)) for part in ("message", "remedy")}
        for code in sorted(codes)
    }
    errors["unknown"] = {part: text(f"api.desk.refused_{part}", language) for part in ("message", "remedy")}
    prefix = "scanner.state."
    data = {
        "desk": desk,
        "screening": screening,
        "completion": completion,
        "states": {key.removeprefix(prefix): text(key, language) for key in known if key.startswith(prefix)},
        "errors": errors,
        "texts": {name: text(f"api.desk.{name}", language) for name in ("gone", "reader", "readers_short")},
    }
    return json.dumps(data, ensure_ascii=True).replace("<", "\\u003c")


@router.head("/")
@router.get("/")
async def get_desk(request: Request, _actor: Annotated[Actor, require(Permission.SCREENINGS_MAKE)]) -> Response:
    """The desk, waiting for a document."""
    return _render(request)


@router.get("/screenings/{screening_id}")
async def get_desk_with_screening(
    screening_id: Annotated[str, Path(pattern=r"^[0-9A-Za-z_-]{16,64}$")],
    request: Request,
    actor: Annotated[Actor, require(Permission.SCREENINGS_READ)],
    _not_blind: NotBlind,
    casework: CaseworkOf,
    cases: CasesOf,
    read: Annotated[Literal["hand", "machine"], Query()] = "hand",
) -> Response:
    """The desk with the verdict of one screening: by the zone as an officer corrected it, where somebody did."""
    record = await casework.get(screening_id)
    first = parse_report(record.report)
    decisions = await cases.desk_decisions(screening_id)
    reads = await cases.corrected_reads(screening_id) if actor.sees_personal_data else ()
    typed = parse_report(reads[-1].report) if reads and reads[-1].report else None
    report = typed if typed is not None and read == "hand" else first
    return _render(
        request,
        view=_with_crops_of(first, present(report, page_language(request))),
        machine=first if report is typed else None,
        typed=typed,
        completion=record.completion,
        decision=decisions[-1] if decisions else None,
        corrected=reads[-1] if reads else None,
        zone_lines=report.mrz.lines or ["", ""],
        may_decide=actor.may(Permission.SCREENINGS_MAKE) and record.personal_data == "kept",
    )


def _with_crops_of(first: Report, view: DeskView) -> DeskView:
    """The view without pictures of places that only a later report has: pictures are cut by the first one."""
    placed = {check.id for check in first.checks if check.region_mm is not None}
    return replace(
        view,
        reasons=tuple(
            reason
            if reason.crop_url is None or unquote(reason.crop_url.split("/")[-2]) in placed
            else replace(reason, crop_url=None, reference_url=None)
            for reason in view.reasons
        ),
    )


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
    """What cannot be shown, why, and where to go from there; no verdict is anywhere on it."""
    language, status = page_language(request), status_of(error)
    kind = _FAULT_KINDS.get(status, "failed" if status >= 500 else "unusable")
    return render_page(
        request,
        "fault.html",
        status=status,
        here="",
        kind=kind,
        error=error_body(error, language),
        v=viewer_texts(language),
    )
