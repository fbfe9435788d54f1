"""The contract of a method: what it declares, what it is handed, what it returns."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from harness.data.payloads import Payloads
from harness.data.taxonomy import ThreatClass, threat_class
from harness.errors import UserError
from harness.space import Params, Space, describe
from harness.storage.shared_steps import Arrays

Kind = Literal["ranked", "control", "fixed", "heavy"]
Tag = Literal["text", "groups", "span"]
Precision = Literal["float32", "bfloat16"]
KINDS: tuple[Kind, ...] = ("ranked", "control", "fixed", "heavy")
TAGS: tuple[Tag, ...] = ("text", "groups", "span")
NO_OPINION = "-"  # stands for a class where a label says nothing
ANSWER_TIMEOUT = 60.0  # seconds that a program or a service may be silent, unless the user says otherwise


@dataclass(frozen=True)
class MethodRef:
    """A method of a family as the user named it; enough for any process to open it again.

    Attributes:
        family: registered name.
        argument: what stands behind the colon.
        labels: what it answers to the threat class that is meant (``--labels``), or to `NO_OPINION`.
        timeout: seconds without an answer after which it has failed (``--timeout``).
        moved: by the argument's own words, where files that it names lie on a machine to which they were sent.
    """

    family: str
    argument: str
    labels: Mapping[str, str] = field(default_factory=dict)
    timeout: float = ANSWER_TIMEOUT
    moved: Mapping[str, Path] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.family}:{self.argument}"


@dataclass(frozen=True)
class Descriptions:
    """Texts handed to methods with the tag ``text``.

    Attributes:
        texts: m texts, each once: those of the rows; in training those of vulnerabilities without a payload as well.
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
        groups: int64 (n,), only with the tag ``groups``; the group whose worst accuracy selects the trial. A group is
            of one class, has the same number in training and validation, and need not have a row in both.
        environments: int64 (n,), only with the tag ``groups``; which training environment a row comes from, numbered
            from 0, the same in training and validation.
        cues: cue name to int64 (n,) value codes, -1 for none, only with the tag ``groups``; empty where none is known.
        spans: per row the flat byte offsets of the attack, only with the tag ``span``; empty where not known.
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
        device: ``cpu``.
        precision: ``float32`` or ``bfloat16`` (autocast).
        should_stop: true once this cell's seconds are spent, or the trial is pruned; return then what has been learned.
            A method that does not heed it is ended at 1.5 times the seconds, and that trial is lost.
        report: tells the harness of progress, ``report(step, score)``, higher is better; pruners compare by it.
        count: tells the ledger what was used, ``count(examples, steps)``, as often as it suits.
        charge: tells the ledger of compute seconds that were spent for the cell outside this process.
        shared: computes a step once for all cells that need it; see `harness.storage.shared_steps.SharedSteps`.
    """

    seed: int
    classes: tuple[ThreatClass, ...]
    device: str
    precision: Precision
    shared: Callable[[str, str, Callable[[], Arrays]], Arrays]
    should_stop: Callable[[], bool] = lambda: False
    report: Callable[[int, float], None] = lambda step, score: None
    count: Callable[[int, int], None] = lambda examples, steps: None
    charge: Callable[[float], None] = lambda seconds: None

    @classmethod
    def of(
        cls,
        class_names: Iterable[str],
        *,
        seed: int,
        shared: Callable[[str, str, Callable[[], Arrays]], Arrays],
        device: str = "cpu",
        precision: Precision = "float32",
        **callbacks: Any,
    ) -> "Context":
        """Returns a context from the names of the classes, which brings their anchor texts from the taxonomy.

        Args:
            class_names: in label order.
            seed, shared, device, precision: as in the attributes.
            callbacks: any of ``should_stop``, ``report``, ``count`` and ``charge``.
        """
        classes = tuple(threat_class(name) for name in class_names)
        return cls(seed, classes, device, precision, shared, **callbacks)


class Predictor(ABC):
    """What a fit leaves behind. It sees bytes and nothing else."""

    @abstractmethod
    def predict_proba(self, payloads: Payloads) -> npt.NDArray[np.float32]:
        """Returns class probabilities, float32 (n, len(context.classes)); every row sums to one."""

    @property
    def notes(self) -> Sequence[str]:
        """What a reader of its figures has to know, a sentence each; asked for once everything is predicted."""
        return ()

    def save(self, folder: Path) -> None:
        """Writes all that `Method.load` needs into an empty folder: arrays as safetensors, the rest as JSON; no pickle.

        `harness.predictor_files` has functions for both. The harness adds a manifest with the files' hashes.

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

    space: Space = {}
    info: "MethodInfo"

    @abstractmethod
    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Trains with one configuration.

        Args:
            train: what to learn from.
            validation: for early stopping and the like; the harness scores it as well.
            params: one value per dimension of ``space``.
            context: seed, classes, device and the clock.
        """

    def check(self) -> None:  # noqa: B027 - optional
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
        ref: what the user named, of a method that belongs to a family.
        content: tells versions of what stands behind ``ref``, or of a class in memory, apart, in plain values; part of
            the key.
        in_memory: whether worker processes cannot import it by discovery, so that it is sent to them as it is.
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
    factory: Callable[[], Method]
    space: Space
    ref: MethodRef | None = None
    content: Callable[[], Mapping[str, Any]] | None = None
    in_memory: bool = False

    @cached_property
    def described_space(self) -> dict[str, Any]:
        """The search space as plain values."""
        return describe(self.space)

    @cached_property
    def adapter(self) -> dict[str, Any] | None:
        """What stands behind a method of a family, as plain values; None for other methods."""
        return None if self.content is None else dict(self.content())

    def description(self) -> dict[str, Any]:
        """Returns the plain values that ``harness list methods`` shows."""
        return {"name": self.name, "version": self.version, "kind": self.kind, "tags": sorted(self.tags)}


class AdaptedMethod(Method):
    """A method behind which something of the user's stands. Register a subclass with `register_method_family`.

    Making one is cheap and starts nothing: every process that has to do with the method makes its own.

    Attributes:
        ref: what the user named.
        kind: ``fixed``, unless the subclass finds something to search.
        tags, shared: as in `MethodInfo`.

    Raises:
        UserError: the argument names nothing that can be used.
    """

    kind: Kind = "fixed"
    tags: frozenset[Tag] = frozenset()
    shared: str = ""
    in_memory: bool = False  # set by `from_object`: other processes are sent the object itself

    def __init__(self, ref: MethodRef) -> None:
        self.ref = ref

    @classmethod
    def from_object(cls, ref: MethodRef, value: Any) -> "AdaptedMethod | None":
        """Returns a method around a Python object, as `harness.run` is handed one; None if it is not of this kind."""
        return None

    @abstractmethod
    def content(self) -> Mapping[str, Any]:
        """Returns what a result depends on beside the name, in plain values; part of the cell's key.

        It holds ``labels`` and ``timeout`` of the reference where the method uses them.
        """

    def files(self) -> Mapping[str, Path]:
        """Returns the files that a machine without them has to be sent, by the words that stand for them."""
        return {}


@dataclass(frozen=True)
class FamilyInfo:
    """The frozen record of a registered family; ``argument`` says what follows the colon."""

    name: str
    version: int
    argument: str
    kinds: str
    summary: str
    requires: tuple[str, ...]
    origin: str
    factory: type[AdaptedMethod]
