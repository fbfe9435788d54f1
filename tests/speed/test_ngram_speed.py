"""Speed of the n-gram methods against the usual recipe, in the same run: ratios, never seconds."""

import time
from collections.abc import Callable

import numpy as np
from pytest_benchmark.fixture import BenchmarkFixture

from harness import Context, Payloads, TrainingData, registry, space
from harness.data import taxonomy
from harness.storage.shared_steps import SharedSteps
from tests.speed.alternatives.boosted_trees import sklearn_xgboost
from tests.tools import realism


def requests() -> TrainingData:
    """1,300 requests of eight families: real ones, or those of `synthetic` where these are absent."""
    if not realism.REAL.exists():
        every, _ = realism.synthetic_rows()
        chosen = np.random.default_rng(0).permutation(len(every))[:1300]
        return TrainingData(Payloads.from_list(every.payloads[i] for i in chosen.tolist()), every.labels[chosen])
    rows = realism.nuclei_rows()
    rows = [rows[i] for i in np.random.default_rng(0).permutation(len(rows))[:1300]]
    payloads = Payloads.from_list(r["payload"].encode("utf-8", "surrogatepass") for r in rows)
    return TrainingData(payloads, np.array([realism.FAMILIES.index(r["family"]) for r in rows]))


def seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def test_tfidf_xgboost_fits_15_times_faster_than_the_usual_recipe(benchmark: BenchmarkFixture) -> None:
    registry.discover()
    data = requests()
    most = len(data) * 4 // 5
    train = TrainingData(data.payloads[:most], data.labels[:most])
    validation = TrainingData(data.payloads[most:], data.labels[most:])
    classes = tuple(taxonomy.threat_class(str(i)) for i in range(8))
    context = Context(
        seed=0,
        classes=classes,
        device="cpu",
        precision="float32",
        shared=SharedSteps(),
    )
    method = registry.method("tfidf-xgboost").factory()

    benchmark.pedantic(
        lambda: method.fit(train, validation, space.defaults(method.space), context), rounds=3, warmup_rounds=1
    )
    ratio = seconds(lambda: sklearn_xgboost(train.payloads, train.labels)) / benchmark.stats.stats.median
    benchmark.extra_info["times faster than TfidfVectorizer + XGBClassifier"] = round(ratio, 1)
    print(f"tfidf-xgboost fits {ratio:.1f} times faster than TfidfVectorizer(1-4, 20,000) + XGBClassifier(150)")
    assert ratio >= 15
