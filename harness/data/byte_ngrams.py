"""Byte n-grams by hashing, vectorised over all bytes at once: no Python loop per payload or byte.

Every n-gram becomes one column of 2**bits by a multiplicative hash of its bytes (the hashing trick, Weinberger et al.
2009).
"""

from typing import TYPE_CHECKING

import numpy as np

from harness.data.payloads import Payloads

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_FOLD = np.zeros(256, dtype=np.uint64)
_FOLD[:] = np.arange(256)
_FOLD[65:91] += 32


def hashed_counts(payloads: Payloads, shortest: int, longest: int, bits: int, fold: bool = True) -> "csr_array":
    """Counts byte n-grams.

    Args:
        payloads: n payloads.
        shortest: bytes of the shortest n-gram.
        longest: bytes of the longest n-gram, at most 8.
        bits: the matrix has 2**bits columns.
        fold: whether ASCII upper case counts as lower case.

    Returns:
        Counts, float32 CSR (n, 2**bits), columns sorted within a row.
    """
    from scipy.sparse import csr_array

    folded = _FOLD[payloads.data] if fold else payloads.data.astype(np.uint64)
    rows = np.repeat(np.arange(len(payloads), dtype=np.uint64), payloads.lengths)
    room = np.repeat(payloads.offsets[1:], payloads.lengths) - np.arange(len(folded))  # bytes left in the payload
    keys = []
    code = np.zeros(len(folded), dtype=np.uint64)
    for n in range(1, longest + 1):
        reach = len(folded) - n + 1
        if reach <= 0:
            break
        code[:reach] |= folded[n - 1 :] << np.uint64(8 * (n - 1))
        if n >= shortest:
            whole = np.flatnonzero(room[:reach] >= n)
            mixed = (code[whole] ^ np.uint64(n)) * _MULTIPLIER
            mixed ^= mixed >> np.uint64(32)
            column = (mixed * _MULTIPLIER) >> np.uint64(64 - bits)
            keys.append((rows[whole] << np.uint64(bits)) | column)
    unique, counts = np.unique(np.concatenate(keys or [np.zeros(0, np.uint64)]), return_counts=True)
    columns = (unique & np.uint64(2**bits - 1)).astype(np.int32)
    indptr = np.searchsorted(unique >> np.uint64(bits), np.arange(len(payloads) + 1, dtype=np.uint64))
    return csr_array((counts.astype(np.float32), columns, indptr.astype(np.int32)), shape=(len(payloads), 2**bits))
