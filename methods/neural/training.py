"""The training loop of all torch methods, and the predictor that it returns."""

import copy
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

from harness import Context, Params, Payloads, Predictor, Space, TrainingData, input_forms

from . import saved
from .encoders import autocast
from .heads import Head
from .inputs import Inputs, Rows, span_bytes, to_device
from .scorers import Scorer
from .towers import Tower

PREDICTION_BATCH = 64
MAX_BATCH_POSITIONS = 64 * 384  # rows times positions (bytes or tokens) of the longest row; bounds prediction memory
MAX_GRADIENT_NORM = 1.0  # gradients are clipped to this norm over all parameters
WARMUP_SHARE = 0.1  # share of the steps in which the learning rate rises linearly
SLOW_LR_DIVISOR = 10  # `Head.slow_parameters`: pretrained weights that the usual learning rate would overwrite


@dataclass(frozen=True)
class Settings:
    """Hyperparameters of the training loop.

    Attributes:
        learning_rate, batch, weight_decay: of the optimizer.
        epochs: maximum number of epochs.
        patience: number of epochs without a lower validation loss after which training ends.
        momentum: above 0, stochastic gradient descent with Nesterov momentum takes the place of AdamW.
    """

    learning_rate: float
    epochs: int
    batch: int = 32
    weight_decay: float = 0.01
    patience: int = 3
    momentum: float = 0.0


BatchSampler = Callable[[Rows, int, np.random.Generator], Iterator[Rows]]


@dataclass(frozen=True)
class LoopOptions:
    """What a method may change in the training loop.

    Attributes:
        sampler: yields the batches of one epoch from the lengths of all rows, the batch size and a random generator;
            as many batches as hold every row once. None: `batches`.
        validation_weights: float64 (validation rows,), the weight of each row in the validation loss. None: all equal.
    """

    sampler: BatchSampler | None = None
    validation_weights: npt.NDArray[np.float64] | None = None


DEFAULT_OPTIONS = LoopOptions()


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
    options: LoopOptions = DEFAULT_OPTIONS,
) -> None:
    """Trains a model in place with a cosine schedule with warm-up, gradient clipping and early stopping.

    With validation data, the model gets the weights of the epoch with the lowest validation cross-entropy; without,
    those of the last epoch. Epochs before the loss is below that of equal probabilities do not count towards the
    patience. When the head changes its objective (`Head.objective_changed`), the optimizer's moments are reset and the
    epochs before are no longer candidates. Ends early when ``context.should_stop``.
    """
    model.to(context.device)
    rng = np.random.default_rng(context.seed)
    epoch_steps = math.ceil(len(labels) / settings.batch)
    steps = epoch_steps * settings.epochs
    model.head.begin(epoch_steps, settings.epochs)
    optimizer = _optimizer(model, settings)
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    schedule = get_cosine_schedule_with_warmup(optimizer, int(WARMUP_SHARE * steps), steps)
    targets = torch.from_numpy(labels).to(context.device)
    best, best_state, epochs_without_gain = math.inf, copy.deepcopy(model.state_dict()), 0
    learned = False
    for epoch in range(settings.epochs):
        model.train()
        for rows in (options.sampler or batches)(inputs.lengths, settings.batch, rng):
            batch, mask = inputs.batch(rows)
            index = to_device(torch.from_numpy(rows), context.device)
            # Only the tower runs in the context's precision; losses and their gradients need float32.
            with autocast(context):
                vectors = model.tower(to_device(batch, context.device), to_device(mask, context.device)).float()
            loss = model.head.loss(vectors, targets[index], index)
            if model.head.objective_changed():
                # The moments of the old loss would scale the first steps of the new one wrongly, and an epoch before
                # the change must not be selected.
                optimizer.state.clear()
                best, epochs_without_gain = math.inf, 0
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(parameters, MAX_GRADIENT_NORM)
            optimizer.step()
            schedule.step()
            model.head.finish_step()
            context.count(len(rows), 1)
            if context.should_stop():
                break
        model.head.finish_epoch()
        if validation is not None:
            table = probabilities(model, validation[0], context)
            score = _cross_entropy(table, validation[1], options.validation_weights)
            context.report(epoch, -score)
            improved = score < best
            # Early stopping must prevent neither a penalty that has yet to start, nor a training that has yet to learn
            # anything: with few rows, an epoch has few steps.
            learned = learned or score < math.log(table.shape[1])  # the loss of equal probabilities
            reset = improved or not learned or model.head.objective_change_pending()
            epochs_without_gain = 0 if reset else epochs_without_gain + 1
            if improved:
                best, best_state = score, copy.deepcopy(model.state_dict())
        if epochs_without_gain >= settings.patience or context.should_stop():
            break
    if validation is not None:
        model.load_state_dict(best_state)
    model.eval()


def _optimizer(model: Classifier, settings: Settings) -> torch.optim.Optimizer:
    """Returns the optimizer of the trainable parameters, with a lower learning rate for `Head.slow_parameters`."""
    slow = list(model.head.slow_parameters())
    slow_ids = {id(p) for p in slow}
    regular = [p for p in model.parameters() if p.requires_grad and id(p) not in slow_ids]
    slow_rate = settings.learning_rate / SLOW_LR_DIVISOR
    groups: list[dict[str, Any]] = [{"params": regular}, {"params": slow, "lr": slow_rate}]
    if settings.momentum:
        return torch.optim.SGD(
            groups, settings.learning_rate, settings.momentum, weight_decay=settings.weight_decay, nesterov=True
        )
    return torch.optim.AdamW(groups, lr=settings.learning_rate, weight_decay=settings.weight_decay)


def _cross_entropy(
    table: npt.NDArray[np.float32], labels: npt.NDArray[np.int64], weights: npt.NDArray[np.float64] | None
) -> float:
    log_likelihood = np.log(np.maximum(table[np.arange(len(table)), labels], 1e-9))
    return -float(log_likelihood.mean() if weights is None else np.average(log_likelihood, weights=weights))


def batches(lengths: Rows, size: int, rng: np.random.Generator) -> Iterator[Rows]:
    """Yields the batches of an epoch, int64 row numbers: shuffled, with rows of similar length in a batch.

    Rows are shuffled, sorted by length within pools of 16 batches, and cut into batches, whose order is shuffled again:
    little padding without a fixed composition of batches.
    """
    order = rng.permutation(len(lengths))
    pool = 16 * size
    parts = []
    for start in range(0, len(order), pool):
        rows = order[start : start + pool]
        rows = rows[np.argsort(lengths[rows], kind="stable")]
        parts += [rows[at : at + size] for at in range(0, len(rows), size)]
    for index in rng.permutation(len(parts)):
        yield parts[index]


def run(
    tower: nn.Module, after: Callable[[torch.Tensor], torch.Tensor], inputs: Inputs, context: Context
) -> npt.NDArray[np.float32]:
    """Applies the tower and then ``after`` to every row in batches of similar length; returns float32 (n, width)."""
    parts, order = [], np.argsort(inputs.lengths, kind="stable")
    with torch.inference_mode():
        for rows in _prediction_batches(order, inputs.lengths):
            batch, mask = inputs.batch(rows)
            with autocast(context):
                vectors = tower(to_device(batch, context.device), to_device(mask, context.device)).float()
            parts.append(after(vectors))
        outputs = torch.cat(parts).cpu().numpy()  # once, since a copy from a GPU waits for all of its work
    table = np.empty_like(outputs)
    table[order] = outputs
    return table


def _prediction_batches(order: Rows, lengths: Rows) -> Iterator[Rows]:
    """Cuts rows, sorted by length, into batches of at most `MAX_BATCH_POSITIONS` padded positions."""
    at = 0
    while at < len(order):
        rows = order[at : at + PREDICTION_BATCH]
        while len(rows) > 1 and len(rows) * lengths[rows[-1]] > MAX_BATCH_POSITIONS:
            rows = rows[: len(rows) // 2]
        yield rows
        at += len(rows)


def softmax(scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Returns the softmax over classes, float32 (n, classes)."""
    return torch.softmax(torch.from_numpy(scores), dim=1).numpy()


def probabilities(model: Classifier, inputs: Inputs, context: Context) -> npt.NDArray[np.float32]:
    """Returns class probabilities of every row, float32 (n, classes)."""
    model.eval()
    return softmax(run(model.tower, model.head.scorer, inputs, context))


def seed_everything(context: Context) -> None:
    """Seeds torch with the cell's seed and turns on its deterministic algorithms."""
    torch.manual_seed(context.seed)
    torch.use_deterministic_algorithms(True)


def fit_classifier(
    tower: Tower,
    head: Head,
    training: TrainingData,
    validation: TrainingData | None,
    settings: Settings,
    context: Context,
    options: LoopOptions = DEFAULT_OPTIONS,
) -> "TorchPredictor":
    """Trains tower and head on payloads and returns the predictor; without validation data, for all epochs."""
    model = Classifier(tower, head)
    held_out = None if validation is None else (tower.read(validation.payloads, context), validation.labels)
    train(model, tower.read(training.payloads, context), training.labels, held_out, settings, context, options)
    return TorchPredictor(tower, head.scorer, context)


class TorchPredictor(Predictor):
    """A trained tower and scorer."""

    def __init__(self, tower: Tower, scorer: Scorer, context: Context) -> None:
        self.tower, self.scorer, self._context = tower.eval(), scorer.eval(), context

    def predict_proba(self, payloads: Payloads) -> npt.NDArray[np.float32]:
        """See `Predictor.predict_proba`."""
        return softmax(self._run(self.scorer, payloads))

    def scores(self, payloads: Payloads) -> npt.NDArray[np.float32]:
        """Returns class scores, float32 (n, classes), before the softmax."""
        return self._run(self.scorer, payloads)

    def embed(self, payloads: Payloads) -> npt.NDArray[np.float32]:
        """Returns the vectors that the scorer classifies, float32 (n, width); with `Prototypes`, of unit length."""
        unit = getattr(self.scorer, "unit", nn.Identity())
        return self._run(unit, payloads)

    def _run(self, after: Callable[[torch.Tensor], torch.Tensor], payloads: Payloads) -> npt.NDArray[np.float32]:
        if not len(payloads):
            return after(torch.zeros(0, self.tower.width, device=self._context.device)).detach().cpu().numpy()
        return run(self.tower, after, self.tower.read(payloads, self._context), self._context)

    def unread(self, payloads: Payloads, spans: Sequence[Sequence[int]]) -> float | None:
        """See `Predictor.unread`."""
        formed = input_forms.apply(self.tower.arguments["input"], payloads, spans)
        mask = self.tower.reads(formed.payloads)
        if mask is None or formed.spans is None:
            return None
        attack = span_bytes(formed.payloads, formed.spans)
        return float(1 - mask[attack].mean()) if attack.any() else 0.0

    def save(self, folder: Path) -> None:
        """See `Predictor.save`."""
        saved.save(folder, self.tower, self.scorer)

    @classmethod
    def load(
        cls, folder: Path, build: Callable[[Params], Tower], search_space: Space, context: Context
    ) -> "TorchPredictor":
        """Returns the predictor that `save` wrote; arguments and errors as `saved.load`."""
        tower, scorer = saved.load(folder, build, search_space, context)
        return cls(tower.to(context.device), scorer.to(context.device), context)
