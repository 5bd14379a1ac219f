"""What is asked for becomes requests: complete, repeatable, and the same lots for genuine and forged."""

from __future__ import annotations

from collections import Counter

import pytest

from dafec.errors import UsageError
from dafec.specimens.forgeries import applicable, class_ids
from dafec.specimens.plan import WEAR_SHARES, plan_requests
from dafec.specimens.scanners import load_scanner, scanner_names
from dafec.specimens.series import load_series, series_codes


def test_the_same_seed_gives_the_same_requests_and_another_seed_others() -> None:
    first = plan_requests("all", 60, forgery="mix", seed=5)
    assert first == plan_requests("all", 60, forgery="mix", seed=5)
    others = plan_requests("all", 60, forgery="mix", seed=6)
    assert not {one.seed for one in first} & {one.seed for one in others}


def test_a_larger_count_begins_with_the_smaller_one() -> None:
    assert plan_requests("all", 40, forgery="mix", seed=3)[:25] == plan_requests("all", 25, forgery="mix", seed=3)


def test_all_series_take_turns_and_names_say_nothing_of_forgery() -> None:
    requests = plan_requests("all", 3 * len(series_codes()), forgery="mix", seed=1)
    assert set(Counter(one.series for one in requests).values()) == {3}
    assert len({one.name for one in requests}) == len(requests)
    assert all(one.name == f"{one.series.lower()}-{at:05d}" for at, one in enumerate(requests))


def test_a_mix_is_half_genuine_and_has_every_class() -> None:
    requests = plan_requests("all", 1200, forgery="mix", seed=2)
    forged = [one for one in requests if one.forgery]
    assert 0.45 < len(forged) / len(requests) < 0.55
    assert {one.forgery for one in forged} == set(class_ids())


def test_genuine_and_forged_are_worn_alike_and_at_least_thirty_in_a_hundred_are_hard() -> None:
    requests = plan_requests("all", 3000, forgery="mix", seed=4)
    shares = dict(WEAR_SHARES)
    assert shares["light"] + shares["heavy"] >= 0.3
    for forged in (True, False):
        worn = Counter(one.wear for one in requests if bool(one.forgery) == forged)
        for wear, share in shares.items():
            assert abs(worn[wear] / sum(worn.values()) - share) < 0.04


def test_a_class_goes_only_to_series_that_allow_it() -> None:
    for class_id in class_ids():
        for one in plan_requests("all", 30, forgery=class_id, seed=1):
            assert one.forgery == class_id
            assert applicable(class_id, load_series(one.series))


def test_a_scanner_is_taken_at_its_own_resolutions_only() -> None:
    for one in plan_requests("all", 200, scanner="mix", dpi=600, seed=1):
        assert 600 in load_scanner(one.scanner).dpis
    for name in scanner_names():
        assert plan_requests("all", 1, scanner=name, dpi=load_scanner(name).dpis[0])[0].scanner == name


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"series": "ATLANTIS"}, "specimens.unknown_series"),
        ({"forgery": "C9"}, "specimens.unknown_forgery"),
        ({"scanner": "eye"}, "specimens.unknown_scanner"),
        ({"dpi": 37}, "specimens.scanner_dpi"),
        ({"count": 0}, "specimens.count"),
        ({"count": 10_000_000}, "specimens.count"),
        ({"seed": -1}, "specimens.seed"),
        ({"seed": 2**32}, "specimens.seed"),
        ({"null": True}, "specimens.null_of_nothing"),
    ],
)
def test_what_does_not_exist_is_refused_by_name(options: dict[str, object], code: str) -> None:
    with pytest.raises(UsageError) as caught:
        plan_requests(**options)  # type: ignore[arg-type]
    assert caught.value.code == code
