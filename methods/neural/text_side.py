"""The text side of text-guided methods: stage one on descriptions, then the targets that payloads are aligned to."""

import copy
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from .inputs import Inputs

Inference = Literal["centroids", "anchors", "nearest"]
BATCH = 64


class TextSide(nn.Module):
    """Unit embeddings of the training descriptions and of the class anchors, and what payloads are compared with.

    Args:
        texts: float32 (m, width), unit length.
        labels: int64 (m,), their classes.
        of_row: int64 (training rows,), each row's own text; -1 where it has none.
        anchors: float32 (classes, width), unit length.
        inference: what a class's prototypes are: the mean of its texts, its anchor, or each of its texts. A class
            without a text has its anchor.
    """

    texts: torch.Tensor
    labels: torch.Tensor
    of_row: torch.Tensor
    anchors: torch.Tensor

    def __init__(
        self,
        texts: torch.Tensor,
        labels: torch.Tensor,
        of_row: torch.Tensor,
        anchors: torch.Tensor,
        inference: Inference = "centroids",
    ) -> None:
        super().__init__()
        for name, tensor in (("texts", texts), ("labels", labels), ("of_row", of_row), ("anchors", anchors)):
            self.register_buffer(name, tensor, persistent=False)
        self.inference = inference

    @property
    def width(self) -> int:
        """Width of the embeddings."""
        return self.anchors.shape[1]

    def prototypes(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns what payloads are compared with, float32 (p, width), unit length, and their classes, int64 (p,)."""
        classes = len(self.anchors)
        every = torch.arange(classes, device=self.anchors.device)
        rows = torch.bincount(self.labels, minlength=classes)
        if self.inference == "anchors":
            return self.anchors, every
        if self.inference == "centroids":
            sums = torch.zeros_like(self.anchors).index_add_(0, self.labels, self.texts)
            return torch.where(rows[:, None] > 0, functional.normalize(sums, dim=1), self.anchors), every
        bare = rows == 0
        return torch.cat([self.texts, self.anchors[bare]]), torch.cat([self.labels, every[bare]])

    def current(self, own: torch.Tensor) -> torch.Tensor:
        """Returns the embeddings of all texts, those of ``own`` (int64, -1 for none) with their gradient if any."""
        return self.texts

    def refresh(self) -> bool:
        """Computes the embeddings anew where the text tower is trained, and returns whether it is."""
        return False


class TrainedTextSide(TextSide):
    """A text side whose tower is trained along with the payloads' (at a tenth of the rate).

    A batch moves the texts of its own rows; those of other rows stand as they were at the last `refresh`.

    Args:
        side: where it starts.
        tower: gave its embeddings.
        texts: of the training rows.
        prompts: of each class, one class after the other.
        per_class: prompts of a class.
    """

    def __init__(self, side: TextSide, tower: nn.Module, texts: Inputs, prompts: Inputs, per_class: int) -> None:
        super().__init__(side.texts, side.labels, side.of_row, side.anchors, side.inference)
        self.tower, self._texts, self._prompts, self._per_class = copy.deepcopy(tower), texts, prompts, per_class

    def current(self, own: torch.Tensor) -> torch.Tensor:
        """See `TextSide.current`."""
        used = torch.unique(own[own >= 0])
        if not len(used):
            return self.texts
        batch, mask = self._texts.batch(used.cpu().numpy())
        moved = functional.normalize(self.tower(batch.to(own.device), mask.to(own.device)).float(), dim=1)
        return self.texts.index_copy(0, used, moved)

    def refresh(self) -> bool:
        """See `TextSide.refresh`."""
        self.texts.copy_(torch.from_numpy(embed(self.tower, self._texts)))
        prompts = torch.from_numpy(embed(self.tower, self._prompts))
        self.anchors.copy_(mean_of_prompts(prompts, self._per_class))
        return True


def embed(tower: nn.Module, inputs: Inputs) -> npt.NDArray[np.float32]:
    """Returns the unit embeddings of all inputs, float32 (n, width)."""
    training = tower.training
    tower.eval()
    device = next(tower.parameters()).device
    parts = []
    order = np.argsort(inputs.lengths, kind="stable")
    with torch.inference_mode():
        for at in range(0, len(order), BATCH):
            batch, mask = inputs.batch(order[at : at + BATCH])
            parts.append(functional.normalize(tower(batch.to(device), mask.to(device)).float(), dim=1).cpu().numpy())
    tower.train(training)
    out = np.empty((len(order), parts[0].shape[1]), dtype=np.float32)
    out[order] = np.concatenate(parts)
    return out


def mean_of_prompts(embedded: torch.Tensor, prompts: int) -> torch.Tensor:
    """Returns one unit vector per class, float32 (classes, width), from its prompts (classes * prompts, width)."""
    return functional.normalize(embedded.reshape(-1, prompts, embedded.shape[1]).mean(dim=1), dim=1)


def prompts_of(anchors: Sequence[str], templates: Sequence[str]) -> tuple[str, ...]:
    """Returns every anchor in every template, class by class."""
    return tuple(template.format(anchor) for anchor in anchors for template in templates)
