"""The contract between a scanner's driver and the service.

A driver is an object with ``run(outlet)``: it watches its device until the outlet says stop, hands over what arrives,
and tells the state of the device whenever it may have changed. Everything else is the service's: a driver that raises
is started again after a pause, with the state its error names; what was handed over is on the disk when ``deliver``
returns; nothing it does can stop another scanner or the desk's page.

    state        what the officer sees
    ready        a document can be put on
    busy         it scans, or somebody else uses it
    unplugged    it does not answer: switched off, cable, network, folder not there
    jammed       something is stuck in the feeder
    cover_open   the lid is not closed
    lamp_weak    it works, but a light is too dark again and again
    error        none of these; the code says what
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from api.errors import ServiceError
from api.store.records import Origin
from dafec.capture import Light

__all__ = ["Arrival", "Driver", "Outlet", "Receipt", "ScannerError", "ScannerState", "ScannerStatus"]


class ScannerState(StrEnum):
    """What a scanner is in."""

    READY = "ready"
    BUSY = "busy"
    UNPLUGGED = "unplugged"
    JAMMED = "jammed"
    COVER_OPEN = "cover_open"
    LAMP_WEAK = "lamp_weak"
    ERROR = "error"


class ScannerError(ServiceError):
    """What is wrong with a scanner, and the state it is in because of it.

    Args:
        code: stable dotted identifier with texts in the catalogues.
        state: of the scanner.
        status: HTTP status, where somebody asked for a scan.
    """

    def __init__(self, code: str, /, *, state: ScannerState = ScannerState.ERROR, status: int = 503) -> None:
        self.state = state
        super().__init__(code, status=status)


@dataclass(frozen=True, slots=True)
class Arrival:
    """The images of one document, as a driver hands them over."""

    images: Mapping[str, bytes]  # by part (``api.parts``: visible, ir, uv, visible-2, ...), at least one
    key: str  # the same for the same document, also after a restart: it is screened once
    origin: Origin
    statement: bytes = b""  # text of a capture.toml: what the device knows of resolution and maker


@dataclass(frozen=True, slots=True)
class Receipt:
    """An arrival that was screened and is on the disk."""

    screening_id: str
    created: bool  # False: the same document had arrived before


@dataclass(frozen=True, slots=True)
class ScannerStatus:
    """A scanner as it is shown; nothing of any document is in it."""

    name: str
    driver: str
    desk: str
    state: ScannerState
    code: str | None  # an error's code, whose texts say what to do
    since: datetime  # UTC; of the state
    captures: int = 0  # documents screened since the start
    refused: int = 0  # arrivals that could not be used since the start
    can_scan: bool = False  # a scan can be asked for
    dark: tuple[Light, ...] = field(default=())  # lights that were too dark in every one of the last captures


class Outlet(Protocol):
    """What the service gives a driver to speak through."""

    @property
    def stopping(self) -> bool:
        """Whether the driver is to come to its end."""
        ...

    def tell(self, state: ScannerState, code: str | None = None) -> None:
        """Says which state the device is in; the same again changes nothing."""
        ...

    async def deliver(self, arrival: Arrival) -> Receipt:
        """Screens an arrival and keeps the result; durable when it returns.

        An overloaded service or a full disk is waited for; what still does not work then is raised.

        Raises:
            InputError: the images cannot be used, and a second try would not help.
            ServiceError: they were not taken; the driver keeps them.
        """
        ...

    def refuse(self, code: str) -> None:
        """Counts an arrival that cannot be used, and tells the desk why."""
        ...

    async def pause(self, seconds: float) -> None:
        """Waits; ends at once where the driver is to stop or a scan is asked for."""
        ...

    def take_request(self) -> bool:
        """Whether a scan was asked for since the last call."""
        ...


class Driver(Protocol):
    """A way captures arrive."""

    @property
    def kind(self) -> str:
        """``push``, ``folder``, ``sane`` or ``escl``."""
        ...

    @property
    def can_scan(self) -> bool:
        """Whether it scans when it is asked to."""
        ...

    async def run(self, outlet: Outlet) -> None:
        """Works until ``outlet.stopping``; what it holds in its hands is finished first.

        Raises:
            ScannerError: the device cannot be used now; it is tried again after a pause.
        """
        ...
