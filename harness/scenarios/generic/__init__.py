"""Generic scenarios, which need no knowledge of a benchmark: the columns of a corpus decide which ones it has.

A benchmark on existing data subclasses `GenericBenchmark` and loads its rows; everything else is done here.
"""

from harness.scenarios.generic.benchmark import GenericBenchmark
from harness.scenarios.generic.catalogue import build, scenarios, survey, unavailable

__all__ = ["GenericBenchmark", "build", "scenarios", "survey", "unavailable"]
