"""Atomic file writes: a reader sees the old file or the complete new one, never a part."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

TEMPORARY_PREFIX = ".writing-"  # starts the name of an incomplete file; readers match on suffixes that it lacks


@contextlib.contextmanager
def atomic_write(path: Path, sync: bool = False) -> Iterator[Path]:
    """Yields a temporary path in the same folder; when the block ends, the file written there replaces ``path``.

    If the block raises, ``path`` is unchanged and the temporary file is deleted::

        with atomic_write(folder / "record.json") as file:
            file.write_text(text, encoding="utf-8")

    Args:
        path: the file to create or replace; its folder must exist.
        sync: whether to flush the bytes to disk (``fsync``) before the rename.
    """
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{secrets.token_hex(6)}.tmp")
    try:
        yield temporary
        if sync:
            # Without this, a power failure after the rename could leave a complete name on an empty file.
            with temporary.open("rb") as stream:
                os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
