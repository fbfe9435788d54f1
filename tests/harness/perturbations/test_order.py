"""Tier A: an order without meaning changes, an order with a meaning stays."""

import json
from collections import Counter

import pytest

from harness.perturbations.engine import PerturbationTally
from harness.perturbations.order import HeaderOrder, JsonOrder, MultipartOrder
from tests.harness.perturbations.rows import perturbed, request
from tests.harness.perturbations.test_encoding import draws, sent


def test_another_library_reads_the_same_fields_and_those_of_one_name_in_their_order() -> None:
    for before, after in perturbed(HeaderOrder(), 10, PerturbationTally()):
        old, new = sent(before.payload), sent(after.payload)
        assert (old[:2], old[3]) == (new[:2], new[3])
        assert Counter(old[2]) == Counter(new[2])
    message = request("GET / HTTP/1.1\nX: 1\nHost: h\nx: 2\nY: 3\nX: 4\n\n", "2")
    results = draws(HeaderOrder(), message)
    assert len(results) > 5
    for after in results:
        assert [value for name, value in sent(after.payload)[2] if name == b"x"] == [b"1", b"2", b"4"]
        assert after.attack == b"2"


def test_the_attack_moves_along_and_is_never_cut() -> None:
    text = "GET / HTTP/1.1\nHost: h\nX: 1\nSet: 2\nY: 3\n\n"
    assert {after.attack for after in draws(HeaderOrder(), request(text, "1\r\n"))} == {b"1\r\n"}
    assert draws(HeaderOrder(), request(text, "1\r\nSet")) == []


def test_lines_without_an_end_stay_where_they_are() -> None:
    message = request("GET / HTTP/1.1\nHost: h\nX: 1", "1")
    assert draws(HeaderOrder(), message) == []
    assert draws(HeaderOrder(), request("GET / HTTP/1.1\nHost: h\n\n", "h")) == []


@pytest.mark.parametrize("label", ["sql-injection", None])
def test_members_of_json_move_whole(label: str | None) -> None:
    body = '{ "a": "1,\\"}", "b": {"c": [1, {"d": 2}], "e": {}}, "a": 3 , "f": "x" }'
    message = request("POST / HTTP/1.1\nContent-Type: application/json\n\n" + body, 'c": [1')
    results = draws(JsonOrder(), message)
    assert len(results) > 5
    for after in results:
        text = after.request.text(after.request.body)
        assert len(text) == len(body)
        assert json.loads(text) == json.loads(body)
        assert after.attack == b'c": [1'


@pytest.mark.parametrize(
    ("body", "attack"),
    [
        ('{"a": 1}', "1"),
        ('{"a": 1, "a": 2}', "1"),
        ('[{"a": 1, "b": 2}]', "1"),
        ('{"a": 1, "b": 2', "1"),
        ('{"a": 1, "b": 2}', '{"a": 1, "b": 2}'),  # moving a member would cut it
        ('{"@type": "x", "b": 2}', "x"),  # tells what follows
    ],
)
def test_json_without_members_that_can_move_stays(body: str, attack: str) -> None:
    assert draws(JsonOrder(), request("POST / HTTP/1.1\nContent-Type: application/json\n\n" + body, attack)) == []


PARTS = "".join(
    f'--B\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in ("a1", "b2", "a3")
)
HEAD = "POST / HTTP/1.1\nContent-Type: multipart/form-data; boundary=B\n\n"


def test_parts_of_a_form_move_whole() -> None:
    results = draws(MultipartOrder(), request(HEAD + PARTS + "--B--\r\n", "2"))
    assert len(results) == 2
    for after in results:
        values = [after.request.text(p.value) for p in after.request.body_parameters]
        assert sorted(values) == [b"1", b"2", b"3"]
        assert values.index(b"1") < values.index(b"3")
        assert after.attack == b"2"


@pytest.mark.parametrize("end", ["", "--C--\r\n", "--B\r\n--B--\r\n"])
def test_parts_of_a_form_that_is_not_closed_stay(end: str) -> None:
    assert draws(MultipartOrder(), request(HEAD + PARTS + end, "2")) == []
    assert draws(MultipartOrder(), request(HEAD + PARTS.replace("\r", "") + "--B--\n", "2")) == []
