"""The service as an ASGI app: ``create_app`` puts the walls, the routes and the lifespan together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Scope

from api.attached import attach
from api.casework import Casework
from api.casework_cases import Cases
from api.casework_references import References
from api.core import load_screener
from api.engine import BoundedPool, Screener, warm_up
from api.errors import (
    ServiceError,
    error_response,
    http_error,
    request_language,
    status_of,
    validation_error,
)
from api.metrics import CountRequests
from api.routes import (
    account_pages,
    case_pages,
    cases,
    desks,
    health,
    help_page,
    pages,
    references,
    rescreenings,
    scanners,
    screenings,
    sessions,
    state_page,
    users,
)
from api.security.gate import Gate
from api.security.tables import tables_of
from api.settings import Settings
from api.state import ServiceState
from api.store import Store
from api.upkeep import keep_up
from api.uploads import ByteBudget
from api.viewer.assets import StaticFolder
from api.walls import OuterWall
from dafec import __version__
from dafec.errors import DafecError

__all__ = ["create_app"]

_PICTURE_WORKERS = 2
_PICTURE_QUEUE = 64
_log = structlog.get_logger(__name__)


def create_app(settings: Settings, load: Callable[[Settings], Screener] = load_screener) -> FastAPI:
    """The service.

    Args:
        settings: validated, by ``api.settings.load_settings``.
        load: gives the core, loaded; called once, when the app starts.

    Returns:
        The app. Its lifespan opens the data folder, loads the models and warms them up, and at the end finishes every
        screening that was begun; a DafecError on the way in is kept in ``app.state.startup_error``.
    """
    app = FastAPI(
        title="DAFEC",
        version=__version__,
        summary="Screening of travel documents in visible, infrared and ultraviolet light",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # both pages would load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan(settings, load),
    )
    app.state.service = ServiceState(settings, ByteBudget(settings.max_pending_bytes), StaticFolder())
    app.state.startup_error = None
    app.add_middleware(OuterWall, host_names=settings.host_names(), takes_uploads=partial(_takes_uploads, app))
    app.add_middleware(CountRequests, metrics=app.state.service.metrics)  # outermost: it counts what the wall refuses
    app.add_exception_handler(DafecError, _dafec_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    routers = (
        screenings.router,
        rescreenings.router,
        sessions.router,
        users.router,
        desks.router,
        scanners.router,
        cases.router,
        references.router,
        health.router,
        account_pages.router,
        case_pages.router,
        help_page.router,
        references.pages,
        state_page.router,
        pages.router,
    )
    for router in routers:
        app.include_router(router)
    app.state.every_route = [route for router in routers for route in router.routes]
    return app


def _takes_uploads(app: FastAPI, scope: Scope) -> bool:
    """Whether a request goes to a route that reads its body itself."""
    routes = app.state.every_route
    return any(route.body_field is None and route.matches(scope)[0] is Match.FULL for route in routes)


def _lifespan(
    settings: Settings, load: Callable[[Settings], Screener]
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        state: ServiceState = app.state.service
        try:
            store = Store(settings.store_places(), settings.lock_timeout_s)
        except DafecError as error:
            app.state.startup_error = error
            raise
        pool = BoundedPool("screening", settings.workers, settings.queue_size)
        pictures = BoundedPool("pictures", _PICTURE_WORKERS, _PICTURE_QUEUE)
        try:
            gate = state.gate = Gate(settings, tables_of(store))
            screener = load(settings)
            await pool.run(warm_up, screener)
            casework = Casework(
                store,
                screener,
                pool,
                pictures,
                timeout_s=settings.screening_timeout_s,
                min_free_bytes=settings.min_free_bytes,
                complete_pass=settings.complete_pass,
            )
            state.casework = casework
            state.cases = Cases(store, screener, pictures, own_view_first=settings.own_view_first)
            state.references = References(settings.library_folder(), store, screener, pictures, settings.threads)
            _log.info("ready", screenings=store.count())
            if not settings.may_be_open():
                state.first_password = await asyncio.to_thread(gate.accounts.create_first_administrator)
            beside = attach(settings, store, screener, casework, state.budget, state.metrics)
            async with keep_up(store, settings, gate.forget_old), beside as state.attached:
                yield
                state.casework = state.cases = state.references = state.attached = None
        except DafecError as error:
            app.state.startup_error = error
            raise
        finally:
            if state.gate is not None:
                await state.gate.hashing.close()
            await pool.close()
            await pictures.close()
            store.close()
            _log.info("stopped")

    return lifespan


def _dafec_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, DafecError)
    if status_of(error) >= 500 and not isinstance(error, ServiceError):
        _log.error("core_error", request_id=request.state.request_id, code=error.code)
    if pages.wants_page(request):
        return account_pages.way_in(request, error) or pages.error_page(request, error)
    return error_response(error, request_language(request))


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if pages.wants_page(request) and error.status_code == 404:
        return pages.error_page(request, ServiceError("http.not_found", status=404))
    return http_error(request, error)


def _validation_error(request: Request, error: Exception) -> Response:
    if pages.wants_page(request):
        return pages.error_page(request, ServiceError("http.not_found", status=404))
    return validation_error(request, error)
