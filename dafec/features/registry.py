"""All checks, and the runner that turns whatever a check does into one of five results.

``all_checks()`` gives every check in order of significance; ``run_checks(context)`` runs them and gives one
``CheckResult`` for each, in the same order. The runner, not the check, looks after what is common: a missing light or
too few pixels is ``not_supported`` with its reason; an exception, a time-out, a value that is no number or a result of
the wrong kind is ``aborted``. None of them can become ``passed``.

Time-outs. Python threads cannot be killed, and killing a process would cost every loaded model. So checks run one after
another on a daemon thread; where one exceeds its limit the thread is left behind, its late result is thrown away by
identity, and the remaining checks go on with a new thread. A thread left behind ends with its check, and as a daemon it
does not keep the process alive. While ``_MAX_LEFT_BEHIND`` of them are still alive no more are started: the checks are
``aborted``, so a check that always hangs cannot fill the machine.

The limit is on the processor time a check's thread took, where the system tells it, so that a machine with much else to
do does not break off what would have been done; ``_WALL`` times the limit is the most by the clock. A process that ends
waits for threads left behind (``wait_for_left_behind``): native code must not run while the interpreter is taken down.
"""

from __future__ import annotations

import logging
import math
import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import replace

from dafec.features.contract import Check, CheckContext, CheckResult, Outcome
from dafec.features.gen_bands import BandContradiction
from dafec.features.gen_copy import Recapture
from dafec.features.gen_ghost import GhostPortrait
from dafec.features.gen_photo import PhotoBorder
from dafec.features.gen_print import PrintProcess
from dafec.features.gen_retouch import LocalContradiction
from dafec.features.gen_type import TYPE_CHECKS
from dafec.features.ir_ab_mr import MrzInfraredContrast
from dafec.features.mrz_checks import MRZ_CHECKS
from dafec.features.uv_br import UV_BRIGHTNESS_CHECKS
from dafec.features.viz_checks import VIZ_CHECKS
from dafec.features.viz_sides import SidesAgainstEachOther

__all__ = ["TIME_LIMIT_S", "all_checks", "run_checks", "serves_side", "wait_for_left_behind"]

TIME_LIMIT_S = 2.0  # twenty times what the slowest check takes on a 400 dpi page
_WALL = 3.0  # times the limit by the clock
_LOOK_S = 0.25  # how often a thread's processor time is looked at
_MAX_LEFT_BEHIND = 8
_OUTCOMES: tuple[Outcome, ...] = ("passed", "failed", "undetermined", "not_supported", "aborted")

_log = logging.getLogger(__name__)
_left_behind: list[threading.Thread] = []
_left_behind_lock = threading.Lock()


def all_checks() -> tuple[Check, ...]:
    """Every check, the mandatory minimum of TR-03135 C.15 to C.18 first."""
    full_page, *other_regions = UV_BRIGHTNESS_CHECKS
    spectral: tuple[Check, ...] = (MrzInfraredContrast(), full_page, *other_regions)
    generic: tuple[Check, ...] = (
        PrintProcess(),
        Recapture(),
        PhotoBorder(),
        GhostPortrait(),
        LocalContradiction(),
        BandContradiction(),
    )
    return (*MRZ_CHECKS, *spectral, *TYPE_CHECKS, *VIZ_CHECKS, SidesAgainstEachOther(), *generic)


def serves_side(check: Check, *, with_zone: bool) -> bool:
    """Whether a check says anything about another side of a document.

    Args:
        check: any check.
        with_zone: the side has a machine-readable zone of its own: then it is a page like the document's, whose zone
            is looked at as well. Without one only the paper, the print, the portrait and the copy are.

    Returns:
        True where it is worth running. The visual zone's checks look at all sides already.
    """
    if check.id.startswith("VIZ-"):
        return False
    generic = check.id.startswith("GEN-") and not check.id.startswith("GEN-type")
    return with_zone or generic or check.id == "UV-BR-FU"


def _unrun(check: Check, outcome: Outcome, reason: str, **values: str | int | float) -> CheckResult:
    return CheckResult(check.id, check.version, outcome, message=f"checks.common.{reason}", values=values)


def _prerequisite(check: Check, context: CheckContext) -> CheckResult | None:
    """The result of a check that cannot run on this capture; None where it can."""
    page = context.page
    if not check.lights and check.min_dpi <= 0:
        return None
    if page is None:
        return _unrun(check, "not_supported", "no_page")
    for light in check.lights:
        if light not in page.images:
            return _unrun(check, "not_supported", f"no_{light}")
    if check.min_dpi > 0:
        if page.dpi is None:
            return _unrun(check, "not_supported", "unknown_resolution", needed=round(check.min_dpi))
        if page.dpi < check.min_dpi:
            return _unrun(check, "not_supported", "low_resolution", dpi=round(page.dpi), needed=round(check.min_dpi))
    return None


def _finite(value: float | None) -> bool:
    return value is None or (isinstance(value, int | float) and math.isfinite(value))


def _vetted(check: Check, result: object) -> CheckResult:
    """The check's result if it is one and makes sense, else ``aborted``."""
    if not isinstance(result, CheckResult) or result.id != check.id or result.result not in _OUTCOMES:
        _log.error("check gave no valid result", extra={"check": check.id, "kind": type(result).__name__})
        return _unrun(check, "aborted", "wrong_result")
    numbers = [result.value, result.llr, *(result.expected or ())]
    numbers += [v for v in result.values.values() if isinstance(v, float)]
    if not all(_finite(number) for number in numbers):
        _log.error("check gave a value that is no number", extra={"check": check.id})
        return _unrun(check, "aborted", "no_number")
    if result.result in ("not_supported", "aborted") and result.llr != 0.0:
        return replace(result, llr=0.0, calibration="none")
    if result.result == "undetermined" and result.llr < 0.0:  # doubt never speaks for a document
        return replace(result, llr=0.0, calibration="none")
    return result


def _run_guarded(check: Check, context: CheckContext) -> CheckResult:
    try:
        return _vetted(check, check.run(context))
    except Exception:  # the outer wall: a broken check must not take the others with it
        _log.exception("check raised", extra={"check": check.id})
        return _unrun(check, "aborted", "raised")


def _work(
    jobs: Sequence[tuple[int, Check]],
    context: CheckContext,
    done: queue.SimpleQueue[tuple[int, CheckResult]],
    stop: threading.Event,
) -> None:
    for index, check in jobs:
        if stop.is_set():
            return
        done.put((index, _run_guarded(check, context)))


def _still_left_behind() -> int:
    with _left_behind_lock:
        _left_behind[:] = [thread for thread in _left_behind if thread.is_alive()]
        return len(_left_behind)


def wait_for_left_behind(limit_s: float) -> bool:
    """Waits until no thread that was given up on runs any more.

    Args:
        limit_s: at most, seconds.

    Returns:
        Whether all have ended.
    """
    until = time.monotonic() + limit_s
    with _left_behind_lock:
        waiting = list(_left_behind)
    for thread in waiting:
        thread.join(max(0.0, until - time.monotonic()))
    return _still_left_behind() == 0


def _processor_s(thread: threading.Thread) -> float | None:
    """Processor time a thread took so far, seconds; None where the system does not tell, or it has ended."""
    clock = getattr(time, "pthread_getcpuclockid", None)
    if clock is None or thread.ident is None or not thread.is_alive():
        return None
    try:
        return time.clock_gettime(clock(thread.ident))
    except OSError:
        return None


def _next_result(
    done: queue.SimpleQueue[tuple[int, CheckResult]], worker: threading.Thread, time_limit_s: float
) -> CheckResult | None:
    """The worker's next result; None where its check exceeded the limit."""
    begun, taken = time.monotonic(), _processor_s(worker)
    while True:
        left = begun + time_limit_s - time.monotonic()
        try:
            return done.get(timeout=min(_LOOK_S, left) if left > 0 else min(_LOOK_S, time_limit_s))[1]
        except queue.Empty:
            spent, now = time.monotonic() - begun, _processor_s(worker)
            if spent < time_limit_s:
                continue
            if taken is None or now is None or now - taken >= time_limit_s or spent >= _WALL * time_limit_s:
                return None


def _run_jobs(
    jobs: list[tuple[int, Check]], context: CheckContext, time_limit_s: float, results: dict[int, CheckResult]
) -> list[tuple[int, Check]]:
    """Run jobs on one new thread until all are done or one exceeds its limit; the jobs still to do."""
    done: queue.SimpleQueue[tuple[int, CheckResult]] = queue.SimpleQueue()
    stop = threading.Event()
    worker = threading.Thread(target=_work, args=(jobs, context, done, stop), name="dafec-checks", daemon=True)
    worker.start()
    for position, (index, check) in enumerate(jobs):
        result = _next_result(done, worker, time_limit_s)
        if result is None:
            stop.set()
            with _left_behind_lock:
                _left_behind.append(worker)
            _log.error("check exceeded its time limit", extra={"check": check.id, "limit_s": time_limit_s})
            results[index] = _unrun(check, "aborted", "time_out", limit_s=time_limit_s)
            return jobs[position + 1 :]
        results[index] = result
    return []


def run_checks(
    context: CheckContext, checks: Sequence[Check] | None = None, time_limit_s: float = TIME_LIMIT_S
) -> list[CheckResult]:
    """Run checks and give one result for each, in their order.

    Args:
        context: what the checks may look at.
        checks: which to run; all of them by default.
        time_limit_s: for each check, seconds.

    Returns:
        As many results as checks. Never raises because of a check.
    """
    chosen = all_checks() if checks is None else tuple(checks)
    results: dict[int, CheckResult] = {}
    jobs: list[tuple[int, Check]] = []
    for index, check in enumerate(chosen):
        missing = _prerequisite(check, context)
        if missing is not None:
            results[index] = missing
        else:
            jobs.append((index, check))
    while jobs:
        if _still_left_behind() >= _MAX_LEFT_BEHIND:
            results.update((index, _unrun(check, "aborted", "overloaded")) for index, check in jobs)
            break
        jobs = _run_jobs(jobs, context, time_limit_s, results)
    return [results[index] for index in range(len(chosen))]
