"""Conformance checks on unusual data: odd payloads, rare classes, and one long payload among short ones."""

from harness.data.payloads import Payloads
from harness.execution.budget import peak_megabytes, reset_peak_memory
from harness.testing.oddities import ORDINARY, PAYLOADS, SINGLE
from harness.testing.outcome import CheckFailed, NotApplicable
from harness.testing.subject import Subject

MAX_MEMORY = 256.0  # MB that one 64 KB payload among 120 short ones may add, in training and in prediction


def trains_on_oddities(subject: Subject) -> str:
    """The method fits and predicts with odd payloads in training, a class with one row and a class without rows."""
    try:
        _ = subject.odd_fit
    except CheckFailed as failure:
        cause, reason = _find_cause(subject, failure)
        raise CheckFailed(f"with {cause} in the data, {reason}") from failure
    return ""


def _find_cause(subject: Subject, failure: CheckFailed) -> tuple[str, str]:
    """Returns the first oddity that alone causes a failure, and the failure's message; all oddities if none does."""
    for name, oddity in SINGLE.items():
        try:
            subject.fit_with(oddity)
        except CheckFailed as single_failure:
            return name, str(single_failure)
    return f"all of {', '.join(SINGLE)}", str(failure)


def predicts_oddities(subject: Subject) -> str:
    """The predictor accepts odd payloads, each one alone and all together."""
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
    """One long payload among short ones needs little more memory, in training and in prediction."""
    if not reset_peak_memory():
        raise NotApplicable("the peak memory of a call can only be measured on Linux")
    toy, long = subject.toy, PAYLOADS["a payload of 64 KB"]
    short = [*toy.train.payloads, *toy.validation.payloads, *toy.test.payloads]
    # The odd rows are new, so a shared step is computed for them. Compare with other new rows, since a second fit on
    # the same rows would find the step in the cache.
    ordinary = subject.fit_with(ORDINARY) if subject.info.shared else subject.second_fit
    training = subject.odd_fit.memory - ordinary.memory
    short_peak = _peak(subject, [*short, b"GET / HTTP/1.1\r\n\r\n"])
    prediction = _peak(subject, [*short, long]) - short_peak
    for what, increase in (("training", training), ("prediction", prediction)):
        if increase > MAX_MEMORY:
            raise CheckFailed(
                f"one payload of 64 KB among short ones needs {increase:.0f} MB more in {what}; at most "
                f"{MAX_MEMORY:.0f} MB are allowed; pad to the longest of the batch, batch by length, or cut"
            )
    return f"{max(training, 0):.0f} MB more in training, {max(prediction, 0):.0f} in prediction"


def _peak(subject: Subject, payloads: list[bytes]) -> float:
    """Returns the peak memory of this process in MB while the payloads are predicted."""
    rows = Payloads.from_list(payloads)
    reset_peak_memory()
    subject.predict(subject.predictor, rows)
    return peak_megabytes()
