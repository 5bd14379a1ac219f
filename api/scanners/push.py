"""A reader whose own program sends captures to ``POST /api/v1/screenings`` with the desk's key.

Nothing is watched here: the route takes the captures. What is kept is when the desk's program was heard last, so that
its silence can be seen where the settings say how long it may be silent.
"""

from __future__ import annotations

import time

from api.scanners.config import PushConfig
from api.scanners.contract import Outlet, ScannerState

__all__ = ["PushDriver"]


class PushDriver:
    """The state of one desk's program.

    Args:
        config: of the scanner.
    """

    kind = "push"
    can_scan = False

    def __init__(self, config: PushConfig) -> None:
        self._config = config
        self._heard_s: float | None = None

    def heard(self) -> None:
        """The desk's program spoke."""
        self._heard_s = time.monotonic()

    async def run(self, outlet: Outlet) -> None:
        """Says whether the program was heard of lately."""
        begun_s = time.monotonic()
        while not outlet.stopping:
            limit_s = self._config.silent_after_s
            silent_s = time.monotonic() - (begun_s if self._heard_s is None else self._heard_s)
            if limit_s and silent_s > limit_s:
                outlet.tell(ScannerState.UNPLUGGED, "scanner.silent")
            else:
                outlet.tell(ScannerState.READY)
            await outlet.pause(self._config.interval_s)
