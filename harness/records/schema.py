"""The schema of records: the cell, its reproducible result, and its provenance, which differs from run to run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, model_validator

from harness import hashing
from harness.evaluation.counts import Counts, check_tables
from harness.method import PLUGIN
from harness.records.fields import (
    Amount,
    Count,
    DistinctNames,
    Duration,
    Hash,
    Integer,
    Metrics,
    Name,
    Plain,
    Positive,
    Share,
    SortedNames,
    StrictModel,
    Text,
)
from harness.scenario import DERIVED, EnvironmentKind

SCHEMA: Literal[4] = 4
CPU = "cpu"
Status = Literal["done", "failed", "not-applicable"]
LimitedBy = Literal["trials", "space", "seconds"]
TrialState = Literal["complete", "pruned", "failed", "over-budget"]
FailureKind = Literal["exception", "memory", "over-budget", "wall-limit", "died"]
SelectedBy = Literal["macro_f1", "worst_group"]


@dataclass(frozen=True)
class CellId:
    """Identifies the cell of a record: everything that its path in a results folder depends on."""

    benchmark: str
    scenario: str
    method: str
    seed: int
    key: str


class EnvironmentInfo(StrictModel):
    """The description of an environment in a record."""

    version: Count = 1
    kind: EnvironmentKind = "test"
    subject: Text = Field(default="", description="the cue that is flipped, or the perturbation suite")

    @property
    def derived(self) -> bool:
        """Whether its payloads are changed payloads of another environment; such environments are not scored."""
        return self.kind in DERIVED


class PerturbationOptions(StrictModel):
    """The options of the perturbed environments; in the key they are represented by the environments' versions."""

    depth: Positive = Field(description="most perturbations of one payload")
    draws: Positive = Field(description="independent draws of each payload")


class CellInfo(StrictModel):
    """The description of a cell in plain values: everything that its key depends on, and its names."""

    method: Name
    method_version: Count
    kind: Text
    tags: list[Name]
    benchmark: Name
    corpus: Hash = Field(description="content hash")
    scenario: Name = Field(description="for a probe followed by @ and the view")
    view: Text = Field(default="", description="for a probe, the visible part of each payload")
    scenario_version: Count
    shift: Text
    environments: dict[Name, EnvironmentInfo] = Field(description="by name")
    scored: list[Name] = Field(description="environments whose macro-F1 enters the score")
    seed: Count
    trials: Positive
    seconds: Duration
    sampler: Text
    pruner: Text
    sizes: list[Positive | None] = Field(
        min_length=3, max_length=3, description="most rows of train, validation and each environment"
    )
    preset: Text
    precision: Text
    device: Text = Field(default=CPU, description="where torch computed, without the number of a GPU")
    protocol: Count
    adapter: Plain | None = Field(
        default=None, description="for a method of a family, of a plug-in or in memory: its content"
    )
    perturbations: PerturbationOptions | None = Field(default=None, description="if the run added perturbation suites")

    @property
    def base_scenario(self) -> str:
        """The name of the scenario without a view."""
        return self.scenario.removesuffix(f"@{self.view}")

    @property
    def plugin(self) -> str:
        """Digest of the plug-in that registered the method; empty if none did."""
        return str((self.adapter or {}).get(PLUGIN, ""))

    def key(self, space: Mapping[str, Any]) -> str:
        """Returns the key of the cell: the SHA-256 (hex) of everything that its result depends on.

        Args:
            space: search space of the method, in plain values.
        """
        plain = self.model_dump(mode="json", exclude={"view", "perturbations"})
        if self.adapter is None:
            del plain["adapter"]
        if self.device == CPU:  # older records have no device
            del plain["device"]
        seconds = (
            int(self.seconds) if float(self.seconds).is_integer() else self.seconds
        )  # 120 and 120.0 give the same key
        versions = {name: info.version for name, info in self.environments.items()}
        return hashing.of_json({**plain, "environments": versions, "seconds": seconds, "space": space})


class TrialRecord(StrictModel):
    """One trial: a configuration and its scores."""

    number: Count
    params: Plain
    state: TrialState
    seed: Count = Field(default=0, description="seed of the sampler that drew the configuration")
    macro_f1: Share | None = Field(default=None, description="on validation")
    worst_group: Share | None = Field(default=None, description="lowest group accuracy on validation")
    examples: Count = Field(default=0, description="training examples, as the method counts them")
    steps: Count = Field(default=0, description="optimizer steps, as the method counts them")
    test_macro_f1: dict[Name, Share] = Field(
        default_factory=dict, description="by environment, computed after the selection; empty unless complete"
    )
    reports: list[tuple[Integer, float]] = Field(default_factory=list, description="step and score, higher is better")
    reason: Text | None = None


class PerturbationCounts(StrictModel):
    """Counts of the rows and draws of one perturbed environment."""

    left_out: dict[Name, Count] = Field(description="rows of all draws, by reason")
    draws: dict[Name, dict[Name, Count]] = Field(
        description="numbers of draws, no-ops, rejected and kept draws, by perturbation"
    )
    base: str = Field(default="", description="its rows unchanged, a table: unit, true, predicted, rows")
    worst: str = Field(default="", description="its rows in their worst draw, a table: unit, true, predicted, rows")


class Result(StrictModel):
    """The reproducible result: identical in all runs on one processor model and set of package versions."""

    classes: DistinctNames
    rows: dict[Name, Count] = Field(description="rows of train and validation")
    best_trial: Count
    params: Plain
    limited_by: LimitedBy
    selected_by: SelectedBy
    trials: list[TrialRecord]
    metrics: dict[Name, Metrics] = Field(description="by environment and metric")
    predictions: dict[Name, Hash] = Field(description="hash of the predicted classes by environment")
    units: SortedNames = Field(description="resampling units, sorted; tables contain their indices")
    counts: dict[Name, str] = Field(
        description="by environment, a table: unit, true class, predicted class, confidence bin (-1: none), rows"
    )
    confidence: dict[Name, list[Count]] = Field(
        default_factory=dict, description="by environment, the sum of each bin's confidence in millionths"
    )
    flips: dict[Name, str] = Field(
        default_factory=dict,
        description="by environment with flipped cues or changed payloads, a table: unit, rows whose prediction "
        "differs from that under neutral cues (on the unchanged payload), rows predicted as the cues' class, such rows "
        "before",
    )
    occlusion: str = Field(
        default="",
        description="for payloads without their attack, a table in millionths: unit, sums of the decrease of the "
        "predicted class's probability without the attack and with it alone, and of the attack's share of the bytes",
    )
    trained: list[Count] = Field(
        default_factory=list,
        description="if units are CVEs, indices of those that training has rows of; older records lack it",
    )
    perturbations: dict[Name, PerturbationCounts] = Field(default_factory=dict, description="by perturbed environment")
    unread: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="share of the attacks' bytes in the rows of the first environment that lie beyond the length up to "
        "which the method reads; null without such a limit, or without attack spans",
    )
    notes: list[Text] = Field(default_factory=list, description="sentences about the scenario's draw and the predictor")

    @model_validator(mode="after")
    def _is_consistent(self) -> "Result":
        if self.rows.keys() != {"train", "validation"}:
            raise ValueError("rows must have train and validation")
        numbers = [trial.number for trial in self.trials]
        if len(set(numbers)) != len(numbers) or self.best_trial not in numbers:
            raise ValueError(f"best_trial is {self.best_trial}, but the trials are numbered {_listing(numbers)}")
        check_tables(self.tables)
        return self

    @property
    def tables(self) -> Counts:
        """The counts from which the metrics are computed."""
        changed = {name: counts for name, counts in self.perturbations.items() if counts.base}
        return Counts(
            self.classes,
            self.units,
            self.counts,
            self.confidence,
            self.flips,
            {name: counts.base for name, counts in changed.items()},
            {name: counts.worst for name, counts in changed.items()},
            self.occlusion,
            self.trained,
        )


class Failure(StrictModel):
    """The reason why a cell ended without a result."""

    kind: FailureKind
    reason: Text
    detail: Text = ""


class TrialCost(StrictModel):
    """Seconds and memory of one trial."""

    compute_seconds: Amount
    shared_seconds: Amount
    wall_seconds: Amount
    peak_memory_mb: Amount


class Provenance(StrictModel):
    """Time, cost, machine and code of a run of the cell; differs from run to run."""

    created: Text = ""
    wall_seconds: Amount = 0.0
    compute_seconds: Amount = 0.0
    shared_seconds: Amount = Field(default=0.0, description="full recorded cost of the shared steps that the cell used")
    trials: list[TrialCost] = Field(default_factory=list, description="one per trial of the result, in order")
    predict_seconds: Amount = 0.0
    trial_scoring_seconds: Amount = Field(default=0.0, description="of scoring the trials that were not selected")
    peak_memory_mb: Amount = 0.0
    peak_device_memory_mb: Amount | None = Field(
        default=None, description="as torch allocated it; null on the processor"
    )
    machine: dict[Text, Text] = Field(default_factory=dict)
    packages: dict[Text, Text] = Field(default_factory=dict)
    source: dict[Text, Text] = Field(default_factory=dict)
    command: Text = ""


class Record(StrictModel):
    """The record of a cell, as stored in its file."""

    schema_version: Literal[4] = SCHEMA
    key: Hash
    status: Status
    cell: CellInfo
    result: Result | None = None
    failure: Failure | None = None
    provenance: Provenance

    @model_validator(mode="after")
    def _is_consistent(self) -> "Record":
        if (self.result is not None, self.failure is not None) != (self.status == "done", self.status == "failed"):
            raise ValueError(f"the status {self.status} does not match whether there is a result or a failure")
        if self.result is not None:
            for name in sorted(self.result.metrics.keys() | self.result.counts.keys()):
                if name not in self.cell.environments:
                    raise ValueError(f"the cell does not list the environment {name} of the result")
            for name in self.cell.scored:
                if "macro_f1" not in self.result.metrics.get(name, {}):
                    raise ValueError(f"the scored environment {name} has no macro_f1")
        return self

    @property
    def id(self) -> CellId:
        """Identifies the cell of the record."""
        return CellId(self.cell.benchmark, self.cell.scenario, self.cell.method, self.cell.seed, self.key)


def _listing(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers[:5])) + (", …" if len(numbers) > 5 else "") or "by nothing: there are none"
