"""``files:PATH``: the user's own requests, from JSONL, CSV, Parquet or a folder of raw requests."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from harness import BenchmarkRef, Corpus, GenericBenchmark, UserError, hashing, nearest, register_benchmark, sources

from .field_types import CASTS, CUE
from .loader import Loader
from .readers import is_raw

VERSION = 4  # of the loader: a change makes cached corpora stale
_MAPS = "--map, or of a target --target-map, of texts --text-map"
_OF_RAW = {"payload": "payload", "label": "folder", "id": "path"}  # mapping of a folder where none is given


@register_benchmark(
    "files",
    summary="your own requests: JSONL, CSV, TSV, Parquet, a folder or an archive, with --map and --where",
    argument="PATH",
)
class Files(GenericBenchmark):
    """A corpus from one file or folder."""

    def __init__(self, ref: BenchmarkRef) -> None:
        super().__init__(ref)
        self._path = Path(ref.argument or "")
        if not self._path.exists():
            raise UserError(f"files:{ref.argument}: there is no such file.")
        self._mapping = dict(ref.mapping)
        if not ref.mapping and self._path.suffix == ".parquet":
            self._mapping = sources.mapping_of(self._path)
        if is_raw(self._path):
            mapped = {_column(field) for field in ref.mapping}
            self._mapping |= {field: column for field, column in _OF_RAW.items() if _column(field) not in mapped}
        self._check_mapping()

    def _check_mapping(self) -> None:
        columns: dict[str, str] = {}
        for field in self._mapping:
            if field not in CASTS and not CUE.fullmatch(field):
                raise UserError(
                    f"--map {field}=…: the field {field} is unknown; {nearest(field, [*CASTS, 'cue.NAME'])}"
                )
            column = _column(field)
            if column in columns:
                raise UserError(f"--map: {columns[column]} and {field} are the same thing; map one of them.")
            columns[column] = field
        if "description" in columns and "payload" not in columns:
            if not {"label", "cve"} & set(columns):
                raise UserError(f"--map: {self.ref} has texts without payloads; map their label or their cve too.")
        elif "payload" not in columns:
            raise UserError(f"{self.ref}: map the column of its payload ({_MAPS}), as in payload=raw,label=attack.")

    @property
    def name(self) -> str:
        """``files-`` and the file's name without its endings."""
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

    def unlabelled(self, say: Callable[[str], None]) -> Iterator[tuple[str, bytes]]:
        """See `Benchmark.unlabelled`; of the mapping, payload and id are read, so that nothing else can be wrong."""
        mapping = {field: column for field, column in self._mapping.items() if _column(field) in ("payload", "sample")}
        return Loader(self._path, mapping, self.ref.where).requests(self.ref.strict, say)

    def remedy(self, column: str) -> str:
        """See `GenericBenchmark.remedy`."""
        return f"--map {column}=COLUMN" + (" (or A+B for several)" if column == "group" else "")


def _column(field: str) -> str:
    """The corpus's column of a field that ``--map`` names."""
    return CASTS[field][0] if field in CASTS else field
