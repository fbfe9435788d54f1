"""Generic scenarios: what any corpus can be split by, told by the columns it has.

A benchmark on data as they came derives from `NaturalBenchmark` and loads its rows; the rest is here.
"""

from harness.natural.benchmark import NaturalBenchmark
from harness.natural.catalogue import build, scenarios, survey, unavailable

__all__ = ["NaturalBenchmark", "build", "scenarios", "survey", "unavailable"]
