"""Learners and robust strategies: the two halves of a method, combined by the registry into ``STRATEGY:LEARNER``.

A learner fits a classifier to rows. A strategy decides what the learner is trained on and for: which rows, with which
weights, by which loss. Any strategy works with any learner that has the abilities it needs, so that a comparison of
strategies does not depend on the learner they were written for.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from harness.data.payloads import Payloads
from harness.errors import UserError
from harness.method import Context, Kind, Method, Predictor, Tag, TrainingData
from harness.space import Params, Space

Ability = Literal["weights", "loss", "features", "linear"]
ABILITIES: tuple[Ability, ...] = get_args(Ability)
ABILITY_NAMES: dict[Ability, str] = {  # for error messages: "… needs a learner with …"
    "weights": "row weights",
    "loss": "a loss of the strategy's own",
    "features": "learned features",
    "linear": "a linear model of the input",
}
Weights = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Training:
    """What a strategy changes in the training of a learner; by default nothing.

    Attributes:
        weights: float64 (n,), weight of each training row, with mean 1; requires the ability ``weights``. A learner
            that trains in batches samples rows in proportion to them.
        validation_weights: float64 (validation rows,), weight of each row in the loss by which the epoch is selected.
        passes: number of passes over the rows, as a multiple of the learner's own; below 1 for a first model that is
            trained briefly.
        head: returns the loss, a ``harness.methods.neural.heads.Head``, for a width of vectors, a number of classes and
            the length that vectors are scaled to; requires the ability ``loss``. None: cross-entropy.
        sampler: yields the row numbers of each batch; see ``harness.methods.neural.training.LoopOptions``.
        larger_batches: how many times larger batches are; there are as many times more epochs.
    """

    weights: Weights | None = None
    validation_weights: Weights | None = None
    passes: float = 1.0
    head: Callable[[int, int, float], Any] | None = None
    sampler: Any = None
    larger_batches: int = 1


PLAIN_TRAINING = Training()


class Learner(ABC):
    """A base learner. Subclass it and register the class with `harness.register_learner`.

    Attributes:
        abilities: what a strategy may ask of it besides training on other rows, which every learner can; see
            `ABILITY_NAMES`.
        space: search space of its hyperparameters.
        loss_space: the same when it is trained by a loss of the strategy's own; None if it is the same space.
    """

    abilities: frozenset[Ability] = frozenset()
    space: Space = {}
    loss_space: Space | None = None

    @abstractmethod
    def fit(
        self,
        train: TrainingData,
        validation: TrainingData | None,
        params: Params,
        context: Context,
        training: Training = PLAIN_TRAINING,
    ) -> Predictor:
        """Trains with one configuration; without validation data for all passes, without early stopping.

        Arguments and errors are those of `Method.fit`, with what the strategy changes.
        """

    def load(self, folder: Path, space: Space, by_loss: bool, context: Context) -> Predictor:
        """Returns the predictor that was saved; see `Method.load`.

        Args:
            folder: folder of the saved predictor.
            space: search space of the method, within which a saved hyperparameter must lie.
            by_loss: whether it was trained by a loss of the strategy's own.
            context: see `Method.fit`.

        Raises:
            UserError: this learner cannot load predictors (the default), or a file is missing or not as it was saved.
        """
        raise UserError(f"{type(self).__name__} cannot load a saved predictor; define Learner.load.")

    def check(self) -> None:  # noqa: B027 - optional
        """See `Method.check`."""

    def prepare(self, payloads: Payloads, context: Context) -> None:  # noqa: B027 - optional
        """See `Method.prepare`."""


class Strategy(ABC):
    """A robust strategy. Subclass it and register the class with `harness.register_strategy`.

    Example: a strategy that ignores half of the rows::

        @register_strategy("half", version=1, summary="half of the training rows")
        class Half(Strategy):
            def fit(self, learner, train, validation, params, context):
                rows = np.arange(0, len(train), 2)
                return learner.fit(train.take(rows), validation, params, context)

    Attributes:
        needs: the abilities that a learner must have.
        space: search space of the strategy's own hyperparameters, added to the learner's.
    """

    needs: frozenset[Ability] = frozenset()
    space: Space = {}

    def check(self) -> None:  # noqa: B027 - optional
        """See `Method.check`."""

    @abstractmethod
    def fit(
        self, learner: Learner, train: TrainingData, validation: TrainingData, params: Params, context: Context
    ) -> Predictor:
        """Trains the learner with one configuration; other arguments and errors as `Method.fit`.

        The predictor must be one of the learner's own, which can load it.
        """


class Plain(Strategy):
    """Trains the learner on the rows as they are (empirical risk minimisation)."""

    def fit(
        self, learner: Learner, train: TrainingData, validation: TrainingData, params: Params, context: Context
    ) -> Predictor:
        """See `Strategy.fit`."""
        return learner.fit(train, validation, params, context)


class PairedMethod(Method):
    """A strategy on a learner.

    Attributes:
        strategy, learner: the two.
        by_loss: whether the learner is trained by a loss of the strategy's own.
    """

    def __init__(self, strategy: Strategy, learner: Learner) -> None:
        self.strategy, self.learner = strategy, learner
        self.by_loss = "loss" in strategy.needs
        own = learner.loss_space if self.by_loss and learner.loss_space is not None else learner.space
        self.space = {**own, **strategy.space}

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """See `Strategy.fit`."""
        return self.strategy.fit(self.learner, train, validation, params, context)

    def check(self) -> None:
        """See `Method.check`."""
        self.learner.check()
        self.strategy.check()

    def prepare(self, payloads: Payloads, context: Context) -> None:
        """See `Method.prepare`."""
        self.learner.prepare(payloads, context)

    def load(self, folder: Path, context: Context) -> Predictor:
        """See `Method.load`."""
        return self.learner.load(folder, self.space, self.by_loss, context)


@dataclass(frozen=True)
class LearnerInfo:
    """Registration record of a learner; see `harness.register_learner`.

    Attributes:
        origin: module that registered it.
        code: fields of `MethodInfo` that say where its code is; empty for a built-in learner.
    """

    name: str
    plain: str
    version: int
    summary: str
    reference: str
    requires: tuple[str, ...]
    shared: str
    main: frozenset[str] | None
    origin: str
    code: Mapping[str, Any]
    factory: type[Learner]


@dataclass(frozen=True)
class StrategyInfo:
    """Registration record of a strategy; see `harness.register_strategy`.

    Attributes:
        origin, code: see `LearnerInfo`.
    """

    name: str
    version: int
    kind: Kind
    tags: frozenset[Tag]
    summary: str
    reference: str
    requires: tuple[str, ...]
    contrasts: tuple[str, ...]
    origin: str
    code: Mapping[str, Any]
    factory: type[Strategy]
