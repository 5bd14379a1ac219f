"""Screening one document of an archive again: what a Dask worker does.

A worker is a process anywhere that has DAFEC and its own settings (``DAFEC_SERVICE_*`` or a file of settings), as any
service of the centre has: database, images and keys come from these. What travels between the machines is the run's
name and a number, and back a word; no image, no key and no report ever does. The document is judged by the day it was
screened on, not by today: an archive is full of documents that have expired since.
"""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from api.completion import stated_resolutions, with_recorded_note
from api.core import load_screener
from api.engine import Screener
from api.errors import ServiceError
from api.parts import stored_parts
from api.personal import without_personal_data
from api.settings import Settings, load_settings
from api.store import Store
from api.store.rescreenings import Rescreened, keep_rescreened, settle_without, still_due
from dafec import __version__
from dafec.errors import DafecError
from dafec.report import parse_report

__all__ = ["Bench", "ask_software", "rescreen_document", "software_of", "use"]


@dataclass(frozen=True, slots=True)
class Bench:
    """What a process screens with."""

    store: Store
    screener: Screener
    software: str  # digest


_lock = threading.Lock()
_bench: Bench | None = None


def use(bench: Bench | None) -> None:
    """Has this process screen with ``bench``; None: it opens its own by its settings when it is first asked."""
    global _bench
    with _lock:
        _bench = bench


def _own_bench() -> Bench:
    global _bench
    with _lock:
        if _bench is None:
            settings = load_settings()
            store = Store(settings.store_places(), settings.lock_timeout_s)
            _bench = Bench(store, load_screener(settings), software_of(settings))
        return _bench


def software_of(settings: Settings) -> str:
    """A digest of everything a result depends on: version, models, document series, policy and prior; 64 hex digits.

    Raises:
        InstallationError: ``storage.failed`` and the like, where a file cannot be read.
    """
    import dafec.models
    from api.store.database import mapped_errors
    from dafec.settings import load_settings as core_settings

    core = core_settings()
    digest = hashlib.sha256(f"{__version__}\n{core.policy()!r}\n{core.prior!r}\n".encode())
    with mapped_errors():
        digest.update((Path(dafec.models.__file__).parent / "manifest.json").read_bytes())
        library = settings.library_folder()
        for file in sorted(path for path in library.rglob("*") if path.is_file()) if library.is_dir() else []:
            name, content = file.relative_to(library).as_posix(), hashlib.sha256(file.read_bytes()).hexdigest()
            digest.update(json.dumps([name, content]).encode())
    return digest.hexdigest()


def ask_software() -> str:
    """The digest of what this process screens with, or else the code of why it cannot."""
    try:
        return _own_bench().software
    except DafecError as error:
        return error.code


def rescreen_document(run: str, software: str, complete: bool, number: int) -> tuple[str, str]:  # noqa: FBT001 - a task
    """Screens one document again and keeps what comes of it beside what was there.

    Args:
        run: name of the run.
        software: digest of what the run screens with.
        complete: read the page's text too.
        number: of the screening in the store.

    Returns:
        What became of it, and a level or a code: done, failed, gone, already (it was settled before), later (the
        store does not answer; nothing changed), other_software (this process is not of the run's state).
    """
    try:
        bench = _own_bench()
    except DafecError as error:
        return "later", error.code
    if bench.software != software:
        return "other_software", ""
    try:
        return _rescreen(bench, run, number, complete=complete)
    except (ServiceError, SQLAlchemyError) as error:
        code = error.code if isinstance(error, ServiceError) else "storage.failed"
        if code.startswith("storage.") and code != "storage.key_lost":
            return "later", code
        return _settled(bench, run, number, code)
    except DafecError as error:
        return _settled(bench, run, number, error.code)


def _settled(bench: Bench, run: str, number: int, code: str) -> tuple[str, str]:
    try:
        return settle_without(bench.store, run, number, code), code
    except DafecError as error:
        return "later", error.code


def _rescreen(bench: Bench, run: str, number: int, *, complete: bool) -> tuple[str, str]:
    screening_id = still_due(bench.store, run, number)
    if screening_id is None:
        return "already", ""
    record = bench.store.get(screening_id)
    if record is None or record.personal_data == "deleted":
        raise ServiceError("screening.images_deleted", status=410)
    if record.personal_data != "kept":
        raise ServiceError("storage.key_lost", status=410)
    first = parse_report(record.report)
    parts = stored_parts(record, lambda image: bench.store.image(record.id, image))
    capture = bench.screener.decode(parts, "stored", stated_resolutions(first))
    report = bench.screener.screen(capture, complete=complete, today=date.fromisoformat(first.date))
    report = with_recorded_note(report, record.origin).model_copy(update={"id": record.id})
    verdict = report.verdict
    said = Rescreened(
        verdict.level,
        verdict.made,
        verdict.not_possible,
        report.to_json(),
        without_personal_data(report).to_json(),
    )
    return keep_rescreened(bench.store, run, number, said), verdict.level
