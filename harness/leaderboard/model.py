"""What a board holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from harness.statistics.bootstrap import WorstGroup
from harness.statistics.contrasts import Claim
from harness.statistics.intervals import Interval
from harness.statistics.robustness import Robustness

Column = tuple[str, str]  # scenario and environment
Place = tuple[str, int]  # scenario and seed
Track = Literal["free", "groups", "span", "fixed"]
TRACKS: Mapping[Track, str] = {
    "free": "learn from payloads and labels, and from descriptions where there are",
    "groups": "are also told groups, sources or cue values of training rows",
    "span": "are also told where the attack lies, an advantage on planted cues",
    "fixed": "are not trained here",
}


@dataclass(frozen=True)
class Spent:
    """What a method used.

    Attributes:
        trials: begun, over all cells with a result.
        asked: over all cells.
        training_seconds: compute seconds of tuning per cell, without shared steps; None without a result.
        shared_seconds: recorded cost of the shared steps that a cell used, in full, per cell.
        micros_per_payload: compute time of prediction per payload of all environments, in microseconds.
    """

    trials: int
    asked: int
    training_seconds: float | None
    shared_seconds: float | None
    micros_per_payload: float | None


@dataclass(frozen=True)
class Row:
    """One method's line.

    Attributes:
        track: what it is handed decides whom it is ranked with.
        rank: 1 is best of its track; None where the method is not ranked (see ``why_unranked``).
        ranks: interval of the rank by the bootstrap; None where the method is not ranked.
        letters: methods of a track that share one cannot be told apart; empty where the method is not ranked.
        score: mean over seeds of the score, with its interval; None where no scored environment was reached.
        bootstrap: percentile interval of the score by the crossed bootstrap, on boards that rank.
        id: macro-F1 in the ``id`` environments, with the weights that their scenarios have in the score.
        worst: lowest mean macro-F1 over scored environments, and its ``scenario/environment``.
        worst_group: lowest accuracy over classes in scored environments, on boards that rank.
        calibration: mean expected calibration error in ``id`` and in scored environments.
        figures: mean over seeds of every metric, by (scenario, environment), without failed cells; derived
            environments and cells that few methods have included.
        curve: expected best validation macro-F1 of 1, 2 … random trials, mean over cells; empty where there are none.
        done: cells with a result of its own.
        failed: reason by scenario and seed of each failed cell.
        missing: expected cells without a record, or failed without a fallback.
    """

    method: str
    version: int
    kind: str
    tags: tuple[str, ...]
    track: Track
    rank: int | None
    ranks: tuple[int, int] | None
    letters: str
    why_unranked: str
    score: Interval | None
    by_seed: Mapping[int, float]
    bootstrap: tuple[float, float] | None
    id: float | None
    worst: tuple[float, str] | None
    worst_group: WorstGroup | None
    calibration: tuple[float | None, float | None]
    figures: Mapping[Column, Mapping[str, float]]
    curve: tuple[float, ...]
    spent: Spent
    done: int
    failed: Mapping[Place, str]
    missing: tuple[Place, ...]
    not_applicable: int
    stale: int

    @property
    def gap(self) -> float | None:
        """In-distribution macro-F1 minus the score: never ranked by, since it rewards weak models."""
        return None if self.id is None or self.score is None else self.id - self.score.mean

    @property
    def lacking(self) -> list[Place]:
        """Expected cells without a record."""
        return [place for place in self.missing if place not in self.failed]

    @property
    def complete(self) -> bool:
        """Whether it has a score in every cell of the board, its own or the fallback's."""
        return self.score is not None and not self.missing and not self.not_applicable

    def figure(self, column: Column, metric: str = "macro_f1") -> float | None:
        """Mean over seeds of a metric in a (scenario, environment); None where there is none."""
        return self.figures.get(column, {}).get(metric)


@dataclass(frozen=True)
class Effect:
    """A method less its base, the first of its contrasts, paired over seeds; only what both have figures for.

    Attributes:
        id: difference of macro-F1 in ``id``, by scenario.
        shifted: the same of the mean over scored environments.
        flip_rate: difference of how often one flipped cue changes a prediction, by cue, mean over scenarios.
    """

    method: str
    base: str
    id: Mapping[str, Interval]
    shifted: Mapping[str, Interval]
    flip_rate: Mapping[str, Interval]


@dataclass(frozen=True)
class Board:
    """The board of one corpus under one budget.

    Attributes:
        ranked: whether its preset ranks.
        columns: the scenarios' own environments.
        rows: methods with a record of today, best first.
        probes: macro-F1 of what a view of the input tells, by (view, scenario/environment), with its learner.
        left_out: rows and draws that perturbations left out or had rejected, in words.
        notes: what scenarios left out, and stale records.
        claims: verdicts on the claims of methods that make one, on boards that rank.
        effects: what these methods mend and break beside the first of their contrasts, on boards that rank.
        robustness: effective robustness, on boards that rank.
    """

    benchmark: str
    corpus: str
    preset: str
    ranked: bool
    trials: int
    seconds: float
    sampler: str
    pruner: str
    precision: str
    sizes: tuple[int | None, ...]
    seeds: tuple[int, ...]
    scenarios: Mapping[str, str]
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    probes: Mapping[tuple[str, str], float]
    left_out: tuple[str, ...]
    notes: tuple[str, ...]
    claims: tuple[Claim, ...]
    effects: tuple[Effect, ...]
    robustness: Robustness | None
    provenance: Mapping[str, str]

    def of_track(self, track: Track) -> list[Row]:
        """Returns the rows of a track, best first."""
        return [row for row in self.rows if row.track == track]


def track_of(kind: str, tags: tuple[str, ...]) -> Track:
    """Returns the track of a method: by what it is handed, and ``fixed`` where it is not trained here."""
    if kind == "fixed":
        return "fixed"
    return "span" if "span" in tags else "groups" if "groups" in tags else "free"
