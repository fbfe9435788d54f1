"""Zero-shot: how much unseen classes are to be favoured, found on training classes that play their part."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch

from harness import Context, Descriptions, TrainingData, metrics

from .scorers import Prototypes
from .training import TorchPredictor

HELD_OUT = 3  # every third seen class plays an unseen one
PENALTIES = np.linspace(0.0, 1.0, 41)  # of cosines


def classes_of(train: TrainingData, context: Context) -> npt.NDArray[np.int64]:
    """Returns the classes that have a training row, int64, ascending."""
    return np.flatnonzero(np.bincount(train.labels, minlength=len(context.classes)))


def calibrated(
    fit: Callable[[TrainingData, TrainingData], TorchPredictor],
    train: TrainingData,
    validation: TrainingData,
    context: Context,
) -> TorchPredictor:
    """Fits twice: without some of the seen classes, to find the penalty on classes that were trained, and with them.

    Calibrated stacking (Chao et al. 2016, arXiv 1605.04253), its constant chosen by the harmonic mean on validation.

    Args:
        fit: trains on the first and validates on the second that it is given.
        train: rows of the seen classes.
        validation: rows of the seen classes.
        context: seed and classes.
    """
    seen = classes_of(train, context)
    playing = np.random.default_rng(context.seed).permutation(seen)[::HELD_OUT]
    rest = np.setdiff1d(seen, playing)
    penalty = 0.0
    if len(rest) > 1 and np.isin(validation.labels, playing).any() and np.isin(validation.labels, rest).any():
        inner = fit(without(train, playing), without(validation, playing))
        penalty = _best_penalty(inner.scores(validation.payloads), _scale(inner), validation.labels, rest, playing)
    predictor = fit(train, validation)
    scorer = predictor.scorer
    assert isinstance(scorer, Prototypes)
    scorer.penalty[torch.from_numpy(seen)] = penalty
    return predictor


def _scale(predictor: TorchPredictor) -> float:
    scorer = predictor.scorer
    assert isinstance(scorer, Prototypes)
    return float(scorer.scale)


def without(data: TrainingData, classes: npt.NDArray[np.int64]) -> TrainingData:
    """Returns the rows, and the texts, of all other classes."""
    kept = np.flatnonzero(~np.isin(data.labels, classes))
    texts = data.descriptions
    if texts is not None:
        stays = ~np.isin(texts.labels, classes)
        place = np.where(stays, np.cumsum(stays) - 1, -1)
        of_row = np.where(texts.of_row >= 0, place[texts.of_row], -1)[kept]
        left = tuple(text for text, stay in zip(texts.texts, stays.tolist(), strict=True) if stay)
        texts = Descriptions(left, texts.labels[stays], of_row)
    spans = None if data.spans is None else tuple(data.spans[i] for i in kept)
    return TrainingData(data.payloads.take(kept), data.labels[kept], texts, spans=spans)


def _best_penalty(
    scores: npt.NDArray[np.float32],
    scale: float,
    labels: npt.NDArray[np.int64],
    trained: npt.NDArray[np.int64],
    playing: npt.NDArray[np.int64],
) -> float:
    """Returns the least penalty with the highest harmonic mean of both sides' mean recall."""
    candidates = np.concatenate([trained, playing])
    best = (-1.0, 0.0)
    for penalty in PENALTIES.tolist():
        shifted = scores.copy()
        shifted[:, trained] -= np.float32(scale * penalty)
        guess = candidates[shifted[:, candidates].argmax(axis=1)]
        recall = {c: float((guess[labels == c] == c).mean()) for c in candidates.tolist() if (labels == c).any()}
        sides = [np.mean([recall[c] for c in side.tolist() if c in recall]) for side in (trained, playing)]
        best = max(best, (metrics.harmonic_mean(float(sides[0]), float(sides[1])), -penalty))
    return -best[1]
