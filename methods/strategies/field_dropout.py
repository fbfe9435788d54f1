"""field-dropout: augments training with copies of payloads from which whole header fields are dropped at random."""

import numpy as np

from harness import (
    Context,
    Float,
    Learner,
    Params,
    Predictor,
    Strategy,
    Training,
    TrainingData,
    register_strategy,
    request_fields,
)

from ..base.copies import COPIES_SPACE, PASSES, with_copies

# The request line and the body carry most attacks; a copy without them would have a label and no evidence for it.
DROPPED = ("host", "client", "cookie", "referer", "content", "authorization", "header")


@register_strategy(
    "field-dropout",
    version=1,
    summary="on payloads and their copies without some of their header fields",
    reference="after the word dropout of Iyyer et al. 2015, doi:10.3115/v1/P15-1162",
    contrasts=("control-more-passes", "plain"),
)
class FieldDropout(Strategy):
    """Needs neither groups nor attack spans."""

    space = {**COPIES_SPACE, "rate": Float(0.2, 0.9, default=0.5)}  # probability that a field is dropped

    def fit(
        self, learner: Learner, train: TrainingData, validation: TrainingData, params: Params, context: Context
    ) -> Predictor:
        """See `Strategy.fit`. Validation has a copy of each row too, so that early stopping ignores these fields."""
        rng = np.random.default_rng(context.seed)
        training = Training(passes=PASSES / (1 + params["copies"]))
        thinned, thinned_validation = (
            thin(part, copies, params["rate"], rng) for part, copies in ((train, params["copies"]), (validation, 1))
        )
        return learner.fit(thinned, thinned_validation, params, context, training)


def thin(data: TrainingData, copies: int, rate: float, rng: np.random.Generator) -> TrainingData:
    """Returns payloads and labels of n rows, followed by ``copies`` times n copies without some header fields."""
    fields = request_fields.locate(data.payloads)
    droppable = fields.of(*DROPPED)
    kept = [~droppable | (rng.random(len(droppable)) >= rate) for _ in range(copies)]
    return with_copies(data, [request_fields.keep(data.payloads, fields, mask)[0] for mask in kept])
