"""The text side of text-guided methods: embeddings of descriptions and class anchors that payloads are aligned with."""

import copy
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional

from .inputs import Inputs, to_device

Inference = Literal["centroids", "anchors", "nearest"]
BATCH = 64


class TextSide(nn.Module):
    """Unit embeddings of the training descriptions and of the class anchors, and the prototypes made from them.

    Args:
        texts: float32 (m, width), unit length.
        labels: int64 (m,), the classes of the texts; -1 if unknown.
        of_row: int64 (training rows,), each row's own text; -1 if it has none.
        anchors: float32 (classes, width), unit length.
        inference: the prototypes of a class: the mean of its texts, its anchor, or all of its texts. For a class
            without a text it is always its anchor.
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
        """Returns the prototypes, float32 (p, width), unit length, and their classes, int64 (p,)."""
        classes = torch.arange(len(self.anchors), device=self.anchors.device)
        known = self.labels >= 0
        texts, labels = self.texts[known], self.labels[known]
        text_counts = torch.bincount(labels, minlength=len(self.anchors))
        if self.inference == "anchors":
            return self.anchors, classes
        if self.inference == "centroids":
            sums = torch.zeros_like(self.anchors).index_add_(0, labels, texts)
            return torch.where(text_counts[:, None] > 0, functional.normalize(sums, dim=1), self.anchors), classes
        bare = text_counts == 0
        return torch.cat([texts, self.anchors[bare]]), torch.cat([labels, classes[bare]])

    def current(self, own: torch.Tensor) -> torch.Tensor:
        """Returns the embeddings of all texts; if the text tower is trained, those of ``own`` carry a gradient.

        Args:
            own: int64 (n,), the texts of a batch's rows; -1 for none.
        """
        return self.texts

    def refresh(self) -> bool:
        """Recomputes the embeddings if the text tower is trained; returns whether it did."""
        return False


class TrainedTextSide(TextSide):
    """A text side whose tower is trained together with the payload tower, at a tenth of the learning rate.

    Embedding all texts in every step would be too slow: a batch embeds the texts of its own rows, and the others keep
    their embeddings of the last `refresh`.

    Args:
        side: the initial embeddings.
        tower: the text tower that computed them; a copy is trained.
        texts: the training descriptions.
        prompts: the prompts of all classes, class by class.
        per_class: number of prompts per class.
    """

    def __init__(self, side: TextSide, tower: nn.Module, texts: Inputs, prompts: Inputs, per_class: int) -> None:
        super().__init__(side.texts, side.labels, side.of_row, side.anchors, side.inference)
        self.tower, self._texts, self._prompts, self._per_class = copy.deepcopy(tower), texts, prompts, per_class

    def current(self, own: torch.Tensor) -> torch.Tensor:
        """See `TextSide.current`."""
        indices = torch.unique(own[own >= 0])
        if not len(indices):
            return self.texts
        batch, mask = self._texts.batch(indices.cpu().numpy())
        batch, mask = to_device(batch, own.device), to_device(mask, own.device)
        embeddings = functional.normalize(self.tower(batch, mask).float(), dim=1)
        return self.texts.index_copy(0, indices, embeddings)

    def refresh(self) -> bool:
        """See `TextSide.refresh`."""
        self.texts.copy_(torch.from_numpy(embed(self.tower, self._texts)))
        prompts = torch.from_numpy(embed(self.tower, self._prompts))
        self.anchors.copy_(mean_of_prompts(prompts, self._per_class))
        return True


def embed(tower: nn.Module, inputs: Inputs) -> npt.NDArray[np.float32]:
    """Returns the embeddings of all inputs in evaluation mode, unit length, float32 (n, width)."""
    training = tower.training
    tower.eval()
    device = next(tower.parameters()).device
    parts = []
    order = np.argsort(inputs.lengths, kind="stable")
    with torch.inference_mode():
        for at in range(0, len(order), BATCH):
            batch, mask = inputs.batch(order[at : at + BATCH])
            batch, mask = to_device(batch, device), to_device(mask, device)
            parts.append(functional.normalize(tower(batch, mask).float(), dim=1))
        embeddings = torch.cat(parts).cpu().numpy()
    tower.train(training)
    out = np.empty_like(embeddings)
    out[order] = embeddings
    return out


def mean_of_prompts(embeddings: torch.Tensor, prompts: int) -> torch.Tensor:
    """Returns each class's normalised mean, float32 (classes, width), of its prompts' (classes * prompts, width)."""
    return functional.normalize(embeddings.reshape(-1, prompts, embeddings.shape[1]).mean(dim=1), dim=1)


def prompts_of(anchors: Sequence[str], templates: Sequence[str]) -> tuple[str, ...]:
    """Returns every anchor in every template, ordered by class."""
    return tuple(template.format(anchor) for anchor in anchors for template in templates)
