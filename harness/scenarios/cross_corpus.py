"""``--target``: train on one corpus and test on another."""

from collections.abc import Iterator, Mapping, Sequence
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

Sides = tuple[tuple[Corpus, Mapping[str, str]], ...]  # both corpora, each with the new names of its shared classes

VERSION = 2  # raise it when the joined corpus changes: it makes cached corpora stale
TARGET = f"{GROUP}corpus"  # column with the corpus of each row
CROSS_SOURCE = ScenarioSpec(
    "cross-source",
    "source",
    "training on one corpus, tests on all rows of another whose class both have",
    {"id": EnvironmentSpec(), "test": EnvironmentSpec(shifted=True)},
    version=3,
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
        environments = dict(zip(("id", "test"), tests, strict=True))
        notes = tuple(f"{spec.name}: {note}" for note in parts.notes)
        return Scenario(spec, train, validation, environments, folds.unit, notes)

    @cached_property
    def _key(self) -> str:
        return hashing.of_json(["cross", VERSION, self._benchmark.meta().hash, self._target.meta().hash])

    def _build(self) -> Corpus:
        return join_corpora(self._benchmark.corpus(), self._target.corpus())


def join_corpora(corpus: Corpus, target: Corpus) -> Corpus:
    """Joins the rows of both corpora whose class occurs in both, with notes on the rows that are left out.

    Classes are compared by what they stand for (`shared_names`), so that other spellings, families of classes and kinds
    of a class match.

    Raises:
        UserError: the corpora share fewer than two classes.
    """
    import pyarrow as pa

    new_names = shared_names(corpus.classes, target.classes)
    shared = set(new_names[0].values())
    if len(shared) < 2:
        raise UserError(
            f"--target {target.meta.name} shares only {len(shared)} class{'' if len(shared) == 1 else 'es'} with "
            f"{corpus.meta.name}; at least 2 are required. {target.meta.name} has {', '.join(target.classes)}; "
            f"{corpus.meta.name} has {', '.join(corpus.classes)}."
        )
    tables = [
        _rows(corpus, new_names[0], corpus.meta.name),
        _rows(target, new_names[1], f"target {target.meta.name}"),
    ]
    sides = tuple(zip((corpus, target), new_names, strict=True))
    texts = pa.concat_tables([corpus.descriptions, target.descriptions], promote_options="default")
    _, first = np.unique(np.array(texts.column("description_id").to_pylist(), dtype=object), return_index=True)
    notes = [f"shared classes: {', '.join(sorted(shared))}"]
    notes += [f"renamed: {text}" for text in _renamed_classes(sides)]
    notes += [f"left out, since the other corpus lacks the class: {text}" for text in _missing_classes(sides)]
    notes += [f"{side.meta.name}: {note}" for side in (corpus, target) for note in side.meta.notes]
    table = pa.concat_tables(tables, promote_options="default")
    name = f"{corpus.meta.name}-to-{target.meta.name}"
    return with_clusters(Corpus.create(name, table, texts.take(pa.array(np.sort(first))), tuple(notes)))


def shared_names(own: Sequence[str], target: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Returns the names in the joined corpus of the classes that both have: of the corpus's own, of the target's.

    Two classes match if they have a threat class in common, of all that they stand for (`taxonomy.classes_within`). A
    class does not stand for those that its corpus has a class of its own for. Classes that match, directly or through
    a third one, become one class, with the name of the widest. Labels outside of the taxonomy match if they are equal.
    """
    sides = [{name: taxonomy.canonical_name(name) for name in classes} for classes in (own, target)]
    covered = [{name: _covered(name, set(names.values())) for name in names.values()} for names in sides]
    groups: list[frozenset[str]] = []  # threat classes that are one class in the joined corpus
    for threats in (*covered[0].values(), *covered[1].values()):
        merged = threats.union(*(group for group in groups if group & threats))
        groups = [group for group in groups if not group & threats] + [merged]
    width = {name: max(len(side.get(name, ())) for side in covered) for side in covered for name in side}
    new_names: dict[str, str] = {}
    for group in groups:
        here, there = ({name for name, threats in side.items() if threats <= group} for side in covered)
        if here and there:
            new_names |= dict.fromkeys(here | there, max(here | there, key=lambda name: (width[name], name)))
    ours, theirs = ({label: new_names[name] for label, name in names.items() if name in new_names} for names in sides)
    return ours, theirs


def _covered(name: str, names: set[str]) -> frozenset[str]:
    """Returns the threat classes that a class stands for in a corpus with these classes."""
    return (taxonomy.classes_within(name) or frozenset((name,))) - (names - {name})


def _rows(corpus: Corpus, new_names: Mapping[str, str], name: str) -> "pa.Table":
    """Returns the rows whose class has a new name: renamed, with unique sample ids and the column `TARGET`."""
    import pyarrow as pa

    labels = [new_names.get(label) for label in corpus.table.column("label").to_pylist()]
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


def _renamed_classes(sides: Sides) -> Iterator[str]:
    """Yields, for each corpus, its classes that have another name in the joined corpus, with their numbers of rows."""
    for side, names in sides:
        renamed = [f"{name} ({side.meta.classes[name]}) is {new}" for name, new in sorted(names.items()) if name != new]
        if renamed:
            yield f"{side.meta.name}: {', '.join(renamed)}"


def _missing_classes(sides: Sides) -> Iterator[str]:
    """Yields, for each corpus, its classes that the other lacks, with their numbers of rows."""
    for side, names in sides:
        missing = [f"{name} ({count})" for name, count in sorted(side.meta.classes.items()) if name not in names]
        if missing:
            yield f"{side.meta.name}: {', '.join(missing)}"
