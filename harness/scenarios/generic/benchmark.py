"""The base class of benchmarks on existing data: a subclass loads the rows, everything else is generic."""

import hashlib
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np

from harness import hashing
from harness.benchmark import Benchmark, BenchmarkRef
from harness.data import near_duplicates
from harness.data.corpus import Corpus, CorpusMeta
from harness.data.corpus_cache import cached, cached_meta
from harness.scenario import Scenario, ScenarioSpec, Sizes
from harness.scenarios.generic import catalogue

VERSION = 4  # raise it when the processing of loaded rows changes, survey included: it makes cached corpora stale


class GenericBenchmark(Benchmark):
    """A benchmark on existing data, with the generic scenarios that the columns of its corpus allow."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """A hash of everything that the rows depend on: bytes of the source, options, version of the loader."""

    @abstractmethod
    def load(self) -> Corpus:
        """Loads the corpus; called if the cache has none for this fingerprint.

        Raises:
            UserError: the data cannot be used.
        """

    def remedy(self, column: str) -> str:
        """Returns what a user can do about a missing column; ``group`` stands for any ``group.*``."""
        return f"the corpus has no column {column}"

    def meta(self) -> CorpusMeta:
        """See `Benchmark.meta`."""
        return cached_meta(self._key, self._build)

    def corpus(self) -> Corpus:
        """See `Benchmark.corpus`."""
        return cached(self._key, self._build)

    def scenarios(self) -> Sequence[ScenarioSpec]:
        """See `Benchmark.scenarios`."""
        meta = self.meta()
        return catalogue.scenarios(meta) if meta.rows else ()  # a corpus of texts alone has no scenarios

    def unavailable(self) -> Mapping[str, str]:
        """See `Benchmark.unavailable`."""
        return catalogue.unavailable(self.meta(), self.remedy)

    def build(self, corpus: Corpus, spec: ScenarioSpec, seed: int, sizes: Sizes) -> Scenario:
        """See `Benchmark.build`."""
        return catalogue.build(corpus, spec, seed, sizes)

    def pinned(self) -> BenchmarkRef:
        """See `Benchmark.pinned`."""
        return replace(self.ref, fingerprint=self._known_fingerprint)

    @cached_property
    def _known_fingerprint(self) -> str:
        """The fingerprint, computed once per run: hashing a large file takes longer than loading its cached rows."""
        return self.ref.fingerprint or self.fingerprint

    @cached_property
    def _key(self) -> str:
        code = hashing.of_file(Path(str(near_duplicates.__file__)))
        return hashing.of_json([VERSION, code, self._known_fingerprint])

    def _build(self) -> Corpus:
        corpus = self.load()
        if not len(corpus):
            return corpus
        corpus = with_clusters(corpus)
        return replace(corpus, meta=replace(corpus.meta, lacks=catalogue.survey(corpus)))


def with_clusters(corpus: Corpus) -> Corpus:
    """Returns the corpus with a column ``cluster`` of near-duplicates, and notes on their number and on equal rows."""
    import pyarrow as pa

    codes = np.asarray(near_duplicates.clusters(corpus.each_payload()), dtype=np.int64)
    names = pa.array([None if code < 0 else str(code) for code in codes.tolist()], pa.string())
    table = corpus.table.append_column("cluster", names)
    alike = int((codes >= 0).sum())
    notes = corpus.meta.notes
    if alike:
        count = len(np.unique(codes[codes >= 0]))
        notes += (f"{alike} rows are near-duplicates of others (clusters: {count}); no split separates a cluster",)
    result = Corpus.create(corpus.meta.name, table, corpus.descriptions, (*notes, *_ambiguous(corpus)))
    return replace(result, meta=replace(result.meta, left_out=corpus.meta.left_out, origin=corpus.meta.origin))


def _ambiguous(corpus: Corpus) -> Iterator[str]:
    """Yields a note if equal payloads have different labels: no classifier can get all of them right."""
    labels: dict[bytes, Counter[str]] = {}
    for payload, label in zip(corpus.each_payload(), corpus.table.column("label").to_pylist(), strict=True):
        labels.setdefault(hashlib.sha256(payload).digest(), Counter())[label] += 1
    several = [counts for counts in labels.values() if len(counts) > 1]
    if several:
        rows = sum(counts.total() for counts in several)
        classes, _ = Counter(tuple(sorted(counts)) for counts in several).most_common(1)[0]
        named = " and ".join(classes)
        yield f"{len(several)} payloads stand in rows of different classes ({rows} rows; most often {named})"
