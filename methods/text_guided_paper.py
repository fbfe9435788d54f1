"""A fixed reading of arXiv 2603.20181: triplet, squared distance, generic anchors; only its optimiser is tuned."""

from harness import Context, Float, Params, Predictor, TrainingData, register_method
from methods.minilm_method import BATCH, EPOCHS, REQUIRES, SHARED, MiniLMMethod


@register_method(
    "text-guided-paper",
    version=1,
    tags=("text",),
    summary="the paper as it stands: triplet on text, squared distance to the CVE's text, nearest generic anchor",
    reference="arXiv 2603.20181",
    requires=REQUIRES,
    shared=SHARED,
)
class TextGuidedPaper(MiniLMMethod):
    """Losses and inference are the paper's; the search covers learning rate, weight decay and dropout."""

    space = {
        "learning_rate": Float(2e-4, 3e-3, default=1e-3, log=True),
        "weight_decay": Float(1e-3, 1e-1, default=1e-2, log=True),
        "dropout": Float(0.0, 0.3, default=0.1),
    }

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Trains for at most 5 epochs."""
        from methods.neural.alignment import text_side
        from methods.neural.losses import SquaredDistanceHead
        from methods.neural.payload_tower import fit_payload_tower
        from methods.neural.towers import MiniLMTop
        from methods.neural.training import Settings, seed_everything

        side = text_side(train, context, sharpen=True)
        seed_everything(context)
        head = SquaredDistanceHead(side.texts, side.labels, side.of_row, side.anchors)
        settings = Settings(params["learning_rate"], EPOCHS, BATCH, weight_decay=params["weight_decay"])
        return fit_payload_tower(MiniLMTop(params["dropout"]), head, train, validation, settings, context)
