"""Base class of benchmarks that read a public source, a folder or an archive of many files."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from harness import hashing
from harness.benchmark import BenchmarkRef
from harness.data.corpus import Corpus
from harness.errors import UserError
from harness.scenarios.generic import GenericBenchmark
from harness.sources import origin
from harness.sources.builder import Builder, text_corpus, with_origin
from harness.sources.content import fingerprint
from harness.sources.tally import SourceTally, describe
from harness.sources.tree import Tree

Row = Mapping[str, Any]


class SourceBenchmark(GenericBenchmark):
    """A benchmark whose corpus comes from the files of a folder or an archive; subclasses implement `read`.

    Attributes:
        version: of the reader; increase it to invalidate cached corpora.
        columns: columns of its rows, see `Builder`.
        order: the column that rows are sorted by, distinct in every row, so that the order of the files has no effect.
    """

    version: ClassVar[int] = 1
    columns: ClassVar[tuple[str, ...]]
    order: ClassVar[str] = "sample"

    def __init__(self, ref: BenchmarkRef) -> None:
        super().__init__(ref)
        self.root = Path(ref.argument or "")
        if not self.root.exists():
            raise UserError(f"{ref}: no such file or folder.")
        if ref.mapping or ref.where:
            raise UserError(f"{ref}: --map and --where apply to files:PATH only; {ref.name} defines its own columns.")

    @abstractmethod
    def read(self, tree: Tree, tally: SourceTally) -> Iterator[Row]:
        """Yields the rows of a source, and counts in ``tally`` what it leaves out."""

    def load(self) -> Corpus:
        """See `GenericBenchmark.load`."""
        tree, tally = Tree(self.root), SourceTally()
        rows = sorted(self.read(tree, tally), key=lambda row: str(row[self.order]))
        left_out = tally.left_out()
        if not rows:
            reason = describe(left_out) or "no file of this format"
            raise UserError(f"{self.ref} has no usable rows ({reason}).")
        facts = {
            "licence": tree.licence and origin.licence(tree.licence),
            "commit": tree.commit or origin.commit(self.root, tally.notes.append),
        }
        notes = (*tally.notes, f"left out: {describe(left_out)}") if left_out else tuple(tally.notes)
        corpus = self.build_corpus(rows, notes)
        return with_origin(corpus, left_out, {name: value for name, value in facts.items() if value})

    def build_corpus(self, rows: list[Row], notes: tuple[str, ...]) -> Corpus:
        """Returns the corpus of the rows."""
        builder = Builder(self.columns)
        for row in rows:
            builder.add(row)
        return builder.corpus(self.ref.name, notes)

    @property
    def fingerprint(self) -> str:
        """See `GenericBenchmark.fingerprint`."""
        return hashing.of_json([self.ref.name, self.version, fingerprint(self.root), origin.history(self.root)])

    def source(self) -> Path | None:
        """See `Benchmark.source`; a folder must be on storage that every machine can read."""
        return self.root if self.root.is_file() else None

    def remedy(self, column: str) -> str:
        """See `GenericBenchmark.remedy`."""
        return f"{self.ref.name} has none"


class TextSource(SourceBenchmark):
    """A benchmark with descriptions and no payloads; see `text_corpus` for its rows."""

    columns = ()
    order = "cve"

    def build_corpus(self, rows: list[Row], notes: tuple[str, ...]) -> Corpus:
        """Returns the corpus of the descriptions."""
        return text_corpus(self.ref.name, rows, notes)
