"""The parser's tables: TOML files in ``dafec/ocr/data``, each read once."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from dafec.errors import InstallationError

__all__ = ["load_table"]


@cache
def load_table(name: str) -> dict[str, Any]:
    """The table ``name`` (without ``.toml``).

    Raises:
        InstallationError: ``mrz.table_unreadable`` where the file is missing or damaged.
    """
    try:
        return tomllib.loads(files("dafec").joinpath("ocr", "data", f"{name}.toml").read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise InstallationError("mrz.table_unreadable", name=name) from error
