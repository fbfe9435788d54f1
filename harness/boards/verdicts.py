"""Verdicts on the claims of methods: a sentence for each, its contrasts, and differences by scenario and cue."""

from collections.abc import Iterator, Sequence
from typing import get_args

from harness.boards.model import Board
from harness.boards.tables import NO_VALUE, TextTable, format_number
from harness.protocol import EQUIVALENCE_MARGIN
from harness.statistics.contrasts import Claim, Contrast, Verdict
from harness.statistics.intervals import Interval


def sentence(claim: Claim) -> str:
    """Returns a sentence with the verdict on a claim and the contrast that decided it."""
    step = claim.decided_by
    start = _start(claim)
    if step is None:
        return f"{start}."
    if step.difference is None:
        return f"{start}: {step.other} and {claim.method} have no cells in common on this board."
    where = f"{step.seeds} seed{'s' if step.seeds > 1 else ''} of {', '.join(claim.scenarios)}"
    where += f" ({'; '.join(claim.exclusions)}: not counted)" if claim.exclusions else ""
    gain = f"its score minus that of {step.other} is {_signed(step.difference)} over {where}"
    if step.p is None or step.detectable is None or step.equivalence_p is None:
        return f"{start}: {gain}."
    tested = f"p {_compared(step.p)} at the level {_p(claim.level)}"
    if claim.verdict in ("superior", "inferior"):
        return f"{start}: {gain} ({tested})."
    if claim.verdict == "equivalent":
        tested = f"within ± {EQUIVALENCE_MARGIN} with p {_compared(step.equivalence_p)}"
    return f"{start}: {gain} ({tested}); the test detects a true difference of {step.detectable:.3f} with 80 % power."


def _start(claim: Claim) -> str:
    if claim.decided_by is None or claim.verdict in ("inconclusive", "not tested"):
        return f"The claim of {claim.method} is {claim.verdict}"
    others = claim.contrasts if claim.verdict == "superior" else (claim.decided_by,)
    return f"{claim.method} is {claim.verdict} to {', '.join(step.other for step in others)}"


def summary(claims: Sequence[Claim]) -> str:
    """Returns the methods under each verdict, in one line; empty if there are no claims."""
    by_verdict = {name: [c.method for c in claims if c.verdict == name] for name in get_args(Verdict)}
    return "; ".join(f"{name}: {', '.join(methods)}" for name, methods in by_verdict.items() if methods)


def contrasts(board: Board) -> Iterator[TextTable]:
    """Yields the table of the contrasts of all claims, if there are any."""
    header = ["method", "step", "compared with", "difference", "seeds", "p", "level", "p of equivalence"]
    header += ["detectable (80 % power)", "sign-flip p", "P(worse / same / better)", "passed"]
    lines = [
        [claim.method, str(number), *_step(contrast, claim.level)]
        for claim in board.claims
        for number, contrast in enumerate(claim.contrasts, start=1)
    ]
    if lines:
        yield "Contrasts of each claim; each is tested only if the one before it passed", header, lines


def _step(step: Contrast, level: float) -> list[str]:
    return [
        step.other,
        NO_VALUE if step.difference is None else _signed(step.difference),
        str(step.seeds),
        NO_VALUE if step.p is None else _p(step.p),
        _p(level),
        NO_VALUE if step.equivalence_p is None else _p(step.equivalence_p),
        format_number(step.detectable),
        format_number(step.sign_flip_p),
        NO_VALUE if step.posterior is None else " / ".join(f"{p:.2f}" for p in step.posterior),
        "not tested" if step.passed is None else "yes" if step.passed else "no",
    ]


def differences(board: Board) -> Iterator[TextTable]:
    """Yields tables of the differences between methods that make a claim and the first of their contrasts."""
    marks = "▲ ▼: the 95 % interval, not corrected for multiple comparisons, lies above or below 0"
    scenarios = [name for name in board.scenarios if any(name in e.id or name in e.shifted for e in board.effects)]
    if scenarios:
        header = ["method", "compared with", *(f"{name}: ID / shifted" for name in scenarios)]
        lines = [
            [e.method, e.base, *(" / ".join(map(_marked, (e.id.get(n), e.shifted.get(n)))) for n in scenarios)]
            for e in board.effects
        ]
        caption = f"Difference in macro-F1 from the first comparison method, by scenario, paired over seeds ({marks})"
        yield caption, header, lines
    cues = sorted({cue for e in board.effects for cue in e.flip_rate})
    if cues:
        lines = [[e.method, e.base, *(_marked(e.flip_rate.get(cue)) for cue in cues)] for e in board.effects]
        caption = f"Difference in flip rate from the first comparison method, by cue, paired over seeds ({marks})"
        yield caption, ["method", "compared with", *cues], lines


def _p(probability: float) -> str:
    return f"{probability:.2g}" if probability >= 0.0001 else "< 0.0001"


def _compared(probability: float) -> str:
    text = _p(probability)
    return text if text.startswith("<") else f"= {text}"


def _signed(value: Interval) -> str:
    return f"{value.mean:+.3f}" + ("" if value.half_width is None else f" ± {value.half_width:.3f}")


def _marked(value: Interval | None) -> str:
    if value is None:
        return NO_VALUE
    return _signed(value) + (" ▲" if value.low > 0 else " ▼" if value.high < 0 else "")
