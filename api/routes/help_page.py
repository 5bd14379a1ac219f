"""The help, inside the product: what every page is for, with pictures, in the page's language."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api.routes.naming import viewer_texts
from api.routes.rendering import page_language, render_page
from api.security.access import Permission, require
from api.state import StateOf

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

_TOPICS = ("desk", "verdicts", "queue", "picture", "compare", "marks", "conclude", "references", "limits")
_LICENCES = ("LICENSE-openseadragon.txt", "LICENSE-htmx.txt")


#: Some of these has everybody who works with DAFEC.
_EVERYBODY = (
    Permission.SCREENINGS_MAKE,
    Permission.SCREENINGS_READ,
    Permission.EXERCISES_TAKE,
    Permission.ANALYSIS_READ,
    Permission.SETTINGS_READ,
)


@router.get("/help", dependencies=[require(*_EVERYBODY)])
async def get_help(request: Request, state: StateOf) -> Response:
    """The help."""
    language = page_language(request)
    named = {topic: f"help-{topic}-{language}.webp" for topic in _TOPICS}
    return render_page(
        request,
        "help.html",
        here="help",
        v=viewer_texts(language),
        topics=_TOPICS,
        pictures={topic: state.static.url(file) if state.static.has(file) else "" for topic, file in named.items()},
        licences=[
            (file.removeprefix("LICENSE-").removesuffix(".txt"), state.static.url(file))
            for file in _LICENCES
            if state.static.has(file)
        ],
    )
