"""One epoch and one prediction pass of every ranked method, with its default configuration on small data."""

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness import Predictor, Sizes, registry, space
from harness.method import MethodInfo
from tests.bench.measurement import measure
from tests.tools import golden

registry.discover()
INFOS = [
    info
    for _, info in sorted(registry.methods().items())
    if info.kind == "ranked" and info.origin.startswith("harness.methods.")
]
TRAINED, TESTED = (33, 66), (44, 176)


@dataclass
class Trained:
    """A method, and how many examples and rows its last training had."""

    info: MethodInfo
    folder: Callable[[], Path]
    predictor: Predictor | None = None
    examples: int = 0

    def prepare(self, rows: int) -> Callable[[], None]:
        """Returns what fits the method; libraries are imported and data drawn before."""
        for name in self.info.requires:
            importlib.import_module(name)
        train, validation, _, classes = golden.tiny(self.info.tags, Sizes(rows, 22, 22))
        context = replace(golden.context(classes, self.folder()), count=self._count)

        def fit() -> None:
            self.examples = 0
            params = space.defaults(self.info.space)
            self.predictor = self.info.factory().fit(train, validation, params, context)

        return fit

    def _count(self, examples: int, steps: int) -> None:
        self.examples += examples


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> None:
    """Lets torch and the encoder import and choose what they do in the first training of a process."""
    for name in ("byte-cnn", "transformer"):
        Trained(registry.method(name), lambda: tmp_path_factory.mktemp("shared")).prepare(22)()


@pytest.fixture(scope="module", params=INFOS, ids=lambda info: info.name)
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, warm: None) -> Iterator[Trained]:
    method = Trained(request.param, lambda: tmp_path_factory.mktemp("shared"))
    yield method
    method.predictor = None  # what is timed stays referred to until the end of the run


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("rows", TRAINED)
def bench_epoch(rows: int, trained: Trained, benchmark: BenchmarkFixture) -> None:
    """The time of a whole training, which the table divides by its epochs: shared steps and stages are included."""
    fit = trained.prepare(rows)
    measure(benchmark, fit, f"{trained.info.name}, epoch", rows, "rows", rounds=1)
    # What does not count its examples is trained in one pass.
    benchmark.extra_info["parts"] = max(1.0, trained.examples / rows)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("rows", TESTED)
def bench_prediction(rows: int, trained: Trained, benchmark: BenchmarkFixture) -> None:
    """One pass where a second one over the same payloads would find the encoder's activations of the first."""
    if trained.predictor is None:
        trained.prepare(TRAINED[0])()
    predictor = trained.predictor
    assert predictor is not None
    _, validation, test, _ = golden.tiny(trained.info.tags, Sizes(TRAINED[0], 22, rows))
    predictor.predict_proba(validation.payloads)
    measure(
        benchmark,
        lambda: predictor.predict_proba(test.payloads),
        f"{trained.info.name}, prediction",
        rows,
        "payloads",
        rounds=1 if trained.info.shared else 5,
    )
