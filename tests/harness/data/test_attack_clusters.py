"""Clusters of similar attacks: what they join, and that none becomes too large."""

import numpy as np
import pyarrow as pa
import pytest

from harness import Corpus, UserError
from harness.data import attack_clusters
from harness.data.attack_clusters import ALIKE, decoded


def corpus(attacks: list[str], labels: list[str]) -> Corpus:
    payloads = [f"GET /{i}?a={attack} HTTP/1.1\nHost: h\n\n".encode() for i, attack in enumerate(attacks)]
    names = [str(i) for i in range(len(attacks))]
    return Corpus.create(
        "toy", pa.table({"sample": names, "payload": pa.array(payloads, pa.large_binary()), "label": labels})
    )


UNION = ["1'+union+select+null,user,version--", "7'+union+select+null,user,database--", "1'+UNION+SELECT+user,null--"]
OTHERS = ["sleep(5)", "../../../../etc/passwd", "{{cycler.init.globals}}"]


def test_similar_attacks_of_a_class_share_a_cluster_whatever_their_encoding() -> None:
    encoded = UNION[0].replace("'", "%27").replace("+", "%20")
    data = corpus([*UNION, encoded, *OTHERS, UNION[0]], ["a"] * 7 + ["b"])
    cluster = attack_clusters.attack_clusters(data, 1.0)
    assert len(set(cluster[:4].tolist())) == 1
    assert len(set(cluster[3:].tolist())) == 5  # the others alone, and the same attack of another class too


def test_a_large_component_is_divided_between_its_least_similar_attacks() -> None:
    def jaccard(one: str, other: str) -> float:
        first, second = ({text[i : i + 4] for i in range(len(text) - 3)} for text in (one, other))
        return len(first & second) / len(first | second)

    chain = ["abcdefghijklmnop"[i : i + 9] for i in range(8)]
    assert jaccard(chain[0], chain[1]) >= ALIKE > jaccard(chain[0], chain[6])
    data = corpus([*chain, "zz"], ["a"] * 8 + ["b"])
    assert len(set(attack_clusters.attack_clusters(data, 1.0)[:8].tolist())) == 1
    cluster = attack_clusters.attack_clusters(data, 0.5)[:8]
    assert np.bincount(cluster).max() <= 4


def test_where_not_all_fit_the_most_similar_are_together() -> None:
    """The second attack is like the first in 16 of 18 n-grams, and like the third in 7 of 21; two fit."""
    data = corpus(["klmnopqrsuwxyz", "abcdefghijklmnopqrsu", "abcdefghijklmnopqrst", "zz"], ["a"] * 3 + ["b"])
    third, second, first, _ = attack_clusters.attack_clusters(data, 2 / 3)
    assert second == first != third


def test_clusters_do_not_depend_on_the_process() -> None:
    data = corpus([*UNION, *OTHERS], ["a"] * 5 + ["b"])
    assert np.array_equal(attack_clusters.attack_clusters(data, 0.5), attack_clusters.attack_clusters(data, 0.5))


def test_escapes_are_decoded() -> None:
    assert decoded(b'\\u003cSCRIPT\\u003e\\"') == decoded(b"%3Cscript%3E%22") == decoded(b"&lt;script&gt;&quot;")


def test_too_many_attacks_of_a_class_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attack_clusters, "MOST_ATTACKS", 2)
    with pytest.raises(UserError, match="of at most 2 attacks; a has 3"):
        attack_clusters.attack_clusters(corpus(UNION + OTHERS[:1], ["a", "a", "a", "b"]), 1.0)
