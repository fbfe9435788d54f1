"""The results folder: one file per cell, whole or absent."""

import functools
import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from harness.errors import UserError
from harness.records.migrations import upgraded
from harness.records.schema import SCHEMA, CellId, Record
from harness.storage.atomic_write import TEMPORARY_PREFIX, atomic_write

MODEL = ".model"  # ends the name of a folder with a saved predictor
_LONGEST = 100  # characters; a method may be a whole command, and records have their key beside it
_TODAY = f'"schema_version":{SCHEMA}'.encode()
_UNSAFE = re.compile(r"[^a-z0-9._-]+")


@functools.cache
def slug(text: str) -> str:
    """Returns text as a file name of ``[a-z0-9._-]``, or the beginning of one where it is long."""
    return _UNSAFE.sub("-", text.lower()).strip("-.")[:_LONGEST] or "unnamed"


def _file_name(cell: CellId) -> str:
    return f"{slug(cell.method)}-s{cell.seed}-{cell.key[:16]}"


@dataclass(frozen=True)
class Entry:
    """A record and its file.

    Attributes:
        path: in the results folder, with slashes.
        digest: the first 16 digits of the SHA-256 of the file's bytes.
    """

    path: str
    digest: str
    record: Record


class Store:
    """Reads and writes records under one folder: ``<benchmark>/<scenario>/<method>-s<seed>-<key>.json``.

    The predictor of a record, where one is kept, is a folder beside it that ends in ``.model``; what it said of each
    payload is under ``.predictions``.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, cell: CellId) -> Path:
        """Returns where the record of a cell lies; the only place that knows."""
        return self.root / slug(cell.benchmark) / slug(cell.scenario) / f"{_file_name(cell)}.json"

    def open_for_writing(self) -> None:
        """Makes the folder.

        Raises:
            UserError: it cannot be written to.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.root):
                pass
        except OSError as error:
            raise UserError(f"--results {self.root}: the folder cannot be written to ({error.strerror}).") from error

    def get(self, cell: CellId) -> Record | None:
        """Returns the record of a cell, or None where there is none.

        Raises:
            UserError: there is a file and it is no whole record of this cell.
        """
        path = self.path(cell)
        if not path.exists():
            return None
        record = read(path)
        if record.key != cell.key:
            raise UserError(f"{path} holds the record of another cell; move it away and run again.")
        return record

    def put(self, record: Record) -> Path:
        """Writes a record: to a temporary name, synced, renamed."""
        path = self.path(record.id)
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(record.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), allow_nan=False)
        with atomic_write(path, sync=True) as file:
            file.write_text(text + "\n", encoding="utf-8")
        return path

    def predictions_path(self, cell: CellId) -> Path:
        """Returns the file of a record's single predictions, in a hidden folder: no part of what is handed on."""
        path = self.path(cell)
        return self.root / ".predictions" / path.relative_to(self.root).with_suffix(".json.gz")

    def put_predictions(self, cell: CellId, content: bytes | None) -> None:
        """Writes a cell's single predictions under a temporary name and renames; None drops what an older run left."""
        path = self.predictions_path(cell)
        if content is None:
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as file:
            file.write_bytes(content)

    def model_path(self, cell: CellId) -> Path:
        """Returns the folder of a record's predictor."""
        return self.path(cell).with_suffix(MODEL)

    def has_model(self, record: Record) -> bool:
        """Whether the predictor of a record is there; one that is not done has none, and lacks none."""
        return record.status != "done" or self.model_path(record.id).is_dir()

    def model_draft(self, cell: CellId) -> Path:
        """Returns the folder that a predictor is written to before it is whole."""
        place = self.model_path(cell)
        return place.with_name(f"{TEMPORARY_PREFIX}{place.name}")

    def put_model(self, cell: CellId) -> None:
        """Makes the draft of a predictor the predictor of its record."""
        place = self.model_path(cell)
        if place.exists():
            shutil.rmtree(place)
        self.model_draft(cell).rename(place)

    def find(self, prefix: str) -> Record:
        """Returns the one record whose key begins so.

        Args:
            prefix: 4 to 64 hexadecimal digits; or the name of the record's file or of its model's folder, with its way.

        Raises:
            UserError: it is no such beginning, or no record or several have it.
        """
        if named := re.search(rf"-([0-9a-f]{{16}})(?:\.json|{re.escape(MODEL)})?/?$", prefix):
            prefix = named[1]
        if not re.fullmatch(r"[0-9a-f]{4,64}", prefix):
            raise UserError(f"--record {prefix}: the record's file, its key, or at least four digits of it are needed.")
        found = [r for r in map(read, self.root.glob(f"*/*/*-{prefix[:16]}*.json")) if r.key.startswith(prefix)]
        if len(found) != 1:
            which = ", ".join(sorted(record.key[:16] for record in found))
            raise UserError(
                f"--record {prefix}: several records in {self.root} have a key that begins so: {which}."
                if found
                else f"--record {prefix}: no record in {self.root} has this key."
            )
        return found[0]

    def sweep(self) -> None:
        """Drops what killed runs left half-written; only for a run that is alone in the folder."""
        for folder in (".", "*/*", ".predictions/*/*"):
            for path in self.root.glob(f"{folder}/{TEMPORARY_PREFIX}*"):
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def log_path(self, cell: CellId, part: str | None = None) -> Path:
        """Returns the file that takes what a cell, or a preparation of its shared step, prints; makes its folder."""
        suffix = "" if part is None else f"-{slug(part)}"
        folder = self.root / ".logs"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{slug(cell.scenario)}-{_file_name(cell)}{suffix}.log"

    def records(self) -> Iterator[Record]:
        """Yields every record, in the order of the file names.

        Raises:
            UserError: a file is no whole record.
        """
        for entry in self.entries():
            yield entry.record

    def entries(self) -> Iterator[Entry]:
        """Yields every record with its file, in the order of the file names; see `records`."""
        for path in sorted(self.root.glob("*/*/*.json")):
            content = _content(path)
            digest = hashlib.sha256(content).hexdigest()[:16]
            yield Entry(path.relative_to(self.root).as_posix(), digest, _parsed(path, content))


def read(path: Path) -> Record:
    """Returns the record in a file.

    Raises:
        UserError: the file is unreadable, cut off, or of an unknown schema.
    """
    return _parsed(path, _content(path))


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}).") from error


def _parsed(path: Path, content: bytes) -> Record:
    try:
        if _TODAY in content:
            return Record.model_validate_json(content)  # faster than by way of plain values
        return Record.model_validate(upgraded(json.loads(content)))
    except ValidationError as error:
        raise _no_record(path, error) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is no whole record ({error}); move it away and run again to recompute it.") from error


def _no_record(path: Path, error: ValidationError) -> UserError:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"]) or "the file"
    return UserError(
        f"{path} is no whole record ({where}: {first['msg']}); move it away and run again to recompute it."
    )
