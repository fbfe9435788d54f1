"""What ``harness new method`` writes works as it stands."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, Shell


def test_what_it_writes_conforms_untouched(shell: Shell) -> None:
    name, plugin = "my-method", "my_method.py"
    made = shell("new", "method", name)
    assert made.returncode == 0, made.stderr
    assert {path.name for path in shell.folder.iterdir()} == {plugin, f"test_{plugin}"}
    assert f"harness check method {name} --plugin {plugin}" in made.stdout
    checked = shell("check", "method", name, "--plugin", plugin)
    assert checked.returncode == 0, checked.stdout
    assert checked.stdout.splitlines()[-1] == f"{name}: 16 passed, 0 failed, 0 not applicable."
    pytest_done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"test_{plugin}"],
        capture_output=True,
        text=True,
        cwd=shell.folder,
        env=shell.environment,
    )
    assert pytest_done.returncode == 0, pytest_done.stdout
    assert "17 passed" in pytest_done.stdout


@pytest.mark.parametrize("name", ["my-method", "3d-hash-of-a-rather-long-name-that-goes-on"])
def test_what_it_writes_is_clean_under_ruff(shell: Shell, name: str) -> None:
    assert shell("new", "method", name).returncode == 0
    ours = ("--config", str(ROOT / "pyproject.toml"))
    for tool in (
        ("ruff", "check", "--isolated", "."),
        ("ruff", "format", "--isolated", "--check", "."),
        ("ruff", "check", *ours, "--no-cache", "."),
        ("ruff", "format", *ours, "--no-cache", "--check", "."),
    ):
        done = subprocess.run(
            [sys.executable, "-m", *tool], capture_output=True, text=True, cwd=shell.folder, env=shell.environment
        )
        assert done.returncode == 0, (tool, done.stdout + done.stderr)


def test_it_runs_on_a_benchmark(shell: Shell, mapped: tuple[str, ...]) -> None:
    assert shell("new", "method", "my-method").returncode == 0
    arguments = ("--plugin", "my_method.py", "--method", "my-method", "--scenario", "random", "--save-models")
    done = shell("run", *arguments, *mapped)
    assert done.returncode == 0, done.stdout
    key = next(shell.folder.glob("results/local/*/*/my-method-*.json")).stem[-16:]
    named = (mapped[1], *mapped[2:])
    asked = shell("predict", *named, "--record", key, "--plugin", "my_method.py")
    assert asked.returncode == 0, asked.stderr
    assert len(asked.stdout.splitlines()) == 480


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("My-Method",), "the name must consist of a-z, 0-9 and inner hyphens"),
        (("my_method",), "the name must consist of a-z, 0-9 and inner hyphens"),
        (("-",), "the name must consist of a-z, 0-9 and inner hyphens"),
        (("",), "the name must consist of a-z, 0-9 and inner hyphens"),
        (("tfidf-logreg",), "harness.methods.learners.ngrams has this name already"),
        (("numpy",), "numpy.py would hide Python's numpy"),
        (("class",), "class.py would hide Python's class"),
        (("mine", "--out", "mine.txt"), "end in .py"),
        (("mine", "--out", "nosuch/mine.py"), "cannot be written (No such file"),
    ],
)
def test_bad_and_taken_names_are_refused(shell: Shell, arguments: tuple[str, ...], complaint: str) -> None:
    done = shell("new", "method", *arguments)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert list(shell.folder.iterdir()) == []


@pytest.mark.parametrize("there", ["mine.py", "test_mine.py"])
def test_nothing_is_overwritten(shell: Shell, there: str) -> None:
    (shell.folder / there).write_text("my own", encoding="utf-8")
    done = shell("new", "method", "mine")
    assert done.returncode == 2
    assert f"{there} exists already" in done.stderr
    assert [path.name for path in shell.folder.iterdir()] == [there]
    assert (shell.folder / there).read_text(encoding="utf-8") == "my own"


def test_the_file_may_lie_elsewhere(shell: Shell) -> None:
    folder = Path(shell.folder / "plugins")
    folder.mkdir()
    assert shell("new", "method", "mine", "--out", "plugins/its-own.py").returncode == 0
    assert {path.name for path in folder.iterdir()} == {"its-own.py", "test_its-own.py"}
    assert shell("check", "method", "mine", "--plugin", "plugins/its-own.py").returncode == 0
