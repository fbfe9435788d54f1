"""From a file to rows of a scenario: corpus, near-duplicates, input forms, n-grams."""

from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness import BenchmarkRef, Payloads, byte_ngrams, input_forms, near_duplicates, registry
from harness.storage import cache_entry
from tests.bench import corpora
from tests.bench.measurement import measure
from tests.speed.payloads import natural

registry.discover()
SIZES = (2000, 8000)


@pytest.mark.parametrize("size", SIZES)
def bench_file_read(
    size: int, benchmark: BenchmarkFixture, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read, clustered and surveyed for all scenarios; nothing of it cached."""
    ref = corpora.file_of(tmp_path_factory.mktemp("file"), size)

    def empty_cache() -> None:
        monkeypatch.setenv("HARNESS_CACHE", str(tmp_path_factory.mktemp("cache")))

    def read() -> int:
        return len(registry.open_benchmark(ref).corpus())

    assert measure(benchmark, read, "file read into a corpus", size, "payloads", rounds=2, setup=empty_cache) == size


@pytest.mark.parametrize("size", SIZES)
def bench_file_opened(size: int, benchmark: BenchmarkFixture, tmp_path: Path, cache: Path) -> None:
    """Verified anew, as by the first cell of a run."""
    ref = corpora.file_of(tmp_path, size)

    def read() -> int:
        return len(registry.open_benchmark(ref).corpus())

    read()
    measure(benchmark, read, "corpus of a file from the cache", size, "payloads", setup=cache_entry._verified.clear)


def bench_synthetic_built(
    benchmark: BenchmarkFixture, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def empty_cache() -> None:
        monkeypatch.setenv("HARNESS_CACHE", str(tmp_path_factory.mktemp("cache")))

    def build() -> None:
        registry.open_benchmark(BenchmarkRef("synthetic")).corpus()

    measure(benchmark, build, "synthetic built", rounds=1, setup=empty_cache)


def bench_synthetic_opened(benchmark: BenchmarkFixture, cache: Path) -> None:
    def build() -> None:
        registry.open_benchmark(BenchmarkRef("synthetic")).corpus()

    build()
    measure(benchmark, build, "synthetic from the cache", setup=cache_entry._verified.clear)


@pytest.mark.parametrize("size", SIZES)
def bench_near_duplicates(size: int, benchmark: BenchmarkFixture) -> None:
    payloads = natural(size)
    measure(benchmark, lambda: near_duplicates.clusters(payloads), "near-duplicates", size, "payloads")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("form", [name for name in input_forms.FORMS if name != "raw"])
def bench_input_form(form: str, size: int, benchmark: BenchmarkFixture) -> None:
    payloads = Payloads.from_list(natural(size))
    measure(benchmark, lambda: input_forms.apply(form, payloads), f"input form {form}", size, "payloads")


@pytest.mark.parametrize("size", SIZES)
def bench_ngrams(size: int, benchmark: BenchmarkFixture) -> None:
    payloads = Payloads.from_list(natural(size))
    measure(benchmark, lambda: byte_ngrams.hashed_counts(payloads, 1, 4, 18), "hashed n-grams", size, "payloads")
