"""``dafec models`` and ``dafec settings``: what this installation consists of."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any

import typer

from dafec.commands.output import Tally, console, mark, print_json, printable, table
from dafec.messages import Language, catalogue, text

__all__ = ["models", "settings"]

_BROKEN = 4


def models(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,  # noqa: FBT002
    lang: Annotated[Language, typer.Option(envvar="DAFEC_LANGUAGE", help="Language of messages.")] = "en",
) -> None:
    """List the models and check each file against the SHA-256 it was released with.

    Ends with 4 if a model is missing or altered: such an installation must not screen.

    For example:

        dafec models
        dafec models --json
    """  # fmt: skip
    from dafec.models.manifest import verify_models

    tally = Tally()
    rows = table(("model", "state", "sha256", "figures"), lang)
    for found in verify_models():
        entry = found.entry
        if found.state != "ok":
            tally.add(_BROKEN)
        if as_json:
            print_json(
                {**asdict(entry), "state": found.state, "found_sha256": found.sha256, "size_bytes": found.size_bytes}
            )
            continue
        state = mark("ok" if found.state == "ok" else "error", text(f"cli.state.{found.state}", lang))
        figures = ", ".join(f"{name} {value}" for name, value in entry.figures.items())
        rows.add_row(entry.name, state, entry.sha256[:16], figures)
    if not as_json:
        console().print(rows)
    tally.leave()


def settings(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,  # noqa: FBT002
    lang: Annotated[Language, typer.Option(envvar="DAFEC_LANGUAGE", help="Language of messages.")] = "en",
) -> None:
    """List every setting: name, value, default, where the value comes from and what it does.

    Set one by its environment variable, for example DAFEC_PRIOR=0.01. Those that begin with DAFEC_SERVICE_ belong to
    the service; they may stand in its file of settings too, which DAFEC_SERVICE_CONFIG names.

    For example:

        dafec settings
        DAFEC_PRIOR=0.01 dafec settings --lang ar
    """  # fmt: skip
    rows = table(("setting", "value", "default", "source", "help"), lang, whole=("setting",))
    for entry in _listed():
        if as_json:
            print_json(entry)
            continue
        shown = (printable(str(entry[key])) for key in ("value", "default", "source"))
        rows.add_row(entry["name"], *shown, _help(entry, lang))
    if not as_json:
        console().print(rows)


def _help(entry: dict[str, Any], language: Language) -> str:
    """What a setting does; in the words of the code where a setting of another package has no text."""
    key = f"settings.help.{entry['name']}"
    return text(key, language) if key in catalogue(language) else str(entry["help"] or "")


def _listed() -> Iterator[dict[str, Any]]:
    """The core's settings, then those of whatever is installed beside it, from the entry points ``dafec.settings``."""
    from importlib.metadata import entry_points

    from dafec.settings import ENVIRONMENT_PREFIX, Settings, load_settings

    current = load_settings()
    for name, field in Settings.model_fields.items():
        variable = f"{ENVIRONMENT_PREFIX}{name}".upper()
        said = any(variable == key.upper() for key in os.environ)
        yield {
            "name": variable,
            "value": getattr(current, name),
            "default": field.default,
            "source": variable if said else "default",
            "help": field.description,
        }
    for entry in sorted(entry_points(group="dafec.settings"), key=lambda entry: entry.name):
        yield from entry.load()()
