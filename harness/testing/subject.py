"""A method under test: the fits and predictions that several checks look at, each made once."""

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness import hashing, space
from harness.data.payloads import Payloads
from harness.errors import format_error
from harness.evaluation import metrics
from harness.execution.budget import forget_peak, peak_megabytes
from harness.method import Context, MethodInfo, Predictor, TrainingData
from harness.records.provenance import native_precision
from harness.storage.shared_steps import SharedSteps
from harness.testing import toy
from harness.testing.oddities import ALL, Oddity
from harness.testing.outcome import CheckFailed, NotApplicable

SEED = 7
Table = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Fitted:
    """A predictor, and what its fit took: seconds of wall time, MB of memory beyond what the process held, and what it
    counted: examples and steps.
    """

    predictor: Predictor
    seconds: float
    memory: float
    counted: tuple[int, int]


class Subject:
    """A registered method, its toy, and what has been made of the two so far.

    Args:
        info: of the method.
        shared: where shared steps are kept; a folder that ends with the subject by default.

    Attributes:
        info: of the method.
        toy: what it is tried on.
        changed: names of what the method has changed so far in the data it was handed.
    """

    def __init__(self, info: MethodInfo, shared: SharedSteps | None = None) -> None:
        self.info = info
        self.toy = toy.toy()
        self.changed: list[str] = []
        self._folder = None if shared else tempfile.TemporaryDirectory(prefix="harness-testing-")
        self.shared = shared or SharedSteps(Path(self._folder.name if self._folder else ""))

    def context(
        self, classes: tuple[str, ...] = toy.CLASSES, should_stop: Callable[[], bool] = lambda: False
    ) -> Context:
        """Returns what a cell would hand to a fit."""
        return Context.of(
            classes,
            seed=SEED,
            precision=native_precision(),
            shared=self.shared,
            should_stop=should_stop,
            report=_report,
        )

    def fit(self, train: toy.Rows, validation: toy.Rows, context: Context) -> Fitted:
        """Fits the default configuration on fresh copies of what the method's tags ask for.

        Raises:
            CheckFailed: the fit raised, or returned no predictor.
        """
        tags = self.info.tags
        parts = {"train": train.handed(tags), "validation": validation.handed(tags)}
        before = {name: _digests(data) for name, data in parts.items()}
        counted: list[tuple[int, int]] = [(0, 0)]
        context = replace(context, count=lambda examples, steps: counted.append((examples, steps)))
        forget_peak()
        held, began = peak_megabytes(), time.perf_counter()
        with guarded("fit"):
            method = self.info.factory()
            predictor = method.fit(parts["train"], parts["validation"], space.defaults(self.info.space), context)
        seconds, grown = time.perf_counter() - began, peak_megabytes() - held
        if not isinstance(predictor, Predictor):
            raise CheckFailed(f"fit returned {type(predictor).__name__}; an instance of harness.Predictor is needed")
        for name, data in parts.items():
            after = _digests(data)
            self.changed += [f"{name}.{array}" for array in after if after[array] != before[name][array]]
        examples, steps = (sum(column) for column in zip(*counted, strict=True))
        return Fitted(predictor, seconds, grown, (examples, steps))

    @cached_property
    def fitted(self) -> Fitted:
        """The first fit on the toy; it loads the libraries that the method imports."""
        return self.fit(self.toy.train, self.toy.validation, self.context())

    @cached_property
    def again(self) -> Fitted:
        """A second fit on the same rows with the same seed."""
        _ = self.fitted
        return self.fit(self.toy.train, self.toy.validation, self.context())

    @cached_property
    def odd(self) -> Fitted:
        """A fit with all oddities in the data, whose predictor has been asked as well."""
        return self.fit_with(ALL)

    def fit_with(self, oddity: Oddity) -> Fitted:
        """Fits the toy with an oddity, and predicts its test rows."""
        train, validation, classes = oddity.rows(self.toy)
        fitted = self.fit(train, validation, self.context(classes))
        self.predict(fitted.predictor, self.toy.test.payloads, len(classes))
        return fitted

    @property
    def predictor(self) -> Predictor:
        """The predictor of the first fit."""
        return self.fitted.predictor

    @cached_property
    def table(self) -> Table:
        """Its probabilities for the toy's test rows."""
        return self.predict(self.predictor, self.toy.test.payloads)

    def predict(self, predictor: Predictor, payloads: Payloads, classes: int = len(toy.CLASSES)) -> Table:
        """Returns the probabilities of payloads as the predictor gives them.

        Raises:
            CheckFailed: it raised, or returned no table of float32 probabilities.
        """
        own = payloads[:]
        with guarded("predict_proba"):
            table = predictor.predict_proba(own)
        if own != payloads:
            self.changed.append("the payloads of predict_proba")
        try:
            metrics.check_probabilities(table, len(payloads), classes)
        except metrics.PredictionError as error:
            raise CheckFailed(str(error)) from error
        if table.dtype != np.float32:
            raise CheckFailed(f"predict_proba returned {table.dtype}; float32 is needed")
        return table


def _digests(data: TrainingData) -> dict[str, str]:
    """Returns the hash of every array of some rows, by name."""
    return {name: hashing.of_array(array) for name, array in toy.arrays_of(data).items()}


@contextlib.contextmanager
def guarded(what: str) -> Iterator[None]:
    """Turns whatever a method's code raises into a sentence that names the line.

    Raises:
        CheckFailed: in its stead.
    """
    try:
        yield
    except (CheckFailed, NotApplicable):
        raise
    except Exception as error:
        raise CheckFailed(f"{what} raised {format_error(error)}") from error


def _report(step: int, score: float) -> None:
    if not np.isfinite(score):
        raise ValueError(f"the score reported at step {step} is {score}, a finite number is needed")
