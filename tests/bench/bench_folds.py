"""Folds, and each generic scenario drawn from them, with nothing of it in memory."""

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness import Sizes
from harness.scenarios.generic import catalogue
from harness.scenarios.splits import folds
from tests.bench import corpora
from tests.bench.measurement import measure

SIZES = (4000, 16_000)
SCENARIOS = (
    "random cve-disjoint product-disjoint cluster-disjoint temporal temporal-windows natural-90 long-tail zero-shot"
).split()


@pytest.mark.parametrize("size", SIZES)
def bench_folds(size: int, benchmark: BenchmarkFixture) -> None:
    corpus = corpora.in_memory(size)
    measure(
        benchmark,
        lambda: folds.make_folds(corpus, ("cve", "product"), 0),
        "folds of linked CVEs and products",
        size,
        "payloads",
        setup=folds._results.clear,
    )


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", SCENARIOS)
def bench_scenario(name: str, size: int, benchmark: BenchmarkFixture) -> None:
    corpus = corpora.in_memory(size)
    spec = next(spec for spec in catalogue.scenarios(corpus.meta) if spec.name == name)
    measure(
        benchmark,
        lambda: catalogue.build(corpus, spec, 0, Sizes()),
        f"scenario {name}",
        size,
        "payloads",
        setup=folds._results.clear,
    )
