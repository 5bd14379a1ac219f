"""How often: growing delays after failed logins, and the rate of requests of one actor or address."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

__all__ = ["OF_ADDRESS", "OF_NAME", "DelayRule", "RateLimit"]


@dataclass(frozen=True, slots=True)
class DelayRule:
    """After ``free`` failures in a row each further one doubles the time nothing more is tried."""

    free: int
    first: timedelta
    most: timedelta
    forgotten_after: timedelta  # since the last failure

    def delay(self, failures: int) -> timedelta | None:
        """How long to wait after so many failures in a row; None where nothing is asked yet."""
        beyond = failures - self.free
        if beyond < 0:
            return None
        return min(self.first * int(2 ** min(beyond, 20)), self.most)


#: With the hour at the end a name can be tried 24 times a day; NIST SP 800-63B asks for at most 100 in a row.
OF_NAME = DelayRule(5, timedelta(seconds=30), timedelta(hours=1), timedelta(hours=24))
#: A hall may share an address, and people mistype: more is free, and it is forgotten sooner.
OF_ADDRESS = DelayRule(20, timedelta(seconds=30), timedelta(hours=1), timedelta(minutes=15))

_MOST_KEYS = 10_000


class RateLimit:
    """A bucket for each key, filled at a rate and as large as a minute's worth; safe to use from several threads.

    Args:
        per_minute: requests a minute in the long run, and at once; 0 does not limit.
        clock: seconds that only grow.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait_s(self, key: str) -> float:
        """Takes one request of the key; 0, or the seconds after which there is room for it."""
        if self._per_minute == 0:
            return 0.0
        rate_hz = self._per_minute / 60
        with self._lock:
            now = self._clock()
            left, at = self._buckets.pop(key, (float(self._per_minute), now))
            left = min(float(self._per_minute), left + (now - at) * rate_hz)
            taken = left >= 1
            self._buckets[key] = (left - 1 if taken else left, now)
            while len(self._buckets) > _MOST_KEYS:
                self._buckets.popitem(last=False)
        return 0.0 if taken else (1 - left) / rate_hz
