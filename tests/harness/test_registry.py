import ast
from pathlib import Path

import pytest

from harness import Categorical, Float, Method, UserError, register_method, registry
from tests.conftest import ROOT


def test_discovers_the_built_ins() -> None:
    registry.discover()
    assert {"majority", "tfidf-logreg", "tfidf-xgboost"} <= set(registry.methods())
    assert {"files", "synthetic"} <= set(registry.benchmarks())


def test_an_unknown_name_offers_the_nearest() -> None:
    registry.discover()
    with pytest.raises(UserError, match="did you mean tfidf-xgboost"):
        registry.method("tfidf-xgbost")


def test_a_name_is_taken_once() -> None:
    registry.discover()
    with pytest.raises(UserError, match=r"majority is registered twice, by methods\.majority and by"):

        @register_method("majority", version=1, summary="")
        class Second(type(registry.method("majority").factory())):  # type: ignore[misc]
            pass


def test_a_method_without_fit_is_refused() -> None:
    with pytest.raises(UserError, match="method typo: Typo does not define fit"):

        @register_method("typo", version=1, summary="")
        class Typo(Method):
            def fitt(self) -> None:
                pass


@pytest.mark.parametrize(
    ("space", "complaint"),
    [
        ({"a": Float(1.0, 0.0, default=0.5)}, "low"),
        ({"a": Float(0.0, 1.0, default=2.0)}, "default"),
        ({"a": Float(0.0, 1.0, default=0.5, log=True)}, "logarithmic"),
        ({"a": Categorical(("x",), default="y")}, "not among"),
        ({"a": 3}, "is 3"),
    ],
)
def test_a_malformed_space_is_refused(space: dict[str, object], complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        register_method("malformed", version=1, summary="")(type("Malformed", (Method,), {"space": space}))


@pytest.mark.parametrize("name", ["", "Has Capitals", "under_score", "dot.dot"])
def test_a_malformed_name_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="a-z"):
        register_method(name, version=1, summary="")(type("Odd", (Method,), {}))


def _imports(path: Path, top_level_only: bool) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    nodes = tree.body if top_level_only else list(ast.walk(tree))
    found = set()
    for node in nodes:
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def test_imports_run_one_way() -> None:
    for package, other in (("methods", "benchmarks"), ("benchmarks", "methods")):
        for path in (ROOT / package).rglob("*.py"):
            for name in _imports(path, top_level_only=False):
                assert name.split(".")[0] != other, f"{path} imports {name}"
                assert not name.startswith("harness."), f"{path} reaches behind the public face: {name}"
    for path in (ROOT / "harness").rglob("*.py"):
        for name in _imports(path, top_level_only=False):
            assert name.split(".")[0] not in ("methods", "benchmarks"), f"{path} knows {name}"


def test_registered_modules_are_light() -> None:
    allowed = {"harness", "numpy", "methods", "benchmarks"}
    heavy = {"torch", "transformers", "sklearn", "xgboost", "timm", "pandas", "scipy", "pyarrow", "optuna"}
    for package in ("methods", "benchmarks"):
        for path in (ROOT / package).rglob("*.py"):
            if "neural" in path.parts:
                continue
            tops = {name.split(".")[0] for name in _imports(path, top_level_only=True)}
            assert not tops & heavy, f"{path} imports {tops & heavy} at top level"
            assert tops - allowed <= set(__import__("sys").stdlib_module_names), path
