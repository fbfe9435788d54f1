"""Controls for the claim that descriptions help: tower, search space and budget as in `text-guided`."""

from typing import TYPE_CHECKING

from harness import Context, Params, Predictor, TrainingData, register_method

from ..base.encoder import BATCH, EPOCHS, REQUIRES, SHARED_STEP, TOWER_SPACE, EncoderMethod
from ..base.text import ALIGNMENT_SPACE, TextMethod

if TYPE_CHECKING:
    from ..neural.text_side import TextSide
    from ..neural.training import TorchPredictor


@register_method(
    "control-random-vectors",
    version=4,
    kind="control",
    summary="text-guided with one random vector per class in place of its descriptions",
    requires=REQUIRES,
    shared=SHARED_STEP,
)
class RandomVectors(TextMethod):
    """Tests whether the content of texts matters: the vectors carry no information beyond the class."""

    space = ALIGNMENT_SPACE

    def side(self, train: TrainingData, params: Params, context: Context) -> "TextSide":
        """See `TextMethod.side`."""
        from ..neural.stage_one import random_side

        return random_side(train, context, params["inference"])


@register_method(
    "control-permuted-descriptions",
    version=4,
    kind="control",
    tags=("text",),
    summary="text-guided with the descriptions and anchors of another class, in training and inference",
    requires=REQUIRES,
    shared=SHARED_STEP,
)
class PermutedDescriptions(TextMethod):
    """Tests whether texts must match their class: they are as varied as the real ones, but describe another class."""

    space = ALIGNMENT_SPACE

    def side(self, train: TrainingData, params: Params, context: Context) -> "TextSide":
        """See `TextMethod.side`."""
        from ..neural.stage_one import permuted_side

        return permuted_side(super().side(train, params, context), train, context)


@register_method(
    "control-class-names",
    version=4,
    kind="control",
    summary="text-guided with the names of the classes as descriptions",
    requires=REQUIRES,
    shared=SHARED_STEP,
)
class ClassNames(TextMethod):
    """Tests whether descriptions add to the name of a class: its anchor is its only text."""

    space = ALIGNMENT_SPACE

    def side(self, train: TrainingData, params: Params, context: Context) -> "TextSide":
        """See `TextMethod.side`."""
        from ..neural.stage_one import class_name_side

        return class_name_side(train, context, self.text_encoder, self.templates, params["inference"])


@register_method(
    "control-shared-head",
    version=3,
    kind="control",
    tags=("text",),
    summary="cross-entropy whose linear head also classifies the same descriptions",
    requires=REQUIRES,
    shared=SHARED_STEP,
)
class SharedHeadControl(TextMethod):
    """Tests whether alignment matters: descriptions are further training rows of one shared linear classifier."""

    space = ALIGNMENT_SPACE

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Trains once: a linear classifier cannot predict unseen classes, so there is nothing to calibrate."""
        return self.align(train, validation, params, context)

    def align(
        self, train: TrainingData, validation: TrainingData, params: Params, context: Context
    ) -> "TorchPredictor":
        """Trains the tower with the shared linear classifier."""
        from ..neural.heads import SharedHead
        from ..neural.training import Settings, fit_classifier, seed_everything

        side = self.side(train, params, context)
        seed_everything(context)
        tower = self.tower(params)
        head = SharedHead(tower.width, side, len(context.classes))
        settings = Settings(params["learning_rate"], EPOCHS, BATCH, weight_decay=params["weight_decay"])
        return fit_classifier(tower, head, train, validation, settings, context)


@register_method(
    "control-payload-contrast",
    version=3,
    kind="control",
    summary="supervised contrast among payloads, without text",
    reference="Khosla et al. 2020, arXiv 2004.11362",
    requires=REQUIRES,
    shared=SHARED_STEP,
)
class PayloadContrast(EncoderMethod):
    """Tests whether contrast alone helps: the loss of text-guided with payloads as targets."""

    space = {**TOWER_SPACE, "temperature": ALIGNMENT_SPACE["temperature"]}

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Trains for at most 5 epochs."""
        import torch

        from ..neural.heads import PayloadContrastHead
        from ..neural.scorers import Prototypes
        from ..neural.training import Settings, fit_classifier, seed_everything

        seed_everything(context)
        tower = self.tower(params)
        classes = len(context.classes)
        scorer = Prototypes(tower.width, tower.width, classes, classes, projected=False)
        head = PayloadContrastHead(scorer, torch.from_numpy(train.labels), params["temperature"])
        settings = Settings(params["learning_rate"], EPOCHS, BATCH, weight_decay=params["weight_decay"])
        return fit_classifier(tower, head, train, validation, settings, context)
