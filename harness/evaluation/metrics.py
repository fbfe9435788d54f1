"""Metrics, as functions of plain arrays."""

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
