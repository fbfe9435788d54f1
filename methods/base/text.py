"""Base class of the strategies that align payloads with texts, and of their controls."""

from abc import abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from harness import (
    PLAIN_TRAINING,
    Categorical,
    Context,
    Float,
    Learner,
    Params,
    Predictor,
    Space,
    Strategy,
    Training,
    TrainingData,
)

from .encoder import DEFAULT_ENCODER
from .unlabelled import with_unlabelled

if TYPE_CHECKING:
    from ..neural.heads import Alignment, Head
    from ..neural.text_side import TextSide
    from ..neural.training import TorchPredictor

TEMPLATES = ("{}", "a {} over HTTP", "an HTTP request that carries a {}", "exploits a vulnerability by a {}")
ALIGNMENT_SPACE: Space = {
    "temperature": Float(0.03, 0.3, default=0.07, log=True),
    "learned": Categorical((False, True), default=False),
    "stage_one": Categorical(("triplet", "contrast", "none"), default="triplet"),
    "objective": Categorical(("infonce", "sigmoid", "squared"), default="infonce"),
    "positives": Categorical(("class", "cve"), default="class"),
    "inference": Categorical(("centroids", "anchors", "nearest"), default="centroids"),
}


class TextStrategy(Strategy):
    """Trains in two stages: first the text encoder on descriptions, then the payload tower against its embeddings.

    In stage two the text encoder is frozen, unless ``trains_text`` is set. Vectors of another width than the text
    encoder's are projected to it.

    Attributes:
        text_encoder: a Hugging Face id or a folder; stage one trains its top layer.
        templates: prompts; a class anchor's embedding is the mean over all of them.
        trains_text: whether stage two also trains the text tower, at a tenth of the learning rate.
    """

    needs = frozenset(("loss",))
    text_encoder: str = DEFAULT_ENCODER
    templates: tuple[str, ...] = TEMPLATES
    trains_text: bool = False

    def check(self) -> None:
        """Checks that the files of the text encoder are present."""
        from ..neural.encoders import folder

        folder(self.text_encoder)

    def fit(
        self,
        learner: Learner,
        train: TrainingData,
        validation: TrainingData,
        params: Params,
        context: Context,
        training: Training = PLAIN_TRAINING,
    ) -> Predictor:
        """See `Strategy.fit`; ``training`` is what another strategy changes in stage two."""
        return self.align(learner, train, validation, params, context, training)

    def align(
        self,
        learner: Learner,
        train: TrainingData,
        validation: TrainingData,
        params: Params,
        context: Context,
        training: Training,
    ) -> "TorchPredictor":
        """Trains both stages once; arguments as `fit`."""
        train = self.pairs(train)
        side = self.side(train, params, context)
        classes = len(context.classes)

        def head(width: int, _: int, length: float) -> "Head":
            return self.head(width, classes, length, side, train, params)

        predictor = learner.fit(train, validation, params, context, replace(training, head=head))
        return cast("TorchPredictor", predictor)

    def pairs(self, train: TrainingData) -> TrainingData:
        """Returns the rows that both stages are trained on; by default those with a class."""
        return train

    def side(self, train: TrainingData, params: Params, context: Context) -> "TextSide":
        """Returns the targets of stage two: the embeddings of descriptions and class anchors after stage one."""
        from ..neural.stage_one import text_side

        stage, inference = params["stage_one"], params["inference"]
        return text_side(train, context, stage, self.text_encoder, self.templates, inference, self.trains_text)

    @abstractmethod
    def head(
        self, width: int, classes: int, length: float, side: "TextSide", train: TrainingData, params: Params
    ) -> "Head":
        """Returns the head of stage two for vectors of a width.

        Args:
            width, classes, length: see `Training.head`.
            side: the texts.
            train: the training rows.
            params: the configuration.
        """


class AlignmentStrategy(TextStrategy):
    """Aligns payloads with texts, and predicts the class of the nearest one.

    It can predict classes without training rows; their scores are then calibrated in a first training.
    """

    space = ALIGNMENT_SPACE

    def fit(
        self,
        learner: Learner,
        train: TrainingData,
        validation: TrainingData,
        params: Params,
        context: Context,
        training: Training = PLAIN_TRAINING,
    ) -> Predictor:
        """See `TextStrategy.fit`; if some classes have no training row, trains twice, to calibrate their scores."""
        from ..neural import unseen

        if len(unseen.training_classes(train, context)) == len(context.classes):
            return self.align(learner, train, validation, params, context, training)

        def fit(train: TrainingData, validation: TrainingData) -> "TorchPredictor":
            return self.align(learner, train, validation, params, context, training)

        return unseen.fit_calibrated(fit, train, validation, context)

    def pairs(self, train: TrainingData) -> TrainingData:
        """See `TextStrategy.pairs`; payloads without a class are aligned with their descriptions too."""
        return with_unlabelled(train)

    def head(
        self, width: int, classes: int, length: float, side: "TextSide", train: TrainingData, params: Params
    ) -> "Head":
        """See `TextStrategy.head`."""
        from ..neural.heads import AlignmentHead
        from ..neural.scorers import Prototypes

        scorer = Prototypes(width, side.width, len(side.prototypes()[0]), classes, projected=width != side.width)
        return AlignmentHead(scorer, side, self.alignment(params), self.negatives(train))

    def alignment(self, params: Params) -> "Alignment":
        """Returns the objective of stage two."""
        from ..neural.heads import Alignment

        return Alignment(params["objective"], params["temperature"], params["learned"], params["positives"] == "class")

    def negatives(self, train: TrainingData) -> Any:
        """Returns each training row's hard negative, an int64 tensor (rows,), or None if the method uses none."""
        return None
