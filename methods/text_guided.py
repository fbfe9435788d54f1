"""The two-stage text-guided contrastive model: descriptions of vulnerabilities guide a payload classifier."""

from harness import Categorical, Context, Float, Params, Predictor, TrainingData, register_method
from methods.minilm_method import BATCH, EPOCHS, REQUIRES, SHARED, MiniLMMethod


@register_method(
    "text-guided",
    version=1,
    tags=("text",),
    summary="payloads aligned to CVE descriptions by multi-positive InfoNCE; class centroids of text decide",
    reference="arXiv 2603.20181, with the objective of Khosla et al. 2020, arXiv 2004.11362",
    requires=REQUIRES,
    shared=SHARED,
    contrasts=("transformer", "control-random-vectors", "control-permuted-descriptions", "control-shared-head"),
)
class TextGuided(MiniLMMethod):
    """Stage one sharpens the text encoder on descriptions, stage two aligns the payload tower to it, frozen."""

    space = {
        "learning_rate": Float(2e-4, 3e-3, default=1e-3, log=True),
        "weight_decay": Float(1e-3, 1e-1, default=1e-2, log=True),
        "dropout": Float(0.0, 0.3, default=0.1),
        "temperature": Float(0.03, 0.3, default=0.07, log=True),
        "stage_one": Categorical(("triplet", "none"), default="triplet"),
        "positives": Categorical(("class", "cve"), default="class"),
        "inference": Categorical(("centroids", "anchors"), default="centroids"),
    }

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Trains for at most 5 epochs."""
        from methods.neural.alignment import text_side
        from methods.neural.losses import InfoNCEHead
        from methods.neural.payload_tower import fit_payload_tower
        from methods.neural.towers import MiniLMTop
        from methods.neural.training import Settings, seed_everything

        side = text_side(train, context, sharpen=params["stage_one"] == "triplet")
        prototypes = side.centroids() if params["inference"] == "centroids" else side.anchors
        seed_everything(context)
        head = InfoNCEHead(
            params["temperature"], params["positives"] == "class", side.texts, side.labels, side.of_row, prototypes
        )
        settings = Settings(params["learning_rate"], EPOCHS, BATCH, weight_decay=params["weight_decay"])
        return fit_payload_tower(MiniLMTop(params["dropout"]), head, train, validation, settings, context)
