"""The types of the conformance suite: a check, its outcome, and the exceptions that a check raises."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from harness.testing.subject import Subject

Status = Literal["passed", "failed", "not-applicable"]


class CheckFailed(Exception):
    """The method fails the check; the message says in one sentence what it did instead."""


class NotApplicable(Exception):
    """The check does not apply to this method; the message gives the reason."""


@dataclass(frozen=True)
class Check:
    """One requirement that every method must meet.

    Attributes:
        name: letters and hyphens.
        summary: the requirement, in a few words.
        function: returns a description of what was observed, or raises `CheckFailed` or `NotApplicable`.
        needs: names of checks without which this one cannot run; if one of them failed, it is skipped.
    """

    name: str
    summary: str
    function: "Callable[[Subject], str]"
    needs: tuple[str, ...] = ("fits", "gives-probabilities")


@dataclass(frozen=True)
class CheckOutcome:
    """The outcome of one check.

    Attributes:
        name: name of the check.
        status: ``passed``, ``failed`` or ``not-applicable``.
        text: what was observed, what is wrong, or why the check does not apply.
        seconds: wall time.
    """

    name: str
    status: Status
    text: str
    seconds: float
