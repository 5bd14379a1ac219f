"""``/api/v1/desks``: the desks at the border and their keys."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.errors import error_responses
from api.security.access import Actor, GateOf, Permission, require
from api.security.desks import DeskRecord

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["desks"])

DeskId = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$", description="Id of a desk.")]
Administrator = Annotated[Actor, require(Permission.DESKS_MANAGE)]


class Desk(BaseModel):
    """One desk."""

    model_config = ConfigDict(extra="forbid")
    id: str = Field(description="Random; stands in the audit log.")
    name: str
    created: AwareDatetime
    key_made: AwareDatetime = Field(description="When its present key was made.")
    revoked: AwareDatetime | None = Field(description="Since when its key opens nothing; null: it does.")


class Desks(BaseModel):
    """Every desk, by name."""

    model_config = ConfigDict(extra="forbid")
    items: list[Desk]


class NewDesk(BaseModel):
    """A desk to be made."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(max_length=256, description="1 to 64 letters, digits, `. _ - /` and blanks, of any script.")


class DeskKey(BaseModel):
    """A desk's key, for `Authorization: Bearer`; shown this once."""

    model_config = ConfigDict(extra="forbid")
    id: str
    key: str


@router.get("/desks", responses=error_responses(401, 429), summary="List desks")
async def list_desks(_actor: Administrator, gate: GateOf) -> Desks:
    """Lists every desk, also those whose key opens nothing any more."""
    return Desks(items=[_desk(record) for record in await asyncio.to_thread(gate.desks.list)])


@router.post("/desks", status_code=201, responses=error_responses(401, 409, 422, 429), summary="Make a desk")
async def post_desk(new: NewDesk, _actor: Administrator, gate: GateOf) -> DeskKey:
    """Makes a desk with a key, which is shown this once."""
    made = await asyncio.to_thread(gate.desks.create, new.name)
    return DeskKey(id=made.id, key=made.key)


@router.get("/desks/{desk_id}", responses=error_responses(401, 404, 422, 429), summary="One desk")
async def get_desk(desk_id: DeskId, _actor: Administrator, gate: GateOf) -> Desk:
    """Gives one desk."""
    return _desk(await asyncio.to_thread(gate.desks.get, desk_id))


@router.post("/desks/{desk_id}/key", responses=error_responses(401, 404, 422, 429), summary="Renew a desk's key")
async def post_desk_key(desk_id: DeskId, _actor: Administrator, gate: GateOf) -> DeskKey:
    """Gives a desk a new key, shown this once; the old one opens nothing any more."""
    made = await asyncio.to_thread(gate.desks.renew, desk_id)
    return DeskKey(id=made.id, key=made.key)


@router.delete("/desks/{desk_id}/key", responses=error_responses(401, 404, 422, 429), summary="Revoke a desk's key")
async def delete_desk_key(desk_id: DeskId, _actor: Administrator, gate: GateOf) -> Desk:
    """Takes a desk's key away, from the next request on."""
    return _desk(await asyncio.to_thread(gate.desks.revoke, desk_id))


def _desk(record: DeskRecord) -> Desk:
    return Desk(**{name: getattr(record, name) for name in Desk.model_fields})
