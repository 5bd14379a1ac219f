import logging
import math
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest

from dafec.features import registry
from dafec.features.contract import CheckResult
from dafec.features.mrz_checks import MRZ_CHECKS
from dafec.features.registry import all_checks, run_checks, wait_for_left_behind
from dafec.messages import catalogue
from tests.synthetic_pages import Look, context_of, reader_page


class Fake:
    """A check that does what it is told."""

    version = 1
    needs_series = False

    def __init__(self, check_id="X-1", act=None, lights=(), min_dpi=0.0):
        self.id = check_id
        self.lights = lights
        self.min_dpi = min_dpi
        self._act = act or (lambda: CheckResult(check_id, 1, "passed", value=1.0))

    def run(self, context):
        return self._act()


@pytest.fixture(scope="module")
def context():
    return context_of(reader_page(Look()))


def _raise():
    raise ValueError("broken")


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        pytest.param(_raise, "raised", id="raises"),
        pytest.param(lambda: None, "wrong_result", id="none"),
        pytest.param(lambda: "passed", "wrong_result", id="string"),
        pytest.param(lambda: CheckResult("other", 1, "passed"), "wrong_result", id="other-id"),
        pytest.param(lambda: CheckResult("X-1", 1, "fine"), "wrong_result", id="unknown-outcome"),
        pytest.param(lambda: CheckResult("X-1", 1, "passed", value=math.nan), "no_number", id="nan"),
        pytest.param(lambda: CheckResult("X-1", 1, "passed", value=math.inf), "no_number", id="infinite"),
        pytest.param(lambda: CheckResult("X-1", 1, "passed", value="0.7"), "no_number", id="text-value"),
        pytest.param(lambda: CheckResult("X-1", 1, "failed", llr=math.nan), "no_number", id="nan-llr"),
        pytest.param(lambda: CheckResult("X-1", 1, "passed", expected=(math.nan, 1.0)), "no_number", id="nan-limit"),
        pytest.param(lambda: CheckResult("X-1", 1, "passed", values={"a": math.nan}), "no_number", id="nan-shown"),
    ],
)
def test_a_broken_check_is_aborted_and_the_others_go_on(context, act, reason, caplog):
    with caplog.at_level(logging.CRITICAL):
        broken, sound = run_checks(context, [Fake(act=act), Fake("X-2")])
    assert (broken.id, broken.result, broken.llr) == ("X-1", "aborted", 0.0)
    assert broken.message == f"checks.common.{reason}"
    assert sound.result == "passed"


@pytest.mark.alone
def test_a_hanging_check_is_given_up_and_the_others_go_on(context):
    release = threading.Event()

    def hang():
        release.wait(20)
        return CheckResult("X-1", 1, "passed")

    started = time.monotonic()
    first, hanging, last = run_checks(context, [Fake("X-0"), Fake(act=hang), Fake("X-2")], time_limit_s=0.2)
    assert time.monotonic() - started < 5
    assert (hanging.result, hanging.message) == ("aborted", "checks.common.time_out")
    assert first.result == last.result == "passed"
    release.set()


def test_a_late_result_is_thrown_away_and_its_thread_ends(context):
    release = threading.Event()

    def late():
        release.wait(20)
        return CheckResult("X-1", 1, "passed")

    results = run_checks(context, [Fake(act=late)], time_limit_s=0.1)
    release.set()
    deadline = time.monotonic() + 5
    while registry._still_left_behind() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert registry._still_left_behind() == 0
    assert results[0].result == "aborted"


def test_checks_that_always_hang_cannot_fill_the_machine(context):
    release = threading.Event()

    def hang():
        release.wait(20)

    checks = [Fake(f"X-{n}", hang) for n in range(12)]
    try:
        results = run_checks(context, checks, time_limit_s=0.05)
        alive = registry._still_left_behind()
    finally:
        release.set()
    assert alive <= 8
    assert {result.result for result in results} == {"aborted"}
    assert results[-1].message == "checks.common.overloaded"
    deadline = time.monotonic() + 5
    while registry._still_left_behind() and time.monotonic() < deadline:
        time.sleep(0.02)


@pytest.mark.parametrize("light", ["visible", "ir", "uv"])
def test_a_missing_light_is_not_supported_and_the_check_is_not_run(light):
    lights = tuple(name for name in ("visible", "ir", "uv") if name != light)
    context = context_of(reader_page(Look(lights=lights)))
    (result,) = run_checks(context, [Fake(act=_raise, lights=(light,))])
    assert (result.result, result.message) == ("not_supported", f"checks.common.no_{light}")


def test_too_few_pixels_and_an_unknown_resolution_are_not_supported(context):
    (low,) = run_checks(context, [Fake(act=_raise, min_dpi=600, lights=("ir",))])
    assert (low.result, low.values["needed"]) == ("not_supported", 600)
    unknown = replace(context, page=replace(context.page, dpi=None))
    (none,) = run_checks(unknown, [Fake(act=_raise, min_dpi=1)])
    assert (none.result, none.message) == ("not_supported", "checks.common.unknown_resolution")


def test_without_a_page_only_checks_of_text_run(context):
    pageless = replace(context, page=None)
    image, text = run_checks(pageless, [Fake("X-1", _raise, lights=("ir",)), Fake("X-2")])
    assert (image.result, text.result) == ("not_supported", "passed")


@pytest.mark.parametrize(
    ("outcome", "given", "kept"),
    [("undetermined", 0.8, 0.8), ("undetermined", -0.8, 0.0), ("not_supported", 5.0, 0.0), ("aborted", -5.0, 0.0)],
)
def test_doubt_never_speaks_for_a_document_and_what_did_not_run_for_nothing(context, outcome, given, kept):
    def weigh():
        return CheckResult("X-1", 1, outcome, llr=given, calibration="expert-2026")

    (result,) = run_checks(context, [Fake(act=weigh)])
    assert (result.llr, result.calibration) == (kept, "expert-2026" if kept else "none")


def test_results_stand_in_the_order_of_the_checks(context):
    checks = [Fake("X-3", lights=("ir",)), Fake("X-1", _raise), Fake("X-2", min_dpi=9999)]
    assert [result.id for result in run_checks(context, checks)] == ["X-3", "X-1", "X-2"]


def test_every_check_has_one_id_and_the_declared_shape():
    checks = all_checks()
    assert len({check.id for check in checks}) == len(checks)
    assert {"IR-AB-MR", "UV-BR-FU"} <= {check.id for check in checks}
    assert {check.id for check in MRZ_CHECKS} <= {check.id for check in checks}
    for check in checks:
        assert isinstance(check.version, int)
        assert check.min_dpi >= 0
        assert set(check.lights) <= {"visible", "ir", "uv"}


@pytest.mark.parametrize("lights", [("visible",), ("visible", "ir"), ("visible", "ir", "uv")])
def test_no_spectral_check_passes_without_its_light(lights):
    context = context_of(reader_page(Look(lights=lights)))
    for check, result in zip(all_checks(), run_checks(context), strict=True):
        assert result.id == check.id
        if not set(check.lights) <= set(lights):
            assert result.result == "not_supported"


def test_every_reason_of_the_runner_stands_in_both_languages():
    reasons = {
        "no_page", "no_visible", "no_ir", "no_uv", "unknown_resolution", "low_resolution", "raised", "wrong_result",
        "no_number", "time_out", "overloaded",
    }  # fmt: skip
    for language in ("en", "ar"):
        assert reasons <= {k.rsplit(".", 1)[1] for k in catalogue(language) if k.startswith("checks.common.")}


def test_a_busy_machine_does_not_break_off_a_check_that_waits_for_its_turn(context):
    def slow_by_the_clock():
        time.sleep(0.3)  # takes no processor time, as a thread does that others keep from running
        return CheckResult("X-1", 1, "passed")

    (result,) = run_checks(context, [Fake(act=slow_by_the_clock)], time_limit_s=0.2)
    assert result.result == "passed"


@pytest.mark.alone
def test_processor_time_is_what_is_limited(context):
    stop = threading.Event()

    def busy():
        while not stop.is_set():
            sum(range(1000))
        return CheckResult("X-1", 1, "passed")

    begun = time.monotonic()
    (result,) = run_checks(context, [Fake(act=busy)], time_limit_s=0.3)
    assert result.result == "aborted"
    assert time.monotonic() - begun < 5
    assert not wait_for_left_behind(0.1)
    stop.set()
    assert wait_for_left_behind(10)


def test_the_command_ends_with_its_own_code_though_a_check_never_ends():
    program = (
        "import sys, threading, time\n"
        "from dafec import cli\n"
        "from dafec.features import registry\n"
        "thread = threading.Thread(target=time.sleep, args=(60,), daemon=True)\n"
        "thread.start()\n"
        "registry._left_behind.append(thread)\n"
        "cli._LAST_WAIT_S = 0.1\n"
        "cli.main(['mrz', '/nowhere.png'])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 3, done.stderr
