"""Clusters of near-duplicates: growth with the number of payloads, memory, and the usual recipe in the same run."""

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness.data.near_duplicates import clusters
from harness.execution.budget import peak_megabytes
from tests.conftest import ROOT
from tests.speed.alternatives.minhash import datasketch_clusters
from tests.speed.payloads import natural

FULL = bool(os.environ.get("HARNESS_FULL_ROUNDS"))
SIZES = (10_000, 100_000) if FULL else (2_000, 10_000)
ROUNDS = 2


def measure(cluster: Callable[[Iterable[bytes]], np.ndarray], count: int, rounds: int) -> tuple[float, float, int]:
    """Least processor seconds of the rounds on one core, peak MB of the process, and rows that have a cluster."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    payloads = natural(count)
    seconds = []
    for _ in range(rounds):
        began = time.process_time()
        found = cluster(payloads)
        seconds.append(time.process_time() - began)
    return min(seconds), peak_megabytes(), int((found >= 0).sum())


def in_a_process(cluster: Callable[[Iterable[bytes]], np.ndarray], count: int, rounds: int) -> tuple[float, float, int]:
    call = f"measure({cluster.__name__}, {count}, {rounds})"
    program = f"import json; from tests.speed.test_duplicates_speed import *; print(json.dumps({call}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    seconds, peak, alike = json.loads(done.stdout)
    return seconds, peak, alike


@pytest.mark.timeout(1800)
def test_clusters_grow_in_proportion_and_beat_the_usual_recipe(benchmark: BenchmarkFixture) -> None:
    ours, theirs = [], []
    for count in SIZES:
        ours.append(in_a_process(clusters, count, ROUNDS))
        theirs.append(in_a_process(datasketch_clusters, count, 1))
        for name, (seconds, peak, alike) in (("harness", ours[-1]), ("datasketch", theirs[-1])):
            print(f"{count:,} payloads, {name}: {seconds:.1f} s, peak {peak:.0f} MB, {alike} have a near-duplicate")
    growth = math.log(ours[1][0] / ours[0][0]) / math.log(SIZES[1] / SIZES[0])
    ratio = theirs[1][0] / ours[1][0]
    benchmark.extra_info["growth exponent"] = round(growth, 2)
    benchmark.extra_info["times faster than datasketch"] = round(ratio, 1)
    print(f"growth exponent {growth:.2f}, {ratio:.1f} times faster than datasketch")
    payloads = natural(SIZES[0])
    benchmark.pedantic(lambda: clusters(payloads), rounds=1)
    assert growth < 1.3
    assert ratio > 1.5
    assert ours[1][2] >= theirs[1][2]
