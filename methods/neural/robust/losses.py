"""Penalties over environments (IRM, V-REx, CORAL), and contrast across a first model's predictions; all are scalars."""

import itertools
from collections.abc import Sequence

import torch
from torch.nn import functional


def irm_penalty(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Squared gradient of one environment's loss with respect to a factor on its scores (IRMv1).

    Arjovsky et al. 2019, arXiv 1907.02893. The square is estimated by the product of the gradients of two halves of the
    batch. Squaring one gradient would be biased by its variance; the expectation of the product is the square of the
    expected gradient. Each half needs a row.

    Args:
        scores: float32 (n, classes), n >= 2.
        labels: int64 (n,).
    """
    scale = torch.ones((), device=scores.device, requires_grad=True)
    halves = [functional.cross_entropy(scores[k::2] * scale, labels[k::2]) for k in (0, 1)]
    first, second = (torch.autograd.grad(half, scale, create_graph=True)[0] for half in halves)
    return first * second


def variance_penalty(losses: Sequence[torch.Tensor]) -> torch.Tensor:
    """Population variance of the environments' losses (V-REx, Krueger et al. 2021, arXiv 2003.00688)."""
    stacked = torch.stack(list(losses))
    return (stacked - stacked.mean()).square().mean()


def coral_penalty(vectors: Sequence[torch.Tensor]) -> torch.Tensor:
    """Mean squared difference of feature means and covariances, averaged over pairs of environments.

    Deep CORAL (Sun and Saenko 2016, arXiv 1607.01719); the term on means is from DomainBed (arXiv 2007.01434). Zero for
    fewer than two environments.

    Args:
        vectors: per environment float32 (n, width), n >= 2.
    """
    moments = [(v.mean(dim=0), torch.cov(v.T).reshape(v.shape[1], v.shape[1])) for v in vectors]
    pairs = list(itertools.combinations(moments, 2))
    if not pairs:
        return vectors[0].sum() * 0.0
    distances = [(a - b).square().mean() + (c - d).square().mean() for (a, c), (b, d) in pairs]
    return torch.stack(distances).mean()


def guess_contrast(
    vectors: torch.Tensor, labels: torch.Tensor, guesses: torch.Tensor, temperature: float
) -> torch.Tensor:
    """Supervised contrast within a batch across a first model's predictions (Zhang et al. 2022, arXiv 2203.01517).

    Positives of an anchor are rows of its class with another prediction; negatives are rows of other classes with the
    same prediction; all other rows are left out. Anchors without a positive are left out of the mean.

    Args:
        vectors: float32 (n, width), unit length.
        labels: int64 (n,), classes.
        guesses: int64 (n,), the classes that the first model predicted.
        temperature: of the similarities.
    """
    same_class, same_guess = labels[:, None] == labels[None, :], guesses[:, None] == guesses[None, :]
    positive, negative = same_class & ~same_guess, ~same_class & same_guess
    usable = positive.any(dim=1)
    if not usable.any():
        return vectors.sum() * 0.0
    logits = (vectors @ vectors.T / temperature).masked_fill(~(positive | negative), -torch.inf)[usable]
    positive = positive[usable]
    log_probability = torch.log_softmax(logits, dim=1).masked_fill(~positive, 0.0)
    return (-log_probability.sum(1) / positive.sum(1)).mean()
