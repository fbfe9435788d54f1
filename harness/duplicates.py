"""Near-duplicates of payloads: MinHash over a normal form, found by locality-sensitive hashing (datasketch)."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from datasketch import MinHash

PERMUTATIONS = 128
SHINGLE = 5  # bytes
_MOST_ROUNDS = 5  # of decoding; a fixed point comes earlier in all but hostile inputs
_HOST = re.compile(rb"(?im)^host:.*$")
_TOKEN = re.compile(rb"[0-9a-z]*\d[0-9a-z]*", re.ASCII)
_DIGITS = re.compile(rb"\d+")
_SPACE = re.compile(rb"\s+")


def normal_form(payload: bytes) -> bytes:
    """Returns the payload percent-decoded to a fixed point, lower-cased, with hosts, tokens and digits masked.

    A token is a run of at least eight letters and digits that holds a digit.
    """
    for _ in range(_MOST_ROUNDS):
        decoded = unquote_to_bytes(payload.replace(b"+", b" "))
        if decoded == payload:
            break
        payload = decoded
    masked = _HOST.sub(b"host:", payload.lower())
    masked = _TOKEN.sub(lambda m: b"T" if len(m[0]) >= 8 else _DIGITS.sub(b"0", m[0]), masked)
    return _SPACE.sub(b" ", masked)


def near_duplicates(payloads: Iterable[bytes], threshold: float = 0.9) -> set[tuple[int, int]]:
    """Returns index pairs (smaller first) whose normal forms have an estimated Jaccard similarity of the threshold.

    Args:
        payloads: any number of payloads; equal normal forms are hashed once.
        threshold: of the similarity of their sets of 5-byte shingles.
    """
    from datasketch import MinHash, MinHashLSH

    places: dict[bytes, list[int]] = {}
    for index, payload in enumerate(payloads):
        places.setdefault(normal_form(payload), []).append(index)
    forms = list(places)
    signatures = [_signature(form, MinHash(PERMUTATIONS, seed=1)) for form in forms]
    lsh = MinHashLSH(threshold=threshold, num_perm=PERMUTATIONS)
    pairs: set[tuple[int, int]] = set()
    for number, (form, signature) in enumerate(zip(forms, signatures, strict=True)):
        same = places[form]
        pairs |= {(a, b) for at, a in enumerate(same) for b in same[at + 1 :]}
        for other in lsh.query(signature):
            if signature.jaccard(signatures[other]) >= threshold:
                pairs |= {(min(a, b), max(a, b)) for a in same for b in places[forms[other]]}
        lsh.insert(number, signature)
    return pairs


def clusters(payloads: Iterable[bytes], threshold: float = 0.9) -> list[int]:
    """Returns each payload's cluster of near-duplicates, linked through any chain of pairs; -1 where it has none."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    payloads = list(payloads)
    pairs = sorted(near_duplicates(payloads, threshold))
    out = [-1] * len(payloads)
    if pairs:
        first, second = zip(*pairs, strict=True)
        graph = coo_array(([1] * len(pairs), (first, second)), shape=(len(payloads), len(payloads)))
        component = connected_components(graph, directed=False)[1].tolist()
        for index in {*first, *second}:
            out[index] = component[index]
    return out


def _signature(form: bytes, empty: "MinHash") -> "MinHash":
    shingles = {form[i : i + SHINGLE] for i in range(max(1, len(form) - SHINGLE + 1))}
    empty.update_batch(list(shingles))
    return empty
