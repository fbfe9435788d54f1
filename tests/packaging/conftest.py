"""The wheel, built from a copy of the checkout, and command lines without optional packages."""

import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.dependencies import EXTRAS
from tests.conftest import ROOT, Shell

NOT_IN_A_CORE = ("torch", "torchvision", "transformers", "tokenizers", "timm", "sentence_transformers", "ray")
# Python imports a module of this name at the start of every process, also of the server that forks workers.
SITECUSTOMIZE = """
import sys

class WithoutExtras:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, WithoutExtras())
"""


@dataclass
class CoreShell(Shell):
    """Runs ``harness`` where none of the optional packages can be imported."""

    first: Path = field(default_factory=Path)

    @property
    def environment(self) -> dict[str, str]:
        places = [str(self.first), *filter(None, [os.environ.get("PYTHONPATH", str(ROOT))])]
        return {**super().environment, "PYTHONPATH": os.pathsep.join(places)}


@pytest.fixture
def core(tmp_path: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> CoreShell:
    folder = tmp_path_factory.mktemp("core")
    blocked = {*NOT_IN_A_CORE, *(package for packages in EXTRAS.values() for package in packages)}
    (folder / "sitecustomize.py").write_text(SITECUSTOMIZE.format(blocked=blocked), encoding="utf-8")
    return CoreShell(tmp_path, cache, folder)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, since setuptools leaves its files beside the sources and reads old ones there again."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("harness", "methods", "benchmarks"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    # No isolated environment: setuptools of this one is used, and no registry is asked.
    options = ("--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", folder)
    done = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *map(str, options), str(source)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="session")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds what pip would install of the wheel."""
    folder = tmp_path_factory.mktemp("site")
    zipfile.ZipFile(wheel).extractall(folder)
    return folder
