"""Links rows into units (rows that share a CVE, vendor or product) and attack cores (rows with the same attack)."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from harness.data.corpus import NAMED, Corpus, name_key

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
    return components([_link_codes(corpus, column) for column in groups] or [core]), core


def _link_codes(corpus: Corpus, column: str) -> Rows:
    """Returns a column's codes, -1 if missing; all spellings of a vendor or product name get the same code."""
    codes, values = corpus.codes(column)
    if column not in NAMED:
        return codes
    names = [name_key(value) for value in values]
    code_of_name = {name: code for code, name in enumerate(sorted({name for name in names if name}))}
    code_of_value = np.array([*(code_of_name[name] if name else -1 for name in names), -1], dtype=np.int64)
    link_codes: Rows = code_of_value[codes]  # the code -1 of a missing value selects the last entry, -1
    return link_codes


def distinct_payloads(corpus: Corpus) -> Rows:
    """Returns a code of each row's payload, int64 (n,); equal payloads have equal codes."""
    codes = corpus.table.column("payload").combine_chunks().dictionary_encode().indices
    return np.asarray(codes.to_numpy(zero_copy_only=False), dtype=np.int64)
