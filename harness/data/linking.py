"""Links rows into units (rows that share a CVE, vendor or product) and attack cores (rows with the same attack)."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from harness.data import values
from harness.data.corpus import CVES, NAMED, Corpus, name_key

Rows = npt.NDArray[np.int64]


def components(columns: Sequence[Rows]) -> Rows:
    """Returns the connected component of each row, int64 (n,), in the graph that links rows with a common value.

    Args:
        columns: int64 (n,) codes of each column; -1 (missing) links nothing.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(columns[0])
    sources, targets = [], []
    for codes in columns:
        # A star per value, every row linked to the first row with it, gives the same components as all pairs.
        rows = np.flatnonzero(codes >= 0)
        _, first, inverse = np.unique(codes[rows], return_index=True, return_inverse=True)
        sources.append(rows)
        targets.append(rows[first][inverse])
    source, target = np.concatenate(sources), np.concatenate(targets)
    graph = coo_array((np.ones(len(source), dtype=np.int8), (source, target)), shape=(n, n))
    component: Rows = connected_components(graph, directed=False)[1].astype(np.int64)
    return component


def link(corpus: Corpus, groups: Sequence[str]) -> tuple[Rows, Rows]:
    """Returns the resampling unit and the attack core of each row, both int64 (n,).

    Args:
        corpus: the column ``core`` identifies attacks; without it, rows with equal payload bytes have the same core.
            Near-duplicates (column ``cluster``) also share a core.
        groups: columns whose common values link rows into a unit; if empty, every core is a unit.
    """
    core = corpus.codes("core")[0] if corpus.has("core") else distinct_payloads(corpus)
    if corpus.has("cluster"):
        core = components([core, corpus.codes("cluster")[0]])
    return components([link_codes(corpus, column) for column in groups] or [core]), core


def link_codes(corpus: Corpus, column: str) -> Rows:
    """Returns a code of each row's value by which a column links rows, int64 (n,), -1 if it is missing.

    All spellings of a vendor or product name have the same code, and so have values that name several CVEs and share
    one, directly or through others.
    """
    codes, texts = corpus.codes(column)
    if column in NAMED:
        keys = [name_key(text) for text in texts]
    elif column in CVES:
        keys = _joined(texts)
    else:
        return codes
    code_of_key = {key: code for code, key in enumerate(sorted({key for key in keys if key}))}
    code_of_text = np.array([*(code_of_key[key] if key else -1 for key in keys), -1], dtype=np.int64)
    out: Rows = code_of_text[codes]  # the code -1 of a missing value selects the last entry, -1
    return out


def _joined(texts: Sequence[str]) -> list[str]:
    """Returns a key of each text, equal for lists of CVEs that are connected by common ones; see `values.cve`."""
    first: dict[str, str] = {}  # from each CVE of a list towards the first one of its set

    def root(name: str) -> str:
        while (parent := first.get(name, name)) != name:
            name = parent
        return name

    for text in texts:
        head, *others = values.cves(text)
        for other in others:
            first[root(other)] = root(head)
    return [root(values.cves(text)[0]) for text in texts]


def distinct_payloads(corpus: Corpus) -> Rows:
    """Returns a code of each row's payload, int64 (n,); equal payloads have equal codes."""
    codes = corpus.table.column("payload").combine_chunks().dictionary_encode().indices
    return np.asarray(codes.to_numpy(zero_copy_only=False), dtype=np.int64)
