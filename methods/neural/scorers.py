"""Scorers: from a payload's vector to class scores. They are what prediction needs of a head, and what is saved."""

from typing import Any, ClassVar, cast

import torch
from torch import nn
from torch.nn import functional


class Scorer(nn.Module):
    """A module from vectors to class scores, whose softmax are the probabilities; its arguments are plain values."""

    KINDS: ClassVar[dict[str, type["Scorer"]]] = {}

    def __init_subclass__(cls) -> None:
        Scorer.KINDS[cls.__name__] = cls

    def __init__(self, **arguments: Any) -> None:
        super().__init__()
        self.arguments = arguments


class Linear(Scorer):
    """A linear classifier.

    Args:
        width: of the vectors.
        classes: number of classes.
        length: vectors are brought to this length first; 0 leaves them as they are.
    """

    def __init__(self, width: int, classes: int, length: float = 0.0) -> None:
        super().__init__(width=width, classes=classes, length=length)
        self.linear = nn.Linear(width, classes)
        self.length = length

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """Returns logits (n, classes)."""
        if self.length:
            vectors = functional.normalize(vectors, dim=1) * self.length
        return cast(torch.Tensor, self.linear(vectors))


class Prototypes(Scorer):
    """Scores a class by the nearest of its prototypes.

    Args:
        width: of payload vectors.
        size: of prototypes.
        count: of prototypes.
        classes: number of classes; each has a prototype.
        projected: whether payload vectors pass a linear map first; without it both widths are the same.
    """

    prototypes: torch.Tensor
    owner: torch.Tensor
    scale: torch.Tensor
    penalty: torch.Tensor

    def __init__(self, width: int, size: int, count: int, classes: int, projected: bool) -> None:
        super().__init__(width=width, size=size, count=count, classes=classes, projected=projected)
        self.classes = classes
        self.project = nn.Linear(width, size) if projected else nn.Identity()
        self.register_buffer("prototypes", torch.zeros(count, size))
        self.register_buffer("owner", torch.zeros(count, dtype=torch.long))
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("penalty", torch.zeros(classes))

    def set(self, prototypes: torch.Tensor, owner: torch.Tensor) -> None:
        """Takes the prototypes, float32 (count, size), unit length, and their classes, int64 (count,)."""
        self.prototypes.copy_(prototypes)
        self.owner.copy_(owner)

    def unit(self, vectors: torch.Tensor) -> torch.Tensor:
        """Returns payload vectors in the space of the prototypes, unit length, float32 (n, size)."""
        return functional.normalize(self.project(vectors), dim=1)

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """Returns scaled cosine similarity with each class's nearest prototype, less the class's penalty.

        On unit vectors the order is that of negative squared distances.
        """
        similarity = self.unit(vectors) @ self.prototypes.T
        best = torch.full((len(vectors), self.classes), -1.0, device=vectors.device)
        index = self.owner.expand(len(vectors), -1)
        best = best.scatter_reduce(1, index, similarity, reduce="amax", include_self=True)
        return self.scale * (best - self.penalty)
