"""The wheel: what is in it, and that it works outside the repository."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT

RUN = ("run", "--method", "tfidf-logreg", "--bench", "synthetic", "--scenario", "iid", "--trials", "1")
FOREIGN = "MINE = True\n"
PLUGIN = """
import benchmarks, methods
from harness import register_method
from harness.methods.majority import Majority

assert methods.MINE and benchmarks.MINE

@register_method("mine", version=1, summary="a method of the user's folder")
class Mine(Majority):
    pass
"""


def names_in(wheel: Path) -> set[str]:
    return set(zipfile.ZipFile(wheel).namelist())


def run(command: list[object], folder: Path, cache: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Runs a command as a user would in a folder of theirs: no path of this repository leads to the harness."""
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        cwd=folder,
        env={**clean, "HARNESS_CACHE": str(cache), "COLUMNS": "200", **environment},
        timeout=600,
    )


def write_foreign_modules(folder: Path) -> None:
    """Writes modules of a user's own that have the names of our folders, and a plug-in that imports them.

    The plug-in finds them where ``PYTHONPATH`` names the folder.
    """
    for name in ("methods.py", "benchmarks.py"):
        (folder / name).write_text(FOREIGN, encoding="utf-8")
    (folder / "plugin.py").write_text(PLUGIN, encoding="utf-8")


def test_the_wheel_installs_one_package(wheel: Path) -> None:
    tops = {name.partition("/")[0] for name in names_in(wheel)}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"harness"}


def test_the_wheel_holds_every_module_and_data_file(wheel: Path) -> None:
    expected = set()
    for top in ("harness", "methods", "benchmarks"):
        for path in (ROOT / top).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                name = path.relative_to(ROOT).as_posix()
                expected.add(name if top == "harness" else f"harness/{name}")
    found = {name for name in names_in(wheel) if name.startswith("harness/")}
    assert found == expected
    for name in ("harness/py.typed", "harness/cli/templates/method.py.txt"):
        assert name in found


def test_the_wheel_runs_beside_a_users_modules_of_the_same_names(unpacked: Path, tmp_path: Path, cache: Path) -> None:
    write_foreign_modules(tmp_path)
    command = [sys.executable, "-m", "harness", *RUN, "--plugin", "plugin.py"]
    command[command.index("tfidf-logreg")] = "tfidf-logreg,mine"
    done = run(command, tmp_path, cache, PYTHONPATH=os.pathsep.join(map(str, (unpacked, tmp_path))))
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list(tmp_path.glob("results/local/synthetic/iid/*.json"))) == 2


def test_a_wheel_and_a_checkout_of_the_same_code_have_the_same_source_digest(
    unpacked: Path, tmp_path: Path, cache: Path
) -> None:
    program = "from harness.records import provenance as p; print(p.__file__, p.here('x').source['digest'])"
    (first, a), (second, b) = (
        run([sys.executable, "-c", program], tmp_path, cache, PYTHONPATH=str(place)).stdout.split()
        for place in (unpacked, ROOT)
    )
    assert (first.startswith(str(unpacked)), second.startswith(str(ROOT)), a) == (True, True, b)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("editable", [False, True])
def test_the_core_installs_into_an_empty_environment_and_runs(
    wheel: Path, tmp_path: Path, cache: Path, editable: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Asks the package registry for the dependencies of the core."""
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    python = environment / "bin" / "python"
    what = ["--editable", wheel.parent / "source"] if editable else [wheel]
    done = run(
        [python, "-m", "pip", "install", "--quiet", "--constraint", ROOT / "constraints.txt", *what], tmp_path, cache
    )
    assert done.returncode == 0, done.stdout + done.stderr
    listed = run([python, "-m", "pip", "list", "--format", "freeze"], tmp_path, cache).stdout
    # XGBoost's wheel requires nvidia-nccl; the README says how to do without it.
    assert not re.search(r"^(torch|transformers|timm|ray|nvidia-(?!nccl))", listed, re.M)
    size = sum(path.stat().st_size for path in environment.rglob("*") if path.is_file() and not path.is_symlink())
    with capsys.disabled():
        print(f"\nthe environment of the core takes {size / 1e6:.0f} MB")

    work = tmp_path / "work"
    work.mkdir()
    write_foreign_modules(work)
    for number, program in enumerate(([environment / "bin" / "harness"], [python, "-m", "harness"])):
        done = run([*program, *RUN, "--results", f"results/{number}"], work, cache)
        assert done.returncode == 0, done.stdout + done.stderr
    plugin = ("--plugin", "plugin.py", "--method", "mine", "--scenario", "iid", "--trials", "1")
    done = run([python, "-m", "harness", "run", *plugin], work, cache, PYTHONPATH=str(work))
    assert done.returncode == 0, done.stdout + done.stderr
    program = "import harness.benchmarks, harness.methods as m; print(m.__file__)"
    done = run([python, "-c", program], work, cache)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(wheel.parent if editable else environment))
