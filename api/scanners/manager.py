"""The scanners of a service: every driver kept running, its state known, its captures screened.

One task a scanner. A driver that raises is told on the desk's page and started again after a pause that grows to half
a minute; whatever it was, the others go on: this loop is one of the service's outer walls. What a driver delivers is
screened as its desk's, by the same way and the same limits as an upload.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import structlog

from api.casework import Casework
from api.errors import ServiceError
from api.scanners.config import EsclConfig, FolderConfig, PushConfig, SaneConfig, ScannerConfig
from api.scanners.contract import Arrival, Driver, Receipt, ScannerError, ScannerState, ScannerStatus
from api.scanners.escl import EsclDriver
from api.scanners.folder import FolderDriver
from api.scanners.lamp import LampWatch
from api.scanners.push import PushDriver
from api.scanners.sane import SaneDriver
from api.security.audit_entry import acting
from api.security.permissions import DESK_PERMISSIONS, Actor, acting_for
from api.uploads import ByteBudget, Upload
from dafec.errors import DafecError
from dafec.report import parse_report

__all__ = ["ScannerManager", "make_driver", "told_of"]

#: Tells a desk something: its id, the event's name, plain values.
Tell = Callable[[str, str, Mapping[str, str | int | bool | None]], object]

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0
#: A driver that ran for so long before it raised had come up well.
_STEADY_S = 60.0
#: An overloaded service or a full disk is waited for so long, then the driver keeps what it has.
_PATIENCE_S = 60.0
_STOP_S = 10.0
_log = structlog.get_logger(__name__)


def make_driver(config: ScannerConfig, max_image_bytes: int) -> Driver:
    """The driver of a scanner's settings."""
    if isinstance(config, FolderConfig):
        return FolderDriver(config, max_image_bytes)
    if isinstance(config, SaneConfig):
        return SaneDriver(config, max_image_bytes)
    if isinstance(config, EsclConfig):
        return EsclDriver(config, max_image_bytes)
    assert isinstance(config, PushConfig)
    return PushDriver(config)


class ScannerManager:
    """Every scanner of a service.

    Args:
        scanners: settings and driver of each, with the desk's id in the settings.
        casework: screens and keeps.
        budget: memory of all uploads and arrivals together.
        tell: tells a desk what happened; called on the event loop.
    """

    def __init__(
        self, scanners: list[tuple[ScannerConfig, Driver]], casework: Casework, budget: ByteBudget, tell: Tell
    ) -> None:
        self._outlets = {config.name: _Outlet(config, driver, casework, budget, tell) for config, driver in scanners}
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Starts every driver."""
        self._tasks = [asyncio.create_task(_keep_running(outlet)) for outlet in self._outlets.values()]

    async def stop(self) -> None:
        """Lets every driver finish what it holds; ends those that do not."""
        for outlet in self._outlets.values():
            outlet.stop()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=_STOP_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def statuses(self, desk: str | None = None) -> list[ScannerStatus]:
        """Every scanner's state, or those of one desk, by name."""
        found = (outlet.status for outlet in self._outlets.values())
        return sorted((one for one in found if desk in (None, one.desk)), key=lambda one: one.name)

    def status(self, name: str) -> ScannerStatus:
        """One scanner's state. Raises ServiceError ``scanner.unknown``."""
        return self._outlet(name).status

    def request_scan(self, name: str) -> None:
        """Asks a scanner for one scan.

        Raises:
            ServiceError: ``scanner.unknown``, ``scanner.not_on_demand``, ``scanner.busy``.
        """
        outlet = self._outlet(name)
        if not outlet.status.can_scan:
            raise ServiceError("scanner.not_on_demand", status=409)
        scanning = outlet.status.state is ScannerState.BUSY and outlet.status.code is None
        if scanning or outlet.asked:
            raise ScannerError("scanner.busy", status=409)
        outlet.ask()

    def heard(self, desk: str) -> None:
        """A desk's own program spoke."""
        for outlet, driver in self._pushing(desk):
            driver.heard()
            outlet.wake()

    def pushed(self, desk: str, code: str | None) -> None:
        """What a desk's own program sent was screened, or was not because of ``code``."""
        for outlet, _ in self._pushing(desk):
            if code is None:
                outlet.status = replace(outlet.status, captures=outlet.status.captures + 1)
            else:
                outlet.refuse(code)

    def _pushing(self, desk: str) -> list[tuple[_Outlet, PushDriver]]:
        pairs = ((outlet, outlet.driver) for outlet in self._outlets.values() if outlet.status.desk == desk)
        return [(outlet, driver) for outlet, driver in pairs if isinstance(driver, PushDriver)]

    def _outlet(self, name: str) -> _Outlet:
        outlet = self._outlets.get(name)
        if outlet is None:
            raise ServiceError("scanner.unknown", status=404)
        return outlet


class _Outlet:
    """What one driver speaks through; see ``api.scanners.contract.Outlet``."""

    def __init__(
        self, config: ScannerConfig, driver: Driver, casework: Casework, budget: ByteBudget, tell: Tell
    ) -> None:
        self.driver = driver
        self.status = ScannerStatus(
            config.name,
            driver.kind,
            config.desk,
            ScannerState.BUSY,
            "scanner.starting",
            datetime.now(UTC),
            can_scan=driver.can_scan,
        )
        self.asked = False
        self._casework = casework
        self._budget = budget
        self._tell = tell
        self._lamp = LampWatch()
        self._said: tuple[ScannerState, str | None] = (ScannerState.BUSY, "scanner.starting")
        self._stopping = False
        self._wake = asyncio.Event()

    @property
    def stopping(self) -> bool:
        return self._stopping

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()

    def ask(self) -> None:
        self.asked = True
        self._wake.set()

    def wake(self) -> None:
        self._wake.set()

    def take_request(self) -> bool:
        asked, self.asked = self.asked, False
        return asked

    async def pause(self, seconds: float) -> None:
        if self._stopping or self.asked:
            return
        self._wake.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    def tell(self, state: ScannerState, code: str | None = None) -> None:
        self._said = (state, code)
        self._show()

    def refuse(self, code: str) -> None:
        self.status = replace(self.status, refused=self.status.refused + 1)
        _log.warning("arrival_refused", scanner=self.status.name, code=code)
        self._tell(self.status.desk, "arrival.refused", {"scanner": self.status.name, "code": code})

    async def deliver(self, arrival: Arrival) -> Receipt:
        upload = Upload(dict(arrival.images), "scan", arrival.statement)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _PATIENCE_S
        while True:
            try:
                return await self._screen(upload, arrival)
            except ServiceError as error:
                if error.status not in (503, 507) or self._stopping or loop.time() > deadline:
                    raise
                self.tell(ScannerState.BUSY, error.code)
                await asyncio.sleep(error.retry_after_s or 2)

    async def _screen(self, upload: Upload, arrival: Arrival) -> Receipt:
        desk = self.status.desk
        with self._budget.hold() as hold, acting(f"desk:{desk}"):
            hold.take(sum(len(data) for data in upload.images.values()))
            with acting_for(Actor("desk", desk, DESK_PERMISSIONS, desk=desk)):
                outcome = await self._casework.screen(upload, arrival.key, lambda: None, arrival.origin)
        if outcome.created:
            self._lamp.add(parse_report(outcome.report))
            self.status = replace(self.status, captures=self.status.captures + 1)
        self._show()
        return Receipt(outcome.id, outcome.created)

    def _show(self) -> None:
        """Brings what is shown in line with what the driver said and what the captures look like."""
        state, code = self._said
        dark = self._lamp.dark
        if state is ScannerState.READY and code is None and dark:
            state, code = ScannerState.LAMP_WEAK, "scanner.lamp_weak"
        if (state, code) == (self.status.state, self.status.code):
            return
        self.status = replace(self.status, state=state, code=code, since=datetime.now(UTC), dark=dark)
        _log.info("scanner_state", scanner=self.status.name, state=str(state), code=code)
        self._tell(self.status.desk, "scanner", told_of(self.status))


def told_of(status: ScannerStatus) -> dict[str, str | int | bool | None]:
    """A scanner's state as it is told to desks and callers."""
    return {
        "name": status.name,
        "driver": status.driver,
        "desk": status.desk,
        "state": str(status.state),
        "code": status.code,
        "since": status.since.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "captures": status.captures,
        "refused": status.refused,
        "can_scan": status.can_scan,
    }


async def _keep_running(outlet: _Outlet) -> None:
    """Runs one driver until the service stops, whatever it does."""
    loop = asyncio.get_running_loop()
    pause_s = _FIRST_PAUSE_S
    while not outlet.stopping:
        begun, before = loop.time(), outlet.status.captures
        try:
            await outlet.driver.run(outlet)
        except ScannerError as error:
            outlet.tell(error.state, error.code)
        except DafecError as error:
            outlet.tell(ScannerState.ERROR, error.code)
        except Exception as error:  # the outer wall of the scanners: a driver's fault stays its own
            _log.error("scanner_failed", scanner=outlet.status.name, error=type(error).__name__)
            outlet.tell(ScannerState.ERROR, "scanner.failed")
        if loop.time() - begun > _STEADY_S or outlet.status.captures > before:
            pause_s = _FIRST_PAUSE_S
        if not outlet.stopping:
            outlet.take_request()  # whoever asked sees the state
            await outlet.pause(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
