"""Properties of the request model and of every perturbation, for any payload."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.data.http_request import Request
from harness.data.taxonomy import ANCHORS
from harness.perturbations.base import Perturbation
from harness.perturbations.codec import decode
from harness.perturbations.engine import PerturbationTally, attempt, perturb
from harness.perturbations.message import Edit, Insertion, Message
from tests.conftest import ROOT
from tests.harness.data.test_http_request import HOSTILE
from tests.harness.perturbations.rows import messages, rows

MORE = 20 if os.environ.get("HARNESS_FULL_ROUNDS") else 1
SLOW_START = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
LABELS = [*ANCHORS, "ssrf_xxe", "unknown"]


def every() -> tuple[Perturbation, ...]:
    from harness.perturbations import perturbations

    return perturbations()


PIECES = [
    b"GET ", b"POST ", b"/a/..%2f", b"?q=1", b"&b=%3c", b" HTTP/1.1", b"\r\n", b"\n", b"\r\n\r\n", b"Host: h.example",
    b"Cookie: s=%41; t", b"Content-Type: ", b"application/json", b"multipart/form-data; boundary=B", b"text/xml",
    b"application/x-www-form-urlencoded", b"Content-Length: 5", b"Transfer-Encoding: chunked", b"--B", b"--B--",
    b'Content-Disposition: form-data; name="n"; filename="f"', b'{"a": "b\\u0041", "c": [1]}', b'"', b"\\", b"<a>x</a>",
    b"<![CDATA[y]]>", b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/hostname'>]>", b"&b;", b"\x00", b"\xff", b" ", b"+",
    b"' or 1=1-- ", b"<script>alert(1)</script>", b";id", b"$(sleep 1)", b"{{7*7}}", b"a=b",
]  # fmt: skip
arbitrary = st.one_of(st.binary(max_size=200), st.lists(st.sampled_from(PIECES), max_size=20).map(b"".join))


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A real request with a few bytes inserted, deleted or doubled."""
    payload = draw(st.sampled_from(rows(40)))[1]
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(payload)))
        end = min(len(payload), start + draw(st.integers(0, 12)))
        new = draw(
            st.one_of(st.sampled_from(PIECES), st.binary(max_size=4), st.just(b""), st.just(payload[start:end] * 2))
        )
        payload = payload[:start] + new + payload[end:]
    return payload


payloads = st.one_of(mutated(), mutated(), arbitrary)


@st.composite
def any_message(draw: st.DrawFn) -> Message:
    """A real row, or any payload with any label and any attack ranges, or none."""
    if draw(st.integers(0, 3)) == 0:
        return Message.of(*draw(st.sampled_from(rows(40))))
    payload, label = draw(payloads), draw(st.sampled_from(LABELS))
    edges = draw(st.none() | st.lists(st.integers(0, len(payload)), max_size=6).map(sorted))
    flat = None if edges is None else edges[: len(edges) // 2 * 2]
    return Message.of("sample", payload, label, flat)


def nested(inner: Sequence[tuple[int, int]], outer: tuple[int, int]) -> bool:
    """Whether ranges are ascending, separate, and inside another one."""
    edges = [edge for span in inner for edge in span]
    return edges == sorted(edges) and (not edges or (outer[0] <= edges[0] and edges[-1] <= outer[1]))


@given(payloads)
@settings(SLOW_START, max_examples=300 * MORE)
def test_parts_of_a_request_are_in_order_and_within_each_other(payload: bytes) -> None:
    request = Request(payload)
    if request.malformed:
        assert request.body == (0, len(payload))
        return
    assert nested([request.method, request.target, request.version], request.head)
    assert nested([request.path, request.query], request.target)
    assert nested([header.line for header in request.headers], request.head)
    assert all(nested([header.name, header.value], header.line) for header in request.headers)
    assert nested([p.value for p in request.parameters], (0, len(payload)))
    for part, parameters in ((request.query, request.query_parameters), (request.body, request.body_parameters)):
        assert nested([p.value for p in parameters], part)
        assert all(nested([p.name], part) for p in parameters)
    assert nested(request.parts, request.body)


@given(payloads)
@settings(SLOW_START, max_examples=300 * MORE)
def test_a_request_is_its_line_its_fields_an_empty_line_and_its_body(payload: bytes) -> None:
    request = Request(payload)
    if not request.malformed:
        line = payload[: request.headers[0].line[0] if request.headers else request.head[1]]
        fields = b"".join(request.text(header.line) for header in request.headers)
        blank = payload[request.head[1] : request.body[0]]
        assert blank in (b"", b"\n", b"\r\n")
        assert line + fields + blank + request.text(request.body) == payload


@given(any_message(), st.data())
@settings(SLOW_START, max_examples=200 * MORE)
def test_pieces_in_their_order_are_the_message(message: Message, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(message.payload)), max_size=8)))
    edges = [0, *cuts, len(message.payload)]
    assert message.from_pieces(list(pairwise(edges))) == message
    assert message.with_edits([Edit(at, at, b"") for at in set(cuts)]) == message
    assert message.from_pieces([Insertion(b"x"), *pairwise(edges)]).ranges == message.ranges


@given(any_message(), st.data())
@settings(SLOW_START, max_examples=200 * MORE)
def test_edits_outside_of_the_attack_leave_it_and_those_within_resize_it(message: Message, data: st.DataObject) -> None:
    at, size = data.draw(st.integers(0, len(message.payload))), data.draw(st.integers(0, 5))
    end = min(len(message.payload), at + size)
    for field in message.request.fields(b"content-length"):
        if message.overlaps_attack(*field.line) or (at < field.line[1] and end > field.line[0]):
            return
    after = message.with_edits([Edit(at, end, b"12345678")])
    if not message.overlaps_attack(at, end):
        assert after.ranges == message.ranges
    elif any(a <= at and end <= b for a, b in message.spans):
        assert sum(map(len, after.ranges)) == sum(map(len, message.ranges)) + 8 - (end - at)


@given(any_message(), st.integers(0, 3))
@settings(SLOW_START, max_examples=400 * MORE)
def test_no_payload_makes_a_perturbation_fail(message: Message, seed: int) -> None:
    for perturbation in every():
        if not perturbation.applies(message):
            continue
        tally = PerturbationTally()
        after = attempt(perturbation, message, seed, 0, tally)
        assert not message.request.malformed
        assert after is None or after.payload != message.payload, "a change that is none"
        assert tally.draws == tally.kept + tally.no_ops + tally.rejected
        if after is not None:
            assert not after.request.malformed, perturbation.name
            assert nested(after.spans, (0, len(after.payload)))
        if after is not None and not perturbation.touches_attack:
            assert sorted(after.ranges) == sorted(message.ranges), perturbation.name


@given(any_message(), st.integers(0, 3))
@settings(SLOW_START, max_examples=400 * MORE)
def test_tiers_a_and_c_hold_by_construction(message: Message, seed: int) -> None:
    if any(message.overlaps_attack(*field.line) for field in message.request.fields(b"content-length")):
        return  # then a change of the body changes the attack: the oracles refuse
    for perturbation in every():
        if perturbation.tier != "B" and perturbation.applies(message):
            tally = PerturbationTally()
            attempt(perturbation, message, seed, 0, tally)
            assert not tally.rejected, perturbation.name


@pytest.mark.parametrize("kind", HOSTILE)
def test_time_grows_with_the_length_and_not_with_its_square(kind: str) -> None:
    short, long = (min(seconds(kind, size) for _ in range(2)) for size in (5_000, 50_000))
    assert long < 40 * max(short, 1e-3), f"{short} s at 5 KB, {long} s at 50 KB"


def seconds(kind: str, size: int) -> float:
    """Returns the processor seconds of all perturbations of tiers A and C on a hostile payload."""
    head, unit, tail = HOSTILE[kind]
    message = Message.of("sample", head + unit * (size // len(unit)) + tail, "open-redirect")
    began = time.process_time()
    for perturbation in every():
        if perturbation.tier != "B" and perturbation.applies(message):
            attempt(perturbation, message, 0, 0, PerturbationTally())
    return time.process_time() - began


@given(st.one_of(st.binary(max_size=60), st.sampled_from([b"no request", b"GET / HTTP/1.1\r\n folded\r\n\r\n"])))
@settings(SLOW_START, max_examples=50 * MORE)
def test_what_is_no_request_comes_out_unchanged(payload: bytes) -> None:
    message = Message.of("sample", payload, "sql-injection", [0, len(payload)])
    if message.request.malformed:
        tally = PerturbationTally()
        assert perturb(message, every(), 3, 0, 0, tally) is None
        assert tally.draws.total() == 0
        assert tally.left_out == {"no place": 1}


def read(message: Message) -> list[str]:
    """Returns the decoded ranges of the attack, sorted."""
    return sorted(str(decode(slot.place, raw)) for slot, raw in zip(message.slots, message.ranges, strict=True))


def test_what_a_carrier_or_an_encoding_changes_decodes_to_the_same_attack() -> None:
    for message in messages(12 * MORE):
        for perturbation in every():
            if perturbation.tier == "B" or perturbation.name == "chunked-body" or not perturbation.applies(message):
                continue
            after = attempt(perturbation, message, 0, 0, PerturbationTally())
            assert after is None or read(after) == read(message), perturbation.name


DIGEST = """
import hashlib
from harness.perturbations import perturbations
from harness.perturbations.engine import PerturbationTally, perturb
from tests.harness.perturbations.rows import messages
digest = hashlib.sha256()
for copy in range(2):
    for message in messages(6):
        after = perturb(message, perturbations(), 3, 1, copy, PerturbationTally())
        digest.update(b"-" if after is None else after.payload + repr(after.spans).encode())
print(digest.hexdigest())
"""


def test_the_same_draw_gives_the_same_bytes_in_any_process() -> None:
    digests = {
        subprocess.run(
            [sys.executable, "-c", DIGEST],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_other_seeds_and_copies_give_other_bytes() -> None:
    def perturbed_payloads(seed: int, copy: int) -> list[bytes | None]:
        results = [perturb(message, every(), 1, seed, copy, PerturbationTally()) for message in messages(4)]
        return [None if after is None else after.payload for after in results]

    first = perturbed_payloads(0, 0)
    for other in (perturbed_payloads(1, 0), perturbed_payloads(0, 1)):
        assert sum(a != b for a, b in zip(first, other, strict=True)) > len(first) / 2
