"""Metrics, as functions of plain arrays."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from harness.errors import UserError

CALIBRATION_BINS = 15


class PredictionError(Exception):
    """The output of a predictor is not a table of class probabilities."""


def check_probabilities(table: object, rows: int, classes: int) -> npt.NDArray[np.float32]:
    """Checks the output of ``predict_proba`` and returns it as float32 (rows, classes).

    Args:
        table: what the predictor returned.
        rows: number of payloads.
        classes: number of classes.

    Raises:
        PredictionError: wrong type, wrong shape, values that are not finite, or rows that are not probabilities.
    """
    if not isinstance(table, np.ndarray):
        raise PredictionError(f"predict_proba returned {type(table).__name__}; it must return a NumPy array")
    if table.shape != (rows, classes):
        raise PredictionError(f"predict_proba returned shape {table.shape}; it must be ({rows}, {classes})")
    out = table.astype(np.float32)
    if not np.isfinite(out).all():
        raise PredictionError("predict_proba returned NaN or infinite values")
    if (out < 0).any() or not np.allclose(out.sum(axis=1), 1, atol=1e-3):
        raise PredictionError("predict_proba returned rows that are not probabilities (negative, or not summing to 1)")
    return out


def confusion(truth: npt.NDArray[np.int64], predicted: npt.NDArray[np.int64], classes: int) -> npt.NDArray[np.int64]:
    """Returns the confusion matrix, int64 (classes, classes): rows are true classes, columns predicted classes."""
    flat = np.bincount(truth * classes + predicted, minlength=classes * classes)
    return flat.reshape(classes, classes).astype(np.int64)


def macro_f1(counts: npt.NDArray[np.int64]) -> float:
    """Returns the mean F1 over the classes that occur in the truth; a class without a correct prediction counts as 0.

    Args:
        counts: confusion matrix, int64 (classes, classes), true by predicted class; also for the functions below.

    Raises:
        UserError: the matrix has no row.
    """
    true, predicted, hit = counts.sum(1), counts.sum(0), np.diag(counts)
    present = true > 0
    if not present.any():
        raise UserError("macro-F1 requires at least one row.")
    f1 = 2 * hit[present] / (true[present] + predicted[present])
    return float(f1.mean())


def accuracy(counts: npt.NDArray[np.int64]) -> float:
    """Returns the share of rows that are predicted correctly."""
    return float(np.diag(counts).sum() / counts.sum())


def balanced_accuracy(counts: npt.NDArray[np.int64]) -> float:
    """Returns the mean recall over the classes that occur in the truth."""
    present = counts.sum(1) > 0
    return float((np.diag(counts)[present] / counts.sum(1)[present]).mean())


def harmonic_mean(one: float, other: float) -> float:
    """Returns the harmonic mean of two shares; 0 if either is 0 (zero-shot, Xian et al. 2019, arXiv 1707.00600)."""
    return 2 * one * other / (one + other) if one + other > 0 else 0.0


def worst_group_accuracy(hit: npt.NDArray[np.bool_], groups: npt.NDArray[np.int64]) -> float:
    """Returns the lowest accuracy of all groups that have rows.

    Args:
        hit: bool (n,), whether each row is predicted correctly.
        groups: int64 (n,), group of each row, from 0.
    """
    rows = np.bincount(groups)
    hits = np.bincount(groups, weights=hit)
    return float((hits[rows > 0] / rows[rows > 0]).min())


def confidence_bins(table: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Returns the bin of each row's confidence (its highest probability), int64 (n,); equal widths from 0 to 1."""
    bins: npt.NDArray[np.int64] = (table.max(axis=1) * CALIBRATION_BINS).astype(np.int64)
    return np.minimum(bins, CALIBRATION_BINS - 1)


def area_under_time(values: Sequence[float]) -> float:
    """Returns the mean of a metric over consecutive time windows by the trapezoidal rule (AUT, Pendlebury et al. 2019).

    This is 1 / (N - 1) times the sum over k of (f(k) + f(k + 1)) / 2; the range of the metric is preserved.

    Args:
        values: the metric in each window, in chronological order; at least two.

    Raises:
        ValueError: there are fewer than two values.
    """
    if len(values) < 2:
        raise ValueError(f"an area under time requires at least two windows, not {len(values)}")
    return float(np.trapezoid(np.asarray(values, dtype=np.float64))) / (len(values) - 1)


def worst_draw(truth: npt.NDArray[np.int64], after: npt.NDArray[np.int64], draws: int) -> npt.NDArray[np.int64]:
    """For each row, returns the first wrong prediction among its draws, or the true class if all draws are correct.

    Args:
        truth: int64 (draws * rows,), true classes; the draws lie one after the other, with the same rows in each.
        after: int64 (draws * rows,), predicted classes.
        draws: number of draws.

    Returns:
        int64 (rows,).
    """
    one = truth[: len(truth) // draws]
    by_draw = after.reshape(draws, -1)
    wrong = by_draw != one
    # argmax of a Boolean array is the first True, or 0 if there is none, which np.where then ignores.
    return np.where(wrong.any(axis=0), by_draw[wrong.argmax(axis=0), np.arange(len(one))], one)


def occlusion(
    whole: npt.NDArray[np.float32], without: npt.NDArray[np.float32], alone: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Measures by occlusion which part of the payload each prediction depends on (Zeiler and Fergus 2014).

    The importance of the attack is the decrease of the predicted class's probability when the attack is removed; that
    of the carrier is the decrease when only the attack remains.

    Args:
        whole, without, alone: float32 (n, classes), class probabilities for the payload, for the payload without its
            attack, and for the attack alone.

    Returns:
        The decreases, float64 (n,), for the attack and for the carrier; 0 where the probability increases.
    """
    rows = np.arange(len(whole))
    guess = whole.argmax(axis=1)
    attack, carrier = (np.maximum(whole[rows, guess] - table[rows, guess], 0) for table in (without, alone))
    return attack.astype(np.float64), carrier.astype(np.float64)


def share_of(attack: float, carrier: float) -> float:
    """Returns attack / (attack + carrier), or one half if both are 0."""
    return attack / (attack + carrier) if attack + carrier > 0 else 0.5
