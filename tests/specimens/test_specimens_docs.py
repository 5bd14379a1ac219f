"""The designer's table of layers names every kind and every parameter that the code and the series files know."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from dafec.specimens import artwork_layers
from dafec.specimens.series import load_series, series_codes

DOCUMENT = (Path(__file__).parents[2] / "docs" / "specimens.md").read_text("utf-8")
SECTION = DOCUMENT.split("## Layers of a series")[1].split("\n## ")[0]
FOR_ALL, TABLE = SECTION.split("| kind |")
ROWS = {row.split("|")[1].strip().strip("`"): row for row in TABLE.splitlines() if row.startswith("| `")}


def named(text: str) -> set[str]:
    return set(re.findall(r"`([a-z_0-9]+)`", text))


def test_every_kind_has_a_row() -> None:
    assert set(ROWS) == set(artwork_layers._KINDS)


@pytest.mark.parametrize("code", series_codes())
def test_every_parameter_of_a_series_is_in_the_table(code: str) -> None:
    for side in load_series(code).sides:
        for layer in (*side.under, *side.over):
            assert set(layer.params) <= named(ROWS[layer.kind]) | named(FOR_ALL), layer.kind


@pytest.mark.parametrize("kind", sorted(ROWS))
def test_every_parameter_in_the_table_is_one_the_code_takes(kind: str) -> None:
    source = inspect.getsource(artwork_layers)
    for parameter in named(ROWS[kind].split("|")[3]) - {"solid", "ruled", "outline"}:
        assert f'"{parameter}"' in source, parameter
