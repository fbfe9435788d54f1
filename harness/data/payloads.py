"""`Payloads`, an immutable array of byte strings in one buffer with offsets, as in Arrow."""

import itertools
import mmap
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt

from harness.storage import cache_entry
from harness.storage.cache_dir import cache_root

if TYPE_CHECKING:
    import pyarrow as pa


class Payloads(Sequence[bytes]):
    """The raw bytes of n payloads: a sequence of ``bytes``, with the underlying arrays for vectorised code.

    Attributes:
        data: uint8 (total bytes,), all payloads one after the other; read-only.
        offsets: int64 (n + 1,), read-only; payload i is ``data[offsets[i]:offsets[i + 1]]``.
    """

    __slots__ = ("data", "offsets")

    def __init__(self, data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64]) -> None:
        self.data = data
        self.offsets = offsets
        self.data.flags.writeable = False
        self.offsets.flags.writeable = False

    @classmethod
    def from_list(cls, items: Iterable[bytes]) -> "Payloads":
        """Copies byte strings into one array."""
        items = list(items)
        offsets = np.zeros(len(items) + 1, dtype=np.int64)
        np.cumsum([len(item) for item in items], out=offsets[1:])
        return cls(np.frombuffer(b"".join(items), dtype=np.uint8).copy(), offsets)

    @classmethod
    def concatenate(cls, parts: Sequence["Payloads"]) -> "Payloads":
        """Returns the payloads of all parts, in their order."""
        lengths = np.concatenate([part.lengths for part in parts])
        return cls(np.concatenate([part.data for part in parts]), np.concatenate([[0], np.cumsum(lengths)]))

    @classmethod
    def from_arrow(cls, column: "pa.ChunkedArray | pa.Array") -> "Payloads":
        """Copies an Arrow ``large_binary`` column without nulls."""
        import pyarrow as pa

        array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        if len(array) == 0:
            return cls.from_list([])
        _, offset_buffer, data_buffer = array.buffers()
        offsets = np.frombuffer(offset_buffer, dtype=np.int64)[array.offset : array.offset + len(array) + 1]
        data = np.frombuffer(data_buffer or b"", dtype=np.uint8)[offsets[0] : offsets[-1]]
        return cls(data.copy(), offsets - offsets[0])

    def to_arrow(self) -> "pa.LargeBinaryArray":
        """Returns the array as an Arrow ``large_binary`` array that shares the buffers."""
        import pyarrow as pa

        return pa.LargeBinaryArray.from_buffers(
            pa.large_binary(), len(self), [None, pa.py_buffer(self.offsets), pa.py_buffer(self.data)]
        )

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Length in bytes of each payload, int64 (n,)."""
        return np.diff(self.offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> "Payloads": ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        index = range(len(self))[index]
        return self.data[self.offsets[index] : self.offsets[index + 1]].tobytes()

    def __iter__(self) -> Iterator[bytes]:
        data = self.data.tobytes()
        return (data[start:end] for start, end in itertools.pairwise(self.offsets.tolist()))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Payloads):
            return NotImplemented
        return np.array_equal(self.offsets, other.offsets) and np.array_equal(self.data, other.data)

    __hash__ = None  # type: ignore[assignment]

    def take(self, indices: npt.ArrayLike) -> "Payloads":
        """Returns a copy of the payloads at ``indices`` (integers, any order, repeats allowed)."""
        indices = np.asarray(indices, dtype=np.int64)
        lengths = self.lengths[indices]
        offsets = np.zeros(len(indices) + 1, dtype=np.int64)
        np.cumsum(lengths, out=offsets[1:])
        # Index of each output byte in `self.data`: its output position, shifted by where its payload starts.
        source = np.repeat(self.offsets[:-1][indices] - offsets[:-1], lengths)
        source += np.arange(offsets[-1])
        return Payloads(self.data[source], offsets)

    def padded(
        self, width: int, indices: npt.ArrayLike | None = None
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
        """Returns payloads as a zero-padded matrix.

        Args:
            width: number of columns; longer payloads are cut. Pass the longest length of a batch to pad to the batch.
            indices: indices of the payloads, all by default.

        Returns:
            The matrix, uint8 (n, width), and the number of valid bytes of each row, int64 (n,). Zero is a legal
            byte: only the lengths distinguish padding from data.
        """
        rows = np.arange(len(self)) if indices is None else np.asarray(indices, dtype=np.int64)
        starts = self.offsets[:-1][rows]
        lengths = np.minimum(self.lengths[rows], width)
        valid = np.arange(width) < lengths[:, None]
        out = np.zeros((len(rows), width), dtype=np.uint8)
        out[valid] = self.data[(starts[:, None] + np.arange(width))[valid]]
        return out, lengths


class PayloadWriter:
    """Collects byte strings one at a time in a memory-mapped temporary file, so that they need not fit into memory.

    The file is unlinked from the start; its space is freed with the last reference to the result of `payloads`.

    Raises:
        UserError: the cache folder, where the file is, cannot be written to or is full.
    """

    def __init__(self) -> None:
        folder = cache_root()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=folder, buffering=2**20)  # noqa: SIM115 - closed once mapped
        except OSError as error:
            raise cache_entry.unwritable(folder, error) from error
        self._offsets = array("q", [0])

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def append(self, data: bytes) -> None:
        """Adds one byte string; see the class for the errors."""
        try:
            self._file.write(data)
        except OSError as error:
            raise cache_entry.unwritable(cache_root(), error) from error
        self._offsets.append(self._offsets[-1] + len(data))

    def payloads(self) -> Payloads:
        """Returns all byte strings; nothing can be appended afterwards."""
        offsets = np.frombuffer(self._offsets, dtype=np.int64)
        try:
            self._file.flush()
        except OSError as error:
            raise cache_entry.unwritable(cache_root(), error) from error
        empty = not offsets[-1]  # an empty file cannot be mapped
        data = b"" if empty else mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        self._file.close()
        return Payloads(np.frombuffer(data, dtype=np.uint8), offsets)
