"""From probabilities to counts and metrics, and the bootstrap over counts."""

from functools import cache

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness import Corpus
from harness.evaluation import counts
from harness.scenario import Environment, StoredRows
from harness.statistics.bootstrap import Counts, EnvironmentCounts, resample
from tests.bench import corpora
from tests.bench.measurement import measure

SIZES = (1000, 10_000)
CLASSES, UNITS, ROWS = 11, 92, 6  # of the bootstrap: tested CVEs of a seed, rows of each


@cache
def predicted(size: int) -> tuple[Corpus, dict[str, Environment], dict[str, np.ndarray], list[str]]:
    """Returns a corpus, an environment with all of its rows, random probabilities, and the unit of each row."""
    corpus = corpora.in_memory(size)
    table = np.random.default_rng(0).dirichlet(np.ones(len(corpus.classes)), size).astype(np.float32)
    return corpus, {"test": Environment(StoredRows(np.arange(size)))}, {"test": table}, corpus.table["cve"].to_pylist()


def counted(size: int) -> counts.Counts:
    corpus, environments, tables, names = predicted(size)
    return counts.count(corpus, environments, tables, {"test": tables["test"].argmax(1)}, names)


@pytest.mark.parametrize("size", SIZES)
def bench_counts(size: int, benchmark: BenchmarkFixture) -> None:
    predicted(size)
    measure(benchmark, lambda: counted(size), "predictions counted", size, "predictions")


@pytest.mark.parametrize("size", SIZES)
def bench_metrics(size: int, benchmark: BenchmarkFixture) -> None:
    table = counted(size)
    measure(benchmark, lambda: counts.metrics_of(table), "metrics from counts", size, "predictions")


def environment(seed: int, methods: int) -> EnvironmentCounts:
    rng = np.random.default_rng(seed)
    unit, true = np.arange(UNITS).repeat(ROWS), (np.arange(UNITS) % CLASSES).repeat(ROWS)
    found = {
        f"m-{method}": Counts(unit, true, rng.integers(0, CLASSES, len(unit)), np.ones_like(unit))
        for method in range(methods)
    }
    return EnvironmentCounts("cve-disjoint test", seed, 1.0, [f"CVE-20{seed:02}-{u}" for u in range(UNITS)], found)


@pytest.mark.parametrize("methods", [8, 32])
def bench_bootstrap_of_methods(methods: int, benchmark: BenchmarkFixture) -> None:
    environments = [environment(seed, methods) for seed in range(6)]
    names = [f"m-{method}" for method in range(methods)]
    measure(
        benchmark, lambda: resample(environments, names, CLASSES), "bootstrap, six seeds", methods, "methods", rounds=2
    )


@pytest.mark.parametrize("seeds", [6, 24])
def bench_bootstrap_of_seeds(seeds: int, benchmark: BenchmarkFixture) -> None:
    environments = [environment(seed, 8) for seed in range(seeds)]
    names = [f"m-{method}" for method in range(8)]
    measure(
        benchmark, lambda: resample(environments, names, CLASSES), "bootstrap, eight methods", seeds, "seeds", rounds=2
    )
