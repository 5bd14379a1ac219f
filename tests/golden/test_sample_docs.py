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
    assert sum(len(data) for data in found.values()) < 6 * 1024 * 1024


@pytest.mark.parametrize("sample", MANIFEST["samples"], ids=lambda sample: sample["id"])
def test_screening_gives_the_truth_of_the_sample(sample: dict[str, Any], context: ScreeningContext) -> None:
    report = screen_capture(load_capture(SAMPLES / sample["path"]), context)
    assert report.mrz.lines == sample["mrz"]
    assert report.document.format == sample["kind"]
    assert report.document.issuer == "UTO"
    assert report.document.specimen
    assert sorted(check.id for check in report.checks if check.result == "failed") == sorted(sample["checks_failed"])
    assert not [check.id for check in report.checks if check.result == "aborted"]
    assert report.verdict.level == sample["level"]
    made = {check.id for check in report.checks if check.result in ("passed", "failed")}
    for light, mandatory in (("ir", "IR-AB-MR"), ("uv", "UV-BR-FU")):
        assert (mandatory in made) == (light in sample["lights"]), mandatory
