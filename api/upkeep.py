"""The rounds the service makes beside its requests: forget, clear up, sign the audit log; and its start and its end.

What goes wrong in a round is logged and tried again in the next one: a full disk must not end the service.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import structlog

from api.personal import without_personal_data
from api.security.audit_entry import AuditEvent
from api.settings import Settings
from api.store import Store
from api.store.events import forget_events
from api.store.upkeep import Upkeep
from dafec import __version__
from dafec.errors import DafecError
from dafec.report import parse_report

__all__ = ["keep_up", "strip_report", "upkeep_of"]

_log = structlog.get_logger(__name__)


def strip_report(report: str) -> str:
    """The JSON of a report without personal data. Raises InputError where it is no report."""
    return without_personal_data(parse_report(report)).to_json()


def upkeep_of(store: Store, settings: Settings) -> Upkeep:
    """The upkeep of a store by the settings."""
    return Upkeep(store, settings.retention(), strip_report)


@asynccontextmanager
async def keep_up(store: Store, settings: Settings, also: Callable[[], object]) -> AsyncIterator[None]:
    """Makes rounds as long as the block runs, with ``also`` in each; start and end are on record in the audit log."""
    await asyncio.to_thread(store.log, AuditEvent("service.started", details={"version": __version__}))
    stop = asyncio.Event()
    rounds = asyncio.create_task(_rounds(store, settings, also, stop))
    try:
        yield
    finally:
        stop.set()
        await rounds
        await asyncio.to_thread(_leave, store)


async def _rounds(store: Store, settings: Settings, also: Callable[[], object], stop: asyncio.Event) -> None:
    upkeep = upkeep_of(store, settings)
    while not stop.is_set():
        await asyncio.to_thread(_round, store, upkeep, also, stop)
        with suppress(TimeoutError):
            async with asyncio.timeout(settings.upkeep_interval_s):
                await stop.wait()


def _round(store: Store, upkeep: Upkeep, also: Callable[[], object], stop: asyncio.Event) -> None:
    steps: tuple[Callable[[], object], ...] = (
        lambda: upkeep.run(go_on=lambda: not stop.is_set()),
        also,
        lambda: forget_events(store),
        store.sign_head,
    )
    for step in steps:
        try:
            step()
        except DafecError as error:
            _log.error("upkeep_failed", code=error.code)


def _leave(store: Store) -> None:
    try:
        store.log(AuditEvent("service.stopped"))
        store.sign_head()
    except DafecError as error:  # the data are safe; only the last line of the log is missing
        _log.error("upkeep_failed", code=error.code)
