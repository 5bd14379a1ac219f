"""``/api/v1/sessions``: log in, log out, see and end one's own sessions. ``/api/v1/account``: what is one's own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.errors import error_responses
from api.security.access import COOKIE, SECURE_COOKIE, Actor, GateOf, Permission, Role, logged_in, public
from api.security.gate import Gate
from api.security.passwords import MAX_PASSWORD_LENGTH
from api.security.permissions import Pending
from api.security.second_factor import qr_svg, setup_address

__all__ = ["home_of", "router"]

router = APIRouter(prefix="/api/v1", tags=["sessions"])

#: More is not a password, but is told so by the rules and not by the form.
_TYPED = MAX_PASSWORD_LENGTH * 4
#: What is in the browser goes with the session (ASVS 14.3.1); its cookie is taken away by name.
_FORGET: Mapping[str, str] = {"Clear-Site-Data": '"cache", "storage"'}


class Credentials(BaseModel):
    """Who somebody says to be."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(max_length=256, description="Name of the user.")
    password: str = Field(max_length=_TYPED, description="As typed.")
    code: str = Field(
        "", max_length=64, description="Of the authenticator, or a recovery code; empty before one is set."
    )


class Account(BaseModel):
    """Whoever is logged in."""

    model_config = ConfigDict(extra="forbid")
    id: str
    name: str
    roles: list[Role]
    permissions: list[Permission] = Field(description="What is open now; nothing while something is pending.")
    desk: str | None = Field(description="Id of the desk, where there is one.")
    pending: list[Pending] = Field(description="What has to be done before anything else is open.")
    home: str = Field(description="The page to begin with.")


class OwnSession(BaseModel):
    """One session of whoever asks."""

    model_config = ConfigDict(extra="forbid")
    id: str
    created: AwareDatetime
    last_seen: AwareDatetime
    address: str = Field(description="Where it was begun.")
    current: bool = Field(description="Whether it is this one.")


class OwnSessions(BaseModel):
    """The sessions of whoever asks, the latest first."""

    model_config = ConfigDict(extra="forbid")
    items: list[OwnSession]


class PasswordChange(BaseModel):
    """A new password."""

    model_config = ConfigDict(extra="forbid")
    present: str = Field(max_length=_TYPED, description="The present password.")
    new: str = Field(max_length=_TYPED, description="The new one: 12 characters at least, of any kind.")


class Confirmation(BaseModel):
    """The present password, for what nobody may do who only found the browser open."""

    model_config = ConfigDict(extra="forbid")
    present: str = Field(max_length=_TYPED, description="The present password.")


class ProposedFactor(BaseModel):
    """What an authenticator needs; it counts once a code of it is confirmed."""

    model_config = ConfigDict(extra="forbid")
    secret: str = Field(description="Base32, for typing.")
    address: str = Field(description="otpauth: address, for opening.")
    qr_svg: str = Field(description="The address as a QR code, SVG.")


class FactorCode(BaseModel):
    """A code of the authenticator that was just set up."""

    model_config = ConfigDict(extra="forbid")
    code: str = Field(max_length=64)


class RecoveryCodes(BaseModel):
    """Codes that stand in for the second factor, each once; shown this once."""

    model_config = ConfigDict(extra="forbid")
    recovery_codes: list[str]


SessionId = Annotated[str, Path(pattern=r"^(current|[0-9a-f]{16})$", description="Id of a session, or `current`.")]
User = Annotated[Actor, logged_in()]
_WRONG = error_responses(401, 403, 422, 429)


def home_of(permissions: frozenset[Permission], pending: tuple[Pending, ...] = ()) -> str:
    """The page somebody begins with."""
    if pending:
        return "/account"
    places = (
        (Permission.CASES_READ, "/cases"),
        (Permission.SCREENINGS_MAKE, "/"),
        (Permission.USERS_MANAGE, "/users"),
    )
    return next((page for permission, page in places if permission in permissions), "/account")


@router.post(
    "/sessions",
    status_code=201,
    response_model=Account,
    responses=_WRONG,
    summary="Log in",
    dependencies=[public("logging in; every failure is answered alike and delays the next try")],
)
async def post_session(given: Credentials, request: Request, response: Response, gate: GateOf) -> Account:
    """Begins a session and sets its cookie. Whatever is wrong, the answer is the same."""
    before = request.cookies.get(SECURE_COOKIE if gate.secure else COOKIE)
    address = request.client.host if request.client is not None else ""
    login = await gate.hashing.run(gate.logins.log_in, given.name, given.password, given.code, address, before=before)
    user = await asyncio.to_thread(gate.logins.user_of, login.token)
    assert user is not None
    _set_cookie(response, gate, login.token)
    return _account(gate.user_actor(user))


@router.get("/sessions", responses=error_responses(401, 429), summary="List one's own sessions")
async def list_sessions(actor: User, gate: GateOf) -> OwnSessions:
    """Lists the sessions of whoever asks."""
    own = await asyncio.to_thread(gate.logins.sessions_of, actor.id, actor.session)
    return OwnSessions(items=[OwnSession(**{name: getattr(s, name) for name in OwnSession.model_fields}) for s in own])


@router.delete(
    "/sessions/{session_id}", status_code=204, responses=error_responses(401, 404, 422, 429), summary="End a session"
)
async def delete_session(session_id: SessionId, actor: User, gate: GateOf) -> Response:
    """Ends a session of one's own; `current` logs out."""
    wanted = actor.session or "" if session_id == "current" else session_id
    await asyncio.to_thread(gate.logins.end, actor.id, wanted)
    if wanted != actor.session:
        return Response(status_code=204)
    response = Response(status_code=204, headers=dict(_FORGET))
    name = SECURE_COOKIE if gate.secure else COOKIE
    response.delete_cookie(name, secure=gate.secure, httponly=True, samesite="strict")
    return response


@router.get("/account", responses=error_responses(401, 429), summary="Who is logged in")
async def get_account(actor: User) -> Account:
    """Says who is logged in and what is open."""
    return _account(actor)


@router.put("/account/password", responses=_WRONG, summary="Change one's own password")
async def put_password(given: PasswordChange, actor: User, response: Response, gate: GateOf) -> Account:
    """Changes the password; every other session ends, this one gets a new cookie."""
    renewed = await gate.hashing.run(
        gate.logins.change_password, actor.id, actor.session or "", given.present, given.new
    )
    _set_cookie(response, gate, renewed.token)
    return await _renewed(gate, renewed.token)


@router.post("/account/second-factor", responses=_WRONG, summary="Set up an authenticator")
async def post_second_factor(given: Confirmation, actor: User, gate: GateOf) -> ProposedFactor:
    """Gives a secret; it counts once a code is confirmed, and until then the authenticator before."""
    secret = await gate.hashing.run(gate.logins.propose_second_factor, actor.id, given.present)
    address = setup_address(secret, actor.name)
    return ProposedFactor(secret=secret, address=address, qr_svg=qr_svg(address))


@router.put("/account/second-factor", responses=error_responses(401, 409, 422, 429), summary="Confirm an authenticator")
async def put_second_factor(given: FactorCode, actor: User, response: Response, gate: GateOf) -> RecoveryCodes:
    """Puts the authenticator in force; every other session ends, this one gets a new cookie."""
    renewed, codes = await asyncio.to_thread(
        gate.logins.confirm_second_factor, actor.id, actor.session or "", given.code
    )
    _set_cookie(response, gate, renewed.token)
    return RecoveryCodes(recovery_codes=codes)


@router.post(
    "/account/recovery-codes", responses=error_responses(401, 409, 422, 429), summary="Make new recovery codes"
)
async def post_recovery_codes(given: Confirmation, actor: User, gate: GateOf) -> RecoveryCodes:
    """Makes new recovery codes; the old ones open nothing any more."""
    codes = await gate.hashing.run(gate.logins.new_recovery_codes, actor.id, given.present)
    return RecoveryCodes(recovery_codes=codes)


def _set_cookie(response: Response, gate: Gate, token: str) -> None:
    """Sets the session's cookie: for this host alone, not for scripts, never sent along from another site."""
    name = SECURE_COOKIE if gate.secure else COOKIE
    response.set_cookie(name, token, path="/", secure=gate.secure, httponly=True, samesite="strict")


async def _renewed(gate: Gate, token: str) -> Account:
    user = await asyncio.to_thread(gate.logins.user_of, token)
    assert user is not None
    return _account(gate.user_actor(user))


def _account(actor: Actor) -> Account:
    return Account(
        id=actor.id,
        name=actor.name,
        roles=sorted(actor.roles),
        permissions=sorted(actor.permissions),
        desk=actor.desk,
        pending=list(actor.pending),
        home=home_of(actor.permissions, actor.pending),
    )
