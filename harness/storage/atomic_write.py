"""Files that are whole or as they were."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

WRITING = ".writing-"  # begins the name of what is not whole yet; it has no suffix that a reader looks for


@contextlib.contextmanager
def whole(path: Path, sync: bool = False) -> Iterator[Path]:
    """Yields a file name beside a path, to write to; what was written takes the path's place when the block ends.

    Nothing is left of it where the block raises.

    Args:
        path: of the file that is to be there in the end; its folder exists.
        sync: whether the bytes must be on the disk before they get their name.
    """
    temporary = path.with_name(f"{WRITING}{secrets.token_hex(6)}.tmp")
    try:
        yield temporary
        if sync:
            with temporary.open("rb") as stream:
                os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
