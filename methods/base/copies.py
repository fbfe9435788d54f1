"""What the strategies share that train on rows and changed copies of them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from harness import Int, Payloads, Space, TrainingData

COPIES_SPACE: Space = {"copies": Int(1, 4, default=2)}
PASSES = 1.5  # over rows and copies together, as a multiple of the plain learner's over rows


def with_copies(data: TrainingData, copies: Sequence[Payloads]) -> TrainingData:
    """Returns n rows, followed by each set of n changed copies of them, without what may not hold for a copy.

    That leaves payloads, labels and descriptions.
    """
    texts = data.descriptions
    parts = (data.payloads, *copies)
    payloads = Payloads.concatenate(parts)
    rows = np.tile(np.arange(len(data)), len(parts))
    return TrainingData(
        payloads, data.labels[rows], None if texts is None else replace(texts, of_row=texts.of_row[rows])
    )
