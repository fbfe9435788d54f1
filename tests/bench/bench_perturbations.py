"""Each suite: one perturbation drawn, applied and checked for every request."""

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness.perturbations import SUITES, suite
from harness.perturbations.engine import PerturbationTally, perturb
from harness.perturbations.message import Message
from tests.bench.measurement import measure
from tests.harness.perturbations.rows import messages, rows

PER_CLASS = (15, 60)


@pytest.mark.parametrize("per_class", PER_CLASS)
@pytest.mark.parametrize("name", SUITES)
def bench_suite(name: str, per_class: int, benchmark: BenchmarkFixture) -> None:
    def apply(found: list[Message]) -> None:
        for message in found:
            perturb(message, suite(name), 1, 0, 0, PerturbationTally())

    size = len(rows(per_class))
    measure(benchmark, apply, f"suite {name}", size, "requests", setup=lambda: ((messages(per_class),), {}))
