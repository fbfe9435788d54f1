"""The first stage of the strategies that learn from the errors of a first model."""

from typing import TYPE_CHECKING

from harness import Context, Float, Learner, Params, Space, Training, TrainingData

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# SubpopBench, for JTT: the first stage takes 0.5 of the steps, searched as U(0.2, 0.8). Here the default is 0.2, since
# cues are learned earlier.
FIRST_STAGE_SPACE: Space = {"first_stage": Float(0.2, 0.8, default=0.2)}


def first_predictions(
    learner: Learner, train: TrainingData, validation: TrainingData, params: Params, context: Context
) -> "tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]":
    """Returns the classes that a briefly trained first model predicts for training and validation rows.

    It is trained without early stopping: it has to make the errors of the shortcut, whose rows serve as an estimate of
    those without it.

    Args:
        learner: trains the first model.
        train, validation: n and m rows.
        params: with the dimension of `FIRST_STAGE_SPACE`, the share of the passes.
        context: see `Method.fit`.

    Returns:
        Class indices, int64 (n,) and int64 (m,).
    """
    first = learner.fit(train, None, params, context, Training(passes=params["first_stage"]))
    guesses = [first.predict_proba(part.payloads).argmax(axis=1) for part in (train, validation)]
    return guesses[0], guesses[1]
