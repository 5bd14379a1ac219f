"""Waiting for what may never come back: a look at a dead network share, a call to a scanner that hangs.

The call runs on a thread of its own that does not keep the process alive. Where it takes too long it is given up, not
ended (a thread that waits in the kernel cannot be), and no second one is begun until it has come back.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

from api.scanners.contract import ScannerError, ScannerState

__all__ = ["Patient"]

T = TypeVar("T")


class Patient:
    """Makes one call at a time, and waits so long and no longer.

    Args:
        name: of the thread.
        timeout_s: how long a call is waited for.
    """

    def __init__(self, name: str, timeout_s: float) -> None:
        self._name = name
        self._timeout_s = timeout_s
        self._hanging: threading.Thread | None = None

    async def call(self, function: Callable[[], T], timeout_s: float | None = None) -> T:
        """What the function gives or raises.

        Raises:
            ScannerError: ``scanner.no_answer`` where it takes too long, or an earlier one still does.
        """
        if self._hanging is not None and self._hanging.is_alive():
            raise ScannerError("scanner.no_answer", state=ScannerState.UNPLUGGED)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        thread = threading.Thread(target=_work, args=(loop, future, function), name=self._name, daemon=True)
        thread.start()
        try:
            async with asyncio.timeout(timeout_s or self._timeout_s):
                return await asyncio.shield(future)
        except TimeoutError as error:
            self._hanging = thread
            future.add_done_callback(_forget)
            raise ScannerError("scanner.no_answer", state=ScannerState.UNPLUGGED) from error


def _work(loop: asyncio.AbstractEventLoop, future: asyncio.Future[T], function: Callable[[], T]) -> None:
    try:
        settle = partial(future.set_result, function())
    except BaseException as error:  # handed on to whoever waits, whatever it is
        settle = partial(future.set_exception, error)
    with suppress(RuntimeError):  # the loop is gone, and whoever waited with it
        loop.call_soon_threadsafe(_settle, future, settle)


def _settle(future: asyncio.Future[T], settle: Callable[[], None]) -> None:
    if not future.done():
        settle()


def _forget(future: asyncio.Future[T]) -> None:
    if not future.cancelled():
        future.exception()  # nobody waits for it any more; it was told as no answer
