"""The method contract: `Method`, `Predictor`, and the data and context that the harness passes to them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from harness.data.payloads import Payloads
from harness.data.taxonomy import ThreatClass, threat_class
from harness.errors import UserError
from harness.space import Params, Space, describe
from harness.storage.shared_steps import Arrays

Kind = Literal["ranked", "control", "fixed", "heavy"]
Tag = Literal["text", "groups", "span", "rules"]
Precision = Literal["float32", "bfloat16"]
KINDS: tuple[Kind, ...] = get_args(Kind)
TAGS: tuple[Tag, ...] = get_args(Tag)
NO_OPINION = "-"  # in place of a class in --labels: the answer names no threat class
PLUGIN, CODE = "plugin", "code"  # in the content of a method: digest of its plug-in, or of its class in memory
ANSWER_TIMEOUT = 60.0  # default of --timeout: seconds to wait for an answer of a program or a service


@dataclass(frozen=True)
class MethodRef:
    """Reference to a method of a family, ``FAMILY:ARGUMENT``; any process can open the method from it.

    Attributes:
        family: registered name of the family.
        argument: the text after the colon.
        labels: maps the method's own answers to threat classes (``--labels``), or to `NO_OPINION`.
        timeout: seconds without an answer after which the method fails (``--timeout``).
        local_paths: maps file names in ``argument`` to their paths on this machine, if the files were sent to it.
        digest: the ``digest`` of a record's ``adapter``, which the content must have before any of it is imported; None
            for a reference that the user gave.
    """

    family: str
    argument: str
    labels: Mapping[str, str] = field(default_factory=dict)
    timeout: float = ANSWER_TIMEOUT
    local_paths: Mapping[str, Path] = field(default_factory=dict)
    digest: str | None = None

    def __str__(self) -> str:
        return f"{self.family}:{self.argument}"


@dataclass(frozen=True)
class Descriptions:
    """Vulnerability descriptions, passed to methods with the tag ``text``.

    Attributes:
        texts: m distinct texts: those of the rows, and in training also those of vulnerabilities without a payload.
        labels: int64 (m,), class index of each text; -1 if unknown.
        of_row: int64 (n,), index into ``texts`` for each payload; -1 if it has no text.
    """

    texts: tuple[str, ...]
    labels: npt.NDArray[np.int64]
    of_row: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Unlabelled:
    """Payloads for training whose class is not known.

    Attributes:
        payloads: n payloads.
        of_row: int64 (n,), index into the texts of the training data's descriptions for each payload, -1 if it has
            none; with the tag ``text``, otherwise None.
    """

    payloads: Payloads
    of_row: npt.NDArray[np.int64] | None = None


@dataclass(frozen=True)
class TrainingData:
    """Training or validation data of one cell: copies, through which no other row of the corpus can be reached.

    Attributes:
        payloads: n payloads.
        labels: int64 (n,), indices into ``context.classes``.
        descriptions: with the tag ``text``, otherwise None.
        groups: int64 (n,), with the tag ``groups``, otherwise None; group of each row. Trials are selected by
            worst-group accuracy. All rows of a group have the same class. A group has the same number in training and
            validation, and may have no row in one of them.
        environments: int64 (n,), with the tag ``groups``, otherwise None; training environment of each row, numbered
            from 0, with the same numbers in training and validation.
        cues: with the tag ``groups``, otherwise None; cue name to int64 (n,) value codes, -1 for no value. Empty if the
            corpus has no cues.
        spans: with the tag ``span``, otherwise None; per row the flat byte offsets of the attack (start, end, start,
            end ...), empty if unknown.
        unlabelled: in training, payloads without a class, if the scenario has some; otherwise None.
    """

    payloads: Payloads
    labels: npt.NDArray[np.int64]
    descriptions: Descriptions | None = None
    groups: npt.NDArray[np.int64] | None = None
    environments: npt.NDArray[np.int64] | None = None
    cues: Mapping[str, npt.NDArray[np.int64]] | None = None
    spans: tuple[tuple[int, ...], ...] | None = None
    unlabelled: Unlabelled | None = None

    def __len__(self) -> int:
        return len(self.payloads)

    def take(self, rows: npt.NDArray[np.int64]) -> "TrainingData":
        """Returns some of the rows, int64 (m,), with everything that belongs to them; a row may occur several times."""
        texts = self.descriptions
        return TrainingData(
            self.payloads.take(rows),
            self.labels[rows],
            None if texts is None else replace(texts, of_row=texts.of_row[rows]),
            None if self.groups is None else self.groups[rows],
            None if self.environments is None else self.environments[rows],
            None if self.cues is None else {name: codes[rows] for name, codes in self.cues.items()},
            None if self.spans is None else tuple(self.spans[row] for row in rows.tolist()),
            self.unlabelled,
        )


@dataclass(frozen=True)
class Context:
    """Settings and callbacks that the harness passes to `Method.fit` besides the data.

    Attributes:
        seed: seed for initialisation and data order; the same for every trial of a cell.
        classes: name and anchor text of each class, in label order, including classes without a training row.
        device: where torch methods compute: ``cpu``, ``cuda`` (the GPU that the run chose is the only one in sight) or
            ``mps``. ``cpu`` for a method that does not declare torch among its ``requires``.
        precision: ``float32`` or ``bfloat16`` (autocast).
        should_stop: returns True once the cell's time budget is spent or the trial is pruned; ``fit`` must then return
            what it has learned so far. A fit that ignores it is terminated at 1.5 times the budget, and the trial is
            lost.
        report: ``report(step, score)`` reports an intermediate score, higher is better; pruners compare trials by it.
        count: ``count(examples, steps)`` adds to the training examples and steps in the budget ledger; call it as often
            as convenient.
        charge: ``charge(seconds)`` adds compute seconds that another process spent for this cell.
        shared: ``shared(step, content, compute)`` computes a step once for all cells that need it; see
            `harness.storage.shared_steps.SharedSteps`.
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
        """Returns a context for classes given by name; their anchor texts are taken from the taxonomy.

        Args:
            class_names: class names, in label order.
            seed, shared, device, precision: see the attributes.
            callbacks: any of ``should_stop``, ``report``, ``count`` and ``charge``.
        """
        classes = tuple(threat_class(name) for name in class_names)
        return cls(seed, classes, device, precision, shared, **callbacks)


class Predictor(ABC):
    """A fitted model, returned by `Method.fit`. It predicts from the payload bytes alone.

    A subclass defines `predict_proba`, and `save` if its models can be saved::

        class Constant(Predictor):
            def __init__(self, shares): self.shares = shares
            def predict_proba(self, payloads): return np.tile(self.shares, (len(payloads), 1))  # float32
    """

    @abstractmethod
    def predict_proba(self, payloads: Payloads) -> npt.NDArray[np.float32]:
        """Returns class probabilities, float32 (n, len(context.classes)); each row sums to 1."""

    _notes: tuple[str, ...] = ()

    @property
    def notes(self) -> Sequence[str]:
        """Remarks for readers of the results, one sentence each; read after all predictions are made. Not saved."""
        return self._notes

    def note(self, *sentences: str) -> None:
        """Adds to `notes`."""
        self._notes += sentences

    def unread(self, payloads: Payloads, spans: Sequence[Sequence[int]]) -> float | None:
        """Returns the share of the attacks' bytes beyond the length up to which payloads are read.

        Args:
            payloads: n payloads.
            spans: per payload the flat byte offsets of its attack (start, end, start, end ...).

        Returns:
            The share over all payloads, 0 to 1; None (the default) for a predictor without a limit on length.
        """
        return None

    def save(self, folder: Path) -> None:
        """Writes everything that `Method.load` needs into an empty folder.

        Write arrays as safetensors and other values as JSON, with the functions of `harness.predictor_files`; pickles
        are refused. The harness adds a manifest with the hashes of the files.

        Raises:
            UserError: this predictor cannot be saved (the default).
        """
        raise UserError(f"{type(self).__name__} cannot be saved; define Predictor.save and Method.load.")


class Method(ABC):
    """A learning method. Subclass it, implement `fit`, and register the class with `register_method`::

        @register_method("class-shares", version=1, summary="predicts the class frequencies of training")
        class ClassShares(Method):
            space = {"smoothing": Float(0.1, 10, default=1.0, log=True)}

            def fit(self, train, validation, params, context):
                counts = np.bincount(train.labels, minlength=len(context.classes)) + params["smoothing"]
                return Constant((counts / counts.sum()).astype(np.float32))  # see `Predictor`

    Attributes:
        space: search space of the tuning; trial 0 uses the default of every dimension.
        info: registration record, set by `register_method`.
    """

    space: Space = {}
    info: "MethodInfo"

    @abstractmethod
    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Trains with one configuration and returns the fitted predictor.

        Args:
            train: training data.
            validation: validation data, for example for early stopping; the harness also scores the trial on it.
            params: one value for each dimension of ``space``, by name.
            context: seed, classes, device, precision and callbacks.

        Raises:
            UserError: nothing can be returned, for example since ``should_stop`` was true from the start.
        """

    def check(self) -> None:  # noqa: B027 - optional
        """Checks requirements before a run that has cells of this method; must be cheap.

        Raises:
            UserError: something that ``fit`` needs besides ``requires`` (weights, a program) is missing or wrong.
        """

    def prepare(self, payloads: Payloads, context: Context) -> None:  # noqa: B027 - optional
        """Computes the shared step for some payloads, if the method declares ``shared``; by default nothing."""

    def load(self, folder: Path, context: Context) -> Predictor:
        """Returns the predictor that `Predictor.save` wrote; its predictions equal those of the saved one.

        The folder may come from someone else: check what it holds, with ``expected`` of `harness.predictor_files`.

        Raises:
            UserError: this method cannot load predictors (the default), or a file is missing or not as it was saved.
        """
        raise UserError(f"the method {self.info.name} cannot load a saved predictor; define Method.load.")


@dataclass(frozen=True)
class MethodInfo:
    """Registration record of a method; immutable.

    Attributes:
        name: registered name, or ``FAMILY:ARGUMENT``.
        version: must be raised whenever the same data and seed may give another result.
        kind: ``ranked``, ``control``, ``fixed`` or ``heavy``; see `harness.registry.register_method`.
        tags: additional data that the method receives: ``text``, ``groups``, ``span``.
        summary: one line for ``harness list methods``.
        reference: paper that the method follows.
        requires: importable modules that ``fit`` needs; imported once, before cells are forked.
        shared: name of the step that `Method.prepare` computes, equal for all methods that share it; empty if none.
        contrasts: methods that this one claims to outperform, tested in this order, each only if the test before was
            significant; the claim holds if all of them are.
        origin: module or file that registered the method.
        factory: returns a new instance.
        space: search space.
        ref: reference that the user gave, for a method of a family.
        content: returns plain values that identify the content behind ``ref``, such as a file hash, or the code of a
            plug-in or of a class in memory; part of the cell's key.
        in_memory: whether worker processes cannot import the method, so that it is sent to them as an object.
        plugin: path of the plug-in that registered the method or its family; empty if none did.
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
    plugin: str = ""

    @cached_property
    def described_space(self) -> dict[str, Any]:
        """The search space as plain JSON values."""
        return describe(self.space)

    @cached_property
    def adapter(self) -> dict[str, Any] | None:
        """Content behind the method as plain values; None if its name and version stand for it."""
        return None if self.content is None else dict(self.content())

    @property
    def uses_torch(self) -> bool:
        """Whether the method declares that it needs torch; only such a method computes on the device of a run."""
        return any(module.partition(".")[0] == "torch" for module in self.requires)

    def description(self) -> dict[str, Any]:
        """Returns name, version, kind and tags as plain values, for ``harness list methods``."""
        return {"name": self.name, "version": self.version, "kind": self.kind, "tags": sorted(self.tags)}


class AdaptedMethod(Method):
    """A method that wraps something of the user's, such as a program, a service or an estimator.

    Register a subclass with `register_method_family`; users then name its methods ``FAMILY:ARGUMENT``::

        @register_method_family("pickle", version=1, argument="FILE", summary="a classifier in a file")
        class PickleMethod(AdaptedMethod):
            def content(self): return {"digest": hashing.of_file(Path(self.ref.argument))}
            def fit(self, train, validation, params, context): return MyPredictor(self.ref.argument)

    Creating an instance must be cheap and start nothing, since every process creates its own.

    Attributes:
        ref: the user's reference.
        kind: ``fixed``, unless the subclass has a search space.
        tags, shared: as in `MethodInfo`.

    Raises:
        UserError: the argument cannot be used.
    """

    kind: Kind = "fixed"
    tags: frozenset[Tag] = frozenset()
    shared: str = ""
    in_memory: bool = False  # set by `from_object`: other processes are sent the object itself
    origin: str = ""  # set by `from_object`: the module that defines the object

    def __init__(self, ref: MethodRef) -> None:
        self.ref = ref

    @classmethod
    def from_object(cls, ref: MethodRef, value: Any) -> "AdaptedMethod | None":
        """Returns a method that wraps an object passed to `harness.run`; None if the family does not accept it."""
        return None

    @classmethod
    def names(cls, ref: MethodRef) -> str:
        """Returns in words what a reference names outside of the harness, such as a program; empty if nothing.

        It is opened from a record, which another person may have written, only if the user allows it. This function is
        called first, and must open nothing.
        """
        return f"{ref.argument}, of the method family {ref.family}"

    @abstractmethod
    def content(self) -> Mapping[str, Any]:
        """Returns plain values that a result depends on besides the name; they are part of the cell's key.

        Include the reference's ``labels`` and ``timeout`` if the method uses them.
        """

    def files(self) -> Mapping[str, Path]:
        """Returns the files that another machine needs, by the words of the argument that name them."""
        return {}


@dataclass(frozen=True)
class FamilyInfo:
    """Registration record of a method family; immutable.

    Attributes:
        argument: name of what follows the colon, in capitals, such as ``FILE``.
        kinds: kinds that its methods can have, in words; ``fixed`` alone if none of them has a search space.
        plugin: path of the plug-in that registered the family; empty if none did.
    """

    name: str
    version: int
    argument: str
    kinds: str
    summary: str
    requires: tuple[str, ...]
    origin: str
    factory: type[AdaptedMethod]
    plugin: str = ""
