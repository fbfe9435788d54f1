"""The parts of a payload that probes see."""

import pytest

from harness import Payloads
from harness.data import payload_parts

REQUEST = (
    b"POST /run?cmd=id HTTP/1.1\r\nHost: site.test\r\nCookie: k=v\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\nX-Y: z\r\n\r\na=first&b=second"
)


def part_of(probe: str, spans: list[int] | None) -> bytes:
    (part,) = payload_parts.reduce(Payloads.from_list([REQUEST]), [spans], probe)
    return part


def test_the_carrier_is_the_payload_without_its_attack() -> None:
    at = REQUEST.index(b"first")
    assert part_of("carrier", [at, at + 5]) == REQUEST.replace(b"first", b"")
    assert part_of("carrier", []) == REQUEST


def test_where_the_attack_is_not_known_the_carrier_lacks_every_parameter_value() -> None:
    expected = REQUEST.replace(b"=id ", b"= ").replace(b"k=v", b"k=").replace(b"first", b"").replace(b"second", b"")
    assert part_of("carrier", None) == expected
    assert list(payload_parts.reduce(Payloads.from_list([REQUEST] * 2), None, "carrier")) == [expected] * 2


def test_headers_are_neither_request_line_nor_body() -> None:
    assert part_of("headers", []).splitlines()[0] == b"Host: site.test"
    assert part_of("headers", []).endswith(b"X-Y: z")
    assert b"Content-Type" in part_of("headers", [])
    assert b"Content-Type" not in part_of("headers-without-content", [])


def test_values_are_those_of_all_parameters() -> None:
    assert part_of("values", None) == part_of("values", []) == b"id\nv\nfirst\nsecond"


def test_length_tells_sizes_and_nothing_else() -> None:
    assert part_of("length", None) == payload_parts.length(REQUEST.replace(b"second", b"second"[::-1]), None)
    longer = payload_parts.length(REQUEST + b"!" * 400, None)
    assert part_of("length", None).split(b" ")[:1] != longer.split(b" ")[:1]
    assert {len(word) for word in longer.split(b" ")} == {4}
    coarse = {payload_parts.length(b"x" * n, None).split(b" ")[0] for n in range(63, 127)}
    fine = {payload_parts.length(b"x" * n, None).split(b" ")[3] for n in range(63, 127)}
    assert (len(coarse), len(fine)) == (1, 8)


@pytest.mark.parametrize("probe", list(payload_parts.PROBES))
@pytest.mark.parametrize("payload", [b"", b"\x00\xff", b"GET", b"x" * 70_000])
def test_no_payload_breaks_a_probe(probe: str, payload: bytes) -> None:
    assert len(payload_parts.reduce(Payloads.from_list([payload]), None, probe)) == 1
