"""The service's file of settings, and where each setting comes from.

    port = 8443
    data = "/var/lib/dafec"
    [[scanners]]
    name = "reader-1"
    driver = "folder"
    desk = "Desk 1"
    folder = "/srv/reader-1"

What the command line says goes before the environment, that before the file, and that before the default.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dafec.errors import UsageError

__all__ = ["listed_settings", "merged_settings", "read_settings_file"]

_MOST_BYTES = 1 << 20
#: Hold a password; that they are set is shown, and not to what.
_SECRET = frozenset({"database"})


def read_settings_file(path: Path) -> dict[str, Any]:
    """What a file of settings says.

    Raises:
        UsageError: ``settings.file_unreadable``, ``settings.file_invalid``.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise UsageError("settings.file_unreadable", file=str(path)) from error
    try:
        if len(data) > _MOST_BYTES:
            raise ValueError("size")
        return tomllib.loads(data.decode("utf-8"))
    except ValueError as error:  # TOML and UTF-8 errors among them
        raise UsageError("settings.file_invalid", file=str(path), reason=_line_of(error)) from error


def _line_of(error: ValueError) -> str:
    """Where a file is wrong; what stands there is not repeated, it may be a password."""
    text = str(error)
    return text[text.rfind("(at ") + 1 : -1] if text.endswith(")") and "(at line" in text else type(error).__name__


def merged_settings(
    given: Mapping[str, Any], environment: Mapping[str, str], prefix: str, known: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """What is said outside the environment, and the source of every setting that is said anywhere.

    Args:
        given: what the command line says; None: nothing.
        environment: variables.
        prefix: of the variables.
        known: settings by name.

    Raises:
        UsageError: as ``read_settings_file``, and ``settings.unknown`` for a name in the file that is none.
    """
    variables = {name.upper() for name in environment}
    values = {name: value for name, value in given.items() if value is not None}
    sources = {name: f"{prefix}{name}".upper() for name in known if f"{prefix}{name}".upper() in variables}
    sources |= dict.fromkeys(values, "command line")
    named = values.get("config") or _variable(environment, f"{prefix}config")
    if not named:
        return values, sources
    path = Path(named)
    for name, value in read_settings_file(path).items():
        if name not in known or name == "config":
            raise UsageError("settings.unknown", name=f"{path.name}: {name}"[:120])
        if name not in sources:
            values[name] = value
            sources[name] = str(path)
    return values, sources


def _variable(environment: Mapping[str, str], name: str) -> str:
    return next((value for key, value in environment.items() if key.upper() == name.upper()), "")


def listed_settings() -> list[dict[str, Any]]:
    """The service's settings as ``dafec settings`` lists them: name, value, default, source, help.

    Raises:
        UsageError: as ``api.settings.load_settings``.
    """
    from api.settings import ENVIRONMENT_PREFIX, Settings, load_settings

    current = load_settings()
    _, sources = merged_settings({}, os.environ, ENVIRONMENT_PREFIX, Settings.model_fields)
    plain = current.model_dump(mode="json")
    return [
        {
            "name": f"{ENVIRONMENT_PREFIX}{name}".upper(),
            "value": "***" if name in _SECRET and plain[name] else plain[name],
            "default": str(field.default) if isinstance(field.default, Path) else field.default,
            "source": sources.get(name, "default"),
            "help": field.description,
        }
        for name, field in Settings.model_fields.items()
    ]
