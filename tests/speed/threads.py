"""The number of threads of a measurement."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Sets the threads of torch alone."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def one_thread() -> Iterator[None]:
    """Sets torch and the libraries of linear algebra to one thread, as in a worker of the harness."""
    with torch_threads(1), threadpool_limits(1):
        yield
