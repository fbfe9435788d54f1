"""The layout of docs/architecture.md: which folder may import which, and what a folder holds."""

import ast
import re
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

# Lowest first. A module may import modules of its own layer's folder and of lower layers; folders that stand in one
# layer do not import each other.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("errors", "regular_file"),
    ("hashing", "seeds", "safe_text", "statistics"),
    ("storage", "space", "dependencies", "plugin_code"),
    ("data", "oracles"),
    ("method", "scenario"),
    ("perturbations", "strategy"),
    ("benchmark", "protocol"),
    ("evaluation",),
    ("records",),
    ("scenarios",),
    ("registry",),
    ("sources", "pairs"),
    ("execution",),
    ("boards", "auditing"),
    ("testing", "report"),
    ("api",),
    ("cli",),
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
ENTRY = {"__init__", "__main__"}  # the face and ``python -m harness`` stand above everything


def modules() -> list[Path]:
    return sorted((ROOT / "harness").rglob("*.py"))


def place(path: Path) -> str:
    return path.relative_to(ROOT / "harness").with_suffix("").parts[0]


def imported(path: Path) -> list[tuple[int, str]]:
    """The first part below ``harness`` of everything a file imports, inside functions and for type checks as well."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "harness":
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("harness."):
            found.append((node.lineno, str(node.module).split(".")[1]))
    return found


def test_every_part_has_its_layer() -> None:
    assert {place(path) for path in modules()} - ENTRY <= set(LEVEL)


def test_imports_point_down() -> None:
    upward = [
        f"{path.relative_to(ROOT)}:{line} imports {other}"
        for path in modules()
        if (own := place(path)) not in ENTRY
        for line, other in imported(path)
        if other != own and (other not in LEVEL or LEVEL[other] >= LEVEL[own])
    ]
    assert upward == []


def test_the_harness_imports_no_method_and_no_benchmark() -> None:
    assert [path for path in modules() for _, other in imported(path) if other in ("methods", "benchmarks")] == []


@pytest.mark.parametrize("package", ["methods", "benchmarks"])
def test_methods_and_benchmarks_import_the_public_face_alone(package: str) -> None:
    """Relative imports stay within their folder; of `harness` only the package itself may be named."""
    behind = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom)
        and (
            node.level > len(path.relative_to(ROOT).parts) - 1
            or (not node.level and (node.module or "").startswith(("harness.", "methods", "benchmarks")))
        )
    ]
    assert behind == []


LIGHT = {"harness", "numpy", *sys.stdlib_module_names}


@pytest.mark.parametrize("package", ["methods", "benchmarks"])
def test_registered_modules_import_nothing_heavy_at_top_level(package: str) -> None:
    for path in sorted((ROOT / package).rglob("*.py")):
        if "neural" in path.parts:
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            assert {name.split(".")[0] for name in names} <= LIGHT, f"{path} imports {names} at top level"


def test_the_places_that_the_architecture_page_names_exist() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    names = set(re.findall(r"`((?:harness/|methods/|tests/|benchmarks/)?[a-z_]+(?:/[a-z_]+)*(?:/|\.py))", page))
    assert len(names) > 40
    roots = (ROOT, ROOT / "harness")
    assert [name for name in sorted(names) if not any((root / name).exists() for root in roots)] == []


def test_the_layers_of_the_architecture_page_are_those_tested_here() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    block = re.search(r"```\n(errors.*?)```", page, re.DOTALL)
    assert block
    assert [tuple(line.split(", ")) for line in block[1].splitlines()] == [tuple(layer) for layer in LAYERS]
