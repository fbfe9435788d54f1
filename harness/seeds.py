"""Independent random streams of one cell: a draw from one stream never changes the draws of another."""

from collections.abc import Iterable
from typing import Literal, get_args

import numpy as np

Stream = Literal["split", "cues", "search", "init", "order"]
_INDEX = {name: index for index, name in enumerate(get_args(Stream))}


def generator(seed: int, stream: Stream, extra: Iterable[int] = ()) -> np.random.Generator:
    """Returns the NumPy generator of one of a cell's random streams.

    Args:
        seed: the cell's seed, 0 or greater.
        stream: purpose of the draws.
        extra: integers that select a sub-stream, for example a trial's number.
    """
    key = (_INDEX[stream], *extra)
    return np.random.default_rng(np.random.SeedSequence(entropy=seed, spawn_key=key))


def integer(seed: int, stream: Stream, extra: Iterable[int] = ()) -> int:
    """Returns a 31-bit integer drawn from a stream, for libraries that take an integer seed."""
    return int(generator(seed, stream, extra).integers(2**31 - 1))
