"""The list of conformance checks, in the order in which they run, and functions that run them."""

import time
import traceback
from collections.abc import Iterable

from harness.method import MethodInfo
from harness.testing import declaration_checks, fitting_checks, odd_data_checks
from harness.testing.outcome import Check, CheckFailed, CheckOutcome, NotApplicable, Status
from harness.testing.subject import Subject, report_exceptions

_ODD_DATA = ("fits", "gives-probabilities", "predicts-oddities", "trains-on-oddities")
CHECKS: tuple[Check, ...] = (
    Check(
        "declares-itself",
        "a version, a one-line summary, all requirements met",
        declaration_checks.declares_itself,
        needs=(),
    ),
    Check("imports-light", "importing its module loads no heavy library", declaration_checks.imports_light, needs=()),
    Check("fits", "fits 60 payloads of four classes", fitting_checks.fits, needs=()),
    Check(
        "gives-probabilities", "float32, in range, rows that sum to 1", fitting_checks.gives_probabilities, ("fits",)
    ),
    Check("predicts-nothing", "an empty table for no payloads", fitting_checks.predicts_nothing),
    Check("learns", "separates classes that are separable", fitting_checks.learns),
    Check("searches", "has a search space, if it is ranked and trained", fitting_checks.searches),
    Check("repeats-itself", "the same seed gives identical predictions", fitting_checks.repeats_itself),
    Check("spares-its-data", "does not modify its input arrays", fitting_checks.spares_its_data),
    Check("predicts-alone", "a payload's probabilities do not depend on the others", fitting_checks.predicts_alone),
    Check("stops-at-once", "returns soon if should_stop is true from the start", fitting_checks.stops_at_once),
    Check("stops-later", "returns soon if should_stop turns true during training", fitting_checks.stops_later),
    Check("predicts-oddities", "empty, 1-byte, 64 KB and non-UTF-8 payloads", odd_data_checks.predicts_oddities),
    Check(
        "trains-on-oddities", "the same, a class with one row, a class without rows", odd_data_checks.trains_on_oddities
    ),
    Check(
        "bounds-its-memory",
        "a long payload among short ones needs little more",
        odd_data_checks.bounds_its_memory,
        _ODD_DATA,
    ),
    Check(
        "saves-and-loads",
        "a loaded predictor gives identical predictions",
        declaration_checks.saves_and_loads,
        _ODD_DATA,
    ),
)


def run(check: Check, subject: Subject) -> CheckOutcome:
    """Runs one check and returns its outcome; any exception of the method's code is a failure."""
    start = time.perf_counter()
    status: Status = "passed"
    try:
        with report_exceptions(check.name):
            text = check.function(subject)
    except NotApplicable as reason:
        status, text = "not-applicable", str(reason)
    except CheckFailed as failure:
        status, text = "failed", str(failure)
        if failure.__cause__ is not None:  # for the method's author; it goes to the log
            traceback.print_exception(failure.__cause__)
    return CheckOutcome(check.name, status, text, time.perf_counter() - start)


def skip(check: Check, outcomes: Iterable[CheckOutcome]) -> CheckOutcome | None:
    """Returns the outcome ``not-applicable`` if a check that this one needs has failed, otherwise None."""
    for outcome in outcomes:
        if outcome.status == "failed" and outcome.name in check.needs:
            return CheckOutcome(check.name, "not-applicable", f"not run: {outcome.name} failed", 0.0)
    return None


def check(info: MethodInfo) -> list[CheckOutcome]:
    """Runs every check on a registered method, in this process."""
    subject, outcomes = Subject(info), list[CheckOutcome]()
    for item in CHECKS:
        outcomes.append(skip(item, outcomes) or run(item, subject))
    return outcomes
