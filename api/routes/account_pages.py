"""The pages for logging in, for one's own account, and for who manages users and desks."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from api.routes.rendering import page_language, render_page
from api.security.access import Actor, GateOf, Permission, Role, logged_in, public, require
from api.security.permissions import current_actor
from dafec.errors import DafecError
from dafec.messages import text

__all__ = ["router", "way_in"]

router = APIRouter(include_in_schema=False)


@router.get("/login", dependencies=[public("the page to log in at")])
async def get_login(request: Request, gate: GateOf, then: str = "") -> Response:
    """The page to log in at; ``then`` is the page that follows."""
    opened = await asyncio.to_thread(gate.is_open)
    own = then if then.startswith("/") and not then.startswith(("//", "/\\")) else ""
    return _page(request, "login.html", "login_title", then=own, open_access=opened)


@router.get("/account")
async def get_account(request: Request, actor: Annotated[Actor, logged_in()], gate: GateOf) -> Response:
    """One's own account: password, authenticator, sessions."""
    sessions = await asyncio.to_thread(gate.logins.sessions_of, actor.id, actor.session)
    user = await asyncio.to_thread(gate.accounts.get, actor.id)
    desk = await asyncio.to_thread(gate.desks.get, actor.desk) if actor.desk is not None else None
    return _page(
        request,
        "account.html",
        "account_title",
        sessions=sessions,
        second_factor=user.second_factor,
        desk_name=desk.name if desk is not None else None,
    )


@router.get("/users")
async def get_users(
    request: Request, actor: Annotated[Actor, require(Permission.USERS_MANAGE)], gate: GateOf
) -> Response:
    """Users and what they are."""
    users = await asyncio.to_thread(gate.accounts.list)
    desks = await asyncio.to_thread(gate.desks.list)
    opened = actor.kind == "demonstration"
    return _page(request, "users.html", "users_title", users=users, desks=desks, roles=list(Role), open_access=opened)


@router.get("/desks")
async def get_desks(
    request: Request, actor: Annotated[Actor, require(Permission.DESKS_MANAGE)], gate: GateOf
) -> Response:
    """Desks and their keys."""
    desks = await asyncio.to_thread(gate.desks.list)
    return _page(request, "desks.html", "desks_title", desks=desks, open_access=actor.kind == "demonstration")


def way_in(request: Request, error: DafecError) -> Response | None:
    """Where a person is led instead of an error: to log in, or to do what is pending; None for every other error."""
    if error.code == "access.login_needed":
        if request.url.path in {"/login", "/account"}:
            return RedirectResponse("/login", 303)
        return RedirectResponse(f"/login?then={quote(request.url.path)}", 303)
    if error.code in {"access.password_needed", "access.second_factor_needed"}:
        return RedirectResponse("/account", 303)
    return None


def _page(request: Request, template: str, title: str, *, open_access: bool = False, **values: Any) -> Response:
    language = page_language(request)
    actor = current_actor()
    permissions = actor.permissions if actor is not None else frozenset()
    places = [
        {"path": path, "name": text(f"api.nav.{name}", language)}
        for path, name, permission in (
            ("/", "desk", Permission.SCREENINGS_MAKE),
            ("/cases", "cases", Permission.CASES_READ),
            ("/users", "users", Permission.USERS_MANAGE),
            ("/desks", "desks", Permission.DESKS_MANAGE),
            ("/service", "state", Permission.METRICS_READ),
        )
        if permission in permissions
    ]
    if actor is not None and actor.kind == "user":
        places.append({"path": "/account", "name": text("api.access.account_title", language)})
    shown = text(f"api.access.{title}", language)
    return render_page(request, template, title=shown, places=places, open_access=open_access, **values)
