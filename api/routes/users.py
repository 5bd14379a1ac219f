"""``/api/v1/users``: who may log in, and as what."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictBool

from api.errors import error_responses
from api.security.access import Actor, GateOf, Permission, Role, require
from api.security.accounts import UserRecord

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["users"])

UserId = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$", description="Id of a user.")]
Administrator = Annotated[Actor, require(Permission.USERS_MANAGE)]
_DeskId = Annotated[str | None, Field(pattern=r"^[0-9a-f]{16}$", description="Id of the desk the user works at.")]
_Roles = Annotated[list[Role], Field(max_length=len(Role), description="One at least.")]


class User(BaseModel):
    """One user."""

    model_config = ConfigDict(extra="forbid")
    id: str = Field(description="Random; stands in the audit log.")
    name: str = Field(description="As typed at login.")
    roles: list[Role]
    desk: str | None = Field(description="Id of the desk the user works at.")
    created: AwareDatetime
    disabled: AwareDatetime | None = Field(description="Since when the user cannot log in; null: he can.")
    second_factor: bool = Field(description="Whether an authenticator is set up.")
    must_change: bool = Field(description="Whether the password is good for one login only.")
    blocked_until: AwareDatetime | None = Field(description="After failed logins nothing is tried before.")


class Users(BaseModel):
    """Every user, by name."""

    model_config = ConfigDict(extra="forbid")
    items: list[User]


class NewUser(BaseModel):
    """A user to be made."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(max_length=256, description="1 to 64 letters, digits, `. _ -` and blanks, of any script.")
    roles: _Roles
    desk: _DeskId = None


class UserChange(BaseModel):
    """What a user is from now on."""

    model_config = ConfigDict(extra="forbid")
    roles: _Roles
    desk: _DeskId = None


class UserState(BaseModel):
    """Whether a user may log in."""

    model_config = ConfigDict(extra="forbid")
    disabled: StrictBool


class OneTimePassword(BaseModel):
    """A password for one login within 72 hours; shown this once."""

    model_config = ConfigDict(extra="forbid")
    id: str
    one_time_password: str


@router.get("/users", responses=error_responses(401, 429), summary="List users")
async def list_users(_actor: Administrator, gate: GateOf) -> Users:
    """Lists every user, also those who cannot log in any more."""
    return Users(items=[_user(record) for record in await asyncio.to_thread(gate.accounts.list)])


@router.post("/users", status_code=201, responses=error_responses(401, 404, 409, 422, 429), summary="Make a user")
async def post_user(new: NewUser, _actor: Administrator, gate: GateOf) -> OneTimePassword:
    """Makes a user with a one-time password, which is shown this once."""
    made = await gate.hashing.run(gate.accounts.create, new.name, new.roles, new.desk)
    return OneTimePassword(id=made.id, one_time_password=made.one_time_password)


@router.get("/users/{user_id}", responses=error_responses(401, 404, 422, 429), summary="One user")
async def get_user(user_id: UserId, _actor: Administrator, gate: GateOf) -> User:
    """Gives one user."""
    return _user(await asyncio.to_thread(gate.accounts.get, user_id))


@router.put("/users/{user_id}", responses=error_responses(401, 404, 409, 422, 429), summary="Change a user")
async def put_user(user_id: UserId, change: UserChange, _actor: Administrator, gate: GateOf) -> User:
    """Gives a user other roles and another desk, from the next request on."""
    return _user(await asyncio.to_thread(gate.accounts.change, user_id, change.roles, change.desk))


@router.put(
    "/users/{user_id}/state", responses=error_responses(401, 404, 409, 422, 429), summary="Disable or enable a user"
)
async def put_user_state(user_id: UserId, state: UserState, _actor: Administrator, gate: GateOf) -> User:
    """Lets a user log in no more and ends his sessions, or lets him in again."""
    return _user(await asyncio.to_thread(gate.accounts.set_disabled, user_id, disabled=state.disabled))


@router.post("/users/{user_id}/reset", responses=error_responses(401, 404, 422, 429), summary="Reset a user")
async def post_user_reset(user_id: UserId, _actor: Administrator, gate: GateOf) -> OneTimePassword:
    """Gives a user a one-time password, shown this once; removes the second factor and ends his sessions."""
    made = await gate.hashing.run(gate.accounts.reset, user_id)
    return OneTimePassword(id=made.id, one_time_password=made.one_time_password)


@router.delete("/users/{user_id}/block", responses=error_responses(401, 404, 422, 429), summary="Lift a delay")
async def delete_user_block(user_id: UserId, _actor: Administrator, gate: GateOf) -> User:
    """Lifts the delay after failed logins of a user."""
    return _user(await asyncio.to_thread(gate.accounts.unblock, user_id))


@router.delete(
    "/users/{user_id}/sessions", status_code=204, responses=error_responses(401, 404, 422, 429), summary="End sessions"
)
async def delete_user_sessions(user_id: UserId, _actor: Administrator, gate: GateOf) -> Response:
    """Ends every session of a user."""
    await asyncio.to_thread(gate.accounts.end_sessions, user_id)
    return Response(status_code=204)


def _user(record: UserRecord) -> User:
    values = {name: getattr(record, name) for name in User.model_fields}
    return User(**values | {"roles": sorted(record.roles)})
