from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from series_samples import CODE, TODAY, context_for, look_of, page_of, parse_of, sample_of, samples

from dafec.errors import DafecError, InputError, UsageError
from dafec.features.registry import run_checks
from dafec.features.routines import ROUTINES
from dafec.quality import Quality, QualityIssue
from dafec.references.checks import series_checks, silent_ids
from dafec.references.enrolment import Enrolled, add_counterfeit, approve, deviations_of, enrol, recalibrate, retire
from dafec.references.library import Library
from dafec.references.matching import SeriesMatch, match_series
from dafec.references.samples import SampleSide
from dafec.references.series import read_series


def refusal(call: object, *arguments: object) -> DafecError:
    with pytest.raises((InputError, UsageError)) as caught:
        call(*arguments)  # type: ignore[operator]
    assert "{" not in caught.value.message() + caught.value.remedy() + caught.value.message("ar")
    return caught.value


def results(library: Path, look: object) -> dict[str, str]:
    page, parse = page_of(look), parse_of(look)
    match = match_series(page, parse, Library.open(library))
    assert match.status == "matched"
    found = run_checks(context_for(page, parse), series_checks(match))
    return {result.id: result.result for result in found}


def test_a_new_series_is_silent_and_shows_its_proposal(enrolled: Enrolled) -> None:
    series = enrolled.series
    assert (series.state, series.approved_by, series.captures, series.format) == ("silent", None, 6, "TD3")
    assert {path.name for path in enrolled.sheets} == {
        f"proposal.data.{light}.png" for light in ("visible", "ir", "uv")
    }
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in enrolled.sheets)
    kinds = {region.kind for region in series.sides[0].regions}
    assert kinds == {"background", "mrz", "portrait", "text", "luminescent"}
    lights = {check.routine[:2] for check in series.sides[0].checks}
    assert lights == {"VI", "IR", "UV"}
    assert {check.routine for check in series.sides[0].checks} <= {*ROUTINES, "VI-AB-AF", "VI-FR-AF"}


def test_no_portrait_is_kept(enrolled: Enrolled) -> None:
    from dafec.features.routines_material import box_slice
    from dafec.geometry import BoxMm
    from dafec.references.statistics import read_side

    side = enrolled.series.sides[0]
    reference = read_side(enrolled.folder, side)
    region = next(region for region in side.regions if region.kind == "portrait")
    inner = BoxMm(region.box_mm[0] + 3, region.box_mm[1] + 3, region.box_mm[2] - 6, region.box_mm[3] - 6)
    picture = reference.grey["visible"][box_slice(inner, reference.shape)]
    assert float(np.abs(picture).max()) < 0.25


def test_a_held_out_document_passes_every_check(library: Path) -> None:
    found = results(library, look_of(20))
    assert set(found.values()) == {"passed"}
    assert len(found) > 15


@pytest.mark.parametrize(
    ("forged", "family"),
    [
        ({"motifs": False}, "UV-LU-IS"),
        ({"ink_ir": 0.75}, "IR-AB-MR"),
        ({"other_ink_ir": 0.75}, "IR-AB-ID"),
        ({"glow": (0.22, 0.33, 0.80)}, "UV-BR-FU"),
        ({"patch_mm": (8.0, 18.0, 26.0, 38.0)}, "UV-BR-PH"),
    ],
)
def test_a_forgery_fails_its_own_check(library: Path, forged: dict[str, object], family: str) -> None:
    found = results(library, look_of(21, **forged))
    assert "failed" in {outcome for check, outcome in found.items() if check.startswith(family)}


def test_a_missing_light_never_passes(library: Path) -> None:
    found = results(library, look_of(22, lights=("visible",)))
    spectral = {outcome for check, outcome in found.items() if check.startswith(("IR-", "UV-"))}
    assert spectral == {"not_supported"}


def test_a_light_that_repeats_the_visible_picture_is_no_evidence(library: Path) -> None:
    look = look_of(20)
    page, parse = page_of(look), parse_of(look)
    match = match_series(page, parse, Library.open(library))
    issue = QualityIssue("repeats_visible", "ir", 0.99, 0.96, "", (), "")
    context = replace(context_for(page, parse), quality=Quality({}, (issue,)))
    found = run_checks(context, series_checks(match))
    assert {r.result for r in found if r.id.startswith("IR-")} == {"undetermined"}


def test_too_few_and_too_many_are_refused(tmp_path: Path) -> None:
    assert refusal(enrol, CODE, samples()[:4], tmp_path, "first", TODAY).code == "enrol.too_few"
    many = samples() * 4
    assert refusal(enrol, CODE, many, tmp_path, "first", TODAY).code == "enrol.too_many"
    assert not list(tmp_path.iterdir())


def test_the_same_document_twice_is_refused(tmp_path: Path) -> None:
    twice = [*samples()[:5], replace(samples()[0], name="again", digests=("1" * 64,))]
    assert refusal(enrol, CODE, twice, tmp_path, "first", TODAY).code == "enrol.twice"


def test_another_issuer_is_refused(tmp_path: Path) -> None:
    stranger = replace(sample_of(look_of(9)), parse=parse_of(look_of(9), issuer="IRQ"))
    error = refusal(enrol, CODE, [*samples()[:5], stranger], tmp_path, "first", TODAY)
    assert (error.code, error.details["found"]) == ("enrol.other_issuer", "IRQ")


def test_another_format_is_refused(tmp_path: Path) -> None:
    card = sample_of(look_of(9))
    page = replace(card.sides["data"].page, format="TD2")
    mixed = replace(card, parse=None, sides={"data": SampleSide(page, card.sides["data"].quality)})
    assert refusal(enrol, CODE, [*samples()[:5], mixed], tmp_path, "first", TODAY).code == "enrol.mixed_formats"


def test_a_page_of_another_series_is_refused(tmp_path: Path) -> None:
    sample = sample_of(look_of(9))
    page = sample.sides["data"].page
    rng = np.random.default_rng(4)
    noise = {light: rng.random(image.shape, np.float32) for light, image in page.images.items()}
    stray = replace(sample, sides={"data": SampleSide(replace(page, images=noise), sample.sides["data"].quality)})
    error = refusal(enrol, CODE, [*samples()[:5], stray], tmp_path, "first", TODAY)
    assert (error.code, error.details["file"]) == ("enrol.not_alike", "capture-9")


@pytest.mark.parametrize(("kind", "code"), [("blurred", "enrol.blurred"), ("underexposed", "enrol.poor")])
def test_bad_captures_are_refused(tmp_path: Path, kind: str, code: str) -> None:
    bad = sample_of(look_of(9))
    issue = QualityIssue(kind, "visible", 1.0, 0.5, "", (), "")  # type: ignore[arg-type]
    poor = replace(bad, sides={"data": SampleSide(bad.sides["data"].page, Quality({}, (issue,)))})
    assert refusal(enrol, CODE, [*samples()[:5], poor], tmp_path, "first", TODAY).code == code


def test_an_enrolled_series_is_not_overwritten(library: Path) -> None:
    assert refusal(enrol, CODE, samples(), library, "first", TODAY).code == "enrol.exists"


def test_only_a_second_person_approves(enrolled: Enrolled, library: Path) -> None:
    assert read_series(library / CODE).approved_by == "second"
    parent = enrolled.folder.parent
    for name in ("first", " First ", ""):
        assert refusal(approve, parent, CODE, name, TODAY).code == "enrol.same_person"


def test_recalibration_pools_and_asks_for_approval_again(library: Path) -> None:
    before = read_series(library / CODE)
    after = recalibrate(library, CODE, samples(6, noise=0.006), "first", TODAY)
    assert (after.state, after.approved_by, after.version) == ("silent", None, before.version + 1)
    old, new = before.sides[0].checks[0], after.sides[0].checks[0]
    assert new.captures > old.captures
    assert after.sides[0].files == before.sides[0].files
    assert refusal(approve, library, CODE, "first", TODAY).code == "enrol.same_person"


def test_retired_series_are_not_looked_for(library: Path) -> None:
    retire(library, CODE, "second", TODAY)
    look = look_of(20)
    assert match_series(page_of(look), parse_of(look), Library.open(library)).status == "unknown"


def test_a_known_counterfeit_is_recognised_by_its_mark(library: Path) -> None:
    mark = {"patch_mm": (60.0, 3.0, 20.0, 8.0)}
    fakes = [sample_of(look_of(holder, **mark), f"fake-{holder}") for holder in (31, 32, 33)]
    series = add_counterfeit(library, CODE, "basra_1", fakes, "first", TODAY)
    inverted = [check for check in series.sides[0].checks if check.inverted]
    assert inverted
    assert series.state == "silent"
    ids = {f"{check.routine}-{check.name}" for check in inverted}
    fake, clean = results(library, look_of(34, **mark)), results(library, look_of(20))
    assert "failed" in {fake[check] for check in ids}
    assert {clean[check] for check in ids} == {"passed"}


def test_a_counterfeit_without_a_mark_is_refused(library: Path) -> None:
    same = [sample_of(look_of(holder), f"same-{holder}") for holder in (31, 32)]
    assert refusal(add_counterfeit, library, CODE, "none", same, "first", TODAY).code == "enrol.no_mark"


@pytest.mark.parametrize(("share", "excused"), [(0.12, True), (0.7, False)])
def test_a_zone_that_infrared_does_not_see_is_the_issuers_deviation(
    enrolled: Enrolled,
    share: float,
    excused: bool,
) -> None:
    side = enrolled.series.sides[0]
    zone = next(check for check in side.checks if check.routine == "IR-AB-MR" and check.measure == "ink")
    seen = zone.model_copy(update={"centre": share, "spread": 0.05})
    found = deviations_of([side.model_copy(update={"checks": [seen]})])
    assert [one.checks for one in found] == ([["IR-AB-MR"]] if excused else [])
    approved = enrolled.series.model_copy(update={"state": "approved", "approved_by": "x", "deviations": found})
    assert ("IR-AB-MR" in silent_ids(SeriesMatch("matched", series=approved, side=side))) == excused
