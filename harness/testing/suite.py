"""The conformance suite: what every method must do before it stands on a board, in the order it is asked."""

import time
import traceback
from collections.abc import Iterable

from harness.method import MethodInfo
from harness.testing import declared, fitting, hardship
from harness.testing.outcome import Check, CheckFailed, NotApplicable, Outcome, Status
from harness.testing.subject import Subject, guarded

_ODD = ("fits", "gives-probabilities", "predicts-oddities", "trains-on-oddities")
CHECKS: tuple[Check, ...] = (
    Check("declares-itself", "a version, a one-line summary, all it needs", declared.says_what_it_is, needs=()),
    Check("imports-light", "importing its module loads no heavy library", declared.imports_nothing_heavy, needs=()),
    Check("fits", "fits 60 payloads of four classes", fitting.fits, needs=()),
    Check("gives-probabilities", "float32, in range, rows that sum to one", fitting.gives_probabilities, ("fits",)),
    Check("predicts-nothing", "an empty table for no payloads", fitting.predicts_nothing),
    Check("learns", "tells separable classes apart", fitting.learns),
    Check("searches", "has a search space where it is ranked and trained", fitting.searches),
    Check("repeats-itself", "the same seed gives the same bytes", fitting.repeats),
    Check("spares-its-data", "leaves the arrays it is handed as they are", fitting.spares_its_data),
    Check("predicts-alone", "a payload's probabilities do not depend on the others", fitting.predicts_alone),
    Check("stops-at-once", "ends soon when told to before it begins", fitting.stops_at_once),
    Check("stops-later", "ends soon when told to while it trains", fitting.stops_later),
    Check("predicts-oddities", "empty, 1-byte, 64 KB and non-UTF-8 payloads", hardship.predicts_oddities),
    Check("trains-on-oddities", "the same, a class with one row, one without", hardship.trains_on_oddities),
    Check("bounds-its-memory", "a long payload among short ones takes little more", hardship.bounds_its_memory, _ODD),
    Check("saves-and-loads", "a loaded predictor gives the same bytes", declared.saves_and_loads, _ODD),
)


def run(check: Check, subject: Subject) -> Outcome:
    """Runs one check; whatever the method's code raises is a failed check."""
    began = time.perf_counter()
    status: Status = "passed"
    try:
        with guarded(check.name):
            text = check.function(subject)
    except NotApplicable as reason:
        status, text = "not-applicable", str(reason)
    except CheckFailed as failure:
        status, text = "failed", str(failure)
        if failure.__cause__ is not None:  # for the author; what the sentence says is enough for everybody else
            traceback.print_exception(failure.__cause__)
    return Outcome(check.name, status, text, time.perf_counter() - began)


def passed_over(check: Check, outcomes: Iterable[Outcome]) -> Outcome | None:
    """Returns the outcome of a check that is not run, since one that it needs has failed; None where it is run."""
    for outcome in outcomes:
        if outcome.status == "failed" and outcome.name in check.needs:
            return Outcome(check.name, "not-applicable", f"not run: {outcome.name} failed", 0.0)
    return None


def check(info: MethodInfo) -> list[Outcome]:
    """Runs every check on a registered method, in this process."""
    subject, outcomes = Subject(info), list[Outcome]()
    for one in CHECKS:
        outcomes.append(passed_over(one, outcomes) or run(one, subject))
    return outcomes
