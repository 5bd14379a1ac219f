"""``/api/v1/screenings``: screen a document, find a screening again, see its pictures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Path, Query, Request
from fastapi.responses import Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictBool
from starlette.requests import ClientDisconnect

from api.casework import Picture
from api.errors import ServiceError, error_responses
from api.parts import PARTS
from api.security.access import Actor, Permission, public, require
from api.state import CasesOf, CaseworkOf, NotBlind, ServiceState, StateOf
from api.store import ScreeningSummary as StoredSummary
from api.store.records import CompletionState, Origin
from api.uploads import STATEMENT_PART, Upload, UploadLimits, read_upload
from api.uploads import Hold as UploadHold
from dafec.capture import LIGHTS, Light
from dafec.errors import DafecError, InputError
from dafec.report import Report, report_schema
from dafec.verdict import Level

__all__ = ["PERSONAL_DATA_HEADER", "ScreeningId", "router"]

router = APIRouter(prefix="/api/v1", tags=["screenings"])

ScreeningId = Annotated[str, Path(pattern=r"^[0-9A-Za-z_-]{16,64}$", description="Id of a screening.")]
CheckId = Annotated[str, Path(pattern=r"^[0-9A-Za-z_-]{2,64}$", description="Id of a check in the report.")]
PageIndex = Annotated[int, Path(ge=0, le=99, description="0-based, as in the report's capture.pages.")]
IdempotencyKey = Annotated[
    str | None,
    Header(
        pattern=r"^[0-9A-Za-z_.:-]{1,128}$",
        description="1 to 128 letters, digits or ``_ . : -``, new for every document. Repeated with the same images it "
        "gives the same screening instead of a second one.",
    ),
]
OriginHeader = Annotated[
    Literal["live", "recorded"] | None,
    Header(
        description="recorded: the images were taken before, which the report says and a desk may refuse. live: taken "
        "at the moment; believed with a desk's key only, where it is what nothing means."
    ),
]
TimeHeader = Annotated[
    int | None, Header(ge=0, le=2**33, description="With a desk's key: its clock, whole seconds since 1970.")
]
NonceHeader = Annotated[
    str | None,
    Header(
        pattern=r"^[0-9A-Za-z_.:-]{16,128}$",
        description="With a desk's key: 16 to 128 letters, digits or ``_ . : -``, new for each request, also a "
        "repeated one.",
    ),
]
#: More of a refused body is not read before the answer is given, and not for longer; an ordinary client has sent it by
#: then.
_DRAIN_BYTES = 64 * 1024 * 1024
_DRAIN_S = 3.0

_SUFFIXES = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/tiff": ".tif",
    "image/bmp": ".bmp",
    "image/jp2": ".jp2",
    "image/webp": ".webp",
    "application/pdf": ".pdf",
}
_UNKNOWN_TYPE = "application/octet-stream"


def _bytes_of(*media_types: str) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's ``responses`` for bytes of these kinds."""
    return {200: {"content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in media_types}}}


_COMPLETION = {
    "DAFEC-Completion": {
        "schema": {"type": "string", "enum": ["none", "due", "done", "failed"]},
        "description": "Of the complete report: there is to be none; it follows; this is it, and the first one is at "
        "?stage=first; there is none, and the first one stays.",
    }
}
_LOCATION = {"Location": {"schema": {"type": "string"}, "description": "Address of the screening."}, **_COMPLETION}
PERSONAL_DATA_HEADER = {
    "DAFEC-Personal-Data": {
        "schema": {"type": "string", "enum": ["kept", "deleted", "unreadable", "withheld"]},
        "description": "Whether the report is as it was acknowledged, or without its personal data.",
    }
}
_LIGHT_TEXTS = dict(zip(LIGHTS, ("visible light", "infrared (B900)", "ultraviolet (365 nm)"), strict=True))
_SIDE_TEXTS = ("The document", "A further side or page of it")
_UPLOAD_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {
                        name: {
                            "type": "string",
                            "format": "binary",
                            "minLength": 1,
                            "description": f"{_SIDE_TEXTS[part.side > 1]} in {_LIGHT_TEXTS[part.light]}.",
                        }
                        for name, part in PARTS.items()
                    }
                    | {
                        STATEMENT_PART: {
                            "type": "string",
                            "maxLength": 65536,
                            "description": "Text of a capture.toml: `dpi = 400` or "
                            '`dpi = { visible = 600, ir = 300 }`, `reader = "Maker Model"`. Goes before the '
                            "resolution the images state.",
                        }
                    },
                    "anyOf": [{"required": [name]} for name in PARTS],
                }
            }
        },
    }
}


class ScreeningSummary(BaseModel):
    """One screening in a list; nothing of the holder is in it."""

    model_config = ConfigDict(extra="forbid")
    id: str = Field(description="Random; tells nothing about the holder.")
    created: AwareDatetime = Field(description="UTC.")
    level: Level | None = Field(
        description="The verdict's level; null as long as a blind second opinion on it is wanted of whoever asks."
    )
    made: int = Field(description="Checks that came to a result.")
    not_possible: int = Field(description="Checks that did not.")
    lights: list[Light] = Field(description="The lights that were handed in.")
    held: bool | None = Field(
        description="Images and personal data are kept until released; null where the level is: it would tell."
    )
    deleted: AwareDatetime | None = Field(
        description="When images and personal data were deleted; null: they are kept."
    )
    origin: Origin = Field(description="live: taken at the moment; recorded: taken before; unknown: nobody said.")
    completion: CompletionState = Field(description="Of the complete report: none, due, done or failed.")


class Hold(BaseModel):
    """Whether images and personal data of a screening are kept until released."""

    model_config = ConfigDict(extra="forbid")
    held: StrictBool = Field(description="true: kept until released; false: deleted when their time is over.")


class ScreeningList(BaseModel):
    """Some screenings, newest first."""

    model_config = ConfigDict(extra="forbid")
    items: list[ScreeningSummary]
    next: str | None = Field(description="Hand it in as ``after`` to get the following ones; null at the end.")


@router.post(
    "/screenings",
    status_code=201,
    response_model=Report,
    summary="Screen a document",
    openapi_extra=_UPLOAD_BODY,
    responses={
        **error_responses(408, 409, 413, 415, 422, 507),
        200: {
            "model": Report,
            "description": "The same key and the same images were screened before.",
            "headers": _LOCATION,
        },
        201: {
            "model": Report,
            "description": "Screened and kept.",
            "headers": _LOCATION,
        },
    },
)
async def post_screening(
    request: Request,
    asking: Annotated[Actor, require(Permission.SCREENINGS_MAKE)],
    state: StateOf,
    casework: CaseworkOf,
    idempotency_key: IdempotencyKey = None,
    dafec_origin: OriginHeader = None,
    dafec_time: TimeHeader = None,
    dafec_nonce: NonceHeader = None,
) -> Response:
    """Takes the images of one document, one part per light, and answers with the report once it is on the disk.

    The other side of a card is `visible-2`, `ir-2` and `uv-2`; further pages are counted on. A part `capture` may hold
    the text of the document's capture.toml. With a desk's key DAFEC-Time and DAFEC-Nonce are needed: a request that was
    recorded does nothing when it is sent again.
    """
    if casework.pool.full:
        raise ServiceError("service.overloaded", status=503, retry_after_s=2)
    if asking.kind == "desk":
        await _take_nonce(state, asking, dafec_time, dafec_nonce)
    upload, hold = await _receive(request, state)
    origin = _origin(asking, dafec_origin)
    try:
        outcome = await casework.screen(upload, idempotency_key, lambda: hold.__exit__(None, None, None), origin)
    except InputError as error:
        _note_pushed(state, asking, error.code)
        raise
    if outcome.created:
        _note_pushed(state, asking, None)
    return Response(
        outcome.report,
        201 if outcome.created else 200,
        {"Location": f"/api/v1/screenings/{outcome.id}", "DAFEC-Completion": outcome.completion},
        media_type="application/json",
    )


async def _take_nonce(state: ServiceState, desk: Actor, moment: int | None, nonce: str | None) -> None:
    """Refuses what a desk's program, or somebody who listened to it, has sent before."""
    if moment is None or nonce is None:
        raise ServiceError("desk.nonce_needed", status=422)
    assert state.gate is not None
    at = datetime.fromtimestamp(moment, UTC)
    await asyncio.to_thread(state.gate.desks.take_nonce, desk.id, nonce, at)
    if state.attached is not None:
        state.attached.scanners.heard(desk.id)


def _note_pushed(state: ServiceState, asking: Actor, code: str | None) -> None:
    """Counts what a desk's own program sent."""
    if asking.kind == "desk" and state.attached is not None:
        state.attached.scanners.pushed(asking.id, code)


def _origin(asking: Actor, stated: Literal["live", "recorded"] | None) -> Origin:
    """What is believed of where the images come from: only a desk's own program is taken at its word for live."""
    if asking.kind == "desk":
        return stated or "live"
    return "recorded" if stated == "recorded" else "unknown"


async def _receive(request: Request, state: ServiceState) -> tuple[Upload, UploadHold]:
    settings = state.settings
    limits = UploadLimits(settings.max_image_bytes, settings.max_request_bytes, settings.upload_timeout_s)
    stream = request.stream()
    try:
        return await read_upload(stream, request.headers, limits, state.budget)
    except DafecError:
        await _drain(stream)
        raise


async def _drain(stream: AsyncIterator[bytes]) -> None:
    """Reads on for a while: a client that is still sending would see a broken connection instead of the answer."""
    rest = 0
    try:
        async with asyncio.timeout(_DRAIN_S):  # a client that stalls gets its answer too
            async for chunk in stream:
                rest += len(chunk)
                if rest > _DRAIN_BYTES:
                    return
    except (ClientDisconnect, RuntimeError, TimeoutError):  # gone, or the stream was used up
        return


@router.get("/screenings", response_model=ScreeningList, responses=error_responses(404, 422), summary="List screenings")
async def list_screenings(
    _actor: Annotated[Actor, require(Permission.SCREENINGS_READ)],
    casework: CaseworkOf,
    cases: CasesOf,
    limit: Annotated[int, Query(ge=1, le=200, description="At most so many.")] = 50,
    after: Annotated[
        str | None, Query(pattern=r"^[0-9A-Za-z_-]{16,64}$", description="``next`` of the page before.")
    ] = None,
) -> ScreeningList:
    """Lists screenings, newest first; nothing of their holders."""
    page = await casework.newest(limit, after)
    blind = await cases.blind_among([record.id for record in page.items])
    return ScreeningList(items=[_summary(record, hidden=record.id in blind) for record in page.items], next=page.next)


@router.get(
    "/screenings/{screening_id}",
    response_model=Report,
    responses={
        **error_responses(404, 422, 507),
        200: {"model": Report, "description": "The report.", "headers": PERSONAL_DATA_HEADER | _COMPLETION},
    },
    summary="A screening's report",
)
async def get_screening(
    screening_id: ScreeningId,
    _actor: Annotated[Actor, require(Permission.SCREENINGS_READ)],
    _not_blind: NotBlind,
    casework: CaseworkOf,
    stage: Annotated[
        Literal["newest", "first"],
        Query(description="first: as it was acknowledged first, where a complete report took its place."),
    ] = "newest",
) -> Response:
    """Gives the report exactly as it was acknowledged, or the complete one that took its place since.

    Where its personal data were deleted, or are sealed under a key that is not there, the header DAFEC-Personal-Data
    says so, and the report is the one without them; so it is for whoever does not see personal data (withheld).
    """
    record = await casework.get(screening_id, first=stage == "first")
    headers = {"DAFEC-Personal-Data": record.personal_data, "DAFEC-Completion": record.completion}
    return Response(record.report, 200, headers, media_type="application/json")


@router.put(
    "/screenings/{screening_id}/hold",
    responses=error_responses(404, 410, 422, 507),
    summary="Hold or release a screening",
)
async def put_hold(
    screening_id: ScreeningId,
    hold: Hold,
    _actor: Annotated[Actor, require(Permission.SCREENINGS_HOLD)],
    casework: CaseworkOf,
) -> Hold:
    """Keeps the images and personal data of a screening until released, or releases them."""
    await casework.hold(screening_id, held=hold.held)
    return hold


@router.get(
    "/screenings/{screening_id}/images/{page}/{light}",
    response_class=Response,
    responses={**error_responses(404, 410, 422, 507), **_bytes_of(*_SUFFIXES, _UNKNOWN_TYPE)},
    summary="An image of a screening",
)
async def get_image(
    screening_id: ScreeningId,
    page: PageIndex,
    light: Light,
    actor: Annotated[Actor, require(Permission.SCREENINGS_IMAGES)],
    casework: CaseworkOf,
    form: Annotated[
        Literal["display", "original"],
        Query(description="display: PNG for a screen, the document cut out; original: the bytes as handed in."),
    ] = "display",
) -> Response:
    """Gives an image for the screen, or the original bytes as a download."""
    if form == "display":
        return _image(await casework.display(screening_id, page, light), f"{light}.png")
    if not actor.sees_personal_data:
        raise ServiceError("access.not_allowed", status=403, function=Permission.SCREENINGS_PERSONAL.value)
    picture = await casework.original(screening_id, page, light)
    return _image(picture, f"{light}{_SUFFIXES.get(picture.media_type, '.bin')}", download=True)


@router.get(
    "/screenings/{screening_id}/checks/{check_id}/image",
    response_class=Response,
    responses={**error_responses(404, 410, 422, 507), **_bytes_of("image/png")},
    summary="The region a check is about",
)
async def get_crop(
    screening_id: ScreeningId,
    check_id: CheckId,
    _actor: Annotated[Actor, require(Permission.SCREENINGS_IMAGES)],
    _not_blind: NotBlind,
    casework: CaseworkOf,
) -> Response:
    """Gives the region of a check, cut from the original, in the check's light."""
    return _image(await casework.crop(screening_id, check_id), "region.png")


@router.get(
    "/report-schema",
    responses=error_responses(),
    summary="JSON schema of a report",
    dependencies=[public("the same in every installation")],
)
async def get_report_schema() -> dict[str, Any]:
    """Gives the JSON schema every report of this version follows."""
    return report_schema()


def _image(picture: Picture, name: str, *, download: bool = False) -> Response:
    known = picture.media_type in _SUFFIXES
    return Response(
        picture.data,
        media_type=picture.media_type if known else _UNKNOWN_TYPE,
        headers={
            "Content-Disposition": f'{"attachment" if download else "inline"}; filename="{name}"',
            # Untrusted bytes: nothing in them may run, wherever they are opened.
            "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
        },
    )


def _summary(record: StoredSummary, *, hidden: bool) -> ScreeningSummary:
    created: datetime = record.created
    return ScreeningSummary(
        id=record.id,
        created=created,
        level=None if hidden else record.level,  # type: ignore[arg-type]
        made=record.made,
        not_possible=record.not_possible,
        lights=list(dict.fromkeys(image.light for image in record.images)),
        held=None if hidden else record.held,
        deleted=record.deleted,
        origin=record.origin,
        completion=record.completion,
    )
