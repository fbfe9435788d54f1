"""``--text``: descriptions of another corpus beside those of a benchmark's own rows.

They join the benchmark's description table, so that its content hash, and with it the key of every cell, depends on
them. What a method may see of them in training is decided where its own descriptions are handed out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from harness import hashing
from harness.benchmark import Benchmark, BenchmarkRef
from harness.data import taxonomy
from harness.data.corpus import Corpus, CorpusMeta
from harness.data.corpus_cache import cached, cached_meta
from harness.errors import UserError
from harness.scenario import Scenario, ScenarioSpec, Sizes

if TYPE_CHECKING:
    import pyarrow as pa

VERSION = 1  # of how texts are added: a change makes cached corpora stale
_UNCLASSED, _REPEATED = "of no class of the corpus", "in the words of one of the corpus's own"


class WithTexts(Benchmark):
    """A benchmark with the descriptions of another corpus added to its own; its scenarios are the same."""

    def __init__(self, benchmark: Benchmark, texts: Benchmark) -> None:
        super().__init__(replace(benchmark.ref, text=texts.ref))
        self._benchmark = benchmark
        self._texts = texts

    def meta(self) -> CorpusMeta:
        """See `Benchmark.meta`."""
        return cached_meta(self._key, self._build)

    def corpus(self) -> Corpus:
        """See `Benchmark.corpus`."""
        return cached(self._key, self._build)

    def scenarios(self) -> Sequence[ScenarioSpec]:
        """See `Benchmark.scenarios`."""
        return self._benchmark.scenarios()

    def unavailable(self) -> Mapping[str, str]:
        """See `Benchmark.unavailable`."""
        return self._benchmark.unavailable()

    def build(self, corpus: Corpus, spec: ScenarioSpec, seed: int, sizes: Sizes) -> Scenario:
        """See `Benchmark.build`."""
        return self._benchmark.build(corpus, spec, seed, sizes)

    def pinned(self) -> BenchmarkRef:
        """See `Benchmark.pinned`."""
        return replace(self._benchmark.pinned(), text=self._texts.pinned())

    def source(self) -> Path | None:
        """See `Benchmark.source`; that of the texts is their own."""
        return self._benchmark.source()

    @cached_property
    def _key(self) -> str:
        return hashing.of_json(["texts", VERSION, self._benchmark.meta().hash, self._texts.meta().hash])

    def _build(self) -> Corpus:
        return with_texts(self._benchmark.corpus(), self._texts.corpus())


def with_texts(corpus: Corpus, texts: Corpus) -> Corpus:
    """Returns the corpus with another one's descriptions added, and notes on how many, and what was left out.

    A text takes the class that it names, as the corpus spells it, else the class of its CVE's rows. One of no class of
    the corpus is left out, and so is one in the same words as a text of the corpus, which may be a tested row's.

    Raises:
        UserError: the descriptions to add name neither a class nor a CVE, or none of them can be added.
    """
    import pyarrow as pa

    table = texts.descriptions
    if not {"label", "cve"} & set(table.column_names):
        raise UserError(
            f"--text {texts.meta.name}: its descriptions name neither a class nor a CVE; cve-text:PATH does, or "
            "files:PATH with description and label or cve mapped and no payload."
        )
    labels = _labels(corpus, table)
    own = {_words(text) for text in corpus.descriptions.column("text").to_pylist()}
    repeated = [_words(text) in own for text in table.column("text").to_pylist()]
    kept = [at for at, label in enumerate(labels) if label is not None and not repeated[at]]
    if not kept:
        raise UserError(
            f"--text {texts.meta.name}: none of its {len(labels)} texts is of a class of {corpus.meta.name} and "
            "new to it."
        )
    added = table.take(pa.array(kept))
    names = [f"text:{name}" for name in added.column("description_id").to_pylist()]
    added = _with(_with(added, "description_id", names), "label", [labels[at] for at in kept])
    merged = pa.concat_tables([corpus.descriptions, added], promote_options="default")
    left_out = {_UNCLASSED: labels.count(None), _REPEATED: len(labels) - labels.count(None) - len(kept)}
    note = f"{len(kept)} texts without payloads come from {texts.meta.name}; left out: " + ", ".join(
        f"{count} {why}" for why, count in left_out.items()
    )
    notes = (*corpus.meta.notes, note, *_warning(corpus, added))
    made = Corpus.create(f"{corpus.meta.name}-{texts.meta.name}", corpus.table, merged, notes)
    was = corpus.meta
    return replace(made, meta=replace(made.meta, lacks=was.lacks, left_out=was.left_out, origin=was.origin))


def _labels(corpus: Corpus, texts: "pa.Table") -> list[str | None]:
    """The class of each text as the corpus spells it; None where it has none there."""
    spelt = {name: label for label in corpus.classes for name in taxonomy.classes_of(label)}
    spelt |= {label: label for label in corpus.classes}
    of_cve: dict[str | None, str] = {}
    if corpus.has("cve"):
        pairs = corpus.table.select(["cve", "label"]).group_by(["cve"]).aggregate([("label", "list")]).to_pylist()
        of_cve = {pair["cve"]: pair["label_list"][0] for pair in pairs if len(set(pair["label_list"])) == 1}
        of_cve.pop(None, None)
    none = [None] * texts.num_rows
    told, cves = (texts.column(n).to_pylist() if n in texts.column_names else none for n in ("label", "cve"))
    return [spelt.get(label) if label is not None else of_cve.get(cve) for label, cve in zip(told, cves, strict=True)]


def _warning(corpus: Corpus, added: "pa.Table") -> tuple[str, ...]:
    if corpus.has("cve") or "cve" not in added.column_names:
        return ()
    return (
        f"the rows of {corpus.meta.name} name no CVEs, so that texts of tested ones cannot be told; map the column cve",
    )


def _with(table: "pa.Table", name: str, values: Sequence[str | None]) -> "pa.Table":
    """Returns the table with a column of texts in place of the one of that name, if there is one."""
    import pyarrow as pa

    kept = table.drop_columns([name]) if name in table.column_names else table
    return kept.append_column(name, pa.array(values, pa.string()))


def _words(text: str) -> str:
    return " ".join(text.lower().split())
