"""Trains MiniLM's top on payloads under any head: what `transformer` and the text-guided methods have in common."""

from torch import nn

from harness import Context, Payloads, TrainingData
from methods.neural.inputs import HiddenInputs
from methods.neural.minilm import trunk_of_payloads
from methods.neural.towers import MiniLMTop
from methods.neural.training import Classifier, Settings, TorchPredictor, train


def fit_payload_tower(
    tower: MiniLMTop,
    head: nn.Module,
    training: TrainingData,
    validation: TrainingData,
    settings: Settings,
    context: Context,
) -> TorchPredictor:
    """Trains tower and head over the frozen trunk's activations and returns the predictor."""

    def read(payloads: Payloads) -> HiddenInputs:
        return HiddenInputs(trunk_of_payloads(payloads, context))

    model = Classifier(tower, head)
    validation_side = (read(validation.payloads), validation.labels)
    train(model, read(training.payloads), training.labels, validation_side, settings, context)
    return TorchPredictor(model, read, context)
