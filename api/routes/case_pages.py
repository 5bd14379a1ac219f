"""The examiner's pages: the queue of cases, and a case with its picture."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from api.casework_cases import CaseView
from api.errors import ServiceError
from api.routes.naming import names_for, viewer_texts
from api.routes.rendering import page_language, render_page
from api.security.access import Actor, Permission, require
from api.state import CasesOf, StateOf
from api.store.case_records import CaseFilter, Status
from api.viewer.case_view import (
    CONCLUSIONS,
    LayerButton,
    case_rows,
    findings,
    mark_rows,
    opinion_rows,
    picture_data,
    shown_time,
)
from api.viewer.words import plural_text, state_in_words
from dafec.capture import LIGHTS
from dafec.messages import Language, catalogue, text

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

Shown = Literal["waiting", "open", "second", "decided", "all"]
_STATUS: dict[str, tuple[Status, ...]] = {
    "waiting": ("open", "second"),
    "open": ("open",),
    "second": ("second",),
    "decided": ("decided",),
    "all": (),
}
_ROWS = 50


@router.get("/cases")
async def get_queue(
    request: Request,
    state: StateOf,
    cases: CasesOf,
    actor: Annotated[Actor, require(Permission.CASES_READ)],
    show: Annotated[Shown, Query()] = "waiting",
    whose: Annotated[Literal["", "me", "nobody"], Query()] = "",
    origin: Annotated[Literal["", "flagged", "referred"], Query()] = "",
    level: Annotated[Literal["", "look", "refer"], Query()] = "",
    older: Annotated[Literal["", "1", "24", "168"], Query()] = "",
    q: Annotated[str, Query(max_length=80)] = "",
    like: Annotated[str, Query(pattern=r"^([0-9A-Za-z_-]{16,64})?$")] = "",
    after: Annotated[int | None, Query(ge=0)] = None,
) -> Response:
    """The queue of cases."""
    language = page_language(request)
    wanted = CaseFilter(
        status=_STATUS[show] if not like else (),
        assignee={"me": actor.audit_name, "nobody": ""}.get(whose),
        origin=origin or None,
        level=level or None,
        before=datetime.now(UTC) - timedelta(hours=int(older)) if older else None,
        text=q,
        like=like or None,
        limit=_ROWS,
        after=after,
    )
    names = names_for(state, actor, language)
    view = case_rows(await cases.queue(wanted), language, actor.audit_name, names)
    chosen = {"show": show, "whose": whose, "origin": origin, "level": level, "older": older, "q": q, "like": like}
    return render_page(
        request,
        "queue.html",
        here="cases",
        htmx=state.static.has("htmx.min.js"),
        view=view,
        chosen=chosen,
        v=viewer_texts(language),
    )


@router.get("/cases/{case_id}")
async def get_case_page(
    case_id: Annotated[str, Path(pattern=r"^[0-9A-Za-z_-]{16,64}$")],
    request: Request,
    state: StateOf,
    cases: CasesOf,
    actor: Annotated[Actor, require(Permission.CASES_READ)],
    page: Annotated[int | None, Query(ge=0, le=99)] = None,
) -> Response:
    """A case with its picture."""
    language = page_language(request)
    view = await cases.open(case_id)
    shown = view.report.document.page if page is None else page
    if shown >= len(view.report.capture.pages):
        raise ServiceError("screening.no_image", status=404)
    names = names_for(state, actor, language)
    return render_page(
        request,
        "case.html",
        here="cases",
        viewer=state.static.has("openseadragon.min.js"),
        pictures=view.personal_data in ("kept", "withheld"),
        shown=shown,
        pages=len(view.report.capture.pages),
        data=_data(view, shown, language),
        lights=list(_light_buttons(view, shown, language)),
        v=viewer_texts(language),
        **_case_values(view, actor, language, names),
    )


def _case_values(view: CaseView, actor: Actor, language: Language, names: Callable[[str], str]) -> dict[str, Any]:
    record, case = view.record, view.record.summary
    hidden = view.scores_hidden
    verdict = view.report.verdict
    return {
        "case": case,
        "opened": shown_time(case.opened),
        "assignee": names(case.assignee) if case.assignee else "",
        "mine": case.assignee == actor.audit_name,
        "issuer": state_in_words(case.issuer, language) if case.issuer else text("api.page.unknown", language),
        "level_word": text(f"api.level.{verdict.level}", language),
        "level": verdict.level,
        "coverage": plural_text(
            "api.page.coverage", verdict.made, language, made=verdict.made, not_possible=verdict.not_possible
        ),
        "findings": () if hidden else findings(view.report, case.id, language),
        "models": view.report.software,
        "hidden": hidden,
        "blind": view.blind,
        "next_opinion": view.next_opinion if actor.may(Permission.CASES_DECIDE) else None,
        "conclusions": CONCLUSIONS,
        "opinions": opinion_rows(record.opinions, language, names),
        "second_possible": case.status == "decided" and case.second_asked_by is None and actor.kind == "user",
        "notes": [
            {
                "author": names(note.author),
                "created": shown_time(note.created),
                "text": note.text if note.text is not None else text("viewer.text_deleted", language),
            }
            for note in record.notes
        ],
        "marks": list(mark_rows(record.annotations, actor.audit_name, language, names)),
        "decisions": [
            {
                "author": names(decision.author),
                "created": shown_time(decision.created),
                "action": text(f"viewer.desk_action.{decision.action}", language),
                "reason": text(f"viewer.desk_reason.{decision.reason}", language),
            }
            for decision in record.desk_decisions
        ],
        "readable": record.readable,
        "personal_data": view.personal_data,
        "may_annotate": actor.may(Permission.CASES_ANNOTATE) and record.readable,
    }


def _light_buttons(view: CaseView, page: int, language: Language) -> Any:
    there = {frame.light for frame in view.report.capture.pages[page].frames}
    for key, light in enumerate(LIGHTS, 1):
        yield LayerButton(light, text(f"api.light.{light}", language), str(key), light in there)


def _data(view: CaseView, page: int, language: Language) -> str:
    """What the page's scripts need, as JSON that may stand in a page: nothing in it can end the element."""
    prefix = "viewer.script."
    words = {key.removeprefix(prefix): text(key, language) for key in catalogue(language) if key.startswith(prefix)}
    series = None if view.scores_hidden else view.report.document.series
    data = {**picture_data(view, page), "series": series, "texts": words, "language": language}
    return json.dumps(data, ensure_ascii=True).replace("<", "\\u003c")
