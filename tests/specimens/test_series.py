"""Series: every file loads, the states are invented, layouts keep to the page, generations differ."""

from __future__ import annotations

from itertools import combinations

import pytest

from dafec.errors import UsageError
from dafec.geometry import BoxMm
from dafec.ocr.document_codes import passport_kind
from dafec.ocr.states import find_state, uses_arabic_script
from dafec.specimens.artwork_fields import field_box, label_places, mrz_box
from dafec.specimens.issue import issue_document
from dafec.specimens.series import Series, SideSpec, load_series, series_codes

SEEDS = range(30)
MRZ_BAND_MM = 23.2  # Doc 9303-3 to 9303-7: nothing of the visual zone lies in it


def _meet(a: BoxMm, b: BoxMm) -> bool:
    return (
        a.x < b.x + b.width - 0.05
        and b.x < a.x + a.width - 0.05
        and a.y < b.y + b.height - 0.05
        and b.y < a.y + a.height - 0.05
    )


def _fixed(series: Series, side: SideSpec) -> list[tuple[str, BoxMm]]:
    found = [("label " + words[0], box) for words, box in label_places(side)]
    found += [(name, one.box) for name, one in (("portrait", side.portrait), ("ghost", side.ghost)) if one is not None]
    if side.signature is not None:
        found.append(("signature", side.signature.box))
    if side.mrz is not None:
        found.append(("mrz", mrz_box(series.format)))
    return found


def test_there_are_enough_and_of_every_format() -> None:
    series = [load_series(code) for code in series_codes()]
    formats = [one.format for one in series]
    assert len(series) >= 14
    assert formats.count("TD3") >= 6
    assert formats.count("TD1") >= 4
    assert formats.count("TD2") >= 2
    assert formats.count("MRV-A") >= 2
    assert formats.count("MRV-B") >= 1
    assert len({one.identity[0] for one in series if one.has_arabic}) >= 4
    assert all(len(one.sides) == (2 if one.format == "TD1" else 1) for one in series)
    assert any(side.mrz is not None and not side.mrz.b900 for one in series for side in one.sides)
    assert sum(any(side.perforation is not None for side in one.sides) for one in series) >= 2


@pytest.mark.parametrize("code", series_codes())
def test_states_are_invented(code: str) -> None:
    series = load_series(code)
    country = series.identity[0]
    state = find_state(country)
    assert state is not None
    assert state.kind == "specimen"
    assert "QMA" <= country <= "QZZ"
    assert uses_arabic_script(country) == any(
        load_series(other).culture == "arabic" for other in series_codes() if other.startswith(country)
    )
    if series.format == "TD3":
        assert series.document_code == "P<" or passport_kind(series.document_code) is not None


def test_an_unknown_series_is_said() -> None:
    with pytest.raises(UsageError, match="unknown_series"):
        load_series("ZZZ-P-1-2000")


@pytest.mark.parametrize("code", series_codes())
def test_nothing_leaves_the_page_or_lies_over_something_else(code: str) -> None:
    series = load_series(code)
    width, height = series.size_mm
    for seed in SEEDS:
        issue = issue_document(series, seed)
        for side in series.sides:
            boxes = _fixed(series, side)
            boxes += [
                (spec.key, field_box(spec, issue.fields[spec.key])) for spec in side.fields if spec.key in issue.fields
            ]
            for name, box in boxes:
                assert box.x >= 1, (seed, name)
                assert box.y >= 1, (seed, name)
                assert box.x + box.width <= width - 1, (seed, name)
                assert box.y + box.height <= height - 1, (seed, name)
                if side.mrz is not None and name != "mrz":
                    assert box.y + box.height <= height - MRZ_BAND_MM + 0.4, (seed, name)
            for (name, a), (other, b) in combinations(boxes, 2):
                assert not _meet(a, b), (seed, name, other)


@pytest.mark.parametrize("code", series_codes())
def test_every_field_a_series_prints_is_issued(code: str) -> None:
    series = load_series(code)
    issue = issue_document(series, 1)
    assert {spec.key for side in series.sides for spec in side.fields} <= set(issue.fields)


def test_generations_of_one_document_differ() -> None:
    by_document: dict[tuple[str, str], list[Series]] = {}
    for code in series_codes():
        series = load_series(code)
        by_document.setdefault((series.identity[0], series.identity[1]), []).append(series)
    twice = [found for found in by_document.values() if len(found) > 1]
    assert len(twice) >= 3
    for older, newer in twice:
        a, b = older.sides[0], newer.sides[0]
        assert older.identity[3] < newer.identity[3]
        assert a.substrate != b.substrate
        assert a.portrait is not None
        assert b.portrait is not None
        assert a.portrait.process != b.portrait.process
        assert older.number.pattern != newer.number.pattern
        motifs = [
            {(layer.ink, layer.params.get("name")) for layer in side.under if layer.role == "uv_static"}
            for side in (a, b)
        ]
        assert motifs[0] != motifs[1]


def test_every_series_has_what_screening_looks_for() -> None:
    for code in series_codes():
        series = load_series(code)
        roles = {layer.role for side in series.sides for layer in (*side.under, *side.over)}
        assert {"background", "static_text", "microtext", "uv_static"} <= roles, code
        inks = {layer.ink for side in series.sides for layer in side.under if layer.role == "uv_static"}
        assert inks, code
    split = [c for c in series_codes() if any(x.role == "ir_split" for s in load_series(c).sides for x in s.under)]
    assert len(split) >= 8
