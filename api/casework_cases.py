"""Cases, without HTTP: the queue, a case as one examiner may see it, what examiners add, and the layers of its picture.

Who was asked for a second opinion sees neither the first one nor anything that tells of it (the machine's scores, the
first examiner's notes and marks) until the own one is recorded. Where the site wants it, every examiner's own view is
recorded before scores are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import ParamSpec, TypeVar

from api.case_pictures import band_picture, bands_in_register, layers_of
from api.completion import stated_resolutions, with_recorded_note
from api.engine import BoundedPool, Screener
from api.errors import ServiceError
from api.parts import stored_frame, stored_parts
from api.pictures import eight_bits
from api.security.audit_entry import AuditEvent, actor
from api.security.permissions import current_actor
from api.store import ScreeningRecord, Store
from api.store.case_records import (
    CaseFilter,
    CasePage,
    CaseRecord,
    CorrectedReadRecord,
    DeskAction,
    DeskDecisionRecord,
    NewAnnotation,
    NewOpinion,
    OpinionKind,
)
from api.store.cases import CaseStore
from api.tiles import Pixels8, Pyramid, PyramidCache
from dafec.capture import LIGHTS, CapturedPage, Frame, Light
from dafec.ocr.parse import parse_mrz
from dafec.report import Report, parse_report

__all__ = ["DESK_REASONS", "CaseView", "Cases"]

P = ParamSpec("P")
T = TypeVar("T")

#: Why an officer decides otherwise than the machine: few, and as many in one direction as in the other.
DESK_REASONS: dict[DeskAction, tuple[str, ...]] = {
    "refer": ("document_feels_wrong", "holder_differs", "behaviour", "other_information"),
    "let_pass": ("reading_error", "wear", "known_deviation", "examined_by_hand"),
}


@dataclass(frozen=True, slots=True)
class CaseView:
    """A case as whoever asks may see it now."""

    record: CaseRecord
    report: Report
    personal_data: str  # kept, deleted, unreadable or withheld
    blind: bool  # asked for a second opinion: nothing that tells of the first one is in the record
    scores_hidden: bool  # the own view comes first
    next_opinion: OpinionKind | None  # what whoever asks may conclude now


class Cases:
    """The service's work on cases.

    Args:
        store: where screenings are kept.
        screener: the core, to decode frames.
        pictures: pool for reading the store and cutting pictures.
        own_view_first: record every examiner's own view before scores are shown.
    """

    def __init__(self, store: Store, screener: Screener, pictures: BoundedPool, *, own_view_first: bool) -> None:
        self._store = store
        self._cases = CaseStore(store)
        self._screener = screener
        self._pictures = pictures
        self._own_view_first = own_view_first
        self._pyramids = PyramidCache()
        self._shown: set[tuple[str, str, int, str]] = set()

    # The queue and a case ----------------------------------------------------------------------------------------

    async def queue(self, wanted: CaseFilter) -> CasePage:
        """Cases that fit, oldest first. That somebody looked is on record."""
        page = await self._run(self._cases.queue, wanted, actor())
        await self._run(self._store.log, AuditEvent("case.listed"))
        blind = await self.blind_among([item.id for item in page.items if item.status == "second"])
        items = tuple(
            replace(item, level="", findings=(), batch=0) if item.id in blind else item for item in page.items
        )
        return replace(page, items=items)

    async def blind_among(self, ids: Sequence[str]) -> set[str]:
        """Those screenings whose scores are hidden from whoever asks: a blind opinion is wanted of him."""
        return await self._run(self._cases.blind_among, ids, actor()) if ids else set()

    async def open(self, case_id: str, *, log: bool = True) -> CaseView:
        """A case as whoever asks may see it; that it was opened is on record before it is.

        Raises:
            ServiceError: ``case.not_found``.
        """
        record, screening = await self._find(case_id)
        if log:
            event = AuditEvent("case.viewed", f"case:{case_id}", {"case": record.summary.number})
            await self._run(self._store.log, event)
        who = actor()
        blind = _blind(record, who)
        own = [opinion for opinion in record.opinions if opinion.author == who]
        hidden = blind or (self._own_view_first and record.summary.status == "open" and not own)
        following: OpinionKind | None = None
        if record.summary.status == "second":
            following = "second" if blind else None
        elif record.summary.status == "open":
            following = "view" if hidden else "first"
        return CaseView(
            _blinded(record, who) if blind else record,
            parse_report(screening.report),
            screening.personal_data,
            blind,
            hidden,
            following,
        )

    async def _find(self, case_id: str) -> tuple[CaseRecord, ScreeningRecord]:
        record = await self._run(self._cases.get, case_id)
        screening = await self._run(self._store.get, case_id) if record is not None else None
        asking = current_actor()
        seen = screening is not None and (
            asking is None or asking.sees(desk=screening.desk, made_by=screening.made_by, specimen=screening.specimen)
        )
        if record is None or screening is None or not seen:
            raise ServiceError("case.not_found", status=404)
        return record, screening

    async def refuse_blind(self, screening_id: str) -> None:
        """Refuses a report to whoever was asked for a second opinion on it and has not given it.

        Raises:
            ServiceError: ``case.blind``.
        """
        if await self.blind_among([screening_id]):
            raise ServiceError("case.blind", status=403)

    # What examiners add ------------------------------------------------------------------------------------------

    async def assign(self, case_id: str, *, mine: bool) -> None:
        """Takes a case, or gives it back to the queue."""
        await self._find(case_id)
        await self._run(self._cases.assign, case_id, actor() if mine else None, actor())

    async def add_note(self, case_id: str, text: str) -> str:
        """Keeps a note; gives its id. Raises ServiceError ``case.empty_text``."""
        await self._find(case_id)
        if not text.strip():
            raise ServiceError("case.empty_text", status=422)
        return await self._run(self._cases.add_note, case_id, text.strip(), actor())

    async def annotate(self, case_id: str, new: NewAnnotation) -> str:
        """Keeps a mark; gives its id. Raises ServiceError ``case.mark_outside``, ``case.empty_text``."""
        _, screening = await self._find(case_id)
        report = parse_report(screening.report)
        pages = report.capture.pages
        frames = pages[new.page].frames if new.page < len(pages) else []
        frame = next((frame for frame in frames if frame.light == new.light), None)
        if frame is None or not all(0 <= x <= frame.width_px and 0 <= y <= frame.height_px for x, y in new.points):
            raise ServiceError("case.mark_outside", status=422)
        if new.shape == "note" and not new.text.strip():
            raise ServiceError("case.empty_text", status=422)
        return await self._run(self._cases.annotate, case_id, new, actor())

    async def take_back(self, case_id: str, mark_id: str) -> None:
        """Takes one's own mark back. Raises ServiceError ``case.no_annotation``."""
        await self._find(case_id)
        await self._run(self._cases.take_back, case_id, mark_id, actor())

    async def conclude(self, case_id: str, new: NewOpinion) -> None:
        """Keeps a conclusion. Raises ServiceError ``case.already_concluded``, ``case.same_examiner``, ..."""
        view = await self.open(case_id, log=False)
        if view.next_opinion != new.kind:
            code = "case.same_examiner" if view.record.summary.status == "second" else "case.already_concluded"
            raise ServiceError(code, status=409)
        if new.conclusion == "inconclusive" and new.support != 0:
            raise ServiceError("case.support_does_not_fit", status=422)
        if new.conclusion != "inconclusive" and new.support == 0:
            raise ServiceError("case.support_does_not_fit", status=422)
        await self._run(self._cases.conclude, case_id, new, actor())

    async def ask_second(self, case_id: str) -> None:
        """Asks for a second, blind opinion. Raises ServiceError ``case.no_first_opinion``, ``case.second_asked``."""
        await self._find(case_id)
        await self._run(self._cases.ask_second, case_id, actor())

    # The desk ----------------------------------------------------------------------------------------------------

    async def decide_at_desk(self, screening: ScreeningRecord, action: DeskAction, reason: str) -> bool:
        """Keeps what an officer decided; tells whether it opened a case. Raises ServiceError ``desk.no_reason``."""
        if reason not in DESK_REASONS[action] and not (action == "refer" and reason == "machine"):
            raise ServiceError("desk.no_reason", status=422)
        return await self._run(self._cases.decide_at_desk, screening.id, action, reason, actor())

    async def desk_decisions(self, screening_id: str) -> tuple[DeskDecisionRecord, ...]:
        """What officers decided about a screening."""
        return await self._run(self._cases.desk_decisions, screening_id)

    async def correct_read(
        self, screening: ScreeningRecord, lines: Sequence[str], today: date, pool: BoundedPool
    ) -> CorrectedReadRecord:
        """Screens the document again by a zone as an officer read it, and keeps both; the first report stays.

        Args:
            screening: of the document.
            lines: as typed.
            today: the day dates are judged by.
            pool: for screenings.

        Raises:
            ServiceError: ``desk.no_zone`` where the lines are none of a zone, ``screening.images_deleted``,
                ``service.overloaded``.
        """
        given = tuple(line.strip().upper().replace(" ", "") for line in lines if line.strip())
        if not 1 <= len(given) <= 3 or any(len(line) > 50 for line in given):
            raise ServiceError("desk.no_zone", status=422)
        outcome = parse_mrz(given, today=today).outcome
        report = await pool.run(self._screen_typed, screening, given, today)
        await self._run(self._cases.correct_read, screening.id, given, outcome, report.to_json(), actor())
        return (await self._run(self._cases.corrected_reads, screening.id))[-1]

    def _screen_typed(self, screening: ScreeningRecord, zone: tuple[str, ...], today: date) -> Report:
        first = parse_report(screening.report)
        parts = stored_parts(screening, lambda image: self._store.image(screening.id, image))
        capture = self._screener.decode(parts, "stored", stated_resolutions(first))
        complete = screening.completion == "done"  # then the page's text was held against the zone before, too
        report = self._screener.screen_typed(capture, zone, today, complete=complete)
        return with_recorded_note(report, screening.origin).model_copy(update={"id": screening.id})

    async def corrected_reads(self, screening_id: str) -> tuple[CorrectedReadRecord, ...]:
        """The zone as officers read it, oldest first."""
        return await self._run(self._cases.corrected_reads, screening_id)

    # The picture -------------------------------------------------------------------------------------------------

    async def tile(self, case_id: str, page: int, layer: str, place: tuple[int, int, int]) -> bytes:
        """A tile of a layer, as PNG. The first of a layer that somebody sees is on record.

        Args:
            case_id: of the case.
            page: 0-based.
            layer: a light, or ``bands``.
            place: level, column, row.

        Raises:
            ServiceError: ``case.not_found``, ``screening.no_image``, ``screening.images_deleted``,
                ``picture.no_tile``.
        """
        _, screening = await self._find(case_id)
        report = parse_report(screening.report)
        if page >= len(report.capture.pages) or layer not in {one.name for one in layers_of(report, page)}:
            raise ServiceError("screening.no_image", status=404)
        seen = (actor(), case_id, page, layer)
        if seen not in self._shown:
            details: dict[str, str | int] = {"page": page, "light": layer, "form": "tiles"}
            await self._run(self._store.log, AuditEvent("image.viewed", f"screening:{case_id}", details))
            self._shown.add(seen)
        return await self._run(self._tile, screening, report, page, layer, place)

    def _tile(
        self, screening: ScreeningRecord, report: Report, page: int, layer: str, place: tuple[int, int, int]
    ) -> bytes:
        return self._pyramid(screening, report, page, layer).tile(*place)

    def _pyramid(self, screening: ScreeningRecord, report: Report, page: int, layer: str) -> Pyramid:
        def make() -> Pixels8:
            if layer != "bands":
                return self.frame(screening, page, next(light for light in LIGHTS if light == layer))
            listed = report.capture.pages[page].frames
            captured = CapturedPage({f.light: self._stored_frame(screening, page, f.light) for f in listed})
            return band_picture(bands_in_register(captured, report, page), (listed[0].width_px, listed[0].height_px))

        return self._pyramids.get((screening.id, page, layer), make)

    def frame(self, screening: ScreeningRecord, page: int, light: Light) -> Pixels8:
        """A frame as it was handed in, at 8 bits.

        Raises:
            ServiceError: ``screening.no_image``, ``screening.images_deleted``.
        """
        return eight_bits(self._stored_frame(screening, page, light))

    def _stored_frame(self, screening: ScreeningRecord, page: int, light: Light) -> Frame:
        image = next((i for i in screening.images if i.page == page and i.light == light), None)
        if image is None:
            raise ServiceError("screening.no_image", status=404)
        data = self._store.image(screening.id, image)
        return stored_frame(screening, page, light, data, self._screener.decode)

    async def log(self, event: AuditEvent) -> None:
        """Puts something on record, durably."""
        await self._run(self._store.log, event)

    async def screening_of(self, case_id: str) -> ScreeningRecord:
        """The screening of a case. Raises ServiceError ``case.not_found``."""
        return (await self._find(case_id))[1]

    async def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs something that blocks off the event loop."""
        return await self._run(function, *args, **kwargs)

    async def _run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._pictures.run(function, *args, **kwargs)


def _blind(record: CaseRecord, who: str) -> bool:
    """Whether somebody may only see the document itself: a second opinion is wanted, and he knows of no first."""
    knowing = {opinion.author for opinion in record.opinions if opinion.kind == "first"}
    return record.summary.status == "second" and who not in {*knowing, record.summary.second_asked_by}


def _blinded(record: CaseRecord, who: str) -> CaseRecord:
    return replace(
        record,
        summary=replace(record.summary, level="", findings=(), reason=None, batch=0),
        notes=tuple(note for note in record.notes if note.author == who),
        annotations=tuple(mark for mark in record.annotations if mark.author == who),
        opinions=(),
        desk_decisions=(),
    )
