"""The contract of a method: what it declares, what it is handed, what it returns."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from harness.errors import UserError
from harness.payloads import Payloads
from harness.shared import Arrays
from harness.space import Params, Space, describe
from harness.taxonomy import ThreatClass

Kind = Literal["ranked", "control", "fixed", "heavy"]
Tag = Literal["text", "groups", "span"]
Precision = Literal["float32", "bfloat16"]
KINDS: tuple[Kind, ...] = ("ranked", "control", "fixed", "heavy")
TAGS: tuple[Tag, ...] = ("text", "groups", "span")


@dataclass(frozen=True)
class Descriptions:
    """Texts handed to methods with the tag ``text``: those of the training rows.

    Attributes:
        texts: m texts.
        labels: int64 (m,), class index of each text; -1 where unknown.
        of_row: int64 (n,), index of each payload's text; -1 where it has none.
    """

    texts: tuple[str, ...]
    labels: npt.NDArray[np.int64]
    of_row: npt.NDArray[np.int64]


@dataclass(frozen=True)
class TrainingData:
    """The part of a corpus that a method trains or validates on: copies, with no way back to the rest.

    Attributes:
        payloads: n payloads.
        labels: int64 (n,), indices into ``context.classes``.
        descriptions: only with the tag ``text``.
        groups: int64 (n,), only with the tag ``groups``; the group whose worst accuracy selects the trial.
        environments: int64 (n,), only with the tag ``groups``; which training environment a row comes from.
        cues: cue name to int64 (n,) value codes, only with the tag ``groups``.
        spans: per row the flat byte offsets of the attack, only with the tag ``span``.
    """

    payloads: Payloads
    labels: npt.NDArray[np.int64]
    descriptions: Descriptions | None = None
    groups: npt.NDArray[np.int64] | None = None
    environments: npt.NDArray[np.int64] | None = None
    cues: Mapping[str, npt.NDArray[np.int64]] | None = None
    spans: tuple[tuple[int, ...], ...] | None = None

    def __len__(self) -> int:
        return len(self.payloads)


@dataclass(frozen=True)
class Context:
    """What the harness tells a method beside the data.

    Attributes:
        seed: the cell's seed for initialisation and data order; the same for every trial.
        classes: name and anchor text, in label order; classes without a training row included.
        device: ``cpu`` or ``cuda``.
        precision: ``float32`` or ``bfloat16`` (autocast).
        should_stop: true once this cell's seconds are spent, or the trial is pruned; return then what has been learned.
            A method that does not heed it is ended at 1.5 times the seconds, and that trial is lost.
        report: tells the harness of progress, ``report(step, score)``, higher is better; pruners compare by it.
        count: tells the ledger what was used, ``count(examples, steps)``, as often as it suits.
        shared: computes a step once for all cells that need it; see `harness.shared.SharedSteps`.
    """

    seed: int
    classes: tuple[ThreatClass, ...]
    device: str
    precision: Precision
    shared: Callable[[str, str, Callable[[], Arrays]], Arrays]
    should_stop: Callable[[], bool] = lambda: False
    report: Callable[[int, float], None] = lambda step, score: None
    count: Callable[[int, int], None] = lambda examples, steps: None


class Predictor(ABC):
    """What a fit leaves behind. It sees bytes and nothing else."""

    @abstractmethod
    def predict_proba(self, payloads: Payloads) -> npt.NDArray[np.float32]:
        """Returns class probabilities, float32 (n, len(context.classes)); every row sums to one."""

    def save(self, folder: Path) -> None:
        """Writes all that `Method.load` needs into an empty folder: arrays as safetensors, the rest as JSON; no pickle.

        `harness.saving` has the means. The harness adds a manifest with the files' hashes (`harness.models`).

        Raises:
            UserError: this predictor cannot be saved.
        """
        raise UserError(f"{type(self).__name__} does not say how it is saved (Predictor.save, Method.load).")


class Method(ABC):
    """A learner. Subclass it, decorate it with `register_method`, and the harness does the rest.

    Attributes:
        space: the search space; trial 0 uses every dimension's default.
        info: set by `register_method`.
    """

    space: ClassVar[Space] = {}
    info: ClassVar["MethodInfo"]

    @abstractmethod
    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Trains with one configuration.

        Args:
            train: what to learn from.
            validation: for early stopping and the like; the harness scores it as well.
            params: one value per dimension of ``space``.
            context: seed, classes, device and the clock.
        """

    @classmethod  # noqa: B027 - optional
    def check(cls) -> None:
        """Called before a run in which the method has cells to do; cheap.

        Raises:
            UserError: something that ``fit`` needs beside ``requires`` (weights, a program) is missing or wrong.
        """

    def prepare(self, payloads: Payloads, context: Context) -> None:  # noqa: B027 - optional
        """Computes the shared step of one payload set, for methods that declare ``shared``; nothing by default."""

    def load(self, folder: Path, context: Context) -> Predictor:
        """Returns the predictor that `Predictor.save` wrote; it predicts what the saved one predicted.

        Raises:
            UserError: this method cannot load, or the folder does not hold what was saved.
        """
        raise UserError(f"the method {self.info.name} does not say how a saved predictor is loaded (Method.load).")


@dataclass(frozen=True)
class MethodInfo:
    """The frozen record of a registered method.

    Attributes:
        version: raise it whenever the same data and seed may give another result.
        requires: importable modules that ``fit`` needs; loaded once, before cells are forked.
        shared: name of the step that `Method.prepare` computes, the same for all methods that share it; or empty.
        contrasts: methods that this one is compared with, in this order, each only where the one before was beaten:
            its claim holds when all of them are.
        origin: module or file it was registered from.
    """

    name: str
    version: int
    kind: Kind
    tags: frozenset[Tag]
    summary: str
    reference: str
    requires: tuple[str, ...]
    shared: str
    contrasts: tuple[str, ...]
    origin: str
    factory: type[Method]
    space: Space

    @cached_property
    def described_space(self) -> dict[str, Any]:
        """The search space as plain values."""
        return describe(self.space)

    def description(self) -> dict[str, Any]:
        """Returns the plain values that ``harness list methods`` shows."""
        return {"name": self.name, "version": self.version, "kind": self.kind, "tags": sorted(self.tags)}
