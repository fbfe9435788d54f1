"""Losses on vectors: multi-positive InfoNCE, pairwise sigmoid, squared distance, hinge, triplet, supervised contrast.

Logits are similarities with targets. Rows without a positive are left out of the mean; if no row has one, the loss is a
zero that still has a gradient, so that the training step needs no special case.
"""

import torch
from torch.nn import functional


def infonce(logits: torch.Tensor, positive: torch.Tensor, ignored: torch.Tensor) -> torch.Tensor:
    """Multi-positive InfoNCE (Khosla et al. 2020, arXiv 2004.11362; the sum over positives inside the logarithm).

    Args:
        logits: float32 (n, targets).
        positive: bool (n, targets).
        ignored: bool (n, targets), targets left out of the denominator unless they are positive.

    Returns:
        The mean over rows of -log(softmax probability of all positives together), scalar.
    """
    usable = positive.any(dim=1)
    if not usable.any():
        return logits.sum() * 0.0
    logits = logits.masked_fill(ignored & ~positive, -torch.inf)[usable]
    positive_mass = torch.logsumexp(logits.masked_fill(~positive[usable], -torch.inf), dim=1)
    return (torch.logsumexp(logits, dim=1) - positive_mass).mean()


def sigmoid(logits: torch.Tensor, positive: torch.Tensor, ignored: torch.Tensor) -> torch.Tensor:
    """Pairwise sigmoid loss: binary cross-entropy of match or no match (Zhai et al. 2023, arXiv 2303.15343).

    Arguments as `infonce`.

    Returns:
        The mean over rows of the sum over targets, scalar.
    """
    pairs = functional.binary_cross_entropy_with_logits(logits, positive.float(), reduction="none")
    return pairs.masked_fill(ignored & ~positive, 0.0).sum(1).mean()


def squared_distance(vectors: torch.Tensor, texts: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    """Mean squared distance between unit vectors and their own text (arXiv 2603.20181).

    Args:
        vectors: float32 (n, width), unit length.
        texts: float32 (m, width), unit length.
        own: int64 (n,), index of each row's text; -1 if it has none.
    """
    usable = own >= 0
    if not usable.any():
        return vectors.sum() * 0.0
    return (vectors[usable] - texts[own[usable]]).square().sum(1).mean()


def margin(vectors: torch.Tensor, near: torch.Tensor, far: torch.Tensor, least: float) -> torch.Tensor:
    """Hinge loss: zero if a unit vector's cosine with ``near`` exceeds its cosine with ``far`` by ``least``."""
    if not len(vectors):
        return vectors.sum() * 0.0
    return functional.relu((vectors * far).sum(1) - (vectors * near).sum(1) + least).mean()


def triplet(vectors: torch.Tensor, labels: torch.Tensor, least: float) -> torch.Tensor:
    """Batch-hard triplet loss on unit vectors (Hermans et al. 2017, arXiv 1703.07737).

    Anchors without another row of their class, or without a row of another class, are left out of the mean. ``least``
    is the margin.
    """
    distance = torch.cdist(vectors, vectors)
    same = labels[:, None] == labels[None, :]
    positive = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    usable = positive.any(dim=1) & (~same).any(dim=1)
    if not usable.any():
        return vectors.sum() * 0.0
    hardest_positive = distance.masked_fill(~positive, -torch.inf).amax(dim=1)
    hardest_negative = distance.masked_fill(same, torch.inf).amin(dim=1)
    return functional.relu(hardest_positive - hardest_negative + least)[usable].mean()


def supervised_contrast(vectors: torch.Tensor, labels: torch.Tensor, temperature: float) -> torch.Tensor:
    """Supervised contrastive loss within a batch of unit vectors (Khosla et al. 2020, arXiv 2004.11362, L_out).

    Anchors without another row of their class are left out of the mean.
    """
    itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    logits = (vectors @ vectors.T / temperature).masked_fill(itself, -torch.inf)
    positive = (labels[:, None] == labels[None, :]) & ~itself
    usable = positive.any(dim=1)
    if not usable.any():
        return vectors.sum() * 0.0
    log_probability = torch.log_softmax(logits, dim=1).masked_fill(~positive, 0.0)[usable]
    return (-log_probability.sum(1) / positive[usable].sum(1)).mean()
