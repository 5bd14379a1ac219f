"""Figures for Prometheus: what the service does and how long it takes, without anything of any document.

Every label is one of a few known words: routes are their templates, screenings their level, errors their code. Figures
belong to one app, so that several in one process (tests) do not share them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.scanners.contract import ScannerState
from api.store.completions import due_completions
from dafec import __version__
from dafec.errors import DafecError

if TYPE_CHECKING:
    from api.casework import Casework
    from api.feed import EventFeed
    from api.scanners.forwarding import Forwarder
    from api.scanners.manager import ScannerManager
    from api.store import Store

__all__ = ["CONTENT_TYPE", "CountRequests", "Figures", "Metrics"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_log = structlog.get_logger(__name__)
_SECONDS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)


@dataclass(frozen=True, slots=True)
class Figures:
    """What was counted and measured since the start, for people."""

    levels: Mapping[str, int]  # documents screened and kept, by level
    failures: Mapping[str, int]  # documents that were not screened, by code
    half_within_s: float | None  # half of the screenings took at most this; None before the first, or where all is over
    most_within_s: float | None  # 95 of 100 did


class Metrics:
    """The figures of one service."""

    def __init__(self) -> None:
        self.forwarder: Forwarder | None = None
        self._registry = CollectorRegistry(auto_describe=True)
        self._requests = Counter(
            "dafec_requests", "Requests by route and status.", ("method", "route", "status"), registry=self._registry
        )
        self._request_seconds = Histogram(
            "dafec_request_seconds", "Time of requests.", ("route",), registry=self._registry, buckets=_SECONDS
        )
        self._screenings = Counter(
            "dafec_screenings", "Documents screened and kept, by level.", ("level",), registry=self._registry
        )
        self._screening_seconds = Histogram(
            "dafec_screening_seconds",
            "Time of screenings, from the upload to the durable result.",
            registry=self._registry,
            buckets=_SECONDS,
        )
        self._failures = Counter(
            "dafec_screening_failures", "Documents that were not screened, by code.", ("code",), registry=self._registry
        )
        self._passes = Counter(
            "dafec_complete_passes", "Complete passes by outcome.", ("outcome",), registry=self._registry
        )
        self._pass_seconds = Histogram(
            "dafec_complete_pass_seconds", "Time of complete passes.", registry=self._registry, buckets=_SECONDS
        )

    def watch(self, casework: Casework, scanners: ScannerManager, feed: EventFeed, store: Store) -> None:
        """Takes in what is asked for when the figures are."""
        casework.on_outcome = self.screened
        self._registry.register(_Live(casework, scanners, feed, store, self.forwarder))

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request was answered."""
        self._requests.labels(method, route, str(status)).inc()
        self._request_seconds.labels(route).observe(seconds)

    def screened(self, level: str | None, code: str | None, seconds: float) -> None:
        """A document was screened (level), or was not (code)."""
        if level is not None:
            self._screenings.labels(level).inc()
            self._screening_seconds.observe(seconds)
        else:
            self._failures.labels(code or "service.failed").inc()

    def passed(self, outcome: str, seconds: float) -> None:
        """A complete pass ended: done, failed or later."""
        self._passes.labels(outcome).inc()
        self._pass_seconds.observe(seconds)

    def figures(self) -> Figures:
        """What was counted since the start; times are upper ends of the histogram's steps, never better than true."""
        return Figures(
            _counts(self._screenings, "level"), _counts(self._failures, "code"), self._within(0.5), self._within(0.95)
        )

    def _within(self, share: float) -> float | None:
        samples = next(iter(self._screening_seconds.collect())).samples
        buckets = [(float(one.labels["le"]), one.value) for one in samples if one.name.endswith("_bucket")]
        whole = buckets[-1][1]
        reached = next((limit for limit, count in buckets if whole and count >= share * whole), None)
        return reached if reached is not None and math.isfinite(reached) else None

    def write(self, file: Path) -> None:
        """Puts every figure into a file, at once or not at all; logs where that does not work. Blocks."""
        try:
            partial = file.with_name(f".{file.name}.partial")
            partial.write_bytes(self.text())
            partial.chmod(0o644)  # the collector is another user; nothing in it is of any document
            partial.replace(file)
        except OSError as error:
            _log.warning("metrics_not_written", error=type(error).__name__)

    def text(self) -> bytes:
        """Every figure, in Prometheus's text format. Blocks on the database; call it in a thread."""
        return generate_latest(self._registry)


def _counts(counter: Counter, label: str) -> dict[str, int]:
    samples = next(iter(counter.collect())).samples
    return {one.labels[label]: int(one.value) for one in samples if one.name.endswith("_total")}


class _Live(Collector):
    """What is true at the moment."""

    def __init__(
        self,
        casework: Casework,
        scanners: ScannerManager,
        feed: EventFeed,
        store: Store,
        forwarder: Forwarder | None,
    ) -> None:
        self._forwarder = forwarder
        self._casework = casework
        self._scanners = scanners
        self._feed = feed
        self._store = store

    def describe(self) -> Iterable[Metric]:
        """Nothing is known beforehand."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """The figures of now."""
        pool = self._casework.pool
        yield GaugeMetricFamily("dafec_queue", "Screenings that run or wait.", value=pool.pending)
        yield GaugeMetricFamily("dafec_queue_limit", "More are answered with 503.", value=pool.places)
        yield GaugeMetricFamily("dafec_listeners", "Pages that listen to their desk.", value=self._feed.listeners)
        version = GaugeMetricFamily("dafec_info", "Version of DAFEC.", labels=("version",))
        version.add_metric((__version__,), 1)
        yield version
        states = GaugeMetricFamily(
            "dafec_scanner_state", "1 for the state a scanner is in.", labels=("scanner", "state")
        )
        captures = GaugeMetricFamily("dafec_scanner_captures", "Documents by scanner.", labels=("scanner",))
        for scanner in self._scanners.statuses():
            for state in ScannerState:
                states.add_metric((scanner.name, str(state)), float(scanner.state is state))
            captures.add_metric((scanner.name,), scanner.captures)
        yield states
        yield captures
        try:
            due, free = due_completions(self._store), self._store.free_bytes()
            forwarding = self._forwarder.due() if self._forwarder is not None else None
        except DafecError:  # then it is readiness that says so
            return
        yield GaugeMetricFamily("dafec_complete_passes_due", "Complete passes that are due.", value=due)
        if self._forwarder is not None and forwarding is not None:
            yield GaugeMetricFamily("dafec_forwarding_due", "Screenings the centre has not yet.", value=forwarding)
            refused = self._forwarder.progress.refused
            yield GaugeMetricFamily("dafec_forwarding_refused", "Screenings the centre refused.", value=refused)
        yield GaugeMetricFamily("dafec_free_bytes", "Free space where the data lie.", value=free)


class CountRequests:
    """ASGI middleware: counts requests by the template of their route, never by their address.

    Args:
        app: what is inside.
        metrics: where they are counted.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        begun = time.perf_counter()

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, counted)
        finally:
            route = getattr(scope.get("route"), "path", None) or "none"
            method = scope["method"] if scope["method"] in _METHODS else "other"
            if not route.endswith("/events"):  # a listener stays for minutes; that is no time of an answer
                self._metrics.request(method, route, status, time.perf_counter() - begun)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
