"""header-mix: augments training with copies of payloads that bear the client and host headers of other classes."""

import numpy as np
import numpy.typing as npt

from harness import (
    Context,
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

EXCHANGED = ("host", "client")  # header fields that a client sets, whatever it sends


@register_strategy(
    "header-mix",
    version=1,
    summary="on payloads and their copies with client and host headers of other classes",
    reference="after the mixed backgrounds of Xiao et al. 2021, arXiv 2006.09994",
    contrasts=("control-more-passes", "plain"),
)
class HeaderMix(Strategy):
    """Needs neither groups nor attack spans: these headers do not carry the attack of most requests."""

    space = COPIES_SPACE

    def fit(
        self, learner: Learner, train: TrainingData, validation: TrainingData, params: Params, context: Context
    ) -> Predictor:
        """See `Strategy.fit`. Validation has a copy of each row too, so that early stopping ignores these headers."""
        rng = np.random.default_rng(context.seed)
        training = Training(passes=PASSES / (1 + params["copies"]))
        mixed, mixed_validation = mix(train, params["copies"], rng), mix(validation, 1, rng)
        return learner.fit(mixed, mixed_validation, params, context, training)


def mix(data: TrainingData, copies: int, rng: np.random.Generator) -> TrainingData:
    """Returns payloads and labels of n rows, followed by ``copies`` times n copies with headers of other classes."""
    fields = request_fields.locate(data.payloads)
    donors = [_donors(data.labels, rng) for _ in range(copies)]
    return with_copies(data, [request_fields.replace(data.payloads, fields, rows, EXCHANGED)[0] for rows in donors])


def _donors(labels: npt.NDArray[np.int64], rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Returns for each row a random row of another class, int64 (n,); of any class if there is only one."""
    order = np.argsort(labels, kind="stable")
    first, last = (np.searchsorted(labels[order], labels, side=side) for side in ("left", "right"))
    others = len(labels) - (last - first)
    # Rows are sorted by class: an index into the rows of other classes skips the block of the row's own class.
    index = (rng.random(len(labels)) * np.where(others > 0, others, len(labels))).astype(np.int64)
    return order[np.where((index < first) | (others == 0), index, index + last - first)]
