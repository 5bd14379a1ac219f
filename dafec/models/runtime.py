"""The one place that runs models: ONNX files on onnxruntime's CPU provider.

A model is loaded once for each process and thread count, under a lock of its own, from bytes whose SHA-256 was compared
with the manifest. Errors of onnxruntime leave here as ``InstallationError``; outputs that hold NaN or infinity are an
error as well, so that the check that asked for them ends ``aborted`` and never ``passed``.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dafec.errors import InstallationError
from dafec.models.manifest import MODELS_FOLDER, digest, find_model, read_model

__all__ = [
    "PROVIDER",
    "Session",
    "SessionOptions",
    "SessionStore",
    "checked_output",
    "load_session",
    "loaded_models",
    "open_session",
    "runtime_version",
]

#: The only provider DAFEC uses: the same arithmetic on every machine of a site, without a GPU.
PROVIDER = "CPUExecutionProvider"


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """Everything that is set on an onnxruntime session; nothing is left to defaults that could move the result."""

    threads: int = 1  # within one operator; between operators always 1: the graphs are chains
    memory_arena: bool = True  # kept: allocation inside the operators costs more than the arena holds
    spinning: bool = False  # idle workers sleep: several desks share few cores, and a spinning worker takes one away
    log_severity: int = 3  # errors only; warnings about graph optimisation mean nothing to a site


class RawSession(Protocol):
    """What is used of ``onnxruntime.InferenceSession``; tests put their own in its place."""

    def run(self, outputs: Sequence[str] | None, feed: Mapping[str, NDArray[Any]]) -> Sequence[Any]:
        """Runs the graph."""
        ...

    def get_inputs(self) -> Sequence[Any]:
        """Descriptions of the inputs, each with a ``name``."""
        ...


def _onnxruntime() -> ModuleType:
    try:
        import onnxruntime
    except ImportError as error:
        raise InstallationError("models.runtime_missing") from error
    onnxruntime.disable_telemetry_events()
    return onnxruntime  # type: ignore[no-any-return]


@cache
def _runtime_errors() -> tuple[type[Exception], ...]:
    """Every exception onnxruntime raises: its own classes share no base, and its Python side raises built-in ones."""
    try:
        from onnxruntime.capi import onnxruntime_pybind11_state as state
    except ImportError:
        return (RuntimeError, ValueError, TypeError)
    own = (kind for kind in vars(state).values() if isinstance(kind, type) and issubclass(kind, Exception))
    return (*own, RuntimeError, ValueError, TypeError)


def runtime_version() -> str:
    """Version of onnxruntime.

    Raises:
        InstallationError: ``models.runtime_missing``.
    """
    return str(_onnxruntime().__version__)


def checked_output(name: str, output: NDArray[Any]) -> NDArray[np.float32]:
    """A model's output, after a look for NaN and infinity.

    Args:
        name: of the model, for the error.
        output: any shape, any float dtype.

    Returns:
        The same values as float32.

    Raises:
        InstallationError: ``models.not_finite``; a check that lets it pass through ends ``aborted``.
    """
    values = np.asarray(output, dtype=np.float32)
    if not np.isfinite(values).all():
        raise InstallationError("models.not_finite", name=name)
    return values


@dataclass(frozen=True, slots=True, eq=False)
class Session:
    """One loaded model. Safe to use from several threads at once, as onnxruntime's sessions are."""

    name: str
    sha256: str  # of the file, as compared with the manifest
    threads: int
    raw: RawSession

    def run(self, *inputs: NDArray[Any]) -> list[NDArray[np.float32]]:
        """Runs the model.

        Args:
            inputs: one array for each input of the graph, in the graph's order.

        Returns:
            Every output in the graph's order, float32, finite.

        Raises:
            InstallationError: ``models.run_failed`` or ``models.not_finite``.
        """
        try:
            names = [description.name for description in self.raw.get_inputs()]
            outputs = self.raw.run(None, dict(zip(names, inputs, strict=True)))
        except _runtime_errors() as error:
            raise InstallationError("models.run_failed", name=self.name, reason=type(error).__name__) from error
        return [checked_output(self.name, output) for output in outputs]


def _open(name: str, data: bytes, options: SessionOptions) -> RawSession:
    onnxruntime = _onnxruntime()
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    settings.inter_op_num_threads = 1
    settings.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    settings.enable_cpu_mem_arena = options.memory_arena
    settings.log_severity_level = options.log_severity
    settings.add_session_config_entry("session.intra_op.allow_spinning", "1" if options.spinning else "0")
    try:
        session: RawSession = onnxruntime.InferenceSession(data, settings, providers=[PROVIDER])
    except _runtime_errors() as error:
        raise InstallationError("models.unreadable", name=name, file=name, reason=type(error).__name__) from error
    return session


def open_session(name: str, data: bytes, options: SessionOptions | None = None) -> Session:
    """A session of a model that lies inside another package; its digest is what the bytes have.

    Args:
        name: for errors and the report.
        data: the ONNX file.
        options: one thread and the defaults where None.

    Raises:
        InstallationError: ``models.unreadable`` or ``models.runtime_missing``.
    """
    chosen = options or SessionOptions()
    return Session(name, digest(data), chosen.threads, _open(name, data, chosen))


class SessionStore:
    """Loaded models of one folder: each is opened once for each thread count, under a lock of its own."""

    def __init__(self, folder: Path = MODELS_FOLDER, options: SessionOptions | None = None) -> None:
        """Prepares an empty store; nothing is read yet.

        Args:
            folder: where ``manifest.json`` and the models stand.
            options: what every session is opened with, but the thread count, which each caller names.
        """
        self._folder = folder
        self._options = options or SessionOptions()
        self._guard = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._sessions: dict[tuple[str, int], Session] = {}

    def load(self, name: str, threads: int) -> Session:
        """The session of model ``name`` with ``threads`` threads; see ``load_session``."""
        with self._guard:
            lock = self._locks.setdefault(name, threading.Lock())
        with lock:
            session = self._sessions.get((name, threads))
            if session is None:
                entry = find_model(name, self._folder)
                data = read_model(entry, self._folder)
                options = SessionOptions(
                    threads, self._options.memory_arena, self._options.spinning, self._options.log_severity
                )
                session = Session(name, entry.sha256, threads, _open(name, data, options))
                self._sessions[name, threads] = session
            return session

    def loaded(self) -> dict[str, str]:
        """SHA-256 of every model loaded so far, by name."""
        return {name: session.sha256 for (name, _), session in sorted(self._sessions.items())}


@cache
def _shared_store() -> SessionStore:
    return SessionStore()


def load_session(name: str, threads: int = 1) -> Session:
    """The shipped model ``name``, loaded once for each process and thread count.

    Args:
        name: as in the manifest.
        threads: within one operator, at least 1.

    Returns:
        The session, ready to run.

    Raises:
        InstallationError: ``models.not_listed``, ``models.missing``, ``models.unreadable``,
            ``models.digest_mismatch``, ``models.runtime_missing``, or an unusable manifest.
    """
    return _shared_store().load(name, max(1, threads))


def loaded_models() -> dict[str, str]:
    """SHA-256 of every shipped model loaded in this process, by name; the report's software block holds them."""
    return _shared_store().loaded()
