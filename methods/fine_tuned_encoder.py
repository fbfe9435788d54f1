"""control-fine-tuning: two fine-tuned layers of MiniLM, the payload tower of text-guided-paper, without text."""

from harness import PairedMethod, Plain, register_method

from .base.encoder import REQUIRES
from .learners.encoder import TRAINED_LAYERS, TWO_LAYERS, FineTunedEncoder


@register_method(
    "control-fine-tuning",
    version=2,
    kind="control",
    summary="MiniLM on payload text, its two top layers fine-tuned by cross-entropy",
    reference="Wang et al. 2020, arXiv 2002.10957; Reimers and Gurevych 2019, arXiv 1908.10084",
    requires=REQUIRES,
    shared=TWO_LAYERS,
)
class FineTuning(PairedMethod):
    """Tests whether `text-guided-paper` gains by its texts, and shows what the network of `transformer` is worth."""

    space = FineTunedEncoder.space

    def __init__(self) -> None:
        learner = FineTunedEncoder()
        learner.trained = TRAINED_LAYERS
        super().__init__(Plain(), learner)
