import json
from datetime import UTC, datetime
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from dafec.errors import InputError
from dafec.features.contract import CheckResult
from dafec.geometry import BoxMm
from dafec.ocr.mrz_object import mrz_object
from dafec.report import CheckInfo, Report, check_info, mrz_info, parse_report, report_schema, texts

DIGEST = "ab" * 32
CHECK = CheckResult(
    id="IR-AB-MR",
    version=1,
    result="failed",
    value=0.12,
    unit="PCS",
    expected=(0.6, 1.0),
    source="Doc 9303-3 4.11",
    region_mm=BoxMm(6.0, 65.0, 113.004, 12.0),
    llr=4.1,
    calibration="none",
    message="verdict.look",
    values={"value": 0.12},
)


def tree() -> dict[str, Any]:
    return {
        "schema": "dafec.report/1",
        "id": "0b0e",
        "created": "2026-01-01T00:00:00Z",
        "date": "2026-01-01",
        "capture": {
            "pages": [
                {"frames": [{"light": "ir", "sha256": DIGEST, "width_px": 10, "height_px": 8, "dpi": 400.0}]},
            ],
            "quality": [],
        },
        "document": {
            "format": "TD3",
            "issuer": "UTO",
            "series": "UTO-P-1-2020",
            "series_match": 0.98,
            "outline_px": [[0.0, 0.0], [9.0, 0.0], [9.0, 7.0], [0.0, 7.0]],
        },
        "mrz": mrz_object(None, None),
        "checks": [check_info(CHECK).model_dump(mode="json")],
        "verdict": {
            "level": "refer",
            "llr": 6.2,
            "probability": 0.71,
            "prior": 0.005,
            "reasons": ["IR-AB-MR"],
            "made": 1,
            "not_possible": 0,
            "message": "verdict.refer",
            "text": texts("verdict.refer").model_dump(),
            "decision": {"name": "capped-sum", "version": 1, "sha256": DIGEST},
        },
        "timings_ms": {"total": 1.5},
        "software": {
            "dafec": "0.1.0",
            "models": {"mrz_reader": DIGEST},
            "onnxruntime": "1.32.0",
            "provider": "CPUExecutionProvider",
            "threads": 2,
        },
    }


def test_a_report_round_trips_through_its_json() -> None:
    report = Report.model_validate(tree())
    assert parse_report(report.to_json()) == report
    shown = json.loads(report.to_json())
    assert shown == report.to_dict()
    assert (shown["schema"], shown["created"]) == ("dafec.report/1", "2026-01-01T00:00:00Z")
    assert shown["checks"][0]["region_mm"] == [6.0, 65.0, 113.0, 12.0]
    assert "\n" not in report.to_json()


def test_the_schema_is_valid_accepts_a_report_and_describes_every_field() -> None:
    schema = report_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(Report.model_validate(tree()).to_dict())
    assert not validator.is_valid({**tree(), "surprise": 1})
    for name, model in [("Report", schema), *schema["$defs"].items()]:
        assert model["additionalProperties"] is False, name
        for field, described in model["properties"].items():
            assert "description" in described or "$ref" in described, f"{name}.{field}"


@pytest.mark.parametrize("place", ["", "capture", "document", "mrz", "verdict", "software"])
def test_an_unknown_field_is_refused_with_its_place(place: str) -> None:
    altered = tree()
    (altered[place] if place else altered)["surprise"] = 1
    with pytest.raises(InputError) as caught:
        parse_report(json.dumps(altered))
    assert caught.value.code == "report.invalid"
    assert caught.value.details["place"] == (f"{place}.surprise" if place else "surprise")


@pytest.mark.parametrize("text", ["", "{", "null", "[]", '{"schema": "dafec.report/2"}', "\udcff"])
def test_what_is_no_report_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_report(text.encode("utf-8", "surrogateescape"))
    assert caught.value.code in ("report.invalid", "report.not_json")


@pytest.mark.parametrize("level", ["genuine", "ok", "passed", None])
def test_no_other_level_exists(level: str | None) -> None:
    altered = tree()
    altered["verdict"]["level"] = level
    with pytest.raises(InputError):
        parse_report(json.dumps(altered))


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_has_no_place_in_a_report(number: float) -> None:
    with pytest.raises(ValidationError):
        check_info(CheckResult("X", 1, "passed", value=number))


def test_a_report_is_frozen_and_its_time_has_a_zone() -> None:
    report = Report.model_validate(tree())
    assert report.created == datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(ValidationError):
        report.id = "other"
    with pytest.raises(ValidationError):
        Report.model_validate({**tree(), "created": "2026-01-01T00:00:00"})


def test_a_check_carries_its_text_in_both_languages() -> None:
    info = check_info(CHECK)
    assert isinstance(info, CheckInfo)
    assert info.text.en
    assert info.text.ar
    assert info.text.en != info.text.ar


def test_the_mrz_object_of_the_report_is_the_one_of_the_command() -> None:
    assert mrz_info(None, None).model_dump(mode="json") == mrz_object(None, None)
