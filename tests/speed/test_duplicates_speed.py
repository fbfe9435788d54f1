"""Clusters of near-duplicates: growth with the number of payloads, memory, and the usual recipe in the same run."""

import json
import math
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterable

import numpy as np
import pytest
from harness.benchmarks.synthetic import cards
from harness.benchmarks.synthetic.corpus import render_sample
from harness.benchmarks.synthetic.cues import CUES
from harness.benchmarks.synthetic.rendering import CueValues
from pytest_benchmark.fixture import BenchmarkFixture

from harness.data.near_duplicates import clusters, normal_form
from harness.execution.budget import peak_megabytes
from tests.conftest import ROOT

FULL = bool(os.environ.get("HARNESS_FULL_ROUNDS"))
SIZES = (10_000, 100_000) if FULL else (2_000, 10_000)
ROUNDS = 2


def natural(count: int) -> list[bytes]:
    """Requests of the synthetic cards, eight at a time of one core: half of them under seven cues, half under three."""
    cores = [f"{card.cve}/{number}" for card in cards.load() for number in range(len(card.cores))]
    rng = random.Random(0)
    out = []
    for row in range(count):
        turn, core = divmod(row // 8, len(cores))
        cues = {name: rng.choice(cue.values) for name, cue in CUES.items()}
        shown = cues if row % 2 else {name: cues[name] for name in ("host", "token", "proof")}
        out.append(render_sample(f"{cores[core]}/{4 * turn + row % 4}", CueValues(**shown)).payload)
    return out


def usual(payloads: Iterable[bytes]) -> np.ndarray:
    """The recipe of datasketch's documentation over the same normal forms: MinHash, MinHashLSH, estimates linked."""
    from datasketch import MinHash, MinHashLSH
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    numbers: dict[bytes, int] = {}
    form = [numbers.setdefault(normal_form(payload), len(numbers)) for payload in payloads]
    lsh, hashes, links = MinHashLSH(threshold=0.9, num_perm=128), [], []
    shingles = ({text[i : i + 5] for i in range(max(1, len(text) - 4))} for text in numbers)
    for number, minhash in enumerate(MinHash.generator(shingles, num_perm=128, seed=1)):
        links += [(number, other) for other in lsh.query(minhash) if minhash.jaccard(hashes[other]) >= 0.9]
        lsh.insert(number, minhash)
        hashes.append(minhash)
    ends = np.array(links, dtype=np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(ends.shape[1], dtype=np.int8), tuple(ends)), shape=(len(numbers), len(numbers)))
    component = connected_components(graph, directed=False)[1][form]
    return np.where(np.bincount(component)[component] > 1, component, -1)


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
        theirs.append(in_a_process(usual, count, 1))
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
