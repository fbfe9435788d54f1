"""even-weights: a linear classifier whose weights are bounded, so that no few n-grams decide."""

from typing import TYPE_CHECKING

from harness import Context, Float, Learner, Params, Predictor, Strategy, Training, TrainingData, register_strategy

from ..base.torch_learner import TORCH

if TYPE_CHECKING:
    from ..neural.robust.heads import BoundedHead


@register_strategy(
    "even-weights",
    version=1,
    summary="with weights bounded in size, so that decisions rest on many n-grams",
    reference="Demontis et al. 2017, arXiv 1704.08996",
    requires=TORCH,
    contrasts=("control-gradient", "plain"),
)
class EvenWeights(Strategy):
    """Needs neither groups nor attack spans."""

    needs = frozenset(("loss", "linear"))
    space = {"bound": Float(1e-2, 1.0, default=0.1, log=True)}  # largest absolute weight

    def fit(
        self, learner: Learner, train: TrainingData, validation: TrainingData, params: Params, context: Context
    ) -> Predictor:
        """See `Strategy.fit`."""
        from ..neural.robust.heads import BoundedHead

        def head(width: int, classes: int, length: float) -> "BoundedHead":
            return BoundedHead(width, classes, params["bound"], length)

        return learner.fit(train, validation, params, context, Training(head=head))
