"""Checks that the leaderboard's files are up to date with the records, and that the records are consistent."""

import difflib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import hashing, regular_file
from harness.boards.build import Rules, budget_setting, setting_differences, setting_of
from harness.boards.model import Setting
from harness.boards.record_selection import one_per_cell, superseded
from harness.errors import UserError
from harness.records.consistency import disagreements
from harness.records.store import Entry
from harness.safe_text import printable
from harness.storage import safe_json


@dataclass(frozen=True)
class LeaderboardCheck:
    """Result of a check.

    Attributes:
        differences: one line each; empty if the files are up to date and the records are consistent.
        notes: records that the board does not use, or uses for derived environments only.
    """

    differences: list[str]
    notes: list[str]


def check(entries: Sequence[Entry], texts: Mapping[Path, str], rules: Rules) -> LeaderboardCheck:
    """Compares the files on disk with those generated from the records.

    Args:
        entries: every record.
        texts: generated content of each file; one of them is the JSON, which lists the records it was made from.
        rules: see `Rules`.
    """
    differences = [printable(line) for entry in entries for line in _edited_figures(entry)]
    differences += [*_other_budgets(entries, rules)]
    differences += [line for path in texts for line in _other_files(path, entries)]
    differences += [line for path, text in texts.items() for line in _differing_lines(path, text)]
    return LeaderboardCheck(differences, [printable(note) for note in _unused_records(entries, rules)])


def _unused_records(entries: Sequence[Entry], rules: Rules) -> Iterator[str]:
    """Yields a line per record that the board does not use, and per record that shares its cell with another."""
    outdated = superseded([entry.record for entry in entries], rules.is_stale)
    groups: dict[tuple[Setting, str, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        record = entry.record
        if record.key in outdated:
            yield (
                f"older version: {entry.path} was made by {outdated[record.key]}; the board does not "
                "use it; `harness run` runs its cell again"
            )
        else:
            content = hashing.of_json([record.cell.method, record.cell.adapter])
            groups[setting_of(record), content, f"{record.cell.scenario}, seed {record.cell.seed}"].append(entry)
    for same in groups.values():
        paths = {entry.record.key: entry.path for entry in same}
        (one,), more = one_per_cell([entry.record for entry in same])
        for record in more:
            yield f"second record: {paths[record.key]} has the same cell as {paths[one.key]}, which the board uses"


def _edited_figures(entry: Entry) -> Iterator[str]:
    for place, stated, counted in disagreements(entry.record):
        yield f"edited figure: {entry.path} has {place} = {stated}, but its counts give {counted}"


def _other_budgets(entries: Sequence[Entry], rules: Rules) -> Iterator[str]:
    """Yields a line per record whose budget or precision differs from most records of its corpus and preset."""
    groups: dict[tuple[int, str, str, str], list[tuple[Entry, Setting]]] = defaultdict(list)
    for entry in entries:
        setting = budget_setting(entry.record)
        if not rules.is_stale(entry.record):
            groups[setting.protocol, setting.benchmark, setting.corpus, setting.preset].append((entry, setting))
    for members in groups.values():
        counts = Counter(setting for _, setting in members)
        usual = max(counts, key=lambda setting: (counts[setting], repr(setting)))
        for entry, setting in members:
            if setting != usual:
                differences = setting_differences(setting, usual)
                yield printable(f"another budget: {entry.path}, preset {setting.preset}: {differences}")


def _other_files(path: Path, entries: Sequence[Entry]) -> Iterator[str]:
    """Yields a line per record that was added, removed or changed since the JSON was written."""
    if path.suffix != ".json" or not path.exists():
        return
    try:
        listed = safe_json.loads(_read(path))["records"]
        before = {str(name): str(digest) for name, digest in listed.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        yield f"{path} does not list its records: it was written by an older version, or edited"
        return
    digests = {entry.path: entry.digest for entry in entries}
    for name in sorted(set(before) | set(digests)):
        if name not in digests:
            yield printable(f"deleted record: {name} is on the board, but the file does not exist")
        elif name not in before:
            yield printable(f"new record: {name} is not on the board yet")
        elif before[name] != digests[name]:
            yield printable(f"edited record: {name} differs from the file that the board was made from")


def _read(path: Path) -> bytes:
    try:
        return regular_file.read(path)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}).") from error


def _differing_lines(path: Path, generated: str) -> Iterator[str]:
    if not path.exists():
        yield f"{path} is missing"
        return
    text = _read(path).decode("utf-8", "replace")
    diff = difflib.unified_diff(text.splitlines(), generated.splitlines(), str(path), "regenerated", lineterm="", n=0)
    lines = [printable(line) for line in diff]
    if path.suffix == ".json" and lines:  # too many lines to print; the page has the same figures
        yield f"{path} differs from the generated file in {sum(line[:1] in '+-' for line in lines[2:])} lines"
    else:
        yield from lines
