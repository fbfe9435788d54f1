"""Conformance checks of fitting and prediction: accuracy, determinism, side effects and stopping."""

import numpy as np

from harness.data.payloads import Payloads
from harness.errors import UserError
from harness.space import size
from harness.testing.outcome import CheckFailed, NotApplicable
from harness.testing.subject import Subject
from harness.testing.toy import CLASSES, ROWS

MIN_ACCURACY = 0.5  # on the 30 test rows of the toy data; chance is 0.25, and reaches 0.5 once in 400 times
GRACE = 2.0  # seconds that a fit may take after should_stop is true, even if a complete fit is shorter
MAX_POLLS = 50  # calls of should_stop that are allowed after it returned true


def fits(subject: Subject) -> str:
    """The method fits the toy data without an error."""
    return f"{ROWS} payloads in {subject.first_fit.seconds:.1f} s"


def learns(subject: Subject) -> str:
    """The method separates the toy classes on test rows."""
    if subject.info.kind != "ranked":
        raise NotApplicable(f"a {subject.info.kind} method need not learn from 60 payloads")
    if is_constant(subject):
        raise NotApplicable("it has no search space and predicts the same for every payload: a constant baseline")
    accuracy = float((subject.probabilities.argmax(axis=1) == subject.toy.test.labels).mean())
    if accuracy < MIN_ACCURACY:
        raise CheckFailed(
            f"its accuracy on separable rows is {accuracy:.2f}; at least {MIN_ACCURACY} is required (chance: "
            f"{1 / len(CLASSES)})"
        )
    return f"accuracy {accuracy:.2f}, chance {1 / len(CLASSES)}"


def is_constant(subject: Subject) -> bool:
    """Whether a method is a constant baseline: it has no search space and predicts the same for every payload."""
    return not subject.info.space and bool((np.ptp(subject.probabilities, axis=0) == 0).all())


def searches(subject: Subject) -> str:
    """A ranked method that learns has a search space, since all methods of a leaderboard are tuned alike."""
    if subject.info.kind != "ranked":
        raise NotApplicable(f"only ranked methods need a search space; this one is {subject.info.kind}")
    if is_constant(subject):
        raise NotApplicable("it has no search space and predicts the same for every payload: a constant baseline")
    configurations = size(subject.info.space)
    if configurations <= 1:
        raise CheckFailed(
            "its search space has one configuration, but a ranked method that learns must be tuned with the budget "
            "of the others; declare a Float, an Int or a Categorical with two choices in space"
        )
    return f"{len(subject.info.space)} dimensions"


def repeats_itself(subject: Subject) -> str:
    """Two fits with the same seed and rows, and two calls of the same predictor, give identical predictions.

    The second fit finds the shared steps of the first one in the cache, and must still count the same examples.
    """
    rows = subject.toy.test.payloads
    if not np.array_equal(subject.probabilities, subject.predict(subject.predictor, rows)):
        raise CheckFailed("one predictor, called twice with the same payloads, gave different probabilities")
    second = subject.predict(subject.second_fit.predictor, rows)
    if not np.array_equal(subject.probabilities, second):
        difference = float(np.abs(subject.probabilities - second).max())
        raise CheckFailed(
            f"the probabilities of two fits with the same rows and the same context.seed differ by up to "
            f"{difference:.2g}; derive all randomness from the seed"
        )
    if subject.second_fit.counts != subject.first_fit.counts:
        raise CheckFailed(
            f"two fits with the same rows and seed counted {subject.first_fit.counts} and {subject.second_fit.counts} "
            "examples and steps; count the work of a shared step also if it is cached"
        )
    return "two fits, identical predictions"


def spares_its_data(subject: Subject) -> str:
    """The method does not modify the arrays that it is given."""
    _ = subject.probabilities
    if subject.modified_arrays:
        names = ", ".join(dict.fromkeys(subject.modified_arrays))
        raise CheckFailed(f"it modified {names}; work on a copy")
    return ""


class _StopAfter:
    """A ``should_stop`` that returns True after ``after`` calls, and counts all calls."""

    def __init__(self, after: int) -> None:
        self.after, self.polls = after, 0

    def __call__(self) -> bool:
        self.polls += 1
        return self.polls > self.after


def stops_at_once(subject: Subject) -> str:
    """``fit`` returns soon if its time budget is spent before it starts."""
    return _stops(subject, 0)


def stops_later(subject: Subject) -> str:
    """``fit`` returns soon if its time budget is spent during training."""
    return _stops(subject, 2)


def _stops(subject: Subject, after: int) -> str:
    full_seconds, should_stop = subject.second_fit.seconds, _StopAfter(after)
    toy = subject.toy
    try:
        fit = subject.fit(toy.train, toy.validation, subject.context(should_stop=should_stop))
    except CheckFailed as failure:
        if isinstance(failure.__cause__, UserError):
            return f"it returns no predictor, with the reason: {failure}"
        raise CheckFailed(
            f"after should_stop, {failure}; return what has been learned, or raise harness.UserError with the reason"
        ) from failure
    subject.predict(fit.predictor, toy.test.payloads)
    late = should_stop.polls - after - 1
    if late > MAX_POLLS:
        raise CheckFailed(f"fit called context.should_stop {late} more times after it returned True; return then")
    if fit.seconds > max(GRACE, 0.75 * full_seconds):
        calls = f"called it {should_stop.polls} times" if should_stop.polls else "never called it"
        raise CheckFailed(
            f"after context.should_stop, fit took {fit.seconds:.1f} s, and {full_seconds:.1f} s without it; fit {calls}"
        )
    calls = f"should_stop called {should_stop.polls} times" if should_stop.polls else "should_stop never called"
    return f"{calls}; {fit.seconds:.1f} s, {full_seconds:.1f} s without stopping"


def predicts_alone(subject: Subject) -> str:
    """The probabilities of a payload do not depend on the other payloads of the call, except for rounding."""
    rows = subject.toy.test.payloads
    reverse = subject.predict(subject.predictor, rows[::-1])[::-1]
    halves = [subject.predict(subject.predictor, part) for part in (rows[: len(rows) // 2], rows[len(rows) // 2 :])]
    difference = max(float(np.abs(subject.probabilities - other).max()) for other in (reverse, np.concatenate(halves)))
    if difference > 0.02:
        raise CheckFailed(
            f"the probabilities of a payload change by up to {difference:.2g} with the other payloads of the call; "
            "a predictor must not learn from the payloads that it predicts"
        )
    return f"differences up to {difference:.1g}"


def predicts_nothing(subject: Subject) -> str:
    """The predictor returns an empty table, of shape (0, classes), for no payloads."""
    subject.predict(subject.predictor, Payloads.from_list([]))
    return ""


def gives_probabilities(subject: Subject) -> str:
    """The predictor returns float32 probabilities, one row per payload and one column per class."""
    rows, columns = subject.probabilities.shape
    subject.predict(subject.predictor, subject.toy.test.payloads[:1])
    return f"float32 ({rows}, {columns})"
