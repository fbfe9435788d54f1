"""Golden cells: what the version of a method stands for.

``python -m tests.tools.golden NAME ...`` computes them anew and rewrites golden.json; do that after raising the
version of a method whose behaviour you meant to change.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from harness import BenchmarkRef, Context, Descriptions, Sizes, TrainingData, hashing, registry, space
from harness.data import taxonomy
from harness.evaluation.metrics import confusion, macro_f1
from harness.method import MethodInfo, Tag
from harness.records import provenance
from harness.scenarios import training_texts
from harness.scenarios.training_data import training_and_validation
from harness.storage.shared_steps import SharedSteps

FILE = Path(__file__).parent / "golden.json"
SIZES = Sizes(88, 22, 44)
TEXT: frozenset[Tag] = frozenset({"text"})


def tiny(
    tags: frozenset[Tag] = TEXT, sizes: Sizes = SIZES
) -> tuple[TrainingData, TrainingData, TrainingData, tuple[str, ...]]:
    """Train, validation and test rows of a tiny synthetic cell, with what the tags ask for, and the classes.

    The scenario is `iid`; for methods that are told of groups or spans one that has groups and two sources.
    """
    registry.discover()
    benchmark = registry.open_benchmark(BenchmarkRef("synthetic"))
    corpus = benchmark.corpus()
    name = "planted-80" if tags & {"groups", "span"} else "iid"
    spec = next(spec for spec in benchmark.scenarios() if spec.name == name)
    scenario = benchmark.build(corpus, spec, 0, sizes)
    train, validation = training_and_validation(corpus, scenario, tags)
    if train.descriptions is not None:
        train = replace(train, descriptions=_few(train.descriptions))
    test = scenario.environments["id"]
    given = training_texts.descriptions_of_rows(corpus, test.rows) if "text" in tags else None
    return train, validation, TrainingData(test.render(corpus), corpus.labels[test.rows], given), corpus.classes


def _few(texts: Descriptions) -> Descriptions:
    """The texts of the rows, and 60 of those without a payload: all of them would take most of the cell's time."""
    kept = int(texts.of_row.max()) + 61
    return Descriptions(texts.texts[:kept], texts.labels[:kept], texts.of_row)


def context(classes: tuple[str, ...], root: Path) -> Context:
    """A context that any processor can reproduce: float32, no clock."""
    return Context(
        seed=7,
        classes=tuple(taxonomy.threat_class(name) for name in classes),
        device="cpu",
        precision="float32",
        shared=SharedSteps(root),
    )


def golden_cell(info: MethodInfo, root: Path) -> dict[str, Any]:
    """Fits the default configuration on the tiny cell; returns version, space hash, rounded figures, and where."""
    train, validation, test, classes = tiny(info.tags)
    predictor = info.factory().fit(train, validation, space.defaults(info.space), context(classes, root))
    table = predictor.predict_proba(test.payloads)
    chosen = table[np.arange(len(table)), test.labels]
    return {
        "version": info.version,
        "space": hashing.of_json(space.describe(info.space))[:16],
        "macro_f1": round(macro_f1(confusion(test.labels, table.argmax(1), len(classes))), 3),
        "cross_entropy": round(-float(np.log(np.maximum(chosen, 1e-9)).mean()), 3),
        "machine": machine(),
    }


def machine() -> str:
    """What golden figures hold for to the last digit: libraries choose their loops by model, stepping and cache."""
    fields = provenance._cpu_fields()
    return ", ".join([provenance.processor(), *(fields.get(name, "?") for name in ("stepping", "cache size"))])


def main() -> None:
    """Rewrites golden.json for the named methods, all registered ones by default; others that are gone are dropped."""
    import tempfile

    registry.discover()
    stored = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {"methods": {}}
    with tempfile.TemporaryDirectory() as root:
        for name in sys.argv[1:] or list(registry.methods()):
            stored["methods"][name] = golden_cell(registry.method(name), Path(root))
            print(name, stored["methods"][name])
    stored["methods"] = {name: cell for name, cell in stored["methods"].items() if name in registry.methods()}
    FILE.write_text(json.dumps(stored, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
