"""Payloads per second of every built-in method at natural lengths, on one thread as in a run: a table, no bound."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness import BenchmarkRef, Sizes, TrainingData, registry, space
from harness.scenarios import training_texts
from harness.scenarios.training_data import training_and_validation
from tests.speed import threads
from tests.tools import golden

registry.discover()
NAMES = sorted(name for name, info in registry.methods().items() if info.origin.startswith("harness.methods."))
SIZES = Sizes(220, 66, 220)


@pytest.fixture
def one_thread() -> Iterator[None]:
    with threads.one_thread():
        yield


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("name", NAMES)
def test_payloads_per_second(name: str, benchmark: BenchmarkFixture, tmp_path: Path, cache: Path) -> None:
    benchmark_ = registry.open_benchmark(BenchmarkRef("synthetic"))
    corpus = benchmark_.corpus()
    scenario = benchmark_.build(corpus, benchmark_.scenarios()[0], 0, SIZES)
    info = registry.method(name)
    train, validation, test = (
        TrainingData(corpus.payloads(rows), corpus.labels[rows])
        for rows in (scenario.train.rows, scenario.validation.rows, scenario.environments["id"].rows)
    )
    if "text" in info.tags:
        texts = training_texts.training_descriptions(corpus, scenario)
        train = TrainingData(train.payloads, train.labels, texts)
    elif info.tags:  # groups and spans are those of planted cues, which lengthen the payloads
        planted = next(spec for spec in benchmark_.scenarios() if spec.name == "planted-80")
        train, validation = training_and_validation(corpus, benchmark_.build(corpus, planted, 0, SIZES), info.tags)
    counted = [0, 0]

    def count(examples: int, steps: int) -> None:
        counted[0] += examples
        counted[1] += steps

    context = golden.context(corpus.classes, tmp_path)
    method, params = info.factory(), space.defaults(info.space)
    began = time.process_time()
    predictor = method.fit(train, validation, params, replace(context, count=count))
    fitted = time.process_time() - began
    table = benchmark.pedantic(lambda: predictor.predict_proba(test.payloads), rounds=1)
    examples = counted[0] or len(train)
    predicted = len(test) / benchmark.stats.stats.min
    print(
        f"{name}: fit at {len(train) / fitted:.0f} training payloads/s ({examples / fitted:.0f} examples/s over its "
        f"epochs), prediction {predicted:.0f} payloads/s"
    )
    assert np.allclose(table.sum(1), 1, atol=1e-3)
