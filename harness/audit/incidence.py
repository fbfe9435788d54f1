"""Which observations have which attributes, as a sparse matrix of bounded size.

An observation is one unit (a CVE, a group) within one class: forty requests of one CVE are one observation, which has
an attribute when any of them has. Payloads are read twice, in blocks of whole observations: the first time attributes
are only counted, in a fixed table by their hash, the second time those that enough observations share are kept. So
memory is bounded by the payloads, the table and what is kept, however many distinct pieces of text there are.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from harness.audit.attributes import TEXT, Attribute, of_request, spelled
from harness.audit.text import readable
from harness.audit.tokens import hashes, pieces
from harness.data.payloads import Payloads
from harness.scenario import Rows

if TYPE_CHECKING:
    from scipy.sparse import csc_array

FEWEST = 5  # observations of one class that a cue needs
SMALLEST_SHARE = 0.005  # of a class's observations that it needs
BLOCK = 2**20  # payload bytes read at a time
_BITS = 26  # the table has 2**26 counters of one byte
Keys = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Material:
    """What cues are sought in.

    Attributes:
        payloads: n payloads.
        metadata: attributes of each row that its bytes do not show, n tuples.
        observation: int64 (n,), observation of each row, 0 to m - 1.
        labels: int64 (m,), class of each observation.
        classes: their names.
    """

    payloads: Payloads
    metadata: Sequence[Sequence[Attribute]]
    observation: Rows
    labels: Rows
    classes: tuple[str, ...]

    @property
    def sizes(self) -> Rows:
        """Observations of each class, int64 (classes,)."""
        return np.bincount(self.labels, minlength=len(self.classes))

    def blocks(self) -> Iterator[Rows]:
        """Yields rows in blocks of about `BLOCK` bytes, the rows of an observation together."""
        order = np.argsort(self.observation, kind="stable")
        bytes_before = np.cumsum(self.payloads.lengths[order]) - self.payloads.lengths[order]
        first = np.flatnonzero(np.diff(self.observation[order], prepend=-1))
        block = bytes_before[first] // BLOCK
        edges = [*first[np.flatnonzero(np.diff(block, prepend=-1))].tolist(), len(order)]
        for start, end in itertools.pairwise(edges):
            yield order[start:end]


class Incidence(NamedTuple):
    """The attributes that enough observations share; ``matrix`` is int32 (m, attributes) of zeros and ones."""

    attributes: tuple[Attribute, ...]
    matrix: "csc_array"

    def who(self, column: int) -> Rows:
        """Returns the observations that have an attribute."""
        start, end = self.matrix.indptr[column : column + 2]
        return np.asarray(self.matrix.indices[start:end])

    def extended(self, attributes: Sequence[Attribute], matrix: "csc_array") -> "Incidence":
        """Returns the same with further attributes behind its own."""
        from scipy.sparse import csc_array, hstack

        return Incidence((*self.attributes, *attributes), csc_array(hstack([self.matrix, matrix])))


def observations(unit: Rows, labels: Rows, classes: int) -> tuple[Rows, Rows]:
    """Returns the observation of each row, int64 (n,), and the class of each observation, int64 (m,)."""
    pairs, of_row = np.unique(unit * classes + labels, return_inverse=True)
    return of_row.astype(np.int64), (pairs % classes).astype(np.int64)


def incidence(material: Material) -> Incidence:
    """Returns who has what, for attributes with at least `FEWEST` observations and `SMALLEST_SHARE` in some class."""
    from scipy.sparse import csc_array

    needed = np.maximum(FEWEST, np.ceil(SMALLEST_SHARE * material.sizes)).astype(np.int64)
    counts = np.zeros(2**_BITS, dtype=np.uint8)
    for rows in material.blocks():
        places, more = np.unique(_place(_Block(material, rows).keys), return_counts=True)
        counts[places] = np.minimum(255, counts[places] + more)
    frequent = counts >= min(255, int(needed.min()))
    keys, who, names = [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)], dict[int, Attribute]()
    for rows in material.blocks():
        block = _Block(material, rows)
        kept = np.flatnonzero(frequent[_place(block.keys)])
        keys.append(block.keys[kept])
        who.append(block.who[kept])
        block.name(kept, names)
    key, column = np.unique(np.concatenate(keys), return_inverse=True)
    observation = np.concatenate(who)
    cells = np.bincount(column * len(needed) + material.labels[observation], minlength=len(key) * len(needed))
    enough = np.flatnonzero((cells.reshape(len(key), len(needed)) >= needed).any(axis=1))
    place = np.full(len(key), -1, dtype=np.int64)
    place[enough] = np.arange(len(enough))
    inside = place[column] >= 0
    entries = (np.ones(int(inside.sum()), dtype=np.int32), (observation[inside], place[column[inside]]))
    matrix = csc_array(entries, shape=(len(material.labels), len(enough)))
    return Incidence(tuple(names[int(key[i])] for i in enough), matrix)


def _place(keys: Keys) -> npt.NDArray[np.int64]:
    return (keys >> np.uint64(64 - _BITS)).astype(np.int64)


class _Block:
    """The distinct (attribute, observation) pairs of some rows: hash and observation of each, equal hashes together."""

    def __init__(self, material: Material, rows: Rows) -> None:
        payloads = material.payloads.take(rows)
        self._texts = Payloads.from_list(readable(payload) for payload in payloads)
        self._form: list[Attribute] = []
        counts = []
        for row, payload, text in zip(rows.tolist(), payloads, self._texts, strict=True):
            found = [*of_request(payload, text), *material.metadata[row]]
            self._form += found
            counts.append(len(found))
        form = Payloads.from_list(map(spelled, self._form))
        self._pieces = pieces(self._texts)
        keys = np.concatenate(
            [
                hashes(form.data, form.offsets[:-1], form.offsets[1:]),
                hashes(self._texts.data, self._pieces.start, self._pieces.end),
            ]
        )
        seen = material.observation[rows]
        who = np.concatenate([np.repeat(seen, counts), seen[self._pieces.row]])
        order = np.lexsort((who, keys))
        keys, who = keys[order], who[order]
        first = np.ones(len(keys), dtype=bool)
        first[1:] = (keys[1:] != keys[:-1]) | (who[1:] != who[:-1])
        self.keys, self.who, self._origin = keys[first], who[first], order[first]

    def name(self, which: npt.NDArray[np.int64], names: dict[int, Attribute]) -> None:
        """Adds the attributes of some pairs to the names by hash, where they are not there yet."""
        distinct, first = np.unique(self.keys[which], return_index=True)
        for key, origin in zip(distinct.tolist(), self._origin[which[first]].tolist(), strict=True):
            if key not in names:
                names[key] = self._attribute(origin)

    def _attribute(self, origin: int) -> Attribute:
        if origin < len(self._form):
            return self._form[origin]
        piece = origin - len(self._form)
        start, end = self._pieces.start[piece], self._pieces.end[piece]
        return Attribute(TEXT, self._texts.data[start:end].tobytes())
