"""``/api/v1/scanners``: states, scans on demand; ``/api/v1/desks/{desk}/events``: what a desk is told."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Header, Path, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.errors import ServiceError, error_responses, request_language
from api.feed import Listening
from api.scanners.contract import ScannerState, ScannerStatus
from api.scanners.manager import told_of
from api.security.access import Actor, GateOf, Permission, credentials_of, require
from api.state import AttachedOf, CasesOf
from dafec.messages import Language, text

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["scanners"])

ScannerName = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$", description="Name of a scanner.")]
DeskId = Annotated[str, Path(pattern=r"^[0-9A-Za-z_-]{1,32}$", description="Id of a desk; open: at no desk.")]


class Scanner(BaseModel):
    """One scanner and its state."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(description="As the settings name it.")
    driver: Literal["push", "folder", "sane", "escl"] = Field(description="How its captures arrive.")
    desk: str = Field(description="Id of the desk it stands at.")
    state: ScannerState = Field(description="ready, busy, unplugged, jammed, cover_open, lamp_weak or error.")
    text: str = Field(description="The state in words, in the language of Accept-Language.")
    code: str | None = Field(description="Code of what is wrong; null where nothing is.")
    remedy: str = Field(description="What to do about it; empty where nothing is wrong.")
    since: AwareDatetime = Field(description="Of the state; UTC.")
    captures: int = Field(ge=0, description="Documents screened since the service started.")
    refused: int = Field(ge=0, description="Arrivals that could not be used since then.")
    can_scan: bool = Field(description="A scan can be asked for.")


class ScannerList(BaseModel):
    """Scanners by name."""

    model_config = ConfigDict(extra="forbid")
    items: list[Scanner]


@router.get("/scanners", responses=error_responses(401), summary="States of the scanners")
async def list_scanners(
    request: Request, actor: Annotated[Actor, require(Permission.SCANNERS_READ)], attached: AttachedOf
) -> ScannerList:
    """Lists the scanners attached to this service: those of the caller's desk, or all where the caller sees all."""
    language = request_language(request)
    statuses = [one for one in attached.scanners.statuses() if _sees(actor, one.desk)]
    return ScannerList(items=[_shown(status, language) for status in statuses])


@router.post("/scanners/{name}/scan", status_code=202, responses=error_responses(401, 404, 409, 422), summary="Scan")
async def post_scan(
    request: Request,
    name: ScannerName,
    actor: Annotated[Actor, require(Permission.SCREENINGS_MAKE)],
    attached: AttachedOf,
) -> Scanner:
    """Asks a scanner for one scan; the desk is told when the result is there, or why there is none."""
    if not _sees(actor, attached.scanners.status(name).desk):
        raise ServiceError("scanner.unknown", status=404)
    attached.scanners.request_scan(name)
    return _shown(attached.scanners.status(name), request_language(request))


@router.get(
    "/desks/{desk}/events",
    response_class=Response,
    responses={
        **error_responses(401, 404, 422),
        200: {
            "description": "Server-sent events: hello, screening.made, screening.completed, "
            "screening.completion_failed, scanner, arrival.refused, resync.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
    },
    summary="What a desk is told",
)
async def get_events(
    request: Request,
    desk: DeskId,
    actor: Annotated[Actor, require(Permission.SCREENINGS_READ)],
    attached: AttachedOf,
    gate: GateOf,
    cases: CasesOf,
    after: Annotated[
        int | None,
        Query(ge=0, le=2**53, description="Number of the last event that is known; Last-Event-ID goes before."),
    ] = None,
    last_event_id: Annotated[
        str | None, Header(pattern=r"^[0-9]{1,16}$", description="Sent by a browser that comes back.")
    ] = None,
) -> Response:
    """Tells, as long as connection and session last, what happens at a desk. Nothing about any holder is in it.

    Listening is nobody's doing: it does not keep a session from becoming idle, and ends within seconds of its end. The
    level of what whoever asks is to look at blindly is left out.
    """
    if not _sees(actor, desk):
        raise ServiceError("desk.not_found", status=404)
    known = int(last_event_id) if last_event_id is not None else after

    def states() -> list[dict[str, str | int | bool | None]]:
        return [told_of(status) for status in attached.scanners.statuses(desk)]

    given = credentials_of(request, gate)
    blind = cases.blind_among if actor.may(Permission.CASES_DECIDE) else None
    listening = Listening(states, lambda: gate.still(given, actor), blind)
    stream = await attached.feed.listen(desk, known, listening)
    return StreamingResponse(stream, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


def _sees(actor: Actor, desk: str) -> bool:
    """Whether what happens at a desk is told to whoever asks; administrators see scanners and no document."""
    return actor.may(Permission.SCANNERS_MANAGE) or actor.sees(desk=desk, made_by="", specimen=False)


def _shown(status: ScannerStatus, language: Language) -> Scanner:
    code = status.code
    return Scanner.model_validate(
        told_of(status)
        | {
            "since": status.since,
            "text": text(f"scanner.state.{status.state}", language),
            "remedy": text(f"errors.{code}.remedy", language) if code else "",
        }
    )
