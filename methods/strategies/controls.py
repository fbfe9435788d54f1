"""Controls of the strategies: training as theirs is, without the part that should make it robust."""

from typing import TYPE_CHECKING

import numpy as np

from harness import Context, Learner, Params, Predictor, Strategy, Training, TrainingData, register_strategy

from ..base.copies import COPIES_SPACE, PASSES
from ..base.environments import EnvironmentStrategy
from ..base.torch_learner import TORCH

if TYPE_CHECKING:
    import torch

    from ..neural.robust.heads import EnvironmentHead


@register_strategy(
    "control-no-penalty",
    version=1,
    kind="control",
    tags=("groups",),
    summary="trained and selected as coral, irm and v-rex are, without a penalty",
    reference="Gulrajani and Lopez-Paz 2021, arXiv 2007.01434",
    requires=TORCH,
)
class NoPenalty(EnvironmentStrategy):
    """Has the batches (balanced by environment, twice as large), the epochs and the selection of those strategies."""

    needs_two = False

    def head(
        self, width: int, classes: int, length: float, environments: "torch.Tensor", params: Params
    ) -> "EnvironmentHead":
        """See `EnvironmentStrategy.head`."""
        from ..neural.robust.heads import EnvironmentHead

        return EnvironmentHead(width, classes, environments, length=length)


@register_strategy(
    "control-more-passes",
    version=1,
    kind="control",
    summary="on as many copies as carrier-mix and header-mix train on, unchanged",
)
class MorePasses(Strategy):
    """Tests whether copies help by what is exchanged in them, and not by being more passes over the rows."""

    space = COPIES_SPACE

    def fit(
        self, learner: Learner, train: TrainingData, validation: TrainingData, params: Params, context: Context
    ) -> Predictor:
        """See `Strategy.fit`."""
        rows = np.tile(np.arange(len(train)), 1 + params["copies"])
        training = Training(passes=PASSES / (1 + params["copies"]))
        return learner.fit(train.take(rows), validation, params, context, training)


@register_strategy(
    "control-gradient",
    version=1,
    kind="control",
    summary="by cross-entropy and the gradient training of the strategies with a loss of their own",
    requires=TORCH,
)
class GradientTraining(Strategy):
    """Differs from the plain learner only where that is trained otherwise: ``ngrams`` by L-BFGS in place of AdamW."""

    needs = frozenset(("loss",))

    def fit(
        self, learner: Learner, train: TrainingData, validation: TrainingData, params: Params, context: Context
    ) -> Predictor:
        """See `Strategy.fit`."""
        from ..neural.heads import CrossEntropyHead

        return learner.fit(train, validation, params, context, Training(head=CrossEntropyHead))
