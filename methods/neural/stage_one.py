"""Stage one, and the text sides that stage two aligns payloads to: those of the method and those of its controls."""

from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from torch.nn import functional

from harness import Context, TrainingData, hashing
from methods.neural import encoders
from methods.neural.encoders import Encoder
from methods.neural.heads import ContrastHead, Head, TripletHead
from methods.neural.text_side import (
    Inference,
    TextSide,
    TrainedTextSide,
    embed,
    mean_of_prompts,
    prompts_of,
)
from methods.neural.towers import EncoderTop
from methods.neural.training import Classifier, Settings, seed_everything, train

VERSION = 2
SETTINGS = Settings(learning_rate=3e-4, epochs=1)
StageOne = Literal["triplet", "contrast", "none"]


def text_side(
    data: TrainingData,
    context: Context,
    stage: StageOne,
    name: str,
    templates: tuple[str, ...],
    inference: Inference,
    trains_text: bool = False,
) -> TextSide:
    """Embeds the training descriptions and the classes' anchors.

    Args:
        data: training data with descriptions.
        context: seed, classes and the shared steps.
        stage: the loss by which stage one trains the encoder's top layer on the descriptions first, if any.
        name: the text encoder.
        templates: of prompts.
        inference: see `TextSide`.
        trains_text: whether stage two is to train the text tower.

    Raises:
        ValueError: the data has no descriptions.
    """
    descriptions = data.descriptions
    if descriptions is None or not descriptions.texts:
        raise ValueError("text-guided methods need descriptions, and the training rows have none")
    everything = (*descriptions.texts, *_prompts(context, templates))
    encoder = Encoder(name)
    step = f"texts-{VERSION}-{encoder.identity}-{stage}-{SETTINGS}-{context.seed}-{context.precision}-{context.device}"
    content = hashing.of_json([list(everything), descriptions.labels.tolist()])

    def sharpened() -> EncoderTop:
        return _stage_one(encoder, descriptions.texts, descriptions.labels, stage, context)

    def compute() -> dict[str, np.ndarray]:
        tower = sharpened()
        return {"embeddings": embed(tower, tower.read_texts(everything, context))}

    embeddings = torch.from_numpy(np.array(context.shared(step, content, compute)["embeddings"]))
    m = len(descriptions.texts)
    side = TextSide(
        embeddings[:m],
        torch.from_numpy(descriptions.labels),
        torch.from_numpy(descriptions.of_row),
        mean_of_prompts(embeddings[m:], len(templates)),
        inference,
    )
    if not trains_text:
        return side
    tower = sharpened()
    return TrainedTextSide(side, tower, tower.read_texts(everything, context), len(templates))


def _prompts(context: Context, templates: tuple[str, ...]) -> tuple[str, ...]:
    return prompts_of([c.anchor for c in context.classes], templates)


def _stage_one(
    encoder: Encoder, texts: tuple[str, ...], labels: "np.ndarray[tuple[int], np.dtype[np.int64]]", stage: StageOne,
    context: Context,
) -> EncoderTop:  # fmt: skip
    """Returns the text tower, trained on texts whose class is known."""
    seed_everything(context)
    tower = EncoderTop(0.0, encoder.name)
    if stage != "none":
        known = np.flatnonzero(labels >= 0)
        head: Head = TripletHead() if stage == "triplet" else ContrastHead()
        whole = replace(context, should_stop=lambda: False)  # what is shared must not depend on one cell's clock
        inputs = tower.read_texts(tuple(texts[i] for i in known), context)
        train(Classifier(tower, head), inputs, labels[known], None, SETTINGS, whole)
    return tower.eval()


def names_side(
    data: TrainingData, context: Context, name: str, templates: tuple[str, ...], inference: Inference
) -> TextSide:
    """Returns a side in which a class has one text, its anchor, by the encoder as it is."""
    prompts = _prompts(context, templates)
    tower = EncoderTop(0.0, name).eval()
    embedded = torch.from_numpy(embed(tower, tower.read_texts(prompts, context)))
    return _one_per_class(mean_of_prompts(embedded, len(templates)), data, inference)


def random_side(data: TrainingData, context: Context, inference: Inference) -> TextSide:
    """Returns a side in which a class has one text, a random direction; seeded by the cell."""
    width = encoders.width(encoders.load())
    stream = torch.Generator().manual_seed(context.seed)
    vectors = torch.randn(len(context.classes), width, generator=stream)
    return _one_per_class(functional.normalize(vectors, dim=1), data, inference)


def _one_per_class(vectors: torch.Tensor, data: TrainingData, inference: Inference) -> TextSide:
    return TextSide(vectors, torch.arange(len(vectors)), torch.from_numpy(data.labels), vectors, inference)


def permuted(side: TextSide, data: TrainingData, context: Context) -> TextSide:
    """Returns a side in which every class has the texts and the anchor of another one.

    The permutation leaves no class where it is. A row's own text is drawn from those of its new class, the same for
    all rows that had one text before, so that there are as many pairs as there were.
    """
    rng = np.random.default_rng(context.seed)
    classes = len(side.anchors)
    cycle = rng.permutation(classes)
    goes_to = np.empty(classes, dtype=np.int64)
    goes_to[cycle] = np.roll(cycle, 1)
    labels = goes_to[side.labels.numpy()]
    of_text = np.full(len(labels), -1, dtype=np.int64)
    before = side.of_row.numpy()
    for text in np.unique(before[before >= 0]):
        new = np.flatnonzero(labels == side.labels[text].item())
        of_text[text] = rng.choice(new) if len(new) else -1
    of_row = np.where(before >= 0, of_text[before], -1)
    anchors = torch.empty_like(side.anchors)
    anchors[torch.from_numpy(goes_to)] = side.anchors
    return TextSide(side.texts, torch.from_numpy(labels), torch.from_numpy(of_row), anchors, side.inference)
