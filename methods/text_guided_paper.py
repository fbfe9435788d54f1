"""text-guided-paper: our reading of arXiv 2603.20181, with triplet loss, squared distance and generic anchors."""

from typing import TYPE_CHECKING

from harness import Context, PairedMethod, Params, TrainingData, register_method

from .base.encoder import REQUIRES
from .base.text import AlignmentStrategy
from .learners.encoder import TRAINED_LAYERS, TWO_LAYERS, FineTunedEncoder

if TYPE_CHECKING:
    from .neural.heads import Alignment
    from .neural.text_side import TextSide


class PaperAlignment(AlignmentStrategy):
    """Losses and inference are the paper's, so that there is nothing to search."""

    space = {}
    templates = ("{}",)

    def side(self, train: TrainingData, params: Params, context: Context) -> "TextSide":
        """See `TextStrategy.side`."""
        return super().side(train, {**params, "stage_one": "triplet", "inference": "anchors"}, context)

    def alignment(self, params: Params) -> "Alignment":
        """See `AlignmentStrategy.alignment`."""
        from .neural.heads import Alignment

        return Alignment("squared")


@register_method(
    "text-guided-paper",
    version=7,
    kind="heavy",
    tags=("text",),
    summary="as in the paper: triplet loss on text, squared distance to the CVE's text, nearest generic anchor",
    reference="arXiv 2603.20181",
    requires=REQUIRES,
    shared=TWO_LAYERS,
    contrasts=("transformer",),
)
class TextGuidedPaper(PairedMethod):
    """No strategy, since the paper's payload tower is a fine-tuned encoder; here two layers of MiniLM are trained.

    A network beside the frozen encoder, as `transformer` has it, does not learn from this loss.
    """

    space = FineTunedEncoder.space

    def __init__(self) -> None:
        learner = FineTunedEncoder()
        learner.trained = TRAINED_LAYERS
        super().__init__(PaperAlignment(), learner)
