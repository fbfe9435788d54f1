"""Data classes of a board: its rows, costs and per-scenario differences."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from harness.records.schema import EnvironmentInfo
from harness.statistics.components import Components
from harness.statistics.contrasts import Claim
from harness.statistics.intervals import Interval, Sample
from harness.statistics.robustness import Robustness
from harness.statistics.worst_case import WorstGroup

Column = tuple[str, str]  # scenario and environment
ScenarioSeed = tuple[str, int]  # a cell of a given method and benchmark
Track = Literal["free", "groups", "span", "rules", "fixed"]
TRACKS: Mapping[Track, str] = {
    "free": "learn from payloads and labels, and from descriptions if the corpus has them",
    "groups": "also get groups, sources or cue values of training rows",
    "span": "also get the byte range of the attack, an advantage on planted cues",
    "rules": "also use rules for attacks that people wrote",
    "fixed": "are not trained by the benchmark",
}


@dataclass(frozen=True)
class Cost:
    """Trials and compute time of a method.

    Attributes:
        trials: trials that were started, over all cells with a result.
        trials_requested: trials of the budget, over all cells.
        training_seconds: mean compute seconds of tuning per cell, without shared steps; None without a result.
        shared_seconds: mean recorded cost per cell of the shared steps that it used, in full; None without a result.
        micros_per_payload: compute time of scoring per payload of all environments, in microseconds.
    """

    trials: int
    trials_requested: int
    training_seconds: float | None
    shared_seconds: float | None
    micros_per_payload: float | None


@dataclass(frozen=True)
class Row:
    """Results of one method on a board.

    Attributes:
        track: methods with the same inputs, which are ranked together.
        rank: 1 is the best of its track; None if the method is not ranked (see ``unranked_reason``).
        ranks: interval of the rank by the bootstrap; None if the method is not ranked.
        letters: methods of a track that share a letter do not differ significantly; empty if the method is not ranked.
        score: mean over seeds of the score, with its interval; None if no scored environment was evaluated.
        by_seed: score of each seed.
        components: standard deviations of a seed's score, by their source; None without a score.
        by_shift: mean over seeds of the score over the scenarios of one shift type, with its interval, by shift type.
        shift_ranks: rank within the track by each of these; empty if the method is not ranked.
        default: score of the default configuration (trial 0), with its interval; None if records lack its tests.
        selection_gap: score that the best trial of each cell by its tests would give (an oracle) minus the score; None
            if records lack the tests of their trials.
        not_default: share of its finished cells whose selected trial is not the default configuration; None without.
        unread: mean share of the attacks' bytes beyond the length up to which the method reads; None without a limit.
        inputs: number of finished cells by the input form of the selected configuration; empty if it searches none.
        bootstrap: percentile interval of the score by the crossed bootstrap, on boards that rank.
        id: macro-F1 in the ``id`` environments, with the weights that their scenarios have in the score.
        worst: lowest mean macro-F1 over scored environments, and its ``scenario/environment``.
        worst_tenth: mean accuracy of the worst tenth of (scored environment, class) pairs, with its interval; None
            without a score. Environments that flip all cues are left out, here and in ``worst_group``.
        worst_group: accuracy of the pair that is worst in the other folds; None with fewer than two folds.
        calibration: expected calibration error in ``id`` and in scored environments, weighted as the score.
        metrics: mean over seeds of every metric, by (scenario, environment), without failed cells; includes derived
            environments and cells that few methods have.
        curve: expected best validation macro-F1 of 1, 2 … random trials, mean over cells; empty without such trials.
        done: number of cells with a result of the method itself.
        failed: reason of failure of each failed cell.
        missing: expected cells without a record, or that failed without a fallback record.
        not_applicable: number of cells that the method cannot run.
        stale: number of records of older versions.
        sample: the score of each seed in the order of ``by_seed``, with folds and influences; None without a score.
    """

    method: str
    version: int
    kind: str
    tags: tuple[str, ...]
    track: Track
    rank: int | None
    ranks: tuple[int, int] | None
    letters: str
    unranked_reason: str
    score: Interval | None
    by_seed: Mapping[int, float]
    components: Components | None
    bootstrap: tuple[float, float] | None
    id: float | None
    worst: tuple[float, str] | None
    worst_tenth: Interval | None
    worst_group: WorstGroup | None
    calibration: tuple[float | None, float | None]
    metrics: Mapping[Column, Mapping[str, float]]
    curve: tuple[float, ...]
    cost: Cost
    done: int
    failed: Mapping[ScenarioSeed, str]
    missing: tuple[ScenarioSeed, ...]
    not_applicable: int
    stale: int
    by_shift: Mapping[str, Interval] = field(default_factory=dict)
    shift_ranks: Mapping[str, int] = field(default_factory=dict)
    default: Interval | None = None
    selection_gap: float | None = None
    not_default: float | None = None
    inputs: Mapping[str, int] = field(default_factory=dict)
    unread: float | None = None
    sample: Sample | None = field(default=None, compare=False)

    @property
    def gap(self) -> float | None:
        """ID macro-F1 minus the score. Methods are never ranked by it, since it rewards weak models."""
        return None if self.id is None or self.score is None else self.id - self.score.mean

    @property
    def unrecorded(self) -> list[ScenarioSeed]:
        """Expected cells without a record."""
        return [place for place in self.missing if place not in self.failed]

    @property
    def complete(self) -> bool:
        """Whether it has a score in every cell of the board, its own or the fallback's."""
        return self.score is not None and not self.missing and not self.not_applicable

    def metric(self, column: Column, name: str = "macro_f1") -> float | None:
        """Returns the mean over seeds of a metric in a (scenario, environment); None if it was not measured."""
        return self.metrics.get(column, {}).get(name)


@dataclass(frozen=True)
class Effect:
    """Differences between a method and its base, the first of its contrasts, paired over seeds.

    Scenarios and cues that only one of the two was evaluated on are left out.

    Attributes:
        id: difference in macro-F1 in ``id``, by scenario.
        shifted: difference in mean macro-F1 over scored environments, by scenario.
        flip_rate: difference in how often flipping one cue changes a prediction, by cue, mean over scenarios.
    """

    method: str
    base: str
    id: Mapping[str, Interval]
    shifted: Mapping[str, Interval]
    flip_rate: Mapping[str, Interval]


class Setting(NamedTuple):
    """Protocol, corpus, budget and precision, which all records of one board share."""

    protocol: int
    benchmark: str
    corpus: str
    preset: str
    trials: int
    seconds: float
    sampler: str
    pruner: str
    precision: str
    sizes: tuple[int | None, ...]


@dataclass(frozen=True)
class Board:
    """Results of all methods on one corpus with one budget.

    Attributes:
        setting: the corpus, the budget and the precision.
        ranked: whether methods are ranked with this preset.
        scenarios: shift type of each scenario.
        environments: version and kind of each environment, derived ones included, by name.
        columns: the scenarios' own environments.
        rows: methods with a record of the current version, best first.
        probes: macro-F1 of a learner that sees one view of the input, by (view and learner, scenario/environment).
        perturbation_counts: rows left out and draws rejected by perturbations, in words.
        notes: notes of scenarios and methods, stale records, and cells that count in no score.
        claims: verdicts on the claims of methods that make one; empty on boards that do not rank.
        effects: differences between these methods and their first contrasts; empty on boards that do not rank.
        robustness: effective robustness; None on boards that do not rank.
        shared_units: number of test units, if all seeds test the same ones; 0 if each seed tests its own fold.
    """

    setting: Setting
    ranked: bool
    seeds: tuple[int, ...]
    scenarios: Mapping[str, str]
    environments: Mapping[str, EnvironmentInfo]
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    probes: Mapping[tuple[str, str], float]
    perturbation_counts: tuple[str, ...]
    notes: tuple[str, ...]
    claims: tuple[Claim, ...]
    effects: tuple[Effect, ...]
    robustness: Robustness | None
    provenance: Mapping[str, str]
    shared_units: int

    def of_track(self, track: Track) -> list[Row]:
        """Returns the rows of a track, best first."""
        return [row for row in self.rows if row.track == track]


def track_of(kind: str, tags: tuple[str, ...]) -> Track:
    """Returns the track of a method, from its kind and the inputs that its tags ask for."""
    if kind == "fixed":
        return "fixed"
    tracks: tuple[Track, ...] = ("rules", "span", "groups")
    return next((track for track in tracks if track in tags), "free")
