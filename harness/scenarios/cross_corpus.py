"""``--target``: training on one corpus and tests on another."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness import hashing
from harness.benchmark import Benchmark, BenchmarkRef
from harness.data import taxonomy
from harness.data.corpus import GROUP, Corpus, CorpusMeta
from harness.data.corpus_cache import cached, cached_meta
from harness.errors import UserError
from harness.scenario import Environment, EnvironmentSpec, Scenario, ScenarioSpec, Sizes, StoredRows
from harness.scenarios import splits
from harness.scenarios.generic.benchmark import with_clusters

if TYPE_CHECKING:
    import pyarrow as pa

VERSION = 1  # of how corpora are joined: a change makes cached corpora stale
TARGET = f"{GROUP}corpus"  # names the corpus of each row
CROSS_SOURCE = ScenarioSpec(
    "cross-source",
    "source",
    "training on one corpus, tests on the classes that it shares with another",
    {"id": EnvironmentSpec(), "test": EnvironmentSpec(shifted=True)},
)


class CrossSource(Benchmark):
    """Two corpora, of which one trains and the other tests; its only scenario is `CROSS_SOURCE`."""

    def __init__(self, benchmark: Benchmark, target: Benchmark) -> None:
        super().__init__(replace(benchmark.ref, target=target.ref))
        self._benchmark = benchmark
        self._target = target

    def meta(self) -> CorpusMeta:
        """See `Benchmark.meta`."""
        return cached_meta(self._key, self._build)

    def corpus(self) -> Corpus:
        """See `Benchmark.corpus`."""
        return cached(self._key, self._build)

    def scenarios(self) -> Sequence[ScenarioSpec]:
        """See `Benchmark.scenarios`."""
        return (CROSS_SOURCE,)

    def pinned(self) -> BenchmarkRef:
        """See `Benchmark.pinned`."""
        return replace(self._benchmark.pinned(), target=self._target.pinned())

    def source(self) -> Path | None:
        """See `Benchmark.source`; that of the target is its own."""
        return self._benchmark.source()

    def build(self, corpus: Corpus, spec: ScenarioSpec, seed: int, sizes: Sizes) -> Scenario:
        """See `Benchmark.build`."""
        links = [column for column in ("cve", "group.cve") if corpus.has(column)]
        folds = splits.make_folds(corpus, links, seed)
        codes, names = corpus.codes(TARGET)
        parts = splits.cross_source(folds, codes == names.index(f"target {self._target.meta().name}"), sizes)
        for part, rows in {
            "train": parts.train,
            "validation": parts.validation,
            "id": parts.id,
            "test": parts.test,
        }.items():
            if not len(rows):
                raise UserError(f"scenario {spec.name}: seed {seed} leaves no row for {part}.")
        train, validation, *tests = (
            Environment(StoredRows(rows)) for rows in (parts.train, parts.validation, parts.id, parts.test)
        )
        return Scenario(spec, train, validation, dict(zip(("id", "test"), tests, strict=True)), folds.unit)

    @cached_property
    def _key(self) -> str:
        return hashing.of_json(["cross", VERSION, self._benchmark.meta().hash, self._target.meta().hash])

    def _build(self) -> Corpus:
        return joined(self._benchmark.corpus(), self._target.corpus())


def joined(corpus: Corpus, target: Corpus) -> Corpus:
    """Returns the rows of both corpora whose classes both have, with notes on the others.

    A target's class that the corpus spells otherwise takes the corpus's name: one that stands for no other threat
    class than that one does.

    Raises:
        UserError: they share fewer than two classes.
    """
    import pyarrow as pa

    spelt = {name: _spelling(name, corpus.classes) for name in target.classes}
    shared = {name for name in spelt.values() if name is not None}
    if len(shared) < 2:
        raise UserError(
            f"--target {target.meta.name}: at least two classes must be those of {corpus.meta.name}, and {len(shared)} "
            f"is; there: {', '.join(corpus.classes)}; here: {', '.join(target.classes)}."
        )
    tables = [
        _rows(corpus, {name: name if name in shared else None for name in corpus.classes}, corpus.meta.name),
        _rows(target, spelt, f"target {target.meta.name}"),
    ]
    texts = pa.concat_tables([corpus.descriptions, target.descriptions], promote_options="default")
    _, first = np.unique(np.array(texts.column("description_id").to_pylist(), dtype=object), return_index=True)
    notes = [f"classes that both have: {', '.join(sorted(shared))}"]
    notes += [f"left out, as the other has no such class: {text}" for text in _left(corpus, target, spelt, shared)]
    notes += [f"{side.meta.name}: {note}" for side in (corpus, target) for note in side.meta.notes]
    table = pa.concat_tables(tables, promote_options="default")
    name = f"{corpus.meta.name}-to-{target.meta.name}"
    return with_clusters(Corpus.create(name, table, texts.take(pa.array(np.sort(first))), tuple(notes)))


def _spelling(name: str, classes: Sequence[str]) -> str | None:
    """Returns the class of a corpus that a target's class is; None where it is none, or may be several."""
    if name in classes:
        return name
    means = taxonomy.classes_of(name)
    fitting = [own for own in classes if means and means <= taxonomy.classes_of(own)]
    return fitting[0] if len(fitting) == 1 else None


def _rows(corpus: Corpus, spelt: dict[str, str | None], name: str) -> "pa.Table":
    """The rows whose class is spelt, with that class, unique names, and the corpus they are of."""
    import pyarrow as pa

    labels = [spelt[label] for label in corpus.table.column("label").to_pylist()]
    kept = [at for at, label in enumerate(labels) if label is not None]
    table = corpus.table.take(pa.array(kept))
    own = {
        "sample": [f"{name}: {sample}" for sample in table.column("sample").to_pylist()],
        "label": [labels[at] for at in kept],
        TARGET: [name] * len(kept),
    }
    dropped = [column for column in (*own, "cluster") if column in table.column_names]
    table = table.drop_columns(dropped)
    for column, values in own.items():
        table = table.append_column(column, pa.array(values, pa.string()))
    return table


def _left(corpus: Corpus, target: Corpus, spelt: dict[str, str | None], shared: set[str]) -> list[str]:
    kept = [(corpus, shared), (target, {name for name, own in spelt.items() if own is not None})]
    out = []
    for side, names in kept:
        counts = Counter({name: count for name, count in side.meta.classes.items() if name not in names})
        if counts:
            told = ", ".join(f"{name} ({count})" for name, count in sorted(counts.items()))
            out.append(f"of {side.meta.name} {told}")
    return out
