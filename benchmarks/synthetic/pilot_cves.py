"""The pilot CVEs: no fold tests them, so that the defaults of methods can be chosen on them (docs/protocol.md)."""

import functools
import hashlib

import numpy as np
import numpy.typing as npt

from harness import Corpus

from . import cards

CVES_PER_PILOT_CVE = 7  # one in seven CVEs of each class
FEWEST = 3  # pilot CVEs of a class


@functools.cache
def pilot_cves() -> frozenset[str]:
    """Returns the pilot CVEs: of each class, a seventh, at least `FEWEST`, with the lowest SHA-256 of their number."""
    by_class: dict[str, list[str]] = {}
    for card in cards.load():
        by_class.setdefault(card.threat_class, []).append(card.cve)
    out: set[str] = set()
    for cves in by_class.values():
        count = max(FEWEST, round(len(cves) / CVES_PER_PILOT_CVE))
        out.update(sorted(cves, key=lambda cve: hashlib.sha256(cve.encode("ascii")).digest())[:count])
    return frozenset(out)


def pilot_rows(corpus: Corpus) -> npt.NDArray[np.bool_]:
    """Marks the rows of pilot CVEs, bool (n,)."""
    codes, names = corpus.codes("cve")
    is_pilot = np.array([name in pilot_cves() for name in names], dtype=bool)
    mask: npt.NDArray[np.bool_] = is_pilot[codes]
    return mask
