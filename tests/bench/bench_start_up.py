"""Commands and imports in a new process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness import registry
from tests.bench.measurement import measure
from tests.conftest import ROOT

registry.discover()
COMMANDS = {
    "Python alone": ("-c", "pass"),
    "import harness": ("-c", "import harness"),
    "harness --help": ("-m", "harness", "--help"),
    "harness run --help": ("-m", "harness", "run", "--help"),
    "harness list methods": ("-m", "harness", "list", "methods"),
    **{
        f"imports of {name}": ("-c", f"import harness, {', '.join(registry.method(name).requires)}")
        for name in ("tfidf-logreg", "tfidf-xgboost", "byte-cnn", "transformer")
    },
}


@pytest.mark.parametrize("name", COMMANDS)
def bench_start_up(name: str, benchmark: BenchmarkFixture, cache: Path) -> None:
    def start() -> None:
        subprocess.run([sys.executable, *COMMANDS[name]], check=True, cwd=ROOT, env=os.environ, capture_output=True)

    measure(benchmark, start, name)
