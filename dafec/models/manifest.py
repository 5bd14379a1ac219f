r"""The manifest of models: what each file is, where it comes from, and the SHA-256 it must have.

``manifest.json`` stands beside the models. Every entry tells input and output, the training command with its seeds, the
data, the figures measured and the licence, so that a model can be made again from the repository. The runtime refuses
a file whose digest differs (``dafec.models.runtime``).

The training scripts write entries with ``write_entry``, or by hand::

    python -m dafec.models.manifest --update mrz_reader mrz_reader.onnx --input "..." --output "..." \
        --command "..." --seed 1 --data "..." --figure line_exact=0.997 --licence Apache-2.0

Imports are light (json, hashlib), so that ``dafec models`` and a cold ``dafec mrz`` do not wait for a runtime.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from dafec.errors import InstallationError, UsageError

__all__ = [
    "MANIFEST_NAME",
    "MODELS_FOLDER",
    "ModelEntry",
    "ModelState",
    "digest",
    "find_model",
    "list_models",
    "read_model",
    "verify_models",
    "write_entry",
]

MODELS_FOLDER = Path(__file__).parent
MANIFEST_NAME = "manifest.json"
_SCHEMA = "dafec.models/1"

#: ``ok``: present and as listed. The others stop the start of anything that needs the model.
State = Literal["ok", "missing", "unreadable", "digest_mismatch"]


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One model as the manifest lists it."""

    name: str  # "mrz_reader"
    file: str  # file name beside the manifest, never a path
    sha256: str  # 64 hex digits of the file
    input: str  # shape, dtype, range, meaning
    output: str  # shape, dtype, meaning
    command: str  # training command, from the repository root
    seeds: tuple[int, ...]
    data: str  # what it was trained on and where that comes from
    figures: Mapping[str, float | str] = field(default_factory=dict)  # what was measured, by name
    licence: str = "Apache-2.0"


@dataclass(frozen=True, slots=True)
class ModelState:
    """What ``verify_models`` found for one entry."""

    entry: ModelEntry
    state: State
    sha256: str | None  # of the file as it is; None where it could not be read
    size_bytes: int | None


def digest(data: bytes) -> str:
    """SHA-256 of ``data`` as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def _entry(raw: object) -> ModelEntry:
    if not isinstance(raw, dict) or not all(isinstance(key, str) for key in raw):
        raise InstallationError("models.manifest_invalid", reason="an entry is not an object")
    unknown = set(raw) - {f.name for f in fields(ModelEntry)}
    if unknown:
        raise InstallationError("models.manifest_invalid", reason=f"unknown key {min(unknown)}")
    try:
        entry = ModelEntry(**{**raw, "seeds": tuple(int(seed) for seed in raw.get("seeds", ()))})
    except (TypeError, ValueError) as error:
        raise InstallationError("models.manifest_invalid", reason=str(error)) from error
    if Path(entry.file).name != entry.file or entry.file in {"", ".", ".."}:
        raise InstallationError("models.manifest_invalid", reason=f"{entry.name}: file must be a bare name")
    return entry


def list_models(folder: Path = MODELS_FOLDER) -> list[ModelEntry]:
    """Every model of the manifest, by name.

    Args:
        folder: where ``manifest.json`` stands.

    Returns:
        The entries; empty where the manifest lists none.

    Raises:
        InstallationError: ``models.manifest_missing`` or ``models.manifest_invalid``.
    """
    try:
        tree = json.loads((folder / MANIFEST_NAME).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InstallationError("models.manifest_missing") from error
    except (OSError, ValueError) as error:
        raise InstallationError("models.manifest_invalid", reason=type(error).__name__) from error
    if not isinstance(tree, dict) or tree.get("schema") != _SCHEMA or not isinstance(tree.get("models"), list):
        raise InstallationError("models.manifest_invalid", reason=f"schema is not {_SCHEMA}")
    return sorted((_entry(raw) for raw in tree["models"]), key=lambda entry: entry.name)


def find_model(name: str, folder: Path = MODELS_FOLDER) -> ModelEntry:
    """The entry called ``name``.

    Raises:
        InstallationError: ``models.not_listed``, or what ``list_models`` raises.
    """
    for entry in list_models(folder):
        if entry.name == name:
            return entry
    raise InstallationError("models.not_listed", name=name)


def read_model(entry: ModelEntry, folder: Path = MODELS_FOLDER) -> bytes:
    """The bytes of a model, after their digest was compared with the manifest.

    Args:
        entry: as listed.
        folder: where the file stands.

    Returns:
        The file's bytes. They are read once, so that what was verified is what is used.

    Raises:
        InstallationError: ``models.missing``, ``models.unreadable`` or ``models.digest_mismatch``.
    """
    try:
        data = (folder / entry.file).read_bytes()
    except FileNotFoundError as error:
        raise InstallationError("models.missing", name=entry.name, file=entry.file) from error
    except OSError as error:
        raise InstallationError("models.unreadable", name=entry.name, file=entry.file) from error
    if digest(data) != entry.sha256:
        raise InstallationError("models.digest_mismatch", name=entry.name, file=entry.file)
    return data


def verify_models(folder: Path = MODELS_FOLDER) -> list[ModelState]:
    """Compares every file with the manifest; a fault is a state of its entry, not an exception.

    Args:
        folder: where the manifest and the files stand.

    Returns:
        One state for each entry, by name.

    Raises:
        InstallationError: the manifest itself is missing or invalid.
    """
    states = []
    for entry in list_models(folder):
        try:
            data = (folder / entry.file).read_bytes()
        except FileNotFoundError:
            states.append(ModelState(entry, "missing", None, None))
        except OSError:
            states.append(ModelState(entry, "unreadable", None, None))
        else:
            found = digest(data)
            states.append(ModelState(entry, "ok" if found == entry.sha256 else "digest_mismatch", found, len(data)))
    return states


def write_entry(entry: ModelEntry, folder: Path = MODELS_FOLDER) -> ModelEntry:
    """Puts an entry into the manifest, with the digest of the file as it lies in ``folder``.

    Args:
        entry: its ``sha256`` is replaced by the file's; an entry of the same name is replaced.
        folder: where the manifest and the file stand; the manifest is made where it is missing.

    Returns:
        The entry as written.

    Raises:
        InstallationError: ``models.missing`` or ``models.unreadable`` for the file, or an invalid manifest.
    """
    try:
        found = digest((folder / entry.file).read_bytes())
    except FileNotFoundError as error:
        raise InstallationError("models.missing", name=entry.name, file=entry.file) from error
    except OSError as error:
        raise InstallationError("models.unreadable", name=entry.name, file=entry.file) from error
    kept = (
        [known for known in list_models(folder) if known.name != entry.name]
        if (folder / MANIFEST_NAME).exists()
        else []
    )
    raw: dict[str, Any] = {**asdict(entry), "sha256": found}
    written = _entry(raw)
    ordered = sorted([*kept, written], key=lambda known: known.name)
    tree = {"schema": _SCHEMA, "models": [{**asdict(known), "seeds": list(known.seeds)} for known in ordered]}
    part = folder / f"{MANIFEST_NAME}.part"
    part.write_text(json.dumps(tree, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(folder / MANIFEST_NAME)
    return written


def _figure(text: str) -> tuple[str, float | str]:
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise UsageError("models.figure_invalid", text=text)
    try:
        return name, float(value)
    except ValueError:
        return name, value


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m dafec.models.manifest", description="Lists, verifies or updates the manifest of models."
    )
    parser.add_argument("--update", nargs=2, metavar=("NAME", "FILE"), help="write the entry of one model")
    for name in ("input", "output", "command", "data"):
        parser.add_argument(f"--{name}", default="", help=f"the entry's {name}")
    parser.add_argument("--seed", type=int, action="append", default=[], help="a seed; may be repeated")
    parser.add_argument("--figure", action="append", default=[], metavar="NAME=VALUE", help="a figure; may be repeated")
    parser.add_argument("--licence", default="Apache-2.0", help="licence of the weights")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line: without ``--update`` verifies every model; returns 0, or 4 where one is not as listed."""
    options = _arguments().parse_args(arguments)
    if options.update:
        name, file = options.update
        entry = ModelEntry(
            name=name,
            file=file,
            sha256="",
            input=options.input,
            output=options.output,
            command=options.command,
            seeds=tuple(options.seed),
            data=options.data,
            figures=dict(_figure(text) for text in options.figure),
            licence=options.licence,
        )
        written = write_entry(entry)
        sys.stdout.write(f"{written.name}  {written.file}  {written.sha256}\n")
        return 0
    states = verify_models()
    for state in states:
        sys.stdout.write(f"{state.entry.name}  {state.entry.file}  {state.state}\n")
    return 0 if all(state.state == "ok" for state in states) else 4


if __name__ == "__main__":
    sys.exit(main())
