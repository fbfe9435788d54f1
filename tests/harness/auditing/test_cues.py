"""Planted cues are found and named, chance associations are not."""

import numpy as np
import pytest

from harness.auditing.cues import Cue, strongest_cues
from harness.auditing.growth import extend
from harness.auditing.location import locate
from tests.harness.auditing.corpora import cue_data, request


def names(cues: tuple[Cue, ...]) -> list[str]:
    return [cue.name for cue in cues]


def test_a_user_agent_that_equals_the_class_is_the_top_cue_of_each() -> None:
    rng = np.random.default_rng(0)
    labels = [i % 3 for i in range(90)]
    cues = strongest_cues(cue_data([request(rng, agent=f"scanner-{k}/2.1") for k in labels], labels), 5)
    for k in range(3):
        assert cues[k][0].name == f"header: User-Agent: scanner-{k}/2.1"
        assert cues[k][0].strength == pytest.approx(1)
        assert cues[k][0].support == cues[k][0].size == 30
        assert cues[k][0].lift is None


def test_random_bytes_with_random_labels_have_no_cue() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 4, 800).tolist()
    assert strongest_cues(cue_data([rng.bytes(120) for _ in labels], labels), 10) == ((), (), (), ())


def test_random_requests_with_random_labels_have_no_cue() -> None:
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 3, 600).tolist()
    assert strongest_cues(cue_data([request(rng) for _ in labels], labels), 10) == ((), (), ())


def test_forty_requests_of_one_unit_are_one_observation() -> None:
    rng = np.random.default_rng(3)
    labels = [0] * 60 + [1] * 60
    marked = [i < 40 for i in range(120)]
    payloads = [request(rng, path="/marked" if mark else "") for mark in marked]
    unit = [0 if mark else i for i, mark in enumerate(marked)]
    assert "path: /marked" not in names(strongest_cues(cue_data(payloads, labels, unit), 20)[0])
    assert "path: /marked" in names(strongest_cues(cue_data(payloads, labels), 20)[0])


def test_a_literal_is_named_whole_and_its_weaker_spellings_beside_it() -> None:
    rng = np.random.default_rng(4)
    labels = [i % 2 for i in range(200)]
    values = {0: ("%3Cb%3Eprobe(page.title)", "%3Cb%3Eprobe(7)"), 1: ("", "")}
    payloads = [request(rng, value=values[k][i % 10 == 0]) for i, k in enumerate(labels)]
    (cue, *_), _ = strongest_cues(cue_data(payloads, labels), 3)
    spellings = [cue.attribute.value, *(form.attribute.value for form in cue.forms)]
    assert cue.attribute.value == b"<b>probe("
    assert b"<b>probe(page.title)" in spellings
    assert all(form.strength <= cue.strength for form in cue.forms)


def test_attributes_of_the_same_requests_are_one_cue() -> None:
    rng = np.random.default_rng(7)
    labels = [i % 2 for i in range(80)]
    payloads = [request(rng, agent=f"agent-{k}", value=f"&mark=m{k}x") for k in labels]
    (cue, *others), _ = strongest_cues(cue_data(payloads, labels), 10)
    assert cue.name == "header: User-Agent: agent-0"
    assert "text: mark=m0x" in [attribute.name for attribute in cue.also]
    assert all("agent" not in other.name and "m0x" not in other.name for other in others)


def test_text_is_extended_while_nine_in_ten_continue_alike() -> None:
    texts = [b"x=ALERT('hi') y"] * 9 + [b"z=alert('ho') y"]
    assert extend(b"alert", texts) == b"x=ALERT('hi')"
    assert extend(b"alert", [*texts, b"alert()", b"alert()"]) == b"ALERT("
    assert extend(b"absent", texts) == b"absent"


def test_a_cue_is_located_in_the_attack_or_outside() -> None:
    rng = np.random.default_rng(5)
    labels = [i % 2 for i in range(80)]
    payloads = [
        request(rng, agent=f"agent-{k}", value="&q=strike" if k == 0 and i % 5 else "&q=parley")
        for i, k in enumerate(labels)
    ]
    spans = [[at := p.index(b"q=") + 2, at + 6] for p in payloads]
    data = cue_data(payloads, labels)
    inside = {cue.name: cue.inside for cue in locate(data, spans, strongest_cues(data, 10))[0]}
    assert inside["header: User-Agent: agent-0"] == 0
    assert next(share for name, share in inside.items() if "strike" in name) == 1
    unknown = locate(data, [None] * len(payloads), strongest_cues(data, 10))
    assert {cue.inside for cue in unknown[0]} == {None}


def test_the_same_payloads_give_the_same_cues_in_any_order() -> None:
    rng = np.random.default_rng(6)
    labels = np.array([i % 3 for i in range(120)])
    payloads = [request(rng, agent=f"a-{k}", value=f"&k={k}") for k in labels]
    order = rng.permutation(120)
    one = strongest_cues(cue_data(payloads, labels.tolist()), 10)
    other = strongest_cues(cue_data([payloads[i] for i in order], labels[order].tolist()), 10)
    assert [[(c.name, c.support, c.strength) for c in cues] for cues in one] == [
        [(c.name, c.support, c.strength) for c in cues] for cues in other
    ]
