"""What a check is and what comes of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from harness.testing.subject import Subject

Status = Literal["passed", "failed", "not-applicable"]


class CheckFailed(Exception):
    """The method does not do what the check asks; the message is one sentence that says what it did instead."""


class NotApplicable(Exception):
    """The check has nothing to ask of this method; the message says why."""


@dataclass(frozen=True)
class Check:
    """One thing that every method must do.

    Attributes:
        name: letters and hyphens.
        summary: what is asked, in a few words.
        function: returns what was seen, raises `CheckFailed` or `NotApplicable`.
        needs: checks that must not have failed for this one to have something to look at.
    """

    name: str
    summary: str
    function: "Callable[[Subject], str]"
    needs: tuple[str, ...] = ("fits", "gives-probabilities")


@dataclass(frozen=True)
class Outcome:
    """What came of one check; ``text`` says what was seen, what is wrong, or why it does not apply."""

    name: str
    status: Status
    text: str
    seconds: float
