"""What a route asks of its caller: ``require(Permission.X)``, ``logged_in()`` or ``public("why")``; there is no fourth.

    @router.get("/cases")
    async def list_cases(actor: Annotated[Actor, require(Permission.CASES_READ)], ...) -> ...

Every route declares exactly one of them; a test reads them back from the app and fails where one is missing. Who is not
known gets 401 ``access.login_needed``, who may not gets 403 ``access.not_allowed``, both in the one error body and in
the caller's language, and the latter is on record in the audit log.

A cookie is sent by the browser whoever made it ask. Requests that change something and carry one must therefore say
that a page of this service made them (``Sec-Fetch-Site`` or ``Origin``), beside ``SameSite=Strict`` and what
``api.walls`` asks of every request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Request

from api.errors import ServiceError, request_language
from api.security.audit_entry import AuditEvent, act_as
from api.security.gate import Credentials, Gate
from api.security.permissions import (
    DESK_PERMISSIONS,
    ROLE_PERMISSIONS,
    Actor,
    Permission,
    Role,
    set_actor,
)
from api.state import ServiceState

__all__ = [
    "COOKIE",
    "DESK_PERMISSIONS",
    "ROLE_PERMISSIONS",
    "SAFE_METHODS",
    "SECURE_COOKIE",
    "Actor",
    "GateOf",
    "LoggedInRule",
    "Permission",
    "PublicRule",
    "RequireRule",
    "Role",
    "credentials_of",
    "gate_of",
    "logged_in",
    "public",
    "require",
    "rules_of",
]

#: Name of the session's cookie over plain HTTP, and over TLS: a browser takes the latter from this very host only.
COOKIE = "dafec_session"
SECURE_COOKIE = "__Host-dafec_session"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")


def gate_of(request: Request) -> Gate:
    """The gate of the running service. Raises ServiceError ``service.stopping`` where it does not run."""
    state = request.app.state.service
    assert isinstance(state, ServiceState)
    if state.gate is None:
        raise ServiceError("service.stopping", status=503, retry_after_s=5)
    return state.gate


GateOf = Annotated[Gate, Depends(gate_of)]


def credentials_of(request: Request, gate: Gate) -> Credentials:
    """What a request says about where it comes from.

    Raises:
        ServiceError: ``request.origin_not_allowed`` for a request that changes something, carries a session's cookie,
            and does not say that a page of this service made it.
    """
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    token = request.cookies.get(SECURE_COOKIE if gate.secure else COOKIE)
    has_key = scheme.lower() == "bearer"
    if token and not has_key and request.method not in SAFE_METHODS and not _from_own_page(request, gate):
        raise ServiceError("request.origin_not_allowed", status=403)
    return Credentials(
        token,
        key.strip() if has_key else None,
        request.client.host if request.client is not None else "",
        any(name in request.headers for name in _FORWARDED),
        request_language(request),
        by_itself=request.method == "GET" and request.url.path.endswith("/events"),
    )


def _from_own_page(request: Request, gate: Gate) -> bool:
    """Whether the browser says that a page of this service made the request; ``api.walls`` has refused other pages."""
    origin = request.headers.get("origin")
    if origin is None:
        return request.headers.get("sec-fetch-site") == "same-origin"
    return urlsplit(origin).scheme == ("https" if gate.secure else "http")


async def _actor_of(request: Request) -> Actor:
    gate = gate_of(request)
    actor = await asyncio.to_thread(gate.actor, credentials_of(request, gate))
    if actor is None:
        raise ServiceError("access.login_needed", status=401)
    set_actor(actor)
    act_as(actor.audit_name)
    return actor


class RequireRule:
    """The dependency behind ``require``.

    Args:
        permissions: any of them opens the route.
    """

    def __init__(self, permissions: tuple[Permission, ...]) -> None:
        self.permissions = permissions

    async def __call__(self, request: Request) -> Actor:
        """The actor, who may."""
        actor = await _actor_of(request)
        if actor.pending:
            raise ServiceError(f"access.{actor.pending[0]}_needed", status=403)
        if not actor.permissions.intersection(self.permissions):
            await _log_refusal(request, self.permissions)
            raise ServiceError("access.not_allowed", status=403, function=self.permissions[0].value)
        return actor


async def _log_refusal(request: Request, wanted: Iterable[Permission]) -> None:
    state: ServiceState = request.app.state.service
    if state.casework is not None:
        event = AuditEvent("access.refused", details={"function": "+".join(wanted)[:80]})
        await asyncio.to_thread(state.casework.store.log, event)


class LoggedInRule:
    """The dependency behind ``logged_in``."""

    async def __call__(self, request: Request) -> Actor:
        """The user, whatever he may."""
        actor = await _actor_of(request)
        if actor.kind != "user":
            raise ServiceError("access.login_needed", status=401)
        return actor


class PublicRule:
    """The dependency behind ``public``.

    Args:
        reason: why nobody needs to be known here.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason

    async def __call__(self) -> None:
        """Nothing is asked."""


def require(*permissions: Permission) -> Any:
    """The dependency of a route that needs a permission; several mean any of them. Gives the Actor."""
    return Depends(RequireRule(permissions))


def logged_in() -> Any:
    """The dependency of a route for every user, about himself. Gives the Actor."""
    return Depends(LoggedInRule())


def public(reason: str) -> Any:
    """The dependency of a route that is open to whoever reaches the service; ``reason`` stands in the table."""
    return Depends(PublicRule(reason))


def rules_of(route: Any) -> list[RequireRule | LoggedInRule | PublicRule]:
    """What a route of FastAPI asks; one rule where it is declared as it should be."""
    found: list[RequireRule | LoggedInRule | PublicRule] = []
    waiting = list(route.dependant.dependencies)
    while waiting:
        dependency = waiting.pop()
        if isinstance(dependency.call, RequireRule | LoggedInRule | PublicRule):
            found.append(dependency.call)
        waiting.extend(dependency.dependencies)
    return found
