"""A benchmark harness that compares shortcut-robust classifiers of cyber-attack payloads.

This module is the public face: what methods, benchmarks and plug-ins may import. Names load on first use, so that
``import harness`` costs nothing.
"""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str
    from harness import hashing, oracles, registry, regular_file, seeds, sources, space, testing
    from harness.api.audits import AuditResult, audit
    from harness.api.curve_results import CurveResults
    from harness.api.curves import curve
    from harness.api.leaderboards import Leaderboard, leaderboard
    from harness.api.predictions import predict
    from harness.api.result_table import ResultTable
    from harness.api.results import Results, load_results
    from harness.api.runs import run
    from harness.benchmark import Benchmark, BenchmarkRef
    from harness.data import (
        byte_ngrams,
        column_names,
        http_request,
        input_forms,
        near_duplicates,
        payload_parts,
        request_fields,
        taxonomy,
        values,
    )
    from harness.data.corpus import Corpus, CorpusMeta
    from harness.data.corpus_cache import cached, cached_meta
    from harness.data.payloads import Payloads
    from harness.data.taxonomy import ThreatClass
    from harness.errors import UserError, nearest
    from harness.evaluation import metrics
    from harness.method import (
        NO_OPINION,
        AdaptedMethod,
        Context,
        Descriptions,
        Method,
        MethodRef,
        Predictor,
        TrainingData,
        Unlabelled,
    )
    from harness.pairs import register_learner, register_strategy
    from harness.perturbations.message import Edit, Message
    from harness.records import predictor_files
    from harness.registry import register_benchmark, register_method, register_method_family
    from harness.scenario import (
        Environment,
        EnvironmentSpec,
        Rendered,
        Scenario,
        ScenarioSpec,
        Sizes,
        StoredRows,
        Transform,
    )
    from harness.scenarios import generic, splits
    from harness.scenarios.generic import GenericBenchmark
    from harness.space import Categorical, Dimension, Float, Int, Params, Space
    from harness.strategy import PLAIN_TRAINING, Learner, PairedMethod, Plain, Strategy, Training

__all__ = [
    "NO_OPINION",
    "PLAIN_TRAINING",
    "AdaptedMethod",
    "AuditResult",
    "Benchmark",
    "BenchmarkRef",
    "Categorical",
    "Context",
    "Corpus",
    "CorpusMeta",
    "CurveResults",
    "Descriptions",
    "Dimension",
    "Edit",
    "Environment",
    "EnvironmentSpec",
    "Float",
    "GenericBenchmark",
    "Int",
    "Leaderboard",
    "Learner",
    "Message",
    "Method",
    "MethodRef",
    "PairedMethod",
    "Params",
    "Payloads",
    "Plain",
    "Predictor",
    "Rendered",
    "ResultTable",
    "Results",
    "Scenario",
    "ScenarioSpec",
    "Sizes",
    "Space",
    "StoredRows",
    "Strategy",
    "ThreatClass",
    "Training",
    "TrainingData",
    "Transform",
    "Unlabelled",
    "UserError",
    "audit",
    "byte_ngrams",
    "cached",
    "cached_meta",
    "column_names",
    "curve",
    "generic",
    "hashing",
    "http_request",
    "input_forms",
    "leaderboard",
    "load_results",
    "metrics",
    "near_duplicates",
    "nearest",
    "oracles",
    "payload_parts",
    "predict",
    "predictor_files",
    "register_benchmark",
    "register_learner",
    "register_method",
    "register_method_family",
    "register_strategy",
    "registry",
    "regular_file",
    "request_fields",
    "run",
    "seeds",
    "sources",
    "space",
    "splits",
    "taxonomy",
    "testing",
    "values",
]

# Where each name lives; imported on first use.
_NAMES = {
    "harness.api.audits": ("AuditResult", "audit"),
    "harness.api.curve_results": ("CurveResults",),
    "harness.api.curves": ("curve",),
    "harness.api.leaderboards": ("Leaderboard", "leaderboard"),
    "harness.api.predictions": ("predict",),
    "harness.api.result_table": ("ResultTable",),
    "harness.api.results": ("Results", "load_results"),
    "harness.api.runs": ("run",),
    "harness.benchmark": ("Benchmark", "BenchmarkRef"),
    "harness.data.corpus": ("Corpus", "CorpusMeta"),
    "harness.data.corpus_cache": ("cached", "cached_meta"),
    "harness.data.payloads": ("Payloads",),
    "harness.data.taxonomy": ("ThreatClass",),
    "harness.errors": ("UserError", "nearest"),
    "harness.method": (
        "NO_OPINION",
        "AdaptedMethod",
        "Context",
        "Descriptions",
        "Method",
        "MethodRef",
        "PairedMethod",
        "Predictor",
        "TrainingData",
        "Unlabelled",
        "Transform",
    ),
    "harness.pairs": ("register_learner", "register_strategy"),
    "harness.perturbations.message": ("Edit", "Message"),
    "harness.registry": ("register_benchmark", "register_method", "register_method_family"),
    "harness.scenario": (
        "Environment",
        "EnvironmentSpec",
        "Rendered",
        "Scenario",
        "ScenarioSpec",
        "Sizes",
        "StoredRows",
        "Transform",
    ),
    "harness.scenarios.generic": ("GenericBenchmark",),
    "harness.space": ("Categorical", "Dimension", "Float", "Int", "Params", "Space"),
    "harness.strategy": ("PLAIN_TRAINING", "Learner", "PairedMethod", "Plain", "Strategy", "Training"),
}
_MODULES = {
    "harness": ("hashing", "oracles", "registry", "regular_file", "seeds", "sources", "space", "testing"),
    "harness.data": (
        "byte_ngrams",
        "column_names",
        "http_request",
        "input_forms",
        "near_duplicates",
        "payload_parts",
        "request_fields",
        "taxonomy",
        "values",
    ),
    "harness.evaluation": ("metrics",),
    "harness.records": ("predictor_files",),
    "harness.scenarios": ("generic", "splits"),
}
# The folders methods/ and benchmarks/ stand beside this package in a checkout and inside it in a wheel. Both are
# imported as harness.methods and harness.benchmarks, so that no package of these common names clashes with them.
if not (Path(__file__).parent / "methods").is_dir():
    __path__.append(str(Path(__file__).resolve().parent.parent))

_HOME = {name: module for module, names in _NAMES.items() for name in names}
_HOME_OF_MODULE = {name: package for package, names in _MODULES.items() for name in names}


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return _version()
    if name in _HOME_OF_MODULE:
        return importlib.import_module(f"{_HOME_OF_MODULE[name]}.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'harness' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def _version() -> str:
    """Returns the version of the installed distribution, or of ``pyproject.toml`` in a checkout without one."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("shortcut-harness")
    except PackageNotFoundError:
        import tomllib

        try:
            project = tomllib.loads((Path(__file__).resolve().parents[1] / "pyproject.toml").read_text("utf-8"))
            return str(project["project"]["version"])
        except (OSError, KeyError, ValueError):
            return "unknown"
