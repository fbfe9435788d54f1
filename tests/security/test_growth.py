"""Texts that make a parser or a regular expression take quadratic time: time grows linearly, or is bounded."""

import gc
import time
from collections.abc import Callable

import pytest

from harness.data.near_duplicates import normal_form
from harness.oracles import sql_tree
from harness.perturbations import perturbations, suite
from harness.perturbations.base import MAX_CHECKED_BYTES, Perturbation
from harness.perturbations.engine import PerturbationTally, attempt, perturb
from harness.perturbations.excision import excised
from harness.perturbations.message import Message
from harness.perturbations.stream import Stream
from harness.sources import safe_yaml

ENTITY = "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///e'>]><a>&x;"
TEXTS = {  # class, and begin, repeated part and end of a text, by perturbation
    "html-case": ("cross-site-scripting", ("<script>alert(1)</script>", "</a", "")),
    "html-entity": ("cross-site-scripting", ("<a onx='", '\\"', "'>")),
    "html-whitespace": ("cross-site-scripting", ("<img src=x onerror=alert(1) ", "a ", ">")),
    "xml-entity": ("xml-external-entity", ("<a", "=", "")),
    "xml-attribute": ("xml-external-entity", ("<?xml-stylesheet ", " ", "?><a/>")),
    "xml-attribute ": ("xml-external-entity", ("<a", "'", "")),
    "xml-entity ": ("xml-external-entity", (ENTITY, "<!--", "</a>")),
    "xml-name": ("xml-external-entity", ("<?xml-stylesheet href='a' a", " ", "?><a/>")),
    "path-dot": ("path-traversal", ("../", "<", "")),
    "path-separator": ("path-traversal", ("../", " ", "")),
    "shell-quote": ("command-injection", ("id ", ";", "")),
    "shell-ifs": ("command-injection", ("", "$a ", "")),
    "sql-case": ("sql-injection", ("1 or 1=1 ", "/*!", "")),
    "sql-whitespace": ("sql-injection", ("1;", "if()", "")),
    "sql-comment": ("sql-injection", ("1 or 1=1 ", "/*a", "")),
    "sql-literal": ("sql-injection", ("1 or ", "(", ")")),
    "sql-operator": ("sql-injection", ("1 or 1=1 ", "#", "'")),
}


def by_name(name: str) -> Perturbation:
    return next(p for p in perturbations() if p.name == name.strip())


def message(text: str, label: str) -> Message:
    body = text.encode()
    head = b"POST / HTTP/1.1\r\nHost: example.com\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(body)
    return Message.of("sample", head + body, label, [len(head), len(head) + len(body)])


def seconds(call: Callable[[int], object], size: int) -> float:
    """Processor seconds of a call, the least of two, without the garbage collector, as `timeit` measures.

    Its collections cost more the more objects of other tests are alive.
    """
    rounds = []
    gc.disable()
    try:
        for _ in range(2):
            began = time.process_time()
            call(size)
            rounds.append(time.process_time() - began)
    finally:
        gc.enable()
    return min(rounds)


def assert_linear(call: Callable[[int], object], size: int) -> None:
    """Four times the size takes at most eight times the time; quadratic growth would take sixteen times."""
    small, large = seconds(call, size), seconds(call, 4 * size)
    assert large < 8 * small + 0.1, f"{small:.3f} s, then {large:.3f} s"


@pytest.mark.parametrize("name", TEXTS)
def test_a_perturbation_and_its_oracle_take_linear_time(name: str) -> None:
    perturbation, (label, (begin, part, end)) = by_name(name), TEXTS[name]
    calls = iter(range(1000))

    def change(size: int) -> None:
        text = f"{begin}{part * ((size - len(begin) - len(end) - 4) // len(part))}{end}{next(calls):04}"  # not cached
        before = message(text, label)
        stream = Stream().begin("sample")
        after = perturbation.rewrite(before, stream) or message(text[:-1] + " ", label)
        perturbation.keeps_class(before, after)

    # The parsers of SQL and of commands try a text in many contexts, so a shorter one shows the growth; below 2,000
    # bytes their fixed costs hide it.
    assert_linear(change, 2000 if label in ("sql-injection", "command-injection") else 4000)


@pytest.mark.parametrize("part", ["[", "{", "a["])
def test_nested_brackets_in_sql_are_rejected_before_they_are_parsed(part: str) -> None:
    for depth, rejected in ((50, False), (200, True)):  # sqlglot takes more than quadratic time on a[a[a[
        tokens = sql_tree._dialects()["postgres"].tokenize("SELECT " + part * depth + "1")
        assert sql_tree._broken(tokens, mysql=False) == rejected


def test_nested_substitutions_in_a_command_are_no_crash() -> None:
    before = message(";id " + "$(" * 2000, "command-injection")
    assert attempt(by_name("shell-quote"), before, 0, 0, PerturbationTally()) is None


@pytest.mark.parametrize("label", sorted({label for label, _ in TEXTS.values()}))
def test_an_attack_that_is_too_long_for_the_oracles_is_left_out_and_counted(label: str) -> None:
    tally = PerturbationTally()
    text = "1 or 1=1 or " * (MAX_CHECKED_BYTES // 12 + 1)
    assert perturb(message(text * 20, label), suite("syntax"), 1, 0, 0, tally) is None
    assert tally.left_out == {"too long to check": 1}
    assert tally.draws.total() == 0


def request(content_type: str, body: bytes) -> bytes:
    return (
        b"POST / HTTP/1.1\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n" % (content_type.encode(), len(body)) + body
    )


def test_the_attack_is_cut_out_in_linear_time() -> None:
    def cut(size: int) -> None:
        payload = b"GET /" + b"12345678-" * size + b"attack=12345678"
        assert b"12345678" not in excised(Message.of("a", payload, "x", [len(payload) - 8, len(payload)]))

    assert_linear(cut, 30_000)


@pytest.mark.parametrize(("kind", "part"), [("application/json", b"\\u0041b"), ("text/xml", b"&amp;b")])
def test_the_places_of_many_spans_in_one_value_are_found_in_linear_time(kind: str, part: bytes) -> None:
    frame = (b'{"a":"', b'"}') if kind.endswith("json") else (b"<a>", b"</a>")

    def places(size: int) -> None:
        payload = request(kind, frame[0] + part * size + frame[1])
        first = payload.index(part)
        ends = [first + len(part) * (at + 1) for at in range(size)]
        spans = [edge for end in ends for edge in (end - 1, end)]
        slots = Message.of("a", payload, "x", spans).slots
        assert {slot.place for slot in slots} == {kind[-4:].strip("/") if kind.endswith("json") else "xml"}

    assert_linear(places, 3000)


def test_the_places_of_spans_in_many_headers_are_found_in_linear_time() -> None:
    def places(size: int) -> None:
        payload = b"GET / HTTP/1.1\r\n" + b"X-A: value\r\n" * size + b"\r\n"
        spans = [edge for at in range(size) for edge in (21 + 12 * at, 22 + 12 * at)]
        assert {slot.place for slot in Message.of("a", payload, "x", spans).slots} == {"header"}

    assert_linear(places, 2000)


@pytest.mark.parametrize("tier", ["encoding", "carrier"])
def test_requests_of_many_parameters_are_changed_in_linear_time(tier: str) -> None:
    def change(size: int) -> None:
        before = Message.of("a", request("application/x-www-form-urlencoded", b"a=b%20c&" * size), "sql-injection")
        for perturbation in suite(tier):
            if perturbation.applies(before):
                attempt(perturbation, before, 0, 0, PerturbationTally())

    assert_linear(change, 3000)


@pytest.mark.parametrize("part", [b"%", b"%25", b"+", b"a1", b"host:", b"\nhost:", b"a ", b"\r\n", b"%2525"])
def test_normal_forms_take_linear_time(part: bytes) -> None:
    assert_linear(lambda size: normal_form(part * size), 30_000)


@pytest.mark.parametrize(
    "text",
    [
        b"a: 1" + b":1" * 100_000,
        b"a: 1" + b":1" * 100_000 + b".0",
        b"a: !!int '1" + b":1" * 100_000 + b"'",
        b"".join(b"%%TAG !a%d! tag:example.com,2000:\n" % number for number in range(20_000)) + b"--- a",
        b"".join(b"%d: 1\n" % (number * (2**61 - 1)) for number in range(20_000)),
    ],
    ids=["base 60", "base 60 fraction", "explicit tag", "directives", "equal hashes"],
)
def test_yaml_that_takes_quadratic_time_is_rejected(text: bytes) -> None:
    with pytest.raises(ValueError, match="more than"):
        safe_yaml.load(text)


def test_ordinary_numbers_in_yaml_stay_what_they_are() -> None:
    value = safe_yaml.load(b"[1:30, 0x1f, 1e3, 1.5, 12345678901234567890123, 2020-01-01, 1_000]")
    assert value[:2] == [90, 31]
    assert value[3:5] == [1.5, 12345678901234567890123]
    assert value[6] == 1000
