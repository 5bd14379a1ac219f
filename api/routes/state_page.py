"""The page of the service's state: what a screening needs, the readers, what was counted, models and versions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api.health import check_readiness
from api.routes.naming import viewer_texts
from api.routes.rendering import page_language, render_page
from api.security.access import Actor, Permission, require
from api.state import ServiceState, StateOf
from api.viewer.state_view import figure_rows, notice_rows, part_rows, reader_rows
from dafec import __version__
from dafec.errors import DafecError
from dafec.messages import Language, text
from dafec.models.runtime import loaded_models

__all__ = ["router"]

router = APIRouter(include_in_schema=False)


@router.get("/service")
async def get_state_page(
    request: Request, state: StateOf, _actor: Annotated[Actor, require(Permission.METRICS_READ)]
) -> Response:
    """The state of service and readers; it renews itself."""
    language = page_language(request)
    values = await asyncio.to_thread(_values, state, language)
    return render_page(
        request,
        "state.html",
        here="state",
        htmx=state.static.has("htmx.min.js"),
        v=viewer_texts(language),
        **values,
    )


def _values(state: ServiceState, language: Language) -> dict[str, Any]:
    least = state.settings.min_free_bytes
    found = check_readiness(state.casework, least)
    casework = state.casework
    statuses = state.attached.scanners.statuses() if state.attached is not None else []
    return {
        "ready": found.ready,
        "parts": part_rows(
            found,
            _free_bytes(state),
            casework.pool.pending if casework is not None else 0,
            casework.pool.places if casework is not None else 0,
            least,
            language,
        ),
        "notices": notice_rows(found.notices, language),
        "readers": reader_rows(statuses, _desk_name(state, language), language),
        "figures": figure_rows(state.metrics.figures(), language),
        "version": __version__,
        "models": sorted(loaded_models().items()),
    }


def _free_bytes(state: ServiceState) -> int | None:
    try:
        return state.casework.store.free_bytes() if state.casework is not None else None
    except DafecError:
        return None


def _desk_name(state: ServiceState, language: Language) -> Callable[[str], str]:
    """Gives the name of a desk's id; looked up once for a page."""

    @cache
    def name(desk: str) -> str:
        try:
            return state.gate.desks.get(desk).name if state.gate is not None else ""
        except DafecError:  # at no desk, or the desk is gone
            return text("viewer.state.no_desk", language)

    return name
