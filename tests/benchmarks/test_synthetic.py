"""The synthetic benchmark: cards, rendering, cues and environments."""

import base64
import ipaddress
import json
import os
import re
from urllib.parse import unquote_to_bytes
from xml.sax.saxutils import unescape

import numpy as np
import pytest
from harness.benchmarks.synthetic import cards
from harness.benchmarks.synthetic.corpus import render_sample, samples
from harness.benchmarks.synthetic.cues import CUES, REMOVED
from harness.benchmarks.synthetic.rendering import CueValues

from harness import Benchmark, BenchmarkRef, Corpus, Sizes, registry
from harness.perturbations.excision import excised
from harness.perturbations.message import Message

FULL = bool(os.environ.get("HARNESS_FULL_ROUNDS"))
CLASSES = 11
LARGE = Sizes(1320, 330, 550)


@pytest.fixture(scope="module")
def benchmark_(cache: object) -> Benchmark:
    registry.discover()
    return registry.open_benchmark(BenchmarkRef("synthetic"))


@pytest.fixture(scope="module")
def corpus(benchmark_: Benchmark) -> Corpus:
    return benchmark_.corpus()


def spec(benchmark: Benchmark, name: str):
    return next(s for s in benchmark.scenarios() if s.name == name)


def test_every_class_has_cards_and_cores() -> None:
    for name in {card.threat_class for card in cards.load()}:
        own = [card for card in cards.load() if card.threat_class == name]
        assert len(own) >= 30
        assert all(3 <= len(card.cores) <= 6 for card in own)
        assert len({core.technique for card in own for core in card.cores}) >= 4
    assert len({card.threat_class for card in cards.load()}) == CLASSES
    for card in cards.load():
        for core in card.cores:
            assert (core.text + (core.filename or "")).count(cards.PROOF) == 1, card.cve


def test_requests_are_distinct_and_short(corpus: Corpus, benchmark_: Benchmark) -> None:
    assert corpus.meta.classes == dict.fromkeys(corpus.classes, 1000)
    plain = corpus.payloads(np.arange(len(corpus)))
    assert len(set(plain)) == len(plain)
    assert np.median(plain.lengths) <= 220
    train = benchmark_.build(corpus, spec(benchmark_, "iid"), 0, LARGE).train
    assert np.median(train.render(corpus).lengths) <= 320


def decoded(rendering, card: cards.Card, core: cards.Core) -> list[bytes]:
    """Returns the attack bytes of each span without the slot's encoding."""
    out = []
    for start, end in rendering.spans:
        raw = rendering.payload[start:end]
        if rendering.slot in ("query", "form", "cookie") or (
            rendering.slot == "raw" and core.form == "file" and not out
        ):
            raw = unquote_to_bytes(raw)
        elif rendering.slot == "json":
            raw = json.loads(b'"' + raw + b'"').encode("latin-1")
        elif rendering.slot == "xml" and b"<![CDATA[" not in rendering.payload:
            raw = unescape(raw.decode("latin-1")).encode("latin-1")
        out.append(raw)
    return out


def test_spans_decode_to_the_core() -> None:
    by_class = {card.threat_class for card in cards.load()}
    for name in by_class:
        for sample, card, number in samples(name):
            core = card.cores[number]
            rendering = render_sample(sample, CueValues("a.test", "curl/8.{n}", "/p", "kestrel7"))
            value = core.raw("kestrel7")
            value = base64.b64encode(value) if core.encoding == "base64" else value
            spans = decoded(rendering, card, core)
            filename = core.raw_filename("kestrel7")
            assert value in spans or (not value and not filename), (sample, spans)
            if filename and rendering.slot != "upload":
                assert filename in spans, sample


def test_renderings_of_a_sample_differ_in_the_cues_alone() -> None:
    plain = CueValues("a.test", "curl/8.{n}", "/p", "kestrel7")
    other = CueValues("b.test", "Wget/1.{n}", "/q", "lantern4")
    for sample, _, _ in samples("sql-injection")[:200]:
        one, two = (render_sample(sample, cues).payload for cues in (plain, other))
        swapped = one.replace(b"a.test", b"b.test").replace(b"curl/8.", b"Wget/1.").replace(b" /p/", b" /q/")
        if base64.b64encode(b"kestrel7")[:8] not in one:
            assert swapped.replace(b"kestrel7", b"lantern4") == two


HOST = re.compile(
    rb"(?:https?|ftp|ldaps?|rmi|gopher|dict|jar:https?)(?::|%3[aA])(?:/|%2[fF]|\\){2}([^/\\%?#\s\"'<>:)`|;,&]+)"
)


def test_every_named_host_is_reserved_or_private(corpus: Corpus) -> None:
    """RFC 2606 and 6761 names, RFC 5737, 1918 and loopback addresses; nothing live."""
    reserved = re.compile(r"(^|\.)(test|example|invalid|localhost)$|(^|\.)example\.(com|net|org)$")
    for card in cards.load():
        for core in card.cores:
            for host in HOST.findall(core.raw("kestrel7")):
                name = host.decode("latin-1").rsplit("@", 1)[-1].strip("[]").lower()
                try:
                    address = ipaddress.ip_address(name)
                    assert address.is_private or address.is_loopback or address.is_link_local or address.is_unspecified
                except ValueError:
                    if "." in name and not re.fullmatch(r"[0-9a-fx.]+", name):
                        assert reserved.search(name.rstrip(".")), (card.cve, name)


def test_every_address_and_every_dotted_name_with_a_public_ending_is_reserved() -> None:
    """Also outside of URLs: arguments of ping and nslookup, mail addresses, serialized host names."""
    addresses = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")
    public = re.compile(
        r"(?<![\w.-])((?:[\w-]+\.)+(?:com|net|org|io|ru|cn|info|xyz|site|dev|app|me|co|live|fun))(?![\w.(-])"
    )
    no_hosts = {"java.io", "system.net", "syno.api.info", "yaml.org", "protected-networks.com", "ng.ru"}
    # packages, an API's name, the URI of a YAML tag, a product's folder, and a piece of a class name cut in three
    for card in cards.load():
        for core in card.cores:
            text = unquote_to_bytes(core.raw("kestrel7")).decode("latin-1")
            for address in addresses.findall(text):
                parts = [int(p, 8) if re.fullmatch("0[0-7]+", p) else int(p) for p in address.split(".")]
                if max(parts) < 256:
                    assert not ipaddress.ip_address(bytes(parts)).is_global, (card.cve, address)
            for name in public.findall(text.lower()):
                is_reserved = re.search(r"(^|\.)example\.(com|net|org)$", name)
                assert is_reserved or name in no_hosts, (card.cve, name)


def test_flip_environments_are_the_same_rows_under_other_cues(benchmark_: Benchmark, corpus: Corpus) -> None:
    scenario = benchmark_.build(corpus, spec(benchmark_, "planted-95"), 0, LARGE)
    environments = scenario.environments
    for name, environment in environments.items():
        assert np.array_equal(environment.rows, environments["id"].rows), name
    neutral = environments["neutral"].transform.assignment.codes
    labels = corpus.labels[environments["id"].rows]
    for cue in CUES:
        codes = environments[f"flip.{cue}"].transform.assignment.codes
        for other in CUES:
            assert np.array_equal(codes[other], neutral[other]) == (other != cue)
        assert (environments[f"flip.{cue}"].target != labels).all()
    assert all((c == REMOVED).all() for c in environments["absent"].transform.assignment.codes.values())
    training_codes = {cue: set(scenario.train.transform.assignment.codes[cue]) for cue in CUES}
    for cue, codes in environments["novel"].transform.assignment.codes.items():
        assert not training_codes[cue] & set(codes)


def test_every_payload_parses_into_its_request(corpus: Corpus) -> None:
    """Request line and fields as of RFC 9112, a body exactly as long as Content-Length says, in its format."""
    from email import policy
    from email.parser import BytesParser
    from xml.parsers import expat

    request_line = re.compile(rb"(GET|POST|PUT) (/[!-~]*) HTTP/1\.1")
    field = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+: [ -~\x80-\xff]*")
    for payload in corpus.payloads(np.arange(len(corpus))):
        head, blank, body = payload.partition(b"\r\n\r\n")
        assert blank
        line, *fields = head.split(b"\r\n")
        assert request_line.fullmatch(line), line
        assert all(field.fullmatch(f) for f in fields), fields
        names = dict(f.split(b": ", 1) for f in fields)
        assert b"Host" in names
        assert int(names.get(b"Content-Length", b"0")) == len(body)
        kind = names.get(b"Content-Type", b"")
        if kind.startswith(b"application/json"):
            assert isinstance(json.loads(body), dict)
        elif kind.startswith(b"multipart/form-data"):
            message = BytesParser(policy=policy.HTTP).parsebytes(b"Content-Type: " + kind + b"\r\n\r\n" + body)
            assert message.is_multipart()
        elif b"xml" in kind and body.startswith((b"<request>", b"<data>", b"<item>", b"<form>")):
            expat.ParserCreate().Parse(body, True)
        elif kind.startswith(b"application/x-www-form-urlencoded"):
            assert re.fullmatch(rb"[!-~]*", body), body


def test_an_excised_payload_decoded_holds_no_8_bytes_of_its_core(corpus: Corpus) -> None:
    cores = {(card.cve, str(n)): core for card in cards.load() for n, core in enumerate(card.cores)}
    columns = ("sample", "payload", "label", "span", "core")
    for row in corpus.table.select(columns).to_pylist()[:: 1 if FULL else 10]:
        rest = excised(Message.of(row["sample"], row["payload"], row["label"], row["span"]))
        core = cores[tuple(row["core"].split("/"))]
        parts = [part for text in (core.text, core.filename or "") for part in text.split(cards.PROOF)]
        raw = [part.encode("latin-1") for part in parts]
        runs = {part[at : at + 8] for part in raw for at in range(len(part) - 7)}
        for reading in (rest, unquote_to_bytes(rest), unquote_to_bytes(unquote_to_bytes(rest))):
            assert not any(reading[at : at + 8] in runs for at in range(len(reading) - 7)), row["sample"]
