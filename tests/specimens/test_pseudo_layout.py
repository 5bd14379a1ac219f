"""Pseudo documents' layouts: readable, nobody's, of three families, better with a better hand, the same for a seed."""

from __future__ import annotations

from functools import cache
from itertools import combinations
from typing import get_args

import numpy as np
import pytest

from dafec.geometry import BoxMm
from dafec.specimens.artwork_fields import field_box, label_places, mrz_box
from dafec.specimens.forgeries import plan_forgery, start_job
from dafec.specimens.forgeries.pseudo_layout import Family, invent_series
from dafec.specimens.inks import ink, substrate
from dafec.specimens.issue import issue_document
from dafec.specimens.model import Artwork
from dafec.specimens.series import Series, SideSpec, load_series, series_codes

FAMILIES: tuple[Family, ...] = get_args(Family)
METHODS = {"camouflage": "camouflage_state", "card": "fantasy_body", "world": "world_citizen"}
NAMES = {"camouflage": "REPUBLIC OF EASTMARK", "card": "WORLD COUNCIL OF TRADE", "world": "UNITED PLANET"}
SEEDS = range(12)
PIERCED = "QSD-P-1-2020"  # a series with a perforated number


@cache
def invented(code: str, family: Family, seed: int, difficulty: float = 0.5) -> Series:
    return invent_series(load_series(code), family, NAMES[family], np.random.default_rng(seed), difficulty)


def roles(layout: Series) -> set[str]:
    return {layer.role for side in layout.sides for layer in side.under}


def placed(side: SideSpec, layout: Series, texts: dict[str, str]) -> list[tuple[str, BoxMm]]:
    found = [(f"label {words[0]}", box) for words, box in label_places(side)]
    found += [(spec.key, field_box(spec, texts[spec.key])) for spec in side.fields if texts.get(spec.key)]
    if side.portrait is not None:
        found.append(("portrait", side.portrait.box))
    if side.mrz is not None:
        found.append(("mrz", mrz_box(layout.format)))
    return found


def share_covered(a: BoxMm, b: BoxMm) -> float:
    """Share of the smaller box that the other one lies over."""
    wide = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    high = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    return max(wide, 0.0) * max(high, 0.0) / min(a.width * a.height, b.width * b.height)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("code", series_codes())
def test_it_can_be_read_and_nothing_leaves_the_page(code: str, family: Family) -> None:
    like = load_series(code)
    width, height = like.size_mm
    for seed in SEEDS:
        layout = invented(code, family, seed)
        job = start_job(
            plan_forgery("C4", seed, series=like, method=METHODS[family], difficulty=0.5),
            like,
            issue_document(like, seed),
            lambda issue, side: pytest.fail("a layout needs no drawing"),
        )
        texts = dict(job.edit_issue(job.genuine).fields)
        assert (layout.format, len(layout.sides)) == (like.format, len(like.sides))
        for own, made in zip(like.sides, layout.sides, strict=True):
            assert (own.mrz is None) == (made.mrz is None), "a reader takes it for a document of its format"
            assert (own.portrait is None) == (made.portrait is None)
            boxes = placed(made, layout, texts)
            if family == "world":  # labels in three languages run into what stands beside them: a clumsy paper
                boxes = [(name, box) for name, box in boxes if not name.startswith("label ")]
            for name, box in boxes:
                assert box.x >= 0, (seed, name)
                assert box.y >= 0, (seed, name)
                assert box.x + box.width <= width + 0.01, (seed, name)
                assert box.y + box.height <= height + 0.01, (seed, name)
            for (name, a), (other, b) in combinations(boxes, 2):
                if {"mrz", "portrait"} & {name, other}:
                    assert share_covered(a, b) < 0.02, (seed, name, other)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("code", series_codes())
def test_no_series_knows_its_layout(code: str, family: Family) -> None:
    like = load_series(code)
    for seed in SEEDS:
        layout = invented(code, family, seed)
        assert layout.code == "invented"
        assert layout.state[1] == NAMES[family] != like.state[1]
        for own, made in zip(like.sides, layout.sides, strict=True):
            assert made.ghost is None
            assert made.uv_texts == ()
            assert made.fibres == ()
            assert "ir_split" not in {layer.role for layer in made.under}
            assert made.under != own.under
            if made.mrz is not None:
                assert not made.mrz.b900, "it knows nothing of infrared"
            if own.portrait is not None and made.portrait is not None:
                a, b = own.portrait.box, made.portrait.box
                middle = like.size_mm[0] / 2
                assert (a.x + a.width / 2 > middle) != (b.x + b.width / 2 > middle), "on the other side of the page"
            real = [(one.key, one.x_mm, one.y_mm) for one in own.fields]
            assert not set(real) & {(one.key, one.x_mm, one.y_mm) for one in made.fields}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("code", series_codes())
def test_the_holder_is_named_on_it(code: str, family: Family) -> None:
    like = load_series(code)
    needed = {one.key for side in like.sides for one in side.fields} & {
        "surname", "given_names", "number", "birth_date", "expiry_date", "nationality", "sex",
    }  # fmt: skip
    for seed in SEEDS:
        fields = [one for side in invented(code, family, seed).sides for one in side.fields]
        assert needed <= {one.key for one in fields}
        assert not any(one.key.endswith("_arabic") for one in fields)
        assert all(one.height_mm >= 1.2 for one in fields), "legible"


def test_the_families_are_made_by_means_of_their_own() -> None:
    stocks: dict[str, set[str]] = {}
    inks: dict[str, set[str]] = {}
    kinds: dict[str, set[str]] = {}
    for family in FAMILIES:
        made = [invented(code, family, seed) for code in series_codes() for seed in SEEDS]
        sides = [side for one in made for side in one.sides]
        stocks[family] = {side.substrate for side in sides}
        inks[family] = {one.ink for side in sides for one in side.fields if one.role == "viz"}
        kinds[family] = {layer.kind for side in sides for layer in side.under}
        for side in sides:
            substrate(side.substrate)  # raises where there is none
            for name in (side.label_ink, *(layer.ink for layer in side.under), *(one.ink for one in side.fields)):
                ink(name)
    assert all(len(found) >= 2 for found in stocks.values())
    assert stocks["world"] <= {"office_paper", "office_paper_recycled"}
    assert not stocks["world"] & (stocks["camouflage"] | stocks["card"])
    assert inks["world"] == {"toner_black"}
    assert not inks["camouflage"] & (inks["card"] | inks["world"])
    assert {"waves", "rosette"} <= kinds["camouflage"]
    assert "panel" in kinds["card"]
    assert "panel" not in kinds["camouflage"] | kinds["world"]
    assert {"rays", "frame"} <= kinds["world"]


def test_camouflage_of_a_better_hand_has_more_that_looks_like_security() -> None:
    for seed in SEEDS:
        clumsy, fair, good = (invented(PIERCED, "camouflage", seed, d) for d in (0.1, 0.5, 0.9))
        assert not roles(clumsy) & {"microtext", "uv_static"}
        assert {"microtext", "uv_static"} <= roles(fair)
        assert {"microtext", "uv_static"} <= roles(good)
        pierced = [one.sides[0].perforation is not None for one in (clumsy, fair, good)]
        assert pierced == [False, False, True]
        for family in ("card", "world"):
            other = invented(PIERCED, family, seed, 0.9)  # type: ignore[arg-type]
            assert "uv_static" not in roles(other)
            assert other.sides[0].perforation is None
        unpierced = invented("QPK-PO-1-2021", "camouflage", seed, 0.9)
        assert all(side.perforation is None for side in unpierced.sides), "only where the real series has one"


def test_imitated_luminescence_is_no_real_series_own() -> None:
    """What glows on it lies elsewhere than what glows on the series whose format it took."""
    for seed in SEEDS:
        for side in invented(PIERCED, "camouflage", seed, 0.9).sides:
            glowing = [layer for layer in side.under if layer.role == "uv_static"]
            own = [x.params for one in load_series(PIERCED).sides for x in one.under if x.role == "uv_static"]
            assert len(glowing) == 1
            assert glowing[0].params not in own
            assert max(ink(glowing[0].ink).emission) > 0.02


@pytest.mark.parametrize("family", FAMILIES)
def test_layouts_vary_by_seed_and_by_nothing_else(family: Family) -> None:
    like = load_series("QPK-PO-1-2021")
    made = [invent_series(like, family, NAMES[family], np.random.default_rng(seed), 0.5) for seed in (*range(20), 0)]
    assert made[0] == made[-1]
    places = {(one.sides[0].portrait.box if one.sides[0].portrait else None) for one in made[:-1]}
    assert len(places) == 20
    assert len({tuple(field.key for field in one.sides[0].fields) for one in made[:-1]}) > 10, "orders of the texts"
    assert len({one.title for one in made[:-1]}) > 1
    assert len({one.sides[0].labels for one in made[:-1]}) > 1


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("difficulty", "told"), [(0.2, "missing"), (0.9, "pierced again")])
def test_a_job_draws_the_layout_and_tells_what_became_of_the_number(
    family: Family, difficulty: float, told: str
) -> None:
    like = load_series(PIERCED)

    def never(issue: object, side: int) -> Artwork:
        raise AssertionError("a layout needs no drawing")

    for null in (False, True):
        plan = plan_forgery("C4", 5, series=like, method=METHODS[family], difficulty=difficulty, null=null)
        job = start_job(plan, like, issue_document(like, 5), never)
        job.edit_issue(job.genuine)
        if null:
            assert job.layout is like
            assert job.features == {}
        else:
            assert job.layout.code == "invented"
            assert job.features == {"perforation": told if family == "camouflage" else "missing"}
