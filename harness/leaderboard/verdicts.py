"""What became of the claims of methods: a sentence for each, the contrasts behind it, what is mended and broken."""

from collections.abc import Iterator, Sequence
from typing import get_args

from harness.leaderboard.model import Board
from harness.leaderboard.tables import NONE, Table, figure
from harness.statistics.contrasts import MARGIN, Claim, Contrast, Verdict
from harness.statistics.intervals import Interval


def sentence(claim: Claim) -> str:
    """Returns the verdict on a claim in one sentence, generated from its contrasts."""
    start = f"The claim of {claim.method} is {claim.verdict}"
    step = claim.decided_by
    if step is None:
        return f"{start}."
    if step.difference is None:
        return f"{start}: {step.other} and {claim.method} share no cells on this board."
    where = f"{step.seeds} seed{'s' if step.seeds > 1 else ''} of {', '.join(claim.scenarios)}"
    where += f" ({'; '.join(claim.left_out)}: not counted)" if claim.left_out else ""
    gain = f"against {step.other} the score differs by {_signed(step.difference)} over {where}"
    if claim.verdict == "confirmed":
        return f"{start}: it beats {', '.join(c.other for c in claim.contrasts)}; {gain}."
    if claim.verdict == "refuted":
        return f"{start}: {gain}, and a gain of {MARGIN} lies outside the 95 % interval."
    seen = "" if step.detectable is None else f"; a true difference of {step.detectable:.3f} had an 80 % chance to show"
    return f"{start}: {gain}{seen}."


def summary(claims: Sequence[Claim]) -> str:
    """Returns who stands under which verdict, in one line; empty where nobody claims anything."""
    by_verdict = {name: [c.method for c in claims if c.verdict == name] for name in get_args(Verdict)}
    return "; ".join(f"{name}: {', '.join(methods)}" for name, methods in by_verdict.items() if methods)


def contrasts(board: Board) -> Iterator[Table]:
    """Yields the steps of all claims."""
    header = ["claim", "step", "against", "difference", "seeds", "detectable (80 %)", "sign-flip p"]
    header += ["P(worse / same / better)", "held"]
    lines = [
        [claim.method, str(number), *_step(contrast)]
        for claim in board.claims
        for number, contrast in enumerate(claim.contrasts, start=1)
    ]
    if lines:
        yield "Contrasts of each claim, each tested only when the one before held", header, lines


def _step(step: Contrast) -> list[str]:
    return [
        step.other,
        NONE if step.difference is None else _signed(step.difference),
        str(step.seeds),
        figure(step.detectable),
        figure(step.sign_flip_p),
        NONE if step.posterior is None else " / ".join(f"{p:.2f}" for p in step.posterior),
        "not tested" if step.held is None else "yes" if step.held else "no",
    ]


def mended(board: Board) -> Iterator[Table]:
    """Yields what methods that claim something mend and break beside the first of their contrasts."""
    marks = "▲ ▼: the 95 % interval, each for itself, lies above or below 0"
    scenarios = [name for name in board.scenarios if any(name in e.id or name in e.shifted for e in board.effects)]
    if scenarios:
        header = ["method", "less", *(f"{name}: ID / shifted" for name in scenarios)]
        lines = [
            [e.method, e.base, *(" / ".join(map(_marked, (e.id.get(n), e.shifted.get(n)))) for n in scenarios)]
            for e in board.effects
        ]
        yield f"Macro-F1 less that of the first contrast, paired over seeds ({marks})", header, lines
    cues = sorted({cue for e in board.effects for cue in e.flip_rate})
    if cues:
        lines = [[e.method, e.base, *(_marked(e.flip_rate.get(cue)) for cue in cues)] for e in board.effects]
        yield f"Flip rate less that of the first contrast, by cue ({marks})", ["method", "less", *cues], lines


def _signed(value: Interval) -> str:
    return f"{value.mean:+.3f}" + ("" if value.half_width is None else f" ± {value.half_width:.3f}")


def _marked(value: Interval | None) -> str:
    if value is None:
        return NONE
    return _signed(value) + (" ▲" if value.low > 0 else " ▼" if value.high < 0 else "")
