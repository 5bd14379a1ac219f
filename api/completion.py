"""The second, complete pass: the text of the page read and compared, after the desk has its first answer.

One thread works through what is due, oldest first and at a lower priority than the screenings themselves, and lets
them go first. What is due stands in the database (``api.store.completions``): a pass that was cut off by a kill or a
stop is made at the next start. The images come from the store, as they were handed in; the resolution that was stated
with them comes from the first report.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime

import structlog

from api.engine import Screener
from api.errors import ServiceError
from api.parts import stored_parts
from api.personal import without_personal_data
from api.store import ScreeningRecord, Store
from api.store.completions import (
    CompleteReport,
    claim_completion,
    fail_completion,
    give_back,
    keep_completion,
    release_claims,
)
from dafec.errors import DafecError
from dafec.report import Report, parse_report

__all__ = ["Completer", "stated_resolutions", "with_recorded_note"]

#: Nice value of the thread: a screening that waits gets the processor first.
_NICE = 10
#: It looks by itself so often: another process may have left something.
_LOOK_S = 15.0
#: After the store could not be read or written.
_PAUSE_S = 5.0
#: It gives way to screenings for so long, then takes its turn.
_GIVE_WAY_S = 20.0
#: What a capture.toml may state; another figure stands in the image itself and is read there again.
_STATED_DPI = (50, 2400)
_log = structlog.get_logger(__name__)


class Completer:
    """Makes complete reports, one after the other.

    Args:
        store: of the screenings.
        screener: the core.
        busy: whether screenings run or wait.
        told: called on the event loop after each pass, with how it ended: done, failed or later, and seconds.
    """

    def __init__(
        self, store: Store, screener: Screener, busy: Callable[[], bool], told: Callable[[str, float], object]
    ) -> None:
        self._store = store
        self._screener = screener
        self._busy = busy
        #: See above; may be set as long as nothing runs.
        self.told = told
        self._wake = asyncio.Event()
        self._stopping = False
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="completing", initializer=_step_back)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins, with what the last run left."""
        self._task = asyncio.create_task(self._run())

    def wake(self) -> None:
        """Says that something is due."""
        self._wake.set()

    async def stop(self) -> None:
        """Finishes the pass that runs and ends; what is due stays due."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            await self._task
        await asyncio.to_thread(self._executor.shutdown, wait=True)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        if not self._store.shared:
            with suppress(DafecError):  # the claims end by themselves too, only later
                await loop.run_in_executor(self._executor, release_claims, self._store)
        while not self._stopping:
            self._wake.clear()
            if await self._one_pass(loop):
                continue
            await self._pause(_LOOK_S)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    async def _one_pass(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Makes one pass; whether there was one to be made."""
        try:
            screening_id = await loop.run_in_executor(self._executor, claim_completion, self._store)
        except DafecError as error:
            _log.error("completion_not_claimed", code=error.code)
            await self._pause(_PAUSE_S)
            return False
        if screening_id is None:
            return False
        await self._give_way()
        begun = loop.time()
        future = loop.run_in_executor(self._executor, self._complete, screening_id)
        await asyncio.wait({future})
        outcome = await self._settle(loop, screening_id, future.exception())
        self.told(outcome, loop.time() - begun)
        if outcome == "later":
            await self._pause(_PAUSE_S)
        return True

    async def _give_way(self) -> None:
        deadline = asyncio.get_running_loop().time() + _GIVE_WAY_S
        while self._busy() and not self._stopping and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.05)

    async def _settle(self, loop: asyncio.AbstractEventLoop, screening_id: str, error: BaseException | None) -> str:
        if error is None:
            return "done"
        code = error.code if isinstance(error, DafecError) else "screening.completion_failed"
        # The text of an exception may be personal.
        _log.error("completion_failed", code=code, error=type(error).__name__)
        try:
            if isinstance(error, ServiceError) and error.code.startswith("storage."):
                await loop.run_in_executor(self._executor, give_back, self._store, screening_id)
                return "later"
            await loop.run_in_executor(self._executor, fail_completion, self._store, screening_id, code)
        except DafecError:
            return "later"  # it stays claimed, and is due again when the claim is over
        return "failed"

    def _complete(self, screening_id: str) -> None:
        record = self._store.get(screening_id)
        if record is None or record.personal_data != "kept":
            code = "storage.key_lost" if record is not None and record.personal_data == "unreadable" else None
            raise ServiceError(code or "screening.images_deleted", status=410)
        first = parse_report(record.report)
        capture = self._screener.decode(self._parts(record), "stored", stated_resolutions(first))
        report = self._screener.screen(capture, complete=True)
        report = with_recorded_note(report, record.origin).model_copy(update={"id": record.id})
        keep_completion(
            self._store,
            CompleteReport(
                screening_id=record.id,
                level=report.verdict.level,
                made=report.verdict.made,
                not_possible=report.verdict.not_possible,
                report=report.to_json(),
                result=without_personal_data(report).to_json(),
            ),
        )
        _log.info("completed", verdict=report.verdict.level, elapsed_ms=_since_ms(record.created))

    def _parts(self, record: ScreeningRecord) -> dict[str, bytes]:
        return stored_parts(record, lambda image: self._store.image(record.id, image))


def with_recorded_note(report: Report, origin: str) -> Report:
    """The report, with a note in its verdict where the images were recorded before and not taken at the moment."""
    if origin != "recorded" or "recorded" in report.verdict.notes:
        return report
    verdict = report.verdict.model_copy(update={"notes": [*report.verdict.notes, "recorded"]})
    return report.model_copy(update={"verdict": verdict})


def stated_resolutions(first: Report) -> bytes:
    """A capture.toml with the resolutions the first report was made by."""
    stated: dict[str, float] = {}
    for page in first.capture.pages:
        for frame in page.frames:
            if frame.dpi is not None and _STATED_DPI[0] <= frame.dpi <= _STATED_DPI[1]:
                stated.setdefault(frame.light, frame.dpi)
    listed = ", ".join(f"{light} = {dpi}" for light, dpi in stated.items())
    return f"dpi = {{ {listed} }}\n".encode() if stated else b""


def _since_ms(moment: datetime) -> float:
    return round((datetime.now(UTC) - moment).total_seconds() * 1000, 1)


def _step_back() -> None:
    with suppress(OSError, AttributeError):  # where the system has no such thing it runs as the others do
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
