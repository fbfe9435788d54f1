"""Near-duplicates: what the normal form masks, which payloads are linked, and that templates stay linear."""

import random
import re
import string
import subprocess
import sys
import time
from urllib.parse import unquote_to_bytes

import numpy as np
import pytest
from harness.benchmarks.synthetic import cards
from harness.benchmarks.synthetic.corpus import render_sample
from harness.benchmarks.synthetic.rendering import CueValues
from hypothesis import given
from hypothesis import strategies as st

from harness import UserError
from harness.data.linking import components
from harness.data.near_duplicates import clusters, crossing, normal_form

TEMPLATE = (
    "GET /catalog/view?item={}&lang=en HTTP/1.1\r\nHost: target.example\r\nUser-Agent: browser\r\nAccept: {}\r\n"
    "X-Note: a plain text that is here{}to be read\r\nCookie: zone={}; session={}\r\n\r\nqwerty"
)


def variants(count: int, slots: int, letters: str = string.ascii_lowercase) -> list[bytes]:
    """Distinct payloads of one template that differ in a few single letters, in an order of no meaning."""
    rng = random.Random(0)
    filled: dict[bytes, None] = {}
    while len(filled) < count:
        filled[TEMPLATE.format(*(rng.choice(letters) for _ in range(slots)), *[""] * (5 - slots)).encode()] = None
    return list(filled)


def natural(count: int) -> list[bytes]:
    """Requests of the synthetic cards, each core rendered ten times under other proof tokens."""
    cores = [f"{card.cve}/{number}" for card in cards.load() for number in range(len(card.cores))]
    rng = random.Random(0)
    return [
        render_sample(f"{cores[i // 10]}/{i % 5}", CueValues(proof="".join(rng.choices("abcxyz", k=4)))).payload
        for i in range(count)
    ]


def all_pairs(payloads: list[bytes], threshold: float) -> np.ndarray:
    """The definition of `clusters`, by comparing every pair."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    forms = [normal_form(payload) for payload in payloads]
    sets = [{form[i : i + 5] for i in range(len(form) - 4)} for form in forms]
    column = {shingle: number for number, shingle in enumerate(sorted(set().union(*sets)))}
    entries = [column[shingle] for own in sets for shingle in own]
    ends = np.cumsum([0, *map(len, sets)])
    table = csr_array((np.ones(len(entries), dtype=np.int64), entries, ends), shape=(len(sets), len(column)))
    shared = (table @ table.T).toarray()
    sizes = np.diag(shared)
    component = connected_components(shared / (sizes[:, None] + sizes - shared) >= threshold)[1]
    numbers: dict[int, int] = {}
    counts = np.bincount(component)
    return np.array([numbers.setdefault(c, len(numbers)) if counts[c] > 1 else -1 for c in component.tolist()])


@pytest.mark.parametrize(
    ("payload", "form"),
    [
        (b"GET /%253Cb%253E HTTP/1.1", b"get /<b> http/0.0"),
        (b"a+b%2Bc", b"a b c"),
        (b"GET / HTTP/1.1\r\nHost: shop.example:8080\r\nA: b", b"get / http/0.0 host: a: b"),
        (b"id=12345&t=deadbeef01&u=ab12", b"id=0&t=T&u=ab0"),
        (b"version 2023.11 lettersonly", b"version 0.0 lettersonly"),
        (b"a \t\r\n b", b"a b"),
        (b"", b""),
    ],
)
def test_normal_form_decodes_lowers_and_masks(payload: bytes, form: bytes) -> None:
    assert normal_form(payload) == form


@given(st.lists(st.sampled_from([b"a", b"Z", b"b7", b"90", b"%25", b"%41", b"+", b" ", b"\nHost: ", b"\xff", b"-"])))
def test_a_token_is_a_run_of_eight_letters_and_digits_that_holds_a_digit(parts: list[bytes]) -> None:
    def mask(run: re.Match[bytes]) -> bytes:
        return b"T" if len(run[0]) >= 8 and re.search(rb"[0-9]", run[0]) else re.sub(rb"[0-9]+", b"0", run[0])

    text = b"".join(parts)
    expected = text
    for _ in range(5):
        expected = unquote_to_bytes(expected.replace(b"+", b" "))
    expected = re.sub(rb"(?m)^host:.*$", b"host:", expected.lower())
    assert normal_form(text) == re.sub(rb"\s+", b" ", re.sub(rb"[0-9a-z]+", mask, expected))


def test_a_long_run_of_letters_takes_linear_time() -> None:
    run = b"a" * 1_000_000  # an hour, were every letter of it a place to begin
    assert normal_form(run) == run


def test_clusters_are_numbered_by_first_occurrence_and_singles_have_none() -> None:
    one = b"GET /a?id=%d HTTP/1.1\r\nHost: a%d.example"
    other = b"POST /login HTTP/1.1\r\n\r\nuser=guest%d"
    payloads = [b"something else", other % 1, one % (1, 1), b"alone here", one % (22, 333), other % 2]
    found = clusters(payloads)
    assert found.dtype == np.int64
    assert found.tolist() == [-1, 0, 1, -1, 1, 0]


def test_the_threshold_itself_links_and_less_does_not() -> None:
    text = bytes(random.Random(1).sample([ord(c) for c in string.ascii_lowercase] * 5, 104))  # 100 distinct shingles
    assert len({text[i : i + 5] for i in range(100)}) == 100
    assert clusters([text, text[:94]]).tolist() == [0, 0]  # 90 of 100
    assert clusters([text, text[:93]]).tolist() == [-1, -1]
    assert clusters([text, text[:93]], threshold=0.89).tolist() == [0, 0]


def test_a_chain_links_ends_that_are_not_alike() -> None:
    links = variants(1, 5)
    for at in (28, 60, 100, 130, 160):
        links.append(links[-1][:at] + b"#" + links[-1][at + 1 :])
    assert clusters([links[0], links[-1]]).tolist() == [-1, -1]
    assert clusters(links).tolist() == [0] * len(links)


@pytest.mark.parametrize("payloads", [[], [b""], [b"a", b"b", b"ab", b"", b"abcd"], [b"GET / HTTP/1.1"]])
def test_too_little_to_compare_is_no_duplicate(payloads: list[bytes]) -> None:
    assert clusters(payloads).tolist() == [-1] * len(payloads)


def test_short_payloads_are_duplicates_when_their_forms_are_equal() -> None:
    assert clusters([b"a1", b"b", b"a2", b"", b""]).tolist() == [0, -1, 0, 1, 1]


def test_long_payloads_are_compared_whole() -> None:
    rng = random.Random(0)
    long = bytes(rng.choices(b"abcdefghij -/", k=280_000))
    changed = bytes(rng.choices(b"abcdefghij -/", k=280_000))
    payloads = [long, long[:-9000] + changed[:9000], long[:140_000] + changed[:140_000], b"short one"]
    assert clusters(payloads).tolist() == [0, 0, -1, -1]


def test_the_threshold_has_bounds() -> None:
    with pytest.raises(UserError, match=r"0\.5; it must be from 0\.8 to 1"):
        clusters([b"a"], threshold=0.5)


@pytest.mark.parametrize(
    "payloads",
    [variants(2000, 4), variants(2000, 5), variants(1000, 5, "abcd"), natural(2000)],
    ids=["linked", "sparse", "dense", "natural"],
)
@pytest.mark.parametrize("threshold", [0.8, 0.9])
def test_clusters_are_those_of_all_pairs(payloads: list[bytes], threshold: float) -> None:
    found = clusters(payloads, threshold)
    assert len(set(found.tolist())) > 1 or (found == 0).all()
    assert found.tolist() == all_pairs(payloads, threshold).tolist()


def test_the_order_of_payloads_does_not_matter() -> None:
    payloads = natural(1000)
    order = np.random.default_rng(0).permutation(len(payloads))
    found, shuffled = clusters(payloads), clusters([payloads[i] for i in order])
    assert found.max() > 10
    assert components([found[order], shuffled]).max() == components([found[order]]).max()
    assert ((found[order] < 0) == (shuffled < 0)).all()


def test_another_process_finds_the_same() -> None:
    code = "from tests.harness.data.test_near_duplicates import *; print(clusters(natural(500)).tolist())"
    here = clusters(natural(500)).tolist()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(here)


@pytest.mark.parametrize(("slots", "letters"), [(4, 12), (5, 26)], ids=["dense", "sparse"])
def test_variants_of_one_template_cost_in_proportion_to_their_number(slots: int, letters: int) -> None:
    payloads = variants(20_000, slots, string.ascii_lowercase[:letters])

    def seconds(rows: slice) -> float:
        began = time.process_time()
        clusters(payloads[rows])
        return time.process_time() - began

    small = min(seconds(slice(i, i + 5000)) for i in (0, 5000, 10_000))
    large = seconds(slice(20_000))
    print(f"5,000 variants {small:.1f} s, 20,000 {large:.1f} s")
    assert large < 8 * small  # 16 times, were they all compared


def test_crossing_rows_share_a_cluster_with_another_side() -> None:
    cluster = np.array([0, 0, 1, 1, 2, 2, -1, -1, 0])
    side = np.array([0, 1, 0, 0, 1, -1, 0, 1, 1])
    assert np.flatnonzero(crossing(cluster, side)).tolist() == [0, 1, 8]
    assert not crossing(cluster, np.full(9, -1)).any()
    assert not crossing(np.full(9, -1), side).any()
    assert crossing(np.array([], dtype=np.int64), np.array([], dtype=np.int64)).shape == (0,)
