"""A method under test, with the fits and predictions that several checks share, each computed once."""

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
from harness.execution.budget import peak_megabytes, reset_peak_memory
from harness.method import Context, MethodInfo, Predictor, TrainingData
from harness.records.provenance import native_precision
from harness.storage.shared_steps import SharedSteps
from harness.testing import toy
from harness.testing.oddities import ALL, Oddity
from harness.testing.outcome import CheckFailed, NotApplicable

SEED = 7
Probabilities = npt.NDArray[np.float32]


@dataclass(frozen=True)
class FitResult:
    """A predictor and the cost of its fit.

    Attributes:
        predictor: the fitted predictor.
        seconds: wall time.
        memory: increase of the process's peak memory, in MB.
        counts: examples and steps that the fit counted through ``context.count``.
    """

    predictor: Predictor
    seconds: float
    memory: float
    counts: tuple[int, int]


class Subject:
    """A registered method, toy data, and the fits and predictions computed from them so far.

    Args:
        info: the method.
        shared: cache of shared steps; by default a temporary folder that is deleted with the subject.

    Attributes:
        info: the method.
        toy: the toy data.
        modified_arrays: names of the input arrays that the method has modified so far.
    """

    def __init__(self, info: MethodInfo, shared: SharedSteps | None = None) -> None:
        self.info = info
        self.toy = toy.toy()
        self.modified_arrays: list[str] = []
        self._folder = None if shared else tempfile.TemporaryDirectory(prefix="harness-testing-")
        self.shared = shared or SharedSteps(Path(self._folder.name if self._folder else ""))

    def context(
        self, classes: tuple[str, ...] = toy.CLASSES, should_stop: Callable[[], bool] = lambda: False
    ) -> Context:
        """Returns a context like that of a cell."""
        return Context.of(
            classes,
            seed=SEED,
            precision=native_precision(),
            shared=self.shared,
            should_stop=should_stop,
            report=_report,
        )

    def fit(self, train: toy.ToyRows, validation: toy.ToyRows, context: Context) -> FitResult:
        """Fits the default configuration on new copies of the data for the method's tags.

        Raises:
            CheckFailed: the fit raised an exception, or did not return a predictor.
        """
        tags = self.info.tags
        parts = {"train": train.training_data(tags), "validation": validation.training_data(tags)}
        before = {name: _digests(data) for name, data in parts.items()}
        counts: list[tuple[int, int]] = [(0, 0)]
        context = replace(context, count=lambda examples, steps: counts.append((examples, steps)))
        reset_peak_memory()
        memory_before, start = peak_megabytes(), time.perf_counter()
        with report_exceptions("fit"):
            method = self.info.factory()
            predictor = method.fit(parts["train"], parts["validation"], space.defaults(self.info.space), context)
        seconds, memory = time.perf_counter() - start, peak_megabytes() - memory_before
        if not isinstance(predictor, Predictor):
            raise CheckFailed(
                f"fit returned {type(predictor).__name__}; it must return an instance of harness.Predictor"
            )
        for name, data in parts.items():
            after = _digests(data)
            self.modified_arrays += [f"{name}.{array}" for array in after if after[array] != before[name][array]]
        examples, steps = (sum(column) for column in zip(*counts, strict=True))
        return FitResult(predictor, seconds, memory, (examples, steps))

    @cached_property
    def first_fit(self) -> FitResult:
        """The first fit on the toy data; it also imports the libraries that the method needs."""
        return self.fit(self.toy.train, self.toy.validation, self.context())

    @cached_property
    def second_fit(self) -> FitResult:
        """A second fit on the same rows with the same seed."""
        _ = self.first_fit
        return self.fit(self.toy.train, self.toy.validation, self.context())

    @cached_property
    def odd_fit(self) -> FitResult:
        """A fit with all oddities in the data, whose predictor was also called."""
        return self.fit_with(ALL)

    def fit_with(self, oddity: Oddity) -> FitResult:
        """Fits the toy data with an oddity, and predicts the test rows."""
        train, validation, classes = oddity.rows(self.toy)
        fit = self.fit(train, validation, self.context(classes))
        self.predict(fit.predictor, self.toy.test.payloads, len(classes))
        return fit

    @property
    def predictor(self) -> Predictor:
        """The predictor of the first fit."""
        return self.first_fit.predictor

    @cached_property
    def probabilities(self) -> Probabilities:
        """The first predictor's probabilities of the toy test rows."""
        return self.predict(self.predictor, self.toy.test.payloads)

    def predict(self, predictor: Predictor, payloads: Payloads, classes: int = len(toy.CLASSES)) -> Probabilities:
        """Returns a predictor's probabilities of payloads, after checking shape, range and dtype.

        Raises:
            CheckFailed: the predictor raised an exception, or did not return a table of float32 probabilities.
        """
        copy = payloads[:]
        with report_exceptions("predict_proba"):
            table = predictor.predict_proba(copy)
        if copy != payloads:
            self.modified_arrays.append("the payloads of predict_proba")
        try:
            metrics.check_probabilities(table, len(payloads), classes)
        except metrics.PredictionError as error:
            raise CheckFailed(str(error)) from error
        if table.dtype != np.float32:
            raise CheckFailed(f"predict_proba returned {table.dtype}; it must return float32")
        return table


def _digests(data: TrainingData) -> dict[str, str]:
    """Returns the hash of every array of training data, by name."""
    return {name: hashing.of_array(array) for name, array in toy.arrays_of(data).items()}


@contextlib.contextmanager
def report_exceptions(what: str) -> Iterator[None]:
    """Converts any exception of a method's code into a `CheckFailed` whose message names the line.

    Raises:
        CheckFailed: the block raised an exception.
    """
    try:
        yield
    except (CheckFailed, NotApplicable):
        raise
    except Exception as error:
        raise CheckFailed(f"{what} raised {format_error(error)}") from error


def _report(step: int, score: float) -> None:
    if not np.isfinite(score):
        raise ValueError(f"the score reported at step {step} is {score}; it must be a finite number")
