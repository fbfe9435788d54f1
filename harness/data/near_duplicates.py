"""Near-duplicate detection: clusters payloads with similar normal forms, in linear time and memory.

MinHash signatures (rensa) only select candidate pairs; the exact Jaccard similarity of their sets of 5-byte shingles
decides. So no cluster depends on an estimate, and the number of compared pairs is never quadratic.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import unquote_to_bytes

import numpy as np
import numpy.typing as npt

from harness.data.linking import Rows, components
from harness.data.payloads import Payloads, PayloadWriter
from harness.errors import UserError

SHINGLE = 5  # bytes; 40 bits, so that a shingle and the index of its form fit into one 64-bit integer
BANDS, ROWS = 32, 8  # a signature has 256 one-byte minhashes, so that a band is one 64-bit integer
NEAR, WINDOW = 16, 256  # forms that each form is compared with in each sort order: always, and if their bands are equal
LEAST_THRESHOLD = 0.8  # below it, the bands would miss many pairs
_SMALL = 2048  # maximum number of shingles in the first size class
_BLOCK = 1 << 18  # bytes of forms processed at a time
_PER_FORM = 128  # overhead in bytes that each form adds to a block, which bounds blocks of very short forms
_MIX = np.uint64(0x9E3779B97F4A7C15)  # odd, so multiplying is a bijection (Knuth, The Art of Computer Programming 6.4)
_MAX_DECODINGS = 5  # only hostile inputs need more to reach a fixed point
_HOST = re.compile(rb"^host:.*$", re.MULTILINE)
# Possessive, and anchored at the start of a run of letters and digits: linear time on any input.
_TOKEN = re.compile(rb"(?<![0-9a-z])(?=[a-z]*+\d)[0-9a-z]{8,}+")
_DIGITS = re.compile(rb"\d+")
_SPACE = re.compile(rb"\s+")
Words = npt.NDArray[np.uint64]


def normal_form(payload: bytes) -> bytes:
    """Returns the payload percent-decoded to a fixed point and lower-cased, with hosts, tokens and digits masked.

    A token is a run of at least eight letters and digits that contains a digit.
    """
    for _ in range(_MAX_DECODINGS):
        decoded = unquote_to_bytes(payload.replace(b"+", b" "))
        if decoded == payload:
            break
        payload = decoded
    masked = _TOKEN.sub(b"T", _HOST.sub(b"host:", payload.lower()))
    return _SPACE.sub(b" ", _DIGITS.sub(b"0", masked))


def clusters(payloads: Iterable[bytes], threshold: float = 0.9) -> Rows:
    """Returns the cluster of near-duplicates of each payload, int64 (n,).

    Two payloads are near-duplicates if their normal forms are equal, or if the Jaccard similarity of the forms' sets of
    5-byte shingles is at least the threshold. Clusters are the connected components of this relation, numbered from 0
    by first occurrence; a payload without near-duplicates has -1.

    Args:
        payloads: any number of payloads; equal normal forms are compared once.
        threshold: minimum similarity, from 0.8 to 1.

    Raises:
        UserError: the threshold is out of range.
    """
    if not LEAST_THRESHOLD <= threshold <= 1:
        raise UserError(f"The near-duplicate threshold is {threshold}; it must be from {LEAST_THRESHOLD} to 1.")
    forms, form_of_payload = _distinct(map(normal_form, payloads))
    component = _components(forms, threshold)[form_of_payload]
    _, first, inverse, count = np.unique(component, return_index=True, return_inverse=True, return_counts=True)
    shared = np.flatnonzero(count > 1)
    number = np.full(len(count), -1)
    number[shared[np.argsort(first[shared])]] = np.arange(len(shared))
    return number[inverse]


def crossing(cluster: Rows, side: Rows) -> npt.NDArray[np.bool_]:
    """Returns which rows share a cluster with a row of another side, bool (n,).

    Args:
        cluster: int64 (n,), see `clusters`.
        side: int64 (n,), for example 0 for training and 1 for test rows, or the codes of a column; rows with -1 are
            ignored.
    """
    included = (cluster >= 0) & (side >= 0)
    low = np.full(cluster.max(initial=-1) + 2, np.iinfo(np.int64).max)
    high = np.full(len(low), -1)
    np.minimum.at(low, cluster[included], side[included])
    np.maximum.at(high, cluster[included], side[included])
    crosses: npt.NDArray[np.bool_] = included & (low < high)[cluster]  # cluster -1 selects the last, empty entry
    return crosses


class _Forms:
    """A selection of normal forms, which are kept on disk and read on access."""

    def __init__(self, forms: Payloads, rows: Rows) -> None:
        self._forms, self._rows = forms, rows
        self.lengths = forms.lengths[rows]

    def __len__(self) -> int:
        return len(self._rows)

    def read(self, indices: slice | Rows) -> list[bytes]:
        """Reads the forms at the given indices."""
        return [self._forms[row] for row in self._rows[indices].tolist()]

    def select(self, indices: Rows) -> "_Forms":
        """Returns a selection of the forms at the given indices, without reading them."""
        return _Forms(self._forms, self._rows[indices])


def _distinct(forms: Iterable[bytes]) -> tuple[_Forms, Rows]:
    """Returns the distinct forms, and for each form its index among them, int64 (n,)."""
    # Memory holds 16 bytes per distinct form; the forms themselves go to disk.
    index_of_hash: dict[bytes, int] = {}
    writer = PayloadWriter()

    def index(form: bytes) -> int:
        key = hashlib.blake2b(form, digest_size=16).digest()
        if key not in index_of_hash:
            index_of_hash[key] = len(index_of_hash)
            writer.append(form)
        return index_of_hash[key]

    indices = np.fromiter(map(index, forms), dtype=np.int64)
    return _Forms(writer.payloads(), np.arange(len(index_of_hash))), indices


def _components(forms: _Forms, threshold: float) -> Rows:
    """Links similar forms and returns the connected component of each, int64 (forms,).

    Similar forms have similar numbers of shingles, so forms are compared within size classes only. Each class reaches
    to twice the maximum of the class before, and overlaps it down to ``threshold`` times that maximum, since a form
    above the maximum cannot be similar to one below that.
    """
    signatures, sizes = _signatures(forms)
    columns = [np.arange(len(forms))]
    low, high = 0.0, _SMALL
    while low <= sizes.max(initial=-1):
        rows = np.flatnonzero((low <= sizes) & (sizes <= high) & (sizes > 0))
        column = np.full(len(forms), -1)
        column[rows] = _Search(forms.select(rows), signatures[rows], sizes[rows], high // 2, threshold).run()
        columns.append(column)
        low, high = threshold * high, 2 * high
    return components(columns)


class _Search:
    """Links the similar forms of one size class.

    The forms are sorted by each band of their signatures in turn, with the next band to break ties (an LSH forest:
    Bawa, Condie and Ganesan 2005). In each sort order, a form is compared with the `NEAR` forms after it, and with up
    to `WINDOW` forms if more than `NEAR` have an equal band. Two forms of similarity s have an equal band with
    probability s^8, so that at s = 0.9 they differ in all 32 bands with probability 1.5e-8. Forms of the same component
    are not compared again, and no pair is compared twice.

    The window keeps thousands of variants of one template linear, since most of them agree in most bands. It can miss a
    link only if more than `WINDOW` forms lie between the two in every order. Those share the bands that the two
    share, so that a chain through them most likely links the two anyway. Compared with all pairs of 20,000 variants, no
    link was missed if two random variants have similarity 0.7, and 1 % of the links if they have 0.85, just below the
    threshold.

    Attributes:
        component: int64 (forms,), component of each form as linked so far.
    """

    def __init__(self, forms: _Forms, signatures: Words, sizes: Rows, bits: int, threshold: float) -> None:
        self.component = np.arange(len(forms))
        self._forms = forms
        self._signatures = signatures
        self._parities = _parities(forms, bits)
        # Two sets with a and b elements, d of which are in only one set, have similarity (a + b - d) / (a + b + d), so
        # that similarity t or more means d <= (a + b) (1 - t) / (1 + t). The limit is split into the parts of a and b.
        self._difference_limits = (1 - threshold) / (1 + threshold) * sizes + 1e-6
        self._threshold = threshold
        self._positions = np.empty((BANDS, len(forms)), dtype=np.int32)  # of each form in each sort order

    def run(self) -> Rows:
        """Returns the component of each form, int64 (forms,)."""
        for band in range(BANDS):
            key = self._signatures[:, band]
            order = np.lexsort((self._signatures[:, (band + 1) % BANDS], key))
            self._positions[band, order] = np.arange(len(order))
            _, same, count = np.unique(key, return_inverse=True, return_counts=True)
            self._compare(band, order, range(1, NEAR + 1))
            self._compare(band, order[count[same[order]] > NEAR + 1], range(NEAR + 1, WINDOW + 1))
        return self.component

    def _compare(self, band: int, order: Rows, steps: range) -> None:
        parity, component = np.take(self._parities, order, axis=1), self.component[order]
        limits = self._difference_limits[order]
        for step in range(steps.start, min(steps.stop, len(order))):
            close = _bit_differences(parity, step) <= limits[step:] + limits[:-step]
            at = np.flatnonzero(close & (component[step:] != component[:-step]))
            first, second = self._uncompared(band, order[at], order[at + step])
            similar = _similarity(self._forms, first, second) >= self._threshold
            if similar.any():
                self._join(first[similar], second[similar])
                component = self.component[order]

    def _uncompared(self, band: int, first: Rows, second: Rows) -> tuple[Rows, Rows]:
        """Returns the pairs that were not compared in the sort order of an earlier band."""
        distance = np.abs(self._positions[:band, first] - self._positions[:band, second])
        bands_differ = (self._signatures[first, :band] != self._signatures[second, :band]).T
        uncompared = ((distance > WINDOW) | (distance > NEAR) & bands_differ).all(axis=0)
        return first[uncompared], second[uncompared]

    def _join(self, first: Rows, second: Rows) -> None:
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        ends, n = (self.component[first], self.component[second]), len(self.component)
        graph = coo_array((np.ones(len(first), dtype=np.int8), ends), shape=(n, n))
        self.component = connected_components(graph, directed=False)[1].astype(np.int64)[self.component]


def _signatures(forms: _Forms) -> tuple[Words, Rows]:
    """Returns the bands of each form's MinHash signature, and its number of distinct shingles.

    Returns:
        The bands, uint64 (forms, BANDS), each of the low bytes of eight minhashes (Li and König 2010, b-bit minwise
        hashing), and the numbers of shingles, int64 (forms,).
    """
    from rensa import RMinHash

    signatures = np.empty((len(forms), BANDS), dtype=np.uint64)
    sizes = np.empty(len(forms), dtype=np.int64)
    for part in _blocks(forms.lengths):
        owner, shingle = _shingles(forms.read(part))
        sizes[part] = np.bincount(owner, minlength=part.stop - part.start)
        ends = np.concatenate([[0], np.cumsum(sizes[part])]).astype(np.uint64)
        minhashes = RMinHash.digest_matrix_from_flat_token_hashes(shingle * _MIX, ends, BANDS * ROWS, seed=1).to_rows()
        signatures[part] = np.array(minhashes, dtype=np.uint32).astype(np.uint8).view(np.uint64)
    return signatures, sizes


def _parities(forms: _Forms, bits: int) -> Words:
    """Returns for each form and bit whether an odd number of shingles hash to the bit, uint64 (bits / 64, forms).

    A shingle that only one of two forms has changes one bit, so two forms differ in at most as many bits as shingles:
    a pair that is rejected by its bits is rejected by its exact similarity too.
    """
    out = np.empty((bits // 64, len(forms)), dtype=np.uint64)
    for part in _blocks(forms.lengths + bits):
        owner, shingle = _shingles(forms.read(part))
        n = part.stop - part.start
        bit = (shingle * _MIX >> np.uint64(65 - bits.bit_length())).astype(np.int64)
        odd = np.bincount(owner * bits + bit, minlength=n * bits) % 2 == 1
        out[:, part] = np.packbits(odd.reshape(n, bits), axis=1).view(np.uint64).T
    return out


def _bit_differences(parity: Words, step: int) -> npt.NDArray[np.uint16]:
    """Returns the number of bits in which each column differs from the column ``step`` after it, uint16 (n - step,)."""
    out = np.zeros(parity.shape[1] - step, dtype=np.uint16)
    for word in parity:
        out += np.bitwise_count(word[step:] ^ word[:-step])
    return out


def _similarity(forms: _Forms, first: Rows, second: Rows) -> npt.NDArray[np.float64]:
    """Returns the Jaccard similarity of the shingles of each pair of forms, float64 (pairs,); 0 if both have none."""
    out = np.empty(len(first))
    for part in _blocks(forms.lengths[first] + forms.lengths[second]):
        n = part.stop - part.start
        owner, shingle = _shingles(forms.read(np.concatenate([first[part], second[part]])))
        both = np.sort(_pack(owner % n, shingle))
        shared = np.bincount(_owner_of(both[1:][both[1:] == both[:-1]]), minlength=n)
        union = np.bincount(owner % n, minlength=n) - shared
        out[part] = shared / np.maximum(union, 1)
    return out


def _shingles(forms: Sequence[bytes]) -> tuple[Rows, Words]:
    """Returns the distinct shingles of all forms: form index, int64 (shingles,), ascending, and the shingle itself."""
    data = np.frombuffer(b"".join(forms), dtype=np.uint8)
    owner = np.repeat(np.arange(len(forms)), np.fromiter(map(len, forms), dtype=np.int64, count=len(forms)))
    starts = max(len(data) - SHINGLE + 1, 0)
    shingle = np.zeros(starts, dtype=np.uint64)
    for offset in range(SHINGLE):
        shingle = shingle << np.uint64(8) | data[offset : offset + starts]
    inside = owner[:starts] == owner[len(owner) - starts :]  # otherwise it crosses from one form into the next
    packed = np.sort(_pack(owner[:starts][inside], shingle[inside]))
    distinct = packed[np.concatenate([[True], packed[1:] != packed[:-1]])[: len(packed)]]
    return _owner_of(distinct), distinct & np.uint64((1 << 8 * SHINGLE) - 1)


def _pack(owner: Rows, shingle: Words) -> Words:
    """Returns each form index and shingle as one 64-bit integer, which sorts by form first."""
    return owner.astype(np.uint64) << np.uint64(8 * SHINGLE) | shingle


def _owner_of(packed: Words) -> Rows:
    return (packed >> np.uint64(8 * SHINGLE)).astype(np.int64)


def _blocks(lengths: Rows) -> Iterator[slice]:
    """Yields slices of consecutive forms (or pairs) of about `_BLOCK` bytes, with at least one form per slice."""
    ends = np.cumsum(lengths + _PER_FORM)
    start = 0
    while start < len(ends):
        offset = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, offset + _BLOCK, side="right")))
        yield slice(start, stop)
        start = stop
