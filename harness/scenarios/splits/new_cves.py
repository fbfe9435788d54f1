"""New CVEs: training holds no row of a tested CVE, and no row that addresses an endpoint of one.

The endpoint (the path of a request) identifies a CVE as well as its number does: a model that sees only the carrier of
a request would otherwise know the class of a tested CVE from an attack on the same endpoint.
"""

from dataclasses import dataclass

import numpy as np

from harness.data.corpus import Corpus
from harness.data.endpoints import endpoint_codes
from harness.data.linking import link_codes
from harness.scenario import Rows
from harness.scenarios.splits.folds import Mask, cached_arrays

MANY = 0.01  # share of the rows for training from which on a note counts those that are left out for their endpoint


@dataclass(frozen=True)
class NewCves:
    """The CVE and the endpoint of every row, int64 (n,) each, -1 where missing."""

    cve: Rows
    endpoint: Rows

    def tested(self, test: Mask) -> Mask:
        """Marks the rows of the CVEs that occur among the test rows, bool (n,)."""
        mask: Mask = np.isin(self.cve, self.cve[test & (self.cve >= 0)])
        return mask

    def at_tested_endpoints(self, test: Mask) -> Mask:
        """Marks the rows that address an endpoint of a CVE that occurs among the test rows, bool (n,)."""
        mask: Mask = np.isin(self.endpoint, self.endpoint[self.tested(test) & (self.endpoint >= 0)])
        return mask


def new_cves(corpus: Corpus) -> NewCves | None:
    """Returns the CVEs and endpoints of a corpus; None if it has no CVEs."""
    column = next((c for c in ("cve", "group.cve") if corpus.has(c)), None)
    if column is None:
        return None
    key = ("CVEs and endpoints", corpus.meta.hash, column)
    return NewCves(*cached_arrays(key, lambda: (link_codes(corpus, column).copy(), endpoint_codes(corpus))))


def without_tested(cves: NewCves | None, pool: Mask, test: Mask) -> tuple[Mask, tuple[str, ...]]:
    """Returns the pool without the tested CVEs and their endpoints, and a note if the endpoints cost many rows."""
    if cves is None:
        return pool, ()
    pool = pool & ~cves.tested(test)
    left = pool & ~cves.at_tested_endpoints(test)
    lost, total = int(pool.sum() - left.sum()), int(pool.sum())
    note = f"{lost} of {total} rows are not trained on, since they address an endpoint of a tested CVE"
    return left, (note,) if lost > MANY * total else ()
