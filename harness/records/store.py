"""The results folder: one file per cell, which is either complete or absent."""

import contextlib
import functools
import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from harness.errors import UserError
from harness.records.migrations import upgrade
from harness.records.schema import CellId, Record
from harness.storage import bounded, safe_json
from harness.storage.atomic_write import TEMPORARY_PREFIX, atomic_write

MAX_RECORD_BYTES = 64 * 2**20  # of a record's file; its counts grow with the groups and environments of a cell
MAX_RECORD_MEMORY = 256 * 2**20  # bytes that it may take as Python objects
MODEL = ".model"  # suffix of a folder with a saved predictor
_MOST_CHARACTERS = 100  # of a file name's part; a method's name may be a whole command line
_LOGS = ".logs"
_KEY_DIGITS = 16  # digits of a cell's key in the names of its files
_LOG_KEY = re.compile(rf"-s\d+-([0-9a-f]{{{_KEY_DIGITS}}})(?:-[a-z0-9._-]+)?\.log$")
_UNSAFE = re.compile(r"[^a-z0-9._-]+")


@functools.cache
def slug(text: str) -> str:
    """Converts text to a file name of the characters ``[a-z0-9._-]``, truncated if it is long."""
    return _UNSAFE.sub("-", text.lower()).strip("-.")[:_MOST_CHARACTERS] or "unnamed"


def _file_name(cell: CellId) -> str:
    return f"{slug(cell.method)}-s{cell.seed}-{cell.key[:16]}"


@dataclass(frozen=True)
class Entry:
    """A record and its file.

    Attributes:
        path: path relative to the results folder, with slashes.
        digest: first 16 hexadecimal digits of the SHA-256 of the file.
        record: content of the file.
    """

    path: str
    digest: str
    record: Record


@dataclass(frozen=True)
class Contents:
    """The records of a results folder.

    Attributes:
        entries: every record, sorted by file name.
        unreadable: why a file is not counted, by its path relative to the folder: a sentence that names the file.
    """

    entries: tuple[Entry, ...]
    unreadable: Mapping[str, str]

    @property
    def records(self) -> list[Record]:
        """The records without their files."""
        return [entry.record for entry in self.entries]


class Store:
    """Reads and writes records under one folder: ``<benchmark>/<scenario>/<method>-s<seed>-<key>.json``.

    The saved predictor of a record, if there is one, is a folder beside it that ends in ``.model``; its predictions are
    under ``.predictions``.

    Args:
        root: the results folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, cell: CellId) -> Path:
        """Returns the path of a cell's record; all other code uses this function."""
        return self.root / slug(cell.benchmark) / slug(cell.scenario) / f"{_file_name(cell)}.json"

    def open_for_writing(self) -> None:
        """Creates the folder, and the one of its logs.

        Raises:
            UserError: the folder cannot be written to.
        """
        try:
            (self.root / _LOGS).mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.root):
                pass
        except OSError as error:
            raise UserError(f"--results {self.root}: the folder cannot be written to ({error.strerror}).") from error

    def get(self, cell: CellId) -> Record | None:
        """Returns the record of a cell, or None if there is none.

        Raises:
            UserError: the file exists but is not a complete record of this cell.
        """
        path = self.path(cell)
        if not path.exists():
            return None
        record = read(path)
        if record.key != cell.key:
            raise UserError(f"{path} contains the record of another cell; move it away and run again.")
        return record

    def others(self, cell: CellId) -> list[Record]:
        """Returns the records of a method on a scenario and seed that have other keys than its cell; readable ones."""
        own, records = self.path(cell), list[Record]()
        for path in sorted(own.parent.glob(f"{slug(cell.method)}-s{cell.seed}-*.json")):
            with contextlib.suppress(UserError):  # such a file is reported where its cell is planned
                record = read(path)
                if path != own and record.cell.method == cell.method:
                    records.append(record)
        return records

    def put(self, record: Record) -> Path:
        """Writes a record atomically: to a temporary file, flushed to disk, then renamed.

        Raises:
            UserError: `read` would not accept the record; nothing is written.
        """
        record = _checked(record)
        path = self.path(record.id)
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(record.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), allow_nan=False)
        with atomic_write(path, sync=True) as file:
            file.write_text(text + "\n", encoding="utf-8")
        return path

    def predictions_path(self, cell: CellId) -> Path:
        """Returns the path of a cell's predictions, in a hidden folder that is not shared."""
        return self._predictions(cell, ".parquet")

    def kept_predictions(self, cell: CellId) -> Path | None:
        """Returns the file of a cell's predictions, which may be of an older format; None if there is none."""
        paths = (self.predictions_path(cell), self._predictions(cell, ".json.gz"))
        return next((path for path in paths if path.exists()), None)

    def _predictions(self, cell: CellId, suffix: str) -> Path:
        path = self.path(cell)
        return self.root / ".predictions" / path.relative_to(self.root).with_suffix(suffix)

    def put_predictions(self, cell: CellId, content: bytes) -> None:
        """Writes a cell's predictions atomically, in place of those of an earlier run; deletes these if it is empty."""
        path = self.predictions_path(cell)
        self._predictions(cell, ".json.gz").unlink(missing_ok=True)
        if not content:
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as file:
            file.write_bytes(content)

    def model_path(self, cell: CellId) -> Path:
        """Returns the folder of a cell's saved predictor."""
        return self.path(cell).with_suffix(MODEL)

    def has_model(self, record: Record) -> bool:
        """Whether no predictor of a record is missing: it is saved, or the cell is not done."""
        return record.status != "done" or self.model_path(record.id).is_dir()

    def model_draft(self, cell: CellId) -> Path:
        """Returns the temporary folder in which a predictor is saved; `put_model` renames it when it is complete."""
        path = self.model_path(cell)
        return path.with_name(f"{TEMPORARY_PREFIX}{path.name}")

    def put_model(self, cell: CellId) -> None:
        """Replaces the saved predictor of a cell by the one in the temporary folder."""
        path = self.model_path(cell)
        if path.exists():
            shutil.rmtree(path)  # rename(2) replaces only empty folders
        self.model_draft(cell).rename(path)

    def find(self, prefix: str) -> Record:
        """Returns the record whose key starts with a prefix.

        Args:
            prefix: 4 to 64 hexadecimal digits; or the path of the record's file or of its saved predictor.

        Raises:
            UserError: the prefix is malformed, no record or several records match it, or the only file that matches it
                cannot be read.
        """
        if match := re.search(rf"-([0-9a-f]{{16}})(?:\.json|{re.escape(MODEL)})?/?$", prefix):
            prefix = match[1]
        if not re.fullmatch(r"[0-9a-f]{4,64}", prefix):
            raise UserError(
                f"--record {prefix}: it must be the file of a record, its key, or at least 4 digits of the key."
            )
        records, faults = list[Record](), list[UserError]()
        for path in sorted(self.root.glob(f"*/*/*-{prefix[:16]}*.json")):
            try:
                records.append(read(path))
            except UserError as error:
                faults.append(error)
        records = [record for record in records if record.key.startswith(prefix)]
        if faults and not records:
            raise faults[0]
        if len(records) != 1:
            keys = ", ".join(sorted(record.key[:16] for record in records))
            raise UserError(
                f"--record {prefix}: several records in {self.root} have a key that starts with it: {keys}."
                if records
                else f"--record {prefix}: no record in {self.root} has this key."
            )
        return records[0]

    def sweep(self) -> None:
        """Deletes what killed runs left: partial files, and logs of cells without a record.

        Call it only in a run that is alone in the folder.
        """
        for folder in (".", "*/*", ".predictions/*/*"):
            for path in self.root.glob(f"{folder}/{TEMPORARY_PREFIX}*"):
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        keys = {path.stem[-_KEY_DIGITS:] for path in self.root.glob("*/*/*.json")}
        for path in (self.root / _LOGS).glob("*.log"):
            if (match := _LOG_KEY.search(path.name)) and match[1] not in keys:
                path.unlink(missing_ok=True)

    def log_path(self, cell: CellId, part: str | None = None) -> Path:
        """Returns the log file of a cell, or of a preparation of its shared step (``part``)."""
        suffix = "" if part is None else f"-{slug(part)}"
        return self.root / _LOGS / f"{slug(cell.method)}-{slug(cell.scenario)}-s{cell.seed}-{cell.key[:16]}{suffix}.log"

    def contents(self) -> Contents:
        """Reads every record; a file that is not a complete record costs itself alone."""
        entries, unreadable = list[Entry](), dict[str, str]()
        for path in sorted(self.root.glob("*/*/*.json")):
            name = path.relative_to(self.root).as_posix()
            try:
                data = content(path)
                entries.append(Entry(name, hashlib.sha256(data).hexdigest()[:16], _parsed(path, data)))
            except UserError as error:
                unreadable[name] = str(error)
        return Contents(tuple(entries), unreadable)


def read(path: Path) -> Record:
    """Reads a record from a file; one of an older schema is migrated.

    Raises:
        UserError: the file cannot be read, is truncated, or has an unknown schema.
    """
    return _parsed(path, content(path))


def content(path: Path) -> bytes:
    """Returns the bytes of a record's file.

    Raises:
        UserError: it cannot be read, or is not a regular file.
    """
    try:
        return bounded.read(path, MAX_RECORD_BYTES)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}).") from error
    except bounded.TooLarge as error:
        raise UserError(f"{path} {error}, which is too much for a record; move it away and run again.") from error


def _parsed(path: Path, data: bytes) -> Record:
    try:
        return Record.model_validate(upgrade(safe_json.loads(data, MAX_RECORD_MEMORY)))
    except ValidationError as error:
        reason = first_fault(error)
    except KeyError as error:
        reason = f"the field {error.args[0]} is missing"
    except (ValueError, TypeError, AttributeError) as error:
        reason = str(error)
    raise UserError(f"{path} is not a complete record ({reason}); move it away and run again to recompute it.")


def _checked(record: Record) -> Record:
    """Validates a record again, since `model_copy` does not; returns what `read` will return."""
    try:
        return Record.model_validate(record.model_dump())
    except ValidationError as error:
        raise UserError(f"the record cannot be written ({first_fault(error)}).") from error


def first_fault(error: ValidationError) -> str:
    """Returns the place and the message of the first fault that a validation found."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "the file"
    return f"{where}: {first['msg'].removeprefix('Value error, ')}"
