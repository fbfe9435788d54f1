"""Folds of clusters of similar attacks, for splits that hold out kinds of attacks."""

import numpy as np

from harness.data.attack_clusters import attack_clusters
from harness.data.corpus import Corpus
from harness.protocol import FOLDS
from harness.scenarios.splits.folds import Folds, Mask, cached_arrays, folds_of_units


def cluster_folds(corpus: Corpus, seed: int, reserved: Mask | None = None) -> Folds:
    """Partitions the clusters of similar attacks into folds; no cluster has more than a fold's share of its class.

    No fold tests a row that is reserved, bool (n,); see `Folds`.

    Raises:
        UserError: a class has too many distinct attacks, see `attack_clusters`.
    """
    key = ("attack clusters", corpus.meta.hash)
    clusters, _ = cached_arrays(key, lambda: (attack_clusters(corpus, 1 / FOLDS), np.zeros(0)))
    return folds_of_units(corpus, clusters, seed, reserved)
