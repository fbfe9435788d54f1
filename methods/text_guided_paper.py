"""A fixed reading of arXiv 2603.20181: triplet, squared distance, generic anchors; only its optimiser is tuned."""

from typing import TYPE_CHECKING

from harness import Context, Params, TrainingData, register_method

from .base.encoder import REQUIRES, SHARED, TOWER_SPACE
from .base.text import TextMethod

if TYPE_CHECKING:
    from .neural.heads import Alignment
    from .neural.text_side import TextSide


@register_method(
    "text-guided-paper",
    version=4,
    tags=("text",),
    summary="the paper as it stands: triplet on text, squared distance to the CVE's text, nearest generic anchor",
    reference="arXiv 2603.20181",
    requires=REQUIRES,
    shared=SHARED,
    contrasts=("transformer",),
)
class TextGuidedPaper(TextMethod):
    """Losses and inference are the paper's; the search covers learning rate, weight decay and dropout."""

    space = TOWER_SPACE
    templates = ("{}",)

    def side(self, train: TrainingData, params: Params, context: Context) -> "TextSide":
        """See `TextMethod.side`."""
        return super().side(train, {**params, "stage_one": "triplet", "inference": "anchors"}, context)

    def alignment(self, params: Params) -> "Alignment":
        """See `TextMethod.alignment`."""
        from .neural.heads import Alignment

        return Alignment("squared")
