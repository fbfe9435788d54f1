"""What methods share that learn from payloads without a class."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from harness import Payloads, TrainingData


def with_unlabelled(train: TrainingData) -> TrainingData:
    """Returns the training rows, followed by the payloads without a class that have a description, with label -1.

    The rows have payloads, labels and descriptions; without descriptions or such payloads they are unchanged.
    """
    texts, unlabelled = train.descriptions, train.unlabelled
    if texts is None or unlabelled is None or unlabelled.of_row is None:
        return train
    rows = np.flatnonzero(unlabelled.of_row >= 0)
    of_row = np.concatenate([texts.of_row, unlabelled.of_row[rows]])
    return _joined(train, unlabelled.payloads.take(rows), np.full(len(rows), -1), of_row)


def with_pseudo_labels(train: TrainingData, rows: npt.NDArray[np.int64], labels: npt.NDArray[np.int64]) -> TrainingData:
    """Returns the training rows, followed by some payloads without a class, int64 (m,), as rows of these classes."""
    assert train.unlabelled is not None
    return _joined(train, train.unlabelled.payloads.take(rows), labels, None)


def _joined(
    train: TrainingData, payloads: Payloads, labels: npt.NDArray[np.int64], of_row: npt.NDArray[np.int64] | None
) -> TrainingData:
    texts = train.descriptions
    return TrainingData(
        Payloads.concatenate([train.payloads, payloads]),
        np.concatenate([train.labels, labels]).astype(np.int64),
        None if texts is None or of_row is None else replace(texts, of_row=of_row),
    )


def most_certain(shares: npt.NDArray[np.float32], part: float) -> npt.NDArray[np.int64]:
    """Returns the rows of which a class is most certain, the same part of those of each predicted class.

    Taking a part of every class keeps a frequent or easy class from crowding out the others (Zou et al. 2018, arXiv
    1810.07911).

    Args:
        shares: (n, classes), class probabilities.
        part: of the rows of each predicted class, rounded up.

    Returns:
        Row numbers, int64, ascending.
    """
    guess, certainty = shares.argmax(axis=1), shares.max(axis=1)
    order = np.lexsort((-certainty, guess))  # by class, the most certain first
    counts = np.bincount(guess, minlength=shares.shape[1])
    rank = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.sort(order[rank < np.ceil(part * counts)[guess[order]]])
