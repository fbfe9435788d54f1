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
        metrics,
        natural,
        ngrams,
        oracles,
        probes,
        registry,
        request,
        saving,
        seeds,
        sources,
        space,
        splits,
        taxonomy,
        testing,
    )
    from harness.benchmark import Benchmark, BenchmarkRef
    from harness.corpus import Corpus, CorpusMeta, cached, cached_meta
    from harness.errors import UserError, nearest
    from harness.family import AdaptedMethod
    from harness.method import NO_OPINION, Context, Descriptions, Method, MethodRef, Predictor, TrainingData
    from harness.natural import NaturalBenchmark
    from harness.payloads import Payloads
    from harness.perturbations.message import Edit, Message
    from harness.registry import register_benchmark, register_method, register_method_family
    from harness.scenario import Environment, EnvironmentSpec, Rendered, Scenario, ScenarioSpec, Sizes
    from harness.space import Categorical, Dimension, Float, Int, Params, Space
    from harness.taxonomy import ThreatClass

__all__ = [
    "NO_OPINION",
    "AdaptedMethod",
    "Benchmark",
    "BenchmarkRef",
    "Categorical",
    "Context",
    "Corpus",
    "CorpusMeta",
    "Descriptions",
    "Dimension",
    "Edit",
    "Environment",
    "EnvironmentSpec",
    "Float",
    "Int",
    "Message",
    "Method",
    "MethodRef",
    "NaturalBenchmark",
    "Params",
    "Payloads",
    "Predictor",
    "Rendered",
    "Scenario",
    "ScenarioSpec",
    "Sizes",
    "Space",
    "ThreatClass",
    "TrainingData",
    "UserError",
    "cached",
    "cached_meta",
    "duplicates",
    "hashing",
    "metrics",
    "natural",
    "nearest",
    "ngrams",
    "oracles",
    "probes",
    "register_benchmark",
    "register_method",
    "register_method_family",
    "registry",
    "request",
    "saving",
    "seeds",
    "sources",
    "space",
    "splits",
    "taxonomy",
    "testing",
]

_HOME = {
    "benchmark": ("Benchmark", "BenchmarkRef"),
    "corpus": ("Corpus", "CorpusMeta", "cached", "cached_meta"),
    "errors": ("UserError", "nearest"),
    "family": ("AdaptedMethod",),
    "method": ("NO_OPINION", "Context", "Descriptions", "Method", "MethodRef", "Predictor", "TrainingData"),
    "natural": ("NaturalBenchmark",),
    "payloads": ("Payloads",),
    "perturbations.message": ("Edit", "Message"),
    "registry": ("register_benchmark", "register_method", "register_method_family"),
    "scenario": ("Environment", "EnvironmentSpec", "Rendered", "Scenario", "ScenarioSpec", "Sizes"),
    "space": ("Categorical", "Dimension", "Float", "Int", "Params", "Space"),
    "taxonomy": ("ThreatClass",),
}
_MODULES = frozenset(
    (
        "duplicates",
        "hashing",
        "metrics",
        "natural",
        "ngrams",
        "oracles",
        "probes",
        "registry",
        "request",
        "saving",
        "seeds",
        "sources",
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
