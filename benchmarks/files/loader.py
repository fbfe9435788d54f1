"""The rows that ``--where`` keeps, with their mapped columns cast; what cannot be used is counted and named."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from harness import Corpus, UserError, sources

from . import field_types, readers

MOST_BROKEN = 0.01  # share of rows that is left out and counted; more is refused
_LISTED = 20  # broken rows that are named


class Loader:
    """Reads one file or folder."""

    def __init__(self, path: Path, mapping: Mapping[str, str], where: Mapping[str, tuple[str, ...]]) -> None:
        self._path = path
        self._where = where
        self._groups = list(dict.fromkeys(mapping["group"].split("+"))) if "group" in mapping else []
        self._fields: dict[str, tuple[str, Callable[[Any], Any]]] = {}
        for field, column in mapping.items():
            if field != "group":
                name, cast = field_types.CASTS.get(field, (field, field_types.text))
                self._fields[name] = (column, cast)
        self._tally = sources.SourceTally()
        self._broken: list[str] = []
        self._total = 0

    def corpus(self, name: str, strict: bool) -> Corpus:
        """Returns the corpus of the rows that can be used, with a note on those that cannot.

        Raises:
            UserError: the file cannot be read, or too many rows cannot be used; under ``strict`` any.
        """
        if "payload" not in self._fields:
            rows = [{"text": row["description"], **row} for row in self._rows()]
            self._check(strict)
            made = sources.text_corpus(name, rows, self._notes())
        else:
            builder = sources.Builder([*{"sample": "", **self._fields}, *map(_group, self._groups)])
            labels = set()
            for row in self._rows():
                builder.add(row)
                labels.add(row["label"])
            self._check(strict)
            made = builder.corpus(name, (*self._notes(), *_alike(labels)))
        return sources.with_origin(made, self._tally.left_out())

    def requests(self, strict: bool, say: Callable[[str], None]) -> Iterator[tuple[str, bytes]]:
        """Yields sample and payload of the rows that can be used, however few; those that cannot are said at the end.

        Raises:
            UserError: the file cannot be read, or no row can be used; under ``strict`` there is one that cannot be.
        """
        for row in self._rows():
            yield row["sample"], row["payload"]
        if strict or len(self._broken) == self._total:
            self._check(strict)
        for note in self._notes():
            say(note)

    def _rows(self) -> Iterator[dict[str, Any]]:
        """Rows that can be used; ``sample`` is the place in the file, counted from 0, where no id is mapped."""
        wanted = {column for column, _ in self._fields.values()} | {*self._groups, *self._where}
        for number, read in enumerate(readers.rows(self._path, wanted, self._tally)):
            row = read.row
            if row is not None and any(
                field_types.spelling(row.get(column)) not in values for column, values in self._where.items()
            ):
                continue
            self._total += 1
            try:
                if row is None:
                    raise ValueError(read.problem)
                out = {name: cast(row.get(column)) for name, (column, cast) in self._fields.items()}
                if "payload" not in out and out["description"] is None:
                    raise ValueError("the description is missing")
                groups = {_group(column): field_types.text(row.get(column)) for column in self._groups}
                yield {"sample": str(number)} | out | groups
            except ValueError as error:
                self._tally.skip("row: it cannot be used", f"{read.place}: {error}")
                self._broken.append(f"{read.place}: {error}")

    def _check(self, strict: bool) -> None:
        if self._total == 0:
            raise UserError(f"{self._path}: no row is left" + (" after --where." if self._where else "."))
        if len(self._broken) > (0 if strict else MOST_BROKEN * self._total):
            allowed = "--strict allows none" if strict else f"up to {MOST_BROKEN:.0%} are left out and counted"
            raise UserError(
                f"{self._path}: {len(self._broken)} of {self._total} rows cannot be used ({self._listed()}); {allowed}."
            )

    def _notes(self) -> tuple[str, ...]:
        if not self._broken:
            return ()
        return (f"{len(self._broken)} of {self._total} rows were left out: {self._listed()}",)

    def _listed(self) -> str:
        more = len(self._broken) - _LISTED
        return "; ".join(self._broken[:_LISTED]) + (f"; and {more} more" if more > 0 else "")


def _alike(labels: set[str]) -> Iterator[str]:
    """Yields a note on labels that are probably meant to be one."""
    spellings: dict[str, list[str]] = {}
    for label in sorted(labels):
        spellings.setdefault(" ".join(label.split()).lower(), []).append(label)
    for same in spellings.values():
        if len(same) > 1:
            yield f"labels that differ in case or white space alone are several classes: {', '.join(map(repr, same))}"


def _group(column: str) -> str:
    """The corpus's column of a group; that of an exported corpus keeps its name."""
    return f"group.{column.removeprefix('group.')}"
