"""The text side of text-guided methods: stage one on descriptions, then the embeddings that payloads are aligned to."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.nn import functional

from harness import Context, TrainingData, hashing
from methods.neural import minilm
from methods.neural.inputs import HiddenInputs
from methods.neural.losses import TripletHead
from methods.neural.text import Ragged
from methods.neural.towers import MiniLMTop
from methods.neural.training import Classifier, Settings, seed_everything, train

VERSION = 1
STAGE_ONE = Settings(learning_rate=1e-4, epochs=3)


@dataclass(frozen=True)
class TextSide:
    """Embeddings of the training descriptions and of the class anchors, from the same frozen text encoder.

    Attributes:
        texts: float32 (m, width), unit length.
        labels: int64 (m,), classes of the texts.
        of_row: int64 (training rows,), each row's text; -1 where it has none.
        anchors: float32 (classes, width), unit length.
    """

    texts: torch.Tensor
    labels: torch.Tensor
    of_row: torch.Tensor
    anchors: torch.Tensor

    def centroids(self) -> torch.Tensor:
        """Returns the mean text of each class, unit length; the anchor where a class has no text."""
        sums = torch.zeros_like(self.anchors).index_add_(0, self.labels, self.texts)
        present = torch.bincount(self.labels, minlength=len(self.anchors)) > 0
        return torch.where(present[:, None], functional.normalize(sums, dim=1), self.anchors)


def text_side(data: TrainingData, context: Context, sharpen: bool) -> TextSide:
    """Embeds descriptions and anchors.

    Args:
        data: training data with descriptions.
        context: seed, classes and the shared steps.
        sharpen: whether stage one trains the encoder's top by a triplet loss on the descriptions first.

    Raises:
        ValueError: the data has no descriptions.
    """
    descriptions = data.descriptions
    if descriptions is None or not descriptions.texts:
        raise ValueError("text-guided methods need descriptions, and the training rows have none")
    m = len(descriptions.texts)
    everything = (*descriptions.texts, *(c.anchor for c in context.classes))
    hidden = minilm.trunk_of_texts(everything, context)
    step = f"minilm-texts-{VERSION}-{sharpen}-{STAGE_ONE}-{context.seed}-{context.precision}-{context.device}"
    content = hashing.of_json([list(everything), descriptions.labels.tolist()])
    arrays = context.shared(
        step, content, lambda: {"embeddings": _embed(hidden, descriptions.labels if sharpen else None, context)}
    )
    embeddings = torch.from_numpy(np.array(arrays["embeddings"]))
    return TextSide(
        embeddings[:m], torch.from_numpy(descriptions.labels), torch.from_numpy(descriptions.of_row), embeddings[m:]
    )


def _embed(
    hidden: Ragged, labels: "np.ndarray[tuple[int], np.dtype[np.int64]] | None", context: Context
) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Returns unit embeddings of all texts, float32 (n, width), after stage one on the first ``len(labels)``."""
    seed_everything(context)
    tower = MiniLMTop()
    if labels is not None:
        m = len(labels)
        texts = Ragged(hidden.values, hidden.offsets[: m + 1])
        whole = replace(context, should_stop=lambda: False)  # what is shared must not depend on one cell's clock
        train(Classifier(tower, TripletHead()), HiddenInputs(texts), labels, None, STAGE_ONE, whole)
    tower.eval()
    inputs = HiddenInputs(hidden)
    parts = []
    with torch.inference_mode(), minilm.autocast(context):
        for at in range(0, len(hidden), 64):
            batch, mask = inputs.batch(np.arange(at, min(at + 64, len(hidden))))
            parts.append(functional.normalize(tower(batch, mask).float(), dim=1))
    return torch.cat(parts).numpy()
