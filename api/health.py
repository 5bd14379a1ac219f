"""Readiness: whether a screening that arrives now would be made and kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from api.casework import Casework
from dafec.errors import DafecError

__all__ = ["Readiness", "check_readiness"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Readiness:
    """One answer about the service's state; every name is True where it works."""

    models: bool  # loaded and warmed up
    database: bool  # a write to the database succeeded
    images: bool  # a write to where the images go succeeded
    keys: bool  # there is a key to seal what comes
    disk_space: bool  # more is free than the settings ask for
    queue: bool  # a screening would be taken now
    series: int = 0  # document series a screening is compared with
    notices: tuple[str, ...] = ()  # codes of what is wrong although screenings are made and kept

    @property
    def ready(self) -> bool:
        """Whether all of it works."""
        return all((self.models, self.database, self.images, self.keys, self.disk_space, self.queue))


def check_readiness(casework: Casework | None, min_free_bytes: int) -> Readiness:
    """Tries what a screening needs. Blocks on the disk; call it in a thread.

    Args:
        casework: None while the models are being loaded or the service is stopping.
        min_free_bytes: free disk space below which the service is not ready.
    """
    if casework is None:
        return Readiness(models=False, database=False, images=False, keys=False, disk_space=False, queue=False)
    store = casework.store
    found, notices = _try(store.notices)
    keys, _ = _try(lambda: store.keyring.current)
    disk_space, free = _try(store.free_bytes)
    return Readiness(
        models=True,
        database=_try(store.probe)[0] and found,
        images=_try(store.probe_blobs)[0],
        keys=keys,
        disk_space=disk_space and (free or 0) >= min_free_bytes,
        queue=not casework.pool.full,
        series=casework.series_count(),
        notices=(*(notices or ()), *casework.core_notices()),
    )


def _try(function: Callable[[], T]) -> tuple[bool, T | None]:
    """Whether it works, and what it gives."""
    try:
        return True, function()
    except DafecError:
        return False, None
