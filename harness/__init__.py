"""A benchmark harness that compares shortcut-robust classifiers of cyber-attack payloads.

This module is the public face: what methods, benchmarks and plug-ins may import. Names load on first use, so that
``import harness`` costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness import (
        duplicates,
        hashing,
        natural,
        ngrams,
        oracles,
        probes,
        registry,
        saving,
        seeds,
        space,
        splits,
        taxonomy,
        testing,
    )
    from harness.benchmark import Benchmark, BenchmarkRef
    from harness.corpus import Corpus, CorpusMeta, cached, cached_meta
    from harness.errors import UserError, nearest
    from harness.method import Context, Descriptions, Method, Predictor, TrainingData
    from harness.natural import NaturalBenchmark
    from harness.payloads import Payloads
    from harness.registry import register_benchmark, register_method
    from harness.scenario import Environment, EnvironmentSpec, Rendered, Scenario, ScenarioSpec, Sizes
    from harness.space import Categorical, Float, Int, Params
    from harness.taxonomy import ThreatClass

__all__ = [
    "Benchmark",
    "BenchmarkRef",
    "Categorical",
    "Context",
    "Corpus",
    "CorpusMeta",
    "Descriptions",
    "Environment",
    "EnvironmentSpec",
    "Float",
    "Int",
    "Method",
    "NaturalBenchmark",
    "Params",
    "Payloads",
    "Predictor",
    "Rendered",
    "Scenario",
    "ScenarioSpec",
    "Sizes",
    "ThreatClass",
    "TrainingData",
    "UserError",
    "cached",
    "cached_meta",
    "duplicates",
    "hashing",
    "natural",
    "nearest",
    "ngrams",
    "oracles",
    "probes",
    "register_benchmark",
    "register_method",
    "registry",
    "saving",
    "seeds",
    "space",
    "splits",
    "taxonomy",
    "testing",
]

_HOME = {
    "benchmark": ("Benchmark", "BenchmarkRef"),
    "corpus": ("Corpus", "CorpusMeta", "cached", "cached_meta"),
    "errors": ("UserError", "nearest"),
    "method": ("Context", "Descriptions", "Method", "Predictor", "TrainingData"),
    "natural": ("NaturalBenchmark",),
    "payloads": ("Payloads",),
    "registry": ("register_benchmark", "register_method"),
    "scenario": ("Environment", "EnvironmentSpec", "Rendered", "Scenario", "ScenarioSpec", "Sizes"),
    "space": ("Categorical", "Float", "Int", "Params"),
    "taxonomy": ("ThreatClass",),
}
_MODULES = frozenset(
    (
        "duplicates",
        "hashing",
        "natural",
        "ngrams",
        "oracles",
        "probes",
        "registry",
        "saving",
        "seeds",
        "space",
        "splits",
        "taxonomy",
        "testing",
    )
)
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"harness.{name}")
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'harness' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"harness.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value
