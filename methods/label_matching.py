"""label-matching: the class whose name is nearest to the payload in a pretrained text encoder, without any training."""

from typing import TYPE_CHECKING

from harness import Context, Params, Predictor, TrainingData, register_method

from .base.encoder import DEFAULT_ENCODER, REQUIRES, TorchMethod
from .base.inputs import DEFAULT_INPUT
from .base.text import TEMPLATES

if TYPE_CHECKING:
    from .neural.towers import Tower


@register_method(
    "label-matching",
    version=1,
    kind="fixed",
    summary="MiniLM without training: the class whose name in prompts is nearest to the payload's text",
    reference="Radford et al. 2021, arXiv 2103.00020, section 3.1; Reimers and Gurevych 2019, arXiv 1908.10084",
    requires=REQUIRES,
)
class LabelMatching(TorchMethod):
    """What the text encoder knows of payloads before it has seen one: the floor of methods that build on it."""

    def check(self) -> None:
        """Checks that the encoder's files are present."""
        from .neural.encoders import folder

        folder(DEFAULT_ENCODER)

    def tower(self, params: Params) -> "Tower":
        """See `TorchMethod.tower`."""
        from .neural.towers import EncoderTop

        return EncoderTop(0.0, DEFAULT_ENCODER, input=params.get("input", DEFAULT_INPUT))

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Embeds the names of the classes; uses neither training nor validation rows."""
        import torch

        from .neural.heads import DISTANCE_SCALE
        from .neural.scorers import Prototypes
        from .neural.text_side import embed, mean_of_prompts, prompts_of
        from .neural.towers import EncoderTop
        from .neural.training import TorchPredictor

        tower = EncoderTop(0.0, DEFAULT_ENCODER, input=DEFAULT_INPUT).to(context.device).eval()
        prompts = prompts_of([threat.anchor for threat in context.classes], TEMPLATES)
        anchors = mean_of_prompts(torch.from_numpy(embed(tower, tower.read_texts(prompts, context))), len(TEMPLATES))
        classes = len(anchors)
        scorer = Prototypes(tower.width, tower.width, classes, classes, projected=False)
        scorer.set(anchors, torch.arange(classes))
        scorer.scale.fill_(DISTANCE_SCALE)
        return TorchPredictor(tower, scorer.to(context.device), context)
