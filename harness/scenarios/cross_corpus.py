"""``--target``: train on one corpus and test on another."""

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

VERSION = 1  # raise it when the joined corpus changes: it makes cached corpora stale
TARGET = f"{GROUP}corpus"  # column with the corpus of each row
CROSS_SOURCE = ScenarioSpec(
    "cross-source",
    "source",
    "training on one corpus, tests on the classes that it shares with another",
    {"id": EnvironmentSpec(), "test": EnvironmentSpec(shifted=True)},
)


class CrossSource(Benchmark):
    """Trains on one corpus and tests on another; the only scenario is `CROSS_SOURCE`."""

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
        """See `Benchmark.source`; the file of the target belongs to the target's own reference."""
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
                raise UserError(f"scenario {spec.name}: seed {seed} leaves no rows for {part}.")
        train, validation, *tests = (
            Environment(StoredRows(rows)) for rows in (parts.train, parts.validation, parts.id, parts.test)
        )
        return Scenario(spec, train, validation, dict(zip(("id", "test"), tests, strict=True)), folds.unit)

    @cached_property
    def _key(self) -> str:
        return hashing.of_json(["cross", VERSION, self._benchmark.meta().hash, self._target.meta().hash])

    def _build(self) -> Corpus:
        return join_corpora(self._benchmark.corpus(), self._target.corpus())


def join_corpora(corpus: Corpus, target: Corpus) -> Corpus:
    """Joins the rows of both corpora whose class occurs in both, with notes on the rows that are left out.

    A class of the target that has another name in the corpus is renamed, if all threat classes that it may stand for
    are those of one class of the corpus.

    Raises:
        UserError: the corpora share fewer than two classes.
    """
    import pyarrow as pa

    new_names = {name: _matching_class(name, corpus.classes) for name in target.classes}
    shared = {name for name in new_names.values() if name is not None}
    if len(shared) < 2:
        raise UserError(
            f"--target {target.meta.name} shares only {len(shared)} class{'' if len(shared) == 1 else 'es'} with "
            f"{corpus.meta.name}; at least 2 are required. {target.meta.name} has {', '.join(target.classes)}; "
            f"{corpus.meta.name} has {', '.join(corpus.classes)}."
        )
    tables = [
        _rows(corpus, {name: name if name in shared else None for name in corpus.classes}, corpus.meta.name),
        _rows(target, new_names, f"target {target.meta.name}"),
    ]
    texts = pa.concat_tables([corpus.descriptions, target.descriptions], promote_options="default")
    _, first = np.unique(np.array(texts.column("description_id").to_pylist(), dtype=object), return_index=True)
    notes = [f"shared classes: {', '.join(sorted(shared))}"]
    notes += [
        f"left out, since the other corpus lacks the class: {text}"
        for text in _missing_classes(corpus, target, new_names, shared)
    ]
    notes += [f"{side.meta.name}: {note}" for side in (corpus, target) for note in side.meta.notes]
    table = pa.concat_tables(tables, promote_options="default")
    name = f"{corpus.meta.name}-to-{target.meta.name}"
    return with_clusters(Corpus.create(name, table, texts.take(pa.array(np.sort(first))), tuple(notes)))


def _matching_class(name: str, classes: Sequence[str]) -> str | None:
    """Returns the class of a corpus that corresponds to a class of the target, or None if none or several do."""
    if name in classes:
        return name
    threats = taxonomy.classes_of(name)
    matches = [own for own in classes if threats and threats <= taxonomy.classes_of(own)]
    return matches[0] if len(matches) == 1 else None


def _rows(corpus: Corpus, new_names: dict[str, str | None], name: str) -> "pa.Table":
    """Returns the rows whose class has a new name: renamed, with unique sample ids and the column `TARGET`."""
    import pyarrow as pa

    labels = [new_names[label] for label in corpus.table.column("label").to_pylist()]
    rows = [row for row, label in enumerate(labels) if label is not None]
    table = corpus.table.take(pa.array(rows))
    columns = {
        "sample": [f"{name}: {sample}" for sample in table.column("sample").to_pylist()],
        "label": [labels[row] for row in rows],
        TARGET: [name] * len(rows),
    }
    # Clusters are numbered within a corpus; they are computed again over the joined rows.
    table = table.drop_columns([column for column in (*columns, "cluster") if column in table.column_names])
    for column, values in columns.items():
        table = table.append_column(column, pa.array(values, pa.string()))
    return table


def _missing_classes(corpus: Corpus, target: Corpus, new_names: dict[str, str | None], shared: set[str]) -> list[str]:
    """Returns, for each corpus, its classes that the other lacks, with their numbers of rows."""
    out = []
    for side, names in ((corpus, shared), (target, {name for name, own in new_names.items() if own is not None})):
        counts = Counter({name: count for name, count in side.meta.classes.items() if name not in names})
        if counts:
            out.append(f"{side.meta.name}: {', '.join(f'{name} ({count})' for name, count in sorted(counts.items()))}")
    return out
