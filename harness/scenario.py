"""The scenario contract: training data, validation data and the environments in which methods are tested."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from harness.data.corpus import CUE, Corpus
from harness.data.payloads import Payloads

ShiftType = Literal[
    "none",
    "spurious-correlation",
    "attribute-generalization",
    "class-imbalance",
    "label-scarcity",
    "temporal",
    "source",
]
Rows = npt.NDArray[np.int64]
NEUTRAL = "neutral"
SEEN, UNSEEN = "seen", "unseen"  # environments of the scenario ``zero-shot``
EXCISED, ATTACK_ONLY = "excised", "attack-only"  # payloads without their attack, and the attack alone
# ``test``: drawn by the scenario; ``flip``: the same rows with cues of another class. The other kinds are derived from
# one of these by changing its payloads, and never count towards a score.
EnvironmentKind = Literal["test", "flip", "perturbed", "excised", "attack-only"]
DERIVED: frozenset[EnvironmentKind] = frozenset(("perturbed", "excised", "attack-only"))


@dataclass(frozen=True)
class Rendered:
    """Payloads of an environment, with their attack spans and cue values.

    Attributes:
        payloads: n payloads.
        spans: per payload the flat byte offsets of the attack (start, end, start, end ...), None if unknown.
        cues: cue name to the value that each payload has, None if it has none.
    """

    payloads: Payloads
    spans: Sequence[Sequence[int] | None]
    cues: Mapping[str, Sequence[str | None]] = field(default_factory=dict)


class Transform(Protocol):
    """Renders corpus rows as payloads, deterministically: as stored, with assigned cues, or perturbed.

    It owns the rows that it was made for, so that neither can be exchanged without the other.
    """

    @property
    def rows(self) -> Rows:
        """Row ids in the corpus, int64 (n,)."""
        ...

    def __call__(self, corpus: Corpus) -> Rendered:
        """Returns one payload per row, in the order of ``rows``."""
        ...


@dataclass(frozen=True)
class StoredRows:
    """Renders the stored payloads of rows, with spans and cues from the columns ``span`` and ``cue.*``."""

    rows: Rows

    def __call__(self, corpus: Corpus) -> Rendered:
        """See `Transform`."""
        columns = [name for name in corpus.meta.columns if name.startswith(CUE)]
        table = corpus.table.select([*(("span",) if corpus.has("span") else ()), *columns]).take(self.rows)
        spans = table.column("span").to_pylist() if corpus.has("span") else [None] * len(self.rows)
        cues = {name.removeprefix(CUE): table.column(name).to_pylist() for name in columns}
        return Rendered(corpus.payloads(self.rows), spans, cues)


@dataclass(frozen=True)
class Environment:
    """A data set for training or testing: corpus rows with a deterministic transform, rendered on demand.

    Attributes:
        transform: the rows, and how they are rendered.
        target: int64 (n,), the wrong class that the cues of each row point to, None if cues are not misleading. The
            scenario's environment `NEUTRAL` then has the same rows with neutral cues.
        base: name of the environment whose payloads this one perturbs, which has each of these rows once; else empty.
        draws: how many times each row occurs; ``rows`` lists all rows of the first draw, then of the second ...
        groups: int64 (n,), group of each row, None if the scenario has no groups (see `Scenario.grouped_by`). All rows
            of a group have the same class.
        sources: int64 (n,), source of each row, -1 if unknown; None if the scenario has one source.
        labels: int64 (n,), the classes given to methods in training and validation; None for those of the corpus.
    """

    transform: Transform
    target: Rows | None = None
    base: str = ""
    draws: int = 1
    groups: Rows | None = None
    sources: Rows | None = None
    labels: Rows | None = None

    @property
    def rows(self) -> Rows:
        """Row ids in the corpus, int64 (n,)."""
        return self.transform.rows

    def render(self, corpus: Corpus) -> Payloads:
        """Returns the payloads of this environment."""
        return self.rendered(corpus).payloads

    def rendered(self, corpus: Corpus) -> Rendered:
        """Returns the payloads of this environment with their attack spans and cue values."""
        return self.transform(corpus)


@dataclass(frozen=True)
class EnvironmentSpec:
    """Declaration of an environment, known before any row is drawn.

    Attributes:
        version: must be raised whenever its rows or bytes change.
        shifted: whether its macro-F1 counts towards the score.
        kind: see `EnvironmentKind`.
        subject: the cue that ``flip`` changes (``all`` for all cues), or the suite of ``perturbed``; otherwise empty.
    """

    version: int = 1
    shifted: bool = False
    kind: EnvironmentKind = "test"
    subject: str = ""


@dataclass(frozen=True)
class ScenarioSpec:
    """Declaration of a scenario, known before any row is drawn: enough to plan, key and list its cells.

    Attributes:
        name: as in ``--scenario``.
        shift: type of distribution shift between training and shifted environments.
        summary: one line for ``harness list``.
        environments: declarations by name, in order.
        version: must be raised whenever its draws change.
        quick: whether the preset ``quick`` includes it when the user names no scenario.
        named_only: whether a run has it only if the user names it, or ``all``.
        view: name of the part of each payload that methods see (an input view), empty for the whole payload.
    """

    name: str
    shift: ShiftType
    summary: str
    environments: Mapping[str, EnvironmentSpec]
    version: int = 1
    quick: bool = True
    named_only: bool = False
    view: str = ""

    @property
    def base_name(self) -> str:
        """The scenario's name without that of a view."""
        return self.name.removesuffix(f"@{self.view}") if self.view else self.name

    @property
    def scored(self) -> tuple[str, ...]:
        """Names of the environments whose macro-F1 counts towards the score; none if the shift is ``none``."""
        return tuple(n for n, e in self.environments.items() if e.shifted and self.shift != "none")


@dataclass(frozen=True)
class Sizes:
    """Maximum number of rows of each part; None for no limit."""

    train: int | None = None
    validation: int | None = None
    test: int | None = None


@dataclass(frozen=True)
class Scenario:
    """One seed's draw of a scenario.

    Attributes:
        spec: the scenario's declaration.
        train, validation: the data that tuning may use.
        environments: test data by name, in the order of the spec; tuning cannot reach them.
        unit: int64 (corpus rows,), resampling unit of each row, which is what the scenario holds out: the component of
            rows that are linked by their CVE or groups, a product, a technique, a cluster of attacks.
        notes: what the draw left out, one sentence each.
        disjoint_columns: columns in which training and test rows share no value; training texts without a payload
            share none either.
        test_start: first day of the test period, in days since 1970-01-01; None if the split is not temporal.
        unseen_classes: classes of which training has no row and no text.
        unit_column: the column, or a word, by which the units are named; empty if they are CVEs, or if the corpus has
            none and they are numbered.
        grouped_by: in words, the property that separates the groups within a class in training and validation; empty
            if the scenario has no groups.
        unlabelled: payloads for training without their classes; None if there are none.
        described: int64, rows that training does not have but whose descriptions it may use, with their class.
    """

    spec: ScenarioSpec
    train: Environment
    validation: Environment
    environments: Mapping[str, Environment]
    unit: Rows
    notes: tuple[str, ...] = ()
    disjoint_columns: tuple[str, ...] = ()
    test_start: int | None = None
    unseen_classes: tuple[int, ...] = ()
    unit_column: str = ""
    grouped_by: str = ""
    unlabelled: Environment | None = None
    described: Rows = field(default_factory=lambda: np.empty(0, dtype=np.int64))
