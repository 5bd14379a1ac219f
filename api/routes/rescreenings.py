"""``/api/v1/screenings/{id}/rescreenings``: what runs over the archive say of a screening, beside its own report."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.errors import error_responses
from api.routes.screenings import PERSONAL_DATA_HEADER, ScreeningId
from api.security.access import Actor, Permission, require
from api.state import CaseworkOf, NotBlind
from dafec.report import Report
from dafec.verdict import Level

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["screenings"])

RunName = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$", description="Name of a run over the archive.")]


class Rescreening(BaseModel):
    """What one run says of a screening; nothing of the holder is in it."""

    model_config = ConfigDict(extra="forbid")
    run: str = Field(description="Name of the run.")
    at: AwareDatetime = Field(description="UTC.")
    level_before: Level = Field(description="The verdict's level when the run began.")
    level: Level = Field(description="The verdict's level by the run.")
    made: int = Field(description="Checks that came to a result.")
    not_possible: int = Field(description="Checks that did not.")


class Rescreenings(BaseModel):
    """What runs say of a screening, newest first."""

    model_config = ConfigDict(extra="forbid")
    items: list[Rescreening]


@router.get(
    "/screenings/{screening_id}/rescreenings",
    response_model=Rescreenings,
    responses=error_responses(404, 422, 507),
    summary="What later runs say of a screening",
)
async def list_rescreenings(
    screening_id: ScreeningId,
    _actor: Annotated[Actor, require(Permission.SCREENINGS_READ)],
    _not_blind: NotBlind,
    casework: CaseworkOf,
) -> Rescreenings:
    """Lists what runs over the archive (`dafec rescreen`) say of a screening; its own report stays as it is."""
    found = await casework.rescreenings(screening_id)
    return Rescreenings(
        items=[
            Rescreening(
                run=one.run,
                at=one.at,
                level_before=one.level_before,  # type: ignore[arg-type]
                level=one.level,  # type: ignore[arg-type]
                made=one.made,
                not_possible=one.not_possible,
            )
            for one in found
        ]
    )


@router.get(
    "/screenings/{screening_id}/rescreenings/{run}",
    response_model=Report,
    responses={
        **error_responses(404, 422, 507),
        200: {"model": Report, "description": "The report of the run.", "headers": PERSONAL_DATA_HEADER},
    },
    summary="A later run's report on a screening",
)
async def get_rescreening(
    screening_id: ScreeningId,
    run: RunName,
    _actor: Annotated[Actor, require(Permission.SCREENINGS_READ)],
    _not_blind: NotBlind,
    casework: CaseworkOf,
) -> Response:
    """Gives the report a run over the archive made, with or without personal data as for the screening itself."""
    report, personal_data = await casework.rescreened(screening_id, run)
    return Response(report, 200, {"DAFEC-Personal-Data": personal_data}, media_type="application/json")
