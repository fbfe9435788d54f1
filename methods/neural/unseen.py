"""Zero-shot calibration: a penalty on the scores of trained classes, so that unseen classes are predicted at all.

The penalty is chosen on some of the training classes that are left out of a first training to stand in for unseen ones.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch

from harness import Context, Descriptions, TrainingData, metrics

from .scorers import Prototypes
from .training import TorchPredictor

STAND_IN_STEP = 3  # every third training class stands in for an unseen one
PENALTIES = np.linspace(0.0, 1.0, 41)  # subtracted from cosine similarities


def training_classes(train: TrainingData, context: Context) -> npt.NDArray[np.int64]:
    """Returns the classes that have a training row, int64, ascending."""
    return np.flatnonzero(np.bincount(train.labels, minlength=len(context.classes)))


def fit_calibrated(
    fit: Callable[[TrainingData, TrainingData], TorchPredictor],
    train: TrainingData,
    validation: TrainingData,
    context: Context,
) -> TorchPredictor:
    """Fits without the stand-in classes to choose the penalty, then with all classes; returns the second predictor.

    Calibrated stacking (Chao et al. 2016, arXiv 1605.04253); its constant maximises the harmonic mean on validation.

    Args:
        fit: fits a predictor on training data (first argument) and validation data (second).
        train: rows of the training classes.
        validation: rows of the training classes.
        context: its seed and classes are used.
    """
    classes = training_classes(train, context)
    stand_ins = np.random.default_rng(context.seed).permutation(classes)[::STAND_IN_STEP]
    rest = np.setdiff1d(classes, stand_ins)
    penalty = 0.0
    if len(rest) > 1 and np.isin(validation.labels, stand_ins).any() and np.isin(validation.labels, rest).any():
        inner = fit(without_classes(train, stand_ins), without_classes(validation, stand_ins))
        penalty = _best_penalty(inner.scores(validation.payloads), _scale(inner), validation.labels, rest, stand_ins)
    predictor = fit(train, validation)
    scorer = predictor.scorer
    assert isinstance(scorer, Prototypes)
    scorer.penalty[torch.from_numpy(classes).to(scorer.penalty.device)] = penalty
    return predictor


def _scale(predictor: TorchPredictor) -> float:
    scorer = predictor.scorer
    assert isinstance(scorer, Prototypes)
    return float(scorer.scale)


def without_classes(data: TrainingData, classes: npt.NDArray[np.int64]) -> TrainingData:
    """Returns the data without the rows and the texts of these classes."""
    rows = np.flatnonzero(~np.isin(data.labels, classes))
    descriptions = data.descriptions
    if descriptions is not None:
        mask = ~np.isin(descriptions.labels, classes)
        index = np.where(mask, np.cumsum(mask) - 1, -1)  # number of each text among those that remain
        of_row = np.where(descriptions.of_row >= 0, index[descriptions.of_row], -1)[rows]
        texts = tuple(text for text, remains in zip(descriptions.texts, mask.tolist(), strict=True) if remains)
        descriptions = Descriptions(texts, descriptions.labels[mask], of_row)
    spans = None if data.spans is None else tuple(data.spans[i] for i in rows)
    return TrainingData(data.payloads.take(rows), data.labels[rows], descriptions, spans=spans)


def _best_penalty(
    scores: npt.NDArray[np.float32],
    scale: float,
    labels: npt.NDArray[np.int64],
    rest: npt.NDArray[np.int64],
    stand_ins: npt.NDArray[np.int64],
) -> float:
    """Returns the smallest penalty with the highest harmonic mean of the mean recalls of both sets of classes."""
    candidates = np.concatenate([rest, stand_ins])
    best = (-1.0, 0.0)
    for penalty in PENALTIES.tolist():
        calibrated = scores.copy()
        calibrated[:, rest] -= np.float32(scale * penalty)
        guesses = candidates[calibrated[:, candidates].argmax(axis=1)]
        recall = {c: float((guesses[labels == c] == c).mean()) for c in candidates.tolist() if (labels == c).any()}
        means = [np.mean([recall[c] for c in part.tolist() if c in recall]) for part in (rest, stand_ins)]
        best = max(best, (metrics.harmonic_mean(float(means[0]), float(means[1])), -penalty))
    return -best[1]
