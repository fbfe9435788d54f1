"""transformer: a pretrained encoder fine-tuned on payload text by cross-entropy, without descriptions."""

from harness import Context, Params, Predictor, TrainingData, register_method

from .base.encoder import BATCH, EPOCHS, REQUIRES, SHARED_STEP, TOWER_SPACE, EncoderMethod


@register_method(
    "transformer",
    version=3,
    summary="MiniLM on payload text, top layers fine-tuned by cross-entropy",
    reference="Wang et al. 2020, arXiv 2002.10957; Reimers and Gurevych 2019, arXiv 1908.10084",
    requires=REQUIRES,
    shared=SHARED_STEP,
)
class Transformer(EncoderMethod):
    """The payload tower of the text-guided methods, without text."""

    space = TOWER_SPACE

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Trains for at most 5 epochs."""
        from .neural.heads import VECTOR_LENGTH, CrossEntropyHead
        from .neural.training import Settings, fit_classifier, seed_everything

        seed_everything(context)
        tower = self.tower(params)
        head = CrossEntropyHead(tower.width, len(context.classes), VECTOR_LENGTH)
        settings = Settings(params["learning_rate"], EPOCHS, BATCH, weight_decay=params["weight_decay"])
        return fit_classifier(tower, head, train, validation, settings, context)
