"""The house rules that no linter knows: sizes, directions of imports, true ``__all__``, nothing done at import."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import dafec

ROOT = Path(dafec.__file__).parents[1]
SOURCES = sorted([*ROOT.glob("dafec/**/*.py"), *ROOT.glob("api/**/*.py")])
#: Needs an extra this environment need not have, so it is not imported here.
TRAINING = "dafec.models.training"
MAX_MODULE_LINES, MAX_FUNCTION_LINES = 600, 80
#: The outer walls of STYLE: the HTTP handler, the runner of checks, and the loop of the scanners.
OUTER_WALLS = {"api/walls.py", "api/casework.py", "dafec/features/registry.py"} | {
    "api/scanners/manager.py",
    "api/scanners/patience.py",  # hands on what happened on another thread
}


def module_of(path: Path) -> str:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return name.removesuffix(".__init__")


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_modules_and_functions_stay_small(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) < MAX_MODULE_LINES
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or node.lineno) - node.lineno + 1 < MAX_FUNCTION_LINES, node.name


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_broad_except_outside_the_outer_walls(path: Path) -> None:
    broad = [
        node.lineno
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"}))
    ]
    if str(path.relative_to(ROOT)) not in OUTER_WALLS:
        assert broad == []


def test_the_core_imports_nothing_of_the_service() -> None:
    for path in ROOT.glob("dafec/**/*.py"):
        assert not [name for name in imports_of(path) if name.split(".")[0] == "api"], path


def test_decoding_knows_nothing_above_it() -> None:
    allowed = {"dafec.decoding", "dafec.errors"}
    for path in ROOT.glob("dafec/decoding/*.py"):
        own = {".".join(name.split(".")[:2]) for name in imports_of(path) if name.startswith("dafec")}
        assert own <= allowed, path


def test_layers_of_the_project_file_hold() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    ended = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout


@pytest.mark.parametrize(
    "path",
    [p for p in SOURCES if not module_of(p).startswith(TRAINING)],
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_all_is_true(path: Path) -> None:
    name = module_of(path)
    module = importlib.import_module(name)
    if path.name == "__init__.py" and not hasattr(module, "__all__"):
        assert [n for n in vars(module) if not n.startswith("_") and callable(vars(module)[n])] == []
        return
    assert sorted(set(module.__all__)) == sorted(module.__all__)
    for public in module.__all__:
        assert hasattr(module, public), public


def test_modules_take_only_what_others_offer() -> None:
    for path in SOURCES:
        for node in ast.walk(parsed(path)):
            if not isinstance(node, ast.ImportFrom) or (node.module or "").split(".")[0] not in {"dafec", "api"}:
                continue
            module_path = ROOT / Path(*node.module.split(".")).with_suffix(".py")
            if not module_path.is_file():  # a package: its modules are taken, or its version
                continue
            offered = next(
                ast.literal_eval(statement.value)
                for statement in parsed(module_path).body
                if isinstance(statement, ast.Assign) and getattr(statement.targets[0], "id", "") == "__all__"
            )
            assert {alias.name for alias in node.names} <= set(offered), f"{path}:{node.lineno}"


def test_a_cold_mrz_reader_waits_for_nothing_it_does_not_need() -> None:
    program = (
        "import sys, dafec.commands.mrz, dafec.capture, dafec.ocr.reader, dafec.ocr.parse, dafec.ocr.mrz_object\n"
        "print(sorted({'pydantic_settings', 'passporteye', 'sqlalchemy', 'skimage', 'fastapi', 'PIL', 'torch', 'scipy'}"
        " & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
