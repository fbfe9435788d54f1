"""What the strategies share that train on rows and changed copies of them."""

from collections.abc import Sequence

import numpy as np

from harness import Int, Payloads, Space, TrainingData

COPIES_SPACE: Space = {"copies": Int(1, 4, default=2)}
PASSES = 1.5  # over rows and copies together, as a multiple of the plain learner's over rows


def with_copies(data: TrainingData, copies: Sequence[Payloads]) -> TrainingData:
    """Returns the payloads and labels of n rows, followed by those of each set of n changed copies."""
    parts = (data.payloads, *copies)
    lengths = np.concatenate([part.lengths for part in parts])
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    payloads = Payloads(np.concatenate([part.data for part in parts]), offsets)
    return TrainingData(payloads, np.tile(data.labels, len(parts)))
