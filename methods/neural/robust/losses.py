"""Penalties over environments, and contrast across what a first model got wrong; all scalars."""

import itertools
from collections.abc import Sequence

import torch
from torch.nn import functional


def invariance(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Squared gradient norm of one environment's loss with respect to a scale of its scores (IRMv1).

    Arjovsky et al. 2019, arXiv 1907.02893. The square is the product of two halves' gradients, which makes its
    expectation over batches the square of the expected gradient; each half needs a row.

    Args:
        scores: float32 (n, classes), n >= 2.
        labels: int64 (n,).
    """
    scale = torch.ones((), device=scores.device, requires_grad=True)
    halves = [functional.cross_entropy(scores[k::2] * scale, labels[k::2]) for k in (0, 1)]
    first, second = (torch.autograd.grad(half, scale, create_graph=True)[0] for half in halves)
    return first * second


def variance(losses: Sequence[torch.Tensor]) -> torch.Tensor:
    """Variance of the environments' losses, over their number (Krueger et al. 2021, arXiv 2003.00688)."""
    stacked = torch.stack(list(losses))
    return (stacked - stacked.mean()).square().mean()


def alignment(vectors: Sequence[torch.Tensor]) -> torch.Tensor:
    """Mean squared difference of means and of covariances, over pairs of environments.

    Deep CORAL (Sun and Saenko 2016, arXiv 1607.01719), with the means as in DomainBed (arXiv 2007.01434). Zero where
    there are fewer than two environments.

    Args:
        vectors: per environment float32 (n, width), n >= 2.
    """
    moments = [(v.mean(dim=0), torch.cov(v.T).reshape(v.shape[1], v.shape[1])) for v in vectors]
    pairs = list(itertools.combinations(moments, 2))
    if not pairs:
        return vectors[0].sum() * 0.0
    apart = [(a - b).square().mean() + (c - d).square().mean() for (a, c), (b, d) in pairs]
    return torch.stack(apart).mean()


def across(vectors: torch.Tensor, labels: torch.Tensor, guesses: torch.Tensor, temperature: float) -> torch.Tensor:
    """Supervised contrast within a batch across a first model's guesses (Zhang et al. 2022, arXiv 2203.01517).

    Rows of the same class that were guessed otherwise are pulled together; those of other classes that were guessed
    alike are pushed apart; all others are left out. Anchors without a positive take no part in the mean.

    Args:
        vectors: float32 (n, width), unit length.
        labels: int64 (n,), classes.
        guesses: int64 (n,), the classes that the first model took them for.
        temperature: of the similarities.
    """
    same, alike = labels[:, None] == labels[None, :], guesses[:, None] == guesses[None, :]
    positive, negative = same & ~alike, ~same & alike
    usable = positive.any(dim=1)
    if not usable.any():
        return vectors.sum() * 0.0
    logits = (vectors @ vectors.T / temperature).masked_fill(~(positive | negative), -torch.inf)[usable]
    positive = positive[usable]
    chance = torch.log_softmax(logits, dim=1).masked_fill(~positive, 0.0)
    return (-chance.sum(1) / positive.sum(1)).mean()
