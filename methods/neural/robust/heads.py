"""Heads of the robust methods: linear classifiers trained with group weights, environment penalties or contrast."""

from typing import cast

import torch
from torch.nn import functional

from ..heads import CrossEntropyHead
from ..scorers import Linear
from . import losses
from .sampling import MIN_ENVIRONMENT_ROWS


class GroupDROHead(CrossEntropyHead):
    """Weighted sum of the groups' cross-entropies; groups with a high loss gain weight (Sagawa et al. 2020).

    Args:
        width, classes, length: see `CrossEntropyHead`.
        groups: int64 (training rows,).
        rate: step size of the exponentiated-gradient ascent on the weights.
        adjustment: C in C / sqrt(rows of the group), which is added to a group's loss, since the generalisation gap of
            small groups is larger.
    """

    groups: torch.Tensor
    weights: torch.Tensor
    adjustments: torch.Tensor

    def __init__(
        self, width: int, classes: int, groups: torch.Tensor, rate: float, adjustment: float, length: float = 0.0
    ) -> None:
        super().__init__(width, classes, length)
        rows = torch.bincount(groups)
        self.rate = rate
        self.register_buffer("groups", groups, persistent=False)
        self.register_buffer("weights", (rows > 0) / (rows > 0).sum(), persistent=False)
        self.register_buffer("adjustments", adjustment / rows.clamp(min=1).sqrt(), persistent=False)

    def loss(self, vectors: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """See `Head.loss`; the weights of groups without a row in the batch change only by the normalisation."""
        row_losses = functional.cross_entropy(self.scorer(vectors), labels, reduction="none")
        group = self.groups[rows]
        count = torch.bincount(group, minlength=len(self.weights))
        present = count > 0
        mean = torch.zeros_like(self.weights).index_add(0, group, row_losses) / count.clamp(min=1)
        mean = torch.where(present, mean + self.adjustments, 0.0)
        # Weights take an ascent step first and are constants in the loss, hence detach().
        unnormalised = self.weights * torch.exp(self.rate * mean.detach())
        self.weights.copy_(unnormalised / unnormalised.sum())
        return (self.weights * mean).sum()


class EnvironmentHead(CrossEntropyHead):
    """Mean cross-entropy over environments plus a penalty on their differences; in this base class the penalty is zero.

    Args:
        width, classes, length: see `CrossEntropyHead`.
        environments: int64 (training rows,).
        weight: of the penalty, from ``start_step`` on.
        start_step: before this step the penalty has the weight `EARLY_WEIGHT`, as in DomainBed.
        begins: replaces ``start_step`` by this share of all steps, but by the last epoch at the latest, so that every
            configuration trains under the full penalty.
    """

    EARLY_WEIGHT = 1.0
    environments: torch.Tensor

    def __init__(
        self,
        width: int,
        classes: int,
        environments: torch.Tensor,
        weight: float = 0.0,
        start_step: int = 0,
        length: float = 0.0,
        begins: float | None = None,
    ) -> None:
        super().__init__(width, classes, length)
        self.weight, self.start_step, self.begins, self.steps = weight, start_step, begins, 0
        self.register_buffer("environments", environments, persistent=False)

    def loss(self, vectors: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Returns the mean over environments of the cross-entropy, plus the weighted penalty.

        Environments with fewer than two rows in the batch are left out of both; if that leaves none, the batch counts
        as one environment.
        """
        environment = self.environments[rows]
        present, counts = torch.unique(environment, return_counts=True)
        rows_of = counts.cpu().tolist()  # all at once, since reading a value waits for a GPU
        masks = [environment == e for e, n in zip(present, rows_of, strict=True) if n >= MIN_ENVIRONMENT_ROWS]
        masks = masks or [torch.ones_like(environment, dtype=torch.bool)]
        scores = self.scorer(vectors)
        risks = [functional.cross_entropy(scores[m], labels[m]) for m in masks]
        weight = self.weight if self.steps >= self.start_step else self.EARLY_WEIGHT
        self.steps += 1
        penalty = self.penalty([vectors[m] for m in masks], [scores[m] for m in masks],
                               [labels[m] for m in masks], risks)  # fmt: skip
        return torch.stack(risks).mean() + weight * penalty

    def begin(self, epoch_steps: int, epochs: int) -> None:
        """See `Head.begin`."""
        if self.begins is not None:
            self.start_step = min(int(self.begins * epoch_steps * epochs), epoch_steps * (epochs - 1))

    def objective_changed(self) -> bool:
        """See `Head.objective_changed`; true at the first step with the full penalty."""
        return self.steps == self.start_step + 1

    def objective_change_pending(self) -> bool:
        """See `Head.objective_change_pending`; true until the penalty has its full weight."""
        return self.steps <= self.start_step

    def penalty(
        self,
        vectors: list[torch.Tensor],
        scores: list[torch.Tensor],
        labels: list[torch.Tensor],
        risks: list[torch.Tensor],
    ) -> torch.Tensor:
        """Returns the penalty, scalar; each list has one item per environment in the batch.

        Args:
            vectors: float32 (rows, width).
            scores: float32 (rows, classes).
            labels: int64 (rows,).
            risks: the environments' cross-entropies, scalars.
        """
        return vectors[0].new_zeros(())


class IRMHead(EnvironmentHead):
    """Cross-entropy and the IRMv1 penalty; see `losses.irm_penalty`."""

    def penalty(
        self,
        vectors: list[torch.Tensor],
        scores: list[torch.Tensor],
        labels: list[torch.Tensor],
        risks: list[torch.Tensor],
    ) -> torch.Tensor:
        """See `EnvironmentHead.penalty`."""
        parts = [
            losses.irm_penalty(s, y) for s, y in zip(scores, labels, strict=True) if len(y) >= MIN_ENVIRONMENT_ROWS
        ]
        return torch.stack(parts).mean() if parts else vectors[0].sum() * 0.0


class VRExHead(EnvironmentHead):
    """Cross-entropy and the V-REx penalty; see `losses.variance_penalty`."""

    def penalty(
        self,
        vectors: list[torch.Tensor],
        scores: list[torch.Tensor],
        labels: list[torch.Tensor],
        risks: list[torch.Tensor],
    ) -> torch.Tensor:
        """See `EnvironmentHead.penalty`."""
        return losses.variance_penalty(risks)


class CoralHead(EnvironmentHead):
    """Cross-entropy and the CORAL penalty; see `losses.coral_penalty`."""

    def penalty(
        self,
        vectors: list[torch.Tensor],
        scores: list[torch.Tensor],
        labels: list[torch.Tensor],
        risks: list[torch.Tensor],
    ) -> torch.Tensor:
        """See `EnvironmentHead.penalty`."""
        return losses.coral_penalty(vectors)


class GuessContrastHead(CrossEntropyHead):
    """Cross-entropy and contrast across a first model's predictions; see `losses.guess_contrast`.

    Args:
        width, classes, length: see `CrossEntropyHead`.
        guesses: int64 (training rows,), the first model's predictions.
        share: of the contrast in the loss; cross-entropy has the rest.
        temperature: of the contrast.
    """

    guesses: torch.Tensor

    def __init__(
        self, width: int, classes: int, guesses: torch.Tensor, share: float, temperature: float, length: float = 0.0
    ) -> None:
        super().__init__(width, classes, length)
        self.share, self.temperature = share, temperature
        self.register_buffer("guesses", guesses, persistent=False)

    def loss(self, vectors: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """See `Head.loss`."""
        unit = functional.normalize(vectors, dim=1)
        contrast = losses.guess_contrast(unit, labels, self.guesses[rows], self.temperature)
        return self.share * contrast + (1 - self.share) * super().loss(vectors, labels, rows)


class ProductHead(CrossEntropyHead):
    """Product of experts: cross-entropy of the scores plus the log-probabilities of a fixed expert (arXiv 1909.03683).

    What the expert already explains has no gradient; prediction uses the scores alone.

    Args:
        width, classes, length: see `CrossEntropyHead`.
        expert: float32 (training rows, classes), log-probabilities.
    """

    expert: torch.Tensor

    def __init__(self, width: int, classes: int, expert: torch.Tensor, length: float = 0.0) -> None:
        super().__init__(width, classes, length)
        self.register_buffer("expert", expert, persistent=False)

    def loss(self, vectors: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """See `Head.loss`."""
        return functional.cross_entropy(self.scorer(vectors) + self.expert[rows], labels)


class BoundedHead(CrossEntropyHead):
    """Cross-entropy with bounded weights: after each step they are clipped to ``bound`` (Demontis et al. 2017).

    A decision then rests on many features, since none can have a large weight.

    Args:
        width, classes, length: see `CrossEntropyHead`.
        bound: largest absolute weight.
    """

    def __init__(self, width: int, classes: int, bound: float, length: float = 0.0) -> None:
        super().__init__(width, classes, length)
        self.bound = bound

    def finish_step(self) -> None:
        """See `Head.finish_step`."""
        with torch.no_grad():
            cast(Linear, self.scorer).linear.weight.clamp_(-self.bound, self.bound)
