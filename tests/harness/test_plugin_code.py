"""The code of a plug-in: which modules belong to it, and that a process loads it again after a change."""

import sys
from pathlib import Path

import pytest

from harness import UserError, plugin_code, registry

METHOD = """
import json
import numpy as np
{imports}
from harness import Method, Predictor, register_method

@register_method("{name}", version=1, summary="{summary}")
class Plugged(Method):
    def fit(self, train, validation, params, context):
        import lazily_imported
        raise NotImplementedError
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_the_code_is_the_file_and_the_modules_of_one_s_own_that_it_imports(folder: Path) -> None:
    plugin = write(folder / "plug.py", "import sklearn, own_package.inner\nfrom own_module import thing\n")
    write(folder / "own_module.py", "from own_package import sibling\nfrom missing import nothing\n")
    write(folder / "own_package/__init__.py", "")
    write(folder / "own_package/inner.py", "from . import other\nfrom .deep.leaf import value\n")
    write(folder / "own_package/deep/leaf.py", "from ..other import a\n")  # a package without __init__.py
    for name in ("sibling", "other", "not_imported"):
        write(folder / f"own_package/{name}.py", "a = 1\n")
    assert sorted(plugin_code.sources(plugin)) == [
        "", "own_module", "own_package", "own_package.deep.leaf", "own_package.inner", "own_package.other",
        "own_package.sibling",
    ]  # fmt: skip


def test_a_module_beside_the_plug_in_counts_though_the_path_lacks_its_folder(tmp_path: Path) -> None:
    plugin = write(tmp_path / "plug.py", "def fit():\n    import beside_this_one\n")
    write(tmp_path / "beside_this_one.py", "")
    assert sorted(plugin_code.sources(plugin)) == ["", "beside_this_one"]


def test_a_change_of_any_of_its_files_changes_the_digest(folder: Path) -> None:
    plugin = write(folder / "plug.py", "def fit():\n    import lazily\n")
    lazily = write(folder / "lazily.py", "import deeper_down\n")
    deeper = write(folder / "deeper_down.py", "a = 1\n")
    digests = [plugin_code.digest(plugin)]
    for path in (plugin, lazily, deeper):
        path.write_text(path.read_text() + "# another line\n")
        digests.append(plugin_code.digest(plugin))
    assert len(set(digests)) == 4
    moved = folder / "elsewhere" / "renamed.py"
    write(moved, plugin.read_text())
    assert plugin_code.digest(moved) == digests[-1], "its place is not part of the code"


def test_a_process_loads_an_edited_plug_in_again(folder: Path) -> None:
    text = METHOD.format(name="loaded-twice", imports="import helper_of_it", summary="first")
    plugin = write(folder / "twice.py", text)
    helper = write(folder / "helper_of_it.py", "value = 1\n")
    registry.discover([str(plugin)])
    first = registry.method("loaded-twice")
    registry.discover([str(plugin)])
    assert registry.method("loaded-twice") is first
    assert first.adapter == {"plugin": plugin_code.digest(plugin)} == {"plugin": registry.plugin_of("loaded-twice")}
    helper.write_text("value = 2222\n")
    registry.discover([str(plugin)])
    second = registry.method("loaded-twice")
    assert sys.modules["helper_of_it"].value == 2222
    assert (second.adapter, second.version) != (first.adapter, first.version)
    write(plugin, text.replace("loaded-twice", "renamed-since"))
    registry.discover([str(plugin)])
    with pytest.raises(UserError, match="no method named loaded-twice"):
        registry.method("loaded-twice")


def test_a_plug_in_that_fails_leaves_nothing_behind(folder: Path) -> None:
    plugin = write(folder / "fails.py", METHOD.format(name="fails-later", imports="", summary="") + "1 / 0\n")
    for _ in range(2):
        with pytest.raises(UserError, match="failed to load: ZeroDivisionError"):
            registry.discover([str(plugin)])
        assert registry.plugin_of("fails-later") is None


def test_built_in_methods_have_no_plug_in() -> None:
    registry.discover()
    assert registry.plugin_of("majority") == ""
    assert registry.method("majority").adapter is None
    assert registry.plugin_of("nobody-registered-this") is None
