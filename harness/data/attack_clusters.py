"""Clusters of similar attacks: what a split holds out so that tests have attacks of another kind than training.

Near-duplicates (`harness.data.near_duplicates`) are copies of one attack. Here the similarity is lower: attacks that
one author, tool or tutorial writes alike. Clusters lie within a class, since likeness across classes reveals none.
"""

import html
import re
from collections.abc import Sequence
from urllib.parse import unquote_to_bytes

import numpy as np
import numpy.typing as npt

from harness.data import byte_ngrams
from harness.data.corpus import Corpus
from harness.data.linking import link
from harness.data.near_duplicates import normal_form
from harness.data.payload_parts import value_spans
from harness.data.payloads import Payloads
from harness.errors import UserError

Rows = npt.NDArray[np.int64]

ALIKE = 0.25  # similarity from which two attacks are alike; docs/protocol.md says how it was chosen
MOST_ATTACKS = 20_000  # of one class: all pairs of its attacks are compared
_GRAM, _BITS = 4, 18  # bytes of an n-gram; 2**18 columns
_BLOCK = 512  # attacks compared with all others at a time
_MAX_DECODINGS = 5  # as in `near_duplicates`
_ESCAPES = re.compile(rb"(?i)\\u00([0-9a-f]{2})|\\([\"'/\\])")


def attack_clusters(corpus: Corpus, share: float) -> Rows:
    """Returns the cluster of similar attacks of each row, int64 (n,).

    An attack is represented by its first row: its span, or the values of all parameters, or the whole payload; decoded,
    in lower case, with digits masked. Two attacks of a class are alike if the Jaccard similarity of their sets of
    4-byte n-grams is at least `ALIKE`. Clusters are the connected components (single linkage). A component with more
    than ``share`` of the rows of its class is divided: attacks are linked from the most similar pair on, and a link
    that would make a cluster too large is left out.

    Args:
        corpus: the payloads, with ``core`` and ``span`` if they are known.
        share: largest share of the rows of a class that a cluster may have.

    Raises:
        UserError: a class has more than `MOST_ATTACKS` distinct attacks.
    """
    core = link(corpus, ())[1]
    # The same core may occur in two classes; each of them has a cluster of its own.
    _, first, attack = np.unique(core * len(corpus.classes) + corpus.labels, return_index=True, return_inverse=True)
    texts = decoded_attacks(corpus, first)
    out = np.zeros(len(first), dtype=np.int64)
    labels, rows, clusters = corpus.labels[first], np.bincount(attack), 0
    for label, name in enumerate(corpus.classes):
        own = np.flatnonzero(labels == label)
        if len(own) > MOST_ATTACKS:
            raise UserError(
                f"it compares all pairs of attacks of a class, of at most {MOST_ATTACKS:,} attacks; {name} has "
                f"{len(own):,}."
            )
        out[own] = clusters + _limited([texts[i] for i in own.tolist()], rows[own], share * rows[own].sum())
        clusters += len(own)
    result: Rows = np.unique(out[attack], return_inverse=True)[1].astype(np.int64)
    return result


def decoded(attack: bytes) -> bytes:
    """Returns an attack without percent, HTML and JSON escapes, in the form of `near_duplicates.normal_form`."""
    for _ in range(_MAX_DECODINGS):
        # Every character of the text is one byte; an HTML entity beyond them becomes a question mark.
        text = html.unescape(unquote_to_bytes(attack.replace(b"+", b" ")).decode("latin-1"))
        plain = _ESCAPES.sub(
            lambda m: bytes.fromhex(m[1].decode()) if m[1] else m[2], text.encode("latin-1", "replace")
        )
        if plain == attack:
            break
        attack = plain
    return normal_form(attack)


def decoded_attacks(corpus: Corpus, rows: Rows) -> list[bytes]:
    """Returns the decoded attack of each row: its span, or the values of all parameters, or the whole payload."""
    spans = corpus.table.column("span").take(rows).to_pylist() if corpus.has("span") else [None] * len(rows)
    out = []
    for payload, span in zip(corpus.payloads(rows), spans, strict=True):
        edges = span or value_spans(payload)
        parts = [payload[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True)]
        out.append(decoded(b"\n".join(parts) or payload))
    return out


def _limited(texts: Sequence[bytes], rows: Rows, most: float) -> Rows:
    """Returns the cluster of each attack of one class, int64 (n,), below n.

    Args:
        texts: decoded attacks.
        rows: int64 (n,), rows of each attack.
        most: largest number of rows of a cluster of attacks that are not equal.
    """
    distinct, form = np.unique(np.array(texts, dtype=object), return_inverse=True)
    weight = np.bincount(form, weights=rows).tolist()
    root = list(range(len(distinct)))

    def find(i: int) -> int:
        while root[i] != i:
            root[i] = root[root[i]]
            i = root[i]
        return i

    for one, other in _forest(Payloads.from_list(distinct.tolist())):
        a, b = find(one), find(other)
        if a != b and weight[a] + weight[b] <= most:
            root[b] = a
            weight[a] += weight[b]
    return np.array([find(i) for i in range(len(distinct))], dtype=np.int64)[form]


def _forest(attacks: Payloads) -> list[tuple[int, int]]:
    """Returns the edges of the maximum spanning forest of the attacks that are alike, the most similar pair first.

    Its components are those of all pairs that are alike, and so at every higher threshold.
    """
    from scipy.sparse import coo_array, csr_array
    from scipy.sparse.csgraph import minimum_spanning_tree

    n = len(attacks)
    grams = byte_ngrams.hashed_counts(attacks, _GRAM, _GRAM, _BITS)
    grams.data[:] = 1
    sizes = np.diff(grams.indptr)
    forest = csr_array((n, n))
    for start in range(0, n, _BLOCK):
        shared = coo_array(grams[start : start + _BLOCK] @ grams.T)
        one, other = shared.row.astype(np.int64) + start, shared.col.astype(np.int64)
        similarity = shared.data / (sizes[one] + sizes[other] - shared.data)
        edges = (other > one) & (similarity >= ALIKE)
        # The forest of a block's edges and of the forest so far is that of all edges so far. SciPy takes a stored zero
        # for no edge, so distances begin at 1.
        block = coo_array((2.0 - similarity[edges], (one[edges], other[edges])), shape=(n, n))
        forest = csr_array(minimum_spanning_tree(csr_array(forest + block)))
    found = coo_array(forest)
    order = np.lexsort((found.col, found.row, found.data))
    return list(zip(found.row[order].tolist(), found.col[order].tolist(), strict=True))
