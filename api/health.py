"""Readiness: whether a screening that arrives now would be made and kept."""

from __future__ import annotations

from dataclasses import dataclass

from api.casework import Casework
from api.errors import ServiceError

__all__ = ["Readiness", "check_readiness"]


@dataclass(frozen=True, slots=True)
class Readiness:
    """One answer about the service's state; every name is True where it works."""

    models: bool  # loaded and warmed up
    database: bool  # a write to the database and to the folder of images succeeded
    disk_space: bool  # more is free than the settings ask for
    queue: bool  # a screening would be taken now

    @property
    def ready(self) -> bool:
        """Whether all of it works."""
        return self.models and self.database and self.disk_space and self.queue


def check_readiness(casework: Casework | None, min_free_bytes: int) -> Readiness:
    """Tries what a screening needs. Blocks on the disk; call it in a thread.

    Args:
        casework: None while the models are being loaded or the service is stopping.
        min_free_bytes: free disk space below which the service is not ready.
    """
    if casework is None:
        return Readiness(models=False, database=False, disk_space=False, queue=False)
    try:
        casework.store.probe()
        database = True
    except ServiceError:
        database = False
    try:
        disk_space = casework.store.free_bytes() >= min_free_bytes
    except ServiceError:
        disk_space = False
    return Readiness(models=True, database=database, disk_space=disk_space, queue=not casework.pool.full)
