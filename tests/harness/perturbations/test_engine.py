"""What the engine counts and rejects, with perturbations that misbehave; how messages track the attack's location."""

import random
from collections import Counter

import pytest

from harness.perturbations.base import Perturbation
from harness.perturbations.carrier import Host, PathPrefix
from harness.perturbations.encoding import HeaderCase, JsonEscape
from harness.perturbations.engine import REDRAWS, PerturbationTally, attempt, perturb, versions
from harness.perturbations.message import Edit, Insertion, Message
from harness.perturbations.stream import Stream
from tests.harness.perturbations.rows import request

TEXT = "GET /?q=attack HTTP/1.1\nHost: h.example\n\n"


class Draft(Perturbation):
    """Writes a random digit after the target's slash; the test decides what its oracle answers."""

    name = "draft"
    tier = "C"
    agrees = True

    def rewrite(self, message: Message, rng: random.Random) -> Message | None:
        return message.with_edits([Edit(5, 5, b"%d" % rng.randrange(10))])

    def keeps_class(self, before: Message, after: Message) -> bool:
        return self.agrees


class Idle(Draft):
    name = "idle"

    def rewrite(self, message: Message, rng: random.Random) -> Message | None:
        return message.with_edits([])


class Hitting(Draft):
    name = "hitting"

    def rewrite(self, message: Message, rng: random.Random) -> Message | None:
        return message.with_edits([Edit(9, 10, b"x")])


class Refused(Draft):
    name = "refused"
    agrees = False


def counts(tally: PerturbationTally, name: str) -> list[int]:
    return [tally.plain()[name][what] for what in ("draws", "no_ops", "rejected", "kept")]


def test_a_kept_draw_a_change_that_is_none_and_draws_that_are_refused() -> None:
    tally = PerturbationTally()
    message = request(TEXT, "attack")
    after = attempt(Draft(), message, 0, 0, tally)
    assert after is not None
    assert after.attack == b"attack"
    assert attempt(Idle(), message, 0, 0, tally) is None
    assert attempt(Refused(), message, 0, 0, tally) is None
    assert counts(tally, "draft") == [1, 0, 0, 1]
    assert counts(tally, "idle") == [1, 1, 0, 0]
    assert counts(tally, "refused") == [1 + REDRAWS, 0, 1 + REDRAWS, 0]


def test_no_perturbation_touches_the_attack_but_those_that_say_so() -> None:
    tally = PerturbationTally()
    assert attempt(Hitting(), request(TEXT, "attack"), 0, 0, tally) is None
    assert tally.rejected["hitting"] == 1 + REDRAWS
    Hitting.touches_attack = True
    after = attempt(Hitting(), request(TEXT, "attack"), 0, 0, tally)
    Hitting.touches_attack = False
    assert after is not None
    assert after.attack == b"axtack"


def test_where_the_place_is_not_known_the_values_of_parameters_are_protected() -> None:
    assert attempt(Hitting(), request(TEXT), 0, 0, PerturbationTally()) is None
    assert not Draft().applies(request("GET /%27 HTTP/1.1\n\n"))
    assert not Draft().applies(Message.of("s", b"GET /?q=1 HTTP/1.1\r\n\r\n", "sql-injection", []))


@pytest.mark.parametrize(
    ("message", "suite", "reason"),
    [
        (request(TEXT, "attack"), [Refused(), Idle()], "rejected"),
        (request(TEXT, "attack"), [Idle(), JsonEscape()], "nothing to change"),
        (request("GET /%27 HTTP/1.1\n\n"), [Draft(), PathPrefix()], "no place"),
        (request("not a request", "not"), [Draft(), HeaderCase()], "no place"),
    ],
)
def test_a_row_that_is_left_out_is_counted_with_its_reason(
    message: Message, suite: list[Perturbation], reason: str
) -> None:
    tally = PerturbationTally()
    assert perturb(message, suite, 3, 0, 0, tally) is None
    assert tally.left_out == Counter({reason: 1})


def test_depth_is_the_most_that_one_row_suffers() -> None:
    suite = [Draft(), Host(), PathPrefix(), HeaderCase()]
    for depth in (1, 2, 4):
        tally = PerturbationTally()
        assert perturb(request(TEXT, "attack"), suite, depth, 0, 0, tally) is not None
        assert tally.kept.total() == depth
        assert not tally.left_out


def test_the_order_of_a_suite_is_drawn() -> None:
    first = Counter[str]()
    for copy in range(60):
        tally = PerturbationTally()
        perturb(request(TEXT, "attack"), [Draft(), Host(), HeaderCase()], 1, 0, copy, tally)
        first += tally.kept
    assert set(first) == {"draft", "host", "header-case"}
    assert min(first.values()) > 8


def test_streams_differ_by_each_of_their_names() -> None:
    names = [("a", "b", 0), ("a", "b", 1), ("a", "c", 0), ("b", "b", 0), ("a", "b", 0, 0), ("\ud800", "b", 0, 1)]
    numbers = [Stream().begin(*name).random() for name in names]
    assert len(set(numbers)) == len(names)
    used = Stream().begin("other")
    used.random()
    assert numbers == [used.begin(*name).random() for name in names]


def test_a_stream_is_even_over_numbers_bits_and_orders() -> None:
    rng = Stream().begin("even")
    numbers = [rng.random() for _ in range(4000)]
    assert 0 <= min(numbers) < 0.01
    assert 0.99 < max(numbers) < 1
    assert abs(sum(numbers) / 4000 - 0.5) < 0.03
    assert all(700 < count < 900 for count in Counter(rng.randrange(5) for _ in range(4000)).values())
    assert all(
        1850 < sum(bits >> at & 1 for bits in [rng.getrandbits(600) for _ in range(4000)]) < 2150 for at in (0, 599)
    )
    assert len({tuple(rng.sample(range(4), 4)) for _ in range(400)}) == 24
    assert rng.getrandbits(0) == 0


def test_versions_by_name() -> None:
    assert versions([Draft(), Host()]) == {"draft": 1, "host": Host.version}


def test_classes_narrow_what_is_drawn() -> None:
    class Narrow(Draft):
        classes = frozenset(("open-redirect",))

    for label, applies in (("open-redirect", True), ("sql-injection", False), ("of no known class", False)):
        assert Narrow().applies(request(TEXT, "attack", label)) == applies


def test_spans_that_touch_are_one_and_empty_ones_none() -> None:
    message = Message.of("s", b"0123456789", "x", [1, 3, 3, 5, 6, 6, 8, 9])
    assert message.spans == ((1, 5), (8, 9))
    assert message.attack == b"1234\0" + b"8"


def test_an_insertion_at_the_edge_of_the_attack_is_not_of_it() -> None:
    message = Message.of("s", b"0123456789", "x", [3, 6])
    for at, attack in ((3, b"345"), (6, b"345"), (4, b"3+45")):
        assert message.with_edits([Edit(at, at, b"+")]).attack == attack
    assert message.with_edits([Edit(2, 4, b"+")]).attack == b"45"
    assert message.with_edits([Edit(3, 6, b"+-")]).attack == b"+-"
    after = message.from_pieces([(5, 10), Insertion(b"!", attack=True), (0, 5)])
    assert (after.payload, after.ranges) == (b"56789!01234", [b"5", b"!", b"34"])


@pytest.mark.parametrize(
    ("text", "attack", "place"),
    [
        (TEXT, "attack", "query"),
        ("GET /?attack HTTP/1.1\n\n", "attack", "query"),
        ("GET /?a=at&b=tack HTTP/1.1\n\n", "at&b=tack", "other"),
        ("GET /a/attack HTTP/1.1\n\n", "attack", "path"),
        ("GET http://attack/a HTTP/1.1\n\n", "attack", "other"),
        ("GET / HTTP/1.1\nX: attack\n\n", "attack", "header"),
        ("GET / HTTP/1.1\nattack: x\n\n", "attack", "other"),
        ("GET / HTTP/1.1\nX: at\nY: tack\n\n", "at\r\nY: tack", "other"),
        ("GET / HTTP/1.1\nCookie: a=1; b=attack\n\n", "attack", "cookie"),
        ("POST / HTTP/1.1\nContent-Type: application/json\n\n{\"a\": 3, \"b\": \"attack\"}", "attack", "json"),
        ("POST / HTTP/1.1\nContent-Type: application/json\n\n{\"attack\": \"b\"}", "attack", "json"),
        ("POST / HTTP/1.1\nContent-Type: application/json\n\n{\"a\": attack}", "attack", "other"),
        ("POST / HTTP/1.1\nContent-Type: application/json\n\n{\"a\": 1}", '{"a": 1}', "raw"),
        ("POST / HTTP/1.1\nContent-Type: text/xml\n\n<a b='attack'/>", "attack", "raw"),
        ("POST / HTTP/1.1\nContent-Type: text/xml\n\n<a>attack</a>", "attack", "xml"),
        ("POST / HTTP/1.1\n\nattack", "attack", "raw"),
        ("POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n6\r\nattack\r\n0\r\n\r\n", "attack", "other"),
        ("not a request", "not", "raw"),
    ],
)  # fmt: skip
def test_the_place_of_an_attack(text: str, attack: str, place: str) -> None:
    assert [slot.place for slot in request(text, attack).slots] == [place]
