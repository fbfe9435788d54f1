"""Opens the benchmark of an API call: by name, from a file or a folder, or from payloads and labels in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness import hashing, registry
from harness.api.home_folder import expanded
from harness.benchmark import Benchmark, BenchmarkRef
from harness.data import values
from harness.data.corpus import CUE, GROUP, Corpus, payload_fields
from harness.data.payloads import Payloads
from harness.errors import UserError
from harness.storage import cache_entry
from harness.storage.cache_dir import cache_root

BenchmarkLike = str | Path | BenchmarkRef | Benchmark | Corpus | Mapping[str, Any] | Sequence[Any]


@dataclass(frozen=True)
class DataOptions:
    """Options for reading the data; the names are those of the command line.

    Attributes:
        mapping: ``--map``: field of the harness to column of the data.
        where: ``--where``: column to allowed values.
        strict: ``--strict``: raise an error if rows cannot be used.
        target: ``--target``: the corpus to test on, with ``target_mapping`` and ``target_where``.
        text: ``--text``: the corpus whose descriptions are added, with ``text_mapping``.
    """

    mapping: Mapping[str, str] = field(default_factory=dict)
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    strict: bool = False
    target: BenchmarkLike = ""
    target_mapping: Mapping[str, str] = field(default_factory=dict)
    target_where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    text: BenchmarkLike = ""
    text_mapping: Mapping[str, str] = field(default_factory=dict)


def open_benchmark(benchmark: BenchmarkLike, data: DataOptions) -> Benchmark:
    """Opens a benchmark.

    Args:
        benchmark: a benchmark's name (``synthetic``, ``nuclei:PATH``); ``files:PATH``, or the path of a data file;
            a pair (payloads, labels), a mapping of columns, or a `Corpus`.
        data: options for reading its data.

    Raises:
        UserError: the benchmark or the file does not exist, or an option does not apply to it.
    """
    if isinstance(benchmark, Benchmark):
        return benchmark
    return registry.open_benchmark(reference(benchmark, data))


def reference(benchmark: BenchmarkLike, data: DataOptions) -> BenchmarkRef:
    """Returns the reference of a benchmark; see `open_benchmark`."""
    has_target, has_text = not _is_empty(data.target), not _is_empty(data.text)
    if (data.target_mapping or data.target_where) and not has_target:
        raise UserError("--target-map and --target-where require --target CORPUS.")
    if data.text_mapping and not has_text:
        raise UserError("--text-map requires --text CORPUS.")
    ref = _reference(benchmark, data.mapping, data.where, data.strict)
    if has_target:
        ref = replace(ref, target=_reference(data.target, data.target_mapping, data.target_where, data.strict))
    if has_text:
        ref = replace(ref, text=_reference(data.text, data.text_mapping, {}, data.strict))
    return ref


def _is_empty(benchmark: BenchmarkLike) -> bool:
    return isinstance(benchmark, str) and not benchmark


def _reference(
    benchmark: BenchmarkLike, mapping: Mapping[str, str], where: Mapping[str, tuple[str, ...]], strict: bool
) -> BenchmarkRef:
    if isinstance(benchmark, BenchmarkRef):
        return benchmark
    if isinstance(benchmark, Benchmark):
        return benchmark.ref
    if isinstance(benchmark, Path):
        return BenchmarkRef("files", expanded(str(benchmark)), mapping, where, strict)
    if not isinstance(benchmark, str):
        return BenchmarkRef("files", str(_cached_file(_corpus(benchmark))), mapping, where, strict)
    name, colon, argument = expanded(benchmark).partition(":")
    if not name:
        raise UserError(f"--bench {benchmark!r}: the value must be a benchmark's name or files:PATH.")
    if not colon and name not in registry.benchmarks() and Path(name).exists():
        return BenchmarkRef("files", name, mapping, where, strict)
    return BenchmarkRef(name, argument if colon else None, mapping, where, strict)


def _corpus(benchmark: Any) -> Corpus:
    """Converts payloads and labels in memory to a corpus; see `open_benchmark`."""
    import pyarrow as pa

    if isinstance(benchmark, Corpus):
        return benchmark
    if isinstance(benchmark, Mapping):
        columns = dict(benchmark)
    elif isinstance(benchmark, tuple | list) and len(benchmark) == 2:
        columns = dict(zip(("payload", "label"), benchmark, strict=True))
    else:
        raise UserError(
            f"benchmark: {type(benchmark).__name__} is not a benchmark; pass a name, a path, a pair (payloads, labels) "
            "or a mapping of columns."
        )
    if lacking := [name for name in ("payload", "label") if name not in columns]:
        raise UserError(
            f"benchmark: the column {lacking[0]} is missing; the columns are {', '.join(map(str, columns))}."
        )
    types = payload_fields()
    unknown = [name for name in columns if name not in types and not name.startswith((GROUP, CUE))]
    if unknown:
        raise UserError(
            f"benchmark: the column {unknown[0]} is unknown; known: {', '.join(types)}, {GROUP}NAME, {CUE}NAME."
        )
    columns["payload"] = [_bytes(value, row) for row, value in enumerate(columns["payload"])]
    columns = {name: list(items) for name, items in columns.items()}
    if len(lengths := {name: len(items) for name, items in columns.items()}) and len(set(lengths.values())) > 1:
        raise UserError(f"benchmark: the columns have different lengths ({lengths}).")
    columns.setdefault("sample", [str(row) for row in range(len(columns["label"]))])
    try:
        if "date" in columns:
            columns["date"] = list(map(values.day, columns["date"]))
        # With from_pandas, NaN and NaT are missing values.
        arrays = {
            name: pa.array(items, types.get(name, pa.string()), from_pandas=True) for name, items in columns.items()
        }
    except (pa.ArrowInvalid, pa.ArrowTypeError, ValueError) as error:
        raise UserError(f"benchmark: a column has values of the wrong type ({error}).") from error
    return Corpus.create("in-memory", pa.table(arrays))


def _bytes(value: Any, row: int) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    raise UserError(f"benchmark: payload {row} is {type(value).__name__}; it must be bytes or str.")


def _cached_file(corpus: Corpus) -> Path:
    """Writes a corpus to the cache folder for worker processes, unless it is there already; returns the file."""
    from harness.sources import export

    name = f"{corpus.meta.name}.parquet"
    folder = cache_root() / "in-memory" / hashing.of_json([corpus.meta.hash])[:32]
    if not cache_entry.is_intact(folder, "data in memory") or not (folder / name).exists():
        try:
            cache_entry.store(folder, lambda place: export(corpus, place / name))
        except OSError as error:
            if not cache_entry.is_intact(folder, "data in memory"):
                raise cache_entry.unwritable(cache_root(), error) from error
    return folder / name


def payload_list(payloads: Sequence[bytes] | Payloads) -> list[bytes]:
    """Converts payloads, as `Payloads` or a sequence of bytes or str, to a list of bytes."""
    return [_bytes(value, row) for row, value in enumerate(payloads)]
