"""The figures of a record computed again from its counts: what a reader of it can check without the payloads."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from harness.evaluation import metrics
from harness.evaluation.counts import MILLION, UNKNOWN_BIN, decode
from harness.records.schema import Record, Result
from harness.scenario import SEEN, UNSEEN
from harness.scenarios.perturbed import EXCISED

Ints = npt.NDArray[np.int64]
TOLERANCE = 2e-5  # sums of confidence and of falls of probability are kept in millionths


def figures(result: Result) -> dict[str, dict[str, float]]:
    """Returns every metric that counts give, by environment.

    Raises:
        ValueError: a table is none, or holds a class or a unit that is not there.
    """
    found = {env: dict(_of(result, env)) for env in sorted(result.counts)}
    if SEEN in found and UNSEEN in found:
        both = (found[env]["balanced_accuracy"] for env in (SEEN, UNSEEN))
        found[UNSEEN]["harmonic_mean"] = metrics.harmonic_mean(*both)
    return found


def table(result: Result, env: str) -> Ints:
    """Returns an environment's counts, int64 (n, 5): unit, true class, predicted class, bin, rows.

    Raises:
        ValueError: the table is none, or holds a class or a unit that is not there.
    """
    found = decode(result.counts[env], 5)
    return _checked(found, len(result.units), len(result.classes), env)


def _checked(found: Ints, units: int, classes: int, env: str) -> Ints:
    limits = (("unit", 0, units), ("true class", 1, classes), ("predicted class", 2, classes))
    for what, column, count in limits:
        if ((found[:, column] < 0) | (found[:, column] >= count)).any():
            raise ValueError(f"the counts of {env} name a {what} that the record does not have")
    if (found[:, -1] < 1).any():
        raise ValueError(f"the counts of {env} hold a row count below 1")
    return found


def confusion(counts: Ints, classes: int) -> Ints:
    """Returns int64 (classes, classes) of a table whose columns are unit, true, predicted, ... and rows."""
    out = np.zeros((classes, classes), np.int64)
    np.add.at(out, (counts[:, 1], counts[:, 2]), counts[:, -1])
    return out


def _of(result: Result, env: str) -> Iterator[tuple[str, float]]:
    counts, classes = table(result, env), len(result.classes)
    matrix = confusion(counts, classes)
    rows = int(matrix.sum())
    if not rows:
        raise ValueError(f"the counts of {env} hold no row")
    yield "rows", float(rows)
    yield "macro_f1", metrics.macro_f1(matrix)
    yield "accuracy", metrics.accuracy(matrix)
    yield "balanced_accuracy", metrics.balanced_accuracy(matrix)
    true = matrix.sum(axis=1)
    yield "worst_class_recall", float((np.diag(matrix)[true > 0] / true[true > 0]).min())
    if env in result.confidence:
        yield "calibration_error", _calibration(counts, result.confidence[env], rows)
    derived = result.perturbations.get(env)
    if env in result.flips:
        flips = decode(result.flips[env], 4)
        changed, now, before = (int(flips[:, column].sum()) for column in (1, 2, 3))
        yield "flip_rate", changed / rows
        if derived is None:
            yield "cue_follow", now / rows - before / rows
    if env == EXCISED and result.occlusion:
        yield from _occlusion(result.occlusion, rows)
    if derived is not None and derived.base:
        for metric, text in (("base_macro_f1", derived.base), ("worst_case", derived.worst)):
            found = _checked(decode(text, 4), len(result.units), classes, env)
            yield metric, metrics.macro_f1(confusion(found, classes))


def _occlusion(text: str, rows: int) -> Iterator[tuple[str, float]]:
    attack, carrier, share = (int(total) for total in decode(text, 4)[:, 1:].sum(axis=0))
    yield "attack_attribution", metrics.share_of(attack, carrier)
    yield "attack_share", share / MILLION / rows


def _calibration(counts: Ints, confidence: list[int], rows: int) -> float:
    bins, hit = counts[:, 3], counts[:, 1] == counts[:, 2]
    if len(confidence) != metrics.CALIBRATION_BINS or (bins <= UNKNOWN_BIN).any() or (bins >= len(confidence)).any():
        raise ValueError("the bins of confidence are not those of the counts")
    hits = np.bincount(bins[hit], weights=counts[hit, -1], minlength=len(confidence))
    return round(float(np.abs(hits - np.array(confidence) / MILLION).sum()) / rows, 6)


def disagreements(record: Record) -> Iterator[tuple[str, float, float]]:
    """Yields the figures of a record that its counts do not give: where, what is stated, what is counted.

    Figures of which an older schema kept no counts are passed over.

    Raises:
        ValueError: the counts are no whole counts.
    """
    result = record.result
    if result is None:
        return
    again = figures(result)
    for env, stated in sorted(result.metrics.items()):
        for metric, value in sorted(stated.items()):
            counted = again.get(env, {}).get(metric)
            if counted is not None and not abs(value - counted) <= TOLERANCE:
                yield f"{env}/{metric}", value, counted
