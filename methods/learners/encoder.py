"""encoder: a pretrained text encoder fine-tuned on payload text; its plain form is the method ``transformer``."""

from harness import register_learner

from ..base.encoder import BATCH, EPOCHS, REQUIRES, SHARED_STEP, TOWER_SPACE, VECTOR_LENGTH, EncoderTower
from ..base.torch_learner import TorchLearner


@register_learner(
    "encoder",
    plain="transformer",
    version=5,
    summary="MiniLM on payload text, top layers fine-tuned by cross-entropy",
    reference="Wang et al. 2020, arXiv 2002.10957; Reimers and Gurevych 2019, arXiv 1908.10084",
    requires=REQUIRES,
    shared=SHARED_STEP,
    main=(
        "carrier-mix",
        "header-mix",
        "text-guided",
        "control-class-names",
        "control-more-passes",
        "control-payload-contrast",
        "control-permuted-descriptions",
        "control-random-vectors",
        "control-shared-head",
    ),
)
class EncoderLearner(EncoderTower, TorchLearner):
    """The payload tower of the text-guided methods, without text."""

    epochs = EPOCHS
    batch = BATCH
    vector_length = VECTOR_LENGTH
    space = TOWER_SPACE
