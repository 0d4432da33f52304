"""The laws of the house that a linter does not know: glue, load time, size, and the face of every asset."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import dagster as dg

PACKAGE = Path(__file__).resolve().parent.parent / "huracan_assets"
FILES = sorted(PACKAGE.rglob("*.py"))
# A migration is a record of what was done to a schema: it is never edited, so it is never too long.
EDITED_FILES = [file for file in FILES if "migrations" not in file.parts]
GLUE_FILES = {
    "assets.py",
    "checks.py",
    "definitions.py",
    "partitions.py",
    "jobs.py",
    "runs.py",
    "schedules.py",
    "sensors.py",
    "instance.py",
}
HEAVY = {"arch", "ccxt", "lightgbm", "matplotlib", "mlflow", "pandera", "scipy.stats", "sklearn", "torch"}
PICKLES = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 50
LOAD_CPU_S = 6.0

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def name(file: Path) -> str:
    return str(file.relative_to(PACKAGE.parent))


def imported_roots(file: Path) -> set[str]:
    """The top-level packages that a file imports anywhere in it."""
    roots = set()
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            roots |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            roots.add(node.module.split(".")[0])
    return roots


def functions(file: Path) -> Iterator[Function]:
    return (node for node in ast.walk(tree(file)) if isinstance(node, Function))


def public_definitions(file: Path) -> Iterator[tuple[str, Function | ast.ClassDef]]:
    """Public functions and classes of a module, and the public methods of its public classes."""
    for node in tree(file).body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            yield node.name, node
            if isinstance(node, ast.ClassDef):
                methods = (inner for inner in node.body if isinstance(inner, Function))
                yield from ((f"{node.name}.{inner.name}", inner) for inner in methods if inner.name[0] != "_")


def is_glue(file: Path) -> bool:
    inside = file.relative_to(PACKAGE)
    return file.name in GLUE_FILES or inside.parts[0] == "resources"


def test_dagster_is_imported_in_the_glue_alone() -> None:
    offenders = [
        name(file)
        for file in FILES
        if not is_glue(file) and any(root.split("_")[0] == "dagster" for root in imported_roots(file))
    ]
    assert offenders == []


def test_nothing_unpickles() -> None:
    offenders = {name(file): sorted(imported_roots(file) & PICKLES) for file in FILES}
    assert {file: found for file, found in offenders.items() if found} == {}


def test_files_are_short() -> None:
    lengths = {name(file): len(file.read_text(encoding="utf-8").splitlines()) for file in FILES}
    assert {file: lines for file, lines in lengths.items() if lines > MAX_FILE_LINES} == {}


def test_functions_are_short() -> None:
    lengths = {
        f"{name(file)}:{function.lineno} {function.name}": (function.end_lineno or 0) - function.lineno + 1
        for file in EDITED_FILES
        for function in functions(file)
    }
    assert {function: lines for function, lines in lengths.items() if lines > MAX_FUNCTION_LINES} == {}


def test_every_public_name_is_documented() -> None:
    offenders = [
        f"{name(file)}:{node.lineno} {label}"
        for file in EDITED_FILES
        for label, node in public_definitions(file)
        if ast.get_docstring(node) is None
    ]
    assert offenders == []


def test_every_module_says_what_it_is() -> None:
    assert [name(file) for file in FILES if file.name != "__init__.py" and ast.get_docstring(tree(file)) is None] == []


@pytest.fixture(scope="module")
def load(repository: Path) -> dict[str, Any]:
    """What a fresh process holds, and the CPU seconds it spent, after it has loaded the code location."""
    code = (
        "import json, sys, time, huracan_assets.definitions;"
        "print(json.dumps({'modules': sorted(sys.modules), 'cpu_s': time.process_time()}))"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    loaded: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return loaded


def test_loading_the_graph_loads_no_heavy_library(load: dict[str, Any]) -> None:
    assert HEAVY & set(load["modules"]) == set()


def test_loading_the_graph_is_quick(load: dict[str, Any]) -> None:
    assert load["cpu_s"] < LOAD_CPU_S


@pytest.fixture(scope="module")
def specs() -> dict[str, dg.AssetSpec]:
    """Every asset that the engine makes, by its name."""
    from huracan_assets.definitions import defs

    return {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}


def test_every_asset_has_a_description_of_some_length(specs: dict[str, dg.AssetSpec]) -> None:
    assert specs
    assert [key for key, spec in specs.items() if len((spec.description or "").split()) < 5] == []


def test_every_asset_stands_in_the_group_of_a_room(specs: dict[str, dg.AssetSpec]) -> None:
    rooms = {file.parent.name for file in FILES if file.name == "assets.py"} | {"health"}
    assert {key: spec.group_name for key, spec in specs.items() if spec.group_name not in rooms} == {}


def test_every_asset_has_an_owner_and_its_kinds(specs: dict[str, dg.AssetSpec]) -> None:
    assert [key for key, spec in specs.items() if not spec.owners] == []
    assert [key for key, spec in specs.items() if not spec.kinds] == []


def test_every_asset_check_says_what_it_checks() -> None:
    from huracan_assets.definitions import defs

    graph = defs.resolve_asset_graph()
    checks = {key: graph.get_check_spec(key) for key in graph.asset_check_keys}
    assert [key.to_user_string() for key, spec in checks.items() if not spec.description] == []
