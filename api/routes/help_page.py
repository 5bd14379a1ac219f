"""The help, inside the product: what every page is for, with pictures, in the page's language."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api.routes.naming import viewer_texts
from api.routes.rendering import page_language, render_page
from api.security.access import public
from api.state import StateOf

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

_TOPICS = ("desk", "verdicts", "queue", "picture", "compare", "marks", "conclude", "references", "limits")
_LICENCES = ("LICENSE-openseadragon.txt", "LICENSE-htmx.txt")


@router.get("/help", dependencies=[public("the same for everybody, and nothing of any document is in it")])
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
