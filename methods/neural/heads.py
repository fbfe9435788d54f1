"""Heads: the training loss on payload vectors, together with the scorer that prediction uses."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import nn
from torch.nn import functional

from . import losses
from .scorers import Linear, ProjectedLinear, Prototypes, Scorer
from .text_side import TextSide

Objective = Literal["infonce", "sigmoid", "squared"]
# Adam moves every parameter by about the learning rate per step. A scalar temperature or bias needs larger steps than
# weights, so both are stored divided by this factor.
SCALAR_LR_FACTOR = 25.0
DISTANCE_SCALE = (
    20.0  # of cosines trained by squared distance, which sets no temperature; it does not change the ranking
)


class Head(nn.Module):
    """A scorer, and the loss by which tower and scorer are trained."""

    def __init__(self, scorer: Scorer) -> None:
        super().__init__()
        self.scorer = scorer

    def loss(self, vectors: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Returns the scalar loss of a batch.

        Args:
            vectors: float32 (n, width), the tower's output.
            labels: int64 (n,).
            rows: int64 (n,), the numbers of the batch's rows in the training data.
        """
        raise NotImplementedError

    def objective_changed(self) -> bool:
        """Returns whether the loss computed last is the first of a new objective (such as a penalty at full weight)."""
        return False

    def objective_change_pending(self) -> bool:
        """Returns whether a new objective is still to come; early stopping waits for it."""
        return False

    def begin(self, epoch_steps: int, epochs: int) -> None:
        """Called before training with the steps of an epoch and the maximum number of epochs."""

    def finish_step(self) -> None:
        """Called after each step of the optimizer."""

    def finish_epoch(self) -> None:
        """Called after each epoch, before validation."""

    def slow_parameters(self) -> Iterable[nn.Parameter]:
        """Returns the parameters that are trained at a tenth of the learning rate."""
        return ()


class CrossEntropyHead(Head):
    """A linear classifier trained by cross-entropy; ``length`` as in `Linear`."""

    def __init__(self, width: int, classes: int, length: float = 0.0) -> None:
        super().__init__(Linear(width, classes, length))

    def loss(self, vectors: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """See `Head.loss`."""
        return functional.cross_entropy(self.scorer(vectors), labels)


class SharedHead(Head):
    """A linear classifier trained by cross-entropy on payloads and on as many training texts per batch.

    Payload vectors of another width than the texts' are projected to it first. Vectors of both are scaled to
    ``TEXT_LENGTH``, since embeddings of unit length would need weights that take many more steps.
    """

    TEXT_LENGTH = 16.0

    def __init__(self, width: int, side: TextSide, classes: int) -> None:
        if width == side.width:
            super().__init__(Linear(width, classes, self.TEXT_LENGTH))
        else:
            super().__init__(ProjectedLinear(width, classes, side.width, self.TEXT_LENGTH))
        self.side = side

    def loss(self, vectors: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Returns the mean of both cross-entropies; texts are sampled with torch's global random generator."""
        known = self.side.labels >= 0
        texts = torch.arange(len(known), device=known.device)[known]
        sample = texts[torch.randint(len(texts), (len(vectors),)).to(vectors.device)]
        text_scores = cast(Linear, self.scorer).classify(self.side.texts[sample])
        text_loss = functional.cross_entropy(text_scores, self.side.labels[sample])
        return (functional.cross_entropy(self.scorer(vectors), labels) + text_loss) / 2


@dataclass(frozen=True)
class Alignment:
    """The objective by which payloads are aligned with texts.

    Attributes:
        objective: multi-positive InfoNCE, pairwise sigmoid, or squared distance to the row's own text.
        temperature: of the similarities; the initial value if it is learned.
        learned: whether the temperature (and the bias of ``sigmoid``) is learned.
        same_class: whether texts of other CVEs of the class are positives too; otherwise they are left out of the
            loss, so that they are never pushed away.
        margin: by how much the cosine with the row's own text should exceed that with its hard negative's text.
    """

    objective: Objective = "infonce"
    temperature: float = 0.07
    learned: bool = False
    same_class: bool = True
    margin: float = 0.2


class AlignmentHead(Head):
    """Pulls payloads towards the texts of their CVE or class, and pushes them away from those of other classes.

    A payload without a class (-1) is pulled towards its own text and away from all others.

    Args:
        scorer: holds the prototypes that prediction compares with.
        side: the texts.
        alignment: the objective.
        negatives: int64 (training rows,), each row's hard negative: the number of a row of another class; -1 for none.
    """

    def __init__(
        self, scorer: Prototypes, side: TextSide, alignment: Alignment, negatives: torch.Tensor | None = None
    ) -> None:
        super().__init__(scorer)
        self.side, self.alignment = side, alignment
        start = torch.tensor(-math.log(alignment.temperature)) / SCALAR_LR_FACTOR
        self.log_scale = nn.Parameter(start, requires_grad=alignment.learned)
        # The bias starts at the log odds of a match, as in Zhai et al. 2023: most pairs are no match, and from zero the
        # first steps would do nothing but learn that. `matches` is the mean number of positives of a text.
        pairs = max(len(side.texts), 2)
        known = side.labels[side.labels >= 0]
        matches = float(torch.bincount(known).float().square().sum() / pairs) if alignment.same_class else 1.0
        log_odds = torch.tensor(-math.log(max(pairs - matches, 1.0) / matches))
        self.bias = nn.Parameter(log_odds / SCALAR_LR_FACTOR, requires_grad=alignment.learned)
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
            value = value + losses.margin(unit[usable], texts[own[usable]], texts[other[usable]], self.alignment.margin)
        return value

    def _align(self, unit: torch.Tensor, texts: torch.Tensor, labels: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
        if self.alignment.objective == "squared":
            return losses.squared_distance(unit, texts, own)
        logits = (SCALAR_LR_FACTOR * self.log_scale).exp() * unit @ texts.T
        same_class = (labels[:, None] == self.side.labels[None, :]) & (labels[:, None] >= 0)
        same_text = own[:, None] == torch.arange(len(texts), device=unit.device)[None, :]
        positive = same_text | same_class if self.alignment.same_class else same_text
        if self.alignment.objective == "sigmoid":
            return losses.sigmoid(logits + SCALAR_LR_FACTOR * self.bias, positive, same_class)
        return losses.infonce(logits, positive, same_class)

    def finish_epoch(self) -> None:
        """Copies the temperature, and the prototypes if the text tower is trained, to the scorer."""
        self._rescale()
        if self.side.refresh():
            cast(Prototypes, self.scorer).set(*self.side.prototypes())

    def _rescale(self) -> None:
        scale = float((SCALAR_LR_FACTOR * self.log_scale).detach().exp())
        cast(Prototypes, self.scorer).scale.fill_(DISTANCE_SCALE if self.alignment.objective == "squared" else scale)

    def slow_parameters(self) -> Iterable[nn.Parameter]:
        """Returns the parameters of the text tower if it is trained."""
        return (p for p in self.side.parameters() if p.requires_grad)


class PayloadContrastHead(Head):
    """Multi-positive InfoNCE among payloads: `AlignmentHead` with training rows in place of texts.

    A memory bank holds the last vector of every training row (Wu et al. 2018, arXiv 1805.01978), so that even a small
    batch has as many targets as with texts. Prediction compares with the classes' mean vectors.
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
        in_bank = self.bank.any(dim=1).expand(len(rows), -1)  # a row that has not been in a batch yet is all zeros
        itself = rows[:, None] == torch.arange(len(self.bank), device=rows.device)[None, :]
        positive = (labels[:, None] == self.bank_labels[None, :]) & in_bank & ~itself
        return losses.infonce(unit @ self.bank.T / self.temperature, positive, itself | ~in_bank)

    def finish_epoch(self) -> None:
        """Sets the prototypes to the classes' mean vectors."""
        scorer = cast(Prototypes, self.scorer)
        sums = torch.zeros_like(scorer.prototypes).index_add_(0, self.bank_labels, self.bank)
        scorer.prototypes.copy_(functional.normalize(sums, dim=1))


class TripletHead(Head):
    """Batch-hard triplet loss on texts, for stage one; it has no scores."""

    MARGIN = 0.3

    def __init__(self) -> None:
        super().__init__(Scorer())

    def loss(self, vectors: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Returns the batch-hard triplet loss."""
        return losses.triplet(functional.normalize(vectors, dim=1), labels, self.MARGIN)


class ContrastHead(Head):
    """Supervised contrastive loss within a batch of texts, for stage one; it has no scores."""

    TEMPERATURE = 0.1

    def __init__(self) -> None:
        super().__init__(Scorer())

    def loss(self, vectors: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Returns the supervised contrastive loss."""
        return losses.supervised_contrast(functional.normalize(vectors, dim=1), labels, self.TEMPERATURE)
