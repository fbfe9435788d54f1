"""What a method is handed for tuning: the training and validation rows of the scenario, and no test row."""

from pathlib import Path

import numpy as np
import pytest

from harness import BenchmarkRef, Sizes, registry
from harness.execution.run_cell import _tuning_data
from tests.harness.execution.tasks import run_task

SIZES = Sizes(110, 55, 55)


@pytest.mark.parametrize("name", ["iid", "cve-disjoint", "technique-disjoint", "time-disjoint", "planted-95"])
@pytest.mark.parametrize("seed", [0, 8])
def test_tuning_gets_the_training_and_validation_rows_of_the_scenario(cache: Path, name: str, seed: int) -> None:
    registry.discover()
    reference = BenchmarkRef("synthetic")
    benchmark = registry.open_benchmark(reference)
    corpus = benchmark.corpus()
    cell = run_task().cell.model_copy(
        update={"corpus": corpus.meta.hash, "scenario": name, "seed": seed, "sizes": [110, 55, 55]}
    )
    task = run_task(benchmark=reference, cell=cell)
    data = _tuning_data(task, frozenset())
    spec = next(spec for spec in benchmark.scenarios() if spec.name == name)
    scenario = benchmark.build(corpus, spec, seed, SIZES)
    for part, environment in ((data.train, scenario.train), (data.validation, scenario.validation)):
        assert list(part.payloads) == list(environment.render(corpus))
        assert np.array_equal(part.labels, corpus.labels[environment.rows])
    tested = {payload for environment in scenario.environments.values() for payload in environment.render(corpus)}
    assert not tested & {*data.train.payloads, *data.validation.payloads}
    core = corpus.codes("core")[0]
    tested_cores = {c for environment in scenario.environments.values() for c in core[environment.rows].tolist()}
    assert not tested_cores & set(core[scenario.validation.rows].tolist())


@pytest.mark.parametrize("name", ["planted-95", "iid"])
def test_the_worst_group_is_of_the_groups_of_the_scenario(cache: Path, name: str) -> None:
    """Of class and collector where cues are planted, for methods with the tag; of the classes for all others."""
    registry.discover()
    reference = BenchmarkRef("synthetic")
    benchmark = registry.open_benchmark(reference)
    corpus = benchmark.corpus()
    changes = {"corpus": corpus.meta.hash, "scenario": name, "seed": 0, "sizes": [110, 55, 55]}
    task = run_task(benchmark=reference, cell=run_task().cell.model_copy(update=changes))
    spec = next(spec for spec in benchmark.scenarios() if spec.name == name)
    validation = benchmark.build(corpus, spec, 0, SIZES).validation
    labels = corpus.labels[validation.rows]
    groups = labels if validation.groups is None else validation.groups
    assert np.array_equal(_tuning_data(task, frozenset({"groups"})).groups, groups)
    assert np.array_equal(_tuning_data(task, frozenset()).groups, labels)
    assert np.array_equal(groups, labels) == (name == "iid")
