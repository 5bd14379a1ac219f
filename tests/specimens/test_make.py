"""From a request to files: whole, repeatable, true, and read by DAFEC itself."""

from __future__ import annotations

import dataclasses
import io
import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dafec.capture import load_capture
from dafec.errors import InputError
from dafec.ocr.parse import parse_mrz
from dafec.ocr.reader import OcrContext, read_frame
from dafec.specimens.make import Specimen, make_captures, make_specimen
from dafec.specimens.plan import Request, plan_requests
from dafec.specimens.series import load_series, series_codes


def first_of(fmt: str, *, sides: int | None = None) -> str:
    for code in series_codes():
        series = load_series(code)
        if series.format == fmt and sides in (None, len(series.sides)):
            return code
    raise AssertionError(f"no series of {fmt}")


def request(code: str, **changes: object) -> Request:
    plain = plan_requests(code, 1, scanner="reader-a", dpi=300, seed=11)[0]
    return dataclasses.replace(plain, wear="none", **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def passport() -> Specimen:
    return make_specimen(request(first_of("TD3")))


def test_a_capture_has_its_lights_its_statement_and_its_truth(passport: Specimen) -> None:
    assert set(passport.files) == {"visible.jpg", "ir.jpg", "uv.jpg", "capture.toml", "truth.json"}
    truth = json.loads(passport.files["truth.json"])
    assert truth == json.loads(json.dumps(passport.truth))
    assert truth["schema"] == "dafec.truth/1"
    assert truth["synthetic"] is True
    assert truth["forgery"] is None
    assert truth["format"] == "TD3"
    assert set(truth["identity"]) == {"country", "type", "number", "year"}
    assert parse_mrz(truth["mrz"], today=date(2026, 11, 1)).outcome in ("valid", "valid_note")


def test_the_same_request_gives_the_same_bytes(passport: Specimen) -> None:
    again = make_specimen(passport.request)
    assert dict(again.files) == dict(passport.files)


def test_another_seed_gives_another_person_and_other_pictures(passport: Specimen) -> None:
    other = make_specimen(dataclasses.replace(passport.request, seed=passport.request.seed + 1))
    assert other.truth["mrz"] != passport.truth["mrz"]
    assert other.truth["face"] != passport.truth["face"]
    assert other.files["visible.jpg"] != passport.files["visible.jpg"]


def test_dafec_reads_what_the_truth_says(passport: Specimen, tmp_path: Path) -> None:
    for name, content in passport.files.items():
        (tmp_path / name).write_bytes(content)
    capture = load_capture(tmp_path)
    reads = read_frame(capture.pages[0].primary.pixels, context=OcrContext.load(1)).reads
    assert [list(read.texts) for read in reads] == [passport.truth["mrz"]]


def test_the_truth_says_where_a_field_is(passport: Specimen) -> None:
    page = passport.truth["pages"][0]
    x, y, width, height = page["boxes_mm"]["portrait"]
    matrix = np.array(page["frame_px_from_page_mm"]["visible"])
    corner = matrix @ [x + width / 2, y + height / 2, 1.0]
    picture = Image.open(io.BytesIO(passport.files["visible.jpg"]))
    column, row = corner[:2] / corner[2]
    assert 0 < column < picture.width
    assert 0 < row < picture.height


def test_a_card_has_both_sides() -> None:
    specimen = make_specimen(request(first_of("TD1", sides=2)))
    assert {"visible.jpg", "visible-2.jpg", "ir-2.jpg", "uv-2.jpg"} <= set(specimen.files)
    assert len(specimen.truth["pages"]) == 2


def test_forged_and_genuine_take_the_same_way_to_the_file(passport: Specimen) -> None:
    forged = make_specimen(dataclasses.replace(passport.request, forgery="F3"))
    truth = forged.truth["forgery"]
    assert truth["class"] == "F3"
    assert truth["lights"]
    assert truth["regions"]
    assert set(forged.files) == set(passport.files)
    for name in ("visible.jpg", "ir.jpg", "uv.jpg"):
        a, b = (Image.open(io.BytesIO(one.files[name])) for one in (passport, forged))
        assert (a.size, a.mode, a.info["dpi"], a.quantization) == (b.size, b.mode, b.info["dpi"], b.quantization)
        assert set(a.info) == set(b.info)


def test_a_null_edit_is_told_and_is_no_forgery(passport: Specimen) -> None:
    edited = make_specimen(dataclasses.replace(passport.request, forgery="F1", null=True))
    assert edited.truth["forgery"] is None
    assert edited.truth["null_edit"] == "F1"
    assert edited.truth["mrz"] == passport.truth["mrz"]


@pytest.mark.slow
def test_several_processes_make_the_same_captures_as_one(tmp_path: Path) -> None:
    requests = [
        dataclasses.replace(one, wear="light") for one in plan_requests("all", 3, forgery="mix", dpi=300, seed=8)
    ]
    alone = list(make_captures(requests, tmp_path / "one", workers=1))
    several = list(make_captures(requests, tmp_path / "two", workers=2))
    assert [one.folder.name for one in alone] == [one.folder.name for one in several] == [r.name for r in requests]
    for a, b in zip(alone, several, strict=True):
        names = sorted(path.name for path in a.folder.iterdir())
        assert names == sorted(path.name for path in b.folder.iterdir())
        for name in names:
            assert (a.folder / name).read_bytes() == (b.folder / name).read_bytes(), name
    assert not list((tmp_path / "two").glob(".*"))  # nothing half made


MEMORY = """
from dafec.specimens.make import make_specimen
from dafec.specimens.plan import Request
for forgery in (None, "C1"):
    made = make_specimen(Request("a", {code!r}, 3, forgery, "reader-a", 400, wear="heavy"))
    assert {{"visible.jpg", "ir.jpg", "uv.jpg"}} <= set(made.files)
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is asked of Linux")
def test_a_passport_in_three_lights_takes_less_than_a_gibibyte_and_a_half() -> None:
    program = MEMORY.format(code=first_of("TD3"))
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) / 2**20 < 1.5, f"{int(ended.stdout) / 2**20:.2f} GiB"


def test_what_an_interrupted_run_left_is_no_part_of_a_capture(passport: Specimen, tmp_path: Path) -> None:
    part = tmp_path / f".{passport.request.name}.part"
    part.mkdir()
    (part / "visible-2.jpg").write_bytes(b"of a card that was begun under this name")
    (made,) = make_captures([passport.request], tmp_path, workers=1)
    assert {path.name for path in made.folder.iterdir()} == set(passport.files)


def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError) as caught:
        list(make_captures([request(first_of("TD3"))], tmp_path / "file", workers=1))
    assert caught.value.code == "specimens.not_written"
