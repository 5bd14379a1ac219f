"""The engine: the core's screening behind a bounded queue, off the event loop.

The models are loaded once, when the service starts. Screenings run in a few threads; when every thread is busy and the
queue is full, the next caller is told to come back instead of being kept waiting without an end.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import date
from functools import partial
from typing import ParamSpec, Protocol, TypeVar

import numpy as np
from PIL import Image

from api.errors import ServiceError
from dafec.capture import Capture
from dafec.report import Report

__all__ = ["BoundedPool", "Screener", "warm_up"]

P = ParamSpec("P")
T = TypeVar("T")


class Screener(Protocol):
    """What the service needs of the core."""

    def decode(self, images: Mapping[str, bytes], name: str, statement: bytes = b"") -> Capture:
        """The capture of untrusted bytes by part (``api.parts``). Raises InputError.

        Args:
            images: bytes by name of the part.
            name: for messages.
            statement: text of a capture.toml.
        """
        ...

    def screen(self, capture: Capture, *, complete: bool = False, today: date | None = None) -> Report:
        """The report of a capture. Raises DafecError.

        Args:
            capture: of the document.
            complete: take longer and read the page's text too.
            today: the day dates are judged by; None: today.
        """
        ...

    def screen_typed(self, capture: Capture, zone: tuple[str, ...], today: date, *, complete: bool) -> Report:
        """The report of a capture whose zone somebody typed from the document. Raises DafecError.

        Args:
            capture: of the document.
            zone: the lines as typed.
            today: the day dates are judged by.
            complete: read the page's text too.
        """
        ...

    def series_count(self) -> int:
        """How many document series a screening is compared with now."""
        ...

    def notices(self) -> tuple[str, ...]:
        """Codes of what is wrong with the core although it screens."""
        ...


class BoundedPool:
    """Threads with a queue of limited length. ``run`` is called on the event loop only."""

    def __init__(self, name: str, workers: int, queue_size: int) -> None:
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix=name)
        self._places = workers + queue_size
        self._pending = 0

    @property
    def pending(self) -> int:
        """Jobs that run or wait."""
        return self._pending

    @property
    def places(self) -> int:
        """Jobs that may run or wait."""
        return self._places

    @property
    def full(self) -> bool:
        """Whether the next job would be refused."""
        return self._pending >= self._places

    async def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """The function's result, from a thread of the pool; it knows who asks, as its caller does.

        A job that was started runs to its end even if its caller has gone; its place is free only then, so that the
        count stays true.

        Raises:
            ServiceError: ``service.overloaded`` when the queue is full.
        """
        if self.full:
            raise ServiceError("service.overloaded", status=503, retry_after_s=2)
        loop = asyncio.get_running_loop()
        self._pending += 1
        try:
            future = self._executor.submit(copy_context().run, partial(function, *args, **kwargs))
        except RuntimeError as error:
            self._pending -= 1
            raise ServiceError("service.stopping", status=503, retry_after_s=5) from error
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(self._done))
        return await asyncio.wrap_future(future)

    def _done(self) -> None:
        self._pending -= 1

    async def close(self) -> None:
        """Waits for every job and ends the threads."""
        await asyncio.to_thread(self._executor.shutdown, wait=True)


def warm_up(screener: Screener) -> None:
    """Screens an empty page, so that the first traveller does not pay for lazy initialisation."""
    page = np.full((352, 500), 235, np.uint8)
    encoded = io.BytesIO()
    Image.fromarray(page).save(encoded, "PNG", dpi=(100, 100))
    screener.screen(screener.decode({"visible": encoded.getvalue()}, "warm-up"))
