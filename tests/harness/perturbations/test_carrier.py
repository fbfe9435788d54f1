"""Tier C around the attack: host, client, path prefix, padding; an attack of unknown location never changes."""

import ipaddress
import re
from dataclasses import replace

import pytest

from harness.perturbations.base import Perturbation
from harness.perturbations.carrier import PERTURBATIONS, Client, Host, Padding, PathPrefix
from harness.perturbations.engine import PerturbationTally
from harness.perturbations.message import Message
from harness.perturbations.parameters import PERTURBATIONS as PARAMETERS
from tests.harness.perturbations.rows import perturbed, request
from tests.harness.perturbations.test_encoding import draws

DOCUMENTATION = [ipaddress.ip_network(net) for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")]
PLAIN = "GET /a/b?q=1' HTTP/1.1\nHost: h.example\nUser-Agent: curl/8.1.0\n\n"


@pytest.mark.parametrize("perturbation", [*PERTURBATIONS, *PARAMETERS], ids=lambda p: p.name)
def test_a_carrier_changes_around_the_same_attack(perturbation: Perturbation) -> None:
    tally = PerturbationTally()
    assert perturbation.tier == "C"
    results = perturbed(perturbation, 30, tally)
    assert len(results) > 60
    assert tally.rejected.total() <= len(results) // 100
    assert perturbation.touches_attack == (perturbation.name == "body-format")
    assert perturbation.touches_attack or all(sorted(a.ranges) == sorted(b.ranges) for a, b in results)
    assert all(
        after.request.has_exact_length
        for before, after in results
        if before.request.has_exact_length and after.request.body[1:] > (0,)
    ) or (perturbation.name == "method")


def test_hosts_are_nobodys() -> None:
    results = draws(Host(), request(PLAIN, "1'"), 200)
    assert len(results) > 150
    for after in results:
        header = after.request.header(b"host")
        assert header is not None
        name = after.request.text(header.value).decode().partition(":")[0]
        if re.fullmatch(r"[\d.]+", name):
            assert any(ipaddress.ip_address(name) in net for net in DOCUMENTATION)
        else:
            assert re.search(r"(^|\.)(example|test|invalid|example\.(com|net|org))$", name)


@pytest.mark.parametrize("label", ["open-redirect", "ssrf_xxe", "of no known class"])
def test_a_host_that_may_itself_be_the_attack_stays(label: str) -> None:
    assert draws(Host(), request(PLAIN, label=label)) == []
    assert draws(Host(), request(PLAIN, "1'", label))
    assert draws(Host(), request(PLAIN, "h.example", label)) == []


@pytest.mark.parametrize(
    "text",
    [
        PLAIN.replace("h.example", "h.example' or 1"),
        PLAIN.replace("Host: h.example\n", ""),
        PLAIN.replace("Host", "Host: a\nHost"),
        PLAIN.replace("/a/b", "http://h.example/a/b"),
    ],
)
def test_a_host_that_is_no_plain_name_stays(text: str) -> None:
    assert draws(Host(), request(text)) == []


def test_a_client_is_of_another_family_or_added() -> None:
    other_clients = draws(Client(), request(PLAIN, "1'"))
    assert len(other_clients) > 20
    assert not [after for after in other_clients if b"curl/" in after.payload]
    new_clients = draws(Client(), request("GET /?q=1 HTTP/1.1\nHost: h.example\nX: 1\n\n", "1"))
    places = {[h for h in after.payload.split(b"\r\n") if h][1:].index(agent) for after in new_clients
              for agent in after.payload.split(b"\r\n") if agent.startswith(b"User-Agent: ")}  # fmt: skip
    assert places == {1, 2}


@pytest.mark.parametrize(
    "agent", ["x' or 1=1", "() { :;}; id", "Mozilla/5.0 (X11; id)", "curl/8.1.0 ;id", "${7*7}", "1 or 1"]
)
def test_a_client_that_may_be_the_attack_stays(agent: str) -> None:
    text = PLAIN.replace("curl/8.1.0", agent)
    assert draws(Client(), request(text)) == []
    assert draws(Client(), request(text, agent)) == []
    assert draws(Client(), request(text, "1'"))


@pytest.mark.parametrize(
    "agent", ["Go-http-client/1.1", "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0"]
)
def test_a_well_known_client_can_be_no_attack(agent: str) -> None:
    assert draws(Client(), request(PLAIN.replace("curl/8.1.0", agent)))


def test_no_field_is_added_where_no_line_can_follow() -> None:
    for text in ("GET /?q=1", "GET /?q=1 HTTP/1.1", "GET /?q=1 HTTP/1.1\nHost: h.example"):
        assert draws(Client(), request(text, "1")) == []
        assert not [after for after in draws(Padding(), request(text, "1")) if len(after.request.headers) > 1]


def paths(text: str, attack: str | None = None) -> set[bytes]:
    return {after.request.text(after.request.path) for after in draws(PathPrefix(), request(text, attack), 100)}


def test_a_prefix_is_added_or_swapped_where_the_attack_is_elsewhere() -> None:
    results = paths(PLAIN, "1'")
    assert any(path.endswith(b"/a/b") for path in results)
    assert any(path.endswith(b"/b") and b"/a/" not in path for path in results)
    assert all(path.endswith(b"/a/b") for path in paths(PLAIN))
    assert all(path.endswith(b"/../etc") for path in paths("GET /a/../etc HTTP/1.1\n\n", "../etc"))
    assert all(path.endswith(b"/") for path in paths("GET /?q=1 HTTP/1.1\n\n", "1"))
    assert paths("GET http://h.example/a?q=1 HTTP/1.1\n\n", "1")


@pytest.mark.parametrize(
    ("text", "attack"),
    [
        ("GET //evil.example/?q=1 HTTP/1.1\n\n", "1"),
        ("GET //evil.example/ HTTP/1.1\n\n", "/evil.example"),
        ("GET /../../etc HTTP/1.1\n\n", "../../etc"),
        ("GET /a;id/b HTTP/1.1\n\n", ";id"),
        ("GET /a/../etc?q=1 HTTP/1.1\n\n", None),
        ("GET /a/%2e%2e/etc?q=1 HTTP/1.1\n\n", None),
        ("GET /a//evil.example?q=1 HTTP/1.1\n\n", None),
        ("GET /a/.;/b?q=1 HTTP/1.1\n\n", None),
        ("GET /{{7*7}}?q=1 HTTP/1.1\n\n", None),
        ("OPTIONS * HTTP/1.1\n\n", "*"),
    ],
)
def test_a_path_that_is_or_may_be_the_attack_stays(text: str, attack: str | None) -> None:
    assert paths(text, attack) == set()


def test_padding_appends_what_is_not_there_yet() -> None:
    head = "POST /a?q=1 HTTP/1.1\nHost: h.example\nContent-Type: application/x-www-form-urlencoded\nContent-Length: 3"
    text = head + "\n\nx=2"
    results = draws(Padding(), request(text, "2"), 150)
    targets, bodies = (
        {after.request.text(getattr(after.request, part)) for after in results} for part in ("target", "body")
    )
    assert all(target.startswith(b"/a?q=1") for target in targets)
    assert all(body.startswith(b"x=2") for body in bodies)
    assert len(targets) > 10
    assert len(bodies) > 10
    assert any(len(after.request.headers) == 4 for after in results)
    assert all(after.request.has_exact_length for after in results)
    assert all(len(after.request.parameters) + len(after.request.headers) == 6 for after in results)


@pytest.mark.parametrize("target", ["/a?-d+x", "/a#b", "*", "h.example:443", ""])
def test_padding_leaves_a_target_alone_that_takes_no_pair(target: str) -> None:
    results = draws(Padding(), request(f"GET {target} HTTP/1.1\nHost: h.example\n\n"))
    assert results
    assert {after.request.text(after.request.target).decode() for after in results} == {target}


def test_oracles_refuse_a_change_elsewhere() -> None:
    before = request(PLAIN, "1'")
    for perturbation in PERTURBATIONS:
        for after in draws(perturbation, before, 10):
            for old, new in ((b"GET ", b"PUT "), (b"q=1", b"q=2"), (b"HTTP/1.1\r\n", b"HTTP/1.1\r\nX: 1\r\n")):
                assert not perturbation.keeps_class(before, replace(after, payload=after.payload.replace(old, new))), (
                    old
                )
            assert not perturbation.keeps_class(before, replace(after, payload=after.payload + b"x"))


def test_hosts_and_clients_of_no_one_we_know_are_refused() -> None:
    before = request(PLAIN, "1'")
    real = Message.of("s", before.payload.replace(b"h.example", b"example.dev"), "sqli", [10, 12])
    assert not Host().keeps_class(before, real)
    odd = Message.of("s", before.payload.replace(b"curl/8.1.0", b"x' or 1"), "sqli", [10, 12])
    assert not Client().keeps_class(before, odd)
