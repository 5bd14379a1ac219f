"""``/api/v1/cases``: the queue, a case with everything examiners add, the layers of its picture, and its report."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictBool

from api.case_pictures import heat_picture
from api.case_report import make_case_report
from api.errors import ServiceError, error_responses
from api.routes.naming import names_for
from api.routes.rendering import page_language
from api.security.access import Actor, Permission, require
from api.security.audit_entry import AuditEvent, actor
from api.state import CasesOf, CaseworkOf, StateOf
from api.store.case_records import (
    CaseFilter,
    CaseSummary,
    Conclusion,
    DeskAction,
    NewAnnotation,
    NewOpinion,
    OpinionKind,
    Origin,
    Shape,
    Status,
)
from dafec.capture import Light
from dafec.messages import LANGUAGES, Language
from dafec.report import parse_report
from dafec.verdict import Level

__all__ = ["CaseBody", "router"]

router = APIRouter(prefix="/api/v1", tags=["cases"])

CaseId = Annotated[str, Path(pattern=r"^[0-9A-Za-z_-]{16,64}$", description="Id of a case: that of its screening.")]
MarkId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="Id of an annotation.")]
Reader = Annotated[Actor, require(Permission.CASES_READ)]
Annotator = Annotated[Actor, require(Permission.CASES_ANNOTATE)]
Decider = Annotated[Actor, require(Permission.CASES_DECIDE)]
Number = Annotated[int, Path(ge=0, le=100_000)]
_PNG: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}}
}
_PDF: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}}
}


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CaseItem(_Body):
    """One case in the queue; nothing of the holder is in it."""

    id: str = Field(description="Of its screening.")
    number: int = Field(description="By which people call it.")
    opened: AwareDatetime
    changed: AwareDatetime
    origin: Origin = Field(description="flagged by the machine, or referred by an officer.")
    reason: str | None = Field(description="Why an officer referred it.")
    status: Status
    assignee: str | None = Field(description="As the audit log names people; null: nobody.")
    issuer: str
    series: str
    format: str
    findings: list[str] = Field(description="Checks behind the verdict; empty while they are hidden.")
    level: str = Field(description="The machine's verdict; empty while it is hidden.")
    batch: int = Field(description="Other cases of this issuer and format with the same findings.")
    deleted: AwareDatetime | None


class CaseList(_Body):
    """Some cases, oldest first."""

    items: list[CaseItem]
    next: int | None = Field(description="Hand it in as ``after``; null at the end.")
    counts: dict[str, int] = Field(description="Of all cases, by status.")


class Note(_Body):
    """A note."""

    id: str
    author: str
    created: AwareDatetime
    text: str | None = Field(description="null where the holder's data were deleted.")


class NoteText(_Body):
    """A note to be added."""

    text: str = Field(min_length=1, max_length=8000)


class Mark(_Body):
    """A mark to be put on a picture."""

    page: int = Field(ge=0, le=99, description="0-based.")
    light: Light
    shape: Shape
    points: list[tuple[float, float]] = Field(
        min_length=1, max_length=2, description="x, y in pixels of the image as handed in."
    )
    text: str = Field(default="", max_length=2000)


class Annotation(_Body):
    """A mark on a picture."""

    id: str
    author: str
    created: AwareDatetime
    page: int
    light: Light
    shape: Shape
    points: list[tuple[float, float]] | None
    text: str | None


class NewConclusion(_Body):
    """A conclusion to be recorded."""

    kind: OpinionKind = Field(description="view: before the scores are shown; first; second: without the first.")
    conclusion: Conclusion
    support: int = Field(ge=0, le=5, description="0 none, 1 weak .. 5 very strong support for the conclusion.")
    grounds: str = Field(default="", max_length=8000)


class Opinion(_Body):
    """A conclusion."""

    author: str
    created: AwareDatetime
    kind: OpinionKind
    conclusion: Conclusion
    support: int
    grounds: str | None


class CaseBody(_Body):
    """A case as whoever asks may see it."""

    case: CaseItem
    notes: list[Note]
    annotations: list[Annotation]
    opinions: list[Opinion]
    blind: bool = Field(description="A second opinion is wanted of whoever asks; what tells of the first is left out.")
    next_opinion: OpinionKind | None = Field(description="What whoever asks may conclude now.")
    readable: bool = Field(description="false: the holder's data were deleted, and what people typed with them.")


class Assignment(_Body):
    """Who has a case."""

    mine: StrictBool = Field(description="true: whoever asks takes it; false: it goes back to the queue.")


class Created(_Body):
    """What was added."""

    id: str


class DeskDecision(_Body):
    """What an officer decided."""

    action: DeskAction
    reason: str = Field(pattern=r"^[a-z_]{1,24}$")


class DeskDecided(_Body):
    """What came of it."""

    case_opened: bool


class TypedZone(_Body):
    """A zone as an officer read it on the document."""

    lines: list[Annotated[str, Field(max_length=60)]] = Field(min_length=1, max_length=3)


class TypedOutcome(_Body):
    """What the rules of Doc 9303 say of it, and the verdict by it."""

    outcome: Literal["valid", "valid_note", "invalid"]
    level: Level
    created: AwareDatetime


@router.get("/cases", response_model=CaseList, responses=error_responses(401, 422), summary="The queue of cases")
async def list_cases(
    cases: CasesOf,
    _actor: Reader,
    status: Annotated[list[Status], Query(description="Any of these; none: all.")] = [],  # noqa: B006
    assignee: Annotated[Literal["me", "nobody"] | None, Query(description="Whose cases.")] = None,
    origin: Annotated[Origin | None, Query(description="How they became cases.")] = None,
    level: Annotated[Literal["look", "refer"] | None, Query(description="The machine's verdict.")] = None,
    older_h: Annotated[int | None, Query(ge=0, le=100_000, description="Opened longer ago than so many hours.")] = None,
    q: Annotated[str, Query(max_length=80, description="Words in number, issuer, series, format, findings.")] = "",
    like: Annotated[
        str | None, Query(pattern=r"^[0-9A-Za-z_-]{16,64}$", description="Cases that may belong to this one.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="At most so many.")] = 50,
    after: Annotated[int | None, Query(ge=0, description="``next`` of the page before.")] = None,
) -> CaseList:
    """Lists cases, oldest first: who waits longest stands first."""
    before = datetime.now(UTC) - timedelta(hours=older_h) if older_h is not None else None
    whose = {"me": actor(), "nobody": ""}.get(assignee or "")
    wanted = CaseFilter(tuple(status), whose, origin, level, before, q, like, limit, after)
    page = await cases.queue(wanted)
    return CaseList(items=[_item(case) for case in page.items], next=page.next, counts=dict(page.counts))


@router.get("/cases/{case_id}", response_model=CaseBody, responses=error_responses(401, 404, 422), summary="A case")
async def get_case(case_id: CaseId, cases: CasesOf, _actor: Reader) -> CaseBody:
    """Gives a case with its notes, marks and conclusions. That it was opened goes into the audit log."""
    view = await cases.open(case_id)
    record = view.record
    return CaseBody(
        case=_item(record.summary),
        notes=[Note(id=n.id, author=n.author, created=n.created, text=n.text) for n in record.notes],
        annotations=[
            Annotation(
                id=mark.id,
                author=mark.author,
                created=mark.created,
                page=mark.page,
                light=mark.light,
                shape=mark.shape,
                points=list(mark.points) if mark.points is not None else None,
                text=mark.text,
            )
            for mark in record.annotations
        ],
        opinions=[
            Opinion(
                author=opinion.author,
                created=opinion.created,
                kind=opinion.kind,
                conclusion=opinion.conclusion,
                support=opinion.support,
                grounds=opinion.grounds,
            )
            for opinion in record.opinions
        ],
        blind=view.blind,
        next_opinion=view.next_opinion,
        readable=record.readable,
    )


@router.put("/cases/{case_id}/assignee", responses=error_responses(401, 404, 422), summary="Take a case")
async def put_assignee(case_id: CaseId, body: Assignment, cases: CasesOf, _actor: Annotator) -> Assignment:
    """Takes a case, or gives it back to the queue."""
    await cases.assign(case_id, mine=body.mine)
    return body


@router.post(
    "/cases/{case_id}/notes", status_code=201, responses=error_responses(401, 404, 410, 422), summary="Add a note"
)
async def post_note(case_id: CaseId, body: NoteText, cases: CasesOf, _actor: Annotator) -> Created:
    """Adds a note; it is encrypted with the pictures and goes with them."""
    return Created(id=await cases.add_note(case_id, body.text))


@router.post(
    "/cases/{case_id}/annotations",
    status_code=201,
    responses=error_responses(401, 404, 410, 422),
    summary="Mark a place",
)
async def post_annotation(case_id: CaseId, body: Mark, cases: CasesOf, _actor: Annotator) -> Created:
    """Puts a mark on a picture, in pixels of the image as it was handed in."""
    if len(body.points) != (2 if body.shape in ("rectangle", "line") else 1):
        raise ServiceError("case.mark_outside", status=422)
    new = NewAnnotation(body.page, body.light, body.shape, tuple(body.points), body.text)
    return Created(id=await cases.annotate(case_id, new))


@router.delete(
    "/cases/{case_id}/annotations/{mark_id}",
    status_code=204,
    responses=error_responses(401, 404, 422),
    summary="Take a mark back",
)
async def delete_annotation(case_id: CaseId, mark_id: MarkId, cases: CasesOf, _actor: Annotator) -> Response:
    """Takes one's own mark back. It stays in the database, with the time."""
    await cases.take_back(case_id, mark_id)
    return Response(status_code=204)


@router.post(
    "/cases/{case_id}/opinions",
    status_code=201,
    responses=error_responses(401, 404, 409, 410, 422),
    summary="Record a conclusion",
)
async def post_opinion(case_id: CaseId, body: NewConclusion, cases: CasesOf, _actor: Decider) -> NewConclusion:
    """Records a conclusion. It is never changed afterwards."""
    await cases.conclude(case_id, NewOpinion(body.kind, body.conclusion, body.support, body.grounds))
    return body


@router.post(
    "/cases/{case_id}/second-opinion",
    status_code=204,
    responses=error_responses(401, 404, 409, 422),
    summary="Ask for a second opinion",
)
async def post_second_opinion(case_id: CaseId, cases: CasesOf, _actor: Decider) -> Response:
    """Asks for a second opinion, by somebody who neither knows the first nor the scores."""
    await cases.ask_second(case_id)
    return Response(status_code=204)


@router.get(
    "/cases/{case_id}/pictures/{page}/{layer}/{level}/{column}/{row}",
    response_class=Response,
    responses={**error_responses(401, 404, 410, 422), **_PNG},
    summary="A tile of a picture",
)
async def get_tile(
    case_id: CaseId,
    page: Annotated[int, Path(ge=0, le=99)],
    layer: Annotated[Literal["visible", "ir", "uv", "bands"], Path(description="A light, or all in false colour.")],
    level: Annotated[int, Path(ge=0, le=20, description="0 is one pixel; each next one is twice the size.")],
    column: Number,
    row: Number,
    cases: CasesOf,
    _actor: Annotated[Actor, require(Permission.CASES_READ)],
) -> Response:
    """Gives a tile of 1024 pixels of a frame as it was handed in, without loss."""
    data = await cases.tile(case_id, page, layer, (level, column, row))
    return Response(
        data,
        media_type="image/png",
        # For this browser's memory alone, as long as the page is open: switching bands must not wait.
        headers={"Cache-Control": "private, max-age=600"},
    )


@router.get(
    "/cases/{case_id}/heat-maps/{number}",
    response_class=Response,
    responses={**error_responses(401, 403, 404, 422), **_PNG},
    summary="Where a check sees what it found",
)
async def get_heat_map(
    case_id: CaseId, number: Annotated[int, Path(ge=0, le=999)], cases: CasesOf, _actor: Reader
) -> Response:
    """Gives the evidence of a check over the whole page, transparent where there is none."""
    view = await cases.open(case_id, log=False)
    if view.scores_hidden:
        raise ServiceError("case.blind", status=403)
    return Response(await cases.run(heat_picture, view.report, number), media_type="image/png")


@router.get(
    "/cases/{case_id}/report",
    response_class=Response,
    responses={**error_responses(401, 403, 404, 422), **_PDF},
    summary="The report on a case",
)
async def get_report(
    case_id: CaseId,
    request: Request,
    state: StateOf,
    cases: CasesOf,
    asking: Reader,
    language: Annotated[Literal["en", "ar"] | None, Query(description="Of the report.")] = None,
) -> Response:
    """Gives the report as PDF, with crops cut from the originals. Who is asked for a blind opinion does not get it."""
    view = await cases.open(case_id)
    if view.blind or view.scores_hidden:
        raise ServiceError("case.blind", status=403)
    chosen: Language = next((known for known in LANGUAGES if known == language), page_language(request))
    screening = await cases.screening_of(case_id)
    names = names_for(state, asking, chosen)
    personal = asking.sees_personal_data
    data = await cases.run(make_case_report, view, screening, cases.frame, chosen, names, personal=personal)
    details: dict[str, str | int] = {"case": view.record.summary.number, "language": chosen, "form": "report"}
    await cases.log(AuditEvent("case.exported", f"case:{case_id}", details))
    name = f"case-{view.record.summary.number}-{chosen}.pdf"
    return Response(
        data, media_type="application/pdf", headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


@router.post(
    "/screenings/{case_id}/desk-decision",
    status_code=201,
    responses=error_responses(401, 404, 410, 422),
    summary="Refer a document, or let it pass",
)
async def post_desk_decision(
    case_id: CaseId,
    body: DeskDecision,
    casework: CaseworkOf,
    cases: CasesOf,
    _actor: Annotated[Actor, require(Permission.SCREENINGS_MAKE)],
) -> DeskDecided:
    """Records what the officer decided. A referral keeps the pictures and makes the screening a case."""
    record = await casework.get(case_id)
    return DeskDecided(case_opened=await cases.decide_at_desk(record, body.action, body.reason))


@router.post(
    "/screenings/{case_id}/corrected-read",
    status_code=201,
    responses=error_responses(401, 404, 410, 422, 503),
    summary="Check the zone as typed by hand",
)
async def post_corrected_read(
    case_id: CaseId,
    body: TypedZone,
    casework: CaseworkOf,
    cases: CasesOf,
    _actor: Annotated[Actor, require(Permission.SCREENINGS_MAKE)],
) -> TypedOutcome:
    """Screens the document again by the zone as the officer reads it; the first report and the machine's read stay."""
    record = await casework.get(case_id)
    kept = await cases.correct_read(record, body.lines, date.today(), casework.pool)  # the desk's own day
    assert kept.report is not None
    level = parse_report(kept.report).verdict.level
    return TypedOutcome(outcome=kept.outcome, level=level, created=kept.created)  # type: ignore[arg-type]


def _item(case: CaseSummary) -> CaseItem:
    return CaseItem(
        id=case.id,
        number=case.number,
        opened=case.opened,
        changed=case.changed,
        origin=case.origin,
        reason=case.reason,
        status=case.status,
        assignee=case.assignee,
        issuer=case.issuer,
        series=case.series,
        format=case.format,
        findings=list(case.findings),
        level=case.level,
        batch=case.batch,
        deleted=case.deleted,
    )
