"""Running the service: the socket, the server, and an end that finishes what was begun."""

from __future__ import annotations

import ctypes
import errno
import json
import logging
import os
import socket
import ssl
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from api.app import create_app
from api.core import load_screener
from api.engine import Screener
from api.errors import ServiceError, error_body
from api.security.accounts import FIRST_ADMINISTRATOR
from api.security.tls import TlsFiles, own_certificate, server_context
from api.settings import Settings
from api.state import ServiceState
from dafec.errors import DafecError, InstallationError, UsageError
from dafec.logging import configure_logging
from dafec.messages import LANGUAGES, Language, text

__all__ = ["run_service"]

_BACKLOG = 128


_M_ARENA_MAX = -8  # of mallopt(3), glibc


def run_service(
    settings: Settings,
    load: Callable[[Settings], Screener] = load_screener,
    languages: Sequence[Language] = LANGUAGES,
) -> None:
    """Serves until SIGINT or SIGTERM; then takes no more, finishes what was begun, and returns.

    Args:
        settings: validated.
        load: gives the core, loaded.
        languages: of what is said at the start.

    Raises:
        UsageError: ``serve.port_taken``, ``serve.address_refused``, ``serve.tls_unusable``, ``store.in_use``.
        InstallationError: the data folder or the core cannot be used.
    """
    configure_logging()
    # The server's own messages repeat what is raised or logged here; its tracebacks could quote what failed.
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
    os.umask(0o077)  # what the service writes is for its own user only
    _share_heaps()
    listener = _listen(settings.host, settings.port)
    try:
        files = _tls_files(settings)
        context = server_context(files) if files is not None else None
        app = create_app(settings, load)
        server = _Server(
            _config(app, settings, context), app, _address(listener, secure=context is not None), files, languages
        )
        # The server ends the process when the start fails, and repeats the signal that stopped it; the first is
        # told below as the error it was, and Ctrl-C is an ordinary end.
        with suppress(SystemExit, KeyboardInterrupt):
            server.run(sockets=[listener])
        error = app.state.startup_error
        if error is not None:
            assert isinstance(error, DafecError)
            raise error
        if not server.was_ready:
            raise InstallationError("serve.failed")
    finally:
        listener.close()


class _Server(uvicorn.Server):
    """Says where it listens, once it does, and what an administrator has to know at the first start."""

    def __init__(
        self,
        config: uvicorn.Config,
        app: FastAPI,
        address: str,
        files: TlsFiles | None,
        languages: Sequence[Language],
    ) -> None:
        super().__init__(config)
        self._app = app
        self._address = address
        self._files = files
        self._languages = languages
        self.was_ready = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts and announces the address."""
        await super().startup(sockets)
        self.was_ready = self.started
        if self.started:
            sys.stdout.write(f"DAFEC: {self._address}\n{self._first_words()}")
            sys.stdout.flush()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends what would go on for ever, then waits for what was begun."""
        state: ServiceState = self._app.state.service
        if state.attached is not None:
            state.attached.feed.close()
        await super().shutdown(sockets)

    def _first_words(self) -> str:
        """The one-time password of the first administrator, once, and where the private authority's certificate is."""
        state: ServiceState = self._app.state.service
        password, state.first_password = state.first_password, None
        said: list[tuple[str, dict[str, object]]] = []
        if password is not None:
            said.append(("first_password", {"name": FIRST_ADMINISTRATOR, "password": password}))
        if self._files is not None and self._files.authority is not None:
            said.append(("authority", {"file": str(self._files.authority)}))
        lines = (text(f"api.start.{key}", lang, values) for key, values in said for lang in self._languages)
        return "".join(f"{line}\n" for line in lines)


class _Protocol(H11Protocol):
    """HTTP whose own refusal (no Host header, a broken request line) has the one error body too."""

    def send_400_response(self, msg: str) -> None:
        """Answers what is no HTTP request. ``msg`` may quote it, and is not repeated."""
        error = ServiceError("http.refused", status=400, http_status=400)
        body = json.dumps(error_body(error, "en")).encode()
        length = (b"content-length", str(len(body)).encode())
        headers = [(b"content-type", b"application/json"), length, (b"connection", b"close")]
        answer = h11.Response(status_code=400, headers=headers, reason=b"Bad Request")
        for event in (answer, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


def _share_heaps() -> None:
    """Has the C library keep two heaps instead of eight a core, each of which keeps what its threads once used.

    Where the library is another one nothing happens: the service then only takes more memory.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)


def _config(app: FastAPI, settings: Settings, context: ssl.SSLContext | None) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        http=_Protocol,
        log_config=None,
        access_log=False,  # the outer wall logs requests, without addresses of screenings
        server_header=False,
        proxy_headers=bool(settings.proxies),
        forwarded_allow_ips=list(settings.proxies),
        timeout_graceful_shutdown=settings.stop_timeout_s,
        ws="none",
        lifespan="on",
    )
    config.load()
    config.ssl = context
    return config


def _tls_files(settings: Settings) -> TlsFiles | None:
    mode = settings.tls_mode()
    if mode == "own":
        return own_certificate(settings.store_places().keys_folder() / "tls", sorted(settings.host_names()))
    if mode == "files":
        assert settings.tls_certificate is not None
        assert settings.tls_key is not None
        return TlsFiles(settings.tls_certificate, settings.tls_key)
    return None


def _listen(host: str, port: int) -> socket.socket:
    """A bound socket, so that a taken port is told before the models are loaded."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise UsageError("serve.address_refused", host=host, port=port) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        code = "serve.port_taken" if error.errno == errno.EADDRINUSE else "serve.address_refused"
        raise UsageError(code, host=host, port=port) from error
    return listener


def _address(listener: socket.socket, *, secure: bool) -> str:
    host, port = listener.getsockname()[:2]
    scheme = "https" if secure else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
