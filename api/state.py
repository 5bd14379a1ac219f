"""What the running service holds, as the routes get it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Path, Request

from api.attached import Attached
from api.casework import Casework
from api.casework_cases import Cases
from api.casework_references import References
from api.errors import ServiceError
from api.metrics import Metrics
from api.security.gate import Gate
from api.settings import Settings
from api.uploads import ByteBudget
from api.viewer.assets import StaticFolder

__all__ = ["AttachedOf", "CasesOf", "CaseworkOf", "NotBlind", "ReferencesOf", "ServiceState", "StateOf"]


@dataclass(slots=True)
class ServiceState:
    """One per app. ``casework`` is None until the models are loaded and after the service began to stop.

    ``gate`` is None until the store is open.
    """

    settings: Settings
    budget: ByteBudget
    static: StaticFolder
    casework: Casework | None = None
    cases: Cases | None = None  # this and the next are there as long as casework is
    references: References | None = None
    gate: Gate | None = None
    attached: Attached | None = None  # there as long as casework is
    metrics: Metrics = field(default_factory=Metrics)
    first_password: str | None = None  # of the administrator the first start made; shown once


def _state(request: Request) -> ServiceState:
    state = request.app.state.service
    assert isinstance(state, ServiceState)
    return state


def _casework(request: Request) -> Casework:
    casework = _state(request).casework
    if casework is None:
        raise ServiceError("service.stopping", status=503, retry_after_s=5)
    return casework


def _cases(request: Request) -> Cases:
    cases = _state(request).cases
    if cases is None:
        raise ServiceError("service.stopping", status=503, retry_after_s=5)
    return cases


def _attached(request: Request) -> Attached:
    attached = _state(request).attached
    if attached is None:
        raise ServiceError("service.stopping", status=503, retry_after_s=5)
    return attached


async def _not_blind(screening_id: Annotated[str, Path(pattern=r"^[0-9A-Za-z_-]{16,64}$")], request: Request) -> None:
    """Refuses what would tell of the scores to whoever was asked for a blind opinion; stands after ``require``."""
    await _cases(request).refuse_blind(screening_id)


def _references(request: Request) -> References:
    references = _state(request).references
    if references is None:
        raise ServiceError("service.stopping", status=503, retry_after_s=5)
    return references


StateOf = Annotated[ServiceState, Depends(_state)]
CaseworkOf = Annotated[Casework, Depends(_casework)]
CasesOf = Annotated[Cases, Depends(_cases)]
AttachedOf = Annotated[Attached, Depends(_attached)]
ReferencesOf = Annotated[References, Depends(_references)]
#: Of a route with ``screening_id`` in its path, after its ``require``.
NotBlind = Annotated[None, Depends(_not_blind)]
