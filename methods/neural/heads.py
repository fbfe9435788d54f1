"""Heads: the loss of a payload's vector in training, with the scorer that prediction takes."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import nn
from torch.nn import functional

from . import losses
from .scorers import Linear, Prototypes, Scorer
from .text_side import TextSide

Objective = Literal["infonce", "sigmoid", "squared"]
LENGTH = 16.0  # of an encoder's vectors before a linear classifier: as long as they come, it learns slowly
QUICK = 25.0  # what a learned temperature and bias are multiplied by: Adam moves a parameter by a rate for weights
DISTANCE_SCALE = 20.0  # of cosines that were trained by distance, which leaves the order as it is


class Head(nn.Module):
    """A scorer and the loss that trains tower and scorer."""

    def __init__(self, scorer: Scorer) -> None:
        super().__init__()
        self.scorer = scorer

    def loss(self, vectors: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Returns the scalar loss of a batch; ``rows`` are its places in the training data."""
        raise NotImplementedError

    def renews(self) -> bool:
        """Returns whether the loss that was just computed is the first of another kind than those before."""
        return False

    def pending(self) -> bool:
        """Returns whether a loss of another kind is still to come; training does not end before it."""
        return False

    def finish_epoch(self) -> None:
        """Called after each epoch, before its validation."""

    def slow_parameters(self) -> Iterable[nn.Parameter]:
        """Returns parameters that are trained at a tenth of the rate."""
        return ()


class CrossEntropyHead(Head):
    """A linear classifier under cross-entropy; ``length`` as in `Linear`."""

    def __init__(self, width: int, classes: int, length: float = 0.0) -> None:
        super().__init__(Linear(width, classes, length))

    def loss(self, vectors: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """See `Head.loss`."""
        return functional.cross_entropy(self.scorer(vectors), labels)


class SharedHead(Head):
    """Cross-entropy whose linear classifier also classifies the training texts, as many in a batch as payloads."""

    def __init__(self, width: int, side: TextSide, classes: int) -> None:
        super().__init__(Linear(width, classes, LENGTH))
        self.side = side

    def loss(self, vectors: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Returns the mean of both cross-entropies; texts are drawn from torch's random stream."""
        drawn = torch.randint(len(self.side.texts), (len(vectors),)).to(vectors.device)
        on_texts = functional.cross_entropy(self.scorer(self.side.texts[drawn]), self.side.labels[drawn])
        return (functional.cross_entropy(self.scorer(vectors), labels) + on_texts) / 2


@dataclass(frozen=True)
class Alignment:
    """How payloads are aligned with texts.

    Attributes:
        objective: multi-positive InfoNCE, pairwise sigmoid, or squared distance to the own text.
        temperature: of the similarities, at the start where it is learned.
        learned: whether temperature and, with ``sigmoid``, bias are.
        same_class: whether texts of other CVEs of the class are positives too; otherwise they are left out, so that
            they are never pushed away.
        margin: by how much the own text is to be nearer than that of the row's hard negative.
    """

    objective: Objective = "infonce"
    temperature: float = 0.07
    learned: bool = False
    same_class: bool = True
    margin: float = 0.2


class AlignmentHead(Head):
    """Draws payloads to the texts of their CVE or class and away from those of other classes.

    Args:
        scorer: holds the prototypes that prediction compares with.
        side: the texts.
        alignment: how.
        negatives: int64 (training rows,), each row's hard negative: another row, of another class; -1 for none.
    """

    def __init__(
        self, scorer: Prototypes, side: TextSide, alignment: Alignment, negatives: torch.Tensor | None = None
    ) -> None:
        super().__init__(scorer)
        self.side, self.how = side, alignment
        start = torch.tensor(-math.log(alignment.temperature)) / QUICK
        self.log_scale = nn.Parameter(start, requires_grad=alignment.learned)
        pairs = max(len(side.texts), 2)
        of_class = float(torch.bincount(side.labels).float().square().sum() / pairs) if alignment.same_class else 1.0
        self.bias = nn.Parameter(
            torch.tensor(-math.log(max(pairs - of_class, 1.0) / of_class)) / QUICK, requires_grad=alignment.learned
        )
        self.register_buffer("negatives", negatives, persistent=False)
        scorer.set(*side.prototypes())
        self._rescale()

    def loss(self, vectors: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """See `Head.loss`."""
        unit = cast(Prototypes, self.scorer).unit(vectors)
        own = self.side.of_row[rows]
        texts = self.side.current(own)
        value = self._align(unit, texts, labels, own)
        if self.negatives is not None:
            other = self.side.of_row[cast(torch.Tensor, self.negatives)[rows]]
            usable = (own >= 0) & (other >= 0) & (cast(torch.Tensor, self.negatives)[rows] >= 0)
            value = value + losses.margin(unit[usable], texts[own[usable]], texts[other[usable]], self.how.margin)
        return value

    def _align(self, unit: torch.Tensor, texts: torch.Tensor, labels: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
        if self.how.objective == "squared":
            return losses.squared_distance(unit, texts, own)
        logits = (QUICK * self.log_scale).exp() * unit @ texts.T
        of_class = labels[:, None] == self.side.labels[None, :]
        its_own = own[:, None] == torch.arange(len(texts), device=unit.device)[None, :]
        positive = its_own | of_class if self.how.same_class else its_own
        if self.how.objective == "sigmoid":
            return losses.sigmoid(logits + QUICK * self.bias, positive, of_class)
        return losses.infonce(logits, positive, of_class)

    def finish_epoch(self) -> None:
        """Takes over what was learned into the scorer."""
        self._rescale()
        if self.side.refresh():
            cast(Prototypes, self.scorer).set(*self.side.prototypes())

    def _rescale(self) -> None:
        learned = float((QUICK * self.log_scale).detach().exp())
        cast(Prototypes, self.scorer).scale.fill_(DISTANCE_SCALE if self.how.objective == "squared" else learned)

    def slow_parameters(self) -> Iterable[nn.Parameter]:
        """Returns the text tower's, where it is trained."""
        return (p for p in self.side.parameters() if p.requires_grad)


class PayloadContrastHead(Head):
    """Multi-positive InfoNCE among payloads: what `AlignmentHead` does, with training rows in the place of texts.

    The last vector of every training row is remembered (Wu et al. 2018, arXiv 1805.01978), so that a small batch has as
    many targets as there are texts. Prediction compares with the classes' mean vectors.
    """

    bank: torch.Tensor
    bank_labels: torch.Tensor

    def __init__(self, scorer: Prototypes, labels: torch.Tensor, temperature: float) -> None:
        super().__init__(scorer)
        self.temperature = temperature
        self.register_buffer("bank", torch.zeros(len(labels), scorer.prototypes.shape[1]), persistent=False)
        self.register_buffer("bank_labels", labels, persistent=False)
        scorer.owner.copy_(torch.arange(len(scorer.owner)))
        scorer.scale.fill_(1 / temperature)

    def loss(self, vectors: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """See `Head.loss`."""
        unit = cast(Prototypes, self.scorer).unit(vectors)
        self.bank[rows] = unit.detach()
        seen = self.bank.any(dim=1).expand(len(rows), -1)
        itself = rows[:, None] == torch.arange(len(self.bank), device=rows.device)[None, :]
        positive = (labels[:, None] == self.bank_labels[None, :]) & seen & ~itself
        return losses.infonce(unit @ self.bank.T / self.temperature, positive, itself | ~seen)

    def finish_epoch(self) -> None:
        """Takes the classes' mean vectors for prototypes."""
        scorer = cast(Prototypes, self.scorer)
        sums = torch.zeros_like(scorer.prototypes).index_add_(0, self.bank_labels, self.bank)
        scorer.prototypes.copy_(functional.normalize(sums, dim=1))


class TripletHead(Head):
    """Pulls texts of a class together and pushes the others away; it scores nothing."""

    MARGIN = 0.3

    def __init__(self) -> None:
        super().__init__(Scorer())

    def loss(self, vectors: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Returns the batch-hard triplet loss."""
        return losses.triplet(functional.normalize(vectors, dim=1), labels, self.MARGIN)


class ContrastHead(Head):
    """Supervised contrast within a batch of texts; it scores nothing."""

    TEMPERATURE = 0.1

    def __init__(self) -> None:
        super().__init__(Scorer())

    def loss(self, vectors: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Returns the supervised contrastive loss."""
        return losses.supervised_contrast(functional.normalize(vectors, dim=1), labels, self.TEMPERATURE)
