"""Processor time on one thread, and where it was measured."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.bench.measurement import processor_seconds
from tests.speed import threads
from tests.tools import golden


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.name.startswith("bench_"):
            group = item.path.stem.removeprefix("bench_").replace("_", " ")
            item.add_marker(pytest.mark.benchmark(group=group, timer=processor_seconds))


def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    machine_info["processor_model"] = golden.machine()


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    with threads.one_thread():
        yield
