from __future__ import annotations

import re
from pathlib import Path

import pytest
from series_samples import CODE

from dafec.errors import InputError
from dafec.references.series import Identity, Series, parse_series, read_series, series_text
from dafec.references.statistics import read_side


def test_what_is_written_is_what_is_read(library: Path) -> None:
    series = read_series(library / CODE)
    assert parse_series(series_text(series).encode(), CODE) == series
    assert series.state == "approved"


def test_the_file_is_readable_and_changes_line_by_line(library: Path) -> None:
    text = (library / CODE / "series.toml").read_text("utf-8")
    assert max(map(len, text.splitlines())) < 160
    assert re.search(r'^state = "approved"$', text, re.MULTILINE)
    assert re.search(r'^routine = "VI-AB-IS"$', text, re.MULTILINE)


@pytest.mark.parametrize(
    "code", ["", "uto-P-1", "UTO", "UTO-P", "UTO-P-1-20", "../../x-P-1", "UTO-P-1-2020-9", "UTO-p-1"]
)
def test_codes_that_are_none(code: str) -> None:
    with pytest.raises(InputError) as caught:
        Identity.from_code(code)
    assert caught.value.code == "series.bad_code"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version = 3", "version = 3\nvertion = 4"),  # a slip of the pen
        ('state = "approved"', 'state = "good"'),
        ('approved_by = "second"', 'approved_by = "first"'),
        ('approved_by = "second"', ""),
        ('routine = "VI-AB-IS"', 'routine = "VI-AB-XX"'),
        ('measure = "structure"', 'measure = "guess"'),
        ('format = "TD3"', 'format = "TD9"'),
        ('country = "UTO"', 'country = "IRQ"'),
        ('source = "learned"', 'source = "dreamt"'),
        ("low = ", "low = nan # "),
        ('schema = "dafec.series/1"', 'schema = "dafec.series/2"'),
        ("[[sides]]", "[[sides"),
    ],
)
def test_a_broken_file_says_where(library: Path, old: str, new: str) -> None:
    path = library / CODE / "series.toml"
    text = path.read_text("utf-8").replace("version = 2", "version = 3", 1)
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(InputError) as caught:
        read_series(library / CODE)
    assert caught.value.code == "series.invalid"
    assert caught.value.details["place"]
    assert "{" not in caught.value.message() + caught.value.remedy("ar")


def test_names_of_checks_are_unique(library: Path) -> None:
    series = read_series(library / CODE)
    doubled = series.model_dump(by_alias=True)
    doubled["sides"][0]["checks"].append(doubled["sides"][0]["checks"][0])
    with pytest.raises(ValueError, match="one name"):
        Series.model_validate(doubled)


@pytest.mark.parametrize("file", ["data.visible.png", "data.stats.npz", "data.uv.png"])
def test_an_altered_file_is_not_used(library: Path, file: str) -> None:
    path = library / CODE / file
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    side = read_series(library / CODE).sides[0]
    with pytest.raises(InputError) as caught:
        read_side(library / CODE, side)
    assert caught.value.code == "series.altered"


def test_a_missing_file_is_told(library: Path) -> None:
    (library / CODE / "data.ir.png").unlink()
    with pytest.raises(InputError) as caught:
        read_side(library / CODE, read_series(library / CODE).sides[0])
    assert (caught.value.code, caught.value.details["file"]) == ("series.file_missing", "data.ir.png")


def test_statistics_that_are_none_are_refused(library: Path) -> None:
    from hashlib import sha256

    (library / CODE / "data.stats.npz").write_bytes(b"PK\x03\x04 no archive")
    side = read_series(library / CODE).sides[0]
    digest = sha256(b"PK\x03\x04 no archive").hexdigest()
    forged = side.model_copy(update={"files": {**side.files, "data.stats.npz": digest}})
    with pytest.raises(InputError) as caught:
        read_side(library / CODE, forged)
    assert caught.value.code == "series.statistics_invalid"
