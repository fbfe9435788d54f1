"""The peers do the same work."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness import Payloads
from tests.bench import bench_peers
from tests.speed.payloads import natural


@pytest.mark.parametrize("encode", [bench_peers.plain_encode, bench_peers.sentence_transformers_encode])
def test_the_vectors_of_an_encoder_are_those_of_the_harness(
    encode: Callable[[Payloads, Path], Callable[[], object]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    payloads = Payloads.from_list([*natural(3), b"id=1' OR '1'='1"])
    ours, theirs = (_unit(make(payloads, tmp_path)()) for make in (bench_peers.harness_encode, encode))
    assert np.allclose(ours, theirs, atol=1e-4)


def _unit(vectors: object) -> np.ndarray:
    rows = np.asarray(vectors)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)
