"""Stage one of the text-guided methods, and the text sides of stage two, of the method and of its controls."""

from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from torch.nn import functional

from harness import Context, TrainingData, hashing

from . import encoders
from .encoders import Encoder
from .heads import ContrastHead, Head, TripletHead
from .inputs import Inputs, RowSubset
from .text_side import Inference, TextSide, TrainedTextSide, embed, mean_of_prompts, prompts_of
from .towers import EncoderTop
from .training import Classifier, Settings, seed_everything, train

VERSION = 3
SETTINGS = Settings(learning_rate=3e-4, epochs=1)
StageOne = Literal["triplet", "contrast", "none"]
USAGE = "spent"  # array of the shared step beside the weights: examples and steps of its training


def text_side(
    data: TrainingData,
    context: Context,
    stage: StageOne,
    name: str,
    templates: tuple[str, ...],
    inference: Inference,
    trains_text: bool = False,
) -> TextSide:
    """Runs stage one and returns the embeddings of the training descriptions and the class anchors.

    The tower trained by stage one and its embeddings are shared steps, as are the trunk's activations.

    Args:
        data: training data with descriptions.
        context: its seed, classes and shared steps are used.
        stage: the loss by which stage one trains the encoder's top layer on the descriptions; ``none`` skips it.
        name: the text encoder, a Hugging Face id or a folder.
        templates: of the prompts.
        inference: see `TextSide`.
        trains_text: whether stage two trains the text tower.

    Raises:
        ValueError: the data has no descriptions.
    """
    descriptions = data.descriptions
    if descriptions is None or not descriptions.texts:
        raise ValueError("text-guided methods require descriptions, but the training rows have none")
    encoder = Encoder(name)
    setting = f"{context.seed}-{context.precision}-{context.device}"
    step = f"stage-one-{VERSION}-{encoder.identity}-{stage}-{SETTINGS}-{setting}"
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
    """Returns the text tower after training on the texts whose class is known.

    Every cell that uses the shared step counts its examples and steps, whether or not it computed them.
    """
    tower = EncoderTop(0.0, encoder.name)
    if stage == "none":
        return tower.eval()

    def compute() -> dict[str, np.ndarray]:
        seed_everything(context)
        rows = np.flatnonzero(labels >= 0)
        head: Head = TripletHead() if stage == "triplet" else ContrastHead()
        usage = np.zeros(2, dtype=np.int64)

        def count(examples: int, steps: int) -> None:
            usage[:] += (examples, steps)

        # Other cells use the result as well, so the time limit of this one must not end the training.
        unlimited = replace(context, should_stop=lambda: False, count=count)
        inputs = RowSubset(tower.read_texts(texts, context), rows)
        train(Classifier(tower, head), inputs, labels[rows], None, SETTINGS, unlimited)
        return {USAGE: usage, **{key: value.cpu().numpy() for key, value in tower.state_dict().items()}}

    arrays = dict(context.shared(step, content, compute))
    context.count(*(int(n) for n in arrays.pop(USAGE)))
    tower.load_state_dict({key: torch.from_numpy(np.array(value)) for key, value in arrays.items()})
    return tower.to(context.device).eval()


def class_name_side(
    data: TrainingData, context: Context, name: str, templates: tuple[str, ...], inference: Inference
) -> TextSide:
    """Returns a text side in which a class's only text is its anchor, embedded by the encoder without stage one."""
    prompts = _prompts(context, templates)
    tower = EncoderTop(0.0, name).eval()
    embeddings = torch.from_numpy(embed(tower, tower.read_texts(prompts, context)))
    return _one_text_per_class(mean_of_prompts(embeddings, len(templates)), data, inference)


def random_side(data: TrainingData, context: Context, inference: Inference) -> TextSide:
    """Returns a text side in which a class's only text is a random unit vector, drawn with the cell's seed."""
    width = encoders.width(encoders.load())
    stream = torch.Generator().manual_seed(context.seed)
    vectors = torch.randn(len(context.classes), width, generator=stream)
    return _one_text_per_class(functional.normalize(vectors, dim=1), data, inference)


def _one_text_per_class(vectors: torch.Tensor, data: TrainingData, inference: Inference) -> TextSide:
    """Returns a text side with one text per class that has a training row; other classes only have their anchor.

    So it is with real descriptions: a class without training rows has none.
    """
    classes, of_row = np.unique(data.labels, return_inverse=True)
    labels = torch.from_numpy(classes)
    return TextSide(vectors[labels], labels, torch.from_numpy(of_row.astype(np.int64)), vectors, inference)


def permuted_side(side: TextSide, data: TrainingData, context: Context) -> TextSide:
    """Returns a text side in which every class has the texts and the anchor of another class.

    The permutation has no fixed point. Each text is replaced by a random text of the row's class under the permutation,
    the same one for all rows that shared a text, so that the number of distinct pairs stays the same.
    """
    rng = np.random.default_rng(context.seed)
    classes = len(side.anchors)
    cycle = rng.permutation(classes)
    target = np.empty(classes, dtype=np.int64)
    target[cycle] = np.roll(cycle, 1)  # a single cycle over all classes, so none maps to itself
    given = side.labels.numpy()
    labels = np.where(given >= 0, target[given], -1)
    replacement = np.full(len(labels), -1, dtype=np.int64)
    original = side.of_row.numpy()
    for text in np.unique(original[original >= 0]):
        candidates = np.flatnonzero(labels == side.labels[text].item())
        replacement[text] = rng.choice(candidates) if len(candidates) else -1
    of_row = np.where(original >= 0, replacement[original], -1)
    anchors = torch.empty_like(side.anchors)
    anchors[torch.from_numpy(target)] = side.anchors
    return TextSide(side.texts, torch.from_numpy(labels), torch.from_numpy(of_row), anchors, side.inference)
