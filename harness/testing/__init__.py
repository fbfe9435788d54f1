"""The conformance suite: checks that every method must pass, for its author and for the tests of the harness.

To run it with pytest, one test per check::

    SUBJECT = testing.Subject(registry.method("my-method"))

    @pytest.mark.parametrize("check", testing.CHECKS, ids=lambda check: check.name)
    def test_the_method_conforms(check):
        outcome = testing.run(check, SUBJECT)
        assert outcome.status != "failed", outcome.text
"""

from harness.testing.outcome import Check, CheckFailed, CheckOutcome, NotApplicable
from harness.testing.subject import Subject
from harness.testing.suite import CHECKS, check, run
from harness.testing.toy import Toy, toy

__all__ = ["CHECKS", "Check", "CheckFailed", "CheckOutcome", "NotApplicable", "Subject", "Toy", "check", "run", "toy"]
