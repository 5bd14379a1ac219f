"""A data set that was begun goes on, and two kinds of captures are never mixed in one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.detection.build import still_missing
from benchmarks.detection.splits import SetName, requests_of
from dafec.specimens.plan import Request


def keep(request: Request, folder: Path) -> None:
    """Leaves what tells which request a capture was made from, as ``make_captures`` would."""
    told = {
        "series": request.series,
        "scanner": request.scanner,
        "dpi": request.dpi,
        "seed": request.seed,
        "null_edit": request.forgery if request.null else None,
        "forgery": {"class": request.forgery} if request.forgery and not request.null else None,
    }
    (folder / request.name).mkdir(parents=True)
    (folder / request.name / "truth.json").write_text(json.dumps(told), "utf-8")


@pytest.mark.parametrize("name", ["train", "null-edits"])
def test_what_is_there_is_not_made_again(name: SetName, tmp_path: Path) -> None:
    requests = requests_of(name, 12)
    assert still_missing(requests, tmp_path) == requests
    for one in requests[:5]:
        keep(one, tmp_path)
    assert still_missing(requests, tmp_path) == requests[5:]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": 4}, "seed 4, not"),
        ({"dpi": 300}, "dpi 300, not 400"),
        ({"scanner": "reader-c"}, "scanner reader-c, not"),
        ({"forgery": "F4"}, "class F4, not None"),
    ],
)
def test_a_capture_of_another_request_ends_it(change: dict[str, object], said: str, tmp_path: Path) -> None:
    requests = requests_of("train", 4)
    keep(replace(requests[0], **change), tmp_path)  # type: ignore[arg-type]
    with pytest.raises(SystemExit) as caught:
        still_missing(requests, tmp_path)
    assert said in str(caught.value)
    assert requests[0].name in str(caught.value)


def test_another_seed_or_resolution_does_not_go_on_in_the_same_folder(tmp_path: Path) -> None:
    for one in requests_of("test", 2):
        keep(one, tmp_path)
    for other in (requests_of("test", 2, seed=1), requests_of("test", 2, dpi=300)):
        with pytest.raises(SystemExit, match="made from another request"):
            still_missing(other, tmp_path)


def test_a_null_edit_is_no_forgery_of_the_same_seed(tmp_path: Path) -> None:
    request = next(one for one in requests_of("null-edits", 8) if one.null)
    keep(replace(request, null=False), tmp_path)
    with pytest.raises(SystemExit, match="class None, not"):
        still_missing([request], tmp_path)
