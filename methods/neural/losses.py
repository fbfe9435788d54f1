"""Heads and losses: from a payload's vector to a loss in training, and to class scores in prediction."""

from typing import cast

import torch
from torch import nn
from torch.nn import functional


class CrossEntropyHead(nn.Module):
    """A linear classifier."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, classes)

    def loss(self, vectors: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Returns the mean cross-entropy."""
        return functional.cross_entropy(self.scores(vectors), labels)

    def scores(self, vectors: torch.Tensor) -> torch.Tensor:
        """Returns logits (n, classes)."""
        return cast(torch.Tensor, self.linear(vectors))


class _TextHead(nn.Module):
    """Common to the heads that align payloads with text: descriptions in training, class prototypes in prediction.

    Args:
        texts: float32 (m, width), embeddings of the training descriptions, unit length.
        text_labels: int64 (m,), their classes.
        of_row: int64 (training rows,), each row's description; -1 where it has none.
        prototypes: float32 (classes, width), what prediction compares with, unit length.
    """

    texts: torch.Tensor
    text_labels: torch.Tensor
    of_row: torch.Tensor
    prototypes: torch.Tensor

    def __init__(
        self, texts: torch.Tensor, text_labels: torch.Tensor, of_row: torch.Tensor, prototypes: torch.Tensor
    ) -> None:
        super().__init__()
        for name, tensor in (
            ("texts", texts), ("text_labels", text_labels), ("of_row", of_row), ("prototypes", prototypes)
        ):  # fmt: skip
            self.register_buffer(name, tensor, persistent=False)


class InfoNCEHead(_TextHead):
    """Multi-positive InfoNCE of each payload against all training descriptions (Khosla et al. 2020, arXiv 2004.11362).

    Args:
        temperature: of the softmax.
        same_class: whether descriptions of other CVEs of the class are positives too; otherwise they are masked, so
            that they are never pushed away.
        tensors: see `_TextHead`.
    """

    def __init__(self, temperature: float, same_class: bool, *tensors: torch.Tensor) -> None:
        super().__init__(*tensors)
        self.temperature, self.same_class = temperature, same_class

    def loss(self, vectors: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Returns the mean over rows of -log(mass on positives); rows without a positive take no part."""
        logits = functional.normalize(vectors, dim=1) @ self.texts.T / self.temperature
        of_class = labels[:, None] == self.text_labels[None, :]
        own = self.of_row[rows][:, None] == torch.arange(len(self.texts), device=vectors.device)[None, :]
        positive = own | of_class if self.same_class else own
        logits = logits.masked_fill(of_class & ~positive, -torch.inf)
        has_one = positive.any(dim=1)
        if not has_one.any():
            return vectors.sum() * 0.0
        mass = torch.logsumexp(logits.masked_fill(~positive, -torch.inf)[has_one], dim=1)
        return (torch.logsumexp(logits[has_one], dim=1) - mass).mean()

    def scores(self, vectors: torch.Tensor) -> torch.Tensor:
        """Returns cosine similarity with each prototype over the temperature."""
        return functional.normalize(vectors, dim=1) @ self.prototypes.T / self.temperature


class SquaredDistanceHead(_TextHead):
    """Squared distance between a payload's vector and its description's; the nearest anchor names the class."""

    SHARPNESS = 10.0  # of the softmax over negative squared distances, which leaves the order as it is

    def loss(self, vectors: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Returns the mean squared distance over rows that have a description."""
        index = self.of_row[rows]
        known = index >= 0
        if not known.any():
            return vectors.sum() * 0.0
        unit = functional.normalize(vectors[known], dim=1)
        return (unit - self.texts[index[known]]).square().sum(1).mean()

    def scores(self, vectors: torch.Tensor) -> torch.Tensor:
        """Returns the negative squared distance to each prototype, sharpened."""
        unit = functional.normalize(vectors, dim=1)
        return -self.SHARPNESS * torch.cdist(unit, self.prototypes).square()


class TripletHead(nn.Module):
    """Pulls texts of a class together and pushes the others away; it scores nothing."""

    MARGIN = 0.3

    def loss(self, vectors: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Returns the batch-hard triplet loss."""
        return triplet(functional.normalize(vectors, dim=1), labels, self.MARGIN)


def triplet(vectors: torch.Tensor, labels: torch.Tensor, margin: float) -> torch.Tensor:
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
    return functional.relu(hardest_positive - hardest_negative + margin)[usable].mean()
