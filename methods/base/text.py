"""Base class of the text-guided methods and their controls."""

from typing import TYPE_CHECKING, Any

from harness import Categorical, Context, Float, Params, Predictor, Space, TrainingData

from .encoder import BATCH, EPOCHS, TOWER_SPACE, EncoderMethod

if TYPE_CHECKING:
    from ..neural.heads import Alignment
    from ..neural.text_side import TextSide
    from ..neural.training import TorchPredictor

TEMPLATES = ("{}", "a {} over HTTP", "an HTTP request that carries a {}", "exploits a vulnerability by a {}")
ALIGNMENT_SPACE: Space = {
    **TOWER_SPACE,
    "temperature": Float(0.03, 0.3, default=0.07, log=True),
    "learned": Categorical((False, True), default=False),
    "projected": Categorical((False, True), default=False),
    "stage_one": Categorical(("triplet", "contrast", "none"), default="triplet"),
    "objective": Categorical(("infonce", "sigmoid", "squared"), default="infonce"),
    "positives": Categorical(("class", "cve"), default="class"),
    "inference": Categorical(("centroids", "anchors", "nearest"), default="centroids"),
}


class TextMethod(EncoderMethod):
    """Trains in two stages: first the text encoder on descriptions, then the payload tower against its embeddings.

    In stage two the text encoder is frozen, unless ``trains_text`` is set.

    Attributes:
        text_encoder: a Hugging Face id or a folder; stage one trains its top layer.
        templates: prompts; a class anchor's embedding is the mean over all of them.
        trains_text: whether stage two also trains the text tower, at a tenth of the learning rate.
    """

    text_encoder: str = EncoderMethod.encoder
    templates: tuple[str, ...] = TEMPLATES
    trains_text: bool = False

    def check(self) -> None:
        """Checks that the files of both encoders are present."""
        from ..neural.encoders import folder

        super().check()
        folder(self.text_encoder)

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Trains for at most 5 epochs; twice if some classes have no training row, to calibrate their scores first."""
        from ..neural import unseen

        if len(unseen.training_classes(train, context)) == len(context.classes):
            return self.align(train, validation, params, context)

        def fit(train: TrainingData, validation: TrainingData) -> "TorchPredictor":
            return self.align(train, validation, params, context)

        return unseen.fit_calibrated(fit, train, validation, context)

    def align(
        self, train: TrainingData, validation: TrainingData, params: Params, context: Context
    ) -> "TorchPredictor":
        """Trains both stages once."""
        from ..neural.heads import AlignmentHead
        from ..neural.scorers import Prototypes
        from ..neural.training import Settings, fit_classifier, seed_everything

        side = self.side(train, params, context)
        seed_everything(context)
        tower = self.tower(params)
        count = len(side.prototypes()[0])
        projected = bool(params.get("projected")) or tower.width != side.width
        scorer = Prototypes(tower.width, side.width, count, len(context.classes), projected)
        head = AlignmentHead(scorer, side, self.alignment(params), self.negatives(train))
        settings = Settings(params["learning_rate"], EPOCHS, BATCH, weight_decay=params["weight_decay"])
        return fit_classifier(tower, head, train, validation, settings, context)

    def side(self, train: TrainingData, params: Params, context: Context) -> "TextSide":
        """Returns the targets of stage two: the embeddings of descriptions and class anchors after stage one."""
        from ..neural.stage_one import text_side

        stage, inference = params["stage_one"], params["inference"]
        return text_side(train, context, stage, self.text_encoder, self.templates, inference, self.trains_text)

    def alignment(self, params: Params) -> "Alignment":
        """Returns the objective of stage two."""
        from ..neural.heads import Alignment

        return Alignment(params["objective"], params["temperature"], params["learned"], params["positives"] == "class")

    def negatives(self, train: TrainingData) -> Any:
        """Returns each training row's hard negative, an int64 tensor (rows,), or None if the method uses none."""
        return None
