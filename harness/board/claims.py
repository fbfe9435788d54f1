"""What became of a claim, in a sentence and a table."""

from harness.board.tables import NONE, Table, figure
from harness.statistics.contrasts import MARGIN, Claim, Contrast
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


def _signed(value: Interval) -> str:
    return f"{value.mean:+.3f}" + ("" if value.half_width is None else f" ± {value.half_width:.3f}")


def contrasts(claim: Claim) -> Table:
    """Returns the steps of a claim."""
    header = ["step", "against", "difference", "seeds", "detectable (80 %)", "sign-flip p", "P(worse / same / better)"]
    header += ["held"]
    lines = [[str(number), *_step(contrast)] for number, contrast in enumerate(claim.contrasts, start=1)]
    return f"Contrasts of {claim.method}, each tested only when the one before held", header, lines


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
