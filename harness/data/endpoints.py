"""Endpoints: the path that a request addresses, which identifies a product as well as its CVE does."""

import re

import numpy as np

from harness.data.corpus import Corpus
from harness.data.linking import Rows

# The scheme and host of an absolute-form target (RFC 9112, section 3.2.2) are not part of the path.
_REQUEST_LINE = re.compile(rb"[A-Z]+ (?:[a-z][a-z0-9+.-]*://[^/?# \r\n]*)?(/[^?# \r\n]*)")


def endpoint(payload: bytes) -> bytes | None:
    """Returns the path of a request without its query, None for other payloads.

    The method is left out: a model that knows the path from a GET knows it in a POST. The root path is every product's,
    so it is not an endpoint either.
    """
    match = _REQUEST_LINE.match(payload)
    return (match[1].rstrip(b"/") or None) if match else None


def endpoint_codes(corpus: Corpus) -> Rows:
    """Returns a code of each row's endpoint, int64 (n,), -1 without one."""
    numbers: dict[bytes | None, int] = {None: -1}
    codes = (numbers.setdefault(endpoint(payload), len(numbers) - 1) for payload in corpus.each_payload())
    return np.fromiter(codes, dtype=np.int64, count=len(corpus))
