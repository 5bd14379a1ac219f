"""Screening an archive again, by a new model or new document series, on Dask distributed.

The database says what is due; Dask says who does it. The client hands out numbers, never more than a few a worker, and
waits; workers read, screen and keep by themselves (``api.rescreen_worker``). Nothing that Dask holds is needed to go
on: a client that was killed, a scheduler that is gone or workers that died leave rows that are due, and the next start
of the same run goes on with these. Where a task runs twice, because its worker was thought dead, the row is settled
once.

Machines are joined by TLS with certificates on both sides, because whoever reaches a scheduler has its workers run
what he likes; without it only this computer is taken. On SQLite, which one process owns, the workers are threads of
this one.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog

from api.core import load_screener
from api.engine import Screener
from api.rescreen_worker import Bench, ask_software, rescreen_document, software_of, use
from api.settings import Settings, is_loopback
from api.store import Store
from api.store.rescreenings import (
    Run,
    Wanted,
    begin_run,
    due_numbers,
    end_run,
    find_run,
    note_resumed,
    settle_without,
)
from dafec.errors import InstallationError, UsageError

__all__ = ["Cluster", "Order", "rescreen"]

#: Tasks handed out for each thread: one runs, one waits, so that no thread does.
_AHEAD = 2
_NUMBERS_AT_ONCE = 500
_LOOK_S = 5.0
#: So long nobody may be there to work: workers are started after the scheduler, and restarted when they die.
_NO_WORKERS_S = 90.0
#: The store may be away for a while; then the run ends, and goes on when it is started again.
_MOST_DELAYS = 6
_DELAY_S = 2.0
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Cluster:
    """Who does the work."""

    scheduler: str | None = None  # tls://host:8786, or tcp:// on this computer; None: workers of this computer
    workers: int = 2  # where there is no scheduler
    authority: Path | None = None  # certificate of who issued the machines' own, PEM
    certificate: Path | None = None  # of this computer, PEM
    key: Path | None = None

    def check(self) -> None:
        """Raises UsageError ``rescreen.bad_scheduler``, ``rescreen.tls_needed``."""
        if self.scheduler is None:
            return
        parts = urlsplit(self.scheduler)
        if parts.scheme not in ("tcp", "tls") or not parts.hostname or parts.path:
            raise UsageError("rescreen.bad_scheduler")
        if parts.scheme == "tcp" and not is_loopback(parts.hostname):
            raise UsageError("rescreen.tls_needed")
        if parts.scheme == "tls" and None in (self.authority, self.certificate, self.key):
            raise UsageError("rescreen.tls_needed")


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be screened again."""

    name: str  # of the run; an unfinished one of that name goes on
    wanted: Wanted = field(default_factory=Wanted)  # for a new run
    complete: bool = True  # read the page's text too


def rescreen(
    settings: Settings,
    order: Order,
    cluster: Cluster,
    tell: Callable[[Run], object] = lambda _: None,
    load: Callable[[Settings], Screener] = load_screener,
) -> Run:
    """Screens an archive again, or goes on where a run of that name was cut off.

    Args:
        settings: of the service whose archive it is.
        order: what.
        cluster: by whom.
        tell: called at the beginning and whenever documents were settled.
        load: gives the core, where this process screens itself.

    Returns:
        The run as it is now, ended.

    Raises:
        UsageError: ``rescreen.bad_scheduler``, ``rescreen.tls_needed``, ``rescreen.software_changed`` where models or
            series are others than the run's, ``store.in_use``.
        InstallationError: ``rescreen.extra_missing``, ``rescreen.no_workers``, ``rescreen.scheduler_lost``,
            ``rescreen.store_away``; what was done is done, and the same command goes on.
        ServiceError: ``storage.*``.
    """
    cluster.check()
    store = Store(settings.store_places(), settings.lock_timeout_s)
    try:
        software = software_of(settings)
        run = find_run(store, order.name)
        if run is None:
            run = begin_run(store, order.name, software, order.wanted, complete=order.complete)
        elif run.ended is not None:
            return run
        elif run.software != software:
            raise UsageError("rescreen.software_changed", name=order.name)
        else:
            note_resumed(store, run)
        tell(run)
        if run.due:
            with _connected(settings, cluster, store, load, software) as client:
                _Work(client, store, run, tell).until_nothing_is_due()
        end_run(store, order.name)
        return find_run(store, order.name) or run
    finally:
        use(None)
        store.close()


@contextmanager
def _connected(
    settings: Settings, cluster: Cluster, store: Store, load: Callable[[Settings], Screener], software: str
) -> Iterator[Any]:
    """A client of the scheduler, or of workers that are started for the block."""
    try:
        dask = import_module("distributed")
    except ImportError as error:
        raise InstallationError("rescreen.extra_missing") from error
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # its messages quote tasks; what matters is told here
    if cluster.scheduler is not None:
        security = None
        if cluster.scheduler.startswith("tls:"):
            security = dask.Security(
                require_encryption=True,
                tls_ca_file=str(cluster.authority),
                tls_client_cert=str(cluster.certificate),
                tls_client_key=str(cluster.key),
            )
        try:
            client = dask.Client(cluster.scheduler, security=security, timeout="20s", name="dafec-rescreen")
        except (OSError, TimeoutError) as error:
            raise InstallationError("rescreen.scheduler_lost") from error
        with client:
            yield client
        return
    common: dict[str, Any] = {"n_workers": cluster.workers, "threads_per_worker": 1, "dashboard_address": None}
    if store.shared:
        data = {"DAFEC_SERVICE_DATA": str(settings.data.absolute())}
        given = data | ({"DAFEC_SERVICE_CONFIG": str(settings.config)} if settings.config is not None else {})
        # Anybody at this computer could reach the scheduler: a certificate for these processes alone keeps him out.
        local = dask.LocalCluster(**common, processes=True, security=True, host="127.0.0.1", env=given)
    else:
        use(Bench(store, load(settings), software))
        common |= {"n_workers": 1, "threads_per_worker": cluster.workers}
        local = dask.LocalCluster(**common, processes=False)
    with local, dask.Client(local, timeout="20s") as client:
        yield client


class _Work:
    """Hands out what is due until nothing is."""

    def __init__(self, client: Any, store: Store, run: Run, tell: Callable[[Run], object]) -> None:
        self._client = client
        self._store = store
        self._run = run
        self._tell = tell
        self._pending: dict[Any, int] = {}
        self._delays = 0
        self._tries: dict[int, int] = {}
        self._nobody_since_s: float | None = None

    def until_nothing_is_due(self) -> None:
        """See ``rescreen``."""
        while True:
            before = self._due()
            if before == 0:
                return
            for number in self._numbers():
                while len(self._pending) >= _AHEAD * max(1, sum(self._workers().values())):
                    self._settle_some()
                self._hand_out(number)
            while self._pending:
                self._settle_some()

    def _due(self) -> int:
        run = find_run(self._store, self._run.name)
        return run.due if run is not None else 0

    def _numbers(self) -> Iterator[int]:
        after = 0
        while numbers := due_numbers(self._store, self._run.name, after, _NUMBERS_AT_ONCE):
            yield from numbers
            after = numbers[-1]

    def _hand_out(self, number: int) -> None:
        run = self._run
        tried = self._tries[number] = self._tries.get(number, 0) + 1
        future = self._client.submit(
            rescreen_document,
            run.name,
            run.software,
            run.complete,
            number,
            key=f"{run.name}-{number}-{tried}-{id(self)}",
            pure=False,
        )
        self._pending[future] = number

    def _settle_some(self) -> None:
        wait = import_module("distributed").wait
        try:
            ended = wait(list(self._pending), timeout=_LOOK_S, return_when="FIRST_COMPLETED").done
        except TimeoutError:
            self._workers()
            return
        for future in ended:
            self._settle(future, self._pending.pop(future))
        run = find_run(self._store, self._run.name)
        if run is not None:
            self._tell(run)

    def _settle(self, future: Any, number: int) -> None:
        from distributed.scheduler import KilledWorker

        if future.status == "finished":
            outcome, code = future.result()
            if outcome == "other_software":
                self._dismiss_strangers()
            elif outcome == "later":
                self._delay(code)
            else:
                self._delays = 0
                if outcome == "failed":
                    _log.warning("not_rescreened", code=code)
            return
        if future.status in ("pending", "lost"):  # its worker died with the answer: somebody else is asked
            self._pending[future] = number
            return
        if future.status != "error":  # cancelled: the scheduler went away with it
            raise InstallationError("rescreen.scheduler_lost")
        error = future.exception()
        killed = isinstance(error, KilledWorker)
        # The text of an exception may be personal.
        _log.error("not_rescreened", error=type(error).__name__)
        settle_without(
            self._store, self._run.name, number, "rescreen.worker_died" if killed else "rescreen.document_failed"
        )

    def _delay(self, code: str) -> None:
        self._delays += 1
        if self._delays > _MOST_DELAYS:
            raise InstallationError("rescreen.store_away", code=code)
        time.sleep(_DELAY_S)

    def _workers(self) -> Mapping[str, int]:
        """Threads by worker. Raises InstallationError where there has been none for long, or no scheduler."""
        threads: Mapping[str, int] = {}
        with suppress(OSError, TimeoutError):  # a scheduler that is busy answers the next time
            threads = self._client.ncores()
        if self._client.status in ("closing", "closed"):
            raise InstallationError("rescreen.scheduler_lost")
        now_s = time.monotonic()
        if threads:
            self._nobody_since_s = None
        elif self._nobody_since_s is None:
            self._nobody_since_s = now_s
        elif now_s - self._nobody_since_s > _NO_WORKERS_S:
            raise InstallationError("rescreen.no_workers")
        return threads

    def _dismiss_strangers(self) -> None:
        """Sends workers away that would judge by other models or series than the run's."""
        answers = self._client.run(ask_software)
        strangers = [address for address, said in answers.items() if said != self._run.software]
        _log.warning("workers_dismissed", code="rescreen.software_changed", count=len(strangers))
        if strangers:
            self._client.retire_workers(strangers, close_workers=True)
