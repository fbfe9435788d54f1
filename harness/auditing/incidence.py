"""The incidence matrix of observations and attributes, sparse and built in bounded memory.

An observation is one unit (a CVE, a group) within one class. Forty requests of one CVE are one observation, which has
an attribute if any of the requests has it. Payloads are read twice, in blocks of complete observations. The first pass
only counts attributes, in a table of fixed size by their hash; the second pass collects those that enough observations
have. So memory is bounded by the payloads, the table and the collected attributes, however many distinct pieces of
text there are.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from harness.auditing.attributes import TEXT, Attribute, attribute_key, of_request
from harness.auditing.text import readable
from harness.auditing.tokens import hashes, pieces
from harness.data.payloads import Payloads
from harness.scenario import Rows

if TYPE_CHECKING:
    from scipy.sparse import csc_array

MIN_OBSERVATIONS = 5  # of one class that must have an attribute
MIN_SHARE = 0.005  # of a class's observations that must have it
BLOCK = 2**20  # payload bytes read at a time
_BITS = 26  # the count table has 2**26 one-byte counters
Keys = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class CueData:
    """The rows in which cues are searched.

    Attributes:
        payloads: n payloads.
        metadata: n sequences, the attributes of each row that are not in its bytes.
        observation: int64 (n,), observation of each row, 0 to m - 1.
        labels: int64 (m,), class of each observation.
        classes: class names, in label order.
    """

    payloads: Payloads
    metadata: Sequence[Sequence[Attribute]]
    observation: Rows
    labels: Rows
    classes: tuple[str, ...]

    @property
    def sizes(self) -> Rows:
        """Number of observations of each class, int64 (classes,)."""
        return np.bincount(self.labels, minlength=len(self.classes))

    def blocks(self) -> Iterator[Rows]:
        """Yields rows in blocks of about `BLOCK` bytes, with all rows of an observation in the same block."""
        order = np.argsort(self.observation, kind="stable")
        bytes_before = np.cumsum(self.payloads.lengths[order]) - self.payloads.lengths[order]
        first = np.flatnonzero(np.diff(self.observation[order], prepend=-1))
        block = bytes_before[first] // BLOCK
        edges = [*first[np.flatnonzero(np.diff(block, prepend=-1))].tolist(), len(order)]
        for start, end in itertools.pairwise(edges):
            yield order[start:end]


class Incidence(NamedTuple):
    """Attributes, and a matrix of which observations have them: int32 (m, attributes) of zeros and ones."""

    attributes: tuple[Attribute, ...]
    matrix: "csc_array"

    def observations_with(self, column: int) -> Rows:
        """Returns the indices of the observations that have an attribute."""
        start, end = self.matrix.indptr[column : column + 2]
        return np.asarray(self.matrix.indices[start:end])

    def append(self, attributes: Sequence[Attribute], matrix: "csc_array") -> "Incidence":
        """Returns the incidence with further attributes, as columns after its own."""
        from scipy.sparse import csc_array, hstack

        return Incidence((*self.attributes, *attributes), csc_array(hstack([self.matrix, matrix])))


def observations(unit: Rows, labels: Rows, classes: int) -> tuple[Rows, Rows]:
    """Returns the observation of each row, int64 (n,), and the class of each observation, int64 (m,).

    An observation is one unit within one class.
    """
    pairs, of_row = np.unique(unit * classes + labels, return_inverse=True)
    return of_row.astype(np.int64), (pairs % classes).astype(np.int64)


def build_incidence(data: CueData) -> Incidence:
    """Returns the incidence of attributes that at least `MIN_OBSERVATIONS` and `MIN_SHARE` of some class have."""
    from scipy.sparse import csc_array

    needed = np.maximum(MIN_OBSERVATIONS, np.ceil(MIN_SHARE * data.sizes)).astype(np.int64)
    counts = np.zeros(2**_BITS, dtype=np.uint8)
    for rows in data.blocks():
        slots, increments = np.unique(_slot(_Block(data, rows).keys), return_counts=True)
        counts[slots] = np.minimum(255, counts[slots] + increments)
    # Attributes in one slot share its counter, so that this keeps some rare ones; exact counts follow below.
    frequent = counts >= min(255, int(needed.min()))
    keys, owners, attributes = [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)], dict[int, Attribute]()
    for rows in data.blocks():
        block = _Block(data, rows)
        pairs = np.flatnonzero(frequent[_slot(block.keys)])
        keys.append(block.keys[pairs])
        owners.append(block.observations[pairs])
        block.collect_attributes(pairs, attributes)
    key, column = np.unique(np.concatenate(keys), return_inverse=True)
    observation = np.concatenate(owners)
    cells = np.bincount(column * len(needed) + data.labels[observation], minlength=len(key) * len(needed))
    enough = np.flatnonzero((cells.reshape(len(key), len(needed)) >= needed).any(axis=1))
    new_column = np.full(len(key), -1, dtype=np.int64)
    new_column[enough] = np.arange(len(enough))
    selected = new_column[column] >= 0
    entries = (np.ones(int(selected.sum()), dtype=np.int32), (observation[selected], new_column[column[selected]]))
    matrix = csc_array(entries, shape=(len(data.labels), len(enough)))
    return Incidence(tuple(attributes[int(key[i])] for i in enough), matrix)


def _slot(keys: Keys) -> npt.NDArray[np.int64]:
    return (keys >> np.uint64(64 - _BITS)).astype(np.int64)


class _Block:
    """The distinct pairs of attribute hash and observation in a block of rows, sorted by hash."""

    def __init__(self, data: CueData, rows: Rows) -> None:
        payloads = data.payloads.take(rows)
        self._texts = Payloads.from_list(readable(payload) for payload in payloads)
        self._form: list[Attribute] = []
        counts = []
        for row, payload, text in zip(rows.tolist(), payloads, self._texts, strict=True):
            attributes = [*of_request(payload, text), *data.metadata[row]]
            self._form += attributes
            counts.append(len(attributes))
        form = Payloads.from_list(map(attribute_key, self._form))
        self._pieces = pieces(self._texts)
        keys = np.concatenate(
            [
                hashes(form.data, form.offsets[:-1], form.offsets[1:]),
                hashes(self._texts.data, self._pieces.start, self._pieces.end),
            ]
        )
        of_row = data.observation[rows]
        observations = np.concatenate([np.repeat(of_row, counts), of_row[self._pieces.row]])
        order = np.lexsort((observations, keys))
        keys, observations = keys[order], observations[order]
        first = np.ones(len(keys), dtype=bool)
        first[1:] = (keys[1:] != keys[:-1]) | (observations[1:] != observations[:-1])
        self.keys, self.observations, self._origin = keys[first], observations[first], order[first]

    def collect_attributes(self, pairs: npt.NDArray[np.int64], attributes: dict[int, Attribute]) -> None:
        """Adds the attributes of the given pairs to ``attributes`` by hash, unless they are in it."""
        distinct, first = np.unique(self.keys[pairs], return_index=True)
        for key, origin in zip(distinct.tolist(), self._origin[pairs[first]].tolist(), strict=True):
            if key not in attributes:
                attributes[key] = self._attribute(origin)

    def _attribute(self, origin: int) -> Attribute:
        if origin < len(self._form):
            return self._form[origin]
        piece = origin - len(self._form)
        start, end = self._pieces.start[piece], self._pieces.end[piece]
        return Attribute(TEXT, self._texts.data[start:end].tobytes())
