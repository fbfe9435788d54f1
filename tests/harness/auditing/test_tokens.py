import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from harness import Payloads
from harness.auditing.tokens import MAX_PIECE, hashes, pieces

TEXTS = st.lists(st.text("ab_7-./=<> \r\n\xe9").map(lambda text: text.encode("latin-1")), max_size=6)


def expected(payload: bytes) -> list[bytes]:
    """Returns the pieces of one payload by a simple loop."""
    out = []
    for line in re.split(rb"[\r\n]+", payload):
        runs = re.findall(rb"[0-9A-Za-z_\x80-\xff]+|[^0-9A-Za-z_\x80-\xff]+", line)
        out += [run for run in runs if len(run) > 1 and run.strip(b" \t")]
        for at, run in enumerate(runs):
            if re.match(rb"[0-9A-Za-z_\x80-\xff]", run):
                out += [b"".join(runs[at : at + n]) for n in (3, 5) if at + n <= len(runs)]
    return sorted(piece for piece in out if len(piece) <= MAX_PIECE)


@given(TEXTS)
def test_pieces_are_words_delimiters_and_neighbouring_words_of_one_line(texts: list[bytes]) -> None:
    payloads = Payloads.from_list(texts)
    positions = pieces(payloads)
    by_row: list[list[bytes]] = [[] for _ in texts]
    for start, end, row in zip(*(part.tolist() for part in positions), strict=True):
        by_row[row].append(payloads.data[start:end].tobytes())
    assert [sorted(row) for row in by_row] == [expected(text) for text in texts]


@given(st.lists(st.binary(max_size=12), min_size=1, max_size=8))
def test_hashes_are_equal_exactly_where_the_folded_bytes_are(texts: list[bytes]) -> None:
    payloads = Payloads.from_list(texts)
    values = hashes(payloads.data, payloads.offsets[:-1], payloads.offsets[1:])
    folded = [text.lower() for text in texts]
    for i, one in enumerate(folded):
        for j, other in enumerate(folded):
            assert (values[i] == values[j]) == (one == other)


def test_hashes_do_not_depend_on_where_the_bytes_stand() -> None:
    data = np.frombuffer(b"....needle,,needle", np.uint8)
    first, second = hashes(data, np.array([4, 12]), np.array([10, 18]))
    assert first == second
