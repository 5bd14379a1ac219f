"""The outer wall of the service: what holds for every request and every answer, whatever is inside.

- A request id on every answer and in every log line.
- Only requests that name this service as their host get in: a page of a stranger cannot reach it by having its own
  name resolve to this machine (DNS rebinding). Requests that change something must come from this service's own pages
  (no cross-site request forgery), by Origin and Sec-Fetch-Site; ``api.security.access`` asks more where a cookie says
  who it is.
- Headers that keep the browser from running, framing, guessing, caching or leaking anything.
- An error nobody expected becomes the one error body with status 500. Its type and place are logged, its text is not:
  the text of an exception may hold what stood in a passport.
"""

from __future__ import annotations

import re
import secrets
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import ServiceError, error_response, preferred_language
from api.security.audit_entry import acting
from api.security.permissions import NOBODY, acting_for
from dafec.errors import DafecError

__all__ = ["SECURITY_HEADERS", "OuterWall"]

#: Set on every answer that does not set them itself.
SECURITY_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}

#: Over TLS: for a year browsers ask this host in no other way.
_STRICT_TRANSPORT = "max-age=31536000"
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
#: Of a body that is not an upload. Without its length it is refused: only uploads need to be sent that way.
_MOST_BODY_BYTES = 1024 * 1024
_REQUEST_ID = re.compile(r"[0-9A-Za-z._-]{8,64}")
_log = structlog.get_logger(__name__)


class OuterWall:
    """ASGI middleware; see the module.

    Args:
        app: what is inside.
        host_names: names the service may be called by, lower case, without port.
        takes_uploads: whether a request goes to a route that reads a large body piece by piece within limits of its
            own. Every other body is read whole, before it is known who sends it, and is refused above 1 MiB.
    """

    def __init__(
        self, app: ASGIApp, host_names: frozenset[str], takes_uploads: Callable[[Scope], bool] = lambda _: False
    ) -> None:
        self._app = app
        self._host_names = host_names
        self._takes_uploads = takes_uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)
        scope.setdefault("state", {})["request_id"] = request_id
        answer = _Answer(send, request_id, secure=scope.get("scheme") == "https")
        begun = time.perf_counter()
        try:
            with acting("anonymous"), acting_for(NOBODY):  # the route says who it is
                await self._handle(scope, receive, answer, headers)
        except Exception as error:  # the one outer wall of HTTP: nothing gets past it
            _log.error("request_failed", request_id=request_id, error=type(error).__name__, at=_place(error))
            if answer.begun:
                raise
            await self._answer_error(ServiceError("service.failed", status=500), scope, receive, answer)
        finally:
            _log.info(
                "request",
                request_id=request_id,
                method=scope["method"],
                path=getattr(scope.get("route"), "path", None),
                status=answer.status,
                elapsed_ms=round((time.perf_counter() - begun) * 1000, 1),
            )

    async def _handle(self, scope: Scope, receive: Receive, answer: _Answer, headers: Headers) -> None:
        refusal = self._refusal(scope["method"], headers)
        if refusal is None:
            declared = headers.get("content-length", "")
            small = declared.isdecimal() and len(declared) < 12 and int(declared) <= _MOST_BODY_BYTES
            if not small and (declared or "transfer-encoding" in headers) and not self._takes_uploads(scope):
                refusal = ServiceError("request.too_large", status=413, limit=_MOST_BODY_BYTES)
        if refusal is not None:
            await self._answer_error(refusal, scope, receive, answer)
        else:
            await self._app(scope, receive, answer)

    def _refusal(self, method: str, headers: Headers) -> DafecError | None:
        host = headers.get("host", "")
        if _host_name(host) not in self._host_names:
            return ServiceError("request.host_not_allowed", status=400)
        if method in _SAFE_METHODS:
            return None
        origin = headers.get("origin")
        own = origin is None or urlsplit(origin).netloc.lower() == host.lower()
        if not own or headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            return ServiceError("request.origin_not_allowed", status=403)
        return None

    async def _answer_error(self, error: DafecError, scope: Scope, receive: Receive, send: Send) -> None:
        language = preferred_language(Headers(scope=scope).get("accept-language", ""))
        await error_response(error, language)(scope, receive, send)


class _Answer:
    """Passes an answer on and adds the headers every answer has."""

    def __init__(self, send: Send, request_id: str, *, secure: bool) -> None:
        self._send = send
        self._secure = secure
        self._request_id = request_id
        self.status: int | None = None

    @property
    def begun(self) -> bool:
        return self.status is not None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
            if self._secure:
                headers["Strict-Transport-Security"] = _STRICT_TRANSPORT
            headers["X-Request-ID"] = self._request_id
        await self._send(message)


def _host_name(host: str) -> str:
    """The name in a Host header, lower case, without port and brackets; empty where it is none."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _place(error: BaseException) -> list[str]:
    """File, line and function of the frames an error went through, innermost last; no values."""
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
