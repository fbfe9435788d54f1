"""``--text``: adds the descriptions of another corpus to those of a benchmark.

They are added to the description table of the benchmark, so that its content hash, and with it the key of every cell,
depends on them. `training_texts` decides which of them a method may use in training.
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

VERSION = 2  # raise it when the corpus with texts changes: it makes cached corpora stale
_UNCLASSED, _REPEATED = "without a class of the corpus", "with the same words as a text of the corpus"


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
        """See `Benchmark.source`; the file of the texts belongs to their own reference."""
        return self._benchmark.source()

    @cached_property
    def _key(self) -> str:
        return hashing.of_json(["texts", VERSION, self._benchmark.meta().hash, self._texts.meta().hash])

    def _build(self) -> Corpus:
        return with_texts(self._benchmark.corpus(), self._texts.corpus())


def with_texts(corpus: Corpus, texts: Corpus) -> Corpus:
    """Returns the corpus with the descriptions of another one added, and a note on the numbers added and left out.

    The class of a text is its own label, under its name in the corpus, or else the class of the rows of its CVE. A kind
    of a class belongs to that class if the corpus has no class for it. Left out are texts without a class of the
    corpus, and texts with the same words as one of the corpus, since that may describe a tested row.

    Raises:
        UserError: the descriptions have neither a label nor a CVE, or none of them can be added.
    """
    import pyarrow as pa

    table = texts.descriptions
    if not {"label", "cve"} & set(table.column_names):
        raise UserError(
            f"--text {texts.meta.name}: its descriptions have neither a label nor a CVE; use cve-text:PATH, or "
            "files:PATH and map description and label or cve, but not payload."
        )
    labels = _labels(corpus, table)
    own = {_words(text) for text in corpus.descriptions.column("text").to_pylist()}
    repeated = [_words(text) in own for text in table.column("text").to_pylist()]
    rows = [row for row, label in enumerate(labels) if label is not None and not repeated[row]]
    if not rows:
        raise UserError(
            f"--text {texts.meta.name}: none of its {len(labels)} texts has a class of {corpus.meta.name} and words "
            "that differ from its texts."
        )
    added = table.take(pa.array(rows))
    names = [f"text:{name}" for name in added.column("description_id").to_pylist()]
    added = _with(_with(added, "description_id", names), "label", [labels[row] for row in rows])
    merged = pa.concat_tables([corpus.descriptions, added], promote_options="default")
    left_out = {_UNCLASSED: labels.count(None), _REPEATED: len(labels) - labels.count(None) - len(rows)}
    note = f"{len(rows)} texts without payloads come from {texts.meta.name}; left out: " + ", ".join(
        f"{count} {why}" for why, count in left_out.items()
    )
    notes = (*corpus.meta.notes, note, *_warning(corpus, added))
    result = Corpus.create(f"{corpus.meta.name}-{texts.meta.name}", corpus.table, merged, notes)
    old = corpus.meta
    return replace(result, meta=replace(result.meta, lacks=old.lacks, left_out=old.left_out, origin=old.origin))


def _labels(corpus: Corpus, texts: "pa.Table") -> list[str | None]:
    """Returns the class of each text under its name in the corpus, or None.

    The kinds of a class belong to it, unless the corpus has a class of its own for them: ``--target`` folds
    ``template-injection`` into ``code-injection`` where only one of the two corpora tells them apart.
    """
    names: dict[str, str] = {}
    for cover in (taxonomy.classes_within, taxonomy.classes_of, lambda label: (label,)):  # the closest match last
        names |= {name: label for label in corpus.classes for name in cover(taxonomy.canonical_name(label))}
    names |= {label: label for label in corpus.classes}
    of_cve: dict[str | None, str] = {}
    if corpus.has("cve"):
        pairs = corpus.table.select(["cve", "label"]).group_by(["cve"]).aggregate([("label", "list")]).to_pylist()
        of_cve = {pair["cve"]: pair["label_list"][0] for pair in pairs if len(set(pair["label_list"])) == 1}
        of_cve.pop(None, None)
    none = [None] * texts.num_rows
    labels, cves = (texts.column(n).to_pylist() if n in texts.column_names else none for n in ("label", "cve"))
    return [names.get(label) if label is not None else of_cve.get(cve) for label, cve in zip(labels, cves, strict=True)]


def _warning(corpus: Corpus, added: "pa.Table") -> tuple[str, ...]:
    if corpus.has("cve") or "cve" not in added.column_names:
        return ()
    return (
        f"the rows of {corpus.meta.name} have no CVEs, so texts of tested CVEs cannot be withheld; map the column cve",
    )


def _with(table: "pa.Table", name: str, values: Sequence[str | None]) -> "pa.Table":
    """Returns the table with a column of text, which replaces an existing one of the same name."""
    import pyarrow as pa

    others = table.drop_columns([name]) if name in table.column_names else table
    return others.append_column(name, pa.array(values, pa.string()))


def _words(text: str) -> str:
    return " ".join(text.lower().split())
