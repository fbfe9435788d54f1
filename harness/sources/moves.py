"""Follows files of a history back through moves, to their first addition."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from harness.sources.archives import MAX_FILES
from harness.sources.checkout import Change, NotReadable


def additions(commits: Iterable[tuple[str, list[Change]]]) -> Iterator[tuple[str, str]]:
    """Yields the path of each added file, by its last name, and the day of its commit.

    Args:
        commits: the day of each commit and its changes, from the newest commit on.

    Raises:
        NotReadable: the history moves more files than a source may have.
    """
    last_names: dict[str, str] = {}  # of the files that have another name in later commits
    for day, changes in commits:
        moves = [(change.path, change.new_path) for change in changes if change.kind == "R"]
        moves += _same_names(changes)
        moved = {new for _, new in moves}
        names = [(old, last_names.pop(new, new)) for old, new in moves]
        last_names |= {old: name for old, name in names if old != name}
        if len(last_names) > MAX_FILES:
            raise NotReadable(f"its history moves more than {MAX_FILES:,} files")
        for change in changes:
            if change.kind == "A" and change.path not in moved:
                yield last_names.get(change.path, change.path), day


def _same_names(changes: list[Change]) -> list[tuple[str, str]]:
    """Returns the moves of one commit that git shows as a deletion and an addition, since the content changed too.

    A file was moved if it has the same name in both places, and no other file of the commit has.
    """
    deleted = [change.path for change in changes if change.kind == "D"]
    if not deleted:
        return []
    added = [change.path for change in changes if change.kind == "A"]
    counts = Counter(PurePosixPath(path).name for path in added)
    new_paths = {name: path for path in added if counts[name := PurePosixPath(path).name] == 1}
    old_counts = Counter(PurePosixPath(path).name for path in deleted)
    return [
        (path, new_paths[name])
        for path in deleted
        if (name := PurePosixPath(path).name) in new_paths and old_counts[name] == 1
    ]
