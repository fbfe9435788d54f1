"""Near-duplicates by datasketch."""

from collections.abc import Iterable

import numpy as np

from harness.data.near_duplicates import normal_form


def datasketch_clusters(payloads: Iterable[bytes]) -> np.ndarray:
    """The recipe of datasketch's documentation over the same normal forms: MinHash, MinHashLSH, estimates linked."""
    from datasketch import MinHash, MinHashLSH
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    numbers: dict[bytes, int] = {}
    form = [numbers.setdefault(normal_form(payload), len(numbers)) for payload in payloads]
    lsh, hashes, links = MinHashLSH(threshold=0.9, num_perm=128), [], []
    shingles = ({text[i : i + 5] for i in range(max(1, len(text) - 4))} for text in numbers)
    for number, minhash in enumerate(MinHash.generator(shingles, num_perm=128, seed=1)):
        links += [(number, other) for other in lsh.query(minhash) if minhash.jaccard(hashes[other]) >= 0.9]
        lsh.insert(number, minhash)
        hashes.append(minhash)
    ends = np.array(links, dtype=np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(ends.shape[1], dtype=np.int8), tuple(ends)), shape=(len(numbers), len(numbers)))
    component = connected_components(graph, directed=False)[1][form]
    return np.where(np.bincount(component)[component] > 1, component, -1)
