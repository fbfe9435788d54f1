"""A cell's key: whatever a result depends on changes it, and what it does not depend on does not."""

from dataclasses import fields, replace
from typing import Any

import pytest

from harness import hashing, registry
from harness.benchmark import BenchmarkRef
from harness.data.corpus import CorpusMeta
from harness.execution.budget import Budget
from harness.execution.cell import Cell
from harness.records.schema import CellInfo, EnvironmentInfo, PerturbationOptions
from harness.scenario import EnvironmentSpec, ScenarioSpec, Sizes
from harness.scenarios.perturbed import PerturbedOptions

registry.discover()
SCENARIO = ScenarioSpec("iid", "none", "summary", {"id": EnvironmentSpec()})
CORPUS = CorpusMeta("synthetic", "0" * 64, 10, 0, {"a": 5, "b": 5}, ("payload",))


def cell() -> Cell:
    return Cell(
        method=registry.method("majority"),
        benchmark=BenchmarkRef("synthetic"),
        corpus=CORPUS,
        scenario=SCENARIO,
        seed=0,
        budget=Budget(2, 60.0),
        sizes=Sizes(1, 2, 3),
        preset="quick",
        precision="float32",
    )


OTHERS: dict[str, list[Any]] = {
    "method": [registry.method("tfidf-logreg"), replace(registry.method("majority"), version=99)],
    "corpus": [replace(CORPUS, hash="1" * 64), replace(CORPUS, name="other")],
    "scenario": [
        replace(SCENARIO, name="random"),
        replace(SCENARIO, version=2),
        replace(SCENARIO, shift="temporal"),
        replace(SCENARIO, environments={"id": EnvironmentSpec(version=2)}),
        replace(SCENARIO, environments={"id": EnvironmentSpec(), "test": EnvironmentSpec()}),
    ],
    "seed": [1],
    "budget": [Budget(3, 60.0), Budget(2, 61.0), Budget(2, 60.0, "tpe"), Budget(2, 60.0, "random", "median")],
    "sizes": [Sizes(2, 2, 3), Sizes(1, 3, 3), Sizes(1, 2, None)],
    "preset": ["standard"],
    "precision": ["bfloat16"],
    "device": ["cuda", "mps"],
}
# Where the data are is not part of the key, only what they are; perturbed environments are in it by their versions,
# which depth and draws are part of; a cell that lacks something does not run.
NOT_IN_KEY: dict[str, Any] = {
    "benchmark": BenchmarkRef("files", "elsewhere.jsonl"),
    "perturbed": PerturbedOptions(("encoding",), 2, 5),
    "missing": "the corpus has no descriptions",
}


def test_every_field_of_a_cell_is_tested_here() -> None:
    assert {field.name for field in fields(Cell)} == OTHERS.keys() | NOT_IN_KEY.keys()


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in OTHERS.items() for value in values])
def test_a_field_of_a_cell_changes_its_key(name: str, value: object) -> None:
    assert replace(cell(), **{name: value}).key != cell().key


@pytest.mark.parametrize("name", NOT_IN_KEY)
def test_what_is_not_in_the_key_does_not_change_it(name: str) -> None:
    assert replace(cell(), **{name: NOT_IN_KEY[name]}).key == cell().key


def test_the_processor_has_the_keys_of_records_without_a_device() -> None:
    info = cell().info
    assert "device" in info.model_fields_set
    plain = info.model_dump(exclude={"view", "perturbations", "adapter", "device"})
    versions = {name: spec.version for name, spec in info.environments.items()}
    assert info.key({}) == hashing.of_json({**plain, "environments": versions, "seconds": 60, "space": {}})


def test_the_number_of_a_gpu_is_not_in_the_key() -> None:
    assert replace(cell(), device="cuda:1").key == replace(cell(), device="cuda").key


def another(name: str, value: object) -> object:
    """Another valid value of a field of `CellInfo`."""
    if name == "environments":
        return {"id": EnvironmentInfo(version=7)}
    if name == "adapter":
        return {"digest": "1" * 64}
    if name == "perturbations":
        return PerturbationOptions(depth=3, draws=9)
    if isinstance(value, list):
        return [9, 9, 9] if name == "sizes" else [*value, "more"]
    if isinstance(value, str):
        return "1" * 64 if name == "corpus" else f"{value}x"
    assert isinstance(value, int | float)
    return value + 1


@pytest.mark.parametrize("name", CellInfo.model_fields)
def test_a_field_of_a_record_s_cell_changes_its_key(name: str) -> None:
    """All but the view, which is part of the scenario's name, and the options that the environments' versions hold."""
    info = cell().info
    changed = info.model_copy(update={name: another(name, getattr(info, name))})
    assert (changed.key({}) == info.key({})) == (name in ("view", "perturbations"))


def test_the_search_space_changes_the_key() -> None:
    assert cell().info.key({"a": 1}) != cell().info.key({"a": 2})


def test_only_the_version_and_not_the_kind_of_an_environment_changes_the_key() -> None:
    info = cell().info
    other = info.model_copy(update={"environments": {"id": EnvironmentInfo(kind="flip", subject="host")}})
    assert other.key({}) == info.key({})
