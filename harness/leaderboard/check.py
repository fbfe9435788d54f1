"""Whether the leaderboard's files are what the records give, and which records speak against it."""

import difflib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import hashing
from harness.leaderboard.build import Rules, Setting, asked_otherwise, setting_of
from harness.leaderboard.record_selection import one_per_cell, superseded
from harness.records.consistency import disagreements
from harness.records.store import Entry
from harness.safe_text import printable


@dataclass(frozen=True)
class Outcome:
    """What a check found.

    Attributes:
        differences: one line each; none when the files are up to date and the records agree with themselves.
        notes: records that the board leaves out, or takes but derived environments of.
    """

    differences: list[str]
    notes: list[str]


def check(entries: Sequence[Entry], texts: Mapping[Path, str], rules: Rules) -> Outcome:
    """Compares the files on disk with what the records give.

    Args:
        entries: every record.
        texts: what each file would hold today; one of them is the JSON that lists the records it was made of.
        rules: what stale means.
    """
    differences = [printable(line) for entry in entries for line in _edited_figures(entry)]
    differences += [*_other_budgets(entries, rules)]
    differences += [line for path in texts for line in _other_files(path, entries)]
    differences += [line for path, text in texts.items() for line in _differing_lines(path, text)]
    return Outcome(differences, [printable(note) for note in _not_taken(entries, rules)])


def _not_taken(entries: Sequence[Entry], rules: Rules) -> Iterator[str]:
    """Names records that the board leaves out, and those that share a cell with another."""
    outdated = superseded([entry.record for entry in entries], rules.is_stale)
    groups: dict[tuple[Setting, str, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        record = entry.record
        if record.key in outdated:
            yield (
                f"older version: {entry.path} was made by {outdated[record.key]}; the board leaves it out, "
                "`harness run` makes it anew"
            )
        else:
            content = hashing.of_json([record.cell.method, record.cell.adapter])
            groups[setting_of(record), content, f"{record.cell.scenario}, seed {record.cell.seed}"].append(entry)
    for same in groups.values():
        paths = {entry.record.key: entry.path for entry in same}
        (one,), more = one_per_cell([entry.record for entry in same])
        for record in more:
            yield f"second record: {paths[record.key]} is of the same cell as {paths[one.key]}, which the board takes"


def _edited_figures(entry: Entry) -> Iterator[str]:
    try:
        for place, stated, counted in disagreements(entry.record):
            yield f"edited figure: {entry.path} states {place} = {stated}, and its counts give {counted}"
    except ValueError as error:
        yield f"edited counts: {entry.path}: {error}"


def _other_budgets(entries: Sequence[Entry], rules: Rules) -> Iterator[str]:
    """Names records of one corpus and preset that were asked something else than most."""
    groups: dict[tuple[str, str, str], list[tuple[Entry, Setting]]] = defaultdict(list)
    for entry in entries:
        setting = setting_of(entry.record)
        if not rules.is_stale(entry.record):
            groups[setting.benchmark, setting.corpus, setting.preset].append((entry, setting))
    for members in groups.values():
        counts = Counter(setting for _, setting in members)
        usual = max(counts, key=lambda setting: (counts[setting], repr(setting)))
        for entry, setting in members:
            if setting != usual:
                asked = asked_otherwise(setting, usual)
                yield printable(f"another budget: {entry.path}, preset {setting.preset}: {asked}")


def _other_files(path: Path, entries: Sequence[Entry]) -> Iterator[str]:
    """Names records that are not those that the JSON lists."""
    if path.suffix != ".json" or not path.exists():
        return
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))["records"]
        before = {str(name): str(digest) for name, digest in listed.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        yield f"{path} lists no records; it is of an older version, or was edited"
        return
    now = {entry.path: entry.digest for entry in entries}
    for name in sorted(set(before) | set(now)):
        if name not in now:
            yield printable(f"deleted record: {name} stands on the board and is gone")
        elif name not in before:
            yield printable(f"new record: {name} is not on the board yet")
        elif before[name] != now[name]:
            yield printable(f"edited record: {name} is no longer the file that the board was made from")


def _differing_lines(path: Path, wanted: str) -> Iterator[str]:
    if not path.exists():
        yield f"{path} is missing"
        return
    there = path.read_text(encoding="utf-8", errors="replace")
    diff = difflib.unified_diff(there.splitlines(), wanted.splitlines(), str(path), "regenerated", lineterm="", n=0)
    lines = [printable(line) for line in diff]
    if path.suffix == ".json" and lines:  # its figures are those of the page, and its lines many
        yield f"{path} differs from what the records give in {sum(line[:1] in '+-' for line in lines[2:])} lines"
    else:
        yield from lines
