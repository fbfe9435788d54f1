"""The benchmark contract: `Benchmark`, a corpus with its scenarios, and the reference that a user gives to it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import ClassVar

from harness.data.corpus import Corpus, CorpusMeta
from harness.scenario import Scenario, ScenarioSpec, Sizes


@dataclass(frozen=True)
class BenchmarkRef:
    """Reference to a benchmark, ``NAME`` or ``NAME:ARGUMENT``, with its options; any process can open it again.

    Attributes:
        name: registered name, ``files`` for ``files:PATH``.
        argument: the text after the colon, or None.
        mapping: corpus column to source column (``--map``).
        where: source column to the values that a row must have to be included (``--where``).
        strict: whether a row that cannot be used is an error instead of being left out (``--strict``).
        target: benchmark whose rows are used for testing in place of its own (``--target``).
        text: benchmark whose descriptions are added to its own (``--text``).
        fingerprint: hash of the data, set by the coordinator of a run, so that worker processes can look the data up in
            the cache without reading them. It identifies nothing, and does not count for equality.
    """

    name: str
    argument: str | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    strict: bool = False
    target: "BenchmarkRef | None" = None
    text: "BenchmarkRef | None" = None
    fingerprint: str = field(default="", compare=False)

    def __str__(self) -> str:
        return self.name if self.argument is None else f"{self.name}:{self.argument}"


class Benchmark(ABC):
    """A corpus and its scenarios. Register a subclass with `register_benchmark`::

        @register_benchmark("my-data", summary="requests of our sensors")
        class MyData(Benchmark): ...  # define meta, corpus, scenarios and build

    To get the generic scenarios (``random``, ``cve-disjoint``, ``temporal`` ...) for your own data, subclass
    `harness.GenericBenchmark` instead.

    Attributes:
        licence: licence of the data.
        ref: the user's reference.
    """

    licence: ClassVar[str] = "unknown"

    def __init__(self, ref: BenchmarkRef) -> None:
        self.ref = ref

    @abstractmethod
    def meta(self) -> CorpusMeta:
        """Returns the metadata of the corpus without loading its rows."""

    @abstractmethod
    def corpus(self) -> Corpus:
        """Returns the corpus, from the cache if possible; see `harness.cached`."""

    @abstractmethod
    def scenarios(self) -> Sequence[ScenarioSpec]:
        """Returns the scenarios that this corpus supports, in a fixed order."""

    @abstractmethod
    def build(self, corpus: Corpus, spec: ScenarioSpec, seed: int, sizes: Sizes) -> Scenario:
        """Draws one seed of a scenario. Equal arguments must give equal rows and bytes in any process.

        Args:
            corpus: what `corpus` returned.
            spec: one of `scenarios`.
            seed: seed of the draw, 0 or greater.
            sizes: maximum number of rows of each part.

        Raises:
            UserError: the corpus has too few rows or units for this scenario.
        """

    def unlabelled(self, notify: Callable[[str], None]) -> Iterator[tuple[str, bytes]]:
        """Yields the sample id and payload of every request without its label, for ``harness predict``.

        Args:
            notify: called with one sentence for each kind of row that was left out.
        """
        corpus = self.corpus()
        for note in corpus.meta.notes:
            notify(note)
        samples = chain.from_iterable(chunk.to_pylist() for chunk in corpus.table.column("sample").chunks)
        yield from zip(samples, corpus.each_payload(), strict=True)

    def pinned(self) -> BenchmarkRef:
        """Returns the reference with the fingerprint of the data, for other processes of the same run."""
        return self.ref

    def source(self) -> Path | None:
        """Returns the file that the argument names, so that it can be sent to other machines; None if there is none."""
        return None

    def unavailable(self) -> Mapping[str, str]:
        """Returns the scenarios that this corpus does not support, each with the reason in one sentence."""
        return {}


@dataclass(frozen=True)
class BenchmarkInfo:
    """Registration record of a benchmark; immutable. ``argument`` names what follows the colon, if anything does."""

    name: str
    summary: str
    argument: str | None
    origin: str
    factory: Callable[[BenchmarkRef], Benchmark]
