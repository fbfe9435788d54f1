"""The base of benchmarks that read a public source: a folder or an archive of many files becomes rows."""

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
from harness.sources.tally import SourceTally, sentence
from harness.sources.tree import Tree, fingerprint

Row = Mapping[str, Any]


class SourceBenchmark(GenericBenchmark):
    """A corpus from the files of a folder or an archive; a reader derives from it and yields rows.

    Attributes:
        version: of the reader; a change makes cached corpora stale.
        columns: of its rows, see `Builder`.
        order: the column, distinct in every row, that rows are sorted by, so that their files' order is none.
    """

    version: ClassVar[int] = 1
    columns: ClassVar[tuple[str, ...]]
    order: ClassVar[str] = "sample"

    def __init__(self, ref: BenchmarkRef) -> None:
        super().__init__(ref)
        self.root = Path(ref.argument or "")
        if not self.root.exists():
            raise UserError(f"{ref}: there is no such file or folder.")
        if ref.mapping or ref.where:
            raise UserError(f"{ref}: --map and --where belong to files:PATH; {ref.name} knows its own columns.")

    @abstractmethod
    def read(self, tree: Tree, tally: SourceTally) -> Iterator[Row]:
        """Yields the rows of a source; whatever it leaves out is counted."""

    def load(self) -> Corpus:
        """See `GenericBenchmark.load`."""
        tree, tally = Tree(self.root), SourceTally()
        rows = sorted(self.read(tree, tally), key=lambda row: str(row[self.order]))
        left_out = tally.left_out()
        if not rows:
            why = sentence(left_out) or "it holds no such file"
            raise UserError(f"{self.ref}: nothing in it can be used ({why}).")
        corpus = self.build_corpus(rows, (f"left out: {sentence(left_out)}",) if left_out else ())
        known = {
            "licence": tree.licence and origin.licence(tree.licence),
            "commit": tree.commit or origin.commit(self.root),
        }
        return with_origin(corpus, left_out, {name: value for name, value in known.items() if value})

    def build_corpus(self, rows: list[Row], notes: tuple[str, ...]) -> Corpus:
        """Returns the corpus of the rows."""
        builder = Builder(self.columns)
        for row in rows:
            builder.add(row)
        return builder.corpus(self.ref.name, notes)

    @property
    def fingerprint(self) -> str:
        """See `GenericBenchmark.fingerprint`."""
        return hashing.of_json([self.ref.name, self.version, fingerprint(self.root)])

    def source(self) -> Path | None:
        """See `Benchmark.source`; a folder must lie where every machine sees it."""
        return self.root if self.root.is_file() else None

    def remedy(self, column: str) -> str:
        """See `GenericBenchmark.remedy`."""
        return f"{self.ref.name} has none"


class TextSource(SourceBenchmark):
    """A corpus of descriptions without payloads; see `text_corpus` for its rows."""

    columns = ()
    order = "cve"

    def build_corpus(self, rows: list[Row], notes: tuple[str, ...]) -> Corpus:
        """Returns the corpus of the descriptions."""
        return text_corpus(self.ref.name, rows, notes)
