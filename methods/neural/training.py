"""One training loop for every torch method, and the predictor it leaves behind."""

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from transformers import get_cosine_schedule_with_warmup

from harness import Context, Payloads, Predictor
from methods.neural.inputs import Inputs, Rows
from methods.neural.minilm import autocast

PREDICTION_BATCH = 64
CLIP = 1.0  # largest norm of a gradient
WARMUP = 0.1  # share of the steps


class Head(Protocol):
    """What a head offers; see `methods.neural.losses`."""

    def loss(self, vectors: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Returns the scalar loss of a batch."""
        ...

    def scores(self, vectors: torch.Tensor) -> torch.Tensor:
        """Returns class scores (n, classes); their softmax are the probabilities."""
        ...


@dataclass(frozen=True)
class Settings:
    """Hyperparameters of the loop; ``patience`` counts epochs without a better validation loss."""

    learning_rate: float
    epochs: int
    batch: int = 32
    weight_decay: float = 0.01
    patience: int = 3


class Classifier(nn.Module):
    """A tower and a head."""

    def __init__(self, tower: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.tower, self.head = tower, head

    def scores(self, batch: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Returns class scores of a padded batch, float32 (n, classes)."""
        return cast(Head, self.head).scores(self.tower(batch, mask).float())


def train(
    model: Classifier,
    inputs: Inputs,
    labels: npt.NDArray[np.int64],
    validation: tuple[Inputs, npt.NDArray[np.int64]] | None,
    settings: Settings,
    context: Context,
) -> None:
    """Trains a model in place with AdamW, a cosine schedule, gradient clipping and early stopping.

    With validation inputs and labels, the weights of the epoch with the lowest validation cross-entropy stay; without,
    those of the last epoch. Ends early when ``context.should_stop``.
    """
    model.to(context.device)
    rng = np.random.default_rng(context.seed)
    steps = math.ceil(len(labels) / settings.batch) * settings.epochs
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=settings.learning_rate, weight_decay=settings.weight_decay)
    schedule = get_cosine_schedule_with_warmup(optimizer, int(WARMUP * steps), steps)
    targets = torch.from_numpy(labels)
    best, kept, waited = math.inf, copy.deepcopy(model.state_dict()), 0
    for epoch in range(settings.epochs):
        model.train()
        for rows in batches(inputs.lengths, settings.batch, rng):
            batch, mask = inputs.batch(rows)
            index = torch.from_numpy(rows)
            with autocast(context):
                vectors = model.tower(batch.to(context.device), mask.to(context.device)).float()
            head = cast(Head, model.head)
            loss = head.loss(vectors, targets[index].to(context.device), index.to(context.device))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(trained, CLIP)
            optimizer.step()
            schedule.step()
            context.count(len(rows), 1)
            if context.should_stop():
                break
        if validation is not None:
            score = _cross_entropy(probabilities(model, validation[0], context), validation[1])
            context.report(epoch, -score)
            waited = 0 if score < best else waited + 1
            if score < best:
                best, kept = score, copy.deepcopy(model.state_dict())
        if waited >= settings.patience or context.should_stop():
            break
    if validation is not None:
        model.load_state_dict(kept)
    model.eval()


def _cross_entropy(table: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> float:
    return -float(np.log(np.maximum(table[np.arange(len(table)), labels], 1e-9)).mean())


def batches(lengths: Rows, size: int, rng: np.random.Generator) -> Iterator[Rows]:
    """Yields shuffled batches of similar length: rows are shuffled, sorted within pools of 16 batches, cut."""
    order = rng.permutation(len(lengths))
    pool = 16 * size
    cut = []
    for start in range(0, len(order), pool):
        rows = order[start : start + pool]
        rows = rows[np.argsort(lengths[rows], kind="stable")]
        cut += [rows[at : at + size] for at in range(0, len(rows), size)]
    for index in rng.permutation(len(cut)):
        yield cut[index]


def probabilities(model: Classifier, inputs: Inputs, context: Context) -> npt.NDArray[np.float32]:
    """Returns class probabilities of every row, float32 (n, classes)."""
    model.eval()
    parts, order = [], np.argsort(inputs.lengths, kind="stable")
    with torch.inference_mode():
        for at in range(0, len(order), PREDICTION_BATCH):
            batch, mask = inputs.batch(order[at : at + PREDICTION_BATCH])
            with autocast(context):
                scores = model.scores(batch.to(context.device), mask.to(context.device))
            parts.append(torch.softmax(scores.float(), dim=1).cpu().numpy())
    out = np.empty((len(order), parts[0].shape[1]), dtype=np.float32)
    out[order] = np.concatenate(parts)
    return out


def seed_everything(context: Context) -> None:
    """Seeds torch and asks it for deterministic algorithms."""
    torch.manual_seed(context.seed)
    torch.use_deterministic_algorithms(True)


class TorchPredictor(Predictor):
    """A trained model and the way from payloads to its inputs."""

    def __init__(self, model: Classifier, read: Callable[[Payloads], Inputs], context: Context) -> None:
        self._model, self._read, self._context = model, read, context

    def predict_proba(self, payloads: Payloads) -> npt.NDArray[np.float32]:
        """See `Predictor.predict_proba`."""
        return probabilities(self._model, self._read(payloads), self._context)
