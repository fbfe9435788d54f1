"""Near-duplicates of payloads: clusters of similar normal forms, in time and memory linear in their number.

MinHash signatures (rensa) only propose which forms to compare; the exact Jaccard similarity of two forms' sets of
5-byte shingles decides. So a cluster never rests on an estimate, and no quadratic list of pairs is ever made.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import unquote_to_bytes

import numpy as np
import numpy.typing as npt

from harness.data.linking import components
from harness.data.payloads import Payloads, PayloadWriter
from harness.errors import UserError

SHINGLE = 5  # bytes; 40 bits, so that a shingle and the number of its form share an integer of 64
BANDS, ROWS = 32, 8  # of a signature of 256 minhashes, one byte each: a band is an integer of 64 bits
NEAR, WINDOW = 16, 256  # forms that each form is compared with in each band's order: any, and of the same band
LEAST_THRESHOLD = 0.8  # below, the bands would miss many pairs
_SMALL = 2048  # most shingles of the first class of forms
_BLOCK = 1 << 18  # bytes of forms handled at once
_PER_FORM = 128  # bytes that a form counts for in a block beside its own, so that blocks of short ones are small too
_MIX = np.uint64(0x9E3779B97F4A7C15)  # odd, so multiplying is a bijection (Knuth, The Art of Computer Programming 6.4)
_MOST_ROUNDS = 5  # of decoding; a fixed point comes earlier in all but hostile inputs
_HOST = re.compile(rb"^host:.*$", re.MULTILINE)
# Possessive, and only where a run of letters and digits begins: linear time on any input.
_TOKEN = re.compile(rb"(?<![0-9a-z])(?=[a-z]*+\d)[0-9a-z]{8,}+")
_DIGITS = re.compile(rb"\d+")
_SPACE = re.compile(rb"\s+")
Rows = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]


def normal_form(payload: bytes) -> bytes:
    """Returns the payload percent-decoded to a fixed point, lower-cased, with hosts, tokens and digits masked.

    A token is a run of at least eight letters and digits that holds a digit.
    """
    for _ in range(_MOST_ROUNDS):
        decoded = unquote_to_bytes(payload.replace(b"+", b" "))
        if decoded == payload:
            break
        payload = decoded
    masked = _TOKEN.sub(b"T", _HOST.sub(b"host:", payload.lower()))
    return _SPACE.sub(b" ", _DIGITS.sub(b"0", masked))


def clusters(payloads: Iterable[bytes], threshold: float = 0.9) -> Rows:
    """Returns each payload's cluster of near-duplicates, int64 (n,), numbered from 0 by first occurrence; -1 for none.

    Two payloads are near-duplicates when their normal forms are equal, or when the Jaccard similarity of the forms'
    sets of 5-byte shingles reaches the threshold. A cluster holds what any chain of near-duplicates links.

    Args:
        payloads: any number of payloads; equal normal forms are compared once.
        threshold: least similarity, from 0.8 to 1.

    Raises:
        UserError: the threshold lies outside.
    """
    if not LEAST_THRESHOLD <= threshold <= 1:
        raise UserError(f"The threshold of near-duplicates is {threshold}; it must lie from {LEAST_THRESHOLD} to 1.")
    forms, form = _distinct(map(normal_form, payloads))
    component = _components(forms, threshold)[form]
    _, first, inverse, count = np.unique(component, return_index=True, return_inverse=True, return_counts=True)
    shared = np.flatnonzero(count > 1)
    number = np.full(len(count), -1)
    number[shared[np.argsort(first[shared])]] = np.arange(len(shared))
    return number[inverse]


def crossing(cluster: Rows, side: Rows) -> npt.NDArray[np.bool_]:
    """Returns which rows share a cluster with a row of another side, bool (n,).

    Args:
        cluster: int64 (n,), see `clusters`.
        side: int64 (n,), such as 0 for training and 1 for test rows, or the codes of a column; -1 takes no part.
    """
    part = (cluster >= 0) & (side >= 0)
    low = np.full(cluster.max(initial=-1) + 2, np.iinfo(np.int64).max)
    high = np.full(len(low), -1)
    np.minimum.at(low, cluster[part], side[part])
    np.maximum.at(high, cluster[part], side[part])
    crossed: npt.NDArray[np.bool_] = part & (low < high)[cluster]
    return crossed


class _Forms:
    """Normal forms, on disk but for those at hand; of all or of some of them."""

    def __init__(self, forms: Payloads, rows: Rows) -> None:
        self._forms, self._rows = forms, rows
        self.lengths = forms.lengths[rows]

    def __len__(self) -> int:
        return len(self._rows)

    def at(self, places: slice | Rows) -> list[bytes]:
        """Returns those at the given places."""
        return [self._forms[row] for row in self._rows[places].tolist()]

    def some(self, places: Rows) -> "_Forms":
        """Returns those at the given places, still on disk."""
        return _Forms(self._forms, self._rows[places])


def _distinct(forms: Iterable[bytes]) -> tuple[_Forms, Rows]:
    """Returns the distinct forms, and which one of them each form is, int64 (n,)."""
    numbers: dict[bytes, int] = {}
    spool = PayloadWriter()

    def number(form: bytes) -> int:
        key = hashlib.blake2b(form, digest_size=16).digest()
        if key not in numbers:
            numbers[key] = len(numbers)
            spool.append(form)
        return numbers[key]

    out = np.fromiter(map(number, forms), dtype=np.int64)
    return _Forms(spool.payloads(), np.arange(len(numbers))), out


def _components(forms: _Forms, threshold: float) -> Rows:
    """Links similar forms and returns the component of each, int64 (forms,).

    Similar forms have about as many shingles, so that forms are compared within classes of their number. A class ends
    at twice where the one before it ends, and begins low enough to hold whatever is similar to its smallest others.
    """
    signatures, sizes = _signatures(forms)
    columns = [np.arange(len(forms))]
    low, high = 0.0, _SMALL
    while low <= sizes.max(initial=-1):
        rows = np.flatnonzero((low <= sizes) & (sizes <= high) & (sizes > 0))
        column = np.full(len(forms), -1)
        column[rows] = _Search(forms.some(rows), signatures[rows], sizes[rows], high // 2, threshold).run()
        columns.append(column)
        low, high = threshold * high, 2 * high
    return components(columns)


class _Search:
    """Links the forms of one class.

    The forms are sorted by each band of their signatures in turn, ties by the next band (an LSH forest: Bawa, Condie
    and Ganesan 2005). In each order a form is compared with the `NEAR` that follow it, and with the `WINDOW` that
    follow it where more of them agree in the band. Forms of similarity s agree in a band with probability s^8: at 0.9
    they miss each other in all 32 with 1.5e-8. Forms of one component are not compared again, nor is any pair.

    The window keeps the thousands of variants of one template linear, most of which agree in most bands. It can hide
    a link only where more than `WINDOW` forms stand between the two in every order; those agree with both as far as
    the two agree with one another, so that a chain through them most likely makes up for it. Against all pairs of
    20,000 variants nothing was lost where two of them are 0.7 alike at random, and 1 % of the links where they are
    0.85 alike, just under the threshold.

    Attributes:
        component: int64 (forms,), what `run` has linked so far.
    """

    def __init__(self, forms: _Forms, signatures: Words, sizes: Rows, bits: int, threshold: float) -> None:
        self.component = np.arange(len(forms))
        self._forms = forms
        self._signatures = signatures
        self._parities = _parities(forms, bits)
        # Of two sets with a and b elements, d of them in one alone, similarity t means d <= (a + b) (1 - t) / (1 + t).
        self._most = (1 - threshold) / (1 + threshold) * sizes + 1e-6
        self._threshold = threshold
        self._places = np.empty((BANDS, len(forms)), dtype=np.int32)  # of each form in each order

    def run(self) -> Rows:
        """Returns the component of each form, int64 (forms,)."""
        for band in range(BANDS):
            key = self._signatures[:, band]
            order = np.lexsort((self._signatures[:, (band + 1) % BANDS], key))
            self._places[band, order] = np.arange(len(order))
            _, same, count = np.unique(key, return_inverse=True, return_counts=True)
            self._compare(band, order, range(1, NEAR + 1))
            self._compare(band, order[count[same[order]] > NEAR + 1], range(NEAR + 1, WINDOW + 1))
        return self.component

    def _compare(self, band: int, order: Rows, steps: range) -> None:
        parity, most, component = np.take(self._parities, order, axis=1), self._most[order], self.component[order]
        for step in range(steps.start, min(steps.stop, len(order))):
            close = _differing(parity, step) <= most[step:] + most[:-step]
            at = np.flatnonzero(close & (component[step:] != component[:-step]))
            one, other = self._new(band, order[at], order[at + step])
            linked = _similarity(self._forms, one, other) >= self._threshold
            if linked.any():
                self._join(one[linked], other[linked])
                component = self.component[order]

    def _new(self, band: int, one: Rows, other: Rows) -> tuple[Rows, Rows]:
        """Returns those pairs that were not compared in the order of an earlier band."""
        away = np.abs(self._places[:band, one] - self._places[:band, other])
        apart = (self._signatures[one, :band] != self._signatures[other, :band]).T
        new = ((away > WINDOW) | (away > NEAR) & apart).all(axis=0)
        return one[new], other[new]

    def _join(self, one: Rows, other: Rows) -> None:
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        ends, n = (self.component[one], self.component[other]), len(self.component)
        graph = coo_array((np.ones(len(one), dtype=np.int8), ends), shape=(n, n))
        self.component = connected_components(graph, directed=False)[1].astype(np.int64)[self.component]


def _signatures(forms: _Forms) -> tuple[Words, Rows]:
    """Returns the bands of each form's signature and its number of distinct shingles.

    Returns:
        uint64 (forms, BANDS), eight minhashes each, of which the low byte serves (Li and König 2010, b-bit minwise
        hashing); int64 (forms,).
    """
    from rensa import RMinHash

    signatures = np.empty((len(forms), BANDS), dtype=np.uint64)
    sizes = np.empty(len(forms), dtype=np.int64)
    for part in _blocks(forms.lengths):
        owner, shingle = _shingles(forms.at(part))
        sizes[part] = np.bincount(owner, minlength=part.stop - part.start)
        ends = np.concatenate([[0], np.cumsum(sizes[part])]).astype(np.uint64)
        minhashes = RMinHash.digest_matrix_from_flat_token_hashes(shingle * _MIX, ends, BANDS * ROWS, seed=1).to_rows()
        signatures[part] = np.array(minhashes, dtype=np.uint32).astype(np.uint8).view(np.uint64)
    return signatures, sizes


def _parities(forms: _Forms, bits: int) -> Words:
    """Returns of each bit whether an odd number of a form's shingles is hashed to it, uint64 (bits / 64, forms).

    Two forms differ in no more bits than shingles, so that what is refused for its bits is refused exactly.
    """
    out = np.empty((bits // 64, len(forms)), dtype=np.uint64)
    for part in _blocks(forms.lengths + bits):
        owner, shingle = _shingles(forms.at(part))
        n = part.stop - part.start
        bit = (shingle * _MIX >> np.uint64(65 - bits.bit_length())).astype(np.int64)
        odd = np.bincount(owner * bits + bit, minlength=n * bits) % 2 == 1
        out[:, part] = np.packbits(odd.reshape(n, bits), axis=1).view(np.uint64).T
    return out


def _differing(parity: Words, step: int) -> npt.NDArray[np.uint16]:
    """Returns in how many bits each column differs from the one ``step`` further, uint16 (n - step,)."""
    out = np.zeros(parity.shape[1] - step, dtype=np.uint16)
    for word in parity:
        out += np.bitwise_count(word[step:] ^ word[:-step])
    return out


def _similarity(forms: _Forms, one: Rows, other: Rows) -> npt.NDArray[np.float64]:
    """Returns the Jaccard similarity of the shingles of each pair of forms, float64 (pairs,); 0 where none has any."""
    out = np.empty(len(one))
    for part in _blocks(forms.lengths[one] + forms.lengths[other]):
        n = part.stop - part.start
        owner, shingle = _shingles(forms.at(np.concatenate([one[part], other[part]])))
        both = np.sort(_tagged(owner % n, shingle))
        shared = np.bincount(_tag(both[1:][both[1:] == both[:-1]]), minlength=n)
        union = np.bincount(owner % n, minlength=n) - shared
        out[part] = shared / np.maximum(union, 1)
    return out


def _shingles(forms: Sequence[bytes]) -> tuple[Rows, Words]:
    """Returns the distinct shingles of each form: the form's number, int64 (shingles,), ascending, and the shingle."""
    data = np.frombuffer(b"".join(forms), dtype=np.uint8)
    owner = np.repeat(np.arange(len(forms)), np.fromiter(map(len, forms), dtype=np.int64, count=len(forms)))
    starts = max(len(data) - SHINGLE + 1, 0)
    shingle = np.zeros(starts, dtype=np.uint64)
    for offset in range(SHINGLE):
        shingle = shingle << np.uint64(8) | data[offset : offset + starts]
    whole = owner[:starts] == owner[len(owner) - starts :]  # else it begins in one form and ends in another
    tagged = np.sort(_tagged(owner[:starts][whole], shingle[whole]))
    distinct = tagged[np.concatenate([[True], tagged[1:] != tagged[:-1]])[: len(tagged)]]
    return _tag(distinct), distinct & np.uint64((1 << 8 * SHINGLE) - 1)


def _tagged(owner: Rows, shingle: Words) -> Words:
    return owner.astype(np.uint64) << np.uint64(8 * SHINGLE) | shingle


def _tag(tagged: Words) -> Rows:
    return (tagged >> np.uint64(8 * SHINGLE)).astype(np.int64)


def _blocks(lengths: Rows) -> Iterator[slice]:
    """Cuts forms, or pairs of them, into runs of about `_BLOCK` bytes, at least one in each."""
    ends = np.cumsum(lengths + _PER_FORM)
    start = 0
    while start < len(ends):
        done = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + _BLOCK, side="right")))
        yield slice(start, stop)
        start = stop
