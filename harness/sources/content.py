"""Fingerprints of sources: hashes of names and contents, with a cache of the hashes of a folder's files.

Size and modification time do not identify a content: tar, rsync, git archive and reproducible builds set the times. So
every file is hashed once, and again only if its state differs, which has the time of the last change of its attributes
(no program can set that one). A change within one tick of the clock leaves even this time as it was, so the hash of a
file that was changed just before it was read is not kept.
"""

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from harness import hashing
from harness.errors import UserError
from harness.sources.archives import MAX_FILES
from harness.storage import bounded
from harness.storage.atomic_write import atomic_write
from harness.storage.cache_dir import cache_root
from harness.storage.cache_entry import FileState, file_state

_TICK = 2 * 10**9  # nanoseconds: the coarsest clock of a common file system (FAT)
_MOST_BYTES = 2**30  # of the cached hashes of one folder
_Hashes = dict[str, tuple[FileState, str]]  # state and SHA-256, by path within the folder


def fingerprint(root: Path) -> str:
    """Returns a hash of a file's bytes, or of the names and bytes of a folder's files.

    Raises:
        UserError: the folder has more or larger files than a source may have.
        OSError: a file cannot be read.
    """
    if root.is_file():
        return hashing.of_file(root)
    place = cache_root() / "fingerprints" / f"{hashing.of_json(os.fsdecode(os.path.realpath(root)))[:32]}.json"
    known = _load(place)
    hashes: _Hashes = {}
    content: list[tuple[str, str]] = []
    start = time.time_ns()
    total = bounded.SizeLimit(root)
    for path, name in _files(root):
        if path.is_symlink():  # readers leave links out and count them
            content.append((name, "link"))
            continue
        if len(hashes) == MAX_FILES:
            raise UserError(f"{root} exceeds the limit of {MAX_FILES} files.")
        state = file_state(path.stat())
        total.add(state[2])
        digest = known[name][1] if name in known and known[name][0] == state else hashing.of_file(path)
        hashes[name] = state, digest
        content.append((name, digest))
    stable = {name: entry for name, entry in hashes.items() if max(entry[0][3:]) < start - _TICK}
    if stable != known:
        _store(place, stable)
    return hashing.of_json(sorted(content))


def _files(root: Path) -> Iterator[tuple[Path, str]]:
    """Yields the files of a folder and links to any, with their paths within it; not those of a repository's folder."""
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name != ".git"]
        inside = "" if folder == str(root) else f"{Path(folder).relative_to(root).as_posix()}/"
        for name in names:
            path = Path(folder, name)
            if path.is_file():
                yield path, inside + name


def _load(place: Path) -> _Hashes:
    """Returns the cached hashes of a folder; none if there are none or the file is damaged."""
    try:
        digest, _, text = bounded.read(place, _MOST_BYTES).partition(b"\n")
        if digest.decode() != hashing.of_json(text.decode()):
            return {}
        return {name: (tuple(state), value) for name, (state, value) in json.loads(text).items()}
    except (OSError, ValueError, bounded.TooLarge):
        return {}


def _store(place: Path, hashes: _Hashes) -> None:
    text = json.dumps(hashes, separators=(",", ":"))
    with contextlib.suppress(OSError):  # without it, the files are hashed again
        place.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(place) as file:
            file.write_text(f"{hashing.of_json(text)}\n{text}", encoding="utf-8")
