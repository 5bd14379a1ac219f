"""``/api/v1/references`` and the pages of document series: list, enrolment, preview, approval, retirement."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from api.errors import error_responses
from api.routes.naming import names_for, viewer_texts
from api.routes.rendering import page_language, render_page
from api.security.access import Actor, Permission, require
from api.state import CasesOf, CaseworkOf, NotBlind, ReferencesOf, StateOf
from api.viewer.case_view import layer_data
from api.viewer.series_view import candidate_rows, series_row, series_sides
from api.viewer.words import plural_text
from dafec.capture import Light
from dafec.references.samples import MAX_SAMPLES, MIN_SAMPLES
from dafec.references.series import Series
from dafec.report import parse_report

__all__ = ["pages", "router"]

router = APIRouter(prefix="/api/v1", tags=["references"])
pages = APIRouter(include_in_schema=False)

CODE = r"^[A-Z0-9<]{1,3}-[A-Z]{1,2}-[0-9]{1,3}-[0-9]{4}$"
Code = Annotated[str, Path(pattern=CODE, description="Country, type, number, year: UTO-P-1-2020.")]
CaseId = Annotated[str, Path(pattern=r"^[0-9A-Za-z_-]{16,64}$", description="Id of a case.")]
Number = Annotated[int, Path(ge=0, le=100_000)]
_PNG: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}}
}


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SeriesItem(_Body):
    """One document series."""

    code: str
    format: str
    state: Literal["silent", "approved", "retired"] = Field(description="silent: its checks run and do not count.")
    version: int
    captures: int
    enrolled_by: str
    approved_by: str | None
    fits: bool = Field(description="It is of the asked case's issuer and format.")


class SeriesList(_Body):
    """The library."""

    items: list[SeriesItem]
    unreadable: list[str] = Field(description="Codes of series that cannot be read.")


class NewSeries(_Body):
    """A series to be learned."""

    code: str = Field(pattern=CODE)
    screenings: list[Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{16,64}$")]] = Field(max_length=MAX_SAMPLES)
    note: str = Field(default="", max_length=500)


class ReferenceLayers(_Body):
    """A reference laid on the document of a case."""

    layers: list[dict[str, Any]]


@router.get(
    "/references", response_model=SeriesList, responses=error_responses(401, 404, 422), summary="The series known"
)
async def list_references(
    references: ReferencesOf,
    cases: CasesOf,
    _actor: Annotated[Actor, require(Permission.REFERENCES_READ)],
    case: Annotated[str | None, Query(pattern=r"^[0-9A-Za-z_-]{16,64}$", description="A case to compare.")] = None,
) -> SeriesList:
    """Lists the series of the library; those that fit a case first."""
    found, unreadable = await references.listed()
    issuer, form = "", ""
    if case is not None:
        document = parse_report((await cases.screening_of(case)).report).document
        issuer, form = document.issuer or "", document.format or ""
    items = [_item(series, issuer, form) for series in found]
    return SeriesList(items=sorted(items, key=lambda item: (not item.fits, item.code)), unreadable=list(unreadable))


@router.post(
    "/references",
    status_code=201,
    response_model=SeriesItem,
    responses=error_responses(401, 404, 410, 422),
    summary="Learn a series",
)
async def post_reference(
    body: NewSeries, references: ReferencesOf, _actor: Annotated[Actor, require(Permission.REFERENCES_ENROL)]
) -> SeriesItem:
    """Learns a series from kept screenings of documents known to be in order. It is silent until approved."""
    return _item(await references.learn(body.code, body.screenings, body.note), "", "")


@router.post(
    "/references/{code}/approval",
    response_model=SeriesItem,
    responses=error_responses(401, 404, 422),
    summary="Approve a series",
)
async def post_approval(
    code: Code, references: ReferencesOf, _actor: Annotated[Actor, require(Permission.REFERENCES_APPROVE)]
) -> SeriesItem:
    """Lets a silent series count. Who learned or changed it last may not."""
    return _item(await references.approve(code), "", "")


@router.post(
    "/references/{code}/retirement",
    response_model=SeriesItem,
    responses=error_responses(401, 404, 422),
    summary="Retire a series",
)
async def post_retirement(
    code: Code, references: ReferencesOf, _actor: Annotated[Actor, require(Permission.REFERENCES_APPROVE)]
) -> SeriesItem:
    """Takes a series out of use; what was learned stays in its folder."""
    return _item(await references.retire(code), "", "")


@router.get(
    "/references/{code}/previews/{side}/{light}",
    response_class=Response,
    responses={**error_responses(401, 404, 422), **_PNG},
    summary="What was learned",
)
async def get_preview(
    code: Code,
    side: Annotated[Literal["data", "other"], Path()],
    light: Light,
    references: ReferencesOf,
    _actor: Annotated[Actor, require(Permission.REFERENCES_READ)],
) -> Response:
    """Shows the reference with its regions, and how much it varies."""
    return Response(await references.preview(code, side, light), media_type="image/png")


@router.get(
    "/screenings/{screening_id}/checks/{check_id}/reference",
    response_class=Response,
    responses={**error_responses(401, 403, 404, 422), **_PNG},
    summary="The reference at a check's place",
)
async def get_reference_crop(
    screening_id: Annotated[str, Path(pattern=r"^[0-9A-Za-z_-]{16,64}$", description="Id of a screening.")],
    check_id: Annotated[str, Path(pattern=r"^[0-9A-Za-z_-]{2,64}$", description="Id of a check in the report.")],
    _actor: Annotated[Actor, require(Permission.SCREENINGS_IMAGES)],
    _not_blind: NotBlind,
    casework: CaseworkOf,
    references: ReferencesOf,
) -> Response:
    """Gives the same place of the series' reference that the check's own picture shows."""
    await casework.get(screening_id)  # among the records of whoever asks, and on record
    return Response(await references.crop(screening_id, check_id), media_type="image/png")


@router.get(
    "/references/{code}/pictures/{light}/{level}/{column}/{row}",
    response_class=Response,
    responses={**error_responses(401, 404, 422), **_PNG},
    summary="A tile of a reference",
)
async def get_reference_tile(
    code: Code,
    light: Light,
    level: Annotated[int, Path(ge=0, le=20)],
    column: Number,
    row: Number,
    references: ReferencesOf,
    _actor: Annotated[Actor, require(Permission.REFERENCES_READ)],
) -> Response:
    """Gives a tile of 1024 pixels of a series' reference."""
    data = await references.tile(code, light, (level, column, row))
    return Response(data, media_type="image/png", headers={"Cache-Control": "private, max-age=600"})


@router.get(
    "/cases/{case_id}/references/{code}",
    response_model=ReferenceLayers,
    responses=error_responses(401, 404, 422),
    summary="A reference on a case",
)
async def get_reference_layers(
    case_id: CaseId,
    code: Code,
    references: ReferencesOf,
    cases: CasesOf,
    _actor: Annotated[Actor, require(Permission.CASES_READ)],
    page: Annotated[int, Query(ge=0, le=99, description="0-based.")] = 0,
) -> ReferenceLayers:
    """Lays a series' reference on the document of a case: a similarity from the outline, nothing is distorted."""
    report = parse_report((await cases.screening_of(case_id)).report)
    layers = await references.layers(code, report) if page == report.document.page else ()
    return ReferenceLayers(
        layers=[layer_data(layer, f"/api/v1/references/{code}/pictures/{layer.light}") for layer in layers]
    )


@pages.get("/references")
async def get_references_page(
    request: Request,
    state: StateOf,
    references: ReferencesOf,
    actor: Annotated[Actor, require(Permission.REFERENCES_READ)],
) -> Response:
    """The library, and learning a new series."""
    language = page_language(request)
    found, unreadable = await references.listed()
    names = names_for(state, actor, language)
    may_enrol = actor.may(Permission.REFERENCES_ENROL)
    candidates, left_out = await references.candidates() if may_enrol else ((), 0)
    return render_page(
        request,
        "references.html",
        here="references",
        v=viewer_texts(language),
        rows=[series_row(series, language, names) for series in found],
        unreadable=unreadable,
        may_enrol=may_enrol,
        candidates=candidate_rows(candidates, language),
        left_out=plural_text("viewer.series.left_out", left_out, language, n=left_out) if left_out else "",
        least=MIN_SAMPLES,
        most=MAX_SAMPLES,
    )


@pages.get("/references/{code}")
async def get_reference_page(
    code: Code,
    request: Request,
    state: StateOf,
    references: ReferencesOf,
    actor: Annotated[Actor, require(Permission.REFERENCES_READ)],
) -> Response:
    """What was learned of a series, and its approval."""
    language = page_language(request)
    series = await references.get(code)
    names = names_for(state, actor, language)
    last = {series.enrolled_by, series.changes[-1].by}
    return render_page(
        request,
        "reference.html",
        here="references",
        v=viewer_texts(language),
        row=series_row(series, language, names),
        sides=series_sides(series, language),
        changes=[
            {"version": c.version, "date": c.date, "by": names(c.by), "note": c.note} for c in reversed(series.changes)
        ],
        may_approve=actor.may(Permission.REFERENCES_APPROVE),
        same_person=actor.audit_name in last,
    )


def _item(series: Series, issuer: str, form: str) -> SeriesItem:
    return SeriesItem(
        code=series.code,
        format=series.format,
        state=series.state,
        version=series.version,
        captures=series.captures,
        enrolled_by=series.enrolled_by,
        approved_by=series.approved_by,
        fits=bool(issuer) and series.identity.country == issuer and series.format == form,
    )
