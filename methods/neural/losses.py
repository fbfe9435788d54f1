"""Losses on vectors. Logits are similarities with targets; a row without a positive takes no part in a mean."""

import torch
from torch.nn import functional


def infonce(logits: torch.Tensor, positive: torch.Tensor, ignored: torch.Tensor) -> torch.Tensor:
    """Multi-positive InfoNCE (Khosla et al. 2020, arXiv 2004.11362; the sum over positives inside the logarithm).

    Args:
        logits: float32 (n, targets).
        positive: bool (n, targets).
        ignored: bool (n, targets), targets that are neither pulled nor pushed.

    Returns:
        The mean over rows of -log(mass on positives).
    """
    has_one = positive.any(dim=1)
    if not has_one.any():
        return logits.sum() * 0.0
    logits = logits.masked_fill(ignored & ~positive, -torch.inf)[has_one]
    mass = torch.logsumexp(logits.masked_fill(~positive[has_one], -torch.inf), dim=1)
    return (torch.logsumexp(logits, dim=1) - mass).mean()


def sigmoid(logits: torch.Tensor, positive: torch.Tensor, ignored: torch.Tensor) -> torch.Tensor:
    """Pairwise sigmoid loss (Zhai et al. 2023, arXiv 2303.15343): each pair is a match or none; arguments as `infonce`.

    Returns:
        The mean over rows of the sum over targets.
    """
    pairs = functional.binary_cross_entropy_with_logits(logits, positive.float(), reduction="none")
    return pairs.masked_fill(ignored & ~positive, 0.0).sum(1).mean()


def squared_distance(vectors: torch.Tensor, texts: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    """Mean squared distance between unit vectors and their own text (arXiv 2603.20181).

    Args:
        vectors: float32 (n, width), unit length.
        texts: float32 (m, width), unit length.
        own: int64 (n,), -1 where a row has none.
    """
    known = own >= 0
    if not known.any():
        return vectors.sum() * 0.0
    return (vectors[known] - texts[own[known]]).square().sum(1).mean()


def margin(vectors: torch.Tensor, near: torch.Tensor, far: torch.Tensor, least: float) -> torch.Tensor:
    """Hinge on cosine similarity: each unit vector is to be nearer to ``near`` than to ``far`` by ``least``."""
    if not len(vectors):
        return vectors.sum() * 0.0
    return functional.relu((vectors * far).sum(1) - (vectors * near).sum(1) + least).mean()


def triplet(vectors: torch.Tensor, labels: torch.Tensor, least: float) -> torch.Tensor:
    """Batch-hard triplet loss on unit vectors (Hermans et al. 2017, arXiv 1703.07737).

    Anchors without another row of their class, or without a row of another class, take no part.
    """
    distance = torch.cdist(vectors, vectors)
    same = labels[:, None] == labels[None, :]
    other_self = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    usable = other_self.any(dim=1) & (~same).any(dim=1)
    if not usable.any():
        return vectors.sum() * 0.0
    hardest_positive = distance.masked_fill(~other_self, -torch.inf).amax(dim=1)
    hardest_negative = distance.masked_fill(same, torch.inf).amin(dim=1)
    return functional.relu(hardest_positive - hardest_negative + least)[usable].mean()


def supervised_contrast(vectors: torch.Tensor, labels: torch.Tensor, temperature: float) -> torch.Tensor:
    """Supervised contrastive loss within a batch of unit vectors (Khosla et al. 2020, arXiv 2004.11362, L_out).

    Anchors without another row of their class take no part in the mean.
    """
    itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    logits = (vectors @ vectors.T / temperature).masked_fill(itself, -torch.inf)
    positive = (labels[:, None] == labels[None, :]) & ~itself
    usable = positive.any(dim=1)
    if not usable.any():
        return vectors.sum() * 0.0
    chance = torch.log_softmax(logits, dim=1).masked_fill(~positive, 0.0)[usable]
    return (-chance.sum(1) / positive[usable].sum(1)).mean()
