"""Scenarios: what is trained on, what it is validated on, and the environments it is tested in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from harness.data.corpus import CUE, Corpus
from harness.data.payloads import Payloads

ShiftType = Literal["none", "spurious-correlation", "attribute-generalization", "class-imbalance", "temporal", "source"]
Rows = npt.NDArray[np.int64]
NEUTRAL = "neutral"
SEEN, UNSEEN = "seen", "unseen"  # environments of `zero-shot`
EXCISED, ATTACK_ONLY = "excised", "attack-only"  # payloads without their attack, and the attack alone
# ``test``: drawn by the scenario; ``flip``: the same with cues of another class; the others are derived from one of
# these by changing its payloads, and never enter a score.
EnvironmentKind = Literal["test", "flip", "perturbed", "excised", "attack-only"]
DERIVED: frozenset[EnvironmentKind] = frozenset(("perturbed", "excised", "attack-only"))


@dataclass(frozen=True)
class Rendered:
    """n payloads of an environment, and what is known of their bytes.

    Attributes:
        payloads: n payloads.
        spans: per payload the flat byte offsets of the attack (start, end, start, end ...), None where not known.
        cues: what each payload shows of each cue, None where nothing; by the cue's name.
    """

    payloads: Payloads
    spans: Sequence[Sequence[int] | None]
    cues: Mapping[str, Sequence[str | None]] = field(default_factory=dict)


class Transform(Protocol):
    """A deterministic rendering of corpus rows: as they are stored, under assigned cues, or perturbed.

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
    """Renders rows as the corpus stores them: its columns ``span`` and ``cue.*`` say the rest."""

    rows: Rows

    def __call__(self, corpus: Corpus) -> Rendered:
        """See `Transform`."""
        columns = [name for name in corpus.meta.columns if name.startswith(CUE)]
        taken = corpus.table.select([*(("span",) if corpus.has("span") else ()), *columns]).take(self.rows)
        spans = taken.column("span").to_pylist() if corpus.has("span") else [None] * len(self.rows)
        cues = {name.removeprefix(CUE): taken.column(name).to_pylist() for name in columns}
        return Rendered(corpus.payloads(self.rows), spans, cues)


@dataclass(frozen=True)
class Environment:
    """A test set, or a part of the training data, rendered on demand.

    Attributes:
        transform: its rows, and how they are rendered.
        target: int64 (n,), where cues were made to point to a wrong class, that class; the scenario's environment
            `NEUTRAL` then holds the same rows with cues that point nowhere.
        base: where payloads of another environment were changed, its name; it holds each of these rows once.
        draws: how often each row occurs, one draw of all rows after the other.
        groups: int64 (n,), where a scenario knows groups (see `Scenario.grouped_by`), the one of each row; a group is
            of one class.
        sources: int64 (n,), where rows come from several sources, each row's; -1 where it is not known.
    """

    transform: Transform
    target: Rows | None = None
    base: str = ""
    draws: int = 1
    groups: Rows | None = None
    sources: Rows | None = None

    @property
    def rows(self) -> Rows:
        """Row ids in the corpus, int64 (n,)."""
        return self.transform.rows

    def render(self, corpus: Corpus) -> Payloads:
        """Returns the payloads of this environment."""
        return self.rendered(corpus).payloads

    def rendered(self, corpus: Corpus) -> Rendered:
        """Returns the payloads of this environment with their attack's place and their cues, where known."""
        return self.transform(corpus)


@dataclass(frozen=True)
class EnvironmentSpec:
    """What is known of an environment before anything is built.

    Attributes:
        version: raise it when its rows or bytes change.
        shifted: whether it counts towards the score.
        kind: see `EnvironmentKind`.
        subject: of ``flip`` the cue that is flipped (``all`` for all of them), of ``perturbed`` the suite.
    """

    version: int = 1
    shifted: bool = False
    kind: EnvironmentKind = "test"
    subject: str = ""


@dataclass(frozen=True)
class ScenarioSpec:
    """What is known of a scenario before anything is built: enough to plan, key and list it.

    ``quick`` says whether a run that names no scenarios takes it under the preset ``quick``; ``view`` names the part of
    each payload that is shown of it, all of it where empty.
    """

    name: str
    shift: ShiftType
    summary: str
    environments: Mapping[str, EnvironmentSpec]
    version: int = 1
    quick: bool = True
    view: str = ""

    @property
    def scored(self) -> tuple[str, ...]:
        """Names of the environments whose macro-F1 enters the score; none where nothing shifts."""
        return tuple(n for n, e in self.environments.items() if e.shifted and self.shift != "none")


@dataclass(frozen=True)
class Sizes:
    """Most rows of each part; ``None`` means all there are."""

    train: int | None = None
    validation: int | None = None
    test: int | None = None


@dataclass(frozen=True)
class Scenario:
    """One seed's draw of a scenario.

    Attributes:
        train, validation: what tuning may see.
        environments: what it may not, by name, in the order of the spec.
        unit: int64 (corpus rows,), the resampling unit of each row: a component of rows linked by their groups.
        notes: what the draw left out, one sentence each.
        apart: columns of which training shares no value with a test; of texts without a payload this holds as well.
        until: days since 1970 at which tests begin in time; None where they do not.
        unseen: classes that training holds no row and no text of.
        grouped_by: what tells the groups of training and validation apart within a class, in words; empty where
            nothing does, and they then have no groups.
    """

    spec: ScenarioSpec
    train: Environment
    validation: Environment
    environments: Mapping[str, Environment]
    unit: Rows
    notes: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    until: int | None = None
    unseen: tuple[int, ...] = ()
    grouped_by: str = ""
