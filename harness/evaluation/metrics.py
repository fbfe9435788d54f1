"""Metrics of one prediction set, from integer counts wherever possible."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from harness.errors import UserError

CALIBRATION_BINS = 15


class PredictionError(Exception):
    """A predictor returned something that is no probability table."""


def check_probabilities(table: object, rows: int, classes: int) -> npt.NDArray[np.float32]:
    """Returns the table as float32, or says in one sentence what is wrong with it.

    Raises:
        PredictionError: wrong type, shape or values.
    """
    if not isinstance(table, np.ndarray):
        raise PredictionError(f"predict_proba returned {type(table).__name__}, a NumPy array is needed")
    if table.shape != (rows, classes):
        raise PredictionError(f"predict_proba returned shape {table.shape}, ({rows}, {classes}) is needed")
    out = table.astype(np.float32)
    if not np.isfinite(out).all():
        raise PredictionError("predict_proba returned NaN or infinite values")
    if (out < 0).any() or not np.allclose(out.sum(axis=1), 1, atol=1e-3):
        raise PredictionError("predict_proba returned rows that are no probabilities (negative, or not summing to one)")
    return out


def confusion(truth: npt.NDArray[np.int64], predicted: npt.NDArray[np.int64], classes: int) -> npt.NDArray[np.int64]:
    """Returns counts, int64 (classes, classes): rows are true classes, columns predicted ones."""
    flat = np.bincount(truth * classes + predicted, minlength=classes * classes)
    return flat.reshape(classes, classes).astype(np.int64)


def macro_f1(counts: npt.NDArray[np.int64]) -> float:
    """Returns the mean F1 over the classes that occur in the truth, 0 where a class is never hit."""
    true, predicted, hit = counts.sum(1), counts.sum(0), np.diag(counts)
    present = true > 0
    if not present.any():
        raise UserError("macro-F1 needs at least one row.")
    f1 = 2 * hit[present] / (true[present] + predicted[present])
    return float(f1.mean())


def accuracy(counts: npt.NDArray[np.int64]) -> float:
    """Returns the share of rows whose class is predicted."""
    return float(np.diag(counts).sum() / counts.sum())


def balanced_accuracy(counts: npt.NDArray[np.int64]) -> float:
    """Returns the mean recall over the classes that occur in the truth."""
    present = counts.sum(1) > 0
    return float((np.diag(counts)[present] / counts.sum(1)[present]).mean())


def harmonic_mean(one: float, other: float) -> float:
    """Returns the harmonic mean of two shares, 0 where either is 0 (zero-shot, Xian et al. 2019, arXiv 1707.00600)."""
    return 2 * one * other / (one + other) if one + other > 0 else 0.0


def worst_group_accuracy(hit: npt.NDArray[np.bool_], groups: npt.NDArray[np.int64]) -> float:
    """Returns the lowest accuracy over the groups that have a row."""
    rows = np.bincount(groups)
    hits = np.bincount(groups, weights=hit)
    return float((hits[rows > 0] / rows[rows > 0]).min())


def confidence_bins(table: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Returns the bin of each row's confidence, int64 (n,), of equal width from 0 to 1."""
    bins: npt.NDArray[np.int64] = (table.max(axis=1) * CALIBRATION_BINS).astype(np.int64)
    return np.minimum(bins, CALIBRATION_BINS - 1)


def calibration_error(table: npt.NDArray[np.float32], truth: npt.NDArray[np.int64]) -> float:
    """Returns the expected calibration error over equal-width bins of confidence (Guo et al. 2017)."""
    confidence = table.max(axis=1)
    hit = table.argmax(axis=1) == truth
    bins = confidence_bins(table)
    gap = np.bincount(bins, weights=hit, minlength=CALIBRATION_BINS) - np.bincount(
        bins, weights=confidence, minlength=CALIBRATION_BINS
    )
    return float(np.abs(gap).sum() / len(truth))


def summary(table: npt.NDArray[np.float32], truth: npt.NDArray[np.int64], classes: int) -> dict[str, float]:
    """Returns the metrics that a record keeps of one environment."""
    counts = confusion(truth, table.argmax(axis=1), classes)
    return {
        "rows": float(len(truth)),
        "macro_f1": macro_f1(counts),
        "accuracy": accuracy(counts),
        "balanced_accuracy": balanced_accuracy(counts),
        "worst_class_recall": worst_group_accuracy(table.argmax(axis=1) == truth, truth),
        "calibration_error": round(calibration_error(table, truth), 6),
    }


def area_under_time(values: Sequence[float]) -> float:
    """Returns the mean of a metric over consecutive time windows by the trapezoidal rule (AUT, Pendlebury et al. 2019).

    1 / (N - 1) times the sum over k of (f(k) + f(k + 1)) / 2, so that a metric of range 0 to 1 keeps it.

    Args:
        values: the metric in each window, in the order of time; at least two.

    Raises:
        ValueError: there are fewer.
    """
    if len(values) < 2:
        raise ValueError(f"an area under time needs at least two windows, not {len(values)}")
    return float(np.trapezoid(np.asarray(values, dtype=np.float64))) / (len(values) - 1)


def cue_rates(
    neutral: npt.NDArray[np.int64], flipped: npt.NDArray[np.int64], target: npt.NDArray[np.int64]
) -> dict[str, float]:
    """Returns how far predictions follow a flipped cue.

    ``flip_rate``: share of rows whose prediction changes between neutral and flipped cues. ``cue_follow``:
    P(target | flipped) - P(target | neutral).
    """
    return {
        "flip_rate": float((neutral != flipped).mean()),
        "cue_follow": float((flipped == target).mean() - (neutral == target).mean()),
    }


def against_base(
    truth: npt.NDArray[np.int64],
    before: npt.NDArray[np.int64],
    after: npt.NDArray[np.int64],
    draws: int,
    classes: int,
) -> dict[str, float]:
    """Returns how predictions on changed payloads stand against those on the payloads as they were.

    Args:
        truth, before, after: int64 (n,) classes of rows, ``draws`` draws of the same rows one after the other.
        draws: of each row.
        classes: number of classes.

    Returns:
        ``base_macro_f1``: on the same rows unchanged. ``flip_rate``: share of predictions that change. ``worst_case``:
        macro-F1 when of each row's draws a wrong one counts, if any is (worst case as in HELM, Liang et al. 2022).
    """
    one = truth[: len(truth) // draws]
    worst = worst_draw(truth, after, draws)
    return {
        "base_macro_f1": macro_f1(confusion(truth, before, classes)),
        "flip_rate": float((before != after).mean()),
        "worst_case": macro_f1(confusion(one, worst, classes)),
    }


def worst_draw(truth: npt.NDArray[np.int64], after: npt.NDArray[np.int64], draws: int) -> npt.NDArray[np.int64]:
    """Returns of each row's draws the first wrong prediction, the true class where none is: int64 (n / draws,)."""
    one = truth[: len(truth) // draws]
    by_draw = after.reshape(draws, -1)
    wrong = by_draw != one
    return np.where(wrong.any(axis=0), by_draw[wrong.argmax(axis=0), np.arange(len(one))], one)


def occlusion(
    whole: npt.NDArray[np.float32], without: npt.NDArray[np.float32], alone: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Returns what each prediction hangs on, by occlusion (Zeiler and Fergus 2014).

    The attack counts with the fall of the predicted class's probability when it is cut out, the carrier with the fall
    when the attack stands alone.

    Args:
        whole, without, alone: float32 (n, classes), probabilities of the payload, without its attack, of the attack.

    Returns:
        The falls, float64 (n,), of the attack and of the carrier; 0 where the probability rises.
    """
    rows = np.arange(len(whole))
    guess = whole.argmax(axis=1)
    attack, carrier = (np.maximum(whole[rows, guess] - table[rows, guess], 0) for table in (without, alone))
    return attack.astype(np.float64), carrier.astype(np.float64)


def share_of(attack: float, carrier: float) -> float:
    """Returns the first of two sums' share of both, a half where both are 0."""
    return attack / (attack + carrier) if attack + carrier > 0 else 0.5
