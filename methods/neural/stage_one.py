"""Stage one, and the text sides that stage two aligns payloads to: those of the method and those of its controls."""

from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from torch.nn import functional

from harness import Context, TrainingData, hashing

from . import encoders
from .encoders import Encoder
from .heads import ContrastHead, Head, TripletHead
from .inputs import Inputs, Some
from .text_side import Inference, TextSide, TrainedTextSide, embed, mean_of_prompts, prompts_of
from .towers import EncoderTop
from .training import Classifier, Settings, seed_everything, train

VERSION = 3
SETTINGS = Settings(learning_rate=3e-4, epochs=1)
StageOne = Literal["triplet", "contrast", "none"]
SPENT = "spent"  # beside the weights: examples and steps


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

    The trunk reads the descriptions once; the tower that stage one trains and its embeddings of them are shared steps.

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
    encoder = Encoder(name)
    where = f"{context.seed}-{context.precision}-{context.device}"
    step = f"stage-one-{VERSION}-{encoder.identity}-{stage}-{SETTINGS}-{where}"
    content = hashing.of_json([descriptions.texts, descriptions.labels.tolist()])
    tower = _stage_one(encoder, descriptions.texts, descriptions.labels, stage, context, step, content)

    def read() -> Inputs:
        return tower.read_texts(descriptions.texts, context)

    texts = context.shared(f"{step}-texts", content, lambda: {"embeddings": embed(tower, read())})["embeddings"]
    prompts = tower.read_texts(_prompts(context, templates), context)
    side = TextSide(
        torch.from_numpy(np.array(texts)),
        torch.from_numpy(descriptions.labels),
        torch.from_numpy(descriptions.of_row),
        mean_of_prompts(torch.from_numpy(embed(tower, prompts)), len(templates)),
        inference,
    )
    return TrainedTextSide(side, tower, read(), prompts, len(templates)) if trains_text else side


def _prompts(context: Context, templates: tuple[str, ...]) -> tuple[str, ...]:
    return prompts_of([c.anchor for c in context.classes], templates)


def _stage_one(
    encoder: Encoder, texts: tuple[str, ...], labels: "np.ndarray[tuple[int], np.dtype[np.int64]]", stage: StageOne,
    context: Context, step: str, content: str,
) -> EncoderTop:  # fmt: skip
    """Returns the text tower, trained on texts whose class is known; every user of the step counts its examples."""
    tower = EncoderTop(0.0, encoder.name)
    if stage == "none":
        return tower.eval()

    def compute() -> dict[str, np.ndarray]:
        seed_everything(context)
        known = np.flatnonzero(labels >= 0)
        head: Head = TripletHead() if stage == "triplet" else ContrastHead()
        spent = np.zeros(2, dtype=np.int64)

        def count(examples: int, steps: int) -> None:
            spent[:] += (examples, steps)

        whole = replace(context, should_stop=lambda: False, count=count)  # what is shared hangs on no cell's clock
        inputs = Some(tower.read_texts(texts, context), known)
        train(Classifier(tower, head), inputs, labels[known], None, SETTINGS, whole)
        return {SPENT: spent, **{key: value.cpu().numpy() for key, value in tower.state_dict().items()}}

    arrays = dict(context.shared(step, content, compute))
    context.count(*(int(n) for n in arrays.pop(SPENT)))
    tower.load_state_dict({key: torch.from_numpy(np.array(value)) for key, value in arrays.items()})
    return tower.to(context.device).eval()


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
    """One text per class that has a training row; unseen classes have an anchor alone, as they have no descriptions."""
    seen, of_row = np.unique(data.labels, return_inverse=True)
    labels = torch.from_numpy(seen)
    return TextSide(vectors[labels], labels, torch.from_numpy(of_row.astype(np.int64)), vectors, inference)


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
