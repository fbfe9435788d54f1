"""Cells (one method on one scenario and seed, the unit of work, caching, failure and distribution) and worker tasks."""

import pickle
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from harness import registry
from harness.benchmark import BenchmarkRef
from harness.data.corpus import CorpusMeta
from harness.errors import UserError
from harness.execution.budget import Budget, CellUsage
from harness.execution.devices import device_type
from harness.method import MethodInfo, MethodRef, Precision
from harness.protocol import CURVE, PROTOCOL_VERSION
from harness.records.schema import CPU, CellId, CellInfo, EnvironmentInfo, PerturbationOptions
from harness.safe_text import encodable
from harness.scenario import ScenarioSpec, Sizes
from harness.scenarios.perturbed import NO_PERTURBED, PerturbedOptions


@dataclass(frozen=True)
class Cell:
    """One (method, benchmark, scenario, seed) under one budget, as the coordinator plans it.

    Attributes:
        benchmark: reference that holds the fingerprint of the data.
        perturbed: perturbed environments that the run adds; they are already among those of ``scenario``.
        device: where torch computes, ``cpu`` for a method without torch; the key does not have the number of a GPU.
        missing: what the corpus lacks for this method; empty if the cell can run.
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
    device: str = CPU
    perturbed: PerturbedOptions = NO_PERTURBED
    missing: str = ""

    @property
    def info(self) -> CellInfo:
        """The description of the cell, the ``cell`` part of its record."""
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
            device=device_type(self.device),
            protocol=PROTOCOL_VERSION,
            adapter=self.method.adapter,
            perturbations=(
                PerturbationOptions(depth=self.perturbed.depth, draws=self.perturbed.draws) if suites else None
            ),
        )

    @cached_property
    def key(self) -> str:
        """SHA-256 (hex) of everything that the result depends on."""
        return self.info.key(self.method.described_space)

    @property
    def id(self) -> CellId:
        """Identifies the record of the cell in a results folder."""
        corpus, scenario, method = map(encodable, (self.corpus.name, self.scenario.name, self.method.name))  # as `info`
        return CellId(corpus, scenario, method, self.seed, self.key)

    @property
    def label(self) -> str:
        """A short description for progress lines and messages."""
        rows = f", {self.sizes.train} rows" if self.preset == CURVE else ""
        return f"{self.method.name} on {self.scenario.name}, seed {self.seed}{rows}"


def missing_for(method: MethodInfo, corpus: CorpusMeta) -> str:
    """Returns what a method requires and the corpus lacks, or an empty string."""
    if "text" in method.tags and corpus.descriptions == 0:
        return "the corpus has no descriptions"
    return ""


@dataclass(frozen=True)
class Task:
    """The input of a worker process; plain values, so that it can be sent to any process or machine.

    Attributes:
        key: key of the cell.
        label: short description for progress lines and messages.
        cell: description of the cell.
        benchmark: reference to the data, with their fingerprint.
        perturbed: perturbed environments that the run adds to the scenario.
        plugins: absolute paths of plug-in files.
        adapter: reference of a method of a family (``FAMILY:ARGUMENT``); None for other methods.
        code: the pickled method, if a worker cannot import it by discovery; else empty.
        device: where torch computes, with the number of a GPU if it was given.
    """

    key: str
    label: str
    cell: CellInfo
    benchmark: BenchmarkRef
    perturbed: PerturbedOptions = NO_PERTURBED
    plugins: tuple[str, ...] = ()
    adapter: MethodRef | None = None
    code: bytes = b""
    device: str = CPU

    @property
    def budget(self) -> Budget:
        """The budget of the cell."""
        return Budget.of(self.cell)


@dataclass(frozen=True)
class RunTask(Task):
    """Runs a whole cell: tunes a method and scores it.

    Attributes:
        model: folder to save the frozen predictor in; empty if it is not saved.
        named: reference to the data as the user named them, whereas ``benchmark`` is where they are on this machine;
            None if both are the same.
    """

    model: str = ""
    named: BenchmarkRef | None = None


@dataclass(frozen=True)
class PrepareTask(Task):
    """Only computes the shared step of a method, for one part of the scenario.

    Attributes:
        part: ``train``, ``validation``, or an environment's name.
    """

    part: str = ""


def method_of(task: Task) -> MethodInfo:
    """Returns the method of a task; the plug-ins of the task must be loaded.

    Raises:
        UserError: the method is not registered, cannot be opened on this machine, or its plug-in is not the one that
            the run was planned with.
    """
    if task.code:
        info: MethodInfo = pickle.loads(task.code)  # trusted: written by the coordinator of this run
        return info
    if registry.plugin_of(task.cell.method) not in (None, task.cell.plugin):
        raise UserError(
            f"the plug-in of {task.cell.method}, or a module of yours that it imports, is not the one that the run was "
            "planned with; run again."
        )
    return registry.method(task.cell.method) if task.adapter is None else registry.open_method(task.adapter)


@dataclass(frozen=True)
class Outcome:
    """What a worker returns to the coordinator.

    Attributes:
        result: the reproducible part of the record in plain values; None for a `PrepareTask`.
        usage: compute seconds and memory.
        save_error: why the predictor could not be saved; empty if it was saved or did not have to be.
        predictions: the file of predictions (`harness.records.predictions`); empty if they are not kept.
    """

    result: dict[str, Any] | None
    usage: CellUsage
    save_error: str = ""
    predictions: bytes = b""
