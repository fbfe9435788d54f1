"""text-guided-paper: our reading of arXiv 2603.20181, with triplet loss, squared distance and generic anchors."""

from typing import TYPE_CHECKING

from harness import Context, Params, TrainingData, register_method

from .base.encoder import REQUIRES, SHARED_STEP, TOWER_SPACE
from .base.text import TextMethod

if TYPE_CHECKING:
    from .neural.heads import Alignment
    from .neural.text_side import TextSide


@register_method(
    "text-guided-paper",
    version=5,
    tags=("text",),
    summary="as in the paper: triplet loss on text, squared distance to the CVE's text, nearest generic anchor",
    reference="arXiv 2603.20181",
    requires=REQUIRES,
    shared=SHARED_STEP,
    contrasts=("transformer",),
)
class TextGuidedPaper(TextMethod):
    """Losses and inference are the paper's; only learning rate, weight decay and dropout are searched."""

    space = TOWER_SPACE
    templates = ("{}",)

    def side(self, train: TrainingData, params: Params, context: Context) -> "TextSide":
        """See `TextMethod.side`."""
        return super().side(train, {**params, "stage_one": "triplet", "inference": "anchors"}, context)

    def alignment(self, params: Params) -> "Alignment":
        """See `TextMethod.alignment`."""
        from .neural.heads import Alignment

        return Alignment("squared")
