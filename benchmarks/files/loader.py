"""Loads the rows that ``--where`` selects, with the mapped columns converted; counts and reports rows with errors."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from harness import Corpus, UserError, column_names, sources, taxonomy

from . import field_types, readers

MAX_ERROR_RATE = 0.01  # largest share of rows with errors that are left out; with more, the file is rejected
_MAX_ERRORS_SHOWN = 20
_MAX_ERROR_CHARACTERS = 500
_MAX_LABELS_SHOWN = 20
_MAX_LABEL_CHARACTERS = 60


class _Selection:
    r"""The values of a column that ``--where`` includes; ``?`` is any value, and ``\?`` a question mark."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._any_value = "?" in texts
        self._texts = frozenset("?" if text == "\\?" else text for text in texts if text != "?")

    def includes(self, value: Any) -> bool:
        """Whether a value is one of them, as it is written in the file or, if it is a whole number, as an integer."""
        if self._any_value and field_types.has_value(value):
            return True
        if isinstance(value, float) and value.is_integer() and str(int(value)) in self._texts:
            return True
        return field_types.spelling(value) in self._texts


class Loader:
    """Loads one file or folder."""

    def __init__(self, path: Path, mapping: Mapping[str, str], where: Mapping[str, tuple[str, ...]]) -> None:
        self._path = path
        self._where = {column: _Selection(texts) for column, texts in where.items()}
        groups = column_names.split(mapping["group"], "+") if "group" in mapping else []
        self._groups = list(dict.fromkeys(map(column_names.unescaped, groups)))
        self._fields: dict[str, tuple[str, Callable[[Any], Any]]] = {}
        for field, column in mapping.items():
            if field != "group":
                name, convert = field_types.converter(field)
                self._fields[name] = (column, convert)
        self._taxonomy = "label.taxonomy" in mapping
        self._tally = sources.SourceTally()
        self._errors: list[str] = []  # the first of them
        self._error_count = 0
        self._total = 0

    def corpus(self, name: str, strict: bool) -> Corpus:
        """Returns the corpus of the valid rows, with a note on the rows with errors.

        Raises:
            UserError: the file cannot be read, or too many rows have errors; with ``strict``, any row.
        """
        if "payload" not in self._fields:
            rows = [{"text": row["description"], **row} for row in self._rows()]
            self._check(strict)
            corpus = sources.text_corpus(name, rows, self._notes())
        else:
            builder = sources.Builder([*{"sample": "", **self._fields}, *map(_group, self._groups)])
            labels = set()
            for row in self._rows():
                builder.add(row)
                labels.add(row["label"])
            self._check(strict)
            corpus = builder.corpus(name, (*self._notes(), *_similar_labels(labels), *self._unrecognised(labels)))
        return sources.with_origin(corpus, self._tally.left_out())

    def requests(self, strict: bool, say: Callable[[str], None]) -> Iterator[tuple[str, bytes]]:
        """Yields sample and payload of the valid rows, however few; passes a note on the others to ``say`` at the end.

        Raises:
            UserError: the file cannot be read, or all rows have errors; with ``strict``, any row.
        """
        for row in self._rows():
            yield row["sample"], row["payload"]
        if strict or self._error_count == self._total:
            self._check(strict)
        for note in self._notes():
            say(note)

    def _rows(self) -> Iterator[dict[str, Any]]:
        """Yields the valid rows; ``sample`` is the row's number in the file, from 0, if no id is mapped."""
        columns = {column for column, _ in self._fields.values()} | {*self._groups, *self._where}
        for number, raw_row in enumerate(readers.rows(self._path, columns, self._tally)):
            row = raw_row.values
            try:
                if row is not None and not all(
                    selection.includes(row.get(column)) for column, selection in self._where.items()
                ):
                    continue
                if row is None:
                    raise ValueError(raw_row.problem)
                out = {name: convert(row.get(column)) for name, (column, convert) in self._fields.items()}
                if "payload" not in out and out["description"] is None:
                    raise ValueError("the description is missing")
                groups = {_group(column): field_types.text(row.get(column), "the group") for column in self._groups}
            except (ValueError, RecursionError) as error:  # the latter for a value that is nested deeply
                self._total += 1
                self._tally.skip("row: an invalid value", f"{raw_row.place}: {error}")
                self._error_count += 1
                if len(self._errors) < _MAX_ERRORS_SHOWN:
                    self._errors.append(f"{raw_row.place}: {error}"[:_MAX_ERROR_CHARACTERS])
            else:
                self._total += 1
                yield {"sample": str(number)} | out | groups

    def _check(self, strict: bool) -> None:
        if self._total == 0:
            raise UserError(f"{self._path}: " + ("no rows match --where." if self._where else "there are no rows."))
        if self._error_count > (0 if strict else MAX_ERROR_RATE * self._total):
            limit = "--strict allows none" if strict else f"at most {MAX_ERROR_RATE:.0%} may be left out"
            raise UserError(
                f"{self._path}: {self._error_count} of {self._total} rows cannot be used "
                f"({self._error_list()}); {limit}."
            )

    def _notes(self) -> tuple[str, ...]:
        if not self._errors:
            return tuple(self._tally.notes)
        return (f"{self._error_count} of {self._total} rows were left out: {self._error_list()}", *self._tally.notes)

    def _unrecognised(self, labels: set[str]) -> Iterator[str]:
        names = taxonomy.unrecognised(sorted(labels)) if self._taxonomy else []
        if names:
            more = f" and {len(names) - _MAX_LABELS_SHOWN} more" if len(names) > _MAX_LABELS_SHOWN else ""
            shown = ", ".join(repr(name[:_MAX_LABEL_CHARACTERS]) for name in names[:_MAX_LABELS_SHOWN])
            yield f"label.taxonomy does not recognise these labels, which stay classes of their own: {shown}{more}"

    def _error_list(self) -> str:
        more = self._error_count - len(self._errors)
        return "; ".join(self._errors) + (f"; and {more} more" if more > 0 else "")


def _similar_labels(labels: set[str]) -> Iterator[str]:
    """Yields a note on each set of labels that are probably meant to be the same."""
    spellings: dict[str, list[str]] = {}
    for label in sorted(labels):
        spellings.setdefault(_label_key(label), []).append(label)
    for names in spellings.values():
        if len(names) > 1:
            yield (
                f"labels that differ only in case, spaces, punctuation or decimal places are separate classes: "
                f"{', '.join(map(repr, names))}"
            )


def _label_key(label: str) -> str:
    """Returns a key that is equal for labels that are probably meant to be the same."""
    try:
        return repr(float(label))
    except ValueError:
        return "".join(letter for letter in label.casefold() if letter.isalnum()) or label


def _group(column: str) -> str:
    """Returns the corpus column of a group; a column of an exported corpus keeps its name."""
    return f"group.{column.removeprefix('group.')}"
