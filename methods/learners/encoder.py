"""encoder: a pretrained text encoder adapted to payload text; its plain form is the method ``transformer``."""

from harness import register_learner

from ..base.encoder import (
    BATCH,
    FINE_TUNING_EPOCHS,
    FINE_TUNING_SPACE,
    REQUIRES,
    SHARED_STEP,
    SIDE_EPOCHS,
    SIDE_SPACE,
    VECTOR_LENGTH,
    EncoderTower,
)
from ..base.torch_learner import TorchLearner


@register_learner(
    "encoder",
    plain="transformer",
    version=6,
    summary="a narrow network beside frozen MiniLM on payload text, trained by cross-entropy",
    reference="Sung et al. 2022, arXiv 2206.06522; Wang et al. 2020, arXiv 2002.10957",
    requires=REQUIRES,
    shared=SHARED_STEP,
    main=(
        "carrier-mix",
        "header-mix",
        "text-guided",
        "control-class-names",
        "control-masked-descriptions",
        "control-more-passes",
        "control-payload-contrast",
        "control-permuted-descriptions",
        "control-random-vectors",
        "control-shared-head",
    ),
)
class EncoderLearner(EncoderTower, TorchLearner):
    """The payload tower of the text-guided methods, without text."""

    epochs = SIDE_EPOCHS
    batch = BATCH
    vector_length = VECTOR_LENGTH
    space = SIDE_SPACE


TRAINED_LAYERS = 2  # of MiniLM's six, in the methods that fine-tune it; the layers below are a frozen trunk
TWO_LAYERS = "minilm-trunk, two layers trained"  # name of the shared step of these methods


class FineTunedEncoder(EncoderLearner):
    """The same with trained upper layers, or a whole trained encoder, in place of the network beside it."""

    epochs = FINE_TUNING_EPOCHS
    batch = 12  # with 16, a batch as long as a payload may be needs more than 256 MB
    space = FINE_TUNING_SPACE
