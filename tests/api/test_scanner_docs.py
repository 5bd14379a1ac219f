"""docs/scanners.md says what the code says; run as a program, this writes its tables anew."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter

from api.scanners.config import EsclConfig, FolderConfig, PushConfig, SaneConfig, ScannerConfig
from api.scanners.contract import ScannerState
from api.store.events import EVENT_NAMES

DOCUMENT = Path(__file__).parents[2] / "docs" / "scanners.md"
MODELS: dict[str, type[BaseModel]] = {
    "folder": FolderConfig,
    "sane": SaneConfig,
    "escl": EsclConfig,
    "push": PushConfig,
}


def tables() -> dict[str, str]:
    made = {name: _settings(model) for name, model in MODELS.items()}
    rows = ["| event | what it means |", "|---|---|"]
    made["events"] = "\n".join(rows + [f"| `{name}` | {meaning} |" for name, meaning in EVENT_NAMES.items()])
    return made


def _settings(model: type[BaseModel]) -> str:
    rows = ["| setting | default | what it does |", "|---|---|---|"]
    for name, field in model.model_fields.items():
        if name == "driver":
            continue
        default: Any = (
            field.get_default(call_default_factory=True, validated_data={}) if not field.is_required() else ""
        )
        shown = "needed" if field.is_required() else "" if default in (None, ()) else f"`{json.dumps(default)}`"
        rows.append(f"| `{name}` | {shown} | {field.description} |")
    return "\n".join(rows)


def written(text: str) -> str:
    for name, table in tables().items():
        head, rest = text.split(f"<!-- {name} -->\n", 1)
        text = f"{head}<!-- {name} -->\n{table}\n<!-- end -->{rest.split('<!-- end -->', 1)[1]}"
    return text


def test_tables_are_those_of_the_code() -> None:
    assert DOCUMENT.read_text("utf-8") == written(DOCUMENT.read_text("utf-8"))


def test_every_example_can_be_used() -> None:
    text = DOCUMENT.read_text("utf-8")
    examples = re.findall(r"(?:^    .*\n)+", text, re.MULTILINE)
    found = [re.sub(r"^    ", "", example, flags=re.MULTILINE) for example in examples if "[[scanners]]" in example]
    drivers = set()
    for example in found:
        for scanner in tomllib.loads(example)["scanners"]:
            if scanner["driver"] != "folder" or "folder" in scanner:
                TypeAdapter(ScannerConfig).validate_python(scanner)
                drivers.add(scanner["driver"])
    assert drivers == set(MODELS)


def test_every_state_is_explained() -> None:
    text = DOCUMENT.read_text("utf-8")
    assert re.findall(r"^\| `([a-z_]+)` \| (?!needed)", text[: text.index("## Live")], re.MULTILINE) == list(
        ScannerState
    )


if __name__ == "__main__":
    DOCUMENT.write_text(written(DOCUMENT.read_text("utf-8")), "utf-8")
