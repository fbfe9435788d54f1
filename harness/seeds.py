"""Independent random streams of one cell, so that a draw in one place never shifts another."""

from collections.abc import Iterable
from typing import Literal, get_args

import numpy as np

Stream = Literal["split", "cues", "search", "init", "order"]
_INDEX = {name: index for index, name in enumerate(get_args(Stream))}


def generator(seed: int, stream: Stream, extra: Iterable[int] = ()) -> np.random.Generator:
    """Returns the generator of one stream of a cell.

    Args:
        seed: the cell's seed, 0 or greater.
        stream: what the draws are for.
        extra: further integers that name a sub-stream, for example a trial's number.
    """
    key = (_INDEX[stream], *extra)
    return np.random.default_rng(np.random.SeedSequence(entropy=seed, spawn_key=key))


def integer(seed: int, stream: Stream, extra: Iterable[int] = ()) -> int:
    """Returns one 31-bit integer of a stream, for libraries that take an integer seed."""
    return int(generator(seed, stream, extra).integers(2**31 - 1))
