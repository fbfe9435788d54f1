"""The record of a cell: what it is, what came out (reproducible), and how it came about (not reproducible)."""

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
    """Which cell a record is of: all that its place in a results folder depends on."""

    benchmark: str
    scenario: str
    method: str
    seed: int
    key: str


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EnvironmentInfo(_Strict):
    """What a record says of one of its environments."""

    version: int = 1
    kind: EnvironmentKind = "test"
    subject: str = Field(default="", description="the cue that is flipped, or the perturbation suite")

    @property
    def derived(self) -> bool:
        """Whether its payloads are changed ones of another environment; such ones enter no score."""
        return self.kind in DERIVED


class PerturbationOptions(_Strict):
    """How the perturbed environments were made; their versions stand for it in the key."""

    depth: int = Field(description="most perturbations of one payload")
    draws: int = Field(description="independent draws of each payload")


class CellInfo(_Strict):
    """What a cell is, in plain values; everything that its key is made of, and what names it for a reader."""

    method: str
    method_version: int
    kind: str
    tags: list[str]
    benchmark: str
    corpus: str = Field(description="content hash")
    scenario: str = Field(description="of a probe with @ and its view behind the name")
    view: str = Field(default="", description="of a probe, the part of each payload that is shown")
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
        default=None, description="of a method of a family, or in memory: what stands behind it"
    )
    perturbations: PerturbationOptions | None = Field(default=None, description="where suites were asked for")

    @property
    def base_scenario(self) -> str:
        """The scenario's name without that of a view."""
        return self.scenario.removesuffix(f"@{self.view}")

    def key(self, space: Mapping[str, Any]) -> str:
        """Returns the cell's key: the SHA-256 (hex) of everything that its result depends on.

        Args:
            space: the method's search space, in plain values.
        """
        plain = self.model_dump(mode="json", exclude={"view", "perturbations"})
        if self.adapter is None:
            del plain["adapter"]
        seconds = int(self.seconds) if float(self.seconds).is_integer() else self.seconds  # 120 and 120.0 are one
        versions = {name: info.version for name, info in self.environments.items()}
        return hashing.of_json({**plain, "environments": versions, "seconds": seconds, "space": space})


class TrialRecord(_Strict):
    """One configuration that was tried."""

    number: int
    params: dict[str, Any]
    state: TrialState
    seed: int = Field(default=0, description="of the draw of its configuration")
    macro_f1: float | None = Field(default=None, description="on validation")
    worst_group: float | None = Field(default=None, description="lowest group accuracy on validation")
    examples: int = Field(default=0, description="training examples seen, as the method counts them")
    steps: int = Field(default=0, description="optimiser steps, as the method counts them")
    reports: list[tuple[int, float]] = Field(default_factory=list, description="step and score, higher is better")
    reason: str | None = None


class PerturbationCounts(_Strict):
    """What became of the rows and draws of one derived environment."""

    left_out: dict[str, int] = Field(description="rows of all draws, by reason")
    draws: dict[str, dict[str, int]] = Field(description="draws, no-ops, rejected and kept ones, by perturbation")
    base: str = Field(default="", description="its rows as they were, a table: unit, true, predicted, rows")
    worst: str = Field(default="", description="its rows in their worst draw, a table: unit, true, predicted, rows")


class Result(_Strict):
    """What two runs of the same cell share to the last digit (one processor model, one set of pins)."""

    classes: list[str]
    rows: dict[str, int] = Field(description="rows of train and validation")
    best_trial: int
    params: dict[str, Any]
    limited_by: LimitedBy
    selected_by: SelectedBy
    trials: list[TrialRecord]
    metrics: dict[str, dict[str, float]] = Field(description="by environment and metric")
    predictions: dict[str, str] = Field(description="hash of the predicted classes by environment")
    units: list[str] = Field(description="resampling units, sorted; the tables hold their places")
    counts: dict[str, str] = Field(
        description="by environment, a table: unit, true class, predicted class, bin of confidence (-1: not kept), rows"
    )
    confidence: dict[str, list[int]] = Field(
        default_factory=dict, description="by environment, the sum of each bin's confidence in millionths"
    )
    flips: dict[str, str] = Field(
        default_factory=dict,
        description="by environment with flipped cues or changed payloads, a table: unit, rows whose prediction is "
        "another than under neutral cues (on the payload as it was), rows predicted as the cues' class, rows so before",
    )
    occlusion: str = Field(
        default="",
        description="of payloads without their attack, a table in millionths: unit, sums of the fall of the predicted "
        "class's probability without the attack and with it alone, and of the attack's share of the bytes",
    )
    perturbations: dict[str, PerturbationCounts] = Field(default_factory=dict, description="by derived environment")
    notes: list[str] = Field(default_factory=list, description="of the scenario's draw and of the predictor")

    @property
    def tables(self) -> Counts:
        """The counts that its metrics are computed from."""
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
    """Why a cell ended without a result."""

    kind: FailureKind
    reason: str
    detail: str = ""


class TrialCost(_Strict):
    """What one trial used."""

    compute_seconds: float
    shared_seconds: float
    wall_seconds: float
    peak_memory_mb: float


class Provenance(_Strict):
    """How the record came about; differs from run to run."""

    created: str = ""
    wall_seconds: float = 0.0
    compute_seconds: float = 0.0
    shared_seconds: float = Field(default=0.0, description="recorded cost of the shared steps it used, in full")
    trials: list[TrialCost] = Field(default_factory=list, description="one per trial of the result, in order")
    predict_seconds: float = 0.0
    peak_memory_mb: float = 0.0
    machine: dict[str, str] = Field(default_factory=dict)
    packages: dict[str, str] = Field(default_factory=dict)
    source: dict[str, str] = Field(default_factory=dict)
    command: str = ""


class Record(_Strict):
    """One cell's file."""

    schema_version: Literal[4] = SCHEMA
    key: str
    status: Status
    cell: CellInfo
    result: Result | None = None
    failure: Failure | None = None
    provenance: Provenance

    @property
    def id(self) -> CellId:
        """Which cell it is of."""
        return CellId(self.cell.benchmark, self.cell.scenario, self.cell.method, self.cell.seed, self.key)
