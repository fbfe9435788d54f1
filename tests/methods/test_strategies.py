"""Header mix, field dropout, product of experts and bounded weights, by hand-made requests and formulas."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from harness.methods.base import carriers
from harness.methods.neural.robust.heads import BoundedHead, ProductHead
from harness.methods.neural.towers import HashedNgrams
from harness.methods.strategies import field_dropout, header_mix
from harness.methods.strategies.product_of_experts import expert_log_probabilities
from torch.nn import functional

from harness import Descriptions, Payloads, TrainingData, byte_ngrams
from tests.tools import golden

CLASSES = ("open-redirect", "sql-injection", "path-traversal")


def request(path: str, host: str, agent: str, body: str = "") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\nCookie: c=1\r\nContent-Type: text/plain"
    return f"{head}\r\n\r\n{body}".encode()


def data() -> TrainingData:
    rows = [request(f"/{n}", f"h{n}.example", f"agent-{n}", f"body{n}") for n in range(6)]
    return TrainingData(Payloads.from_list(rows), np.array([0, 0, 1, 1, 2, 2]))


def test_copies_bear_the_headers_of_another_class() -> None:
    mixed = header_mix.mix(data(), 3, np.random.default_rng(0))
    rows = list(mixed.payloads)
    assert rows[:6] == list(data().payloads)
    assert mixed.labels.tolist() == data().labels.tolist() * 4
    donors = set()
    for number, row in enumerate(rows[6:]):
        own = number % 6
        text = row.decode()
        assert text.startswith(f"POST /{own} HTTP/1.1\r\n")
        assert text.endswith(f"\r\n\r\nbody{own}")
        (host,) = (n for n in range(6) if f"Host: h{n}.example\r\n" in text)
        assert f"User-Agent: agent-{host}\r\n" in text, "one donor gives both"
        assert data().labels[host] != data().labels[own]
        donors.add(host)
    assert len(donors) > 3


def test_copies_keep_the_description_of_their_row() -> None:
    texts = Descriptions(("one", "two"), np.array([0, 1]), np.array([0, -1, 1, 1, -1, -1]))
    with_texts = replace(data(), descriptions=texts)
    mixed = header_mix.mix(with_texts, 2, np.random.default_rng(0))
    assert mixed.descriptions is not None
    assert mixed.descriptions.texts == texts.texts
    assert mixed.descriptions.of_row.tolist() == [0, -1, 1, 1, -1, -1] * 3
    spans = tuple(span for _ in range(2) for span in ((6, 7), (), (6, 7)))  # two rows have no copy by their span
    carried = carriers.mix(replace(with_texts, spans=spans), 2, np.random.default_rng(0)).data
    assert carried.descriptions is not None
    assert carried.descriptions.of_row[:6].tolist() == texts.of_row.tolist()
    for row in range(6, len(carried)):
        body = carried.payloads[row].rpartition(b"body")[2].decode()
        path = carried.payloads[row].split(b" ")[1].decode()
        own = int(path[1:] if path[1:] in "0235" else body)
        assert carried.labels[row] == with_texts.labels[own]
        assert carried.descriptions.of_row[row] == texts.of_row[own]


def test_with_one_class_the_donors_are_of_that_class() -> None:
    one = TrainingData(data().payloads, np.zeros(6, dtype=np.int64))
    assert len(header_mix.mix(one, 1, np.random.default_rng(0)).payloads) == 12


def test_dropped_fields_leave_request_line_and_body() -> None:
    whole = field_dropout.thin(data(), 1, 1.0, np.random.default_rng(0))
    assert list(whole.payloads)[6:] == [f"POST /{n} HTTP/1.1\r\n\r\nbody{n}".encode() for n in range(6)]
    half = list(field_dropout.thin(data(), 40, 0.5, np.random.default_rng(0)).payloads)[6:]
    for line in (b"Host:", b"User-Agent:", b"Cookie:", b"Content-Type:"):
        assert np.mean([line in row for row in half]) == pytest.approx(0.5, abs=0.1)
    assert list(field_dropout.thin(data(), 1, 0.0, np.random.default_rng(0)).payloads)[6:] == list(data().payloads)


@pytest.mark.parametrize("informative", [True, False])
def test_the_expert_knows_the_class_of_unseen_rows_only_where_carriers_tell_it(
    informative: bool, cache: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(90) % 3
    agent = labels if informative else rng.permutation(labels)
    names = ("curl", "wget", "mozilla")
    rows = [
        request(f"/{rng.integers(9**9)}", "a.example", names[a], f"class{y}")
        for a, y in zip(agent, labels, strict=True)
    ]
    train = TrainingData(Payloads.from_list(rows), labels)
    table = expert_log_probabilities(train, golden.context(CLASSES, tmp_path))
    assert table.shape == (90, 3)
    own = np.exp(table[np.arange(90), labels]).mean()
    assert own > 0.9 if informative else own < 0.45, "the body tells the class, and the expert does not read it"


def test_a_product_of_experts_adds_log_probabilities_in_training_alone() -> None:
    torch.manual_seed(0)
    vectors, labels, rows = torch.randn(4, 5), torch.tensor([0, 1, 2, 0]), torch.tensor([3, 0, 2, 1])
    expert = torch.log_softmax(torch.randn(4, 3), dim=1)
    head = ProductHead(5, 3, expert)
    scores = head.scorer(vectors)
    assert torch.allclose(head.loss(vectors, labels, rows), functional.cross_entropy(scores + expert[rows], labels))
    assert "expert" not in head.scorer.state_dict()


def test_weights_are_clipped_after_each_step() -> None:
    head = BoundedHead(5, 3, bound=0.1)
    with torch.no_grad():
        head.scorer.linear.weight.copy_(torch.linspace(-1, 1, 15).reshape(3, 5))
    before = head.scorer.linear.weight.detach().clone()
    head.finish_step()
    assert torch.equal(head.scorer.linear.weight, before.clamp(-0.1, 0.1))


def test_hashed_ngrams_are_tf_idf_rows_of_unit_length(tmp_path: Path) -> None:
    payloads = Payloads.from_list([b"abab", b"abc", b"xyz"])
    tower = HashedNgrams(2, "raw", bits=12)
    tower.adapt(payloads)
    context = golden.context(CLASSES, tmp_path)
    inputs = tower.read(payloads, context)
    vectors = tower(*inputs.batch(np.arange(3))).numpy()
    counts = byte_ngrams.hashed_counts(payloads, 1, 2, 12).toarray()
    idf = np.log(4 / (1 + (counts > 0).sum(axis=0))) + 1
    expected = np.where(counts > 0, 1 + np.log(np.maximum(counts, 1)), 0) * idf
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert np.allclose(vectors, expected, atol=1e-5)
