"""Hashed byte n-gram counts, vectorised over all bytes at once: no Python loop per payload or byte.

A multiplicative hash maps every n-gram to one of 2**bits columns (the hashing trick, Weinberger et al. 2009).
"""

from typing import TYPE_CHECKING

import numpy as np

from harness.data.payloads import Payloads

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_LOWER_CASE = np.arange(256, dtype=np.uint64)
_LOWER_CASE[65:91] += 32  # A-Z


def hashed_counts(payloads: Payloads, shortest: int, longest: int, bits: int, fold: bool = True) -> "csr_array":
    """Returns the hashed byte n-gram counts of payloads as a sparse matrix.

    Args:
        payloads: n payloads.
        shortest: bytes of the shortest n-gram.
        longest: bytes of the longest n-gram, at most 8.
        bits: the matrix has 2**bits columns.
        fold: whether to fold ASCII upper case to lower case.

    Returns:
        Counts, float32 CSR (n, 2**bits), columns sorted within a row.
    """
    from scipy.sparse import csr_array

    codes = _LOWER_CASE[payloads.data] if fold else payloads.data.astype(np.uint64)
    rows = np.repeat(np.arange(len(payloads), dtype=np.uint64), payloads.lengths)
    remaining = np.repeat(payloads.offsets[1:], payloads.lengths) - np.arange(len(codes))  # bytes left in the payload
    keys = []
    ngram = np.zeros(len(codes), dtype=np.uint64)  # the n-gram that starts at each byte, packed into one integer
    for n in range(1, longest + 1):
        starts = len(codes) - n + 1
        if starts <= 0:
            break
        ngram[:starts] |= codes[n - 1 :] << np.uint64(8 * (n - 1))
        if n >= shortest:
            inside = np.flatnonzero(remaining[:starts] >= n)  # n-grams that do not cross into the next payload
            # The length is mixed in, so that an n-gram and its continuation by zero bytes differ.
            mixed = (ngram[inside] ^ np.uint64(n)) * _MULTIPLIER
            mixed ^= mixed >> np.uint64(32)
            column = (mixed * _MULTIPLIER) >> np.uint64(64 - bits)
            keys.append((rows[inside] << np.uint64(bits)) | column)
    unique, counts = np.unique(np.concatenate(keys or [np.zeros(0, np.uint64)]), return_counts=True)
    columns = (unique & np.uint64(2**bits - 1)).astype(np.int32)
    indptr = np.searchsorted(unique >> np.uint64(bits), np.arange(len(payloads) + 1, dtype=np.uint64))
    return csr_array((counts.astype(np.float32), columns, indptr.astype(np.int32)), shape=(len(payloads), 2**bits))
