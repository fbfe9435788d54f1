"""One training loop for every torch method, and the predictor it leaves behind."""

import copy
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from transformers import get_cosine_schedule_with_warmup

from harness import Context, Payloads, Predictor, TrainingData

from .encoders import autocast
from .heads import Head
from .inputs import Inputs, Rows
from .scorers import Scorer
from .towers import Tower

PREDICTION_BATCH = 64
MOST_PLACES = 64 * 384  # rows times the longest one's places (bytes, tokens) in a batch of prediction
CLIP = 1.0  # largest norm of a gradient
WARMUP = 0.1  # share of the steps
SLOWER = 10  # what `Head.slow_parameters` divides the learning rate by


@dataclass(frozen=True)
class Settings:
    """Hyperparameters of the loop; ``patience`` counts epochs without a better validation loss."""

    learning_rate: float
    epochs: int
    batch: int = 32
    weight_decay: float = 0.01
    patience: int = 3


Draw = Callable[[Rows, int, np.random.Generator], Iterator[Rows]]


@dataclass(frozen=True)
class Course:
    """What a method may change of the loop.

    Attributes:
        draw: yields the batches of an epoch, from the lengths of all rows, the size of a batch and a random stream: as
            many as it takes to hold every row once. `batches` where it is None.
        weights: float64 (validation rows,), how much each counts in the validation loss; all alike where it is None.
    """

    draw: Draw | None = None
    weights: npt.NDArray[np.float64] | None = None


PLAIN = Course()


class Classifier(nn.Module):
    """A tower and a head."""

    def __init__(self, tower: Tower, head: Head) -> None:
        super().__init__()
        self.tower, self.head = tower, head

    def scores(self, batch: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Returns class scores of a padded batch, float32 (n, classes)."""
        return cast(torch.Tensor, self.head.scorer(self.tower(batch, mask).float()))


def train(
    model: Classifier,
    inputs: Inputs,
    labels: npt.NDArray[np.int64],
    validation: tuple[Inputs, npt.NDArray[np.int64]] | None,
    settings: Settings,
    context: Context,
    course: Course = PLAIN,
) -> None:
    """Trains a model in place with AdamW, a cosine schedule, gradient clipping and early stopping.

    With validation inputs and labels, the weights of the epoch with the lowest validation cross-entropy stay; without,
    those of the last epoch. Where the head's loss becomes another (`Head.renews`), AdamW forgets its moments, and no
    earlier epoch stays. Ends early when ``context.should_stop``.
    """
    model.to(context.device)
    rng = np.random.default_rng(context.seed)
    steps = math.ceil(len(labels) / settings.batch) * settings.epochs
    slow = list(model.head.slow_parameters())
    slowed = {id(p) for p in slow}
    trained = [p for p in model.parameters() if p.requires_grad and id(p) not in slowed]
    groups: list[dict[str, Any]] = [{"params": trained}, {"params": slow, "lr": settings.learning_rate / SLOWER}]
    optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate, weight_decay=settings.weight_decay)
    schedule = get_cosine_schedule_with_warmup(optimizer, int(WARMUP * steps), steps)
    targets = torch.from_numpy(labels)
    best, kept, waited = math.inf, copy.deepcopy(model.state_dict()), 0
    for epoch in range(settings.epochs):
        model.train()
        for rows in (course.draw or batches)(inputs.lengths, settings.batch, rng):
            batch, mask = inputs.batch(rows)
            index = torch.from_numpy(rows)
            with autocast(context):
                vectors = model.tower(batch.to(context.device), mask.to(context.device)).float()
            loss = model.head.loss(vectors, targets[index].to(context.device), index.to(context.device))
            if model.head.renews():
                optimizer.state.clear()
                best, waited = math.inf, 0
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_([*trained, *slow], CLIP)
            optimizer.step()
            schedule.step()
            context.count(len(rows), 1)
            if context.should_stop():
                break
        model.head.finish_epoch()
        if validation is not None:
            score = _cross_entropy(probabilities(model, validation[0], context), validation[1], course.weights)
            context.report(epoch, -score)
            waited = 0 if score < best or model.head.pending() else waited + 1
            if score < best:
                best, kept = score, copy.deepcopy(model.state_dict())
        if waited >= settings.patience or context.should_stop():
            break
    if validation is not None:
        model.load_state_dict(kept)
    model.eval()


def _cross_entropy(
    table: npt.NDArray[np.float32], labels: npt.NDArray[np.int64], weights: npt.NDArray[np.float64] | None
) -> float:
    told = np.log(np.maximum(table[np.arange(len(table)), labels], 1e-9))
    return -float(told.mean() if weights is None else np.average(told, weights=weights))


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


def run(
    tower: nn.Module, after: Callable[[torch.Tensor], torch.Tensor], inputs: Inputs, context: Context
) -> npt.NDArray[np.float32]:
    """Returns what ``after`` makes of every row's vector, float32 (n, ...), in batches of similar length."""
    parts, order = [], np.argsort(inputs.lengths, kind="stable")
    with torch.inference_mode():
        for rows in _fitting(order, inputs.lengths):
            batch, mask = inputs.batch(rows)
            with autocast(context):
                out = after(tower(batch.to(context.device), mask.to(context.device)).float())
            parts.append(out.float().cpu().numpy())
    table = np.empty((len(order), parts[0].shape[1]), dtype=np.float32)
    table[order] = np.concatenate(parts)
    return table


def _fitting(order: Rows, lengths: Rows) -> Iterator[Rows]:
    """Yields rows, sorted by length, in batches that get smaller where rows are long."""
    at = 0
    while at < len(order):
        rows = order[at : at + PREDICTION_BATCH]
        while len(rows) > 1 and len(rows) * lengths[rows[-1]] > MOST_PLACES:
            rows = rows[: len(rows) // 2]
        yield rows
        at += len(rows)


def softmax(scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Returns probabilities, float32 (n, classes)."""
    return torch.softmax(torch.from_numpy(scores), dim=1).numpy()


def probabilities(model: Classifier, inputs: Inputs, context: Context) -> npt.NDArray[np.float32]:
    """Returns class probabilities of every row, float32 (n, classes)."""
    model.eval()
    return softmax(run(model.tower, model.head.scorer, inputs, context))


def seed_everything(context: Context) -> None:
    """Seeds torch and asks it for deterministic algorithms."""
    torch.manual_seed(context.seed)
    torch.use_deterministic_algorithms(True)


def fit_classifier(
    tower: Tower,
    head: Head,
    training: TrainingData,
    validation: TrainingData | None,
    settings: Settings,
    context: Context,
    course: Course = PLAIN,
) -> "TorchPredictor":
    """Trains tower and head on payloads and returns the predictor; without validation, for every epoch."""
    model = Classifier(tower, head)
    side = None if validation is None else (tower.read(validation.payloads, context), validation.labels)
    train(model, tower.read(training.payloads, context), training.labels, side, settings, context, course)
    return TorchPredictor(tower, head.scorer, context)


class TorchPredictor(Predictor):
    """A trained tower and scorer.

    Attributes:
        notes: what a reader of its figures has to know; not saved with it.
    """

    notes: Sequence[str] = ()

    def __init__(self, tower: Tower, scorer: Scorer, context: Context) -> None:
        self.tower, self.scorer, self._context = tower.eval(), scorer.eval(), context

    def predict_proba(self, payloads: Payloads) -> npt.NDArray[np.float32]:
        """See `Predictor.predict_proba`."""
        return softmax(self._run(self.scorer, payloads))

    def scores(self, payloads: Payloads) -> npt.NDArray[np.float32]:
        """Returns class scores, float32 (n, classes), before the softmax."""
        return self._run(self.scorer, payloads)

    def embed(self, payloads: Payloads) -> npt.NDArray[np.float32]:
        """Returns the vectors that the classes are told by, float32 (n, width); unit length where texts guide."""
        unit = getattr(self.scorer, "unit", nn.Identity())
        return self._run(unit, payloads)

    def _run(self, after: Callable[[torch.Tensor], torch.Tensor], payloads: Payloads) -> npt.NDArray[np.float32]:
        if not len(payloads):
            return after(torch.zeros(0, self.tower.width)).detach().numpy()
        return run(self.tower, after, self.tower.read(payloads, self._context), self._context)

    def save(self, folder: Path) -> None:
        """See `Predictor.save`: what tower and scorer are built with, and their weights."""
        from safetensors.torch import save_file

        parts = {name: [type(part).__name__, part.arguments] for name, part in self._parts.items()}
        (folder / "model.json").write_text(json.dumps(parts), encoding="utf-8")
        for name, part in self._parts.items():
            save_file({k: v.contiguous() for k, v in part.state_dict().items()}, folder / f"{name}.safetensors")

    @property
    def _parts(self) -> "dict[str, Tower | Scorer]":
        return {"tower": self.tower, "scorer": self.scorer}

    @classmethod
    def load(cls, folder: Path, context: Context) -> "TorchPredictor":
        """Returns the predictor that `save` wrote."""
        from safetensors.torch import load_file

        plan = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        tower = Tower.KINDS[plan["tower"][0]](**plan["tower"][1])
        scorer = Scorer.KINDS[plan["scorer"][0]](**plan["scorer"][1])
        for name, part in (("tower", tower), ("scorer", scorer)):
            part.load_state_dict(load_file(folder / f"{name}.safetensors"))
        return cls(tower.to(context.device), scorer.to(context.device), context)
