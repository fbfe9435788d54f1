"""Controls: they exist to falsify the claim that descriptions help; tower, space and budget as in `text-guided`."""

from typing import TYPE_CHECKING

from harness import Context, Params, Predictor, TrainingData, register_method

from ..base.encoder import BATCH, EPOCHS, REQUIRES, SHARED, TOWER_SPACE, EncoderMethod
from ..base.text import ALIGNMENT_SPACE, TextMethod

if TYPE_CHECKING:
    from ..neural.text_side import TextSide
    from ..neural.training import TorchPredictor


@register_method(
    "control-random-vectors",
    version=3,
    kind="control",
    summary="text-guided with one random vector per class in the place of its descriptions",
    requires=REQUIRES,
    shared=SHARED,
)
class RandomVectors(TextMethod):
    """What is left of text-guided when texts carry nothing but the class."""

    space = ALIGNMENT_SPACE

    def side(self, train: TrainingData, params: Params, context: Context) -> "TextSide":
        """See `TextMethod.side`."""
        from ..neural.stage_one import random_side

        return random_side(train, context, params["inference"])


@register_method(
    "control-permuted-descriptions",
    version=3,
    kind="control",
    tags=("text",),
    summary="text-guided with the descriptions and anchors of another class, in training and in inference",
    requires=REQUIRES,
    shared=SHARED,
)
class PermutedDescriptions(TextMethod):
    """What is left of text-guided when texts are as rich as they are, and say what is wrong."""

    space = ALIGNMENT_SPACE

    def side(self, train: TrainingData, params: Params, context: Context) -> "TextSide":
        """See `TextMethod.side`."""
        from ..neural.stage_one import permuted

        return permuted(super().side(train, params, context), train, context)


@register_method(
    "control-class-names",
    version=3,
    kind="control",
    summary="text-guided with the classes' names for descriptions",
    requires=REQUIRES,
    shared=SHARED,
)
class ClassNames(TextMethod):
    """What is left of text-guided when a class has one text, its anchor."""

    space = ALIGNMENT_SPACE

    def side(self, train: TrainingData, params: Params, context: Context) -> "TextSide":
        """See `TextMethod.side`."""
        from ..neural.stage_one import names_side

        return names_side(train, context, self.text_encoder, self.templates, params["inference"])


@register_method(
    "control-shared-head",
    version=2,
    kind="control",
    tags=("text",),
    summary="cross-entropy whose linear head also classifies the same descriptions",
    requires=REQUIRES,
    shared=SHARED,
)
class SharedHeadControl(TextMethod):
    """What the descriptions give as further training rows, without any alignment."""

    space = ALIGNMENT_SPACE

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Trains once: a head knows classes by their rows, and has nothing by which to favour unseen ones."""
        return self.align(train, validation, params, context)

    def align(
        self, train: TrainingData, validation: TrainingData, params: Params, context: Context
    ) -> "TorchPredictor":
        """Trains tower and shared head."""
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
    version=2,
    kind="control",
    summary="supervised contrast among payloads, without text",
    reference="Khosla et al. 2020, arXiv 2004.11362",
    requires=REQUIRES,
    shared=SHARED,
)
class PayloadContrast(EncoderMethod):
    """What contrast alone gives: the loss of text-guided with payloads for targets."""

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
