"""``/healthz``: the process answers. ``/readyz``: a screening that arrives now would be made and kept."""

from __future__ import annotations

import asyncio
from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from api.errors import ServiceError, error_response, error_responses, request_language
from api.health import check_readiness
from api.metrics import CONTENT_TYPE
from api.scanners.contract import ScannerState
from api.security.access import Permission, public, require
from api.state import ServiceState, StateOf

__all__ = ["router"]

router = APIRouter(tags=["health"])
_WATCHED = [public("a watchdog asks; the answer is yes or no to each part")]


class Alive(BaseModel):
    """The process answers."""

    model_config = ConfigDict(extra="forbid")
    status: Literal["alive"]


class Ready(BaseModel):
    """Everything a screening needs works."""

    model_config = ConfigDict(extra="forbid")
    status: Literal["ready"]
    models: bool = Field(description="Loaded and warmed up.")
    database: bool = Field(description="A write to the database succeeded.")
    images: bool = Field(description="A write to where the images go succeeded.")
    keys: bool = Field(description="There is a key to seal what comes.")
    disk_space: bool = Field(description="More is free than the settings ask for.")
    queue: bool = Field(description="A screening would be taken now.")
    series: int = Field(ge=0, description="Document series a screening is compared with; 0: every one is unknown.")
    notices: list[str] = Field(
        description="Codes of what needs an administrator although screenings are made and kept: storage.key_lost "
        "(screenings are sealed under a key that is not there), storage.damaged (something kept is not what it was), "
        "library.unreadable (the series that were read last are in use), library.series_unusable (a series is left "
        "out), scanners.trouble (a scanner is not ready)."
    )


@router.head("/healthz", include_in_schema=False, dependencies=_WATCHED)
@router.get("/healthz", responses=error_responses(), summary="Whether the process answers", dependencies=_WATCHED)
async def get_health() -> Alive:
    """Says that the process answers, and nothing about what it can do."""
    return Alive(status="alive")


@router.get(
    "/readyz",
    response_model=Ready,
    responses=error_responses(),
    summary="Whether a screening would be made",
    dependencies=_WATCHED,
)
async def get_readiness(request: Request, state: StateOf) -> Response:
    """Writes to the database and to where the images go, and looks at models, keys, disk space and queue."""
    found = await asyncio.to_thread(check_readiness, state.casework, state.settings.min_free_bytes)
    if found.ready:
        states = dict.fromkeys(("models", "database", "images", "keys", "disk_space", "queue"), True)
        ready = Ready(status="ready", series=found.series, notices=[*found.notices, *_trouble(state)], **states)
        return Response(ready.model_dump_json(), media_type="application/json")
    error = ServiceError(
        "service.not_ready",
        status=503,
        retry_after_s=5,
        models=found.models,
        database=found.database,
        images=found.images,
        keys=found.keys,
        disk_space=found.disk_space,
        queue=found.queue,
    )
    return error_response(error, request_language(request))


@router.get(
    "/metrics",
    response_class=Response,
    responses={**error_responses(401), 200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    summary="Figures for Prometheus",
    dependencies=[require(Permission.METRICS_READ)],
)
async def get_metrics(state: StateOf) -> Response:
    """Gives what the service counts and measures, in Prometheus's text format; nothing of any document."""
    return Response(await asyncio.to_thread(state.metrics.text), headers={"Content-Type": CONTENT_TYPE})


def _trouble(state: ServiceState) -> tuple[str, ...]:
    scanners = state.attached.scanners.statuses() if state.attached is not None else []
    fine = (ScannerState.READY, ScannerState.BUSY)
    return ("scanners.trouble",) if any(one.state not in fine for one in scanners) else ()
