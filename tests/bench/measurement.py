"""One measurement: a call that is timed, with the name, the size and the peer that the table prints."""

import resource
import time
from collections.abc import Callable
from typing import Any

from pytest_benchmark.fixture import BenchmarkFixture


def processor_seconds() -> float:
    """Returns the processor time of this process and of the finished ones that it started, in seconds.

    Other work on the machine lengthens it far less than the time on the clock.
    """
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def measure(
    benchmark: BenchmarkFixture,
    call: Callable[..., Any],
    name: str,
    size: int = 0,
    unit: str = "",
    *,
    rounds: int = 3,
    setup: Callable[[], Any] | None = None,
    peer_of: str = "",
) -> Any:
    """Times a call in some rounds, after one that is not counted if there are several; returns its last result.

    Args:
        benchmark: fixture of pytest-benchmark.
        call: what is timed.
        name: of the measurement, the same for its two sizes.
        size: number of units; 0 if the time does not grow with anything.
        unit: what the size counts, a plural.
        rounds: number of timed calls.
        setup: called before each call, untimed; returns positional and keyword arguments of the call, or None.
        peer_of: name of the measurement that this alternative is compared with.
    """
    benchmark.extra_info.update(measurement=name, size=size, unit=unit, peer_of=peer_of)
    return benchmark.pedantic(call, setup=setup, rounds=rounds, warmup_rounds=int(rounds > 1))
