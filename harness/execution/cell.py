"""Cells: the unit of work, of caching, of failure and of distribution, and the key that tells them apart."""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from harness import hashing, registry
from harness.benchmark import BenchmarkRef
from harness.data.corpus import CorpusMeta
from harness.execution.budget import Budget, Spent
from harness.method import MethodInfo, MethodRef, Precision
from harness.protocol import PROTOCOL_VERSION
from harness.records.predictions import Predicted
from harness.records.schema import CellId
from harness.scenario import ScenarioSpec, Sizes
from harness.scenarios.perturbed import NO_EXTRAS, Extras


@dataclass(frozen=True)
class Cell:
    """One (method, benchmark, scenario, seed) under one budget.

    Attributes:
        extras: what the run added to the scenario, whose environments and their versions tell it already.
        missing: what the corpus lacks for this method, empty when the cell can run.
    """

    method: MethodInfo
    benchmark: BenchmarkRef
    corpus: CorpusMeta
    scenario: ScenarioSpec
    seed: int
    budget: Budget
    sizes: Sizes
    preset: str
    precision: Precision
    extras: Extras = NO_EXTRAS
    missing: str = ""

    def info(self) -> dict[str, object]:
        """Returns the plain values of the record's ``cell`` part."""
        adapter = self.method.adapter
        return {
            "method": self.method.name,
            "method_version": self.method.version,
            "kind": self.method.kind,
            "tags": sorted(self.method.tags),
            "benchmark": self.corpus.name,
            "corpus": self.corpus.hash,
            "scenario": self.scenario.name,
            "scenario_version": self.scenario.version,
            "shift": self.scenario.shift,
            "environments": {name: env.version for name, env in self.scenario.environments.items()},
            "scored": list(self.scenario.scored),
            "seed": self.seed,
            "trials": self.budget.trials,
            "seconds": _plain(self.budget.seconds),
            "sampler": self.budget.sampler,
            "pruner": self.budget.pruner,
            "sizes": [self.sizes.train, self.sizes.validation, self.sizes.test],
            "preset": self.preset,
            "precision": self.precision,
            "protocol": PROTOCOL_VERSION,
            **({} if adapter is None else {"adapter": adapter}),
        }

    @cached_property
    def key(self) -> str:
        """SHA-256 (hex) of everything the result depends on."""
        return key_of(self.info(), self.method.described_space)

    @property
    def id(self) -> CellId:
        """What tells its record's place in a results folder."""
        return CellId(self.corpus.name, self.scenario.name, self.method.name, self.seed, self.key)

    @property
    def label(self) -> str:
        """A short name for progress lines and messages."""
        return f"{self.method.name} on {self.scenario.name}, seed {self.seed}"


def key_of(info: Mapping[str, Any], space: Mapping[str, Any]) -> str:
    """Returns the key of a cell from the plain values of its record and of its method's search space."""
    return hashing.of_json({**info, "seconds": _plain(info["seconds"]), "space": space})


def _plain(number: float) -> float:
    """Returns 120 for 120.0, so that both make the same key."""
    return int(number) if float(number).is_integer() else number


def missing_for(method: MethodInfo, corpus: CorpusMeta) -> str:
    """Returns what the corpus lacks for a method that cannot do without it, or an empty string."""
    if "text" in method.tags and corpus.descriptions == 0:
        return "the corpus has no descriptions"
    return ""


@dataclass(frozen=True)
class Task:
    """What a worker needs to run a cell; plain values, so that any process or machine can take it."""

    key: str
    label: str
    method: str
    benchmark: BenchmarkRef
    corpus: str
    scenario: str
    seed: int
    budget: Budget
    sizes: Sizes
    precision: Precision
    view: str = ""
    extras: Extras = NO_EXTRAS
    plugins: tuple[str, ...] = ()
    code: bytes = b""  # the pickled method, where a worker cannot import it by discovery
    adapter: MethodRef | None = None  # what stands behind a method of a family
    part: str | None = None  # prepare the method's shared step for this part of the scenario, and nothing else
    model: str = ""  # folder that takes the frozen predictor; empty where it is not kept


def method_of(task: Task) -> MethodInfo:
    """Returns the method of a task, whose plug-ins are loaded.

    Raises:
        UserError: it is not there, or cannot be opened on this machine.
    """
    if task.code:
        info: MethodInfo = pickle.loads(task.code)  # written by this run's own coordinator
        return info
    return registry.method(task.method) if task.adapter is None else registry.open_method(task.adapter)


@dataclass(frozen=True)
class Outcome:
    """What a worker sends home: the reproducible result as plain values (none of a preparation), and what it cost."""

    result: dict[str, Any] | None
    spent: Spent
    not_kept: str = ""  # why the predictor is not in the folder that the task names for it
    predicted: Predicted = field(default_factory=dict)  # none of a view, which shows no whole payload
