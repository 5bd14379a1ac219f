"""Document series, without HTTP: the library, learning one from kept screenings, approval by a second person.

A new series is silent: its checks run and are logged and do not count, until somebody else approves it. Everything that
is decided here goes into the audit log.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import ParamSpec, TypeVar

import cv2

from api.case_pictures import Layer, reference_layer, reference_picture
from api.engine import BoundedPool, Screener
from api.errors import ServiceError
from api.parts import stored_parts
from api.pictures import crop_box, light_of_check
from api.security.audit_entry import AuditEvent, actor
from api.store import ScreeningRecord, Store
from api.store.cases import CaseStore
from api.tiles import PyramidCache
from dafec.capture import Light
from dafec.errors import DafecError
from dafec.references.enrolment import approve, enrol, retire
from dafec.references.library import Library
from dafec.references.samples import MAX_SAMPLES, MIN_SAMPLES, Sample, read_sample
from dafec.references.series import Series
from dafec.report import Report, parse_report

__all__ = ["Candidate", "References"]

P = ParamSpec("P")
T = TypeVar("T")
_CANDIDATES = 80  # newest screenings a series may be learned from


@dataclass(frozen=True, slots=True)
class Candidate:
    """A kept screening that a series may be learned from; nothing of the holder is in it."""

    id: str
    created: datetime  # UTC
    issuer: str
    format: str
    level: str
    lights: tuple[Light, ...]


class References:
    """The service's work on the library of document series.

    Args:
        folder: of the library; made with the first series.
        store: of screenings.
        screener: the core, to decode captures.
        pictures: pool for what takes long.
        threads: threads within a model.
    """

    def __init__(self, folder: Path, store: Store, screener: Screener, pictures: BoundedPool, threads: int) -> None:
        self._folder = folder
        self._store = store
        self._cases = CaseStore(store)
        self._screener = screener
        self._pictures = pictures
        self._threads = threads
        self._pyramids = PyramidCache(48 * 1024 * 1024)
        self._changing = threading.Lock()

    async def listed(self) -> tuple[tuple[Series, ...], tuple[str, ...]]:
        """Every readable series by code, and the codes of those that cannot be read."""
        return await self._run(self._listed)

    def _listed(self) -> tuple[tuple[Series, ...], tuple[str, ...]]:
        if not self._folder.is_dir():
            return (), ()
        library = Library.open(self._folder)
        found: list[Series] = []
        unreadable: list[str] = []
        for code in library.codes:
            try:
                found.append(library.get(code))
            except DafecError:
                unreadable.append(code)
        return tuple(found), tuple(unreadable)

    async def get(self, code: str) -> Series:
        """A series; that it was looked at is on record. Raises InputError ``library.no_such_series``."""
        series = await self._run(self._get, code)
        await self._run(self._store.log, AuditEvent("series.viewed", f"series:{code}"))
        return series

    def _library(self) -> Library:
        if not self._folder.is_dir():
            raise ServiceError("http.not_found", status=404)
        return Library.open(self._folder)

    def _get(self, code: str) -> Series:
        return self._library().get(code)

    # Learning ----------------------------------------------------------------------------------------------------

    async def candidates(self) -> tuple[tuple[Candidate, ...], int]:
        """Kept screenings a series may be learned from, newest first; and how many are left out as suspected."""
        return await self._run(self._candidates)

    def _candidates(self) -> tuple[tuple[Candidate, ...], int]:
        page = self._store.newest(_CANDIDATES)
        found: list[Candidate] = []
        left_out = 0
        for item in page.items if page is not None else ():
            record = self._store.get(item.id) if item.deleted is None else None
            if record is None or record.personal_data != "kept":
                continue
            if self._is_suspected(record):
                left_out += 1
                continue
            document = parse_report(record.report).document
            lights = tuple(dict.fromkeys(image.light for image in item.images))
            found.append(
                Candidate(item.id, item.created, document.issuer or "", document.format or "", item.level, lights)
            )
        return tuple(found), left_out

    def _is_suspected(self, record: ScreeningRecord) -> bool:
        """Whether somebody or the machine holds a document for forged, and no examiner found it in order.

        What a series is learned from has to be in order: a referred document teaches the forgery.
        """
        case = self._cases.get(record.id)
        concluded = [opinion.conclusion for opinion in case.opinions if opinion.kind != "view"] if case else []
        if concluded:
            return any(conclusion != "no_anomaly" for conclusion in concluded)
        return record.level == "refer" or (case is not None and case.summary.origin == "referred")

    async def learn(self, code: str, screenings: Sequence[str], note: str) -> Series:
        """Learns a series from kept screenings; it is silent until a second person approves.

        Raises:
            ServiceError: ``references.few_captures``, ``references.suspected``, ``screening.not_found``,
                ``screening.images_deleted``.
            InputError: ``enrol.*``, ``series.*``: why it cannot be learned.
            UsageError: ``enrol.exists``.
        """
        if not MIN_SAMPLES <= len(set(screenings)) <= MAX_SAMPLES:
            found = len(set(screenings))
            raise ServiceError("references.few_captures", status=422, found=found, least=MIN_SAMPLES, most=MAX_SAMPLES)
        who = actor()
        series = await self._run(self._learn, code, tuple(dict.fromkeys(screenings)), note, who)
        await self._run(
            self._store.log, AuditEvent("series.enrolled", f"series:{code}", {"captures": series.captures}, who)
        )
        return series

    def _learn(self, code: str, screenings: Sequence[str], note: str, who: str) -> Series:
        from dafec.ocr.reader import OcrContext

        context = OcrContext.load(self._threads)
        today = date.today()  # the desk's own day
        samples = [self._sample(screening, number, context, today) for number, screening in enumerate(screenings, 1)]
        with self._changing:
            self._folder.mkdir(parents=True, exist_ok=True)
            return enrol(code, samples, self._folder, who, today, note).series

    def _sample(self, screening_id: str, number: int, context: object, today: date) -> Sample:
        from dafec.ocr.reader import OcrContext

        assert isinstance(context, OcrContext)
        record = self._store.get(screening_id)
        if record is None:
            raise ServiceError("screening.not_found", status=404)
        if self._is_suspected(record):
            raise ServiceError("references.suspected", status=422)
        parts = stored_parts(record, lambda image: self._store.image(record.id, image))
        return read_sample(self._screener.decode(parts, "stored"), f"#{number}", context, today)

    # Deciding ----------------------------------------------------------------------------------------------------

    async def approve(self, code: str) -> Series:
        """Lets a silent series count. Raises UsageError ``enrol.same_person``, InputError."""
        return await self._decide("series.approved", approve, code)

    async def retire(self, code: str) -> Series:
        """Takes a series out of use; its folder stays. Raises InputError."""
        return await self._decide("series.retired", retire, code)

    async def _decide(self, action: str, function: Callable[[Path, str, str, date], Series], code: str) -> Series:
        who = actor()

        def change() -> Series:
            with self._changing:
                return function(self._folder, code, who, date.today())  # the desk's own day

        series = await self._run(change)
        await self._run(self._store.log, AuditEvent(action, f"series:{code}", actor=who))
        return series

    # Pictures ----------------------------------------------------------------------------------------------------

    async def preview(self, code: str, side: str, light: Light) -> bytes:
        """What was learned in a light as PNG: the reference with its regions, and how much it varies.

        Raises:
            ServiceError: ``references.no_preview``.
        """

        def read() -> bytes:
            series = self._get(code)
            if side not in {known.name for known in series.sides}:
                raise ServiceError("references.no_preview", status=404)
            file = self._folder / series.code / f"proposal.{side}.{light}.png"
            try:
                return file.read_bytes()
            except FileNotFoundError as error:
                raise ServiceError("references.no_preview", status=404) from error

        return await self._run(read)

    async def layers(self, code: str, report: Report) -> tuple[Layer, ...]:
        """The reference laid on a document, one layer a light; empty where the document's place is not known."""

        def find() -> tuple[Layer, ...]:
            reference = self._library().reference(code, "data")
            layers = (reference_layer(report.document, reference, light) for light in reference.linear)
            return tuple(layer for layer in layers if layer is not None)

        return await self._run(find)

    async def crop(self, screening_id: str, check_id: str) -> bytes:
        """The same place of the series' reference that a check's crop shows, in the check's light, as PNG.

        Raises:
            ServiceError: ``screening.no_region`` where the series or the place is not known.
        """
        return await self._run(self._crop, screening_id, check_id)

    def _crop(self, screening_id: str, check_id: str) -> bytes:
        record = self._store.get(screening_id)
        if record is None:
            raise ServiceError("screening.not_found", status=404)
        report = parse_report(record.report)
        check = next((one for one in report.checks if one.id == check_id), None)
        document = report.document
        if check is None or check.region_mm is None or document.series is None or not document.width_mm:
            raise ServiceError("screening.no_region", status=404)
        reference = self._library().reference(document.series, "data")
        light = light_of_check(check_id, tuple(reference.linear))
        pixels = reference_picture(reference, light)
        scale = pixels.shape[1] / reference.width_mm
        left, top, width, height = (round(value * scale) for value in crop_box(document, check.region_mm))
        cut = pixels[top : top + height, left : left + width]
        order = cv2.cvtColor(cut, cv2.COLOR_RGB2BGR) if cut.ndim == 3 else cut
        done, encoded = cv2.imencode(".png", order) if cut.size else (False, None)
        if not done or encoded is None:
            raise ServiceError("screening.no_region", status=404)
        return encoded.tobytes()

    async def tile(self, code: str, light: Light, place: tuple[int, int, int]) -> bytes:
        """A tile of a series' reference, as PNG. Raises InputError, ServiceError ``picture.no_tile``."""

        def cut() -> bytes:
            library = self._library()
            version = library.get(code).version

            def make() -> object:
                reference = library.reference(code, "data")
                if light not in reference.linear:
                    raise ServiceError("picture.no_tile", status=404)
                return reference_picture(reference, light)

            return self._pyramids.get((code, version, light), make).tile(*place)  # type: ignore[arg-type]

        return await self._run(cut)

    async def _run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._pictures.run(function, *args, **kwargs)
