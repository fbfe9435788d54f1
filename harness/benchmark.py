"""The contract of a benchmark: a corpus and the scenarios drawn from it."""

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
    """A benchmark as the user named it; enough for any process to open it again.

    Attributes:
        name: registered name, ``files`` for ``files:PATH``.
        argument: what stands behind the colon, or None.
        mapping: corpus column to source column (``--map``).
        where: source column to the values kept (``--where``).
        strict: whether a row that cannot be used is refused, not left out (``--strict``).
        target: what is tested on in place of its own rows (``--target``).
        text: whose descriptions are added to its own (``--text``).
        fingerprint: hash of the data, once the coordinator of a run has computed it: worker processes that are handed
            it need not read the data to find them in the cache. It names nothing, so it is no part of equality.
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
    """A corpus and its scenarios. Register a subclass with `register_benchmark`.

    Attributes:
        licence: of the data.
    """

    licence: ClassVar[str] = "unknown"

    def __init__(self, ref: BenchmarkRef) -> None:
        self.ref = ref

    @abstractmethod
    def meta(self) -> CorpusMeta:
        """Returns the corpus's metadata without loading its rows."""

    @abstractmethod
    def corpus(self) -> Corpus:
        """Returns the corpus, from the cache where it is there."""

    @abstractmethod
    def scenarios(self) -> Sequence[ScenarioSpec]:
        """Returns the scenarios that this corpus can carry, in their fixed order."""

    @abstractmethod
    def build(self, corpus: Corpus, spec: ScenarioSpec, seed: int, sizes: Sizes) -> Scenario:
        """Draws one seed of a scenario; the same arguments give the same rows and bytes in any process."""

    def unlabelled(self, say: Callable[[str], None]) -> Iterator[tuple[str, bytes]]:
        """Yields the sample id and the payload of every request, as a classifier in use meets them.

        Args:
            say: is told, in a sentence, what was left out.
        """
        corpus = self.corpus()
        for note in corpus.meta.notes:
            say(note)
        samples = chain.from_iterable(chunk.to_pylist() for chunk in corpus.table.column("sample").chunks)
        yield from zip(samples, corpus.each_payload(), strict=True)

    def pinned(self) -> BenchmarkRef:
        """Returns the reference with the fingerprint of the data, for other processes of the same run."""
        return self.ref

    def source(self) -> Path | None:
        """Returns the file that the reference's argument names, so that it can be sent where that is missing."""
        return None

    def unavailable(self) -> Mapping[str, str]:
        """Returns scenarios that exist in principle and one sentence each on what the corpus lacks for them."""
        return {}


@dataclass(frozen=True)
class BenchmarkInfo:
    """The frozen record of a registered benchmark; ``argument`` names what follows a colon, if anything does."""

    name: str
    summary: str
    argument: str | None
    origin: str
    factory: Callable[[BenchmarkRef], Benchmark]
