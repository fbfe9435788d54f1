"""The conformance suite that every method runs through, for its author as for the tests of the harness.

With pytest, one test per check::

    SUBJECT = testing.Subject(registry.method("my-method"))

    @pytest.mark.parametrize("check", testing.CHECKS, ids=lambda check: check.name)
    def test_the_method_conforms(check):
        outcome = testing.run(check, SUBJECT)
        assert outcome.status != "failed", outcome.text
"""

from harness.testing.outcome import Check, CheckFailed, NotApplicable, Outcome
from harness.testing.subject import Subject
from harness.testing.suite import CHECKS, check, run
from harness.testing.toy import Toy, toy

__all__ = ["CHECKS", "Check", "CheckFailed", "NotApplicable", "Outcome", "Subject", "Toy", "check", "run", "toy"]
