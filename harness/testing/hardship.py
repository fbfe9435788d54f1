"""Checks with data as it comes: odd payloads, rare classes, one long payload among short ones."""

from harness.data.payloads import Payloads
from harness.execution.budget import forget_peak, peak_megabytes
from harness.testing.oddities import ORDINARY, PAYLOADS, SINGLE
from harness.testing.outcome import CheckFailed, NotApplicable
from harness.testing.subject import Subject

MOST_MEMORY = 256.0  # MB that a payload of 64 KB among 120 short ones may cost, in training and in prediction


def trains_on_oddities(subject: Subject) -> str:
    """Fits and predicts with odd payloads among the training rows, a class with one row and a class with none."""
    try:
        _ = subject.odd
    except CheckFailed as failure:
        culprit, reason = _culprit(subject, failure)
        raise CheckFailed(f"with {culprit} in the data, {reason}") from failure
    return ""


def _culprit(subject: Subject, failure: CheckFailed) -> tuple[str, str]:
    """Which of the oddities is enough for a failure, and what it leads to."""
    for name, oddity in SINGLE.items():
        try:
            subject.fit_with(oddity)
        except CheckFailed as alone:
            return name, str(alone)
    return f"all of {', '.join(SINGLE)}", str(failure)


def predicts_oddities(subject: Subject) -> str:
    """Predicts odd payloads, each by itself and all together."""
    for name, payload in PAYLOADS.items():
        try:
            subject.predict(subject.predictor, Payloads.from_list([payload]))
        except CheckFailed as failure:
            raise CheckFailed(f"for {name}, {failure}") from failure
    try:
        subject.predict(subject.predictor, Payloads.from_list(PAYLOADS.values()))
    except CheckFailed as failure:
        raise CheckFailed(f"for {', '.join(PAYLOADS)} together, {failure}") from failure
    return ""


def bounds_its_memory(subject: Subject) -> str:
    """Takes little more memory when one of the payloads is long, in training and in prediction."""
    if not forget_peak():
        raise NotApplicable("this system does not say how much memory a call took; Linux does")
    toy, long = subject.toy, PAYLOADS["a payload of 64 KB"]
    short = [*toy.train.payloads, *toy.validation.payloads, *toy.test.payloads]
    # A shared step is found by a second fit on the same rows, and computed for new ones, long or not.
    ordinary = subject.fit_with(ORDINARY) if subject.info.shared else subject.again
    training = subject.odd.memory - ordinary.memory
    prediction = -_peak(subject, [*short, b"GET / HTTP/1.1\r\n\r\n"]) + _peak(subject, [*short, long])
    for what, grown in (("training", training), ("prediction", prediction)):
        if grown > MOST_MEMORY:
            raise CheckFailed(
                f"one payload of 64 KB among short ones takes {grown:.0f} MB more in {what}; at most {MOST_MEMORY:.0f} "
                "MB are allowed: pad to the batch, batch by length, or cut"
            )
    return f"{max(training, 0):.0f} MB more in training, {max(prediction, 0):.0f} in prediction"


def _peak(subject: Subject, payloads: list[bytes]) -> float:
    """Most MB that this process held while the payloads were predicted."""
    rows = Payloads.from_list(payloads)
    forget_peak()
    subject.predict(subject.predictor, rows)
    return peak_megabytes()
