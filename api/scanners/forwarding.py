"""A desk with a service of its own passes on what it screens: it goes on while the centre is away, and delivers later.

The desk screens by itself and keeps the result, whether the centre answers or not. Every screening is then sent to the
centre as a reader's program would send it, with the desk's key, in the order of arrival, one after the other; the
centre screens it by its own models and series. Each is there once: the key of a request is the screening's own id, so
that a delivery whose answer was lost is answered with the same screening when it is repeated. How far it has come
stands in a small file beside the data, which is written after the answer; what the centre refuses for good is counted,
logged and passed over, so that one document does not hold up all others.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import secrets
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import structlog

from api.completion import stated_resolutions
from api.errors import ServiceError
from api.parts import stored_parts
from api.store import ScreeningRecord, Store
from api.store.outbox import kept_after, next_kept
from dafec.errors import DafecError, InstallationError, UsageError
from dafec.report import parse_report

__all__ = ["Centre", "Forwarder", "Progress"]

_FILE = "forwarding.json"
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
_LOOK_S = 15.0
_MOST_ANSWER = 16 << 20
#: Answers after which a second try makes sense: too busy, stopping, clock, rate, keys that are being changed.
_LATER = frozenset({401, 403, 408, 429, 502, 503, 504, 507})
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Centre:
    """Where screenings are passed on to."""

    url: str  # of the service
    key_file: Path  # holds the desk's key
    authority: Path | None = None  # certificate of who issued the centre's
    timeout_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the delivery has come."""

    number: int = 0  # of the last screening that was dealt with
    delivered: int = 0
    refused: int = 0  # for good, by the centre
    gone: int = 0  # its images were deleted before they could be delivered


class Forwarder:
    """Delivers to one centre.

    Args:
        store: of the desk.
        folder: of the data; the progress stands there.
        centre: where to.

    Raises:
        UsageError: ``forwarding.bad_url``.
        InstallationError: ``forwarding.progress_damaged``.
    """

    def __init__(self, store: Store, folder: Path, centre: Centre) -> None:
        parts = urlsplit(centre.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise UsageError("forwarding.bad_url")
        self._store = store
        self._file = folder / _FILE
        self._centre = centre
        self.progress = _read(self._file)
        self._wake = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins with what is due."""
        self._task = asyncio.create_task(self._run())

    def wake(self) -> None:
        """Says that something is due."""
        self._wake.set()

    async def stop(self) -> None:
        """Ends after the delivery that runs."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            await self._task

    def due(self) -> int:
        """How many screenings are still to be delivered."""
        return kept_after(self._store, self.progress.number)

    async def _run(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while not self._stopping:
            self._wake.clear()
            try:
                more = await asyncio.to_thread(self._deliver_next)
            except DafecError as error:
                _log.warning("not_delivered", code=error.code)
                with suppress(TimeoutError):  # what is kept meanwhile is no reason to ask a centre that is away sooner
                    async with asyncio.timeout(pause_s):
                        while not self._stopping:
                            self._wake.clear()
                            await self._wake.wait()
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
                continue
            pause_s = _FIRST_PAUSE_S
            if not more:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_S):
                        await self._wake.wait()

    def _deliver_next(self) -> bool:
        """Delivers the next screening; whether there was one.

        Raises:
            ServiceError: it was not delivered, and is tried again.
        """
        kept = next_kept(self._store, self.progress.number)
        if kept is None:
            return False
        record = self._store.get(kept.id)
        done = replace(self.progress, number=kept.number)
        if record is None or record.personal_data == "deleted":
            self._note(replace(done, gone=done.gone + 1))
            return True
        if record.personal_data != "kept":
            raise ServiceError("storage.key_lost", status=503)
        status, code = self._send(record)
        if status in (200, 201):
            self._note(replace(done, delivered=done.delivered + 1))
        elif status in _LATER or status >= 500:
            raise ServiceError("forwarding.not_taken", status=503)
        else:
            _log.error("delivery_refused", status=status, code=code)
            self._note(replace(done, refused=done.refused + 1))
        return True

    def _send(self, record: ScreeningRecord) -> tuple[int, str]:
        parts = stored_parts(record, lambda image: self._store.image(record.id, image))
        statement = stated_resolutions(parse_report(record.report))
        body, kind = _multipart(parts | ({"capture": statement} if statement else {}))
        try:
            key = self._centre.key_file.read_text("ascii").strip()
        except (OSError, ValueError) as error:
            raise InstallationError("forwarding.no_key", file=str(self._centre.key_file)) from error
        return self._request(
            body,
            {
                "Content-Type": kind,
                "Authorization": f"Bearer {key}",
                "Idempotency-Key": f"forwarded:{record.id}",
                "DAFEC-Time": str(int(time.time())),
                "DAFEC-Nonce": secrets.token_hex(16),
                "DAFEC-Origin": "live" if record.origin == "live" else "recorded",
            },
        )

    def _request(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
        parts = urlsplit(self._centre.url)
        assert parts.hostname is not None
        connection: http.client.HTTPConnection
        try:
            if parts.scheme == "https":
                authority = self._centre.authority
                context = ssl.create_default_context(cafile=str(authority) if authority is not None else None)
                connection = http.client.HTTPSConnection(
                    parts.hostname, parts.port, timeout=self._centre.timeout_s, context=context
                )
            else:
                connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=self._centre.timeout_s)
            try:
                connection.request("POST", f"{parts.path.rstrip('/')}/api/v1/screenings", body, dict(headers))
                answer = connection.getresponse()
                return answer.status, _code_of(answer.read(_MOST_ANSWER))
            finally:
                connection.close()
        except (OSError, http.client.HTTPException) as error:
            raise ServiceError("forwarding.unreachable", status=503) from error

    def _note(self, progress: Progress) -> None:
        """Writes the progress, durably. Raises ServiceError."""
        try:
            partial = self._file.with_suffix(".partial")
            with partial.open("w", encoding="ascii") as file:
                json.dump(asdict(progress), file)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self._file)
        except OSError as error:
            raise ServiceError("storage.failed", status=500) from error
        self.progress = progress


def _read(file: Path) -> Progress:
    try:
        return Progress(**json.loads(file.read_text("ascii")))
    except FileNotFoundError:
        return Progress()
    except (OSError, ValueError, TypeError) as error:
        raise InstallationError("forwarding.progress_damaged", file=str(file)) from error


def _multipart(parts: Mapping[str, bytes]) -> tuple[bytes, str]:
    """A multipart body, and its media type."""
    boundary = secrets.token_hex(24)
    pieces = []
    for name, data in parts.items():
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n\r\n'
        pieces += [head.encode(), data, b"\r\n"]
    return b"".join([*pieces, f"--{boundary}--\r\n".encode()]), f"multipart/form-data; boundary={boundary}"


def _code_of(answer: bytes) -> str:
    """The code of an error body; empty where it is none."""
    with suppress(ValueError, TypeError, AttributeError):
        return str(json.loads(answer).get("code") or "")[:64]
    return ""
