"""Generic scenarios: what any corpus can be split by, told by the columns it has.

A benchmark on data as they came derives from `GenericBenchmark` and loads its rows; the rest is here.
"""

from harness.scenarios.generic.benchmark import GenericBenchmark
from harness.scenarios.generic.catalogue import build, scenarios, survey, unavailable

__all__ = ["GenericBenchmark", "build", "scenarios", "survey", "unavailable"]
