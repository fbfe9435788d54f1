"""Scorers: modules from payload vectors to class scores; the part of a head that prediction uses and that is saved."""

from typing import Any, ClassVar, cast

import torch
from torch import nn
from torch.nn import functional

from harness import Categorical, Float, Int, Space

_SHORTEST = 1e-12  # shorter vectors count as this long, so that nothing is divided by zero
WIDE, RANK = 4096, 64  # wider vectors, as of n-grams, are mapped through so many dimensions


def projection(width: int, size: int) -> nn.Module:
    """Returns a linear map between vectors of two widths.

    From wide vectors it has a low rank: on 65,536 hashed n-grams a step with the full map takes 12 times as long, with
    no better macro-F1 on the pilot CVEs.
    """
    if width <= WIDE:
        return nn.Linear(width, size)
    return nn.Sequential(nn.Linear(width, RANK, bias=False), nn.Linear(RANK, size))


class Scorer(nn.Module):
    """A module from vectors to class scores, the logits of the probabilities.

    Attributes:
        arguments: of the constructor, plain values, so that a saved scorer can be built again.
        KINDS: all subclasses by name.
        LIMITS: ranges of the arguments besides ``width`` and ``classes`` that a saved scorer may have.
    """

    KINDS: ClassVar[dict[str, type["Scorer"]]] = {}
    LIMITS: ClassVar[Space] = {}

    def __init_subclass__(cls) -> None:
        Scorer.KINDS[cls.__name__] = cls

    def __init__(self, **arguments: Any) -> None:
        super().__init__()
        self.arguments = arguments

    def check(self) -> None:
        """Checks the values of weights that were read from a file.

        Raises:
            ValueError: a value cannot be used.
        """


class Linear(Scorer):
    """A linear classifier.

    Args:
        width: of the vectors.
        classes: number of classes.
        length: vectors are scaled to this length first; 0 leaves them unchanged.
    """

    LIMITS: ClassVar[Space] = {"length": Float(0, 1000, default=0)}

    def __init__(self, width: int, classes: int, length: float = 0.0) -> None:
        super().__init__(width=width, classes=classes, length=length)
        self.linear = nn.Linear(width, classes)
        self.length = length

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """Returns logits (n, classes)."""
        return self.classify(vectors)

    def classify(self, vectors: torch.Tensor) -> torch.Tensor:
        """Returns logits (n, classes) of vectors of the classifier's own width."""
        if not self.length:
            return cast(torch.Tensor, self.linear(vectors))
        # Scores are scaled in place of vectors, which are many times wider.
        scale = self.length / torch.linalg.vector_norm(vectors, dim=1, keepdim=True).clamp(min=_SHORTEST)
        return cast(torch.Tensor, functional.linear(vectors, self.linear.weight) * scale + self.linear.bias)


class ProjectedLinear(Linear):
    """A linear classifier on vectors that are projected to another width first, that of texts it classifies too.

    Args:
        width: of the vectors.
        classes: number of classes.
        size: width of the projected vectors.
        length: see `Linear`.
    """

    LIMITS: ClassVar[Space] = {"size": Int(1, 2**16, default=1), **Linear.LIMITS}

    def __init__(self, width: int, classes: int, size: int, length: float = 0.0) -> None:
        super().__init__(size, classes, length)
        self.arguments = {"width": width, "classes": classes, "size": size, "length": length}
        self.project = projection(width, size)

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """Returns logits (n, classes)."""
        return self.classify(self.project(vectors))


class Prototypes(Scorer):
    """Scores a class by the nearest of its prototypes.

    Args:
        width: width of payload vectors.
        size: width of prototypes.
        count: number of prototypes.
        classes: number of classes; each has at least one prototype.
        projected: whether a linear map is applied to payload vectors first; without it ``width`` must equal ``size``.
    """

    LIMITS: ClassVar[Space] = {
        "size": Int(1, 2**16, default=1),
        "count": Int(1, 2**31, default=1),
        "projected": Categorical((False, True), default=False),
    }

    prototypes: torch.Tensor
    owner: torch.Tensor
    scale: torch.Tensor
    penalty: torch.Tensor

    def __init__(self, width: int, size: int, count: int, classes: int, projected: bool) -> None:
        super().__init__(width=width, size=size, count=count, classes=classes, projected=projected)
        if not projected and width != size:
            raise ValueError(
                f"without a projection, prototypes must be as wide as payload vectors ({width}), not {size}"
            )
        self.classes = classes
        self.project = projection(width, size) if projected else nn.Identity()
        self.register_buffer("prototypes", torch.zeros(count, size))
        self.register_buffer("owner", torch.zeros(count, dtype=torch.long))
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("penalty", torch.zeros(classes))

    def check(self) -> None:
        """See `Scorer.check`."""
        if int(self.owner.min()) < 0 or int(self.owner.max()) >= self.classes:
            raise ValueError(f"the array owner has a class outside 0 to {self.classes - 1}")

    def set(self, prototypes: torch.Tensor, owner: torch.Tensor) -> None:
        """Sets the prototypes, float32 (count, size), unit length, and their classes, int64 (count,)."""
        self.prototypes.copy_(prototypes)
        self.owner.copy_(owner)

    def unit(self, vectors: torch.Tensor) -> torch.Tensor:
        """Returns payload vectors in the space of the prototypes, unit length, float32 (n, size)."""
        return functional.normalize(self.project(vectors), dim=1)

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """Returns the scaled cosine similarity with each class's nearest prototype, minus the class's penalty.

        On unit vectors this ranks classes as the negative squared distance does.
        """
        similarity = self.unit(vectors) @ self.prototypes.T
        best = torch.full((len(vectors), self.classes), -1.0, device=vectors.device)
        index = self.owner.expand(len(vectors), -1)
        best = best.scatter_reduce(1, index, similarity, reduce="amax", include_self=True)
        return self.scale * (best - self.penalty)
