"""Names and texts the pages share: who somebody is, said as little as needed, and the texts of the examiner's pages."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from api.security.permissions import Actor
from api.state import ServiceState
from dafec.errors import DafecError
from dafec.messages import Language, text

__all__ = ["names_for", "viewer_texts"]


def viewer_texts(language: Language) -> Callable[..., str]:
    """Gives the texts under ``viewer.``, for templates."""

    def said(key: str, **values: object) -> str:
        return text(f"viewer.{key}", language, values)

    return said


def names_for(state: ServiceState, actor: Actor, language: Language) -> Callable[[str], str]:
    """Gives the name to show for somebody as the audit log names people; looked up once for a page."""

    @cache
    def name(who: str) -> str:
        if who == actor.audit_name:
            return text("viewer.you", language)
        kind, _, person = who.partition(":")
        if kind == "user" and state.gate is not None:
            try:
                return state.gate.accounts.get(person).name
            except DafecError:  # the account is gone; its actions stay
                return text("viewer.somebody", language)
        return text(f"viewer.actor.{kind}" if kind in ("desk", "command") else "viewer.somebody", language)

    return name
