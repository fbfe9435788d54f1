"""Whether the leaderboard's files are what the records give, and which records speak against it."""

import difflib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import recount
from harness.board.collect import Rules, Setting, setting_of
from harness.escape import printable
from harness.store import Entry

_ASKED = ("trials", "seconds", "sampler", "pruner", "precision", "sizes")  # of a setting, what a preset stands for


@dataclass(frozen=True)
class Outcome:
    """What a check found.

    Attributes:
        differences: one line each; none when the files are up to date and the records agree with themselves.
        notes: stale records, which the board leaves out.
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
    for path, text in texts.items():
        differences += [*_other_files(path, entries), *_differing_lines(path, text)]
    versions = ((entry, entry.record.cell) for entry in entries if rules.is_stale(entry.record))
    notes = [
        f"older version: {entry.path} was made by version {cell.method_version} of {cell.method} under protocol "
        f"{cell.protocol}; the board leaves it out, `harness run` makes it anew"
        for entry, cell in versions
    ]
    return Outcome(differences, [printable(note) for note in notes])


def _edited_figures(entry: Entry) -> Iterator[str]:
    try:
        for place, stated, counted in recount.disagreements(entry.record):
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
                asked = ", ".join(
                    f"{name} {getattr(setting, name)} instead of {getattr(usual, name)}"
                    for name in _ASKED
                    if getattr(setting, name) != getattr(usual, name)
                )
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
    lines = difflib.unified_diff(there.splitlines(), wanted.splitlines(), str(path), "regenerated", lineterm="", n=0)
    yield from (printable(line) for line in lines)
