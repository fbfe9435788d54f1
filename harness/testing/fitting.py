"""Checks of what a method learns, and how it behaves while it does."""

import numpy as np

from harness.data.payloads import Payloads
from harness.errors import UserError
from harness.space import size
from harness.testing.outcome import CheckFailed, NotApplicable
from harness.testing.subject import Subject
from harness.testing.toy import CLASSES, ROWS

LEAST_ACCURACY = 0.5  # on the toy's 30 test rows; chance gives 0.25, and 15 hits or more once in 400 times
GRACE = 2.0  # seconds that a fit may take though it is told to stop, however short a whole fit is
MOST_POLLS = 50  # times that it may ask again after it was told


def fits(subject: Subject) -> str:
    """Fits the toy."""
    fitted = subject.fitted
    return f"{ROWS} payloads in {fitted.seconds:.1f} s"


def learns(subject: Subject) -> str:
    """Tells the toy's classes apart, on rows that it has not seen."""
    if subject.info.kind != "ranked":
        raise NotApplicable(f"a method of the kind {subject.info.kind} need not learn from 60 payloads")
    if untrained(subject):
        raise NotApplicable("it searches nothing and predicts the same for every payload: a floor, not a learner")
    accuracy = float((subject.table.argmax(axis=1) == subject.toy.test.labels).mean())
    if accuracy < LEAST_ACCURACY:
        raise CheckFailed(
            f"its accuracy on separable rows is {accuracy:.2f}; at least {LEAST_ACCURACY} is needed, and chance gives "
            f"{1 / len(CLASSES)}"
        )
    return f"accuracy {accuracy:.2f}, chance {1 / len(CLASSES)}"


def untrained(subject: Subject) -> bool:
    """Whether a method does not look at payloads and has nothing to search, as a floor does."""
    return not subject.info.space and bool((np.ptp(subject.table, axis=0) == 0).all())


def searches(subject: Subject) -> str:
    """Has a search space, where it is trained and ranked: all methods of a board are tuned alike."""
    if subject.info.kind != "ranked":
        raise NotApplicable(f"only ranked methods must search, and it is {subject.info.kind}")
    if untrained(subject):
        raise NotApplicable("it searches nothing and predicts the same for every payload: a floor, not a learner")
    configurations = size(subject.info.space)
    if configurations <= 1:
        raise CheckFailed(
            "its search space holds one configuration, and a ranked method that learns must be tuned with the budget "
            "that the others get; declare a Float, an Int or a Categorical with two choices in space"
        )
    return f"{len(subject.info.space)} dimensions"


def repeats(subject: Subject) -> str:
    """Gives the same bytes twice, from the same seed and rows, and when the same predictor is asked twice.

    A second fit finds the first one's shared steps, and counts the same examples all the same.
    """
    rows = subject.toy.test.payloads
    if not np.array_equal(subject.table, subject.predict(subject.predictor, rows)):
        raise CheckFailed("one predictor, asked twice for the same payloads, gave other probabilities")
    second = subject.predict(subject.again.predictor, rows)
    if not np.array_equal(subject.table, second):
        most = float(np.abs(subject.table - second).max())
        raise CheckFailed(
            f"two fits with the same rows and the same context.seed differ by up to {most:.2g} in their probabilities; "
            "draw all that is random from the seed"
        )
    if subject.again.counted != subject.fitted.counted:
        raise CheckFailed(
            f"two fits with the same rows and seed counted {subject.fitted.counted} and {subject.again.counted} "
            "examples and steps; what context.shared holds already counts as if it were computed anew"
        )
    return "two fits, the same bytes"


def spares_its_data(subject: Subject) -> str:
    """Leaves the arrays that it is handed as they are."""
    _ = subject.table
    if subject.changed:
        changed = ", ".join(dict.fromkeys(subject.changed))
        raise CheckFailed(f"it changed {changed}: what it is handed is not its own; work on a copy")
    return ""


class _Clock:
    """A ``should_stop`` that is true from its ``after``-th call on, and counts."""

    def __init__(self, after: int) -> None:
        self.after, self.polls = after, 0

    def __call__(self) -> bool:
        self.polls += 1
        return self.polls > self.after


def stops_at_once(subject: Subject) -> str:
    """Ends soon when its seconds are spent before it begins."""
    return _stops(subject, 0)


def stops_later(subject: Subject) -> str:
    """Ends soon when its seconds are spent while it trains."""
    return _stops(subject, 2)


def _stops(subject: Subject, after: int) -> str:
    whole, clock = subject.again.seconds, _Clock(after)
    toy = subject.toy
    try:
        fitted = subject.fit(toy.train, toy.validation, subject.context(should_stop=clock))
    except CheckFailed as refusal:
        if isinstance(refusal.__cause__, UserError):
            return f"it returns no predictor and says why: {refusal}"
        raise CheckFailed(
            f"told to stop, {refusal}; return what has been learned, or raise harness.UserError with the reason"
        ) from refusal
    subject.predict(fitted.predictor, toy.test.payloads)
    late = clock.polls - after - 1
    if late > MOST_POLLS:
        raise CheckFailed(f"fit asked context.should_stop {late} more times after the answer was yes; return then")
    if fitted.seconds > max(GRACE, 0.75 * whole):
        asked = f"asked {clock.polls} times" if clock.polls else "never asked"
        raise CheckFailed(
            f"told to stop, fit took {fitted.seconds:.1f} s, and {whole:.1f} s when it was not; it {asked} "
            "context.should_stop"
        )
    asked = f"asks {clock.polls} times" if clock.polls else "asks never"
    return f"{asked}; {fitted.seconds:.1f} s, {whole:.1f} s when not told"


def predicts_alone(subject: Subject) -> str:
    """Predicts each payload by itself, whatever others are asked with it, but for rounding."""
    rows = subject.toy.test.payloads
    turned = subject.predict(subject.predictor, rows[::-1])[::-1]
    halves = [subject.predict(subject.predictor, part) for part in (rows[: len(rows) // 2], rows[len(rows) // 2 :])]
    most = max(float(np.abs(subject.table - other).max()) for other in (turned, np.concatenate(halves)))
    if most > 0.02:
        raise CheckFailed(
            f"the probabilities of a payload change by up to {most:.2g} with the others that are asked with it; "
            "a predictor must not learn from what it predicts"
        )
    return f"differences up to {most:.1g}"


def predicts_nothing(subject: Subject) -> str:
    """Returns an empty table for no payloads."""
    subject.predict(subject.predictor, Payloads.from_list([]))
    return ""


def gives_probabilities(subject: Subject) -> str:
    """Returns float32 probabilities, one row per payload and one column per class."""
    rows, columns = subject.table.shape
    subject.predict(subject.predictor, subject.toy.test.payloads[:1])
    return f"float32 ({rows}, {columns})"
