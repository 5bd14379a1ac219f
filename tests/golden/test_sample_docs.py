"""The sample captures are as their manifest says, and screening them gives the manifest's truths."""

import hashlib
import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from dafec.capture import load_capture
from dafec.screening import ScreeningContext, screen_capture

SAMPLES = Path(__file__).parents[2] / "sample_docs"
MANIFEST = json.loads((SAMPLES / "manifest.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def context() -> ScreeningContext:
    return replace(ScreeningContext.load(), today=date.fromisoformat(MANIFEST["date"]))


def test_every_image_is_listed_with_its_digest_and_all_are_small() -> None:
    listed = {name: digest for sample in MANIFEST["samples"] for name, digest in sample["sha256"].items()}
    found = {str(path.relative_to(SAMPLES)): path.read_bytes() for path in SAMPLES.rglob("*.jpg")}
    assert {name: hashlib.sha256(data).hexdigest() for name, data in found.items()} == listed
    assert sum(len(data) for data in found.values()) < 12 * 1024 * 1024


def test_samples_hold_every_format_and_every_class_but_f6() -> None:
    samples = MANIFEST["samples"]
    assert len(samples) >= 24
    assert {sample["kind"] for sample in samples} == {"TD1", "TD2", "TD3", "MRV-A", "MRV-B"}
    assert {sample["attack"] for sample in samples} >= {
        "C1",
        "C2",
        "C3",
        "C4",
        "F1",
        "F2",
        "F3",
        "F4",
        "F7",
        "P1",
        "P2",
        "P3",
    }
    assert sum(sample["forged"] for sample in samples) >= 10
    assert any(sample["wear"] == "heavy" and not sample["forged"] for sample in samples)


@pytest.mark.parametrize("sample", MANIFEST["samples"], ids=lambda sample: sample["id"])
def test_screening_gives_the_truth_of_the_sample(sample: dict[str, Any], context: ScreeningContext) -> None:
    report = screen_capture(load_capture(SAMPLES / sample["path"]), context)
    assert report.mrz.lines == sample["mrz"]
    assert report.document.format == sample["kind"]
    assert report.document.issuer == sample["issuer"]
    assert report.document.specimen == (sample["attack"] != "C4")
    assert not [check.id for check in report.checks if check.result == "aborted"]
    failed = {check.id for check in report.checks if check.result == "failed"}
    assert failed >= set(sample["must_fail"])
    if sample["forged"]:
        assert report.verdict.level in ("refer", "look")  # the series is unknown: never "no anomaly"
        assert report.verdict.level == "refer" or not sample["must_fail"]
    else:
        assert failed == set(sample["must_fail"])
        assert report.verdict.level == "look"
    made = {check.id for check in report.checks if check.result in ("passed", "failed")}
    for light, mandatory in (("ir", "IR-AB-MR"), ("uv", "UV-BR-FU")):
        if light not in sample["lights"]:
            assert mandatory not in made
        elif sample["kind"] == "TD3" and not sample["forged"]:
            assert mandatory in made
