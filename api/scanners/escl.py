"""Network scanners that speak eSCL: HTTP with the messages of ``escl_messages``, by the standard library's client.

Every answer has a time-out and a largest size. A job's address is taken from the scanner's answer, but never its host:
a scanner must not be able to send the service elsewhere. A job that is not taken to its end is deleted, because many
scanners stay busy with it otherwise. Busy (503) is waited for; that the job is gone (404, 410) is no image.
"""

from __future__ import annotations

import asyncio
import http.client
import secrets
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from api.scanners.config import EsclConfig
from api.scanners.contract import Arrival, Outlet, ScannerError, ScannerState
from api.scanners.escl_messages import Capabilities, parse_capabilities, parse_status, scan_settings
from api.scanners.folder import statement_of
from api.scanners.patience import Patient
from dafec.errors import InputError

__all__ = ["EsclDriver"]

_MOST_XML = 1 << 20
_RETRY_S = 0.5
_AGENT = {"User-Agent": "DAFEC", "Accept": "*/*"}


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    location: str
    body: bytes


class EsclDriver:
    """Scans with one network scanner.

    Args:
        config: of the scanner.
        max_image_bytes: a larger image is not taken.
    """

    kind = "escl"
    can_scan = True

    def __init__(self, config: EsclConfig, max_image_bytes: int) -> None:
        self._config = config
        self._limit = max_image_bytes
        self._patient = Patient(f"escl-{config.name}", config.answer_s)
        self._capabilities: Capabilities | None = None
        self._fed = False  # the feeder's present load was scanned

    async def run(self, outlet: Outlet) -> None:
        """Asks for the scanner's state, and scans when asked, or when its feeder is loaded."""
        self._capabilities = None  # another scanner may answer there by now
        looked_s = float("-inf")
        while not outlet.stopping:
            if outlet.take_request():
                await self._scan(outlet)
                looked_s = float("-inf")
                continue
            if time.monotonic() - looked_s >= self._config.interval_s:
                looked_s = time.monotonic()
                if await self._look(outlet):
                    await self._scan(outlet)
                    continue
            await outlet.pause(self._config.interval_s)

    async def _look(self, outlet: Outlet) -> bool:
        """Tells the scanner's state; whether it is to scan by itself now."""
        if self._capabilities is None:
            answer = await self._ask("GET", "ScannerCapabilities")
            self._capabilities = parse_capabilities(_ok(answer))
        state, code, loaded = parse_status(_ok(await self._ask("GET", "ScannerStatus")), self._config.source)
        outlet.tell(state, code)
        if not loaded:
            self._fed = False
        return self._config.auto and loaded and not self._fed and state is ScannerState.READY

    async def _scan(self, outlet: Outlet) -> None:
        outlet.tell(ScannerState.BUSY)
        self._fed = True
        try:
            data, resolution = await self._image(outlet)
        except ScannerError as error:
            outlet.tell(error.state, error.code)
            outlet.refuse(error.code)
            if error.state is ScannerState.UNPLUGGED:
                raise
            return
        statement = statement_of(float(resolution), self._config.reader)
        key = f"escl:{self._config.name}:{secrets.token_hex(16)}"
        try:
            await outlet.deliver(Arrival({"visible": data}, key, "live", statement))
        except InputError as error:
            outlet.refuse(error.code)
        outlet.tell(ScannerState.READY)

    async def _image(self, outlet: Outlet) -> tuple[bytes, int]:
        """One page, and its resolution. Raises ScannerError."""
        if self._capabilities is None:
            self._capabilities = parse_capabilities(_ok(await self._ask("GET", "ScannerCapabilities")))
        config = self._config
        body, resolution = scan_settings(
            self._capabilities, config.source, config.resolution, config.width_mm, config.height_mm
        )
        deadline = time.monotonic() + config.scan_timeout_s
        job = await self._begin(body, deadline)
        done = False
        try:
            data = await self._next(job, deadline, outlet)
            done = True
        finally:
            if not done:
                with suppress(ScannerError):
                    await self._ask("DELETE", job)
        return data, resolution

    async def _begin(self, body: bytes, deadline_s: float) -> str:
        """The path of a new job."""
        while True:
            answer = await self._ask("POST", "ScanJobs", body)
            if answer.status == 201 and answer.location:
                base = f"{self._config.url}/"
                return urlsplit(urljoin(base, answer.location)).path
            if answer.status not in (409, 503):
                raise ScannerError("scanner.strange_answer")
            if time.monotonic() > deadline_s:
                raise ScannerError("scanner.busy", state=ScannerState.BUSY)
            await self._refuse_trouble()
            await asyncio.sleep(_RETRY_S)

    async def _next(self, job: str, deadline_s: float, outlet: Outlet) -> bytes:
        """The image of a job."""
        while True:
            rest_s = deadline_s - time.monotonic()
            if rest_s <= 0:
                raise ScannerError("scanner.hangs", state=ScannerState.BUSY)
            answer = await self._ask("GET", f"{job}/NextDocument", wait_s=rest_s)
            if answer.status == 200:
                return answer.body
            if answer.status in (404, 410):
                await self._refuse_trouble()
                raise ScannerError("scanner.no_document", state=ScannerState.READY)
            if answer.status != 503:
                raise ScannerError("scanner.strange_answer")
            await self._refuse_trouble()
            await outlet.pause(_RETRY_S)
            if outlet.stopping:
                raise ScannerError("scanner.stopped")

    async def _refuse_trouble(self) -> None:
        """Raises what the scanner says is wrong with it, where it says so."""
        state, code, _ = parse_status(_ok(await self._ask("GET", "ScannerStatus")), self._config.source)
        if code is not None and state not in (ScannerState.READY, ScannerState.BUSY):
            raise ScannerError(code, state=state)

    async def _ask(self, method: str, path: str, body: bytes | None = None, wait_s: float | None = None) -> _Answer:
        """One request. ``path`` is relative to the service's address, or begins with a slash."""
        limit = self._limit if path.endswith("NextDocument") else _MOST_XML
        timeout_s = wait_s or self._config.answer_s
        return await self._patient.call(lambda: self._request(method, path, body, limit, timeout_s), timeout_s + 1)

    def _request(self, method: str, path: str, body: bytes | None, limit: int, timeout_s: float) -> _Answer:
        parts = urlsplit(self._config.url)
        assert parts.hostname is not None
        connection: http.client.HTTPConnection
        if parts.scheme == "https":
            authority = self._config.authority
            context = ssl.create_default_context(cafile=str(authority) if authority is not None else None)
            connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=timeout_s, context=context)
        else:
            connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout_s)
        target = path if path.startswith("/") else f"{parts.path}/{path}"
        headers = _AGENT | ({"Content-Type": "text/xml"} if body is not None else {})
        try:
            connection.request(method, target, body, headers)
            answer = connection.getresponse()
            data = answer.read(limit + 1)
            if len(data) > limit:
                raise ScannerError("scanner.too_much")
            return _Answer(answer.status, answer.headers.get("Location", ""), data)
        except TimeoutError as error:
            raise ScannerError("scanner.hangs", state=ScannerState.BUSY) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ScannerError("scanner.no_answer", state=ScannerState.UNPLUGGED) from error
        finally:
            connection.close()


def _ok(answer: _Answer) -> bytes:
    if answer.status == 503:
        raise ScannerError("scanner.busy", state=ScannerState.BUSY)
    if answer.status != 200:
        raise ScannerError("scanner.strange_answer")
    return answer.body
