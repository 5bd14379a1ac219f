"""Fusion: check results to one level, one likelihood ratio, and the reasons in order of weight.

The decision function is data (``features/data/decision.toml``): named, versioned, and written into every report with
the SHA-256 of its file, as TR-03135 asks of a weighted decision (Doc 9303-2 Appendix C). It is a sum of the natural-log
likelihood ratios the checks report, with caps where they hang together. The rules, and why:

* **A failed check never lowers.** It counts with ``max(0, llr)``, a passed one with the ratio it reports.
* **What could not be judged is no pass.** ``undetermined`` counts with ``max(0, llr)``: it cannot lower suspicion, and
  by itself it can ask for a look but not refer. ``not_supported`` and ``aborted`` count 0 either way.
* **A ratio that is not a number is an aborted check**, whatever the check says of itself.
* **Dependent checks are one group.** A composite digit covers the characters of the single digits, one sheet of bright
  paper fails every brightness check. In a group the strongest finding counts in full, the others by a share, and the
  group is capped.
* **Passes cannot buy off a finding.** The level stands on what raises suspicion; passes lower the ratio and the
  probability, together by a small cap. Any counted failure is at least ``look``. Whoever computes his check digits and
  buys dull paper passes everything but the one check he cannot.
* **Some findings are no evidence of forgery** (an expired document): they ask for a look and weigh nothing. Others are
  only said (a specimen).
* **``no_anomaly`` has to be earned**: nothing failed, nothing aborted, the mandatory minimum made, the series known.
  A site may waive the last, and the bands it has no reader for; it may never waive the rest.
* **``not_checked``** is said where nothing failed and either no mandatory check could be made or one of them aborted.
* **A missing band lowers what can be concluded.** Its checks weigh nothing; the likelihood ratio does not rise for it.
* **The sum is calibrated.** Dependent checks say together less than their sum, and a document that the whole minimum
  passed on is less likely forged than one on which nothing could be looked at. The ratio is ``slope * sum + offset *
  credit``, where the credit is the share of the mandatory minimum that passed. Both figures are fitted on synthetic
  captures (``benchmarks.detection.fit``). Levels stand on the sum before it.

The levels in order of what they ask of an officer: ``no_anomaly`` < ``not_checked`` < ``look`` < ``refer``.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from hashlib import sha256
from importlib.resources import files
from typing import Any, Literal

from dafec.capture import Light
from dafec.errors import InstallationError, UsageError
from dafec.features.contract import CheckResult

__all__ = [
    "LEVELS",
    "Decision",
    "Level",
    "Mode",
    "Policy",
    "Situation",
    "Verdict",
    "decide",
    "load_decision",
]

#: What the desk is told, in order of what it asks of an officer. None says that a document is what it claims to be.
Level = Literal["no_anomaly", "not_checked", "look", "refer"]
LEVELS: tuple[Level, ...] = ("no_anomaly", "not_checked", "look", "refer")

Mode = Literal["security", "convenience"]


@dataclass(frozen=True, slots=True)
class Group:
    """Checks that hang together."""

    name: str
    ids: tuple[str, ...]  # patterns, ``*`` for any text
    share: float  # of every finding after the strongest, 0..1
    up: float  # the group raises by this at most
    down: float  # and lowers it by this at most


@dataclass(frozen=True, slots=True)
class Mandatory:
    """One item of the minimum; made when at least one of its checks passed or failed."""

    name: str
    ids: tuple[str, ...]
    light: Light | None  # the band a site may waive it for


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision function as its data file describes it."""

    name: str
    version: int
    sha256: str  # of the data file
    thresholds: Mapping[Mode, tuple[float, float]]  # look, refer: on what raises
    lowering_cap: float  # everything that passed lowers the ratio by this at most
    slope: float  # of the calibrated ratio over the sum, above 0
    offset: float  # of the calibrated ratio where the whole mandatory minimum passed, at most 0
    single: Group  # how a check outside every group is treated
    groups: tuple[Group, ...]
    look_only: tuple[str, ...]
    informative: tuple[str, ...]
    mandatory: tuple[Mandatory, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """What a site decides for itself."""

    mode: Mode = "security"
    no_anomaly_with_unknown_series: bool = False
    no_anomaly_without_bands: bool = False  # waives the mandatory checks of lights that were not captured
    silent: frozenset[str] = frozenset()  # ids of checks that run and are logged but do not count


@dataclass(frozen=True, slots=True)
class Situation:
    """What the verdict has to know beside the checks."""

    lights: frozenset[Light] = frozenset({"visible"})  # captured for the page the verdict is about
    page_found: bool = True
    mrz: Literal["read", "uncertain", "not_found"] = "read"
    series_known: bool = False
    specimen: bool = False
    readings_differ: bool = False
    several_documents: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the desk is told, and why."""

    level: Level
    llr: float  # calibrated, natural log
    evidence: float  # its sum after the caps, before it was calibrated
    credit: float  # share of the mandatory minimum that passed, 0..1
    probability: float  # of a forged document at ``prior``
    prior: float
    reasons: tuple[str, ...]  # ids of checks, heaviest first
    made: int  # passed or failed
    not_possible: int  # undetermined, not_supported or aborted
    notes: tuple[str, ...]  # catalogue keys under ``verdict.notes``
    decision: Decision = field(repr=False)


def _strings(table: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(str(pattern) for entry in table for pattern in entry["ids"])


def _group(raw: Mapping[str, Any]) -> Group:
    group = Group(
        str(raw["name"]), tuple(map(str, raw["ids"])), float(raw["share"]), float(raw["up"]), float(raw["down"])
    )
    if not (0 <= group.share <= 1 and min(group.up, group.down) >= 0):
        raise ValueError(f"group {group.name} is out of range")
    return group


def _within(raw: object, least: float, most: float) -> float:
    value = float(raw)  # type: ignore[arg-type]
    if not least <= value <= most:
        raise ValueError(f"{value} is not from {least} to {most}")
    return value


def load_decision(data: bytes | None = None) -> Decision:
    """The decision function.

    Args:
        data: a TOML file's bytes; the shipped one where None.

    Returns:
        The decision function, with the digest of the bytes it was read from.

    Raises:
        InstallationError: ``decision.invalid``.
    """
    try:
        raw_bytes = data if data is not None else files("dafec").joinpath("features/data/decision.toml").read_bytes()
        raw = tomllib.loads(raw_bytes.decode("utf-8"))
        thresholds: dict[Mode, tuple[float, float]] = {}
        modes: tuple[Mode, ...] = ("security", "convenience")
        for mode in modes:
            thresholds[mode] = (float(raw["thresholds"][mode]["look"]), float(raw["thresholds"][mode]["refer"]))
            if not 0 < thresholds[mode][0] <= thresholds[mode][1]:
                raise ValueError(f"thresholds of {mode} are out of order")
        return Decision(
            name=str(raw["name"]),
            version=int(raw["version"]),
            sha256=sha256(raw_bytes).hexdigest(),
            thresholds=thresholds,
            lowering_cap=max(0.0, float(raw["lowering"]["cap"])),
            slope=_within(raw["calibration"]["slope"], 0.05, 5.0),
            offset=_within(raw["calibration"]["offset"], -6.0, 0.0),
            single=_group({"name": "single", "ids": ["*"], "share": 1.0, **raw["single"]}),
            groups=tuple(_group(entry) for entry in raw["groups"]),
            look_only=_strings(raw.get("look_only", ())),
            informative=_strings(raw.get("informative", ())),
            mandatory=tuple(
                Mandatory(str(entry["name"]), tuple(map(str, entry["ids"])), entry.get("light"))
                for entry in raw["mandatory"]
            ),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InstallationError("decision.invalid", reason=f"{type(error).__name__}: {error}") from error


def _matches(check: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(check, pattern) for pattern in patterns)


def _judged(result: CheckResult) -> CheckResult:
    """The result as it counts: a ratio that is not a number is an aborted check."""
    return result if math.isfinite(result.llr) else replace(result, result="aborted", llr=0.0)


def _weight(result: CheckResult, decision: Decision) -> float:
    """What one result adds to the sum before its group's caps."""
    if _matches(result.id, decision.look_only):
        return 0.0
    if result.result in ("failed", "undetermined"):
        return max(0.0, result.llr)
    return result.llr if result.result == "passed" else 0.0


def _group_sums(group: Group, weights: Sequence[float]) -> tuple[float, float]:
    """Raising and lowering part of one group, each within its cap."""
    raising = sorted((w for w in weights if w > 0), reverse=True)
    lowering = sum(w for w in weights if w < 0)
    up = raising[0] + group.share * sum(raising[1:]) if raising else 0.0
    return min(up, group.up), max(lowering, -group.down)


def _sums(results: Sequence[CheckResult], decision: Decision) -> tuple[float, float]:
    """What raises and what lowers, each after the caps."""
    members: dict[str, tuple[Group, list[float]]] = {}
    for result in results:
        found = next((group for group in decision.groups if _matches(result.id, group.ids)), None)
        key = found.name if found is not None else f"single {result.id}"
        members.setdefault(key, (found or decision.single, []))[1].append(_weight(result, decision))
    parts = [_group_sums(group, weights) for group, weights in members.values()]
    return sum(up for up, _ in parts), max(sum(down for _, down in parts), -decision.lowering_cap)


def _is_made(results: Sequence[CheckResult], item: Mandatory) -> bool:
    return any(r.result in ("passed", "failed") for r in results if _matches(r.id, item.ids))


def _credit(results: Sequence[CheckResult], decision: Decision) -> float:
    """Share of the mandatory minimum that passed and has nothing against it."""
    if not decision.mandatory:
        return 0.0
    clean = 0
    for item in decision.mandatory:
        mine = [r.result for r in results if _matches(r.id, item.ids)]
        clean += "passed" in mine and "failed" not in mine
    return clean / len(decision.mandatory)


def _reasons(results: Sequence[CheckResult], decision: Decision, level: Level) -> tuple[str, ...]:
    """Ids behind the level: failures by weight, then what raises without having failed, then what broke off."""
    if level == "no_anomaly":
        return ()

    def rank(result: CheckResult) -> tuple[int, float]:
        order = {"failed": 0, "undetermined": 1, "passed": 1, "aborted": 2}
        return order.get(result.result, 3), -_weight(result, decision)

    behind = [r for r in results if r.result in ("failed", "aborted") or _weight(r, decision) > 0]
    return tuple(dict.fromkeys(r.id for r in sorted(behind, key=rank)))


def _notes(results: Sequence[CheckResult], decision: Decision, situation: Situation, level: Level) -> tuple[str, ...]:
    failed = {r.id for r in results if r.result == "failed"}
    aborted = any(r.result == "aborted" for r in results)
    said = {
        "specimen": situation.specimen,
        "no_mrz": situation.mrz == "not_found",
        "mrz_uncertain": situation.mrz == "uncertain",
        "no_page": not situation.page_found,
        "expired": any(_matches(check, decision.look_only) for check in failed),
        "readings_differ": situation.readings_differ,
        "several_documents": situation.several_documents,
        "aborted": aborted,
        "no_ir": "ir" not in situation.lights,
        "no_uv": "uv" not in situation.lights,
        "unknown_series": not situation.series_known,
        "low_coverage": level != "no_anomaly" and any(not _is_made(results, item) for item in decision.mandatory),
    }
    return tuple(name for name, true in said.items() if true)


def _earns_no_anomaly(results: Sequence[CheckResult], decision: Decision, policy: Policy, situation: Situation) -> bool:
    """Whether silence of the checks may be called ``no_anomaly``; the sum and failures are judged before."""
    if not situation.page_found or situation.readings_differ or any(r.result == "aborted" for r in results):
        return False
    if not (situation.series_known or policy.no_anomaly_with_unknown_series):
        return False
    waived = {
        item.name
        for item in decision.mandatory
        if policy.no_anomaly_without_bands and item.light is not None and item.light not in situation.lights
    }
    return all(item.name in waived or _is_made(results, item) for item in decision.mandatory)


def _level(
    results: Sequence[CheckResult], raising: float, decision: Decision, policy: Policy, situation: Situation
) -> Level:
    look, refer = decision.thresholds[policy.mode]
    failed = any(r.result == "failed" for r in results)
    if failed and raising >= refer:
        return "refer"
    if failed or raising >= look:
        return "look"
    mandatory = [r for r in results if any(_matches(r.id, item.ids) for item in decision.mandatory)]
    nothing_made = not any(_is_made(results, item) for item in decision.mandatory)
    if nothing_made or any(r.result == "aborted" for r in mandatory):
        return "not_checked"
    return "no_anomaly" if _earns_no_anomaly(results, decision, policy, situation) else "look"


def decide(
    results: Sequence[CheckResult],
    *,
    prior: float = 0.005,
    policy: Policy | None = None,
    situation: Situation | None = None,
    decision: Decision | None = None,
) -> Verdict:
    """Fuses check results to a verdict.

    Args:
        results: what the checks found, in any order.
        prior: share of forged documents the site assumes before looking, above 0 and below 1.
        policy: what the site decides for itself.
        situation: what the verdict has to know beside the checks.
        decision: the decision function; the shipped one where None.

    Returns:
        The verdict. ``made`` and ``not_possible`` count every result, also silent ones.

    Raises:
        UsageError: ``decision.prior_invalid``.
        InstallationError: ``decision.invalid``.
    """
    if not 0.0 < prior < 1.0:
        raise UsageError("decision.prior_invalid", prior=prior)
    policy, situation, decision = policy or Policy(), situation or Situation(), decision or load_decision()
    judged = [_judged(result) for result in results]
    counted = [r for r in judged if r.id not in policy.silent and not _matches(r.id, decision.informative)]
    raising, lowering = _sums(counted, decision)
    total = raising + lowering
    credit = _credit(counted, decision)
    llr = decision.slope * total + decision.offset * credit
    level = _level(counted, raising, decision, policy, situation)
    made = sum(r.result in ("passed", "failed") for r in judged)
    return Verdict(
        level=level,
        llr=round(llr, 4),
        evidence=round(total, 4),
        credit=round(credit, 4),
        probability=round(1.0 / (1.0 + math.exp(-(math.log(prior / (1.0 - prior)) + llr))), 6),
        prior=prior,
        reasons=_reasons(counted, decision, level),
        made=made,
        not_possible=len(judged) - made,
        notes=_notes(counted, decision, situation, level),
        decision=decision,
    )
