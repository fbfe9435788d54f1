"""Heads of the robust family: a linear classifier whose training weighs groups or compares environments."""

import torch
from torch.nn import functional

from ..heads import CrossEntropyHead
from . import losses
from .sampling import LEAST


class GroupDROHead(CrossEntropyHead):
    """Cross-entropy of the groups, each weighed by how badly it has gone so far (Sagawa et al. 2020).

    Args:
        width, classes: see `CrossEntropyHead`.
        groups: int64 (training rows,).
        rate: of the exponential ascent on the weights.
        adjustment: C of the term C / sqrt(rows of the group), which is added to a group's loss: small groups generalise
            worse than they train.
    """

    groups: torch.Tensor
    weights: torch.Tensor
    extra: torch.Tensor

    def __init__(self, width: int, classes: int, groups: torch.Tensor, rate: float, adjustment: float) -> None:
        super().__init__(width, classes)
        rows = torch.bincount(groups)
        self.rate = rate
        self.register_buffer("groups", groups, persistent=False)
        self.register_buffer("weights", (rows > 0) / (rows > 0).sum(), persistent=False)
        self.register_buffer("extra", adjustment / rows.clamp(min=1).sqrt(), persistent=False)

    def loss(self, vectors: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """See `Head.loss`; groups without a row in the batch keep their weight but for the normalisation."""
        each = functional.cross_entropy(self.scorer(vectors), labels, reduction="none")
        group = self.groups[rows]
        count = torch.bincount(group, minlength=len(self.weights))
        there = count > 0
        mean = torch.zeros_like(self.weights).index_add(0, group, each) / count.clamp(min=1)
        mean = torch.where(there, mean + self.extra, 0.0)
        grown = self.weights * torch.exp(self.rate * mean.detach())
        self.weights.copy_(grown / grown.sum())
        return (self.weights * mean).sum()


class EnvironmentHead(CrossEntropyHead):
    """Cross-entropy and a penalty on how far environments differ; by itself without one.

    Args:
        width, classes: see `CrossEntropyHead`.
        environments: int64 (training rows,).
        weight: of the penalty.
        begins: step from which it counts so much; before, it counts `EARLY`, as in DomainBed.
    """

    EARLY = 1.0
    environments: torch.Tensor

    def __init__(
        self, width: int, classes: int, environments: torch.Tensor, weight: float = 0.0, begins: int = 0
    ) -> None:
        super().__init__(width, classes)
        self.weight, self.begins, self.steps = weight, begins, 0
        self.register_buffer("environments", environments, persistent=False)

    def loss(self, vectors: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Returns the mean over environments of the cross-entropy, and the penalty.

        An environment with fewer than two rows in the batch has no part in either.
        """
        environment = self.environments[rows]
        members = [environment == e for e in torch.unique(environment)]
        members = [rows_of for rows_of in members if int(rows_of.sum()) >= LEAST] or [torch.ones_like(members[0])]
        scores = self.scorer(vectors)
        each = [functional.cross_entropy(scores[m], labels[m]) for m in members]
        weight = self.weight if self.steps >= self.begins else self.EARLY
        self.steps += 1
        penalty = self.penalty([vectors[m] for m in members], [scores[m] for m in members],
                               [labels[m] for m in members], each)  # fmt: skip
        return torch.stack(each).mean() + weight * penalty

    def renews(self) -> bool:
        """At the step from which the penalty counts in full: Adam's moments are those of another loss."""
        return self.steps == self.begins + 1

    def pending(self) -> bool:
        """Until the penalty counts in full."""
        return self.steps <= self.begins

    def penalty(
        self,
        vectors: list[torch.Tensor],
        scores: list[torch.Tensor],
        labels: list[torch.Tensor],
        each: list[torch.Tensor],
    ) -> torch.Tensor:
        """Returns the penalty from what each environment has in the batch; ``each`` are its cross-entropies."""
        return vectors[0].new_zeros(())


class IRMHead(EnvironmentHead):
    """See `losses.invariance`."""

    def penalty(
        self,
        vectors: list[torch.Tensor],
        scores: list[torch.Tensor],
        labels: list[torch.Tensor],
        each: list[torch.Tensor],
    ) -> torch.Tensor:
        """See `EnvironmentHead.penalty`."""
        parts = [losses.invariance(s, y) for s, y in zip(scores, labels, strict=True) if len(y) >= LEAST]
        return torch.stack(parts).mean() if parts else vectors[0].sum() * 0.0


class VRExHead(EnvironmentHead):
    """See `losses.variance`."""

    def penalty(
        self,
        vectors: list[torch.Tensor],
        scores: list[torch.Tensor],
        labels: list[torch.Tensor],
        each: list[torch.Tensor],
    ) -> torch.Tensor:
        """See `EnvironmentHead.penalty`."""
        return losses.variance(each)


class CoralHead(EnvironmentHead):
    """See `losses.alignment`."""

    def penalty(
        self,
        vectors: list[torch.Tensor],
        scores: list[torch.Tensor],
        labels: list[torch.Tensor],
        each: list[torch.Tensor],
    ) -> torch.Tensor:
        """See `EnvironmentHead.penalty`."""
        return losses.alignment(vectors)


class AcrossHead(CrossEntropyHead):
    """Cross-entropy and contrast across a first model's guesses; see `losses.across`.

    Args:
        width, classes: see `CrossEntropyHead`.
        guesses: int64 (training rows,).
        share: of the contrast in the loss.
        temperature: of the contrast.
    """

    guesses: torch.Tensor

    def __init__(self, width: int, classes: int, guesses: torch.Tensor, share: float, temperature: float) -> None:
        super().__init__(width, classes)
        self.share, self.temperature = share, temperature
        self.register_buffer("guesses", guesses, persistent=False)

    def loss(self, vectors: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """See `Head.loss`."""
        unit = functional.normalize(vectors, dim=1)
        contrast = losses.across(unit, labels, self.guesses[rows], self.temperature)
        return self.share * contrast + (1 - self.share) * super().loss(vectors, labels, rows)
