"""Measurements of one page, made when first asked for and shared by every check that needs them.

Several checks start from the same things: where the portrait stands, which words are printed, what the windowed spectra
look like. Each is measured once for a page, by whichever check comes first. Checks may run on several threads, and one
that was given up on may still be running (``dafec.features.registry``), so every measurement has a lock of its own:
a second thread waits for the first one's result instead of measuring again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import TypeVar, cast

__all__ = ["MeasurementCache"]

_T = TypeVar("_T")


class _Slot:
    """One measurement: its lock, and its value once it is there."""

    __slots__ = ("lock", "made", "value")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.made = False
        self.value: object = None


class MeasurementCache:
    """What was measured on one page so far. It belongs to the page's images and is never carried to another page."""

    __slots__ = ("_lock", "_slots")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._slots: dict[Hashable, _Slot] = {}

    def get(self, key: Hashable, measure: Callable[[], _T]) -> _T:
        """The measurement of that name.

        Args:
            key: names the measurement and its parameters; one key always stands for the same ``measure``.
            measure: makes it; called at most once unless it raises, in which case nothing is kept.

        Returns:
            The value, shared between callers: it must not be changed.
        """
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
        with slot.lock:
            if not slot.made:
                slot.value = measure()
                slot.made = True
        return cast(_T, slot.value)
