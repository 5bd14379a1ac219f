"""Scanners that SANE knows, through its program ``scanimage``, one process a light.

A process is a wall: a backend that crashes or hangs takes nothing with it. Every one has a time-out, because a device
that is busy or half unplugged makes ``scanimage`` wait without an end; it is ended and, if it does not go, killed.
``scanimage`` ends with the number of the SANE status (sane.h), and what it wrote counts only if that is 0: after an
error in the middle of a page there is a beginning of an image on its output.

A scan is made when somebody asks for one. The lights are scanned one after the other, without moving the document.
Several sides come from a feeder in one run a light (``--batch``), which writes files: into a folder in memory where
there is one, for this user alone, that is gone when the run has ended.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from api.parts import Part
from api.scanners.config import SaneConfig
from api.scanners.contract import Arrival, Outlet, ScannerError, ScannerState
from api.scanners.folder import statement_of
from dafec.capture import LIGHTS, Light
from dafec.errors import InputError

__all__ = ["SaneDriver"]

#: SANE_Status of sane.h by number: what it means for the desk.
_STATUS: Mapping[int, tuple[ScannerState, str]] = {
    3: (ScannerState.BUSY, "scanner.busy"),
    6: (ScannerState.JAMMED, "scanner.jammed"),
    7: (ScannerState.READY, "scanner.no_document"),
    8: (ScannerState.COVER_OPEN, "scanner.cover_open"),
    9: (ScannerState.UNPLUGGED, "scanner.no_answer"),
    11: (ScannerState.ERROR, "scanner.access_denied"),
    12: (ScannerState.BUSY, "scanner.warming_up"),
    13: (ScannerState.ERROR, "scanner.locked"),
}
_GRACE_S = 2.0
_MOST_BYTES = 400 * 1024 * 1024
_CHUNK = 1 << 20


class SaneDriver:
    """Scans with one SANE device.

    Args:
        config: of the scanner.
        max_image_bytes: more is not taken from the program.
    """

    kind = "sane"
    can_scan = True

    def __init__(self, config: SaneConfig, max_image_bytes: int) -> None:
        self._config = config
        self._limit = min(max_image_bytes, _MOST_BYTES)
        self._trouble: tuple[ScannerState, str] | None = None  # of the last scan; stays until the next look is good
        self._looked_s = float("-inf")

    async def run(self, outlet: Outlet) -> None:
        """Looks whether the device is there, and scans when asked."""
        while not outlet.stopping:
            if outlet.take_request():
                await self._scan(outlet)
                continue
            if time.monotonic() - self._looked_s >= self._config.interval_s:
                await self._probe()
                self._looked_s = time.monotonic()
                if self._trouble is not None and self._trouble[0] is ScannerState.BUSY:
                    self._trouble = None  # it could be opened: whoever used it has let it go
                outlet.tell(*(self._trouble or (ScannerState.READY, None)))
            await outlet.pause(self._config.interval_s)

    async def _probe(self) -> None:
        """Opens the device without scanning. Raises ScannerError."""
        await self._run(("--dont-scan",), self._config.probe_timeout_s)

    async def _scan(self, outlet: Outlet) -> None:
        outlet.tell(ScannerState.BUSY)
        images: dict[str, bytes] = {}
        try:
            for light in (light for light in LIGHTS if light in self._config.lights):
                images |= await self._scan_light(light)
        except ScannerError as error:
            # What a look does not find again (a jam, an open lid) must stay on the screen until a scan succeeds.
            self._trouble = (error.state, error.code)
            outlet.tell(error.state, error.code)
            outlet.refuse(error.code)
            return
        self._trouble = None
        statement = statement_of(float(self._config.resolution), self._config.reader)
        key = f"sane:{self._config.name}:{secrets.token_hex(16)}"
        try:
            await outlet.deliver(Arrival(images, key, "live", statement))
        except InputError as error:
            outlet.refuse(error.code)
        outlet.tell(ScannerState.READY)

    async def _scan_light(self, light: Light) -> dict[str, bytes]:
        """The sides of the document in one light, by part. Raises ScannerError."""
        resolution = ("--resolution", str(self._config.resolution))
        chosen = ("--format=png", *resolution, *self._config.lights[light], *self._config.options)
        if self._config.sides == 1:
            return {light: await self._run(chosen, self._config.scan_timeout_s)}
        count, limit_s = self._config.sides, self._config.sides * self._config.scan_timeout_s
        with TemporaryDirectory(prefix="dafec-sane-", dir=_memory()) as folder:
            batch = (f"--batch={folder}/%d.png", f"--batch-count={count}")
            try:
                await self._run((*chosen, *batch), limit_s)
            except ScannerError as error:
                # An empty feeder ends a batch: what counts is which sides are there.
                if error.code != "scanner.no_document":
                    raise
            return await asyncio.to_thread(self._sides, Path(folder), light)

    def _sides(self, folder: Path, light: Light) -> dict[str, bytes]:
        """What a batch wrote. Raises ScannerError where it is not every side."""
        sides: dict[str, bytes] = {}
        for side in range(1, self._config.sides + 1):
            file = folder / f"{side}.png"
            if not file.is_file():
                raise ScannerError(
                    "scanner.no_document" if side == 1 else "scanner.side_missing", state=ScannerState.READY
                )
            if file.stat().st_size > self._limit:
                raise ScannerError("scanner.too_much")
            sides[Part(light, side).name] = file.read_bytes()
        return sides

    async def _run(self, arguments: Sequence[str], timeout_s: float) -> bytes:
        """What ``scanimage`` writes. Raises ScannerError."""
        command = (self._config.program, "--device-name", self._config.device, *arguments)
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,  # it may name files and users, and is not needed: the status tells
                env=_environment(),
                start_new_session=True,
            )
        except OSError as error:
            raise ScannerError("scanner.program_missing") from error
        try:
            async with asyncio.timeout(timeout_s):
                data = await self._read(process)
                status = await process.wait()
        except TimeoutError as error:
            raise ScannerError("scanner.hangs", state=ScannerState.BUSY) from error
        finally:
            await _end(process)
        if status == 0:
            return data
        state, code = _STATUS.get(status, (ScannerState.ERROR, "scanner.failed"))
        if status in (1, 4) and "--dont-scan" in arguments:  # no such device, or it does not open
            state, code = ScannerState.UNPLUGGED, "scanner.no_answer"
        raise ScannerError(code, state=state)

    async def _read(self, process: asyncio.subprocess.Process) -> bytes:
        assert process.stdout is not None
        data = bytearray()
        while chunk := await process.stdout.read(_CHUNK):
            data += chunk
            if len(data) > self._limit:
                raise ScannerError("scanner.too_much")
        return bytes(data)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ends a process and what it started; kills it where it does not go."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        if process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        with suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_S):
                await process.wait()


def _memory() -> str | None:
    """Where files lie in memory; None where the system has no such place."""
    shared = Path("/dev/shm")
    return str(shared) if shared.is_dir() and os.access(shared, os.W_OK) else None


def _environment() -> dict[str, str]:
    """What ``scanimage`` needs of ours: nothing of the service's settings and secrets."""
    kept = ("PATH", "HOME", "SANE_CONFIG_DIR", "LD_LIBRARY_PATH")
    return {"LC_ALL": "C"} | {name: os.environ[name] for name in kept if name in os.environ}
