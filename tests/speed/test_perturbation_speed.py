"""Perturbed payloads per second, tier by tier, and beside the usual way of changing a request: through a library.

No common library perturbs HTTP requests; the alternative is h11, the pure-Python HTTP/1.1 library under httpx and
uvicorn: it parses the request into events, the header is changed there, and it writes the request anew.
"""

import time
from collections.abc import Callable

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness.perturbations import perturbations
from harness.perturbations.base import Perturbation
from harness.perturbations.carrier import Host
from harness.perturbations.engine import PerturbationTally, attempt
from harness.perturbations.message import Message
from tests.harness.perturbations.rows import messages
from tests.speed.alternatives.rewriting import through_h11

ROUNDS = 5


def changed(perturbation: Perturbation, found: list[Message], tally: PerturbationTally) -> list[Message]:
    """The messages that the perturbation changes."""
    return [m for m in found if perturbation.applies(m) and attempt(perturbation, m, 0, 0, tally) is not None]


def seconds(call: Callable[[Message], object], found: list[Message]) -> float:
    """Seconds per message, nothing of it parsed yet: the least of some rounds, as noise only ever adds."""
    rounds = []
    for _ in range(ROUNDS):
        fresh = [Message(m.sample, m.payload, m.spans, m.label, m.located) for m in found]
        began = time.process_time()
        for message in fresh:
            call(message)
        rounds.append(time.process_time() - began)
    return min(rounds) / len(found)


@pytest.mark.parametrize(("tier", "per_class", "least"), [("A", 30, 0.4), ("B", 6, 0.01), ("C", 30, 0.4)])
def test_payloads_per_second_of_a_tier(tier: str, per_class: int, least: float, benchmark: BenchmarkFixture) -> None:
    """To parse, draw, rewrite, check and count, averaged over the perturbations on payloads that they change."""
    tally, rows = PerturbationTally(), messages(per_class)
    suite = [p for p in perturbations() if p.tier == tier]
    takes = {}
    for perturbation in suite:
        found = changed(perturbation, rows, tally)
        takes[perturbation.name] = seconds(lambda m, p=perturbation: attempt(p, m, 0, 0, PerturbationTally()), found)
    mean, alternative = sum(takes.values()) / len(takes), seconds(through_h11, rows)
    benchmark.pedantic(
        lambda: [attempt(p, m, 0, 0, PerturbationTally()) for p in suite for m in rows if p.applies(m)], rounds=1
    )
    benchmark.extra_info["payloads per second"] = round(1 / mean)
    print(f"\ntier {tier}: {1 / mean:,.0f} payloads/s; another Host by h11, unchecked: {1 / alternative:,.0f}/s")
    for name, took in takes.items():
        print(f"  {name:20}{1 / took:>8,.0f}/s  {tally.plain()[name]}")
    assert alternative / mean >= least


def test_another_host_is_drawn_and_checked_faster_than_h11_rewrites_it(benchmark: BenchmarkFixture) -> None:
    found = changed(Host(), messages(60), PerturbationTally())
    ratio = seconds(through_h11, found) / seconds(lambda m: attempt(Host(), m, 0, 0, PerturbationTally()), found)
    benchmark.pedantic(lambda: [attempt(Host(), m, 0, 0, PerturbationTally()) for m in found], rounds=1)
    benchmark.extra_info["times faster than h11"] = round(ratio, 2)
    print(f"\nhost: {ratio:.1f} times faster than parse, change and write by h11, which checks nothing")
    assert ratio >= 1.2
