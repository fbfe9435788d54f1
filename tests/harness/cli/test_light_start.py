"""What needs no heavy library loads none."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness import BenchmarkRef, registry
from tests.conftest import Shell

HEAVY = ("torch", "transformers", "sklearn", "xgboost", "pandas", "plotly", "jinja2")
HEAVY += ("harness.api.audits", "harness.benchmarks.nuclei.requests")  # parts of the harness that few commands need
PROGRAM = f"""
import sys, json
from harness.cli import main
try:
    main()
except SystemExit as end:
    code = end.code
print("LOADED", json.dumps([m for m in {HEAVY!r} if m in sys.modules]))
sys.exit(code)
"""


def loaded(shell: Shell, *arguments: object) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=shell.folder,
        env=shell.environment,
    )
    assert done.returncode == 0, done.stderr
    line = next(line for line in done.stdout.splitlines() if line.startswith("LOADED"))
    return list(json.loads(line.removeprefix("LOADED")))


@pytest.fixture(scope="module", autouse=True)
def built(cache: Path) -> None:
    """Builds the default corpus first: pyarrow loads pandas, where it is installed, while it makes Arrow columns."""
    registry.discover()
    registry.open_benchmark(BenchmarkRef("synthetic")).meta()


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("run", "--help"),
        ("report", "--help"),
        ("check", "method", "--help"),
        ("new", "method", "a-new-one"),
        ("list", "methods"),
        ("list", "benchmarks"),
        ("list", "scenarios"),
        ("run", "--dry-run"),
    ],
)
def test_looking_around_is_light(shell: Shell, arguments: tuple[str, ...]) -> None:
    assert loaded(shell, *arguments) == []


def test_an_all_cached_run_is_light(shell: Shell, mapped: tuple[str, ...]) -> None:
    arguments = ("run", "--method", "majority", "--scenario", "random", *mapped)
    assert shell(*arguments).returncode == 0
    assert loaded(shell, *arguments) == []


def test_dry_run_writes_nothing(shell: Shell, mapped: tuple[str, ...]) -> None:
    done = shell("run", "--dry-run", *mapped)
    assert done.returncode == 0
    assert "Expected time: about" in done.stdout
    assert list(Path(shell.folder).iterdir()) == []
