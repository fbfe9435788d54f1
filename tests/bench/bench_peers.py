"""What researchers would otherwise use, beside the harness on the same data."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.linear_model  # noqa: F401  imported before anything is timed
from harness.methods.neural import encoders
from harness.methods.neural.inputs import ByteInputs
from harness.methods.neural.text import MAX_TOKENS, payload_texts
from harness.methods.neural.towers import ByteCNN, WholeEncoder
from harness.methods.neural.training import run
from pytest_benchmark.fixture import BenchmarkFixture
from torch import nn

from harness import Payloads, TrainingData, near_duplicates, registry, space
from harness.perturbations.carrier import Host
from harness.perturbations.engine import PerturbationTally, attempt
from harness.perturbations.message import Message
from tests.bench import corpora
from tests.bench.measurement import measure
from tests.harness.perturbations.rows import messages, rows
from tests.speed.alternatives.boosted_trees import sklearn_xgboost
from tests.speed.alternatives.encoding import MeanPooled, setfit
from tests.speed.alternatives.malconv import PlainMalConv
from tests.speed.alternatives.minhash import datasketch_clusters
from tests.speed.alternatives.rewriting import through_h11
from tests.speed.payloads import natural
from tests.speed.training import epoch, payloads_of_512_bytes
from tests.tools import golden

registry.discover()


def labelled(size: int) -> TrainingData:
    """Requests of all classes in random order."""
    corpus = corpora.in_memory(size)
    order = np.random.default_rng(0).permutation(size)
    return TrainingData(corpus.payloads(order), corpus.labels[order])


def fitting(name: str, data: TrainingData, folder: Path) -> Callable[[], object]:
    """Returns what fits a method with its default configuration; a fifth of the rows are for validation."""
    method = registry.method(name).factory()
    most = len(data) * 4 // 5
    train, validation = (
        TrainingData(data.payloads.take(part), data.labels[part])
        for part in (np.arange(most), np.arange(most, len(data)))
    )
    context = golden.context(corpora.in_memory(len(data)).classes, folder)
    return lambda: method.fit(train, validation, space.defaults(method.space), context)


@pytest.mark.parametrize("size", [200, 600])
@pytest.mark.parametrize("peer", [False, True], ids=["ours", "sklearn"])
def bench_boosted_trees(peer: bool, size: int, benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    data, ours = labelled(size), "tfidf-xgboost, fit"
    if peer:
        train = data.payloads.take(np.arange(size * 4 // 5)), data.labels[: size * 4 // 5]
        name = "TfidfVectorizer + XGBClassifier, fit"
        measure(benchmark, lambda: sklearn_xgboost(*train), name, size, "rows", rounds=1, peer_of=ours)
    else:
        measure(benchmark, fitting("tfidf-xgboost", data, tmp_path), ours, size, "rows")


MINILM_ENCODE = "MiniLM encodes, harness"


def harness_encode(payloads: Payloads, folder: Path) -> Callable[[], object]:
    tower, context = WholeEncoder().eval(), golden.context((), folder)
    return lambda: run(tower, nn.Identity(), tower.read(payloads, context), context)


def plain_encode(payloads: Payloads, folder: Path) -> Callable[[], object]:
    encoder = MeanPooled(encoders.folder(), MAX_TOKENS)
    return lambda: encoder.encode(payload_texts(payloads))


def sentence_transformers_encode(payloads: Payloads, folder: Path) -> Callable[[], object]:
    library = pytest.importorskip("sentence_transformers")
    model = library.SentenceTransformer(str(encoders.folder()), device="cpu", local_files_only=True)
    model.max_seq_length = MAX_TOKENS
    return lambda: model.encode(payload_texts(payloads), show_progress_bar=False)


ENCODERS = {
    MINILM_ENCODE: harness_encode,
    "MiniLM encodes, transformers": plain_encode,
    "MiniLM encodes, sentence-transformers": sentence_transformers_encode,
}


@pytest.mark.parametrize("size", [32, 128])
@pytest.mark.parametrize("name", ENCODERS)
def bench_encode(
    name: str, size: int, benchmark: BenchmarkFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    ENCODERS[name](labelled(4).payloads, tmp_path)()  # imports what is imported in the first call
    encode = ENCODERS[name](labelled(size).payloads, tmp_path)
    peer_of = "" if name == MINILM_ENCODE else MINILM_ENCODE
    measure(benchmark, encode, name, size, "payloads", rounds=1, peer_of=peer_of)


@pytest.mark.parametrize("size", [20, 40])
@pytest.mark.parametrize("peer", [False, True], ids=["ours", "setfit"])
def bench_setfit(peer: bool, size: int, benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    data, ours = labelled(size), "transformer, fit"
    if peer:
        most = size * 4 // 5
        texts = payload_texts(data.payloads.take(np.arange(most)))
        encoder = MeanPooled(encoders.folder(), MAX_TOKENS)
        name = "SetFit, one epoch of a twentieth of its pairs"
        fit: Callable[[], object] = partial(setfit, encoder, texts, data.labels[:most])
        measure(benchmark, fit, name, size, "rows", rounds=1, peer_of=ours)
    else:
        measure(benchmark, fitting("transformer", data, tmp_path), ours, size, "rows", rounds=1)


@pytest.mark.parametrize("size", [500, 2000])
@pytest.mark.parametrize("peer", [False, True], ids=["ours", "plain"])
def bench_malconv(peer: bool, size: int, benchmark: BenchmarkFixture) -> None:
    payloads, labels = payloads_of_512_bytes(size)
    inputs, ours = ByteInputs(payloads, 512, shortest=16), "MalConv sizes, epoch of byte-cnn's tower"
    tower: nn.Module = PlainMalConv() if peer else ByteCNN(8, 128, 16, stride=8)
    name = "MalConv sizes, epoch of plain torch" if peer else ours
    measure(benchmark, lambda: epoch(tower, inputs, labels), name, size, "rows", peer_of=ours if peer else "")


@pytest.mark.parametrize("size", [500, 2000])
@pytest.mark.parametrize("peer", [False, True], ids=["ours", "datasketch"])
def bench_near_duplicates(peer: bool, size: int, benchmark: BenchmarkFixture) -> None:
    payloads, ours = natural(size), "near-duplicates, harness"
    call: Callable[[Any], object] = datasketch_clusters if peer else near_duplicates.clusters
    name = "near-duplicates, datasketch" if peer else ours
    measure(benchmark, lambda: call(payloads), name, size, "payloads", rounds=2, peer_of=ours if peer else "")


@pytest.mark.parametrize("per_class", [15, 60])
@pytest.mark.parametrize("peer", [False, True], ids=["ours", "h11"])
def bench_another_host(peer: bool, per_class: int, benchmark: BenchmarkFixture) -> None:
    """Ours is checked, the one by h11 is not."""

    def rewrite(found: list[Message]) -> None:
        for message in found:
            if peer:
                through_h11(message)
            else:
                attempt(Host(), message, 0, 0, PerturbationTally())

    def fresh() -> tuple[tuple[list[Message]], dict[str, Any]]:
        return ([replace(message) for message in messages(per_class)],), {}

    name, peer_of = ("another Host, h11", "another Host, harness") if peer else ("another Host, harness", "")
    measure(benchmark, rewrite, name, len(rows(per_class)), "requests", setup=fresh, peer_of=peer_of)
