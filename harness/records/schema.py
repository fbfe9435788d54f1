"""The schema of records: the cell, its reproducible result, and its provenance, which differs from run to run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from harness import hashing
from harness.evaluation.counts import Counts
from harness.scenario import DERIVED, EnvironmentKind

SCHEMA: Literal[4] = 4
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


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EnvironmentInfo(_Strict):
    """The description of an environment in a record."""

    version: int = 1
    kind: EnvironmentKind = "test"
    subject: str = Field(default="", description="the cue that is flipped, or the perturbation suite")

    @property
    def derived(self) -> bool:
        """Whether its payloads are changed payloads of another environment; such environments are not scored."""
        return self.kind in DERIVED


class PerturbationOptions(_Strict):
    """The options of the perturbed environments; in the key they are represented by the environments' versions."""

    depth: int = Field(description="most perturbations of one payload")
    draws: int = Field(description="independent draws of each payload")


class CellInfo(_Strict):
    """The description of a cell in plain values: everything that its key depends on, and its names."""

    method: str
    method_version: int
    kind: str
    tags: list[str]
    benchmark: str
    corpus: str = Field(description="content hash")
    scenario: str = Field(description="for a probe followed by @ and the view")
    view: str = Field(default="", description="for a probe, the visible part of each payload")
    scenario_version: int
    shift: str
    environments: dict[str, EnvironmentInfo] = Field(description="by name")
    scored: list[str] = Field(description="environments whose macro-F1 enters the score")
    seed: int
    trials: int
    seconds: float
    sampler: str
    pruner: str
    sizes: list[int | None] = Field(description="most rows of train, validation and each environment")
    preset: str
    precision: str
    protocol: int
    adapter: dict[str, Any] | None = Field(
        default=None, description="for a method of a family or in memory: its content"
    )
    perturbations: PerturbationOptions | None = Field(default=None, description="if the run added perturbation suites")

    @property
    def base_scenario(self) -> str:
        """The name of the scenario without a view."""
        return self.scenario.removesuffix(f"@{self.view}")

    def key(self, space: Mapping[str, Any]) -> str:
        """Returns the key of the cell: the SHA-256 (hex) of everything that its result depends on.

        Args:
            space: search space of the method, in plain values.
        """
        plain = self.model_dump(mode="json", exclude={"view", "perturbations"})
        if self.adapter is None:
            del plain["adapter"]
        seconds = (
            int(self.seconds) if float(self.seconds).is_integer() else self.seconds
        )  # 120 and 120.0 give the same key
        versions = {name: info.version for name, info in self.environments.items()}
        return hashing.of_json({**plain, "environments": versions, "seconds": seconds, "space": space})


class TrialRecord(_Strict):
    """One trial: a configuration and its scores."""

    number: int
    params: dict[str, Any]
    state: TrialState
    seed: int = Field(default=0, description="seed of the sampler that drew the configuration")
    macro_f1: float | None = Field(default=None, description="on validation")
    worst_group: float | None = Field(default=None, description="lowest group accuracy on validation")
    examples: int = Field(default=0, description="training examples, as the method counts them")
    steps: int = Field(default=0, description="optimizer steps, as the method counts them")
    reports: list[tuple[int, float]] = Field(default_factory=list, description="step and score, higher is better")
    reason: str | None = None


class PerturbationCounts(_Strict):
    """Counts of the rows and draws of one perturbed environment."""

    left_out: dict[str, int] = Field(description="rows of all draws, by reason")
    draws: dict[str, dict[str, int]] = Field(
        description="numbers of draws, no-ops, rejected and kept draws, by perturbation"
    )
    base: str = Field(default="", description="its rows unchanged, a table: unit, true, predicted, rows")
    worst: str = Field(default="", description="its rows in their worst draw, a table: unit, true, predicted, rows")


class Result(_Strict):
    """The reproducible result: identical in all runs on one processor model and set of package versions."""

    classes: list[str]
    rows: dict[str, int] = Field(description="rows of train and validation")
    best_trial: int
    params: dict[str, Any]
    limited_by: LimitedBy
    selected_by: SelectedBy
    trials: list[TrialRecord]
    metrics: dict[str, dict[str, float]] = Field(description="by environment and metric")
    predictions: dict[str, str] = Field(description="hash of the predicted classes by environment")
    units: list[str] = Field(description="resampling units, sorted; tables contain their indices")
    counts: dict[str, str] = Field(
        description="by environment, a table: unit, true class, predicted class, confidence bin (-1: none), rows"
    )
    confidence: dict[str, list[int]] = Field(
        default_factory=dict, description="by environment, the sum of each bin's confidence in millionths"
    )
    flips: dict[str, str] = Field(
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
    perturbations: dict[str, PerturbationCounts] = Field(default_factory=dict, description="by perturbed environment")
    notes: list[str] = Field(default_factory=list, description="sentences about the scenario's draw and the predictor")

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
        )


class Failure(_Strict):
    """The reason why a cell ended without a result."""

    kind: FailureKind
    reason: str
    detail: str = ""


class TrialCost(_Strict):
    """Seconds and memory of one trial."""

    compute_seconds: float
    shared_seconds: float
    wall_seconds: float
    peak_memory_mb: float


class Provenance(_Strict):
    """Time, cost, machine and code of a run of the cell; differs from run to run."""

    created: str = ""
    wall_seconds: float = 0.0
    compute_seconds: float = 0.0
    shared_seconds: float = Field(default=0.0, description="full recorded cost of the shared steps that the cell used")
    trials: list[TrialCost] = Field(default_factory=list, description="one per trial of the result, in order")
    predict_seconds: float = 0.0
    peak_memory_mb: float = 0.0
    machine: dict[str, str] = Field(default_factory=dict)
    packages: dict[str, str] = Field(default_factory=dict)
    source: dict[str, str] = Field(default_factory=dict)
    command: str = ""


class Record(_Strict):
    """The record of a cell, as stored in its file."""

    schema_version: Literal[4] = SCHEMA
    key: str
    status: Status
    cell: CellInfo
    result: Result | None = None
    failure: Failure | None = None
    provenance: Provenance

    @property
    def id(self) -> CellId:
        """Identifies the cell of the record."""
        return CellId(self.cell.benchmark, self.cell.scenario, self.cell.method, self.cell.seed, self.key)
