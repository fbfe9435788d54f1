"""Clusters the attacks of ``synthetic`` by the embeddings of their texts.

``python -m tests.tools.embedding_clusters`` rewrites benchmarks/synthetic/embedding_clusters.json and prints the sizes
of the clusters. Do that if the corpus has changed, and raise the version of `embedding-disjoint`.
"""

import json
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from harness.benchmarks.synthetic import embedding_clusters
from harness.methods.neural import encoders

from harness import Corpus
from harness.data.attack_clusters import decoded_attacks
from harness.protocol import FOLDS
from tests.tools import figures

Rows = npt.NDArray[np.int64]
ALIKE = 0.40  # mean cosine similarity from which two clusters are joined; docs/protocol.md says how it was chosen
_BATCH = 64  # texts
TOKENS = 128  # of an attack are read


def embeddings(texts: Sequence[str]) -> npt.NDArray[np.float32]:
    """MiniLM's embedding of each text, the mean over its tokens, of length 1; float32 (n, width)."""
    import torch

    model = encoders.load()
    ids = encoders.tokens(encoders.Encoder(), list(texts), TOKENS)
    out = np.zeros((len(texts), encoders.width(model)), dtype=np.float32)
    order = np.argsort(ids.lengths, kind="stable")
    with torch.inference_mode():
        for start in range(0, len(order), _BATCH):
            rows = order[start : start + _BATCH]
            valid = np.arange(ids.lengths[rows].max()) < ids.lengths[rows][:, None]
            batch = np.zeros(valid.shape, dtype=np.int64)
            batch[valid] = np.concatenate([ids.values[ids.offsets[row] : ids.offsets[row + 1]] for row in rows])
            mask = torch.from_numpy(valid)
            hidden = model(input_ids=torch.from_numpy(batch), attention_mask=mask.long()).last_hidden_state
            out[rows] = torch.nn.functional.normalize(encoders.mean_pool(hidden, mask)).numpy()
    return out


def clusters(vectors: npt.NDArray[np.float32], rows: Rows, alike: float, most: float) -> Rows:
    """The cluster of each attack of one class, int64 (n,), from 0 in the order of the attacks.

    Agglomerative with average linkage: clusters are joined while the mean cosine similarity of their attacks is at
    least ``alike``. A join that gives a cluster of more than ``most`` rows is undone.

    Args:
        vectors: float32 (n, width), embeddings of length 1.
        rows: int64 (n,), rows of each attack.
        alike: least mean similarity of a join.
        most: largest number of rows of a cluster of several attacks.
    """
    from scipy.cluster.hierarchy import average, to_tree
    from scipy.spatial.distance import pdist

    out = np.zeros(len(vectors), dtype=np.int64)
    if len(vectors) > 1:
        waiting, found = [to_tree(average(pdist(vectors.astype(np.float64), "cosine")))], []
        while waiting:
            node = waiting.pop()
            members = node.pre_order()
            if node.is_leaf() or (node.dist <= 1 - alike and rows[members].sum() <= most):
                found.append(members)
            else:
                waiting += [node.left, node.right]
        for number, members in enumerate(sorted(found, key=min)):
            out[members] = number
    return out


def of_corpus(corpus: Corpus, alike: float = ALIKE, share: float = 1 / FOLDS) -> dict[str, int]:
    """The cluster of each core by its name; no cluster has more than ``share`` of the rows of its class."""
    names, first, counts = np.unique(corpus.table.column("core").to_pylist(), return_index=True, return_counts=True)
    vectors = embeddings([attack.decode("latin-1") for attack in decoded_attacks(corpus, first)])
    out, total = {}, 0
    for label in range(len(corpus.classes)):
        own = np.flatnonzero(corpus.labels[first] == label)
        found = clusters(vectors[own], counts[own], alike, share * counts[own].sum())
        out |= dict(zip(names[own].tolist(), (total + found).tolist(), strict=True))
        total += int(found.max()) + 1
    return out


def main() -> None:
    """Rewrites the data file and prints the sizes of the clusters."""
    _, corpus = figures.open_synthetic()
    cluster = of_corpus(corpus)
    by_cve: dict[str, list[int]] = {}
    for core in sorted(cluster, key=lambda name: (name.split("/")[0], int(name.split("/")[1]))):
        by_cve.setdefault(core.split("/")[0], []).append(cluster[core])
    head = {
        "corpus": corpus.meta.hash,
        "encoder": encoders.MINILM,
        "weights": encoders.FILES["model.safetensors"],
        "tokens": TOKENS,
        "similarity": ALIKE,
    }
    lines = ",\n".join(f'  "{cve}": {numbers}' for cve, numbers in by_cve.items())
    text = json.dumps(head, indent=1).removesuffix("\n}") + f',\n "clusters": {{\n{lines}\n }}\n}}\n'
    embedding_clusters.FILE.write_text(text, encoding="utf-8")
    codes = np.array([cluster[core] for core in corpus.table.column("core").to_pylist()])
    for label, name in enumerate(corpus.classes):
        sizes = np.unique(codes[corpus.labels == label], return_counts=True)[1]
        print(f"{name}: {len(sizes)} clusters, the largest of {sizes.max()} of {sizes.sum()} rows")


if __name__ == "__main__":
    main()
