"""What desks are told, as it happens: one reader of the database for every page that listens.

Events stand in the database before anybody is told of them (``api.store.events``), so that a page that was away goes
on from the number it knows, whichever process it asks and whether the service was restarted in between. A page that
does not read is let go when its queue is full: it comes back and goes on from where it was.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import structlog

from api.errors import ServiceError
from api.store import Store
from api.store.events import StoredEvent, event_bounds, events_after
from dafec.errors import DafecError

__all__ = ["EventFeed", "Listening"]

#: Another process may have written; what this one writes is looked for at once.
_LOOK_S = 1.0
_BEAT_S = 15.0
#: So long a page is told things after its session has ended, at most.
_ASK_S = 5.0
#: Then a page comes back by itself, and who it is is asked again.
_LONGEST_S = 900.0
_QUEUE = 100
_MOST_LISTENERS = 256
_AT_ONCE = 500
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Listening:
    """What the feed asks about a page that listens."""

    hello: Callable[[], Sequence[Mapping[str, object]]]  # the scanners' states now, for the first event
    still: Callable[[], bool] = lambda: True  # whether it is still let in; called in a thread
    blind: Callable[[Sequence[str]], Awaitable[set[str]]] | None = None  # screenings whose level it must not be told


class _Listener:
    def __init__(self, desk: str) -> None:
        self.desk = desk
        self.queue: asyncio.Queue[StoredEvent | None] = asyncio.Queue(_QUEUE)
        self.lost = False

    def put(self, event: StoredEvent | None) -> None:
        if self.lost:
            return
        try:
            self.queue.put_nowait(event)
        except asyncio.QueueFull:
            self.lost = True


class EventFeed:
    """Tells every listener what its desk is told. Used on the event loop.

    Args:
        store: of the events.
        beat_s: time between two signs of life on a quiet connection.
    """

    def __init__(self, store: Store, beat_s: float = _BEAT_S) -> None:
        self._store = store
        self._beat_s = beat_s
        self._listeners: set[_Listener] = set()
        self._last = 0  # number of the newest event that was passed on; right as long as somebody listens
        self._wake = asyncio.Event()
        self._lock = asyncio.Lock()
        self._closed = False
        self._task: asyncio.Task[None] | None = None

    @property
    def listeners(self) -> int:
        """How many pages listen."""
        return len(self._listeners)

    def start(self) -> None:
        """Begins to look for events."""
        self._task = asyncio.create_task(self._run())

    def wake(self) -> None:
        """Says that there may be events; on the event loop."""
        self._wake.set()

    def close(self) -> None:
        """Ends every connection: pages come back when the service does."""
        self._closed = True
        for listener in self._listeners:
            listener.put(None)
        self._wake.set()

    async def stop(self) -> None:
        """Ends everything."""
        self.close()
        if self._task is not None:
            await self._task

    async def listen(self, desk: str, after: int | None, listening: Listening) -> AsyncIterator[bytes]:
        """The stream of one page, in the form of server-sent events.

        Args:
            desk: id of the desk.
            after: number of the last event the page knows; None for one that just came.
            listening: what is asked about it.

        Raises:
            ServiceError: ``service.overloaded`` where too many listen; before the first piece.
        """
        if self._closed or len(self._listeners) >= _MOST_LISTENERS:
            raise ServiceError("service.overloaded", status=503, retry_after_s=5)
        listener = _Listener(desk)
        async with self._lock:
            oldest, newest = await asyncio.to_thread(event_bounds, self._store)
            if not self._listeners:
                self._last = newest
            self._listeners.add(listener)
            mark = self._last
        return self._stream(listener, after, oldest, mark, listening)

    async def _stream(
        self,
        listener: _Listener,
        after: int | None,
        oldest: int,
        mark: int,
        listening: Listening,
    ) -> AsyncIterator[bytes]:
        try:
            missed: list[StoredEvent] = []
            resync = False
            if after is not None:
                found = await asyncio.to_thread(events_after, self._store, after, _AT_ONCE + 1, listener.desk)
                missed = [event for event in found if event.number <= mark]
                resync = len(missed) > _AT_ONCE or after > mark or (after + 1 < oldest)
            known = mark if resync or after is None else after
            yield _event(known, "hello", {"desk": listener.desk, "last": known, "scanners": list(listening.hello())})
            if resync:
                yield _event(mark, "resync", {})
            else:
                for event in await _veiled(missed, listening):
                    yield _line(event)
            async for piece in self._live(listener, listening):
                yield piece
        finally:
            self._listeners.discard(listener)

    async def _live(self, listener: _Listener, listening: Listening) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _LONGEST_S
        asked = spoke = loop.time()
        while not (listener.lost and listener.queue.empty()) and loop.time() < deadline:
            event: StoredEvent | None = None
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, min(spoke + self._beat_s, asked + _ASK_S) - loop.time())):
                    event = await listener.queue.get()
                    if event is None:
                        return
            if loop.time() - asked >= _ASK_S:
                if not await _still(listening):
                    return
                asked = loop.time()
            if event is not None:
                yield _line((await _veiled([event], listening))[0])
            elif loop.time() - spoke >= self._beat_s:
                yield b": beat\n\n"
            else:
                continue
            spoke = loop.time()

    async def _run(self) -> None:
        while not self._closed:
            self._wake.clear()
            if self._listeners:
                with suppress(DafecError):  # the database does not answer; it is asked again
                    await self._pass_on()
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S if self._listeners else None):
                    await self._wake.wait()

    async def _pass_on(self) -> None:
        async with self._lock:
            while events := await asyncio.to_thread(events_after, self._store, self._last, _AT_ONCE):
                for event in events:
                    for listener in self._listeners:
                        if listener.desk == event.desk:
                            listener.put(event)
                self._last = events[-1].number


async def _still(listening: Listening) -> bool:
    """Whether a page may go on; not where nobody can say: it comes back and is asked who it is."""
    try:
        return await asyncio.to_thread(listening.still)
    except DafecError:
        return False


async def _veiled(events: Sequence[StoredEvent], listening: Listening) -> Sequence[StoredEvent]:
    """The events, without the levels of screenings the page must not be told of."""
    told = {event.number: json.loads(event.data) for event in events if event.name.startswith("screening.")}
    if not told or listening.blind is None:
        return events
    ids = [str(data.get("id")) for data in told.values()]
    try:
        blind = await listening.blind(ids)
    except DafecError:  # nobody can say: the page asks for what it shows
        blind = set(ids)
    return [
        replace(event, data=json.dumps(_without_levels(told[event.number]), separators=(",", ":"), ensure_ascii=True))
        if event.number in told and told[event.number].get("id") in blind
        else event
        for event in events
    ]


def _without_levels(data: Mapping[str, object]) -> dict[str, object]:
    hidden = {"level", "first_level", "changed"}
    return {name: None if name in hidden else value for name, value in data.items()}


def _line(event: StoredEvent) -> bytes:
    return f"id: {event.number}\nevent: {event.name}\ndata: {event.data}\n\n".encode()


def _event(number: int, name: str, data: Mapping[str, object]) -> bytes:
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=True)
    return f"id: {number}\nevent: {name}\ndata: {text}\n\n".encode()
