"""``synthetic``: attacks on real public CVEs, rendered into short HTTP requests with planted cues."""

from collections.abc import Sequence
from pathlib import Path

from harness import (
    Benchmark,
    BenchmarkRef,
    Corpus,
    CorpusMeta,
    Scenario,
    ScenarioSpec,
    Sizes,
    UserError,
    cached,
    cached_meta,
    hashing,
    near_duplicates,
    register_benchmark,
)

from .scenarios import SPECS, build

VERSION = 1  # of cards and renderer together; increase it to invalidate cached corpora
_FOLDER = Path(__file__).parent


@register_benchmark(
    "synthetic", summary="11 threat classes, real CVEs, seven planted cues (host, client, proof token …)"
)
class Synthetic(Benchmark):
    """The built-in default benchmark."""

    licence = "MIT"

    def __init__(self, ref: BenchmarkRef) -> None:
        super().__init__(ref)
        if ref.mapping or ref.where:
            raise UserError("--map and --where apply to files:PATH only, not to the benchmark synthetic.")
        files = sorted([*_FOLDER.glob("*.py"), *_FOLDER.glob("cards/**/*.jsonl")])
        sources = [*files, Path(str(near_duplicates.__file__))]
        self._fingerprint = hashing.of_json(["synthetic", VERSION, [hashing.of_file(path) for path in sources]])

    def meta(self) -> CorpusMeta:
        """See `Benchmark.meta`."""
        return cached_meta(self._fingerprint, _build_corpus)

    def corpus(self) -> Corpus:
        """See `Benchmark.corpus`."""
        return cached(self._fingerprint, _build_corpus)

    def scenarios(self) -> Sequence[ScenarioSpec]:
        """See `Benchmark.scenarios`."""
        return SPECS

    def build(self, corpus: Corpus, spec: ScenarioSpec, seed: int, sizes: Sizes) -> Scenario:
        """See `Benchmark.build`."""
        return build(corpus, spec, seed, sizes)


def _build_corpus() -> Corpus:
    from .corpus import build_corpus

    return build_corpus()
