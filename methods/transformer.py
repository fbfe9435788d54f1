"""The supervised transformer: a pretrained encoder fine-tuned on payload text by cross-entropy."""

from harness import Context, Float, Params, Predictor, TrainingData, register_method
from methods.minilm_method import BATCH, EPOCHS, REQUIRES, SHARED, MiniLMMethod


@register_method(
    "transformer",
    version=1,
    summary="MiniLM on payload text, top layer fine-tuned by cross-entropy",
    reference="Wang et al. 2020, arXiv 2002.10957; Reimers and Gurevych 2019, arXiv 1908.10084",
    requires=REQUIRES,
    shared=SHARED,
)
class Transformer(MiniLMMethod):
    """The payload tower of the text-guided methods, without text."""

    space = {
        "learning_rate": Float(2e-4, 3e-3, default=1e-3, log=True),
        "weight_decay": Float(1e-3, 1e-1, default=1e-2, log=True),
        "dropout": Float(0.0, 0.3, default=0.1),
    }

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Trains for at most 5 epochs."""
        from methods.neural.losses import CrossEntropyHead
        from methods.neural.payload_tower import fit_payload_tower
        from methods.neural.towers import MiniLMTop
        from methods.neural.training import Settings, seed_everything

        seed_everything(context)
        tower = MiniLMTop(params["dropout"])
        head = CrossEntropyHead(tower.width, len(context.classes))
        settings = Settings(params["learning_rate"], EPOCHS, BATCH, weight_decay=params["weight_decay"])
        return fit_payload_tower(tower, head, train, validation, settings, context)
