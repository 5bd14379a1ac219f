"""A page from its template: language, direction, static files, and who is looking."""

from __future__ import annotations

from functools import cache, partial
from importlib.resources import files

import jinja2
from fastapi import Request
from fastapi.responses import Response

from api.errors import preferred_language
from api.security.permissions import current_actor
from api.state import ServiceState
from dafec.messages import LANGUAGES, Language, text

__all__ = ["page_language", "render_page"]

_COOKIE = "dafec_language"
_A_YEAR_S = 365 * 24 * 3600


@cache
def _templates() -> jinja2.Environment:
    def source(name: str) -> str:
        return files("api.viewer").joinpath("templates", name).read_text(encoding="utf-8")

    return jinja2.Environment(
        loader=jinja2.FunctionLoader(source),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


def page_language(request: Request) -> Language:
    """The page's language: asked for in the address, else remembered, else the browser's."""
    for wish in (request.query_params.get("lang"), request.cookies.get(_COOKIE)):
        for language in LANGUAGES:
            if wish == language:
                return language
    return preferred_language(request.headers.get("accept-language", ""))


def render_page(request: Request, template: str, *, status: int = 200, **values: object) -> Response:
    """A page.

    Args:
        request: that asked for it.
        template: name of the file in ``api/viewer/templates``.
        status: HTTP status.
        **values: what the template shows, beside ``language``, ``direction``, ``other`` (the other language), ``path``,
            ``t`` (texts, without their ``api.``), ``static`` (addresses of static files) and ``actor`` (who is
            looking: ``actor.kind`` is "demonstration" where nobody had to log in, "nobody" on public pages).
    """
    state: ServiceState = request.app.state.service
    language = page_language(request)
    html = (
        _templates()
        .get_template(template)
        .render(
            language=language,
            direction="rtl" if language == "ar" else "ltr",
            other="en" if language == "ar" else "ar",
            path=request.url.path,
            t=partial(_page_text, language),
            static=state.static.url,
            actor=current_actor(),
            **values,
        )
    )
    response = Response(
        html,
        status,
        {"Content-Language": language, "Vary": "Accept-Language, Cookie"},
        media_type="text/html; charset=utf-8",
    )
    if request.query_params.get("lang") in LANGUAGES:
        secure = state.settings.secure()
        response.set_cookie(_COOKIE, language, max_age=_A_YEAR_S, samesite="strict", httponly=True, secure=secure)
    return response


def _page_text(language: Language, key: str, **values: object) -> str:
    return text(f"api.{key}", language, values)
