"""Inputs of towers: rows that become batches of padded tensors, gathered without a Python loop over rows."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from harness import Payloads, byte_ngrams

from .text import Ragged

if TYPE_CHECKING:
    import torch

Rows = npt.NDArray[np.int64]
RESIDENT_BYTES = 4 * 2**30  # activations up to this size are copied to a GPU at once


class Inputs(Protocol):
    """n rows from which padded batches can be built."""

    @property
    def lengths(self) -> Rows:
        """Length of each row, int64 (n,), used to build batches of similar length."""
        ...

    def batch(self, rows: Rows) -> "tuple[torch.Tensor, torch.Tensor]":
        """Returns the rows padded to the longest of them, and a mask that is true at valid positions, (rows, width)."""
        ...


class ByteInputs:
    """Payload bytes as integers: 0 is padding, 1 to 256 are byte values plus one.

    Args:
        payloads: n payloads.
        longest: later bytes are cut.
        shortest: rows are padded to at least this many bytes.
    """

    def __init__(self, payloads: Payloads, longest: int, shortest: int = 1) -> None:
        self._payloads = payloads
        self._shortest = shortest
        self.lengths: Rows = np.clip(payloads.lengths, 1, longest)

    def batch(self, rows: Rows) -> "tuple[torch.Tensor, torch.Tensor]":
        """See `Inputs.batch`; int64 (rows, width)."""
        import torch

        width = max(int(self.lengths[rows].max()), self._shortest)
        matrix, lengths = self._payloads.padded(width, rows)
        valid = np.arange(width) < np.minimum(lengths, self.lengths[rows])[:, None]
        return torch.from_numpy(np.where(valid, matrix.astype(np.int64) + 1, 0)), torch.from_numpy(valid)


def first_bytes(payloads: Payloads, longest: int) -> npt.NDArray[np.bool_]:
    """Returns which bytes are among the first ``longest`` ones of their payload, bool (bytes,)."""
    return np.arange(len(payloads.data)) - np.repeat(payloads.offsets[:-1], payloads.lengths) < longest


def span_bytes(payloads: Payloads, spans: Sequence[Sequence[int]]) -> npt.NDArray[np.bool_]:
    """Returns which bytes are in the spans, flat byte offsets per payload (start, end …), bool (bytes,)."""
    mask = np.zeros(len(payloads.data), dtype=np.bool_)
    for first, row in zip(payloads.offsets.tolist(), spans, strict=False):
        for start, end in zip(row[::2], row[1::2], strict=True):
            mask[first + start : first + end] = True
    return mask


def to_device(tensor: "torch.Tensor", device: "str | torch.device") -> "torch.Tensor":
    """Returns a tensor of the processor on a device.

    Without ``non_blocking``, a copy to a GPU would wait for all work that was given to it before, in every step.
    """
    return tensor.to(device, non_blocking=str(device).startswith("cuda"))


class HiddenInputs:
    """Activations of a frozen trunk, stored in float16 and converted to float32 in each batch.

    They are many times larger than the payloads, so a GPU gets them once if they fit, and gathers batches by itself.

    Args:
        hidden: the activations, float16 (total tokens, features).
        device: where batches are needed.
    """

    def __init__(self, hidden: Ragged, device: str = "cpu") -> None:
        import torch

        self._hidden, self._device = hidden, device
        self.lengths: Rows = hidden.lengths
        self._resident: torch.Tensor | None = None
        if device != "cpu" and len(hidden.values) and hidden.values.nbytes <= RESIDENT_BYTES:
            self._resident = torch.from_numpy(np.array(hidden.values)).to(device)

    def batch(self, rows: Rows) -> "tuple[torch.Tensor, torch.Tensor]":
        """See `Inputs.batch`; float32 (rows, width, features)."""
        import torch

        width = int(self.lengths[rows].max())
        valid = np.arange(width) < self.lengths[rows][:, None]
        if self._resident is not None:
            source = np.where(valid, self._hidden.offsets[:-1][rows][:, None] + np.arange(width), 0)
            mask = to_device(torch.from_numpy(valid), self._device)
            hidden = self._resident[to_device(torch.from_numpy(source), self._device)].float()
            return hidden.masked_fill(~mask[:, :, None], 0.0), mask
        out = np.zeros((len(rows), width, self._hidden.values.shape[1]), dtype=np.float32)
        out[valid] = self._hidden.values[(self._hidden.offsets[:-1][rows][:, None] + np.arange(width))[valid]]
        return torch.from_numpy(out), torch.from_numpy(valid)


class TokenInputs:
    """Token ids of texts, padded with zeros."""

    def __init__(self, ids: Ragged) -> None:
        self._ids = ids
        self.lengths: Rows = ids.lengths

    def batch(self, rows: Rows) -> "tuple[torch.Tensor, torch.Tensor]":
        """See `Inputs.batch`; int64 (rows, width)."""
        import torch

        width = int(self.lengths[rows].max())
        valid = np.arange(width) < self.lengths[rows][:, None]
        out = np.zeros((len(rows), width), dtype=np.int64)
        out[valid] = self._ids.values[(self._ids.offsets[:-1][rows][:, None] + np.arange(width))[valid]]
        return torch.from_numpy(out), torch.from_numpy(valid)


class RowSubset:
    """A subset of the rows of other inputs, int64 (n,), renumbered from 0."""

    def __init__(self, inputs: Inputs, rows: Rows) -> None:
        self._inputs, self._rows = inputs, rows
        self.lengths: Rows = inputs.lengths[rows]

    def batch(self, rows: Rows) -> "tuple[torch.Tensor, torch.Tensor]":
        """See `Inputs.batch`."""
        return self._inputs.batch(self._rows[rows])


class NgramInputs:
    """Hashed byte n-grams with sublinear weights, normalised to unit length; weights take the place of the mask.

    Args:
        payloads: n payloads.
        longest: bytes of the longest n-gram.
        bits: log2 of the number of hash buckets.
    """

    def __init__(self, payloads: Payloads, longest: int, bits: int) -> None:
        self._counts = byte_ngrams.hashed_counts(payloads, 1, longest, bits)
        self._counts.data = 1 + np.log(self._counts.data)
        self.lengths: Rows = np.maximum(np.diff(self._counts.indptr).astype(np.int64), 1)

    def batch(self, rows: Rows) -> "tuple[torch.Tensor, torch.Tensor]":
        """Returns bucket numbers, int64, and weights, float32, both (rows, width)."""
        import torch

        width = int(self.lengths[rows].max())
        starts, stops = self._counts.indptr[:-1][rows], self._counts.indptr[1:][rows]
        valid = np.arange(width) < (stops - starts)[:, None]
        source = (starts[:, None] + np.arange(width))[valid]
        buckets, weights = np.zeros((len(rows), width), np.int64), np.zeros((len(rows), width), np.float32)
        buckets[valid], weights[valid] = self._counts.indices[source], self._counts.data[source]
        weights /= np.maximum(np.linalg.norm(weights, axis=1, keepdims=True), 1e-12)
        return torch.from_numpy(buckets), torch.from_numpy(weights)
