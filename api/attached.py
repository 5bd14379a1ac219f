"""What runs beside the requests: the scanners, the complete passes, and what desks are told; its start and its end."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.casework import Casework
from api.completion import Completer
from api.engine import Screener
from api.feed import EventFeed
from api.metrics import Metrics
from api.scanners.config import ScannerConfig
from api.scanners.contract import Driver
from api.scanners.forwarding import Centre, Forwarder
from api.scanners.manager import ScannerManager, make_driver
from api.settings import Settings
from api.store import Store
from api.store.account_models import Desk
from api.store.database import mapped_errors
from api.store.events import tell_desk
from api.uploads import ByteBudget
from dafec.errors import DafecError, UsageError

__all__ = ["Attached", "attach"]

#: As the column of screenings takes it.
_DESK = re.compile(r"[0-9A-Za-z_-]{1,32}")
_MOST_TOLD = 1000
#: As often as collectors look.
_WRITE_S = 15.0
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Attached:
    """What is attached to a running service."""

    scanners: ScannerManager
    feed: EventFeed
    forwarder: Forwarder | None


@asynccontextmanager
async def attach(
    settings: Settings, store: Store, screener: Screener, casework: Casework, budget: ByteBudget, metrics: Metrics
) -> AsyncIterator[Attached]:
    """Starts everything, and ends it in the order that loses nothing: scanners, screenings, passes, then listeners.

    Raises:
        UsageError: ``scanner.unknown_desk``, ``scanner.name_twice``.
    """
    ids = await asyncio.to_thread(_desk_ids, store)
    casework.refuse_recorded = frozenset(
        desk if desk == "*" else _desk_id(desk, ids) for desk in settings.refuse_recorded
    )
    feed = EventFeed(store)
    teller = _Teller(store, feed)
    manager = ScannerManager(_drivers(settings, ids), casework, budget, teller.tell)
    completer = Completer(store, screener, lambda: casework.pool.pending > 0, metrics.passed)
    forwarder = metrics.forwarder = _forwarder(settings, store)
    metrics.watch(casework, manager, feed, store)

    def kept() -> None:
        feed.wake()
        if forwarder is not None:
            forwarder.wake()
        completer.wake()

    def passed(outcome: str, seconds: float) -> None:
        metrics.passed(outcome, seconds)
        feed.wake()

    completer.told = passed
    casework.on_kept = kept
    feed.start()
    teller.start()
    completer.start()
    if forwarder is not None:
        forwarder.start()
    manager.start()
    writing = asyncio.create_task(_write_metrics(settings.metrics_file, metrics))
    try:
        yield Attached(manager, feed, forwarder)
    finally:
        writing.cancel()
        await manager.stop()
        await casework.drain()
        await completer.stop()
        if forwarder is not None:
            await forwarder.stop()
        await teller.stop()
        await feed.stop()


def _forwarder(settings: Settings, store: Store) -> Forwarder | None:
    if settings.centre is None or settings.centre_key is None:
        return None
    return Forwarder(store, settings.data, Centre(settings.centre, settings.centre_key, settings.centre_authority))


async def _write_metrics(file: Path | None, metrics: Metrics) -> None:
    while file is not None:
        await asyncio.to_thread(metrics.write, file)
        await asyncio.sleep(_WRITE_S)


def _drivers(settings: Settings, ids: Mapping[str, str]) -> list[tuple[ScannerConfig, Driver]]:
    """Every scanner of the settings, with its driver; its desk by id."""
    names = [config.name for config in settings.scanners]
    if len(set(names)) < len(names):
        raise UsageError("scanner.name_twice", name=max(names, key=names.count))
    found = []
    for config in settings.scanners:
        placed = config.model_copy(update={"desk": _desk_id(config.desk, ids)})
        found.append((placed, make_driver(placed, settings.max_image_bytes)))
    return found


def _desk_ids(store: Store) -> dict[str, str]:
    """Ids of the desks that are in use, by id and by name."""
    with mapped_errors(), Session(store.reader) as session:
        rows = session.execute(select(Desk.id, Desk.name).where(Desk.revoked.is_(None))).all()
    return {row.name: row.id for row in rows} | {row.id: row.id for row in rows}


def _desk_id(desk: str, ids: Mapping[str, str]) -> str:
    """The id of a desk the settings name. Where there are no desks yet, the name stands for itself."""
    if desk in ids:
        return ids[desk]
    if ids or not _DESK.fullmatch(desk):
        raise UsageError("scanner.unknown_desk", desk=desk)
    return desk


class _Teller:
    """Writes what desks are told, one after the other, beside the event loop."""

    def __init__(self, store: Store, feed: EventFeed) -> None:
        self._store = store
        self._feed = feed
        self._queue: asyncio.Queue[tuple[str, str, Mapping[str, str | int | bool | None]] | None] = asyncio.Queue(
            _MOST_TOLD
        )
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    def tell(self, desk: str, name: str, data: Mapping[str, str | int | bool | None]) -> None:
        """Puts it into the queue; where the database is away for long, the newest is left out and logged."""
        try:
            self._queue.put_nowait((desk, name, data))
        except asyncio.QueueFull:
            _log.error("desk_not_told", code="service.overloaded")

    async def stop(self) -> None:
        """Writes what is in the queue, and ends."""
        if self._task is not None:
            await self._queue.put(None)
            await self._task

    async def _run(self) -> None:
        while (one := await self._queue.get()) is not None:
            try:
                await asyncio.to_thread(tell_desk, self._store, *one)
            except DafecError as error:
                _log.error("desk_not_told", code=error.code)
            self._feed.wake()
