"""Leaderboard and report from stored cells, as commands."""

import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness.records.store import Store
from tests.bench.measurement import measure
from tests.conftest import ROOT
from tests.harness.boards.boards import RUN
from tests.speed.stores import filled


@pytest.fixture(scope="module")
def store_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int, int], Store]:
    """Returns a function that returns a results folder of some methods and seeds."""
    return cache(lambda methods, seeds: filled(tmp_path_factory.mktemp("results"), methods, seeds))


def run(*command: object) -> None:
    subprocess.run([sys.executable, "-m", "harness", *map(str, command)], check=True, cwd=ROOT, capture_output=True)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("methods", "seeds"), [(14, 24), (35, 96)], ids=["1000", "10000"])
def bench_leaderboard(
    methods: int, seeds: int, benchmark: BenchmarkFixture, tmp_path: Path, store_of: Callable[[int, int], Store]
) -> None:
    store = store_of(methods, seeds)
    command = ("leaderboard", "--results", store.root, "--output", tmp_path / "board.md")
    measure(benchmark, lambda: run(*command), "harness leaderboard", methods * seeds * len(RUN), "cells", rounds=1)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("methods", "seeds"), [(7, 12), (14, 24)], ids=["250", "1000"])
def bench_report(
    methods: int, seeds: int, benchmark: BenchmarkFixture, tmp_path: Path, store_of: Callable[[int, int], Store]
) -> None:
    store = store_of(methods, seeds)
    command = ("report", "--results", store.root, "--output", tmp_path / "report.html")
    measure(benchmark, lambda: run(*command), "harness report", methods * seeds * len(RUN), "cells", rounds=1)
