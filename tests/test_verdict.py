import math
from dataclasses import replace
from importlib.resources import files
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dafec.capture import Light
from dafec.errors import InstallationError, UsageError
from dafec.features.contract import CheckResult, Outcome
from dafec.messages import LANGUAGES, catalogue
from dafec.verdict import LEVELS, Policy, Situation, Verdict, decide, load_decision

DECISION = load_decision()
THREE_BANDS = frozenset(get_args(Light))
KNOWN = Situation(lights=THREE_BANDS, series_known=True)
DIGITS = "MRZ-digit-composite"

IDS = [DIGITS, DECISION.look_only[0], "MRZ-issuer", "IR-AB-MR", "UV-BR-FU", "UV-BR-MR", "GEN-copy", "VIZ-name"]


def result(check: str, outcome: Outcome, llr: float = 0.0) -> CheckResult:
    return CheckResult(id=check, version=1, result=outcome, llr=llr)


def clean() -> list[CheckResult]:
    return [result(check, "passed", -0.2) for check in (DIGITS, "MRZ-issuer", "IR-AB-MR", "UV-BR-FU", "UV-BR-MR")]


def swap(results: list[CheckResult], check: str, outcome: Outcome, llr: float = 0.0) -> list[CheckResult]:
    return [result(check, outcome, llr) if r.id == check else r for r in results]


def rank(verdict: Verdict) -> int:
    return LEVELS.index(verdict.level)


def test_a_clean_document_of_a_known_series_has_no_anomaly() -> None:
    verdict = decide(clean(), situation=KNOWN)
    assert verdict.level == "no_anomaly"
    assert verdict.reasons == ()
    assert (verdict.made, verdict.not_possible) == (5, 0)
    assert verdict.probability < verdict.prior


def test_an_unknown_series_is_never_without_anomaly_unless_the_site_says_so() -> None:
    unknown = replace(KNOWN, series_known=False)
    verdict = decide(clean(), situation=unknown)
    assert verdict.level == "look"
    assert "unknown_series" in verdict.notes
    assert decide(clean(), situation=unknown, policy=Policy(no_anomaly_with_unknown_series=True)).level == "no_anomaly"


def test_the_probability_is_the_posterior_at_the_stated_prior() -> None:
    verdict = decide([result("IR-AB-MR", "failed", 4.0)], prior=0.005, situation=KNOWN)
    assert verdict.llr == 4.0
    assert verdict.probability == pytest.approx(0.005 * math.e**4 / (0.995 + 0.005 * math.e**4), abs=1e-6)


def test_an_expired_document_asks_for_a_look_and_is_no_evidence() -> None:
    expired = DECISION.look_only[0]
    verdict = decide([*clean(), result(expired, "failed", 9.0)], situation=KNOWN)
    assert verdict.level == "look"
    assert verdict.llr == decide(clean(), situation=KNOWN).llr
    assert verdict.reasons == (expired,)
    assert "expired" in verdict.notes


def test_a_specimen_is_said_and_does_not_count() -> None:
    specimen = DECISION.informative[0]
    verdict = decide([*clean(), result(specimen, "failed", 9.0)], situation=replace(KNOWN, specimen=True))
    assert verdict.level == "no_anomaly"
    assert "specimen" in verdict.notes


def test_right_digits_and_dull_paper_do_not_buy_off_a_missing_infrared_line() -> None:
    passes = [result(f"GEN-{n}", "passed", -3.0) for n in range(20)]
    verdict = decide([*clean(), *passes, result("IR-AB-PH", "failed", 4.2)], situation=KNOWN)
    assert verdict.level == "refer"
    assert verdict.reasons == ("IR-AB-PH",)


def test_single_and_composite_digit_are_not_counted_twice() -> None:
    one = decide([result(DIGITS, "failed", 3.0)], situation=KNOWN).llr
    several = decide([result(DIGITS, "failed", 3.0)] * 5, situation=KNOWN).llr
    assert one < several <= one * 1.5


def test_reasons_are_in_order_of_weight() -> None:
    found = [
        result("UV-BR-FU", "failed", 1.5),
        result("GEN-copy", "undetermined", 0.4),
        result("IR-AB-MR", "failed", 4.1),
        result("UV-BR-PH", "aborted"),
        result("MRZ-issuer", "passed", -0.1),
    ]
    assert decide(found, situation=KNOWN).reasons == ("IR-AB-MR", "UV-BR-FU", "GEN-copy", "UV-BR-PH")


@pytest.mark.parametrize("check", [DIGITS, "IR-AB-MR", "UV-BR-FU"])
def test_a_mandatory_check_that_aborts_leaves_the_document_unchecked(check: str) -> None:
    verdict = decide(swap(clean(), check, "aborted"), situation=KNOWN)
    assert verdict.level == "not_checked"
    assert verdict.reasons == (check,)


def test_a_finding_is_not_hidden_by_an_aborted_check() -> None:
    found = swap(swap(clean(), "IR-AB-MR", "aborted"), "UV-BR-FU", "failed", 4.0)
    assert decide(found, situation=KNOWN).level == "refer"


def test_nothing_made_is_not_checked() -> None:
    nothing = Situation(lights=frozenset({"visible"}), page_found=False, mrz="not_found")
    assert decide([], situation=nothing).level == "not_checked"
    abstained = [result(check, "not_supported") for check in IDS]
    verdict = decide(abstained, situation=nothing)
    assert verdict.level == "not_checked"
    assert (verdict.made, verdict.not_possible) == (0, len(IDS))
    everything = Policy(no_anomaly_with_unknown_series=True, no_anomaly_without_bands=True)
    assert decide(abstained, situation=nothing, policy=everything).level == "not_checked"


def test_a_missing_band_cannot_be_silence_unless_the_site_waives_it() -> None:
    visible = replace(KNOWN, lights=frozenset({"visible"}))
    checks = swap(swap(clean(), "IR-AB-MR", "not_supported"), "UV-BR-FU", "not_supported")
    verdict = decide(checks, situation=visible)
    assert verdict.level == "look"
    assert {"no_ir", "no_uv"} <= set(verdict.notes)
    waived = Policy(no_anomaly_without_bands=True)
    assert decide(checks, situation=visible, policy=waived).level == "no_anomaly"
    # the waiver is for bands the site has no reader for, not for a band that was captured and could not be judged
    assert decide(checks, situation=KNOWN, policy=waived).level == "look"


def test_two_readings_that_differ_are_not_silence() -> None:
    assert decide(clean(), situation=replace(KNOWN, readings_differ=True)).level == "look"


def test_silent_checks_are_logged_and_do_not_count() -> None:
    found = [*clean(), result("GEN-copy", "failed", 9.0)]
    verdict = decide(found, situation=KNOWN, policy=Policy(silent=frozenset({"GEN-copy"})))
    assert verdict.level == "no_anomaly"
    assert verdict.made == 6


def test_convenience_refers_later_than_security() -> None:
    found = [*clean(), result("GEN-copy", "failed", 3.9)]
    assert decide(found, situation=KNOWN).level == "refer"
    assert decide(found, situation=KNOWN, policy=Policy(mode="convenience")).level == "look"


@pytest.mark.parametrize("prior", [0.0, 1.0, -0.1, 2.0, math.nan])
def test_a_prior_that_is_no_probability_is_refused(prior: float) -> None:
    with pytest.raises(UsageError) as caught:
        decide([], prior=prior)
    assert caught.value.code == "decision.prior_invalid"


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"name = ", b"name = 'x'\nversion = 1", b"name = 'x'\nversion = 'one'\nthresholds = 3"]
)
def test_a_decision_function_that_does_not_fit_is_refused(data: bytes) -> None:
    with pytest.raises(InstallationError) as caught:
        load_decision(data)
    assert caught.value.code == "decision.invalid"


def test_every_level_advice_and_note_has_its_text_in_both_languages() -> None:
    for language in LANGUAGES:
        texts = catalogue(language)
        for level in LEVELS:
            assert texts[f"verdict.{level}"]
            assert texts[f"verdict.advice.{level}"]
        for situation in (
            Situation(frozenset(), page_found=False, mrz=mrz, specimen=True) for mrz in ("not_found", "uncertain")
        ):
            bad = replace(situation, readings_differ=True, several_documents=True)
            checks = [result(DECISION.look_only[0], "failed"), result("GEN-copy", "aborted")]
            for note in decide(checks, situation=bad).notes:
                assert texts[f"verdict.notes.{note}"]
        assert not any("genuine" in text.lower() for key, text in texts.items() if key.startswith("verdict."))


llrs = st.floats(min_value=-6, max_value=6, allow_nan=False)
outcomes = st.sampled_from(get_args(Outcome))
check_results = st.builds(result, st.sampled_from(IDS), outcomes, llrs)
situations = st.builds(
    Situation,
    lights=st.sets(st.sampled_from(get_args(Light)), min_size=1).map(frozenset),
    page_found=st.booleans(),
    mrz=st.sampled_from(["read", "uncertain", "not_found"]),
    series_known=st.booleans(),
)
policies = st.builds(
    Policy,
    mode=st.sampled_from(["security", "convenience"]),
    no_anomaly_with_unknown_series=st.booleans(),
    no_anomaly_without_bands=st.booleans(),
)


@given(st.lists(check_results, max_size=8), check_results, situations, policies)
def test_a_further_failed_check_never_lowers_the_level(
    results: list[CheckResult], extra: CheckResult, situation: Situation, policy: Policy
) -> None:
    before = decide(results, situation=situation, policy=policy)
    after = decide([*results, replace(extra, result="failed")], situation=situation, policy=policy)
    assert rank(after) >= rank(before)
    assert after.llr >= before.llr
    assert after.level in ("look", "refer")


@given(st.lists(check_results, min_size=1, max_size=8), st.integers(0, 7), outcomes, situations, policies)
def test_an_abstention_never_stands_for_a_pass(
    results: list[CheckResult], index: int, outcome: Outcome, situation: Situation, policy: Policy
) -> None:
    place = index % len(results)
    passed = [*results[:place], replace(results[place], result="passed", llr=-1.0), *results[place + 1 :]]
    kind: Outcome = outcome if outcome not in ("passed", "failed") else "undetermined"
    abstained = [*results[:place], replace(results[place], result=kind, llr=-1.0), *results[place + 1 :]]
    with_pass = decide(passed, situation=situation, policy=policy)
    without = decide(abstained, situation=situation, policy=policy)
    assert without.llr >= with_pass.llr
    assert without.level != "no_anomaly" or with_pass.level == "no_anomaly"
    assert without.level != "no_anomaly" or kind != "aborted"


@given(st.lists(check_results, max_size=8), st.sampled_from(["ir", "uv"]), situations)
def test_removing_a_band_never_gives_silence(results: list[CheckResult], band: Light, situation: Situation) -> None:
    prefix = band.upper()
    without = [replace(r, result="not_supported", llr=0.0) if r.id.startswith(prefix) else r for r in results]
    verdict = decide(without, situation=replace(situation, lights=situation.lights - {band}))
    assert verdict.level != "no_anomaly"


@given(st.lists(check_results, max_size=6), st.sampled_from([math.nan, math.inf, -math.inf]), outcomes, situations)
def test_a_ratio_that_is_not_a_number_is_an_aborted_check(
    results: list[CheckResult], bad: float, outcome: Outcome, situation: Situation
) -> None:
    broken = decide([*results, result("IR-AB-MR", outcome, bad)], situation=situation)
    aborted = decide([*results, result("IR-AB-MR", "aborted")], situation=situation)
    assert broken == aborted


@given(st.lists(check_results, max_size=8), situations, policies, st.randoms())
def test_the_order_of_the_checks_does_not_matter_for_level_and_ratio(
    results: list[CheckResult], situation: Situation, policy: Policy, random: object
) -> None:
    shuffled = list(results)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = (decide(given, situation=situation, policy=policy) for given in (results, shuffled))
    assert one.llr == pytest.approx(other.llr, abs=1e-3)
    assert 0.0 < one.probability < 1.0


@given(st.lists(st.builds(result, st.sampled_from(IDS), st.just("undetermined"), llrs), max_size=8), situations)
def test_undetermined_checks_alone_never_refer(results: list[CheckResult], situation: Situation) -> None:
    assert decide(results, situation=situation).level != "refer"


def calibrated(slope: float, offset: float) -> bytes:
    data = files("dafec").joinpath("features/data/decision.toml").read_text(encoding="utf-8")
    lines = [f"slope = {slope}" if line.startswith("slope") else line for line in data.splitlines()]
    lines = [f"offset = {offset}" if line.startswith("offset") else line for line in lines]
    return "\n".join(lines).encode()


def test_the_stated_ratio_is_calibrated_and_the_level_is_not() -> None:
    plain, dull = load_decision(calibrated(1.0, 0.0)), load_decision(calibrated(0.5, -2.0))
    failed = swap(clean(), DIGITS, "failed", 3.0)
    one, other = (decide(failed, situation=KNOWN, decision=decision) for decision in (plain, dull))
    assert one.level == other.level == "refer"
    assert one.evidence == other.evidence == one.llr
    assert other.credit == pytest.approx(2 / 3, abs=1e-3)
    assert other.llr == pytest.approx(0.5 * one.evidence - 2.0 * other.credit, abs=1e-3)


def test_credit_is_for_what_passed_alone() -> None:
    assert decide(clean(), situation=KNOWN).credit == 1.0
    assert decide([], situation=KNOWN).credit == 0.0
    nothing = decide([], situation=KNOWN, decision=load_decision(calibrated(0.5, -2.0)))
    assert nothing.llr == 0.0


@pytest.mark.parametrize(("slope", "offset"), [(0.0, 0.0), (1.0, 0.5), (9.0, 0.0), (1.0, -50.0)])
def test_a_calibration_out_of_range_is_refused(slope: float, offset: float) -> None:
    with pytest.raises(InstallationError):
        load_decision(calibrated(slope, offset))
