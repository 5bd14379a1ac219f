"""What the service does, without HTTP: screen an upload, keep it, find it again, show its pictures.

A screening is durable before ``screen`` returns. The same ``Idempotency-Key`` with the same images gives the same
screening, also when both requests arrive at once; with other images it is a conflict. A caller that goes away, or whose
time is over, does not stop its screening: a second try with the same key finds the result.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC
from typing import ParamSpec, TypeVar

import structlog

from api.completion import with_recorded_note
from api.engine import BoundedPool, Screener
from api.errors import ServiceError
from api.parts import stored_frame
from api.personal import without_personal_data
from api.pictures import check_crop, display_picture, light_of_check
from api.security.audit_entry import AuditEvent, actor
from api.security.permissions import current_actor
from api.store import NewScreening, ScreeningPage, ScreeningRecord, Store, StoredImage
from api.store.completions import first_report
from api.store.records import CompletionState, Origin, PersonalData
from api.store.rescreenings import RescreenedSummary, rescreened_report, rescreened_summaries
from api.store.retention import held_from_the_start
from api.uploads import Upload
from dafec.capture import Capture, Light
from dafec.errors import DafecError
from dafec.report import Report, parse_report

__all__ = ["Casework", "Outcome", "Picture"]

P = ParamSpec("P")
T = TypeVar("T")
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A screening, and whether this call made it."""

    id: str
    report: str  # JSON as stored
    created: bool
    level: str  # of the verdict
    completion: CompletionState = "none"  # of the complete pass


@dataclass(frozen=True, slots=True)
class Picture:
    """Bytes of an image and what they are."""

    data: bytes
    media_type: str


class Casework:
    """The service's work on one store with one screener.

    Args:
        store: where screenings are kept.
        screener: the core.
        pool: for screenings.
        pictures: pool for cutting pictures and reading the store.
        timeout_s: longest wait for a screening.
        min_free_bytes: free disk space below which no screening is taken.
        complete_pass: a second, complete pass follows every screening.
    """

    def __init__(
        self,
        store: Store,
        screener: Screener,
        pool: BoundedPool,
        pictures: BoundedPool,
        *,
        timeout_s: float,
        min_free_bytes: int,
        complete_pass: bool = False,
    ) -> None:
        self.store = store
        self._screener = screener
        self.pool = pool
        self._pictures = pictures
        self._timeout_s = timeout_s
        self._min_free_bytes = min_free_bytes
        self._complete_pass = complete_pass
        #: Called on the event loop whenever a screening was kept.
        self.on_kept: Callable[[], object] = lambda: None
        #: Called with the level of what was kept, or else the code of the error, and seconds.
        self.on_outcome: Callable[[str | None, str | None, float], object] = lambda *_: None
        #: Desks, by id, that take no pre-recorded images; "*" stands for all.
        self.refuse_recorded: frozenset[str] = frozenset()
        self._running: dict[bytes, tuple[str, asyncio.Task[Outcome]]] = {}
        self._tasks: set[asyncio.Task[Outcome]] = set()

    async def screen(
        self, upload: Upload, key: str | None, release: Callable[[], object], origin: Origin = "unknown"
    ) -> Outcome:
        """Screens an upload and keeps the result.

        Args:
            upload: the images.
            key: the caller's Idempotency-Key.
            release: called once when the images are no longer needed.
            origin: whether the images were taken at the moment.

        Returns:
            The screening; ``created`` is False where the key was used before.

        Raises:
            ServiceError: ``screening.key_reused``, ``screening.recorded_refused``, ``service.overloaded``,
                ``service.timeout``, ``storage.*``.
            DafecError: what the core says about the images.
        """
        try:
            digest = upload.digest()
        except DafecError:
            release()
            raise
        key_digest = _key_digest(key) if key is not None else None
        running = self._running.get(key_digest) if key_digest is not None else None
        if running is not None:
            release()
            if running[0] != digest:
                raise ServiceError("screening.key_reused", status=409)
            joined = await self._wait(running[1])
            return replace(joined, created=False)
        task = asyncio.create_task(self._screen(upload, digest, key_digest, origin))
        self._tasks.add(task)
        if key_digest is not None:
            self._running[key_digest] = (digest, task)
        begun = time.perf_counter()
        task.add_done_callback(lambda done: self._finished(done, key_digest, release, begun))
        return await self._wait(task)

    async def _wait(self, task: asyncio.Task[Outcome]) -> Outcome:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await asyncio.shield(task)
        except TimeoutError as error:
            raise ServiceError("service.timeout", status=503, retry_after_s=5, limit_s=self._timeout_s) from error

    def _finished(
        self, task: asyncio.Task[Outcome], key_digest: bytes | None, release: Callable[[], object], begun: float
    ) -> None:
        release()
        self._count(task, time.perf_counter() - begun)
        self._tasks.discard(task)
        if key_digest is not None:
            self._running.pop(key_digest, None)
        if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, DafecError):
            # The waiting request reports it too, but it may be gone; the text of an exception may be personal.
            _log.error("screening_failed", error=type(error).__name__)

    def _count(self, task: asyncio.Task[Outcome], seconds: float) -> None:
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            self.on_outcome(None, error.code if isinstance(error, DafecError) else "service.failed", seconds)
        elif task.result().created:
            self.on_outcome(task.result().level, None, seconds)

    async def _screen(self, upload: Upload, digest: str, key_digest: bytes | None, origin: Origin) -> Outcome:
        if key_digest is not None:
            known = await self._pictures.run(self.store.get_by_key, key_digest)
            if known is not None:
                return await self._read(self._replay, known, digest, actor())
        asking = current_actor()
        desk = asking.desk if asking is not None else None
        outcome = await self.pool.run(self._screen_and_keep, upload, digest, key_digest, actor(), desk, origin)
        self.on_kept()
        return outcome

    def _screen_and_keep(
        self, upload: Upload, digest: str, key_digest: bytes | None, who: str, desk: str | None, origin: Origin
    ) -> Outcome:
        if self.store.free_bytes() < self._min_free_bytes:
            raise ServiceError("storage.full", status=507)
        origin = self._judged(origin, digest, desk)
        capture = self._screener.decode(upload.images, upload.label, upload.statement)
        report = with_recorded_note(self._screener.screen(capture), origin)
        report = report.model_copy(update={"id": secrets.token_urlsafe(18)})
        new = NewScreening(
            id=report.id,
            created=report.created.astimezone(UTC),
            level=report.verdict.level,
            made=report.verdict.made,
            not_possible=report.verdict.not_possible,
            report=report.to_json(),
            images_digest=digest,
            key_digest=key_digest,
            images=_images(upload, capture),
            result=without_personal_data(report).to_json(),
            held=held_from_the_start(report.verdict.level),
            actor=who,
            desk=desk,
            specimen=report.document.specimen,
            origin=origin,
            completion_due=self._complete_pass,
        )
        if self.store.add(new) or key_digest is None:
            completion: CompletionState = "due" if new.completion_due else "none"
            return Outcome(new.id, new.report, created=True, level=new.level, completion=completion)
        winner = self.store.get_by_key(key_digest)
        if winner is None:
            raise ServiceError("storage.failed", status=500)
        return self._replay(winner, digest, who)

    def _judged(self, origin: Origin, digest: str, desk: str | None) -> Origin:
        """What the origin is taken for: no device takes the very bytes again that were screened before."""
        if origin == "live" and self.store.has_images(digest):
            origin = "recorded"
        if origin != "live" and self.refuse_recorded & {"*", desk}:
            raise ServiceError("screening.recorded_refused", status=422)
        return origin

    def _replay(self, record: ScreeningRecord, digest: str, who: str) -> Outcome:
        if record.images_digest != digest:
            raise ServiceError("screening.key_reused", status=409)
        self.store.log(AuditEvent("screening.viewed", f"screening:{record.id}", actor=who))
        return Outcome(record.id, record.report, created=False, level=record.level, completion=record.completion)

    async def get(self, screening_id: str, *, first: bool = False) -> ScreeningRecord:
        """The screening of that id; that it was handed out is on record before it is.

        Whoever asks and does not see personal data gets the report without them.

        Args:
            screening_id: whose report.
            first: the one that was acknowledged first, where a complete one took its place.

        Raises:
            ServiceError: ``screening.not_found``, also where it is not among the records of whoever asks, or
                ``storage.*`` where the audit log cannot be written.
        """
        record = await self._find(screening_id)
        await self._log("screening.viewed", screening_id)
        if first and record.completion == "done" and record.personal_data == "kept":
            report = await self._read(first_report, self.store, screening_id)
            record = replace(record, report=report or record.report)
        asking = current_actor()
        if asking is None or asking.sees_personal_data or record.personal_data != "kept":
            return record
        result = without_personal_data(parse_report(record.report)).to_json()
        return replace(record, report=result, personal_data="withheld")

    async def _find(self, screening_id: str) -> ScreeningRecord:
        record = await self._read(self.store.get, screening_id)
        if record is None or not _seen(record):
            raise ServiceError("screening.not_found", status=404)
        return record

    async def _log(self, action: str, screening_id: str, **details: str | int) -> None:
        await self._read(self.store.log, AuditEvent(action, f"screening:{screening_id}", details))

    async def rescreenings(self, screening_id: str) -> list[RescreenedSummary]:
        """What runs over the archive say of a screening, newest first. Raises ServiceError ``screening.not_found``."""
        await self._find(screening_id)
        found = await self._read(rescreened_summaries, self.store, screening_id)
        await self._log("screening.viewed", screening_id)
        return found

    async def rescreened(self, screening_id: str, run: str) -> tuple[str, PersonalData]:
        """A run's report on a screening, and whether it is whole, as ``get`` gives the screening's own.

        Raises:
            ServiceError: ``screening.not_found``, ``rescreen.not_found``.
        """
        await self._find(screening_id)
        found = await self._read(rescreened_report, self.store, screening_id, run)
        if found is None:
            raise ServiceError("rescreen.not_found", status=404)
        await self._log("screening.viewed", screening_id, run=run)
        asking = current_actor()
        if found[1] == "kept" and asking is not None and not asking.sees_personal_data:
            return without_personal_data(parse_report(found[0])).to_json(), "withheld"
        return found

    async def hold(self, screening_id: str, *, held: bool) -> None:
        """Keeps a screening's images and personal data until released, or releases them.

        Raises:
            ServiceError: ``screening.not_found``, ``screening.images_deleted``.
        """
        await self._find(screening_id)
        await self._read(self.store.set_hold, screening_id, held=held, who=actor())

    async def newest(self, limit: int, after: str | None) -> ScreeningPage:
        """Screenings, newest first. Raises ServiceError ``screening.cursor_unknown``."""
        page = await self._read(self.store.newest, limit, after)
        if page is None:
            raise ServiceError("screening.cursor_unknown", status=404)
        return page

    async def original(self, screening_id: str, page: int, light: Light) -> Picture:
        """An image as it was handed in.

        Raises:
            ServiceError: ``screening.not_found``, ``screening.no_image``, ``screening.images_deleted``,
                ``storage.key_lost``.
        """
        picture = await self._picture(await self._find(screening_id), page, light)
        await self._log("image.exported", screening_id, page=page, light=light, form="original")
        return picture

    async def _picture(self, record: ScreeningRecord, page: int, light: Light) -> Picture:
        image = next((i for i in record.images if i.page == page and i.light == light), None)
        if image is None:
            raise ServiceError("screening.no_image", status=404)
        return Picture(await self._read(self.store.image, record.id, image), image.media_type)

    async def display(self, screening_id: str, page: int, light: Light) -> Picture:
        """An image as PNG for the screen: the document cut out and turned upright where its outline is known."""
        record = await self._find(screening_id)
        original = await self._picture(record, page, light)
        shown = await self._read(self._display, record, original.data, page, light)
        await self._log("image.viewed", screening_id, page=page, light=light, form="display")
        return Picture(shown, "image/png")

    def _display(self, record: ScreeningRecord, data: bytes, page: int, light: Light) -> bytes:
        frame = stored_frame(record, page, light, data, self._screener.decode)
        report = parse_report(record.report)
        primary_px = _primary_px(report) if page == report.document.page else None
        return display_picture(frame, report.document, primary_px)

    async def crop(self, screening_id: str, check_id: str) -> Picture:
        """The region a check is about, as PNG. Raises ServiceError ``screening.no_region``."""
        record = await self._find(screening_id)
        report = parse_report(record.report)
        check = next((c for c in report.checks if c.id == check_id and c.side == 0), None)
        if check is None or check.region_mm is None or report.document.outline_px is None:
            raise ServiceError("screening.no_region", status=404)
        page = report.document.page
        light = light_of_check(check_id, tuple(f.light for f in report.capture.pages[page].frames))
        original = await self._picture(record, page, light)
        shown = await self._read(self._crop, record, original.data, light, check.region_mm)
        await self._log("image.viewed", screening_id, page=page, light=light, form="region", check=check_id.lower())
        return Picture(shown, "image/png")

    def _crop(
        self, record: ScreeningRecord, data: bytes, light: Light, region_mm: tuple[float, float, float, float]
    ) -> bytes:
        report = parse_report(record.report)
        frame = stored_frame(record, report.document.page, light, data, self._screener.decode)
        return check_crop(frame, report.document, _primary_px(report), region_mm)

    async def _read(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._pictures.run(function, *args, **kwargs)

    def series_count(self) -> int:
        """How many document series a screening is compared with now."""
        return self._screener.series_count()

    def core_notices(self) -> tuple[str, ...]:
        """Codes of what is wrong with the core although it screens."""
        return self._screener.notices()

    async def drain(self) -> None:
        """Waits for every screening that was begun; their errors belong to their callers."""
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _seen(record: ScreeningRecord) -> bool:
    """Whether a screening is among the records of whoever asks; the service itself sees all."""
    asking = current_actor()
    return asking is None or asking.sees(desk=record.desk, made_by=record.made_by, specimen=record.specimen)


def _key_digest(key: str) -> bytes:
    """What an Idempotency-Key is kept as; the same key of another user or desk is another key."""
    asking = current_actor()
    whose = f"{asking.audit_name} " if asking is not None and asking.kind in ("user", "desk") else ""
    return hashlib.sha256(f"{whose}{key}".encode()).digest()


def _images(upload: Upload, capture: Capture) -> tuple[StoredImage, ...]:
    """Every frame with the bytes it came from; a file of several pages stands under each of them."""
    by_digest = {hashlib.sha256(data).hexdigest(): data for data in upload.images.values()}
    return tuple(
        StoredImage(number, light, frame.media_type, by_digest[frame.sha256])
        for number, page in enumerate(capture.pages)
        for light, frame in page.frames.items()
    )


def _primary_px(report: Report) -> tuple[int, int]:
    """Width and height of the frame the document's outline is given in: the first, as lights are ordered."""
    first = report.capture.pages[report.document.page].frames[0]
    return first.width_px, first.height_px
