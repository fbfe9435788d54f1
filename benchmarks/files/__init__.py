"""``files:PATH``: the user's own requests, from tables, exports of tools, or raw requests; see `formats`."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from harness import (
    BenchmarkRef,
    Corpus,
    GenericBenchmark,
    UserError,
    hashing,
    nearest,
    register_benchmark,
    regular_file,
    sources,
)

from . import combine, readers
from .field_types import CONVERTERS, CUE
from .loader import Loader

VERSION = 5  # of the loader; increase it to invalidate cached corpora
_MAPS = "with --map; --target-map for a target, --text-map for texts"


@register_benchmark(
    "files",
    summary="your own requests: CSV, JSON, Parquet, Arrow, Burp, HAR, ModSecurity, raw, with --map and --where",
    argument="PATH",
)
class Files(GenericBenchmark):
    """A benchmark whose corpus comes from one file or folder."""

    def __init__(self, ref: BenchmarkRef) -> None:
        super().__init__(ref)
        argument = ref.argument or ""
        self._path = sources.from_hub(argument) if argument.startswith(sources.HUB_SCHEME) else Path(argument)
        if not self._path.exists():
            raise UserError(f"files:{ref.argument}: no such file or folder.")
        if not self._path.is_dir():
            try:
                regular_file.check(self._path, self._path)
            except OSError as error:
                raise UserError(f"{self._path} cannot be read ({error.strerror}).") from error
        self._mapping = combine.with_request(ref.mapping)
        if not ref.mapping and self._path.suffix == ".parquet":
            self._mapping = sources.mapping_of(self._path)
        # Formats with the same columns in every file need no mapping of these.
        defaults = readers.format_of(self._path, {*self._mapping.values(), *ref.where}).defaults
        columns = {_column(field) for field in self._mapping}
        self._mapping |= {field: column for field, column in defaults.items() if _column(field) not in columns}
        self._check_mapping()

    def _check_mapping(self) -> None:
        columns: dict[str, str] = {}
        for field in self._mapping:
            if field not in CONVERTERS and not CUE.fullmatch(field):
                raise UserError(
                    f"--map {field}=…: the field {field} is unknown; {nearest(field, [*CONVERTERS, 'cue.NAME'])}"
                )
            column = _column(field)
            if column in columns:
                raise UserError(f"--map: {columns[column]} and {field} set the same column; map only one of them.")
            columns[column] = field
        if "description" in columns and "payload" not in columns:
            if not {"label", "cve"} & set(columns):
                raise UserError(f"--map: {self.ref} has descriptions but no payloads; map label or cve too.")
        elif "payload" not in columns:
            raise UserError(f"{self.ref}: map the column of its payload ({_MAPS}), as in payload=raw,label=attack.")

    @property
    def name(self) -> str:
        """``files-`` and the file's name without its extensions."""
        return "files-" + re.sub(r"[^a-z0-9._-]+", "-", self._path.name.lower().split(".")[0])

    @property
    def fingerprint(self) -> str:
        """See `GenericBenchmark.fingerprint`."""
        where = {column: list(values) for column, values in self.ref.where.items()}
        content = sources.fingerprint(self._path)
        return hashing.of_json(["files", VERSION, self.name, content, self._mapping, where, self.ref.strict])

    def source(self) -> Path | None:
        """See `Benchmark.source`."""
        return self._path if self._path.is_file() else None

    def load(self) -> Corpus:
        """See `GenericBenchmark.load`."""
        columns = set(map(_column, self._mapping))
        if "payload" in columns and "label" not in columns:
            raise UserError(f"{self.ref}: map the column of its label too ({_MAPS}), as in payload=raw,label=attack.")
        return Loader(self._path, self._mapping, self.ref.where).corpus(self.name, self.ref.strict)

    def unlabelled(self, notify: Callable[[str], None]) -> Iterator[tuple[str, bytes]]:
        """See `Benchmark.unlabelled`; only payload and id are read, so that errors in other columns do not matter."""
        mapping = {field: column for field, column in self._mapping.items() if _column(field) in ("payload", "sample")}
        return Loader(self._path, mapping, self.ref.where).requests(self.ref.strict, notify)

    def remedy(self, column: str) -> str:
        """See `GenericBenchmark.remedy`."""
        return f"--map {column}=COLUMN" + (" (or A+B for several)" if column == "group" else "")


def _column(field: str) -> str:
    """Returns the corpus column of a field of ``--map``."""
    return CONVERTERS[field][0] if field in CONVERTERS else field
