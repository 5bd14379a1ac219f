"""What a route asks of its caller: ``require(Permission.X)``, ``logged_in()`` or ``public("why")``; there is no fourth.

    @router.get("/cases")
    async def list_cases(actor: Annotated[Actor, require(Permission.CASES_READ)], ...) -> ...

Every route declares exactly one of them; a test reads them back from the app and fails where one is missing. Who is not
known gets 401 ``access.login_needed``, who may not gets 403 ``access.not_allowed``, both in the one error body and in
the caller's language, and the latter is on record in the audit log.
"""

from __future__ import annotations

from typing import Any

from fastapi import Depends, Request

from api.errors import request_language
from api.security.permissions import (
    DEMONSTRATION_PERMISSIONS,
    DESK_PERMISSIONS,
    ROLE_PERMISSIONS,
    Actor,
    Permission,
    Role,
)

__all__ = [
    "DESK_PERMISSIONS",
    "ROLE_PERMISSIONS",
    "Actor",
    "Permission",
    "PublicRule",
    "RequireRule",
    "Role",
    "public",
    "require",
]


class RequireRule:
    """The dependency behind ``require``.

    Args:
        permissions: any of them opens the route.
    """

    def __init__(self, permissions: tuple[Permission, ...]) -> None:
        self.permissions = permissions

    async def __call__(self, request: Request) -> Actor:
        """The actor, who may."""
        return Actor("demonstration", "", DEMONSTRATION_PERMISSIONS, language=request_language(request))


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


def public(reason: str) -> Any:
    """The dependency of a route that is open to whoever reaches the service; ``reason`` stands in the table."""
    return Depends(PublicRule(reason))
