"""The clusters of `embedding-disjoint`: how they are made, and that the committed ones are those of this corpus."""

import json

import numpy as np
import pytest
from harness.benchmarks.synthetic import embedding_clusters
from harness.methods.neural import encoders
from scipy.sparse import coo_array

from harness import Corpus, UserError
from harness.protocol import FOLDS
from tests.tools import embedding_clusters as tool
from tests.tools import figures


@pytest.fixture(scope="module")
def corpus(cache: object) -> Corpus:
    return figures.open_synthetic()[1]


def unit(degrees: list[float]) -> np.ndarray:
    angle = np.radians(degrees)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)


def test_attacks_are_joined_by_their_mean_similarity() -> None:
    # Cosines: 0 and 50 degrees 0.64, 50 and 101 0.63, but 0 and 101 -0.19: the mean of the third with both is 0.22.
    vectors, rows = unit([0, 50, 101, 170]), np.ones(4, dtype=np.int64)
    assert tool.clusters(vectors, rows, 0.6, 4).tolist() == [0, 0, 1, 2]
    assert tool.clusters(vectors, rows, 0.3, 4).tolist() == [0, 0, 1, 1]  # 101 and 170 degrees: 0.36
    assert tool.clusters(vectors, rows, -0.3, 4).tolist() == [0, 0, 0, 0]  # the mean of the four cosines is -0.26
    assert tool.clusters(vectors, rows, 0.7, 4).tolist() == [0, 1, 2, 3]
    assert tool.clusters(vectors[:1], rows[:1], 0.6, 4).tolist() == [0]


def test_no_cluster_of_several_attacks_has_more_rows_than_allowed() -> None:
    vectors, rows = unit([0, 1, 10, 12]), np.array([2, 2, 2, 9])
    assert tool.clusters(vectors, rows, 0.4, 15).tolist() == [0, 0, 0, 0]
    assert tool.clusters(vectors, rows, 0.4, 14).tolist() == [0, 0, 1, 1]
    assert tool.clusters(vectors, rows, 0.4, 10).tolist() == [0, 0, 1, 2]
    assert tool.clusters(vectors, rows, 0.4, 3).tolist() == [0, 1, 2, 3]


def test_the_file_is_of_this_corpus_and_divides_every_class(corpus: Corpus) -> None:
    head = json.loads(embedding_clusters.FILE.read_text(encoding="utf-8"))
    assert head["corpus"] == corpus.meta.hash, "run `python -m tests.tools.embedding_clusters`"
    assert head["similarity"] == tool.ALIKE
    assert set(embedding_clusters.load()) == set(corpus.table.column("core").to_pylist())
    cluster = embedding_clusters.of_rows(corpus)
    for label, name in enumerate(corpus.classes):
        own = corpus.labels == label
        sizes = np.unique(cluster[own], return_counts=True)[1]
        assert len(sizes) >= 3 * FOLDS, name
        assert sizes.max() <= own.sum() / FOLDS, name
        assert not np.isin(cluster[~own], cluster[own]).any(), name


def agreement(one: np.ndarray, other: np.ndarray) -> float:
    """Jaccard similarity of the pairs of attacks that two clusterings join."""

    def pairs(counts: np.ndarray) -> float:
        return float((counts * (counts - 1) / 2).sum())

    both = pairs(coo_array((np.ones(len(one)), (one, other))).tocsr().data)
    return both / (pairs(np.bincount(one)) + pairs(np.bincount(other)) - both)


@pytest.mark.slow
def test_the_file_is_what_the_encoder_gives(corpus: Corpus) -> None:
    try:
        encoders.folder()
    except UserError as error:
        pytest.skip(str(error))
    stored, computed = embedding_clusters.load(), tool.of_corpus(corpus)
    one, other = (np.array([found[core] for core in sorted(stored)]) for found in (stored, computed))
    assert agreement(one, other) > 0.9  # 1 on the machine that made it; ties may fall otherwise on others
