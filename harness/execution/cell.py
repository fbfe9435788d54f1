"""Cells, the unit of work, of caching, of failure and of distribution; and the tasks that worker processes get."""

import pickle
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from harness import registry
from harness.benchmark import BenchmarkRef
from harness.data.corpus import CorpusMeta
from harness.execution.budget import Budget, CellUsage
from harness.method import MethodInfo, MethodRef, Precision
from harness.protocol import PROTOCOL_VERSION
from harness.records.predictions import Predicted
from harness.records.schema import CellId, CellInfo, EnvironmentInfo, PerturbationOptions
from harness.scenario import ScenarioSpec, Sizes
from harness.scenarios.perturbed import NO_PERTURBED, PerturbedOptions


@dataclass(frozen=True)
class Cell:
    """One (method, benchmark, scenario, seed) under one budget, as the coordinator plans it.

    Attributes:
        benchmark: with the fingerprint of its data.
        perturbed: what the run added to the scenario, whose environments hold it already.
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
    perturbed: PerturbedOptions = NO_PERTURBED
    missing: str = ""

    @cached_property
    def info(self) -> CellInfo:
        """The record's ``cell`` part."""
        suites = self.perturbed.suites and not self.scenario.view
        return CellInfo(
            method=self.method.name,
            method_version=self.method.version,
            kind=self.method.kind,
            tags=sorted(self.method.tags),
            benchmark=self.corpus.name,
            corpus=self.corpus.hash,
            scenario=self.scenario.name,
            view=self.scenario.view,
            scenario_version=self.scenario.version,
            shift=self.scenario.shift,
            environments={
                name: EnvironmentInfo(version=spec.version, kind=spec.kind, subject=spec.subject)
                for name, spec in self.scenario.environments.items()
            },
            scored=list(self.scenario.scored),
            seed=self.seed,
            trials=self.budget.trials,
            seconds=self.budget.seconds,
            sampler=self.budget.sampler,
            pruner=self.budget.pruner,
            sizes=[self.sizes.train, self.sizes.validation, self.sizes.test],
            preset=self.preset,
            precision=self.precision,
            protocol=PROTOCOL_VERSION,
            adapter=self.method.adapter,
            perturbations=(
                PerturbationOptions(depth=self.perturbed.depth, draws=self.perturbed.draws) if suites else None
            ),
        )

    @cached_property
    def key(self) -> str:
        """SHA-256 (hex) of everything the result depends on."""
        return self.info.key(self.method.described_space)

    @property
    def id(self) -> CellId:
        """Where its record lies in a results folder."""
        return CellId(self.corpus.name, self.scenario.name, self.method.name, self.seed, self.key)

    @property
    def label(self) -> str:
        """A short name for progress lines and messages."""
        return f"{self.method.name} on {self.scenario.name}, seed {self.seed}"


def missing_for(method: MethodInfo, corpus: CorpusMeta) -> str:
    """Returns what the corpus lacks for a method that cannot do without it, or an empty string."""
    if "text" in method.tags and corpus.descriptions == 0:
        return "the corpus has no descriptions"
    return ""


@dataclass(frozen=True)
class Task:
    """What a worker process needs for its part of a cell; plain values, so that any process or machine can take it.

    Attributes:
        key: of the cell.
        label: for progress lines and messages.
        cell: what the cell is.
        benchmark: its data, with their fingerprint.
        perturbed: what the run adds to the scenario.
        plugins: absolute paths.
        adapter: what stands behind a method of a family.
        code: the pickled method, where a worker cannot import it by discovery.
    """

    key: str
    label: str
    cell: CellInfo
    benchmark: BenchmarkRef
    perturbed: PerturbedOptions = NO_PERTURBED
    plugins: tuple[str, ...] = ()
    adapter: MethodRef | None = None
    code: bytes = b""

    @property
    def budget(self) -> Budget:
        """The budget of the cell."""
        return Budget.of(self.cell)


@dataclass(frozen=True)
class RunTask(Task):
    """Tunes a method and scores it: the whole cell.

    Attributes:
        model: folder that takes the frozen predictor; empty where it is not kept.
    """

    model: str = ""


@dataclass(frozen=True)
class PrepareTask(Task):
    """Computes the step that the method shares with others, for one part of the scenario, and nothing else.

    Attributes:
        part: ``train``, ``validation``, or an environment's name.
    """

    part: str = ""


def method_of(task: Task) -> MethodInfo:
    """Returns the method of a task, whose plug-ins are loaded.

    Raises:
        UserError: it is not there, or cannot be opened on this machine.
    """
    if task.code:
        info: MethodInfo = pickle.loads(task.code)  # written by this run's own coordinator
        return info
    return registry.method(task.cell.method) if task.adapter is None else registry.open_method(task.adapter)


@dataclass(frozen=True)
class Outcome:
    """What a worker sends home: the reproducible result as plain values (none of a preparation), and what it cost."""

    result: dict[str, Any] | None
    spent: CellUsage
    not_kept: str = ""  # why the predictor is not in the folder that the task names for it
    predicted: Predicted = field(default_factory=dict)  # none of a view, which shows no whole payload
