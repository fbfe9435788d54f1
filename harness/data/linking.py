"""Which rows belong together: units that share a CVE, vendor or product, and cores that are one attack."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from harness.data.corpus import NAMED, Corpus, name_key

Rows = npt.NDArray[np.int64]


def components(columns: Sequence[Rows]) -> Rows:
    """Links rows that share a value in any column and returns each row's component.

    Args:
        columns: int64 (n,) codes; -1 (missing) links nothing.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(columns[0])
    sources, targets = [], []
    for codes in columns:
        known = np.flatnonzero(codes >= 0)
        _, first, inverse = np.unique(codes[known], return_index=True, return_inverse=True)
        sources.append(known)
        targets.append(known[first][inverse])
    source, target = np.concatenate(sources), np.concatenate(targets)
    graph = coo_array((np.ones(len(source), dtype=np.int8), (source, target)), shape=(n, n))
    component: Rows = connected_components(graph, directed=False)[1].astype(np.int64)
    return component


def link(corpus: Corpus, groups: Sequence[str]) -> tuple[Rows, Rows]:
    """Returns each row's unit and core, int64 (n,) both.

    Args:
        corpus: its column ``core`` tells attacks apart; without one, equal payload bytes are one core. Near-duplicates
            (its column ``cluster``) count as one core too.
        groups: columns whose shared values link rows; none makes every distinct core a unit.
    """
    core = corpus.codes("core")[0] if corpus.has("core") else _distinct_payloads(corpus)
    if corpus.has("cluster"):
        core = components([core, corpus.codes("cluster")[0]])
    return components([_linking(corpus, column) for column in groups] or [core]), core


def _linking(corpus: Corpus, column: str) -> Rows:
    """Codes of a column, those of vendors and products the same for all spellings of one name; -1 where missing."""
    codes, values = corpus.codes(column)
    if column not in NAMED:
        return codes
    names = [name_key(value) for value in values]
    place = {name: code for code, name in enumerate(sorted({name for name in names if name}))}
    merged = np.array([*(place[name] if name else -1 for name in names), -1], dtype=np.int64)
    linked: Rows = merged[codes]  # the last entry is for rows without a value
    return linked


def _distinct_payloads(corpus: Corpus) -> Rows:
    codes = corpus.table.column("payload").combine_chunks().dictionary_encode().indices
    distinct: Rows = codes.to_numpy(zero_copy_only=False).astype(np.int64)
    return distinct
