"""Byte strings that are written to disk as they come, and mapped into memory when all are there."""

import mmap
import tempfile
from array import array

import numpy as np

from harness.corpus import cache_root
from harness.payloads import Payloads


class Spool:
    """Takes byte strings one at a time; the memory of all of them is the kernel's to keep or to drop.

    The file has no name and goes with the last reference to what `payloads` returned.
    """

    def __init__(self) -> None:
        folder = cache_root()
        folder.mkdir(parents=True, exist_ok=True)
        self._file = tempfile.TemporaryFile(dir=folder, buffering=2**20)  # noqa: SIM115 - closed once it is mapped
        self._offsets = array("q", [0])

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def append(self, data: bytes) -> None:
        """Adds one byte string."""
        self._file.write(data)
        self._offsets.append(self._offsets[-1] + len(data))

    def payloads(self) -> Payloads:
        """Returns all of them; nothing can be added afterwards."""
        offsets = np.frombuffer(self._offsets, dtype=np.int64)
        self._file.flush()
        empty = not offsets[-1]  # which cannot be mapped
        data = b"" if empty else mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        self._file.close()
        return Payloads(np.frombuffer(data, dtype=np.uint8), offsets)
