"""Controls for the claim that descriptions help: learner, search space and budget as in `text-guided`."""

from dataclasses import replace
from typing import TYPE_CHECKING

from harness import Context, Learner, Params, Predictor, Strategy, Training, TrainingData, register_strategy, taxonomy

from ..base.encoder import REQUIRES
from ..base.text import ALIGNMENT_SPACE, AlignmentStrategy, TextStrategy
from ..base.torch_learner import TORCH

if TYPE_CHECKING:
    from ..neural.heads import Head
    from ..neural.text_side import TextSide


@register_strategy(
    "control-random-vectors",
    version=1,
    kind="control",
    summary="aligned as in text-guided, with one random vector per class in place of its descriptions",
    requires=REQUIRES,
)
class RandomVectors(AlignmentStrategy):
    """Tests whether the content of texts matters: the vectors carry no information beyond the class."""

    def side(self, train: TrainingData, params: Params, context: Context) -> "TextSide":
        """See `TextStrategy.side`."""
        from ..neural.stage_one import random_side

        return random_side(train, context, params["inference"])


@register_strategy(
    "control-permuted-descriptions",
    version=1,
    kind="control",
    tags=("text",),
    summary="aligned as in text-guided, with the descriptions and anchors of another class",
    requires=REQUIRES,
)
class PermutedDescriptions(AlignmentStrategy):
    """Tests whether texts must match their class: they are as varied as the real ones, but describe another class."""

    def side(self, train: TrainingData, params: Params, context: Context) -> "TextSide":
        """See `TextStrategy.side`."""
        from ..neural.stage_one import permuted_side

        return permuted_side(super().side(train, params, context), train, context)


@register_strategy(
    "control-masked-descriptions",
    version=1,
    kind="control",
    tags=("text",),
    summary="aligned as in text-guided, with descriptions without the words that name a class",
    requires=REQUIRES,
)
class MaskedDescriptions(AlignmentStrategy):
    """Tests whether descriptions say more than the name of their class, which most of them contain."""

    def side(self, train: TrainingData, params: Params, context: Context) -> "TextSide":
        """See `TextStrategy.side`."""
        texts = train.descriptions
        if texts is not None:
            masked = tuple(taxonomy.without_class_words(text) for text in texts.texts)
            train = replace(train, descriptions=replace(texts, texts=masked))
        return super().side(train, params, context)


@register_strategy(
    "control-class-names",
    version=1,
    kind="control",
    summary="aligned as in text-guided, with the names of the classes as descriptions",
    requires=REQUIRES,
)
class ClassNames(AlignmentStrategy):
    """Tests whether descriptions add to the name of a class: its anchor is its only text."""

    def side(self, train: TrainingData, params: Params, context: Context) -> "TextSide":
        """See `TextStrategy.side`."""
        from ..neural.stage_one import class_name_side

        return class_name_side(train, context, self.text_encoder, self.templates, params["inference"])


@register_strategy(
    "control-shared-head",
    version=1,
    kind="control",
    tags=("text",),
    summary="by a linear classifier that is trained on the descriptions of text-guided too",
    requires=REQUIRES,
)
class SharedHeadControl(TextStrategy):
    """Tests whether alignment matters: descriptions are further training rows of one shared linear classifier.

    A linear classifier cannot predict classes without training rows, so there is nothing to calibrate.
    """

    space = ALIGNMENT_SPACE

    def head(
        self, width: int, classes: int, length: float, side: "TextSide", train: TrainingData, params: Params
    ) -> "Head":
        """See `TextStrategy.head`."""
        from ..neural.heads import SharedHead

        return SharedHead(width, side, classes)


@register_strategy(
    "control-payload-contrast",
    version=1,
    kind="control",
    summary="by supervised contrast among payloads, without text",
    reference="Khosla et al. 2020, arXiv 2004.11362",
    requires=TORCH,
)
class PayloadContrast(Strategy):
    """Tests whether contrast alone helps: the loss of text-guided with payloads as targets."""

    needs = frozenset(("loss", "features"))
    space = {"temperature": ALIGNMENT_SPACE["temperature"]}

    def fit(
        self, learner: Learner, train: TrainingData, validation: TrainingData, params: Params, context: Context
    ) -> Predictor:
        """See `Strategy.fit`."""
        import torch

        from ..neural.heads import PayloadContrastHead
        from ..neural.scorers import Prototypes

        def head(width: int, classes: int, _: float) -> "PayloadContrastHead":
            scorer = Prototypes(width, width, classes, classes, projected=False)
            return PayloadContrastHead(scorer, torch.from_numpy(train.labels), params["temperature"])

        return learner.fit(train, validation, params, context, Training(head=head))
